//! Whom a change reaches: through references, across the templates of an assembly, until nothing more moves.

use std::collections::{HashMap, VecDeque};

use serde_json::Value;

use super::impact::{self, Effect};
use super::references::{self, Reference, Target};
use super::template::Item;
use super::{Document, DocumentDiff, Impact, Link, Reason, Side, Unknown, Voice, facts, unknowns};

/// What happens to each resource, in the order of the items, and what cannot be known.
pub(super) fn estimate(
    items: &[Item],
    old: &Side,
    new: &Side,
    documents: &[DocumentDiff],
) -> (Vec<Vec<Reason>>, Vec<Unknown>) {
    let graph = Graph::new(items, old, new, documents);
    let mut state = State::new(graph.nodes.len(), items.len());
    let mut queue = VecDeque::new();
    for (index, item) in items.iter().enumerate() {
        state.reasons[index] = impact::direct(item);
        state.reasons[index].extend(graph.conditioned(item));
        if !state.reasons[index].is_empty() {
            queue.push_back(index);
        }
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        if let Some(certain) = graph.seed(node) {
            state.force[index] = Some(certain);
            queue.push_back(index);
        }
    }
    for (index, reason) in graph.mapped() {
        state.add(index, reason);
        queue.push_back(index);
    }
    graph.spread(&mut state, queue);
    let unknowns = unknowns::unknowns(&graph, &state);
    for (item, reasons) in items.iter().zip(&mut state.reasons) {
        if graph.is_absent(item) {
            reasons.clear();
        }
        // What comes or goes for certain by its condition does nothing else.
        if let Some(presence) = reasons.iter().position(|it| it.property == "Condition" && it.certain) {
            *reasons = vec![reasons.swap_remove(presence)];
        }
        reasons.sort_by(|a, b| {
            (b.impact, b.certain).cmp(&(a.impact, a.certain)).then_with(|| a.property.cmp(&b.property))
        });
    }
    (state.reasons, unknowns)
}

/// Anything that refers or is referred to.
#[derive(Clone, Copy)]
pub(super) enum Node<'a> {
    /// An item, by its index.
    Resource(usize),
    /// A parameter: document and name.
    Parameter(&'a str, &'a str),
    /// A condition: document and name.
    Condition(&'a str, &'a str),
    /// An output: document and name.
    Output(&'a str, &'a str),
}

/// Names of resources and parameters are of one space, those of conditions and outputs of others.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Space {
    Value,
    Condition,
    Output,
}

pub(super) struct Edge {
    pub user: usize,
    pub keys: Vec<String>,
    pub target: Target,
}

pub(super) struct Graph<'a> {
    pub items: &'a [Item<'a>],
    pub old: &'a Side,
    pub new: &'a Side,
    documents: &'a [DocumentDiff],
    pub nodes: Vec<Node<'a>>,
    index: HashMap<(&'a str, Space, &'a str), usize>,
    /// By what is referred to: who refers to it.
    users: Vec<Vec<Edge>>,
    /// References of resources to mappings and to dynamic values.
    pub loose: Vec<Edge>,
}

/// What is known so far, by node.
pub(super) struct State {
    /// Whether the value of a parameter, condition or output changes, and whether that is certain.
    pub force: Vec<Option<bool>>,
    chains: Vec<Vec<Link>>,
    pub reasons: Vec<Vec<Reason>>,
}

impl State {
    pub(super) fn new(nodes: usize, items: usize) -> Self {
        Self { force: vec![None; nodes], chains: vec![Vec::new(); nodes], reasons: vec![Vec::new(); items] }
    }

    /// Adds a reason, unless one says as much already of the same place. Whether it makes things worse.
    pub(super) fn add(&mut self, item: usize, reason: Reason) -> bool {
        let weight = |reason: &Reason| (reason.impact, reason.certain);
        let (reasons, new) = (&mut self.reasons[item], weight(&reason));
        if reasons.iter().any(|known| known.property == reason.property && weight(known) >= new) {
            return false;
        }
        let worse = reasons.iter().all(|known| weight(known) < new);
        if worse {
            self.chains[item].clone_from(&reason.chain);
        }
        reasons.retain(|known| known.property != reason.property || known.chain.is_empty());
        reasons.push(reason);
        worse
    }
}

impl<'a> Graph<'a> {
    fn new(items: &'a [Item<'a>], old: &'a Side, new: &'a Side, documents: &'a [DocumentDiff]) -> Self {
        let mut graph = Graph {
            items,
            old,
            new,
            documents,
            nodes: Vec::new(),
            index: HashMap::new(),
            users: Vec::new(),
            loose: Vec::new(),
        };
        for (index, item) in items.iter().enumerate() {
            graph.nodes.push(Node::Resource(index));
            if let Some((address, _)) = item.pair.new {
                graph.index.insert((&address.document, Space::Value, &address.logical_id), index);
            }
        }
        for (name, document) in &new.documents {
            for (section, space) in
                [("Parameters", Space::Value), ("Conditions", Space::Condition), ("Outputs", Space::Output)]
            {
                for key in section_of(document, section).into_iter().flat_map(|it| it.keys()) {
                    let node = match section {
                        "Parameters" => Node::Parameter(name, key),
                        "Conditions" => Node::Condition(name, key),
                        _ => Node::Output(name, key),
                    };
                    // A resource of the same name, which CloudFormation refuses, wins.
                    graph.index.entry((name, space, key)).or_insert(graph.nodes.len());
                    graph.nodes.push(node);
                }
            }
        }
        graph.users.resize_with(graph.nodes.len(), Vec::new);
        graph.connect();
        graph
    }

    fn connect(&mut self) {
        for user in 0..self.nodes.len() {
            let (document, found) = match self.nodes[user] {
                Node::Resource(item) => {
                    let Some((address, body)) = self.items[item].pair.new else { continue };
                    let mut found = body.get("Properties").map(references::references).unwrap_or_default();
                    if let Some(Value::String(condition)) = body.get("Condition") {
                        let target = Target::Condition(condition.clone());
                        found.push(Reference { keys: vec![CONDITION.to_owned()], target });
                    }
                    (address.document.as_str(), found)
                }
                Node::Condition(document, name) => (
                    document,
                    self.entry(document, "Conditions", name).map(conditions_of).unwrap_or_default(),
                ),
                Node::Output(document, name) => {
                    let value = self.entry(document, "Outputs", name).and_then(|output| output.get("Value"));
                    (document, value.map(references::references).unwrap_or_default())
                }
                Node::Parameter(document, name) => {
                    let wired = self.new.documents.get(document).and_then(|it| it.wired.get(name));
                    if let Some((from, output)) = wired
                        && let Some(node) = self.index.get(&(from.as_str(), Space::Output, output.as_str()))
                    {
                        let target = Target::Ref(output.clone());
                        self.users[*node].push(Edge { user, keys: Vec::new(), target });
                    }
                    continue;
                }
            };
            for Reference { keys, target } in found {
                let node = match &target {
                    Target::Ref(name) | Target::Attribute(name, _) => {
                        self.index.get(&(document, Space::Value, name.as_str()))
                    }
                    Target::Condition(name) => self.index.get(&(document, Space::Condition, name.as_str())),
                    Target::Mapping(..) | Target::Dynamic(_) => {
                        self.loose.push(Edge { user, keys, target });
                        continue;
                    }
                };
                if let Some(node) = node {
                    self.users[*node].push(Edge { user, keys, target });
                }
            }
        }
    }

    pub(super) fn entry(&self, document: &str, section: &str, name: &str) -> Option<&'a Value> {
        section_of(self.new.documents.get(document)?, section)?.get(name)
    }

    /// Whether the value of a parameter, condition or output changes by itself, and whether that is certain.
    fn seed(&self, node: &Node) -> Option<bool> {
        match node {
            Node::Resource(_) => None,
            Node::Parameter(document, name) => self.parameter(document, name),
            Node::Condition(document, name) => {
                let changed = self.changed(document, &["Conditions", name]);
                changed.then(|| self.flips(document, name)).flatten()
            }
            Node::Output(document, name) => {
                let certain = self.changed(document, &["Outputs", name, "Value"]);
                let may = self.changed(document, &["Outputs", name]);
                if certain { Some(true) } else { may.then_some(false) }
            }
        }
    }

    fn parameter(&self, document: &str, name: &str) -> Option<bool> {
        let (old, new) = (self.old.documents.get(document)?, self.new.documents.get(document)?);
        let declared = |document: &'a Document| section_of(document, "Parameters")?.get(name);
        let (before, after) = (declared(old)?, declared(new)?);
        match (old.parameters.get(name), new.parameters.get(name)) {
            (Some(old), Some(new)) => (old != new).then_some(true),
            (None, None) => {
                let differs = |key: &str| before.get(key) != after.get(key);
                (differs("Default") || differs("Type")).then_some(false)
            }
            // What is given where nothing was known may be what was there.
            _ => Some(false),
        }
    }

    /// Whether a condition has another value now, and whether that is certain; none when it has not.
    fn flips(&self, document: &str, name: &str) -> Option<bool> {
        let holds = |side: &Side| {
            let document = side.documents.get(document)?;
            references::holds(document.value.get("Conditions"), &document.parameters, name)
        };
        match (holds(self.old), holds(self.new)) {
            (Some(old), Some(new)) => (old != new).then_some(true),
            _ => Some(false),
        }
    }

    /// Whether something changes at, above or below a place of a document outside of resources.
    fn changed(&self, document: &str, place: &[&str]) -> bool {
        let Some(document) = self.documents.iter().find(|it| it.name == document) else { return false };
        document.changes.iter().any(|change| {
            !change.is_formal()
                && super::change::parts(&change.new).iter().zip(place).all(|(part, key)| part == key)
        })
    }

    /// What a change of the resource's own condition does.
    fn conditioned(&self, item: &Item) -> Option<Reason> {
        let (Some((from, old)), Some((to, new))) = (item.pair.old, item.pair.new) else { return None };
        if old.get("Condition") == new.get("Condition") {
            return None;
        }
        let holds = |side: &Side, document: &str, body: &Value| match body.get("Condition") {
            None => Some(true),
            Some(condition) => {
                let document = side.documents.get(document)?;
                references::holds(document.value.get("Conditions"), &document.parameters, condition.as_str()?)
            }
        };
        presence(holds(self.old, &from.document, old), holds(self.new, &to.document, new), Vec::new())
    }

    /// Whether it is known that a resource is on neither side, because its condition holds on neither.
    fn is_absent(&self, item: &Item) -> bool {
        let absent = |side: &Side, resource: Option<(&super::Address, &Value)>| {
            let Some((address, body)) = resource else { return true };
            let (Some(document), Some(Value::String(condition))) =
                (side.documents.get(&address.document), body.get("Condition"))
            else {
                return false;
            };
            references::holds(document.value.get("Conditions"), &document.parameters, condition)
                == Some(false)
        };
        absent(self.old, item.pair.old) && absent(self.new, item.pair.new)
    }

    /// What changed entries of mappings do to those that look there.
    fn mapped(&self) -> Vec<(usize, Reason)> {
        let mut out = Vec::new();
        for edge in &self.loose {
            let (Node::Resource(item), Target::Mapping(name, [first, second])) =
                (self.nodes[edge.user], &edge.target)
            else {
                continue;
            };
            let Some((address, _)) = self.items[item].pair.new else { continue };
            let Some(document) = self.documents.iter().find(|it| it.name == address.document) else {
                continue;
            };
            let hit = document.changes.iter().any(|change| {
                let parts = super::change::parts(&change.new);
                let wanted = [Some("Mappings"), Some(name), first.as_deref(), second.as_deref()];
                parts.iter().zip(wanted).all(|(part, key)| key.is_none_or(|key| part == key))
            });
            if hit {
                let keys = [first, second].map(|key| key.as_deref().unwrap_or("?")).join(".");
                let chain = vec![Link { name: name.clone(), by: keys }];
                let certain = first.is_some() && second.is_some();
                out.push((item, self.reached(item, &edge.keys, certain, chain)));
            }
        }
        out
    }

    /// Why a resource changes when the value at that place of its properties does.
    pub(super) fn reached(&self, item: usize, keys: &[String], certain: bool, chain: Vec<Link>) -> Reason {
        let Effect { impact, fact, certain } = impact::effect(self.items[item].kind, keys, certain);
        let property = format!("Properties.{}", keys.join(".")).replace(".*", "");
        Reason { impact, property, fact, chain, certain, by: Voice::Template }
    }

    /// Lets every change reach those that refer to what changes.
    pub(super) fn spread(&self, state: &mut State, mut queue: VecDeque<usize>) {
        while let Some(node) = queue.pop_front() {
            for edge in &self.users[node] {
                let Some(certain) = self.carries(node, &edge.target, state) else { continue };
                let mut chain = state.chains[node].clone();
                chain.push(self.link(node, &edge.target));
                match self.nodes[edge.user] {
                    // What is new is created, whatever else changes.
                    Node::Resource(item) if self.items[item].pair.old.is_none() => {}
                    Node::Resource(item) => {
                        let reason = if edge.keys.first().is_some_and(|key| key == CONDITION) {
                            self.by_condition(node, chain)
                        } else {
                            Some(self.reached(item, &edge.keys, certain, chain))
                        };
                        if reason.is_some_and(|reason| state.add(item, reason)) {
                            queue.push_back(item);
                        }
                    }
                    other => {
                        let force = match other {
                            Node::Condition(document, name) => self.flips(document, name),
                            _ => Some(certain),
                        };
                        if force > state.force[edge.user] {
                            state.force[edge.user] = force;
                            state.chains[edge.user] = chain;
                            queue.push_back(edge.user);
                        }
                    }
                }
            }
        }
    }

    fn by_condition(&self, node: usize, chain: Vec<Link>) -> Option<Reason> {
        let Node::Condition(document, name) = self.nodes[node] else { return None };
        let holds = |side: &Side| {
            let document = side.documents.get(document)?;
            references::holds(document.value.get("Conditions"), &document.parameters, name)
        };
        presence(holds(self.old), holds(self.new), chain)
    }

    /// Whether what a reference gives changes, and whether that is certain.
    fn carries(&self, node: usize, target: &Target, state: &State) -> Option<bool> {
        let Node::Resource(index) = self.nodes[node] else { return state.force[node] };
        let item = &self.items[index];
        let worst = state.reasons[index].iter().map(|reason| (reason.impact, reason.certain)).max()?;
        let attribute = match target {
            Target::Attribute(_, attribute) => Some(attribute.as_str()),
            _ => None,
        };
        match worst {
            (Impact::Replace, certain) => Some(certain),
            (Impact::MayReplace | Impact::Delete, _) => Some(false),
            // An attribute that is a property of the same name.
            (Impact::Update | Impact::Rolls, certain) => {
                let attribute = attribute?;
                let property = format!("Properties.{attribute}");
                let same = |reason: &&Reason| {
                    reason.impact > Impact::None
                        && reason
                            .property
                            .strip_prefix(&property)
                            .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
                };
                let opaque = facts::answers_anew(item.kind);
                state.reasons[index].iter().find(same).map(|_| certain).or(opaque.then_some(false))
            }
            (Impact::None | Impact::Create, _) => None,
        }
    }

    fn link(&self, node: usize, target: &Target) -> Link {
        let (name, by) = match self.nodes[node] {
            Node::Resource(item) => {
                let id = self.items[item].pair.address().map_or("", |address| address.logical_id.as_str());
                match target {
                    Target::Attribute(_, attribute) => (id, attribute.clone()),
                    _ => (id, "Ref".to_owned()),
                }
            }
            Node::Parameter(_, name) => (name, "parameter".to_owned()),
            Node::Condition(_, name) => (name, "condition".to_owned()),
            Node::Output(_, name) => (name, "output".to_owned()),
        };
        Link { name: name.to_owned(), by }
    }
}

/// The place of a resource's own condition among those of its properties.
const CONDITION: &str = "(Condition)";

fn section_of<'a>(document: &'a Document, name: &str) -> Option<&'a serde_json::Map<String, Value>> {
    document.value.get("Resources")?.as_object()?;
    document.value.get(name)?.as_object()
}

/// What a condition asks: parameters, and other conditions by `Condition`.
fn conditions_of(condition: &Value) -> Vec<Reference> {
    fn others(value: &Value, out: &mut Vec<Reference>) {
        match value {
            Value::Object(members) => {
                for (key, member) in members {
                    match (key.as_str(), member) {
                        ("Condition", Value::String(name)) => {
                            out.push(Reference { keys: Vec::new(), target: Target::Condition(name.clone()) });
                        }
                        _ => others(member, out),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| others(item, out)),
            _ => {}
        }
    }
    let mut out = references::references(condition);
    others(condition, &mut out);
    out
}

/// What it does to a resource that its condition held, and holds.
fn presence(held: Option<bool>, holds: Option<bool>, chain: Vec<Link>) -> Option<Reason> {
    let (impact, fact, certain) = match (held, holds) {
        (Some(true), Some(true)) | (Some(false), Some(false)) => return None,
        (Some(true), Some(false)) => (Impact::Delete, "its condition no longer holds", true),
        (Some(false), Some(true)) => (Impact::Create, "its condition holds now", true),
        (Some(false), None) => (Impact::Create, "its condition may hold now", false),
        (_, Some(true)) => (Impact::Create, "its condition holds now, and may not have held", false),
        _ => (Impact::Delete, "its condition may no longer hold", false),
    };
    Some(Reason {
        impact,
        property: "Condition".to_owned(),
        fact: fact.to_owned(),
        chain,
        certain,
        by: Voice::Template,
    })
}
