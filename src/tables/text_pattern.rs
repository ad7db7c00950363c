//! The patterns that AWS gives for text, compiled when they are first asked.
//!
//! AWS writes them in the dialects of ECMAScript and Java; a few compile in neither of them nor here.

use std::sync::OnceLock;

use fancy_regex::{Regex, RegexBuilder};
use serde::Deserialize;

/// Steps that a match may take back: patterns come from AWS, but the text may be anything.
const BACKTRACKS: usize = 100_000;

/// A pattern, as AWS writes it.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// The pattern's text, as AWS writes it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a text matches; none where that cannot be said: the pattern does not compile, or matching
    /// takes too long.
    pub fn matches(&self, text: &str) -> Option<bool> {
        self.compiled.get_or_init(|| self.compile()).as_ref()?.is_match(text).ok()
    }

    fn compile(&self) -> Option<Regex> {
        RegexBuilder::new(&self.text).backtrack_limit(BACKTRACKS).build().ok()
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Self { text, compiled: OnceLock::new() })
    }
}
