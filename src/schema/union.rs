//! `oneOf` and `anyOf`: which branch the author meant, and what is wrong with it.

use std::collections::BTreeSet;

use jsonschema::ValidationError;
use serde_json::Value;

use super::explain::Report;
use super::trail::{Trail, target};
use super::words::{is_a, subject};
use crate::diag::{Code, Issue, Pointer, nearest, or_list};

/// One alternative, with what the validator has against it.
struct Branch<'a> {
    schema: &'a Value,
    errors: &'a [ValidationError<'static>],
    path: String,
}

/// Explains a value that fits none of the alternatives whose errors are `context`.
pub(super) fn explain(
    report: &mut Report<'_>,
    pointer: &Pointer,
    value: &Value,
    context: &[Vec<ValidationError<'static>>],
    path: &str,
) {
    let root = report.schema;
    let trail = Trail::follow(root, path);
    let keyword = path.rsplit('/').next().unwrap_or_default();
    let alternatives = trail.holder().get(keyword).and_then(Value::as_array);
    let branches: Vec<Branch<'_>> = alternatives
        .into_iter()
        .flatten()
        .zip(context)
        .enumerate()
        .map(|(index, (schema, errors))| Branch {
            schema: target(root, schema),
            errors,
            path: format!("{path}/{index}/-"),
        })
        // An `Option`'s null is never what was meant.
        .filter(|branch| types(root, branch.schema) != BTreeSet::from(["null"]))
        .collect();

    let fitting: Vec<&Branch<'_>> = branches
        .iter()
        .filter(|branch| {
            let types = types(root, branch.schema);
            types.is_empty() || types.iter().any(|ty| is_a(value, ty))
        })
        .collect();
    match (fitting.as_slice(), branches.as_slice()) {
        ([], [only]) => only.errors.iter().for_each(|error| report.error(error)),
        ([], _) => {
            let wanted: BTreeSet<&str> = branches.iter().flat_map(|b| types(root, b.schema)).collect();
            let mut wanted: Vec<&str> = wanted.into_iter().filter(|ty| *ty != "null").collect();
            wanted.sort_by_key(|ty| {
                ["string", "boolean", "integer", "number", "array", "object"].iter().position(|t| t == ty)
            });
            report.wrong_type(pointer, value, &wanted, &trail);
        }
        ([only], _) => only.errors.iter().for_each(|error| report.error(error)),
        (several, _) if value.is_object() => mapping(report, pointer, value, several),
        (several, _) => scalar(report, pointer, value, several, &trail),
    }
}

/// Alternatives of a mapping: told apart by their one key, by a key's constant, or by what they have in
/// common with the value.
fn mapping(report: &mut Report<'_>, pointer: &Pointer, value: &Value, branches: &[&Branch<'_>]) {
    let Some(given) = value.as_object() else { return };
    let tags: Option<Vec<&str>> = branches.iter().map(|branch| sole_key(branch.schema)).collect();
    if let Some(tags) = tags {
        let present: Vec<&str> = tags.iter().copied().filter(|tag| given.contains_key(*tag)).collect();
        match present.as_slice() {
            [] if given.is_empty() => {
                let message = format!("{} says nothing", subject(report.value, pointer));
                report.add(
                    Issue::new(Code::OneOf, pointer.clone(), message)
                        .label("empty")
                        .help(format!("give one of {}", or_list(tags))),
                );
            }
            [] => {
                let near = given.keys().find(|key| nearest(key, tags.iter().copied()).is_some());
                if let Some(key) = near.or_else(|| given.keys().next()) {
                    report.unknown_key_of(pointer, key, &tags);
                }
            }
            [tag] => {
                for (branch, _) in branches.iter().zip(&tags).filter(|(_, name)| *name == tag) {
                    branch.errors.iter().for_each(|error| report.error(error));
                }
            }
            [first, .., last] => {
                let message = format!(
                    "{} can have only one of {}",
                    subject(report.value, pointer),
                    or_list(present.iter().copied())
                );
                report.add(
                    Issue::new(Code::OneOf, pointer.key(last), message)
                        .on_key()
                        .label("this one")
                        .also(pointer.key(first), "or this one")
                        .help("keep one of them, or make two items of it"),
                );
            }
        }
        return;
    }
    let constants: Vec<(&str, &Value)> =
        branches.iter().filter_map(|branch| constant(branch.schema)).collect();
    if let (Some((key, _)), true) = (constants.first(), constants.len() == branches.len())
        && constants.iter().all(|(name, _)| name == key)
    {
        let said = given.get(*key);
        if let Some(chosen) = constants.iter().position(|(_, constant)| said == Some(constant)) {
            branches[chosen].errors.iter().for_each(|error| report.error(error));
            return;
        }
        if let Some(said) = said {
            let options: Vec<Value> = constants.iter().map(|(_, constant)| (*constant).clone()).collect();
            let trail = Trail::follow(report.schema, &branches[0].path);
            report.unknown_value(&pointer.key(key), said, &options, &trail);
            return;
        }
    }
    if let Some(best) = nearest_branch(value, branches) {
        best.errors.iter().for_each(|error| report.error(error));
    }
}

/// Alternatives of a scalar or a list.
fn scalar(
    report: &mut Report<'_>,
    pointer: &Pointer,
    value: &Value,
    branches: &[&Branch<'_>],
    trail: &Trail<'_>,
) {
    let words: Vec<Value> = branches.iter().flat_map(|branch| words(branch.schema)).collect();
    let other = branches.iter().find(|branch| self::words(branch.schema).is_empty());
    let names: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
    let near = value.as_str().and_then(|word| nearest(word, names.iter().copied()));
    match other {
        _ if value.is_array() => {
            if let Some(best) = nearest_branch(value, branches) {
                best.errors.iter().for_each(|error| report.error(error));
            }
        }
        Some(_) if near.is_some() => report.unknown_value(pointer, value, &words, trail),
        Some(other) => {
            let before = report.count();
            other.errors.iter().for_each(|error| report.error(error));
            if !names.is_empty() {
                report.help_since(before, pointer, &format!("or one of the words {}", or_list(names)));
            }
        }
        None => report.unknown_value(pointer, value, &words, trail),
    }
}

/// The branch that has most in common with the value.
fn nearest_branch<'b, 'a>(value: &Value, branches: &[&'b Branch<'a>]) -> Option<&'b Branch<'a>> {
    branches.iter().copied().min_by_key(|branch| {
        let properties = branch.schema.get("properties").and_then(Value::as_object);
        let strange = value.as_object().map_or(0, |given| {
            given.keys().filter(|key| properties.is_some_and(|all| !all.contains_key(*key))).count()
        });
        (strange, branch.errors.len())
    })
}

/// The one key of a mapping that has exactly one.
fn sole_key(schema: &Value) -> Option<&str> {
    let properties = schema.get("properties")?.as_object()?;
    let required = schema.get("required")?.as_array()?;
    match (properties.len(), required.as_slice()) {
        (1, [key]) => key.as_str().filter(|key| properties.contains_key(*key)),
        _ => None,
    }
}

/// A key that must have one certain value, and that value.
fn constant(schema: &Value) -> Option<(&str, &Value)> {
    let properties = schema.get("properties")?.as_object()?;
    properties.iter().find_map(|(key, property)| Some((key.as_str(), property.get("const")?)))
}

/// The values that a schema lists.
fn words(schema: &Value) -> Vec<Value> {
    let one = schema.get("const").cloned();
    let all = schema.get("enum").and_then(Value::as_array).cloned();
    all.unwrap_or_default().into_iter().chain(one).collect()
}

/// The types that a schema takes; empty when it does not say.
fn types<'s>(root: &'s Value, schema: &'s Value) -> BTreeSet<&'s str> {
    types_within(root, schema, 8)
}

fn types_within<'s>(root: &'s Value, schema: &'s Value, depth: u8) -> BTreeSet<&'s str> {
    let schema = target(root, schema);
    match schema.get("type") {
        Some(Value::String(ty)) => return BTreeSet::from([ty.as_str()]),
        Some(Value::Array(types)) => return types.iter().filter_map(Value::as_str).collect(),
        _ => {}
    }
    let listed = words(schema);
    if !listed.is_empty() {
        return listed.iter().map(super::explain::type_of).collect();
    }
    let branches = ["anyOf", "oneOf"].iter().find_map(|list| schema.get(*list)?.as_array());
    match branches {
        Some(branches) if depth > 0 => {
            let each: Vec<BTreeSet<&str>> =
                branches.iter().map(|branch| types_within(root, branch, depth - 1)).collect();
            // One branch that takes anything means that all of it does.
            if each.iter().any(BTreeSet::is_empty) {
                return BTreeSet::new();
            }
            each.into_iter().flatten().collect()
        }
        _ => BTreeSet::new(),
    }
}
