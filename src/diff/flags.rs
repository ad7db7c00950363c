//! What a reviewer must be told beside the impact.

use std::collections::BTreeMap;

use serde_json::Value;

use super::template::Item;
use super::{Change, ChangeKind, Flag, FlagKind, Impact, Reason, cost, lifecycle, scaling, text, weaken};

/// What was found of one subject, by kind.
#[derive(Debug, Default)]
pub(super) struct Found(BTreeMap<FlagKind, Vec<String>>);

impl Found {
    /// Adds a sentence, once.
    pub(super) fn add(&mut self, kind: FlagKind, why: impl Into<String>) {
        let (all, why) = (self.0.entry(kind).or_default(), why.into());
        if !all.contains(&why) {
            all.push(why);
        }
    }

    /// More here and less there, or unknown somewhere: which way the sum goes cannot be told.
    fn settle_cost(&mut self) {
        let directions = [FlagKind::CostMore, FlagKind::CostLess];
        let both = directions.iter().all(|kind| self.0.contains_key(kind));
        if both || self.0.contains_key(&FlagKind::CostUnknown) {
            for why in directions.iter().filter_map(|kind| self.0.remove(kind)).flatten().collect::<Vec<_>>()
            {
                self.add(FlagKind::CostUnknown, why);
            }
        }
    }

    /// The flags, in the order of their kinds.
    pub(super) fn into_flags(mut self) -> Vec<Flag> {
        self.settle_cost();
        self.0.into_iter().map(|(kind, why)| Flag { kind, why }).collect()
    }
}

/// The flags of each resource, in the order of the items.
pub(super) fn flags(items: &[Item], reasons: &[Vec<Reason>]) -> Vec<Found> {
    let scaled = scaling::Scaled::new(items);
    let of = |(item, reasons): (&Item, &Vec<Reason>)| {
        let mut found = Found::default();
        let impact = reasons.iter().map(|reason| reason.impact).max().unwrap_or(Impact::None);
        lifecycle::flags(item, impact, reasons, &mut found);
        scaled.flags(item, reasons, &mut found);
        if let (Some(_), Some((_, new))) = (item.pair.old, item.pair.new) {
            let leaves = leaves(&item.changes);
            weaken::flags(item.kind, &leaves, Some(new), &mut found);
            cost::flags(&leaves, &mut found);
        } else {
            weaken::gone(item, &mut found);
            cost::whole(item, &mut found);
        }
        found
    };
    items.iter().zip(reasons).map(of).collect()
}

/// A scalar or a function that changes, comes or goes.
#[derive(Debug, Clone)]
pub(super) struct Leaf<'a> {
    /// The keys of its place, `*` for an item of a list.
    pub keys: Vec<String>,
    /// The place as people read it, without `Properties`.
    pub path: String,
    /// How many of the keys lead to the object or list that comes or goes as a whole; all of them when only the
    /// value changes.
    pub whole: usize,
    /// What stood there.
    pub before: Option<&'a Value>,
    /// What stands there now.
    pub after: Option<&'a Value>,
}

impl Leaf<'_> {
    /// The name of what changes: the last key that is no item.
    pub(super) fn name(&self) -> &str {
        self.keys.iter().rev().find(|key| *key != "*").map_or("", String::as_str)
    }

    /// Whether the place is at or within a member of that name.
    pub(super) fn is_within(&self, name: &str) -> bool {
        self.keys.iter().any(|key| key == name)
    }

    /// Whether a member of that name goes as a whole.
    pub(super) fn loses(&self, name: &str) -> bool {
        let at = self.keys.iter().position(|key| key == name);
        self.after.is_none() && at.is_some_and(|at| at + 1 >= self.whole)
    }

    /// `before → after`, as short as can be.
    pub(super) fn shown(&self) -> String {
        let side = |value: Option<&Value>| match value {
            None => "none".to_owned(),
            Some(value) => text::shown(value).map_or_else(|| value.to_string(), std::borrow::Cow::into_owned),
        };
        format!("`{}`: {} → {}", self.path, side(self.before), side(self.after))
    }
}

/// The scalars and functions that change, also within JSON in text.
pub(super) fn leaves(changes: &[Change]) -> Vec<Leaf<'_>> {
    let mut out = Vec::new();
    collect(changes, &[], "", &mut out);
    out
}

fn collect<'a>(changes: &'a [Change], keys: &[String], path: &str, out: &mut Vec<Leaf<'a>>) {
    for change in changes.iter().filter(|change| change.kind != ChangeKind::Moved && !change.is_formal()) {
        let here: Vec<String> = keys.iter().cloned().chain(change.keys()).collect();
        let shown = change.path.strip_prefix("Properties.").unwrap_or(&change.path);
        let shown = if path.is_empty() { shown.to_owned() } else { format!("{path}: {shown}") };
        if let Some(inside) = &change.inside {
            collect(inside, &here, &shown, out);
            continue;
        }
        let mut found: BTreeMap<String, Leaf> = BTreeMap::new();
        for (value, is_old) in [(&change.before, true), (&change.after, false)] {
            let Some(value) = value else { continue };
            let mut keys = here.clone();
            flatten(value, &mut keys, &shown, &mut |keys, path, value| {
                let (whole, keys) = (here.len(), keys.to_vec());
                let leaf = found.entry(path.to_owned()).or_insert_with(|| Leaf {
                    keys,
                    path: path.to_owned(),
                    whole,
                    before: None,
                    after: None,
                });
                *(if is_old { &mut leaf.before } else { &mut leaf.after }) = Some(value);
            });
        }
        out.extend(found.into_values());
    }
}

/// Visits the scalars and functions of a value.
pub(super) fn flatten<'a>(
    value: &'a Value,
    keys: &mut Vec<String>,
    path: &str,
    visit: &mut dyn FnMut(&[String], &str, &'a Value),
) {
    match value {
        Value::Object(members) if text::function(members).is_none() && !members.is_empty() => {
            for (key, member) in members {
                keys.push(key.clone());
                let dot = if path.is_empty() { "" } else { "." };
                flatten(member, keys, &format!("{path}{dot}{key}"), visit);
                keys.pop();
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                keys.push("*".to_owned());
                flatten(item, keys, &format!("{path}[{index}]"), visit);
                keys.pop();
            }
        }
        scalar => visit(keys, path, scalar),
    }
}

/// A truth as CloudFormation reads it.
pub(super) fn truth(value: Option<&Value>) -> Option<bool> {
    match value? {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// A number as CloudFormation reads it.
pub(super) fn number(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}
