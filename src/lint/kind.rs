//! What a document is, and how one is read.

use serde_json::Value;

use crate::diag::{Code, Diagnostic, Issue, Pointer, nearest};
use crate::source::{self, Dialect, Document, Short, SourceFile};

/// The YAML of templates: tags are short for functions. CloudFormation reads a megabyte.
pub const TEMPLATE: Dialect = Dialect { name: "template", depth: 100, nodes: 500_000, short: Some(short) };

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A CloudFormation template.
    Template,
    /// A pipeline definition.
    Definition,
}

/// Reads a template or a definition, in YAML or JSON.
///
/// # Errors
/// As [`source::parse_as`].
pub fn read(file: &SourceFile) -> Result<Document, Vec<Diagnostic>> {
    source::parse_as(file, TEMPLATE)
}

/// What a document is, by its keys.
///
/// # Errors
/// Why it is neither.
pub fn kind_of(document: &Value) -> Result<Kind, Box<Issue>> {
    const SECTIONS: [&str; 3] = ["Resources", "AWSTemplateFormatVersion", "Transform"];
    let root = Pointer::root();
    let Some(members) = document.as_object() else {
        let message = "this is neither a CloudFormation template nor a pipeline definition";
        let issue = Issue::new(Code::UnknownDocument, root, message)
            .label("not a mapping")
            .help("a template is a mapping with `Resources`, a definition one with `Version` and `Steps`");
        return Err(Box::new(issue));
    };
    if SECTIONS.iter().any(|section| members.contains_key(*section)) {
        return Ok(Kind::Template);
    }
    if members.contains_key("Steps") && members.contains_key("Version") {
        return Ok(Kind::Definition);
    }
    let message = "this is neither a CloudFormation template nor a pipeline definition";
    let issue = Issue::new(Code::UnknownDocument, root.clone(), message);
    let near = |wanted: &str| {
        members
            .keys()
            .find(|key| nearest(key, [wanted]).is_some())
            .map(|key| (key.clone(), wanted.to_owned()))
    };
    Err(Box::new(match ["Resources", "Steps"].into_iter().find_map(near) {
        Some((written, meant)) => {
            let issue = Issue { pointer: root.key(&written), ..issue };
            issue.on_key().fix(&meant, format!("did you mean `{meant}`?"))
        }
        None if members.contains_key("Steps") => {
            issue.label("needs `Version`").help("begin the definition with `\"Version\": \"2020-12-01\"`")
        }
        None if members.contains_key("environments") => {
            issue.label("looks like a stack file").help("`smstack validate` checks stack files")
        }
        None => issue
            .label("has neither `Resources` nor `Steps`")
            .help("a template is a mapping with `Resources`, a definition one with `Version` and `Steps`"),
    }))
}

/// Short forms of CloudFormation's functions.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html>
fn short(tag: &str) -> Short {
    match tag {
        "Ref" | "Condition" => Short { key: tag.to_owned(), split: None },
        "GetAtt" => Short { key: "Fn::GetAtt".to_owned(), split: Some('.') },
        other => Short { key: format!("Fn::{other}"), split: None },
    }
}
