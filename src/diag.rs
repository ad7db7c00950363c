//! A problem, its code, and what is needed to show it.
//!
//! A check names places by [`Pointer`] and returns [`Issue`]s; whoever holds the source turns them into
//! [`Diagnostic`]s with byte spans; `report` draws those.

mod allow;
mod codes;
mod explain;

use std::fmt;
use std::ops::Range;

use serde::Serialize;

pub use allow::{Allow, Hides, MAX_ALLOWS, hide, malformed, unused};
pub use codes::{CODES, Code};
pub use explain::{Block, Explanation, Group, explanation, explanations, undecided};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It works, and will probably hurt.
    Warning,
    /// It cannot work.
    Error,
}

/// A JSON pointer (RFC 6901) into a document: the name of a place, whatever the file's format.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pointer(String);

impl Pointer {
    /// The document itself.
    pub fn root() -> Pointer {
        Pointer::default()
    }

    /// A pointer from its RFC 6901 text.
    pub fn parse(text: impl Into<String>) -> Pointer {
        Pointer(text.into())
    }

    /// The member `key` of this mapping.
    #[must_use]
    pub fn key(&self, key: &str) -> Pointer {
        let mut text = String::with_capacity(self.0.len() + 1 + key.len());
        text.push_str(&self.0);
        text.push('/');
        if key.contains(['~', '/']) {
            text.push_str(&key.replace('~', "~0").replace('/', "~1"));
        } else {
            text.push_str(key);
        }
        Pointer(text)
    }

    /// The item `index` of this list.
    #[must_use]
    pub fn index(&self, index: usize) -> Pointer {
        Pointer(format!("{}/{index}", self.0))
    }

    /// The mapping or list that holds this place; the root holds itself.
    #[must_use]
    pub fn parent(&self) -> Pointer {
        Pointer(self.0.rsplit_once('/').map_or_else(String::new, |(parent, _)| parent.to_owned()))
    }

    /// The segments from the root, unescaped.
    pub fn segments(&self) -> impl Iterator<Item = String> + '_ {
        self.0.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~"))
    }

    /// The last segment, unescaped; empty for the root.
    pub fn last(&self) -> String {
        self.segments().last().unwrap_or_default()
    }

    /// The RFC 6901 text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Which part of an entry is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The value.
    Value,
    /// The key that introduces it.
    Key,
}

/// What to put in place of a value or key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replacement {
    /// Text, to be quoted as the place is, or as far as YAML needs it.
    Text(String),
    /// YAML as it stands: `true`, `[1, 2]`.
    Yaml(String),
    /// The place's own text, in quotes. The issue knows the value `1.1`, the file says `1.10`.
    Quoted,
}

impl fmt::Display for Replacement {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Replacement::Text(text) | Replacement::Yaml(text) => text,
            Replacement::Quoted => "\"…\"",
        })
    }
}

/// A problem whose places are named by pointers; a check returns these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// What kind of problem.
    pub code: Code,
    /// Where.
    pub pointer: Pointer,
    /// Which part of that place.
    pub part: Part,
    /// What is wrong, in one line.
    pub message: String,
    /// What stands under the underlined text.
    pub label: String,
    /// Other places that matter, with what is to be said there.
    pub also: Vec<(Pointer, String)>,
    /// Facts that explain it.
    pub notes: Vec<String>,
    /// Ways out.
    pub help: Vec<String>,
    /// A replacement for the place that mends it, and its title.
    pub fix: Option<(Replacement, String)>,
}

impl Issue {
    /// A problem with the value at `pointer`.
    pub fn new(code: Code, pointer: Pointer, message: impl Into<String>) -> Issue {
        Issue {
            code,
            pointer,
            part: Part::Value,
            message: message.into(),
            label: String::new(),
            also: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
            fix: None,
        }
    }

    /// Underlines the key rather than the value.
    #[must_use]
    pub fn on_key(mut self) -> Issue {
        self.part = Part::Key;
        self
    }

    /// Says something under the underlined text.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Issue {
        self.label = text.into();
        self
    }

    /// Shows a second place.
    #[must_use]
    pub fn also(mut self, pointer: Pointer, text: impl Into<String>) -> Issue {
        self.also.push((pointer, text.into()));
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Issue {
        self.notes.push(text.into());
        self
    }

    /// Adds a way out.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Issue {
        self.help.push(text.into());
        self
    }

    /// Offers text to put in the place's stead.
    #[must_use]
    pub fn fix(self, text: impl Into<String>, title: impl Into<String>) -> Issue {
        self.fix_by(Replacement::Text(text.into()), title)
    }

    /// Offers something else than text to put in the place's stead.
    #[must_use]
    pub fn fix_by(mut self, replacement: Replacement, title: impl Into<String>) -> Issue {
        self.fix = Some((replacement, title.into()));
        self
    }
}

/// A byte range of a source file, and what to say there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Bytes of the file's text.
    pub span: Range<usize>,
    /// What to say; may be empty.
    pub text: String,
}

/// Text to put in place of other text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// Bytes to replace.
    pub span: Range<usize>,
    /// What to put there.
    pub replacement: String,
    /// What it does.
    pub title: String,
}

/// A problem with its place in a source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of problem.
    pub code: Code,
    /// Path of the file, as the user gave it.
    pub file: String,
    /// What is wrong, in one line.
    pub message: String,
    /// The offending text.
    pub primary: Label,
    /// Other places of the same file that matter.
    pub secondary: Vec<Label>,
    /// Facts that explain it.
    pub notes: Vec<String>,
    /// Ways out.
    pub help: Vec<String>,
    /// A mechanical way out.
    pub fix: Option<Fix>,
    /// The place in the document, where it has one.
    pub pointer: Option<Pointer>,
}

impl Diagnostic {
    /// A problem with a span of a file.
    pub fn new(
        code: Code,
        file: impl Into<String>,
        message: impl Into<String>,
        span: Range<usize>,
    ) -> Diagnostic {
        Diagnostic {
            code,
            file: file.into(),
            message: message.into(),
            primary: Label { span, text: String::new() },
            secondary: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
            fix: None,
            pointer: None,
        }
    }

    /// How bad it is; the code decides.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}

/// Sorts by file and place, drops repetitions, and keeps the order stable for equal places.
pub fn arrange(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| {
        (&a.file, a.primary.span.start, a.primary.span.end, a.code.as_str(), &a.message).cmp(&(
            &b.file,
            b.primary.span.start,
            b.primary.span.end,
            b.code.as_str(),
            &b.message,
        ))
    });
    diagnostics.dedup_by(|a, b| {
        a.file == b.file && a.code == b.code && a.primary.span == b.primary.span && a.message == b.message
    });
}

/// Whether any of them is an error.
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity() == Severity::Error)
}

/// The nearest of `known` to what somebody wrote, if one is near enough to be meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = |text: &str| text.to_lowercase().replace(['-', '_', ' '], "");
    let word = folded(word);
    let bound = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&word, &folded(candidate)), candidate))
        .filter(|(distance, _)| *distance <= bound)
        .min_by_key(|(distance, candidate)| (*distance, *candidate))
        .map(|(_, candidate)| candidate)
}

/// Backticked names as a list for people: `a`, `b` or `c`.
pub fn or_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_escapes_and_unescapes() {
        let pointer = Pointer::root().key("a/b").key("c~d").index(3);
        assert_eq!(pointer.as_str(), "/a~1b/c~0d/3");
        assert_eq!(pointer.segments().collect::<Vec<_>>(), ["a/b", "c~d", "3"]);
        assert_eq!(pointer.parent().last(), "c~d");
    }

    #[test]
    fn the_nearest_name_is_near() {
        assert_eq!(nearest("endpoitns", ["endpoints", "environments"]), Some("endpoints"));
        assert_eq!(nearest("data-lake", ["data_lake"]), Some("data_lake"));
        assert_eq!(nearest("xyz", ["endpoints"]), None);
    }

    #[test]
    fn codes_are_unique_and_kebab() {
        let mut seen = std::collections::BTreeSet::new();
        for code in CODES {
            assert!(seen.insert(code.as_str()), "{} twice", code.as_str());
            assert!(code.as_str().chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
        }
    }
}
