//! Diagnostics for people, drawn as rustc draws them.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{
    AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet, normalize_untrusted_str,
};

use super::{by_path, inside, summary};
use crate::diag::{Diagnostic, Fix, Severity};
use crate::source::SourceFile;

/// Problems that are drawn: whoever has more mends these first.
const MAX_SHOWN: usize = 100;
/// Codes that the last line names.
const MAX_EXPLAINED: usize = 3;
/// Bytes of a line that are drawn around what matters, when the line is longer.
const MAX_LINE: usize = 400;
/// Bytes between two places that are still drawn as one excerpt.
const MAX_EXCERPT: usize = 16 * 1024;

/// How the text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// With colours; `out` and `err` remove them where they are not wanted.
    pub color: bool,
    /// Columns of the terminal.
    pub width: usize,
}

impl Look {
    /// Colours, and the width that rustc takes when it knows none.
    pub const COLOR: Look = Look { color: true, width: 140 };
    /// No colours, the same width.
    pub const PLAIN: Look = Look { color: false, width: 140 };
}

/// The diagnostics, each with its source, and the summary. Of very many the first hundred are drawn.
/// A diagnostic whose file is not among `files` shows its path only. Nothing to say is no text.
pub fn diagnostics_text(files: &[SourceFile], diagnostics: &[Diagnostic], look: Look) -> String {
    if diagnostics.is_empty() {
        return String::new();
    }
    let files = by_path(files);
    let renderer = if look.color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(look.width);
    let mut text = String::new();
    for diagnostic in diagnostics.iter().take(MAX_SHOWN) {
        let file = files.get(diagnostic.file.as_str()).copied();
        let mut report = vec![problem(diagnostic, file)];
        if let (Some(fix), Some(file)) = (&diagnostic.fix, file) {
            report.push(remedy(fix, file));
        }
        text.push_str(&renderer.render(&report));
        text.push_str("\n\n");
    }
    if diagnostics.len() > MAX_SHOWN {
        let more = diagnostics.len() - MAX_SHOWN;
        text.push_str("… and ");
        text.push_str(&more.to_string());
        text.push_str(" more: `--format json` lists them all\n");
    }
    text.push_str(&summary(diagnostics));
    text.push_str("\nfor more: smstack explain ");
    text.push_str(&codes(diagnostics));
    text.push('\n');
    text
}

/// The codes that there is more to say about, as they are drawn; of many the first.
fn codes(diagnostics: &[Diagnostic]) -> String {
    let mut codes: Vec<&str> = Vec::new();
    for diagnostic in diagnostics {
        let code = diagnostic.code.as_str();
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    let more = if codes.len() > MAX_EXPLAINED { " …" } else { "" };
    codes.truncate(MAX_EXPLAINED);
    codes.join(" ") + more
}

/// The problem itself: title, excerpts, notes and help.
fn problem<'a>(diagnostic: &'a Diagnostic, file: Option<&'a SourceFile>) -> Group<'a> {
    let level = match diagnostic.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group =
        Group::with_title(level.primary_title(diagnostic.message.as_str()).id(diagnostic.code.as_str()));
    // Of what could not be read there is nothing to show.
    group = match file.filter(|file| !file.text().is_empty()) {
        None => group.element(Origin::path(diagnostic.file.as_str())),
        Some(file) => excerpts(group, diagnostic, file),
    };
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(tame(note)));
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(tame(help)));
    }
    group
}

/// A place to draw.
struct Mark<'a> {
    kind: AnnotationKind,
    span: Range<usize>,
    text: &'a str,
}

/// The places of a diagnostic: those near the first in one excerpt, the others each in its own.
fn excerpts<'a>(mut group: Group<'a>, diagnostic: &'a Diagnostic, file: &'a SourceFile) -> Group<'a> {
    let primary = Mark {
        kind: AnnotationKind::Primary,
        span: first_line(file, &diagnostic.primary.span),
        text: &diagnostic.primary.text,
    };
    let home = primary.span.start;
    let mut near = vec![primary];
    let mut far = Vec::new();
    for label in &diagnostic.secondary {
        let span = first_line(file, &label.span);
        let together = span.start.abs_diff(home) <= MAX_EXCERPT
            && file.line_of(span.start).len() <= MAX_LINE
            && file.line_of(home).len() <= MAX_LINE;
        let mark = Mark { kind: AnnotationKind::Context, span, text: &label.text };
        if together { near.push(mark) } else { far.push(mark) }
    }
    group = excerpt(group, file, near);
    for mark in far {
        group = excerpt(group, file, vec![mark]);
    }
    group
}

fn excerpt<'a>(group: Group<'a>, file: &'a SourceFile, marks: Vec<Mark<'a>>) -> Group<'a> {
    let spans: Vec<Range<usize>> = marks.iter().map(|mark| mark.span.clone()).collect();
    let window = window(file, &spans);
    let (line, column) = file.line_column(spans[0].start);
    let cut = window.start > file.line_of(window.start).start;
    let mut snippet =
        Snippet::source(&file.text()[window.clone()]).line_start(file.line_column(window.start).0);
    for mark in marks {
        let span =
            mark.span.start.max(window.start) - window.start..mark.span.end.min(window.end) - window.start;
        let label = Some(mark.text).filter(|text| !text.is_empty()).map(tame);
        snippet = snippet.annotation(mark.kind.span(span).label(label));
    }
    if cut {
        // The excerpt begins inside the line, so the column has to be said apart from it.
        let origin = Origin::path(file.path()).line(line).char_column(column);
        return group.element(origin).element(snippet);
    }
    group.element(snippet.path(file.path()))
}

/// The replacement, drawn as a change to the source.
fn remedy<'a>(fix: &'a Fix, file: &'a SourceFile) -> Group<'a> {
    let title = Group::with_title(Level::HELP.secondary_title(tame(&fix.title)));
    let span = inside(file, &fix.span);
    let window = window(file, std::slice::from_ref(&span));
    if span.end > window.end || window.start > file.line_of(span.start).start {
        return title; // too long to draw; the title says it
    }
    let patch = Patch::new(span.start - window.start..span.end - window.start, fix.replacement.as_str());
    let line = file.line_column(window.start).0;
    title.element(Snippet::source(&file.text()[window]).line_start(line).path(file.path()).patch(patch))
}

/// The whole lines of all spans; of a single long line the part around its span.
fn window(file: &SourceFile, spans: &[Range<usize>]) -> Range<usize> {
    let first = spans.iter().map(|span| span.start).min().unwrap_or(0);
    let last = spans.iter().map(|span| span.end).max().unwrap_or(first);
    let lines = file.line_of(first).start..file.line_of(last).end.max(last);
    if file.line_of(first).len() <= MAX_LINE && file.line_of(last).len() <= MAX_LINE {
        return lines;
    }
    let start = file.floor(first.saturating_sub(MAX_LINE / 4)).max(lines.start);
    let end = file.floor(first.saturating_add(MAX_LINE * 3 / 4)).min(lines.end);
    start..end.max(start)
}

/// Text without what commands a terminal; the library tames source and titles only.
fn tame(text: &str) -> String {
    text.lines().map(normalize_untrusted_str).collect::<Vec<_>>().join("\n")
}

/// The part of a span that lies on its first line.
fn first_line(file: &SourceFile, span: &Range<usize>) -> Range<usize> {
    let span = inside(file, span);
    let line = file.line_of(span.start);
    let start = span.start.min(line.end);
    start..span.end.min(line.end).max(start)
}
