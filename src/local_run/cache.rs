//! Results of former executions, used again where the definition lets them be.
//!
//! The key is what AWS compares; data of the user's directories counts by its bytes, not by its place, so that
//! changed data is computed with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use jiff::tz::Offset;
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::jobs::Done;
use super::store::Store;
use super::{JobResult, Order};
use crate::rules::caching;

/// What a step left, and when.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    execution: String,
    /// Seconds since 1970.
    ended: i64,
    offers: Value,
    outputs: BTreeMap<String, PathBuf>,
    jobs: Vec<JobResult>,
}

/// Where a step's result is kept; nothing when it is never used again. `request` is the step's, its expressions
/// computed.
pub(super) fn place(order: &Order, store: &Store, step: &Value, request: &Value) -> Option<PathBuf> {
    if step["CacheConfig"]["Enabled"] != true {
        return None;
    }
    let kind = step["Type"].as_str().unwrap_or_default();
    let whole = json!({ "Arguments": request });
    let parts: BTreeMap<&str, &Value> =
        caching::key(kind).iter().filter_map(|part| Some((*part, whole.pointer(part)?))).collect();
    if parts.is_empty() {
        return None;
    }
    let data: Vec<(&str, &str)> = store
        .data_in(&json!(parts))
        .into_iter()
        .map(|mount| (mount.name.as_str(), mount.sha256.as_str()))
        .collect();
    let jobs = (kind == "Tuning").then_some(order.max_jobs);
    let key = json!({ "step": step["Name"], "kind": kind, "parts": parts, "data": data, "jobs": jobs });
    let name = HEXLOWER.encode(&Sha256::digest(key.to_string()));
    Some(order.home.join("cache").join(format!("{name}.json")))
}

/// A result that may be used again, and the execution that it is of.
pub(super) fn find(place: &Path, step: &Value) -> Option<(Done, String)> {
    let kept: Kept = serde_json::from_slice(&fs::read(place).ok()?).ok()?;
    if let Some(lasts) = step["CacheConfig"]["ExpireAfter"].as_str() {
        let lasts: Span = lasts.parse().ok()?;
        // Spans of days and longer need a calendar; UTC has one.
        let ended = Timestamp::from_second(kept.ended).ok()?;
        let until = Offset::UTC.to_datetime(ended).checked_add(lasts).ok()?;
        if until <= Offset::UTC.to_datetime(Timestamp::now()) {
            return None;
        }
    }
    // Whoever removes outputs wants them anew.
    let there = kept.outputs.values().all(|path| path.exists());
    there.then_some((Done { offers: kept.offers, outputs: kept.outputs, jobs: kept.jobs }, kept.execution))
}

/// Keeps a result, aside and by renaming: a reader sees all of it or the former.
pub(super) fn keep(place: &Path, execution: &str, done: &Done) -> Result<(), String> {
    let kept = Kept {
        execution: execution.to_owned(),
        ended: Timestamp::now().as_second(),
        offers: done.offers.clone(),
        outputs: done.outputs.clone(),
        jobs: done.jobs.clone(),
    };
    let told = |error: std::io::Error| format!("cannot write `{}`: {error}", place.display());
    let parent = place.parent().unwrap_or(place);
    fs::create_dir_all(parent).map_err(told)?;
    let mut aside = tempfile::NamedTempFile::new_in(parent).map_err(told)?;
    serde_json::to_writer_pretty(&mut aside, &kept).map_err(|error| told(error.into()))?;
    aside.persist(place).map_err(|error| told(error.error))?;
    Ok(())
}
