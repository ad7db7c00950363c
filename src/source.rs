//! YAML in, with the place of every value.
//!
//! [`parse`] reads the text twice: once for the places (every duplicate key, every bound, no value), once
//! for the values. [`parse_as`] reads YAML of other dialects (CloudFormation's short functions) and JSON, once for
//! both. What they return knows for each JSON pointer which bytes said it, through aliases, `<<`
//! and an environment's overrides, so that no type of the model carries a span.

mod allow;
mod characters;
mod dialect;
mod events;
mod locate;
mod overlay;
mod places;
mod tree;

use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use crate::diag::{Code, Diagnostic};

pub use characters::Characters;
pub use dialect::{Dialect, STACK_FILE, Short};
pub use locate::{label, locate};
pub use overlay::Merged;
pub use places::{Place, Places};

/// The largest file that is read: far more than a person writes, and quick to refuse or to read.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A source file's text, with the lines found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    path: String,
    text: String,
    /// The byte at which each line begins.
    lines: Vec<usize>,
}

impl SourceFile {
    /// A file whose text is known to be text.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> SourceFile {
        let text = text.into();
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(breaks).collect();
        SourceFile { path: path.into(), text, lines }
    }

    /// A file as it was read. A byte-order mark is dropped.
    ///
    /// # Errors
    /// When it is larger than [`MAX_BYTES`], or not UTF-8; with the file as far as it can be shown.
    pub fn from_bytes(
        path: impl Into<String>,
        bytes: &[u8],
    ) -> Result<SourceFile, Box<(SourceFile, Diagnostic)>> {
        let path = path.into();
        if bytes.len() > MAX_BYTES {
            return Err(Box::new((SourceFile::new(path.clone(), ""), too_large(&path))));
        }
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let error = match std::str::from_utf8(bytes) {
            Ok(text) => return Ok(SourceFile::new(path, text)),
            Err(error) => error,
        };
        let at = error.valid_up_to();
        let utf16 = bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF");
        let (text, help) = if utf16 {
            (String::new(), "it looks like UTF-16: save it as UTF-8")
        } else {
            // Up to the bad byte the text is the file's own, so that the place is right.
            (String::from_utf8_lossy(bytes).into_owned(), "save it as UTF-8")
        };
        let message = format!("the file is not UTF-8 text: byte {} of it is 0x{:02x}", at + 1, bytes[at]);
        let end = text.get(at..).and_then(|rest| rest.chars().next()).map_or(at, |c| at + c.len_utf8());
        let mut problem = Diagnostic::new(Code::FileUnreadable, &path, message, at..end);
        "not UTF-8".clone_into(&mut problem.primary.text);
        problem.help.push(help.to_owned());
        Err(Box::new((SourceFile::new(path, text), problem)))
    }

    /// The path, as the user gave it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The text, without a byte-order mark.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte, both from 1; columns count characters. A byte beyond the end is the end.
    pub fn line_column(&self, byte: usize) -> (usize, usize) {
        let byte = self.floor(byte);
        let line = self.line_index(byte);
        (line + 1, self.text[self.lines[line]..byte].chars().count() + 1)
    }

    /// The bytes of the line that holds a byte, without its line break.
    pub fn line_of(&self, byte: usize) -> Range<usize> {
        let line = self.line_index(self.floor(byte));
        let start = self.lines[line];
        let end = self.lines.get(line + 1).map_or(self.text.len(), |next| next - 1);
        start..start + self.text[start..end].trim_end_matches('\r').len()
    }

    /// The nearest character boundary at or before a byte.
    pub fn floor(&self, byte: usize) -> usize {
        self.text.floor_char_boundary(byte)
    }

    fn line_index(&self, byte: usize) -> usize {
        self.lines.partition_point(|start| *start <= byte) - 1
    }
}

fn too_large(path: &str) -> Diagnostic {
    let message = format!("the file is larger than {} MiB, which is all that smstack reads", MAX_BYTES >> 20);
    let mut problem = Diagnostic::new(Code::FileTooLarge, path, message, 0..0);
    problem.help.push("split it into several stack files, and keep data in files beside it".to_owned());
    problem
}

/// A YAML document: its values, and where each stands.
#[derive(Debug, Clone)]
pub struct Document {
    /// Aliases and `<<` replaced by what they stand for.
    pub value: Value,
    /// Where each value stands.
    pub places: Places,
}

/// Reads a stack file.
///
/// # Errors
/// As [`parse_as`].
pub fn parse(file: &SourceFile) -> Result<Document, Vec<Diagnostic>> {
    parse_as(file, STACK_FILE)
}

/// Reads a YAML or JSON text. Plain scalars are what YAML's core schema says, so that `yes` is text; `012345678901` and
/// `1_000` are text, too.
///
/// # Errors
/// Every duplicate key, complex key and unknown tag; the first syntax error; the first bound that is exceeded (depth,
/// number of values, text that aliases expand to); more than one document, or none.
pub fn parse_as(file: &SourceFile, dialect: Dialect) -> Result<Document, Vec<Diagnostic>> {
    let (tree, problems) = events::build(file, dialect);
    if !problems.is_empty() {
        return Err(problems);
    }
    let value = tree.root().map(|root| tree.value(root)).unwrap_or_default();
    if value.is_null() {
        return Err(vec![nothing(file, dialect)]);
    }
    Ok(Document { value, places: Places::new(Arc::new(tree)) })
}

fn nothing(file: &SourceFile, dialect: Dialect) -> Diagnostic {
    let message = format!("the file says nothing: a {} is a mapping of sections", dialect.name);
    let mut problem = Diagnostic::new(Code::YamlDocuments, file.path(), message, 0..0);
    problem.help.push(match dialect.short {
        None => "begin with `name: …`; `smstack init` writes a complete stack file".to_owned(),
        Some(_) => "begin with `Resources:`, or leave the file out".to_owned(),
    });
    problem
}

#[cfg(test)]
mod tests;
