//! Shapes of API requests and responses: their members, and the bounds, patterns and enums of these.
//!
//! Source: the service models of botocore. Bounds are lengths for text, sizes for lists and maps, values
//! for numbers; units are those of the member's name (`VolumeSizeInGB`).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::instances::JobKind;
use super::rows::Rows;
use super::text_pattern::{self, Pattern};

/// The least and the most of something; either side may be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// The least.
    pub min: Option<i64>,
    /// The most.
    pub max: Option<i64>,
}

impl Bound {
    /// Whether a value, length or size is within.
    pub fn holds(self, value: i64) -> bool {
        self.min.is_none_or(|min| min <= value) && self.max.is_none_or(|max| value <= max)
    }
}

/// A shape of the API, to be walked.
#[derive(Debug, Clone, Copy)]
pub struct ApiShape {
    service: &'static str,
    name: &'static str,
    row: &'static Row,
}

/// What a shape of the API is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApiKind {
    /// It has members.
    Structure,
    /// It has elements.
    List,
    /// It has keys and values.
    Map,
    /// Text.
    String,
    /// A whole number.
    #[serde(alias = "long")]
    Integer,
    /// A number.
    #[serde(alias = "double")]
    Float,
    /// `true`, `false`.
    Boolean,
    /// A moment.
    Timestamp,
    /// Bytes.
    Blob,
}

impl ApiKind {
    /// Whether it is neither a structure nor a list nor a map.
    pub fn is_scalar(self) -> bool {
        !matches!(self, Self::Structure | Self::List | Self::Map)
    }
}

/// What a path leads to, as in [`bound`]; unlike there, the end of it is not looked into.
pub fn api(path: &str) -> Option<ApiShape> {
    let (service, name) = resolve(path)?;
    ApiShape::find(service, name)
}

/// The request of an operation, `CreateProcessingJob`, `emr:RunJobFlow`.
pub fn request(operation: &str) -> Option<ApiShape> {
    ["Request", "Input"].iter().find_map(|ending| api(&format!("{operation}{ending}")))
}

/// The response of an operation, `DescribeProcessingJob`, `emr:DescribeStep`.
pub fn response(operation: &str) -> Option<ApiShape> {
    ["Response", "Output"].iter().find_map(|ending| api(&format!("{operation}{ending}")))
}

impl ApiShape {
    fn find(service: &str, name: &str) -> Option<Self> {
        let (key, row) = TABLE.find(&format!("{service}:{name}"))?;
        let (service, name) = key.split_once(':')?;
        Some(Self { service, name, row })
    }

    /// Its name, in its service.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// What it is.
    pub fn kind(self) -> ApiKind {
        self.row.kind.unwrap_or(ApiKind::Structure)
    }

    /// Of a structure, its members by name.
    pub fn members(self) -> impl Iterator<Item = (&'static str, Self)> {
        let members = self.row.members.iter().flatten();
        members.filter_map(move |(name, shape)| Some((*name, Self::find(self.service, shape)?)))
    }

    /// Of a structure, the member of that name.
    pub fn member(self, name: &str) -> Option<Self> {
        Self::find(self.service, self.row.members.as_ref()?.get(name)?)
    }

    /// Of a structure, the members that it must have.
    pub fn required(self) -> &'static [&'static str] {
        &self.row.required
    }

    /// Whether it is a structure that must have exactly one of its members.
    pub fn is_union(self) -> bool {
        self.row.union
    }

    /// Of a list, what each element is.
    pub fn element(self) -> Option<Self> {
        Self::find(self.service, self.row.member?)
    }

    /// Of a map, what each key is.
    pub fn key(self) -> Option<Self> {
        Self::find(self.service, self.row.key?)
    }

    /// Of a map, what each value is.
    pub fn value(self) -> Option<Self> {
        Self::find(self.service, self.row.value?)
    }

    /// Its bounds: of text the length, of lists and maps the size, of numbers the value.
    pub fn bound(self) -> Bound {
        Bound { min: self.row.min, max: self.row.max }
    }

    /// Of text, the pattern that it must match as a whole.
    pub fn pattern(self) -> Option<&'static Pattern> {
        self.row.pattern.as_ref()
    }

    /// Of text, the values that it takes, in AWS's order; empty where any go, and where
    /// [`ApiShape::instance_types_of`] says which.
    pub fn values(self) -> &'static [&'static str] {
        &self.row.values
    }

    /// Of an instance type, the kind of job whose instance types it takes: [`super::instance_types`].
    pub fn instance_types_of(self) -> Option<JobKind> {
        JobKind::of_shape(self.name).filter(|_| self.service == "sagemaker")
    }
}

/// The bounds of a member or a shape.
///
/// A path is a shape and members from there, `ProcessingClusterConfig.InstanceCount`, in the SageMaker API
/// or, with a prefix, another's: `cloudwatch:PutMetricAlarmInput.Period`. Lists are looked into on the way,
/// and maps into their values: `CreateTrainingJobRequest.InputDataConfig.ChannelName`. None where the path
/// leads nowhere or the member is without bounds.
pub fn bound(path: &str) -> Option<Bound> {
    let shape = shape(path)?;
    (shape.min.is_some() || shape.max.is_some()).then_some(Bound { min: shape.min, max: shape.max })
}

/// Whether a number is within the bounds of a member; path as in [`bound`]. Without bounds, every number is.
pub fn within(path: &str, value: u64) -> bool {
    bound(path).is_none_or(|bound| i64::try_from(value).is_ok_and(|value| bound.holds(value)))
}

/// The bounds of a member as people say them: `1 to 512`; with a unit, `1GB to 512GB`. Path as in [`bound`].
pub fn range(path: &str, unit: &str) -> String {
    match bound(path) {
        Some(Bound { min: Some(min), max: Some(max) }) => format!("{min}{unit} to {max}{unit}"),
        Some(Bound { min: Some(min), max: None }) => format!("{min}{unit} or more"),
        Some(Bound { min: None, max: Some(max) }) => format!("{max}{unit} or less"),
        _ => "anything".to_owned(),
    }
}

/// The regular expression, unanchored as AWS writes it, that a member's text must match as a whole; path as
/// in [`bound`].
pub fn pattern(path: &str) -> Option<&'static str> {
    shape(path)?.pattern.as_ref().map(Pattern::text)
}

/// The values a member takes, in AWS's order; path as in [`bound`]. Instance types are in a table of their
/// own: [`super::instance_types`].
pub fn enumeration(path: &str) -> Option<&'static [&'static str]> {
    shape(path).map(|shape| shape.values.as_slice()).filter(|values| !values.is_empty())
}

/// The members that a structure must have; path as in [`bound`].
pub fn required(path: &str) -> Option<&'static [&'static str]> {
    structure(path).map(|(required, _)| required)
}

/// The members that a structure may have, with the shape of each; path as in [`bound`].
pub fn members(path: &str) -> Option<&'static BTreeMap<&'static str, &'static str>> {
    structure(path).map(|(_, members)| members)
}

fn shape(path: &str) -> Option<&'static Row> {
    let (service, name) = resolve(path)?;
    row(service, name).filter(|row| row.members.is_none())
}

fn structure(path: &str) -> Option<(&'static [&'static str], &'static BTreeMap<&'static str, &'static str>)> {
    let (service, name) = resolve(path)?;
    let row = row(service, element(service, name))?;
    Some((row.required.as_slice(), row.members.as_ref()?))
}

/// The service that a path is in, and the name of the shape it leads to.
fn resolve(path: &str) -> Option<(&str, &str)> {
    let (service, path) = path.split_once(':').unwrap_or(("sagemaker", path));
    let mut segments = path.split('.');
    let first = segments.next()?;
    segments
        .try_fold(first, |name, member| {
            row(service, element(service, name))?.members.as_ref()?.get(member).copied()
        })
        .map(|name| (service, name))
}

/// What is in a list or a map, and in the lists in it.
fn element<'a>(service: &str, name: &'a str) -> &'a str {
    let mut name = name;
    while let Some(inner) = row(service, name).and_then(|row| row.member.or(row.value)) {
        name = inner;
    }
    name
}

fn row(service: &str, name: &str) -> Option<&'static Row> {
    TABLE.get(&format!("{service}:{name}"))
}

static TABLE: Rows<Row> = Rows::new(TEXT);
const TEXT: &str = include_str!("../../schemas/aws/api.json");

/// A structure, which has members, or another shape, which has none.
#[derive(Debug, Deserialize)]
struct Row {
    /// None for a structure.
    #[serde(rename = "type")]
    kind: Option<ApiKind>,
    #[serde(default)]
    union: bool,
    #[serde(default)]
    required: Vec<&'static str>,
    members: Option<BTreeMap<&'static str, &'static str>>,
    member: Option<&'static str>,
    key: Option<&'static str>,
    value: Option<&'static str>,
    min: Option<i64>,
    max: Option<i64>,
    #[serde(default, deserialize_with = "text_pattern::whole")]
    pattern: Option<Pattern>,
    #[serde(default, rename = "enum")]
    values: Vec<&'static str>,
}

#[cfg(test)]
pub(super) fn sources() -> super::Sources {
    super::rows::sources(TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, min: impl Into<Option<i64>>, max: impl Into<Option<i64>>) {
        assert_eq!(bound(path), Some(Bound { min: min.into(), max: max.into() }), "{path}");
    }

    #[test]
    fn bounds_are_said_and_held() {
        assert!(
            within("ProductionVariant.VolumeSizeInGB", 512)
                && !within("ProductionVariant.VolumeSizeInGB", 513)
        );
        assert!(
            within("ProductionVariant.ModelName.Nothing", u64::MAX),
            "without bounds every number is within"
        );
        assert_eq!(range("ProductionVariant.VolumeSizeInGB", "GB"), "1GB to 512GB");
        assert_eq!(range("ProductionVariantServerlessConfig.MaxConcurrency", ""), "1 to 200");
    }

    /// Those by which kinds judge what is written in a stack file.
    #[test]
    fn bounds_that_kinds_ask_for() {
        check("CreateEndpointConfigInput.ProductionVariants", 1, 10);
        check("AsyncInferenceClientConfig.MaxConcurrentInvocationsPerInstance", 1, 1000);
        check("ProductionVariantServerlessConfig.MaxConcurrency", 1, 200);
        check("ProductionVariant.VolumeSizeInGB", 1, 512);
        check("ProductionVariant.ModelDataDownloadTimeoutInSeconds", 60, 3600);
        check("ProductionVariant.ContainerStartupHealthCheckTimeoutInSeconds", 60, 3600);
        check("MonitoringClusterConfig.InstanceCount", 1, 100);
        check("MonitoringClusterConfig.VolumeSizeInGB", 1, 16_384);
        check("MonitoringStoppingCondition.MaxRuntimeInSeconds", 1, 86_400);
    }

    #[test]
    fn bounds() {
        check("ProcessingClusterConfig.InstanceCount", 1, 100);
        check("ProcessingClusterConfig.VolumeSizeInGB", 1, 16_384);
        check("CreateProcessingJobRequest.ProcessingInputs", 0, 10);
        check("CreateTrainingJobRequest.InputDataConfig", 1, 20);
        check("CreateTrainingJobRequest.InputDataConfig.ChannelName", 1, 64);
        check("CreateTrainingJobRequest.HyperParameters", 0, 100);
        check("HyperParameterValue", 0, 2500);
        check("CreatePipelineRequest.PipelineName", 1, 256);
        check("CreateHyperParameterTuningJobRequest.HyperParameterTuningJobName", 1, 32);
        check("BlueGreenUpdatePolicy.TrafficRoutingConfiguration.WaitIntervalInSeconds", 0, 3600);
        check("DataCaptureConfig.InitialSamplingPercentage", 0, 100);
        check("ProductionVariant.InitialVariantWeight", 0, None);
        check("cloudwatch:PutMetricAlarmInput.EvaluationPeriods", 1, None);
        check("application-autoscaling:PutScalingPolicyRequest.PolicyName", 1, 256);
    }

    #[test]
    fn what_is_not_there_is_none() {
        for path in
            ["Nothing", "ProcessingClusterConfig.Nothing", "nowhere:Nothing", "", "ProcessingClusterConfig"]
        {
            assert_eq!(bound(path), None, "{path}");
        }
        assert_eq!(bound("ProcessingClusterConfig.InstanceCount.Deeper"), None);
    }

    #[test]
    fn patterns_enums_and_members() {
        assert_eq!(pattern("CreatePipelineRequest.PipelineName"), Some("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}"));
        assert_eq!(
            enumeration("ModelApprovalStatus"),
            Some(["Approved", "Rejected", "PendingManualApproval"].as_slice())
        );
        assert_eq!(enumeration("ResourceConfig.InstanceType"), None);
        assert!(required("CreateEndpointInput").is_some_and(|names| names.contains(&"EndpointConfigName")));
        assert!(
            members("CreateTrainingJobRequest.InputDataConfig")
                .is_some_and(|it| it.contains_key("DataSource"))
        );
    }

    #[test]
    fn bounds_hold() {
        let bound = Bound { min: Some(1), max: None };
        assert!(bound.holds(1) && bound.holds(1_000) && !bound.holds(0));
    }

    #[test]
    fn every_shape_leads_to_shapes() {
        TABLE.check(TEXT);
        for key in TABLE.keys() {
            let shape = api(key).expect(key);
            assert_eq!(format!("{}:{}", shape.service, shape.name), key);
            let named = shape.row.members.as_ref().map_or(0, BTreeMap::len);
            assert_eq!(shape.members().count(), named, "{key}");
            assert_eq!(shape.kind() == ApiKind::List, shape.element().is_some(), "{key}");
            let has_both = shape.key().is_some() && shape.value().is_some();
            assert_eq!(shape.kind() == ApiKind::Map, has_both, "{key}");
            for name in shape.required() {
                assert!(shape.member(name).is_some(), "{key}: {name}");
            }
        }
    }

    #[test]
    fn every_pattern_compiles_but_these() {
        let not: Vec<_> = TABLE
            .keys()
            .filter(|key| api(key).and_then(ApiShape::pattern).is_some_and(|it| it.matches("").is_none()))
            .collect();
        // The halves of UTF-16 out of order; too big once compiled.
        assert_eq!(not, ["emr-serverless:UriString", "sagemaker:ModelPackageSourceUri"]);
    }

    /// `DescribeTrainingJob ResourceConfig.InstanceGroups.*.InstanceType` → what is at the end.
    fn walk(operation: &str, path: &str) -> Option<ApiShape> {
        let top = request(operation).or_else(|| response(operation)).expect(operation);
        path.split('.').try_fold(top, |shape, step| match shape.kind() {
            ApiKind::List => shape.element(),
            ApiKind::Map => shape.value(),
            _ => shape.member(step),
        })
    }

    #[test]
    fn shapes_are_walked() {
        let kind = |operation, path| walk(operation, path).map(ApiShape::kind);
        assert_eq!(kind("DescribeProcessingJob", "ProcessingOutputConfig.Outputs"), Some(ApiKind::List));
        let uri = "ProcessingOutputConfig.Outputs.0.S3Output.S3Uri";
        assert_eq!(kind("DescribeProcessingJob", uri), Some(ApiKind::String));
        assert_eq!(kind("DescribeTrainingJob", "CreationTime"), Some(ApiKind::Timestamp));
        assert_eq!(kind("DescribeTrainingJob", "ModelArtifacts.Nothing"), None);
        assert_eq!(kind("emr:DescribeStep", "Step.Config.Args"), Some(ApiKind::List));
        assert_eq!(
            kind("emr-serverless:StartJobRun", "jobDriver.sparkSubmit.entryPoint"),
            Some(ApiKind::String)
        );
        let listed = "TrainingJobSummaries.0.TrainingJobName";
        assert_eq!(kind("ListTrainingJobsForHyperParameterTuningJob", listed), Some(ApiKind::String));
        assert!(walk("CreateTrainingJob", "HyperParameters").and_then(ApiShape::key).is_some());
        assert!(walk("emr-serverless:StartJobRun", "jobDriver").is_some_and(ApiShape::is_union));
        let instance = walk("CreateTrainingJob", "ResourceConfig.InstanceType").expect("a member");
        assert_eq!(instance.instance_types_of(), Some(JobKind::Training));
        let name =
            walk("CreateTrainingJob", "TrainingJobName").and_then(ApiShape::pattern).expect("a pattern");
        assert_eq!(
            (name.matches("a-b"), name.matches("a_b"), name.matches("")),
            (Some(true), Some(false), Some(false))
        );
    }
}
