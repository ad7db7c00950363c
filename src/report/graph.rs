//! A pipeline and an infrastructure, drawn: in Mermaid's language, in that of Graphviz, or as one page.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::diff::{edges, label, printable};
use super::page;
use super::picture::{Edge, Node, escaped, reduced, svg};
use crate::diff::{ResourceNode, StepNode};

/// One of the pictures.
struct Part {
    title: String,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

/// The pipeline, where there is one, and each template. Arrows lead from what is used to what uses it; those whose ends
/// are joined through others are left out.
fn parts(steps: &[StepNode], resources: &[ResourceNode]) -> Vec<Part> {
    let mut all = Vec::new();
    if !steps.is_empty() {
        let ids: BTreeMap<&str, usize> =
            steps.iter().enumerate().map(|(index, step)| (step.name.as_str(), index)).collect();
        let node =
            |step: &StepNode| Node { label: step.name.clone(), below: step.step_type.clone(), class: "same" };
        let nodes = steps.iter().map(node).collect();
        all.push(Part { title: "pipeline".to_owned(), nodes, edges: edges(steps, &ids) });
    }
    let mut templates: Vec<&str> = resources.iter().map(|it| it.address.document.as_str()).collect();
    templates.dedup();
    for template in templates {
        let within: Vec<&ResourceNode> =
            resources.iter().filter(|it| it.address.document == template).collect();
        let ids: BTreeMap<&str, usize> =
            within.iter().enumerate().map(|(index, it)| (it.address.logical_id.as_str(), index)).collect();
        let mut edges = Vec::new();
        let mut nodes = Vec::new();
        for (index, it) in within.iter().enumerate() {
            edges.extend(it.needs.iter().filter_map(|name| Some((*ids.get(name.as_str())?, index, None))));
            let kind = it.resource_type.strip_prefix("AWS::").unwrap_or(&it.resource_type);
            nodes.push(Node { label: it.address.logical_id.clone(), below: kind.to_owned(), class: "same" });
        }
        all.push(Part { title: template.to_owned(), nodes, edges: reduced(&edges) });
    }
    all
}

/// A Mermaid flowchart.
pub fn graph_mermaid(title: &str, steps: &[StepNode], resources: &[ResourceNode]) -> String {
    let mut out = format!("flowchart LR\n  accTitle: {}\n", label(title));
    for (number, part) in parts(steps, resources).iter().enumerate() {
        let _ = writeln!(out, "  subgraph g{number}[\"{}\"]", label(&part.title));
        for (index, node) in part.nodes.iter().enumerate() {
            let (open, close) = if node.below == "Condition" { ("{{", "}}") } else { ("[", "]") };
            let (name, below) = (label(&node.label), label(&node.below));
            let _ = writeln!(out, "    g{number}n{index}{open}\"{name}<br/>{below}\"{close}");
        }
        for (from, to, word) in &part.edges {
            let word = word.map(|word| format!("|{word}|")).unwrap_or_default();
            let _ = writeln!(out, "    g{number}n{from} -->{word} g{number}n{to}");
        }
        out.push_str("  end\n");
    }
    out
}

/// The language of Graphviz.
/// <https://graphviz.org/doc/info/lang.html>
pub fn graph_dot(title: &str, steps: &[StepNode], resources: &[ResourceNode]) -> String {
    let quoted = |text: &str| printable(text).replace('\\', "\\\\").replace('"', "\\\"");
    let mut out = format!(
        "digraph \"{}\" {{\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n",
        quoted(title)
    );
    for (number, part) in parts(steps, resources).iter().enumerate() {
        let _ = writeln!(out, "  subgraph cluster_{number} {{\n    label=\"{}\";", quoted(&part.title));
        for (index, node) in part.nodes.iter().enumerate() {
            let shape = if node.below == "Condition" { ", shape=diamond, style=\"\"" } else { "" };
            let (name, below) = (quoted(&node.label), quoted(&node.below));
            let _ = writeln!(out, "    g{number}n{index} [label=\"{name}\\n{below}\"{shape}];");
        }
        for (from, to, word) in &part.edges {
            let word = word.map(|word| format!(" [label=\"{word}\"]")).unwrap_or_default();
            let _ = writeln!(out, "    g{number}n{from} -> g{number}n{to}{word};");
        }
        out.push_str("  }\n");
    }
    out.push_str("}\n");
    out
}

/// One page: no script, nothing loaded from elsewhere.
pub fn graph_html(title: &str, steps: &[StepNode], resources: &[ResourceNode]) -> String {
    let mut out = page::head(title, "");
    let _ = write!(
        out,
        "<h1>{}</h1>\n<p class=\"legend\">Arrows lead from what is used to what uses it; those whose ends are joined \
         through others are left out.</p>\n",
        escaped(title)
    );
    for (number, part) in parts(steps, resources).iter().enumerate() {
        let name = escaped(&part.title);
        let picture = svg(&part.nodes, &part.edges, &part.title, &format!("arrow{number}"));
        let _ = writeln!(out, "<h2>{name}</h2>\n<div class=\"scroll\" tabindex=\"0\">{picture}</div>");
    }
    out.push_str("</body>\n</html>\n");
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::diff::{Side, infrastructure, steps};

    #[test]
    fn what_names_say_is_only_text() {
        let nasty = "a\"]; <b>\\";
        let step =
            |name: &str, needs: &[&str]| json!({ "Name": name, "Type": "Processing", "DependsOn": needs });
        let gate = json!({ "Name": "gate", "Type": "Condition", "DependsOn": [nasty],
            "Arguments": { "IfSteps": [step("yes", &[])], "ElseSteps": [] } });
        let steps = steps(&json!({ "Steps": [step(nasty, &[]), gate] }));
        let side = Side::one(
            "platform",
            json!({ "Resources": {
                "A": { "Type": "AWS::S3::Bucket" },
                "B": { "Type": "AWS::S3::BucketPolicy", "Properties": { "Bucket": { "Ref": "A" } } } } }),
        );
        let resources = infrastructure(&side);
        let check = |text: &str, lines: &[&str]| {
            for line in lines {
                assert!(text.lines().any(|it| it.trim() == *line), "{line}\n{text}");
            }
        };
        let mermaid = [
            "accTitle: t",
            "g0n0[\"a#34;#93;#59; #60;b#62;#92;<br/>Processing\"]",
            "g0n1{{\"gate<br/>Condition\"}}",
            "g0n0 --> g0n1",
            "g0n1 -->|then| g0n2",
            "subgraph g1[\"platform\"]",
            "g1n0 --> g1n1",
        ];
        check(&graph_mermaid("t", &steps, &resources), &mermaid);
        let dot = [
            "digraph \"t\" {",
            "g0n0 [label=\"a\\\"]; <b>\\\\\\nProcessing\"];",
            "g0n1 -> g0n2 [label=\"then\"];",
            "g1n0 -> g1n1;",
        ];
        check(&graph_dot("t", &steps, &resources), &dot);
        let page = graph_html("t<", &steps, &resources);
        assert!(
            !page.contains("<b>") && page.matches("<svg").count() == 2 && page.contains("t&lt;"),
            "{page}"
        );
    }
}
