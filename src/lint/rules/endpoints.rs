//! How endpoints change: rollouts that AWS takes, watched by alarms that are there, over variants that may be scaled.

use super::serving::{self, ENDPOINT, Named, beneath};
use crate::diag::{Code, Issue};
use crate::lint::{Assumptions, Case, Resource, Template, Thing};
use crate::rules::rollout::{self, Fleet, Steps};

const ALARM: &str = "AWS::CloudWatch::Alarm";

/// <https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html>
pub(super) fn endpoints(template: &Template<'_>, found: &mut Vec<Issue>) {
    for endpoint in template.of_type(ENDPOINT) {
        for config in template.values(endpoint, "DeploymentConfig") {
            ways(template, &config, found);
            for traffic in beneath(template, &config, "BlueGreenUpdatePolicy") {
                blue_green(template, endpoint, &config, &traffic, found);
            }
            for rolling in beneath(template, &config, "RollingUpdatePolicy") {
                for size in beneath(template, &rolling, "MaximumBatchSize") {
                    share(template, &size, Steps::Rolling, found);
                    fleet(template, endpoint, &size, found);
                }
                unguarded(template, endpoint, &config, &rolling, Steps::Rolling, found);
                time(template, &rolling, &rolling, Steps::Rolling, found);
            }
            for alarm in beneath(template, &config, "AutoRollbackConfiguration.Alarms.*.AlarmName") {
                watches(template, endpoint, &alarm, found);
            }
        }
        reset(template, endpoint, found);
    }
}

/// Blue/green and rolling exclude each other.
fn ways<'d>(template: &Template<'d>, config: &Case<'d>, found: &mut Vec<Issue>) {
    for one in beneath(template, config, "BlueGreenUpdatePolicy") {
        for other in beneath(template, config, "RollingUpdatePolicy") {
            let both = [&one, &other].iter().all(|case| matches!(case.thing, Thing::Map(_)));
            if both && one.when.and(template, &other.when).is_some() {
                found.push(
                    Issue::new(
                        Code::OneOf,
                        other.at.clone(),
                        "`RollingUpdatePolicy` and `BlueGreenUpdatePolicy` exclude each other",
                    )
                    .on_key()
                    .label("given as well")
                    .also(one.at.clone(), "the other")
                    .help("keep one of them"),
                );
            }
        }
    }
}

fn blue_green<'d>(
    template: &Template<'d>,
    endpoint: &Resource<'d>,
    config: &Case<'d>,
    policy: &Case<'d>,
    found: &mut Vec<Issue>,
) {
    for traffic in beneath(template, policy, "TrafficRoutingConfiguration") {
        let Thing::Map(members) = traffic.thing else { continue };
        let kinds = beneath(template, &traffic, "Type");
        let [kind] = kinds.as_slice() else { continue };
        let Some(kind) = kind.known() else { continue };
        let (key, steps) = match kind.as_str() {
            "CANARY" => ("CanarySize", Steps::Canary),
            "LINEAR" => ("LinearStepSize", Steps::Linear),
            _ => continue,
        };
        if members.keys().any(|key| key.starts_with("Fn::")) {
            continue;
        }
        for wanted in [key, "WaitIntervalInSeconds"] {
            if !members.contains_key(wanted) {
                found.push(
                    Issue::new(Code::MissingKey, traffic.at.clone(), format!("`{wanted}` is missing"))
                        .on_key()
                        .label(format!("`{kind}` needs it"))
                        .help(format!("give `{wanted}`, or write `ALL_AT_ONCE`")),
                );
            }
        }
        for size in beneath(template, &traffic, key) {
            share(template, &size, steps, found);
            fleet(template, endpoint, &size, found);
        }
        time(template, policy, &traffic, steps, found);
        unguarded(template, endpoint, config, &traffic, steps, found);
    }
}

/// Steps that no alarm can stop, and steps that AWS does not take.
fn unguarded<'d>(
    template: &Template<'d>,
    endpoint: &Resource<'d>,
    config: &Case<'d>,
    policy: &Case<'d>,
    steps: Steps,
    found: &mut Vec<Issue>,
) {
    let Thing::Map(members) = config.thing else { return };
    let hidden = members.keys().any(|key| key == "AutoRollbackConfiguration" || key.starts_with("Fn::"));
    if matches!(policy.thing, Thing::Map(_)) && !hidden {
        found.push(
            Issue::new(
                Code::RolloutUnguarded,
                policy.at.clone(),
                "the steps wait for alarms, but none is named",
            )
            .on_key()
            .help("name alarms on this endpoint in `AutoRollbackConfiguration`"),
        );
    }
    let Some(variants) = serving::variants_of(template, endpoint, &policy.when) else { return };
    let ours: Vec<_> = variants.iter().filter(|variant| !variant.shadow).collect();
    // Variants that stand there on a condition may not be there together.
    if ours.iter().any(|variant| variant.case.when != policy.when) {
        return;
    }
    let instances: Vec<String> =
        ours.iter().filter_map(|variant| Some(variant.one(template, "InstanceType")?.0)).collect();
    let instances: Vec<&str> = instances.iter().map(String::as_str).collect();
    let serverless = |variant: &&serving::Variant<'_>| matches!(variant.values(template, "ServerlessConfig").as_slice(), [one] if matches!(one.thing, Thing::Map(_)));
    let fleet =
        Fleet { variants: ours.len(), serverless: ours.iter().any(serverless), instances: &instances };
    if let Some(why) = rollout::excluded(steps == Steps::Rolling, fleet) {
        found.push(
            Issue::new(Code::RolloutExcluded, policy.at.clone(), why)
                .on_key()
                .label("is not done in steps")
                .help("write `ALL_AT_ONCE`, or let the endpoint be one that AWS replaces in steps"),
        );
    }
}

/// A step's share of the fleet, in percent.
fn share<'d>(template: &Template<'d>, size: &Case<'d>, steps: Steps, found: &mut Vec<Issue>) {
    let what = if steps == Steps::Rolling { "a batch" } else { "a step" };
    let (least, most) = steps.share().into_inner();
    let (least, most) = (f64::from(least), f64::from(most));
    for kind in template.beneath(size, "Type") {
        if kind.known().as_deref() != Some("CAPACITY_PERCENT") {
            continue;
        }
        for value in template.beneath(size, "Value") {
            let Some(number) = value.number() else { continue };
            if !(least..=most).contains(&number) && kind.when.and(template, &value.when).is_some() {
                found.push(
                    Issue::new(
                        Code::RolloutBounds,
                        value.at.clone(),
                        format!("{number}% is not {least}% to {most}%"),
                    )
                    .label(format!("{what} is {least}% to {most}% of the fleet"))
                    .help(format!(
                        "write {}, or another share within these bounds",
                        number.clamp(least, most)
                    )),
                );
            }
        }
    }
}

/// One instance cannot be replaced in steps.
fn fleet<'d>(template: &Template<'d>, endpoint: &Resource<'d>, size: &Case<'d>, found: &mut Vec<Issue>) {
    let Some(variants) = serving::variants_of(template, endpoint, &size.when) else { return };
    for variant in variants.iter().filter(|variant| !variant.shadow) {
        for count in variant.values(template, "InitialInstanceCount") {
            // What a parameter says may be another number at deployment.
            if count.number() == Some(1.0)
                && !count.when.has_parameters()
                && count.when.and(template, &size.when).is_some()
                && !scaled(template, endpoint)
            {
                found.push(
                    Issue::new(
                        Code::RolloutFleet,
                        size.at.clone(),
                        "a fleet of one instance cannot be replaced in steps",
                    )
                    .on_key()
                    .also(count.at.clone(), "one instance")
                    .help("raise `InitialInstanceCount` to 2 or more, or write `ALL_AT_ONCE`"),
                );
                return;
            }
        }
    }
}

/// The waits of a rollout must fit into its time.
fn time<'d>(
    template: &Template<'d>,
    policy: &Case<'d>,
    traffic: &Case<'d>,
    steps: Steps,
    found: &mut Vec<Issue>,
) {
    // Numbers that are the same in every case; others are left alone.
    let one = |case: &Case<'d>, path: &str| match beneath(template, case, path).as_slice() {
        [] => Some(0.0),
        [case] => case.number(),
        _ => None,
    };
    let Some(most) = one(policy, "MaximumExecutionTimeoutInSeconds").filter(|most| *most > 0.0) else {
        return;
    };
    let size = if steps == Steps::Rolling { "MaximumBatchSize" } else { "LinearStepSize" };
    let percent = beneath(template, traffic, &format!("{size}.Type"));
    let percent = percent.len() == 1 && percent[0].known().as_deref() == Some("CAPACITY_PERCENT");
    let step = if percent { one(traffic, &format!("{size}.Value")) } else { None };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of at most 100")]
    let step = step.filter(|step| (1.0..=100.0).contains(step)).map(|step| step as u32);
    let waits = steps.waits(step);
    let (Some(wait), Some(after)) =
        (one(traffic, "WaitIntervalInSeconds"), one(policy, "TerminationWaitInSeconds"))
    else {
        return;
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a few hours")]
    let [wait, after, limit] = [wait, after, most].map(|seconds| seconds.max(0.0) as u64);
    let needed = waits.saturating_mul(wait).saturating_add(after);
    if rollout::is_too_short(limit, needed) {
        found.push(
            Issue::new(
                Code::RolloutTime,
                policy.at.key("MaximumExecutionTimeoutInSeconds"),
                format!("the waits alone take {needed} seconds, and all must fit into {most}"),
            )
            .also(traffic.at.clone(), "the waits")
            .help("raise `MaximumExecutionTimeoutInSeconds`, or shorten the waits"),
        );
    }
}

/// A rollback alarm is there, and watches this endpoint.
fn watches<'d>(template: &Template<'d>, endpoint: &Resource<'d>, name: &Case<'d>, found: &mut Vec<Issue>) {
    let Some(text) = name.text() else { return };
    let alarm = match serving::named(template, ALARM, "AlarmName", text, &name.when) {
        Named::One(alarm) => alarm,
        Named::Unknown => return,
        Named::Nothing => {
            found.push(
                Issue::new(
                    Code::RollbackAlarm,
                    name.at.clone(),
                    format!("the template has no alarm `{}`", text.shown()),
                )
                .label("no alarm of that name")
                .help("name the alarm by `Ref`"),
            );
            return;
        }
    };
    let other = |value: &Case<'d>| {
        let when: Option<Assumptions<'d>> = name.when.and(template, &value.when);
        let named = serving::endpoint(template, value.text()?, &when?);
        match named {
            Named::One(other) if other.id != endpoint.id => Some(other.id.clone()),
            _ => None,
        }
    };
    for dimension in template.values(alarm, "Dimensions.*") {
        let names = template.beneath(&dimension, "Name");
        if names.len() != 1 || names[0].known().as_deref() != Some("EndpointName") {
            continue;
        }
        for value in template.beneath(&dimension, "Value") {
            if let Some(watched) = other(&value) {
                found.push(
                    Issue::new(
                        Code::RollbackAlarm,
                        name.at.clone(),
                        format!("the alarm `{}` watches `{watched}`, not this endpoint", alarm.id),
                    )
                    .also(value.at.clone(), "what it watches")
                    .help(format!("name an alarm on a variant of `{}`", endpoint.id)),
                );
            }
        }
    }
}

/// Whether a scalable target of the template certainly is a variant of the endpoint, whose instances it scales.
fn scaled<'d>(template: &Template<'d>, endpoint: &Resource<'d>) -> bool {
    template
        .of_type("AWS::ApplicationAutoScaling::ScalableTarget")
        // Provisioned concurrency is none of the properties that are retained.
        .filter(|target| {
            let dimensions = template.values(target, "ScalableDimension");
            dimensions.iter().any(|it| it.known().as_deref() == Some("sagemaker:variant:DesiredInstanceCount"))
        })
        .flat_map(|target| template.values(target, "ResourceId"))
        .any(|id| {
            let parts = id.text().map(|text| text.split('/')).unwrap_or_default();
            let [kind, name, ..] = parts.as_slice() else { return false };
            kind.known() == Some("endpoint")
                && matches!(serving::endpoint(template, name, &id.when), Named::One(one) if one.id == endpoint.id)
        })
}

/// A new configuration sets the instances of a scaled endpoint back.
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateEndpoint.html>
fn reset<'d>(template: &Template<'d>, endpoint: &Resource<'d>, found: &mut Vec<Issue>) {
    let retained = template.values(endpoint, "RetainAllVariantProperties");
    let never = retained.iter().all(|case| case.is_absent() || case.flag() == Some(false));
    if never && scaled(template, endpoint) {
        let at = retained.first().map_or_else(|| endpoint.pointer.clone(), |case| case.at.clone());
        let issue = Issue::new(
            Code::ScaleReset,
            at,
            format!("`{}` is scaled, and each new configuration sets its instances back", endpoint.id),
        );
        let issue = if retained.is_empty() { issue.on_key() } else { issue };
        found.push(issue.label("keeps no variant properties").help("add `RetainAllVariantProperties: true`"));
    }
}
