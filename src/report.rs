//! What people and machines are shown; only here is anything printed.
//!
//! Results go to stdout ([`out`]), progress and problems to stderr ([`err`]). Text may carry colours: they are
//! removed where the stream is no terminal, or `NO_COLOR` says so.

#[cfg(feature = "aws")]
pub mod data;
#[cfg(feature = "aws")]
pub mod deploy;
mod diff;
#[cfg(feature = "aws")]
pub mod drift;
pub mod explain;
mod github;
mod graph;
pub mod here;
mod json;
#[cfg(feature = "aws")]
pub mod life;
pub mod local;
#[cfg(feature = "aws")]
mod logs;
mod page;
mod picture;
#[cfg(feature = "aws")]
pub mod plan;
#[cfg(feature = "aws")]
pub mod preflight;
mod region;
mod sarif;
#[cfg(feature = "aws")]
pub mod several;
pub mod shell;
#[cfg(feature = "aws")]
pub mod state;
mod terminal;
#[cfg(feature = "aws")]
pub mod trace;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::ops::Range;

use crate::diag::{Diagnostic, Severity};
use crate::source::SourceFile;

pub use diff::{diff_html, diff_markdown, diff_sarif, diff_text};
pub use github::diagnostics_github;
pub use graph::{graph_dot, graph_html, graph_mermaid};
pub use json::diagnostics_json;
pub use sarif::diagnostics_sarif;
pub use terminal::{Look, diagnostics_text};

/// Writes to stdout. A reader that has gone away (`smstack … | head`) wants no more, which is no failure.
///
/// # Errors
/// Any other failure to write, such as a full disk behind a redirection.
pub fn out(text: &str) -> io::Result<()> {
    let text = fitting(text, &io::stdout());
    unless_closed(write(anstream::stdout().lock(), &text))
}

/// Writes to stderr. If that cannot be written there is nobody left to tell, and the work goes on.
pub fn err(text: &str) {
    let text = fitting(text, &io::stderr());
    drop(write(anstream::stderr().lock(), &text));
}

/// Writes a JSON value to stdout, for programs and for people.
///
/// # Errors
/// As [`out`].
pub fn json(value: &serde_json::Value) -> io::Result<()> {
    out(&format!("{value:#}\n"))
}

/// Shows what is wrong with stack files, on stderr.
pub fn diagnostics(files: &[SourceFile], diagnostics: &[Diagnostic]) {
    // To draw colours and take them away again costs more than to draw.
    let plain = anstream::AutoStream::choice(&io::stderr()) == anstream::ColorChoice::Never;
    err(&diagnostics_text(files, diagnostics, if plain { Look::PLAIN } else { Look::COLOR }));
}

/// Says why a command ends, and the way out where there is one.
pub fn failure(message: &str, help: Option<&str>) {
    err(&format!("{ERROR}error{ERROR:#}: {message}\n"));
    if let Some(help) = help {
        err(&format!("  = help: {help}\n"));
    }
}

const ERROR: anstyle::Style = anstyle::AnsiColor::BrightRed.on_default().bold();

/// Whether somebody watches: stderr is a terminal, and no build server's.
pub fn is_live() -> bool {
    io::stderr().is_terminal() && std::env::var_os("CI").is_none()
}

/// Asks somebody for consent; without a terminal to ask at, there is none.
pub fn ask(question: &str) -> bool {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return false;
    }
    err(&format!("{question} [y/N] "));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// The text without colours, where the stream takes none: removed by the stream itself, they would cut the text
/// into as many writes as there are colours.
fn fitting<'t>(text: &'t str, stream: &impl anstream::stream::RawStream) -> Cow<'t, str> {
    match anstream::AutoStream::choice(stream) {
        anstream::ColorChoice::Never => anstream::adapter::strip_str(text).to_string().into(),
        _ => text.into(),
    }
}

/// The text without colours, for a file.
pub fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

fn write(mut stream: impl Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// A number of things: `1 file`, `2 files`.
fn counted(n: u64, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}

/// How many problems there are: `2 errors, 1 warning in 1 file`.
pub fn summary(diagnostics: &[Diagnostic]) -> String {
    let count = |n: usize, thing: &str| counted(n as u64, thing);
    let (errors, warnings) = totals(diagnostics);
    let files = diagnostics.iter().map(|diagnostic| diagnostic.file.as_str()).collect::<BTreeSet<_>>().len();
    let problems: Vec<String> = [(errors, "error"), (warnings, "warning")]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, thing)| count(n, thing))
        .collect();
    if problems.is_empty() {
        return "no problems".to_owned();
    }
    format!("{} in {}", problems.join(", "), count(files, "file"))
}

/// Errors and warnings.
fn totals(diagnostics: &[Diagnostic]) -> (usize, usize) {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity() == Severity::Error).count();
    (errors, diagnostics.len() - errors)
}

/// What is wrong, and below it what explains it and leads out of it, each on a line of its own.
fn whole_message(diagnostic: &Diagnostic) -> String {
    let label = Some(&diagnostic.primary.text).filter(|label| !label.is_empty());
    let lines = label
        .map(|label| format!("here: {label}"))
        .into_iter()
        .chain(diagnostic.notes.iter().map(|note| format!("note: {note}")))
        .chain(diagnostic.help.iter().map(|help| format!("help: {help}")))
        .chain(diagnostic.fix.iter().map(|fix| format!("help: {}", fix.title)));
    std::iter::once(diagnostic.message.clone()).chain(lines).collect::<Vec<_>>().join("\n")
}

/// The files by their path.
fn by_path(files: &[SourceFile]) -> HashMap<&str, &SourceFile> {
    files.iter().map(|file| (file.path(), file)).collect()
}

/// The range, kept inside the file and between its characters.
fn inside(file: &SourceFile, span: &Range<usize>) -> Range<usize> {
    let start = file.floor(span.start);
    start..file.floor(span.end).max(start)
}

#[cfg(test)]
mod tests;
