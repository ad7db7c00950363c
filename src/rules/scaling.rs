//! What Application Auto Scaling can do with an endpoint: bounds and metrics of its dimensions, values that can be
//! held, steps that it takes, and names that say what is followed.

use crate::tables;

/// What of an endpoint is scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Instances of a variant.
    Instances,
    /// Provisioned concurrency of a serverless variant.
    Concurrency,
    /// Copies of an inference component.
    Copies,
}

impl Dimension {
    /// What a variant has of its own.
    pub fn of_variant(serverless: bool) -> Dimension {
        if serverless { Dimension::Concurrency } else { Dimension::Instances }
    }

    /// As the API says it.
    pub fn name(self) -> &'static str {
        match self {
            Dimension::Instances => "sagemaker:variant:DesiredInstanceCount",
            Dimension::Concurrency => "sagemaker:variant:DesiredProvisionedConcurrency",
            Dimension::Copies => "sagemaker:inference-component:DesiredCopyCount",
        }
    }

    /// The dimension that a predefined metric is of; none for one that is not SageMaker's, or new.
    /// <https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-add-code-define.html>
    pub fn of_metric(name: &str) -> Option<Dimension> {
        if !tables::scaling_metrics().contains(&name) {
            None
        } else if CONCURRENCY_SHARE.contains(&name) {
            Some(Dimension::Concurrency)
        } else if name.starts_with("SageMakerInferenceComponent") {
            Some(Dimension::Copies)
        } else {
            Some(Dimension::Instances)
        }
    }
}

/// The share of provisioned concurrency that is in use: predefined, and in CloudWatch.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-monitoring.html>
const CONCURRENCY_SHARE: [&str; 2] =
    ["SageMakerVariantProvisionedConcurrencyUtilization", "ServerlessProvisionedConcurrencyUtilization"];

/// Why a metric is never held at a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unheld {
    /// It is 0 or less, or no number.
    NotAboveZero,
    /// It is above 100 percent.
    AboveHundred,
    /// It is above 1, all of it.
    AboveOne,
}

/// Why a metric, predefined or of CloudWatch, is never held at a value.
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TargetTrackingScalingPolicyConfiguration.html>
pub fn unheld(metric: &str, value: f64) -> Option<Unheld> {
    if !(value > 0.0 && value.is_finite()) {
        Some(Unheld::NotAboveZero)
    } else if metric == "MemoryUtilization" && value > 100.0 {
        Some(Unheld::AboveHundred)
    } else if CONCURRENCY_SHARE.contains(&metric) && value > 1.0 {
        Some(Unheld::AboveOne)
    } else {
        None
    }
}

/// Whether instances of the type are scaled by credits of their own, and by nothing else: burstable ones.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling.html>
pub fn is_elastic(instance: &str) -> bool {
    instance.starts_with("ml.t2.") && tables::is_burstable(instance)
}

/// Whether bounds hold nothing between them.
pub fn are_inverted(min: f64, max: f64) -> bool {
    min > max
}

/// What is wrong with a step of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepFault {
    /// It has no end on either side.
    NoEnd,
    /// It ends before it begins.
    Inverted,
    /// It does not begin where the one before ends.
    Gap,
    /// Steps go below the alarm's bound, and none goes on downwards.
    OpenBelow,
    /// Steps go above the alarm's bound, and none goes on upwards.
    OpenAbove,
}

/// What is wrong with steps, each from where to where beyond the alarm's bound, in their order; with the index of the
/// step.
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_StepAdjustment.html>
pub fn step_faults(steps: &[(Option<f64>, Option<f64>)]) -> Vec<(usize, StepFault)> {
    let mut faults = Vec::new();
    for (index, (from, to)) in steps.iter().enumerate() {
        match (from, to) {
            (None, None) => faults.push((index, StepFault::NoEnd)),
            (Some(from), Some(to)) if from >= to => faults.push((index, StepFault::Inverted)),
            _ => {}
        }
        let before = index.checked_sub(1).and_then(|before| steps.get(before));
        if before.is_some_and(|(_, end)| end.is_none() || end != from) {
            faults.push((index, StepFault::Gap));
        }
    }
    if !faults.is_empty() {
        return faults;
    }
    // In order and without gaps: the first is the lowest, the last the highest.
    if steps.first().is_some_and(|(from, _)| from.is_some_and(|from| from < 0.0)) {
        faults.push((0, StepFault::OpenBelow));
    }
    if steps.last().is_some_and(|(_, to)| to.is_some_and(|to| to > 0.0)) {
        faults.push((steps.len() - 1, StepFault::OpenAbove));
    }
    faults
}

/// Words for metrics, and what the names of such metrics have in them. `gpu` may as well name the hardware.
const WORDS: [(&str, &str); 7] = [
    ("backlog", "backlog"),
    ("concurrency", "concurren"),
    ("cpu", "cpu"),
    ("gpu", "gpu"),
    ("invocations", "invocations"),
    ("latency", "latency"),
    ("memory", "memory"),
];

/// The word in `name` that is about another metric than `metric` (a CloudWatch or predefined metric's name). What
/// stands in `target`, the name of what is scaled, or is its hardware, says nothing of the metric.
pub fn misleading<'n>(name: &'n str, metric: &str, target: &str, gpus: bool) -> Option<&'n str> {
    let (metric, target) = (metric.to_ascii_lowercase(), target.to_ascii_lowercase());
    let mut other = None;
    for word in name.split(|c: char| !c.is_ascii_alphanumeric()) {
        let Some((known, part)) = WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)) else {
            continue;
        };
        if metric.contains(part) {
            return None;
        }
        if !(target.contains(known) || gpus && *known == "gpu") {
            other = other.or(Some(word));
        }
    }
    other
}

#[cfg(test)]
mod tests {
    use super::StepFault::{Gap, Inverted, NoEnd, OpenAbove, OpenBelow};
    use super::{Dimension, StepFault, Unheld, is_elastic, misleading, step_faults, unheld};

    #[test]
    fn metrics_fit_dimensions_and_values() {
        for (metric, expected) in [
            ("SageMakerVariantInvocationsPerInstance", Some(Dimension::Instances)),
            ("SageMakerVariantProvisionedConcurrencyUtilization", Some(Dimension::Concurrency)),
            ("SageMakerInferenceComponentInvocationsPerCopy", Some(Dimension::Copies)),
            ("CPUUtilization", None),
            // Of CloudWatch: no name that a policy could give.
            ("ServerlessProvisionedConcurrencyUtilization", None),
        ] {
            assert_eq!(Dimension::of_metric(metric), expected, "{metric}");
        }
        for (metric, value, expected) in [
            ("CPUUtilization", 400.0, None),
            ("CPUUtilization", 0.0, Some(Unheld::NotAboveZero)),
            ("CPUUtilization", f64::NAN, Some(Unheld::NotAboveZero)),
            ("MemoryUtilization", 101.0, Some(Unheld::AboveHundred)),
            ("SageMakerVariantProvisionedConcurrencyUtilization", 70.0, Some(Unheld::AboveOne)),
            ("ServerlessProvisionedConcurrencyUtilization", 70.0, Some(Unheld::AboveOne)),
            ("ServerlessProvisionedConcurrencyUtilization", 0.7, None),
        ] {
            assert_eq!(unheld(metric, value), expected, "{metric} {value}");
        }
        assert!(is_elastic("ml.t2.medium") && !is_elastic("ml.m5.large"));
    }

    #[test]
    fn steps_follow_each_other_and_go_on_at_the_outer_ends() {
        let check = |steps: &[(Option<f64>, Option<f64>)], expected: &[(usize, StepFault)]| {
            assert_eq!(step_faults(steps), expected, "{steps:?}");
        };
        check(&[(Some(0.0), None)], &[]);
        check(&[(Some(0.0), Some(10.0)), (Some(10.0), None)], &[]);
        check(&[(None, Some(-10.0)), (Some(-10.0), Some(0.0))], &[]);
        check(&[(None, Some(0.0)), (Some(0.0), None)], &[]);
        check(&[(None, None)], &[(0, NoEnd)]);
        check(&[(Some(5.0), Some(5.0))], &[(0, Inverted)]);
        check(&[(Some(0.0), Some(10.0)), (Some(20.0), None)], &[(1, Gap)]);
        check(&[(Some(0.0), None), (Some(10.0), None)], &[(1, Gap)]);
        check(&[(Some(0.0), Some(10.0))], &[(0, OpenAbove)]);
        check(&[(Some(-10.0), Some(0.0))], &[(0, OpenBelow)]);
        check(&[(Some(-10.0), Some(0.0)), (Some(0.0), Some(5.0))], &[(0, OpenBelow), (1, OpenAbove)]);
        check(&[], &[]);
    }

    #[test]
    fn a_name_is_about_the_metric_or_about_none() {
        let invocations = "SageMakerVariantInvocationsPerInstance";
        for (name, metric, target, gpus, expected) in [
            ("cpu-scaling-policy", invocations, "e.A", false, Some("cpu")),
            ("CPU", invocations, "e.A", false, Some("CPU")),
            ("web", invocations, "e.A", false, None),
            ("invocations", invocations, "e.A", false, None),
            ("cpu", "CPUUtilization", "e.A", false, None),
            ("cpu-and-memory", "MemoryUtilization", "e.A", false, None),
            ("memory", "CPUUtilization", "e.A", false, Some("memory")),
            ("gpu-fleet", invocations, "e.A", true, None),
            ("gpu", "CPUUtilization", "e.A", false, Some("gpu")),
            ("cpu-fleet", invocations, "cpu-endpoint.A", false, None),
            ("concurrency", "SageMakerVariantConcurrentRequestsPerModelHighResolution", "e.A", false, None),
            ("backlog", "ApproximateBacklogSizePerInstance", "e.A", false, None),
            ("occupancy", invocations, "e.A", false, None),
        ] {
            assert_eq!(misleading(name, metric, target, gpus), expected, "{name} {metric}");
        }
    }
}
