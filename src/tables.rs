//! The fact tables, typed.
