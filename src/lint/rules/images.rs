//! Container images that the stack's region can pull.

use crate::diag::{Code, Issue};
use crate::lint::{Case, Template};
use crate::tables;

/// Where a type names an image.
const PLACES: [(&str, &str); 8] = [
    ("AWS::SageMaker::Model", "PrimaryContainer.Image"),
    ("AWS::SageMaker::Model", "Containers.*.Image"),
    ("AWS::SageMaker::DataQualityJobDefinition", "DataQualityAppSpecification.ImageUri"),
    ("AWS::SageMaker::ModelQualityJobDefinition", "ModelQualityAppSpecification.ImageUri"),
    ("AWS::SageMaker::ModelBiasJobDefinition", "ModelBiasAppSpecification.ImageUri"),
    ("AWS::SageMaker::ModelExplainabilityJobDefinition", "ModelExplainabilityAppSpecification.ImageUri"),
    (
        "AWS::SageMaker::MonitoringSchedule",
        "MonitoringScheduleConfig.MonitoringJobDefinition.MonitoringAppSpecification.ImageUri",
    ),
    ("AWS::SageMaker::InferenceComponent", "Specification.Container.Image"),
];

/// <https://docs.aws.amazon.com/sagemaker/latest/dg/ecr-us-east-1.html> and its neighbours, by region.
pub(super) fn images(template: &Template<'_>, found: &mut Vec<Issue>) {
    for (kind, path) in PLACES {
        for resource in template.of_type(kind) {
            for case in template.values(resource, path) {
                found.extend(elsewhere(template, &case));
            }
        }
    }
}

fn elsewhere(template: &Template<'_>, case: &Case<'_>) -> Option<Issue> {
    let text = case.known()?;
    let (host, image) = text.split_once('/')?;
    let parts: Vec<&str> = host.split('.').collect();
    let [account, "dkr", "ecr", region, ..] = parts.as_slice() else { return None };
    let issue = |message: String| Issue::new(Code::ImageRegion, case.at.clone(), message);
    if let Some(ours) = template.region.filter(|ours| ours != region) {
        return Some(
            issue(format!("the image is in {region}, the stack in {ours}"))
                .label("another region")
                .note("SageMaker pulls images from ECR in the endpoint's or job's own region only")
                .help(format!("take the image of {ours}")),
        );
    }
    let repository = image.split([':', '@']).next()?;
    let registries = tables::registries();
    let accounts = registries.get(repository)?;
    // A repository of that name in an account of somebody's own is their own.
    if !registries.values().any(|accounts| accounts.values().any(|known| known == account)) {
        return None;
    }
    let right = accounts.get(region)?;
    (right != account).then(|| {
        issue(format!("`{account}` is not where {region} has `{repository}`"))
            .label("the registry of another region")
            .help(format!("write `{right}` as the account"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The codes for an image in a stack of `eu-west-1`.
    fn check(image: &str, wrong: bool) {
        let value = json!({ "Resources": { "Model": {
            "Type": "AWS::SageMaker::Model",
            "Properties": { "PrimaryContainer": { "Image": { "Fn::Sub": image } } },
        } } });
        let mut found = Vec::new();
        images(&Template::new(&value, Some("eu-west-1")), &mut found);
        assert_eq!(!found.is_empty(), wrong, "{image}: {found:?}");
    }

    #[test]
    fn an_image_is_of_the_stack_s_region() {
        check("763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.0.0-cpu-py310", false);
        check("763104351884.dkr.ecr.${AWS::Region}.amazonaws.com/pytorch-inference:2.0.0-cpu-py310", false);
        check("763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.0.0-cpu-py310", true);
        check("${AWS::AccountId}.dkr.ecr.us-east-1.amazonaws.com/own:1", false);
        check("111122223333.dkr.ecr.us-east-1.amazonaws.com/own:1", true);
        check("111122223333.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:1", false);
    }
}
