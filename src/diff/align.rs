//! Which items of two lists are the same item: by natural key, else by equality, else by likeness.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{Hash, Hasher};

use serde_json::Value;

use super::text;

/// How two lists meet.
#[derive(Debug, Default)]
pub(super) struct Alignment {
    /// Items that are on both sides, in the order after.
    pub pairs: Vec<Pair>,
    /// Indexes of items that are only in the list after.
    pub added: Vec<usize>,
    /// Indexes of items that are only in the list before.
    pub removed: Vec<usize>,
    /// The member by which items were matched.
    pub key: Option<String>,
}

/// An item that is on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    /// Index before.
    pub old: usize,
    /// Index after.
    pub new: usize,
    /// Whether it stands elsewhere among the others.
    pub moved: bool,
}

/// Matches the items of two lists; `list` is the list's own name.
pub(super) fn align(list: &str, old: &[Value], new: &[Value]) -> Alignment {
    let key = natural_key(list, old, new);
    let mut matched = Matched::new(old.len(), new.len());
    if let Some(key) = &key {
        matched.by(old, new, |item| item.get(key).map(canonical));
    }
    // Items with a key are matched by it or not at all.
    let rest = |item: &Value| key.as_ref().is_none_or(|key| item.get(key).is_none());
    matched.by(old, new, |item| rest(item).then(|| canonical(item)));
    matched.by_likeness(old, new, rest);
    let mut pairs = matched.pairs;
    pairs.sort_unstable_by_key(|pair| pair.1);
    let moved = moved(&pairs, || text_of(new) < text_of(old));
    Alignment {
        added: unmatched(new.len(), pairs.iter().map(|pair| pair.1)),
        removed: unmatched(old.len(), pairs.iter().map(|pair| pair.0)),
        pairs: pairs
            .iter()
            .map(|pair| Pair { old: pair.0, new: pair.1, moved: moved.contains(&pair.1) })
            .collect(),
        key,
    }
}

fn text_of(items: &[Value]) -> String {
    items.iter().map(canonical).collect()
}

fn unmatched(count: usize, matched: impl Iterator<Item = usize>) -> Vec<usize> {
    let matched: HashSet<_> = matched.collect();
    (0..count).filter(|index| !matched.contains(index)).collect()
}

/// The member that names an item in AWS's own lists, in this order; then any other `…Name`.
const KEYS: [&str; 8] = ["Name", "Key", "Id", "Sid", "name", "key", "id", "title"];

/// The member that tells the items of both lists apart. Statements may lack a `Sid`; elsewhere each item has it.
fn natural_key(list: &str, old: &[Value], new: &[Value]) -> Option<String> {
    let items = || old.iter().chain(new);
    let plain = |item: &Value| item.as_object().is_some_and(|item| text::function(item).is_none());
    if old.is_empty() || new.is_empty() || !items().all(plain) {
        return None;
    }
    let unique = |side: &[Value], key: &str| {
        let mut seen = HashSet::new();
        side.iter().filter_map(|item| item.get(key)).all(|value| seen.insert(canonical(value)))
    };
    let fits = |key: &str| {
        let has = |item: &Value| item.get(key).is_some_and(|value| !value.is_null() && !value.is_array());
        let there = if key == "Sid" { old.iter().any(has) && new.iter().any(has) } else { items().all(has) };
        there && unique(old, key) && unique(new, key)
    };
    if let Some(key) = KEYS.iter().find(|key| fits(key)) {
        return Some((*key).to_owned());
    }
    // `VariantName` before `ModelName` in `ProductionVariants`.
    let names: BTreeSet<_> = items().filter_map(Value::as_object).flat_map(|item| item.keys()).collect();
    let stem = |name: &str| name.strip_suffix("Name").map(ToOwned::to_owned).filter(|stem| !stem.is_empty());
    let mut names: Vec<_> =
        names.into_iter().filter_map(|name| Some((!list.contains(&stem(name)?), name))).collect();
    names.sort_unstable();
    names.into_iter().map(|(_, name)| name).find(|name| fits(name)).cloned()
}

/// A value's text, the same for the same value whatever the order of its members.
pub(super) fn canonical(value: &Value) -> String {
    fn write(value: &Value, out: &mut String) {
        match value {
            Value::Object(members) => {
                let mut keys: Vec<_> = members.iter().collect();
                keys.sort_unstable_by_key(|(key, _)| key.as_str());
                out.push('{');
                for (key, member) in keys {
                    out.push_str(&Value::from(key.as_str()).to_string());
                    out.push(':');
                    write(member, out);
                    out.push(',');
                }
                out.push('}');
            }
            Value::Array(items) => {
                out.push('[');
                for item in items {
                    write(item, out);
                    out.push(',');
                }
                out.push(']');
            }
            scalar => out.push_str(&scalar.to_string()),
        }
    }
    let mut out = String::new();
    write(value, &mut out);
    out
}

struct Matched {
    old: Vec<bool>,
    new: Vec<bool>,
    pairs: Vec<(usize, usize)>,
}

/// Two lists of more left-over items are paired in order, not by likeness.
const LIKENESS: usize = 64;

impl Matched {
    fn new(old: usize, new: usize) -> Self {
        Self { old: vec![false; old], new: vec![false; new], pairs: Vec::new() }
    }

    fn pair(&mut self, old: usize, new: usize) {
        self.old[old] = true;
        self.new[new] = true;
        self.pairs.push((old, new));
    }

    /// Matches what has the same key: the first with the first, the second with the second.
    fn by(&mut self, old: &[Value], new: &[Value], key: impl Fn(&Value) -> Option<String>) {
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, item) in new.iter().enumerate().rev().filter(|(index, _)| !self.new[*index]) {
            if let Some(key) = key(item) {
                places.entry(key).or_default().push(index);
            }
        }
        if places.is_empty() {
            return;
        }
        for (index, item) in old.iter().enumerate() {
            if !self.old[index]
                && let Some(there) = key(item).and_then(|key| places.get_mut(&key)?.pop())
            {
                self.pair(index, there);
            }
        }
    }

    /// Matches left-over lists and objects that have most in common.
    fn by_likeness(&mut self, old: &[Value], new: &[Value], rest: impl Fn(&Value) -> bool) {
        let fits = |item: &Value| match item {
            Value::Object(object) => text::function(object).is_none() && rest(item),
            Value::Array(_) => true,
            _ => false,
        };
        let left = |items: &[Value], taken: &[bool]| -> Vec<usize> {
            (0..items.len()).filter(|index| !taken[*index] && fits(&items[*index])).collect()
        };
        let (left_old, left_new) = (left(old, &self.old), left(new, &self.new));
        if left_old.len().max(left_new.len()) > LIKENESS {
            for (a, b) in left_old.into_iter().zip(left_new) {
                if old[a].is_object() == new[b].is_object() {
                    self.pair(a, b);
                }
            }
            return;
        }
        let leaves_of = |items: &[Value], left: &[usize]| -> Vec<_> {
            left.iter().map(|index| (*index, leaves(&items[*index]))).collect()
        };
        let (left_old, left_new) = (leaves_of(old, &left_old), leaves_of(new, &left_new));
        let mut scores = Vec::new();
        for (a, leaves_a) in &left_old {
            for (b, leaves_b) in &left_new {
                let score = likeness(leaves_a, leaves_b);
                if score >= 300 && old[*a].is_object() == new[*b].is_object() {
                    // The same whichever side comes first: a comparison and its mirror agree.
                    scores.push((std::cmp::Reverse(score), *a.min(b), *a.max(b), *a, *b));
                }
            }
        }
        scores.sort_unstable();
        for (.., a, b) in scores {
            if !self.old[a] && !self.new[b] {
                self.pair(a, b);
            }
        }
    }
}

/// Hashes of a value's scalars with their places, sorted.
pub(super) fn leaves(value: &Value) -> Vec<u64> {
    fn visit(value: &Value, place: u64, out: &mut Vec<u64>) {
        let step = |part: &str| {
            let mut hasher = DefaultHasher::new();
            (place, part).hash(&mut hasher);
            hasher.finish()
        };
        match value {
            Value::Object(members) => members.iter().for_each(|(key, member)| visit(member, step(key), out)),
            Value::Array(items) => items.iter().for_each(|item| visit(item, step("*"), out)),
            scalar => out.push(step(&scalar.to_string())),
        }
    }
    let mut out = Vec::new();
    visit(value, 0, &mut out);
    out.sort_unstable();
    out
}

/// How much two sorted lists of leaves have in common, in thousandths of the longer.
pub(super) fn likeness(a: &[u64], b: &[u64]) -> usize {
    let (mut i, mut j, mut common) = (0, 0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        i += usize::from(x <= y);
        j += usize::from(y <= x);
        common += usize::from(x == y);
    }
    (common * 1000).checked_div(a.len().max(b.len())).unwrap_or(1000)
}

/// Which pairs moved, by their index after: those outside the longest run that kept its order. Pairs are sorted
/// by their index after. `after_first` says whether the list after comes first in an order of all lists.
fn moved(pairs: &[(usize, usize)], after_first: impl FnOnce() -> bool) -> HashSet<usize> {
    if pairs.windows(2).all(|two| two[0].0 < two[1].0) {
        return HashSet::new();
    }
    // The run is sought in one direction only, so that a comparison and its mirror agree.
    let mut mirrored: Vec<_> = pairs.iter().map(|(old, new)| (*new, *old)).collect();
    mirrored.sort_unstable_by_key(|pair| pair.1);
    let sequence = |pairs: &[(usize, usize)]| pairs.iter().map(|pair| pair.0).collect::<Vec<_>>();
    let (here, there) = (sequence(pairs), sequence(&mirrored));
    let flipped = there < here || (there == here && after_first());
    let pairs = if flipped { &mirrored } else { pairs };
    let kept = longest_run(&pairs.iter().map(|pair| pair.0).collect::<Vec<_>>());
    let stays: HashSet<_> = kept.into_iter().collect();
    let outside = pairs.iter().enumerate().filter(|(index, _)| !stays.contains(index));
    outside.map(|(_, pair)| if flipped { pair.0 } else { pair.1 }).collect()
}

/// Indexes of a longest increasing subsequence.
fn longest_run(values: &[usize]) -> Vec<usize> {
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        let at = ends.partition_point(|end| values[*end] < *value);
        before.push(at.checked_sub(1).map(|at| ends[at]));
        if at == ends.len() {
            ends.push(index);
        } else {
            ends[at] = index;
        }
    }
    let mut run = Vec::new();
    let mut next = ends.last().copied();
    while let Some(index) = next {
        run.push(index);
        next = before[index];
    }
    run
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(list: &str, items: &Value) -> Option<String> {
        let items = items.as_array().expect("a list");
        natural_key(list, items, items)
    }

    #[test]
    fn the_natural_key_tells_items_apart() {
        let check = |list, items: Value, expected: Option<&str>| {
            assert_eq!(key(list, &items).as_deref(), expected, "{list} {items}");
        };
        check("Tags", json!([{ "Key": "a", "Value": "x" }, { "Key": "b", "Value": "x" }]), Some("Key"));
        check("ProductionVariants", json!([{ "ModelName": "m", "VariantName": "v" }]), Some("VariantName"));
        check("Statement", json!([{ "Sid": "a" }, { "Effect": "Allow" }]), Some("Sid"));
        check("Statement", json!([{ "Sid": "a" }, { "Sid": "a" }]), None);
        check("ProcessingInputs", json!([{ "InputName": "a" }, { "InputName": "b" }]), Some("InputName"));
        check("InputDataConfig", json!([{ "ChannelName": "a" }]), Some("ChannelName"));
        check("CaptureOptions", json!([{ "CaptureMode": "Input" }, { "CaptureMode": "Output" }]), None);
        check("AlarmActions", json!([{ "Ref": "Name" }]), None);
    }

    #[test]
    fn a_run_is_as_long_as_can_be() {
        assert_eq!(longest_run(&[2, 0, 1, 3]).len(), 3);
        assert_eq!(moved(&[(2, 0), (0, 1), (1, 2)], || false), HashSet::from([0]));
        assert_eq!(moved(&[(1, 0), (2, 1), (0, 2)], || false), HashSet::from([2]));
    }
}
