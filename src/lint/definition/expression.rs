//! What a value is: literal, an expression of Pipelines, or something that only a deployment knows.

use serde_json::{Map, Value};

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Class<'d> {
    /// A value that stands as it is.
    Literal(&'d Value),
    /// `{"Get": path}`; the path may be anything.
    Get(&'d Value),
    /// `{"Std:Join": …}`.
    Join(&'d Value),
    /// `{"Std:JsonGet": …}`.
    JsonGet(&'d Value),
    /// What CloudFormation or a function that is new fills in.
    Unknown,
}

/// The functions of Pipelines.
pub(super) const FUNCTIONS: [&str; 3] = ["Get", "Std:Join", "Std:JsonGet"];

/// What a value is.
pub(super) fn classify(value: &Value) -> Class<'_> {
    match value {
        Value::String(text) if has_placeholder(text) => Class::Unknown,
        Value::Object(members) => match only(members) {
            Some(("Get", path)) => Class::Get(path),
            Some(("Std:Join", join)) => Class::Join(join),
            Some(("Std:JsonGet", get)) => Class::JsonGet(get),
            Some((key, _)) if key == "Ref" || key.starts_with("Fn::") || key.starts_with("Std:") => {
                Class::Unknown
            }
            _ => Class::Literal(value),
        },
        _ => Class::Literal(value),
    }
}

/// Text that stands as it is.
pub(super) fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !has_placeholder(text))
}

/// A whole number that stands as it is.
pub(super) fn whole(value: &Value) -> Option<i64> {
    value.as_i64()
}

/// Whether the value is there and not known to be false.
pub(super) fn on(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
}

/// Whether CloudFormation, or a shell, puts something else in place of a part of the text.
pub(super) fn has_placeholder(text: &str) -> bool {
    text.contains("${") || text.contains("{{resolve:")
}

fn only(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut all = members.iter();
    match (all.next(), all.next()) {
        (Some((key, value)), None) => Some((key.as_str(), value)),
        _ => None,
    }
}
