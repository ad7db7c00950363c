//! CloudFormation's intrinsic functions in a value.

use std::ops::Range;

use serde_json::Value;

/// The function and its argument, if the value is a call: a mapping whose only key is `Ref` or `Fn::…`.
pub(super) fn call(value: &Value) -> Option<(&str, &Value)> {
    let members = value.as_object()?;
    let (name, argument) = members.iter().next()?;
    let function = name == "Ref" || name.starts_with("Fn::");
    (function && members.len() == 1).then_some((name, argument))
}

/// A part of the text of `Fn::Sub`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SubPart<'a> {
    /// Text as it stands.
    Text(&'a str),
    /// What stands between `${` and `}`.
    Variable(&'a str),
}

/// Takes the text of `Fn::Sub` apart; `${!x}` is the text `${x}`.
pub(super) fn sub_parts(text: &str) -> Vec<SubPart<'_>> {
    sub_places(text).into_iter().map(|(part, _)| part).collect()
}

/// The parts of the text of `Fn::Sub`, each with its place.
pub(super) fn sub_places(text: &str) -> Vec<(SubPart<'_>, Range<usize>)> {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find("${").map(|start| at + start) {
        let Some(end) = text[start..].find('}').map(|end| start + end) else { break };
        if start > at {
            parts.push((SubPart::Text(&text[at..start]), at..start));
        }
        let inside = start + 2..end;
        if text[inside.clone()].starts_with('!') {
            parts.push((SubPart::Text("${"), start..inside.start));
            parts.push((SubPart::Text(&text[inside.start + 1..=end]), inside.start + 1..end + 1));
        } else {
            parts.push((SubPart::Variable(text[inside].trim()), start..end + 1));
        }
        at = end + 1;
    }
    if at < text.len() {
        parts.push((SubPart::Text(&text[at..]), at..text.len()));
    }
    parts
}

/// Whether something can have that name in `Fn::Sub`; `&{…}` and `${…}` are of loops.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-sub.html>
pub(super) fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.:&{}$".contains(c))
}

/// The logical id and the attribute of `Fn::GetAtt`, where both are text.
pub(super) fn get_att(argument: &Value) -> Option<(&str, &str)> {
    match argument {
        Value::String(text) => text.split_once('.'),
        Value::Array(items) => match items.as_slice() {
            [Value::String(id), Value::String(attribute)] => Some((id, attribute)),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_substitution_is_taken_apart() {
        use SubPart::{Text, Variable};
        assert_eq!(
            sub_parts("a${B}c${!d}${ E.f }"),
            [Text("a"), Variable("B"), Text("c"), Text("${"), Text("d}"), Variable("E.f")]
        );
        assert_eq!(sub_parts("${open"), [Text("${open")]);
        assert_eq!(sub_parts("$${A}$"), [Text("$"), Variable("A"), Text("$")]);
    }
}
