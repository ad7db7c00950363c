//! What the account has to have before anything is made: asked, without changing anything.
//!
//! What cannot be asked, because a permission is missing or AWS has no question for it, is said; it stops nobody.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::{self, Cloud};
use crate::plan::{Need, Needs};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked {
    /// What is needed.
    pub need: Need,
    /// The logical ids of what needs it.
    pub by: BTreeSet<String>,
    /// What was found.
    pub found: Answer,
}

/// What was found of a need.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It is there.
    There,
    /// It is not.
    Missing,
    /// There is less than is needed.
    Less(f64),
    /// It cannot be asked, and why.
    Unasked(String),
}

impl Looked {
    /// Whether a deployment would fail for it.
    pub fn is_missing(&self) -> bool {
        matches!(self.found, Answer::Missing | Answer::Less(_))
    }
}

/// Asks for all needs, in their order. Each question is asked once, and one that cannot be answered stops no other.
pub async fn preflight<C: Cloud>(cloud: &C, needs: &Needs) -> Vec<Looked> {
    let mut types: BTreeMap<String, aws::Result<BTreeSet<String>>> = BTreeMap::new();
    let mut quotas: Option<aws::Result<BTreeMap<String, f64>>> = None;
    let mut looked = Vec::new();
    for (need, by) in needs {
        let found = match need {
            Need::Resource { kind, identifier } => said(cloud.has(kind, identifier).await),
            Need::Image { registry, repository, version } => {
                said(cloud.has_image(registry, repository, version).await)
            }
            Need::Type(name) => {
                let prefix = name.rsplit_once("::").map_or(name.as_str(), |(prefix, _)| prefix);
                if !types.contains_key(prefix) {
                    types.insert(prefix.to_owned(), cloud.types(&format!("{prefix}::")).await);
                }
                match &types[prefix] {
                    Ok(known) => said(Ok(known.contains(name))),
                    Err(error) => said(Err(error.clone())),
                }
            }
            Need::Quota { name, instances } => {
                if quotas.is_none() {
                    quotas = Some(cloud.quotas().await);
                }
                match quotas.as_ref() {
                    Some(Ok(all)) => within(all.get(name).copied(), *instances),
                    Some(Err(error)) => said(Err(error.clone())),
                    None => continue,
                }
            }
            Need::ModelMonitor => Answer::Unasked(
                "AWS has no call that says whether an account may use Model Monitor, which is closed to new customers \
                 since 2026-07-30: `backend: pipeline` needs no such permission"
                    .to_owned(),
            ),
        };
        looked.push(Looked { need: need.clone(), by: by.clone(), found });
    }
    looked
}

fn said(answer: aws::Result<bool>) -> Answer {
    match answer {
        Ok(true) => Answer::There,
        Ok(false) => Answer::Missing,
        Err(error) => Answer::Unasked(error.to_string()),
    }
}

fn within(quota: Option<f64>, instances: u64) -> Answer {
    let needed = u32::try_from(instances).map_or(f64::INFINITY, f64::from);
    match quota {
        None => Answer::Unasked("Service Quotas lists no such quota".to_owned()),
        Some(quota) if quota < needed => Answer::Less(quota),
        Some(_) => Answer::There,
    }
}
