//! What a value must look like, and every way in which one does not; the only home of jsonschema.
//!
//! Typed decoding stops at its first error, so it is only asked whether there is one. If there is, the JSON
//! Schema of the same type is generated and all errors come from it.

mod explain;
mod overrides;
mod strict;
mod trail;
mod union;
mod words;

use std::sync::LazyLock;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use crate::diag::{Code, Issue, Pointer};

pub use explain::explain;
pub use overrides::with_overrides;

/// Pattern of text whose `${…}` are each closed and say something; `$${` is a literal `${`. What does not follow it
/// is explained as a bad expression.
pub const EXPRESSIONS: &str = r"^(?:[^$]|\$+[^${]|\$\$+\{|\$\{\s*[^}\s][^}]*\})*\$*$";

/// A JSON Schema, ready to be asked.
#[derive(Debug)]
pub struct Schema {
    value: Value,
    /// Nothing when the schema is none; it explains nothing then.
    validator: Option<jsonschema::Validator>,
}

impl From<Value> for Schema {
    fn from(value: Value) -> Schema {
        let validator = jsonschema::draft202012::options().build(&value).ok();
        Schema { value, validator }
    }
}

/// Decodes a value into its type. `schema` is the JSON Schema of that type; it is made only when a decoding fails.
///
/// # Errors
/// Everything that the schema refuses; if it refuses nothing, what the type's own decoding said.
pub fn decode<T: DeserializeOwned>(value: &Value, schema: &LazyLock<Schema>) -> Result<T, Vec<Issue>> {
    // Keeping track of the path costs as much again, so only what fails is decoded with it.
    if let Ok(decoded) = T::deserialize(strict::Strict(value)) {
        return Ok(decoded);
    }
    let error = match serde_path_to_error::deserialize(strict::Strict(value)) {
        Ok(decoded) => return Ok(decoded),
        Err(error) => error,
    };
    let issues = explain(schema, value);
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
