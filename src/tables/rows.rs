//! A big table, of which only what is asked for is parsed.
//!
//! `schemas/refresh.py` indents by one for each level. It writes `rows` last, sorted, and one a line, so that a row
//! is found in the text by halves. To parse the tables whole would cost every command milliseconds.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Mutex, OnceLock, PoisonError};

use memchr::memmem;
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

impl<'de: 'static, T> Deserialize<'de> for Later<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(from)?;
        Ok(Later { text: raw.get(), value: OnceLock::new() })
    }
}

/// What was asked for of a table, by key.
struct Asked<T: 'static>(Mutex<BTreeMap<&'static str, &'static T>>);

impl<T: Deserialize<'static>> Asked<T> {
    /// Nothing was asked for yet.
    const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// What the key stands for, with the key as the table has it; `find` has both as the table's text.
    fn get(
        &self,
        key: &str,
        find: impl FnOnce() -> Option<(&'static str, &'static str)>,
    ) -> Option<(&'static str, &'static T)> {
        let mut parsed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((key, value)) = parsed.get_key_value(key) {
            return Some((key, value));
        }
        let (key, text) = find()?;
        // A row stays as long as the table, which is static.
        let value: &'static T = Box::leak(Box::new(parse(text)));
        parsed.insert(key, value);
        Some((key, value))
    }
}

/// The rows of a table, by key.
pub(super) struct Rows<T: 'static> {
    text: &'static str,
    /// The key of the mapping that holds them.
    name: &'static str,
    asked: Asked<T>,
}

impl<T: Deserialize<'static>> Rows<T> {
    /// The rows of a table's text.
    pub(super) const fn new(text: &'static str) -> Self {
        Self::named(text, "rows")
    }

    /// The rows in another mapping, with which the table ends.
    pub(super) const fn named(text: &'static str, name: &'static str) -> Self {
        Self { text, name, asked: Asked::new() }
    }

    /// The row of that key.
    pub(super) fn get(&self, key: &str) -> Option<&'static T> {
        self.find(key).map(|(_, value)| value)
    }

    /// The row of that key, with the key as the table has it.
    pub(super) fn find(&self, key: &str) -> Option<(&'static str, &'static T)> {
        self.asked.get(key, || self.line_of(key))
    }

    /// All keys, in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.lines().lines().filter_map(row).map(|(key, _)| key)
    }

    /// The text of the rows alone, to the table's end.
    fn lines(&self) -> &'static str {
        after(self.text, &format!("\n \"{}\": {{\n", self.name)).map_or("", |(_, rows)| rows)
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

/// The members of one mapping of a table, each over several lines.
pub(super) struct Blocks<T: 'static> {
    text: &'static str,
    /// The mapping's own key, at the top of the table.
    name: &'static str,
    asked: Asked<T>,
}

impl<T: Deserialize<'static>> Blocks<T> {
    /// The members of that mapping of a table's text.
    pub(super) const fn new(text: &'static str, name: &'static str) -> Self {
        Self { text, name, asked: Asked::new() }
    }

    /// The member of that key.
    pub(super) fn get(&self, key: &str) -> Option<&'static T> {
        self.asked.get(key, || self.block_of(key)).map(|(_, value)| value)
    }

    /// Key and value of the member of that key.
    fn block_of(&self, wanted: &str) -> Option<(&'static str, &'static str)> {
        let opening = "\n  \"";
        let (at, rest) = after(section(self.text, self.name), &format!("{opening}{}\": ", plain(wanted)?))?;
        let closing = "\n  }";
        let end = memmem::find(rest.as_bytes(), closing.as_bytes())? + closing.len();
        Some((&at[opening.len()..][..wanted.len()], &rest[..end]))
    }

    /// All keys, in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static str> {
        let lines = section(self.text, self.name).lines();
        lines.filter_map(|line| line.strip_prefix("  \"")?.strip_suffix("\": {"))
    }
}

/// The items of one list of a table, one a line, each with its `name` first.
pub(super) struct Lines<T: 'static> {
    text: &'static str,
    /// The list's own key, at the top of the table.
    list: &'static str,
    asked: Asked<T>,
}

impl<T: Deserialize<'static>> Lines<T> {
    /// The items of that list of a table's text.
    pub(super) const fn new(text: &'static str, list: &'static str) -> Self {
        Self { text, list, asked: Asked::new() }
    }

    /// The item of that name.
    pub(super) fn get(&self, name: &str) -> Option<&'static T> {
        self.asked.get(name, || self.line_of(name)).map(|(_, value)| value)
    }

    /// Name and text of the item of that name.
    fn line_of(&self, wanted: &str) -> Option<(&'static str, &'static str)> {
        let opening = "{\"name\": \"";
        let (at, _) = after(section(self.text, self.list), &format!("{opening}{}\"", plain(wanted)?))?;
        Some((&at[opening.len()..][..wanted.len()], at.lines().next()?.trim_end_matches(',')))
    }

    /// All items, in their order.
    pub(super) fn values(&self) -> impl Iterator<Item = T> {
        let lines = section(self.text, self.list).lines().filter(|line| !line.is_empty());
        lines.map(|line| parse(line.trim_end_matches(',')))
    }
}

/// What a mapping or list at the top of a table holds, from the line break before its first line.
fn section(text: &'static str, name: &str) -> &'static str {
    let inside = |(_, rest): (_, &'static str)| {
        let closing = if rest.starts_with('{') { "\n }" } else { "\n ]" };
        rest.get(1..memmem::find(rest.as_bytes(), closing.as_bytes())?)
    };
    after(text, &format!("\n \"{name}\": ")).and_then(inside).unwrap_or_default()
}

/// The text from where something stands in it, and from where that ends.
fn after(text: &'static str, wanted: &str) -> Option<(&'static str, &'static str)> {
    let at = &text[memmem::find(text.as_bytes(), wanted.as_bytes())?..];
    Some((at, &at[wanted.len()..]))
}

/// A key that can be looked for in a table's text: none has a quotation mark, which would end it.
fn plain(key: &str) -> Option<&str> {
    (!key.contains('"')).then_some(key)
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
        let keys: Vec<_> = whole[self.name].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(self.keys().collect::<Vec<_>>(), keys);
        for key in keys {
            assert!(self.get(key).is_some(), "{key} is out of order");
        }
    }
}

#[cfg(test)]
impl<T: Deserialize<'static>> Blocks<T> {
    /// That what was found in the text is all that the JSON holds, and that every member can be parsed.
    pub(super) fn check(&self) {
        let whole: serde_json::Value = serde_json::from_str(self.text).unwrap();
        let members = whole[self.name].as_object().unwrap();
        assert_eq!(self.keys().collect::<Vec<_>>(), members.keys().collect::<Vec<_>>());
        for (key, member) in members {
            let (found, text) = self.block_of(key).unwrap();
            assert_eq!(
                (found, &serde_json::from_str::<serde_json::Value>(text).unwrap()),
                (key.as_str(), member)
            );
            assert!(self.get(key).is_some());
        }
    }
}

#[cfg(test)]
impl<T: Deserialize<'static>> Lines<T> {
    /// That what was found in the text is all that the JSON holds, and that every item can be found and parsed.
    pub(super) fn check(&self) {
        let whole: serde_json::Value = serde_json::from_str(self.text).unwrap();
        let items = whole[self.list].as_array().unwrap();
        assert_eq!(self.values().count(), items.len());
        for item in items {
            let name = item["name"].as_str().unwrap();
            let (found, text) = self.line_of(name).unwrap();
            assert_eq!((found, &serde_json::from_str::<serde_json::Value>(text).unwrap()), (name, item));
            assert!(self.get(name).is_some());
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
