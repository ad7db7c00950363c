//! What kinds of the serving template share: names and values that cross over from the platform.

use super::{Data, Export, Reference, Rendering, Role, Scope, Variant};
use crate::cfn::{Expr, ParameterSource, Statement, TemplateKind, Value, json};
use crate::diag::{Code, Issue, Pointer};
use crate::rules::images::{self, Place};

/// The stack's role of that kind, in the serving template.
pub fn role(role: Role, out: &mut Rendering) -> Expr {
    let name = format!("{}Arn", role.id());
    out.import(&name, &format!("ARN of the role: {}", role.description()), &role.arn())
}

/// The lake's key, in the serving template; absent when the lake has none.
pub fn key(scope: &Scope<'_>, out: &mut Rendering) -> Option<Expr> {
    let key = scope.key()?;
    Some(match key {
        Expr::Literal(_) => key,
        made_here => out.import("LakeKeyArn", "ARN of the key that encrypts the lake", &made_here),
    })
}

/// A value of the platform template, in the serving template: known values stay as they are.
pub fn carry(value: &Expr, name: &str, description: &str, out: &mut Rendering) -> Expr {
    match value.known_text() {
        Some(text) => Expr::text(text),
        None => out.import(name, description, value),
    }
}

/// The name of the artifact bucket, in both templates.
pub fn artifact_bucket(out: &mut Rendering) -> Expr {
    let (name, what) = (super::scope::ARTIFACT_BUCKET, "Name of the bucket that holds the assembly");
    // The roles that read from it are in the platform template.
    out.platform.parameter(name, what, ParameterSource::ArtifactBucket);
    out.serving.parameter(name, what, ParameterSource::ArtifactBucket)
}

/// Where something of this stack goes in a place that the stack file names: a bucket stands for a prefix of
/// this stack in it.
pub fn place<'a>(scope: &Scope<'a>, reference: &'a Reference, below: &str) -> Option<Data> {
    match scope.export(reference.as_str()) {
        Some(Export::Bucket(bucket)) => {
            let prefix = format!("{}/{below}/", scope.prefix());
            let uri = bucket.uri(prefix.trim_end_matches('/'));
            Some(Data { uri, bucket: bucket.clone(), prefix, manifest: false })
        }
        _ => scope.data(reference.as_str()).filter(|data| !data.uri.is_runtime()),
    }
}

/// Refuses a place that only a pipeline execution knows, or that is none.
pub fn check_place<'a>(
    scope: &Scope<'a>,
    reference: &'a Reference,
    below: &str,
    pointer: &Pointer,
    issues: &mut Vec<Issue>,
) {
    if scope.check_data(reference.as_str(), pointer, issues) && place(scope, reference, below).is_none() {
        issues.push(
            Issue::new(
                Code::WrongReference,
                pointer.clone(),
                format!("`{reference}` lies elsewhere in each execution of the pipeline"),
            )
            .label("a fixed place is wanted")
            .help("name a bucket of the lake, or write an S3 URI"),
        );
    }
    // `DestinationS3Uri`, `MonitoringS3Uri`.
    if reference.as_str().len() > LONGEST_PLACE {
        let message =
            format!("the URI has {} characters; {LONGEST_PLACE} are possible", reference.as_str().len());
        issues.push(Issue::new(Code::OutOfBounds, pointer.clone(), message).help("choose a shorter prefix"));
    }
}

/// The longest URI under which endpoints and monitors write.
const LONGEST_PLACE: usize = 512;

/// The subnets and security groups of the stack, as SageMaker takes them.
pub fn vpc(scope: &Scope<'_>) -> Option<Value> {
    let network = scope.file.network.as_ref()?;
    Some(json!({ "Subnets": &network.subnets, "SecurityGroupIds": &network.security_groups }))
}

/// `EndpointName` and `VariantName` as an alarm or a policy takes them. The name is written out rather than
/// taken from the resource: alarms must exist before the endpoint whose rollout they guard.
pub fn dimensions(names: &[&str], variant: &Variant) -> Vec<Value> {
    let value = |name: &str| match name {
        "VariantName" => variant.name.clone(),
        _ => variant.endpoint_name.clone(),
    };
    names.iter().map(|name| json!({ "Name": name, "Value": value(name) })).collect()
}

/// `Metadata` that tells checkov why a rule does not hold.
pub fn skip(rules: &[(&str, &str)]) -> Value {
    let skip: Vec<Value> =
        rules.iter().map(|(id, comment)| json!({ "id": id, "comment": comment })).collect();
    json!({ "checkov": { "skip": skip } })
}

/// Whether a text is the ARN of an SNS topic.
pub fn is_topic(text: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    let fixed = [parts.next(), parts.next(), parts.next()];
    matches!(fixed, [Some("arn"), Some(partition), Some("sns")] if partition.starts_with("aws"))
        && parts.next().is_some_and(|region| !region.is_empty())
        && parts
            .next()
            .is_some_and(|account| account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()))
        && parts.next().is_some_and(|name| !name.is_empty())
}

/// ARNs of a SageMaker resource by name. SageMaker writes names in ARNs in lower case, IAM compares exactly.
pub fn sagemaker(kind: &str, name: &str) -> Vec<Expr> {
    let arn = |name: &str| Expr::regional_arn("sagemaker", [Expr::text(format!("{kind}/{name}"))]);
    let lower = name.to_lowercase();
    if lower == name { vec![arn(name)] } else { vec![arn(name), arn(&lower)] }
}

/// Handing a role to a service.
pub fn pass(role: Role, service: &str) -> Statement {
    Statement::allow(format!("Pass{}", role.id()), ["iam:PassRole"], [role.arn()])
        .when(json!({ "StringEquals": { "iam:PassedToService": service } }))
}

/// ARN of the ECR repository of an image's URI; of any repository in the region, for an image elsewhere.
pub fn repository(image: &str) -> Expr {
    images::place(image).map_or_else(
        || Expr::arn([Expr::text("ecr:"), Expr::pseudo("AWS::Region"), Expr::text(":*:repository/*")]),
        |place| repository_arn(&place),
    )
}

/// ARN of the ECR repository in which an image lies.
pub fn repository_arn(place: &Place<'_>) -> Expr {
    Expr::arn([Expr::text(format!("ecr:{}:{}:repository/{}", place.region, place.account, place.repository))])
}

/// The topic that alarms notify, in the serving template.
pub fn topic(scope: &Scope<'_>, out: &mut Rendering) -> Option<Expr> {
    match scope.export("alarms.topic")? {
        Export::Topic(topic) => {
            Some(carry(topic, "AlarmTopicArn", "ARN of the topic that alarms notify", out))
        }
        _ => None,
    }
}

/// What CloudFormation needs to make, change and remove the alarms of the serving stack: it names them after
/// the stack.
pub fn deploy_alarms(scope: &Scope<'_>) -> Vec<Statement> {
    let prefix = scope.stack_name(TemplateKind::Serving);
    let arn = Expr::regional_arn("cloudwatch", [Expr::text(format!("alarm:{prefix}-*"))]);
    let actions = [
        "cloudwatch:DeleteAlarms",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:ListTagsForResource",
        "cloudwatch:PutMetricAlarm",
        "cloudwatch:TagResource",
        "cloudwatch:UntagResource",
    ];
    vec![Statement::allow("DeployAlarms", actions, [arn])]
}

/// Pulling an image that the stack file gives by its URI.
pub fn pull(image: &str) -> Vec<Statement> {
    vec![
        // AWS knows no resource for this action.
        Statement::allow("SignInToRegistry", ["ecr:GetAuthorizationToken"], [Expr::text("*")]),
        Statement::allow(
            "PullImages",
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            [repository(image)],
        ),
    ]
}
