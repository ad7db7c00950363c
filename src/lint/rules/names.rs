//! Names that a template says and that nothing in it has, and attributes that a type does not give.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Code, Issue, Pointer, nearest};
use crate::lint::{Reference, Template, To, references};
use crate::tables;

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html>
const PSEUDO: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

/// Every reference leads somewhere, and resources do not wait for each other in a circle.
pub(super) fn names(template: &Template<'_>, found: &mut Vec<Issue>) {
    let all = references(template);
    for reference in &all {
        let section = reference.at.segments().next().unwrap_or_default();
        if ["Resources", "Outputs", "Conditions"].contains(&section.as_str()) {
            found.extend(unresolved(template, reference));
        }
    }
    found.extend(cycles(template, &all));
}

fn unresolved(template: &Template<'_>, reference: &Reference<'_>) -> Option<Issue> {
    let (name, what, known): (&str, _, Vec<&str>) = match reference.to {
        To::Name(name) => {
            let hidden = is_hidden(template, name) || template.is_open("Parameters");
            if hidden
                || PSEUDO.contains(&name)
                || template.parameters.contains_key(name)
                || template.resources.contains_key(name)
            {
                return None;
            }
            let parameters = template.parameters.keys().copied();
            let resources = template.resources.keys().map(AsRef::as_ref);
            (name, "parameter or resource", parameters.chain(resources).chain(PSEUDO).collect())
        }
        To::Attribute(id, attribute) => {
            if let Some(resource) = template.resource(id) {
                return unknown_attribute(resource.kind, id, attribute, &reference.at);
            }
            if is_hidden(template, id) {
                return None;
            }
            (id, "resource", template.resources.keys().map(AsRef::as_ref).collect())
        }
        To::Before(id) => {
            if is_hidden(template, id) || template.resources.contains_key(id) {
                return None;
            }
            (id, "resource", template.resources.keys().map(AsRef::as_ref).collect())
        }
        To::Condition(name) => {
            if template.is_open("Conditions")
                || is_loop(template, name)
                || template.conditions.contains_key(name)
            {
                return None;
            }
            (name, "condition", template.conditions.keys().copied().collect())
        }
        To::Mapping(name) => {
            if template.is_open("Mappings") || is_loop(template, name) || template.mappings.contains_key(name)
            {
                return None;
            }
            (name, "mapping", template.mappings.keys().copied().collect())
        }
    };
    let message = format!("there is no {what} `{name}`");
    let issue = Issue::new(Code::UnknownReference, reference.at.clone(), message).label("names nothing");
    Some(match nearest(name, known.iter().copied()) {
        Some(near) => issue.help(format!("did you mean `{near}`?")),
        None => issue.help(format!("add the {what}, or name one that is there")),
    })
}

/// Whether something that cannot be seen may have that name.
fn is_hidden(template: &Template<'_>, name: &str) -> bool {
    template.is_open("Resources")
        || is_loop(template, name)
        // A module names what it holds after itself.
        || template.resources.values().any(|resource| {
            resource.kind.ends_with("::MODULE") && name.starts_with(resource.id.as_ref())
        })
        // The Serverless Application Model names what it adds after what it is for.
        || template.is_serverless()
            && (name.starts_with("Serverless")
                || template.resources.values().any(|resource| {
                    resource.kind.starts_with("AWS::Serverless::") && name.starts_with(resource.id.as_ref())
                }))
}

fn is_loop(template: &Template<'_>, name: &str) -> bool {
    name.contains("${") || name.contains("&{") || template.is_loop_identifier(name)
}

fn unknown_attribute(kind: &str, id: &str, attribute: &str, at: &Pointer) -> Option<Issue> {
    let facts = tables::resource(kind)?;
    if facts.has_attribute(attribute) || attribute.contains("${") {
        return None;
    }
    let message = format!("`{id}` has no attribute `{attribute}`");
    let issue =
        Issue::new(Code::UnknownAttribute, at.clone(), message).label(format!("no attribute of `{kind}`"));
    Some(match nearest(attribute, facts.attributes.iter().copied()) {
        Some(near) => issue.help(format!("did you mean `{near}`?")),
        None if facts.attributes.is_empty() => issue.help(format!("`{kind}` has no attributes: use `Ref`")),
        None => issue
            .help(format!("there is {}", crate::diag::or_list(facts.attributes.iter().copied().take(12)))),
    })
}

/// One issue per circle, at a reference that closes it. What a condition may leave out closes none.
fn cycles(template: &Template<'_>, all: &[Reference<'_>]) -> Vec<Issue> {
    let mut edges: BTreeMap<&str, Vec<(&str, &Pointer)>> = BTreeMap::new();
    for reference in all.iter().filter(|reference| !reference.branched && !reference.metadata) {
        let (Some(from), To::Name(to) | To::Attribute(to, _) | To::Before(to)) =
            (reference.from, reference.to)
        else {
            continue;
        };
        if template.resources.contains_key(to) && template.resources.contains_key(from) {
            edges.entry(from).or_default().push((to, &reference.at));
        }
    }
    let mut found = Vec::new();
    let mut done = BTreeSet::new();
    for &start in edges.keys() {
        // A walk that keeps its way: the way's next edge is in `turns`.
        let mut way = vec![start];
        let mut turns = vec![0];
        while let (Some(&here), Some(turn)) = (way.last(), turns.last_mut()) {
            let next = edges.get(here).and_then(|edges| edges.get(*turn)).filter(|_| !done.contains(here));
            *turn += 1;
            let Some((to, at)) = next else {
                done.insert(here);
                way.pop();
                turns.pop();
                continue;
            };
            if let Some(first) = way.iter().position(|id| id == to) {
                let circle: Vec<String> =
                    way[first..].iter().chain([to]).map(|id| format!("`{id}`")).collect();
                let message = format!("resources wait for each other in a circle: {}", circle.join(" → "));
                found.push(
                    Issue::new(Code::ReferenceCycle, (*at).clone(), message).label("closes the circle").help(
                        "let one of them do without the other: by a name of your own, or by a third resource",
                    ),
                );
            } else if !done.contains(to) {
                way.push(to);
                turns.push(0);
            }
        }
    }
    found
}
