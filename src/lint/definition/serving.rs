//! Models, endpoint configurations and endpoints that steps make: what a template may say of them, a step may say.
//!
//! The requests have the members of the resources, so the steps are read as a template, and the rules over templates
//! judge them. What an execution fills in is to those rules what a deployment fills in: unknown.

use serde_json::{Map, Value, json};

use super::expression::{Class, classify};
use super::reference::step_name;
use super::{Definition, Step};
use crate::diag::{Issue, Pointer};
use crate::lint::Template;
use crate::lint::rules;

/// The types of steps that make something that stays, and the type of resource that is the same.
const MADE: [(&str, &str); 3] = [
    ("Endpoint", "AWS::SageMaker::Endpoint"),
    ("EndpointConfig", "AWS::SageMaker::EndpointConfig"),
    ("Model", "AWS::SageMaker::Model"),
];

/// How deep values are looked into.
const DEEPEST: usize = 32;

/// Whether the rules over templates judge the step.
pub(super) fn is_judged(step: &Step<'_>) -> bool {
    MADE.iter().any(|(kind, _)| step.is(kind))
}

/// Says what is wrong with what the steps make.
pub(super) fn check(definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    let made: Vec<(&Step<'_>, &str)> = definition
        .steps
        .iter()
        .filter_map(|step| Some((step, MADE.iter().find(|(kind, _)| step.is(kind))?.1)))
        .filter(|(step, _)| !step.name.is_empty() && step.arguments().is_object())
        .collect();
    if made.is_empty() {
        return;
    }
    let names: Vec<&str> = made.iter().map(|(step, _)| step.name).collect();
    let mut resources = Map::new();
    for (step, kind) in &made {
        let properties = resolved(step.arguments(), &names, 0);
        resources.insert(step.name.to_owned(), json!({ "Type": kind, "Properties": properties }));
    }
    let template = json!({ "Resources": resources });
    for issue in rules::of_serving(&Template::new(&template, None)) {
        issues.extend(placed(issue, &made));
    }
}

/// The value as a template would say it: a step by its name, and anything else that is not known as what another stack
/// exports.
fn resolved(value: &Value, names: &[&str], depth: usize) -> Value {
    let unknown = || json!({ "Fn::ImportValue": "" });
    if depth > DEEPEST {
        return unknown();
    }
    match classify(value) {
        Class::Get(path) => match path.as_str().and_then(step_name).filter(|name| names.contains(name)) {
            Some(name) => json!({ "Fn::GetAtt": [name, "Name"] }),
            None => unknown(),
        },
        Class::Join(_) | Class::JsonGet(_) | Class::Unknown => unknown(),
        Class::Literal(Value::Object(members)) => Value::Object(
            members
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key.clone(), resolved(value, names, depth + 1)))
                .collect(),
        ),
        Class::Literal(Value::Array(items)) => {
            items.iter().map(|item| resolved(item, names, depth + 1)).collect()
        }
        Class::Literal(other) => other.clone(),
    }
}

/// The problem at the step's own place.
fn placed(mut issue: Issue, made: &[(&Step<'_>, &str)]) -> Option<Issue> {
    issue.pointer = place(&issue.pointer, made)?;
    for (pointer, _) in &mut issue.also {
        *pointer = place(pointer, made)?;
    }
    Some(issue)
}

fn place(pointer: &Pointer, made: &[(&Step<'_>, &str)]) -> Option<Pointer> {
    let segments: Vec<String> = pointer.segments().collect();
    let [_, name, rest @ ..] = segments.as_slice() else { return None };
    let (step, _) = made.iter().find(|(step, _)| step.name == name)?;
    // The name of a step leads to what it makes.
    let rest = rest.strip_prefix(&["Properties".to_owned()]).unwrap_or(rest);
    Some(rest.iter().fold(step.arguments_at(), |pointer, segment| pointer.key(segment)))
}
