//! The only home of jsonschema: the stack file's schema, and what it says is wrong.
use crate::diag::*;
use serde_json::Value;
/// t
pub fn with_overrides(root: Value) -> Value {
    root
}
/// t
pub fn decode<T: serde::de::DeserializeOwned>(
    value: &Value,
    _schema: impl FnOnce() -> Value,
) -> Result<T, Vec<Issue>> {
    serde_path_to_error::deserialize(value)
        .map_err(|e| vec![Issue::new(Code::WrongForm, Pointer::root(), e.to_string())])
}
