//! Source trees into content-addressed, reproducible archives.
