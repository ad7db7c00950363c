//! What a change set does, resource by resource. Plan files hold it in this form.

use serde::{Deserialize, Serialize};

/// What a change set does to one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceChange {
    /// Add, modify, remove, …
    pub action: Action,
    /// The name in the template.
    pub logical_id: String,
    /// The name in the service, when it exists.
    pub physical_id: Option<String>,
    /// `AWS::S3::Bucket` and the like.
    pub resource_type: String,
    /// Whether a modification replaces the resource.
    pub replacement: Replacement,
    /// What becomes of a resource that is removed or replaced, when CloudFormation says so.
    pub policy: Option<String>,
    /// Which properties, and why. Empty where CloudFormation gives none.
    pub details: Vec<ChangeDetail>,
}

/// What happens to a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Action {
    /// It is made.
    Add,
    /// It is changed, or replaced.
    Modify,
    /// It is deleted, or let go.
    Remove,
    /// It is taken into the stack.
    Import,
    /// Not known before the execution.
    Dynamic,
    /// Something that this version doesn't know.
    Unknown(String),
}

impl Action {
    /// The action for AWS's text.
    pub fn parse(text: &str) -> Action {
        match text {
            "Add" => Action::Add,
            "Modify" => Action::Modify,
            "Remove" => Action::Remove,
            "Import" => Action::Import,
            "Dynamic" => Action::Dynamic,
            other => Action::Unknown(other.to_owned()),
        }
    }

    /// AWS's text.
    pub fn as_str(&self) -> &str {
        match self {
            Action::Add => "Add",
            Action::Modify => "Modify",
            Action::Remove => "Remove",
            Action::Import => "Import",
            Action::Dynamic => "Dynamic",
            Action::Unknown(text) => text,
        }
    }
}

/// Whether a modification replaces the resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Option<String>", into = "Option<String>")]
pub enum Replacement {
    /// CloudFormation says nothing, as for an addition.
    Unsaid,
    /// In place.
    Never,
    /// Depends on values that are known only during the execution.
    Conditional,
    /// It is replaced.
    Always,
    /// Something that this version doesn't know.
    Unknown(String),
}

impl Replacement {
    /// The replacement for AWS's text; none or empty text is [`Replacement::Unsaid`].
    pub fn parse(text: Option<&str>) -> Replacement {
        match text {
            None | Some("") => Replacement::Unsaid,
            Some("False") => Replacement::Never,
            Some("Conditional") => Replacement::Conditional,
            Some("True") => Replacement::Always,
            Some(other) => Replacement::Unknown(other.to_owned()),
        }
    }
}

impl From<String> for Action {
    fn from(text: String) -> Action {
        Action::parse(&text)
    }
}

impl From<Action> for String {
    fn from(action: Action) -> String {
        action.as_str().to_owned()
    }
}

impl From<Option<String>> for Replacement {
    fn from(text: Option<String>) -> Replacement {
        Replacement::parse(text.as_deref())
    }
}

impl From<Replacement> for Option<String> {
    fn from(replacement: Replacement) -> Option<String> {
        let text = match replacement {
            Replacement::Unsaid => return None,
            Replacement::Never => "False",
            Replacement::Conditional => "Conditional",
            Replacement::Always => "True",
            Replacement::Unknown(text) => return Some(text),
        };
        Some(text.to_owned())
    }
}

/// One reason for a modification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeDetail {
    /// `Properties`, `Tags`, `Metadata`, …
    pub attribute: Option<String>,
    /// The property, when it is one.
    pub property: Option<String>,
    /// `Never`, `Conditionally`, `Always`.
    pub recreation: Option<String>,
    /// `Static` when certain, `Dynamic` when it depends on the execution.
    pub evaluation: Option<String>,
    /// `DirectModification`, `ResourceReference`, `ParameterReference`, …
    pub source: Option<String>,
    /// What made it change: a parameter, a resource.
    pub causing_entity: Option<String>,
}
