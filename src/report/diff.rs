//! A diff for people: a tree of what changes and what that does, the worst first, within 80 columns.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::diff::{
    AcceptState, Accepted, Change, ChangeKind, Diff, Flag, Link, PipelineDiff, Recompute, ResourceDiff,
};

/// The width of the terminals that it is made for.
const WIDTH: usize = 80;

/// A longer value is cut.
const LONGEST: usize = 60;

/// The diff as text.
pub fn diff_text(diff: &Diff) -> String {
    let mut out = String::new();
    for resource in &diff.resources {
        let ResourceDiff { document, logical_id, resource_type, impact, .. } = resource;
        let head = format!("{}: {document}/{logical_id} {resource_type}", impact.words());
        tree(&head, &of_resource(resource), &mut out);
    }
    diff.pipelines.iter().for_each(|pipeline| of_pipeline(pipeline, &mut out));
    let permissions = diff.permissions.iter().map(|it| format!("{} ({})", it.sentence(), it.resource));
    tree("permissions", &permissions.collect::<Vec<_>>(), &mut out);
    for document in &diff.documents {
        let told = diff.pipelines.iter().any(|it| it.document.as_ref() == Some(&document.name));
        let changes = document.changes.iter().filter(|_| !told).map(changed).collect::<Vec<_>>();
        tree(&document.name, &changes, &mut out);
    }
    let unknowns = diff
        .unknowns
        .iter()
        .map(|it| format!("{}: {}; if it differs, the worst is: {}", it.name, it.why, it.impact.words()));
    tree("known after the deployment", &unknowns.collect::<Vec<_>>(), &mut out);
    tree("accepted risks", &diff.accepted.iter().map(accepted).collect::<Vec<_>>(), &mut out);
    out.push_str(&sum(diff));
    out
}

/// An accepted risk in one line.
fn accepted(it: &Accepted) -> String {
    let Accepted { class, resource, reason, expires, state, about } = it;
    let held = match state {
        AcceptState::Holds => about.join("; "),
        AcceptState::Expired => "expired: accepts nothing".to_owned(),
        AcceptState::Unused => "unused: nothing of the kind changes".to_owned(),
    };
    format!("{class} of {resource} until {expires}, because: {reason} ({held})")
}

/// `2 resources: 1 replace, 1 update`.
fn sum(diff: &Diff) -> String {
    if diff.is_empty() {
        return "nothing changes\n".to_owned();
    }
    let mut counts = BTreeMap::new();
    for resource in &diff.resources {
        *counts.entry(std::cmp::Reverse(resource.impact)).or_insert(0) += 1;
    }
    let counts: Vec<_> =
        counts.into_iter().map(|(impact, count)| format!("{count} {}", impact.0.words())).collect();
    let anew = diff.pipelines.iter().flat_map(|it| &it.steps).filter(|it| it.recompute == Recompute::Yes);
    let (resources, steps) = (diff.resources.len(), anew.count());
    let colon = if counts.is_empty() { "" } else { ": " };
    format!("resources {resources}{colon}{}; steps computed anew {steps}\n", counts.join(", "))
}

fn of_resource(resource: &ResourceDiff) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(was) = &resource.was {
        out.push(format!("was {}/{}", was.document, was.logical_id));
    }
    if resource.changes.iter().any(|change| !change.path.is_empty()) {
        out.extend(resource.changes.iter().map(changed));
    }
    for reason in &resource.reasons {
        let links = reason.chain.iter().map(|Link { name, by }| format!("{name} ({by})"));
        let chain = links.collect::<Vec<_>>().join(" → ");
        let from = if chain.is_empty() { String::new() } else { format!(", from {chain}") };
        let maybe = if reason.certain { "" } else { "perhaps: " };
        out.push(format!("{maybe}{}{from}", reason.fact));
    }
    out.extend(flags(&resource.flags));
    out
}

fn flags(flags: &[Flag]) -> impl Iterator<Item = String> {
    flags.iter().map(|flag| format!("! {}: {}", flag.kind.words(), flag.why.join("; ")))
}

fn of_pipeline(pipeline: &PipelineDiff, out: &mut String) {
    let holder = pipeline.resource.as_ref().map(|it| format!("{}/{}", it.document, it.logical_id));
    let name = holder.or_else(|| pipeline.document.clone()).unwrap_or_default();
    let changes: Vec<_> =
        pipeline.changes.iter().filter(|change| !change.path.is_empty()).map(changed).collect();
    tree(&format!("pipeline {name}"), &changes, out);
    for step in &pipeline.steps {
        let recompute = match step.recompute {
            Recompute::No => "its cached result is used",
            Recompute::May => "may be computed anew",
            Recompute::Yes => "computed anew",
            Recompute::Always => "runs in every execution",
        };
        let mut lines = vec![recompute.to_owned()];
        lines.extend(step.was_in.iter().map(|was| match was.as_str() {
            "" => "was in no branch".to_owned(),
            was => format!("was in {was}"),
        }));
        lines.extend(step.needs_added.iter().map(|name| format!("waits for {name} now")));
        lines.extend(step.needs_removed.iter().map(|name| format!("no longer waits for {name}")));
        lines.extend(step.changes.iter().filter(|change| !change.path.is_empty()).map(changed));
        lines.extend(step.why.iter().cloned());
        lines.extend(flags(&step.flags));
        tree(&format!("step {name}/{}: {}", step.name, step.action.words()), &lines, out);
    }
}

/// A change in one line; that of JSON in text by what changes in it.
fn changed(change: &Change) -> String {
    if let Some(inside) = &change.inside {
        let inside: Vec<_> = inside.iter().map(changed).collect();
        let inside = if inside.is_empty() { "written otherwise".to_owned() } else { inside.join("; ") };
        return format!("{}: {inside}", change.path);
    }
    let side = |value: &Option<Value>| value.as_ref().map(shown).unwrap_or_default();
    let (path, before, after) = (&change.path, side(&change.before), side(&change.after));
    match change.kind {
        ChangeKind::Added => format!("+ {path}: {after}"),
        ChangeKind::Removed => format!("- {path}: {before}"),
        ChangeKind::Changed => format!("~ {path}: {before} → {after}"),
        ChangeKind::Moved => format!("~ {path}: at another place"),
    }
}

fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

/// A line with lines beneath it; nothing when there are none.
fn tree(head: &str, lines: &[String], out: &mut String) {
    if lines.is_empty() {
        return;
    }
    wrapped(head, "", "  ", out);
    for (index, line) in lines.iter().enumerate() {
        let (first, rest) =
            if index + 1 == lines.len() { ("└─ ", "     ") } else { ("├─ ", "│    ") };
        wrapped(line, first, rest, out);
    }
}

/// A text in lines that fit, broken between words where that goes.
fn wrapped(text: &str, first: &str, rest: &str, out: &mut String) {
    let (mut lines, mut line, mut width) = (Vec::new(), String::new(), WIDTH - first.chars().count());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if !line.is_empty() && line.chars().count() + 1 + length > width {
            lines.push(std::mem::take(&mut line));
            width = WIDTH - rest.chars().count();
        } else if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            if line.chars().count() == width {
                lines.push(std::mem::take(&mut line));
                width = WIDTH - rest.chars().count();
            }
            line.push(c);
        }
    }
    lines.push(line);
    for (index, line) in lines.iter().enumerate() {
        let lead = if index == 0 { first } else { rest };
        writeln!(out, "{lead}{line}").expect("text takes any text");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::diff::documents;

    #[test]
    fn the_worst_comes_first_and_all_fits() {
        let template = |kind: &str, rate: i32| {
            json!({ "Resources": {
                "Config": { "Type": "AWS::SageMaker::EndpointConfig", "Properties": { "ProductionVariants": [
                    { "VariantName": "AllTraffic", "ModelName": "m", "InstanceType": kind },
                ] } },
                "Endpoint": { "Type": "AWS::SageMaker::Endpoint", "Properties": {
                    "EndpointConfigName": { "Fn::GetAtt": ["Config", "EndpointConfigName"] },
                } },
                "Alarm": { "Type": "AWS::CloudWatch::Alarm", "Properties": {
                    "Threshold": rate, "ComparisonOperator": "GreaterThanThreshold",
                } },
            } })
        };
        let diff = documents(Some(template("ml.c5.xlarge", 5)), Some(template("ml.c5.2xlarge", 50)));
        let text = diff_text(&diff);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        let heads: Vec<_> = text.lines().filter(|line| !line.starts_with(['├', '│', '└', ' '])).collect();
        assert_eq!(
            heads,
            [
                "replace: document/Config AWS::SageMaker::EndpointConfig",
                "rolls: document/Endpoint AWS::SageMaker::Endpoint",
                "update: document/Alarm AWS::CloudWatch::Alarm",
                "resources 3: 1 replace, 1 rolls, 1 update; steps computed anew 0",
            ]
        );
        assert_eq!(diff_text(&documents(None, None)), "nothing changes\n");
    }

    #[test]
    fn long_words_are_broken() {
        let mut out = String::new();
        wrapped(&"x".repeat(200), "├─ ", "│    ", &mut out);
        assert_eq!(out.lines().map(|line| line.chars().count()).collect::<Vec<_>>(), [80, 80, 53]);
    }
}
