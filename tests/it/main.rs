//! The integration tests: one binary, because each links the SDK.

mod bad;
mod house;
mod lint;
mod project;
mod schema;
mod synth;
mod tools;
