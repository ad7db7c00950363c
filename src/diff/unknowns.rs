//! What only a deployment can know: values that may differ although both sides read alike.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;

use super::reach::{Edge, Graph, Node, State};
use super::references::Target;
use super::{Action, Impact, Link, Side, Unknown, text};

/// Every such value, with the worst that it does if it differs.
pub(super) fn unknowns(graph: &Graph, state: &State) -> Vec<Unknown> {
    graph.unknowns(state)
}

impl Graph<'_> {
    /// What only a deployment can know, with all that it reaches.
    fn unknowns(&self, state: &State) -> Vec<Unknown> {
        let mut out = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let Node::Parameter(document, name) = node else { continue };
            if state.force[index].is_some() || !self.old.documents.contains_key(*document) {
                continue;
            }
            if let Some(why) = self.why_unknown(document, name) {
                let mut what_if = State::new(self.nodes.len(), self.items.len());
                what_if.force[index] = Some(false);
                self.spread(&mut what_if, VecDeque::from([index]));
                out.extend(self.unknown(document, name, &why, &what_if));
            }
        }
        let mut dynamic: BTreeMap<(&str, &str), Vec<&Edge>> = BTreeMap::new();
        for edge in &self.loose {
            if let (Node::Resource(item), Target::Dynamic(text)) = (self.nodes[edge.user], &edge.target)
                && let (Some((address, _)), Some(_)) = (self.items[item].pair.new, self.items[item].pair.old)
                && is_open(text)
            {
                dynamic.entry((&address.document, text)).or_default().push(edge);
            }
        }
        for ((document, text), edges) in dynamic {
            let mut what_if = State::new(self.nodes.len(), self.items.len());
            let mut queue = VecDeque::new();
            for edge in edges {
                let Node::Resource(item) = self.nodes[edge.user] else { continue };
                let link = Link { name: text.to_owned(), by: "dynamic reference".to_owned() };
                let reason = self.reached(item, &edge.keys, false, vec![link]);
                what_if.add(item, reason);
                queue.push_back(edge.user);
            }
            self.spread(&mut what_if, queue);
            let why = "the deployment reads the latest version";
            out.extend(self.unknown(document, text, why, &what_if));
        }
        out.sort();
        out
    }

    fn unknown(&self, document: &str, name: &str, why: &str, state: &State) -> Option<Unknown> {
        let mut used_by = BTreeSet::new();
        let mut impact = Impact::None;
        for (item, reasons) in self.items.iter().zip(&state.reasons) {
            let Some((address, _)) = item.pair.new.filter(|_| item.action != Action::Added) else { continue };
            for reason in reasons {
                let property = reason.property.trim_start_matches("Properties.");
                used_by.insert(format!("{}.{property}", address.logical_id).trim_end_matches('.').to_owned());
                impact = impact.max(reason.impact);
            }
        }
        let (document, name, why) = (document.to_owned(), name.to_owned(), why.to_owned());
        let used_by: Vec<_> = used_by.into_iter().collect();
        (!used_by.is_empty()).then_some(Unknown { document, name, why, used_by, impact })
    }

    /// Why the value of a parameter cannot be known.
    fn why_unknown(&self, document: &str, name: &str) -> Option<String> {
        let declared = self.entry(document, "Parameters", name)?;
        let kind = declared.get("Type").and_then(Value::as_str).unwrap_or_default();
        if kind.starts_with("AWS::SSM::Parameter::Value<") {
            let key = declared.get("Default").and_then(text::shown).map(|key| format!(" `{key}`"));
            return Some(format!("the deployment reads it from Parameter Store{}", key.unwrap_or_default()));
        }
        let known = |side: &Side| {
            let document = side.documents.get(document);
            document.is_some_and(|it| it.parameters.contains_key(name) || it.wired.contains_key(name))
        };
        let unset = declared.get("Default").is_none();
        (unset && !known(self.old) && !known(self.new))
            .then(|| "its value is given at the deployment".to_owned())
    }
}

/// Whether a dynamic reference names no version. Secrets are read again only when something else changes.
fn is_open(text: &str) -> bool {
    let parts: Vec<_> = text.trim_matches(['{', '}']).split(':').collect();
    matches!(parts.get(1), Some(&"ssm" | &"ssm-secure"))
        && parts.last().is_none_or(|last| last.parse::<u64>().is_err())
}
