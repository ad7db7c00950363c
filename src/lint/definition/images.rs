//! The images of jobs and models: AWS's own lie in an account per region, and all of a pipeline in its one region.

use super::Definition;
use super::expression::text;
use super::model::mappings;
use crate::diag::{Code, Issue, Pointer, or_list};
use crate::tables;

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
        for (members, at) in mappings(step.arguments(), &step.arguments_at()) {
            for key in ["Image", "ImageUri", "TrainingImage"] {
                let uri = members.get(key).and_then(text);
                images.extend(uri.and_then(|uri| image(uri, &at.key(key))));
            }
        }
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

/// `<account>.dkr.ecr.<region>.<suffix>/<repository>:<tag>`.
fn image<'d>(uri: &'d str, pointer: &Pointer) -> Option<Image<'d>> {
    let (registry, rest) = uri.split_once('/')?;
    let (account, host) = registry.split_once(".dkr.ecr.")?;
    let (region, _) = host.split_once('.')?;
    let repository = rest.split(['@', ':']).next().unwrap_or(rest);
    Some(Image { account, region, repository, pointer: pointer.clone() })
}
