//! The data lake: the key, the buckets and the datasets in them.

mod dataset;
mod rendering;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::Value;

use super::table::Section;
use super::{Bucket, Construct, Data, Export, Exports, Rendering, Scope, This};
use crate::cfn::{Expr, LogicalId};
use crate::diag::{Code, Issue, Pointer, Replacement, nearest, or_list};
use crate::rules::units::Duration;

pub use dataset::{Dataset, Place};

/// Logical id of the key that the stack makes.
const KEY: &str = "DataLakeKey";

/// Where the data lies: buckets, the key that encrypts them, and the datasets that jobs read.
///
/// Buckets are private, take only TLS, keep their objects' owner, and are retained when the stack is deleted.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataLake {
    /// What encrypts data at rest: `kms` for a customer key made by the stack, `s3` for Amazon S3's own keys, or
    /// the ARN of an existing customer key. The default is `kms`.
    #[serde(default)]
    pub encryption: Encryption,
    /// Buckets by name.
    #[schemars(extend("minProperties" = 1))]
    pub buckets: Section<LakeBucket>,
    /// Places in buckets, by the name that jobs and triggers use.
    #[serde(default)]
    pub datasets: Section<Dataset>,
    /// The bucket to which jobs write data when they name no place. The default is the bucket called
    /// `processed`, else the first.
    #[serde(default)]
    pub outputs: Option<String>,
    /// The bucket for models, checkpoints and reports. The default is the bucket called `artifacts`, else the
    /// first.
    #[serde(default)]
    pub artifacts: Option<String>,
    /// How long the stack's own log bucket keeps access logs, in whole days. The default is `365d`.
    #[serde(default)]
    pub keep_access_logs: Option<Duration>,
}

/// What encrypts data at rest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Encryption {
    /// A customer key that the stack makes.
    #[default]
    Kms,
    /// Amazon S3's own keys.
    S3,
    /// An existing customer key, by ARN.
    Existing(String),
}

impl<'de> Deserialize<'de> for Encryption {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Encryption, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "kms" => Ok(Encryption::Kms),
            "s3" => Ok(Encryption::S3),
            arn if is_key_arn(arn) => Ok(Encryption::Existing(text)),
            _ => Err(D::Error::custom(format!(
                "`{text}` encrypts nothing: write `kms`, `s3`, or the ARN of a key, `arn:aws:kms:<region>:<account>:key/<id>`"
            ))),
        }
    }
}

/// `KeyArn` of the KMS API; an alias is no key.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id-key-ARN>
const KEY_ARN: &str = "^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$";

fn is_key_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, partition, service, region, account, resource] = parts.as_slice() else { return false };
    let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    *arn == "arn"
        && partition.starts_with("aws")
        && partition.chars().all(|c| c.is_ascii_lowercase() || c == '-')
        && *service == "kms"
        && plain(region)
        && !region.chars().any(|c| c.is_ascii_uppercase())
        && account.len() == 12
        && account.chars().all(|c| c.is_ascii_digit())
        && resource.strip_prefix("key/").is_some_and(plain)
}

impl JsonSchema for Encryption {
    fn schema_name() -> Cow<'static, str> {
        "Encryption".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What encrypts data at rest.",
            "oneOf": [
                { "const": "kms", "description": "A customer key that the stack makes." },
                { "const": "s3", "description": "Amazon S3's own keys." },
                { "type": "string", "pattern": KEY_ARN, "description": "An existing customer key, by ARN." },
            ],
        })
    }
}

/// A bucket of the lake.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LakeBucket {
    /// Whether overwritten and deleted objects are kept as noncurrent versions. The default is `true`.
    #[serde(default = "yes")]
    pub versioned: bool,
    /// How long noncurrent versions are kept, in whole days such as `90d`; for ever without it.
    #[serde(default)]
    pub expire_noncurrent: Option<Duration>,
    /// How long objects are kept, in whole days such as `365d`; for ever without it.
    #[serde(default)]
    pub expire: Option<Duration>,
    /// Moves objects that are read rarely to a cheaper storage class.
    #[serde(default)]
    pub transition: Option<Transition>,
    /// Writes S3 server access logs: `true` for a log bucket made by the stack, the name of another bucket of the
    /// lake, or `s3://<bucket>/<prefix>`. Without it there are none.
    #[serde(default)]
    pub access_logs: Option<AccessLogs>,
}

fn yes() -> bool {
    true
}

/// A move to another storage class.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// Age at which objects move, in whole days; 30 or more for `standard_ia` and `onezone_ia`.
    pub after: Duration,
    /// Where they move to. The default is `intelligent_tiering`.
    #[serde(default)]
    pub to: StorageClass,
}

/// Storage classes whose objects jobs can read at once.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StorageClass {
    /// Moves between tiers by itself, by how often an object is read.
    #[default]
    IntelligentTiering,
    /// For data that is read less than once a month.
    StandardIa,
    /// As `standard_ia`, in one availability zone only: for data that can be made again.
    OnezoneIa,
    /// For data that is read about once a quarter, at once.
    GlacierIr,
}

impl StorageClass {
    /// As CloudFormation writes it.
    fn as_cfn(self) -> &'static str {
        match self {
            StorageClass::IntelligentTiering => "INTELLIGENT_TIERING",
            StorageClass::StandardIa => "STANDARD_IA",
            StorageClass::OnezoneIa => "ONEZONE_IA",
            StorageClass::GlacierIr => "GLACIER_IR",
        }
    }

    /// Days that an object must have lain in S3 Standard.
    fn least_days(self) -> u64 {
        match self {
            StorageClass::StandardIa | StorageClass::OnezoneIa => 30,
            StorageClass::IntelligentTiering | StorageClass::GlacierIr => 0,
        }
    }
}

/// Where S3 server access logs go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLogs {
    /// Nowhere.
    Off,
    /// To the log bucket that the stack makes.
    Own,
    /// To a bucket of the lake.
    Lake(String),
    /// To a bucket beyond the stack, under a prefix.
    Elsewhere {
        /// The bucket's name.
        bucket: String,
        /// The prefix; may be empty.
        prefix: String,
    },
}

impl<'de> Deserialize<'de> for AccessLogs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AccessLogs, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Bool(false) => Ok(AccessLogs::Off),
            Value::Bool(true) => Ok(AccessLogs::Own),
            Value::String(text) => match text.strip_prefix("s3://") {
                None => Ok(AccessLogs::Lake(text)),
                Some(uri) => {
                    let (bucket, prefix) = uri.split_once('/').unwrap_or((uri, ""));
                    if bucket.is_empty() {
                        return Err(D::Error::custom(format!(
                            "`{text}` names no bucket: write `s3://<bucket>/<prefix>`"
                        )));
                    }
                    Ok(AccessLogs::Elsewhere { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
                }
            },
            _ => Err(D::Error::custom(
                "`true`, the name of a bucket, or `s3://<bucket>/<prefix>` is wanted here",
            )),
        }
    }
}

impl JsonSchema for AccessLogs {
    fn schema_name() -> Cow<'static, str> {
        "AccessLogs".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Where S3 server access logs go.",
            "oneOf": [
                { "type": "boolean", "description": "`true`: to a log bucket that the stack makes." },
                { "type": "string", "description": "To a bucket of the lake, by name, or to `s3://<bucket>/<prefix>`." },
            ],
        })
    }
}

impl DataLake {
    /// The bucket that `given` names, else the one called `usual`, else the first.
    fn default_bucket(&self, given: Option<&str>, usual: &str) -> Option<&str> {
        let names = || self.buckets.keys().map(String::as_str);
        match given {
            Some(name) => names().find(|known| *known == name),
            None => names().find(|known| *known == usual).or_else(|| names().next()),
        }
    }

    /// The ARN of the key, when it is a customer key.
    fn key(&self) -> Option<Expr> {
        match &self.encryption {
            Encryption::Kms => Some(LogicalId::new([KEY]).attr("Arn")),
            Encryption::S3 => None,
            Encryption::Existing(arn) => Some(Expr::text(arn.clone())),
        }
    }

    fn check_bucket_name(&self, name: &str, pointer: Pointer, issues: &mut Vec<Issue>) {
        if self.buckets.contains_key(name) {
            return;
        }
        let known: Vec<&str> = self.buckets.keys().map(String::as_str).collect();
        let issue =
            Issue::new(Code::UnknownReference, pointer, format!("the lake has no bucket called `{name}`"))
                .label("no such bucket");
        issues.push(match nearest(name, known.iter().copied()) {
            Some(near) => issue.fix(near, format!("did you mean `{near}`?")),
            None => issue.help(format!("its buckets are {}", or_list(known))),
        });
    }

    fn check_bucket(&self, name: &str, bucket: &LakeBucket, pointer: &Pointer, issues: &mut Vec<Issue>) {
        for (key, given) in [("expire_noncurrent", bucket.expire_noncurrent), ("expire", bucket.expire)] {
            check_days(given, &pointer.key(key), issues);
        }
        if bucket.expire_noncurrent.is_some() && !bucket.versioned {
            issues.push(
                Issue::new(
                    Code::LifecycleWithoutVersions,
                    pointer.key("expire_noncurrent"),
                    "only a versioned bucket has noncurrent versions",
                )
                .on_key()
                .also(pointer.key("versioned"), "versioning is off")
                .help("leave `expire_noncurrent` away, or set `versioned: true`"),
            );
        }
        if let Some(transition) = &bucket.transition {
            check_transition(transition, bucket, pointer, issues);
        }
        match &bucket.access_logs {
            Some(AccessLogs::Lake(to)) => {
                self.check_access_logs(name, to, &pointer.key("access_logs"), issues);
            }
            Some(AccessLogs::Off | AccessLogs::Own | AccessLogs::Elsewhere { .. }) | None => {}
        }
    }

    /// S3 delivers access logs only to buckets that Amazon S3's own keys encrypt.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html>
    fn check_access_logs(&self, name: &str, to: &str, pointer: &Pointer, issues: &mut Vec<Issue>) {
        self.check_bucket_name(to, pointer.clone(), issues);
        if to == name {
            issues.push(
                Issue::new(
                    Code::AccessLogTarget,
                    pointer.clone(),
                    format!("`{name}` cannot hold its own access logs: each delivery would be logged again"),
                )
                .help("write `access_logs: true` for a log bucket made by the stack"),
            );
        } else if self.encryption != Encryption::S3 && self.buckets.contains_key(to) {
            issues.push(
                Issue::new(
                    Code::AccessLogTarget,
                    pointer.clone(),
                    format!("S3 delivers no access logs to `{to}`, which a customer key encrypts"),
                )
                .fix_by(Replacement::Yaml("true".to_owned()), "let the stack make a log bucket"),
            );
        }
    }
}

fn check_transition(
    transition: &Transition,
    bucket: &LakeBucket,
    pointer: &Pointer,
    issues: &mut Vec<Issue>,
) {
    let at = pointer.key("transition").key("after");
    let days = transition.after.days();
    let least = transition.to.least_days();
    if !is_whole_days(transition.after) {
        issues.push(not_whole_days(transition.after, at.clone()));
    }
    if days < least {
        issues.push(
            Issue::new(
                Code::OutOfBounds,
                at.clone(),
                format!("objects can move to `{}` after {least} days, not earlier", transition.to.as_cfn()),
            )
            .label(format!("less than {least} days"))
            .fix(format!("{least}d"), format!("wait {least} days")),
        );
    }
    if let Some(expire) = bucket.expire.filter(|expire| expire.days() <= days) {
        issues.push(
            Issue::new(
                Code::LifecycleOrder,
                at,
                format!("objects expire after {expire}, so none is left to move after {}", transition.after),
            )
            .label("too late")
            .also(pointer.key("expire"), "they expire here")
            .help("let `expire` be longer than `after`, or leave `transition` away"),
        );
    }
}

fn is_whole_days(duration: Duration) -> bool {
    duration.millis().is_multiple_of(86_400_000)
}

fn not_whole_days(given: Duration, pointer: Pointer) -> Issue {
    let days = given.days().max(1);
    Issue::new(Code::OutOfBounds, pointer, "S3 counts in whole days")
        .label(format!("{given} is not a number of days"))
        .fix(format!("{days}d"), format!("round up to `{days}d`"))
}

/// Lifecycle rules count days, from 1.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleExpiration.html>
fn check_days(given: Option<Duration>, pointer: &Pointer, issues: &mut Vec<Issue>) {
    let Some(given) = given else { return };
    if !is_whole_days(given) || given.days() == 0 {
        issues.push(not_whole_days(given, pointer.clone()));
    } else if given.days() > i32::MAX as u64 {
        issues.push(
            Issue::new(Code::OutOfBounds, pointer.clone(), format!("`{given}` is longer than S3 can count"))
                .help("leave it away to keep objects for ever"),
        );
    }
}

impl Construct for DataLake {
    fn export(&self, this: &This, _scope: &Scope<'_>, exports: &mut Exports) {
        let section = "data_lake";
        for name in self.buckets.keys() {
            let at = this.pointer.key("buckets").key(name);
            exports.add(section, &at, name, "", Export::Bucket(bucket(name)));
        }
        for (name, dataset) in &self.datasets {
            dataset.export(name, &this.pointer.key("datasets").key(name), exports);
        }
        if let Some(key) = self.key() {
            exports.add(section, &this.pointer, &this.name, "key", Export::Key(key));
        }
        for (offer, given, usual) in
            [("outputs", &self.outputs, "processed"), ("artifacts", &self.artifacts, "artifacts")]
        {
            if let Some(name) = self.default_bucket(given.as_deref(), usual) {
                exports.add(section, &this.pointer, &this.name, offer, Export::Bucket(bucket(name)));
            }
        }
    }

    fn check(&self, this: &This, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
        if self.buckets.is_empty() {
            issues.push(
                Issue::new(Code::OutOfBounds, this.pointer.key("buckets"), "a data lake needs a bucket")
                    .help("name at least one, such as `processed: {}`"),
            );
            return;
        }
        for (name, bucket) in &self.buckets {
            self.check_bucket(name, bucket, &this.pointer.key("buckets").key(name), issues);
        }
        for (name, dataset) in &self.datasets {
            let at = this.pointer.key("datasets").key(name);
            self.check_bucket_name(&dataset.bucket, at.key("bucket"), issues);
            dataset.check(name, &at, scope, issues);
        }
        for (key, given) in [("outputs", &self.outputs), ("artifacts", &self.artifacts)] {
            if let Some(name) = given {
                self.check_bucket_name(name, this.pointer.key(key), issues);
            }
        }
        check_days(self.keep_access_logs, &this.pointer.key("keep_access_logs"), issues);
    }

    fn render(&self, _this: &This, _scope: &Scope<'_>, _out: &mut Rendering) {
        // Who uses the key, and which buckets notify, is known only when all others have rendered.
    }

    fn finish(&self, this: &This, scope: &Scope<'_>, out: &mut Rendering) {
        rendering::render(self, this, scope, out);
    }
}

/// Logical id of a bucket.
fn bucket_id(name: &str) -> LogicalId {
    LogicalId::new([name, "Bucket"])
}

fn bucket(name: &str) -> Bucket {
    let id = bucket_id(name);
    Bucket { name: id.reference(), arn: id.attr("Arn") }
}

#[cfg(test)]
mod tests;
