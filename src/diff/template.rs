//! Which resource is which on both sides, and what changes in each.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::{
    Action, Address, Change, Diff, Document, DocumentDiff, DocumentKind, Impact, Reason, ResourceDiff, Side,
    VERSION, align, facts, flags, flags::Found, iam, pipeline, reach,
};

/// A resource on both sides; one may be missing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'a> {
    /// Where and what it was.
    pub old: Option<(&'a Address, &'a Value)>,
    /// Where and what it is.
    pub new: Option<(&'a Address, &'a Value)>,
}

impl<'a> Pair<'a> {
    /// Where it is, or was last.
    pub(super) fn address(&self) -> Option<&'a Address> {
        self.new.or(self.old).map(|(address, _)| address)
    }

    fn action(&self, changed: bool) -> Action {
        match (self.old, self.new) {
            (None, _) => Action::Added,
            (_, None) => Action::Removed,
            (Some((old, _)), Some((new, _))) if old.document != new.document => Action::Moved,
            (Some((old, _)), Some((new, _))) if old != new => Action::Renamed,
            _ if changed => Action::Changed,
            _ => Action::Reached,
        }
    }
}

/// A resource with what changes in its body.
#[derive(Debug)]
pub(super) struct Item<'a> {
    /// It, on both sides.
    pub pair: Pair<'a>,
    /// Its type, after or last.
    pub kind: &'a str,
    /// What the templates say happens to it.
    pub action: Action,
    /// What changes in its body.
    pub changes: Vec<Change>,
}

impl<'a> Item<'a> {
    fn new(pair: Pair<'a>) -> Option<Self> {
        let (_, body) = pair.new.or(pair.old)?;
        let changes = Change::whole(pair.old.map(|(_, body)| body), pair.new.map(|(_, body)| body));
        Some(Item { pair, kind: facts::type_of(body), action: pair.action(!changes.is_empty()), changes })
    }

    fn into_diff(self, reasons: Vec<Reason>, flags: Found) -> Option<ResourceDiff> {
        let Address { document, logical_id } = self.pair.address()?.clone();
        let was = self.pair.old.filter(|_| matches!(self.action, Action::Renamed | Action::Moved));
        let impact = reasons.iter().map(|reason| reason.impact).max().unwrap_or(Impact::None);
        Some(ResourceDiff {
            document,
            logical_id,
            resource_type: self.kind.to_owned(),
            action: self.action,
            was: was.map(|(address, _)| address.clone()),
            impact,
            reasons,
            flags: flags.into_flags(),
            changes: self.changes,
            verdict: None,
        })
    }
}

pub(super) fn diff(old: &Side, new: &Side) -> Diff {
    let names: BTreeSet<_> = old.documents.keys().chain(new.documents.keys()).collect();
    let mut documents = Vec::new();
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    for name in names {
        let (old, new) = (old.documents.get(name), new.documents.get(name));
        let kind = kind_of_both(old, new);
        let (mut old, mut new) = (old.map(|it| it.value.clone()), new.map(|it| it.value.clone()));
        if kind == DocumentKind::Template {
            take_resources(name, old.as_mut(), &mut before);
            take_resources(name, new.as_mut(), &mut after);
        }
        let changes = Change::whole(old.as_ref(), new.as_ref());
        documents.push(DocumentDiff { name: name.clone(), kind, changes });
    }
    let items: Vec<_> = pairs(&before, &after).into_iter().filter_map(Item::new).collect();
    let (reasons, unknowns) = reach::estimate(&items, old, new, &documents);
    let mut flags = flags::flags(&items, &reasons);
    let pipelines = pipeline::pipelines(old, new, &items);
    let permissions = iam::permissions(&items, &mut flags);
    let mut resources: Vec<_> = items
        .into_iter()
        .zip(reasons)
        .zip(flags)
        .filter(|((item, reasons), _)| item.action != Action::Reached || !reasons.is_empty())
        .filter_map(|((item, reasons), flags)| item.into_diff(reasons, flags))
        .collect();
    arrange(&mut resources);
    Diff { version: VERSION, documents, resources, pipelines, permissions, unknowns, accepted: Vec::new() }
}

/// The worst first.
pub(super) fn arrange(resources: &mut [ResourceDiff]) {
    resources.sort_by(|a, b| {
        b.impact.cmp(&a.impact).then_with(|| (&a.document, &a.logical_id).cmp(&(&b.document, &b.logical_id)))
    });
}

/// What a document is; what differs on both sides is compared as any JSON.
fn kind_of_both(old: Option<&Document>, new: Option<&Document>) -> DocumentKind {
    let kind = |document: &Document| match &document.value {
        Value::Object(document) if document.get("Resources").is_some_and(Value::is_object) => {
            DocumentKind::Template
        }
        Value::Object(document) if document.get("Steps").is_some_and(Value::is_array) => {
            DocumentKind::Definition
        }
        _ => DocumentKind::Other,
    };
    match (old.map(kind), new.map(kind)) {
        (Some(old), Some(new)) if old != new => DocumentKind::Other,
        (old, new) => new.or(old).unwrap_or(DocumentKind::Other),
    }
}

fn take_resources(name: &str, document: Option<&mut Value>, out: &mut BTreeMap<Address, Value>) {
    let Some(Value::Object(resources)) = document.and_then(|document| document.get_mut("Resources")) else {
        return;
    };
    for (id, resource) in std::mem::take(resources) {
        out.insert(Address { document: name.to_owned(), logical_id: id }, resource);
    }
}

/// Two resources that have so many thousandths of their properties in common are the same, renamed.
const SAME: usize = 800;

/// The resources of both sides, matched: by place, then by logical id, then by name, then by likeness.
fn pairs<'a>(old: &'a BTreeMap<Address, Value>, new: &'a BTreeMap<Address, Value>) -> Vec<Pair<'a>> {
    let mut out = Vec::new();
    let mut gone: BTreeMap<&Address, &Value> = old.iter().collect();
    let mut come: BTreeMap<&Address, &Value> = BTreeMap::new();
    for (address, resource) in new {
        match gone.remove(address) {
            Some(before) => out.push(Pair { old: Some((address, before)), new: Some((address, resource)) }),
            None => drop(come.insert(address, resource)),
        }
    }
    let identities: [fn(&Address, &Value) -> Option<String>; 2] = [
        |address, resource| Some(format!("{} {}", facts::type_of(resource), address.logical_id)),
        |_, resource| {
            let kind = facts::type_of(resource);
            let (_, name) = facts::given_name(kind, resource)?;
            Some(format!("{kind} {}", align::canonical(name)))
        },
    ];
    for identity in identities {
        let mut matched = Vec::new();
        let unique = |side: &BTreeMap<&Address, &Value>| {
            let mut by: HashMap<String, Vec<Address>> = HashMap::new();
            for (address, resource) in side {
                if let Some(key) = identity(address, resource) {
                    by.entry(key).or_default().push((*address).clone());
                }
            }
            by
        };
        let (gone_by, come_by) = (unique(&gone), unique(&come));
        for (key, old) in gone_by {
            if let ([old], Some([new])) = (old.as_slice(), come_by.get(&key).map(Vec::as_slice)) {
                matched.push((old.clone(), new.clone()));
            }
        }
        for (from, to) in matched {
            if let (Some(old), Some(new)) = (gone.remove_entry(&from), come.remove_entry(&to)) {
                out.push(Pair { old: Some(old), new: Some(new) });
            }
        }
    }
    by_likeness(&mut gone, &mut come, &mut out);
    out.extend(gone.into_iter().map(|old| Pair { old: Some(old), new: None }));
    out.extend(come.into_iter().map(|new| Pair { old: None, new: Some(new) }));
    out.sort_by_key(Pair::address);
    out
}

fn by_likeness<'a>(
    gone: &mut BTreeMap<&'a Address, &'a Value>,
    come: &mut BTreeMap<&'a Address, &'a Value>,
    out: &mut Vec<Pair<'a>>,
) {
    let leaves = |side: &BTreeMap<&'a Address, &'a Value>| {
        let mut by: BTreeMap<&'a str, Vec<(&'a Address, Vec<u64>)>> = BTreeMap::new();
        for (address, resource) in side {
            let properties = resource.get("Properties").unwrap_or(&Value::Null);
            by.entry(facts::type_of(resource)).or_default().push((address, align::leaves(properties)));
        }
        by
    };
    let (old, new) = (leaves(gone), leaves(come));
    let mut scores = Vec::new();
    for (kind, old) in &old {
        for (a, leaves_a) in old {
            for (b, leaves_b) in new.get(kind).into_iter().flatten() {
                let score = align::likeness(leaves_a, leaves_b);
                if score >= SAME && !kind.is_empty() {
                    // In the same document first. The same whichever side comes first.
                    scores.push((
                        a.document != b.document,
                        std::cmp::Reverse(score),
                        *a.min(b),
                        *a.max(b),
                        *a,
                        *b,
                    ));
                }
            }
        }
    }
    scores.sort_unstable();
    for (.., from, to) in scores {
        if gone.contains_key(from) && come.contains_key(to) {
            let (old, new) = (gone.remove_entry(from), come.remove_entry(to));
            out.push(Pair { old, new });
        }
    }
}
