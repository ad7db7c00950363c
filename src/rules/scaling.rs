//! Policies of Application Auto Scaling: steps that it takes, and names that say what is followed.

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
    use super::{StepFault, misleading, step_faults};

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
