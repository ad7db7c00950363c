//! The pipeline: what starts it.

pub mod triggers;
