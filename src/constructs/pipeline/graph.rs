//! The graph of a pipeline: every value comes from a step that is there, can be seen, and has ended.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Scope;
use super::Entry;
use super::tree::{Node, Tree};
use crate::diag::{Code, Issue, Pointer, nearest, or_list};

/// A step with the conditions and branches around it, outermost first.
struct Placed<'t, 'a> {
    node: &'t Node<'a>,
    around: Vec<(&'t str, usize)>,
}

/// Says everything that is wrong with the graph.
pub(super) fn check(tree: &Tree<'_>, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
    let mut placed = Vec::new();
    place(&tree.nodes, &mut Vec::new(), &mut placed);
    let by_name: BTreeMap<&str, &Placed<'_, '_>> =
        placed.iter().map(|placed| (placed.node.name.as_str(), placed)).collect();
    for step in &placed {
        for used in step.node.used() {
            match by_name.get(used.as_str()) {
                None => issues.push(not_listed(step.node, &used, scope)),
                Some(other) if !sees(step, other) => {
                    issues.push(into_branch(step.node, other, "uses a value of"));
                }
                Some(_) => {}
            }
        }
        // What the step that makes a job's model waits for is said at the job's.
        let is_model = step.node.entry.and_then(Entry::job).is_some() && step.node.job().is_none();
        for (index, name) in depends_on(step.node).iter().enumerate().filter(|_| !is_model) {
            let at = step.node.pointer.key("depends_on").index(index);
            match by_name.get(name.as_str()) {
                None => issues.push(unknown_step(name, at, by_name.keys().copied())),
                Some(other) if !sees(step, other) => issues.push(into_branch(step.node, other, "waits for")),
                Some(_) => {}
            }
        }
    }
    cycles(&placed, &by_name, issues);
}

fn place<'t, 'a>(nodes: &'t [Node<'a>], around: &mut Vec<(&'t str, usize)>, all: &mut Vec<Placed<'t, 'a>>) {
    for node in nodes {
        all.push(Placed { node, around: around.clone() });
        for (branch, inner) in node.branches.iter().enumerate() {
            around.push((node.name.as_str(), branch));
            place(inner, around, all);
            around.pop();
        }
    }
}

fn depends_on<'n>(node: &'n Node<'_>) -> &'n [String] {
    node.step.as_ref().map_or(&[], |step| step.depends_on.as_slice())
}

/// Whether `other` runs whenever `step` does: all branches around it are around `step`, too.
fn sees(step: &Placed<'_, '_>, other: &Placed<'_, '_>) -> bool {
    step.around.starts_with(&other.around)
}

/// The place to blame for a use: the step's kind key, or what the monitor says.
fn blame(node: &Node<'_>) -> Pointer {
    match node.entry {
        Some(entry) => {
            entry.kinds().first().map_or_else(|| node.pointer.clone(), |kind| node.pointer.key(kind))
        }
        None => node.pointer.clone(),
    }
}

fn not_listed(node: &Node<'_>, used: &str, scope: &Scope<'_>) -> Issue {
    let issue = Issue::new(
        Code::StepNotListed,
        blame(node),
        format!("`{}` uses a value of `{used}`, which is no step of the pipeline", node.name),
    )
    .label(format!("needs `{used}`"));
    let Some(offers) = scope.exports.get(used) else { return issue };
    let issue = issue.also(offers.pointer.clone(), format!("`{used}` is given here"));
    let tuned = scope.file.tuning.iter().find(|(_, tuning)| tuning.training == used);
    match tuned {
        Some((tuning, _)) => {
            issue.help(format!("`{used}` is trained by the tuning job `{tuning}`: use `{tuning}.best_model`"))
        }
        None => issue.help(format!("add `- {}: {used}` to `pipeline.steps`", offers.section)),
    }
}

fn into_branch(node: &Node<'_>, other: &Placed<'_, '_>, does: &str) -> Issue {
    let condition = other.around.last().map_or("", |(name, _)| name);
    Issue::new(
        Code::IntoBranch,
        blame(node),
        format!("`{}` {does} `{}`, which may not run", node.name, other.node.name),
    )
    .label("outside of the branch")
    .also(other.node.pointer.clone(), format!("runs only when `{condition}` goes this way"))
    .help("move the step into the branch, or the other one out of it")
}

fn unknown_step<'n>(name: &str, pointer: Pointer, known: impl Iterator<Item = &'n str> + Clone) -> Issue {
    let issue = Issue::new(Code::UnknownReference, pointer, format!("there is no step `{name}`"))
        .label("no such step");
    match nearest(name, known.clone()) {
        Some(near) => issue.fix(near, format!("did you mean `{near}`?")),
        None => issue.help(format!("steps are {}", or_list(known))),
    }
}

/// Says each circle once, with the whole way around.
fn cycles(placed: &[Placed<'_, '_>], by_name: &BTreeMap<&str, &Placed<'_, '_>>, issues: &mut Vec<Issue>) {
    let edges: BTreeMap<&str, Vec<String>> = placed
        .iter()
        .map(|step| {
            let mut waits: BTreeSet<String> = step.node.used();
            waits.extend(depends_on(step.node).iter().cloned());
            // A step in a branch waits for the condition.
            waits.extend(step.around.last().map(|(condition, _)| (*condition).to_owned()));
            (
                step.node.name.as_str(),
                waits.into_iter().filter(|name| by_name.contains_key(name.as_str())).collect(),
            )
        })
        .collect();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for step in placed {
        let mut path = Vec::new();
        if let Some(circle) = walk(step.node.name.as_str(), &edges, &mut path, &mut done) {
            let way = circle.iter().chain(circle.first()).map(|name| format!("`{name}`")).collect::<Vec<_>>();
            let node = by_name.get(circle[0].as_str()).map_or(step.node, |placed| placed.node);
            let mut issue = Issue::new(
                Code::ReferenceCycle,
                blame(node),
                format!("steps wait for each other in a circle: {}", way.join(" → ")),
            )
            .label("waits for itself")
            .help("take one of the references or `depends_on` away");
            for name in circle.iter().skip(1) {
                if let Some(other) = by_name.get(name.as_str()) {
                    issue = issue.also(blame(other.node), format!("`{name}`"));
                }
            }
            issues.push(issue);
        }
    }
}

/// A circle that can be reached from `name`, unless it has been told of.
fn walk<'e>(
    name: &'e str,
    edges: &'e BTreeMap<&str, Vec<String>>,
    path: &mut Vec<&'e str>,
    done: &mut BTreeSet<&'e str>,
) -> Option<Vec<String>> {
    if let Some(at) = path.iter().position(|other| *other == name) {
        return Some(path[at..].iter().map(|name| (*name).to_owned()).collect());
    }
    if !done.insert(name) {
        return None;
    }
    path.push(name);
    let found = edges.get(name).into_iter().flatten().find_map(|next| walk(next, edges, path, done));
    path.pop();
    found
}
