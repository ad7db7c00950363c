//! Permissions that several kinds need in the same form.
//!
//! Sources: <https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html> and the service
//! authorisation reference.

use super::{Bucket, Data, Image, Scope};
use crate::cfn::{Expr, Statement, json};

/// Reading the objects of a prefix.
pub fn read(data: &Data) -> Vec<Statement> {
    vec![
        Statement::allow("ReadObjects", ["s3:GetObject"], [objects(&data.bucket, &data.prefix)]),
        list(&data.bucket, &data.prefix),
    ]
}

/// Writing objects under a prefix.
pub fn write(data: &Data) -> Vec<Statement> {
    vec![Statement::allow(
        "WriteObjects",
        ["s3:AbortMultipartUpload", "s3:PutObject"],
        [objects(&data.bucket, &data.prefix)],
    )]
}

/// Reading the packed sources.
pub fn assets() -> Vec<Statement> {
    let bucket = Expr::arn([Expr::text("s3:::"), Expr::Ref(super::scope::ARTIFACT_BUCKET.into())]);
    let bucket = Bucket { name: Expr::Ref(super::scope::ARTIFACT_BUCKET.into()), arn: bucket };
    vec![
        Statement::allow("ReadSources", ["s3:GetObject"], [objects(&bucket, "assets/")]),
        list(&bucket, "assets/"),
    ]
}

/// Pulling images.
pub fn pull<'a>(images: impl IntoIterator<Item = &'a Image>) -> Vec<Statement> {
    vec![
        // AWS knows no resource for this action.
        Statement::allow("SignInToRegistry", ["ecr:GetAuthorizationToken"], [Expr::text("*")]),
        Statement::allow(
            "PullImages",
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            images.into_iter().map(|image| image.repository_arn.clone()),
        ),
    ]
}

/// Writing logs to SageMaker's log groups and metrics to its namespaces.
pub fn observe() -> Vec<Statement> {
    let groups =
        |rest: &str| Expr::regional_arn("logs", [Expr::text(format!("log-group:/aws/sagemaker/*{rest}"))]);
    vec![
        Statement::allow("WriteLogs", ["logs:CreateLogGroup", "logs:DescribeLogStreams"], [groups("")]),
        Statement::allow("WriteLogStreams", ["logs:CreateLogStream", "logs:PutLogEvents"], [groups(":log-stream:*")]),
        // AWS knows no resource for this action; the namespace bounds it.
        Statement::allow("PublishMetrics", ["cloudwatch:PutMetricData"], [Expr::text("*")])
            .when(json!({ "StringLike": { "cloudwatch:namespace": ["/aws/sagemaker/*", "aws/sagemaker/*", "AWS/SageMaker"] } })),
    ]
}

/// Delivering the logs of a state machine. AWS knows no resources for these actions.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html>
pub fn deliver_logs() -> Statement {
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
    )
}

/// Tracing a state machine. AWS knows no resources for these actions.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/xray-iam.html>
pub fn trace(sid: &'static str) -> Statement {
    Statement::allow(
        sid,
        [
            "xray:GetSamplingRules",
            "xray:GetSamplingTargets",
            "xray:PutTelemetryRecords",
            "xray:PutTraceSegments",
        ],
        [Expr::text("*")],
    )
}

/// Using the lake's key, when there is one.
pub fn key(scope: &Scope<'_>) -> Vec<Statement> {
    scope.key().map(use_of).unwrap_or_default()
}

/// Using a key.
pub fn use_of(key: Expr) -> Vec<Statement> {
    vec![
        Statement::allow(
            "UseKey",
            ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"],
            [key.clone()],
        ),
        // Volumes are encrypted through a grant that SageMaker makes.
        Statement::allow("UseKeyForVolumes", ["kms:CreateGrant"], [key])
            .when(json!({ "Bool": { "kms:GrantIsForAWSResource": "true" } })),
    ]
}

/// Running inside the stack's network, when it has one.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html>
pub fn network(scope: &Scope<'_>) -> Vec<Statement> {
    let Some(network) = &scope.file.network else { return Vec::new() };
    let ec2 = |rest: String| Expr::regional_arn("ec2", [Expr::text(rest)]);
    let places = network.subnets.iter().map(|id| ec2(format!("subnet/{id}")));
    let groups = network.security_groups.iter().map(|id| ec2(format!("security-group/{id}")));
    let interfaces = || ec2("network-interface/*".to_owned());
    vec![
        // AWS knows no resource for these actions.
        Statement::allow(
            "DescribeNetwork",
            [
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ],
            [Expr::text("*")],
        ),
        Statement::allow(
            "AttachToNetwork",
            ["ec2:CreateNetworkInterface"],
            places.chain(groups).chain([interfaces()]),
        ),
        Statement::allow(
            "UseNetworkInterfaces",
            [
                "ec2:CreateNetworkInterfacePermission",
                "ec2:DeleteNetworkInterface",
                "ec2:DeleteNetworkInterfacePermission",
            ],
            [interfaces()],
        ),
    ]
}

fn objects(bucket: &Bucket, prefix: &str) -> Expr {
    Expr::concat([bucket.arn.clone(), Expr::text(format!("/{prefix}*"))])
}

fn list(bucket: &Bucket, prefix: &str) -> Statement {
    let statement =
        Statement::allow("ListObjects", ["s3:GetBucketLocation", "s3:ListBucket"], [bucket.arn.clone()]);
    if prefix.is_empty() {
        return statement;
    }
    // The location has no prefix: `StringLikeIfExists` lets it pass.
    statement.when(json!({ "StringLikeIfExists": { "s3:prefix": [format!("{prefix}*"), prefix] } }))
}
