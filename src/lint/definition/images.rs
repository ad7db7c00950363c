//! The images of jobs and models: AWS's own lie in an account per region, and all of a pipeline in its one region.

use serde_json::Value;

use super::Definition;
use super::expression::text;
use crate::diag::{Code, Issue, Pointer, or_list};
use crate::tables;

/// How deep images are looked for.
const DEEPEST: usize = 32;

/// An image in ECR.
struct Image<'d> {
    account: &'d str,
    region: &'d str,
    repository: &'d str,
    pointer: Pointer,
}

/// Says what is wrong with the images of the pipeline.
pub(super) fn check(definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    let mut images = Vec::new();
    for step in definition.steps.iter().filter(|step| !step.is("Condition") && !step.is("ForEach")) {
        collect(step.arguments(), &step.arguments_at(), 0, &mut images);
    }
    for image in &images {
        let before = issues.len();
        check_account(image, issues);
        let first = images.first().filter(|first| first.region != image.region);
        if let Some(first) = first.filter(|_| issues.len() == before) {
            issues.push(
                Issue::new(
                    Code::ImageRegion,
                    image.pointer.clone(),
                    format!("this image is in {}, another in {}", image.region, first.region),
                )
                .label("another region")
                .also(first.pointer.clone(), format!("in {}", first.region))
                .note("SageMaker pulls images from ECR in the job's own region only")
                .help(format!(
                    "replicate the image to {}, or take that one from {}",
                    first.region, image.region
                )),
            );
        }
    }
}

/// Repositories of AWS's names may be mirrored elsewhere: only AWS's own accounts are known.
fn check_account(image: &Image<'_>, issues: &mut Vec<Issue>) {
    let Image { account, region, repository, pointer } = image;
    let regions = tables::registry_regions(account);
    if regions.is_empty() {
        return;
    }
    let Some(accounts) = tables::repository_accounts(repository, region) else { return };
    if accounts.contains(account) {
        return;
    }
    let message = format!("AWS does not keep `{repository}` in account {account} of {region}");
    let issue = Issue::new(Code::ImageRegion, pointer.clone(), message).label("not to be found there");
    issues.push(if accounts.is_empty() {
        issue.help("take an image that AWS publishes in this region, or one of your own")
    } else {
        issue.help(format!("in {region} it is in account {}", or_list(accounts.iter().copied())))
    });
}

fn collect<'d>(value: &'d Value, at: &Pointer, depth: usize, found: &mut Vec<Image<'d>>) {
    if depth > DEEPEST {
        return;
    }
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let place = at.key(key);
                if let ("Image" | "ImageUri" | "TrainingImage", Some(uri)) = (key.as_str(), text(value)) {
                    found.extend(image(uri, &place));
                } else {
                    collect(value, &place, depth + 1, found);
                }
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                collect(value, &at.index(index), depth + 1, found);
            }
        }
        _ => {}
    }
}

/// `<account>.dkr.ecr.<region>.<suffix>/<repository>:<tag>`.
fn image<'d>(uri: &'d str, pointer: &Pointer) -> Option<Image<'d>> {
    let (registry, rest) = uri.split_once('/')?;
    let (account, host) = registry.split_once(".dkr.ecr.")?;
    let (region, _) = host.split_once('.')?;
    let repository = rest.split(['@', ':']).next().unwrap_or(rest);
    Some(Image { account, region, repository, pointer: pointer.clone() })
}
