//! The containers of models: one or several, and how those are told apart.

use super::serving::beneath;
use crate::diag::{Code, Issue};
use crate::lint::{Case, Resource, Template, Thing};
use crate::rules::serving;

pub(super) const MODEL: &str = "AWS::SageMaker::Model";

/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModel.html>
pub(super) fn models(template: &Template<'_>, found: &mut Vec<Issue>) {
    for model in template.of_type(MODEL) {
        let containers = template.values(model, "Containers");
        let primary = template.values(model, "PrimaryContainer");
        both(template, &primary, &containers, found);
        for case in template.values(model, "Containers.*").iter().chain(&primary) {
            one_model(template, case, found);
        }
        for list in &containers {
            told_apart(template, model, list, found);
        }
    }
}

fn both<'d>(template: &Template<'d>, primary: &[Case<'d>], containers: &[Case<'d>], found: &mut Vec<Issue>) {
    for one in primary.iter().filter(|case| matches!(case.thing, Thing::Map(_))) {
        let several = |case: &&Case<'_>| matches!(case.thing, Thing::List(list) if !list.is_empty());
        for list in containers.iter().filter(several) {
            if one.when.and(template, &list.when).is_some() {
                found.push(
                    Issue::new(
                        Code::OneOf,
                        list.at.clone(),
                        "a model has either `PrimaryContainer` or `Containers`",
                    )
                    .on_key()
                    .also(one.at.clone(), "the other")
                    .help("keep one of them"),
                );
            }
        }
    }
}

/// A container for many models takes the prefix under which they lie.
fn one_model<'d>(template: &Template<'d>, container: &Case<'d>, found: &mut Vec<Issue>) {
    for mode in template.beneath(container, "Mode") {
        if mode.known().as_deref() != Some("MultiModel") {
            continue;
        }
        for data in template.beneath(container, "ModelDataUrl") {
            let archive = data.text().is_some_and(|text| serving::is_one_model(text.suffix()));
            if archive && mode.when.and(template, &data.when).is_some() {
                found.push(
                    Issue::new(Code::WrongForm, data.at.clone(), "a container for many models is given one")
                        .label("an archive, and no prefix")
                        .also(mode.at.clone(), "many models")
                        .help("name the prefix under which all of the models lie"),
                );
            }
        }
    }
}

/// Containers that are called by their names need names, each its own.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/multi-container-direct.html>
fn told_apart<'d>(template: &Template<'d>, model: &Resource<'d>, list: &Case<'d>, found: &mut Vec<Issue>) {
    let items = template.beneath(list, "*");
    for mode in template.values(model, "InferenceExecutionConfig.Mode") {
        let direct = mode.known().as_deref() == Some("Direct");
        for item in items.iter().filter(|_| direct && mode.when.and(template, &list.when).is_some()) {
            let Thing::Map(members) = item.thing else { continue };
            if !members.keys().any(|key| key == "ContainerHostname" || key.starts_with("Fn::")) {
                found.push(
                    Issue::new(Code::MissingKey, item.at.clone(), "`ContainerHostname` is missing")
                        .label("requests name the container by it")
                        .also(mode.at.clone(), "called directly")
                        .help("give each container a `ContainerHostname` of its own"),
                );
            }
        }
    }
    let mut seen: Vec<(String, Case<'d>)> = Vec::new();
    for name in items.iter().flat_map(|item| beneath(template, item, "ContainerHostname")) {
        let Some(text) = name.known() else { continue };
        let first = seen.iter().find(|(other, case)| {
            *other == text && case.at != name.at && case.when.and(template, &name.when).is_some()
        });
        if let Some((_, first)) = first {
            found.push(
                Issue::new(
                    Code::DuplicateName,
                    name.at.clone(),
                    format!("two containers are called `{text}`"),
                )
                .label("the same name again")
                .also(first.at.clone(), "first here")
                .help("rename one of them"),
            );
        } else {
            seen.push((text, name));
        }
    }
}
