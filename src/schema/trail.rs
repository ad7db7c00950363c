//! The way through a schema to the keyword that refused a value.

use serde_json::Value;

/// The schemas on the way from the root to a keyword, through every `$ref`.
#[derive(Debug)]
pub(super) struct Trail<'s> {
    root: &'s Value,
    schemas: Vec<&'s Value>,
    /// Where in `schemas` the value's own schemas begin: at its property or item.
    own: usize,
}

impl<'s> Trail<'s> {
    /// Follows an evaluation path (`/properties/a/$ref/minimum`) without its last segment.
    pub(super) fn follow(root: &'s Value, path: &str) -> Trail<'s> {
        let mut trail = Trail { root, schemas: vec![root], own: 0 };
        let segments: Vec<String> =
            path.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~")).collect();
        let mut at = root;
        let mut container = "";
        for segment in &segments[..segments.len().saturating_sub(1)] {
            let next = match at {
                _ if segment == "$ref" => resolve(root, at),
                Value::Array(items) => segment.parse::<usize>().ok().and_then(|index| items.get(index)),
                _ => at.get(segment),
            };
            let Some(next) = next else { break };
            at = next;
            trail.schemas.push(at);
            let member = matches!(container, "properties" | "patternProperties" | "prefixItems");
            if member || segment == "additionalProperties" || segment == "items" {
                trail.own = trail.schemas.len() - 1;
            }
            container = if member { "" } else { segment };
        }
        trail
    }

    /// The schema that holds the keyword.
    pub(super) fn holder(&self) -> &'s Value {
        self.schemas.last().copied().unwrap_or(self.root)
    }

    /// What the value is for, from its property's description or its type's.
    pub(super) fn purpose(&self) -> Option<String> {
        self.schemas[self.own..].iter().find_map(|schema| description(schema))
    }

    /// What form the value has, from its type's description or its property's.
    pub(super) fn form(&self) -> Option<String> {
        self.schemas[self.own..].iter().rev().find_map(|schema| description(schema))
    }

    /// Examples, the nearest to the keyword.
    pub(super) fn examples(&self) -> Vec<String> {
        self.schemas[self.own..]
            .iter()
            .rev()
            .map(|schema| examples(schema))
            .find(|all| !all.is_empty())
            .unwrap_or_default()
    }
}

/// The schema that `$ref` names, as long as it lies in the same document.
pub(super) fn resolve<'s>(root: &'s Value, schema: &Value) -> Option<&'s Value> {
    root.pointer(schema.get("$ref")?.as_str()?.strip_prefix('#')?)
}

/// The schema with its `$ref`s followed to the end.
pub(super) fn target<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let mut at = schema;
    for _ in 0..16 {
        match resolve(root, at) {
            Some(next) => at = next,
            None => break,
        }
    }
    at
}

/// The first sentence of a schema's description.
pub(super) fn description(schema: &Value) -> Option<String> {
    let text = schema.get("description")?.as_str()?;
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let paragraph = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let sentence = paragraph.split_once(". ").map_or(paragraph.as_str(), |(first, _)| first);
    let sentence = sentence.trim_end_matches('.');
    (!sentence.is_empty()).then(|| super::words::uncapitalised(sentence))
}

fn examples(schema: &Value) -> Vec<String> {
    let all = schema.get("examples").and_then(Value::as_array);
    all.into_iter().flatten().map(super::words::plain).collect()
}
