//! A template, taken apart.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::slice;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::Assumptions;
use super::trail::{Trail, walk};
use crate::diag::Pointer;

/// Turns of a loop after which no more are looked at: more resources than a template may have.
const MAX_TURNS: usize = 1000;

/// The sections of a template. What has the wrong form is not in it.
#[derive(Debug)]
pub struct Template<'d> {
    /// The whole document.
    pub value: &'d Value,
    /// The parameters by name.
    pub parameters: IndexMap<&'d str, Parameter<'d>>,
    /// The mappings by name.
    pub mappings: IndexMap<&'d str, &'d Value>,
    /// The conditions by name.
    pub conditions: IndexMap<&'d str, &'d Value>,
    /// The resources by logical id; those of `Fn::ForEach` under each id that they get.
    pub resources: IndexMap<Cow<'d, str>, Resource<'d>>,
    /// The outputs by name.
    pub outputs: IndexMap<&'d str, &'d Value>,
    /// The transforms that are named.
    pub transforms: Vec<&'d str>,
    /// The region that it is for, where that is known.
    pub region: Option<&'d str>,
    /// Identifiers of `Fn::ForEach`: a `Ref` to one is whatever the loop says.
    pub(super) loops: BTreeSet<&'d str>,
    /// Sections to which a macro, an include or a loop may add what cannot be seen.
    pub(super) open: BTreeSet<&'static str>,
}

/// A parameter.
#[derive(Debug, Clone, Copy)]
pub struct Parameter<'d> {
    /// Its `Type`; empty where none is given.
    pub kind: &'d str,
    /// All that is said of it.
    pub members: &'d Map<String, Value>,
}

/// A resource.
#[derive(Debug, Clone)]
pub struct Resource<'d> {
    /// Its logical id.
    pub id: Cow<'d, str>,
    /// Its `Type`; empty where none is given.
    pub kind: &'d str,
    /// All that is said of it.
    pub members: &'d Map<String, Value>,
    /// Where it stands.
    pub pointer: Pointer,
    /// The condition on which it exists.
    pub condition: Option<&'d str>,
    /// Whether a loop makes it, and others like it.
    pub looped: bool,
}

impl<'d> Template<'d> {
    /// Takes a document apart. `region` is where it will be deployed, if that is known.
    pub fn new(value: &'d Value, region: Option<&'d str>) -> Template<'d> {
        let mut template = Template {
            value,
            parameters: IndexMap::new(),
            mappings: IndexMap::new(),
            conditions: IndexMap::new(),
            resources: IndexMap::new(),
            outputs: IndexMap::new(),
            transforms: transforms(value),
            region,
            loops: BTreeSet::new(),
            open: BTreeSet::new(),
        };
        walk(value, &Trail::ROOT, &mut |value, trail| {
            if trail.last_key().is_some_and(|key| key.starts_with("Fn::ForEach"))
                && let Some(identifier) = value.get(0).and_then(Value::as_str)
            {
                template.loops.insert(identifier);
            }
        });
        // A macro of the account's own may add or change anything.
        let own_macro = template.transforms.iter().any(|name| !name.starts_with("AWS::"));
        for section in ["Parameters", "Mappings", "Conditions", "Resources", "Outputs"] {
            let Some(Value::Object(members)) = value.get(section) else {
                if value.get("Fn::Transform").is_some() || own_macro {
                    template.open.insert(section);
                }
                continue;
            };
            let pointer = Pointer::root().key(section);
            if own_macro || value.get("Fn::Transform").is_some() || members.contains_key("Fn::Transform") {
                template.open.insert(section);
            }
            template.add(section, members, &pointer, None);
        }
        template
    }

    /// Adds a section's entries, or those of a loop in it.
    fn add(
        &mut self,
        section: &'static str,
        members: &'d Map<String, Value>,
        at: &Pointer,
        looped: Option<&Loop<'d>>,
    ) {
        for (name, value) in members {
            let pointer = at.key(name);
            if name.starts_with("Fn::ForEach") {
                self.add_loop(section, value, &pointer, looped);
                continue;
            }
            if name.starts_with("Fn::") {
                self.open.insert(section);
                continue;
            }
            match section {
                "Parameters" => {
                    let Value::Object(members) = value else { continue };
                    let kind = members.get("Type").and_then(Value::as_str).unwrap_or_default();
                    self.parameters.insert(name, Parameter { kind, members });
                }
                "Mappings" => drop(self.mappings.insert(name, value)),
                "Conditions" => drop(self.conditions.insert(name, value)),
                "Outputs" => drop(self.outputs.insert(name, value)),
                _ => self.add_resource(name, value, &pointer, looped),
            }
        }
    }

    fn add_resource(
        &mut self,
        name: &'d str,
        value: &'d Value,
        pointer: &Pointer,
        looped: Option<&Loop<'d>>,
    ) {
        let Value::Object(members) = value else { return };
        let resource = Resource {
            id: Cow::Borrowed(name),
            kind: members.get("Type").and_then(Value::as_str).unwrap_or_default(),
            members,
            pointer: pointer.clone(),
            condition: members.get("Condition").and_then(Value::as_str),
            looped: looped.is_some(),
        };
        let ids = looped.map_or_else(|| vec![Cow::Borrowed(name)], |each| each.names(name));
        for id in ids {
            self.resources.insert(id.clone(), Resource { id, ..resource.clone() });
        }
    }

    /// `"Fn::ForEach::Name": [identifier, collection, { key: body }]`
    fn add_loop(&mut self, section: &'static str, value: &'d Value, at: &Pointer, outer: Option<&Loop<'d>>) {
        let parts = value.as_array().map(Vec::as_slice);
        let Some([Value::String(identifier), collection, Value::Object(body)]) = parts else {
            self.open.insert(section);
            return;
        };
        let texts: Option<Vec<&str>> =
            collection.as_array().and_then(|items| items.iter().map(Value::as_str).collect());
        if texts.is_none() || section != "Resources" {
            self.open.insert(section);
        }
        // Of an unknown collection, one turn shows what can be seen.
        let each = Loop::new(identifier, &texts.unwrap_or_else(|| vec!["…"]), outer);
        self.add(section, body, &at.index(2), Some(&each));
    }

    /// The resources of a type.
    pub fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Resource<'d>> {
        self.resources.values().filter(move |resource| resource.kind == kind)
    }

    /// The resource of a logical id.
    pub fn resource(&self, id: &str) -> Option<&Resource<'d>> {
        self.resources.get(id)
    }

    /// Whether something may add entries to a section that cannot be seen here.
    pub fn is_open(&self, section: &str) -> bool {
        self.open.contains(section)
    }

    /// Whether a name is the identifier of a `Fn::ForEach`.
    pub fn is_loop_identifier(&self, name: &str) -> bool {
        self.loops.contains(name)
    }

    /// Whether the Serverless Application Model transforms it, which adds resources under names of its own.
    pub fn is_serverless(&self) -> bool {
        self.transforms.iter().any(|name| name.starts_with("AWS::Serverless"))
    }

    /// What holds whenever a resource exists; none when it never does.
    pub fn existence(&self, resource: &Resource<'d>) -> Option<Assumptions<'d>> {
        match resource.condition {
            Some(condition) => Assumptions::default().assume(self, condition, true),
            None => Some(Assumptions::default()),
        }
    }
}

/// The turns of a loop and of those around it: what each identifier is.
struct Loop<'d> {
    turns: Vec<Vec<(&'d str, &'d str)>>,
}

impl<'d> Loop<'d> {
    fn new(identifier: &'d str, values: &[&'d str], outer: Option<&Loop<'d>>) -> Loop<'d> {
        let around = outer.map_or_else(|| vec![Vec::new()], |outer| outer.turns.clone());
        let turn = |before: &Vec<_>| {
            let before = before.clone();
            values.iter().map(move |value| [before.as_slice(), &[(identifier, *value)]].concat())
        };
        Loop { turns: around.iter().flat_map(turn).take(MAX_TURNS).collect() }
    }

    /// The names that a name with `${Identifier}` in it comes to; `&{Identifier}` is its letters and digits.
    fn names(&self, name: &str) -> Vec<Cow<'d, str>> {
        let turn = |turn: &Vec<(&str, &str)>| {
            let mut name = name.to_owned();
            for (identifier, value) in turn {
                let letters: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
                name = name.replace(&format!("${{{identifier}}}"), value);
                name = name.replace(&format!("&{{{identifier}}}"), &letters);
            }
            Cow::Owned(name)
        };
        self.turns.iter().map(turn).collect()
    }
}

/// `Transform: A`, or a list, whose items may have parameters.
fn transforms(value: &Value) -> Vec<&str> {
    let items = match value.get("Transform") {
        Some(Value::Array(items)) => items.as_slice(),
        Some(item) => slice::from_ref(item),
        None => &[],
    };
    items.iter().filter_map(|item| item.as_str().or_else(|| item.get("Name")?.as_str())).collect()
}
