//! A diff as one page: no script, nothing loaded from elsewhere, readable in light and dark.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::mermaid;
use super::story::{self, Weight};
use super::value::{cut, place, shown};
use crate::diff::{
    Action, Change, Diff, Flag, Impact, PipelineDiff, ResourceDiff, ResourceNode, Side, StepAction, StepNode,
    infrastructure,
};
use crate::report::page;
use crate::report::picture::{Edge, Node, escaped, reduced, svg};

/// A longer value is cut.
const LONGEST: usize = 4000;
/// Resources of a template that are drawn all; of a larger one those that change, and what they touch.
const DRAWN: usize = 80;

/// The page. The sides are those that were compared: the infrastructure is drawn as it was and as it will be.
pub fn diff_html(diff: &Diff, old: &Side, new: &Side) -> String {
    let mut out = page::head("smstack diff", "");
    summary(diff, &mut out);
    let mut markers = 0;
    let mut marker = || {
        markers += 1;
        format!("arrow{markers}")
    };
    for pipeline in &diff.pipelines {
        let holder = pipeline.resource.as_ref().map(|it| &it.logical_id);
        let name = holder.or(pipeline.document.as_ref()).map(String::as_str).unwrap_or_default();
        heading(&format!("Pipeline {name}"), &mut out);
        legend(&mut out);
        let draw = |graph: &[StepNode], title: &str, marker: &str| {
            let (nodes, edges) = of_steps(graph);
            svg(&nodes, &edges, title, marker)
        };
        let before = before(pipeline);
        let after: Vec<_> =
            pipeline.graph.iter().filter(|it| it.action != Some(StepAction::Removed)).cloned().collect();
        sides(
            draw(&before, "the pipeline before", &marker()),
            draw(&after, "the pipeline after", &marker()),
            &mut out,
        );
        steps(pipeline, &mut out);
    }
    let (before, after) = (infrastructure(old), infrastructure(new));
    for document in &diff.documents {
        let of = |nodes: &[ResourceNode]| -> Vec<ResourceNode> {
            nodes.iter().filter(|it| it.address.document == document.name).cloned().collect()
        };
        let (before, after) = (of(&before), of(&after));
        if before.is_empty() && after.is_empty() {
            continue;
        }
        heading(&format!("Infrastructure {}", document.name), &mut out);
        legend(&mut out);
        let draw = |resources: &[ResourceNode], is_new: bool, marker: &str| {
            let (nodes, edges, left) = of_resources(diff, resources, is_new);
            let title = if is_new { "the infrastructure after" } else { "the infrastructure before" };
            let mut out = svg(&nodes, &edges, title, marker);
            if left > 0 {
                let _ = writeln!(
                    out,
                    "<p class=\"legend\">{left} resources that nothing reaches are not drawn</p>"
                );
            }
            out
        };
        sides(draw(&before, false, &marker()), draw(&after, true, &marker()), &mut out);
    }
    resources(diff, &mut out);
    lists(diff, &mut out);
    out.push_str("</body>\n</html>\n");
    out
}

fn heading(text: &str, out: &mut String) {
    let _ = writeln!(out, "<h2>{}</h2>", escaped(text));
}

fn legend(out: &mut String) {
    out.push_str(
        "<p class=\"legend\">Arrows lead from what is used to what uses it; those whose ends are joined through others are left out. Thick boxes are new or change, red ones \
         are replaced, dashed ones go, blue ones are reached by a change elsewhere.</p>\n",
    );
}

fn sides(before: String, after: String, out: &mut String) {
    out.push_str("<div class=\"sides\">\n");
    for (caption, picture) in [("before", before), ("after", after)] {
        let _ = writeln!(
            out,
            "<figure><figcaption>{caption}</figcaption><div class=\"scroll\" tabindex=\"0\">{picture}</div></figure>"
        );
    }
    out.push_str("</div>\n");
}

fn mark(words: &str, weight: Weight) -> String {
    let class = match weight {
        Weight::Note => "note",
        Weight::Warning => "warning",
        Weight::Danger => "danger",
    };
    format!("<span class=\"mark {class}\">{}</span>", escaped(words))
}

/// A sentence: what stands between single backticks, as smstack's own sentences write names, is code.
fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped(text);
    }
    let parts = parts.iter().enumerate();
    parts.map(|(index, part)| if index % 2 == 1 { code(part) } else { escaped(part) }).collect()
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", escaped(text))
}

fn summary(diff: &Diff, out: &mut String) {
    if diff.is_empty() {
        out.push_str("<h1>Nothing changes</h1>\n");
        return;
    }
    out.push_str("<h1>What changes</h1>\n<p>");
    for (impact, count) in story::impacts(diff) {
        out.push_str(&mark(&format!("{count} {}", impact.words()), story::of_impact(impact)));
    }
    for (kind, count) in story::flags(diff) {
        out.push_str(&mark(&format!("{count} {}", kind.words()), story::of_flag(kind)));
    }
    let steps = story::anew(diff);
    if steps > 0 {
        out.push_str(&mark(&format!("{steps} steps computed anew"), Weight::Note));
    }
    out.push_str("</p>\n<ul>\n");
    for first in story::first(diff) {
        let weight = match first.class {
            story::Class::Flag(kind) => story::of_flag(kind),
            story::Class::Impact(impact) => story::of_impact(impact),
        };
        let (head, who) = (mark(&first.words(), weight), escaped(&first.who()));
        let _ = writeln!(out, "<li>{head} {who}<br>{}</li>", prose(&first.why));
    }
    out.push_str("</ul>\n");
}

/// The pipeline as it was: without what is new, and wired as before.
fn before(pipeline: &PipelineDiff) -> Vec<StepNode> {
    let mut out = Vec::new();
    for step in pipeline.graph.iter().filter(|it| it.action != Some(StepAction::Added)) {
        let mut step = step.clone();
        if let Some(diff) = pipeline.steps.iter().find(|it| it.name == step.name) {
            let mut needs: BTreeSet<_> = step.needs.iter().cloned().collect();
            needs.retain(|name| !diff.needs_added.contains(name));
            needs.extend(diff.needs_removed.iter().cloned());
            step.needs = needs.into_iter().collect();
            step.branch = diff.was_in.clone().unwrap_or(step.branch);
        }
        out.push(step);
    }
    out
}

fn of_steps(graph: &[StepNode]) -> (Vec<Node>, Vec<Edge>) {
    let ids: BTreeMap<&str, usize> =
        graph.iter().enumerate().map(|(index, step)| (step.name.as_str(), index)).collect();
    let nodes = graph.iter().map(|step| {
        let anew = match step.action {
            Some(action) => format!(", {}, {}", action.words(), story::recomputed(step.recompute)),
            None => String::new(),
        };
        let below = format!("{}{anew}", step.step_type);
        Node { label: step.name.clone(), below, class: mermaid::class(step) }
    });
    (nodes.collect(), mermaid::edges(graph, &ids))
}

/// The boxes and arrows of a template on one side, and how many resources are left out.
fn of_resources(diff: &Diff, resources: &[ResourceNode], is_new: bool) -> (Vec<Node>, Vec<Edge>, usize) {
    let found = |node: &ResourceNode| diff.resources.iter().find(|it| is_of(it, node, is_new));
    let touched: BTreeSet<&str> = resources
        .iter()
        .filter(|it| found(it).is_some())
        .flat_map(|it| std::iter::once(&it.address.logical_id).chain(&it.needs))
        .map(String::as_str)
        .collect();
    let all = resources.len() <= DRAWN;
    let drawn: Vec<_> =
        resources.iter().filter(|it| all || touched.contains(it.address.logical_id.as_str())).collect();
    let ids: BTreeMap<&str, usize> =
        drawn.iter().enumerate().map(|(index, it)| (it.address.logical_id.as_str(), index)).collect();
    let mut edges = Vec::new();
    let nodes = drawn.iter().enumerate().map(|(index, it)| {
        edges.extend(it.needs.iter().filter_map(|name| Some((*ids.get(name.as_str())?, index, None))));
        let kind = it.resource_type.strip_prefix("AWS::").unwrap_or(&it.resource_type);
        let (class, words) = found(it).map_or(("same", None), |diff| class(diff, is_new));
        let words = words.map(|words| format!("{words}: ")).unwrap_or_default();
        Node { label: it.address.logical_id.clone(), below: format!("{words}{kind}"), class }
    });
    let nodes = nodes.collect();
    let edges = reduced(&edges);
    let left = resources.len() - drawn.len();
    (nodes, edges, left)
}

/// Whether a difference is that of a resource on one side.
fn is_of(diff: &ResourceDiff, node: &ResourceNode, is_new: bool) -> bool {
    let here = diff.document == node.address.document && diff.logical_id == node.address.logical_id;
    match (&diff.was, diff.action) {
        (Some(was), _) if !is_new => *was == node.address,
        (_, Action::Added) => here && is_new,
        (_, Action::Removed) => here && !is_new,
        _ => here,
    }
}

fn class(diff: &ResourceDiff, is_new: bool) -> (&'static str, Option<String>) {
    let class = match (diff.action, diff.impact) {
        (Action::Removed, _) => "removed",
        (Action::Renamed | Action::Moved, _) if !is_new => "removed",
        (Action::Added | Action::Renamed | Action::Moved, _) => "added",
        (_, Impact::Replace) => "replaced",
        (Action::Reached, _) => "reached",
        (Action::Changed, _) => "changed",
    };
    (class, Some(diff.impact.words()))
}

fn steps(pipeline: &PipelineDiff, out: &mut String) {
    for step in &pipeline.steps {
        let head = format!("{}: {}, {}", step.name, step.action.words(), story::recomputed(step.recompute));
        let mut body = String::new();
        flags(&step.flags, &mut body);
        list(step.why.iter().map(|why| prose(why)), &mut body);
        changes(step.changes.iter().filter(|change| !change.path.is_empty()), &mut body);
        fold(&escaped(&head), &body, out);
    }
    let outside: Vec<_> = pipeline.changes.iter().filter(|change| !change.path.is_empty()).collect();
    if !outside.is_empty() {
        let mut body = String::new();
        changes(outside.into_iter(), &mut body);
        fold("outside of steps", &body, out);
    }
}

fn resources(diff: &Diff, out: &mut String) {
    if diff.resources.is_empty() {
        return;
    }
    heading("Resources, the worst first", out);
    for resource in &diff.resources {
        let ResourceDiff { document, logical_id, resource_type, impact, .. } = resource;
        let mut head = mark(&impact.words(), story::of_impact(*impact));
        for flag in &resource.flags {
            head.push_str(&mark(&flag.kind.words(), story::of_flag(flag.kind)));
        }
        let _ = write!(head, "{} {}", code(&format!("{document}/{logical_id}")), escaped(resource_type));
        let mut body = String::new();
        if let Some(was) = &resource.was {
            let _ = writeln!(body, "<p>was {}</p>", code(&format!("{}/{}", was.document, was.logical_id)));
        }
        flags(&resource.flags, &mut body);
        let mut reasons: Vec<String> = Vec::new();
        for reason in resource.reasons.iter().map(|reason| prose(&story::sentence(reason))) {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        list(reasons.into_iter(), &mut body);
        changes(story::changes(diff, resource), &mut body);
        fold(&head, &body, out);
    }
}

fn lists(diff: &Diff, out: &mut String) {
    if !diff.permissions.is_empty() {
        heading("Permissions", out);
        let lines = diff.permissions.iter().map(|it| {
            let tag = if it.change.broadens() { "ins" } else { "del" };
            format!("<{tag}>{}</{tag}> ({})", prose(&it.sentence()), code(&it.resource))
        });
        list(lines, out);
    }
    for document in &diff.documents {
        let told = diff.pipelines.iter().any(|it| it.document.as_ref() == Some(&document.name));
        if !told && !document.changes.is_empty() {
            heading(&format!("{}: outside of resources", document.name), out);
            changes(document.changes.iter(), out);
        }
    }
    if !diff.accepted.is_empty() {
        heading("Accepted risks", out);
        list(diff.accepted.iter().map(|it| escaped(&story::accepted(it))), out);
    }
    if !diff.unknowns.is_empty() {
        heading("Known after the deployment", out);
        let lines = diff.unknowns.iter().map(|it| {
            let worst = it.impact.words();
            format!("{}: {}; if it differs, the worst is: {worst}", code(&story::unknown(it)), prose(&it.why))
        });
        list(lines, out);
    }
}

fn flags(flags: &[Flag], out: &mut String) {
    list(
        flags.iter().map(|flag| {
            let head = mark(&flag.kind.words(), story::of_flag(flag.kind));
            format!("{head} {}", prose(&flag.why.join("; ")))
        }),
        out,
    );
}

/// Lines that are HTML already; nothing for none.
fn list(lines: impl Iterator<Item = String>, out: &mut String) {
    let lines: Vec<_> = lines.map(|line| format!("<li>{line}</li>\n")).collect();
    if !lines.is_empty() {
        let _ = writeln!(out, "<ul>\n{}</ul>", lines.concat());
    }
}

/// A part that opens; nothing to open where nothing is in it.
fn fold(head: &str, body: &str, out: &mut String) {
    let _ = if body.is_empty() {
        writeln!(out, "<p>{head}</p>")
    } else {
        writeln!(out, "<details><summary>{head}</summary>\n{body}</details>")
    };
}

fn changes<'a>(changes: impl Iterator<Item = &'a Change>, out: &mut String) {
    let mut lines = String::new();
    changes.for_each(|change| written(change, &mut lines));
    if !lines.is_empty() {
        let _ = writeln!(out, "<pre>{lines}</pre>");
    }
}

fn written(change: &Change, out: &mut String) {
    let at = escaped(place(&change.path));
    if let Some(inside) = &change.inside {
        let note = if inside.is_empty() { ": written otherwise" } else { ":" };
        let _ = writeln!(out, "{at}{note}");
        for change in inside {
            written(change, out);
        }
        return;
    }
    let value = |value| escaped(&cut(&shown(value), LONGEST));
    if let Some(before) = &change.before {
        let _ = writeln!(out, "<del>- {at}: {}</del>", value(before));
    }
    if let Some(after) = &change.after {
        let _ = writeln!(out, "<ins>+ {at}: {}</ins>", value(after));
    }
    if change.before.is_none() && change.after.is_none() {
        let _ = writeln!(out, "{at}: at another place");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_templates_say_is_only_text() {
        let nasty = "\"><script>alert(1)</script><img src=http://x/y onerror=alert(1)>'";
        let side = |value: &str| {
            let body = json!({ "Type": nasty, "Properties": { nasty: value }, "DependsOn": "B" });
            Side::one(
                "t",
                json!({ "Resources": { nasty: body, "B": { "Type": "AWS::S3::Bucket" } }, nasty: value }),
            )
        };
        let (old, new) = (side("a"), side(nasty));
        let page = diff_html(&crate::diff::diff(&old, &new), &old, &new);
        for forbidden in ["<script", "<img", "http://www.w3.org/1999"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert_eq!(page.matches("<svg").count(), 2);
        let nothing = Side::one("t", Value::Null);
        assert!(
            diff_html(&crate::diff::diff(&nothing, &nothing), &nothing, &nothing).contains("Nothing changes")
        );
    }
}
