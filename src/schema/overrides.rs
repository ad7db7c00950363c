//! What an environment's overrides may say, for editors: every section, with nothing required.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::trail::target;

/// The stack file's schema with `environments.*.overrides` complete: a partial form of each section in
/// which nothing is required and null deletes. Each definition `X` that holds mappings gains a `PartialX`.
/// A schema without such a place comes back as it was.
pub fn with_overrides(mut root: Value) -> Value {
    let Some(place) = place(&root) else { return root };
    let mut partial = Partial { root: &root, done: BTreeSet::new(), queue: Vec::new() };
    let mut sections = root.clone();
    if let Some(sections) = sections.as_object_mut() {
        for key in ["$schema", "$defs", "title", "description", "$id"] {
            sections.shift_remove(key);
        }
        if let Some(properties) = sections.get_mut("properties").and_then(Value::as_object_mut) {
            properties.shift_remove("environments");
        }
    }
    let mut file = partial.of(&sections);
    let mut made = Map::new();
    while let Some(name) = partial.queue.pop() {
        if let Some(definition) = root.pointer("/$defs").and_then(|defs| defs.get(&name)) {
            made.insert(format!("Partial{name}"), partial.of(definition));
        }
    }
    made.sort_keys();
    if let Some(old) = root.pointer(&place)
        && let Some(description) = old.get("description")
    {
        file["description"] = description.clone();
    }
    if let Some(defs) = root.get_mut("$defs").and_then(Value::as_object_mut) {
        defs.extend(made);
    }
    if let Some(overrides) = root.pointer_mut(&place) {
        *overrides = file;
    }
    root
}

/// The pointer of the `overrides` property's schema.
fn place(root: &Value) -> Option<String> {
    let mut pointer = "/properties/environments".to_owned();
    let mut environments = root.pointer(&pointer)?;
    if environments.get("$ref").is_some() {
        pointer = environments.get("$ref")?.as_str()?.strip_prefix('#')?.to_owned();
        environments = root.pointer(&pointer)?;
    }
    let environment = environments.get("additionalProperties")?;
    let inner = match environment.get("$ref") {
        Some(name) => name.as_str()?.strip_prefix('#')?.to_owned(),
        None => format!("{pointer}/additionalProperties"),
    };
    let place = format!("{inner}/properties/overrides");
    root.pointer(&place).map(|_| place)
}

struct Partial<'a> {
    root: &'a Value,
    done: BTreeSet<String>,
    queue: Vec<String>,
}

impl Partial<'_> {
    /// The schema with nothing required, all the way down its mappings; lists replace whole, so their items
    /// stay as they are.
    fn of(&mut self, schema: &Value) -> Value {
        let Value::Object(members) = schema else { return schema.clone() };
        let mut partial = Map::new();
        for (keyword, inner) in members {
            match (keyword.as_str(), inner) {
                // What is left out is the section's own value, not the default.
                ("required" | "minProperties" | "default", _) => {}
                ("$ref", Value::String(name)) => {
                    partial.insert("$ref".to_owned(), Value::String(self.reference(name)));
                }
                ("properties" | "patternProperties", Value::Object(properties)) => {
                    let all = properties.iter().map(|(name, inner)| (name.clone(), self.deletable(inner)));
                    let all: Map<String, Value> = all.collect();
                    partial.insert(keyword.clone(), Value::Object(all));
                }
                ("additionalProperties", Value::Object(_)) => {
                    let inner = self.deletable(inner);
                    partial.insert(keyword.clone(), inner);
                }
                // Without what is required, several alternatives can fit at once.
                ("oneOf" | "anyOf", Value::Array(branches)) => {
                    let branches = branches.iter().map(|branch| self.of(branch)).collect();
                    partial.insert("anyOf".to_owned(), Value::Array(branches));
                }
                ("allOf", Value::Array(parts)) => {
                    let parts = parts.iter().map(|part| self.of(part)).collect();
                    partial.insert("allOf".to_owned(), Value::Array(parts));
                }
                _ => {
                    partial.insert(keyword.clone(), inner.clone());
                }
            }
        }
        Value::Object(partial)
    }

    /// The partial form, or null, which deletes.
    fn deletable(&mut self, schema: &Value) -> Value {
        let mut partial = self.of(schema);
        let null = json!({ "type": "null" });
        if partial == Value::Bool(true) {
            return partial;
        }
        let description = partial.as_object_mut().and_then(|partial| partial.shift_remove("description"));
        let alternatives = partial.as_object().filter(|partial| partial.len() == 1);
        let mut branches =
            match alternatives.and_then(|partial| partial.get("anyOf")).and_then(Value::as_array) {
                Some(branches) => branches.clone(),
                None => vec![partial],
            };
        if !branches.contains(&null) {
            branches.push(null);
        }
        let mut whole = Map::new();
        if let Some(description) = description {
            whole.insert("description".to_owned(), description);
        }
        whole.insert("anyOf".to_owned(), Value::Array(branches));
        Value::Object(whole)
    }

    /// The name of the partial form of a definition; a definition without mappings has none, and needs none.
    fn reference(&mut self, name: &str) -> String {
        let Some(short) = name.strip_prefix("#/$defs/") else { return name.to_owned() };
        let whole = json!({ "$ref": name });
        if !self.holds_mappings(target(self.root, &whole), &mut BTreeSet::new()) {
            return name.to_owned();
        }
        if self.done.insert(short.to_owned()) {
            self.queue.push(short.to_owned());
        }
        format!("#/$defs/Partial{short}")
    }

    fn holds_mappings<'s>(&'s self, schema: &'s Value, seen: &mut BTreeSet<&'s str>) -> bool {
        if schema.get("properties").is_some()
            || schema.get("additionalProperties").is_some_and(Value::is_object)
        {
            return true;
        }
        let branches = ["anyOf", "oneOf", "allOf"].iter().filter_map(|list| schema.get(*list)?.as_array());
        branches.flatten().any(|branch| match branch.get("$ref").and_then(Value::as_str) {
            Some(name) => seen.insert(name) && self.holds_mappings(target(self.root, branch), seen),
            None => self.holds_mappings(branch, seen),
        })
    }
}
