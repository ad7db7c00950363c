//! What a part of a template refers to, and from which place in it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::text;

/// A reference to something else in the template, or to a value that only a deployment knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    /// Where it stands: the keys within the part, `*` for an item of a list. What a function takes is not a place of
    /// its own, but for the branches of `Fn::If`, which are left out.
    pub keys: Vec<String>,
    /// What is referred to.
    pub target: Target,
}

/// What a reference refers to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// A parameter or a resource, by `Ref`.
    Ref(String),
    /// An attribute of a resource.
    Attribute(String, String),
    /// An entry of a mapping; a key that is not literal is none.
    Mapping(String, [Option<String>; 2]),
    /// A condition, by `Fn::If` or `Condition`.
    Condition(String),
    /// A dynamic reference: `{{resolve:ssm:/a/b}}`.
    Dynamic(String),
}

/// The references within a part of a template, in the order of the part.
pub(super) fn references(part: &Value) -> Vec<Reference> {
    let mut out = Vec::new();
    visit(part, &mut Vec::new(), &mut out);
    out
}

fn visit(value: &Value, keys: &mut Vec<String>, out: &mut Vec<Reference>) {
    match value {
        Value::String(text) => dynamic(text, keys, out),
        Value::Array(items) => {
            for item in items {
                within("*", keys, |keys| visit(item, keys, out));
            }
        }
        Value::Object(members) => match text::function(members) {
            Some((name, argument)) => call(name, argument, keys, out),
            None => {
                for (key, member) in members {
                    within(key, keys, |keys| visit(member, keys, out));
                }
            }
        },
        _ => {}
    }
}

fn within(key: &str, keys: &mut Vec<String>, visit: impl FnOnce(&mut Vec<String>)) {
    keys.push(key.to_owned());
    visit(keys);
    keys.pop();
}

fn call(name: &str, argument: &Value, keys: &mut Vec<String>, out: &mut Vec<Reference>) {
    let mut push = |target| out.push(Reference { keys: keys.clone(), target });
    match (name, argument) {
        ("Ref", Value::String(id)) => push(Target::Ref(id.clone())),
        ("Fn::GetAtt", argument) => {
            if let Some((id, attribute)) = text::attribute(argument) {
                push(Target::Attribute(id.to_owned(), attribute.into_owned()));
            }
        }
        ("Fn::Sub", Value::String(text)) => substitutions(text, None, keys, out),
        ("Fn::Sub", Value::Array(items)) => {
            if let Some(Value::String(text)) = items.first() {
                substitutions(text, items.get(1), keys, out);
            }
            // Variables are values of this same place.
            for value in items.get(1).and_then(Value::as_object).into_iter().flat_map(|it| it.values()) {
                visit(value, keys, out);
            }
        }
        ("Fn::FindInMap", Value::Array(items)) => {
            let key = |index: usize| items.get(index).and_then(Value::as_str).map(ToOwned::to_owned);
            if let Some(map) = key(0) {
                push(Target::Mapping(map, [key(1), key(2)]));
            }
            arguments(&items[items.len().min(1)..], keys, out);
        }
        ("Fn::If", Value::Array(items)) => {
            if let Some(Value::String(condition)) = items.first() {
                push(Target::Condition(condition.clone()));
            }
            for branch in items.iter().skip(1) {
                visit(branch, keys, out);
            }
        }
        (_, Value::Array(items)) => arguments(items, keys, out),
        (_, argument) => visit(argument, keys, out),
    }
}

/// The arguments of a function are at the place of the function.
fn arguments(items: &[Value], keys: &mut Vec<String>, out: &mut Vec<Reference>) {
    for item in items {
        match item {
            Value::Array(items) => arguments(items, keys, out),
            item => visit(item, keys, out),
        }
    }
}

fn dynamic(text: &str, keys: &[String], out: &mut Vec<Reference>) {
    let mut rest = text;
    while let Some(at) = rest.find("{{resolve:") {
        let from = &rest[at..];
        let Some(end) = from.find("}}") else { return };
        out.push(Reference { keys: keys.to_vec(), target: Target::Dynamic(from[..end + 2].to_owned()) });
        rest = &from[end + 2..];
    }
}

fn substitutions(text: &str, variables: Option<&Value>, keys: &[String], out: &mut Vec<Reference>) {
    dynamic(text, keys, out);
    for name in holes(text) {
        if variables.is_some_and(|variables| variables.get(name).is_some()) {
            continue;
        }
        let target = match name.split_once('.') {
            Some((id, attribute)) => Target::Attribute(id.to_owned(), attribute.to_owned()),
            None => Target::Ref(name.to_owned()),
        };
        out.push(Reference { keys: keys.to_vec(), target });
    }
}

/// The names in `${…}`, without the escaped `${!…}`.
pub(super) fn holes(text: &str) -> impl Iterator<Item = &str> {
    text.split("${")
        .skip(1)
        .filter_map(|part| part.split_once('}'))
        .map(|(name, _)| name.trim())
        .filter(|name| !name.starts_with('!'))
}

/// Whether a condition holds, by its name, where the values it asks are known.
pub(super) fn holds(
    conditions: Option<&Value>,
    parameters: &BTreeMap<String, Value>,
    name: &str,
) -> Option<bool> {
    /// Deeper conditions are unknown; so are those that ask each other in a circle.
    const DEPTH: u8 = 32;
    fn condition(
        all: Option<&Value>,
        known: &BTreeMap<String, Value>,
        value: &Value,
        depth: u8,
    ) -> Option<bool> {
        let depth = depth.checked_sub(1)?;
        let (name, argument) = value.as_object()?.iter().next()?;
        let each =
            || argument.as_array().map(|items| items.iter().map(|item| condition(all, known, item, depth)));
        match name.as_str() {
            "Condition" => condition(all, known, all?.get(argument.as_str()?)?, depth),
            "Fn::Not" => each()?.next()?.map(|truth| !truth),
            "Fn::And" => each()?
                .try_fold(Some(true), |all, one| match (all, one) {
                    (_, Some(false)) => None,
                    (Some(true), Some(true)) => Some(Some(true)),
                    _ => Some(None),
                })
                .unwrap_or(Some(false)),
            "Fn::Or" => each()?
                .try_fold(Some(false), |any, one| match (any, one) {
                    (_, Some(true)) => None,
                    (Some(false), Some(false)) => Some(Some(false)),
                    _ => Some(None),
                })
                .unwrap_or(Some(true)),
            "Fn::Equals" => {
                let side = |index| scalar(known, argument.get(index)?);
                Some(side(0)? == side(1)?)
            }
            _ => None,
        }
    }
    condition(conditions, parameters, conditions?.get(name)?, DEPTH)
}

/// A value as text, when it is literal or a known parameter.
fn scalar(known: &BTreeMap<String, Value>, value: &Value) -> Option<String> {
    let value = match text::function_of(value) {
        Some(("Ref", name)) => known.get(name.as_str()?)?,
        Some(_) => return None,
        None => value,
    };
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_found_with_their_places() {
        let found = references(&json!({
            "A": { "Ref": "P" },
            "L": [{ "N": { "Fn::GetAtt": ["R", "Arn"] } }],
            "S": { "Fn::Sub": ["${R.Arn}/${v}/${!x}", { "v": { "Fn::FindInMap": ["M", { "Ref": "AWS::Region" }, "k"] } }] },
            "I": { "Fn::If": ["C", { "X": { "Ref": "Q" } }, { "Ref": "AWS::NoValue" }] },
            "J": { "Fn::Join": ["", ["a", { "Ref": "P" }]] },
            "D": "a{{resolve:ssm:/x}}b",
        }));
        let shown: Vec<_> = found.iter().map(|it| format!("{} {:?}", it.keys.join("."), it.target)).collect();
        assert_eq!(
            shown,
            [
                r#"A Ref("P")"#,
                r#"L.*.N Attribute("R", "Arn")"#,
                r#"S Attribute("R", "Arn")"#,
                r#"S Mapping("M", [None, Some("k")])"#,
                r#"S Ref("AWS::Region")"#,
                r#"I Condition("C")"#,
                r#"I.X Ref("Q")"#,
                r#"I Ref("AWS::NoValue")"#,
                r#"J Ref("P")"#,
                r#"D Dynamic("{{resolve:ssm:/x}}")"#,
            ]
        );
    }

    #[test]
    fn a_condition_holds_when_what_it_asks_is_known() {
        let conditions = json!({
            "Prod": { "Fn::Equals": [{ "Ref": "Env" }, "prod"] },
            "Not": { "Fn::Not": [{ "Condition": "Prod" }] },
            "Both": { "Fn::And": [{ "Condition": "Prod" }, { "Fn::Equals": [{ "Ref": "X" }, "1"] }] },
            "Any": { "Fn::Or": [{ "Fn::Equals": [{ "Ref": "X" }, "1"] }, { "Condition": "Prod" }] },
            "Loop": { "Condition": "Loop" },
        });
        let check = |env: &str, name, expected| {
            let known = BTreeMap::from([("Env".to_owned(), json!(env))]);
            assert_eq!(holds(Some(&conditions), &known, name), expected, "{env} {name}");
        };
        check("prod", "Prod", Some(true));
        check("dev", "Not", Some(true));
        check("dev", "Both", Some(false));
        check("prod", "Both", None);
        check("prod", "Any", Some(true));
        check("dev", "Any", None);
        check("dev", "Loop", None);
        check("dev", "Nothing", None);
    }
}
