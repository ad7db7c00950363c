//! What every form of a diff tells: how much of each kind, and what matters first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::diff::{
    AcceptState, Accepted, Change, Diff, FlagKind, Impact, Link, PermissionDiff, Reason, Recompute,
    ResourceDiff, StepDiff, Unknown, Voice,
};

/// Things that are named before everything else.
const FIRST: usize = 5;

/// How much attention something asks for, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Weight {
    /// To be known.
    Note,
    /// To be looked at.
    Warning,
    /// Data, service or the deployment itself is at stake.
    Danger,
}

/// How much attention an impact asks for by itself.
pub(super) fn of_impact(impact: Impact) -> Weight {
    match impact {
        Impact::None | Impact::Create | Impact::Update => Weight::Note,
        Impact::Rolls | Impact::MayReplace => Weight::Warning,
        Impact::Replace | Impact::Delete => Weight::Danger,
    }
}

/// How much attention a flag asks for.
pub(super) fn of_flag(kind: FlagKind) -> Weight {
    match kind {
        FlagKind::Stateful | FlagKind::Downtime | FlagKind::NamePinned | FlagKind::Refused => Weight::Danger,
        FlagKind::ScalableTarget
        | FlagKind::CountReset
        | FlagKind::RetentionWeakened
        | FlagKind::PermissionBroadened
        | FlagKind::EncryptionWeakened
        | FlagKind::IsolationWeakened
        | FlagKind::MonitoringWeakened
        | FlagKind::CostMore => Weight::Warning,
        FlagKind::LeftBehind | FlagKind::CostLess | FlagKind::CostUnknown => Weight::Note,
    }
}

/// What may matter first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Class {
    Flag(FlagKind),
    Impact(Impact),
}

/// What matters most first. Nothing else is ever named before the rest.
const ORDER: [Class; 16] = [
    Class::Flag(FlagKind::Stateful),
    Class::Flag(FlagKind::Refused),
    Class::Flag(FlagKind::NamePinned),
    Class::Flag(FlagKind::Downtime),
    Class::Flag(FlagKind::RetentionWeakened),
    Class::Flag(FlagKind::ScalableTarget),
    Class::Flag(FlagKind::PermissionBroadened),
    Class::Flag(FlagKind::EncryptionWeakened),
    Class::Flag(FlagKind::IsolationWeakened),
    Class::Impact(Impact::Delete),
    Class::Impact(Impact::Rolls),
    Class::Impact(Impact::Replace),
    Class::Flag(FlagKind::CountReset),
    Class::Flag(FlagKind::MonitoringWeakened),
    Class::Flag(FlagKind::CostMore),
    Class::Impact(Impact::MayReplace),
];

/// One of the things that matter first: of one class, all whom it concerns.
#[derive(Debug, PartialEq)]
pub(super) struct First {
    pub(super) class: Class,
    pub(super) names: Vec<String>,
    /// Of the first of them.
    pub(super) why: String,
}

impl First {
    /// `replace`, `permission broadened`.
    pub(super) fn words(&self) -> String {
        match self.class {
            Class::Flag(kind) => kind.words(),
            Class::Impact(impact) => impact.words(),
        }
    }

    /// Up to three of whom it concerns, and how many more.
    pub(super) fn who(&self) -> String {
        few(&self.names)
    }
}

/// Up to three names, and how many more there are.
pub(super) fn few(names: &[String]) -> String {
    match names {
        [a, b, c, rest @ ..] if rest.len() > 1 => format!("{a}, {b}, {c} and {} more", rest.len()),
        names => names.join(", "),
    }
}

/// The few things that a reviewer must see before anything else, the worst first.
pub(super) fn first(diff: &Diff) -> Vec<First> {
    let mut out: Vec<First> = Vec::new();
    let mut told = BTreeSet::new();
    for class in ORDER {
        let (mut names, mut why) = (Vec::new(), String::new());
        let mut found = |name: String, because: Option<&String>| {
            if names.is_empty() {
                because.map(String::as_str).unwrap_or_default().clone_into(&mut why);
            }
            names.push(name);
        };
        for resource in &diff.resources {
            let because = match class {
                Class::Flag(kind) => resource.flag(kind).map(|flag| flag.why.first()),
                Class::Impact(impact) => {
                    (resource.impact == impact).then(|| resource.reasons.first().map(|reason| &reason.fact))
                }
            };
            if let Some(because) = because {
                found(resource.logical_id.clone(), because);
            }
        }
        if let Class::Flag(kind) = class {
            for step in diff.pipelines.iter().flat_map(|it| &it.steps) {
                if let Some(flag) = step.flags.iter().find(|flag| flag.kind == kind) {
                    found(format!("step {}", step.name), flag.why.first());
                }
            }
        }
        if class == Class::Flag(FlagKind::PermissionBroadened)
            && let Some(widest) = widest(diff)
            && let Some(at) = names.iter().position(|name| *name == widest.resource)
        {
            let name = names.remove(at);
            names.insert(0, name);
            why = widest.sentence();
        }
        // An impact alone says nothing new of what a flag has already brought up.
        let news = matches!(class, Class::Flag(_)) || names.iter().any(|name| !told.contains(name));
        if !names.is_empty() && news {
            told.extend(names.iter().cloned());
            out.push(First { class, names, why });
        }
    }
    out.truncate(FIRST);
    out
}

/// The widest permission that comes, if one is wide.
fn widest(diff: &Diff) -> Option<&PermissionDiff> {
    let width = |it: &PermissionDiff| {
        let action = |action: &String| match action.as_str() {
            "*" => 3,
            all if all.ends_with(":*") => 2,
            some if some.contains('*') => 1,
            _ => 0,
        };
        let everywhere = it.resources.iter().any(|resource| resource == "*");
        it.actions.iter().map(action).max().unwrap_or(0) + if everywhere { 2 } else { 0 }
    };
    let broadens = diff.permissions.iter().filter(|it| it.change.broadens() && width(it) > 0);
    // Of equals the first.
    broadens.rev().max_by_key(|it| width(it))
}

/// A value that only a deployment can know, with its document.
pub(super) fn unknown(it: &Unknown) -> String {
    format!("{}/{}", it.document, it.name)
}

/// How many resources meet each impact, the worst first.
pub(super) fn impacts(diff: &Diff) -> Vec<(Impact, usize)> {
    let mut counts = BTreeMap::new();
    for resource in &diff.resources {
        *counts.entry(Reverse(resource.impact)).or_insert(0) += 1;
    }
    counts.into_iter().map(|(impact, count)| (impact.0, count)).collect()
}

/// How often each flag is raised, in their order.
pub(super) fn flags(diff: &Diff) -> Vec<(FlagKind, usize)> {
    let steps = diff.pipelines.iter().flat_map(|it| &it.steps).flat_map(|step: &StepDiff| &step.flags);
    let mut counts = BTreeMap::new();
    for flag in diff.resources.iter().flat_map(|it: &ResourceDiff| &it.flags).chain(steps) {
        *counts.entry(flag.kind).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

/// Steps that the next execution computes anew.
pub(super) fn anew(diff: &Diff) -> usize {
    diff.pipelines.iter().flat_map(|it| &it.steps).filter(|it| it.recompute == Recompute::Yes).count()
}

/// What happens to the results of a step.
pub(super) fn recomputed(recompute: Recompute) -> &'static str {
    match recompute {
        Recompute::No => "its cached result is used",
        Recompute::May => "may be computed anew",
        Recompute::Yes => "computed anew",
        Recompute::Always => "runs in every execution",
    }
}

/// How a change reaches a resource: `ResultsBucket (Ref) → …`; nothing when it begins there.
pub(super) fn chain(reason: &Reason) -> String {
    let links = reason.chain.iter().map(|Link { name, by }| format!("{name} ({by})"));
    links.collect::<Vec<_>>().join(" → ")
}

/// A reason as a sentence, with the chain that leads here.
pub(super) fn sentence(reason: &Reason) -> String {
    let maybe = if reason.certain { "" } else { "perhaps: " };
    let chain = chain(reason);
    let from = if chain.is_empty() { String::new() } else { format!(", from {chain}") };
    format!("{maybe}{}{from}", reason.fact)
}

/// What a change itself leads to, if that is more than the update that its being there says.
pub(super) fn about<'a>(resource: &'a ResourceDiff, change: &Change) -> Option<&'a Reason> {
    let is_news = |reason: &&Reason| reason.impact > Impact::Update || !reason.certain;
    let own = |reason: &&Reason| reason.chain.is_empty() && reason.property == change.path;
    resource.reasons.iter().filter(own).find(is_news)
}

/// The reasons that no change of the resource's own body stands for, each once.
pub(super) fn other_reasons(resource: &ResourceDiff) -> Vec<String> {
    let own = |reason: &Reason| {
        reason.by == Voice::Template
            && reason.chain.is_empty()
            && (reason.impact == Impact::Update && reason.certain
                || resource
                    .changes
                    .iter()
                    .any(|change| !change.path.is_empty() && change.path == reason.property))
    };
    let mut out: Vec<String> = Vec::new();
    for reason in resource.reasons.iter().filter(|reason| !own(reason)) {
        let sentence = sentence(reason);
        if !out.contains(&sentence) {
            out.push(sentence);
        }
    }
    out
}

/// An accepted risk, and what came of it.
pub(super) fn accepted(it: &Accepted) -> String {
    let Accepted { class, resource, reason, expires, state, about } = it;
    let held = match state {
        AcceptState::Holds => about.join("; "),
        AcceptState::Expired => "expired: accepts nothing".to_owned(),
        AcceptState::Unused => "unused: nothing of the kind changes".to_owned(),
    };
    format!("{class} of {resource} until {expires}, because: {reason} ({held})")
}

/// The changes of a resource that are shown with it: not of the whole, which its impact says, and not those within
/// a definition, which its steps say.
pub(super) fn changes<'a>(diff: &'a Diff, resource: &'a ResourceDiff) -> impl Iterator<Item = &'a Change> {
    let told = diff
        .pipelines
        .iter()
        .filter_map(|it| it.resource.as_ref())
        .any(|at| at.document == resource.document && at.logical_id == resource.logical_id);
    resource
        .changes
        .iter()
        .filter(move |change| !(change.path.is_empty() || told && change.path.contains("PipelineDefinition")))
}
