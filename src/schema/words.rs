//! How a value, a type and a place are called.

use serde_json::Value;

use crate::diag::Pointer;

/// A type of JSON Schema, as people call it.
pub(super) fn wanted(ty: &str) -> &'static str {
    match ty {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "array" => "a list",
        "object" => "a mapping",
        _ => "nothing",
    }
}

/// What a value is, as people call it.
pub(super) fn found(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(truth) => format!("`{truth}`"),
        Value::Number(_) => "a number".to_owned(),
        Value::String(text) if text.is_empty() => "empty text".to_owned(),
        Value::String(_) => "text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

/// Whether JSON Schema's type `ty` takes the value.
pub(super) fn is_a(value: &Value, ty: &str) -> bool {
    match ty {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => value.is_null(),
    }
}

/// A scalar without quotes, anything else as JSON, not longer than a line.
pub(super) fn plain(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if text.chars().count() <= 60 { text } else { text.chars().take(59).chain(['…']).collect() }
}

/// How the place is called: by its key, by its number in a list, or as the file.
pub(super) fn subject(root: &Value, pointer: &Pointer) -> String {
    if *pointer == Pointer::root() {
        return "the file".to_owned();
    }
    let parent = pointer.parent();
    let name = pointer.last();
    match (root.pointer(parent.as_str()), name.parse::<usize>()) {
        (Some(Value::Array(_)), Ok(index)) => match parent.last().as_str() {
            "" => format!("item {}", index + 1),
            whole => format!("item {} of `{whole}`", index + 1),
        },
        _ => format!("`{name}`"),
    }
}

/// A sentence as it stands after a colon.
pub(super) fn uncapitalised(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        // `ARN`, `A` alone and `S3` keep what they have; `Name` and `A name` do not.
        (Some(first), Some(second)) if first.is_uppercase() && (second.is_lowercase() || second == ' ') => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

/// Several ways to say what is wanted, as one.
pub(super) fn either(names: &[&str]) -> String {
    match names {
        [] => "something else".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
