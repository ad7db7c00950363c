//! What differs between the kinds of YAML that are read: their bounds, and what their tags mean.

use serde_json::{Number, Value};

use super::tree::{Kind, Tree};

/// A kind of YAML document.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    /// What messages call a file of it: `stack file`.
    pub name: &'static str,
    /// Mappings and lists inside each other.
    pub depth: usize,
    /// Mappings, lists and scalars, with every alias counted as often as it is used.
    pub nodes: usize,
    /// What a local tag (`!Ref`) is short for; none where tags mean nothing.
    pub short: Option<fn(&str) -> Short>,
}

/// What a tag is short for: a mapping with one key, whose value is what the tag stands at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Short {
    /// The key.
    pub key: String,
    /// The character at which text becomes a list of two.
    pub split: Option<char>,
}

/// The YAML of stack files. The reference workload has about 400 values.
pub const STACK_FILE: Dialect = Dialect { name: "stack file", depth: 48, nodes: 100_000, short: None };

/// A plain scalar as YAML's core schema reads it, with two exceptions that people rely on: digits with a leading zero
/// are an account and not a number, and a number that JSON cannot hold stays text.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

fn number(text: &str) -> Option<Number> {
    let mut forms = [("0x", 16), ("0o", 8)].into_iter();
    if let Some((digits, radix)) = forms.find_map(|(sign, radix)| Some((text.strip_prefix(sign)?, radix))) {
        let unsigned = digits.chars().all(|c| c.is_digit(radix));
        return u64::from_str_radix(digits, radix).ok().filter(|_| unsigned).map(Number::from);
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let first = digits.strip_prefix('.').unwrap_or(digits).chars().next()?;
    if !first.is_ascii_digit() || !digits.chars().all(|c| c.is_ascii_digit() || ".eE+-".contains(c)) {
        return None;
    }
    if digits.len() > 1 && digits.starts_with('0') && digits.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    if digits.chars().all(|c| c.is_ascii_digit()) {
        return text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from)).ok();
    }
    Number::from_f64(text.parse().ok()?)
}

impl Tree {
    /// The value of a node, aliases replaced by what they stand for; members in the order of the text.
    pub(super) fn value(&self, id: usize) -> Value {
        let node = self.node(self.target(id));
        match &node.kind {
            Kind::List(items) => items.iter().map(|item| self.value(*item)).collect(),
            Kind::Map(entries) => {
                entries.iter().map(|(key, entry)| (key.clone(), self.value(entry.value))).collect()
            }
            Kind::Null | Kind::Scalar | Kind::Block | Kind::Alias(_) => node.scalar.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_scalars() {
        for (text, value) in [
            ("~", json!(null)),
            ("True", json!(true)),
            ("yes", json!("yes")),
            ("12", json!(12)),
            ("-1.5e3", json!(-1500.0)),
            (".5", json!(0.5)),
            ("012345678901", json!("012345678901")),
            ("0", json!(0)),
            ("2012-10-17", json!("2012-10-17")),
            ("1.2.3", json!("1.2.3")),
            ("99999999999999999999", json!("99999999999999999999")),
            ("1e999", json!("1e999")),
            ("0x1F", json!(31)),
            ("0xyz", json!("0xyz")),
            ("0o17", json!(15)),
            ("0x+1", json!("0x+1")),
            ("e5", json!("e5")),
            (".", json!(".")),
        ] {
            assert_eq!(plain(text), value, "{text}");
        }
    }
}
