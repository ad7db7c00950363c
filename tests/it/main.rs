//! The integration tests: one binary, because each links the SDK.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected panics")]

mod bad;
mod definition;
mod house;
mod lint;
mod project;
mod schema;
mod synth;
mod tools;
