//! Which steps the next execution computes anew: those whose cache key changes, and those that read from them.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-caching.html>

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::pipeline::{Definition, Step};
use super::{Change, Recompute};
use crate::rules::caching;

/// A key that is in a request, nobody says where.
const WHOLE: &str = "/Arguments";

/// Whether a step is computed anew, with each reason as a sentence.
type Anew = (Recompute, Vec<String>);

/// Whether each step is computed anew, by name; reasons only where that is news.
pub(super) fn recompute<'a>(old: &Definition<'a>, new: &Definition<'a>) -> BTreeMap<&'a str, Anew> {
    let (before, now) = (always(old), always(new));
    let mut out: BTreeMap<&str, Anew> = BTreeMap::new();
    for step in &new.steps {
        let anew = if !now.contains(step.name) {
            own(old, new, step)
        } else if old.step(step.name).is_some() && !before.contains(step.name) {
            (Recompute::Always, vec!["it runs in every execution now".to_owned()])
        } else {
            (Recompute::Always, Vec::new())
        };
        out.insert(step.name, anew);
    }
    // Each round raises a step or gives it a reason, of which there are only so many.
    loop {
        let mut changed = false;
        for step in new.steps.iter().filter(|step| !now.contains(step.name)) {
            for (name, place) in reads(step).into_iter().filter(|(name, _)| *name != step.name) {
                let (Some(source), Some(of_source)) = (new.step(name), out.get(name)) else { continue };
                let differs = old.step(name).is_none_or(|it| it.value != source.value);
                let Some((level, why)) = through(source, place, of_source, differs) else { continue };
                let Some((own, all)) = out.get_mut(step.name) else { continue };
                *own = level.max(*own);
                if !all.contains(&why) {
                    changed = true;
                    all.push(why);
                }
            }
        }
        if !changed {
            return out;
        }
    }
}

/// What a step that reads from another one has from it.
fn through(source: &Step, place: &str, of_source: &Anew, differs: bool) -> Option<(Recompute, String)> {
    let name = source.name;
    match of_source {
        (Recompute::No, _) => None,
        (Recompute::Always, why) if why.is_empty() && !differs => None,
        _ if fixed_place(source, place) => Some((
            Recompute::May,
            format!("`{name}` writes anew to the same place, which the cache key does not see"),
        )),
        (Recompute::May, _) => {
            Some((Recompute::May, format!("`{name}`, from which it reads, may be computed anew")))
        }
        _ => Some((Recompute::Yes, format!("`{name}`, from which it reads, is computed anew"))),
    }
}

/// The steps that run in every execution: those without a cache, and those that read from them another place each
/// time.
fn always<'a>(definition: &Definition<'a>) -> BTreeSet<&'a str> {
    let mut out: BTreeSet<&str> =
        definition.steps.iter().filter(|step| !is_cached(step)).map(|step| step.name).collect();
    loop {
        let before = out.len();
        for step in &definition.steps {
            let other_place = |(name, place): &(&str, &str)| {
                out.contains(name) && definition.step(name).is_some_and(|source| !fixed_place(source, place))
            };
            if reads(step).iter().any(other_place) {
                out.insert(step.name);
            }
        }
        if out.len() == before {
            return out;
        }
    }
}

/// What a step's own change says.
fn own(old: &Definition, new: &Definition, step: &Step) -> Anew {
    let Some(before) = old.step(step.name) else { return (Recompute::Yes, vec!["it is new".to_owned()]) };
    if !is_cached(before) {
        return (Recompute::May, vec!["it had no cache before".to_owned()]);
    }
    if before.kind != step.kind {
        return (Recompute::Yes, vec![format!("it was a `{}` step", before.kind)]);
    }
    let (mut level, mut why) = (Recompute::No, Vec::new());
    for member in caching::key(step.kind) {
        let (was, is) = (before.value.pointer(member), step.value.pointer(member));
        let changes = Change::whole(was, is);
        if changes.iter().any(|change| !change.is_formal()) {
            let name = member.trim_start_matches("/Arguments").trim_start_matches('/').replace('/', ".");
            if *member == WHOLE {
                level = level.max(Recompute::May);
                why.push("its request changes, parts of which are in its cache key".to_owned());
            } else {
                level = Recompute::Yes;
                why.push(format!("`{name}` changes, which is in its cache key"));
            }
        }
        gets(is.unwrap_or(&Value::Null), &mut |path| {
            let Some(name) = path.strip_prefix("Parameters.") else { return };
            if let (Some(was), Some(is)) = (old.defaults.get(name), new.defaults.get(name))
                && was != is
            {
                level = level.max(Recompute::May);
                let sentence = format!("parameter `{name}`, which is in its cache key, has another default");
                if !why.contains(&sentence) {
                    why.push(sentence);
                }
            }
        });
    }
    (level, why)
}

fn is_cached(step: &Step) -> bool {
    let enabled = step.value.pointer("/CacheConfig/Enabled");
    let enabled = enabled.is_some_and(|it| *it == Value::Bool(true) || it.as_str() == Some("true"));
    enabled
        && !caching::key(step.kind).is_empty()
        && !caching::key(step.kind)
            .iter()
            .any(|member| *member != WHOLE && step.value.pointer(member).is_some_and(caching::varies))
}

/// The steps that a step's cache key reads from, with the place in each.
fn reads<'a>(step: &'a Step) -> Vec<(&'a str, &'a str)> {
    let mut out = Vec::new();
    for member in caching::key(step.kind) {
        if let Some(value) = step.value.pointer(member) {
            gets(value, &mut |path| out.extend(of_step(path)));
        }
    }
    out
}

/// Whether a step gives the same there each time: an output that it writes to a place with a fixed name.
fn fixed_place(source: &Step, place: &str) -> bool {
    let Some(rest) = place.strip_prefix("ProcessingOutputConfig.Outputs[") else { return false };
    let Some((key, rest)) = rest.split_once(']') else { return false };
    let key = key.trim_matches(['\'', '"']);
    let outputs = source.value.pointer("/Arguments/ProcessingOutputConfig/Outputs").and_then(Value::as_array);
    let output = outputs.and_then(|outputs| {
        let named = outputs.iter().find(|it| it.get("OutputName").and_then(Value::as_str) == Some(key));
        named.or_else(|| outputs.get(key.parse::<usize>().ok()?))
    });
    let uri = output.and_then(|output| output.pointer("/S3Output/S3Uri"));
    rest == ".S3Output.S3Uri"
        && uri.is_some_and(|uri| {
            let mut dynamic = false;
            gets(uri, &mut |path| dynamic |= !path.starts_with("Parameters."));
            !dynamic
        })
}

/// The step that an expression names, and the place in it.
pub(super) fn of_step(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("Steps.")?;
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    Some((&rest[..end], rest[end..].trim_start_matches('.')))
}

/// Visits every expression that gets something.
pub(super) fn gets<'a>(value: &'a Value, visit: &mut dyn FnMut(&'a str)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| gets(item, visit)),
        Value::Object(members) => {
            if let Some(path) = members.get("Get").and_then(Value::as_str) {
                visit(path);
            }
            members.values().for_each(|member| gets(member, visit));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::diff::{PipelineDiff, documents};

    fn step(name: &str, kind: &str, arguments: &Value) -> Value {
        json!({ "Name": name, "Type": kind, "Arguments": arguments, "CacheConfig": { "Enabled": true } })
    }

    fn read(uri: &Value) -> Value {
        json!([{ "InputName": "in", "S3Input": { "S3Uri": uri } }])
    }

    /// Three steps, each of which reads from the one before; the last is within a branch.
    fn definition() -> Value {
        let output = |step: &str| json!({ "Get": format!("Steps.{step}.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri") });
        let prepare = json!({
            "Environment": { "A": "1" },
            "ProcessingInputs": read(&json!({ "Get": "Parameters.input" })),
            "ProcessingResources": { "ClusterConfig": { "InstanceType": "ml.m5.large", "InstanceCount": 1 } },
            "ProcessingOutputConfig": { "Outputs": [
                { "OutputName": "out", "S3Output": { "S3Uri": { "Std:Join": { "On": "/", "Values": [
                    "s3://b", { "Get": "Execution.PipelineExecutionId" },
                ] } } } },
            ] },
        });
        let train = json!({
            "HyperParameters": { "depth": "5" },
            "InputDataConfig": [{ "ChannelName": "train", "S3Uri": output("prepare") }],
        });
        let evaluate = json!({
            "ProcessingInputs": read(&json!({ "Get": "Steps.train.ModelArtifacts.S3ModelArtifacts" })),
        });
        json!({
            "Version": "2020-12-01",
            "Parameters": [{ "Name": "input", "Type": "String", "DefaultValue": "s3://raw" }],
            "Steps": [
                step("prepare", "Processing", &prepare),
                step("train", "Training", &train),
                { "Name": "gate", "Type": "Condition", "Arguments": {
                    "Conditions": [],
                    "IfSteps": [step("evaluate", "Processing", &evaluate)],
                    "ElseSteps": [],
                } },
            ],
        })
    }

    /// Each step that changes or is computed anew, as `name action recompute`.
    fn shown(pipeline: &PipelineDiff) -> Vec<String> {
        let word = |value: Value| value.as_str().map(ToOwned::to_owned).unwrap_or_default();
        let of = |step: &crate::diff::StepDiff| {
            let action = serde_json::to_value(step.action).map(word).unwrap_or_default();
            let recompute = serde_json::to_value(step.recompute).map(word).unwrap_or_default();
            let mut out = format!("{} {action} {recompute}", step.name);
            for (sign, names) in [('+', &step.needs_added), ('-', &step.needs_removed)] {
                for name in names {
                    out = format!("{out} {sign}{name}");
                }
            }
            if let Some(was) = &step.was_in {
                out = format!("{out} from:{was}");
            }
            out
        };
        pipeline.steps.iter().map(of).collect()
    }

    /// Holds what an edit of the definition does, as a document and as text within a template.
    fn check(edit: impl Fn(&mut Value), expected: &[&str]) {
        let (old, mut new) = (definition(), definition());
        edit(&mut new);
        let alone = documents(Some(old.clone()), Some(new.clone()));
        let template = |definition: &Value| {
            let properties = json!({ "PipelineDefinition": {
                "PipelineDefinitionBody": { "Fn::Sub": definition.to_string() },
            } });
            json!({ "Resources": { "P": { "Type": "AWS::SageMaker::Pipeline", "Properties": properties } } })
        };
        let within = documents(Some(template(&old)), Some(template(&new)));
        for diff in [alone, within] {
            let steps: Vec<_> = diff.pipelines.iter().flat_map(shown).collect();
            assert_eq!(steps, expected, "{:?}", diff.pipelines);
        }
    }

    #[test]
    fn what_is_in_the_key_has_all_downstream_computed_anew() {
        check(
            |it| it["Steps"][0]["Arguments"]["Environment"]["A"] = json!("2"),
            &["prepare changed yes", "train reached yes", "evaluate reached yes"],
        );
        check(
            |it| it["Steps"][1]["Arguments"]["HyperParameters"]["depth"] = json!("6"),
            &["train changed yes", "evaluate reached yes"],
        );
    }

    #[test]
    fn what_is_not_in_the_key_has_nothing_computed_anew() {
        check(
            |it| {
                it["Steps"][0]["Arguments"]["ProcessingResources"]["ClusterConfig"]["InstanceCount"] =
                    json!(2);
            },
            &["prepare changed no"],
        );
        check(|it| it["Steps"][1]["DependsOn"] = json!(["gate"]), &["train changed no +gate"]);
        check(|_| {}, &[]);
    }

    #[test]
    fn another_default_counts_only_where_no_value_is_given() {
        check(
            |it| it["Parameters"][0]["DefaultValue"] = json!("s3://other"),
            &["prepare reached may", "train reached may", "evaluate reached may"],
        );
    }

    #[test]
    fn steps_come_go_and_move() {
        check(
            |it| {
                let evaluate = it["Steps"][2]["Arguments"]["IfSteps"][0].take();
                it["Steps"][2]["Arguments"]["IfSteps"] = json!([]);
                it["Steps"][2]["Arguments"]["ElseSteps"] = json!([evaluate]);
            },
            &["evaluate moved no from:gate/if"],
        );
        check(
            |it| drop(it["Steps"].as_array_mut().map(|steps| steps.remove(2))),
            &["gate removed no", "evaluate removed no -train"],
        );
        check(
            |it| {
                let fail = json!({ "Name": "stop", "Type": "Fail", "Arguments": { "ErrorMessage": "no" } });
                it["Steps"][2]["Arguments"]["ElseSteps"] = json!([fail]);
            },
            &["stop added always"],
        );
    }

    #[test]
    fn a_step_without_a_cache_always_runs() {
        check(
            |it| it["Steps"][1]["CacheConfig"]["Enabled"] = json!(false),
            &["train changed always", "evaluate reached always"],
        );
    }

    #[test]
    fn what_is_written_to_the_same_place_is_not_seen() {
        let fixed = |it: &mut Value| {
            it["Steps"][0]["Arguments"]["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] =
                json!("s3://b/out");
        };
        let (mut old, mut new) = (definition(), definition());
        fixed(&mut old);
        fixed(&mut new);
        new["Steps"][0]["Arguments"]["Environment"]["A"] = json!("2");
        let diff = documents(Some(old), Some(new));
        assert_eq!(
            diff.pipelines.iter().flat_map(shown).collect::<Vec<_>>(),
            ["prepare changed yes", "train reached may", "evaluate reached may"]
        );
    }
}
