//! Alarms over endpoints: what they watch is there, and their window and bound mean something.

use super::scaling::{no_endpoint, no_variant};
use super::serving::{self, Named};
use crate::diag::{Code, Issue};
use crate::lint::{Case, Node, Resource, Template, Thing};
use crate::tables::{self, Unit};

/// Below that many microseconds, milliseconds are probably meant.
const LIKELY_MILLISECONDS: f64 = 10_000.0;

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
        }
        bound(template, alarm, found);
    }
}

fn window(template: &Template<'_>, alarm: &Resource<'_>, found: &mut Vec<Issue>) {
    for datapoints in template.values(alarm, "DatapointsToAlarm") {
        for periods in template.values(alarm, "EvaluationPeriods") {
            let (Some(breaching), Some(all)) = (datapoints.number(), periods.number()) else { continue };
            if breaching > all && datapoints.when.and(template, &periods.when).is_some() {
                found.push(
                    Issue::new(
                        Code::AlarmWindow,
                        datapoints.at.clone(),
                        format!("{breaching} of {all} periods can never breach"),
                    )
                    .also(periods.at.clone(), "the periods looked at")
                    .help(format!("write {all} or less, or raise `EvaluationPeriods`")),
                );
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

/// A bound in milliseconds on a metric in microseconds.
fn bound(template: &Template<'_>, alarm: &Resource<'_>, found: &mut Vec<Issue>) {
    if template.values(alarm, "Statistic").iter().any(|case| case.known().as_deref() == Some("SampleCount")) {
        return;
    }
    for metric in template.values(alarm, "MetricName") {
        let Some(name) = metric.known() else { continue };
        let Some(known) = tables::endpoint_metric(&name) else { continue };
        if known.unit != Unit::Microseconds {
            continue;
        }
        for threshold in template.values(alarm, "Threshold") {
            let Some(number) =
                threshold.number().filter(|number| (0.0..LIKELY_MILLISECONDS).contains(number))
            else {
                continue;
            };
            if metric.when.and(template, &threshold.when).is_some() {
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
        }
    }
}
