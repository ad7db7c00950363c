//! The new side of a diff, from its old side: a diff holds everything that changed.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::change::parts;
use super::{Action, Address, Change, ChangeKind, Diff, DocumentKind, Side};

/// The old side is not the one that the diff was made from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the diff does not fit: nothing to change at `{0}`")]
pub struct Mismatch(String);

/// The documents of the new side, by name.
///
/// # Errors
/// When the old side is not the one that the diff was made from.
pub fn apply(diff: &Diff, old: &Side) -> Result<BTreeMap<String, Value>, Mismatch> {
    let mut documents: BTreeMap<String, Option<Value>> =
        old.documents.iter().map(|(name, document)| (name.clone(), Some(document.value.clone()))).collect();
    let mut resources = BTreeMap::new();
    for document in diff.documents.iter().filter(|document| document.kind == DocumentKind::Template) {
        let value = documents.get_mut(&document.name).and_then(Option::as_mut);
        let Some(Value::Object(map)) = value.and_then(|value| value.get_mut("Resources")) else { continue };
        for (id, resource) in std::mem::take(map) {
            resources.insert(Address { document: document.name.clone(), logical_id: id }, resource);
        }
    }
    let mut new_resources = Vec::new();
    for resource in diff.resources.iter().filter(|resource| resource.action != Action::Reached) {
        let here = Address { document: resource.document.clone(), logical_id: resource.logical_id.clone() };
        let before = resources.remove(resource.was.as_ref().unwrap_or(&here));
        if let Some(after) = changed(before, &steps(&resource.changes), &here.logical_id)? {
            new_resources.push((here, after));
        }
    }
    for document in &diff.documents {
        let before = documents.remove(&document.name).flatten();
        let after = changed(before, &steps(&document.changes), &document.name)?;
        documents.insert(document.name.clone(), after);
    }
    for (address, resource) in resources.into_iter().chain(new_resources) {
        let place = documents.get_mut(&address.document).and_then(Option::as_mut);
        let Some(Value::Object(map)) = place.and_then(|document| document.get_mut("Resources")) else {
            return Err(Mismatch(address.document));
        };
        map.insert(address.logical_id, resource);
    }
    Ok(documents.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}

/// A change with what is left of its pointers.
#[derive(Clone)]
struct Step<'a> {
    change: &'a Change,
    old: std::vec::IntoIter<String>,
    new: std::vec::IntoIter<String>,
}

fn steps(changes: &[Change]) -> Vec<Step<'_>> {
    changes
        .iter()
        .map(|change| Step {
            change,
            old: parts(&change.old).into_iter(),
            new: parts(&change.new).into_iter(),
        })
        .collect()
}

fn changed(value: Option<Value>, steps: &[Step], place: &str) -> Result<Option<Value>, Mismatch> {
    let misfit = || Mismatch(place.to_owned());
    if let Some(whole) = steps.iter().find(|step| step.old.len() == 0 && step.new.len() == 0) {
        let expected = match whole.change.kind {
            ChangeKind::Moved => return Err(misfit()),
            ChangeKind::Added => value.is_none(),
            ChangeKind::Removed | ChangeKind::Changed => value == whole.change.before,
        };
        return if expected { Ok(whole.change.after.clone()) } else { Err(misfit()) };
    }
    if steps.is_empty() {
        return Ok(value);
    }
    match value {
        Some(Value::Object(members)) => object(members, steps, place).map(Value::Object).map(Some),
        Some(Value::Array(items)) => array(items, steps, place).map(Value::Array).map(Some),
        _ => Err(misfit()),
    }
}

fn object(
    mut members: Map<String, Value>,
    steps: &[Step],
    place: &str,
) -> Result<Map<String, Value>, Mismatch> {
    for (key, steps) in grouped(steps) {
        let key = key.1;
        let place = format!("{place}/{key}");
        // In place, so that members keep their order.
        let before = members.get_mut(&key).map(Value::take);
        match changed(before, &steps, &place)? {
            Some(after) => {
                members.insert(key, after);
            }
            None => {
                members.shift_remove(&key);
            }
        }
    }
    Ok(members)
}

/// By the first part of both pointers, which is taken off.
fn grouped<'a>(steps: &[Step<'a>]) -> BTreeMap<(String, String), Vec<Step<'a>>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for step in steps {
        let mut step = step.clone();
        let part = (step.old.next().unwrap_or_default(), step.new.next().unwrap_or_default());
        groups.entry(part).or_default().push(step);
    }
    groups
}

fn array(items: Vec<Value>, steps: &[Step], place: &str) -> Result<Vec<Value>, Mismatch> {
    let mut old: Vec<Option<Value>> = items.into_iter().map(Some).collect();
    let mut placed = BTreeMap::new();
    for ((from, to), mut steps) in grouped(steps) {
        let place = format!("{place}/{to}");
        let misfit = || Mismatch(place.clone());
        let from: Option<usize> = from.parse().ok();
        let moved = steps.iter().any(|step| step.change.kind == ChangeKind::Moved && step.new.len() == 0);
        steps.retain(|step| step.change.kind != ChangeKind::Moved || step.new.len() > 0);
        let before = match from {
            Some(index) => Some(old.get_mut(index).and_then(Option::take).ok_or_else(misfit)?),
            None => None,
        };
        let after = changed(before, &steps, &place)?;
        match (from, to.parse::<usize>().ok(), after) {
            (None, Some(to), Some(item)) => {
                placed.insert(to, item);
            }
            (Some(_), Some(to), Some(item)) if moved => {
                placed.insert(to, item);
            }
            (Some(from), Some(_), Some(item)) => old[from] = Some(item),
            (Some(_), _, None) => {}
            _ => return Err(misfit()),
        }
    }
    let mut kept = old.into_iter().flatten();
    let mut out = Vec::new();
    loop {
        match placed.remove(&out.len()).or_else(|| kept.next()) {
            Some(item) => out.push(item),
            None if placed.is_empty() => return Ok(out),
            None => return Err(Mismatch(place.to_owned())),
        }
    }
}
