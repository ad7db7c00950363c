//! What parts of a template look like that no table of properties describes.

use serde_json::{Map, Value};

use crate::diag::{Code, Issue, Pointer, nearest, or_list};

/// The keys of a mapping.
pub(super) struct Keys<'k> {
    /// What the mapping is called: `an output`.
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
        found: &mut Vec<Issue>,
    ) -> Option<&'d Map<String, Value>> {
        let Some(members) = value.as_object() else {
            if !value.is_null() {
                found.push(refuse(value, at, &format!("{} is a mapping", self.what)));
            }
            return None;
        };
        // A transform may add anything.
        let hidden = members.keys().any(|key| key.starts_with("Fn::"));
        let known = || self.required.iter().chain(self.optional).copied();
        for key in members.keys().filter(|key| !hidden && known().all(|known| known != key.as_str())) {
            let issue = Issue::new(Code::UnknownKey, at.key(key), format!("{} has no `{key}`", self.what));
            let issue = issue.on_key().label("does not belong here");
            found.push(match nearest(key, known().filter(|known| !members.contains_key(*known))) {
                Some(near) => issue.fix(near, format!("did you mean `{near}`?")),
                None => issue.help(format!("it has {}", or_list(known()).replace(" or ", " and "))),
            });
        }
        for key in self.required.iter().filter(|key| !hidden && !members.contains_key(**key)) {
            let issue = Issue::new(Code::MissingKey, at.clone(), format!("{} needs `{key}`", self.what));
            found.push(issue.on_key().label(format!("`{key}` is missing")).help(format!("add `{key}`")));
        }
        Some(members)
    }
}

/// A value of the wrong type; `rule` says what it is.
pub(super) fn refuse(value: &Value, at: &Pointer, rule: &str) -> Issue {
    Issue::new(Code::WrongType, at.clone(), rule).label(format!("this is {}", kind(value))).help(
        match value {
            Value::Null => "give it something, or leave it out",
            _ => "write it in that form",
        },
    )
}

/// What people call a value of this type.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}
