//! A plan becomes events and an outcome.
