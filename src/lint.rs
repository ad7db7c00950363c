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
//! A definition goes to [`definition::check`], which has a model and rules of its own.
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

use crate::diag::{self, Diagnostic, Hides, arrange};
use crate::source::{self, SourceFile};

mod allowed;
mod assume;
pub mod definition;
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

/// All that is wrong with a file, arranged. `region` is where a template will be deployed, if that is known.
pub fn check(file: &SourceFile, region: Option<&str>) -> Vec<Diagnostic> {
    let document = match read(file) {
        Ok(document) => document,
        Err(problems) => return problems,
    };
    let issues = match kind_of(&document.value) {
        Err(issue) => vec![*issue],
        Ok(Kind::Template) => rules::check(&Template::new(&document.value, region)),
        Ok(Kind::Definition) => definition::check(&document.value),
    };
    let mut found: Vec<_> =
        issues.into_iter().map(|issue| source::locate(issue, file, &document.places)).collect();
    let allows = allowed::allows(&document, file);
    let used = diag::hide(&allows, &mut found, Hides::Everything);
    found.extend(diag::malformed(file.path(), &allows));
    found.extend(diag::unused(file.path(), &allows, &used, Hides::Everything));
    arrange(&mut found);
    found
}

#[cfg(test)]
mod tests;
