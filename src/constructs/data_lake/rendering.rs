//! The lake's resources, rendered when it is known who uses the key and which buckets notify.

use std::borrow::Cow;

use super::{AccessLogs, DataLake, Encryption, KEY, LakeBucket, bucket_id};
use crate::cfn::{Expr, LogicalId, TemplateKind, Value, json};
use crate::constructs::{Rendering, Scope, This};

/// Logical id of the log bucket that the stack makes.
const LOG_BUCKET: &str = "DataLakeAccessLogs";

/// Days that the stack's own log bucket keeps access logs when the stack file does not say.
const KEEP_ACCESS_LOGS: u64 = 365;

pub(super) fn render(lake: &DataLake, this: &This, scope: &Scope<'_>, out: &mut Rendering) {
    if lake.encryption == Encryption::Kms {
        let context = json!({
            "id": KEY,
            "reference": LogicalId::new([KEY]).reference(),
            "alias_id": LogicalId::new([KEY, "Alias"]),
            "alias": format!("alias/{}", scope.prefix()),
            "description": format!("Encrypts the data of {} ({})", scope.file.name, scope.environment),
            "policy": key_policy(out),
        });
        out.shape(TemplateKind::Platform, "data_lake_key", context);
    }
    out.ascribe(&this.pointer);
    let mut logging = Vec::new();
    for (name, bucket) in &lake.buckets {
        if bucket.access_logs == Some(AccessLogs::Own) {
            logging.push(bucket_id(name).attr("Arn"));
        }
        let context = bucket_context(lake, name, bucket, scope, out);
        out.shape(TemplateKind::Platform, "data_lake_bucket", context);
        out.ascribe(&this.pointer.key("buckets").key(name));
    }
    if !logging.is_empty() {
        let context = log_bucket_context(lake, &logging);
        out.shape(TemplateKind::Platform, "data_lake_bucket", context);
    }
    for (name, _) in &lake.buckets {
        let id = bucket_id(name);
        let title = format!("{}Name", id.as_str());
        out.platform.output(&title, &format!("The bucket `{name}` of the data lake"), &id.reference());
    }
}

/// The account administers the key, so that IAM policies of its roles count; services that act without a role get
/// what they need for themselves.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>
fn key_policy(out: &Rendering) -> Value {
    let mut statements = vec![json!({
        "Sid": "AdministerByIam",
        "Effect": "Allow",
        "Principal": { "AWS": root(None) },
        "Action": "kms:*",
        // In a key policy, this is the key itself.
        "Resource": "*",
    })];
    for service in &out.key_users {
        statements.push(match *service {
            "logs.amazonaws.com" => logs_statement(),
            // For alarms and rules that publish to an encrypted topic. AWS documents no condition that their
            // requests would meet.
            // <https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services>
            service => json!({
                "Sid": format!("UseBy{}", LogicalId::new([service.split('.').next().unwrap_or(service)])),
                "Effect": "Allow",
                "Principal": { "Service": service },
                "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                "Resource": "*",
            }),
        });
    }
    let readers: Vec<Expr> = out.artifact_readers.iter().map(|account| root(Some(account))).collect();
    if !readers.is_empty() {
        statements.push(json!({
            "Sid": "ReadSharedArtifacts",
            "Effect": "Allow",
            "Principal": { "AWS": readers },
            "Action": ["kms:Decrypt", "kms:DescribeKey"],
            "Resource": "*",
        }));
    }
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// Log groups of this account and region only.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html>
fn logs_statement() -> Value {
    json!({
        "Sid": "UseByLogs",
        "Effect": "Allow",
        "Principal": {
            "Service": Expr::concat([
                Expr::text("logs."), Expr::pseudo("AWS::Region"), Expr::text("."), Expr::pseudo("AWS::URLSuffix"),
            ]),
        },
        "Action": ["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        "Resource": "*",
        "Condition": {
            "ArnLike": { "kms:EncryptionContext:aws:logs:arn": Expr::regional_arn("logs", [Expr::text("*")]) },
        },
    })
}

/// The root of an account, or of the stack's own.
fn root(account: Option<&String>) -> Expr {
    let account =
        account.map_or_else(|| Expr::pseudo("AWS::AccountId"), |account| Expr::text(account.clone()));
    Expr::arn([Expr::text("iam::"), account, Expr::text(":root")])
}

fn bucket_context(
    lake: &DataLake,
    name: &str,
    bucket: &LakeBucket,
    scope: &Scope<'_>,
    out: &Rendering,
) -> Value {
    let id = bucket_id(name);
    let mut skips = Vec::new();
    if lake.encryption == Encryption::S3 {
        skips.push(skip("CKV_AWS_145", "the stack file asks for Amazon S3's own keys"));
    }
    if !bucket.versioned {
        skips.push(skip("CKV_AWS_21", "the stack file switches versioning off"));
    }
    let logging = match &bucket.access_logs {
        None | Some(AccessLogs::Off) => {
            let reason = if receives_logs(lake, name) {
                "the bucket holds the access logs of others; logging their delivery would never end"
            } else {
                "the stack file asks for no access logs"
            };
            skips.push(skip("CKV_AWS_18", reason));
            None
        }
        Some(AccessLogs::Own) => Some((LogicalId::new([LOG_BUCKET]).reference(), format!("{name}/"))),
        Some(AccessLogs::Lake(to)) => Some((bucket_id(to).reference(), format!("access-logs/{name}/"))),
        Some(AccessLogs::Elsewhere { bucket, prefix }) => Some((Expr::text(bucket.clone()), prefix.clone())),
    };
    let key = match &lake.encryption {
        Encryption::S3 => None,
        Encryption::Kms | Encryption::Existing(_) => lake.key(),
    };
    json!({
        "id": &id,
        "reference": id.reference(),
        "policy_id": LogicalId::new([id.as_str(), "Policy"]),
        "encryption": encryption(key.as_ref()),
        "versioning": bucket.versioned.then(|| json!({ "Status": "Enabled" })),
        "rules": lifecycle(bucket),
        "logging": logging.map(|(to, prefix)| json!({ "DestinationBucketName": to, "LogFilePrefix": prefix })),
        "notifications": out.notifying_buckets.contains(name).then(|| {
            json!({ "EventBridgeConfiguration": { "EventBridgeEnabled": true } })
        }),
        "metadata": metadata(&skips),
        "statements": statements(lake, name, scope, out),
    })
}

fn receives_logs(lake: &DataLake, name: &str) -> bool {
    lake.buckets
        .values()
        .any(|bucket| matches!(&bucket.access_logs, Some(AccessLogs::Lake(to)) if to == name))
}

/// With a bucket key, S3 asks KMS once for many objects.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html>
fn encryption(key: Option<&Expr>) -> Value {
    match key {
        Some(key) => json!({
            "BucketKeyEnabled": true,
            "ServerSideEncryptionByDefault": { "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key },
        }),
        None => json!({ "ServerSideEncryptionByDefault": { "SSEAlgorithm": "AES256" } }),
    }
}

fn lifecycle(bucket: &LakeBucket) -> Vec<Value> {
    let mut rules = vec![abort_uploads()];
    if let Some(age) = bucket.expire_noncurrent {
        rules.push(json!({
            "Id": "expire-noncurrent",
            "Status": "Enabled",
            "NoncurrentVersionExpiration": { "NoncurrentDays": age.days() },
        }));
    }
    if bucket.versioned && (bucket.expire.is_some() || bucket.expire_noncurrent.is_some()) {
        // A delete marker whose versions have all expired is of no use. It cannot stand in a rule with
        // `ExpirationInDays`.
        rules.push(json!({
            "Id": "expire-delete-markers",
            "Status": "Enabled",
            "ExpiredObjectDeleteMarker": true,
        }));
    }
    if let Some(age) = bucket.expire {
        rules.push(json!({ "Id": "expire", "Status": "Enabled", "ExpirationInDays": age.days() }));
    }
    if let Some(transition) = &bucket.transition {
        rules.push(json!({
            "Id": "transition",
            "Status": "Enabled",
            "Transitions": [{
                "StorageClass": transition.to.as_cfn(),
                "TransitionInDays": transition.after.days(),
            }],
        }));
    }
    rules
}

/// Parts of uploads that never ended cost money and cannot be seen.
fn abort_uploads() -> Value {
    json!({
        "Id": "abort-uploads",
        "Status": "Enabled",
        "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": 7 },
    })
}

/// The bucket's policy: TLS only, readers of shared artifacts, access logs of the lake's other buckets.
fn statements(lake: &DataLake, name: &str, scope: &Scope<'_>, out: &Rendering) -> Vec<Value> {
    let id = bucket_id(name);
    let mut statements = vec![tls_only(&id)];
    let logging: Vec<Expr> = lake
        .buckets
        .iter()
        .filter(|(_, other)| matches!(&other.access_logs, Some(AccessLogs::Lake(to)) if to == name))
        .map(|(other, _)| bucket_id(other).attr("Arn"))
        .collect();
    if !logging.is_empty() {
        statements.push(take_logs(&id, &logging));
    }
    let is_artifacts = lake.default_bucket(lake.artifacts.as_deref(), "artifacts") == Some(name);
    if is_artifacts && !out.artifact_readers.is_empty() {
        let readers: Vec<Expr> = out.artifact_readers.iter().map(|account| root(Some(account))).collect();
        statements.push(json!({
            "Sid": "ReadSharedArtifacts",
            "Effect": "Allow",
            "Principal": { "AWS": readers },
            "Action": "s3:GetObject",
            "Resource": under(&id, format!("/{}/*", scope.prefix())),
        }));
    }
    statements
}

fn tls_only(id: &LogicalId) -> Value {
    json!({
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [id.attr("Arn"), under(id, "/*")],
        "Condition": { "Bool": { "aws:SecureTransport": "false" } },
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html>
fn take_logs(id: &LogicalId, sources: &[Expr]) -> Value {
    json!({
        "Sid": "TakeAccessLogs",
        "Effect": "Allow",
        "Principal": { "Service": "logging.s3.amazonaws.com" },
        "Action": "s3:PutObject",
        "Resource": under(id, "/*"),
        "Condition": {
            "StringEquals": { "aws:SourceAccount": Expr::pseudo("AWS::AccountId") },
            "ArnLike": { "aws:SourceArn": sources },
        },
    })
}

fn under(id: &LogicalId, rest: impl Into<Cow<'static, str>>) -> Expr {
    Expr::concat([id.attr("Arn"), Expr::text(rest)])
}

fn log_bucket_context(lake: &DataLake, sources: &[Expr]) -> Value {
    let id = LogicalId::new([LOG_BUCKET]);
    let days = lake.keep_access_logs.map_or(KEEP_ACCESS_LOGS, crate::rules::units::Duration::days);
    let skips = [
        skip(
            "CKV_AWS_18",
            "the bucket holds the access logs of others; logging their delivery would never end",
        ),
        skip("CKV_AWS_21", "S3 delivers each access log once, under a name of its own"),
        skip("CKV_AWS_145", "S3 delivers access logs only to buckets that its own keys encrypt"),
    ];
    json!({
        "id": &id,
        "reference": id.reference(),
        "policy_id": LogicalId::new([LOG_BUCKET, "Policy"]),
        "encryption": encryption(None),
        "versioning": null,
        "rules": [
            abort_uploads(),
            { "Id": "expire", "Status": "Enabled", "ExpirationInDays": days },
        ],
        "logging": null,
        "notifications": null,
        "metadata": metadata(&skips),
        "statements": [tls_only(&id), take_logs(&id, sources)],
    })
}

fn skip(id: &str, comment: &str) -> Value {
    json!({ "id": id, "comment": comment })
}

/// What tells checkov that a rule is not met on purpose.
fn metadata(skips: &[Value]) -> Option<Value> {
    (!skips.is_empty()).then(|| json!({ "checkov": { "skip": skips } }))
}
