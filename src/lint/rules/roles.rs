//! Roles that certainly do not allow what is done under them. Only roles whose policies can all be read are judged.

use fancy_regex::Regex;
use std::sync::LazyLock;

use super::grants::{Granted, granted, plain};
use super::serving;
use crate::diag::{Code, Issue};
use crate::lint::{Case, Piece, Resource, Template, Text, Thing};
use crate::tables;

/// Job definitions of monitors, by what their properties begin with.
const MONITORS: [(&str, &str); 4] = [
    ("AWS::SageMaker::DataQualityJobDefinition", "DataQuality"),
    ("AWS::SageMaker::ModelQualityJobDefinition", "ModelQuality"),
    ("AWS::SageMaker::ModelBiasJobDefinition", "ModelBias"),
    ("AWS::SageMaker::ModelExplainabilityJobDefinition", "ModelExplainability"),
];
/// What a rule or a schedule starts, and the action that it needs for that.
const STARTS: [(&str, &str); 2] = [
    ("AWS::SageMaker::Pipeline", "sagemaker:StartPipelineExecution"),
    ("AWS::StepFunctions::StateMachine", "states:StartExecution"),
];

/// <https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html>
pub(super) fn roles(template: &Template<'_>, found: &mut Vec<Issue>) {
    if template.is_open("Resources") {
        return;
    }
    for model in template.of_type("AWS::SageMaker::Model") {
        let Some(granted) = granted(template, &template.values(model, "ExecutionRoleArn")) else { continue };
        of_model(template, model, &granted, found);
    }
    for config in template.of_type(serving::CONFIG) {
        for granted in serving_roles(template, config) {
            of_config(template, config, &granted, found);
        }
    }
    for (kind, prefix) in MONITORS {
        for job in template.of_type(kind) {
            let Some(granted) = granted(template, &template.values(job, "RoleArn")) else { continue };
            let outputs = format!("{prefix}JobOutputConfig.MonitoringOutputs.*.S3Output.S3Uri");
            writes(template, &granted, &template.values(job, &outputs), "write what it finds here", found);
            let keys = format!("{prefix}JobOutputConfig.KmsKeyId");
            encrypts(template, &granted, &template.values(job, &keys), found);
            network(&granted, &template.values(job, "NetworkConfig.VpcConfig"), found);
        }
    }
    for group in template.of_type("AWS::SageMaker::FeatureGroup") {
        let Some(granted) = granted(template, &template.values(group, "RoleArn")) else { continue };
        let store = template.values(group, "OfflineStoreConfig.S3StorageConfig.S3Uri");
        writes(template, &granted, &store, "write features here", found);
        let keys = template.values(group, "OfflineStoreConfig.S3StorageConfig.KmsKeyId");
        encrypts(template, &granted, &keys, found);
    }
    for pipeline in template.of_type("AWS::SageMaker::Pipeline") {
        let Some(granted) = granted(template, &template.values(pipeline, "RoleArn")) else { continue };
        passes(template, pipeline, &granted, found);
    }
    for (kind, target) in [("AWS::Events::Rule", "Targets.*"), ("AWS::Scheduler::Schedule", "Target")] {
        for resource in template.of_type(kind) {
            for target in template.values(resource, target) {
                starts(template, &target, found);
            }
        }
    }
}

fn of_model(
    template: &Template<'_>,
    model: &Resource<'_>,
    granted: &Granted<'_, '_>,
    found: &mut Vec<Issue>,
) {
    for path in ["PrimaryContainer", "Containers.*"] {
        for data in ["ModelDataUrl", "ModelDataSource.S3DataSource.S3Uri"] {
            for url in template.values(model, &format!("{path}.{data}")) {
                let Some(object) = url.text().and_then(|url| object_arn(template, url)) else { continue };
                if !shared(template) && !granted.may_on(template, "s3:GetObject", &object) {
                    found.push(lacks(granted, "s3:GetObject", &url, "read this artifact"));
                }
            }
        }
        for image in template.values(model, &format!("{path}.Image")) {
            pulls(template, granted, &image, found);
        }
    }
    network(granted, &template.values(model, "VpcConfig"), found);
}

/// An image of somebody's own is pulled under the role, unless its repository lets it in.
pub(super) fn pulls(
    template: &Template<'_>,
    granted: &Granted<'_, '_>,
    image: &Case<'_>,
    found: &mut Vec<Issue>,
) {
    let opened = template.of_type("AWS::ECR::Repository").any(|repository| {
        repository.members.get("Properties").is_some_and(|all| all.get("RepositoryPolicyText").is_some())
    });
    let pull = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
    if !opened
        && image.text().is_some_and(is_own)
        && let Some(action) = pull.into_iter().find(|action| !granted.may(action))
    {
        found.push(lacks(granted, action, image, "pull this image"));
    }
}

/// The roles of a configuration's models, as far as they can be read.
fn serving_roles<'a, 'd>(template: &'a Template<'d>, config: &Resource<'d>) -> Vec<Granted<'a, 'd>> {
    let mut found: Vec<Granted<'a, 'd>> = Vec::new();
    for name in template.values(config, "ProductionVariants.*.ModelName") {
        let Some((id, _)) = name.text().and_then(Text::target) else { continue };
        let Some(model) = template.resource(id).filter(|it| it.kind == "AWS::SageMaker::Model") else {
            continue;
        };
        if let Some(one) = granted(template, &template.values(model, "ExecutionRoleArn"))
            && found.iter().all(|other| other.role.id != one.role.id)
        {
            found.push(one);
        }
    }
    found
}

/// What endpoints write, they write under the role of their models.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-create-endpoint-prerequisites.html>
fn of_config(
    template: &Template<'_>,
    config: &Resource<'_>,
    granted: &Granted<'_, '_>,
    found: &mut Vec<Issue>,
) {
    let capture = template.values(config, "DataCaptureConfig.DestinationS3Uri");
    writes(template, granted, &capture, "write captured data here", found);
    encrypts(template, granted, &template.values(config, "DataCaptureConfig.KmsKeyId"), found);
    let keys = template.values(config, "AsyncInferenceConfig.OutputConfig.KmsKeyId");
    encrypts(template, granted, &keys, found);
    for path in ["S3OutputPath", "S3FailurePath"] {
        let answers = template.values(config, &format!("AsyncInferenceConfig.OutputConfig.{path}"));
        writes(template, granted, &answers, "write answers here", found);
    }
    for path in ["SuccessTopic", "ErrorTopic"] {
        let topics =
            template.values(config, &format!("AsyncInferenceConfig.OutputConfig.NotificationConfig.{path}"));
        let known = |case: &&Case<'_>| !case.is_absent() && case.thing != Thing::Unknown;
        if let Some(topic) = topics.iter().find(known)
            && template.of_type("AWS::SNS::TopicPolicy").next().is_none()
            && !granted.may("sns:Publish")
        {
            found.push(lacks(granted, "sns:Publish", topic, "tell this topic"));
        }
    }
}

/// Places of the template's own buckets at which something is written.
pub(super) fn writes(
    template: &Template<'_>,
    granted: &Granted<'_, '_>,
    uris: &[Case<'_>],
    what: &str,
    found: &mut Vec<Issue>,
) {
    for uri in uris {
        let Some(prefix) = uri.text().and_then(|text| object_arn(template, text)) else { continue };
        if !shared(template) && !granted.may_beneath(template, "s3:PutObject", &prefix) {
            found.push(lacks(granted, "s3:PutObject", uri, what));
        }
    }
}

/// Keys of the template with which something is written, and which leave it to policies who may use them.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>
pub(super) fn encrypts(
    template: &Template<'_>,
    granted: &Granted<'_, '_>,
    keys: &[Case<'_>],
    found: &mut Vec<Issue>,
) {
    for case in keys {
        let Some((id, _)) = case.text().and_then(Text::target) else { continue };
        let Some(key) = template.resource(id).filter(|it| it.kind == "AWS::KMS::Key") else { continue };
        let action = "kms:GenerateDataKey";
        if leaves_to_policies(template, key) && !granted.may_on_resource(action, &key.id) {
            found.push(lacks(granted, action, case, "write with this key"));
        }
    }
}

/// Whether a key's policy names accounts only, not who in them.
fn leaves_to_policies(template: &Template<'_>, key: &Resource<'_>) -> bool {
    let statements = template.values(key, "KeyPolicy.Statement.*");
    let account = |name: &Case<'_>| name.text().is_some_and(|text| text.suffix().ends_with(":root"));
    let of_accounts = |statement: &Case<'_>| {
        template.beneath(statement, "Principal").iter().all(|principal| {
            matches!(principal.thing, Thing::Map(_))
                && template.beneath(principal, "AWS").iter().all(|names| match names.thing {
                    Thing::List(_) => template.beneath(names, "*").iter().all(account),
                    _ => account(names),
                })
        })
    };
    !statements.is_empty() && statements.iter().all(of_accounts)
}

/// <https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createmodel-perms>
pub(super) fn network(granted: &Granted<'_, '_>, configs: &[Case<'_>], found: &mut Vec<Issue>) {
    for config in configs.iter().filter(|case| matches!(case.thing, Thing::Map(_))) {
        let needed = ["ec2:CreateNetworkInterface", "ec2:DescribeSubnets"];
        if let Some(action) = needed.into_iter().find(|action| !granted.may(action)) {
            found.push(lacks(granted, action, config, "work in this network"));
        }
    }
}

/// A pipeline hands each step's role on.
fn passes(
    template: &Template<'_>,
    pipeline: &Resource<'_>,
    granted: &Granted<'_, '_>,
    found: &mut Vec<Issue>,
) {
    static ROLES: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#""RoleArn"\s*:\s*"([^"]*)"?"#).ok());
    for body in template.values(pipeline, "PipelineDefinition.PipelineDefinitionBody") {
        let Some(shown) = body.text().map(Text::shown).filter(|shown| shown.contains("\"RoleArn\"")) else {
            continue;
        };
        if !granted.may("iam:PassRole") {
            found.push(lacks(granted, "iam:PassRole", &body, "pass on the roles of these steps"));
            continue;
        }
        let all = ROLES.iter().flat_map(|regex| regex.captures_iter(&shown)).flatten();
        for role in all.filter_map(|captures| captures.get(1)) {
            let id = role.as_str().strip_prefix("${").and_then(|rest| rest.strip_suffix(".Arn}"));
            let Some(role) = id.and_then(|id| template.resource(id)) else { continue };
            if !granted.may_on_resource("iam:PassRole", &role.id) {
                let what = format!("pass on `{}`", role.id);
                found.push(lacks(granted, "iam:PassRole", &body, &what));
                break;
            }
        }
    }
}

/// A rule or a schedule starts what it is about under its role.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/pipeline-eventbridge.html>
fn starts<'d>(template: &Template<'d>, target: &Case<'d>, found: &mut Vec<Issue>) {
    let arns = template.beneath(target, "Arn");
    let [arn] = arns.as_slice() else { return };
    let Some(text) = arn.text() else { return };
    let named = text.pieces().iter().find_map(|piece| match piece {
        Piece::Resource { id, .. } => template.resource(id),
        _ => None,
    });
    let shown = text.shown();
    let action = if shown.contains(":sagemaker:") && shown.contains(":pipeline/") {
        "sagemaker:StartPipelineExecution"
    } else {
        let kind = named.map(|resource| resource.kind);
        let Some((_, action)) = STARTS.iter().find(|(of, _)| kind == Some(of)) else { return };
        action
    };
    let Some(granted) = granted(template, &template.beneath(target, "RoleArn")) else { return };
    let lacking = match named {
        Some(resource) => !granted.may_on_resource(action, &resource.id),
        None => !granted.may(action),
    };
    if lacking {
        found.push(lacks(&granted, action, arn, "start this"));
    }
}

/// Whether a bucket may let roles in by itself.
pub(super) fn shared(template: &Template<'_>) -> bool {
    template.of_type("AWS::S3::BucketPolicy").any(|policy| {
        policy.members.get("Properties").is_none_or(|all| all.to_string().contains("\"Allow\""))
    })
}

/// Whether an image is in a registry of somebody's own, not in one that AWS lets all read.
fn is_own(image: &Text) -> bool {
    let shown = image.shown();
    let Some((account, _)) = shown.split_once(".dkr.ecr.") else { return false };
    !tables::registries().values().any(|accounts| accounts.values().any(|known| *known == account))
}

/// `s3://bucket/key` as `arn:aws:s3:::bucket/key`, of a bucket of the template: another may let roles in by itself.
pub(super) fn object_arn(template: &Template<'_>, url: &Text) -> Option<String> {
    let rest = url.prefix().strip_prefix("s3://")?;
    let mut arn = Text::literal(format!("arn:aws:s3:::{rest}"));
    url.pieces().iter().skip(1).cloned().for_each(|piece| arn.push(piece));
    let arn = plain(template, &arn)?;
    let bucket = arn.strip_prefix("arn:aws:s3:::")?.split('/').next()?;
    let named = || template.of_type("AWS::S3::Bucket").flat_map(|it| template.values(it, "BucketName"));
    let own = bucket.contains('\u{1}') || named().any(|name| name.known().as_deref() == Some(bucket));
    own.then_some(arn)
}

pub(super) fn lacks(granted: &Granted<'_, '_>, action: &str, needed: &Case<'_>, what: &str) -> Issue {
    let message = format!("`{}` has no `{action}` to {what}", granted.role.id);
    Issue::new(Code::RoleLacks, needed.at.clone(), message)
        .label("not allowed by the role")
        .also(granted.role.pointer.clone(), "the role")
        .help(format!("allow `{action}` on it in the role's policies"))
}
