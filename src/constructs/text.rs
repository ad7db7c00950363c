//! Text with `${…}` in it, and references to what other constructs offer.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::Value;

/// The name of what a construct offers: `preprocess.train`, `search.best_model`, or just `training-data`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[schemars(transparent)]
#[serde(transparent)]
pub struct Reference(String);

impl Reference {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An S3 URI, when it is one rather than a name.
    pub fn s3_uri(&self) -> Option<&str> {
        self.0.starts_with("s3://").then_some(self.0.as_str())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl From<&str> for Reference {
    fn from(text: &str) -> Reference {
        Reference(text.to_owned())
    }
}

/// A piece of a [`Text`].
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// As it stands.
    Literal(String),
    /// The inside of `${…}`.
    Reference(String),
}

/// A scalar in which `${name.offer}` stands for what a construct offers; `$${` is a literal `${`.
#[derive(Debug, Clone, PartialEq)]
pub enum Text {
    /// A number or a flag, or text without `${…}`.
    Literal(Value),
    /// Text with at least one reference.
    Pieces(Vec<Piece>),
}

impl Text {
    /// Reads text.
    ///
    /// # Errors
    /// When a `${` is not closed, or nothing or another one stands inside.
    pub fn parse(text: &str) -> Result<Text, String> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if rest[..at].ends_with('$') {
                literal.push_str(&rest[..at]);
                literal.push('{');
                rest = &rest[at + 2..];
                continue;
            }
            literal.push_str(&rest[..at]);
            let inside = &rest[at + 2..];
            let end = inside.find('}').ok_or_else(|| format!("`${{` is not closed in `{text}`"))?;
            let name = inside[..end].trim();
            if name.is_empty() {
                return Err(format!("nothing stands in `${{}}` in `{text}`"));
            }
            if name.contains("${") {
                return Err(format!("a reference stands inside a reference in `{text}`"));
            }
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Reference(name.to_owned()));
            rest = &inside[end + 1..];
        }
        literal.push_str(rest);
        if pieces.is_empty() {
            return Ok(Text::Literal(Value::String(literal)));
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Text::Pieces(pieces))
    }

    /// The text with one reference replaced by another, as the stack file writes it.
    pub fn with(&self, old: &str, new: &str) -> Option<String> {
        let Text::Pieces(pieces) = self else { return None };
        let write = |piece: &Piece| match piece {
            Piece::Literal(text) => text.replace("${", "$${"),
            Piece::Reference(name) if name == old => format!("${{{new}}}"),
            Piece::Reference(name) => format!("${{{name}}}"),
        };
        Some(pieces.iter().map(write).collect())
    }

    /// The references in it.
    pub fn references(&self) -> impl Iterator<Item = &str> {
        let pieces = match self {
            Text::Literal(_) => [].as_slice(),
            Text::Pieces(pieces) => pieces,
        };
        pieces.iter().filter_map(|piece| match piece {
            Piece::Reference(name) => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
    }

    /// The value, when it holds no reference.
    pub fn literal(&self) -> Option<&Value> {
        match self {
            Text::Literal(value) => Some(value),
            Text::Pieces(_) => None,
        }
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Text::parse(&text).map_err(D::Error::custom),
            scalar @ (Value::Number(_) | Value::Bool(_)) => Ok(Text::Literal(scalar)),
            _ => Err(D::Error::custom("a scalar is wanted here: text, a number, `true` or `false`")),
        }
    }
}

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "number", "boolean"],
            "pattern": crate::schema::EXPRESSIONS,
            "description": "A scalar; `${name.offer}` in text stands for what a construct offers, `$${` for a literal `${`.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &Result<Text, &str>) {
        match (Text::parse(text), expected) {
            (Ok(text), Ok(expected)) => assert_eq!(&text, expected),
            (Err(error), Err(expected)) => assert!(error.contains(expected), "{error}"),
            (got, _) => panic!("{text}: {got:?}"),
        }
    }

    #[test]
    fn references_are_found_and_escapes_kept() {
        check("plain", &Ok(Text::Literal("plain".into())));
        check("a $${b}", &Ok(Text::Literal("a ${b}".into())));
        check(
            "below ${parameters.x}!",
            &Ok(Text::Pieces(vec![
                Piece::Literal("below ".into()),
                Piece::Reference("parameters.x".into()),
                Piece::Literal("!".into()),
            ])),
        );
        check("${open", &Err("not closed"));
        check("${ }", &Err("nothing stands"));
    }
}
