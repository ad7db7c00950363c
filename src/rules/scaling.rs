//! Names of scalings and policies that speak of another metric than the one followed.

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
    use super::misleading;

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
