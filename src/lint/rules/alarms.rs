//! Alarms over endpoints: what they watch is there, and their window and bound mean something.

use super::scaling::{no_endpoint, no_variant};
use super::serving::{self, Named};
use crate::diag::{Code, Issue};
use crate::lint::{Case, Node, Resource, Template, Thing};
use crate::rules::alarms as metrics;
use crate::rules::units::{Duration, Window};
use crate::tables;

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>
pub(super) fn alarms(template: &Template<'_>, found: &mut Vec<Issue>) {
    for alarm in template.of_type("AWS::CloudWatch::Alarm") {
        window(template, alarm, found);
        let of_endpoints = template.values(alarm, "Namespace").iter().all(|case| {
            case.known()
                .is_some_and(|name| ["AWS/SageMaker", "/aws/sagemaker/Endpoints"].contains(&name.as_str()))
        });
        if !of_endpoints {
            continue;
        }
        for list in template.values(alarm, "Dimensions") {
            watched(template, &list, found);
            queued(template, alarm, &list, found);
        }
        bound(template, alarm, found);
    }
}

/// The places and values of a property: the one that it has when nothing is said, too.
fn numbers<'d>(
    template: &Template<'d>,
    alarm: &Resource<'d>,
    property: &str,
) -> Vec<(Option<Case<'d>>, Option<f64>)> {
    let cases = template.values(alarm, property);
    if cases.is_empty() {
        return vec![(None, None)];
    }
    cases.into_iter().filter_map(|case| Some((Some(case.clone()), Some(case.number()?)))).collect()
}

/// Windows that can never breach, or that CloudWatch refuses. What is not said, or not known, does no harm.
fn window(template: &Template<'_>, alarm: &Resource<'_>, found: &mut Vec<Issue>) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates, which is what is wanted"
    )]
    let whole = |number: f64| number as u32;
    for (periods_at, periods) in numbers(template, alarm, "EvaluationPeriods") {
        let (Some(periods_at), Some(periods)) = (periods_at, periods) else { continue };
        for (datapoints_at, datapoints) in numbers(template, alarm, "DatapointsToAlarm") {
            for (period_at, period) in numbers(template, alarm, "Period") {
                let together = [&datapoints_at, &period_at]
                    .into_iter()
                    .flatten()
                    .try_fold(periods_at.when.clone(), |when, case| when.and(template, &case.when));
                let said = Window {
                    datapoints: datapoints.map_or(1, whole),
                    periods: whole(periods),
                    period: Duration::from_secs(period.map_or(60, whole).into()),
                };
                // What is no period is said of the property itself.
                if !metrics::is_period(said.period.secs()) {
                    continue;
                }
                let Some(refusal) = metrics::refused_window(said).filter(|_| together.is_some()) else {
                    continue;
                };
                let breaching = datapoints_at.as_ref().filter(|_| said.datapoints > said.periods);
                let at = breaching.or(period_at.as_ref()).unwrap_or(&periods_at).at.clone();
                let issue = Issue::new(Code::AlarmWindow, at, refusal);
                let issue = issue.also(periods_at.at.clone(), "the periods looked at");
                found.push(match breaching {
                    Some(_) => issue.help(format!("write {periods} or less, or raise `EvaluationPeriods`")),
                    None => issue.help("take a period of 10, 20, 30 or a multiple of 60 seconds, and all of them within a day"),
                });
                return;
            }
        }
    }
}

/// The dimensions `EndpointName` and `VariantName` of an alarm.
fn watched<'d>(template: &Template<'d>, list: &Case<'d>, found: &mut Vec<Issue>) {
    let items = template.beneath(list, "*");
    for (one, name) in dimension(template, &items, "EndpointName") {
        let Some(text) = name.text() else { continue };
        let right = |id: &str| format!("`Fn::GetAtt` of `{id}` with `EndpointName`");
        found.extend(serving::arn_for_name(template, text, &name.at, right));
        let Some(when) = one.and(template, &name.when) else { continue };
        let endpoint = match serving::endpoint(template, text, &when) {
            Named::One(endpoint) => endpoint,
            Named::Nothing => {
                found.push(no_endpoint(template, text, &name.at));
                continue;
            }
            Named::Unknown => continue,
        };
        for (also, variant) in dimension(template, &items, "VariantName") {
            let (Some(when), Some(text)) = (when.and(template, &also), variant.text()) else { continue };
            let named = serving::variants_named(template, endpoint, text, &when);
            if named.is_some_and(|variants| variants.is_empty()) {
                found.extend(no_variant(template, endpoint, text, &variant));
            }
        }
    }
}

/// A variant of which a metric says nothing: the queue of an asynchronous endpoint has none.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html>
fn queued<'d>(template: &Template<'d>, alarm: &Resource<'d>, list: &Case<'d>, found: &mut Vec<Issue>) {
    for metric in template.values(alarm, "MetricName") {
        let Some(name) = metric.known() else { continue };
        if tables::endpoint_metric(&name).is_none_or(|known| known.dimensions.contains(&"VariantName")) {
            continue;
        }
        for (when, variant) in dimension(template, &template.beneath(list, "*"), "VariantName") {
            if when.and(template, &metric.when).is_some() {
                found.push(
                    Issue::new(
                        Code::AlarmSilent,
                        variant.at.clone(),
                        format!(
                            "endpoints send `{name}` without a variant, so nothing is found under this one"
                        ),
                    )
                    .also(metric.at.clone(), "of the endpoint's queue")
                    .help("remove the dimension `VariantName`"),
                );
            }
        }
    }
}

/// What a dimension's value may be, and what holds when the dimension is there.
fn dimension<'d>(
    template: &Template<'d>,
    items: &[Case<'d>],
    name: &str,
) -> Vec<(crate::lint::Assumptions<'d>, Case<'d>)> {
    let is = |case: &&Case<'d>| {
        let names = template.beneath(case, "Name");
        names.len() == 1 && names[0].known().as_deref() == Some(name)
    };
    let values = |case: &Case<'d>| {
        let value: Option<Node<'d>> = case.member("Value");
        value.map(|node| template.cases(&node, &case.when)).unwrap_or_default()
    };
    items
        .iter()
        .filter(|case| matches!(case.thing, Thing::Map(_)))
        .filter(is)
        .flat_map(|case| values(case).into_iter().map(|value| (case.when.clone(), value)))
        .collect()
}

/// A bound in milliseconds on a metric in microseconds, a count where there are shares, and periods that nothing is
/// sent in.
fn bound(template: &Template<'_>, alarm: &Resource<'_>, found: &mut Vec<Issue>) {
    let statistics = template.values(alarm, "Statistic");
    let statistic = match statistics.as_slice() {
        [] => String::new(),
        [one] => one.known().unwrap_or_else(|| "SampleCount".to_owned()),
        // Who knows: counting values is in no unit.
        _ => "SampleCount".to_owned(),
    };
    for metric in template.values(alarm, "MetricName") {
        let Some(name) = metric.known().filter(|name| tables::endpoint_metric(name).is_some()) else {
            continue;
        };
        for period in template.values(alarm, "Period") {
            let short = period.number().filter(|number| [10.0, 20.0, 30.0].contains(number));
            if let Some(short) = short.filter(|_| metric.when.and(template, &period.when).is_some()) {
                found.push(
                    Issue::new(
                        Code::AlarmSilent,
                        period.at.clone(),
                        format!(
                            "endpoints send `{name}` once a minute, so periods of {short}s are mostly empty"
                        ),
                    )
                    .also(metric.at.clone(), "once a minute")
                    .help(format!("write {} or more", metrics::INTERVAL)),
                );
            }
        }
        for threshold in template.values(alarm, "Threshold") {
            let Some(number) = threshold.number() else { continue };
            if metric.when.and(template, &threshold.when).is_none() {
                continue;
            }
            if metrics::is_likely_in_milliseconds(&name, &statistic, number) {
                let millis = number / 1000.0;
                found.push(
                    Issue::new(
                        Code::AlarmSilent,
                        threshold.at.clone(),
                        format!("`{name}` is in microseconds: {number} of them are {millis} milliseconds"),
                    )
                    .also(metric.at.clone(), "in microseconds")
                    .help(format!("if milliseconds are meant, write {}", number * 1000.0)),
                );
            }
            let above = template.values(alarm, "ComparisonOperator").iter().all(|operator| {
                operator.known().is_some_and(|operator| {
                    operator.starts_with("GreaterThan") && operator.ends_with("Threshold")
                })
            });
            if above && number >= 1.0 && metrics::is_share(&name, &statistic) {
                found.push(
                    Issue::new(
                        Code::AlarmSilent,
                        threshold.at.clone(),
                        format!(
                            "the average of `{name}` is the share of failed requests, which never exceeds 1"
                        ),
                    )
                    .also(metric.at.clone(), "the metric")
                    .help("write `Statistic: Sum` to count them"),
                );
            }
        }
    }
}
