//! A big table, parsed row by row.
//!
//! `schemas/refresh.py` writes `rows` sorted and one a line, so a row is found by its line and parsed when
//! it is first asked for: parsing all of the API's members would cost a millisecond of every command.

use std::ops::Deref;
use std::sync::OnceLock;

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
pub(super) struct Rows<T> {
    rows: Vec<Row<T>>,
}

struct Row<T> {
    key: &'static str,
    text: &'static str,
    value: OnceLock<T>,
}

impl<T: Deserialize<'static>> Rows<T> {
    /// Finds the rows of a table's text.
    pub(super) fn new(text: &'static str) -> Self {
        let rows = text
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix('"')?.split_once("\": "))
            .map(|(key, value)| (key, value.trim_end_matches(',')))
            .filter(|(_, value)| value.starts_with('{') && value.ends_with('}'))
            .map(|(key, text)| Row { key, text, value: OnceLock::new() })
            .collect();
        Self { rows }
    }

    /// The row of that key.
    pub(super) fn get(&self, key: &str) -> Option<&T> {
        let place = self.rows.binary_search_by(|row| row.key.cmp(key)).ok()?;
        let row = &self.rows[place];
        Some(row.value.get_or_init(|| parse(row.text)))
    }

    /// All keys, in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.rows.iter().map(|row| row.key)
    }
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
