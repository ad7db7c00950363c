//! What follows an approval: a notice, or a state machine that brings the serving stack to the newest approved
//! version, without anyone's laptop.
//!
//! An event says only that something was approved. The state machine asks the registry for the newest approved
//! version itself, as `deploy` does, and asks again after each wait: approvals in quick succession, events out of
//! order and events delivered twice all end at the same version. While the serving stack is being changed, it
//! waits; CloudFormation refuses a second change.

mod machine;

use serde_json::{Value, json};

use super::{ModelGroup, OnApproval, This, id};
use crate::cfn::{Expr, LogicalId, ParameterSource, Statement, TemplateKind};
use crate::constructs::events::{self, Rule};
use crate::constructs::scope::ARTIFACT_BUCKET;
use crate::constructs::{Rendering, Role, Scope};

use machine::{Argument, Machine, Version};

/// Logical id of the state machine.
const MACHINE: &str = "ServingRollout";

/// The platform template's parameter that holds the serving template's URL.
const TEMPLATE_URL: &str = "ServingTemplateUrl";

/// Days that the rollouts' logs are kept; CloudWatch knows certain numbers only.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
const KEEP_LOGS: u32 = 365;

/// The event of an approval.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html#eventbridge-model-package>
fn approved(group: &str) -> Value {
    json!({
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": { "ModelPackageGroupName": [group], "ModelApprovalStatus": ["Approved"] },
    })
}

/// A rule that starts the rollout when a version of the group is approved.
pub(super) fn start_on_approval(this: &This, group: &str, scope: &Scope<'_>, out: &mut Rendering) {
    let machine = LogicalId::new([MACHINE]).reference();
    out.grant(
        Role::Trigger,
        [Statement::allow("StartRollout", ["states:StartExecution"], [machine.clone()])],
    );
    let rule = Rule {
        id: LogicalId::new([id(this).as_str(), "Approval"]),
        description: format!("An approved version of {group} rolls out"),
        pattern: approved(group),
        target: machine,
        role: Some(Role::Trigger.arn()),
        transformer: None,
    };
    events::rule(&rule, scope, out);
}

/// A rule that tells the topic when a version of the group is approved.
pub(super) fn notify_on_approval(this: &This, group: &str, scope: &Scope<'_>, out: &mut Rendering) {
    let Some(topic) = events::topic(scope) else { return };
    out.topic_publishers.insert("events.amazonaws.com");
    out.key_users.insert("events.amazonaws.com");
    let rule = Rule {
        id: LogicalId::new([id(this).as_str(), "Approval"]),
        description: format!("Says that a version of {group} is approved"),
        pattern: approved(group),
        target: topic,
        role: None,
        transformer: Some(json!({
            "InputPathsMap": { "group": "$.detail.ModelPackageGroupName", "version": "$.detail.ModelPackageArn" },
            "InputTemplate": "\"A version of <group> is approved: <version>\"",
        })),
    };
    events::rule(&rule, scope, out);
}

/// The state machine, its log group, and what its role and CloudFormation's need. Called when all other constructs
/// have rendered: only then it is known which parameters the serving template has.
pub(super) fn render(scope: &Scope<'_>, out: &mut Rendering) {
    let arguments = arguments(out);
    let versions = versions(scope, out);
    let machine = Machine {
        stack: scope.stack_name(TemplateKind::Serving),
        tags: scope.run_time_tags(),
        capabilities: capabilities(out),
        notifies: events::topic(scope).is_some(),
        versions: &versions,
        arguments: &arguments,
    };
    let bucket = Expr::Ref(ARTIFACT_BUCKET.to_owned());
    out.platform.parameter(
        ARTIFACT_BUCKET,
        "Name of the bucket that holds the assembly",
        ParameterSource::ArtifactBucket,
    );
    let url = out.platform.parameter(
        TEMPLATE_URL,
        "Where the serving template lies in the artifact bucket",
        ParameterSource::TemplateUrl { template: TemplateKind::Serving },
    );
    let mut substitutions = json!({
        "Partition": Expr::pseudo("Partition"),
        "TemplateUrl": url,
        "ServingRole": Role::Serving.arn(),
    });
    if let Some(topic) = events::topic(scope) {
        substitutions["Topic"] = topic.to_value();
    }
    for argument in &arguments {
        if let Argument::Known { key, value } = argument {
            substitutions[machine::substitution(key)] = value.clone();
        }
    }
    let id = LogicalId::new([MACHINE]);
    let logs = LogicalId::new([MACHINE, "Logs"]);
    let key = scope.own_key();
    if key.is_some() {
        out.key_users.insert("logs.amazonaws.com");
    }
    let unencrypted = json!({ "checkov": { "skip": [{
        "id": "CKV_AWS_158",
        "comment": "the stack file names no key of its own whose policy could let CloudWatch Logs use it",
    }] } });
    let context = json!({
        "id": id,
        "definition": machine.definition(),
        "substitutions": substitutions,
        "role": Role::Approval.arn(),
        "logs_id": logs,
        // Under this prefix, Step Functions needs no entry in the account's resource policy for logs, which is
        // limited in size.
        // <https://docs.aws.amazon.com/step-functions/latest/dg/bp-cwl.html>
        "logs_name": format!("/aws/vendedlogs/states/{}-rollout", scope.prefix()),
        "logs_arn": logs.attr("Arn"),
        "logs_key": key,
        "logs_metadata": key.is_none().then_some(unencrypted),
        "keep_logs": KEEP_LOGS,
    });
    out.shape(TemplateKind::Platform, "rollout", &context);
    out.grant(Role::Approval, permissions(scope, &versions, &bucket));
}

/// The groups whose newest approved versions the serving template takes, and what it takes of them.
fn versions(scope: &Scope<'_>, out: &Rendering) -> Vec<Version> {
    let mut groups: Vec<&str> =
        out.serving
            .sources
            .values()
            .filter_map(|source| match source {
                ParameterSource::ApprovedModel { group }
                | ParameterSource::ApprovedModelField { group, .. } => Some(group.as_str()),
                _ => None,
            })
            .collect();
    if groups.is_empty() {
        // Nothing in the serving template depends on a version; it is deployed when one is approved all the same.
        let deploys = |group: &&ModelGroup| group.on_approval == OnApproval::Deploy;
        return scope
            .file
            .registry
            .iter()
            .filter(|(_, group)| deploys(group))
            .map(|(name, _)| Version { group: scope.fixed_name(name), fields: Vec::new() })
            .collect();
    }
    groups.sort_unstable();
    groups.dedup();
    let fields = |wanted: &str| {
        let taken = out.serving.sources.iter().filter_map(|(name, source)| match source {
            ParameterSource::ApprovedModelField { group, path } if group == wanted => {
                Some((name.clone(), path.clone()))
            }
            _ => None,
        });
        taken.collect()
    };
    groups.into_iter().map(|group| Version { group: group.to_owned(), fields: fields(group) }).collect()
}

/// Where the state machine finds each parameter of the serving template.
fn arguments(out: &mut Rendering) -> Vec<Argument> {
    let mut arguments = Vec::new();
    for (name, source) in out.serving.sources.clone() {
        arguments.push(match source {
            ParameterSource::ApprovedModel { group } => Argument::Version { key: name, group },
            ParameterSource::ApprovedModelField { .. } => Argument::Field { key: name },
            ParameterSource::Output { template: TemplateKind::Platform, ref output } => {
                let output = out.platform.outputs.get(output).and_then(|output| output.get("Value"));
                let value =
                    output.expect("what the serving template imports, the platform template puts out");
                Argument::Known { key: name, value: value.clone() }
            }
            // What `deploy` finds elsewhere reaches the state machine through a parameter of the platform template.
            source @ (ParameterSource::ArtifactBucket
            | ParameterSource::TemplateUrl { .. }
            | ParameterSource::Output { .. }) => {
                let value = out.platform.parameter(&name, "Handed on to the serving stack", source);
                Argument::Known { key: name, value: value.to_value() }
            }
        });
    }
    arguments
}

/// What CloudFormation wants acknowledged for the serving template.
fn capabilities(out: &Rendering) -> Vec<&'static str> {
    let types = out.serving.resources.values().filter_map(|resource| resource.get("Type")?.as_str());
    if types.into_iter().any(|kind| kind.starts_with("AWS::IAM::")) {
        vec!["CAPABILITY_NAMED_IAM"]
    } else {
        Vec::new()
    }
}

/// What the state machine may do: read the registry and the template, change the one stack, hand CloudFormation
/// its role, say that it failed, and write its logs and traces.
fn permissions(scope: &Scope<'_>, versions: &[Version], bucket: &Expr) -> Vec<Statement> {
    let stack = Expr::regional_arn(
        "cloudformation",
        [Expr::text(format!("stack/{}/*", scope.stack_name(TemplateKind::Serving)))],
    );
    let packages = versions.iter().flat_map(|version| {
        ["model-package", "model-package-group"].into_iter().flat_map(move |kind| {
            let arn = |rest: &str| {
                Expr::regional_arn("sagemaker", [Expr::text(format!("{kind}/{}{rest}", version.group))])
            };
            if kind == "model-package" { vec![arn(""), arn("/*")] } else { vec![arn("")] }
        })
    });
    let templates = Expr::arn([
        Expr::text("s3:::"),
        bucket.clone(),
        Expr::text(format!("/templates/{}/{}/*", scope.file.name, scope.environment)),
    ]);
    let mut statements = vec![
        Statement::allow(
            "ReadVersions",
            ["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"],
            packages,
        ),
        Statement::allow("ReadTemplate", ["s3:GetObject"], [templates]),
        Statement::allow(
            "WatchServingStack",
            ["cloudformation:DeleteStack", "cloudformation:DescribeStacks", "cloudformation:TagResource"],
            [stack.clone()],
        ),
        // Only with the role that may do no more than the serving template needs.
        Statement::allow(
            "ChangeServingStack",
            ["cloudformation:CreateStack", "cloudformation:UpdateStack"],
            [stack],
        )
        .when(json!({ "StringEquals": { "cloudformation:RoleArn": Role::Serving.arn() } })),
        Statement::allow("PassServingRole", ["iam:PassRole"], [Role::Serving.arn()])
            .when(json!({ "StringEquals": { "iam:PassedToService": "cloudformation.amazonaws.com" } })),
        // AWS knows no resources for these actions.
        // <https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html>
        Statement::allow(
            "DeliverLogs",
            [
                "logs:CreateLogDelivery",
                "logs:DeleteLogDelivery",
                "logs:DescribeLogGroups",
                "logs:DescribeResourcePolicies",
                "logs:GetLogDelivery",
                "logs:ListLogDeliveries",
                "logs:PutResourcePolicy",
                "logs:UpdateLogDelivery",
            ],
            [Expr::text("*")],
        ),
        // Nor for these.
        // <https://docs.aws.amazon.com/step-functions/latest/dg/xray-iam.html>
        Statement::allow(
            "WriteTraces",
            [
                "xray:GetSamplingRules",
                "xray:GetSamplingTargets",
                "xray:PutTelemetryRecords",
                "xray:PutTraceSegments",
            ],
            [Expr::text("*")],
        ),
    ];
    if let Some(topic) = events::topic(scope) {
        statements.push(Statement::allow("SayThatItFailed", ["sns:Publish"], [topic]));
        if let Some(key) = scope.key() {
            statements.push(Statement::allow("UseKeyOfTopic", ["kms:Decrypt", "kms:GenerateDataKey"], [key]));
        }
    }
    statements
}
