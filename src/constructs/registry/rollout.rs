//! What follows an approval: a notice, or a state machine that brings the serving stack to the newest approved
//! version, without anyone's laptop.
//!
//! An event says only that something was approved. The state machine asks the registry for the newest approved
//! version itself, as `deploy` does, and asks again after each wait: approvals in quick succession, events out of
//! order and events delivered twice all end at the same version. While the serving stack is being changed, it
//! waits; CloudFormation refuses a second change.

mod machine;

use super::{ModelGroup, OnApproval, This, id};
use crate::cfn::{Expr, LogicalId, Map, ParameterSource, Statement, TemplateKind, Value, json};
use crate::constructs::events::{self, Rule};
use crate::constructs::scope::ARTIFACT_BUCKET;
use crate::constructs::{Rendering, Role, Scope, grants};

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
    let bucket = Expr::Ref(ARTIFACT_BUCKET.into());
    let url = out.platform.parameter(
        TEMPLATE_URL,
        "Where the serving template lies in the artifact bucket",
        ParameterSource::TemplateUrl { template: TemplateKind::Serving },
    );
    let definition = machine.definition();
    let mut substitutions = Map::new();
    substitutions.insert("TemplateUrl", json!(url));
    substitutions.insert("ServingRole", json!(Role::Serving.arn()));
    if let Some(topic) = events::topic(scope) {
        substitutions.insert("Topic", topic.to_value());
    }
    let text = crate::cfn::text(&definition);
    for (name, rest) in machine::CALLS.iter().filter(|(name, _)| text.contains(&format!("${{{name}}}"))) {
        substitutions.insert(*name, Expr::arn([Expr::text(*rest)]).to_value());
    }
    for argument in &arguments {
        if let Argument::Known { key, value } = argument {
            substitutions.insert(machine::substitution(key), value.clone());
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
    let mut context = json!({
        "id": id,
        "substitutions": substitutions,
        "role": Role::Approval.arn(),
        "logs_id": &logs,
        // Under this prefix, Step Functions needs no entry in the account's resource policy for logs, which is
        // limited in size.
        // <https://docs.aws.amazon.com/step-functions/latest/dg/bp-cwl.html>
        "logs_name": format!("/aws/vendedlogs/states/{}-rollout", scope.prefix()),
        "logs_arn": logs.attr("Arn"),
        "logs_key": &key,
        "logs_metadata": key.is_none().then_some(unencrypted),
        "keep_logs": KEEP_LOGS,
    });
    context["definition"] = definition; // moved: it is large
    out.shape(TemplateKind::Platform, "rollout", context);
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
            | ParameterSource::DefinitionHash
            | ParameterSource::GitCommit
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
    // SageMaker writes names in ARNs in lower case.
    let packages = versions.iter().map(|version| version.group.to_lowercase()).flat_map(|group| {
        [
            format!("model-package/{group}"),
            format!("model-package/{group}/*"),
            format!("model-package-group/{group}"),
        ]
    });
    let packages = packages.map(|resource| Expr::regional_arn("sagemaker", [Expr::text(resource)]));
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
        grants::deliver_logs(),
        grants::trace("WriteTraces"),
    ];
    if let Some(topic) = events::topic(scope) {
        statements.push(Statement::allow("SayThatItFailed", ["sns:Publish"], [topic]));
        if let Some(key) = scope.key() {
            statements.push(Statement::allow("UseKeyOfTopic", ["kms:Decrypt", "kms:GenerateDataKey"], [key]));
        }
    }
    statements
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::constructs::{Export, Exports, Memo, StackFile};
    use crate::diag::Pointer;
    use crate::shapes::Shapes;

    /// A registry with one group, and a serving template that takes an output, the approved version and a member.
    fn rendered(on_approval: &str, topic: bool) -> Rendering {
        let file: StackFile = serde_json::from_value(serde_json::json!({
            "name": "shop",
            "environments": { "dev": {} },
            "data_lake": { "buckets": { "artifacts": {} } },
            "registry": { "Ranker": { "on_approval": on_approval } },
        }))
        .unwrap();
        let assets = BTreeMap::new();
        let made = Memo::default();
        let mut exports = Exports::default();
        if topic {
            let arn = Export::Topic(Expr::Ref("AlarmsTopic".into()));
            exports.add("alarms", &Pointer::root().key("alarms"), "alarms", "topic", arn);
        }
        for (_, this, construct) in file.constructs() {
            let made = Memo::default();
            let mut offered = Exports::default();
            let scope = Scope { region: None, ..Scope::new(&file, "dev", &exports, &assets, &made) };
            construct.export(&this, &scope, &mut offered);
            exports.extend(offered);
        }
        let scope = Scope { region: None, ..Scope::new(&file, "dev", &exports, &assets, &made) };
        let mut out = Rendering::new(Shapes::default());
        let group = || "Ranker-dev".to_owned();
        out.import("EndpointRoleArn", "the endpoint's role", &Role::Endpoint.arn());
        out.serving.parameter(
            "ModelPackageArn",
            "version",
            ParameterSource::ApprovedModel { group: group() },
        );
        let path = "DriftCheckBaselines.ModelDataQuality.Statistics.S3Uri".to_owned();
        let field = ParameterSource::ApprovedModelField { group: group(), path };
        out.serving.optional_parameter("Statistics", "baseline", field);
        let constructs = file.constructs();
        for (_, this, construct) in &constructs {
            construct.render(this, &scope, &mut out);
        }
        for (_, this, construct) in constructs.iter().rev() {
            construct.finish(this, &scope, &mut out);
        }
        assert!(out.problems.is_empty(), "{:?}", out.problems);
        out
    }

    #[test]
    fn without_on_approval_there_is_no_rollout() {
        let out = rendered("nothing", true);
        let types: BTreeSet<&str> =
            out.platform.resources.values().filter_map(|resource| resource["Type"].as_str()).collect();
        assert_eq!(
            types.into_iter().collect::<Vec<_>>(),
            [
                "AWS::KMS::Alias",
                "AWS::KMS::Key",
                "AWS::S3::Bucket",
                "AWS::S3::BucketPolicy",
                "AWS::SageMaker::ModelPackageGroup",
            ]
        );
        assert!(out.grants.is_empty());
    }

    #[test]
    fn a_notice_needs_no_role() {
        let out = rendered("notify", true);
        let target = &out.platform.resources["RankerModelGroupApproval"]["Properties"]["Targets"][0];
        assert_eq!(target["Arn"], json!({ "Ref": "AlarmsTopic" }));
        assert_eq!(target.get("RoleArn"), None);
        assert!(out.topic_publishers.contains("events.amazonaws.com"));
        let policy = out.platform.resources["DataLakeKey"]["Properties"]["KeyPolicy"].to_string();
        assert!(policy.contains("events.amazonaws.com"), "{policy}");
    }

    #[test]
    fn a_rollout_gives_every_parameter_of_the_serving_template() {
        let out = rendered("deploy", true);
        let machine = &out.platform.resources[MACHINE]["Properties"];
        let update = &machine["Definition"]["States"]["Update the stack"]["Arguments"];
        assert_eq!(
            update["Parameters"],
            json!([
                { "ParameterKey": "EndpointRoleArn", "ParameterValue": "${ValueEndpointRoleArn}" },
                { "ParameterKey": "ModelPackageArn", "ParameterValue": "{% $version0 %}" },
                { "ParameterKey": "Statistics", "ParameterValue": "{% $field2 %}" },
            ])
        );
        assert_eq!(
            machine["DefinitionSubstitutions"]["ValueEndpointRoleArn"],
            json!({ "Fn::GetAtt": ["EndpointRole", "Arn"] })
        );
        assert_eq!(update["StackName"], "shop-dev-serving");
        assert_eq!(
            out.platform.sources[TEMPLATE_URL],
            ParameterSource::TemplateUrl { template: TemplateKind::Serving }
        );
        // The key lets CloudWatch Logs in, because it is rendered last.
        let policy = out.platform.resources["DataLakeKey"]["Properties"]["KeyPolicy"].to_string();
        assert!(policy.contains("logs.${AWS::Region}"), "{policy}");
        for statement in &out.grants[&Role::Approval] {
            let open = statement.resources.contains(&Expr::text("*"));
            assert_eq!(open, ["DeliverLogs", "WriteTraces"].contains(&&*statement.sid), "{statement:?}");
        }
    }

    #[test]
    fn every_state_leads_somewhere_and_is_reached() {
        for topic in [true, false] {
            let out = rendered("deploy", topic);
            let definition = &out.platform.resources[MACHINE]["Properties"]["Definition"];
            let states = definition["States"].as_object().unwrap();
            let mut reached = BTreeSet::new();
            let mut next = vec![definition["StartAt"].as_str().unwrap().to_owned()];
            while let Some(name) = next.pop() {
                let state = states.get(&name).unwrap_or_else(|| panic!("`{name}` is missing"));
                let ends = matches!(state["Type"].as_str(), Some("Succeed" | "Fail"));
                let after = targets(state);
                assert_eq!(ends, after.is_empty(), "{name}");
                assert!(name.len() <= 80, "{name}");
                if reached.insert(name) {
                    next.extend(after);
                }
            }
            assert_eq!(reached.len(), states.len(), "{states:?} are not all reached");
            let used = definition.to_string();
            let given = out.platform.resources[MACHINE]["Properties"]["DefinitionSubstitutions"].clone();
            for name in given.as_object().unwrap().keys() {
                assert!(used.contains(&format!("${{{name}}}")), "{name} is not used");
            }
            assert_eq!(
                used.matches("${").count(),
                given
                    .as_object()
                    .unwrap()
                    .keys()
                    .map(|name| used.matches(&format!("${{{name}}}")).count())
                    .sum::<usize>()
            );
        }
    }

    fn targets(state: &Value) -> Vec<String> {
        let lists = ["Choices", "Catch"].into_iter().filter_map(|list| state.get(list)?.as_array()).flatten();
        let all = lists.map(|one| &one["Next"]).chain([&state["Next"], &state["Default"]]);
        all.filter_map(|name| name.as_str().map(str::to_owned)).collect()
    }
}
