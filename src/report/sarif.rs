//! Diagnostics as SARIF 2.1.0, which code scanning services and editors read.
//!
//! The form: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::region::Region;
use super::{by_path, whole_message};
use crate::diag::{Block, Code, Diagnostic, Severity, explanation};
use crate::source::SourceFile;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// All diagnostics as one log with one run, with a line break at its end. Rules are those that something was found by.
pub fn diagnostics_sarif(files: &[SourceFile], diagnostics: &[Diagnostic]) -> String {
    let files = by_path(files);
    let codes: BTreeSet<Code> = diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    let codes: Vec<Code> = codes.into_iter().collect();
    let results: Vec<Value> = diagnostics
        .iter()
        .map(|diagnostic| result(diagnostic, files.get(diagnostic.file.as_str()).copied(), &codes))
        .collect();
    log(&codes.iter().copied().map(rule).collect::<Vec<_>>(), &results)
}

/// A log with one run.
pub(super) fn log(rules: &[Value], results: &[Value]) -> String {
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "smstack",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

fn rule(code: Code) -> Value {
    let explanation = explanation(code);
    let first = explanation.blocks.iter().find_map(|block| match block {
        Block::Text(words) => Some(words.as_str()),
        Block::Item(_) | Block::Example(_) => None,
    });
    let markdown = explanation.markdown();
    let mut help = message(&markdown);
    help["markdown"] = braces(&markdown).into();
    let mut rule = json!({
        "id": code.as_str(),
        "shortDescription": message(code.summary()),
        "fullDescription": message(first.unwrap_or(code.summary())),
        "help": help,
        "defaultConfiguration": { "level": level(code.severity()) },
    });
    if let Some(link) = explanation.link() {
        rule["helpUri"] = link.into();
    }
    rule
}

/// A message string: braces stand for arguments (§3.11.5), and are doubled where they mean themselves.
fn braces(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

pub(super) fn message(text: &str) -> Value {
    json!({ "text": braces(text) })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn result(diagnostic: &Diagnostic, file: Option<&SourceFile>, rules: &[Code]) -> Value {
    let place = |span| physical(&diagnostic.file, Region::of(file, span));
    let mut location = json!({ "physicalLocation": place(&diagnostic.primary.span) });
    if let Some(pointer) = &diagnostic.pointer {
        location["logicalLocations"] = json!([{ "fullyQualifiedName": pointer.as_str() }]);
    }
    let mut result = json!({
        "ruleId": diagnostic.code.as_str(),
        "ruleIndex": rules.binary_search(&diagnostic.code).unwrap_or_default(),
        "level": level(diagnostic.severity()),
        "message": message(&whole_message(diagnostic)),
        "locations": [location],
    });
    if !diagnostic.secondary.is_empty() {
        let related = diagnostic.secondary.iter().enumerate().map(|(id, label)| {
            json!({
                "id": id,
                "physicalLocation": place(&label.span),
                "message": message(&label.text),
            })
        });
        result["relatedLocations"] = related.collect();
    }
    if let Some(fix) = diagnostic.fix.as_ref().filter(|_| file.is_some()) {
        result["fixes"] = json!([{
            "description": message(&fix.title),
            "artifactChanges": [{
                "artifactLocation": { "uri": uri(&diagnostic.file) },
                "replacements": [{
                    "deletedRegion": region(Region::of(file, &fix.span)),
                    "insertedContent": { "text": fix.replacement },
                }],
            }],
        }]);
    }
    result
}

pub(super) fn physical(file: &str, at: Region) -> Value {
    let mut physical = json!({ "artifactLocation": { "uri": uri(file) } });
    if at.line.is_some() {
        physical["region"] = region(at);
    }
    physical
}

fn region(at: Region) -> Value {
    let members = [
        ("startLine", at.line),
        ("startColumn", at.column),
        ("endLine", at.end_line),
        ("endColumn", at.end_column),
    ];
    let known = members.into_iter().filter_map(|(key, number)| Some((key.to_owned(), number?.into())));
    Value::Object(known.collect::<Map<_, _>>())
}

/// A path as a reference (RFC 3986): relative to wherever smstack ran, unless it is absolute.
fn uri(path: &str) -> String {
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to text cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}
