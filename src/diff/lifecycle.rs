//! What is lost, what stays behind, and what CloudFormation will refuse when a resource goes or is replaced.

use serde_json::Value;

use super::flags::Found;
use super::template::Item;
use super::{Action, FlagKind, Impact, Reason, align, facts};

pub(super) fn flags(item: &Item, impact: Impact, reasons: &[Reason], found: &mut Found) {
    let replaced = matches!(impact, Impact::Replace | Impact::MayReplace);
    if let Some((_, old)) = item.pair.old {
        if impact == Impact::Delete || matches!(item.action, Action::Renamed | Action::Moved) {
            goes(item, old, found);
        } else if replaced {
            makes_way(item, old, found);
        }
    }
    if replaced {
        name_pinned(item, reasons, found);
    }
    type_changed(item, found);
    downtime(item, impact, found);
    retention(item, found);
}

/// The old one is deleted: the deployed template's policy decides.
fn goes(item: &Item, old: &Value, found: &mut Found) {
    let policy = old.get("DeletionPolicy").and_then(Value::as_str);
    match policy {
        Some("Snapshot") => {}
        Some(policy) if facts::is_kept(old, "DeletionPolicy") => {
            let name = facts::given_name(item.kind, old).map(|_| ", with its name").unwrap_or_default();
            found.add(
                FlagKind::LeftBehind,
                format!("`DeletionPolicy: {policy}` keeps it in the account{name}"),
            );
        }
        _ if facts::is_stateful(item.kind) => {
            found.add(FlagKind::Stateful, "no `DeletionPolicy` keeps what it holds");
        }
        _ => {}
    }
}

/// The old one makes way for a new one. Both templates must keep it: which one CloudFormation asks is not said.
fn makes_way(item: &Item, old: &Value, found: &mut Found) {
    let new = item.pair.new.map_or(old, |(_, new)| new);
    let kept = [old, new].iter().all(|body| facts::is_kept(body, "UpdateReplacePolicy"));
    if facts::is_stateful(item.kind) && !kept {
        found.add(FlagKind::Stateful, "no `UpdateReplacePolicy` keeps what the replaced one holds");
    } else if kept {
        found.add(
            FlagKind::LeftBehind,
            "`UpdateReplacePolicy` keeps the replaced one in the account; the new one starts empty",
        );
    }
}

/// A replacement is created before the old one is deleted: it cannot have the same name.
fn name_pinned(item: &Item, reasons: &[Reason], found: &mut Found) {
    let (Some((_, old)), Some((_, new))) = (item.pair.old, item.pair.new) else { return };
    let naming = facts::naming(item.kind);
    let value = |body: &'_ Value, name: &str| {
        body.get("Properties").and_then(|it| it.get(name)).map(align::canonical)
    };
    let given: Vec<_> = naming.iter().filter(|name| value(new, name).is_some()).collect();
    let renamed = reasons.iter().any(|reason| {
        let property = reason.property.trim_start_matches("Properties.");
        reason.certain && naming.contains(&property) && reason.impact >= Impact::MayReplace
    });
    let same = |name: &&&&str| value(old, name) == value(new, name);
    if given.is_empty() || renamed || given.iter().filter(same).count() < given.len() {
        return;
    }
    let names: Vec<_> = given.iter().map(|name| format!("`{name}`")).collect();
    let why = if item.action == Action::Moved {
        format!("the stack that creates it finds {} taken by the one that still has it", names.join(" and "))
    } else {
        format!(
            "{} stays the same: a new one cannot be created while the old one has that name",
            names.join(" and ")
        )
    };
    found.add(FlagKind::NamePinned, why);
}

fn type_changed(item: &Item, found: &mut Found) {
    if let (Some((_, old)), Some((_, new))) = (item.pair.old, item.pair.new) {
        let (before, after) = (facts::type_of(old), facts::type_of(new));
        if before != after && item.action == Action::Changed {
            found.add(
                FlagKind::Refused,
                format!("a logical id cannot change its type from `{before}` to `{after}`"),
            );
        }
    }
}

/// What answers callers by its name.
const ANSWERS: [&str; 5] = [
    "AWS::SageMaker::Domain",
    "AWS::SageMaker::Endpoint",
    "AWS::SageMaker::InferenceComponent",
    "AWS::SageMaker::MlflowTrackingServer",
    "AWS::SageMaker::NotebookInstance",
];

fn downtime(item: &Item, impact: Impact, found: &mut Found) {
    if !ANSWERS.contains(&item.kind) {
        return;
    }
    match impact {
        Impact::Delete => found.add(FlagKind::Downtime, "it no longer answers"),
        Impact::Replace | Impact::MayReplace => {
            found.add(
                FlagKind::Downtime,
                "its callers must turn to another one; it ends when the new one is there",
            );
        }
        _ => {}
    }
}

/// What keeps data for later is taken away.
fn retention(item: &Item, found: &mut Found) {
    let (Some((_, old)), Some((_, new))) = (item.pair.old, item.pair.new) else { return };
    for attribute in ["DeletionPolicy", "UpdateReplacePolicy"] {
        if facts::is_kept(old, attribute) && !facts::is_kept(new, attribute) {
            found.add(FlagKind::RetentionWeakened, format!("its `{attribute}` no longer keeps it"));
        }
    }
}
