//! What a value must look like, and every way in which one does not; the only home of jsonschema.
//!
//! Typed decoding stops at its first error, so it is only asked whether there is one. If there is, the JSON
//! Schema of the same type is generated and all errors come from it.

mod explain;
mod overrides;
mod trail;
mod union;
mod words;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use crate::diag::{Code, Issue, Pointer};

pub use explain::explain;
pub use overrides::with_overrides;

/// Pattern of text whose `${…}` are each closed and say something; `$${` is a literal `${`. What does not follow it
/// is explained as a bad expression.
pub const EXPRESSIONS: &str = r"^(?:[^$]|\$+[^${]|\$\$+\{|\$\{\s*[^}\s][^}]*\})*\$*$";

/// Decodes a value into its type. `schema` is the JSON Schema of that type; it is asked for only when the
/// decoding fails.
///
/// # Errors
/// Everything that the schema refuses; if it refuses nothing, what the type's own decoding said.
pub fn decode<T: DeserializeOwned>(value: &Value, schema: impl FnOnce() -> Value) -> Result<T, Vec<Issue>> {
    let error = match serde_path_to_error::deserialize(value) {
        Ok(decoded) => return Ok(decoded),
        Err(error) => error,
    };
    let issues = explain(&schema(), value);
    if !issues.is_empty() {
        return Err(issues);
    }
    let mut pointer = Pointer::root();
    for segment in error.path() {
        pointer = match segment {
            Segment::Seq { index } => pointer.index(*index),
            Segment::Map { key } => pointer.key(key),
            // A variant is a key where it has content, and the value itself where it has none.
            Segment::Enum { variant } => {
                let inner = pointer.key(variant);
                if value.pointer(inner.as_str()).is_some() { inner } else { pointer }
            }
            Segment::Unknown => break,
        };
    }
    Err(vec![Issue::new(Code::WrongForm, pointer, error.inner().to_string())])
}

#[cfg(test)]
mod tests;
