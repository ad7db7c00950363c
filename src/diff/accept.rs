//! `smstack.accept.yaml`: what of a diff somebody has accepted, why, and until when.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Diff;
use super::gate::{Finding, FindingKind, Gate, findings};
use crate::diag::{Code, Issue, Pointer};
use crate::schema::{self, Schema};

/// The file's name: beside a stack file, in its project's directory, or at the top of the repository.
pub const FILE: &str = "smstack.accept.yaml";

/// Risks of changes that somebody has accepted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptFile {
    /// The accepted risks.
    pub accept: Vec<Acceptance>,
}

/// One accepted risk.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// What is accepted: a word of `--fail-on`, such as `replace` or `cost`. Of an impact, gentler ones are accepted, too.
    pub class: String,
    /// Of what: the logical id of a resource or the name of a step, perhaps with what stands before it in the diff:
    /// `Endpoint`, `serving/Endpoint`, `prod/serving/Endpoint`.
    pub resource: String,
    /// Why, for whoever reads the diff.
    #[schemars(length(min = 1))]
    pub reason: String,
    /// The last day of the acceptance, as `2027-01-31`, in UTC.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub expires: String,
}

/// An accepted risk, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Accepted {
    /// What is accepted: a word of `--fail-on`.
    pub class: String,
    /// Of what.
    pub resource: String,
    /// Why.
    pub reason: String,
    /// The last day of the acceptance.
    pub expires: String,
    /// Whether it holds.
    pub state: AcceptState,
    /// What of this diff it is about, each as a sentence.
    pub about: Vec<String>,
}

/// Whether an acceptance holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AcceptState {
    /// The diff has the risk, which trips no gate.
    Holds,
    /// Its last day is over: the risk trips the gate.
    Expired,
    /// The diff has no such risk.
    Unused,
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::from(accept_schema()));

/// The JSON Schema of the file.
pub fn accept_schema() -> Value {
    let generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
    let mut root = generator.into_root_schema_for::<AcceptFile>().to_value();
    if let Value::Object(members) = &mut root {
        members.insert("title".into(), "smstack accepted risks".into());
    }
    root
}

/// The entries of a file.
///
/// # Errors
/// Everything that is wrong with them.
pub fn read(value: &Value) -> Result<Vec<Acceptance>, Vec<Issue>> {
    let file: AcceptFile = schema::decode(value, &SCHEMA)?;
    let mut issues = Vec::new();
    for (index, entry) in file.accept.iter().enumerate() {
        let at = Pointer::root().key("accept").index(index);
        match entry.class.parse::<Gate>() {
            Ok(Gate::Any) => issues.push(
                Issue::new(Code::UnknownValue, at.key("class"), "`any` would accept whatever comes")
                    .help("name what is accepted: `replace`, `cost`, `broadening`, …"),
            ),
            Ok(_) => {}
            Err(hint) => issues.push(
                Issue::new(
                    Code::UnknownValue,
                    at.key("class"),
                    format!("`{}` is no class of changes", entry.class),
                )
                .help(hint),
            ),
        }
        if entry.expires.parse::<jiff::civil::Date>().is_err() {
            let message = format!("`{}` is no day", entry.expires);
            issues.push(
                Issue::new(Code::WrongForm, at.key("expires"), message).help("write it as `2027-01-31`"),
            );
        }
        if entry.reason.trim().is_empty() {
            let message = "nothing says why this is accepted";
            issues.push(
                Issue::new(Code::WrongForm, at.key("reason"), message)
                    .help("write who accepts it, and why, for whoever reads the diff"),
            );
        }
    }
    if issues.is_empty() { Ok(file.accept) } else { Err(issues) }
}

impl Acceptance {
    fn is_about(&self, finding: &Finding) -> bool {
        let here = finding.at == self.resource
            || finding.at.strip_suffix(&self.resource).is_some_and(|before| before.ends_with('/'));
        here && self.class.parse::<Gate>().is_ok_and(|gate| gate.covers(finding.kind))
    }
}

impl Diff {
    /// Holds the diff against accepted risks; `today` is the day in UTC, as `2027-01-31`. What is accepted stays in
    /// the diff and is told in [`Diff::accepted`].
    pub fn accept(&mut self, entries: &[Acceptance], today: &str) {
        let found = findings(self);
        self.accepted = entries
            .iter()
            .map(|entry| {
                let about: Vec<_> =
                    found.iter().filter(|it| entry.is_about(it)).map(|it| it.text.clone()).collect();
                let state = if entry.expires.as_str() < today {
                    AcceptState::Expired
                } else if about.is_empty() {
                    AcceptState::Unused
                } else {
                    AcceptState::Holds
                };
                let Acceptance { class, resource, reason, expires } = entry.clone();
                Accepted { class, resource, reason, expires, state, about }
            })
            .collect();
    }

    /// Whether somebody has accepted this, and still does.
    pub fn accepts(&self, finding: &Finding) -> bool {
        let holding = self.accepted.iter().filter(|it| it.state == AcceptState::Holds);
        finding.kind != FindingKind::Other
            && holding.into_iter().any(|it| {
                let Accepted { class, resource, reason, expires, .. } = it.clone();
                Acceptance { class, resource, reason, expires }.is_about(finding)
            })
    }
}

/// What is wrong with entries that hold nothing, by their place among the entries.
pub fn idle(accepted: &Accepted, index: usize) -> Option<Issue> {
    let at = Pointer::root().key("accept").index(index);
    let Accepted { class, resource, expires, .. } = accepted;
    match accepted.state {
        AcceptState::Holds => None,
        AcceptState::Expired => Some(
            Issue::new(
                Code::AcceptExpired,
                at.key("expires"),
                format!("`{class}` of `{resource}` was accepted until {expires}"),
            )
            .help("take the entry out, or have the risk accepted again"),
        ),
        AcceptState::Unused => Some(
            Issue::new(
                Code::AcceptUnused,
                at.key("resource"),
                format!("nothing here is `{class}` of `{resource}`"),
            )
            .help("take the entry out once the change is deployed everywhere, or name the resource as the diff does"),
        ),
    }
}
