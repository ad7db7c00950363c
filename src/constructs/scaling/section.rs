//! What the stack file says about scaling.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::constructs::Reference;
use crate::constructs::table::Section;
use crate::rules::units::Duration;

/// How a variant scales: instances, or for a serverless variant its provisioned concurrency.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// The variant: `<endpoint>.<variant>`.
    pub target: Reference,
    /// Least instances, 1 or more; 0 only for an asynchronous endpoint.
    pub min: u32,
    /// Most instances; not below `min`.
    pub max: u32,
    /// Holds a metric at a value: the usual way.
    #[serde(default)]
    pub track: Option<Track>,
    /// Scales in steps when an alarm of CloudWatch fires, by how far the metric is beyond its bound.
    #[serde(default)]
    pub steps: Option<Steps>,
    /// Changes of `min` and `max` by the clock, by name.
    #[serde(default)]
    pub schedule: Section<ScheduledAction>,
    /// What is stopped for the time being.
    #[serde(default)]
    pub suspend: Option<Suspend>,
}

/// The metric to hold and its value: exactly one metric, and how patient to be.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Track {
    /// Requests per instance and minute.
    #[serde(default)]
    pub invocations_per_instance: Option<f64>,
    /// Requests under way per model, measured every ten seconds.
    #[serde(default)]
    pub concurrency: Option<f64>,
    /// Share of the provisioned concurrency in use, 0 to 1; for serverless variants.
    #[serde(default)]
    pub provisioned_concurrency_utilization: Option<f64>,
    /// CPU in percent, summed over the instance's cores: four busy cores are 400.
    #[serde(default)]
    pub cpu: Option<f64>,
    /// GPU in percent, summed over the instance's GPUs: four busy GPUs are 400.
    #[serde(default)]
    pub gpu: Option<f64>,
    /// Memory in percent, up to 100.
    #[serde(default)]
    pub memory: Option<f64>,
    /// Requests that wait per instance; for asynchronous endpoints.
    #[serde(default)]
    pub backlog_per_instance: Option<f64>,
    /// Any other metric.
    #[serde(default)]
    pub metric: Option<CustomMetric>,
    /// Time between two steps outwards; default `5m`.
    #[serde(default)]
    pub scale_out_cooldown: Option<Duration>,
    /// Time between two steps inwards; default `5m`.
    #[serde(default)]
    pub scale_in_cooldown: Option<Duration>,
    /// Never scales in; default `false`.
    #[serde(default)]
    pub only_out: bool,
}

/// A metric of the user's own to hold at a value.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomMetric {
    /// Namespace, such as `MyCompany/Models`.
    pub namespace: String,
    /// The metric's name.
    pub name: String,
    /// Dimensions; default: the endpoint and the variant.
    #[serde(default)]
    pub dimensions: Option<BTreeMap<String, String>>,
    /// `Average`, `Sum`, `Minimum`, `Maximum` or `SampleCount`; default `Average`.
    #[serde(default)]
    pub statistic: Option<String>,
    /// The value to hold, above 0. The metric must fall as instances are added.
    pub value: f64,
}

/// Scaling in steps.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// The alarm that starts it, by name; its bound is where the steps count from.
    pub alarm: Reference,
    /// What the numbers of the steps are.
    #[serde(default)]
    pub adjust: Adjustment,
    /// The steps, side by side without gaps.
    #[schemars(length(min = 1, max = 20))]
    pub steps: Vec<Step>,
    /// Time between two changes; default `5m`.
    #[serde(default)]
    pub cooldown: Option<Duration>,
}

/// What the number of a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Adjustment {
    /// Instances more or less.
    #[default]
    Change,
    /// Percents more or less.
    Percent,
    /// The number of instances.
    Exact,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// From this far beyond the alarm's bound; the lowest has none.
    #[serde(default)]
    pub from: Option<f64>,
    /// To this far beyond the alarm's bound; the highest has none.
    #[serde(default)]
    pub to: Option<f64>,
    /// How much.
    pub by: i32,
}

/// A change of the bounds at a time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduledAction {
    /// When: `cron(…)`, `rate(…)` or `at(…)`.
    pub at: String,
    /// Time zone of the expression, such as `Europe/Berlin`; default UTC.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Least instances from then on.
    #[serde(default)]
    pub min: Option<u32>,
    /// Most instances from then on.
    #[serde(default)]
    pub max: Option<u32>,
}

/// What is stopped for the time being.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Suspend {
    /// Scaling in by metrics.
    #[serde(default, rename = "in")]
    pub inwards: bool,
    /// Scaling out by metrics.
    #[serde(default)]
    pub out: bool,
    /// Scheduled actions.
    #[serde(default)]
    pub schedule: bool,
}

/// How a tracked metric is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// One that Application Auto Scaling knows by this name.
    Predefined(&'static str),
    /// One of the endpoint's metrics.
    Endpoint,
    /// One of the user's own.
    Custom,
}

/// A tracked metric, its value, and its key in the stack file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Goal<'a> {
    /// Key in the stack file.
    pub(super) key: &'static str,
    /// The metric's name in CloudWatch.
    pub(super) metric: &'a str,
    /// The value to hold.
    pub(super) value: f64,
    /// How it is asked for.
    pub(super) source: Source,
}

impl Track {
    /// All metrics that are given; a good section gives one.
    pub(super) fn goals(&self) -> Vec<Goal<'_>> {
        let predefined = Source::Predefined;
        let known = [
            (
                "invocations_per_instance",
                self.invocations_per_instance,
                "InvocationsPerInstance",
                predefined("SageMakerVariantInvocationsPerInstance"),
            ),
            (
                "concurrency",
                self.concurrency,
                "ConcurrentRequestsPerModel",
                predefined("SageMakerVariantConcurrentRequestsPerModelHighResolution"),
            ),
            (
                "provisioned_concurrency_utilization",
                self.provisioned_concurrency_utilization,
                "ServerlessProvisionedConcurrencyUtilization",
                predefined("SageMakerVariantProvisionedConcurrencyUtilization"),
            ),
            ("cpu", self.cpu, "CPUUtilization", Source::Endpoint),
            ("gpu", self.gpu, "GPUUtilization", Source::Endpoint),
            ("memory", self.memory, "MemoryUtilization", Source::Endpoint),
            (
                "backlog_per_instance",
                self.backlog_per_instance,
                "ApproximateBacklogSizePerInstance",
                Source::Endpoint,
            ),
        ];
        let known = known
            .into_iter()
            .filter_map(|(key, value, metric, source)| Some(Goal { key, metric, value: value?, source }));
        let custom = self.metric.iter().map(|metric| Goal {
            key: "metric",
            metric: &metric.name,
            value: metric.value,
            source: Source::Custom,
        });
        known.chain(custom).collect()
    }

    /// The metric, when exactly one is given.
    pub(super) fn goal(&self) -> Option<Goal<'_>> {
        let mut goals = self.goals();
        if goals.len() == 1 { goals.pop() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::{Source, Track};
    use crate::tables;

    #[test]
    fn what_can_be_tracked_is_known() {
        let value = Some(1.0);
        let track = Track {
            invocations_per_instance: value,
            concurrency: value,
            provisioned_concurrency_utilization: value,
            cpu: value,
            gpu: value,
            memory: value,
            backlog_per_instance: value,
            ..Track::default()
        };
        let goals = track.goals();
        assert_eq!(goals.len(), 7);
        for goal in goals {
            let known = match goal.source {
                Source::Predefined(name) => tables::scaling_metrics().contains(&name),
                Source::Endpoint => tables::endpoint_metric(goal.metric).is_some(),
                Source::Custom => false,
            };
            assert!(known, "{goal:?}");
        }
    }
}
