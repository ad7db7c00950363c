//! A pipeline as a Mermaid flowchart, with what changes marked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::story;
use super::value::{cut, printable};
use crate::diff::{PipelineDiff, Recompute, StepAction, StepNode};

/// A longer pipeline is no picture.
const NODES: usize = 60;

/// The picture, fenced for markdown; nothing for a pipeline without steps.
pub(super) fn picture(pipeline: &PipelineDiff, title: &str) -> String {
    let graph = &pipeline.graph;
    if graph.is_empty() || graph.len() > NODES {
        return String::new();
    }
    let ids: BTreeMap<&str, usize> =
        graph.iter().enumerate().map(|(index, step)| (step.name.as_str(), index)).collect();
    let mut out = String::from("\n```mermaid\nflowchart LR\n");
    let _ = writeln!(out, "  accTitle: {}", label(title));
    for (index, step) in graph.iter().enumerate() {
        let (open, close) = if step.step_type == "Condition" { ("{{", "}}") } else { ("[", "]") };
        let _ = writeln!(out, "  s{index}{open}\"{}\"{close}:::{}", told(step), class(step));
    }
    for (from, to, word) in edges(graph, &ids) {
        let word = word.map(|word| format!("|{word}|")).unwrap_or_default();
        let _ = writeln!(out, "  s{from} -->{word} s{to}");
    }
    for (class, style) in STYLES {
        let _ = writeln!(out, "  classDef {class} {style}");
    }
    out.push_str("```\n");
    out
}

/// Colours that read on light and dark pages, and lines that read without colours.
const STYLES: [(&str, &str); 5] = [
    ("same", "fill:#f6f8fa,stroke:#8c959f,color:#1f2328"),
    ("added", "fill:#dafbe1,stroke:#1a7f37,stroke-width:3px,color:#1f2328"),
    ("changed", "fill:#fff8c5,stroke:#9a6700,stroke-width:3px,color:#1f2328"),
    ("removed", "fill:#ffebe9,stroke:#cf222e,stroke-width:2px,stroke-dasharray:5 3,color:#1f2328"),
    ("reached", "fill:#ddf4ff,stroke:#0969da,stroke-width:2px,color:#1f2328"),
];

/// What becomes of a step, as a class of the picture.
pub(super) fn class(step: &StepNode) -> &'static str {
    match step.action {
        None => "same",
        Some(StepAction::Added) => "added",
        Some(StepAction::Changed | StepAction::Moved) => "changed",
        Some(StepAction::Removed) => "removed",
        Some(StepAction::Reached) => "reached",
    }
}

/// Steps that follow each other: what waits for what, and the branches of conditions. What a step waits for anyway,
/// through another, is not drawn.
pub(in crate::report) fn edges(
    graph: &[StepNode],
    ids: &BTreeMap<&str, usize>,
) -> Vec<(usize, usize, Option<&'static str>)> {
    let mut out = Vec::new();
    for (to, step) in graph.iter().enumerate() {
        let before: BTreeSet<usize> =
            step.needs.iter().filter_map(|name| ids.get(name.as_str()).copied()).collect();
        for from in &before {
            let anyway = before.iter().any(|other| {
                let needs = graph.get(*other).map(|it| it.needs.as_slice()).unwrap_or_default();
                other != from && needs.iter().any(|name| ids.get(name.as_str()) == Some(from))
            });
            if !anyway {
                out.push((*from, to, None));
            }
        }
        if let Some((condition, word)) = step.branch.rsplit_once('/')
            && let Some(from) = ids.get(condition)
        {
            let word = match word {
                "if" => Some("then"),
                "else" => Some("else"),
                _ => None,
            };
            out.push((*from, to, word));
        }
    }
    out
}

fn told(step: &StepNode) -> String {
    let mut out = label(&step.name);
    let marks: Vec<_> = [
        step.action.filter(|action| *action != StepAction::Reached).map(StepAction::words),
        (step.recompute == Recompute::Yes || step.recompute == Recompute::May && step.action.is_some())
            .then(|| story::recomputed(step.recompute).to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !marks.is_empty() {
        let _ = write!(out, "<br/>{}", marks.join(", "));
    }
    out
}

/// A label in quotes: Mermaid's own entities stand for what would end it or be markup.
pub(in crate::report) fn label(text: &str) -> String {
    let mut out = String::new();
    for c in cut(&printable(text), 60).chars() {
        if c.is_alphanumeric() || " -_.,/".contains(c) {
            out.push(c);
        } else {
            let _ = write!(out, "#{};", u32::from(c));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diff::documents;

    #[test]
    fn steps_are_drawn_and_labels_escaped() {
        let step =
            |name: &str, after: &[&str]| json!({ "Name": name, "Type": "Processing", "DependsOn": after });
        let gate = json!({ "Name": "gate", "Type": "Condition", "DependsOn": ["b"], "Arguments": {
            "IfSteps": [step("yes", &[])], "ElseSteps": [] } });
        let old = json!({ "Version": "2020-12-01", "Steps": [step("a", &[]), step("b", &["a"])] });
        let new = json!({ "Version": "2020-12-01", "Steps": [
            step("a", &[]), step("b", &["a"]), step("c\"]; <b>`", &["a", "b"]), gate] });
        let diff = documents(Some(old), Some(new));
        let text = super::picture(&diff.pipelines[0], "p");
        for line in [
            "flowchart LR",
            "  s0[\"a\"]:::same",
            "  s2[\"c#34;#93;#59; #60;b#62;#96;<br/>added\"]:::added",
            "  s0 --> s1",
            "  s1 --> s2",
            "  s3 -->|then| s4",
            "  classDef added fill:#dafbe1,stroke:#1a7f37,stroke-width:3px,color:#1f2328",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
        assert!(!text.contains("s0 --> s2"), "through `b` anyway: {text}");
    }
}
