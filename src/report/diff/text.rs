//! A diff for people: what matters first, then a tree of all that changes, the worst first, within 80 columns.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use textwrap::core::{Word, display_width};

use super::story::{self, Weight};
use super::value::{cut, place, printable, shown, sides};
use crate::diff::{
    Change, ChangeKind, Diff, FlagKind, Impact, PermissionChange, PipelineDiff, ResourceDiff, StepAction,
    StepDiff,
};

/// The width of the terminals that it is made for.
const WIDTH: usize = 80;
/// A longer value is cut.
const LONGEST: usize = 240;
/// A longer word is broken, if need be, after what separates its parts.
const WORD: usize = 32;

const RED: Style = AnsiColor::Red.on_default();
const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const CYAN: Style = AnsiColor::Cyan.on_default();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// The diff as text, with colours, which [`crate::report::out`] removes where they are not wanted.
pub fn diff_text(diff: &Diff) -> String {
    let mut out = String::new();
    first(diff, &mut out);
    for resource in &diff.resources {
        let ResourceDiff { document, logical_id, resource_type, impact, .. } = resource;
        let impact = painted(&impact.words(), style(story::of_impact(*impact), *impact));
        let name = painted(&format!("{document}/{logical_id}"), BOLD);
        tree(
            &format!("{impact}: {name} {}", printable(resource_type)),
            &of_resource(diff, resource),
            &mut out,
        );
    }
    diff.pipelines.iter().for_each(|pipeline| of_pipeline(pipeline, &mut out));
    tree(&painted("permissions", BOLD), &permissions(diff), &mut out);
    for document in &diff.documents {
        let told = diff.pipelines.iter().any(|it| it.document.as_ref() == Some(&document.name));
        let changes = document.changes.iter().filter(|_| !told).map(changed).collect::<Vec<_>>();
        tree(&painted(&document.name, BOLD), &changes, &mut out);
    }
    let unknowns = diff.unknowns.iter().map(|it| {
        Item::plain(&format!(
            "{}: {}; if it differs, the worst is: {}",
            story::unknown(it),
            it.why,
            it.impact.words()
        ))
    });
    tree(&painted("known after the deployment", BOLD), &unknowns.collect::<Vec<_>>(), &mut out);
    let accepted = diff.accepted.iter().map(|it| Item::plain(&story::accepted(it)));
    tree(&painted("accepted risks", BOLD), &accepted.collect::<Vec<_>>(), &mut out);
    out.push_str(&sum(diff));
    out
}

/// The few things to see before all else; where there is little, it is seen anyway.
fn first(diff: &Diff, out: &mut String) {
    let first = story::first(diff);
    if diff.resources.len() + diff.pipelines.iter().map(|it| it.steps.len()).sum::<usize>() <= 3
        || first.is_empty()
    {
        return;
    }
    let items = first.iter().map(|it| {
        let style = match it.class {
            story::Class::Flag(kind) => weighed(story::of_flag(kind)),
            story::Class::Impact(impact) => style(story::of_impact(impact), impact),
        };
        let below = if it.why.is_empty() { Vec::new() } else { vec![printable(&it.why)] };
        Item { line: format!("{}: {}", painted(&it.words(), style), printable(&it.who())), below }
    });
    tree(&painted("what matters first", BOLD), &items.collect::<Vec<_>>(), out);
    out.push('\n');
}

/// How much of each: `resources 3: 1 replace, 2 update; …`, and the flags on a line of their own.
fn sum(diff: &Diff) -> String {
    if diff.is_empty() {
        return "nothing changes\n".to_owned();
    }
    let counts = story::impacts(diff);
    let counts =
        counts.iter().map(|(impact, count)| format!("{count} {}", impact.words())).collect::<Vec<_>>();
    let colon = if counts.is_empty() { "" } else { ": " };
    let (resources, steps) = (diff.resources.len(), story::anew(diff));
    let mut out = String::new();
    wrapped(
        &format!("resources {resources}{colon}{}; steps computed anew {steps}", counts.join(", ")),
        "",
        "  ",
        &mut out,
    );
    let flags = story::flags(diff);
    let flags = flags
        .iter()
        .map(|(kind, count)| format!("{count} {}", painted(&kind.words(), weighed(story::of_flag(*kind)))));
    let flags = flags.collect::<Vec<_>>().join(", ");
    if !flags.is_empty() {
        wrapped(&format!("flags: {flags}"), "", "  ", &mut out);
    }
    out
}

/// A line of a tree, and what is told beneath it.
struct Item {
    line: String,
    below: Vec<String>,
}

impl Item {
    fn line(line: String) -> Item {
        Item { line, below: Vec::new() }
    }

    /// Of text that a template may have written.
    fn plain(text: &str) -> Item {
        Item::line(printable(text))
    }
}

fn of_resource(diff: &Diff, resource: &ResourceDiff) -> Vec<Item> {
    let mut out = Vec::new();
    if let Some(was) = &resource.was {
        out.push(Item::plain(&format!("was {}/{}", was.document, was.logical_id)));
    }
    out.extend(flags(&resource.flags));
    for change in story::changes(diff, resource) {
        let mut item = changed(change);
        if let Some(reason) = story::about(resource, change) {
            // The place is in the line above already.
            let fact = reason.fact.split_once("` ").filter(|_| reason.fact.starts_with('`'));
            let fact = fact.map_or(reason.fact.as_str(), |(_, fact)| fact);
            item.below
                .push(painted(&format!("{}{fact}", if reason.certain { "" } else { "perhaps: " }), DIM));
        }
        out.push(item);
    }
    out.extend(story::other_reasons(resource).iter().map(|reason| Item::plain(reason)));
    out
}

fn flags(flags: &[crate::diff::Flag]) -> impl Iterator<Item = Item> {
    flags.iter().map(|flag| {
        let head = painted(&format!("! {}", flag.kind.words()), weighed(story::of_flag(flag.kind)));
        match flag.why.as_slice() {
            all if flag.kind == FlagKind::PermissionBroadened && all.len() > 1 => {
                Item::line(format!("{head}: {} permissions, which are listed below", all.len()))
            }
            [one] => Item::line(format!("{head}: {}", printable(one))),
            all => Item { line: format!("{head}:"), below: all.iter().map(|why| printable(why)).collect() },
        }
    })
}

fn permissions(diff: &Diff) -> Vec<Item> {
    let mut out = Vec::new();
    for broadens in [true, false] {
        for it in diff.permissions.iter().filter(|it| it.change.broadens() == broadens) {
            let sign = match it.change {
                PermissionChange::Allowed | PermissionChange::NoLongerDenied => painted("+", YELLOW),
                PermissionChange::NoLongerAllowed | PermissionChange::Denied => painted("-", GREEN),
            };
            let told = format!("{} ({})", it.sentence(), it.resource);
            out.push(Item::line(format!("{sign} {}", printable(&told))));
        }
    }
    out
}

fn of_pipeline(pipeline: &PipelineDiff, out: &mut String) {
    let holder = pipeline.resource.as_ref().map(|it| format!("{}/{}", it.document, it.logical_id));
    let name = holder.or_else(|| pipeline.document.clone()).unwrap_or_default();
    let changes: Vec<_> =
        pipeline.changes.iter().filter(|change| !change.path.is_empty()).map(changed).collect();
    tree(&format!("pipeline {}", painted(&name, BOLD)), &changes, out);
    for step in &pipeline.steps {
        let action = painted(&step.action.words(), acted(step.action));
        let step_type = if step.step_type.is_empty() {
            String::new()
        } else {
            format!(" ({})", printable(&step.step_type))
        };
        tree(
            &format!("step {}: {action}{step_type}", painted(&format!("{name}/{}", step.name), BOLD)),
            &of_step(step),
            out,
        );
    }
}

fn of_step(step: &StepDiff) -> Vec<Item> {
    let mut out = vec![Item {
        line: story::recomputed(step.recompute).to_owned(),
        below: step.why.iter().map(|why| printable(why)).collect(),
    }];
    out.extend(flags(&step.flags));
    out.extend(step.was_in.iter().map(|was| {
        Item::plain(&if was.is_empty() { "was in no branch".to_owned() } else { format!("was in {was}") })
    }));
    out.extend(step.needs_added.iter().map(|name| Item::plain(&format!("waits for {name} now"))));
    out.extend(step.needs_removed.iter().map(|name| Item::plain(&format!("no longer waits for {name}"))));
    out.extend(step.changes.iter().filter(|change| !change.path.is_empty()).map(changed));
    out
}

/// A change; that of JSON in text by what changes in it.
fn changed(change: &Change) -> Item {
    let (sign, style) = match change.kind {
        ChangeKind::Added => ('+', GREEN),
        ChangeKind::Removed => ('-', RED),
        ChangeKind::Changed | ChangeKind::Moved => ('~', YELLOW),
    };
    let head = format!("{} {}", painted(&sign.to_string(), style), printable(place(&change.path)));
    if let Some(inside) = &change.inside {
        let below = inside.iter().map(changed).flat_map(|it| std::iter::once(it.line).chain(it.below));
        let below: Vec<_> = below.collect();
        return if below.is_empty() {
            Item::line(format!("{head}: written otherwise"))
        } else {
            Item { line: head, below }
        };
    }
    let (before, after) = (change.before.as_ref().map(shown), change.after.as_ref().map(shown));
    match (before, after) {
        (Some(before), Some(after)) => {
            let (before, after) = sides(&before, &after, LONGEST);
            if display_width(&head) + before.len() + after.len() + 12 <= WIDTH {
                return Item::line(format!("{head}: {before} → {after}"));
            }
            let side = |sign, style, value| format!("{} {value}", painted(sign, style));
            Item { line: head, below: vec![side("-", RED, before), side("+", GREEN, after)] }
        }
        (Some(value), None) | (None, Some(value)) => Item::line(format!("{head}: {}", cut(&value, LONGEST))),
        (None, None) => Item::line(format!("{head}: at another place")),
    }
}

fn style(weight: Weight, impact: Impact) -> Style {
    match (weight, impact) {
        (Weight::Note, Impact::Create) => GREEN,
        (Weight::Note, _) => CYAN,
        (weight, _) => weighed(weight),
    }
}

fn weighed(weight: Weight) -> Style {
    match weight {
        Weight::Note => CYAN,
        Weight::Warning => YELLOW.bold(),
        Weight::Danger => RED.bold(),
    }
}

fn acted(action: StepAction) -> Style {
    match action {
        StepAction::Added => GREEN,
        StepAction::Removed => RED,
        StepAction::Changed | StepAction::Moved => YELLOW,
        StepAction::Reached => CYAN,
    }
}

/// A text in a style, word by word: where a line breaks, no style reaches over.
fn painted(text: &str, style: Style) -> String {
    printable(text).split(' ').map(|word| format!("{style}{word}{style:#}")).collect::<Vec<_>>().join(" ")
}

/// A line with lines beneath it; nothing when there are none.
fn tree(head: &str, items: &[Item], out: &mut String) {
    if items.is_empty() {
        return;
    }
    wrapped(head, "", "  ", out);
    for (index, item) in items.iter().enumerate() {
        let last = index + 1 == items.len();
        let (first, rest) = if last { ("└─ ", "     ") } else { ("├─ ", "│    ") };
        wrapped(&item.line, first, rest, out);
        for below in &item.below {
            wrapped(below, rest, if last { "       " } else { "│      " }, out);
        }
    }
}

/// A text in lines that fit, broken between words, and in long words where their parts end.
fn wrapped(text: &str, first: &str, rest: &str, out: &mut String) {
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(first)
        .subsequent_indent(rest)
        .word_separator(textwrap::WordSeparator::Custom(words))
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit);
    for line in textwrap::wrap(text, options) {
        writeln!(out, "{}", line.trim_end()).expect("text takes any text");
    }
}

/// The words of a line, those that are long in parts.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    Box::new(line.split_inclusive(' ').flat_map(|word| {
        let long = display_width(word) > WORD;
        word.split_inclusive(move |c: char| long && matches!(c, '.' | '/' | ',' | ']' | ':' | ';'))
            .map(Word::from)
    }))
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;
    use serde_json::json;

    use super::*;
    use crate::diff::documents;

    #[test]
    fn the_worst_comes_first_and_all_fits() {
        let template = |kind: &str, rate: i32| {
            json!({ "Resources": {
                "Config": { "Type": "AWS::SageMaker::EndpointConfig", "Properties": { "ProductionVariants": [
                    { "VariantName": "AllTraffic", "ModelName": "m", "InstanceType": kind },
                ] } },
                "Endpoint": { "Type": "AWS::SageMaker::Endpoint", "Properties": {
                    "EndpointConfigName": { "Fn::GetAtt": ["Config", "EndpointConfigName"] },
                } },
                "Alarm": { "Type": "AWS::CloudWatch::Alarm", "Properties": {
                    "Threshold": rate, "ComparisonOperator": "GreaterThanThreshold",
                } },
            } })
        };
        let diff = documents(Some(template("ml.c5.xlarge", 5)), Some(template("ml.c5.2xlarge", 50)));
        let text = strip_str(&diff_text(&diff)).to_string();
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        let heads: Vec<_> = text.lines().filter(|line| !line.starts_with(['├', '│', '└', ' '])).collect();
        assert_eq!(
            heads,
            [
                "replace: document/Config AWS::SageMaker::EndpointConfig",
                "rolls: document/Endpoint AWS::SageMaker::Endpoint",
                "update: document/Alarm AWS::CloudWatch::Alarm",
                "resources 3: 1 replace, 1 rolls, 1 update; steps computed anew 0",
                "flags: 1 monitoring weakened, 1 cost more",
            ]
        );
        assert_eq!(diff_text(&documents(None, None)), "nothing changes\n");
    }

    #[test]
    fn long_words_are_broken_where_their_parts_end() {
        let check = |text: &str, expected: &[&str]| {
            let mut out = String::new();
            wrapped(text, "├─ ", "│    ", &mut out);
            assert_eq!(out.lines().collect::<Vec<_>>(), expected);
        };
        let (part, x) = ("Statement[ListObjects].", "x".repeat(120));
        check(
            &format!("~ {}Resource", part.repeat(4)),
            &[&format!("├─ ~ {}", part.repeat(3)), &format!("│    {part}Resource")],
        );
        check(&x, &[&format!("├─ {}", "x".repeat(75)), &format!("│    {}", "x".repeat(45))]);
        let red = painted("permission broadened", RED);
        assert_eq!(strip_str(&red).to_string(), "permission broadened");
        assert_eq!(red.matches("\u{1b}[0m").count(), 2);
    }
}
