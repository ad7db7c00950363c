//! A document that a template holds as text, and where each part of it stands.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;

use super::super::Node;
use super::super::functions::{SubPart, call, sub_places};
use super::under;
use crate::diag::{Code, Diagnostic, Issue, Label, Pointer};
use crate::source::{self, Characters, Places, SourceFile};

/// The text of a document. What only the deployment knows stands in it as `${…}`, in quotes where it has none.
#[derive(Debug)]
pub(super) struct Text {
    whole: String,
    parts: Vec<Part>,
    /// Where the whole stands.
    at: Pointer,
    /// Where the first `${…}` stands that had no quotes.
    bare: Option<usize>,
    quoted: bool,
    escaped: bool,
    substituted: bool,
    characters: RefCell<BTreeMap<Pointer, Option<Characters>>>,
}

/// A part of a text, up to the next.
#[derive(Debug)]
struct Part {
    start: usize,
    /// The scalar or the function that says it.
    at: Pointer,
    /// The bytes of the scalar that say it, if a scalar does.
    from: Option<Range<usize>>,
    /// Whether it stands for something else.
    hole: bool,
}

/// Every text that a value may be; none for what is no text, or is given as a whole by something else. `own` says that
/// the property knows `${…}` itself.
pub(super) fn texts(node: &Node<'_>, own: bool) -> Vec<Text> {
    let Some((name, argument)) = call(node.value) else {
        let Value::String(text) = node.value else { return Vec::new() };
        let mut found = Text::new(&node.at);
        if own {
            found.substitute(text, &node.at);
        } else {
            found.literal(text, &node.at, 0);
        }
        return vec![found];
    };
    let at = node.at.key(name);
    match (name, argument) {
        ("Fn::If", Value::Array(items)) => {
            let branches = items.iter().enumerate().skip(1);
            branches.flat_map(|(n, item)| texts(&Node::new(item, at.index(n)), own)).collect()
        }
        ("Fn::Sub" | "Fn::Join", _) => {
            let mut found = Text::new(&node.at);
            found.add(node);
            if found.whole.is_empty() { Vec::new() } else { vec![found] }
        }
        _ => Vec::new(),
    }
}

impl Text {
    fn new(at: &Pointer) -> Text {
        Text {
            whole: String::new(),
            parts: Vec::new(),
            at: at.clone(),
            bare: None,
            quoted: false,
            escaped: false,
            substituted: false,
            characters: RefCell::default(),
        }
    }

    /// The document.
    pub(super) fn text(&self) -> &str {
        &self.whole
    }

    fn add(&mut self, node: &Node<'_>) {
        match (call(node.value), node.value) {
            (Some((name @ "Fn::Sub", argument)), _) => {
                self.substituted = true;
                let at = node.at.key(name);
                match (argument, argument.get(0)) {
                    (Value::String(text), _) => self.substitute(text, &at),
                    (_, Some(Value::String(text))) => self.substitute(text, &at.index(0)),
                    _ => self.hole("…", &node.at, None),
                }
            }
            (Some((name @ "Fn::Join", Value::Array(both))), _) => {
                let at = node.at.key(name);
                let [Value::String(separator), Value::Array(items)] = both.as_slice() else {
                    return self.hole("…", &node.at, None);
                };
                self.substituted = true;
                for (n, item) in items.iter().enumerate() {
                    if n > 0 && !separator.is_empty() {
                        self.literal(separator, &at.index(0), 0);
                    }
                    self.add(&Node::new(item, at.index(1).index(n)));
                }
            }
            (Some((_, argument)), _) => self.hole(argument.as_str().unwrap_or("…"), &node.at, None),
            (None, Value::String(text)) => self.literal(text, &node.at, 0),
            (None, scalar) => self.hole(&scalar.to_string(), &node.at, None),
        }
    }

    fn substitute(&mut self, text: &str, at: &Pointer) {
        for (part, place) in sub_places(text) {
            match part {
                SubPart::Text(text) => self.literal(text, at, place.start),
                SubPart::Variable(name) => self.hole(name, at, Some(place)),
            }
        }
    }

    /// Text that stands as it is, from a byte of a scalar on.
    fn literal(&mut self, text: &str, at: &Pointer, from: usize) {
        let from = Some(from..from + text.len());
        self.parts.push(Part { start: self.whole.len(), at: at.clone(), from, hole: false });
        for c in text.chars() {
            match c {
                _ if self.escaped => self.escaped = false,
                '\\' if self.quoted => self.escaped = true,
                '"' => self.quoted = !self.quoted,
                _ => {}
            }
        }
        self.whole.push_str(text);
    }

    /// What the deployment puts in.
    fn hole(&mut self, name: &str, at: &Pointer, from: Option<Range<usize>>) {
        let start = self.whole.len();
        self.parts.push(Part { start, at: at.clone(), from, hole: true });
        let name = name.replace(['"', '\\', '\n', '\r', '\t'], "");
        let text = if self.quoted { format!("${{{name}}}") } else { format!("\"${{{name}}}\"") };
        if !self.quoted {
            self.bare.get_or_insert(start);
        }
        self.whole.push_str(&text);
    }

    /// Why it is not JSON; nothing where that may be the matter of what the deployment puts in.
    pub(super) fn refused(
        &self,
        error: &serde_json::Error,
        property: &str,
        inner: &SourceFile,
        file: &SourceFile,
        places: &Places,
    ) -> Option<Diagnostic> {
        let start: usize =
            self.whole.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let at = inner.floor(start + error.column().saturating_sub(1));
        // An empty text is the property's matter.
        if self.bare.is_some_and(|bare| bare <= at) || self.whole.trim().is_empty() {
            return None;
        }
        let end = self.whole[at..].chars().next().map_or(at, |c| at + c.len_utf8());
        let text = error.to_string();
        let why = text.split(" at line ").next().unwrap_or_default();
        let message = format!("`{property}` is not JSON: {why}");
        let mut found = Diagnostic::new(Code::JsonSyntax, file.path(), message, at..end);
        "here".clone_into(&mut found.primary.text);
        let help = if !self.substituted && self.whole[at..].starts_with("${") {
            "put the text into `Fn::Sub`: in plain text `${…}` stands for itself"
        } else {
            "mend the text; `Fn::ToJsonString`, or a property that takes a mapping, writes it by itself"
        };
        found.help.push(help.to_owned());
        found.pointer = Some(self.at.clone());
        Some(self.outward(found, file, places))
    }

    /// What was found in the document, as it stands in the template.
    pub(super) fn outward(&self, found: Diagnostic, file: &SourceFile, places: &Places) -> Diagnostic {
        let mut found = found;
        let inner = found.pointer.take().filter(|pointer| *pointer != self.at);
        found.pointer = Some(inner.as_ref().map_or_else(|| self.at.clone(), |inner| under(&self.at, inner)));
        found.fix = found.fix.take().and_then(|mut fix| {
            let part = self.part(fix.span.start);
            fix.replacement = self.characters(&part.at, file, places, |all| all.written(&fix.replacement))?;
            fix.span = self.place(&fix.span, file, places).filter(|_| !part.hole)?;
            Some(fix)
        });
        let place = |span: &Range<usize>| self.place(span, file, places);
        let secondary = std::mem::take(&mut found.secondary);
        match place(&found.primary.span) {
            Some(span) => {
                found.primary.span = span;
                found.secondary = secondary
                    .into_iter()
                    .filter_map(|label| Some(Label { span: place(&label.span)?, text: label.text }))
                    .collect();
            }
            None => self.at_whole(&mut found, inner.as_ref(), places),
        }
        found
    }

    /// What was found in a document whose places are not known.
    pub(super) fn around(&self, issue: Issue, file: &SourceFile, places: &Places) -> Diagnostic {
        let inner = issue.pointer.clone();
        let outer = Issue { pointer: self.at.clone(), also: Vec::new(), fix: None, ..issue };
        let mut found = source::locate(outer, file, places);
        self.at_whole(&mut found, Some(&inner), places);
        found.pointer = Some(under(&self.at, &inner));
        found
    }

    fn at_whole(&self, found: &mut Diagnostic, inner: Option<&Pointer>, places: &Places) {
        found.primary.span = places.find(&self.at).value;
        if let Some(inner) = inner.filter(|inner| !inner.as_str().is_empty()) {
            found.notes.push(format!("it is at `{inner}` of the text"));
        }
    }

    fn part(&self, at: usize) -> &Part {
        let behind = self.parts.partition_point(|part| part.start <= at);
        &self.parts[behind.saturating_sub(1)]
    }

    /// The bytes of the file that say a range of the text; of what several scalars say, the first one's.
    fn place(&self, span: &Range<usize>, file: &SourceFile, places: &Places) -> Option<Range<usize>> {
        let first = self.part(span.start);
        let Some(from) = &first.from else { return Some(places.find(&first.at).value) };
        let last = self.part(span.end.max(span.start + 1) - 1);
        let inside = |part: &Part, at: usize| match &part.from {
            Some(from) if !part.hole => (from.start + (at - part.start)).min(from.end),
            Some(from) if at > part.start => from.end,
            Some(from) => from.start,
            None => 0,
        };
        let start = if first.hole { from.start } else { inside(first, span.start) };
        let end = if last.at == first.at { inside(last, span.end) } else { from.end };
        self.characters(&first.at, file, places, |all| all.place(&(start..end.max(start))))
    }

    fn characters<T>(
        &self,
        at: &Pointer,
        file: &SourceFile,
        places: &Places,
        ask: impl FnOnce(&Characters) -> Option<T>,
    ) -> Option<T> {
        let mut known = self.characters.borrow_mut();
        let found = known.entry(at.clone()).or_insert_with(|| places.characters(file, at));
        found.as_ref().and_then(ask)
    }
}
