//! The patterns that AWS gives for text, compiled when they are first asked.
//!
//! AWS writes them in the dialects of ECMAScript and Java; a few compile in neither of them nor here.

use std::sync::OnceLock;

use fancy_regex::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer};

/// Steps that a match may take back: patterns come from AWS, but the text may be anything.
const BACKTRACKS: usize = 100_000;

/// A pattern, as AWS writes it.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    whole: bool,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// A pattern that text must match as a whole.
    pub fn whole(text: impl Into<String>) -> Pattern {
        Pattern { text: text.into(), whole: true, compiled: OnceLock::new() }
    }

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
        // What is beyond 16 bits, AWS writes in the halves of UTF-16.
        let text = self.text.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\x{10000}-\x{10FFFF}");
        let text = if self.whole { format!("^(?:{text})$") } else { text };
        RegexBuilder::new(&text).backtrack_limit(BACKTRACKS).build().ok()
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Self { text, whole: false, compiled: OnceLock::new() })
    }
}

/// The pattern of an API shape, which text must match as a whole.
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Pattern>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(Some(Pattern { text, whole: true, compiled: OnceLock::new() }))
}
