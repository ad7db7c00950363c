//! Parser events become a tree of places; what is not the dialect's YAML is refused on the way.

use std::collections::HashMap;
use std::ops::Range;

use indexmap::IndexMap;
use indexmap::map::Entry as MapEntry;
use serde_saphyr::granit_parser::{self as yaml, Event, Parser, ScalarStyle, StructureStyle, Tag};

use serde_json::Value;

use super::SourceFile;
use super::dialect::{self, Dialect, Short};
use super::tree::{Entry, Kind, Node, Size, Tree};
use crate::diag::{Code, Diagnostic, Label};

/// Bytes of scalars, with every alias counted as often as it is used.
pub(super) const MAX_TEXT: usize = 16 * 1024 * 1024;
/// Problems after which the walk stops.
const MAX_PROBLEMS: usize = 200;

/// Reads the whole text; collects every problem that does not end the walk.
pub(super) fn build(file: &SourceFile, dialect: Dialect) -> (Tree, Vec<Diagnostic>) {
    let options = yaml::options! { emit_unresolved_aliases: true, flow_nesting_limit: dialect.depth };
    let mut builder = Builder {
        file,
        dialect,
        tree: Tree::default(),
        frames: Vec::new(),
        anchors: HashMap::new(),
        problems: Vec::new(),
        total: Size::default(),
        documents: 0,
    };
    for event in Parser::new_from_str_with_options(file.text(), options) {
        let go_on = match event {
            Ok((event, span)) => {
                let start = file.floor(span.start.byte_offset().unwrap_or(0));
                let end = file.floor(span.end.byte_offset().unwrap_or(start)).max(start);
                builder.event(event, start..end)
            }
            Err(error) => {
                builder.syntax(&error);
                false
            }
        };
        if !go_on || builder.problems.len() >= MAX_PROBLEMS {
            break;
        }
    }
    if builder.problems.is_empty() && builder.documents == 0 {
        builder.problems.push(super::nothing(file, dialect));
    }
    (builder.tree, builder.problems)
}

/// What mends most of what the parser complains about in these words.
fn way_out(info: &str) -> Option<&'static str> {
    const WAYS: [(&str, &str); 7] = [
        (
            "mapping values are not allowed",
            "a key begins its own line; a value that has `: ` in it wants quotes",
        ),
        (
            "flow mapping, did not find",
            "a comma stands between two entries; a value that has `: ` in it wants quotes",
        ),
        (
            "flow sequence, did not find",
            "a comma stands between two items; an item that has `: ` in it wants quotes",
        ),
        (
            "unclosed bracket",
            "the bracket that opens here is never closed: is one missing at the end of the line?",
        ),
        (
            "unclosed quote",
            "the quote that opens here is never closed: is one missing at the end of the line?",
        ),
        ("did not find expected key", "the keys of one mapping begin in the same column"),
        ("did not find expected '-'", "the items of one list begin in the same column, each with `- `"),
    ];
    WAYS.iter().find(|(words, _)| info.contains(words)).map(|(_, help)| *help)
}

/// The tag of YAML's core schema, without its handle.
fn core(tag: Option<&Tag>) -> Option<&'static str> {
    const CORE: [&str; 7] = ["str", "int", "float", "bool", "null", "map", "seq"];
    let tag = tag.filter(|tag| tag.handle() == "tag:yaml.org,2002:")?;
    CORE.into_iter().find(|name| *name == tag.suffix())
}

/// A mapping or list that has begun and not ended.
struct Frame {
    node: usize,
    map: bool,
    flow: bool,
    /// The key that waits for its value.
    key: Option<Key>,
    /// It stands where a key should.
    is_key: bool,
    anchor: usize,
    /// What its tag is short for, and where that stands.
    short: Option<(Short, Range<usize>)>,
    merges: Vec<usize>,
    merged: Option<Range<usize>>,
}

/// A mapping's key.
enum Key {
    Text(String, Range<usize>),
    Merge(Range<usize>),
    /// Reported already; its value is read and forgotten.
    Refused,
}

struct Builder<'a> {
    file: &'a SourceFile,
    dialect: Dialect,
    tree: Tree,
    frames: Vec<Frame>,
    anchors: HashMap<usize, usize>,
    problems: Vec<Diagnostic>,
    total: Size,
    documents: usize,
}

impl Builder<'_> {
    /// Whether to go on.
    fn event(&mut self, event: Event<'_>, span: Range<usize>) -> bool {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.problem(
                        Code::YamlDocuments,
                        "more than one YAML document",
                        span,
                        "a second one begins here",
                    )
                    .help
                    .push(
                        "keep one per file: remove the `---`, or move what follows into a file of its own"
                            .into(),
                    );
                    return false;
                }
                true
            }
            Event::Scalar(text, style, anchor, tag) => {
                let short = self.tag(tag.as_deref(), &span);
                let of = core(tag.as_deref());
                let span = self.scalar_span(&text, style, span);
                if self.wants_key() {
                    self.key(&text, style, anchor, span);
                    return true;
                }
                let null = style == ScalarStyle::Plain
                    && matches!(&*text, "" | "~" | "null" | "Null" | "NULL")
                    && tag.is_none();
                let kind = match style {
                    _ if null => Kind::Null,
                    ScalarStyle::Literal | ScalarStyle::Folded => Kind::Block,
                    _ => Kind::Scalar,
                };
                let size = Size { nodes: 1, text: text.len(), height: 0 };
                if !self.spend(size, &span) {
                    return false;
                }
                let node = self.push(kind, size, span, false);
                self.tree.nodes[node].scalar = match of {
                    Some(kind) => self.tagged(&text, kind, node),
                    None if style == ScalarStyle::Plain && tag.is_none() => dialect::plain(&text),
                    None => Value::String(text.into_owned()),
                };
                self.finish(node, anchor, short)
            }
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::UnresolvedAlias(name) => {
                let message = format!("`*{name}` names no anchor");
                self.problem(Code::YamlSyntax, message, span.clone(), "nothing above is marked so")
                    .help
                    .push(format!("write `&{name}` before the value that is meant, above this line"));
                if self.wants_key() {
                    self.set_key(Key::Refused);
                    return true;
                }
                self.leaf(Kind::Null, Size { nodes: 1, ..Size::default() }, span)
            }
            Event::SequenceStart(style, anchor, tag) => {
                let short = self.tag(tag.as_deref(), &span);
                self.open(Kind::List(Vec::new()), style, anchor, short, span)
            }
            Event::MappingStart(style, anchor, tag) => {
                let short = self.tag(tag.as_deref(), &span);
                self.open(Kind::Map(IndexMap::new()), style, anchor, short, span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span.end),
            _ => true,
        }
    }

    fn problem(
        &mut self,
        code: Code,
        message: impl Into<String>,
        span: Range<usize>,
        label: impl Into<String>,
    ) -> &mut Diagnostic {
        let mut diagnostic = Diagnostic::new(code, self.file.path(), message, span);
        diagnostic.primary.text = label.into();
        self.problems.push(diagnostic);
        self.problems.last_mut().expect("one was pushed")
    }

    fn syntax(&mut self, error: &yaml::ScanError) {
        let at = self.file.floor(error.marker().byte_offset().unwrap_or(self.file.text().len()));
        let line = self.file.line_of(at);
        let tab = line.start + self.file.text()[line.clone()].find(|c| c != ' ').unwrap_or(0);
        if self.file.text()[tab..].starts_with('\t') && at >= tab {
            self.problem(Code::YamlSyntax, "a tab indents this line", tab..tab + 1, "a tab")
                .help
                .push("YAML wants spaces: put two for each level".into());
            return;
        }
        if *error.kind() == yaml::ErrorKind::RecursionLimitExceeded {
            self.too_deep(at..at);
            return;
        }
        let end = at + self.file.text()[at..].chars().next().map_or(0, char::len_utf8);
        let info = error.info();
        // The parser quotes characters as 'x'; messages here quote them as `x`.
        let message = format!("this is not YAML: {}", info.replace('\'', "`"));
        let help = way_out(&info);
        let problem = self.problem(Code::YamlSyntax, message, at..end, "here");
        problem.help.extend(help.map(str::to_owned));
    }

    fn too_deep(&mut self, span: Range<usize>) {
        let Dialect { depth, name, .. } = self.dialect;
        let message = format!("mappings and lists are nested more than {depth} deep");
        self.problem(Code::YamlBudget, message, span, "the limit is reached here")
            .help
            .push(format!("no {name} needs that: is a bracket left open above?"));
    }

    /// What a tag is short for. Else only the tags of YAML's own core schema mean anything here.
    fn tag(&mut self, tag: Option<&Tag>, span: &Range<usize>) -> Option<(Short, Range<usize>)> {
        let tag = tag?;
        let written = tag.to_string();
        if core(Some(tag)).is_some() || written == "!" {
            return None;
        }
        // The span is the value's; the tag stands before it.
        let before = &self.file.text()[..span.start];
        let at = before.trim_end().rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let at = if before[at..].starts_with('!') { at..before.trim_end().len() } else { span.clone() };
        let shown = self.file.text().get(at.clone()).filter(|text| text.starts_with('!'));
        let shown = shown.unwrap_or(&written).to_owned();
        let help = match self.dialect.short {
            Some(short) if tag.handle() == "!" && !self.wants_key() => {
                return Some((short(tag.suffix()), at));
            }
            Some(_) => "remove it, or write the function's name out: `Fn::…: value`",
            None => "remove it: a stack file has plain values, and references are written `${…}`",
        };
        let message = format!("the tag `{shown}` means nothing here");
        self.problem(Code::YamlTag, message, at, "unknown tag").help.push(help.to_owned());
        None
    }

    /// What a scalar says under a tag of the core schema.
    fn tagged(&mut self, text: &str, kind: &str, node: usize) -> Value {
        let value = dialect::plain(text);
        let fits = match (kind, &value) {
            ("str", _) => return Value::String(text.to_owned()),
            ("int", Value::Number(number)) => !number.is_f64(),
            ("float", Value::Number(_)) | ("bool", Value::Bool(_)) | ("null", Value::Null) => true,
            _ => false,
        };
        if !fits {
            let span = self.tree.nodes[node].span.clone();
            let message = format!("`{text}` is not what its tag `!!{kind}` says");
            self.problem(Code::YamlSyntax, message, span, format!("no {kind}"))
                .help
                .push("remove the tag: what a value is shows without one".to_owned());
        }
        value
    }

    /// Where a scalar shows: not on the line after it, and not nowhere.
    fn scalar_span(&self, text: &str, style: ScalarStyle, span: Range<usize>) -> Range<usize> {
        let source = self.file.text();
        if style == ScalarStyle::Plain && text.is_empty() || span.is_empty() {
            let after_key = match self.frames.last().and_then(|frame| frame.key.as_ref()) {
                Some(Key::Text(_, key) | Key::Merge(key)) => source[key.end..]
                    .find(|c| c != ' ')
                    .filter(|&gap| source[key.end + gap..].starts_with(':'))
                    .map(|gap| key.end + gap + 1),
                _ => None,
            };
            let at = after_key.unwrap_or_else(|| source[..span.start].trim_end().len());
            return at..at;
        }
        span.start..span.start + source[span].trim_end().len()
    }

    fn wants_key(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.map && frame.key.is_none())
    }

    fn set_key(&mut self, key: Key) {
        if let Some(frame) = self.frames.last_mut() {
            frame.key = Some(key);
        }
    }

    fn key(&mut self, text: &str, style: ScalarStyle, anchor: usize, span: Range<usize>) {
        if anchor != 0 {
            let size = Size { nodes: 1, text: text.len(), height: 0 };
            let node = self.push(Kind::Scalar, size, span.clone(), false);
            self.tree.nodes[node].scalar = match style {
                ScalarStyle::Plain => dialect::plain(text),
                _ => Value::String(text.to_owned()),
            };
            self.anchors.insert(anchor, node);
        }
        let frame = self.frames.last_mut().expect("a key is read inside a mapping");
        let merge = text == "<<" && style == ScalarStyle::Plain;
        let first = match &self.tree.nodes[frame.node].kind {
            Kind::Map(_) if merge => frame.merged.clone(),
            Kind::Map(entries) => entries.get(text).map(|entry| entry.key.clone()),
            _ => None,
        };
        frame.key = Some(match (&first, merge) {
            (Some(_), _) => Key::Refused,
            (None, true) => Key::Merge(span.clone()),
            (None, false) => Key::Text(text.to_owned(), span.clone()),
        });
        if merge {
            frame.merged.get_or_insert(span.clone());
        }
        if let Some(first) = first {
            let message = format!("the key `{text}` is given twice");
            let help = if merge {
                "merge several mappings by one list: `<<: [*first, *second]`"
            } else {
                "keep one of the two, or rename one"
            };
            let problem = self.problem(Code::YamlDuplicateKey, message, span, "the second");
            problem.secondary.push(Label { span: first, text: "the first".to_owned() });
            problem.help.push(help.to_owned());
        }
    }

    fn complex_key(&mut self, span: Range<usize>) {
        self.problem(Code::YamlComplexKey, "a key must be plain text", span, "not plain text").help.push(
            "write the key as a word; if this was meant as a reference, quote it: `\"${name.thing}\"`".into(),
        );
    }

    fn alias(&mut self, anchor: usize, span: Range<usize>) -> bool {
        if self.wants_key() {
            self.complex_key(span);
            self.set_key(Key::Refused);
            return true;
        }
        let Some(&target) = self.anchors.get(&anchor) else { return true };
        if self.tree.nodes[target].open {
            let message = "an alias stands inside what it names, which would never end";
            let first = self.tree.nodes[target].span.start;
            let first = first..self.file.line_of(first).end.max(first);
            let problem = self.problem(Code::YamlBudget, message, span, "refers to what it is part of");
            problem.secondary.push(Label { span: first, text: "this one".to_owned() });
            problem.help.push("name a value that is complete above this line".into());
            return false;
        }
        let size = self.tree.nodes[target].size;
        self.leaf(Kind::Alias(target), size, span)
    }

    fn push(&mut self, kind: Kind, size: Size, span: Range<usize>, open: bool) -> usize {
        self.tree.nodes.push(Node { span, kind, size, scalar: Value::Null, open });
        self.tree.nodes.len() - 1
    }

    /// A node that is complete at once, without anchor and tag.
    fn leaf(&mut self, kind: Kind, size: Size, span: Range<usize>) -> bool {
        if !self.spend(size, &span) {
            return false;
        }
        let node = self.push(kind, size, span, false);
        self.attach(node);
        true
    }

    /// A node is complete: what its tag is short for is put around it, its anchor names the whole, and it goes where
    /// it belongs.
    fn finish(&mut self, mut node: usize, anchor: usize, short: Option<(Short, Range<usize>)>) -> bool {
        if let Some((short, at)) = short {
            if !self.spend(Size { nodes: 1, text: 0, height: self.tree.nodes[node].size.height + 1 }, &at) {
                return false;
            }
            node = self.expand(node, short, at);
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node);
        }
        self.attach(node);
        true
    }

    /// `!Ref name` as `{ Ref: name }`, `!GetAtt a.b` as `{ Fn::GetAtt: [a, b] }`.
    fn expand(&mut self, node: usize, short: Short, at: Range<usize>) -> usize {
        if matches!(self.tree.nodes[node].kind, Kind::Null) {
            // After a tag nothing is the empty text.
            self.tree.nodes[node].kind = Kind::Scalar;
        }
        let Node { span, size, scalar, .. } = &self.tree.nodes[node];
        let (whole, size) = (at.start..span.end.max(at.end), *size);
        let halves = short.split.and_then(|separator| {
            let (left, right) = scalar.as_str()?.split_once(separator)?;
            // In quotes with escapes the halves cannot be found in the text: each then has the whole's place.
            let middle = self.file.text()[span.clone()].find(separator);
            let (first, second) = match middle {
                Some(middle) => (span.start..span.start + middle, span.start + middle + 1..span.end),
                None => (span.clone(), span.clone()),
            };
            Some([(left.to_owned(), first), (right.to_owned(), second)])
        });
        let mut inner = node;
        if let Some(halves) = halves {
            let span = self.tree.nodes[node].span.clone();
            let items = halves.map(|(text, span)| {
                let half =
                    self.push(Kind::Scalar, Size { nodes: 1, text: text.len(), height: 0 }, span, false);
                self.tree.nodes[half].scalar = Value::String(text);
                half
            });
            inner = self.push(Kind::List(items.to_vec()), Size { height: 1, ..size }, span, false);
        }
        let mut around = Size { nodes: 1, text: 0, height: 0 };
        around.hold(self.tree.nodes[inner].size);
        let entry = Entry { key: at, value: inner, via: None };
        self.push(Kind::Map(IndexMap::from([(short.key, entry)])), around, whole, false)
    }

    fn open(
        &mut self,
        kind: Kind,
        style: StructureStyle,
        anchor: usize,
        short: Option<(Short, Range<usize>)>,
        span: Range<usize>,
    ) -> bool {
        let size = Size { nodes: 1, text: 0, height: 0 };
        if !self.spend(size, &span) {
            return false;
        }
        let is_key = self.wants_key();
        if is_key {
            self.complex_key(span.clone());
        }
        let map = matches!(kind, Kind::Map(_));
        let node = self.push(kind, size, span, true);
        if anchor != 0 {
            self.anchors.insert(anchor, node);
        }
        let flow = style == StructureStyle::Flow;
        let merges = Vec::new();
        self.frames.push(Frame { node, map, flow, key: None, is_key, anchor, short, merges, merged: None });
        true
    }

    fn close(&mut self, end: usize) -> bool {
        let Some(frame) = self.frames.pop() else { return true };
        let node = &mut self.tree.nodes[frame.node];
        node.open = false;
        if frame.flow {
            node.span.end = end.max(node.span.start);
        }
        for merge in frame.merges {
            self.inherit(frame.node, merge);
        }
        if frame.is_key {
            self.set_key(Key::Refused);
            return true;
        }
        self.finish(frame.node, frame.anchor, frame.short)
    }

    /// Counts what a node adds, and refuses what is beyond the bounds.
    fn spend(&mut self, size: Size, span: &Range<usize>) -> bool {
        self.total.nodes = self.total.nodes.saturating_add(size.nodes);
        self.total.text = self.total.text.saturating_add(size.text);
        let Dialect { depth, nodes, name, .. } = self.dialect;
        if self.frames.len() + size.height >= depth {
            self.too_deep(span.clone());
            return false;
        }
        let (message, help) = if self.total.nodes > nodes {
            (
                format!(
                    "the file comes to more than {nodes} values, counting each alias as what it stands for"
                ),
                format!("split it into several {name}s, and let no alias hold lists of aliases"),
            )
        } else if self.total.text > MAX_TEXT {
            (
                format!(
                    "the file comes to more than {} MiB of text, counting each alias as what it stands for",
                    MAX_TEXT >> 20
                ),
                format!("keep long text in files beside the {name}, and use fewer aliases of it"),
            )
        } else {
            return true;
        };
        self.problem(Code::YamlBudget, message, span.clone(), "the limit is reached here").help.push(help);
        false
    }

    /// Puts a complete node into what holds it.
    fn attach(&mut self, node: usize) {
        let Node { ref span, size, .. } = self.tree.nodes[node];
        let span = span.clone();
        let Some(frame) = self.frames.last_mut() else {
            self.tree.root.get_or_insert(node);
            return;
        };
        let holder = &mut self.tree.nodes[frame.node];
        holder.size.hold(size);
        holder.span.end = holder.span.end.max(span.end);
        match &mut holder.kind {
            Kind::List(items) => items.push(node),
            Kind::Map(entries) => match frame.key.take() {
                Some(Key::Text(text, key)) => {
                    entries.insert(text, Entry { key, value: node, via: None });
                }
                Some(Key::Merge(_)) => frame.merges.push(node),
                Some(Key::Refused) | None => {}
            },
            Kind::Null | Kind::Scalar | Kind::Block | Kind::Alias(_) => {}
        }
    }

    /// `<<`: entries of other mappings, where the mapping has none of its own and no earlier one.
    fn inherit(&mut self, heir: usize, merge: usize) {
        let target = self.tree.target(merge);
        let sources = match &self.tree.nodes[target].kind {
            Kind::List(items) => items.clone(),
            _ => vec![merge],
        };
        for source in sources {
            let via = self.tree.nodes[source].span.clone();
            let Kind::Map(inherited) = &self.tree.nodes[self.tree.target(source)].kind else {
                let message = "`<<` takes the keys of another mapping, and this is none";
                self.problem(Code::YamlSyntax, message, via, "not a mapping")
                    .help
                    .push("name mappings: `<<: *one`, or `<<: [*one, *other]`".to_owned());
                continue;
            };
            let inherited = inherited.clone();
            let Kind::Map(entries) = &mut self.tree.nodes[heir].kind else { return };
            for (key, entry) in inherited {
                if let MapEntry::Vacant(vacant) = entries.entry(key) {
                    vacant.insert(Entry { via: Some(via.clone()), ..entry });
                }
            }
        }
    }
}
