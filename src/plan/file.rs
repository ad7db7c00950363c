//! The plan file: what `deploy --prepare` has made ready and whoever reviews it sees, and what `deploy --execute` runs.
//!
//! It holds no template and no secret: hashes, ids and values that AWS itself shows. Its own hash makes an edited file
//! known; it is no signature, for whoever can write the file can write the hash, too.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::aws::{ChangeSetType, ResourceChange};
use crate::synth::ParameterSource;

/// The form of plan files; a change that a reader must know about raises it.
pub const PLAN_VERSION: u32 = 1;

/// A prepared deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// [`PLAN_VERSION`].
    pub version: u32,
    /// The version of smstack that wrote it.
    pub smstack: String,
    /// When, in UTC.
    pub created: String,
    /// The stack's name.
    pub stack: String,
    /// The environment's name.
    pub environment: String,
    /// The only account that it can be executed in.
    pub account: String,
    /// The only region.
    pub region: String,
    /// The artifact bucket.
    pub bucket: String,
    /// What lies in the artifact bucket for it.
    pub uploads: Vec<PlannedUpload>,
    /// The change sets, in the order of their execution.
    pub stacks: Vec<PlannedStack>,
    /// Stacks in which nothing changes.
    pub unchanged: Vec<Untouched>,
    /// Stacks that cannot be prepared yet.
    pub follows: Vec<Follows>,
    /// What `smstack diff` says of it.
    pub diff: PlannedDiff,
    /// Lower-case hexadecimal SHA-256 of all the rest, in canonical JSON.
    pub sha256: String,
}

/// An object of the artifact bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedUpload {
    /// The file in the assembly.
    pub file: String,
    /// Its key.
    pub key: String,
    /// Lower-case hexadecimal SHA-256 of its content.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
}

/// One change set that waits for its execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedStack {
    /// `bootstrap`, `platform` or `serving`.
    pub kind: String,
    /// The stack's name.
    pub name: String,
    /// The stack's ARN.
    pub stack_id: String,
    /// When the stack was last changed before; AWS's text of the time.
    pub changed: Option<String>,
    /// The change set's name; empty when only settings change.
    pub change_set: String,
    /// The change set's ARN; empty when only settings change.
    pub change_set_id: String,
    /// Whether the stack is made or changed.
    pub change_set_type: ChangeSetType,
    /// There was no stack of that name before: an empty one that is left over is the plan's to remove.
    pub made_stack: bool,
    /// Lower-case hexadecimal SHA-256 of the template in canonical JSON.
    pub template_sha256: String,
    /// Values of the template's parameters.
    pub parameters: BTreeMap<String, String>,
    /// Where those values come from.
    pub sources: BTreeMap<String, ParameterSource>,
    /// Tags that the stack gets.
    pub tags: BTreeMap<String, String>,
    /// Capabilities that the template needs.
    pub capabilities: Vec<String>,
    /// The role that CloudFormation takes on.
    pub role_arn: Option<String>,
    /// What happens to which resource, in CloudFormation's words.
    pub changes: Vec<ResourceChange>,
    /// What is set of the stack beside its change.
    pub settings: ToSet,
}

/// What is set of a stack beside its template.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToSet {
    /// Termination protection is turned on or off.
    pub termination_protection: Option<bool>,
    /// The stack gets this policy.
    pub stack_policy: Option<Value>,
}

impl ToSet {
    /// Whether all is as it should be.
    pub fn is_empty(&self) -> bool {
        *self == ToSet::default()
    }
}

/// A stack in which nothing changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Untouched {
    /// `bootstrap`, `platform` or `serving`.
    pub kind: String,
    /// The stack's name.
    pub name: String,
}

/// A stack that cannot be prepared before something else has happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Follows {
    /// `platform` or `serving`.
    pub kind: String,
    /// The stack's name.
    pub name: String,
    /// What has to happen first.
    pub why: String,
}

/// What changes, and what that does.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedDiff {
    /// For people.
    pub text: String,
    /// As `smstack diff --format json` writes it.
    pub json: Value,
}

/// Why a file is no plan that can be executed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanFileError {
    /// It is something else.
    #[error("it is not a plan file: {reason}")]
    NotAPlan {
        /// Why.
        reason: String,
    },
    /// Another smstack wrote it.
    #[error("it is a plan of version {found}, and this smstack executes version {PLAN_VERSION}")]
    Version {
        /// Its version.
        found: u64,
    },
    /// It is not as it was written.
    #[error("the plan was edited after it was written: its content does not have the hash that it names")]
    Edited,
}

impl PlanFile {
    /// Reads a plan.
    ///
    /// # Errors
    /// When it is none, of another version, or not as it was written.
    pub fn read(text: &str) -> Result<PlanFile, PlanFileError> {
        let not = |reason: String| PlanFileError::NotAPlan { reason };
        let value: Value = serde_json::from_str(text).map_err(|error| not(error.to_string()))?;
        let version = value.get("version").and_then(Value::as_u64);
        match version {
            Some(version) if version == u64::from(PLAN_VERSION) => {}
            Some(found) if value.get("sha256").is_some() => return Err(PlanFileError::Version { found }),
            _ => return Err(not("it has no version and no hash".to_owned())),
        }
        if value.get("sha256").and_then(Value::as_str) != Some(own_hash(&value).as_str()) {
            return Err(PlanFileError::Edited);
        }
        serde_json::from_value(value).map_err(|error| not(error.to_string()))
    }

    /// The plan with its hash, as it is written.
    ///
    /// # Panics
    /// Never: a plan always has a JSON form.
    #[must_use]
    pub fn sealed(mut self) -> PlanFile {
        let value = serde_json::to_value(&self).expect("a plan has a JSON form");
        self.sha256 = own_hash(&value);
        self
    }
}

impl PlanFile {
    /// The name of the stack of a kind.
    pub fn stack_name(&self, kind: &str) -> Option<&str> {
        let changed = self.stacks.iter().map(|it| (&it.kind, &it.name));
        let untouched = self.unchanged.iter().map(|it| (&it.kind, &it.name));
        let follows = self.follows.iter().map(|it| (&it.kind, &it.name));
        changed.chain(untouched).chain(follows).find(|(its, _)| *its == kind).map(|(_, name)| name.as_str())
    }
}

/// The hash of everything but the hash.
fn own_hash(plan: &Value) -> String {
    let mut rest = plan.clone();
    if let Value::Object(members) = &mut rest {
        members.remove("sha256");
    }
    canonical_sha256(&rest)
}

/// Lower-case hexadecimal SHA-256 of a JSON value without spaces, the keys of each object sorted.
pub fn canonical_sha256(value: &Value) -> String {
    let mut text = String::new();
    canonical(value, &mut text);
    HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}

fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<&String, &Value> = members.iter().collect();
            text.push('{');
            for (n, (key, value)) in sorted.into_iter().enumerate() {
                if n > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                canonical(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    text.push(',');
                }
                canonical(item, text);
            }
            text.push(']');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan() -> PlanFile {
        PlanFile {
            version: PLAN_VERSION,
            smstack: "0.1.0".into(),
            created: "2026-11-24T10:00:00Z".into(),
            stack: "demo".into(),
            environment: "dev".into(),
            account: "111122223333".into(),
            region: "us-east-1".into(),
            bucket: "b".into(),
            uploads: Vec::new(),
            stacks: Vec::new(),
            unchanged: Vec::new(),
            follows: Vec::new(),
            diff: PlannedDiff::default(),
            sha256: String::new(),
        }
        .sealed()
    }

    #[test]
    fn a_plan_is_read_as_it_was_written_and_no_other() {
        let written = serde_json::to_string_pretty(&plan()).unwrap();
        assert_eq!(PlanFile::read(&written), Ok(plan()));
        let check = |text: &str, want: &str| {
            let error = PlanFile::read(text).unwrap_err().to_string();
            assert!(error.contains(want), "{text}: {error}");
        };
        check(&written.replace("us-east-1", "eu-west-1"), "was edited");
        check(&written.replace("\"version\": 1", "\"version\": 2"), "version 2");
        check(&written[..written.len() / 2], "not a plan file");
        check("{\"version\": 1, \"stacks\": []}", "was edited");
        check("{\"stacks\": []}", "no version");
        check("[]", "no version");
        check("", "not a plan file");
    }

    #[test]
    fn the_canonical_form_knows_no_order_of_keys() {
        let (a, b) = (json!({ "a": [1, { "b": 2, "c": "x" }] }), json!({ "a": [1, { "c": "x", "b": 2 }] }));
        assert_eq!(canonical_sha256(&a), canonical_sha256(&b));
        assert_ne!(canonical_sha256(&a), canonical_sha256(&json!({ "a": [{ "b": 2, "c": "x" }, 1] })));
    }
}
