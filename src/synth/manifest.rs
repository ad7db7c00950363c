//! `manifest.json`: what goes where, how large it is, and what made it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::cfn::{ParameterSource, TemplateKind};

/// The form of `manifest.json`; a change that a reader must know about raises it.
pub const VERSION: u32 = 1;

/// The table of contents of an assembly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`VERSION`].
    pub version: u32,
    /// The version of smstack that wrote the assembly.
    pub smstack: String,
    /// The fact tables' source packages and their versions.
    pub tables: BTreeMap<String, String>,
    /// The stack's name.
    pub stack: String,
    /// The environment's name.
    pub environment: String,
    /// The only region that the assembly may be deployed to, when the stack file names one.
    pub region: Option<String>,
    /// The only account that the assembly may be deployed to, when the stack file names one.
    pub account: Option<String>,
    /// Tags of the CloudFormation stacks (which pass them on to every resource that takes tags).
    pub tags: BTreeMap<String, String>,
    /// Templates in the order of deployment.
    pub templates: Vec<TemplateEntry>,
    /// The Pipelines definition, when the stack file has a pipeline.
    pub definition: Option<FileEntry>,
    /// Source archives, sorted by file.
    pub assets: Vec<AssetEntry>,
    /// The datasets of the lake.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub datasets: Vec<DatasetEntry>,
}

/// A dataset of the lake, and where it lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetEntry {
    /// Its name.
    pub name: String,
    /// The bucket's name in the platform template.
    pub bucket: String,
    /// What the keys of its objects begin with.
    pub prefix: String,
    /// Whether its data is published in versions.
    pub versions: bool,
    /// The parameter of the pipeline that holds the version, where steps read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
}

/// One file of the assembly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Path relative to the assembly's directory.
    pub file: String,
    /// Lower-case hexadecimal SHA-256 of the file's bytes.
    pub sha256: String,
    /// Size of the file.
    pub bytes: u64,
}

/// A source archive, and where in the artifact bucket it belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetEntry {
    /// The archive in the assembly.
    #[serde(flatten)]
    pub file: FileEntry,
    /// Key in the artifact bucket; it holds the content's address, so an object there never changes.
    pub key: String,
    /// What the stack file calls it.
    pub source: String,
}

/// One template, the CloudFormation stack it becomes, and what its parameters are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateEntry {
    /// Which of the two.
    pub kind: TemplateKind,
    /// Name of the CloudFormation stack.
    pub stack_name: String,
    /// The template in the assembly.
    #[serde(flatten)]
    pub file: FileEntry,
    /// Key in the artifact bucket: `templates/<stack>/<env>/<sha256>.template.json`.
    pub key: String,
    /// Capabilities that the template needs, derived from its resources.
    pub capabilities: Vec<String>,
    /// Where `deploy` finds the value of each parameter.
    pub parameters: BTreeMap<String, ParameterSource>,
    /// The output of the platform stack that holds the service role to deploy this template with.
    pub service_role_output: Option<String>,
    /// How CloudFormation treats the stack; absent where the stack file says nothing of it.
    #[serde(default, skip_serializing_if = "Settings::is_silent")]
    pub settings: Settings,
}

/// What the stack file says of a stack beside its template.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settings {
    /// Whether it refuses to be deleted; else as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub termination_protection: Option<bool>,
    /// What updates may do to which resources; else as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_policy: Option<Value>,
    /// What rolls a change back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<RollbackOn>,
    /// The service role, where the stack file names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
}

impl Settings {
    /// Whether nothing is said.
    pub fn is_silent(&self) -> bool {
        *self == Settings::default()
    }
}

/// What rolls a change back while it is made, and for a while after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackOn {
    /// The alarms.
    pub alarms: Vec<AlarmSource>,
    /// Minutes after the change.
    pub minutes: u16,
}

/// Where `deploy` finds the ARN of an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum AlarmSource {
    /// It is given.
    Arn {
        /// The ARN.
        arn: String,
    },
    /// By its name in the account and region.
    Name {
        /// The name.
        name: String,
    },
    /// In the deployed serving stack; while there is none, it does not count.
    Serving {
        /// The name in the template.
        logical_id: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What packs sources may not ask this room, and knows an assembly by how the manifest begins.
    #[test]
    fn assets_leave_out_what_has_a_manifest() {
        let manifest = r#"{ "version": 1, "smstack": "0.1.0", "tables": {}, "stack": "s", "environment": "dev",
            "tags": {}, "templates": [], "assets": [] }"#;
        let manifest: Manifest = serde_json::from_str(manifest).unwrap();
        let at = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(at.path().join("out/s/dev")).unwrap();
        std::fs::write(at.path().join("a.csv"), "1\n").unwrap();
        let place = at.path().join("out/s/dev").join(super::super::MANIFEST);
        std::fs::write(place, super::super::pretty(&manifest)).unwrap();
        let found = crate::assets::survey(at.path()).unwrap();
        assert_eq!(found.into_iter().map(|file| file.path).collect::<Vec<_>>(), ["a.csv"]);
    }
}
