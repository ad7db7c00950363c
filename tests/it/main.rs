//! The integration tests: one binary, because each links the SDK.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected panics")]

mod arrives;
mod bad;
mod browser;
mod ci;
#[cfg(feature = "aws")]
mod cloud;
#[cfg(feature = "aws")]
mod connecting;
#[cfg(feature = "aws")]
mod data;
mod definition;
mod definitions;
mod diff;
#[cfg(feature = "aws")]
mod diff_cloud;
#[cfg(feature = "aws")]
mod diff_deployed;
mod diff_gate;
mod diff_inputs;
mod diff_stacks;
#[cfg(feature = "aws")]
mod drift;
#[cfg(feature = "aws")]
mod e2e;
mod explain;
mod facts;
#[cfg(feature = "aws")]
mod faults;
mod formats;
mod here;
mod house;
mod init;
#[cfg(feature = "aws")]
mod kept;
#[cfg(feature = "aws")]
mod kill;
mod kinds;
mod limits;
mod lint;
#[cfg(feature = "aws")]
mod local;
mod mutate;
mod named;
#[cfg(feature = "aws")]
mod phases;
#[cfg(feature = "aws")]
mod planned;
mod planted;
#[cfg(feature = "aws")]
mod preflight;
mod project;
#[cfg(feature = "aws")]
mod proxy;
mod readme;
mod schema;
#[cfg(feature = "aws")]
mod secrets;
#[cfg(feature = "aws")]
mod settings;
#[cfg(feature = "aws")]
mod several;
mod synth;
mod template_mutations;
mod templates;
mod tools;
#[cfg(feature = "aws")]
mod unchanged;
#[cfg(feature = "aws")]
mod waiting;
mod workload;
