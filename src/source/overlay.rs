//! One environment's view of a stack file.

use serde_json::{Map, Value};

use super::{Document, Places};
use crate::diag::Pointer;

/// A document with an environment's overrides merged in.
#[derive(Debug, Clone)]
pub struct Merged {
    /// The document without `environments`, its `overrides` merged onto it.
    pub value: Value,
    /// Where each merged value stands: in the overrides if they say it, else in the document.
    pub places: Places,
}

impl Document {
    /// The document as the environment `name` sees it: `/environments/<name>/overrides` is merged onto it
    /// (RFC 7396: mappings merge, lists and scalars replace, null deletes). An environment that is not
    /// there overrides nothing.
    pub fn environment(&self, name: &str) -> Merged {
        let pointer = Pointer::root().key("environments").key(name).key("overrides");
        let mut value = self.value.clone();
        if let Value::Object(sections) = &mut value {
            sections.shift_remove("environments");
        }
        match self.value.pointer(pointer.as_str()) {
            Some(Value::Object(overrides)) => {
                let mut overrides = overrides.clone();
                overrides.shift_remove("environments");
                merge(&mut value, &Value::Object(overrides));
                Merged { value, places: self.places.overlaid(&pointer) }
            }
            // Nothing, or nothing that could be merged: its own diagnostic says so.
            _ => Merged { value, places: self.places.clone() },
        }
    }
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else { return };
    for (key, change) in patch {
        if change.is_null() {
            members.shift_remove(key);
        } else {
            merge(members.entry(key.clone()).or_insert(Value::Null), change);
        }
    }
}
