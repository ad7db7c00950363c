//! Every code that a diagnostic can carry; `tests/bad/` has a case for each.

use super::Severity;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $severity:ident;)+) => {
        /// The kind of a problem: stable, so that scripts and suppressions can name it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
        }

        /// All codes, in the order of this file.
        pub const CODES: &[Code] = &[$(Code::$name,)+];

        impl Code {
            /// As it stands in output: lower-case words joined by `-`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)+ }
            }

            /// Whether it stops `synth`.
            pub fn severity(self) -> Severity {
                match self { $(Code::$name => Severity::$severity,)+ }
            }

            /// What it stands for, in one sentence.
            pub fn summary(self) -> &'static str {
                match self { $(Code::$name => concat!($($doc),+).trim_ascii(),)+ }
            }

            /// The code that is written so.
            pub fn parse(text: &str) -> Option<Code> {
                match text { $($text => Some(Code::$name),)+ _ => None }
            }
        }
    };
}

codes! {
    // The file.
    /// The file cannot be read, or is not UTF-8 text.
    FileUnreadable = "file-unreadable", Error;
    /// The file is larger than smstack reads.
    FileTooLarge = "file-too-large", Error;
    /// The text is not valid YAML.
    YamlSyntax = "yaml-syntax", Error;
    /// A mapping gives one key twice.
    YamlDuplicateKey = "yaml-duplicate-key", Error;
    /// A mapping key is not plain text.
    YamlComplexKey = "yaml-complex-key", Error;
    /// A tag that means nothing to smstack.
    YamlTag = "yaml-tag", Error;
    /// No YAML document in the file, or more than one.
    YamlDocuments = "yaml-documents", Error;
    /// Nested too deep, too many nodes, or aliases that expand without bound.
    YamlBudget = "yaml-budget", Error;
    /// A suppression without a reason, or with a code that there is not.
    BadAllow = "bad-allow", Warning;
    /// A suppression that hides nothing.
    UnusedAllow = "unused-allow", Warning;


    // The structure.
    /// A key that does not belong there.
    UnknownKey = "unknown-key", Error;
    /// A key that must be there.
    MissingKey = "missing-key", Error;
    /// A value of the wrong type.
    WrongType = "wrong-type", Error;
    /// A value that is not one of the possible ones.
    UnknownValue = "unknown-value", Error;
    /// Text that does not have the form asked for.
    WrongForm = "wrong-form", Error;
    /// A number, length or count beyond its bounds.
    OutOfBounds = "out-of-bounds", Error;
    /// Alternatives of which exactly one must be given.
    OneOf = "one-of", Error;

    // Names and references.
    /// A name that AWS would refuse.
    InvalidName = "invalid-name", Error;
    /// A name that two constructs share.
    DuplicateName = "duplicate-name", Error;
    /// A reference to something that is not there.
    UnknownReference = "unknown-reference", Error;
    /// A reference to something of the wrong kind.
    WrongReference = "wrong-reference", Error;
    /// `${…}` that cannot be read.
    BadExpression = "bad-expression", Error;
    /// Constructs, or stack files, that wait for each other in a circle.
    ReferenceCycle = "reference-cycle", Error;

    // The data lake.
    /// Noncurrent versions are to expire in a bucket that keeps none.
    LifecycleWithoutVersions = "lifecycle-without-versions", Error;
    /// Objects expire before they would move to another storage class.
    LifecycleOrder = "lifecycle-order", Error;
    /// A bucket to which S3 cannot deliver access logs.
    AccessLogTarget = "access-log-target", Error;

    // Pipeline parameters.
    /// A default that its parameter cannot take.
    ParameterDefault = "parameter-default", Error;
    /// Values that a parameter cannot be limited to.
    ParameterEnum = "parameter-enum", Error;

    // The registry.
    /// A notification without a topic.
    NobodyNotified = "nobody-notified", Error;
    /// An approval that is to roll out, without an endpoint.
    NothingToDeploy = "nothing-to-deploy", Error;

    // Triggers.
    /// A schedule that EventBridge or Model Monitor would refuse.
    ScheduleExpression = "schedule-expression", Error;
    /// A trigger, and a parameter without a default.
    TriggerParameter = "trigger-parameter", Error;
    /// A trigger on data that is not in the lake, so that nothing tells when it arrives.
    TriggerData = "trigger-data", Error;
    /// A trigger on data that the pipeline itself writes: each execution would start the next.
    TriggerLoop = "trigger-loop", Warning;
    /// A trigger on drift, and no monitor with an alarm.
    TriggerDrift = "trigger-drift", Error;

    // Sources.
    /// A file or directory of code that is not there.
    SourceMissing = "source-missing", Error;
    /// An entry point that the source tree does not have.
    SourceEntry = "source-entry", Error;
    /// A path that leads out of the project.
    SourceOutside = "source-outside", Error;
    /// A symbolic link that leads out of the tree, nowhere, or in a circle.
    SourceLink = "source-link", Error;
    /// A file that looks like a secret would be uploaded.
    SourceSecret = "source-secret", Error;
    /// More than is uploaded.
    SourceTooLarge = "source-too-large", Error;
    /// A file that cannot be packed.
    SourceUnreadable = "source-unreadable", Error;

    // Rendering.
    /// A shape of the project's own does not render.
    Shape = "shape", Error;
    /// A limit of CloudFormation, IAM or Pipelines is exceeded.
    BeyondLimit = "beyond-limit", Error;
    /// A limit of CloudFormation, IAM or Pipelines is near.
    NearLimit = "near-limit", Warning;
    /// A region that is not known.
    UnknownRegion = "unknown-region", Warning;
    /// A region that is not known to have a type of resource that the stack makes.
    ResourceRegion = "resource-region", Warning;

    // Endpoints.
    /// A variant that is serverless and has instances, or is neither.
    VariantCapacity = "variant-capacity", Error;
    /// Weights of variants that add up to nothing.
    VariantWeights = "variant-weights", Error;
    /// An instance type that endpoints do not take.
    EndpointInstance = "endpoint-instance", Error;
    /// A model that no version of has been registered.
    UnregisteredModel = "unregistered-model", Error;
    /// An instance type that the registered versions do not allow.
    ModelInstance = "model-instance", Error;
    /// A key or a volume for an instance type whose storage is its own.
    LocalStorage = "local-storage", Warning;
    /// Something that serverless variants cannot do.
    ServerlessExcluded = "serverless-excluded", Warning;
    /// Something that asynchronous endpoints cannot do.
    AsyncExcluded = "async-excluded", Error;
    /// Something that many models in one container cannot do.
    MultiModelExcluded = "multi-model-excluded", Error;
    /// A step or a wait of a rollout beyond its bounds.
    RolloutBounds = "rollout-bounds", Error;
    /// A rollout in steps over a fleet that is too small for steps.
    RolloutFleet = "rollout-fleet", Error;
    /// A rollout whose waits do not fit into its time.
    RolloutTime = "rollout-time", Error;
    /// A key of a rollout that its kind does not have.
    RolloutKey = "rollout-key", Error;
    /// A rollback alarm that does not watch the endpoint.
    RollbackAlarm = "rollback-alarm", Error;
    /// A rollout in steps that no alarm can stop.
    RolloutUnguarded = "rollout-unguarded", Warning;
    /// A rollout in steps of an endpoint that AWS replaces all at once.
    RolloutExcluded = "rollout-excluded", Warning;
    /// Capture that captures nothing.
    CaptureNothing = "capture-nothing", Error;

    // Scaling.
    /// `min` above `max`, or a `min` that the target cannot have.
    ScalingBounds = "scaling-bounds", Error;
    /// A variant that starts outside the bounds of its scaling.
    ScalingStart = "scaling-start", Warning;
    /// A metric that the target does not have, or a value that it cannot hold.
    ScalingMetric = "scaling-metric", Error;
    /// A value for a metric that probably means something else.
    ScalingValue = "scaling-value", Warning;
    /// A target that cannot be scaled.
    ScalingTarget = "scaling-target", Error;
    /// Steps with gaps, overlaps, or on the wrong side.
    ScalingSteps = "scaling-steps", Error;
    /// A scheduled action that cannot run.
    ScalingSchedule = "scaling-schedule", Error;
    /// A scaling that never changes anything.
    ScalingIdle = "scaling-idle", Warning;
    /// A scaling whose name speaks of another metric than it follows.
    ScalingName = "scaling-name", Warning;

    // Alarms.
    /// Periods that CloudWatch does not take, or that can never breach.
    AlarmWindow = "alarm-window", Error;
    /// A bound of another kind than the metric.
    AlarmUnit = "alarm-unit", Error;
    /// A statistic that CloudWatch does not know.
    AlarmStatistic = "alarm-statistic", Error;
    /// A metric that endpoints are not known to send.
    UnknownMetric = "unknown-metric", Warning;
    /// An alarm that can hardly fire, or says little.
    AlarmSilent = "alarm-silent", Warning;
    /// Somebody who cannot be told.
    NotifyAddress = "notify-address", Error;

    // Monitoring.
    /// What the kind of monitor or its backend needs and does not have.
    MonitorNeeds = "monitor-needs", Error;
    /// What the kind of monitor or its backend has no use for.
    MonitorUnused = "monitor-unused", Error;
    /// A run that may take longer than the time between two.
    MonitorRuntime = "monitor-runtime", Error;
    /// An instance type that monitors do not take.
    MonitorInstance = "monitor-instance", Error;
    /// A stretch of captured data that is none.
    MonitorWindow = "monitor-window", Error;
    /// An endpoint that does not capture what the monitor reads.
    MonitorCapture = "monitor-capture", Error;
    /// An endpoint that captures in a form that monitors cannot read.
    MonitorFormat = "monitor-format", Warning;
    /// A region without Model Monitor.
    MonitorRegion = "monitor-region", Error;

    // Jobs.
    /// A container image that AWS does not publish.
    ImageUnknown = "image-unknown", Error;
    /// A container image that the stack's region does not have.
    ImageRegion = "image-region", Error;
    /// An instance type that this kind of job does not take.
    InstanceType = "instance-type", Error;
    /// A volume that the lake's key cannot encrypt.
    LocalStorageKey = "local-storage-key", Warning;
    /// A job that no step runs.
    UnusedStep = "unused-step", Warning;
    /// A directory that a processing container cannot exchange data through, or that is used twice.
    LocalPath = "local-path", Error;
    /// An output that executions write over each other.
    OutputRace = "output-race", Warning;
    /// Something that a job's network, or the lack of one, does not reach.
    OutsideNetwork = "outside-network", Warning;
    /// A setting that mode `pipe` alone has.
    PipeOnly = "pipe-only", Error;
    /// A spot job may wait less than it may run.
    SpotWait = "spot-wait", Error;
    /// A spot job that starts anew after each interruption.
    SpotCheckpoints = "spot-checkpoints", Warning;
    /// Warm instances for a spot job.
    SpotKeepAlive = "spot-keep-alive", Warning;
    /// Distributed training that the framework, its version or the instance type does not know.
    DistributionUnfit = "distribution-unfit", Error;
    /// GPUs that the strategy of distributed training leaves idle.
    IdleGpus = "idle-gpus", Warning;
    /// The expression of a metric that cannot be read.
    MetricRegex = "metric-regex", Warning;
    /// The expression of a metric without exactly one capture group.
    MetricGroups = "metric-groups", Warning;
    /// The expression of a metric that takes another's value, too.
    MetricOvermatch = "metric-overmatch", Warning;
    /// The expression of a metric that cuts numbers short.
    MetricTruncates = "metric-truncates", Warning;

    // Tuning.
    /// The objective is not a metric of the training job.
    ObjectiveUnknown = "objective-unknown", Error;
    /// A hyperparameter that is both static and ranged.
    StaticAndRanged = "static-and-ranged", Warning;
    /// Bounds in the wrong order.
    TuningRangeInverted = "tuning-range-inverted", Error;
    /// A scale that does not fit the bounds.
    TuningScale = "tuning-scale", Error;
    /// Something that the strategy does not go with.
    TuningStrategy = "tuning-strategy", Error;
    /// More jobs at once than in all.
    TuningParallel = "tuning-parallel", Error;
    /// More jobs at once than accounts have by default.
    TuningQuota = "tuning-quota", Warning;
    /// A path to the best job's model elsewhere than where the tuning job writes.
    BestModelPath = "best-model-path", Warning;

    // Batch transforms.
    /// A batch strategy where nothing tells records apart.
    TransformSplit = "transform-split", Warning;
    /// Requests larger than a batch transform sends.
    TransformPayload = "transform-payload", Error;
    /// Filtering or joining records of a format that is not for it.
    TransformFormat = "transform-format", Warning;

    // The pipeline.
    /// A pipeline's name longer than AWS has accepted.
    PipelineName = "pipeline-name", Warning;
    /// A job that is listed twice.
    StepTwice = "step-twice", Error;
    /// A value of a job that is no step.
    StepNotListed = "step-not-listed", Error;
    /// A value of a step that may not have run.
    IntoBranch = "into-branch", Error;
    /// A step after the execution has failed.
    UnreachableStep = "unreachable-step", Warning;
    /// Caching of a step that has no result.
    CacheUnsupported = "cache-unsupported", Error;
    /// Caching that differs in every execution.
    CacheDefeated = "cache-defeated", Warning;
    /// Caching of a step that reads the data whose arrival starts the pipeline.
    CacheStale = "cache-stale", Warning;
    /// A retry of a step that is not repeated.
    RetryUnsupported = "retry-unsupported", Error;
    /// A condition that always goes the same way.
    ConstantCondition = "constant-condition", Warning;
    /// A comparison of what cannot be compared.
    ConditionType = "condition-type", Error;
    /// A path into a report that cannot be read.
    ReportPath = "report-path", Error;
    /// A state that a registered model cannot have.
    ApprovalStatus = "approval-status", Error;
    /// Instance types that need different images.
    MixedAccelerators = "mixed-accelerators", Error;
    /// A model that nothing is known to serve.
    NoServingImage = "no-serving-image", Error;

    // Templates.
    /// A document that is no template.
    UnknownDocument = "unknown-document", Error;
    /// Text that must be JSON and is not.
    JsonSyntax = "json-syntax", Error;
    /// An attribute that a resource's type does not have.
    UnknownAttribute = "unknown-attribute", Error;
    /// A function of CloudFormation with arguments that it does not take.
    WrongCall = "wrong-call", Error;
    /// A name that is nearly one of CloudFormation's functions.
    UnknownFunction = "unknown-function", Warning;
    /// A type of resource that is nearly one that there is.
    UnknownType = "unknown-type", Warning;
    /// A variable that the text of `Fn::Sub` does not use.
    UnusedVariable = "unused-variable", Warning;
    /// A mapping that nothing looks up.
    UnusedMapping = "unused-mapping", Warning;
    /// A condition that decides nothing.
    UnusedCondition = "unused-condition", Warning;
    /// A reference to a resource that a condition may leave out.
    GuardedReference = "guarded-reference", Warning;
    /// A property that AWS sets itself.
    ReadOnlyProperty = "read-only-property", Error;
    /// A resource that does not wait for another that it needs.
    ResourceOrder = "resource-order", Error;
    /// An update that sets the instances of a scaled endpoint back.
    ScaleReset = "scale-reset", Warning;
    /// Data that is lost with its resource.
    NotRetained = "not-retained", Warning;
    /// A name of its own for a resource that each change replaces.
    FixedName = "fixed-name", Warning;
    /// A role that does not allow what its user needs.
    RoleLacks = "role-lacks", Error;

    // Definitions.
    /// A parameter that nothing refers to.
    UnusedParameter = "unused-parameter", Warning;

    // Accepted risks of changes.
    /// A risk that is no longer accepted: its last day is over.
    AcceptExpired = "accept-expired", Warning;
    /// An accepted risk that the diff does not have.
    AcceptUnused = "accept-unused", Warning;
}
