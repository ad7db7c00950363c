//! What stands around the steps: the version, metadata, parameters, the experiment, and how much there may be.
//!
//! Quotas: <https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-quotas.html>.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Definition;
use super::expression::{Class, classify, has_placeholder};
use super::expressions;
use super::forms::{self, Keys, missing_key, size, unknown_value, within, wrong_type};
use super::model::items;
use crate::diag::{Code, Issue, Pointer, Replacement};
use crate::rules::pipelines::{
    LONGEST_DEFAULT, LONGEST_ENUM_VALUE, LONGEST_NAME, LONGEST_PARAMETER_DESCRIPTION, MOST_ENUM_VALUES,
    MOST_METADATA, MOST_PARAMETERS, MOST_STEPS,
};

const VERSION: &str = "2020-12-01";
const TYPES: [&str; 4] = ["Boolean", "Float", "Integer", "String"];

/// Says what is wrong around the steps.
pub(super) fn check(definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    let root = Pointer::root();
    let keys = Keys {
        what: "a definition",
        required: &["Version", "Steps"],
        optional: &["Metadata", "MlflowConfig", "Parameters", "PipelineExperimentConfig"],
    };
    if keys.check(definition.root, &root, issues).is_none() {
        return;
    }
    check_version(&definition.root["Version"], &root.key("Version"), issues);
    check_metadata(&definition.root["Metadata"], &root.key("Metadata"), issues);
    check_parameters(definition, issues);
    check_experiment(definition, issues);
    check_steps(definition, issues);
}

fn check_version(version: &Value, at: &Pointer, issues: &mut Vec<Issue>) {
    match classify(version) {
        Class::Literal(Value::String(text)) if text == VERSION => {}
        Class::Literal(Value::Null) | Class::Unknown => {}
        Class::Literal(Value::String(text)) => issues.push(
            Issue::new(
                Code::UnknownValue,
                at.clone(),
                format!("there is no version `{text}` of definitions"),
            )
            .label("not a version")
            .fix(VERSION, format!("write `{VERSION}`")),
        ),
        _ => issues.push(wrong_type(version, at, "the version is text")),
    }
}

fn check_metadata(metadata: &Value, at: &Pointer, issues: &mut Vec<Issue>) {
    let pairs = match metadata {
        Value::Null => return,
        Value::Object(pairs) => pairs,
        other => return issues.push(wrong_type(other, at, "`Metadata` is a mapping")),
    };
    within("the number of entries of `Metadata`", size(pairs.len()), None, Some(MOST_METADATA), at, issues);
    for (key, value) in pairs {
        let place = at.key(key);
        within("the length of the key", size(key.chars().count()), None, Some(128), &place, issues);
        match classify(value) {
            Class::Literal(Value::String(text)) => {
                within(
                    "the length of the value",
                    size(text.chars().count()),
                    None,
                    Some(1024),
                    &place,
                    issues,
                );
            }
            Class::Literal(Value::Object(_) | Value::Array(_)) => {
                issues.push(wrong_type(value, &place, "a value of `Metadata` is text"));
            }
            _ => {}
        }
    }
}

fn check_parameters(definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    let at = Pointer::root().key("Parameters");
    match &definition.root["Parameters"] {
        Value::Null => {}
        Value::Array(all) => {
            within("the number of parameters", size(all.len()), None, Some(MOST_PARAMETERS), &at, issues);
            for (index, parameter) in all.iter().enumerate() {
                check_parameter(parameter, &at.index(index), issues);
            }
            check_twice(all.iter().map(|one| &one["Name"]), &at, "Name", "parameter", issues);
        }
        other => issues.push(wrong_type(other, &at, "`Parameters` is a list")),
    }
    check_unused(definition, issues);
}

/// Refuses a name that two items of a list have; `key` is the name's place in each.
pub(super) fn check_twice<'d>(
    names: impl Iterator<Item = &'d Value>,
    at: &Pointer,
    key: &str,
    what: &str,
    issues: &mut Vec<Issue>,
) {
    let mut seen: Vec<(&str, usize)> = Vec::new();
    for (index, name) in names.enumerate() {
        let Some(name) = super::expression::text(name) else { continue };
        match seen.iter().find(|(other, _)| *other == name) {
            Some((_, first)) => issues.push(
                Issue::new(
                    Code::DuplicateName,
                    at.index(index).key(key),
                    format!("there are two: the {what} `{name}` is given above, too"),
                )
                .label("the same name again")
                .also(at.index(*first).key(key), "first here")
                .help("rename one of them"),
            ),
            None => seen.push((name, index)),
        }
    }
}

/// A name of a parameter or a step: letters, digits, `-` and `_`.
pub(super) fn check_name(name: &Value, what: &str, at: &Pointer, issues: &mut Vec<Issue>) {
    match name {
        Value::Null => {}
        Value::String(text) if has_placeholder(text) => {}
        Value::String(text) => {
            let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            let length = size(text.chars().count());
            if length > LONGEST_NAME {
                within(
                    &format!("the length of the {what}'s name"),
                    length,
                    None,
                    Some(LONGEST_NAME),
                    at,
                    issues,
                );
            } else if text.is_empty() || !text.chars().all(good) {
                let better: String = text.chars().map(|c| if good(c) { c } else { '-' }).collect();
                let issue =
                    Issue::new(Code::InvalidName, at.clone(), format!("`{text}` is no name of a {what}"))
                        .label("letters, digits, `-` and `_`");
                issues.push(if better.is_empty() {
                    issue.help("give it a name")
                } else {
                    let title = format!("write `{better}`");
                    issue.fix(better, title)
                });
            }
        }
        other if matches!(classify(other), Class::Unknown) => {}
        other => issues.push(wrong_type(other, at, &format!("the name of a {what} is text"))),
    }
}

fn check_parameter(parameter: &Value, at: &Pointer, issues: &mut Vec<Issue>) {
    let keys = Keys {
        what: "a parameter",
        required: &["Name", "Type"],
        optional: &["DefaultValue", "Description", "EnumValues"],
    };
    if keys.check(parameter, at, issues).is_none() {
        return;
    }
    check_name(&parameter["Name"], "parameter", &at.key("Name"), issues);
    let kind = match &parameter["Type"] {
        Value::String(kind) if TYPES.contains(&kind.as_str()) => Some(kind.as_str()),
        Value::String(kind) if !has_placeholder(kind) => {
            issues.push(unknown_value(kind, "type of a parameter", TYPES, &at.key("Type")));
            None
        }
        Value::Null | Value::String(_) => None,
        other => {
            issues.push(wrong_type(other, &at.key("Type"), "the type of a parameter is text"));
            None
        }
    };
    match &parameter["Description"] {
        Value::Null => {}
        Value::String(text) => {
            let length = size(text.chars().count());
            let most = Some(LONGEST_PARAMETER_DESCRIPTION);
            within("the length of the description", length, None, most, &at.key("Description"), issues);
        }
        other if matches!(classify(other), Class::Unknown) => {}
        other => issues.push(wrong_type(other, &at.key("Description"), "the description is text")),
    }
    if let Some(kind) = kind {
        check_default(kind, &parameter["DefaultValue"], &at.key("DefaultValue"), issues);
        check_enum(kind, parameter, at, issues);
    }
}

fn check_default(kind: &str, default: &Value, at: &Pointer, issues: &mut Vec<Issue>) {
    let fits = match (kind, classify(default)) {
        ("String", Class::Literal(Value::String(text))) => {
            let length = size(text.chars().count());
            within("the length of the default", length, None, Some(LONGEST_DEFAULT), at, issues);
            true
        }
        ("Integer", Class::Literal(Value::Number(number))) => !number.is_f64(),
        (_, Class::Unknown | Class::Literal(Value::Null))
        | ("Float", Class::Literal(Value::Number(_)))
        | ("Boolean", Class::Literal(Value::Bool(_))) => true,
        _ => false,
    };
    if fits {
        return;
    }
    let wanted = match kind {
        "String" => "text",
        "Integer" => "a whole number",
        "Float" => "a number",
        _ => "`true` or `false`",
    };
    let issue = Issue::new(
        Code::ParameterDefault,
        at.clone(),
        format!("the default of a parameter of type {kind} is {wanted}"),
    )
    .label("of another type")
    .help(format!("write {wanted}, or another `Type`"));
    let plain = default.as_str().filter(|text| match kind {
        "Integer" => text.parse::<i64>().is_ok(),
        "Float" => text.parse::<f64>().is_ok_and(f64::is_finite),
        "Boolean" => matches!(*text, "true" | "false"),
        _ => false,
    });
    issues.push(match (kind, plain, default) {
        (_, Some(text), _) => issue.fix_by(Replacement::Yaml(text.to_owned()), "write it without quotes"),
        ("String", _, Value::Number(_) | Value::Bool(_)) => {
            issue.fix_by(Replacement::Quoted, "write it in quotes")
        }
        _ => issue,
    });
}

fn check_enum(kind: &str, parameter: &Value, at: &Pointer, issues: &mut Vec<Issue>) {
    let place = at.key("EnumValues");
    let values = match &parameter["EnumValues"] {
        Value::Null => return,
        Value::Array(values) => values,
        other => return issues.push(wrong_type(other, &place, "`EnumValues` is a list")),
    };
    let bad = |at: Pointer, message: String| Issue::new(Code::ParameterEnum, at, message);
    if kind != "String" {
        issues.push(
            bad(place, format!("a parameter of type {kind} cannot be limited to values"))
                .on_key()
                .also(at.key("Type"), "its type")
                .help("take `EnumValues` away, or make it a `String`"),
        );
        return;
    }
    within("the number of values", size(values.len()), Some(1), Some(MOST_ENUM_VALUES), &place, issues);
    let mut seen = BTreeSet::new();
    for (index, value) in values.iter().enumerate() {
        let here = place.index(index);
        match value {
            Value::String(text) => {
                let length = size(text.chars().count());
                within("the length of the value", length, None, Some(LONGEST_ENUM_VALUE), &here, issues);
                if !seen.insert(text.as_str()) {
                    issues.push(bad(here, format!("`{text}` is given twice")).help("keep one of them"));
                }
            }
            other => issues.push(wrong_type(other, &here, "a value of a `String` parameter is text")),
        }
    }
    if let Value::String(default) = &parameter["DefaultValue"]
        && !has_placeholder(default)
        && !values.iter().any(|value| value.as_str().is_some_and(|it| it == default || has_placeholder(it)))
    {
        issues.push(
            Issue::new(
                Code::ParameterDefault,
                at.key("DefaultValue"),
                format!("`{default}` is none of the values that the parameter can take"),
            )
            .label("not among them")
            .also(place, "the values")
            .help("take one of the values, or add this one"),
        );
    }
}

fn check_unused(definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    let mut used = BTreeSet::new();
    let all = definition.steps.iter().flat_map(expressions::uses);
    let experiment = &definition.root["PipelineExperimentConfig"];
    let mlflow = &definition.root["MlflowConfig"];
    let rest =
        [experiment, mlflow].into_iter().flat_map(|value| expressions::uses_of(value, &Pointer::root()));
    for one in all.chain(rest) {
        if has_placeholder(one.path) {
            return;
        }
        used.extend(one.path.strip_prefix("Parameters."));
    }
    for (name, parameter) in definition.parameters.iter().filter(|(name, _)| !used.contains(*name)) {
        issues.push(
            Issue::new(
                Code::UnusedParameter,
                parameter.pointer.key("Name"),
                format!("nothing refers to the parameter `{name}`"),
            )
            .label("has no effect")
            .help(format!("take it away, or refer to it by `{{\"Get\": \"Parameters.{name}\"}}`")),
        );
    }
}

fn check_experiment(definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    let experiment = &definition.root["PipelineExperimentConfig"];
    if experiment.is_null() {
        return;
    }
    let at = Pointer::root().key("PipelineExperimentConfig");
    let keys = Keys {
        what: "`PipelineExperimentConfig`",
        required: &[],
        optional: &["ExperimentName", "TrialName"],
    };
    if let Some(members) = keys.check(experiment, &at, issues) {
        for (key, value) in members {
            forms::text(value, &format!("`{key}`"), 120, &at.key(key), definition, issues);
        }
        expressions::check_value(experiment, &at, definition, issues);
    }
}

fn check_steps(definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    let at = Pointer::root().key("Steps");
    match &definition.root["Steps"] {
        Value::Null => {}
        Value::Array(steps) => {
            if steps.is_empty() {
                issues.push(
                    Issue::new(Code::OutOfBounds, at.clone(), "a pipeline has at least one step")
                        .label("no steps")
                        .help("add a step"),
                );
            }
            let all = size(definition.steps.len());
            within("the number of steps, with those in branches,", all, None, Some(MOST_STEPS), &at, issues);
        }
        other if matches!(classify(other), Class::Unknown) => {}
        other => issues.push(wrong_type(other, &at, "`Steps` is a list")),
    }
    for (index, step) in definition.steps.iter().enumerate() {
        if let Some(first) = definition.by_name.get(step.name).filter(|first| **first != index) {
            issues.push(
                Issue::new(
                    Code::DuplicateName,
                    step.pointer.key("Name"),
                    format!("there are two steps `{}`", step.name),
                )
                .label("the same name again")
                .also(definition.steps[*first].pointer.key("Name"), "first here")
                .note("names are unique over all branches")
                .help("rename one of them"),
            );
        }
        if step.name.is_empty() && step.value["Name"].is_null() {
            issues.push(missing_key("Name", "the step", &step.pointer));
        }
    }
    for (index, step) in items(&definition.root["Steps"]).filter(|(_, step)| !step.is_object()) {
        issues.push(wrong_type(step, &at.index(index), "a step is a mapping"));
    }
}
