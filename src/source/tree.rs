//! The places of a YAML text: an arena of nodes with byte spans.

use std::ops::Range;

use indexmap::IndexMap;
use serde_json::Value;

/// The nodes of one document.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) root: Option<usize>,
}

/// One value.
#[derive(Debug)]
pub(super) struct Node {
    /// Its text; an alias has the span of the alias.
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
    pub(super) size: Size,
    /// What a scalar says.
    pub(super) scalar: Value,
    /// It has begun and not ended.
    pub(super) open: bool,
}

#[derive(Debug)]
pub(super) enum Kind {
    Null,
    Scalar,
    /// Text under `|` or `>`.
    Block,
    List(Vec<usize>),
    /// Its own entries, then those that `<<` brought in.
    Map(IndexMap<String, Entry>),
    Alias(usize),
}

/// One entry of a mapping, its own or one that `<<` brought in.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: Range<usize>,
    pub(super) value: usize,
    /// The `<<` value that brought it in.
    pub(super) via: Option<Range<usize>>,
}

/// What a node comes to once aliases are replaced by what they stand for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Size {
    pub(super) nodes: usize,
    pub(super) text: usize,
    pub(super) height: usize,
}

impl Size {
    pub(super) fn hold(&mut self, inner: Size) {
        self.nodes = self.nodes.saturating_add(inner.nodes);
        self.text = self.text.saturating_add(inner.text);
        self.height = self.height.max(inner.height + 1);
    }
}

impl Tree {
    /// The node of the whole document.
    pub(super) fn root(&self) -> Option<usize> {
        self.root
    }

    /// A node by its number.
    pub(super) fn node(&self, id: usize) -> &Node {
        &self.nodes[id]
    }

    /// The node that `id` stands for: itself, unless it is an alias.
    pub(super) fn target(&self, id: usize) -> usize {
        match self.nodes[id].kind {
            Kind::Alias(target) => target, // never an alias itself: an alias cannot carry an anchor
            _ => id,
        }
    }

    /// The member or item `segment` of the node `id`.
    pub(super) fn child(&self, id: usize, segment: &str) -> Option<Entry> {
        match &self.nodes[self.target(id)].kind {
            Kind::List(items) => {
                let &value = items.get(segment.parse::<usize>().ok()?)?;
                Some(Entry { key: self.nodes[value].span.clone(), value, via: None })
            }
            Kind::Map(entries) => entries.get(segment).cloned(),
            Kind::Null | Kind::Scalar | Kind::Block | Kind::Alias(_) => None,
        }
    }

    /// Whether the node `id` is a mapping.
    pub(super) fn is_map(&self, id: usize) -> bool {
        matches!(self.nodes[self.target(id)].kind, Kind::Map(_))
    }

    /// Whether the node `id` is a list.
    pub(super) fn is_list(&self, id: usize) -> bool {
        matches!(self.nodes[self.target(id)].kind, Kind::List(_))
    }

    /// Whether the node `id` is text under `|` or `>`.
    pub(super) fn is_block(&self, id: usize) -> bool {
        matches!(self.nodes[self.target(id)].kind, Kind::Block)
    }

    /// Whether the node `id` says nothing.
    pub(super) fn is_null(&self, id: usize) -> bool {
        matches!(self.nodes[self.target(id)].kind, Kind::Null)
    }
}
