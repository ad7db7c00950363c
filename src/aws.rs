//! The only home of the AWS SDK: what smstack asks of a cloud.
//!
//! [`Cloud`] is every question and order that the product has for AWS, in plain types of its own; no
//! type of the SDK crosses this border. [`connect`] makes one by the standard chain of credentials
//! and regions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::rules::logs::LogPlace;

mod account;
mod changes;
mod cloudformation;
mod connect;
mod drift;
mod error;
mod http;
mod limit;
mod live;
mod logs;
mod objects;
mod s3;
mod sagemaker;
mod secrets;
mod settings;
mod status;
mod sts;
mod trace;

pub use changes::{Action, ChangeDetail, Replacement, ResourceChange};
pub use connect::{Aws, LocalCloud, Options, connect};
pub use drift::{DriftDetection, PropertyDifference, ResourceDrift};
pub use error::{Error, ErrorKind};
pub use live::{Alarm, Endpoint, Execution, ModelVersion, Monitor, MonitorRun, NewExecution, Step, Variant};
pub use logs::LogTail;
pub use objects::{Fetched, Listed, ObjectVersion, Objects, OwnBucket, StoredPart};
pub use s3::{checksum, checksum_of_hex};
pub use settings::without_empty_variables;
pub use status::{Phase, Status};
pub use trace::{ModelDetails, Trace};

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The 12-digit account.
    pub account: String,
    /// The user's or the session's ARN.
    pub arn: String,
    /// The partition: `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: String,
}

/// A deployed stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// The ARN, which stays the same one's own when another stack takes the name.
    pub id: String,
    /// The name.
    pub name: String,
    /// The status.
    pub status: Status,
    /// What CloudFormation adds to the status.
    pub reason: Option<String>,
    /// Outputs by name.
    pub outputs: BTreeMap<String, String>,
    /// Parameters of the last operation by name, as CloudFormation shows them (`NoEcho` is masked).
    pub parameters: BTreeMap<String, String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// When it was last changed, or made.
    pub changed: Option<Timestamp>,
    /// Whether termination protection is on.
    pub protected: bool,
    /// The role that CloudFormation takes on for it.
    pub role_arn: Option<String>,
    /// What makes an update of it roll back.
    pub rollback: Rollback,
}

/// What CloudFormation watches during an operation and for a while after it: an alarm that goes off rolls it back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rollback {
    /// ARNs of CloudWatch alarms, at most five.
    pub alarms: Vec<String>,
    /// How many minutes after the operation, 0 to 180.
    pub minutes: u16,
}

/// A resource of a deployed stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackResource {
    /// The name in the template.
    pub logical_id: String,
    /// The name in the service.
    pub physical_id: Option<String>,
    /// `AWS::S3::Bucket` and the like.
    pub resource_type: String,
    /// The status.
    pub status: Status,
}

/// Whether a change set makes the stack or changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeSetType {
    /// The stack does not exist, or has never held anything.
    Create,
    /// The stack exists.
    Update,
    /// What exists already comes into a stack, be it a new one.
    Import,
}

/// Where CloudFormation finds a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateSource {
    /// In the request: up to 51,200 bytes.
    Body(String),
    /// In S3: up to 1 MB.
    Url(String),
}

/// An order for a change set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSetRequest {
    /// Name or ARN of the stack.
    pub stack: String,
    /// Name of the change set, unique within the stack.
    pub name: String,
    /// Create or update.
    pub change_set_type: ChangeSetType,
    /// The template.
    pub template: TemplateSource,
    /// Parameters by name.
    pub parameters: BTreeMap<String, String>,
    /// Capabilities, such as `CAPABILITY_IAM`.
    pub capabilities: Vec<String>,
    /// Parameters that keep the value that they have.
    pub keep: Vec<String>,
    /// Tags of the stack; none leaves them as they are.
    pub tags: Option<BTreeMap<String, String>>,
    /// The role that CloudFormation takes on for this stack.
    pub role_arn: Option<String>,
    /// Takes in resources with fixed names that exist already and belong to no stack.
    pub import_existing: bool,
    /// What comes into the stack by an import.
    pub imports: Vec<Import>,
    /// What rolls the change back; none leaves it as it is.
    pub rollback: Option<Rollback>,
    /// Whether there are stacks in the stack, whose changes are told, too.
    pub nested: bool,
    /// Makes a repeated request harmless.
    pub token: String,
}

/// A resource that exists and comes into a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The name in the template.
    pub logical_id: String,
    /// `AWS::S3::Bucket` and the like.
    pub resource_type: String,
    /// The property that identifies it.
    pub property: String,
    /// That property's value.
    pub value: String,
}

/// A change set that was ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSetRef {
    /// The change set's ARN.
    pub id: String,
    /// The stack's ARN.
    pub stack_id: String,
    /// `FAILED`, …, as far as the answer says it.
    pub status: Option<String>,
}

/// A change set, all pages of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSet {
    /// `CREATE_PENDING`, `CREATE_COMPLETE`, `FAILED`, …
    pub status: String,
    /// Why it failed.
    pub reason: Option<String>,
    /// `AVAILABLE`, `EXECUTE_COMPLETE`, …
    pub execution_status: Option<String>,
    /// Parameters by name, as CloudFormation shows them (`NoEcho` is masked).
    pub parameters: BTreeMap<String, String>,
    /// Tags that the stack will have.
    pub tags: BTreeMap<String, String>,
    /// What it would do to which resource.
    pub changes: Vec<ResourceChange>,
}

/// Something that happened to a stack or to one of its resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackEvent {
    /// Unique id of the event.
    pub id: String,
    /// The stack's ARN.
    pub stack_id: String,
    /// The stack's name.
    pub stack: String,
    /// The name in the template; the stack's name when the stack itself is meant.
    pub logical_id: String,
    /// The name in the service; the stack's ARN when the stack itself is meant.
    pub physical_id: Option<String>,
    /// `AWS::S3::Bucket` and the like.
    pub resource_type: String,
    /// The status.
    pub status: Status,
    /// What CloudFormation or the service adds.
    pub reason: Option<String>,
    /// When, by AWS's clock.
    pub at: Option<Timestamp>,
    /// The token of the operation that it belongs to.
    pub token: Option<String>,
    /// CloudFormation's id of that operation.
    pub operation: Option<String>,
}

impl StackEvent {
    /// Whether it speaks of the stack itself.
    pub fn is_stack(&self) -> bool {
        self.physical_id.as_deref() == Some(self.stack_id.as_str())
    }
}

/// Whose validation failures are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation<'a> {
    /// A change set's, by its ARN.
    ChangeSet(&'a str),
    /// A stack's.
    Stack {
        /// The stack's ARN.
        stack: &'a str,
        /// One operation of it; else all.
        operation: Option<&'a str>,
    },
}

/// What CloudFormation found wrong before it provisioned anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidationFailure {
    /// The name in the template.
    pub logical_id: String,
    /// `AWS::S3::Bucket` and the like.
    pub resource_type: String,
    /// Which validation, such as `NAME_CONFLICT_VALIDATION`.
    pub validation: Option<String>,
    /// The place in the template.
    pub path: Option<String>,
    /// What is wrong.
    pub reason: String,
    /// It is a warning, and stops nothing.
    pub warns: bool,
    /// When.
    pub at: Option<Timestamp>,
}

/// One page of events, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage {
    /// Newest first, as AWS gives them.
    pub events: Vec<StackEvent>,
    /// Where the next (older) page begins.
    pub next: Option<String>,
}

/// What is in a bucket under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Size.
    pub bytes: u64,
    /// Base64 SHA-256, when the object was stored with one.
    pub sha256: Option<String>,
}

/// An object to store.
#[derive(Debug, Clone)]
pub struct NewObject {
    /// The bucket.
    pub bucket: String,
    /// The account that must own the bucket: a bucket of the same name in other hands gets nothing.
    pub owner: String,
    /// The key.
    pub key: String,
    /// The content.
    pub body: Arc<[u8]>,
    /// Base64 SHA-256 of the content; S3 refuses what does not match.
    pub sha256: String,
    /// MIME type.
    pub content_type: &'static str,
    /// Only when the key is free; else [`ErrorKind::PreconditionFailed`].
    pub only_if_absent: bool,
    /// Only when what is there has this ETag; else [`ErrorKind::PreconditionFailed`].
    pub only_if: Option<String>,
}

/// A model package version, and its members that stacks refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelPackage {
    /// The version's ARN.
    pub arn: String,
    /// S3 URIs of its metrics and baselines by path, such as
    /// `DriftCheckBaselines.ModelDataQuality.Statistics.S3Uri`; only those that are there.
    pub fields: BTreeMap<String, String>,
}

/// Shorthand for what a call answers.
pub type Result<T> = std::result::Result<T, Error>;

/// What smstack asks of a cloud. Every call retries what is worth retrying a few times with growing,
/// jittered pauses, and gives up within bounded time; each fails with an [`Error`].
pub trait Cloud: Clone + Send + Sync + 'static {
    /// The region that every call goes to.
    fn region(&self) -> &str;

    /// `GetCallerIdentity`. Needs no permission, so it tells first whether credentials are good.
    fn identity(&self) -> impl Future<Output = Result<Identity>> + Send;

    /// `DescribeStacks` for one stack by name or ARN; `None` when there is none.
    fn stack(&self, stack: &str) -> impl Future<Output = Result<Option<Stack>>> + Send;

    /// `ListStacks`: ARNs of deleted stacks of a name, the latest deletion first; CloudFormation knows them for 90 days.
    fn deleted_stacks(&self, name: &str) -> impl Future<Output = Result<Vec<String>>> + Send;

    /// `GetTemplate`, the original; `None` when there is no such stack.
    fn template(&self, stack: &str) -> impl Future<Output = Result<Option<String>>> + Send;

    /// `ListStackResources`, all pages.
    fn stack_resources(&self, stack: &str) -> impl Future<Output = Result<Vec<StackResource>>> + Send;

    /// `DescribeStackEvents`, one page, newest first.
    fn stack_events(&self, stack: &str, page: Option<&str>)
    -> impl Future<Output = Result<EventPage>> + Send;

    /// `DescribeEvents`, all pages: what failed validation.
    fn validation_failures(
        &self,
        of: &Operation<'_>,
    ) -> impl Future<Output = Result<Vec<ValidationFailure>>> + Send;

    /// `GetStackPolicy`; `None` when there is none.
    fn stack_policy(&self, stack: &str) -> impl Future<Output = Result<Option<String>>> + Send;

    /// `SetStackPolicy`.
    fn set_stack_policy(&self, stack: &str, policy: &str) -> impl Future<Output = Result<()>> + Send;

    /// `UpdateTerminationProtection`.
    fn set_termination_protection(&self, stack: &str, on: bool) -> impl Future<Output = Result<()>> + Send;

    /// `DeleteStack`.
    fn delete_stack(&self, stack: &str, token: &str) -> impl Future<Output = Result<()>> + Send;

    /// `ContinueUpdateRollback`, without the resources that are to be skipped.
    fn continue_rollback(
        &self,
        stack: &str,
        skip: &[String],
        token: &str,
    ) -> impl Future<Output = Result<()>> + Send;

    /// `CancelUpdateStack`.
    fn cancel_update(&self, stack: &str, token: &str) -> impl Future<Output = Result<()>> + Send;

    /// `RollbackStack`.
    fn rollback_stack(&self, stack: &str, token: &str) -> impl Future<Output = Result<()>> + Send;

    /// `GetResource` of Cloud Control API: whether a resource is there, by its type and primary identifier.
    fn has(&self, kind: &str, identifier: &str) -> impl Future<Output = Result<bool>> + Send;

    /// `DescribeImages` of ECR: whether a registry has an image, by a tag or a digest.
    fn has_image(
        &self,
        registry: &str,
        repository: &str,
        version: &str,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// `ListServiceQuotas` of SageMaker, all pages: values by name.
    fn quotas(&self) -> impl Future<Output = Result<BTreeMap<String, f64>>> + Send;

    /// `ListTypes`, all pages: the types of AWS's own that the region offers, by the beginning of their name.
    fn types(&self, prefix: &str) -> impl Future<Output = Result<BTreeSet<String>>> + Send;

    /// `DetectStackDrift`: the id of the detection.
    fn detect_drift(&self, stack: &str) -> impl Future<Output = Result<String>> + Send;

    /// `DescribeStackDriftDetectionStatus`.
    fn drift_detection(&self, id: &str) -> impl Future<Output = Result<DriftDetection>> + Send;

    /// `DescribeStackResourceDrifts`, all pages.
    fn resource_drifts(&self, stack: &str) -> impl Future<Output = Result<Vec<ResourceDrift>>> + Send;

    /// `ListChangeSets`, all pages: names, and which they are.
    fn change_sets(&self, stack: &str) -> impl Future<Output = Result<Vec<(String, ChangeSetRef)>>> + Send;

    /// `CreateChangeSet`.
    fn create_change_set(
        &self,
        request: &ChangeSetRequest,
    ) -> impl Future<Output = Result<ChangeSetRef>> + Send;

    /// `DescribeChangeSet`, all pages; `None` when there is none.
    fn change_set(&self, id: &str) -> impl Future<Output = Result<Option<ChangeSet>>> + Send;

    /// `GetTemplate` of a change set; `None` when there is none.
    fn change_set_template(&self, id: &str) -> impl Future<Output = Result<Option<String>>> + Send;

    /// `DeleteChangeSet`.
    fn delete_change_set(&self, id: &str) -> impl Future<Output = Result<()>> + Send;

    /// `ExecuteChangeSet`; the token ends up in the operation's events.
    fn execute_change_set(&self, id: &str, token: &str) -> impl Future<Output = Result<()>> + Send;

    /// `HeadObject`; `None` when there is none.
    fn stored_object(
        &self,
        bucket: &str,
        key: &str,
        owner: &str,
    ) -> impl Future<Output = Result<Option<StoredObject>>> + Send;

    /// `PutObject`; answers the checksum that S3 computed (base64 SHA-256), when it says.
    fn store_object(&self, object: &NewObject) -> impl Future<Output = Result<Option<String>>> + Send;

    /// `ListModelPackages`: the ARN of the newest approved version in a group, over all pages; `None`
    /// when there is none, or no such group.
    fn approved_model(&self, group: &str) -> impl Future<Output = Result<Option<String>>> + Send;

    /// `DescribeModelPackage`.
    fn model_package(&self, arn: &str) -> impl Future<Output = Result<ModelPackage>> + Send;

    /// `ListModelPackages`: the newest versions in a group, at most `most`; `None` when there is no such group.
    fn model_versions(
        &self,
        group: &str,
        most: usize,
    ) -> impl Future<Output = Result<Option<Vec<ModelVersion>>>> + Send;

    /// `DescribeModelPackageGroup`: the group's ARN; `None` when there is none.
    fn model_group(&self, name: &str) -> impl Future<Output = Result<Option<String>>> + Send;

    /// `HeadBucket`: whether there is such a bucket of this owner.
    fn has_bucket(&self, bucket: &str, owner: &str) -> impl Future<Output = Result<bool>> + Send;

    /// `UpdateModelPackage`: approves or rejects a version.
    fn judge_model(
        &self,
        arn: &str,
        approve: bool,
        comment: Option<&str>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// `StartPipelineExecution`: the ARN of the execution.
    fn start_execution(&self, order: &NewExecution) -> impl Future<Output = Result<String>> + Send;

    /// `ListPipelineExecutions`: the newest.
    fn last_execution(&self, pipeline: &str) -> impl Future<Output = Result<Option<Execution>>> + Send;

    /// `DescribePipelineExecution`.
    fn execution(&self, arn: &str) -> impl Future<Output = Result<Execution>> + Send;

    /// `ListPipelineExecutionSteps`, all pages: the steps that have begun, oldest first.
    fn execution_steps(&self, arn: &str) -> impl Future<Output = Result<Vec<Step>>> + Send;

    /// `ListTrainingJobsForHyperParameterTuningJob`: the name of the latest training job of a tuning job that failed.
    fn failed_training_job(&self, tuning: &str) -> impl Future<Output = Result<Option<String>>> + Send;

    /// `DescribeLogStreams` and `GetLogEvents`: the last lines that were printed there, at most `most`; `None` when
    /// nothing was.
    fn log_tail(&self, place: &LogPlace, most: usize)
    -> impl Future<Output = Result<Option<LogTail>>> + Send;

    /// `DescribeEndpoint`.
    fn endpoint(&self, name: &str) -> impl Future<Output = Result<Endpoint>> + Send;

    /// `DescribeMonitoringSchedule`.
    fn monitor(&self, name: &str) -> impl Future<Output = Result<Monitor>> + Send;

    /// `DescribeAlarms`: those with these names that exist.
    fn alarms(&self, names: &[String]) -> impl Future<Output = Result<Vec<Alarm>>> + Send;

    /// `ListObjectVersions` and `DeleteObjects`: deletes every version of every object in a bucket; how many.
    fn empty_bucket(&self, bucket: &str, owner: &str) -> impl Future<Output = Result<u64>> + Send;

    /// `GetObject`: a small object as text; [`ErrorKind::Local`] when it is larger than `most` bytes, or no text.
    fn small_object(&self, uri: &str, most: u64) -> impl Future<Output = Result<String>> + Send;
}
