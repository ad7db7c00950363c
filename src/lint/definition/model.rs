//! A definition, read leniently: its parameters and steps with their places, whatever else is wrong with it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::kinds::{self, Kind};
use crate::diag::Pointer;

/// How deep steps are looked for; a definition of this depth is none that anybody wrote.
const DEEPEST: usize = 32;

/// A definition.
pub(super) struct Definition<'d> {
    /// All of it.
    pub(super) root: &'d Value,
    /// Every step, branches and bodies included, in the order of the text.
    pub(super) steps: Vec<Step<'d>>,
    /// The first step of each name.
    pub(super) by_name: BTreeMap<&'d str, usize>,
    /// The first parameter of each name.
    pub(super) parameters: BTreeMap<&'d str, Parameter<'d>>,
}

/// A parameter of the pipeline.
pub(super) struct Parameter<'d> {
    /// Where it is declared.
    pub(super) pointer: Pointer,
    /// Its type, as written.
    pub(super) kind: &'d str,
}

/// A step.
pub(super) struct Step<'d> {
    /// All of it.
    pub(super) value: &'d Value,
    /// Where it is.
    pub(super) pointer: Pointer,
    /// Its name; empty where it has none.
    pub(super) name: &'d str,
    /// What `Type` says; empty where it says nothing.
    pub(super) type_name: &'d str,
    /// Its type, when that is a known one.
    pub(super) kind: Option<&'static Kind>,
    /// The branches and bodies around it, outermost first: the step that has them, and their key.
    pub(super) inside: Vec<(usize, &'static str)>,
}

impl<'d> Step<'d> {
    /// Its arguments; null where there are none.
    pub(super) fn arguments(&self) -> &'d Value {
        &self.value["Arguments"]
    }

    /// Where they are.
    pub(super) fn arguments_at(&self) -> Pointer {
        self.pointer.key("Arguments")
    }

    /// Whether it is of that type.
    pub(super) fn is(&self, kind: &str) -> bool {
        self.type_name == kind
    }

    /// How people call it.
    pub(super) fn called(&self) -> String {
        if self.name.is_empty() { "the step".to_owned() } else { format!("`{}`", self.name) }
    }
}

/// Where steps of a step's own lie in its arguments.
pub(super) const NESTED: [(&str, &str); 3] =
    [("Condition", "IfSteps"), ("Condition", "ElseSteps"), ("ForEach", "ForEachBody")];

impl<'d> Definition<'d> {
    /// Reads it.
    pub(super) fn read(root: &'d Value) -> Definition<'d> {
        let mut read =
            Definition { root, steps: Vec::new(), by_name: BTreeMap::new(), parameters: BTreeMap::new() };
        for (index, value) in items(&root["Parameters"]) {
            let pointer = Pointer::root().key("Parameters").index(index);
            let kind = value["Type"].as_str().unwrap_or_default();
            if let Some(name) = value["Name"].as_str() {
                read.parameters.entry(name).or_insert(Parameter { pointer, kind });
            }
        }
        read.collect(&root["Steps"], &Pointer::root().key("Steps"), &[]);
        for (index, step) in read.steps.iter().enumerate() {
            if !step.name.is_empty() {
                read.by_name.entry(step.name).or_insert(index);
            }
        }
        read
    }

    fn collect(&mut self, steps: &'d Value, pointer: &Pointer, inside: &[(usize, &'static str)]) {
        if inside.len() > DEEPEST {
            return;
        }
        for (index, value) in items(steps) {
            if !value.is_object() {
                continue;
            }
            let type_name = value["Type"].as_str().unwrap_or_default();
            let place = self.steps.len();
            let pointer = pointer.index(index);
            self.steps.push(Step {
                value,
                pointer: pointer.clone(),
                name: value["Name"].as_str().unwrap_or_default(),
                type_name,
                kind: kinds::kind(type_name),
                inside: inside.to_vec(),
            });
            for (_, key) in NESTED.iter().filter(|(kind, _)| *kind == type_name) {
                let within: Vec<_> = inside.iter().copied().chain([(place, *key)]).collect();
                self.collect(&value["Arguments"][*key], &pointer.key("Arguments").key(key), &within);
            }
        }
    }

    /// The step of that name.
    pub(super) fn step(&self, name: &str) -> Option<&Step<'d>> {
        self.by_name.get(name).map(|index| &self.steps[*index])
    }
}

/// The items of a list with their places; nothing where it is no list.
pub(super) fn items(value: &Value) -> impl Iterator<Item = (usize, &Value)> {
    value.as_array().into_iter().flatten().enumerate()
}

/// How deep mappings are looked for.
const DEEPEST_MAPPING: usize = 32;

/// Every mapping in a value, outermost first, with its place.
pub(super) fn mappings<'d>(value: &'d Value, at: &Pointer) -> Vec<(&'d Map<String, Value>, Pointer)> {
    fn collect<'d>(
        value: &'d Value,
        at: &Pointer,
        depth: usize,
        found: &mut Vec<(&'d Map<String, Value>, Pointer)>,
    ) {
        if depth > DEEPEST_MAPPING {
            return;
        }
        match value {
            Value::Object(members) => {
                found.push((members, at.clone()));
                for (key, value) in members.iter().filter(|(_, value)| value.is_object() || value.is_array())
                {
                    collect(value, &at.key(key), depth + 1, found);
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    collect(value, &at.index(index), depth + 1, found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(value, at, 0, &mut found);
    found
}
