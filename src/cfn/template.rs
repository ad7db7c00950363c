//! A template being built, and where the values of its parameters come from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use indexmap::IndexMap;
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use super::json;
use super::{Expr, Map, Value};

/// The name of a resource inside a template: letters and digits only.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resources-section-structure.html>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct LogicalId(String);

impl LogicalId {
    /// The words of all parts in PascalCase: `["deep-learning-endpoint", "Config"]` → `DeepLearningEndpointConfig`.
    pub fn new<'a>(parts: impl IntoIterator<Item = &'a str>) -> LogicalId {
        let mut id = String::new();
        for part in parts {
            let mut start = true;
            for c in part.chars() {
                if !c.is_ascii_alphanumeric() {
                    start = true;
                } else if start {
                    id.push(c.to_ascii_uppercase());
                    start = false;
                } else {
                    id.push(c);
                }
            }
        }
        LogicalId(id)
    }

    /// `Ref` to it.
    pub fn reference(&self) -> Expr {
        Expr::Ref(self.0.clone().into())
    }

    /// `Fn::GetAtt` of it.
    pub fn attr(&self, attribute: &'static str) -> Expr {
        Expr::Attr(self.0.clone(), attribute.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogicalId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl From<LogicalId> for String {
    fn from(id: LogicalId) -> String {
        id.0
    }
}

/// Which of the two templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TemplateKind {
    /// Lake, keys, roles, registry, pipeline, triggers, notifications.
    Platform,
    /// Model, endpoint, scaling, alarms, monitors, dashboard.
    Serving,
}

impl TemplateKind {
    /// As it stands in file names, stack names and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            TemplateKind::Platform => "platform",
            TemplateKind::Serving => "serving",
        }
    }
}

/// Where `deploy` finds the value of a template parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum ParameterSource {
    /// The name of the artifact bucket of the account and region.
    ArtifactBucket,
    /// SHA-256 of the Pipelines definition of this assembly, in hexadecimal.
    DefinitionHash,
    /// The commit that changed the stack file or its code last, `<commit>-dirty` when they were changed since; `unknown`
    /// outside of a repository.
    GitCommit,
    /// The HTTPS URL of another template of this assembly in the artifact bucket.
    TemplateUrl {
        /// Which template.
        template: TemplateKind,
    },
    /// An output of the other deployed stack.
    Output {
        /// Which template's stack.
        template: TemplateKind,
        /// The output's name.
        output: String,
    },
    /// The ARN of the newest approved model package of a group. While there is none, the template
    /// is not deployed.
    ApprovedModel {
        /// Name of the model package group.
        group: String,
    },
    /// A member of that package, as `DescribeModelPackage` answers it; empty text when it is absent.
    ApprovedModelField {
        /// Name of the model package group.
        group: String,
        /// Members from the top, joined by `.`, such as `DriftCheckBaselines.ModelDataQuality.Statistics.S3Uri`.
        path: String,
    },
}

/// A section of a template. Some have thousands of members before a limit is told.
pub type Section = IndexMap<String, Value>;

/// A template being built. Sections keep the order in which constructs add to them.
#[derive(Debug, Clone, Default)]
pub struct Template {
    /// What it is, for people.
    pub description: String,
    /// `Metadata`.
    pub metadata: Section,
    /// `Parameters`.
    pub parameters: Section,
    /// Where `deploy` finds each parameter's value.
    pub sources: BTreeMap<String, ParameterSource>,
    /// `Mappings`.
    pub mappings: Section,
    /// `Conditions`.
    pub conditions: Section,
    /// `Resources`.
    pub resources: Section,
    /// `Outputs`.
    pub outputs: Section,
    /// Names that were given to two different things: resources and parameters share one space of names.
    pub clashes: BTreeSet<String>,
}

impl Template {
    /// Adds a parameter; the same name twice is the same parameter.
    pub fn parameter(&mut self, name: &str, description: &str, source: ParameterSource) -> Expr {
        self.declare(name, json!({ "Type": "String", "Description": description }), source);
        Expr::Ref(name.to_owned().into())
    }

    /// Adds a parameter that may be empty, with a condition `Has<name>` that it is not.
    pub fn optional_parameter(&mut self, name: &str, description: &str, source: ParameterSource) -> Expr {
        self.declare(name, json!({ "Type": "String", "Default": "", "Description": description }), source);
        self.conditions
            .entry(format!("Has{name}"))
            .or_insert_with(|| json!({ "Fn::Not": [{ "Fn::Equals": [{ "Ref": name }, ""] }] }));
        Expr::Ref(name.to_owned().into())
    }

    fn declare(&mut self, name: &str, declaration: Value, source: ParameterSource) {
        let other = self.sources.get(name).is_some_and(|known| *known != source);
        if other || self.resources.contains_key(name) {
            self.clashes.insert(name.to_owned());
        }
        self.parameters.entry(name.to_owned()).or_insert(declaration);
        self.sources.entry(name.to_owned()).or_insert(source);
    }

    /// Adds an output.
    pub fn output(&mut self, name: &str, description: &str, value: &Expr) {
        let output = json!({ "Description": description, "Value": value.to_value() });
        let value = output["Value"].clone();
        if self.outputs.insert(name.to_owned(), output).is_some_and(|before| before["Value"] != value) {
            self.clashes.insert(name.to_owned());
        }
    }

    /// Adds resources, as a shape renders them.
    pub fn add(&mut self, resources: Map) {
        for (id, resource) in resources {
            let id = id.into_owned();
            let taken = self.parameters.contains_key(&id);
            if self.resources.insert(id.clone(), resource).is_some() || taken {
                self.clashes.insert(id);
            }
        }
    }
}

/// The template as CloudFormation reads it; empty sections are left out.
impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut root = serializer.serialize_map(None)?;
        root.serialize_entry("AWSTemplateFormatVersion", "2010-09-09")?;
        root.serialize_entry("Description", &self.description)?;
        let sections = [
            ("Metadata", &self.metadata),
            ("Parameters", &self.parameters),
            ("Mappings", &self.mappings),
            ("Conditions", &self.conditions),
            ("Resources", &self.resources),
            ("Outputs", &self.outputs),
        ];
        for (name, section) in sections {
            if !section.is_empty() {
                root.serialize_entry(name, section)?;
            }
        }
        root.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logical_id_is_pascal_case() {
        assert_eq!(
            LogicalId::new(["deep-learning-endpoint", "Config"]).as_str(),
            "DeepLearningEndpointConfig"
        );
        assert_eq!(LogicalId::new(["AllTraffic", "5xx_errors"]).as_str(), "AllTraffic5xxErrors");
    }
}
