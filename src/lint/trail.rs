//! Where a walk through a document is, without a pointer for each step.

use serde_json::Value;

use super::functions::call;
use crate::diag::Pointer;

/// A place and those around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trail<'a> {
    outer: Option<&'a Trail<'a>>,
    step: Step<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step<'a> {
    Root,
    Key(&'a str),
    Item(usize),
}

impl<'a> Trail<'a> {
    /// The document.
    pub(super) const ROOT: Trail<'static> = Trail { outer: None, step: Step::Root };

    /// A member of this.
    pub(super) fn key(&'a self, key: &'a str) -> Trail<'a> {
        Trail { outer: Some(self), step: Step::Key(key) }
    }

    /// An item of this.
    pub(super) fn item(&'a self, index: usize) -> Trail<'a> {
        Trail { outer: Some(self), step: Step::Item(index) }
    }

    /// The keys from here outwards; items of lists have none.
    pub(super) fn keys_outwards(&'a self) -> impl Iterator<Item = &'a str> {
        std::iter::successors(Some(self), |trail| trail.outer).filter_map(|trail| match trail.step {
            Step::Key(key) => Some(key),
            Step::Root | Step::Item(_) => None,
        })
    }

    /// The key that holds this, if a mapping does.
    pub(super) fn last_key(&self) -> Option<&'a str> {
        match self.step {
            Step::Key(key) => Some(key),
            Step::Root | Step::Item(_) => None,
        }
    }

    /// Its pointer.
    pub(super) fn pointer(&self) -> Pointer {
        let around = self.outer.map(Trail::pointer).unwrap_or_default();
        match self.step {
            Step::Root => around,
            Step::Key(key) => around.key(key),
            Step::Item(index) => around.index(index),
        }
    }
}

/// Visits a value and all within it, outermost first.
pub(super) fn walk<'d>(value: &'d Value, trail: &Trail<'_>, visit: &mut impl FnMut(&'d Value, &Trail<'_>)) {
    visit(value, trail);
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| walk(item, &trail.item(n), visit));
        }
        Value::Object(members) => {
            members.iter().for_each(|(key, member)| walk(member, &trail.key(key), visit));
        }
        _ => {}
    }
}

/// Visits each call of a function with its argument; the trail is the call's.
pub(super) fn calls<'d>(
    value: &'d Value,
    trail: &Trail<'_>,
    visit: &mut impl FnMut(&'d str, &'d Value, &Trail<'_>),
) {
    walk(value, trail, &mut |value, trail| {
        if let Some((name, argument)) = call(value) {
            visit(name, argument, trail);
        }
    });
}
