//! What has drifted, for people and for programs: `schemas/drift.schema.json` describes what those get.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::deploy::short;
use crate::aws::{PropertyDifference, ResourceDrift};
use crate::deploy::Drift;

/// Changes when a reader of the old form could not read the new one.
const VERSION: u32 = 1;

/// What has drifted, stack by stack; where the stack file says each, by logical id.
pub fn text(found: &[Drift], origins: &BTreeMap<String, String>) -> String {
    if found.is_empty() {
        return "nothing is deployed\n".to_owned();
    }
    let mut text = String::new();
    for drift in found {
        let drifted: Vec<&ResourceDrift> = drift.drifted().collect();
        let (name, same) = (&drift.stack.name, drift.resources.len() - drifted.len());
        let _ = match drifted.len() {
            0 => writeln!(text, "{name}: no drift in {same} resources"),
            count => writeln!(text, "{name}: {count} drifted, {same} as the template says"),
        };
        for resource in drifted {
            one(&mut text, resource, origins);
        }
        if let Some(why) = &drift.partly {
            let _ = writeln!(text, "  not all could be compared: {why}");
        }
        if !drift.unchecked.is_empty() {
            let mut kinds: Vec<&str> = drift.unchecked.iter().map(|(_, kind)| short(kind)).collect();
            kinds.sort_unstable();
            kinds.dedup();
            let _ =
                writeln!(text, "  not compared: {} resources ({})", drift.unchecked.len(), kinds.join(", "));
        }
    }
    text
}

fn one(text: &mut String, resource: &ResourceDrift, origins: &BTreeMap<String, String>) {
    let (id, kind) = (&resource.logical_id, short(&resource.resource_type));
    let physical = resource.physical_id.as_deref().map(|id| format!(" {id}")).unwrap_or_default();
    let what = if resource.status == "DELETED" { "is gone" } else { "is changed" };
    let _ = writeln!(text, "  ! {id} ({kind}){physical} {what}");
    if let Some(origin) = origins.get(id) {
        let _ = writeln!(text, "    --> {origin}");
    }
    for difference in &resource.differences {
        let path = dotted(&difference.path);
        let (expected, actual) = (&difference.expected, &difference.actual);
        let _ = match difference.kind.as_str() {
            "ADD" => writeln!(text, "    + {path}: {actual}"),
            "REMOVE" => writeln!(text, "    - {path}: {expected}"),
            _ => writeln!(text, "    ~ {path}: {expected} → {actual}"),
        };
    }
}

/// `/Tags/0/Value` → `Tags.0.Value`.
fn dotted(path: &str) -> String {
    path.trim_start_matches('/').replace('/', ".")
}

/// The same for programs.
pub fn json(found: &[Drift], origins: &BTreeMap<String, String>) -> Value {
    let difference = |it: &PropertyDifference| json!({ "kind": it.kind, "path": it.path, "expected": it.expected, "actual": it.actual });
    let resource = |it: &ResourceDrift| {
        json!({
            "logical_id": it.logical_id,
            "physical_id": it.physical_id,
            "type": it.resource_type,
            "status": it.status,
            "origin": origins.get(&it.logical_id),
            "differences": it.differences.iter().map(difference).collect::<Vec<_>>(),
        })
    };
    let stack = |drift: &Drift| {
        let unchecked = drift.unchecked.iter().map(|(id, kind)| json!({ "logical_id": id, "type": kind }));
        json!({
            "kind": drift.kind.as_str(),
            "name": drift.stack.name,
            "drifted": drift.drifted().count(),
            "resources": drift.resources.iter().map(resource).collect::<Vec<_>>(),
            "unchecked": unchecked.collect::<Vec<_>>(),
            "partly": drift.partly,
        })
    };
    json!({ "version": VERSION, "stacks": found.iter().map(stack).collect::<Vec<_>>() })
}
