//! JSON as Python's `json.dumps` writes it, by default: what AWS's SDK hands to training containers.

use std::fmt::Write as _;

use serde_json::{Number, Value};

/// The value as text: spaces after `,` and `:`, and ASCII only.
pub fn python_json(value: &Value) -> String {
    let mut out = String::new();
    write_json(value, &mut out);
    out
}

/// A text as JSON: in quotes, ASCII only.
pub fn python_text(text: &str) -> String {
    let mut out = String::new();
    write_string(text, &mut out);
    out
}

fn write_json(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => write_string(text, out),
        Value::Number(number) if number.is_f64() => write_float(number, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write_json(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (index, (key, member)) in members.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write_string(key, out);
                out.push_str(": ");
                write_json(member, out);
            }
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// Python writes exponents below 1e-4 and from 1e16 on, with a sign and two digits: `1e-05`.
fn write_float(number: &Number, out: &mut String) {
    let value = number.as_f64().unwrap_or_default();
    if value == 0.0 || (1e-4..1e16).contains(&value.abs()) {
        out.push_str(&number.to_string());
        return;
    }
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    write!(out, "{mantissa}e{sign}{digits:0>2}").expect("text takes any text");
}

fn write_string(text: &str, out: &mut String) {
    for c in Value::from(text).to_string().chars() {
        if (' '..='~').contains(&c) {
            out.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                write!(out, "\\u{unit:04x}").expect("text takes any text");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The expected texts are what Python 3.11's `json.dumps` says.
    #[test]
    fn json_is_written_as_python_writes_it() {
        for (value, expected) in [
            (json!(100), "100"),
            (json!(0.001), "0.001"),
            (json!(1.0), "1.0"),
            (json!(0.00001), "1e-05"),
            (json!(1.5e-7), "1.5e-07"),
            (json!(1e22), "1e+22"),
            (json!(true), "true"),
            (json!(null), "null"),
            (json!("a \"b\" é 😀"), r#""a \"b\" \u00e9 \ud83d\ude00""#),
            (json!("\u{7f}"), r#""\u007f""#),
            (json!([1, 2, { "a": [] }]), r#"[1, 2, {"a": []}]"#),
        ] {
            assert_eq!(python_json(&value), expected);
        }
    }
}
