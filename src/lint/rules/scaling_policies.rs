//! Scaling policies of any service: they have the part that their type asks for, and steps that follow each other.

use std::cmp::Ordering;

use crate::diag::{Code, Issue, Pointer};
use crate::lint::{Case, Resource, Template, Thing};
use crate::rules::scaling::{StepFault, step_faults};

/// A policy's type, and the property that holds what it does.
const PARTS: [(&str, &str); 3] = [
    ("StepScaling", "StepScalingPolicyConfiguration"),
    ("TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration"),
    ("PredictiveScaling", "PredictiveScalingPolicyConfiguration"),
];
const STEPS: &str = "StepScalingPolicyConfiguration.StepAdjustments";

/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html>
pub(super) fn scaling_policies(template: &Template<'_>, found: &mut Vec<Issue>) {
    for policy in template.of_type("AWS::ApplicationAutoScaling::ScalingPolicy") {
        parts(template, policy, found);
        for list in template.values(policy, STEPS) {
            if let Some(steps) = steps(template, &list) {
                found.extend(unfit(&steps, &list));
            }
        }
    }
}

/// The part that goes with the type, and none of those that do not.
fn parts(template: &Template<'_>, policy: &Resource<'_>, found: &mut Vec<Issue>) {
    let types = template.values(policy, "PolicyType");
    let [kind] = types.as_slice() else { return };
    let Some(name) = kind.known() else { return };
    let Some((_, wanted)) = PARTS.iter().find(|(known, _)| *known == name) else { return };
    if !template.values(policy, wanted).is_empty() {
        return;
    }
    let properties = policy.pointer.key("Properties");
    let other = PARTS.iter().find(|(_, part)| !template.values(policy, part).is_empty());
    let message = format!("a policy of type `{name}` needs `{wanted}`");
    let issue = Issue::new(Code::MissingKey, kind.at.clone(), message).label(format!("needs `{wanted}`"));
    found.push(match other {
        Some((fitting, part)) => issue
            .also(properties.key(part), "goes with another type")
            .help(format!("write `{fitting}` as the type, or give `{wanted}`")),
        None => issue.help(format!("give `{wanted}`")),
    });
}

/// From where a step is to where, and its place.
type Step = (Option<f64>, Option<f64>, Pointer);

/// The steps, lowest first; none where one of them cannot be seen.
fn steps<'d>(template: &Template<'d>, list: &Case<'d>) -> Option<Vec<Step>> {
    if !matches!(list.thing, Thing::List(_)) {
        return None;
    }
    let mut found = Vec::new();
    for item in list.items() {
        let cases = template.cases(&item, &list.when);
        let [case] = cases.as_slice() else { return None };
        let Thing::Map(members) = case.thing else { return None };
        if members.keys().any(|key| key.starts_with("Fn::")) {
            return None;
        }
        let mut ends = [None, None];
        for (end, key) in ends.iter_mut().zip(["MetricIntervalLowerBound", "MetricIntervalUpperBound"]) {
            match template.beneath(case, key).as_slice() {
                [] => {}
                [value] if value.is_absent() => {}
                [value] => *end = Some(value.number()?),
                _ => return None,
            }
        }
        found.push((ends[0], ends[1], case.at.clone()));
    }
    let order = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (None, None) => Ordering::Equal,
        (None, _) => Ordering::Less,
        (_, None) => Ordering::Greater,
        (Some(a), Some(b)) => a.total_cmp(&b),
    };
    found.sort_by(|a, b| order(a.0, b.0));
    Some(found)
}

fn unfit(steps: &[Step], list: &Case<'_>) -> Option<Issue> {
    if steps.is_empty() {
        return None;
    }
    let ends: Vec<_> = steps.iter().map(|(from, to, _)| (*from, *to)).collect();
    let (index, fault) = *step_faults(&ends).first()?;
    let (message, help) = match fault {
        StepFault::NoEnd => {
            ("the step has no bound on either side", "give it a `MetricIntervalLowerBound`, such as 0")
        }
        StepFault::Inverted => ("the step ends before it begins", "exchange its bounds"),
        StepFault::Gap => {
            ("the step does not begin where the one before it ends", "let steps meet: no gap, no overlap")
        }
        StepFault::OpenBelow => (
            "steps go below the alarm's threshold, and the lowest has an end",
            "leave out the `MetricIntervalLowerBound` of the lowest step",
        ),
        StepFault::OpenAbove => (
            "steps go above the alarm's threshold, and the highest has an end",
            "leave out the `MetricIntervalUpperBound` of the highest step",
        ),
    };
    let at = steps.get(index).map_or(&list.at, |(_, _, at)| at);
    Some(Issue::new(Code::ScalingSteps, at.clone(), message).label("this step").help(help))
}
