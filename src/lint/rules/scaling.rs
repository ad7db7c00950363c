//! Scalable targets and scaling policies of endpoints: what they scale is there, and can be scaled so.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::serving::{self, Named, Variant};
use crate::diag::{Code, Issue, Pointer, nearest, or_list};
use crate::lint::{Case, Resource, Template, Text, To, references};
use crate::rules::scaling::{self as rules, Dimension, Unheld};

const TARGET: &str = "AWS::ApplicationAutoScaling::ScalableTarget";
const POLICY: &str = "AWS::ApplicationAutoScaling::ScalingPolicy";

/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html>
pub(super) fn scaling(template: &Template<'_>, found: &mut Vec<Issue>) {
    for target in template.of_type(TARGET) {
        bounds(template, target, found);
        namespace(template, target, found);
        for dimension in template.values(target, "ScalableDimension") {
            let Some(dimension) = dimension.known().filter(|it| it.starts_with("sagemaker:")) else {
                continue;
            };
            for id in template.values(target, "ResourceId") {
                scaled(template, target, &dimension, &id, found);
            }
        }
    }
    for policy in template.of_type(POLICY) {
        metric(template, policy, found);
    }
}

fn bounds(template: &Template<'_>, target: &Resource<'_>, found: &mut Vec<Issue>) {
    for min in template.values(target, "MinCapacity") {
        for max in template.values(target, "MaxCapacity") {
            found.extend(inverted(template, &min, &max));
        }
    }
}

/// A dimension begins with the service that it is of.
fn namespace(template: &Template<'_>, target: &Resource<'_>, found: &mut Vec<Issue>) {
    for service in template.values(target, "ServiceNamespace") {
        for dimension in template.values(target, "ScalableDimension") {
            let (Some(name), Some(scaled)) = (service.known(), dimension.known()) else { continue };
            let Some((of, _)) = scaled.split_once(':') else { continue };
            if of != name && service.when.and(template, &dimension.when).is_some() {
                let message = format!("`{scaled}` is a dimension of `{of}`, not of `{name}`");
                found.push(
                    Issue::new(Code::ScalingTarget, service.at.clone(), message)
                        .label("another service")
                        .also(dimension.at.clone(), "the dimension")
                        .help(format!("write `{of}`")),
                );
            }
        }
    }
}

/// A variant starts with as many instances as its scaling allows.
fn starts<'d>(
    template: &Template<'d>,
    target: &Resource<'d>,
    variant: &Variant<'d>,
    id: &Case<'d>,
    found: &mut Vec<Issue>,
) {
    let counts = variant.values(template, "InitialInstanceCount");
    let [count] = counts.as_slice() else { return };
    // Bounds in the wrong order hold nothing.
    if template
        .values(target, "MinCapacity")
        .iter()
        .any(|min| template.values(target, "MaxCapacity").iter().any(|max| min.number() > max.number()))
    {
        return;
    }
    let (Some(number), Some(when)) = (count.number(), count.when.and(template, &id.when)) else { return };
    for (key, outside) in [("MinCapacity", Ordering::Less), ("MaxCapacity", Ordering::Greater)] {
        let bounds = template.values(target, key);
        let [bound] = bounds.as_slice() else { continue };
        let Some(limit) = bound.number().filter(|_| when.and(template, &bound.when).is_some()) else {
            continue;
        };
        if number.total_cmp(&limit) == outside {
            let message = format!("the variant starts with {number}, and `{key}` of its scaling is {limit}");
            found.push(
                Issue::new(Code::ScalingStart, count.at.clone(), message)
                    .label("outside of its scaling")
                    .also(bound.at.clone(), "the bound")
                    .help(format!("start with {limit}, or change `{key}`")),
            );
        }
    }
}

/// What is said of bounds in the wrong order.
pub(super) fn inverted<'d>(template: &Template<'d>, min: &Case<'d>, max: &Case<'d>) -> Option<Issue> {
    let (least, most) = (min.number()?, max.number()?);
    if !rules::are_inverted(least, most) {
        return None;
    }
    min.when.and(template, &max.when)?;
    let message = format!("`MinCapacity` is {least}, above `MaxCapacity`");
    Some(
        Issue::new(Code::ScalingBounds, min.at.clone(), message)
            .label(format!("more than {most}"))
            .also(max.at.clone(), "the bound")
            .help(format!("raise `MaxCapacity`, or lower `MinCapacity` to {most} or less")),
    )
}

/// What a `ResourceId` names.
fn scaled<'d>(
    template: &Template<'d>,
    target: &Resource<'d>,
    dimension: &str,
    id: &Case<'d>,
    found: &mut Vec<Issue>,
) {
    let Some(text) = id.text() else { return };
    if text.pieces() == [crate::lint::Piece::Unknown] {
        return;
    }
    let parts = text.split('/');
    let wanted = if dimension == Dimension::Copies.name() { "inference-component" } else { "endpoint" };
    if let Some(kind) = parts[0].known()
        && kind != wanted
        && (parts.len() > 1 || text.known().is_some())
    {
        let form = if dimension == Dimension::Copies.name() {
            "inference-component/<name>"
        } else {
            "endpoint/<name>/variant/<name>"
        };
        found.push(
            Issue::new(
                Code::ScalingTarget,
                id.at.clone(),
                format!("`{}` has no dimension `{dimension}`", text.shown()),
            )
            .label(format!("`{form}` is wanted"))
            .help(format!("write `{form}`, or another dimension")),
        );
        return;
    }
    let [_, endpoint, word, variant] = parts.as_slice() else { return };
    if word.known() != Some("variant") || dimension == Dimension::Copies.name() {
        return;
    }
    let right = |of: &str| format!("`${{{of}.EndpointName}}`");
    found.extend(serving::arn_for_name(template, endpoint, &id.at, right));
    match serving::endpoint(template, endpoint, &id.when) {
        Named::Nothing => found.push(no_endpoint(template, endpoint, &id.at)),
        Named::Unknown => {}
        Named::One(resource) => {
            if text.known().is_some() && !waits(template, target, resource) {
                found.push(unordered(target, resource, &id.at));
            }
            let Some(variants) = serving::variants_named(template, resource, variant, &id.when) else {
                return;
            };
            if variants.is_empty() {
                found.extend(no_variant(template, resource, variant, id));
            }
            for variant in &variants {
                fits(template, dimension, variant, id, found);
                if dimension == Dimension::Instances.name() {
                    starts(template, target, variant, id, found);
                }
            }
        }
    }
}

/// What is said of a name that no endpoint has.
pub(super) fn no_endpoint(template: &Template<'_>, name: &Text, at: &Pointer) -> Issue {
    let names: Vec<String> = template
        .of_type(serving::ENDPOINT)
        .flat_map(|endpoint| template.values(endpoint, "EndpointName"))
        .filter_map(|case| case.known())
        .collect();
    let shown = name.shown();
    let issue =
        Issue::new(Code::UnknownReference, at.clone(), format!("the template has no endpoint `{shown}`"))
            .label("no endpoint of that name");
    match nearest(&shown, names.iter().map(String::as_str)) {
        Some(near) => issue.help(format!("did you mean `{near}`?")),
        None => issue.help("name it by `Fn::GetAtt` of the endpoint, such as `${Endpoint.EndpointName}`"),
    }
}

/// What is said of a name that no variant of the endpoint has.
pub(super) fn no_variant<'d>(
    template: &Template<'d>,
    endpoint: &Resource<'d>,
    name: &Text,
    case: &Case<'d>,
) -> Option<Issue> {
    let variants = serving::variants_of(template, endpoint, &case.when)?;
    let names: BTreeSet<String> = variants.iter().map(|variant| variant.name.shown()).collect();
    let shown = name.shown();
    let message = format!("endpoint `{}` has no variant `{shown}`", endpoint.id);
    let issue = Issue::new(Code::UnknownReference, case.at.clone(), message)
        .label("no variant of that name")
        .also(variants.first()?.case.at.clone(), "its variants");
    Some(match nearest(&shown, names.iter().map(String::as_str)) {
        Some(near) => issue.help(format!("did you mean `{near}`?")),
        None => issue.help(format!("there is {}", or_list(names.iter().map(String::as_str)))),
    })
}

/// Whether CloudFormation makes one resource after another.
fn waits(template: &Template<'_>, later: &Resource<'_>, first: &Resource<'_>) -> bool {
    let all = references(template);
    let mut reached: BTreeSet<&str> = BTreeSet::from([later.id.as_ref()]);
    let mut ahead = vec![later.id.as_ref()];
    while let Some(here) = ahead.pop() {
        for reference in all.iter().filter(|it| it.from == Some(here)) {
            if let To::Name(to) | To::Attribute(to, _) | To::Before(to) = reference.to
                && reached.insert(to)
            {
                ahead.push(to);
            }
        }
    }
    reached.contains(first.id.as_ref())
}

fn unordered(target: &Resource<'_>, endpoint: &Resource<'_>, at: &Pointer) -> Issue {
    let message = format!("`{}` does not wait for `{}`, which it scales", target.id, endpoint.id);
    Issue::new(Code::ResourceOrder, at.clone(), message)
        .label("plain text makes nothing wait")
        .also(endpoint.pointer.clone(), "the endpoint")
        .help(format!(
            "write the name as `${{{}.EndpointName}}`, or add `DependsOn: {}`",
            endpoint.id, endpoint.id
        ))
}

/// Whether a variant can be scaled in that dimension.
fn fits<'d>(
    template: &Template<'d>,
    dimension: &str,
    variant: &Variant<'d>,
    id: &Case<'d>,
    found: &mut Vec<Issue>,
) {
    let at = &id.at;
    if variant.shadow {
        return;
    }
    if let Some((instance, place)) = variant.one(template, "InstanceType") {
        if rules::is_elastic(&instance) {
            found.push(
                Issue::new(Code::ScalingTarget, at.clone(), "burstable instances cannot be scaled")
                    .also(place, "burstable")
                    .help("use an instance type of another family, such as `ml.m5.large`"),
            );
        } else if dimension == Dimension::Concurrency.name() {
            found.push(
                Issue::new(
                    Code::ScalingTarget,
                    at.clone(),
                    "only serverless variants have provisioned concurrency",
                )
                .also(place, "on instances")
                .help(format!("write `{}` as the dimension", Dimension::Instances.name())),
            );
        }
    }
    let serverless = variant.values(template, "ServerlessConfig");
    // <https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-autoscale.html>
    if let [one] = serverless.as_slice()
        && let crate::lint::Thing::Map(members) = one.thing
        && dimension == Dimension::Concurrency.name()
        && !members.contains_key("ProvisionedConcurrency")
        && !members.keys().any(|key| key.starts_with("Fn::"))
    {
        found.push(
            Issue::new(
                Code::ScalingTarget,
                at.clone(),
                "the variant has no provisioned concurrency to scale",
            )
            .also(one.at.clone(), "only on demand")
            .help("give `ProvisionedConcurrency` in the variant's `ServerlessConfig`"),
        );
    }
    if let [one] = serverless.as_slice()
        && matches!(one.thing, crate::lint::Thing::Map(_))
        && dimension == Dimension::Instances.name()
    {
        found.push(
            Issue::new(Code::ScalingTarget, at.clone(), "a serverless variant has no instances to scale")
                .also(one.at.clone(), "serverless")
                .help(format!("write `{}` as the dimension", Dimension::Concurrency.name())),
        );
    }
}

/// The dimensions that a policy may be about.
fn dimensions<'d>(template: &Template<'d>, policy: &Resource<'d>) -> Vec<Case<'d>> {
    let own = template.values(policy, "ScalableDimension");
    if !own.is_empty() {
        return own;
    }
    let targets = template.values(policy, "ScalingTargetId");
    let target = |case: &Case<'d>| {
        let (id, None) = case.text()?.target()? else { return None };
        template.resource(id).filter(|target| target.kind == TARGET)
    };
    targets
        .iter()
        .filter_map(target)
        .flat_map(|target| template.values(target, "ScalableDimension"))
        .collect()
}

/// Whether a target has the metric that a policy follows, and can hold the value.
fn metric(template: &Template<'_>, policy: &Resource<'_>, found: &mut Vec<Issue>) {
    const TRACKING: &str = "TargetTrackingScalingPolicyConfiguration";
    let metrics =
        template.values(policy, &format!("{TRACKING}.PredefinedMetricSpecification.PredefinedMetricType"));
    let own = template.values(policy, &format!("{TRACKING}.CustomizedMetricSpecification.MetricName"));
    for value in template.values(policy, &format!("{TRACKING}.TargetValue")) {
        let Some(number) = value.number() else { continue };
        for metric in metrics.iter().chain(&own).map(Some).chain([None]) {
            let together = metric.is_none_or(|metric| metric.when.and(template, &value.when).is_some());
            let name = metric.and_then(Case::known).unwrap_or_default();
            let Some(unheld) = rules::unheld(&name, number).filter(|_| together) else { continue };
            let issue = |message: String| Issue::new(Code::ScalingMetric, value.at.clone(), message);
            let issue = match unheld {
                Unheld::NotAboveZero => issue(format!("{number} is not above 0"))
                    .help("give the value that the metric shall keep"),
                Unheld::AboveHundred => {
                    issue(format!("memory never exceeds 100 percent, so {number} is never reached"))
                        .help("write `70` for seventy percent")
                }
                Unheld::AboveOne => issue(format!("the share is 0 to 1, so {number} is never reached"))
                    .help("write `0.7` for seven tenths"),
            };
            found.push(match metric {
                Some(metric) => issue.also(metric.at.clone(), "the metric"),
                None => issue,
            });
            break;
        }
    }
    for dimension in dimensions(template, policy) {
        for metric in &metrics {
            let (Some(name), Some(scaled)) = (metric.known(), dimension.known()) else { continue };
            let Some(wanted) = Dimension::of_metric(&name).map(Dimension::name) else { continue };
            if wanted != scaled
                && scaled.starts_with("sagemaker:")
                && dimension.when.and(template, &metric.when).is_some()
            {
                found.push(
                    Issue::new(
                        Code::ScalingMetric,
                        metric.at.clone(),
                        format!("`{scaled}` does not follow `{name}`"),
                    )
                    .label(format!("goes with `{wanted}`"))
                    .also(dimension.at.clone(), "the dimension")
                    .help("choose a metric of what is scaled, or the dimension that the metric is of"),
                );
            }
        }
    }
}
