//! A diff as GitHub's markdown: one comment of a pull request, which every run replaces.
//!
//! What a template says is text to its reader: it cannot become a heading, a link, HTML or a mention.

use std::fmt::Write as _;

use super::mermaid;
use super::story;
use super::value::{cut, place, printable, shown, sides};
use crate::diff::{Change, ChangeKind, Diff, PipelineDiff, ResourceDiff, StepDiff};

/// The first line, by which a comment is found again.
pub(super) const MARKER: &str = "<!-- smstack diff -->";

/// GitHub's bound on a comment, in characters.
pub(super) const LIMIT: usize = 65_536;

/// Kept for what says that something is cut.
const RESERVE: usize = 400;
/// A longer value is cut.
const LONGEST: usize = 400;
/// A cell of a table that is longer is cut.
const CELL: usize = 160;
/// Rows of the summary.
const ROWS: usize = 60;

/// The diff as markdown, never longer than [`LIMIT`]; what is left out is counted and named.
pub fn diff_markdown(diff: &Diff) -> String {
    let mut out = Bounded { text: format!("{MARKER}\n"), left: Vec::new() };
    out.part("the summary", &summary(diff));
    if diff.is_empty() {
        return out.text;
    }
    for pipeline in &diff.pipelines {
        out.part(&format!("the picture of {}", name(pipeline)), &mermaid::picture(pipeline, &name(pipeline)));
    }
    for document in groups(diff) {
        let title = if document.is_empty() { "resources" } else { document };
        let resources = diff.resources.iter().filter(|it| group(&it.document) == document);
        let bodies = resources.map(|it| (it.logical_id.clone(), of_resource(diff, it)));
        out.section(&format!("{title}: what changes"), bodies);
    }
    for pipeline in &diff.pipelines {
        let outside = pipeline.changes.iter().map(|it| (place(&it.path).to_owned(), block(&[it])));
        let steps = pipeline.steps.iter().map(|step| (step.name.clone(), of_step(step)));
        out.section(&format!("{}: steps", name(pipeline)), outside.chain(steps));
    }
    let permissions = diff.permissions.iter().map(|it| {
        let sign = if it.change.broadens() { "⚠️ " } else { "" };
        (it.subject.clone(), format!("- {sign}{} ({})\n", text(&it.sentence()), code(&it.resource)))
    });
    out.section("permissions", permissions);
    for document in &diff.documents {
        let told = diff.pipelines.iter().any(|it| it.document.as_ref() == Some(&document.name));
        let changes = document.changes.iter().filter(|_| !told);
        let changes = changes.map(|it| (it.path.clone(), block(&[it])));
        out.section(&format!("{}: outside of resources", document.name), changes);
    }
    let unknowns = diff.unknowns.iter().map(|it| {
        let worst = it.impact.words();
        (
            it.name.clone(),
            format!(
                "- {}: {}; if it differs, the worst is: {worst}\n",
                code(&story::unknown(it)),
                text(&it.why)
            ),
        )
    });
    out.section("known after the deployment", unknowns);
    let accepted =
        diff.accepted.iter().map(|it| (it.resource.clone(), format!("- {}\n", text(&story::accepted(it)))));
    out.section("accepted risks", accepted);
    out.end()
}

/// Text that stops growing in time.
struct Bounded {
    text: String,
    /// What found no room.
    left: Vec<String>,
}

impl Bounded {
    fn room(&self) -> usize {
        (LIMIT - RESERVE).saturating_sub(self.text.chars().count())
    }

    /// Adds a part, if it fits.
    fn part(&mut self, name: &str, part: &str) {
        if part.chars().count() <= self.room() {
            self.text.push_str(part);
        } else {
            self.left.push(name.to_owned());
        }
    }

    /// A collapsed section with as many of its parts as fit; nothing when it has none.
    fn section(&mut self, title: &str, parts: impl Iterator<Item = (String, String)>) {
        let parts: Vec<_> = parts.filter(|(_, part)| !part.is_empty()).collect();
        if parts.is_empty() {
            return;
        }
        let head = format!("\n<details><summary>{} ({})</summary>\n\n", text(title), parts.len());
        let foot = "\n</details>\n";
        let Some(mut room) = self.room().checked_sub(head.chars().count() + foot.len()) else {
            self.left.push(format!("{title} ({})", parts.len()));
            return;
        };
        self.text.push_str(&head);
        let mut cut = Vec::new();
        for (name, part) in parts {
            match room.checked_sub(part.chars().count()) {
                Some(rest) if cut.is_empty() => {
                    room = rest;
                    self.text.push_str(&part);
                }
                _ => cut.push(name),
            }
        }
        self.text.push_str(foot);
        if !cut.is_empty() {
            self.left.push(format!("{} of {title} ({})", cut.len(), story::few(&cut)));
        }
    }

    /// The whole, with what found no room counted and named.
    fn end(mut self) -> String {
        if !self.left.is_empty() {
            let shown = cut(&self.left.join("; "), RESERVE / 2);
            let shown = format!("\n**Cut to fit a comment:** {}\n", text(&shown));
            let room = LIMIT - self.text.chars().count();
            // Escaping may have doubled it.
            if shown.chars().count() <= room {
                self.text.push_str(&shown);
            } else {
                let _ = writeln!(self.text, "\n**Cut to fit a comment:** {} parts", self.left.len());
            }
        }
        self.text
    }
}

fn summary(diff: &Diff) -> String {
    let mut out = String::new();
    if diff.is_empty() {
        return "### Nothing changes\n".to_owned();
    }
    let counts: Vec<_> =
        story::impacts(diff).iter().map(|(impact, count)| format!("{count} {}", impact.words())).collect();
    let heading = if counts.is_empty() { "no resource changes".to_owned() } else { counts.join(", ") };
    let _ = writeln!(out, "### What changes: {heading}\n");
    for first in story::first(diff) {
        let why = if first.why.is_empty() { String::new() } else { format!(": {}", cell(&first.why)) };
        let _ = writeln!(out, "- **{}** {}{why}", first.words(), text(&first.who()));
    }
    let steps = story::anew(diff);
    if steps > 0 {
        let _ = writeln!(out, "- pipeline steps computed anew by the next execution: {steps}");
    }
    if !diff.resources.is_empty() {
        out.push_str("\n| impact | resource | type | flags | why |\n| --- | --- | --- | --- | --- |\n");
    }
    for resource in diff.resources.iter().take(ROWS) {
        let flags: Vec<_> = resource.flags.iter().map(|flag| flag.kind.words()).collect();
        let why = resource.reasons.first().map(story::sentence).unwrap_or_default();
        let at = format!("{}/{}", resource.document, resource.logical_id);
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            resource.impact.words(),
            code(&cut(&at, CELL)),
            code(&cut(&resource.resource_type, CELL)),
            flags.join(", "),
            cell(&why),
        );
    }
    let more = diff.resources.len().saturating_sub(ROWS);
    if more > 0 {
        let _ = writeln!(out, "\n… and {more} more resources, which meet no worse than these.");
    }
    out
}

/// What comes before a document's own name: the stack and environment, where there are several.
fn group(document: &str) -> &str {
    document.rsplit_once('/').map_or("", |(group, _)| group)
}

fn groups(diff: &Diff) -> Vec<&str> {
    let mut out: Vec<&str> = Vec::new();
    for resource in &diff.resources {
        let group = group(&resource.document);
        if !out.contains(&group) {
            out.push(group);
        }
    }
    out
}

fn name(pipeline: &PipelineDiff) -> String {
    let resource = pipeline.resource.as_ref().map(|it| it.logical_id.clone());
    resource.or_else(|| pipeline.document.clone()).unwrap_or_else(|| "pipeline".to_owned())
}

fn of_resource(diff: &Diff, resource: &ResourceDiff) -> String {
    let mut out = String::new();
    let (name, impact) = (code(&resource.logical_id), resource.impact.words());
    let _ = writeln!(out, "**{impact}** {name} {}\n", code(&resource.resource_type));
    if let Some(was) = &resource.was {
        let _ = writeln!(out, "- was {}", code(&format!("{}/{}", was.document, was.logical_id)));
    }
    flags(&resource.flags, &mut out);
    for reason in &resource.reasons {
        let line = format!("- {}\n", text(&story::sentence(reason)));
        if !out.contains(&line) {
            out.push_str(&line);
        }
    }
    out.push('\n');
    out.push_str(&block(&story::changes(diff, resource).collect::<Vec<_>>()));
    out
}

fn flags(flags: &[crate::diff::Flag], out: &mut String) {
    for flag in flags {
        let _ = writeln!(out, "- ⚠️ **{}**: {}", flag.kind.words(), text(&flag.why.join("; ")));
    }
}

fn of_step(step: &StepDiff) -> String {
    let mut out = String::new();
    let (name, action) = (code(&step.name), step.action.words());
    let anew = story::recomputed(step.recompute);
    let _ = writeln!(out, "**{action}** {name} ({}): {anew}\n", text(&step.step_type));
    flags(&step.flags, &mut out);
    if let Some(was) = &step.was_in {
        let was = if was.is_empty() { "no branch".to_owned() } else { code(was) };
        let _ = writeln!(out, "- was in {was}");
    }
    for name in &step.needs_added {
        let _ = writeln!(out, "- waits for {} now", code(name));
    }
    for name in &step.needs_removed {
        let _ = writeln!(out, "- no longer waits for {}", code(name));
    }
    for why in &step.why {
        let _ = writeln!(out, "- {}", text(why));
    }
    out.push('\n');
    let changes: Vec<_> = step.changes.iter().filter(|change| !change.path.is_empty()).collect();
    out.push_str(&block(&changes));
    out
}

/// Changes as a block of code that is coloured as a diff; nothing for none.
fn block(changes: &[&Change]) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let mut lines = String::new();
    for change in changes {
        written(change, &mut lines);
    }
    let fence = "`".repeat(longest_run(&lines, '`').max(2) + 1);
    format!("{fence}diff\n{lines}{fence}\n\n")
}

fn written(change: &Change, out: &mut String) {
    let at = printable(place(&change.path));
    if let Some(inside) = &change.inside {
        let note = if inside.is_empty() { ": written otherwise" } else { "" };
        let _ = writeln!(out, "# {at}{note}");
        for change in inside {
            written(change, out);
        }
        return;
    }
    let side = |value: &Option<_>| value.as_ref().map(shown);
    match (side(&change.before), side(&change.after)) {
        (Some(before), Some(after)) => {
            let (before, after) = sides(&before, &after, LONGEST);
            let _ = writeln!(out, "- {at}: {before}\n+ {at}: {after}");
        }
        (Some(value), None) => drop(writeln!(out, "- {at}: {}", cut(&value, LONGEST))),
        (None, Some(value)) => drop(writeln!(out, "+ {at}: {}", cut(&value, LONGEST))),
        (None, None) => {
            let kind = if change.kind == ChangeKind::Moved { "at another place" } else { "" };
            let _ = writeln!(out, "# {at}: {kind}");
        }
    }
}

fn longest_run(text: &str, of: char) -> usize {
    text.split(|c| c != of).map(str::len).max().unwrap_or(0)
}

/// Text as it is read: what markdown, HTML or GitHub would take for something else is escaped. What stands between
/// single backticks, as smstack's own sentences write names, is code.
fn text(text: &str) -> String {
    let text = printable(text);
    let parts: Vec<&str> = text.split('`').collect();
    // Names in pairs of backticks; an odd one, which a value brought along, makes all of them mere text.
    if parts.len().is_multiple_of(2) {
        return escaped(&text);
    }
    let shown = parts.iter().enumerate();
    shown.map(|(index, part)| if index % 2 == 1 { code(part) } else { escaped(part) }).collect()
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A mention or a reference to an issue needs it next to a word.
            '@' => out.push_str("&#64;"),
            '#' => out.push_str("&#35;"),
            // `https://…` becomes a link, `:tada:` a picture, `www.…` a link.
            ':' if rest.peek().is_some_and(|next| !next.is_whitespace()) => out.push_str("&#58;"),
            '.' if out.ends_with("www") => out.push_str("&#46;"),
            c if "\\`*_{}[]()!|~$".contains(c) => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// A span of code that nothing in it ends, also within a table.
fn code(text: &str) -> String {
    let text = printable(text);
    if text.trim().is_empty() {
        return String::new();
    }
    if !text.contains(['|', '`']) {
        return format!("`{text}`");
    }
    // A table takes a pipe for its own even in code, and a backtick would end it: here HTML knows better.
    format!("<code>{}</code>", escaped(&text))
}

/// Text for a cell of a table, in one line.
fn cell(value: &str) -> String {
    text(&cut(value, CELL))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::diff::documents;

    fn template(count: usize, value: &str) -> Value {
        let resources: serde_json::Map<_, _> = (0..count)
            .map(|n| {
                let properties = json!({ "QueueName": "q", "Tags": [{ "Key": value, "Value": value }] });
                (format!("R{n}"), json!({ "Type": "AWS::SQS::Queue", "Properties": properties }))
            })
            .collect();
        json!({ "Resources": resources })
    }

    #[test]
    fn it_fits_a_comment_and_says_what_is_cut() {
        let diff = documents(Some(template(900, "a")), Some(template(900, &"b|`<@".repeat(200))));
        let text = diff_markdown(&diff);
        let length = text.chars().count();
        assert!((60_000..=LIMIT).contains(&length), "{length}");
        assert!(text.starts_with(&format!("{MARKER}\n### What changes: 900 update")), "{text}");
        assert!(text.contains("… and 840 more resources"), "{text}");
        let tail: String = text.chars().skip(length - 150).collect();
        assert!(tail.contains("**Cut to fit a comment:** "), "{tail}");
        assert!(tail.contains("of resources: what changes \\(R"), "{tail}");
        assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
    }

    #[test]
    fn what_templates_say_is_only_text() {
        let nasty = "</details><script>x</script> @octocat #1 | a`b ``` [l](javascript:x) ![i](http://h/x) **b** \n# h";
        let (old, new) = (template(1, "a"), template(1, nasty));
        let mut new = new;
        new["Resources"][nasty] = json!({ "Type": nasty, "Properties": { nasty: nasty } });
        let text = diff_markdown(&documents(Some(old), Some(new)));
        let mut fence = None;
        for line in text.lines() {
            let run = line.len() - line.trim_start_matches('`').len();
            match fence {
                None if run >= 3 => fence = Some(run),
                Some(open) if run >= open && line.trim_end_matches('`').is_empty() => fence = None,
                None => {
                    assert!(!line.contains("<script>") && !line.contains("@octocat"), "{line}");
                    assert!(!line.contains("</details>") || line == "</details>", "{line}");
                    assert!(!line.contains("](") && !line.starts_with("# h"), "{line}");
                    if line.starts_with('|') {
                        assert_eq!(line.replace("\\|", "").matches('|').count(), 6, "{line}");
                    }
                }
                Some(_) => {}
            }
        }
        assert_eq!(fence, None, "{text}");
        assert_eq!(diff_markdown(&documents(None, None)), format!("{MARKER}\n### Nothing changes\n"));
    }
}
