//! Diagnostics as annotations of a GitHub workflow: a line of commands to the runner for each.
//!
//! Form and escapes: <https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands>.

use super::region::Region;
use super::{by_path, whole_message};
use crate::diag::{Diagnostic, Severity};
use crate::source::SourceFile;

/// All diagnostics, one command on each line.
pub fn diagnostics_github(files: &[SourceFile], diagnostics: &[Diagnostic]) -> String {
    let files = by_path(files);
    diagnostics
        .iter()
        .map(|diagnostic| command(diagnostic, files.get(diagnostic.file.as_str()).copied()))
        .collect()
}

fn command(diagnostic: &Diagnostic, file: Option<&SourceFile>) -> String {
    let name = match diagnostic.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let region = Region::of(file, &diagnostic.primary.span);
    // A check run takes columns only of what stands on one line.
    let one_line = region.line == region.end_line;
    let numbers = [
        ("line", region.line),
        ("endLine", region.end_line),
        ("col", region.column.filter(|_| one_line)),
        ("endColumn", region.end_column.filter(|_| one_line)),
    ];
    let mut properties = vec![format!("file={}", property(&diagnostic.file))];
    properties.extend(numbers.iter().filter_map(|(key, number)| Some(format!("{key}={}", (*number)?))));
    properties.push(format!("title={}", property(diagnostic.code.as_str())));
    format!("::{name} {}::{}\n", properties.join(","), data(&whole_message(diagnostic)))
}

/// A message, on one line.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property's value, which nothing in it ends.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
