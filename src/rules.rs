//! Decisions that a construct and `lint` take alike: bounds, cron, durations, compatibility.

pub mod addresses;
pub mod alarms;
pub mod caching;
pub mod cron;
pub mod datasets;
pub mod distribution;
pub mod failures;
pub mod images;
pub mod json_path;
pub mod json_text;
pub mod limits;
pub mod local_path;
pub mod log_metrics;
pub mod logs;
pub mod monitor_schedule;
pub mod names;
pub mod pipelines;
pub mod rollout;
pub mod scaling;
pub mod serving;
pub mod stack_states;
pub mod transform;
pub mod tuning;
pub mod units;
pub mod waits;
pub mod wildcards;
