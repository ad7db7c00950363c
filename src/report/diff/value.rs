//! Values and places as people read them, cut where they are long; what is cut is said.

use serde_json::Value;

/// Characters that are shown around a difference within long texts.
const AROUND: usize = 16;

/// A place without what every place in a resource begins with.
pub(super) fn place(path: &str) -> &str {
    path.strip_prefix("Properties.").unwrap_or(path)
}

/// A value in one line: text as it is, functions of templates in their short form, the rest as JSON.
pub(super) fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Object(members) if members.len() == 1 => {
            let function = members.iter().next().and_then(|(name, argument)| function(name, argument));
            function.unwrap_or_else(|| value.to_string())
        }
        value => value.to_string(),
    };
    if text.is_empty() { "\"\"".to_owned() } else { printable(&text) }
}

fn function(name: &str, argument: &Value) -> Option<String> {
    match (name, argument) {
        ("Ref", Value::String(name)) => Some(format!("!Ref {name}")),
        ("Fn::Sub", Value::String(text)) => Some(format!("!Sub {text}")),
        ("Fn::GetAtt", Value::String(path)) => Some(format!("!GetAtt {path}")),
        ("Fn::GetAtt", Value::Array(parts)) => {
            let parts: Option<Vec<_>> = parts.iter().map(Value::as_str).collect();
            Some(format!("!GetAtt {}", parts?.join(".")))
        }
        _ => None,
    }
}

/// Text without what would move a terminal's cursor or turn the direction of reading.
pub(crate) fn printable(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => ' ',
            c if hidden(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// A text of at most that many characters, and how many more there are.
pub(crate) fn cut(text: &str, room: usize) -> String {
    let count = text.chars().count();
    if count <= room {
        return text.to_owned();
    }
    let head: String = text.chars().take(room).collect();
    format!("{head}… ({} more characters)", count - room)
}

/// Both sides of a change, cut around where they differ: `…` stands for what is the same in both.
pub(super) fn sides(before: &str, after: &str, room: usize) -> (String, String) {
    let (a, b): (Vec<char>, Vec<char>) = (before.chars().collect(), after.chars().collect());
    if a.len() <= room && b.len() <= room {
        return (before.to_owned(), after.to_owned());
    }
    let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let rest = a.len().min(b.len()) - same;
    let tail = a.iter().rev().zip(b.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let start = if same > 2 * AROUND { same - AROUND } else { 0 };
    let end = if tail > 2 * AROUND { tail - AROUND } else { 0 };
    let one = |side: &[char]| {
        let middle: String = side.get(start..side.len() - end).unwrap_or_default().iter().collect();
        let dots = |cut: usize| if cut > 0 { "…" } else { "" };
        format!("{}{}{}", dots(start), cut(&middle, room), dots(end))
    };
    (one(&a), one(&b))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn functions_are_written_short() {
        for (value, expected) in [
            (json!({ "Ref": "A" }), "!Ref A"),
            (json!({ "Fn::GetAtt": ["A", "Arn"] }), "!GetAtt A.Arn"),
            (json!({ "Fn::Sub": "${A}/x" }), "!Sub ${A}/x"),
            (json!({ "Fn::Sub": ["a", {}] }), r#"{"Fn::Sub":["a",{}]}"#),
            (json!(""), "\"\""),
            (json!("a\n\u{1b}[2J\u{202e}b"), "a \u{fffd}[2J\u{fffd}b"),
            (json!([1]), "[1]"),
        ] {
            assert_eq!(shown(&value), expected);
        }
    }

    #[test]
    fn long_values_are_cut_around_what_differs() {
        let (head, tail) = ("h".repeat(100), "t".repeat(100));
        let (a, b) = sides(&format!("{head}old{tail}"), &format!("{head}new{tail}"), 60);
        let around = |word: &str| format!("…{}{word}{}…", "h".repeat(AROUND), "t".repeat(AROUND));
        assert_eq!((a, b), (around("old"), around("new")));
        assert_eq!(cut(&head, 10), format!("{}… (90 more characters)", "h".repeat(10)));
        assert_eq!(sides("aaaa", "aa", 3), ("aaa… (1 more characters)".to_owned(), "aa".to_owned()));
    }
}
