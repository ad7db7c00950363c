//! An issue's pointers become a diagnostic's spans.

use std::ops::Range;

use super::{Place, Places, SourceFile};
use crate::diag::{Diagnostic, Fix, Issue, Label, Part, Pointer, Replacement};

/// Finds the places of an issue in the file that said it.
pub fn locate(issue: Issue, file: &SourceFile, places: &Places) -> Diagnostic {
    let place = places.find(&issue.pointer);
    let span = part(&place, issue.part);
    let mut diagnostic = Diagnostic::new(issue.code, file.path(), issue.message, span.clone());
    diagnostic.primary.text = issue.label;
    let also = issue.also.into_iter().map(|(pointer, text)| label(&pointer, text, file, places));
    diagnostic.secondary.extend(also);
    for (span, text) in [(place.via, "brought in here"), (place.replaced, "overrides this")] {
        if let Some(span) = span.filter(|span| *span != diagnostic.primary.span) {
            diagnostic.secondary.push(Label { span, text: text.to_owned() });
        }
    }
    diagnostic.fix = issue.fix.filter(|_| place.exact).and_then(|(replacement, title)| {
        let old = file.text().get(span.clone())?;
        let whole = place.simple || issue.part == Part::Key || old.starts_with(['[', '{']);
        let replacement = in_style(old, &replacement).filter(|_| whole)?;
        Some(Fix { span, replacement, title })
    });
    diagnostic.notes = issue.notes;
    diagnostic.help = issue.help;
    diagnostic.pointer = Some(issue.pointer);
    diagnostic
}

/// A second place that has to do with what is said.
pub fn label(pointer: &Pointer, text: String, file: &SourceFile, places: &Places) -> Label {
    Label { span: beside(&places.find(pointer), file), text }
}

/// The text to underline. What is missing is missing from something: that one's key is shown.
fn part(place: &Place, part: Part) -> Range<usize> {
    match &place.key {
        Some(key) if part == Part::Key || !place.exact => key.clone(),
        _ => place.value.clone(),
    }
}

/// Where a second place is shown. What fills lines of its own is shown by its key, and so is an empty mapping.
fn beside(place: &Place, file: &SourceFile) -> Range<usize> {
    let text = file.text().get(place.value.clone()).unwrap_or_default();
    let flow = text.starts_with(['[', '{']) && !text.contains('\n') && text != "{}";
    if place.simple || flow { part(place, Part::Value) } else { part(place, Part::Key) }
}

/// The replacement as the text that it replaces was written; nothing where that cannot be said.
fn in_style(old: &str, new: &Replacement) -> Option<String> {
    let double = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let quote = old.chars().next().filter(|first| matches!(first, '"' | '\''));
    match (new, quote) {
        _ if old.contains('\n') => None,
        (Replacement::Yaml(yaml), _) => Some(yaml.clone()),
        (Replacement::Quoted, None) => Some(double(old)),
        (Replacement::Quoted, Some(_)) => None,
        (Replacement::Text(text), Some('\'')) => Some(format!("'{}'", text.replace('\'', "''"))),
        (Replacement::Text(text), None) if stands_plain(text) => Some(text.clone()),
        (Replacement::Text(text), _) => Some(double(text)),
    }
}

/// Whether text means itself without quotes, also inside of brackets.
fn stands_plain(text: &str) -> bool {
    let first = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/');
    let harmless = |c: char| c.is_ascii_alphanumeric() || "._-/:+%@() ".contains(c);
    let parts = !text.contains(": ") && !text.ends_with([':', ' ']);
    first && parts && text.chars().all(harmless) && super::dialect::plain(text).is_string()
}
