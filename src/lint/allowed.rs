//! What a template's own `Metadata` allows: of a resource, or of the whole template.

use serde_json::Value;

use crate::diag::{Allow, Pointer};
use crate::source::{Document, SourceFile};

/// `Metadata: { smstack: { allow: [ { code, reason } ] } }`, at the root and on resources, after what comments allow.
pub(super) fn allows(document: &Document, file: &SourceFile) -> Vec<Allow> {
    let mut found = document.places.allows(file);
    let root = Pointer::root();
    let resources = root.key("Resources");
    let keys =
        document.value.get("Resources").and_then(Value::as_object).into_iter().flat_map(|all| all.keys());
    let holders = keys.map(|key| resources.key(key));
    for holder in std::iter::once(root).chain(holders) {
        of(document, file, &holder, &mut found);
    }
    found
}

fn of(document: &Document, file: &SourceFile, holder: &Pointer, found: &mut Vec<Allow>) {
    let list = holder.key("Metadata").key("smstack").key("allow");
    let Some(value) = document.value.pointer(list.as_str()) else { return };
    let covers = if holder.as_str().is_empty() {
        0..file.text().len()
    } else {
        let place = document.places.find(holder);
        place.key.map_or(place.value.start, |key| key.start)..place.value.end
    };
    let mut allow = |at: &Pointer, value: &Value| {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        found.push(Allow {
            code: text("code"),
            reason: text("reason"),
            span: document.places.find(at).value,
            covers: vec![covers.clone()],
        });
    };
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                allow(&list.index(index), item);
            }
        }
        // Not a list: one that cannot be read.
        _ => allow(&list, &Value::Null),
    }
}
