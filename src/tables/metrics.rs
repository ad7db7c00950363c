//! What endpoints send to CloudWatch, what can be asked of it, and what scaling can follow.
//!
//! Sources: the SageMaker and CloudWatch guides (named in `schemas/makers/metrics.py`); botocore.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::parse;

/// A metric that endpoints send, once a minute.
#[derive(Debug, Deserialize)]
pub struct Metric {
    /// `AWS/SageMaker` or `/aws/sagemaker/Endpoints`.
    pub namespace: &'static str,
    /// What its values count; none where AWS leaves doubt.
    pub unit: Option<Unit>,
    /// The dimensions that an alarm must give.
    pub dimensions: Vec<&'static str>,
    /// The statistics AWS names for it, `p` standing for percentiles; empty where AWS names none.
    #[serde(default)]
    pub statistics: Vec<&'static str>,
    /// Whether only asynchronous endpoints send it.
    #[serde(default)]
    pub asynchronous: bool,
}

/// What a metric's values count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// A number of things.
    Count,
    /// Time; a second is 1,000,000.
    Microseconds,
    /// Time; a second is 1,000.
    Milliseconds,
    /// Time.
    Seconds,
    /// Of one core or GPU for `CPUUtilization`, `GPUUtilization` and `GPUMemoryUtilization`, which go up to
    /// 100 for each; of the whole for disk and memory.
    Percent,
}

/// The endpoint metric of that name.
pub fn endpoint_metric(name: &str) -> Option<&'static Metric> {
    TABLE.endpoint.get(name)
}

/// The names of all endpoint metrics.
pub fn endpoint_metrics() -> impl Iterator<Item = &'static str> {
    TABLE.endpoint.keys().copied()
}

/// A statistic that CloudWatch can compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// `Average`, `Sum`, …: an alarm's `Statistic`.
    Plain,
    /// `p99`: an alarm's `ExtendedStatistic`.
    Percentile,
    /// `tm90`, `TM(2%:98%)`, `PR(:300)`, `IQM`: an alarm's `ExtendedStatistic`.
    Extended,
}

/// What kind of statistic a text says; none if it says none.
pub fn statistic(text: &str) -> Option<Statistic> {
    let forms = &TABLE.statistics;
    if forms.plain.contains(&text) {
        return Some(Statistic::Plain);
    }
    if forms.whole.contains(&text) || ranged(text, &forms.ranged) {
        return Some(Statistic::Extended);
    }
    let digit = text.find(|c: char| c.is_ascii_digit())?;
    let (prefix, number) = text.split_at(digit);
    if !forms.numbered.contains(&prefix) || !number_up_to(number, 100.0) {
        return None;
    }
    Some(if prefix == "p" { Statistic::Percentile } else { Statistic::Extended })
}

/// The names of the statistics that are an alarm's `Statistic`.
pub fn plain_statistics() -> &'static [&'static str] {
    &TABLE.statistics.plain
}

/// `TM(2%:98%)`, `PR(100:2000)`, `PR(:300)`: one boundary may be left out.
fn ranged(text: &str, names: &[&str]) -> bool {
    let boundary = |text: &str| match text.strip_suffix('%') {
        Some(number) => number_up_to(number, 100.0),
        None => number_up_to(text, f64::INFINITY),
    };
    text.strip_suffix(')')
        .and_then(|text| text.split_once('('))
        .filter(|(name, _)| names.contains(name))
        .and_then(|(_, range)| range.split_once(':'))
        .is_some_and(|(low, high)| {
            let each = |text: &str| text.is_empty() || boundary(text);
            each(low) && each(high) && !(low.is_empty() && high.is_empty())
        })
}

fn number_up_to(text: &str, most: f64) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && text.parse::<f64>().is_ok_and(|number| number <= most)
}

/// The predefined metrics that scaling can follow on SageMaker targets.
pub fn scaling_metrics() -> &'static [&'static str] {
    &TABLE.scaling.metrics
}

/// The dimensions that scaling can change on SageMaker targets.
pub fn scaling_dimensions() -> &'static [&'static str] {
    &TABLE.scaling.dimensions
}

static TABLE: LazyLock<Table> = LazyLock::new(|| parse(TEXT));
const TEXT: &str = include_str!("../../schemas/aws/metrics.json");

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
struct Table {
    endpoint: BTreeMap<&'static str, Metric>,
    statistics: Forms,
    scaling: Scaling,
}

/// How statistics are written.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
struct Forms {
    plain: Vec<&'static str>,
    numbered: Vec<&'static str>,
    ranged: Vec<&'static str>,
    whole: Vec<&'static str>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
struct Scaling {
    metrics: Vec<&'static str>,
    dimensions: Vec<&'static str>,
}

#[cfg(test)]
pub(super) fn sources() -> super::Sources {
    super::rows::sources(TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<Statistic>) {
        assert_eq!(statistic(text), expected, "{text}");
    }

    #[test]
    fn statistics_are_recognised() {
        check("Sum", Some(Statistic::Plain));
        check("p99", Some(Statistic::Percentile));
        check("p99.9", Some(Statistic::Percentile));
        check("p100", Some(Statistic::Percentile));
        check("tm90", Some(Statistic::Extended));
        check("TM(2%:98%)", Some(Statistic::Extended));
        check("PR(:300)", Some(Statistic::Extended));
        check("IQM", Some(Statistic::Extended));
        for text in [
            "sum",
            "p",
            "p101",
            "p9e1",
            "q99",
            "TM(:)",
            "TM(2%)",
            "TM(2%:198%)",
            "XX(1:2)",
            "",
            "99",
            "p-1",
            "é9",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn latency_is_in_microseconds() {
        let latency = endpoint_metric("ModelLatency").expect("a metric");
        assert_eq!((latency.unit, latency.namespace), (Some(Unit::Microseconds), "AWS/SageMaker"));
        assert!(latency.statistics.contains(&"p"));
        let cpu = endpoint_metric("CPUUtilization").expect("a metric");
        assert_eq!((cpu.unit, cpu.namespace), (Some(Unit::Percent), "/aws/sagemaker/Endpoints"));
        assert_eq!(cpu.dimensions, ["EndpointName", "VariantName"]);
        assert!(endpoint_metric("Invocation5XXError").is_none());
    }

    #[test]
    fn a_queue_has_no_variant() {
        let check = |name: &str, dimensions: &[&str], asynchronous: bool| {
            let metric = endpoint_metric(name).expect(name);
            assert_eq!(
                (metric.namespace, metric.dimensions.as_slice(), metric.asynchronous),
                ("AWS/SageMaker", dimensions, asynchronous),
                "{name}"
            );
        };
        let (endpoint, variant) = (["EndpointName"], ["EndpointName", "VariantName"]);
        for name in [
            "ApproximateAgeOfOldestRequest",
            "ApproximateBacklogSize",
            "ApproximateBacklogSizePerInstance",
            "HasBacklogWithoutCapacity",
        ] {
            check(name, &endpoint, true);
        }
        check("InvocationsProcessed", &variant, true);
        check("ModelLatency", &variant, false);
    }

    #[test]
    fn the_statistics_of_every_metric_exist() {
        for name in endpoint_metrics() {
            for text in &endpoint_metric(name).expect(name).statistics {
                assert!(*text == "p" || plain_statistics().contains(text), "{name}: {text}");
            }
        }
    }

    #[test]
    fn scaling_follows_invocations() {
        assert!(scaling_metrics().contains(&"SageMakerVariantInvocationsPerInstance"));
        assert!(scaling_dimensions().contains(&"sagemaker:variant:DesiredInstanceCount"));
    }
}
