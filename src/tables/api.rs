//! Members of API requests: what they must hold, their bounds, patterns and enums.
//!
//! Source: the service models of botocore. Bounds are lengths for text, sizes for lists and maps, values
//! for numbers; units are those of the member's name (`VolumeSizeInGB`).

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use fancy_regex::{Regex, RegexBuilder};
use serde::Deserialize;

use super::rows::Rows;

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

/// The regular expression, unanchored as AWS writes it, that a member's text must match as a whole; path as
/// in [`bound`].
pub fn pattern(path: &str) -> Option<&'static str> {
    shape(path)?.pattern.as_deref()
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

/// What kind of value a shape is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Named members.
    Structure,
    /// A list.
    List,
    /// Names of the caller's own, each with a value.
    Map,
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// Anything else: a time, bytes, a document.
    Other,
}

/// A shape of an API, to be walked from member to member.
#[derive(Debug, Clone, Copy)]
pub struct ApiShape {
    service: &'static str,
    name: &'static str,
    row: &'static Row,
}

/// The shape of that name, in the SageMaker API or, with a prefix, another's: `emr:StepConfig`.
pub fn api_shape(name: &str) -> Option<ApiShape> {
    let (service, name) = name.split_once(':').unwrap_or(("sagemaker", name));
    let (key, row) = TABLE.entry(&format!("{service}:{name}"))?;
    let (service, name) = key.split_once(':')?;
    Some(ApiShape { service, name, row })
}

impl ApiShape {
    /// Its name in the API: `ProcessingInstanceType`.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// What kind of value it is.
    pub fn form(self) -> Form {
        if self.row.members.is_some() {
            return Form::Structure;
        }
        match self.row.kind {
            "list" => Form::List,
            "map" => Form::Map,
            "string" => Form::Text,
            "integer" | "long" => Form::Integer,
            "float" | "double" => Form::Number,
            "boolean" => Form::Boolean,
            _ => Form::Other,
        }
    }

    /// The names of a structure's members, in order.
    pub fn member_names(self) -> impl Iterator<Item = &'static str> {
        self.row.members.iter().flat_map(|members| members.keys().copied())
    }

    /// The members that a structure must have.
    pub fn required(self) -> &'static [&'static str] {
        &self.row.required
    }

    /// A member of a structure.
    pub fn member(self, name: &str) -> Option<ApiShape> {
        self.row.members.as_ref()?.get(name).and_then(|shape| self.beside(shape))
    }

    /// What a list's items are.
    pub fn item(self) -> Option<ApiShape> {
        self.beside(self.row.member?)
    }

    /// What a map's keys are.
    pub fn key(self) -> Option<ApiShape> {
        self.beside(self.row.key?)
    }

    /// What a map's values are.
    pub fn value(self) -> Option<ApiShape> {
        self.beside(self.row.value?)
    }

    /// The least and the most of its length, size or value.
    pub fn bound(self) -> Bound {
        Bound { min: self.row.min, max: self.row.max }
    }

    /// The values that it takes; any where there are none.
    pub fn values(self) -> &'static [&'static str] {
        &self.row.values
    }

    /// The regular expression that the text must match as a whole.
    pub fn pattern(self) -> Option<&'static str> {
        self.row.pattern.as_deref()
    }

    /// Whether text matches the pattern as a whole; so does any where there is none, or none that can be read here.
    pub fn matches(self, text: &str) -> bool {
        let Some(pattern) = &self.row.pattern else { return true };
        let compiled = self.row.compiled.get_or_init(|| {
            RegexBuilder::new(&format!(r"\A(?:{pattern})\z")).backtrack_limit(BACKTRACKS).build().ok()
        });
        compiled.as_ref().is_none_or(|regex| regex.is_match(text).unwrap_or(true))
    }

    fn beside(self, name: &str) -> Option<ApiShape> {
        api_shape(&format!("{}:{name}", self.service))
    }
}

/// Steps that a match may take back: patterns are AWS's, but the text may be anybody's.
const BACKTRACKS: usize = 100_000;

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

static TABLE: LazyLock<Rows<Row>> = LazyLock::new(|| Rows::new(TEXT));
const TEXT: &str = include_str!("../../schemas/aws/api.json");

/// A structure, which has members, or another shape, which has none.
#[derive(Debug, Deserialize)]
struct Row {
    #[serde(default, rename = "type")]
    kind: &'static str,
    #[serde(default)]
    required: Vec<&'static str>,
    members: Option<BTreeMap<&'static str, &'static str>>,
    member: Option<&'static str>,
    key: Option<&'static str>,
    value: Option<&'static str>,
    min: Option<i64>,
    max: Option<i64>,
    pattern: Option<String>,
    #[serde(default, rename = "enum")]
    values: Vec<&'static str>,
    #[serde(skip)]
    compiled: OnceLock<Option<Regex>>,
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
    fn a_shape_is_walked() {
        let shape = api_shape("DescribeProcessingJobResponse").expect("a shape");
        let outputs = shape.member("ProcessingOutputConfig").and_then(|it| it.member("Outputs")).expect("a list");
        assert_eq!(outputs.form(), Form::List);
        let uri = outputs.item().and_then(|it| it.member("S3Output")?.member("S3Uri")).expect("text");
        assert_eq!((uri.form(), uri.name()), (Form::Text, "S3Uri"));
        assert!(uri.matches("s3://a/b") && !uri.matches("a/b"));
        assert!(api_shape("emr:StepConfig").is_some_and(|it| it.required().contains(&"HadoopJarStep")));
        let environment = api_shape("ProcessingEnvironmentMap").expect("a map");
        assert_eq!(environment.form(), Form::Map);
        assert!(environment.key().is_some_and(|it| it.matches("A_1") && !it.matches("1")));
    }

    #[test]
    fn bounds_hold() {
        let bound = Bound { min: Some(1), max: None };
        assert!(bound.holds(1) && bound.holds(1_000) && !bound.holds(0));
    }

    #[test]
    fn every_member_leads_to_a_shape() {
        TABLE.check(TEXT);
        for key in TABLE.keys() {
            let (service, _) = key.split_once(':').expect("a service");
            for (member, shape) in TABLE.get(key).and_then(|row| row.members.as_ref()).into_iter().flatten() {
                assert!(row(service, shape).is_some(), "{key}.{member}: {shape}");
            }
        }
    }
}
