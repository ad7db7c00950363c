//! How two JSON values differ: places with what stood there before and what stands there after.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::{align, text};

/// One difference between two JSON values.
///
/// Both pointers are always there, because an item of a list may stand at one index before and at another after.
/// Where one side has no such item, its last part is `-`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// The place as people read it: `Properties.ProductionVariants[AllTraffic].InstanceType`; empty for the whole.
    pub path: String,
    /// JSON pointer into the value before.
    pub old: String,
    /// JSON pointer into the value after.
    pub new: String,
    /// What happened there.
    pub kind: ChangeKind,
    /// What stood there; absent where nothing did, and for what only moved.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub before: Option<Value>,
    /// What stands there now; absent where nothing does, and for what only moved.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub after: Option<Value>,
    /// When both sides are JSON written as text (a definition, a policy, a dashboard): how that JSON differs.
    /// Empty when it is only written differently. Pointers lead into the JSON within the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<Vec<Change>>,
}

/// What happened at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It was not there.
    Added,
    /// It is no longer there.
    Removed,
    /// Another value stands there.
    Changed,
    /// An item of a list stands at another place among those that stayed. What changed within it is told apart.
    Moved,
}

impl Change {
    /// The change of a whole value, which may be absent on one side.
    pub(super) fn whole(old: Option<&Value>, new: Option<&Value>) -> Vec<Change> {
        let mut out = Vec::new();
        let mut place = Place::default();
        match (old, new) {
            (None, None) => {}
            (None, Some(new)) => place.added(new, &mut out),
            (Some(old), None) => place.removed(old, &mut out),
            (Some(old), Some(new)) => compare(old, new, &mut place, &mut out),
        }
        out
    }

    /// Whether both values mean the same to CloudFormation, which reads `5`, `5.0` and `"5"` alike.
    pub fn is_formal(&self) -> bool {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => same_scalar(before, after),
            _ => false,
        }
    }

    /// The parts of the place in the value after: keys, and `*` for items of lists.
    pub fn keys(&self) -> Vec<String> {
        let mut keys = parts(&self.new);
        for key in &mut keys {
            if key == "-" || (!key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit())) {
                "*".clone_into(key);
            }
        }
        keys
    }
}

/// A member that is there may be `null`.
fn present<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(input).map(Some)
}

/// The unescaped parts of a JSON pointer.
pub(super) fn parts(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}

fn same_scalar(a: &Value, b: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse::<f64>().ok().filter(|number| number.is_finite()),
        _ => None,
    };
    let truth = |value: &Value| match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let texts = a.is_string() && b.is_string();
    !texts
        && (matches!((number(a), number(b)), (Some(a), Some(b)) if a.to_bits() == b.to_bits())
            || matches!((truth(a), truth(b)), (Some(a), Some(b)) if a == b))
}

/// Where the comparison stands.
#[derive(Default)]
struct Place {
    path: String,
    old: String,
    new: String,
    /// How deep in JSON within text.
    texts: u8,
}

/// JSON in text in JSON in text is followed so far.
const TEXTS: u8 = 3;

impl Place {
    fn within(&mut self, path: &str, old: &str, new: &str, visit: impl FnOnce(&mut Place)) {
        let lengths = (self.path.len(), self.old.len(), self.new.len());
        self.path.push_str(path);
        for (pointer, part) in [(&mut self.old, old), (&mut self.new, new)] {
            pointer.push('/');
            for c in part.chars() {
                match c {
                    '~' => pointer.push_str("~0"),
                    '/' => pointer.push_str("~1"),
                    c => pointer.push(c),
                }
            }
        }
        visit(self);
        self.path.truncate(lengths.0);
        self.old.truncate(lengths.1);
        self.new.truncate(lengths.2);
    }

    fn key(&mut self, key: &str, visit: impl FnOnce(&mut Place)) {
        let plain = !key.is_empty() && !key.contains(['.', '[', ']', '\'']);
        let dot = if self.path.is_empty() || !plain { "" } else { "." };
        let shown = if plain { format!("{dot}{key}") } else { format!("['{key}']") };
        self.within(&shown, key, key, visit);
    }

    fn change(&self, kind: ChangeKind, before: Option<&Value>, after: Option<&Value>) -> Change {
        let (before, after) = (before.cloned(), after.cloned());
        let Place { path, old, new, .. } = self;
        Change { path: path.clone(), old: old.clone(), new: new.clone(), kind, before, after, inside: None }
    }

    fn added(&self, new: &Value, out: &mut Vec<Change>) {
        out.push(self.change(ChangeKind::Added, None, Some(new)));
    }

    fn removed(&self, old: &Value, out: &mut Vec<Change>) {
        out.push(self.change(ChangeKind::Removed, Some(old), None));
    }
}

fn compare(old: &Value, new: &Value, place: &mut Place, out: &mut Vec<Change>) {
    if old == new {
        return;
    }
    match (old, new) {
        (Value::Object(a), Value::Object(b)) if parts_compare(a, b) => members(a, b, place, out),
        (Value::Array(a), Value::Array(b)) => items(a, b, place, out),
        _ => {
            let mut change = place.change(ChangeKind::Changed, Some(old), Some(new));
            if place.texts < TEXTS
                && let Some((old, new)) = text::json_of_both(old, new)
            {
                let mut inside = Vec::new();
                let mut within = Place { texts: place.texts + 1, ..Place::default() };
                compare(&old, &new, &mut within, &mut inside);
                change.inside = Some(inside);
            }
            out.push(change);
        }
    }
}

/// Whether two objects are compared member by member. A function is one value: half of it says nothing.
fn parts_compare(old: &Map<String, Value>, new: &Map<String, Value>) -> bool {
    let (old, new) = (text::function(old), text::function(new));
    match (old, new) {
        (None, None) | (Some(("Fn::Transform", _)), Some(("Fn::Transform", _))) => true,
        (Some(("Fn::If", old)), Some(("Fn::If", new))) => {
            old.get(0) == new.get(0)
                && [old, new].iter().all(|value| value.as_array().is_some_and(|it| it.len() == 3))
        }
        _ => false,
    }
}

fn members(old: &Map<String, Value>, new: &Map<String, Value>, place: &mut Place, out: &mut Vec<Change>) {
    if let (Some(Value::Array(a)), Some(Value::Array(b))) = (old.get("Fn::If"), new.get("Fn::If"))
        && old.len() == 1
        && new.len() == 1
    {
        // The branches of a condition have places of their own: they are never each other's.
        return place.key("Fn::If", |place| {
            for (index, (old, new)) in a.iter().zip(b).enumerate() {
                let text = index.to_string();
                place.within(&format!("[{text}]"), &text, &text, |place| compare(old, new, place, out));
            }
        });
    }
    for (key, new) in new {
        place.key(key, |place| match old.get(key) {
            Some(old) => compare(old, new, place, out),
            None => place.added(new, out),
        });
    }
    for (key, old) in old {
        if !new.contains_key(key) {
            place.key(key, |place| place.removed(old, out));
        }
    }
}

fn items(old: &[Value], new: &[Value], place: &mut Place, out: &mut Vec<Change>) {
    let list = place.new.rsplit('/').next().unwrap_or_default().to_owned();
    let found = align::align(&list, old, new);
    let shown = |index: usize, item: &Value| {
        let key = found.key.as_deref().and_then(|key| item.get(key)).and_then(Value::as_str);
        let mut path = String::new();
        write!(path, "[{}]", key.map_or_else(|| index.to_string(), ToOwned::to_owned))
            .expect("text takes any text");
        path
    };
    for pair in &found.pairs {
        let (Some(a), Some(b)) = (old.get(pair.old), new.get(pair.new)) else { continue };
        place.within(&shown(pair.new, b), &pair.old.to_string(), &pair.new.to_string(), |place| {
            if pair.moved {
                out.push(place.change(ChangeKind::Moved, None, None));
            }
            compare(a, b, place, out);
        });
    }
    for index in &found.added {
        let Some(item) = new.get(*index) else { continue };
        place.within(&shown(*index, item), "-", &index.to_string(), |place| place.added(item, out));
    }
    for index in &found.removed {
        let Some(item) = old.get(*index) else { continue };
        place.within(&shown(*index, item), &index.to_string(), "-", |place| place.removed(item, out));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "calls read better")]
    fn check(old: Value, new: Value, expected: &[&str]) {
        let changes = Change::whole(Some(&old), Some(&new));
        let mut shown = Vec::new();
        for change in &changes {
            let kind = match change.kind {
                ChangeKind::Added => '+',
                ChangeKind::Removed => '-',
                ChangeKind::Changed => '~',
                ChangeKind::Moved => '>',
            };
            shown.push(format!("{kind}{}", change.path));
            for inside in change.inside.iter().flatten() {
                shown.push(format!("{kind}{}: {}", change.path, inside.path));
            }
        }
        assert_eq!(shown, expected, "{old} → {new}");
    }

    #[test]
    fn items_meet_by_their_names() {
        let list = |values: &[(&str, i32)]| -> Value {
            values.iter().map(|(name, n)| json!({ "VariantName": name, "ModelName": "m", "N": n })).collect()
        };
        check(
            json!({ "ProductionVariants": list(&[("a", 1), ("b", 2)]) }),
            json!({ "ProductionVariants": list(&[("c", 3), ("a", 1), ("b", 9)]) }),
            &["~ProductionVariants[b].N", "+ProductionVariants[c]"],
        );
        check(
            json!([{ "Key": "a", "Value": 1 }, { "Key": "b", "Value": 1 }, { "Key": "c", "Value": 1 }]),
            json!([{ "Key": "c", "Value": 1 }, { "Key": "a", "Value": 2 }, { "Key": "b", "Value": 1 }]),
            &[">[c]", "~[a].Value"],
        );
        check(json!(["a", "b", "c"]), json!(["a", "x", "c"]), &["+[1]", "-[1]"]);
        check(json!([{ "a": 1, "b": 2, "c": 3 }]), json!([{ "a": 1, "b": 2, "c": 4 }]), &["~[0].c"]);
    }

    #[test]
    fn json_in_text_is_compared_as_json() {
        check(
            json!({ "D": r#"{"a":1,"b":[1]}"# }),
            json!({ "D": r#"{ "a": 2, "b": [1] }"# }),
            &["~D", "~D: a"],
        );
        check(json!({ "D": r#"{"a":1}"# }), json!({ "D": r#"{ "a": 1 }"# }), &["~D"]);
        check(
            json!({ "D": { "Fn::Sub": r#"{"a":"${X}","n":${N}}"# } }),
            json!({ "D": { "Fn::Join": ["", [r#"{"a":""#, { "Ref": "X" }, r#"","n":2}"#]] } }),
            &["~D", "~D: n"],
        );
        check(json!({ "P": r#"{"a":1}"# }), json!({ "P": { "a": 2 } }), &["~P", "~P: a"]);
    }

    #[test]
    fn a_function_is_one_value() {
        check(json!({ "a": { "Ref": "X" } }), json!({ "a": { "Ref": "Y" } }), &["~a"]);
        check(
            json!({ "a": { "Fn::If": ["C", { "x": 1 }, { "x": 2 }] } }),
            json!({ "a": { "Fn::If": ["C", { "x": 2 }, { "x": 2 }] } }),
            &["~a.Fn::If[1].x"],
        );
        check(json!({ "a.b": 1 }), json!({ "a.b": 2 }), &["~['a.b']"]);
    }

    #[test]
    fn what_cloudformation_reads_alike_is_formal() {
        for (before, after, expected) in [
            (json!(5), json!(5.0), true),
            (json!("5"), json!(5), true),
            (json!("true"), json!(true), true),
            (json!("a"), json!("b"), false),
            (json!("5"), json!("5.0"), false),
            (json!(5), json!(6), false),
        ] {
            let changes = Change::whole(Some(&before), Some(&after));
            assert_eq!(changes[0].is_formal(), expected, "{before} {after}");
        }
    }
}
