//! Rules over rendered documents, ours or anyone's.

pub mod definition;
