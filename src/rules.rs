//! Decisions that a construct and `lint` take alike: bounds, cron, durations, compatibility.

pub mod cron;
pub mod units;
