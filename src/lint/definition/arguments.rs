//! The arguments of the steps that send no request of one API.

use serde_json::Value;

use super::condition;
use super::expression::{Class, classify, text};
use super::forms::{self, Keys, size, within, wrong_type};
use super::model::items;
use super::steps::{check_number, check_word};
use super::{Definition, Step, reference, request};
use crate::diag::{Code, Issue, Pointer, nearest};
use crate::rules::pipelines::{MOST_CONDITIONS, MOST_IN_BRANCH};

/// Items of `ForEach` that may be listed, and how many may run at once; `for_each_step.py` of sagemaker-mlops 1.27.
const MOST_ITEMS: i64 = 100;
const MOST_AT_ONCE: i64 = 50;

/// Says what is wrong with the arguments of such a step.
pub(super) fn check(step: &Step<'_>, definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    if !step.arguments().is_object() {
        return;
    }
    match step.type_name {
        "Condition" => check_condition(step, definition, issues),
        "Fail" => check_fail(step, definition, issues),
        "ForEach" => check_for_each(step, definition, issues),
        "Cleanup" => check_cleanup(step, definition, issues),
        "EMR" => check_emr(step, definition, issues),
        "EMRServerless" => check_one(step, ["ApplicationId", "ApplicationConfig"], issues),
        "Lineage" => check_lineage(step, definition, issues),
        _ => {}
    }
}

fn check_condition(step: &Step<'_>, definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    let at = step.arguments_at();
    let keys = Keys {
        what: "the request of a Condition step",
        required: &["Conditions"],
        optional: &["ElseSteps", "IfSteps"],
    };
    let Some(arguments) = keys.check(step.arguments(), &at, issues) else { return };
    match &step.arguments()["Conditions"] {
        Value::Null => {}
        Value::Array(conditions) => {
            let place = at.key("Conditions");
            let what = "the number of conditions";
            within(what, size(conditions.len()), Some(1), Some(MOST_CONDITIONS), &place, issues);
            for (index, one) in conditions.iter().enumerate() {
                condition::check(one, &place.index(index), definition, issues);
            }
            condition::check_constant(conditions, &place, issues);
        }
        other => issues.push(wrong_type(other, &at.key("Conditions"), "`Conditions` is a list")),
    }
    let mut any = false;
    for key in ["IfSteps", "ElseSteps"] {
        let Some(steps) = arguments.get(key).filter(|steps| !steps.is_null()) else { continue };
        let place = at.key(key);
        match steps {
            Value::Array(steps) => {
                any |= !steps.is_empty();
                let what = format!("the number of steps in `{key}`");
                within(&what, size(steps.len()), None, Some(MOST_IN_BRANCH), &place, issues);
                for (index, step) in steps.iter().enumerate().filter(|(_, step)| !step.is_object()) {
                    issues.push(wrong_type(step, &place.index(index), "a step is a mapping"));
                }
            }
            other => {
                any = true;
                issues.push(wrong_type(other, &place, &format!("`{key}` is a list")));
            }
        }
    }
    if !any {
        issues.push(
            Issue::new(Code::ConstantCondition, at, format!("nothing follows from {}", step.called()))
                .on_key()
                .label("both branches are empty")
                .help("put steps into `IfSteps` or `ElseSteps`"),
        );
    }
}

fn check_fail(step: &Step<'_>, definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    let at = step.arguments_at();
    let keys = Keys { what: "the request of a Fail step", required: &["ErrorMessage"], optional: &[] };
    if keys.check(step.arguments(), &at, issues).is_some() {
        // `FailStepMetadata$ErrorMessage` of the API.
        let message = &step.arguments()["ErrorMessage"];
        forms::text(message, "`ErrorMessage`", 3072, &at.key("ErrorMessage"), definition, issues);
    }
}

fn check_for_each(step: &Step<'_>, definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    let at = step.arguments_at();
    let keys = Keys {
        what: "the request of a ForEach step",
        required: &["IterableItems", "MaxConcurrency", "ForEachBody"],
        optional: &["Selector"],
    };
    if keys.check(step.arguments(), &at, issues).is_none() {
        return;
    }
    let arguments = step.arguments();
    let place = at.key("IterableItems");
    match classify(&arguments["IterableItems"]) {
        Class::Literal(Value::Array(all)) => {
            within("the number of items", size(all.len()), Some(1), Some(MOST_ITEMS), &place, issues);
            for (index, item) in all.iter().enumerate() {
                if let Class::Literal(Value::Object(_) | Value::Array(_) | Value::Null) = classify(item) {
                    issues.push(wrong_type(item, &place.index(index), "an item is a scalar"));
                }
            }
        }
        Class::Literal(Value::Null) => {}
        Class::Literal(other) => {
            issues.push(wrong_type(other, &place, "the items are a list, or an expression that gives one"));
        }
        _ => {}
    }
    let most = Some(MOST_AT_ONCE);
    let place = at.key("MaxConcurrency");
    check_number(&arguments["MaxConcurrency"], "MaxConcurrency", true, 1, most, &place, issues);
    match &arguments["ForEachBody"] {
        Value::Null => {}
        Value::Array(body) => {
            let place = at.key("ForEachBody");
            within("the number of steps in the body", size(body.len()), Some(1), None, &place, issues);
            for (index, inner) in body.iter().enumerate() {
                if let Some(kind @ ("Condition" | "Fail" | "ForEach")) = inner["Type"].as_str() {
                    issues.push(
                        Issue::new(
                            Code::WrongReference,
                            place.index(index).key("Type"),
                            format!("the body of a ForEach step has no {kind} step"),
                        )
                        .label("not possible in a body")
                        .help("move it out of the body"),
                    );
                }
            }
        }
        other => issues.push(wrong_type(other, &at.key("ForEachBody"), "`ForEachBody` is a list")),
    }
    check_selector(step, definition, issues);
    check_child_names(step, definition, issues);
}

fn check_selector(step: &Step<'_>, definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    let selector = &step.arguments()["Selector"];
    if selector.is_null() {
        return;
    }
    let at = step.arguments_at().key("Selector");
    let keys = Keys { what: "a selector", required: &["Pick", "Field"], optional: &[] };
    if keys.check(selector, &at, issues).is_none() {
        return;
    }
    check_word(&selector["Pick"], "way to pick an iteration", &["MaxBy", "MinBy"], &at.key("Pick"), issues);
    let bodies: Vec<&str> =
        items(&step.arguments()["ForEachBody"]).filter_map(|(_, body)| body["Name"].as_str()).collect();
    if !matches!(classify(&selector["Field"]), Class::Get(_) | Class::Unknown) && !selector["Field"].is_null()
    {
        issues.push(wrong_type(&selector["Field"], &at.key("Field"), "`Field` refers to a value by `Get`"));
    }
    let Some(field) = selector["Field"]["Get"].as_str() else { return };
    let body = field.strip_prefix("IterationOutput.").and_then(|rest| {
        let end = rest.find(['.', '['])?;
        Some(&rest[..end])
    });
    let place = at.key("Field").key("Get");
    match body {
        None => issues.push(
            Issue::new(Code::WrongReference, place, format!("`{field}` is the same in every iteration"))
                .label("nothing to choose by")
                .help("write `IterationOutput.<step of the body>.<member>`"),
        ),
        Some(body) if !bodies.contains(&body) => {
            let issue = Issue::new(Code::UnknownReference, place, format!("the body has no step `{body}`"))
                .label("not in the body");
            issues.push(match nearest(body, bodies.iter().copied()) {
                Some(near) => issue.fix(field.replacen(body, near, 1), format!("did you mean `{near}`?")),
                None => issue.help("name a step of this body"),
            });
        }
        // Its values are those that a reference to the step itself would find.
        Some(_) => {
            let path = field.replacen("IterationOutput.", "Steps.", 1);
            issues.extend(reference::follow(&path, definition).err().map(|fault| {
                let issue = Issue { fix: None, ..fault.issue(place) };
                issue.help("name a value of the step: `IterationOutput.<step of the body>.<member>`")
            }));
        }
    }
}

/// Iterations are called `<step of the body>-0` and so on: no other step may be.
fn check_child_names(step: &Step<'_>, definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    for (index, body) in items(&step.arguments()["ForEachBody"]) {
        let Some(name) = text(&body["Name"]).filter(|name| !name.is_empty()) else { continue };
        let taken = definition.steps.iter().find(|other| {
            other
                .name
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('-'))
                .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
        });
        if let Some(other) = taken {
            issues.push(
                Issue::new(
                    Code::DuplicateName,
                    other.pointer.key("Name"),
                    format!("an iteration of `{name}` is called `{}`, too", other.name),
                )
                .also(step.arguments_at().key("ForEachBody").index(index).key("Name"), "the step of the body")
                .help("rename one of them"),
            );
        }
    }
}

fn check_cleanup(step: &Step<'_>, definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    let at = step.arguments_at();
    let keys = Keys { what: "the request of a Cleanup step", required: &["Resources"], optional: &[] };
    if keys.check(step.arguments(), &at, issues).is_none() || step.arguments()["Resources"].is_null() {
        return;
    }
    let at = at.key("Resources");
    let resources = &step.arguments()["Resources"];
    let keys = Keys { what: "`Resources`", required: &["S3"], optional: &[] };
    if keys.check(resources, &at, issues).is_none() {
        return;
    }
    let at = at.key("S3");
    let sources = match &resources["S3"] {
        Value::Null => return,
        Value::Array(sources) => sources,
        other => return issues.push(wrong_type(other, &at, "`S3` is a list")),
    };
    within("the number of sources", size(sources.len()), Some(1), None, &at, issues);
    let keys = Keys { what: "a source", required: &["StepName"], optional: &["S3Uris"] };
    for (index, source) in sources.iter().enumerate() {
        let at = at.index(index);
        if keys.check(source, &at, issues).is_none() {
            continue;
        }
        forms::name(&source["StepName"], "the name of a step", &at.key("StepName"), issues);
        let Some(name) = text(&source["StepName"]) else { continue };
        if definition.step(name).is_none() {
            let place = at.key("StepName");
            let issue = Issue::new(Code::UnknownReference, place, format!("there is no step `{name}`"))
                .label("not in this pipeline");
            issues.push(match nearest(name, definition.by_name.keys().copied()) {
                Some(near) => issue.fix(near, format!("did you mean `{near}`?")),
                None => issue.help("name a step whose outputs are to be deleted"),
            });
        }
        if let Value::Array(uris) = &source["S3Uris"] {
            within("the number of URIs", size(uris.len()), Some(1), None, &at.key("S3Uris"), issues);
        }
    }
}

/// Runs on something that is there, by its id, or on something of its own.
fn check_one(step: &Step<'_>, [id, config]: [&str; 2], issues: &mut Vec<Issue>) {
    let given = |key: &str| !step.arguments()[key].is_null();
    if given(id) == given(config) {
        let message = format!("{} runs on either `{id}` or `{config}`", step.called());
        issues.push(
            Issue::new(Code::OneOf, step.arguments_at(), message)
                .on_key()
                .label(if given(id) { "has both" } else { "has neither" })
                .help(format!("give `{id}` of one that is there, or `{config}` for one of its own")),
        );
    }
}

fn check_emr(step: &Step<'_>, definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    let at = step.arguments_at();
    let keys = Keys {
        what: "the request of an EMR step",
        required: &["StepConfig"],
        optional: &["ClusterConfig", "ClusterId", "ExecutionRoleArn"],
    };
    let arguments = step.arguments();
    if keys.check(arguments, &at, issues).is_none() {
        return;
    }
    let given = |key: &str| !arguments[key].is_null();
    check_one(step, ["ClusterId", "ClusterConfig"], issues);
    if given("ExecutionRoleArn") && !given("ClusterId") {
        issues.push(
            Issue::new(
                Code::OneOf,
                at.key("ExecutionRoleArn"),
                "`ExecutionRoleArn` goes with `ClusterId` only",
            )
            .on_key()
            .help("take it away, or name a cluster by `ClusterId`"),
        );
    }
    forms::text(&arguments["ClusterId"], "`ClusterId`", 256, &at.key("ClusterId"), definition, issues);
    let role = &arguments["ExecutionRoleArn"];
    forms::text(role, "`ExecutionRoleArn`", 2048, &at.key("ExecutionRoleArn"), definition, issues);
    check_emr_step(&arguments["StepConfig"], &at.key("StepConfig"), definition, issues);
    let cluster = &arguments["ClusterConfig"];
    if let Value::Object(members) = cluster {
        let place = at.key("ClusterConfig");
        // The name and what ends the cluster are Pipelines' own.
        for key in ["Name", "Steps"].iter().filter(|key| members.contains_key(**key)) {
            issues.push(
                Issue::new(
                    Code::UnknownKey,
                    place.key(key),
                    format!("Pipelines gives the cluster its `{key}`"),
                )
                .on_key()
                .help(format!("remove `{key}`")),
            );
        }
        let mut whole = members.clone();
        whole.insert("Name".to_owned(), Value::from("cluster"));
        request::check_value(&Value::Object(whole), "emr:RunJobFlowInput", &place, definition, issues);
    } else if !cluster.is_null() && !matches!(classify(cluster), Class::Unknown) {
        issues.push(wrong_type(cluster, &at.key("ClusterConfig"), "`ClusterConfig` is a mapping"));
    }
}

/// Pipelines names the step and says what follows from its failure, so these may be left away.
fn check_emr_step(config: &Value, at: &Pointer, definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    match config {
        Value::Null => {}
        Value::Object(members) => {
            let mut whole = members.clone();
            whole.entry("Name").or_insert(Value::from("step"));
            request::check_value(&Value::Object(whole), "emr:StepConfig", at, definition, issues);
        }
        other if matches!(classify(other), Class::Unknown) => {}
        other => issues.push(wrong_type(other, at, "`StepConfig` is a mapping")),
    }
}

fn check_lineage(step: &Step<'_>, definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    let at = step.arguments_at();
    let keys = Keys {
        what: "the request of a Lineage step",
        required: &[],
        optional: &["Actions", "Artifacts", "Associations", "Contexts"],
    };
    let Some(arguments) = keys.check(step.arguments(), &at, issues) else { return };
    if !arguments.values().any(|list| list.as_array().is_some_and(|list| !list.is_empty())) {
        issues.push(
            Issue::new(Code::MissingKey, at.clone(), format!("{} records nothing", step.called()))
                .on_key()
                .help("add one of `Actions`, `Artifacts`, `Contexts` and `Associations`"),
        );
    }
    for (key, shape) in [
        ("Actions", "CreateActionRequest"),
        ("Artifacts", "CreateArtifactRequest"),
        ("Contexts", "CreateContextRequest"),
    ] {
        let Some(list) = arguments.get(key) else { continue };
        if !list.is_array() && !list.is_null() {
            issues.push(wrong_type(list, &at.key(key), &format!("`{key}` is a list")));
        }
        for (index, entity) in items(list) {
            request::check_value(entity, shape, &at.key(key).index(index), definition, issues);
        }
    }
    let keys =
        Keys { what: "an association", required: &["Source", "Destination"], optional: &["AssociationType"] };
    let types = ["AssociatedWith", "ContributedTo", "DerivedFrom", "Produced", "SameAs"];
    let associations = &step.arguments()["Associations"];
    if !associations.is_array()
        && !associations.is_null()
        && !matches!(classify(associations), Class::Unknown)
    {
        issues.push(wrong_type(associations, &at.key("Associations"), "`Associations` is a list"));
    }
    for (index, association) in items(associations) {
        let at = at.key("Associations").index(index);
        if keys.check(association, &at, issues).is_none() {
            continue;
        }
        let place = at.key("AssociationType");
        check_word(&association["AssociationType"], "type of an association", &types, &place, issues);
        for key in ["Source", "Destination"] {
            let (end, at) = (&association[key], at.key(key));
            // An entity is referred to by its ARN, or, one of this step, by name and type.
            match classify(end) {
                Class::Literal(Value::Null) => continue,
                Class::Literal(Value::Object(_)) => {}
                Class::Literal(_) => {
                    issues.push(wrong_type(end, &at, "an end of an association is a mapping"));
                    continue;
                }
                _ => continue,
            }
            for member in ["Arn", "Name"] {
                forms::text(&end[member], &format!("`{member}`"), 2048, &at.key(member), definition, issues);
            }
            let entities = ["Action", "Artifact", "Context"];
            check_word(&end["Type"], "type of an entity", &entities, &at.key("Type"), issues);
        }
    }
}
