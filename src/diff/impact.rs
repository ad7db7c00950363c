//! What a change does to the resource that it is in: the table's facts, and CloudFormation's own rules.

use serde_json::Value;

use super::template::Item;
use super::{Action, Change, Impact, Reason, Voice, facts, text};
use crate::tables::Replacement;

/// What the change of a property leads to.
pub(super) struct Effect {
    /// The impact.
    pub impact: Impact,
    /// The fact it comes from.
    pub fact: String,
    /// Whether it is certain.
    pub certain: bool,
}

/// What the change of a property does, by its keys within `Properties`; `certain` says whether it changes at all.
pub(super) fn effect(resource_type: &str, keys: &[String], certain: bool) -> Effect {
    let shown = || if keys.is_empty() { "Properties".to_owned() } else { keys.join(".").replace(".*", "") };
    let name = shown();
    let (impact, fact) = match facts::replacement(resource_type, keys) {
        None if facts::is_custom(resource_type) => (
            Impact::MayReplace,
            "what runs behind a custom resource decides whether it is replaced".to_owned(),
        ),
        None => (Impact::MayReplace, format!("the fact tables do not know `{resource_type}`")),
        Some(Replacement::Always) => (Impact::Replace, format!("`{name}` cannot be changed in place")),
        Some(Replacement::Conditional) => {
            (Impact::MayReplace, format!("some changes of `{name}` cannot be made in place"))
        }
        Some(Replacement::Never) if rolls(resource_type, keys) => {
            (Impact::Rolls, format!("another `{name}` starts new instances and shifts the traffic to them"))
        }
        Some(Replacement::Never) => (Impact::Update, format!("`{name}` is changed in place")),
    };
    match impact {
        Impact::Replace if !certain => Effect { impact: Impact::MayReplace, fact, certain },
        impact => Effect { impact, fact, certain },
    }
}

/// Whether the service answers a change of that property with new instances.
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateEndpoint.html>,
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateInferenceComponent.html>
fn rolls(resource_type: &str, keys: &[String]) -> bool {
    let first = keys.first().map(String::as_str);
    match resource_type {
        "AWS::SageMaker::Endpoint" => first == Some("EndpointConfigName"),
        "AWS::SageMaker::InferenceComponent" => matches!(first, Some("Specification" | "Specifications")),
        _ => false,
    }
}

/// Why a resource changes by what stands in its own body.
pub(super) fn direct(item: &Item) -> Vec<Reason> {
    let retained = |attribute: &str| item.pair.old.is_some_and(|(_, body)| facts::is_kept(body, attribute));
    let whole = |impact, fact: &str| {
        vec![Reason {
            impact,
            property: String::new(),
            fact: fact.to_owned(),
            chain: Vec::new(),
            certain: true,
            by: Voice::Template,
        }]
    };
    match item.action {
        Action::Reached => Vec::new(),
        Action::Added => whole(Impact::Create, "it is new"),
        Action::Removed if retained("DeletionPolicy") => {
            whole(Impact::Delete, "it leaves the stack; its `DeletionPolicy` keeps it in the account")
        }
        Action::Removed => whole(Impact::Delete, "it is no longer in the template"),
        Action::Renamed => whole(
            Impact::Replace,
            "another logical id is another resource: a new one is created, then this one is deleted",
        ),
        Action::Moved => whole(Impact::Replace, "one stack creates it anew and the other deletes it"),
        Action::Changed => item.changes.iter().flat_map(|change| of_change(item, change)).collect(),
    }
}

fn of_change(item: &Item, change: &Change) -> Vec<Reason> {
    let keys = change.keys();
    let reason = |effect: Effect| Reason {
        impact: effect.impact,
        property: change.path.clone(),
        fact: effect.fact,
        chain: Vec::new(),
        certain: effect.certain,
        by: Voice::Template,
    };
    let nothing =
        |fact: &str| vec![reason(Effect { impact: Impact::None, fact: fact.to_owned(), certain: true })];
    let Some((attribute, keys)) = keys.split_first() else {
        return vec![reason(effect("", &[], true))];
    };
    match attribute.as_str() {
        _ if change.is_formal() => nothing("CloudFormation reads both values alike"),
        "Properties" => {
            let mut effects: Vec<_> =
                places(keys, change).iter().map(|keys| effect(item.kind, keys, true)).collect();
            effects.sort_by_key(|effect| effect.impact);
            effects.pop().map(reason).into_iter().collect()
        }
        "Type" => vec![reason(Effect {
            impact: Impact::Replace,
            fact: "a logical id cannot change its type".to_owned(),
            certain: true,
        })],
        "DependsOn" => nothing("it only orders creation and deletion"),
        "DeletionPolicy" | "UpdateReplacePolicy" => {
            nothing("it says what happens later, when the resource goes")
        }
        "Metadata" | "CreationPolicy" | "UpdatePolicy" => nothing("it is no property of the resource"),
        // What `Condition` does is told with the condition's own value.
        "Condition" => Vec::new(),
        other => vec![reason(Effect {
            impact: Impact::Update,
            fact: format!("`{other}` is unknown"),
            certain: false,
        })],
    }
}

/// The keys of what changes: of the single properties, when a change adds or removes an object around them, for
/// a part may be changed in place where another may not.
fn places(keys: &[String], change: &Change) -> Vec<Vec<String>> {
    fn leaves(value: &Value, keys: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
        match value {
            Value::Object(members) if text::function(members).is_none() && !members.is_empty() => {
                for (key, member) in members {
                    keys.push(key.clone());
                    leaves(member, keys, out);
                    keys.pop();
                }
            }
            _ => out.push(keys.clone()),
        }
    }
    let mut keys = without_branches(keys);
    let mut out = Vec::new();
    for value in [&change.before, &change.after].into_iter().flatten() {
        leaves(value, &mut keys, &mut out);
    }
    if out.is_empty() {
        out.push(keys);
    }
    out
}

/// Keys as the tables write them: the branches of `Fn::If` are at the place of the function.
fn without_branches(keys: &[String]) -> Vec<String> {
    let mut out = Vec::new();
    let mut keys = keys.iter();
    while let Some(key) = keys.next() {
        if key == "Fn::If" {
            keys.next();
        } else {
            out.push(key.clone());
        }
    }
    out
}
