//! A dataset: a place in a bucket, whose data is read as it lies there or in published versions.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Bucket, Data, Export, Exports, Scope, bucket, bucket_id};
use crate::cfn::{Expr, json};
use crate::diag::{Code, Issue, Pointer};
use crate::rules::datasets;

/// The longest name of a pipeline parameter.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-quotas.html>
const LONGEST_PARAMETER: usize = 64;

/// A place in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// A bucket of the lake.
    pub bucket: String,
    /// What the keys of its objects start with, such as `raw-data/`; the whole bucket without it.
    #[serde(default)]
    pub prefix: String,
    /// Whether its data is published in versions that never change: `smstack data publish` uploads a directory and
    /// writes the manifest of the version, and jobs read exactly the files that the manifest lists. Which version is a
    /// parameter of the pipeline, `<dataset>-version`; `latest`, its default, is what was published last. Without it,
    /// jobs read whatever objects lie under the prefix when they start, whoever wrote them. The default is `false`.
    #[serde(default)]
    pub versions: bool,
}

/// A dataset, and where the platform template has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place<'a> {
    /// The dataset's name.
    pub name: &'a str,
    /// Logical id of its bucket.
    pub bucket: String,
    /// The dataset.
    pub dataset: &'a Dataset,
}

impl super::DataLake {
    /// The datasets, and where the platform template has them.
    pub fn places(&self) -> impl Iterator<Item = Place<'_>> {
        self.datasets.iter().map(|(name, dataset)| Place {
            name,
            bucket: bucket_id(&dataset.bucket).to_string(),
            dataset,
        })
    }
}

impl Dataset {
    pub(super) fn export(&self, name: &str, pointer: &Pointer, exports: &mut Exports) {
        let place = bucket(&self.bucket);
        let data = Data {
            uri: self.uri(name, &place),
            bucket: place,
            prefix: self.prefix.clone(),
            manifest: self.versions,
        };
        exports.add("data_lake", pointer, name, "", Export::Data(data));
        if self.versions {
            exports.add("data_lake", pointer, name, "version", version(name));
        }
    }

    /// What jobs read: the prefix, or the manifest of the version that the execution names.
    fn uri(&self, name: &str, bucket: &Bucket) -> Expr {
        if !self.versions {
            return bucket.uri(&self.prefix);
        }
        let (before, after) = datasets::manifest_ends(&self.prefix);
        let version = Expr::Get(format!("Parameters.{}", datasets::parameter(name)));
        Expr::concat([bucket.uri(&before), version, Expr::text(after)])
    }

    pub(super) fn check(&self, name: &str, pointer: &Pointer, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
        let at = pointer.key("prefix");
        check_prefix(&self.prefix, &at, issues);
        if !self.versions {
            return;
        }
        if !self.prefix.is_empty() && !self.prefix.ends_with('/') {
            issues.push(
                Issue::new(Code::WrongForm, at, "the prefix of a dataset with versions ends in `/`")
                    .label("not a directory")
                    .note("versions lie beside manifests and descriptions below the prefix")
                    .fix(format!("{}/", self.prefix), "let it end in `/`"),
            );
        }
        let parameter = datasets::parameter(name);
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if parameter.len() > LONGEST_PARAMETER || !parameter.chars().all(fits) {
            let message = format!("`{parameter}` cannot be the name of the parameter that holds the version");
            issues.push(
                Issue::new(Code::InvalidName, pointer.clone(), message)
                    .on_key()
                    .help("name the dataset with letters, digits, `-` and `_`, at most 56"),
            );
        }
        let clash = scope.exports.get("parameters").filter(|given| given.get(&parameter).is_some());
        if let Some(given) = clash {
            let message = format!("`{parameter}` is the parameter that holds the version of `{name}`");
            issues.push(
                Issue::new(Code::DuplicateName, given.pointer.key(&parameter), message)
                    .on_key()
                    .label("the same name")
                    .also(pointer.key("versions"), "has versions")
                    .help(format!("leave the parameter away: executions take `{parameter}` as it is")),
            );
        }
    }
}

/// The pipeline parameter that holds the version.
fn version(name: &str) -> Export {
    let parameter = datasets::parameter(name);
    Export::Parameter {
        value: Expr::Get(format!("Parameters.{parameter}")),
        kind: "String",
        values: Vec::new(),
        entry: json!({
            "Name": parameter,
            "Type": "String",
            "DefaultValue": datasets::LATEST,
            "Description": format!("Version of the dataset {name}"),
        }),
    }
}

/// A key is at most 1,024 bytes of UTF-8.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
fn check_prefix(prefix: &str, pointer: &Pointer, issues: &mut Vec<Issue>) {
    if prefix.len() > 900 {
        issues.push(
            Issue::new(Code::OutOfBounds, pointer.clone(), format!("the prefix has {} bytes", prefix.len()))
                .label("too long")
                .help("a key takes 1,024 bytes in all: keep the prefix within 900"),
        );
    }
    if prefix.starts_with('/') {
        issues.push(
            Issue::new(
                Code::WrongForm,
                pointer.clone(),
                "the prefix starts with `/`, and so would every key",
            )
            .label("no key that tools write starts with `/`")
            .fix(prefix.trim_start_matches('/'), "leave it away"),
        );
    }
}
