//! What every step has beside its arguments: dependencies, caching, retries, property files, outputs.

use serde_json::Value;

use super::envelope::{check_name, check_twice};
use super::expression::{Class, classify, text};
use super::forms::{self, Keys, missing_key, size, unknown_key, unknown_value, within, wrong_type};
use super::kinds::{self, Kind, LOOSE};
use super::model::{items, mappings};
use super::{Definition, Step};
use crate::diag::{Code, Issue, Pointer, nearest, or_list};
use crate::rules::caching;
use crate::rules::pipelines::{
    FAILURES, LONGEST_RETRY, MOST_ATTEMPTS, MOST_LOOKUPS, MOST_PROPERTY_FILES, is_duration,
};

const COMMON: [&str; 6] = ["Name", "Type", "Arguments", "DependsOn", "Description", "DisplayName"];
const OUTCOMES: [&str; 4] = ["Any", "Completed", "Failed", "Stopped"];
const OUTPUT_TYPES: [&str; 4] = ["Boolean", "Float", "Integer", "String"];

/// Says what is wrong with a step, but for its arguments and its place in the graph.
pub(super) fn check(step: &Step<'_>, definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    let at = |key: &str| step.pointer.key(key);
    check_name(&step.value["Name"], "step", &at("Name"), issues);
    check_type(step, issues);
    let what = step.called();
    if step.value["Arguments"].is_null() {
        issues.push(missing_key("Arguments", &what, &step.pointer));
    } else if !step.arguments().is_object() {
        issues.push(wrong_type(step.arguments(), &step.arguments_at(), "`Arguments` is a mapping"));
    }
    // `PipelineExecutionStep` of the API has these bounds.
    forms::text(&step.value["DisplayName"], "`DisplayName`", 256, &at("DisplayName"), definition, issues);
    forms::text(&step.value["Description"], "`Description`", 3072, &at("Description"), definition, issues);
    check_depends_on(&step.value["DependsOn"], &at("DependsOn"), issues);
    check_cache(step, issues);
    check_retries(&step.value["RetryPolicies"], &at("RetryPolicies"), issues);
    if let Some(kind) = step.kind {
        check_keys(step, kind, issues);
        check_own(step, kind, definition, issues);
    }
}

fn check_type(step: &Step<'_>, issues: &mut Vec<Issue>) {
    let at = step.pointer.key("Type");
    match &step.value["Type"] {
        Value::Null => issues.push(missing_key("Type", &step.called(), &step.pointer)),
        Value::String(name) if step.kind.is_none() && !LOOSE.contains(&name.as_str()) => {
            // AWS may have a new type: only what is nearly one of the old is refused.
            if let Some(near) = nearest(name, kinds::names()) {
                issues.push(
                    Issue::new(Code::UnknownValue, at, format!("`{name}` is no type of a step"))
                        .label("not a type")
                        .fix(near, format!("did you mean `{near}`?")),
                );
            }
        }
        Value::String(_) => {}
        other => issues.push(wrong_type(other, &at, "the type of a step is text")),
    }
}

fn check_keys(step: &Step<'_>, kind: &Kind, issues: &mut Vec<Issue>) {
    let Some(members) = step.value.as_object() else { return };
    let what = format!("a {} step", kind.name);
    for (key, value) in members {
        match key.as_str() {
            "CacheConfig" if !kind.cached => issues.push(
                Issue::new(Code::CacheUnsupported, step.pointer.key(key), format!("{what} is not cached"))
                    .on_key()
                    .label("no result to use again")
                    .help("remove `CacheConfig`"),
            ),
            "RetryPolicies" if !kind.retried => issues.push(
                Issue::new(
                    Code::RetryUnsupported,
                    step.pointer.key(key),
                    format!("{what} is not tried again"),
                )
                .on_key()
                .label("has no effect, or is refused")
                .help("remove `RetryPolicies`"),
            ),
            "CacheConfig" | "RetryPolicies" => {}
            key if COMMON.contains(&key) || kind.keys.contains(&key) || value.is_null() => {}
            key => {
                let mut known: Vec<&str> = COMMON.iter().chain(kind.keys).copied().collect();
                known.extend(kind.cached.then_some("CacheConfig"));
                known.extend(kind.retried.then_some("RetryPolicies"));
                issues.push(unknown_key(key, &what, known, &step.pointer));
            }
        }
    }
    for key in kind.required {
        if members.get(*key).is_none_or(Value::is_null) {
            issues.push(missing_key(key, &what, &step.pointer));
        }
    }
}

fn check_depends_on(value: &Value, at: &Pointer, issues: &mut Vec<Issue>) {
    match value {
        Value::Null => {}
        Value::Array(all) => {
            for (index, entry) in all.iter().enumerate() {
                let at = at.index(index);
                match entry {
                    Value::String(_) => {}
                    Value::Object(_) => {
                        let keys = Keys { what: "a dependency", required: &["Step"], optional: &["Trigger"] };
                        keys.check(entry, &at, issues);
                        forms::name(&entry["Step"], "a dependency", &at.key("Step"), issues);
                        check_word(
                            &entry["Trigger"],
                            "outcome of a step",
                            &OUTCOMES,
                            &at.key("Trigger"),
                            issues,
                        );
                    }
                    other => issues.push(wrong_type(other, &at, "a dependency is the name of a step")),
                }
            }
        }
        other => issues.push(wrong_type(other, at, "`DependsOn` is a list of names")),
    }
}

/// Refuses text that is none of some words.
pub(super) fn check_word(value: &Value, what: &str, known: &[&str], at: &Pointer, issues: &mut Vec<Issue>) {
    match classify(value) {
        Class::Literal(Value::String(word)) if !known.contains(&word.as_str()) => {
            issues.push(unknown_value(word, what, known.iter().copied(), at));
        }
        Class::Literal(Value::Null | Value::String(_)) | Class::Unknown => {}
        _ => issues.push(wrong_type(value, at, &format!("the {what} is text"))),
    }
}

fn check_cache(step: &Step<'_>, issues: &mut Vec<Issue>) {
    let cache = &step.value["CacheConfig"];
    if cache.is_null() {
        return;
    }
    let at = step.pointer.key("CacheConfig");
    let keys = Keys { what: "`CacheConfig`", required: &["Enabled"], optional: &["ExpireAfter"] };
    if keys.check(cache, &at, issues).is_none() {
        return;
    }
    match classify(&cache["Enabled"]) {
        Class::Literal(Value::Bool(_) | Value::Null) | Class::Unknown => {}
        _ => issues.push(wrong_type(&cache["Enabled"], &at.key("Enabled"), "`Enabled` is `true` or `false`")),
    }
    match classify(&cache["ExpireAfter"]) {
        Class::Literal(Value::String(after)) if !is_duration(after) => issues.push(
            Issue::new(
                Code::WrongForm,
                at.key("ExpireAfter"),
                format!("`{after}` is no duration of ISO 8601"),
            )
            .label("cannot be read")
            .help("write `P30D` for 30 days, or `PT1H` for an hour"),
        ),
        Class::Literal(Value::Null | Value::String(_)) | Class::Unknown => {}
        _ => issues.push(wrong_type(&cache["ExpireAfter"], &at.key("ExpireAfter"), "`ExpireAfter` is text")),
    }
    let defeated = caching::defeated(step.type_name, step.arguments());
    if let Some((member, variable)) = defeated.filter(|_| cache["Enabled"] == Value::Bool(true)) {
        let message =
            format!("{} is never taken from the cache: `{member}` differs in every execution", step.called());
        issues.push(
            Issue::new(Code::CacheDefeated, at, message)
                .on_key()
                .label("has no effect")
                .note(format!("`{variable}` is part of it"))
                .help("give what differs elsewhere, such as in an output's path, or take `CacheConfig` away"),
        );
    }
}

fn check_retries(value: &Value, at: &Pointer, issues: &mut Vec<Issue>) {
    let policies = match value {
        Value::Null => return,
        Value::Array(policies) => policies,
        other => return issues.push(wrong_type(other, at, "`RetryPolicies` is a list")),
    };
    let keys = Keys {
        what: "a retry policy",
        required: &["ExceptionType"],
        optional: &["BackoffRate", "ExpireAfterMin", "IntervalSeconds", "MaxAttempts"],
    };
    for (index, policy) in policies.iter().enumerate() {
        let at = at.index(index);
        if keys.check(policy, &at, issues).is_none() {
            continue;
        }
        let place = at.key("ExceptionType");
        match &policy["ExceptionType"] {
            Value::Null => {}
            Value::Array(failures) => {
                if failures.is_empty() {
                    issues.push(
                        Issue::new(
                            Code::OutOfBounds,
                            place.clone(),
                            "a retry policy names at least one failure",
                        )
                        .label("no failures")
                        .help(format!("add one of {}", or_list(FAILURES))),
                    );
                }
                for (index, failure) in failures.iter().enumerate() {
                    check_word(failure, "failure", &FAILURES, &place.index(index), issues);
                }
            }
            other => issues.push(wrong_type(other, &place, "`ExceptionType` is a list")),
        }
        let (attempts, expire) = (&policy["MaxAttempts"], &policy["ExpireAfterMin"]);
        if !attempts.is_null() && !expire.is_null() {
            issues.push(
                Issue::new(
                    Code::OneOf,
                    at.key("ExpireAfterMin"),
                    "a retry policy has either `MaxAttempts` or `ExpireAfterMin`",
                )
                .on_key()
                .also(at.key("MaxAttempts"), "and here the other")
                .help("keep one of them"),
            );
        }
        for (key, min, max) in [
            ("MaxAttempts", 1, Some(MOST_ATTEMPTS)),
            ("ExpireAfterMin", 0, Some(LONGEST_RETRY)),
            ("IntervalSeconds", 0, None),
        ] {
            check_number(&policy[key], key, true, min, max, &at.key(key), issues);
        }
        check_number(&policy["BackoffRate"], "BackoffRate", false, 0, None, &at.key("BackoffRate"), issues);
    }
}

/// A number that stands as it is, within bounds.
pub(super) fn check_number(
    value: &Value,
    name: &str,
    whole: bool,
    min: i64,
    max: Option<i64>,
    at: &Pointer,
    issues: &mut Vec<Issue>,
) {
    match classify(value) {
        Class::Literal(Value::Number(number)) if !whole || !number.is_f64() => {
            let floor = number.as_f64().unwrap_or_default().floor();
            #[expect(clippy::cast_possible_truncation, reason = "saturates, which is what is wanted")]
            within(&format!("`{name}`"), floor as i64, Some(min), max, at, issues);
        }
        Class::Literal(Value::Null) | Class::Unknown => {}
        Class::Literal(other) => {
            let rule = if whole { "a whole number" } else { "a number" };
            issues.push(wrong_type(other, at, &format!("`{name}` is {rule}")));
        }
        _ => {}
    }
}

/// What some types of step have beside their arguments.
fn check_own(step: &Step<'_>, kind: &Kind, definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    let at = |key: &str| step.pointer.key(key);
    let checks: &[&str] = match kind.name {
        "QualityCheck" => &["DATA_QUALITY", "MODEL_QUALITY"],
        "ClarifyCheck" => &["DATA_BIAS", "MODEL_BIAS", "MODEL_EXPLAINABILITY"],
        _ => &[],
    };
    if !checks.is_empty() {
        check_word(&step.value["CheckType"], "type of this check", checks, &at("CheckType"), issues);
        for key in ["SkipCheck", "FailOnViolation", "RegisterNewBaseline"] {
            forms::boolean(&step.value[key], &format!("`{key}`"), &at(key), definition, issues);
        }
        let texts = [
            "ModelName",
            "ModelPackageGroupName",
            "SuppliedBaselineConstraints",
            "SuppliedBaselineStatistics",
        ];
        for key in texts {
            forms::text(&step.value[key], &format!("`{key}`"), 1024, &at(key), definition, issues);
        }
    }
    if kind.name == "Lambda" {
        let arn = forms::text(
            &step.value["FunctionArn"],
            "`FunctionArn`",
            256,
            &at("FunctionArn"),
            definition,
            issues,
        );
        if arn.is_some_and(|arn| !(arn.starts_with("arn:") && arn.contains(":lambda:"))) {
            issues.push(
                Issue::new(
                    Code::WrongForm,
                    at("FunctionArn"),
                    "`FunctionArn` is the ARN of a Lambda function",
                )
                .label("not such an ARN")
                .help("write `arn:aws:lambda:<region>:<account>:function:<name>`"),
            );
        }
    }
    if kind.name == "Callback" {
        let url = forms::text(
            &step.value["SqsQueueUrl"],
            "`SqsQueueUrl`",
            1024,
            &at("SqsQueueUrl"),
            definition,
            issues,
        );
        if url.is_some_and(|url| !url.starts_with("https://")) {
            issues.push(
                Issue::new(Code::WrongForm, at("SqsQueueUrl"), "`SqsQueueUrl` is the URL of a queue")
                    .label("not a URL")
                    .help("write `https://sqs.<region>.amazonaws.com/<account>/<name>`"),
            );
        }
    }
    check_outputs(step, issues);
    if kind.keys.contains(&"PropertyFiles") {
        check_files(step, issues);
    }
}

fn check_outputs(step: &Step<'_>, issues: &mut Vec<Issue>) {
    let at = step.pointer.key("OutputParameters");
    match &step.value["OutputParameters"] {
        Value::Null => {}
        Value::Array(outputs) => {
            let keys =
                Keys { what: "an output parameter", required: &["OutputName", "OutputType"], optional: &[] };
            for (index, output) in outputs.iter().enumerate() {
                let at = at.index(index);
                if keys.check(output, &at, issues).is_some() {
                    let types = &OUTPUT_TYPES;
                    check_word(
                        &output["OutputType"],
                        "type of an output",
                        types,
                        &at.key("OutputType"),
                        issues,
                    );
                    if !output["OutputName"].is_string() && !output["OutputName"].is_null() {
                        let name = &output["OutputName"];
                        issues.push(wrong_type(name, &at.key("OutputName"), "the name of an output is text"));
                    }
                }
            }
            check_twice(outputs.iter().map(|one| &one["OutputName"]), &at, "OutputName", "output", issues);
        }
        other => issues.push(wrong_type(other, &at, "`OutputParameters` is a list")),
    }
}

fn check_files(step: &Step<'_>, issues: &mut Vec<Issue>) {
    let at = step.pointer.key("PropertyFiles");
    let files = match &step.value["PropertyFiles"] {
        Value::Null => return,
        Value::Array(files) => files,
        other => return issues.push(wrong_type(other, &at, "`PropertyFiles` is a list")),
    };
    let outputs: Vec<Option<&str>> = items(&step.arguments()["ProcessingOutputConfig"]["Outputs"])
        .map(|(_, output)| text(&output["OutputName"]))
        .collect();
    let keys = Keys {
        what: "a property file",
        required: &["PropertyFileName", "OutputName", "FilePath"],
        optional: &[],
    };
    for (index, file) in files.iter().enumerate() {
        let at = at.index(index);
        if keys.check(file, &at, issues).is_none() {
            continue;
        }
        for key in ["PropertyFileName", "OutputName", "FilePath"] {
            if !file[key].is_string()
                && !file[key].is_null()
                && !matches!(classify(&file[key]), Class::Unknown)
            {
                issues.push(wrong_type(&file[key], &at.key(key), &format!("`{key}` is text")));
            }
        }
        let Some(name) = text(&file["OutputName"]) else { continue };
        if outputs.contains(&Some(name)) || outputs.contains(&None) {
            continue;
        }
        let message = format!("{} has no output `{name}`", step.called());
        let issue =
            Issue::new(Code::UnknownReference, at.key("OutputName"), message).label("not among its outputs");
        issues.push(match nearest(name, outputs.iter().copied().flatten()) {
            Some(near) => issue.fix(near, format!("did you mean `{near}`?")),
            None => issue.help(format!("it has {}", or_list(outputs.iter().copied().flatten()))),
        });
    }
    let names = files.iter().map(|one| &one["PropertyFileName"]);
    check_twice(names, &at, "PropertyFileName", "property file", issues);
}

/// Says whether there are more property files, or more values read from them, than Pipelines takes.
pub(super) fn check_counts(definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    let files: Vec<Pointer> = definition
        .steps
        .iter()
        .flat_map(|step| {
            let at = step.pointer.key("PropertyFiles");
            items(&step.value["PropertyFiles"]).map(move |(index, _)| at.index(index))
        })
        .collect();
    let lookups: Vec<Pointer> = mappings(definition.root, &Pointer::root())
        .into_iter()
        .filter(|(members, _)| members.len() == 1 && members.contains_key("Std:JsonGet"))
        .map(|(_, at)| at)
        .collect();
    let most = usize::try_from(MOST_LOOKUPS).unwrap_or(usize::MAX);
    if let Some(first) = lookups.get(most) {
        let what = "the number of values read from property files";
        within(what, size(lookups.len()), None, Some(MOST_LOOKUPS), first, issues);
    }
    let most = usize::try_from(MOST_PROPERTY_FILES).unwrap_or(usize::MAX);
    if let Some(first) = files.get(most) {
        let what = "the number of property files of the pipeline";
        within(what, size(files.len()), None, Some(MOST_PROPERTY_FILES), first, issues);
    }
}
