//! Everything that SageMaker sends by itself: metrics by namespace, and events.
//!
//! Sources: AWS's guides (named in `schemas/makers/signals.py`); botocore for what scaling follows. What a
//! namespace, a metric or an event has that this table lacks may be new: at most a warning.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::parse;

/// The metrics that SageMaker sends to a CloudWatch namespace.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub struct Namespace {
    /// Metric → the sets of dimensions under which it can be found; an empty set is the whole account's.
    #[serde(default)]
    pub metrics: BTreeMap<&'static str, Vec<Vec<&'static str>>>,
    /// Whether it holds more metrics, or more dimensions, than are listed: users name them, or AWS's guides
    /// do not list all.
    #[serde(default)]
    pub open: bool,
}

/// What SageMaker sends to a namespace; none for a namespace that is not SageMaker's.
pub fn namespace(name: &str) -> Option<&'static Namespace> {
    TABLE.namespaces.get(name)
}

/// The namespaces that SageMaker sends to.
pub fn namespaces() -> impl Iterator<Item = &'static str> {
    TABLE.namespaces.keys().copied()
}

/// The `detail-type` of the events that EventBridge has of source `aws.sagemaker`.
pub fn event_types() -> &'static [&'static str] {
    &TABLE.events
}

/// The dimension that scaling changes when it follows a predefined metric on SageMaker targets; none for
/// another service's metric.
pub fn scaling_dimension_of(metric: &str) -> Option<&'static str> {
    TABLE.scaling.get(metric).copied()
}

static TABLE: LazyLock<Table> = LazyLock::new(|| parse(TEXT));
const TEXT: &str = include_str!("../../schemas/aws/signals.json");

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
struct Table {
    namespaces: BTreeMap<&'static str, Namespace>,
    events: Vec<&'static str>,
    scaling: BTreeMap<&'static str, &'static str>,
}

#[cfg(test)]
pub(super) fn sources() -> super::Sources {
    super::rows::sources(TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables;

    #[test]
    fn metrics_by_namespace() {
        let check = |space: &str, metric: &str, expected: Option<&[&[&str]]>| {
            let found = namespace(space).expect(space).metrics.get(metric);
            assert_eq!(found.is_some(), expected.is_some(), "{space} {metric}");
            assert!(
                found.is_none_or(|sets| sets == expected.unwrap_or_default()),
                "{space} {metric}: {found:?}"
            );
        };
        check("AWS/SageMaker", "ModelCacheHit", Some(&[&["EndpointName", "VariantName"]]));
        check("AWS/SageMaker", "CPUUtilization", None);
        check("/aws/sagemaker/TrainingJobs", "DiskUtilization", Some(&[&["Host"]]));
        check("/aws/sagemaker/TransformJobs", "DiskUtilization", None);
        check("AWS/Sagemaker/ModelBuildingPipeline", "ExecutionFailed", Some(&[&["PipelineName"], &[]]));
        check("AWS/Sagemaker/ModelBuildingPipeline", "StepDuration", Some(&[&["PipelineName", "StepName"]]));
        assert!(namespace("AWS/Lambda").is_none());
        assert!(namespace("/aws/sagemaker/ProcessingJobs").is_some_and(|it| !it.open));
    }

    #[test]
    fn it_agrees_with_the_metrics_of_endpoints() {
        for name in tables::endpoint_metrics() {
            let metric = tables::endpoint_metric(name).expect(name);
            let sets = namespace(metric.namespace).and_then(|it| it.metrics.get(name)).expect(name);
            assert!(sets.contains(&metric.dimensions), "{name}");
        }
    }

    #[test]
    fn events_and_scaling() {
        assert!(event_types().contains(&"SageMaker Model Package State Change"));
        for metric in tables::scaling_metrics() {
            let dimension = scaling_dimension_of(metric).expect(metric);
            assert!(tables::scaling_dimensions().contains(&dimension), "{metric}: {dimension}");
        }
        assert_eq!(
            scaling_dimension_of("SageMakerInferenceComponentInvocationsPerCopy"),
            Some("sagemaker:inference-component:DesiredCopyCount")
        );
        assert_eq!(scaling_dimension_of("ECSServiceAverageCPUUtilization"), None);
    }
}
