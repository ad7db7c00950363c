//! The forms of the grammar that no API describes: which keys a mapping has, what a value must be.

use serde_json::{Map, Value};

use super::Definition;
use super::expression::{Class, classify};
use super::reference::{self, Type};
use crate::diag::{Code, Issue, Pointer, Replacement, nearest, or_list};

/// The keys of a mapping.
pub(super) struct Keys<'k> {
    /// What the mapping is called: `a retry policy`.
    pub(super) what: &'k str,
    /// Those that must be there.
    pub(super) required: &'k [&'k str],
    /// Those that may be there as well.
    pub(super) optional: &'k [&'k str],
}

impl Keys<'_> {
    /// Refuses what is no mapping, keys that do not belong there, and missing ones.
    pub(super) fn check<'d>(
        &self,
        value: &'d Value,
        at: &Pointer,
        issues: &mut Vec<Issue>,
    ) -> Option<&'d Map<String, Value>> {
        if matches!(classify(value), Class::Unknown) {
            return None;
        }
        let Some(members) = value.as_object() else {
            issues.push(wrong_type(value, at, &format!("{} is a mapping", self.what)));
            return None;
        };
        for key in members.keys() {
            if !self.required.contains(&key.as_str()) && !self.optional.contains(&key.as_str()) {
                let known = self.required.iter().chain(self.optional).copied();
                issues.push(unknown_key(key, self.what, known, at));
            }
        }
        for key in self.required {
            if members.get(*key).is_none_or(Value::is_null) {
                issues.push(missing_key(key, self.what, at));
            }
        }
        Some(members)
    }
}

/// A key that does not belong there.
pub(super) fn unknown_key<'k>(
    key: &str,
    what: &str,
    known: impl IntoIterator<Item = &'k str> + Clone,
    at: &Pointer,
) -> Issue {
    let issue = Issue::new(Code::UnknownKey, at.key(key), format!("{what} has no `{key}`"))
        .on_key()
        .label("does not belong here");
    match nearest(key, known.clone()) {
        Some(near) => issue.fix(near, format!("did you mean `{near}`?")),
        None => issue.help(format!("it has {}", or_list(known).replace(" or ", " and "))),
    }
}

/// A key that must be there.
pub(super) fn missing_key(key: &str, what: &str, at: &Pointer) -> Issue {
    Issue::new(Code::MissingKey, at.clone(), format!("{what} has no `{key}`"))
        .label(format!("`{key}` is missing"))
        .help(format!("add `{key}`"))
}

/// A value of the wrong type; `rule` says what it is.
pub(super) fn wrong_type(value: &Value, at: &Pointer, rule: &str) -> Issue {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    };
    Issue::new(Code::WrongType, at.clone(), format!("{rule}, not {kind}"))
        .label(format!("this is {kind}"))
        .help(format!("give what it takes: {rule}"))
}

/// A value that is none of those that are possible.
pub(super) fn unknown_value<'k>(
    value: &str,
    what: &str,
    known: impl IntoIterator<Item = &'k str> + Clone,
    at: &Pointer,
) -> Issue {
    let issue = Issue::new(Code::UnknownValue, at.clone(), format!("`{value}` is no {what}"))
        .label("not a possible value");
    if let Some(near) = nearest(value, known.clone()) {
        return issue.fix(near, format!("did you mean `{near}`?"));
    }
    let all: Vec<&str> = known.into_iter().collect();
    let more = all.len().saturating_sub(12);
    let shown = or_list(all.into_iter().take(12));
    issue.help(if more == 0 {
        format!("write {shown}")
    } else {
        format!("write {shown}, or one of {more} others")
    })
}

/// A number, length or count beyond its bounds, as in «the length of `Name` is 70; 1 to 64 are possible».
pub(super) fn within(
    what: &str,
    value: i64,
    min: Option<i64>,
    max: Option<i64>,
    at: &Pointer,
    issues: &mut Vec<Issue>,
) {
    let (low, high) = (min.is_some_and(|min| value < min), max.is_some_and(|max| value > max));
    if !low && !high {
        return;
    }
    let possible = match (min, max) {
        (Some(min), Some(max)) => format!("{min} to {max} are possible"),
        (Some(min), None) => format!("{min} or more are possible"),
        (_, max) => format!("{} or less are possible", max.unwrap_or_default()),
    };
    let nearest = if low { min } else { max }.unwrap_or_default();
    issues.push(
        Issue::new(Code::OutOfBounds, at.clone(), format!("{what} is {value}; {possible}"))
            .label("out of bounds")
            .help(format!("the nearest possible value is {nearest}")),
    );
}

/// How long, or how many, as a number to compare.
pub(super) fn size(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// The value must be text of at most so many characters, or an expression; what `what` says in front of it.
pub(super) fn text<'d>(
    value: &'d Value,
    what: &str,
    most: i64,
    at: &Pointer,
    definition: &Definition<'_>,
    issues: &mut Vec<Issue>,
) -> Option<&'d str> {
    match classify(value) {
        Class::Literal(Value::String(text)) => {
            let length = size(text.chars().count());
            within(&format!("the length of {what}"), length, None, Some(most), at, issues);
            Some(text)
        }
        Class::Literal(Value::Null) | Class::Unknown => None,
        Class::Literal(other) => {
            let issue = wrong_type(other, at, &format!("{what} is text"));
            issues.push(match other {
                Value::Number(_) | Value::Bool(_) => issue.fix_by(Replacement::Quoted, "write it in quotes"),
                _ => issue,
            });
            None
        }
        _ => {
            scalar(value, Type::Text, what, at, definition, issues);
            None
        }
    }
}

/// The value must be text that stands as it is, or that a deployment fills in.
pub(super) fn name(value: &Value, what: &str, at: &Pointer, issues: &mut Vec<Issue>) {
    match classify(value) {
        Class::Literal(Value::String(_) | Value::Null) | Class::Unknown => {}
        _ => issues.push(wrong_type(value, at, &format!("{what} is text"))),
    }
}

/// The value must be a boolean or an expression.
pub(super) fn boolean(
    value: &Value,
    what: &str,
    at: &Pointer,
    definition: &Definition<'_>,
    issues: &mut Vec<Issue>,
) {
    match classify(value) {
        Class::Literal(Value::Bool(_) | Value::Null) | Class::Unknown => {}
        Class::Literal(other) => issues.push(wrong_type(other, at, &format!("{what} is `true` or `false`"))),
        _ => scalar(value, Type::Boolean, what, at, definition, issues),
    }
}

/// An expression must be of a type that fits, where its type is known.
///
/// CreatePipeline refuses the others: <https://github.com/aws/sagemaker-python-sdk/issues/4867>.
pub(super) fn scalar(
    value: &Value,
    wanted: Type,
    what: &str,
    at: &Pointer,
    definition: &Definition<'_>,
    issues: &mut Vec<Issue>,
) {
    let Some(given) = reference::type_of(value, definition) else { return };
    if given == wanted || wanted == Type::Float && given == Type::Integer {
        return;
    }
    let issue = Issue::new(
        Code::WrongType,
        at.clone(),
        format!("{what} is {}, and the expression gives {}", wanted.said(), given.said()),
    )
    .label(format!("gives {}", given.said()));
    issues.push(match wanted {
        Type::Text => issue.help("make text of it: `{\"Std:Join\": {\"On\": \"\", \"Values\": […]}}`"),
        _ => issue.help(format!("refer to something that is {}", wanted.said())),
    });
}
