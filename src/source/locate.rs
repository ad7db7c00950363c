//! An issue's pointers become a diagnostic's spans.

use std::ops::Range;

use super::{Place, Places, SourceFile};
use crate::diag::{AS_TEXT, Diagnostic, Fix, Issue, Label, Part};

/// Finds the places of an issue in the file that said it.
pub fn locate(issue: Issue, file: &SourceFile, places: &Places) -> Diagnostic {
    let place = places.find(&issue.pointer);
    let span = part(&place, issue.part);
    let mut diagnostic = Diagnostic::new(issue.code, file.path(), issue.message, span.clone());
    diagnostic.primary.text = issue.label;
    for (pointer, text) in issue.also {
        let other = places.find(&pointer);
        let span = part(&other, Part::Value);
        diagnostic.secondary.push(Label { span, text });
    }
    for (span, text) in [(place.via, "brought in here"), (place.replaced, "overrides this")] {
        if let Some(span) = span.filter(|span| *span != diagnostic.primary.span) {
            diagnostic.secondary.push(Label { span, text: text.to_owned() });
        }
    }
    diagnostic.fix = issue.fix.filter(|_| place.exact).and_then(|(replacement, title)| {
        if issue.part == Part::Value && !place.simple {
            return None;
        }
        let replacement = in_style(file.text().get(span.clone())?, &replacement)?;
        Some(Fix { span, replacement, title })
    });
    diagnostic.notes = issue.notes;
    diagnostic.help = issue.help;
    diagnostic.pointer = Some(issue.pointer);
    diagnostic
}

/// The text to underline. What is missing is missing from something: that one's key is shown.
fn part(place: &Place, part: Part) -> Range<usize> {
    match &place.key {
        Some(key) if part == Part::Key || !place.exact => key.clone(),
        _ => place.value.clone(),
    }
}

/// The replacement as the text that it replaces was written; nothing where that cannot be said.
fn in_style(old: &str, new: &str) -> Option<String> {
    let double = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    match (old.chars().next(), new) {
        (_, _) if old.contains('\n') => None,
        (Some('"' | '\''), AS_TEXT) => None,
        (_, AS_TEXT) => Some(double(old)),
        (Some('"'), _) => Some(double(new)),
        (Some('\''), _) => Some(format!("'{}'", new.replace('\'', "''"))),
        _ => Some(new.to_owned()),
    }
}
