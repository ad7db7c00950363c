//! Every name that a template says, and where: what the rules about names and the graph of resources read.

use serde_json::Value;

use super::functions::{SubPart, get_att, is_variable, sub_parts};
use super::template::Template;
use super::trail::{Trail, calls, walk};
use crate::diag::Pointer;

/// A name, and what it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference<'d> {
    /// What is named.
    pub to: To<'d>,
    /// Where the name is written.
    pub at: Pointer,
    /// The resource that says it, if one does.
    pub from: Option<&'d str>,
    /// Whether it counts only while some condition holds: it is in a branch of `Fn::If`.
    pub branched: bool,
    /// Whether it is in the resource's metadata, which waits for nothing.
    pub metadata: bool,
}

/// What a reference names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To<'d> {
    /// A parameter, pseudo parameter or resource.
    Name(&'d str),
    /// An attribute of a resource.
    Attribute(&'d str, &'d str),
    /// A condition.
    Condition(&'d str),
    /// A mapping.
    Mapping(&'d str),
    /// A resource that is to be there before.
    Before(&'d str),
}

/// All references of a template, in the order of the document.
pub fn references<'d>(template: &Template<'d>) -> Vec<Reference<'d>> {
    let mut found = Vec::new();
    let Some(sections) = template.value.as_object() else { return found };
    for (section, value) in sections {
        let root = Trail::ROOT.key(section);
        if section != "Resources" {
            collect(value, &root, None, &mut found);
            continue;
        }
        for (id, resource) in value.as_object().into_iter().flatten() {
            let here = root.key(id);
            // The body of a loop: its names are said, its ids are not.
            let from = (!id.starts_with("Fn::")).then_some(id.as_str());
            collect(resource, &here, from, &mut found);
            let before = match resource.get("DependsOn") {
                Some(Value::String(name)) => vec![(name.as_str(), here.key("DependsOn").pointer())],
                Some(Value::Array(items)) => {
                    let at = here.key("DependsOn").pointer();
                    let name = |(n, item): (usize, &'d Value)| Some((item.as_str()?, at.index(n)));
                    items.iter().enumerate().filter_map(name).collect()
                }
                _ => Vec::new(),
            };
            found.extend(before.into_iter().map(|(name, at)| Reference {
                to: To::Before(name),
                at,
                from,
                branched: false,
                metadata: false,
            }));
        }
    }
    conditions(template, &mut found);
    found
}

/// Functions within a value.
fn collect<'d>(value: &'d Value, at: &Trail<'_>, from: Option<&'d str>, found: &mut Vec<Reference<'d>>) {
    calls(value, at, &mut |name, argument, trail| {
        let branched = trail.keys_outwards().any(|key| key == "Fn::If");
        let metadata = trail.keys_outwards().any(|key| key == "Metadata");
        let mut add = |to, at| found.push(Reference { to, at, from, branched, metadata });
        let here = trail.key(name);
        match (name, argument) {
            ("Ref", Value::String(name)) => add(To::Name(name), here.pointer()),
            ("Fn::GetAtt", _) => {
                if let Some((id, attribute)) = get_att(argument) {
                    add(To::Attribute(id, attribute), here.pointer());
                } else if let Some(Value::String(id)) = argument.get(0) {
                    // The attribute is a function.
                    add(To::Name(id), here.item(0).pointer());
                }
            }
            ("Fn::Sub", Value::String(text)) => {
                substituted(text, None, |to| add(to, here.pointer()));
            }
            ("Fn::Sub", Value::Array(items)) => {
                if let Some(Value::String(text)) = items.first() {
                    substituted(text, items.get(1), |to| add(to, here.item(0).pointer()));
                }
            }
            ("Fn::If", Value::Array(items)) => {
                if let Some(Value::String(name)) = items.first() {
                    add(To::Condition(name), here.item(0).pointer());
                }
            }
            ("Fn::FindInMap", Value::Array(items)) => {
                if let Some(Value::String(name)) = items.first() {
                    add(To::Mapping(name), here.item(0).pointer());
                }
            }
            _ => {}
        }
    });
}

fn substituted<'d>(text: &'d str, variables: Option<&Value>, mut add: impl FnMut(To<'d>)) {
    for part in sub_parts(text) {
        let SubPart::Variable(name) = part else { continue };
        if !is_variable(name) || variables.is_some_and(|variables| variables.get(name).is_some()) {
            continue;
        }
        match name.split_once('.') {
            Some((id, attribute)) if !name.starts_with("AWS::") => add(To::Attribute(id, attribute)),
            _ => add(To::Name(name)),
        }
    }
}

/// Conditions that resources, outputs and other conditions name.
fn conditions<'d>(template: &Template<'d>, found: &mut Vec<Reference<'d>>) {
    let mut add = |name, at, from| {
        found.push(Reference { to: To::Condition(name), at, from, branched: false, metadata: false });
    };
    for section in ["Resources", "Outputs"] {
        for (id, entry) in template.value.get(section).and_then(Value::as_object).into_iter().flatten() {
            if let Some(Value::String(name)) = entry.get("Condition") {
                let from = (section == "Resources").then_some(id.as_str());
                add(name, Trail::ROOT.key(section).key(id).key("Condition").pointer(), from);
            }
        }
    }
    // In `Rules`, too, though those may not name conditions: what is used there is used.
    let Some(conditions) = template.value.get("Conditions") else { return };
    walk(conditions, &Trail::ROOT.key("Conditions"), &mut |value, trail| {
        let single = value.as_object().filter(|members| members.len() == 1);
        let named = single.and_then(|members| members.get("Condition")).and_then(Value::as_str);
        // A condition may itself have the name `Condition`.
        if let Some(name) = named.filter(|_| trail.last_key() != Some("Conditions")) {
            add(name, trail.key("Condition").pointer(), None);
        }
    });
}
