//! Diagnostics for machines: `schemas/diagnostics.schema.json` says what is in them.

use serde::Serialize;

use super::region::Region;
use super::{by_path, totals};
use crate::diag::{Diagnostic, Severity};
use crate::source::SourceFile;

/// Changes when a reader of the old form could not read the new one.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    diagnostics: Vec<Entry<'a>>,
    summary: Summary,
}

#[derive(Serialize)]
struct Summary {
    errors: usize,
    warnings: usize,
}

#[derive(Serialize)]
struct Entry<'a> {
    code: &'static str,
    severity: Severity,
    message: &'a str,
    file: &'a str,
    #[serde(flatten)]
    region: Region,
    label: &'a str,
    pointer: Option<&'a str>,
    secondary: Vec<Secondary<'a>>,
    notes: &'a [String],
    help: &'a [String],
    fix: Option<Fix<'a>>,
}

#[derive(Serialize)]
struct Secondary<'a> {
    #[serde(flatten)]
    region: Region,
    label: &'a str,
}

#[derive(Serialize)]
struct Fix<'a> {
    title: &'a str,
    #[serde(flatten)]
    region: Region,
    replacement: &'a str,
}

/// All diagnostics as one JSON document, with a line break at its end.
#[expect(clippy::missing_panics_doc, reason = "text and numbers are always JSON")]
pub fn diagnostics_json(files: &[SourceFile], diagnostics: &[Diagnostic]) -> String {
    let files = by_path(files);
    let (errors, warnings) = totals(diagnostics);
    let report = Report {
        version: VERSION,
        diagnostics: diagnostics
            .iter()
            .map(|diagnostic| entry(diagnostic, files.get(diagnostic.file.as_str()).copied()))
            .collect(),
        summary: Summary { errors, warnings },
    };
    let mut text = serde_json::to_string_pretty(&report).expect("text and numbers are always JSON");
    text.push('\n');
    text
}

fn entry<'a>(diagnostic: &'a Diagnostic, file: Option<&SourceFile>) -> Entry<'a> {
    Entry {
        code: diagnostic.code.as_str(),
        severity: diagnostic.severity(),
        message: &diagnostic.message,
        file: &diagnostic.file,
        region: Region::of(file, &diagnostic.primary.span),
        label: &diagnostic.primary.text,
        pointer: diagnostic.pointer.as_ref().map(crate::diag::Pointer::as_str),
        secondary: diagnostic
            .secondary
            .iter()
            .map(|label| Secondary { region: Region::of(file, &label.span), label: &label.text })
            .collect(),
        notes: &diagnostic.notes,
        help: &diagnostic.help,
        fix: diagnostic.fix.as_ref().map(|fix| Fix {
            title: &fix.title,
            region: Region::of(file, &fix.span),
            replacement: &fix.replacement,
        }),
    }
}
