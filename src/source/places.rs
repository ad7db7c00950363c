//! Which bytes said the value at a pointer.

use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use super::tree::Tree;
use crate::diag::Pointer;

/// The places of a document's values, or of a document with an environment's overrides in it.
#[derive(Debug, Clone)]
pub struct Places {
    tree: Arc<Tree>,
    /// The node of the overrides, when they apply.
    overrides: Option<usize>,
}

/// The place of one value. All ranges are bytes of the file's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The key that introduces it; the root and the items of lists have none.
    pub key: Option<Range<usize>>,
    /// The value's text.
    pub value: Range<usize>,
    /// The alias or `<<` that brought it in, if one did.
    pub via: Option<Range<usize>>,
    /// The value that an environment's override replaced, when this one is the override's.
    pub replaced: Option<Range<usize>>,
    /// Whether the pointer names a value; else this is the nearest value around it.
    pub exact: bool,
    /// Whether the value is one scalar on one line, so that other text can stand in its stead.
    pub simple: bool,
}

/// Where a walk has arrived.
#[derive(Debug, Clone)]
struct Step {
    node: usize,
    key: Option<Range<usize>>,
    via: Option<Range<usize>>,
}

impl Places {
    pub(super) fn new(tree: Arc<Tree>) -> Places {
        Places { tree, overrides: None }
    }

    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The same document, with the mapping at `pointer` merged onto its root.
    pub(super) fn overlaid(&self, pointer: &Pointer) -> Places {
        let mut step = self.root();
        for segment in pointer.segments() {
            step = step.and_then(|step| self.child(&step, &segment));
        }
        Places { tree: Arc::clone(&self.tree), overrides: step.map(|step| step.node) }
    }

    /// The place of the value at `pointer`; if there is none, of the nearest value around it.
    pub fn find(&self, pointer: &Pointer) -> Place {
        let raw = pointer.segments().next().is_some_and(|section| section == "environments");
        let mut base = self.root();
        let mut over = self.overrides.filter(|_| !raw).map(|node| Step { node, key: None, via: None });
        let Some(mut found) = base.clone() else {
            return Place { key: None, value: 0..0, via: None, replaced: None, exact: false, simple: false };
        };
        let mut exact = true;
        for segment in pointer.segments() {
            // RFC 7396: an override that is not a mapping, or has no mapping to merge with, is all there is.
            let under = over.as_ref().is_none_or(|over| self.tree.is_map(over.node));
            let below = base.as_ref().filter(|_| under).and_then(|step| self.child(step, &segment));
            let above = over.as_ref().and_then(|step| self.child(step, &segment));
            let Some(next) = self.visible(below.as_ref(), above.as_ref()) else {
                exact = false;
                break;
            };
            found = next.clone();
            (base, over) = (below, above);
            if over.as_ref().is_some_and(|step| self.tree.is_null(step.node)) {
                exact = false;
                break;
            }
        }
        let replaced = over.filter(|over| over.node == found.node).and(base).filter(|_| exact);
        let target = self.tree.target(found.node);
        Place {
            value: self.tree.node(target).span.clone(),
            via: found
                .via
                .or_else(|| (target != found.node).then(|| self.tree.node(found.node).span.clone())),
            key: found.key,
            replaced: replaced.map(|step| self.tree.node(step.node).span.clone()),
            exact,
            simple: !(self.tree.is_map(target) || self.tree.is_list(target) || self.tree.is_block(target)),
        }
    }

    /// What the scalar at `pointer` says, in a document that was read once for values and places.
    pub(super) fn scalar(&self, pointer: &Pointer) -> Option<&Value> {
        let mut step = self.root()?;
        for segment in pointer.segments() {
            step = self.child(&step, &segment)?;
        }
        Some(&self.tree.node(self.tree.target(step.node)).scalar)
    }

    /// Which of the two says the value: the override, unless both are mappings.
    fn visible<'a>(&self, below: Option<&'a Step>, above: Option<&'a Step>) -> Option<&'a Step> {
        match (below, above) {
            (Some(below), Some(above)) => {
                let merged = self.tree.is_map(below.node) && self.tree.is_map(above.node);
                Some(if merged { below } else { above })
            }
            (below, above) => above.or(below),
        }
    }

    fn root(&self) -> Option<Step> {
        Some(Step { node: self.tree.root()?, key: None, via: None })
    }

    fn child(&self, step: &Step, segment: &str) -> Option<Step> {
        let entry = self.tree.child(step.node, segment)?;
        let target = self.tree.target(step.node);
        let here = (target != step.node).then(|| self.tree.node(step.node).span.clone());
        Some(Step {
            node: entry.value,
            key: self.tree.is_map(target).then_some(entry.key),
            via: entry.via.or(step.via.clone()).or(here),
        })
    }
}
