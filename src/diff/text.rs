//! What functions of CloudFormation and of definitions say, as text, and JSON that is written as text.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// The function that an object is, with its argument: `Ref`, `Fn::Sub`, `Get`, `Std:Join`, …
pub(super) fn function(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = object.iter().next()?;
    let known = name == "Ref" || name.starts_with("Fn::") || name == "Get" || name.starts_with("Std:");
    (object.len() == 1 && known).then_some((name, argument))
}

/// The function that a value is, with its argument.
pub(super) fn function_of(value: &Value) -> Option<(&str, &Value)> {
    value.as_object().and_then(function)
}

/// A value as text, with `${Id}` and `${Id.Attribute}` for what CloudFormation fills in: two ways to write the
/// same have one text. None for lists and objects that are no function.
pub(super) fn shown(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(_) | Value::Bool(_) => Some(Cow::Owned(value.to_string())),
        Value::Object(object) => {
            let (name, argument) = function(object)?;
            Some(Cow::Owned(call(name, argument)))
        }
        _ => None,
    }
}

fn call(name: &str, argument: &Value) -> String {
    let known = match name {
        "Ref" => argument.as_str().map(|id| format!("${{{id}}}")),
        "Fn::GetAtt" => attribute(argument).map(|(id, attribute)| format!("${{{id}.{attribute}}}")),
        "Fn::Sub" => substituted(argument),
        "Fn::Join" => joined(argument),
        _ => None,
    };
    // Without quotes, so that it may stand within JSON.
    known.unwrap_or_else(|| format!("${{{name} {}}}", argument.to_string().replace(['"', '\\'], "'")))
}

/// The logical id and the attribute of `Fn::GetAtt`, in either form.
pub(super) fn attribute(argument: &Value) -> Option<(&str, Cow<'_, str>)> {
    match argument {
        Value::String(text) => text.split_once('.').map(|(id, attribute)| (id, Cow::Borrowed(attribute))),
        Value::Array(items) => {
            let (id, rest) = items.split_first()?;
            let attributes = rest.iter().map(shown).collect::<Option<Vec<_>>>()?;
            Some((id.as_str()?, Cow::Owned(attributes.join("."))))
        }
        _ => None,
    }
}

fn substituted(argument: &Value) -> Option<String> {
    let (text, variables) = match argument {
        Value::String(text) => return Some(text.clone()),
        Value::Array(items) => (items.first()?.as_str()?, items.get(1)?.as_object()?),
        _ => return None,
    };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((name, tail)) = after.split_once('}') else {
            out.push_str("${");
            rest = after;
            continue;
        };
        match variables.get(name.trim()).and_then(shown) {
            Some(value) => out.push_str(&value),
            None => out.extend(["${", name, "}"]),
        }
        rest = tail;
    }
    out.push_str(rest);
    Some(out)
}

fn joined(argument: &Value) -> Option<String> {
    let delimiter = argument.get(0)?.as_str()?;
    let parts = argument.get(1)?.as_array()?;
    let parts = parts.iter().map(shown).collect::<Option<Vec<_>>>()?;
    Some(parts.join(delimiter))
}

/// Both as JSON, when at least one is JSON in text and the other is so, too, or is the JSON itself.
pub(super) fn json_of_both(old: &Value, new: &Value) -> Option<(Value, Value)> {
    let plain = |value: &Value| match value {
        Value::Object(object) => function(object).is_none(),
        Value::Array(_) => true,
        _ => false,
    };
    match (plain(old), plain(new)) {
        (true, true) => None,
        (true, false) => Some((old.clone(), json(new)?)),
        (false, true) => Some((json(old)?, new.clone())),
        (false, false) => Some((json(old)?, json(new)?)),
    }
}

/// The object or list that a text holds; the text may be put together by `Fn::Sub` or `Fn::Join`.
pub(super) fn json(value: &Value) -> Option<Value> {
    let text = shown(value)?;
    let start = text.trim_start();
    if !start.starts_with(['{', '[']) || start.starts_with("{{resolve:") {
        return None;
    }
    let parsed = serde_json::from_str(start).or_else(|_| serde_json::from_str(&quote_holes(start)));
    parsed.ok().filter(|value: &Value| value.is_object() || value.is_array())
}

/// `${X}` outside of a string becomes a string: it may stand for a number.
fn quote_holes(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let (mut inside, mut escaped) = (false, false);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if !inside
            && rest.starts_with("${")
            && let Some(end) = rest.find('}')
        {
            out.extend(["\"", &rest[..=end], "\""]);
            rest = &rest[end + 1..];
            continue;
        }
        inside ^= c == '"' && !escaped;
        escaped = inside && c == '\\' && !escaped;
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn two_ways_to_write_the_same_have_one_text() {
        let check = |value: Value, expected: &str| assert_eq!(shown(&value).as_deref(), Some(expected));
        check(json!({ "Fn::Sub": "arn:${AWS::Partition}:s3:::${B}/*" }), "arn:${AWS::Partition}:s3:::${B}/*");
        check(
            json!({ "Fn::Join": ["", ["arn:", { "Ref": "AWS::Partition" }, ":s3:::", { "Ref": "B" }, "/*"]] }),
            "arn:${AWS::Partition}:s3:::${B}/*",
        );
        check(json!({ "Fn::Sub": ["${a}/x", { "a": { "Fn::GetAtt": ["B", "Arn"] } }] }), "${B.Arn}/x");
        check(json!({ "Fn::GetAtt": "B.Arn" }), "${B.Arn}");
        check(json!({ "Fn::Select": [0, ["a"]] }), "${Fn::Select [0,['a']]}");
    }
}
