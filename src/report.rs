//! What people and machines are shown; only here is anything printed.
//!
//! Results go to stdout ([`out`]), progress and problems to stderr ([`err`]). Text may carry colours: they are
//! removed where the stream is no terminal, or `NO_COLOR` says so.

mod json;
mod terminal;

use std::collections::{BTreeSet, HashMap};
use std::io::{self, ErrorKind, Write};
use std::ops::Range;

use crate::diag::{Diagnostic, Severity};
use crate::source::SourceFile;

pub use json::diagnostics_json;
pub use terminal::{Look, diagnostics_text};

/// Writes to stdout. A reader that has gone away (`smstack … | head`) wants no more, which is no failure.
///
/// # Errors
/// Any other failure to write, such as a full disk behind a redirection.
pub fn out(text: &str) -> io::Result<()> {
    unless_closed(write(anstream::stdout().lock(), text))
}

/// Writes to stderr. If that cannot be written there is nobody left to tell, and the work goes on.
pub fn err(text: &str) {
    drop(write(anstream::stderr().lock(), text));
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

/// How many problems there are: `2 errors, 1 warning in 1 file`.
pub fn summary(diagnostics: &[Diagnostic]) -> String {
    let count = |n: usize, thing: &str| format!("{n} {thing}{}", if n == 1 { "" } else { "s" });
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
