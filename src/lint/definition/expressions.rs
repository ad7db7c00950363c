//! The expressions in a step: their own form, and where they lead.

use serde_json::Value;

use super::expression::{Class, FUNCTIONS, classify};
use super::forms::{Keys, wrong_type};
use super::model::{NESTED, items};
use super::reference::{self, step_name};
use super::{Definition, Step, request};
use crate::diag::{Code, Issue, Pointer, nearest};
use crate::rules::json_path;

/// How deep expressions are looked for.
const DEEPEST: usize = 100;

/// A reference, and where it is.
pub(super) struct Use<'d> {
    /// The path.
    pub(super) path: &'d str,
    /// The place of the path.
    pub(super) pointer: Pointer,
    /// Whether it names the file of a `Std:JsonGet`.
    of_file: bool,
}

/// The references of a step, but for those of the steps inside it.
pub(super) fn uses<'d>(step: &Step<'d>) -> Vec<Use<'d>> {
    let mut found = Vec::new();
    for (place, value) in parts(step) {
        collect(value, &place, false, 0, &mut found);
    }
    found
}

/// The references of any value.
pub(super) fn uses_of<'d>(value: &'d Value, at: &Pointer) -> Vec<Use<'d>> {
    let mut found = Vec::new();
    collect(value, at, false, 0, &mut found);
    found
}

/// The members of a step and of its arguments, without the steps inside it.
fn parts<'d>(step: &Step<'d>) -> Vec<(Pointer, &'d Value)> {
    let own = |key: &str| !NESTED.iter().any(|(kind, nested)| step.is(kind) && *nested == key);
    let envelope = step.value.as_object().into_iter().flatten().filter(|(key, _)| *key != "Arguments");
    let mut found: Vec<_> = envelope.map(|(key, value)| (step.pointer.key(key), value)).collect();
    match step.arguments() {
        Value::Object(arguments) if !arguments.contains_key("Get") => found.extend(
            arguments
                .iter()
                .filter(|(key, _)| own(key))
                .map(|(key, value)| (step.arguments_at().key(key), value)),
        ),
        other => found.push((step.arguments_at(), other)),
    }
    found
}

fn collect<'d>(value: &'d Value, at: &Pointer, of_file: bool, depth: usize, found: &mut Vec<Use<'d>>) {
    if depth > DEEPEST {
        return;
    }
    match classify(value) {
        Class::Get(Value::String(path)) => {
            found.push(Use { path, pointer: at.key("Get"), of_file });
        }
        _ => match value {
            Value::Object(members) => {
                for (key, value) in members {
                    let file = key == "PropertyFile" && at.last() == "Std:JsonGet";
                    collect(value, &at.key(key), file, depth + 1, found);
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    collect(value, &at.index(index), false, depth + 1, found);
                }
            }
            _ => {}
        },
    }
}

/// Says what is wrong with the expressions of a step.
pub(super) fn check(step: &Step<'_>, definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    for (place, value) in parts(step) {
        check_forms(value, &place, 0, issues);
    }
    check_uses(&uses(step), definition, issues);
}

/// Says what is wrong with the expressions of a value that belongs to no step.
pub(super) fn check_value(value: &Value, at: &Pointer, definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    check_forms(value, at, 0, issues);
    check_uses(&uses_of(value, at), definition, issues);
}

fn check_uses(uses: &[Use<'_>], definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    for one in uses.iter().filter(|one| !super::expression::has_placeholder(one.path)) {
        let issue = if one.of_file {
            check_file(one, definition)
        } else {
            reference::follow(one.path, definition).err().map(|fault| fault.issue(one.pointer.clone()))
        };
        issues.extend(issue);
    }
}

fn check_forms(value: &Value, at: &Pointer, depth: usize, issues: &mut Vec<Issue>) {
    if depth > DEEPEST {
        return;
    }
    match classify(value) {
        Class::Get(path) => {
            if !path.is_string() {
                issues.push(wrong_type(path, &at.key("Get"), "`Get` names a path"));
            }
            return;
        }
        Class::Join(join) => check_join(join, &at.key("Std:Join"), issues),
        Class::JsonGet(get) => check_json_get(get, &at.key("Std:JsonGet"), issues),
        _ => {}
    }
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                if members.len() > 1 && FUNCTIONS.contains(&key.as_str()) {
                    let message = format!("`{key}` stands alone in its mapping");
                    issues.push(
                        Issue::new(Code::BadExpression, at.key(key), message)
                            .on_key()
                            .help("take the other keys away, or put the expression into one of them"),
                    );
                } else if key.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("std:"))
                    && !FUNCTIONS.contains(&key.as_str())
                    && let Some(near) = request::near_function(key)
                {
                    issues.push(
                        Issue::new(Code::BadExpression, at.key(key), format!("there is no function `{key}`"))
                            .on_key()
                            .fix(near, format!("did you mean `{near}`?")),
                    );
                }
                check_forms(value, &at.key(key), depth + 1, issues);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                check_forms(value, &at.index(index), depth + 1, issues);
            }
        }
        _ => {}
    }
}

fn check_join(join: &Value, at: &Pointer, issues: &mut Vec<Issue>) {
    let keys = Keys { what: "`Std:Join`", required: &["Values"], optional: &["On"] };
    let Some(members) = keys.check(join, at, issues) else { return };
    match members.get("On") {
        None | Some(Value::String(_)) => {}
        Some(other) => issues.push(wrong_type(other, &at.key("On"), "`On` is literal text")),
    }
    let Some(values) = members.get("Values") else { return };
    let at = at.key("Values");
    match values {
        Value::Array(all) => {
            for (index, value) in all.iter().enumerate() {
                if let Class::Literal(value @ (Value::Array(_) | Value::Object(_) | Value::Null)) =
                    classify(value)
                {
                    issues.push(wrong_type(value, &at.index(index), "what is joined are scalars"));
                }
            }
        }
        other if matches!(classify(other), Class::Unknown) => {}
        // A parameter that holds a list as text cannot be joined.
        other => issues.push(wrong_type(other, &at, "`Values` is a list")),
    }
}

/// <https://github.com/aws/sagemaker-python-sdk/issues/3463>: the path is literal.
fn check_json_get(get: &Value, at: &Pointer, issues: &mut Vec<Issue>) {
    let keys = Keys { what: "`Std:JsonGet`", required: &["Path"], optional: &["PropertyFile", "S3Uri"] };
    let Some(members) = keys.check(get, at, issues) else { return };
    let (file, uri) = (members.get("PropertyFile"), members.get("S3Uri"));
    if file.is_some() == uri.is_some() {
        let message = "`Std:JsonGet` reads from either `PropertyFile` or `S3Uri`";
        issues.push(
            Issue::new(Code::OneOf, at.clone(), message)
                .help("give one: a property file of a Processing step, or an S3 URI"),
        );
    }
    if let Some(file) = file
        && !matches!(classify(file), Class::Get(_) | Class::Unknown)
    {
        issues.push(
            Issue::new(
                Code::BadExpression,
                at.key("PropertyFile"),
                "a property file is referred to by `Get`",
            )
            .label("names no file")
            .help("write `{\"Get\": \"Steps.<step>.PropertyFiles.<name>\"}`"),
        );
    }
    match members.get("Path").map(|path| (path, classify(path))) {
        None | Some((_, Class::Unknown) | (Value::Null, _)) => {}
        Some((Value::String(path), _)) => {
            if !json_path::is_path(path) {
                issues.push(
                    Issue::new(
                        Code::ReportPath,
                        at.key("Path"),
                        format!("`{path}` is no path in a JSON file"),
                    )
                    .label("cannot be read")
                    .help("join names with `.`, and write `[0]` for the first item of a list"),
                );
            }
        }
        Some((other, _)) => issues.push(wrong_type(other, &at.key("Path"), "the path is literal text")),
    }
}

/// A property file must be declared by the step that writes it.
fn check_file(one: &Use<'_>, definition: &Definition<'_>) -> Option<Issue> {
    let at = one.pointer.clone();
    let parts = step_name(one.path).and_then(|name| {
        Some((name, one.path["Steps.".len() + name.len()..].strip_prefix(".PropertyFiles.")?))
    });
    let Some((name, file)) = parts else {
        return Some(
            Issue::new(Code::WrongReference, at, format!("`{}` is no property file", one.path))
                .label("not a file")
                .help("write `Steps.<step>.PropertyFiles.<name>`"),
        );
    };
    let Some(step) = definition.step(name) else {
        return reference::follow(one.path, definition).err().map(|fault| fault.issue(at));
    };
    let kind = step.kind?;
    if kind.name != "Processing" {
        return Some(
            Issue::new(
                Code::WrongReference,
                at,
                format!("`{name}` is a {} step, and has no property files", kind.name),
            )
            .also(step.pointer.key("Type"), "its type")
            .help("refer to the Processing step that writes the file"),
        );
    }
    let names: Vec<&str> = items(&step.value["PropertyFiles"])
        .filter_map(|(_, file)| file["PropertyFileName"].as_str())
        .collect();
    if names.contains(&file) {
        return None;
    }
    let issue = Issue::new(Code::UnknownReference, at, format!("`{name}` has no property file `{file}`"))
        .label("not declared");
    Some(match nearest(file, names.iter().copied()) {
        Some(near) => {
            let path = format!("Steps.{name}.PropertyFiles.{near}");
            let title = format!("did you mean `{near}`?");
            issue.fix(path, title)
        }
        None => issue
            .also(step.pointer.clone(), "the step")
            .help(format!("declare it: add `{file}` to `PropertyFiles` of `{name}`")),
    })
}
