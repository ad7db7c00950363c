//! Comments that allow something: `# smstack: allow CODE reason`.

use std::ops::Range;

use super::tree::{Kind, Tree};
use super::{Places, SourceFile};
use crate::diag::{Allow, MAX_ALLOWS};

/// How a comment begins that is meant for smstack.
const ADDRESS: &str = "smstack:";

impl Places {
    /// What comments allow, in the order of the text. A comment covers its line, or if it has one of its own the next
    /// that says something; and with that line the whole of what begins there, unless that is a section.
    pub fn allows(&self, file: &SourceFile) -> Vec<Allow> {
        let comments = self.tree().comments(file);
        if comments.is_empty() {
            return Vec::new();
        }
        let entries = self.tree().entries();
        comments.into_iter().map(|span| allow(file, span, &entries)).collect()
    }
}

fn allow(file: &SourceFile, span: Range<usize>, entries: &[Range<usize>]) -> Allow {
    let text = file.text().get(span.clone()).unwrap_or_default();
    let words = text.trim_start_matches('#').trim_start().strip_prefix(ADDRESS).unwrap_or_default().trim();
    let rest = words.strip_prefix("allow").filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t']));
    let rest = rest.unwrap_or_default().trim();
    let (code, reason) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
    let line = about(file, span.start);
    let mut covers = vec![line.clone()];
    let first = entries.partition_point(|entry| entry.start < line.start);
    covers.extend(entries.get(first).filter(|entry| entry.start <= line.end).cloned());
    Allow { code: code.to_owned(), reason: reason.trim().to_owned(), span, covers }
}

/// The line that a comment at `at` is about.
fn about(file: &SourceFile, at: usize) -> Range<usize> {
    let text = file.text();
    let mut line = file.line_of(at);
    let silent = |text: &str| text.trim().is_empty() || text.trim_start().starts_with('#');
    if !silent(&text[line.start..at]) {
        return line;
    }
    while silent(&text[line.clone()]) {
        let Some(next) = text[line.end..].find('\n') else { break };
        line = file.line_of(line.end + next + 1);
    }
    line
}

impl Tree {
    /// Comments that are meant for smstack, from `#` to the end of the line. The parser passes over comments, so that
    /// they are looked for here: they begin after a space, and not in a scalar.
    fn comments(&self, file: &SourceFile) -> Vec<Range<usize>> {
        let text = file.text();
        let mut found: Vec<Range<usize>> = Vec::new();
        for (at, _) in text.match_indices(ADDRESS) {
            let Some(hash) = text[..at].trim_end_matches([' ', '\t']).strip_suffix('#').map(str::len) else {
                continue;
            };
            // A second address in one comment is part of the first's words.
            let again = found.last().is_some_and(|last| hash < last.end);
            if !again && (text[..hash].is_empty() || text[..hash].ends_with([' ', '\t', '\n'])) {
                found.push(hash..file.line_of(hash).end);
            }
        }
        if !found.is_empty() {
            let scalars = self.scalars(text);
            found.retain(|comment| {
                let before = scalars.partition_point(|scalar| scalar.start <= comment.start);
                before.checked_sub(1).is_none_or(|before| scalars[before].end <= comment.start)
            });
        }
        found.truncate(MAX_ALLOWS + 1);
        found
    }

    /// The bytes of all scalars and keys, in the order of the text; of a block those below its first line.
    fn scalars(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for node in &self.nodes {
            match &node.kind {
                Kind::Scalar => found.push(node.span.clone()),
                Kind::Block => {
                    let block = &text[node.span.clone()];
                    let head = if block.starts_with(['|', '>']) { block.find('\n') } else { Some(0) };
                    found.push(node.span.start + head.unwrap_or(block.len())..node.span.end);
                }
                Kind::Map(entries) => found.extend(entries.values().map(|entry| entry.key.clone())),
                Kind::Null | Kind::List(_) | Kind::Alias(_) => {}
            }
        }
        found.sort_by_key(|range| range.start);
        found
    }

    /// The bytes of each entry and item below the sections, in the order of the text.
    fn entries(&self) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut waiting: Vec<(usize, usize)> = self.root().map(|root| (root, 0)).into_iter().collect();
        while let Some((id, depth)) = waiting.pop() {
            // What an alias names is looked at where it stands.
            let members: Vec<(usize, usize)> = match &self.node(id).kind {
                Kind::List(items) => items.iter().map(|&item| (self.node(item).span.start, item)).collect(),
                Kind::Map(entries) => {
                    let own = entries.values().filter(|entry| entry.via.is_none());
                    own.map(|entry| (entry.key.start, entry.value)).collect()
                }
                Kind::Null | Kind::Scalar | Kind::Block | Kind::Alias(_) => continue,
            };
            for (start, value) in members {
                if depth > 0 {
                    found.push(start..self.node(value).span.end.max(start));
                }
                waiting.push((value, depth + 1));
            }
        }
        found.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::parse;

    /// What the comments of a text allow: `code (reason) covered…`, each covered text by its first and last word.
    fn check(text: &str, expected: &[&str]) {
        let file = SourceFile::new("f", text);
        let found = parse(&file).unwrap().places.allows(&file);
        let shown: Vec<String> = found
            .iter()
            .map(|allow| {
                let covers = allow.covers.iter().map(|range| {
                    let words: Vec<&str> = text[range.clone()].split_whitespace().collect();
                    let word = |word: Option<&&str>| word.copied().unwrap_or_default().to_owned();
                    word(words.first()) + "…" + &word(words.last())
                });
                format!("{} ({}) {}", allow.code, allow.reason, covers.collect::<Vec<_>>().join(" "))
            })
            .collect();
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn comments_are_found_and_read() {
        check("a:\n  b: 1 # smstack: allow x-y  the reason \n", &["x-y (the reason) b:…reason b:…1"]);
        check("a:\n  # smstack: allow x-y why\n\n  # other\n  b: 1\n", &["x-y (why) b:…1 b:…1"]);
        check("a:\n  b: # smstack: allow x why\n    c: 1\n    d: 2\n  e: 3\n", &["x (why) b:…why b:…2"]);
        check("a: # smstack: allow x why\n  b: 1\n", &["x (why) a:…why"]);
        check("a:\n  - b: 1 #smstack: allow x\n    c: 2\n", &["x () -…x b:…2"]);
        check("a: 1 # smstack: alow x why\n", &[" () a:…why"]);
        check("a: 1 # smstack: allow\n", &[" () a:…allow"]);
        check("a: 1 # smstack allows much\nb: '# smstack: allow x'\n", &[]);
        check("a: |\n  # smstack: allow x why\n  text\n", &[]);
        check("a: 1\n# smstack: allow x why\n", &["x (why) …"]);
        check("a: | # smstack: allow x why\n  text\n", &["x (why) a:…why"]);
        check("\"# smstack: b\": >-\n   # smstack: allow y z", &[]);
        check("a: 1 # smstack: allow x as # smstack: allow y\n", &["x (as # smstack: allow y) a:…y"]);
    }
}
