//! The order of the steps: what waits for what, circles, what a step can see, and what never runs.

use std::collections::BTreeMap;

use super::expression::text;
use super::expressions::uses;
use super::model::items;
use super::reference::step_name;
use super::{Definition, Step};
use crate::diag::{Code, Issue, Pointer, nearest, or_list};

/// That a step waits for another, and where it says so.
struct Edge {
    from: usize,
    to: usize,
    pointer: Pointer,
    /// Whether it is in `DependsOn`.
    listed: bool,
}

/// Says what is wrong with the order of the steps.
pub(super) fn check(definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    let mut edges = Vec::new();
    for (index, step) in definition.steps.iter().enumerate() {
        listed(index, step, definition, &mut edges, issues);
        for one in uses(step) {
            if let Some(to) = step_name(one.path).and_then(|name| definition.by_name.get(name)) {
                edges.push(Edge { from: index, to: *to, pointer: one.pointer, listed: false });
            }
        }
    }
    edges.retain(|edge| {
        let hidden = hidden(edge, definition);
        issues.extend(hidden);
        edge.from != edge.to || {
            let step = &definition.steps[edge.from];
            issues.push(
                Issue::new(
                    Code::ReferenceCycle,
                    edge.pointer.clone(),
                    format!("{} waits for itself", step.called()),
                )
                .label("this step")
                .help("refer to another step, or take it away"),
            );
            false
        }
    });
    circles(definition, &edges, issues);
    unreachable(definition, &edges, issues);
}

/// The steps that `DependsOn` names.
fn listed(
    index: usize,
    step: &Step<'_>,
    definition: &Definition<'_>,
    edges: &mut Vec<Edge>,
    issues: &mut Vec<Issue>,
) {
    let at = step.pointer.key("DependsOn");
    let mut seen: Vec<&str> = Vec::new();
    for (place, entry) in items(&step.value["DependsOn"]) {
        let (name, pointer) = if entry.is_object() {
            (&entry["Step"], at.index(place).key("Step"))
        } else {
            (entry, at.index(place))
        };
        let Some(name) = text(name) else { continue };
        if seen.contains(&name) {
            issues.push(
                Issue::new(Code::DuplicateName, pointer, format!("`{name}` is named twice"))
                    .label("named above, too")
                    .help("keep one of them"),
            );
            continue;
        }
        seen.push(name);
        if let Some(to) = definition.by_name.get(name) {
            edges.push(Edge { from: index, to: *to, pointer, listed: true });
            continue;
        }
        let issue = Issue::new(Code::UnknownReference, pointer, format!("there is no step `{name}`"))
            .label("not in this pipeline");
        let names = definition.by_name.keys().copied().filter(|other| *other != step.name);
        issues.push(match nearest(name, names.clone()) {
            Some(near) => issue.fix(near, format!("did you mean `{near}`?")),
            None => issue.help(format!("there is {}", or_list(names.take(20)).replace(" or ", " and "))),
        });
    }
}

/// A step in a branch or a body is seen from inside it only.
fn hidden(edge: &Edge, definition: &Definition<'_>) -> Option<Issue> {
    let (from, to) = (&definition.steps[edge.from], &definition.steps[edge.to]);
    if from.inside.starts_with(&to.inside) {
        return None;
    }
    let (holder, key) = to
        .inside
        .iter()
        .zip(from.inside.iter().map(Some).chain([None].into_iter().cycle()))
        .find(|(theirs, ours)| *ours != Some(theirs))
        .map(|(theirs, _)| *theirs)?;
    let holder = &definition.steps[holder];
    let issue = Issue::new(
        Code::IntoBranch,
        edge.pointer.clone(),
        format!("{} may not have run: it is in `{key}` of {}", to.called(), holder.called()),
    )
    .label(if edge.listed { "waits for what may never run" } else { "may have no value" })
    .also(to.pointer.key("Name"), "the step");
    Some(if key == "ForEachBody" {
        issue.help(format!(
            "refer to an iteration: `Steps.{}.IterationOutputs[0].{}.<member>`",
            holder.name, to.name
        ))
    } else {
        issue.help(format!(
            "put {} into the same branch, or that step before {}",
            from.called(),
            holder.called()
        ))
    })
}

/// Steps that wait for each other: trims what is in no circle from both ends, then walks what is left.
fn circles(definition: &Definition<'_>, edges: &[Edge], issues: &mut Vec<Issue>) {
    let count = definition.steps.len();
    let mut waits: Vec<Vec<&Edge>> = (0..count).map(|_| Vec::new()).collect();
    for edge in edges {
        waits[edge.from].push(edge);
    }
    let mut left = vec![true; count];
    for backwards in [false, true] {
        let ends = |edge: &Edge| if backwards { (edge.to, edge.from) } else { (edge.from, edge.to) };
        let mut open = vec![0usize; count];
        let mut back: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for edge in edges.iter().filter(|edge| left[edge.from] && left[edge.to]) {
            let (from, to) = ends(edge);
            open[from] += 1;
            back.entry(to).or_default().push(from);
        }
        let mut free: Vec<usize> = (0..count).filter(|step| left[*step] && open[*step] == 0).collect();
        while let Some(step) = free.pop() {
            left[step] = false;
            for other in back.get(&step).into_iter().flatten() {
                open[*other] -= 1;
                if open[*other] == 0 {
                    free.push(*other);
                }
            }
        }
    }
    let mut seen = vec![false; count];
    for start in 0..count {
        let mut path: Vec<&Edge> = Vec::new();
        let mut step = start;
        while left[step] && !seen[step] {
            seen[step] = true;
            let Some(edge) = waits[step].iter().find(|edge| left[edge.to]) else { break };
            path.push(edge);
            step = edge.to;
        }
        if let Some(first) = path.iter().position(|edge| edge.from == step) {
            issues.push(circle(&path[first..], definition));
        }
    }
}

fn circle(edges: &[&Edge], definition: &Definition<'_>) -> Issue {
    let names: Vec<String> = edges.iter().map(|edge| definition.steps[edge.from].called()).collect();
    let mut issue = Issue::new(
        Code::ReferenceCycle,
        edges[0].pointer.clone(),
        format!("steps wait for each other: {} → {}", names.join(" → "), names[0]),
    )
    .label(format!("{} waits for {}", names[0], names[1 % names.len()]));
    for (index, edge) in edges.iter().enumerate().skip(1) {
        let text = format!("{} waits for {}", names[index], names[(index + 1) % names.len()]);
        issue = issue.also(edge.pointer.clone(), text);
    }
    issue.help("take one of these references away")
}

/// What waits for a step that fails the execution never runs.
fn unreachable(definition: &Definition<'_>, edges: &[Edge], issues: &mut Vec<Issue>) {
    for edge in edges.iter().filter(|edge| definition.steps[edge.to].is("Fail")) {
        let (step, fail) = (&definition.steps[edge.from], &definition.steps[edge.to]);
        issues.push(
            Issue::new(
                Code::UnreachableStep,
                edge.pointer.clone(),
                format!("{} waits for a step that fails the execution", step.called()),
            )
            .label("never runs")
            .also(fail.pointer.key("Type"), "fails the execution")
            .help("wait for another step, or take this one away"),
        );
    }
}
