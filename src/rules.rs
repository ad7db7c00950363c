//! Decisions that a construct and `lint` take alike: bounds, cron, durations, compatibility.

pub mod cron;
pub mod metrics;
pub mod monitor_schedule;
pub mod names;
pub mod units;
