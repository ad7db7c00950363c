//! What changes between two assemblies, templates or definitions, and what each change will do.
//!
//! [`diff`] takes both sides as JSON, whoever made them, and gives one [`Diff`]: what people review, what the
//! gate judges, and, serialised, what `--format json` writes. Nothing here reads a file, prints, or knows a kind
//! of construct: what a change does comes from the fact tables.
//!
//! | room | says |
//! | --- | --- |
//! | `change`, `align`, `text` | how two JSON values differ, whatever they are |
//! | `template` | which resource is which, also when renamed or moved |
//! | `facts`, `impact` | what a change does to the resource that it is in |
//! | `references`, `reach`, `unknowns` | whom it reaches, also if what nobody can know differs |
//! | `flags`, `lifecycle`, `scaling`, `weaken`, `cost` | what a reviewer must be told beside the impact |
//! | `pipeline`, `recompute` | what changes in each step, and which steps are computed anew |
//! | `policy`, `iam` | what IAM lets whom do, and what of it comes or goes |
//! | `gate` | what of a diff may not happen |
//! | `accept` | what of it somebody has accepted |
//! | `verdict` | what CloudFormation's own change set says beside it |
//! | `phases` | which updates take two steps, and the first of them |
//! | `picture` | what refers to what on one side, to be drawn |
//! | `apply` | the new side, from the old side and the diff |

mod accept;
mod align;
mod apply;
mod change;
mod cost;
mod facts;
mod flags;
mod gate;
mod iam;
mod impact;
mod lifecycle;
mod phases;
mod picture;
mod pipeline;
mod policy;
mod reach;
mod recompute;
mod references;
mod scaling;
mod template;
mod text;
mod unknowns;
mod verdict;
mod weaken;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use accept::{
    AcceptFile, AcceptState, Acceptance, Accepted, FILE as ACCEPT_FILE, accept_schema, idle,
    read as read_accepted,
};
pub use apply::{Mismatch, apply};
pub use change::{Change, ChangeKind};
pub use gate::{Finding, FindingKind, Gate, findings, tripped};
pub use phases::{
    Entangled, FirstStep, Hindered, first_step, note_capacity, noted_capacity, restored as before_first_step,
};
pub use picture::{ResourceNode, infrastructure, steps};
pub use verdict::{Predicted, Verdict};

/// The version of the serialised [`Diff`]. It rises when a member is renamed, removed or means something else;
/// readers skip members that they do not know.
pub const VERSION: u32 = 1;

/// One side of a comparison: documents by name, as `platform`, `serving` and `pipeline` of an assembly, or a
/// single one of any name. What is compared has the same name on both sides.
#[derive(Debug, Clone, Default)]
pub struct Side {
    /// The documents: templates, definitions, or anything else that is JSON.
    pub documents: BTreeMap<String, Document>,
}

/// One document of a side.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// The whole document.
    pub value: Value,
    /// Values of a template's parameters, by name, where they are known. They win over its defaults.
    pub parameters: BTreeMap<String, Value>,
    /// Parameters that take their value from an output of another document of the side: parameter → document and
    /// output.
    pub wired: BTreeMap<String, (String, String)>,
    /// The file that people change to change it; empty where there is none.
    pub origin: String,
}

impl Side {
    /// The side, of whose documents those without an origin come from a file.
    #[must_use]
    pub fn from_file(mut self, path: &str) -> Side {
        for document in self.documents.values_mut().filter(|it| it.origin.is_empty()) {
            path.clone_into(&mut document.origin);
        }
        self
    }

    /// A side with one document and no known parameter.
    pub fn one(name: &str, value: Value) -> Side {
        let document = Document { value, ..Document::default() };
        Side { documents: BTreeMap::from([(name.to_owned(), document)]) }
    }

    /// The same side with `label/` before the names of its documents; as it is when the label is empty.
    #[must_use]
    pub fn labelled(self, label: &str) -> Side {
        if label.is_empty() {
            return self;
        }
        let name = |name: String| format!("{label}/{name}");
        let documents = self.documents.into_iter().map(|(key, mut document)| {
            let wired = document.wired.into_iter();
            document.wired = wired.map(|(it, (from, output))| (it, (name(from), output))).collect();
            (name(key), document)
        });
        Side { documents: documents.collect() }
    }
}

/// Everything that changes between two sides, and what it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Diff {
    /// [`VERSION`].
    pub version: u32,
    /// What was compared, sorted by name.
    pub documents: Vec<DocumentDiff>,
    /// Resources that change, and those that a change reaches; the worst first, then by document and logical id.
    pub resources: Vec<ResourceDiff>,
    /// Pipelines whose definition changes, or whose results will be computed anew; as documents, or as they
    /// stand in a template. What CloudFormation puts into a definition, as `${Model.Arn}`, counts as it is written.
    pub pipelines: Vec<PipelineDiff>,
    /// What is allowed or denied now that was not, and the other way round: by what the statements mean, not by how
    /// or where they are written. What a condition of the template brings or takes is not counted here.
    pub permissions: Vec<PermissionDiff>,
    /// What only a deployment can know, and what it does if it changed.
    pub unknowns: Vec<Unknown>,
    /// Risks that somebody has accepted, in the order of their file; also those that hold nothing here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<Accepted>,
}

impl Diff {
    /// Whether nothing changes, as far as can be known: see [`Diff::unknowns`].
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
            && self.pipelines.is_empty()
            && self.documents.iter().all(|document| document.changes.is_empty())
    }

    /// Several comparisons as one, whose documents have different names.
    pub fn join(diffs: impl IntoIterator<Item = Diff>) -> Diff {
        let mut all = Diff {
            version: VERSION,
            documents: Vec::new(),
            resources: Vec::new(),
            pipelines: Vec::new(),
            permissions: Vec::new(),
            unknowns: Vec::new(),
            accepted: Vec::new(),
        };
        for diff in diffs {
            all.documents.extend(diff.documents);
            all.resources.extend(diff.resources);
            all.pipelines.extend(diff.pipelines);
            all.permissions.extend(diff.permissions);
            all.unknowns.extend(diff.unknowns);
            all.accepted.extend(diff.accepted);
        }
        all.documents.sort_by(|a, b| a.name.cmp(&b.name));
        template::arrange(&mut all.resources);
        all
    }

    /// The worst impact on any resource.
    pub fn worst(&self) -> Impact {
        self.resources.iter().map(|resource| resource.impact).max().unwrap_or(Impact::None)
    }
}

/// One document on both sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentDiff {
    /// Its name on both sides.
    pub name: String,
    /// What it is.
    pub kind: DocumentKind,
    /// Changes outside of resources: parameters, mappings, conditions, outputs, metadata, unknown sections. Of a
    /// definition or any other document, every change.
    pub changes: Vec<Change>,
}

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// A CloudFormation template: it has `Resources`.
    Template,
    /// A SageMaker Pipelines definition: it has `Steps`.
    Definition,
    /// Any other JSON.
    Other,
}

/// A resource that changes, or that a change reaches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResourceDiff {
    /// Where it is after, or was last.
    pub document: String,
    /// Its logical id after, or its last one.
    pub logical_id: String,
    /// `AWS::SageMaker::Endpoint`; empty when the resource names none.
    pub resource_type: String,
    /// What the templates say happens to it.
    pub action: Action,
    /// Where it was before, when it is renamed or moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<Address>,
    /// What is to be expected to happen to it: what the templates say, or, with a [`ResourceDiff::verdict`], both.
    pub impact: Impact,
    /// Why, the worst first.
    pub reasons: Vec<Reason>,
    /// What a reviewer must be told beside the impact, in the order of [`FlagKind`].
    pub flags: Vec<Flag>,
    /// The changes in its body; pointers are relative to the resource. One change of the whole when it is added or
    /// removed. Empty when only others change it, or when it is renamed as it was.
    pub changes: Vec<Change>,
    /// What a change set says of it, if there was one for its stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

impl ResourceDiff {
    /// The flag of that kind.
    pub fn flag(&self, kind: FlagKind) -> Option<&Flag> {
        self.flags.iter().find(|flag| flag.kind == kind)
    }
}

/// A resource's place on one side.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Address {
    /// The document's name.
    pub document: String,
    /// The logical id.
    pub logical_id: String,
}

/// What the templates say happens to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Its own body is as it was; a change elsewhere reaches it.
    Reached,
    /// It is new.
    Added,
    /// Its body changes.
    Changed,
    /// It has another logical id: CloudFormation creates it anew and deletes the old one.
    Renamed,
    /// It is in another template: one stack creates it anew, the other deletes it.
    Moved,
    /// It is gone.
    Removed,
}

/// What a change does to a resource, gentlest first.
///
/// The order is how much of what runs today is touched: creating touches nothing, an update leaves the resource
/// where it is, rolling shifts its traffic, replacing ends it, deleting ends it without a successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Impact {
    /// Nothing: metadata, the order of creation.
    None,
    /// It is created.
    Create,
    /// It is updated where it is.
    Update,
    /// An endpoint starts new instances and shifts its traffic to them.
    Rolls,
    /// It may be replaced: that depends on values, or on what only CloudFormation knows.
    MayReplace,
    /// A new one is created, then the old one is deleted.
    Replace,
    /// It is deleted.
    Delete,
}

/// Why something is expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// What it leads to.
    pub impact: Impact,
    /// The place in the resource, as people read it; empty for the whole resource.
    pub property: String,
    /// The fact, as a sentence: `ProductionVariants cannot be changed in place`.
    pub fact: String,
    /// How the change reaches the resource: from where it begins to here. Empty when it begins here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<Link>,
    /// Whether it is certain, or happens only if a value turns out to differ.
    pub certain: bool,
    /// On whose word.
    #[serde(default, skip_serializing_if = "Voice::is_template")]
    pub by: Voice,
}

/// On whose word something is expected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Voice {
    /// The estimate from both templates.
    #[default]
    Template,
    /// CloudFormation's own change set.
    ChangeSet,
}

impl Voice {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
    fn is_template(&self) -> bool {
        *self == Voice::Template
    }
}

/// One link of a chain of references.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Link {
    /// What is referred to: a logical id, or the name of a parameter, mapping or condition.
    pub name: String,
    /// How: `Ref`, `Arn`, a mapping's keys.
    pub by: String,
}

/// What a reviewer must be told beside the impact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Flag {
    /// What it is about.
    pub kind: FlagKind,
    /// Each reason as a sentence, in the order of the document.
    pub why: Vec<String>,
}

/// What a flag is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FlagKind {
    /// Data or a registry is lost.
    Stateful,
    /// It no longer answers for a while, or for good.
    Downtime,
    /// CloudFormation will refuse: a name is taken by the very resource that it would replace.
    NamePinned,
    /// CloudFormation or the service will refuse for another reason.
    Refused,
    /// An instance type or a variant changes while Application Auto Scaling has the variant registered.
    ScalableTarget,
    /// An endpoint's scaled-out instance count falls back to the configured one.
    CountReset,
    /// It stays in the account, outside of the stack.
    LeftBehind,
    /// What keeps its data when it is deleted or replaced is taken away.
    RetentionWeakened,
    /// More is allowed than before.
    PermissionBroadened,
    /// Data is encrypted less than before.
    EncryptionWeakened,
    /// It is reached from more of the network than before.
    IsolationWeakened,
    /// An alarm, a monitor or data capture notices less.
    MonitoringWeakened,
    /// It costs more.
    CostMore,
    /// It costs less.
    CostLess,
    /// It costs something else; which way cannot be told.
    CostUnknown,
}

/// A pipeline whose definition changes, or whose results will be computed anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PipelineDiff {
    /// The definition's document; none when it is only within a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// The resource that holds or names the definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Address>,
    /// Changes outside of steps: parameters, metadata, the experiment.
    pub changes: Vec<Change>,
    /// Steps that change or are computed anew, in the order of the definition after; removed ones last.
    pub steps: Vec<StepDiff>,
    /// Every step after, and each that is gone, in the same order: the picture of the pipeline.
    pub graph: Vec<StepNode>,
}

/// A step that changes or is computed anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepDiff {
    /// Its name, unique in the definition.
    pub name: String,
    /// `Processing`, `Training`, …
    pub step_type: String,
    /// What happens to it.
    pub action: StepAction,
    /// Where it was, when it moves into, out of or between branches: `gate/if`; empty for the outermost list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was_in: Option<String>,
    /// Steps it waits for now and did not before.
    pub needs_added: Vec<String>,
    /// Steps it waited for and does no longer.
    pub needs_removed: Vec<String>,
    /// The changes in it; pointers are relative to the step. Steps in its branches have entries of their own.
    pub changes: Vec<Change>,
    /// Whether the next execution computes it anew.
    pub recompute: Recompute,
    /// Why it is computed anew, each as a sentence.
    pub why: Vec<String>,
    /// What a reviewer must be told beside.
    pub flags: Vec<Flag>,
}

/// What happens to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepAction {
    /// It is as it was; a change elsewhere has it computed anew.
    Reached,
    /// It is new.
    Added,
    /// It changes.
    Changed,
    /// It moves into, out of or between branches; it may change, too.
    Moved,
    /// It is gone.
    Removed,
}

/// Whether the next execution computes a step anew, gentlest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Recompute {
    /// Its cached result is used, as before.
    No,
    /// It depends on what an earlier step gives, or on a value that only the execution knows.
    May,
    /// Its cache key changes, or what it reads is computed anew.
    Yes,
    /// It has no cache: it runs in every execution, before and after.
    Always,
}

/// A step in the picture of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepNode {
    /// Its name.
    pub name: String,
    /// `Processing`, `Condition`, …
    pub step_type: String,
    /// The branch it is in: `gate/if`, `gate/else`; empty for the outermost list.
    pub branch: String,
    /// The steps it waits for, sorted.
    pub needs: Vec<String>,
    /// What happens to it; none when nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<StepAction>,
    /// Whether the next execution computes it anew.
    pub recompute: Recompute,
}

/// A permission that comes or goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct PermissionDiff {
    /// The document.
    pub document: String,
    /// The role, user or group that a statement is attached to, or the resource whose policy it is in.
    pub subject: String,
    /// The resource in which the statement stands; another than the subject for an attached policy.
    pub resource: String,
    /// What happens.
    pub change: PermissionChange,
    /// To whom: `Service: sagemaker.amazonaws.com`; empty when it is the subject itself.
    pub principals: Vec<String>,
    /// What: `s3:GetObject`, `s3:*`; `not s3:*` for everything else; `policy …` for all that a policy says which
    /// stands elsewhere.
    pub actions: Vec<String>,
    /// On what; empty where the subject is the resource.
    pub resources: Vec<String>,
    /// When, as canonical JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
}

/// What happens to a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PermissionChange {
    /// It is allowed now.
    Allowed,
    /// It is no longer denied.
    NoLongerDenied,
    /// It is no longer allowed.
    NoLongerAllowed,
    /// It is denied now.
    Denied,
}

impl PermissionChange {
    /// Whether more is possible than before.
    pub fn broadens(self) -> bool {
        matches!(self, PermissionChange::Allowed | PermissionChange::NoLongerDenied)
    }
}

/// A value that only a deployment can know: it may differ although both sides read alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Unknown {
    /// The document.
    pub document: String,
    /// What it is: the name of a parameter, or a dynamic reference.
    pub name: String,
    /// Why it cannot be known, as a sentence.
    pub why: String,
    /// The resources that use it, sorted: `Endpoint.EndpointConfigName`.
    pub used_by: Vec<String>,
    /// The worst that happens to them if it differs.
    pub impact: Impact,
}

/// What changes from one side to the other.
pub fn diff(old: &Side, new: &Side) -> Diff {
    template::diff(old, new)
}

/// What changes between two templates or definitions; one that is absent is created or deleted whole.
pub fn documents(old: Option<Value>, new: Option<Value>) -> Diff {
    let side = |value: Option<Value>| value.map_or_else(Side::default, |value| Side::one("document", value));
    diff(&side(old), &side(new))
}

/// The JSON Schema of a serialised [`Diff`].
pub fn json_schema() -> Value {
    let generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
    let mut root = generator.into_root_schema_for::<Diff>().to_value();
    if let Value::Object(members) = &mut root {
        members.insert("title".into(), "smstack diff".into());
    }
    root
}

/// A word of the serialised form, for people.
fn words(value: &impl Serialize) -> String {
    let word = serde_json::to_value(value).ok().and_then(|it| it.as_str().map(|it| it.replace('_', " ")));
    word.unwrap_or_default()
}

impl Impact {
    /// As people read it: `may replace`.
    pub fn words(self) -> String {
        words(&self)
    }
}

impl FlagKind {
    /// As people read it: `permission broadened`.
    pub fn words(self) -> String {
        words(&self)
    }
}

impl StepAction {
    /// As people read it: `changed`.
    pub fn words(self) -> String {
        words(&self)
    }
}
