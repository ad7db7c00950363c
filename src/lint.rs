//! Rules over rendered documents, ours or anyone's: CloudFormation templates and pipeline definitions.
//!
//! ```text
//! SourceFile ─▶ Document ─▶ Template ─▶ Issue…
//!  text          long form    model       each rule, by JSON pointer
//! ```
//!
//! [`read`] reads YAML or JSON; `!Ref`, `!Sub` and the others become their long form in the value, and keep their
//! places, so that `/Resources/Key/Properties/Alias/Fn::Sub` names the text behind `!Sub`. [`kind_of`] says what the
//! document is.
//!
//! A definition goes to [`definition::check`], which has a model and rules of its own; so does one that a template holds,
//! and what is found in it stands where the template says it (`embedded`).
//!
//! # The template model
//!
//! [`Template::new`] takes the value apart: parameters, mappings, conditions, resources, outputs. It never fails: what
//! has the wrong form is left out, and [`rules`] say so.
//!
//! A rule does not read values itself, it asks what they may come to. [`Template::cases`] answers for a [`Node`] (a
//! value and its pointer), [`Template::values`] for a resource and a dotted path with `*` for items:
//!
//! ```text
//! for endpoint in template.of_type("AWS::SageMaker::EndpointConfig") {
//!     for case in template.values(endpoint, "ProductionVariants.*.VariantName") { … }
//! }
//! ```
//!
//! Each [`Case`] has what the value is ([`Thing`]), the pointer at which that is written, and what must hold for it to be
//! so ([`Assumptions`]: conditions and values of parameters). `Fn::If` gives a case per branch, parameters one per
//! allowed value or else the default, `Fn::FindInMap` one per entry that can be meant. A resource's own condition is
//! among the assumptions. What cannot be known is [`Thing::Unknown`] or a [`Piece::Unknown`] of a [`Text`]: rules pass
//! over it. Two cases belong together if [`Assumptions::and`] finds no contradiction.
//!
//! Text is what CloudFormation knows of it: known pieces, references to resources, pseudo parameters.
//! `endpoint/${Endpoint.EndpointName}/variant/A` is three pieces; [`Text::split`] takes it apart at each `/` and
//! [`Text::target`] names the resource of a piece that is one reference.
//!
//! # Rules
//!
//! A rule is a function `fn(&Template, &mut Vec<Issue>)` in [`rules`]' table, pure; its room says which codes it gives.
//! An issue's pointer is into the template, its code decides the severity. What the document itself allows, in comments or
//! in `Metadata`, is taken out of the findings last.

use serde_json::Value;

use crate::diag::{self, Code, Diagnostic, Hides, Issue, arrange};
use crate::source::{self, SourceFile};

mod allowed;
mod assume;
pub mod definition;
mod embedded;
mod functions;
mod kind;
mod references;
mod resolve;
pub mod rules;
mod template;
mod text;
mod trail;

pub use assume::Assumptions;
pub use kind::{Kind, TEMPLATE, kind_of, read};
pub use references::{Reference, To, references};
pub use resolve::{Case, Node, Thing};
pub use template::{Parameter, Resource, Template};
pub use text::{Piece, Text};

/// What there is to say of a file.
#[derive(Debug, Default)]
pub struct Examined {
    /// All that is wrong with it, arranged.
    pub found: Vec<Diagnostic>,
    /// The keys in S3 under which a template expects definitions: what of them is kept beside it is part of it.
    pub beside: Vec<String>,
}

/// All that is wrong with a file, arranged. `region` is where a template will be deployed, if that is known.
pub fn check(file: &SourceFile, region: Option<&str>) -> Vec<Diagnostic> {
    examine(file, region).found
}

/// Looks at a file. `region` is where a template will be deployed, if that is known.
pub fn examine(file: &SourceFile, region: Option<&str>) -> Examined {
    let document = match read(file) {
        Ok(document) => document,
        Err(found) => return Examined { found, beside: Vec::new() },
    };
    let locate = |issue| source::locate(issue, file, &document.places);
    let mut beside = Vec::new();
    let mut found: Vec<Diagnostic> = match kind_of(&document.value) {
        Err(issue) => vec![locate(*issue)],
        Ok(Kind::Definition) => of_definition(&document.value).into_iter().map(locate).collect(),
        Ok(Kind::Template) => {
            let template = Template::new(&document.value, region);
            let mut found: Vec<_> = rules::check(&template).into_iter().map(locate).collect();
            found.extend(rules::sections::size(file.text().len()).map(locate));
            found.extend(embedded::check(&template, file, &document.places));
            beside = embedded::beside(&template);
            found
        }
    };
    let allows = allowed::allows(&document, file);
    let used = diag::hide(&allows, &mut found, Hides::Everything);
    found.extend(diag::malformed(file.path(), &allows));
    found.extend(diag::unused(file.path(), &allows, &used, Hides::Everything));
    arrange(&mut found);
    Examined { found, beside }
}

/// Warnings that `validate` gives at the line of the stack file, of what the definition made from it says as well.
pub const SAID_OF_STACK_FILES: [Code; 15] = [
    Code::CacheDefeated,
    Code::ConstantCondition,
    Code::LocalStorageKey,
    Code::MetricGroups,
    Code::MetricOvermatch,
    Code::MetricRegex,
    Code::MetricTruncates,
    Code::OutputRace,
    Code::SpotCheckpoints,
    Code::SpotKeepAlive,
    Code::StaticAndRanged,
    Code::TransformFormat,
    Code::TransformSplit,
    Code::TuningQuota,
    Code::UnreachableStep,
];

/// What is wrong with a definition.
///
/// A rule is decided in one place, so the definition of a stack file with warnings has them, too. They were said where
/// people read and change it, or are allowed there, and nobody edits what smstack makes: of a definition whose
/// `Metadata` names smstack as its maker, those warnings ([`SAID_OF_STACK_FILES`]) are not said again. Errors, and
/// warnings that no stack file gets, are: they would be faults of smstack's own, or of somebody who changed the file.
/// [`definition::check`] says all of them of any definition.
fn of_definition(definition: &Value) -> Vec<Issue> {
    let mut found = definition::check(definition);
    let maker = definition.pointer("/Metadata/Generator").and_then(Value::as_str).unwrap_or_default();
    if maker.starts_with("smstack ") {
        found.retain(|issue| !SAID_OF_STACK_FILES.contains(&issue.code));
    }
    found
}

#[cfg(test)]
mod tests;
