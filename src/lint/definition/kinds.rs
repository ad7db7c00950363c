//! The types of step: what each one calls, what a reference to it walks, and what may stand beside its arguments.
//!
//! Source: what the SageMaker Python SDK 2.257 and sagemaker-mlops 1.27 emit.

/// A type of step.
#[derive(Debug)]
pub(super) struct Kind {
    /// As `Type` says it.
    pub(super) name: &'static str,
    /// The shape of its arguments, where it is one of an API.
    pub(super) request: Option<&'static str>,
    /// Members of that shape that Pipelines gives itself when they are left away.
    pub(super) given: &'static [&'static str],
    /// Shapes that a reference walks.
    pub(super) answers: &'static [&'static str],
    /// Values that a reference finds beside those.
    pub(super) values: &'static [&'static str],
    /// Keys beside those that every step has.
    pub(super) keys: &'static [&'static str],
    /// Those of them that must be there.
    pub(super) required: &'static [&'static str],
    /// Whether its result can be used again.
    pub(super) cached: bool,
    /// Whether it can be tried again.
    pub(super) retried: bool,
}

const NONE: Kind = Kind {
    name: "",
    request: None,
    given: &[],
    answers: &[],
    values: &[],
    keys: &[],
    required: &[],
    cached: false,
    retried: false,
};

/// All that are known; others flow through.
pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "Processing",
        request: Some("CreateProcessingJobRequest"),
        given: &["ProcessingJobName"],
        answers: &["DescribeProcessingJobResponse"],
        keys: &["PropertyFiles"],
        cached: true,
        retried: true,
        ..NONE
    },
    Kind {
        name: "Training",
        request: Some("CreateTrainingJobRequest"),
        given: &["TrainingJobName"],
        answers: &["DescribeTrainingJobResponse"],
        cached: true,
        retried: true,
        ..NONE
    },
    Kind {
        name: "Tuning",
        request: Some("CreateHyperParameterTuningJobRequest"),
        given: &["HyperParameterTuningJobName"],
        answers: &[
            "DescribeHyperParameterTuningJobResponse",
            "ListTrainingJobsForHyperParameterTuningJobResponse",
        ],
        cached: true,
        retried: true,
        ..NONE
    },
    Kind {
        name: "Transform",
        request: Some("CreateTransformJobRequest"),
        given: &["TransformJobName"],
        answers: &["DescribeTransformJobResponse"],
        cached: true,
        retried: true,
        ..NONE
    },
    Kind {
        name: "Model",
        request: Some("CreateModelInput"),
        given: &["ModelName"],
        answers: &["DescribeModelOutput"],
        retried: true,
        ..NONE
    },
    Kind {
        name: "RegisterModel",
        request: Some("CreateModelPackageInput"),
        answers: &["DescribeModelPackageOutput"],
        retried: true,
        ..NONE
    },
    Kind {
        name: "AutoML",
        request: Some("CreateAutoMLJobV2Request"),
        given: &["AutoMLJobName", "AutoMLJobInputDataConfig", "AutoMLProblemTypeConfig"],
        answers: &["DescribeAutoMLJobV2Response"],
        values: &["BestCandidateProperties"],
        cached: true,
        retried: true,
        ..NONE
    },
    Kind {
        name: "QualityCheck",
        request: Some("CreateProcessingJobRequest"),
        given: &["ProcessingJobName"],
        values: &[
            "BaselineUsedForDriftCheckConstraints",
            "BaselineUsedForDriftCheckStatistics",
            "CalculatedBaselineConstraints",
            "CalculatedBaselineStatistics",
        ],
        keys: &[
            "CheckType",
            "FailOnViolation",
            "ModelPackageGroupName",
            "RegisterNewBaseline",
            "SkipCheck",
            "SuppliedBaselineConstraints",
            "SuppliedBaselineStatistics",
        ],
        required: &["CheckType"],
        cached: true,
        ..NONE
    },
    Kind {
        name: "ClarifyCheck",
        request: Some("CreateProcessingJobRequest"),
        given: &["ProcessingJobName"],
        values: &["BaselineUsedForDriftCheckConstraints", "CalculatedBaselineConstraints"],
        keys: &[
            "CheckType",
            "FailOnViolation",
            "ModelName",
            "ModelPackageGroupName",
            "RegisterNewBaseline",
            "SkipCheck",
            "SuppliedBaselineConstraints",
        ],
        required: &["CheckType"],
        cached: true,
        ..NONE
    },
    Kind { name: "Condition", values: &["Outcome"], ..NONE },
    Kind { name: "Fail", ..NONE },
    Kind {
        name: "Lambda",
        keys: &["FunctionArn", "OutputParameters"],
        required: &["FunctionArn"],
        cached: true,
        ..NONE
    },
    Kind {
        name: "Callback",
        keys: &["OutputParameters", "SqsQueueUrl"],
        required: &["SqsQueueUrl"],
        cached: true,
        ..NONE
    },
    Kind {
        name: "EMR",
        answers: &["emr:Step"],
        values: &["ClusterConfig", "ClusterId", "ExecutionRoleArn"],
        cached: true,
        retried: true,
        ..NONE
    },
    Kind {
        name: "EndpointConfig",
        request: Some("CreateEndpointConfigInput"),
        given: &["EndpointConfigName"],
        answers: &["DescribeEndpointConfigOutput"],
        cached: true,
        retried: true,
        ..NONE
    },
    Kind {
        name: "Endpoint",
        request: Some("CreateEndpointInput"),
        answers: &["DescribeEndpointOutput"],
        cached: true,
        ..NONE
    },
    Kind {
        name: "InferenceComponent",
        request: Some("CreateInferenceComponentInput"),
        answers: &["DescribeInferenceComponentOutput"],
        ..NONE
    },
    Kind { name: "Lineage", values: &["ActionArns", "ArtifactArns", "Associations", "ContextArns"], ..NONE },
    Kind { name: "ForEach", ..NONE },
    Kind { name: "Cleanup", ..NONE },
];

/// Types that sagemaker-mlops alone emits, of whose keys and arguments little is known.
pub(super) const LOOSE: &[&str] = &["EMRServerless", "Job"];

/// The type of that name.
pub(super) fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// Every name of a type.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name).chain(LOOSE.iter().copied())
}
