//! A big table, parsed row by row.
//!
//! `schemas/refresh.py` writes `rows` last, sorted, and one a line, so a row is found in the text by halves, and
//! parsed when it is first asked for: to list all of the API's members would cost a millisecond of every command.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::parse;

/// A part of a table that is parsed when it is first asked for.
pub(super) struct Later<T> {
    text: &'static str,
    value: OnceLock<T>,
}

impl<T: Deserialize<'static>> Deref for Later<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.get_or_init(|| parse(self.text))
    }
}

impl<T> Later<T> {
    /// The part as the table has it.
    pub(super) fn text(&self) -> &'static str {
        self.text
    }
}

impl<'de: 'static, T> Deserialize<'de> for Later<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(from)?;
        Ok(Later { text: raw.get(), value: OnceLock::new() })
    }
}

/// The rows of a table, by key.
pub(super) struct Rows<T: 'static> {
    text: &'static str,
    /// What was asked for.
    parsed: Mutex<BTreeMap<&'static str, &'static T>>,
}

impl<T: Deserialize<'static>> Rows<T> {
    /// The rows of a table's text.
    pub(super) const fn new(text: &'static str) -> Self {
        Self { text, parsed: Mutex::new(BTreeMap::new()) }
    }

    /// The row of that key.
    pub(super) fn get(&self, key: &str) -> Option<&'static T> {
        self.find(key).map(|(_, value)| value)
    }

    /// The row of that key, with the key as the table has it.
    pub(super) fn find(&self, key: &str) -> Option<(&'static str, &'static T)> {
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((key, value)) = parsed.get_key_value(key) {
            return Some((key, value));
        }
        let (key, text) = self.line_of(key)?;
        // A row stays as long as the table, which is static.
        let value: &'static T = Box::leak(Box::new(parse(text)));
        parsed.insert(key, value);
        Some((key, value))
    }

    /// All keys, in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.lines().lines().filter_map(row).map(|(key, _)| key)
    }

    /// The text of the rows alone, to the table's end.
    fn lines(&self) -> &'static str {
        self.text.split_once("\"rows\": {\n").map_or("", |(_, rows)| rows)
    }

    /// Key and value of the row of that key, by halves.
    fn line_of(&self, wanted: &str) -> Option<(&'static str, &'static str)> {
        let mut rest = self.lines();
        while !rest.is_empty() {
            // The line that the middle is in.
            let middle = rest.len() / 2;
            let bytes = rest.as_bytes();
            let start = bytes[..middle].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let end = bytes[middle..]
                .iter()
                .position(|byte| *byte == b'\n')
                .map_or(rest.len(), |at| middle + at + 1);
            let found = row(&rest[start..end]);
            // Beyond the last row there are only closing brackets.
            match found.map_or(Ordering::Greater, |(key, _)| key.cmp(wanted)) {
                Ordering::Equal => return found,
                Ordering::Greater => rest = &rest[..start],
                Ordering::Less => rest = &rest[end..],
            }
        }
        None
    }
}

/// Key and value of a line; none for a line that is no row.
fn row(line: &'static str) -> Option<(&'static str, &'static str)> {
    let (key, value) = line.trim().strip_prefix('"')?.split_once("\": ")?;
    Some((key, value.trim_end_matches(',')))
}

#[cfg(test)]
impl<T: Deserialize<'static>> Rows<T> {
    /// That what was found by line is all that the JSON holds, and that every row can be found and parsed.
    pub(super) fn check(&self, text: &str) {
        let whole: serde_json::Value = serde_json::from_str(text).unwrap();
        let keys: Vec<_> = whole["rows"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(self.keys().collect::<Vec<_>>(), keys);
        for key in keys {
            assert!(self.get(key).is_some(), "{key} is out of order");
        }
    }
}

/// What a table says that it was made from.
#[cfg(test)]
pub(super) fn sources(text: &'static str) -> super::Sources {
    #[derive(Deserialize)]
    #[serde(bound(deserialize = "'de: 'static"))]
    struct Header {
        sources: super::Sources,
    }
    parse::<Header>(text).sources
}
