//! Every code that a diagnostic can carry; `tests/bad/` has a case for each.

use super::Severity;

macro_rules! codes {
    ($($(#[$doc:meta])+ $name:ident = $text:literal, $severity:ident;)+) => {
        /// The kind of a problem: stable, so that scripts and suppressions can name it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])+ $name,)+
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
    /// Constructs that wait for each other in a circle.
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
    /// A schedule that EventBridge Scheduler would refuse.
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
}
