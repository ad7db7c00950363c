//! What may not happen: an impact or a flag by its word, and what of a diff trips it.

use std::str::FromStr;

use super::{Diff, Flag, FlagKind, Impact, Recompute};
use crate::diag::{nearest, or_list};

/// What a diff is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Nothing at all may change.
    Any,
    /// No resource may meet that impact, or a worse one.
    Impact(Impact),
    /// No resource or step may have one of those flags.
    Flags(&'static [FlagKind]),
    /// No step may be computed anew, or perhaps so.
    Recompute,
}

/// Every word, and what it stands for.
const WORDS: &[(&str, Gate)] = &[
    ("any", Gate::Any),
    ("create", Gate::Impact(Impact::Create)),
    ("update", Gate::Impact(Impact::Update)),
    ("rolls", Gate::Impact(Impact::Rolls)),
    ("may-replace", Gate::Impact(Impact::MayReplace)),
    ("replace", Gate::Impact(Impact::Replace)),
    ("delete", Gate::Impact(Impact::Delete)),
    ("recompute", Gate::Recompute),
    ("stateful", Gate::Flags(&[FlagKind::Stateful])),
    ("downtime", Gate::Flags(&[FlagKind::Downtime])),
    ("broadening", Gate::Flags(&[FlagKind::PermissionBroadened])),
    (
        "weakened",
        Gate::Flags(&[
            FlagKind::RetentionWeakened,
            FlagKind::EncryptionWeakened,
            FlagKind::IsolationWeakened,
            FlagKind::MonitoringWeakened,
        ]),
    ),
    ("cost", Gate::Flags(&[FlagKind::CostMore, FlagKind::CostUnknown])),
    ("name-pinned", Gate::Flags(&[FlagKind::NamePinned])),
    ("refused", Gate::Flags(&[FlagKind::NamePinned, FlagKind::Refused])),
    ("scalable-target", Gate::Flags(&[FlagKind::ScalableTarget])),
    ("count-reset", Gate::Flags(&[FlagKind::CountReset])),
    ("left-behind", Gate::Flags(&[FlagKind::LeftBehind])),
    ("retention", Gate::Flags(&[FlagKind::RetentionWeakened])),
    ("encryption", Gate::Flags(&[FlagKind::EncryptionWeakened])),
    ("isolation", Gate::Flags(&[FlagKind::IsolationWeakened])),
    ("monitoring", Gate::Flags(&[FlagKind::MonitoringWeakened])),
    ("permission-broadened", Gate::Flags(&[FlagKind::PermissionBroadened])),
    ("retention-weakened", Gate::Flags(&[FlagKind::RetentionWeakened])),
    ("encryption-weakened", Gate::Flags(&[FlagKind::EncryptionWeakened])),
    ("isolation-weakened", Gate::Flags(&[FlagKind::IsolationWeakened])),
    ("monitoring-weakened", Gate::Flags(&[FlagKind::MonitoringWeakened])),
    ("cost-more", Gate::Flags(&[FlagKind::CostMore])),
    ("cost-less", Gate::Flags(&[FlagKind::CostLess])),
    ("cost-unknown", Gate::Flags(&[FlagKind::CostUnknown])),
];

impl FromStr for Gate {
    type Err = String;

    fn from_str(text: &str) -> Result<Gate, String> {
        let word = text.trim().replace('_', "-");
        let words = || WORDS.iter().map(|(word, _)| *word);
        match WORDS.iter().find(|(known, _)| *known == word) {
            Some((_, gate)) => Ok(*gate),
            None => Err(match nearest(&word, words()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it is {}", or_list(words())),
            }),
        }
    }
}

/// Something that a diff says, which a gate may stop and an acceptance may let pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where it is: `serving/Endpoint`, `platform/Pipeline/train`.
    pub at: String,
    /// What it is.
    pub kind: FindingKind,
    /// As people read it.
    pub text: String,
}

/// What a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingKind {
    /// An impact on a resource.
    Impact(Impact),
    /// A flag of a resource or a step.
    Flag(FlagKind),
    /// A step is computed anew.
    Recompute,
    /// Something else changes: an output, the order of a pipeline.
    Other,
}

/// Everything that a gate could stop, in the order of the diff.
pub fn findings(diff: &Diff) -> Vec<Finding> {
    let mut found = Vec::new();
    let flags = |at: &str, name: &str, flags: &[Flag], found: &mut Vec<Finding>| {
        found.extend(flags.iter().map(|flag| Finding {
            at: at.to_owned(),
            kind: FindingKind::Flag(flag.kind),
            text: format!("{name}: {}: {}", flag.kind.words(), flag.why.join("; ")),
        }));
    };
    for resource in &diff.resources {
        let at = format!("{}/{}", resource.document, resource.logical_id);
        let name = format!("`{}`", resource.logical_id);
        let text = format!("{name}: {}", resource.impact.words());
        found.push(Finding { at: at.clone(), kind: FindingKind::Impact(resource.impact), text });
        flags(&at, &name, &resource.flags, &mut found);
    }
    for pipeline in &diff.pipelines {
        let holder = pipeline.resource.as_ref().map(|it| format!("{}/{}", it.document, it.logical_id));
        let home = holder.or_else(|| pipeline.document.clone()).unwrap_or_default();
        if !pipeline.changes.is_empty() {
            let text = format!("pipeline `{home}` changes");
            found.push(Finding { at: home.clone(), kind: FindingKind::Other, text });
        }
        for step in &pipeline.steps {
            let (at, name) = (format!("{home}/{}", step.name), format!("step `{}`", step.name));
            let anew = match step.recompute {
                Recompute::Yes => Some("computed anew"),
                Recompute::May => Some("may be computed anew"),
                Recompute::No | Recompute::Always => None,
            };
            if let Some(anew) = anew {
                let text = format!("{name}: {anew}");
                found.push(Finding { at: at.clone(), kind: FindingKind::Recompute, text });
            }
            flags(&at, &name, &step.flags, &mut found);
        }
    }
    for document in diff.documents.iter().filter(|document| !document.changes.is_empty()) {
        let text = format!("`{}` changes outside of its resources", document.name);
        found.push(Finding { at: document.name.clone(), kind: FindingKind::Other, text });
    }
    found
}

impl Gate {
    /// Whether this may not happen.
    pub fn stops(self, kind: FindingKind) -> bool {
        match (self, kind) {
            (Gate::Any, _) | (Gate::Recompute, FindingKind::Recompute) => true,
            (Gate::Impact(bound), FindingKind::Impact(impact)) => impact >= bound,
            (Gate::Flags(kinds), FindingKind::Flag(kind)) => kinds.contains(&kind),
            _ => false,
        }
    }

    /// Whether whoever accepts this accepts that: of an impact, also a gentler one.
    pub fn covers(self, kind: FindingKind) -> bool {
        match (self, kind) {
            (Gate::Impact(bound), FindingKind::Impact(impact)) => Impact::None < impact && impact <= bound,
            (Gate::Any, _) => false,
            _ => self.stops(kind),
        }
    }
}

/// What of a diff trips one of these and is not accepted, each as a sentence, once.
pub fn tripped(gates: &[Gate], diff: &Diff) -> Vec<String> {
    let mut said = Vec::new();
    for finding in findings(diff) {
        let stopped = gates.iter().any(|gate| gate.stops(finding.kind));
        if stopped && !diff.accepts(&finding) && !said.contains(&finding.text) {
            said.push(finding.text);
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_has_its_own_word() {
        // What the serialised form calls it, which people copy from there.
        let schema = super::super::json_schema();
        let kinds = schema.pointer("/$defs/FlagKind/oneOf").and_then(serde_json::Value::as_array).unwrap();
        assert!(kinds.len() > 10);
        for kind in kinds {
            let word = kind["const"].as_str().unwrap();
            assert!(matches!(word.parse(), Ok(Gate::Flags(_))), "{word}");
        }
    }

    #[test]
    fn an_unknown_word_has_a_neighbour() {
        assert_eq!("replce".parse::<Gate>(), Err("did you mean `replace`?".to_owned()));
        assert!("xyz".parse::<Gate>().unwrap_err().starts_with("it is `any`, `create`"));
    }
}
