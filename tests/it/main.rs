//! The integration tests: one binary, because each links the SDK.

mod house;
