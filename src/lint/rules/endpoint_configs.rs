//! What the variants of an endpoint run on.

use super::serving::{self, Variant};
use crate::diag::{Code, Issue, Pointer};
use crate::lint::{Assumptions, Case, Resource, Template, Text, Thing};
use crate::rules::serving::{self as rules, Excluded};
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
        shadows(&variants, &when, found);
        serverless(template, config, &variants, &when, found);
        asynchronous(template, config, &variants, &when, found);
        many_models(template, &variants, &when, found);
    }
}

/// Instance types that do not serve many models from one container.
fn many_models<'d>(
    template: &Template<'d>,
    variants: &[Variant<'d>],
    when: &Assumptions<'d>,
    found: &mut Vec<Issue>,
) {
    for variant in variants {
        let instances = variant.values(template, "InstanceType");
        let Some((instance, why)) = instances.iter().find_map(|case| {
            // What the image is for is not looked at: the Triton Inference Server has many.
            Some((case, rules::many_models_excluded(&case.known()?, false)?))
        }) else {
            continue;
        };
        for name in variant.values(template, "ModelName") {
            let Some((id, _)) = name.text().and_then(Text::target) else { continue };
            let Some(model) = template.resource(id).filter(|it| it.kind == super::models::MODEL) else {
                continue;
            };
            let many = |case: &Case<'_>| case.known().as_deref() == Some("MultiModel") && case.when == *when;
            if let Some(mode) = template.values(model, "PrimaryContainer.Mode").into_iter().find(many) {
                found.push(
                    Issue::new(Code::MultiModelExcluded, instance.at.clone(), why.clone())
                        .label("not for many models")
                        .also(mode.at.clone(), "many models here")
                        .help("take an instance type without an accelerator, or with one GPU"),
                );
            }
        }
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
    capacity(template, &serverless, found);
    for case in template.beneath(variant, "InstanceType") {
        let Some(name) = case.known() else { continue };
        // That endpoints take it at all, its property says.
        if tables::has_local_storage(&name) {
            for volume in template.beneath(variant, "VolumeSizeInGB") {
                let both = volume.when.and(template, &case.when).is_some();
                if volume.number().is_some() && both {
                    let own = format!("`{name}` has local storage, of a fixed size");
                    found.push(
                        Issue::new(Code::LocalStorage, volume.at.clone(), own)
                            .on_key()
                            .label("has no effect")
                            .also(case.at.clone(), "local storage")
                            .help("remove `VolumeSizeInGB`"),
                    );
                }
            }
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

/// The memory and the concurrency of a serverless variant.
fn capacity<'d>(template: &Template<'d>, serverless: &[Case<'d>], found: &mut Vec<Issue>) {
    for case in serverless {
        for memory in template.beneath(case, "MemorySizeInMB") {
            let Some(number) = memory.number().filter(|number| (1024.0..=6144.0).contains(number)) else {
                continue;
            };
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "within a few thousands"
            )]
            if !rules::is_serverless_memory(number as u64) {
                let message = format!("{number} MB is not a memory of serverless variants");
                found.push(
                    Issue::new(Code::OutOfBounds, memory.at.clone(), message)
                        .label("not a multiple of 1024")
                        .help("write 1024, 2048, 3072, 4096, 5120 or 6144"),
                );
            }
        }
    }
}

/// What stands there whenever the configuration does.
fn sure<'d>(
    template: &Template<'d>,
    config: &Resource<'d>,
    key: &str,
    when: &Assumptions<'d>,
) -> Option<Case<'d>> {
    match template.values(config, key).as_slice() {
        [one] if matches!(one.thing, Thing::Map(_)) && one.when == *when => Some(one.clone()),
        _ => None,
    }
}

/// A shadow goes with one variant, and is the only one.
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html>
fn shadows<'d>(variants: &[Variant<'d>], when: &Assumptions<'d>, found: &mut Vec<Issue>) {
    let (shadows, ours): (Vec<_>, Vec<_>) =
        variants.iter().filter(|variant| variant.case.when == *when).partition(|variant| variant.shadow);
    if shadows.is_empty() {
        return;
    }
    for (all, what) in [(&ours, "variant has a shadow"), (&shadows, "shadow is possible")] {
        if let [_, second, ..] = all.as_slice() {
            found.push(
                Issue::new(Code::OutOfBounds, second.case.at.clone(), format!("only one {what}"))
                    .label("one too many")
                    .help("give one variant, and one that shadows it"),
            );
        }
    }
}

/// What serverless variants cannot do, by AWS's list of exclusions.
fn serverless<'d>(
    template: &Template<'d>,
    config: &Resource<'d>,
    variants: &[Variant<'d>],
    when: &Assumptions<'d>,
    found: &mut Vec<Issue>,
) {
    let here =
        variants.iter().find_map(|variant| match variant.values(template, "ServerlessConfig").as_slice() {
            [one] if matches!(one.thing, Thing::Map(_)) && one.when == *when => Some(one.at.clone()),
            _ => None,
        });
    let Some(here) = here else { return };
    let mut excluded = |at: Pointer, what: Excluded| {
        let message = format!("serverless variants do not support {}", what.said());
        found.push(
            Issue::new(Code::ServerlessExcluded, at, message)
                .on_key()
                .also(here.clone(), "serverless here")
                .help("give the variant an `InstanceType` instead of `ServerlessConfig`, or take this away"),
        );
    };
    let mut always = variants.iter().filter(|variant| variant.case.when == *when && !variant.shadow);
    if let Some(second) = always.nth(1) {
        excluded(second.case.at.clone(), Excluded::Variants);
    }
    for (key, what) in [
        ("DataCaptureConfig", Excluded::Capture),
        ("VpcConfig", Excluded::Network),
        ("AsyncInferenceConfig", Excluded::Asynchronous),
    ] {
        let capture = sure(template, config, key, when);
        let off = |case: &Case<'d>| {
            template.beneath(case, "EnableCapture").iter().any(|flag| flag.flag() != Some(true))
        };
        if let Some(case) = capture.filter(|case| what != Excluded::Capture || !off(case)) {
            excluded(case.at.clone(), what);
        }
    }
    for variant in variants {
        for name in variant.values(template, "ModelName") {
            let Some((id, _)) = name.text().and_then(Text::target) else { continue };
            let Some(model) = template.resource(id).filter(|it| it.kind == super::models::MODEL) else {
                continue;
            };
            for mode in template.values(model, "PrimaryContainer.Mode") {
                if mode.known().as_deref() == Some("MultiModel") && mode.when == *when {
                    excluded(mode.at.clone(), Excluded::ManyModels);
                }
            }
        }
    }
}

/// The queue of an asynchronous endpoint is for one variant.
fn asynchronous<'d>(
    template: &Template<'d>,
    config: &Resource<'d>,
    variants: &[Variant<'d>],
    when: &Assumptions<'d>,
    found: &mut Vec<Issue>,
) {
    let Some(answers) = sure(template, config, "AsyncInferenceConfig", when) else { return };
    let always: Vec<_> =
        variants.iter().filter(|variant| variant.case.when == *when && !variant.shadow).collect();
    if rules::is_too_many_for_async(always.len()) {
        found.push(
            Issue::new(
                Code::AsyncExcluded,
                always[1].case.at.clone(),
                "an asynchronous endpoint has one variant",
            )
            .on_key()
            .also(answers.at.clone(), "asynchronous here")
            .help("keep one variant, or take `AsyncInferenceConfig` away"),
        );
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
