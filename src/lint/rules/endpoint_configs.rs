//! What the variants of an endpoint run on.

use super::serving::{self, Variant};
use crate::diag::{Code, Issue};
use crate::lint::{Case, Resource, Template, Thing};
use crate::tables;

/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html>
pub(super) fn endpoint_configs(template: &Template<'_>, found: &mut Vec<Issue>) {
    for config in template.of_type(serving::CONFIG) {
        for case in template.values(config, "ProductionVariants.*") {
            instance(template, config, &case, found);
        }
        for case in template.values(config, "ShadowProductionVariants.*") {
            instance(template, config, &case, found);
        }
        let Some(when) = template.existence(config) else { continue };
        let Some(variants) = serving::variants(template, config, &when) else { continue };
        twice(template, &variants, found);
        weights(template, config, &variants, found);
    }
}

/// Values of two members that can be so together.
fn one_and_other<'d>(
    template: &Template<'d>,
    case: &Case<'d>,
    one: &str,
    other: &str,
) -> Vec<(Case<'d>, Case<'d>)> {
    let others = template.beneath(case, other);
    let with = |one: Case<'d>| {
        let fitting = others.iter().filter(|other| one.when.and(template, &other.when).is_some());
        fitting.map(|other| (one.clone(), other.clone())).collect::<Vec<_>>()
    };
    template.beneath(case, one).into_iter().flat_map(with).collect()
}

/// The capacity of one variant, and what its instance type does not take.
fn instance<'d>(template: &Template<'d>, config: &Resource<'d>, variant: &Case<'d>, found: &mut Vec<Issue>) {
    let Thing::Map(members) = variant.thing else { return };
    let serverless = template.beneath(variant, "ServerlessConfig");
    let sure = !serverless.is_empty() && serverless.iter().all(|case| matches!(case.thing, Thing::Map(_)));
    for key in ["InstanceType", "InitialInstanceCount", "VolumeSizeInGB"] {
        let given = template.beneath(variant, key);
        let there = |case: &Case<'_>| !matches!(case.thing, Thing::Absent | Thing::Unknown);
        if sure && !given.is_empty() && given.iter().all(there) {
            found.push(
                Issue::new(
                    Code::VariantCapacity,
                    variant.at.key(key),
                    format!("a serverless variant has no `{key}`"),
                )
                .on_key()
                .also(variant.at.key("ServerlessConfig"), "serverless here")
                .help(format!("remove `{key}` or `ServerlessConfig`")),
            );
        }
    }
    for (provisioned, most) in template
        .beneath(variant, "ServerlessConfig")
        .iter()
        .flat_map(|it| one_and_other(template, it, "ProvisionedConcurrency", "MaxConcurrency"))
    {
        let (Some(given), Some(limit)) = (provisioned.number(), most.number()) else { continue };
        if given > limit {
            let message = format!("`ProvisionedConcurrency` is {given}, above `MaxConcurrency`");
            found.push(
                Issue::new(Code::OutOfBounds, provisioned.at.clone(), message)
                    .label(format!("more than {limit}"))
                    .also(most.at.clone(), "the bound")
                    .help(format!("provision {limit} or less, or raise `MaxConcurrency`")),
            );
        }
    }
    let hidden = members.keys().any(|key| key.starts_with("Fn::"));
    if !hidden
        && ![
            "ServerlessConfig",
            "InstanceType",
            "CapacityReservationConfig",
            "ManagedInstanceScaling",
            "InstancePools",
        ]
        .iter()
        .any(|key| members.contains_key(*key))
    {
        found.push(
            Issue::new(Code::VariantCapacity, variant.at.clone(), "the variant runs on nothing")
                .label("neither `InstanceType` nor `ServerlessConfig`")
                .help("give an instance type, such as `ml.m5.large`, or `ServerlessConfig`"),
        );
    }
    for case in template.beneath(variant, "InstanceType") {
        let Some(name) = case.known() else { continue };
        // That endpoints take it at all, its property says.
        if tables::has_local_storage(&name) {
            for key in template.values(config, "KmsKeyId") {
                if matches!(key.thing, Thing::Text(_)) && key.when.and(template, &case.when).is_some() {
                    let own = format!("`{name}` has local storage, encrypted by the hardware");
                    found.push(
                        Issue::new(Code::LocalStorage, key.at.clone(), own)
                            .label("no key for it")
                            .also(case.at.clone(), "local storage")
                            .help("remove `KmsKeyId`, or use an instance type without local storage"),
                    );
                }
            }
        }
    }
}

fn twice<'d>(template: &Template<'d>, variants: &[Variant<'d>], found: &mut Vec<Issue>) {
    for (n, variant) in variants.iter().enumerate() {
        let before = variants[..n].iter().find(|other| {
            other.case.at != variant.case.at
                && other.name.same(&variant.name) == Some(true)
                && other.case.when.and(template, &variant.case.when).is_some()
        });
        if let Some(other) = before {
            let message = format!("two variants are called `{}`", variant.name.shown());
            found.push(
                Issue::new(Code::DuplicateName, variant.case.at.key("VariantName"), message)
                    .label("given again")
                    .also(other.case.at.key("VariantName"), "the first")
                    .help("give each variant a name of its own"),
            );
        }
    }
}

/// Weights that certainly add up to nothing.
fn weights<'d>(
    template: &Template<'d>,
    config: &Resource<'d>,
    variants: &[Variant<'d>],
    found: &mut Vec<Issue>,
) {
    let mut ours = variants.iter().filter(|variant| !variant.shadow).peekable();
    let Some(first) = ours.peek().map(|variant| variant.case.at.clone()) else { return };
    let nothing = |variant: &Variant<'d>| {
        let weight = variant.one(template, "InitialVariantWeight");
        weight.is_some_and(|(text, _)| text.parse::<f64>().is_ok_and(|weight| weight == 0.0))
    };
    if ours.all(nothing) {
        found.push(
            Issue::new(
                Code::VariantWeights,
                first.key("InitialVariantWeight"),
                "no variant gets any traffic",
            )
            .label(format!("all weights of `{}` are 0", config.id))
            .help("give at least one variant a weight above 0"),
        );
    }
}
