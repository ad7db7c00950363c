//! What may not happen: an impact or a flag by its name, and what of a diff trips it.

use std::str::FromStr;

use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};

use super::{Diff, FlagKind, Impact};

/// What a diff is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// No resource may meet that impact, or a worse one.
    Impact(Impact),
    /// No resource or step may have that flag.
    Flag(FlagKind),
}

impl FromStr for Gate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Gate, Error> {
        let word = text.replace('-', "_");
        let flag = FlagKind::deserialize(StrDeserializer::<Error>::new(&word)).map(Gate::Flag);
        let impact = Impact::deserialize(StrDeserializer::<Error>::new(&word)).map(Gate::Impact);
        match (impact, flag) {
            (Ok(gate), _) | (_, Ok(gate)) => Ok(gate),
            (Err(impact), Err(flag)) => {
                let known = |error: &Error| {
                    error.to_string().split_once("one of ").map(|(_, names)| names.to_owned())
                };
                let names: Vec<_> = [known(&impact), known(&flag)].into_iter().flatten().collect();
                Err(serde::de::Error::custom(format!("it is one of {}", names.join(", "))))
            }
        }
    }
}

impl Gate {
    /// What of a diff trips it, each as a sentence.
    pub fn tripped(self, diff: &Diff) -> Vec<String> {
        let resources = diff.resources.iter().filter_map(|it| match self {
            Gate::Impact(bound) => {
                (it.impact >= bound).then(|| format!("`{}`: {}", it.logical_id, it.impact.words()))
            }
            Gate::Flag(kind) => {
                let flag = it.flag(kind)?;
                Some(format!("`{}`: {}: {}", it.logical_id, kind.words(), flag.why.join("; ")))
            }
        });
        let steps = diff.pipelines.iter().flat_map(|it| &it.steps).filter_map(|step| match self {
            Gate::Impact(_) => None,
            Gate::Flag(kind) => {
                let flag = step.flags.iter().find(|flag| flag.kind == kind)?;
                Some(format!("step `{}`: {}: {}", step.name, kind.words(), flag.why.join("; ")))
            }
        });
        resources.chain(steps).collect()
    }
}
