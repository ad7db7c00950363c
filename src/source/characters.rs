//! Where each character of a scalar stands in the file: through escapes, quotes, indents and folded lines.

use std::iter::Peekable;
use std::ops::Range;
use std::str::Chars;

use serde_json::Value;

use super::{Places, SourceFile};
use crate::diag::Pointer;

/// The characters of one scalar, and the bytes that say them.
#[derive(Debug, Clone)]
pub struct Characters {
    /// For each character that is no white space: its byte in the scalar, and its bytes in the file.
    marks: Vec<(usize, Range<usize>)>,
    style: Style,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Double,
    Single,
    /// Under `|` or `>`, or without quotes.
    Bare,
}

impl Places {
    /// The characters of the scalar at a pointer; none where there is no scalar that this document has read itself, or
    /// where they cannot be found.
    pub fn characters(&self, file: &SourceFile, pointer: &Pointer) -> Option<Characters> {
        let place = self.find(pointer);
        let Value::String(text) = self.scalar(pointer)? else { return None };
        if !place.exact {
            return None;
        }
        Characters::new(file.text().get(place.value.clone())?, place.value.start, text)
    }
}

impl Characters {
    /// `raw` is what the file says at byte `start`, `text` what is read from it.
    fn new(raw: &str, start: usize, text: &str) -> Option<Characters> {
        let style = match raw.chars().next()? {
            '"' => Style::Double,
            '\'' => Style::Single,
            _ => Style::Bare,
        };
        let mut said = said(raw, style).into_iter().filter(|(c, _)| !c.is_whitespace());
        let mut marks = Vec::with_capacity(text.len());
        for (at, c) in text.char_indices().filter(|(_, c)| !c.is_whitespace()) {
            let (read, place) = said.next()?;
            if read != c {
                return None;
            }
            marks.push((at, start + place.start..start + place.end));
        }
        Some(Characters { marks, style })
    }

    /// The bytes of the file that say a range of the scalar's bytes; white space at its ends is left out. A range of
    /// nothing but that is the place of what follows.
    pub fn place(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let first = self.marks.partition_point(|(at, _)| *at < range.start);
        let behind = self.marks.partition_point(|(at, _)| *at < range.end);
        if first < behind {
            return Some(self.marks[first].1.start..self.marks[behind - 1].1.end);
        }
        let next = self.marks.get(first).map(|(_, place)| place.start);
        let at = next.or_else(|| self.marks.last().map(|(_, place)| place.end))?;
        Some(at..at)
    }

    /// Text as it would have to be written within the scalar.
    pub fn written(&self, text: &str) -> Option<String> {
        match self.style {
            _ if text.contains(['\n', '\r']) => None,
            Style::Double => Some(text.replace('\\', "\\\\").replace('"', "\\\"")),
            Style::Single => Some(text.replace('\'', "''")),
            Style::Bare => Some(text.to_owned()),
        }
    }
}

/// The characters that a scalar's text says, with their places in it. White space is not as YAML folds it.
fn said(raw: &str, style: Style) -> Vec<(char, Range<usize>)> {
    let (body, offset) = match style {
        Style::Bare => {
            // The header of a block: `|`, `>-`, `|2+`.
            let header = raw.starts_with(['|', '>']).then(|| raw.find('\n').map_or(raw.len(), |at| at + 1));
            let header = header.unwrap_or(0);
            (&raw[header..], header)
        }
        Style::Double | Style::Single => {
            let end = if raw.len() > 1 && raw.ends_with(['"', '\'']) { raw.len() - 1 } else { raw.len() };
            (&raw[1..end], 1)
        }
    };
    let mut found = Vec::with_capacity(body.len());
    let mut rest = body.chars().peekable();
    let mut at = offset;
    while let Some(c) = rest.next() {
        let begun = at;
        at += c.len_utf8();
        let read = match (style, c) {
            (Style::Single, '\'') if rest.next_if_eq(&'\'').is_some() => {
                at += 1;
                Some('\'')
            }
            (Style::Double, '\\') => escape(&mut rest, &mut at),
            _ => Some(c),
        };
        found.extend(read.map(|read| (read, begun..at)));
    }
    found
}

/// What follows a `\`. A line break says nothing.
fn escape(rest: &mut Peekable<Chars<'_>>, at: &mut usize) -> Option<char> {
    let c = rest.next()?;
    *at += c.len_utf8();
    let digits = match c {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        '0' => return Some('\0'),
        'a' => return Some('\u{7}'),
        'b' => return Some('\u{8}'),
        'e' => return Some('\u{1b}'),
        't' | 'n' | 'v' | 'f' | 'r' | 'N' | '_' | 'L' | 'P' => return Some(' '),
        other => return (!other.is_whitespace()).then_some(other),
    };
    let first = hexadecimal(rest, at, digits)?;
    if !(0xD800..0xDC00).contains(&first) {
        return char::from_u32(first);
    }
    // JSON writes what is beyond 16 bits as two.
    rest.next_if_eq(&'\\')?;
    rest.next_if_eq(&'u')?;
    *at += 2;
    let second = hexadecimal(rest, at, 4)?.checked_sub(0xDC00)?;
    char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + second)
}

fn hexadecimal(rest: &mut Peekable<Chars<'_>>, at: &mut usize, digits: usize) -> Option<u32> {
    let mut number = 0;
    for _ in 0..digits {
        let digit = rest.next()?;
        *at += digit.len_utf8();
        number = number * 16 + digit.to_digit(16)?;
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Dialect, parse_as};

    /// Where `word` of the scalar at `/a` stands in the file.
    fn check(text: &str, word: &str, expected: Option<&str>) {
        let file = SourceFile::new("a.yaml", text);
        let short = |tag: &str| crate::source::Short { key: tag.to_owned(), split: None };
        let dialect = Dialect { name: "file", depth: 9, nodes: 99, short: Some(short) };
        let document = parse_as(&file, dialect).expect(text);
        let scalar = document.value["a"].as_str().expect(text).to_owned();
        let at = scalar.find(word).unwrap_or_else(|| panic!("{word} is not in {scalar:?}"));
        let characters = document.places.characters(&file, &Pointer::root().key("a"));
        let place = characters.and_then(|all| all.place(&(at..at + word.len())));
        assert_eq!(place.map(|place| &file.text()[place]), expected, "{text}");
    }

    #[test]
    fn characters_are_found_in_every_style() {
        check("a: one two\n", "two", Some("two"));
        check("a: one\n  two\n", "two", Some("two"));
        check("a: 'it''s two'\n", "it's", Some("it''s"));
        check("a: \"x \\\"two\\\" \\u00e9\"\n", "\"two\"", Some("\\\"two\\\""));
        check("a: \"x \\\"two\\\" \\u00e9\"\n", "é", Some("\\u00e9"));
        check("a: \"one\\n  two \\\n   three\"\n", "three", Some("three"));
        check("a: |\n  {\n    \"b\": 1\n  }\nc: 2\n", "\"b\": 1", Some("\"b\": 1"));
        check("a: >-\n  one\n  two\n\n  three\nc: 2\n", "three", Some("three"));
        check("{\"a\": \"\\/x\\ttwo\"}", "/x", Some("\\/x"));
    }
}
