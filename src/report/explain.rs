//! What codes mean, for a terminal and for programs: `schemas/explanations.schema.json` says what those get.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use crate::diag::{Block, Code, Explanation, Severity, explanation, explanations, undecided};
use crate::rules::failures;
use crate::rules::stack_states::{self, State};

/// Changes when a reader of the old form could not read the new one.
const VERSION: u32 = 1;
/// Columns of a line; examples are as wide as they are.
const WIDTH: usize = 80;
const HEADING: Style = Style::new().bold().underline();
const LINK: Style = Style::new().underline();
const NAME: Style = Style::new().bold();
const STATES: &str = "What `smstack deploy` does with a stack in each state, what `smstack recover` proposes, and the way \
                      out. `*` stands for any beginning: a state that AWS adds later is judged by how it ends. Nothing \
                      is ever deleted without being asked.";
const FAILURES: &str = "What the reasons mean for which resources fail, as far as they are known, and what to do about it. \
                        The first that fits counts; a reason that fits none is shown as AWS says it.";
const OFFLINE: &str = "smstack decides from files alone: it asks no AWS account while it checks. What follows can \
                       only be known from the account, or only while a job runs, so nothing is said about it; the \
                       deployment, or the job, will show it.";

/// What somebody wants explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// A code.
    Code(Code),
    /// What cannot be decided without asking AWS.
    Offline,
    /// The states of a stack, and the way out of each.
    States,
    /// The reasons for which resources fail, and what to do about each.
    Failures,
}

/// The texts of `topics`, one below the other.
pub fn text(topics: &[Topic]) -> String {
    let pages = topics.iter().map(|topic| match topic {
        Topic::Code(code) => page(explanation(*code)),
        Topic::Offline => offline(),
        Topic::States => states(),
        Topic::Failures => failures(),
    });
    pages.collect::<Vec<_>>().join("\n")
}

/// All codes by group, each with its severity and what it stands for.
pub fn overview() -> String {
    let mut text = String::new();
    for group in explanations().iter().filter(|group| !group.explanations.is_empty()) {
        heading(&mut text, group.title);
        for one in &group.explanations {
            let code = one.code.as_str();
            let head = format!("  {code:28}");
            let body = format!("{}: {}", word(one.code.severity()), one.code.summary());
            let body = wrapped(&body, &head, &" ".repeat(30));
            // The colour goes around the word after wrapping, which would count it as width.
            let tail = body.strip_prefix(head.as_str()).unwrap_or(&body);
            text.push_str(&head);
            text.push_str(&coloured(tail, one.code.severity()));
        }
        text.push('\n');
    }
    text.push_str(&wrapped("For more: smstack explain CODE…", "", ""));
    text.push_str(&wrapped("What cannot be decided without asking AWS: smstack explain offline", "", ""));
    text.push_str(&wrapped("The states of a stack, and the way out of each: smstack explain states", "", ""));
    text.push_str(&wrapped("Why resources fail, and what to do about it: smstack explain failures", "", ""));
    text
}

/// All of it for programs; no topic is all codes.
pub fn json(topics: &[Topic]) -> Value {
    let wanted = |code| topics.is_empty() || topics.contains(&Topic::Code(code));
    let mut list = Vec::new();
    for group in explanations() {
        for one in group.explanations.iter().filter(|one| wanted(one.code)) {
            list.push(json!({
                "code": one.code.as_str(),
                "severity": one.code.severity(),
                "group": group.title,
                "summary": one.code.summary(),
                "text": one.markdown(),
                "sources": one.sources,
            }));
        }
    }
    let mut all = json!({ "version": VERSION, "explanations": list });
    if topics.contains(&Topic::Offline) {
        all["offline"] = undecided().map(|one| json!({ "rule": one.rule, "why": one.why })).collect();
    }
    if topics.contains(&Topic::States) {
        all["states"] = stack_states::all().map(|state| state_json(&state)).collect();
    }
    if topics.contains(&Topic::Failures) {
        let known = failures::all().map(|known| {
            json!({
                "name": known.name,
                "pattern": known.pattern,
                "meaning": known.meaning,
                "way_out": known.way_out,
                "source": known.source,
            })
        });
        all["failures"] = known.collect();
    }
    all
}

fn state_json(state: &State) -> Value {
    json!({
        "status": state.status,
        "meaning": state.meaning,
        "deploy": state.on_deploy.as_str(),
        "recover": state.recovery.as_str(),
        "way_out": state.way_out,
    })
}

fn page(one: &Explanation) -> String {
    let mut text = String::new();
    heading(&mut text, one.code.as_str());
    let severity = one.code.severity();
    text.push_str(&coloured(
        &wrapped(&format!("{}: {}", word(severity), one.code.summary()), "", ""),
        severity,
    ));
    for (at, block) in one.blocks.iter().enumerate() {
        let listed = |block: &Block| matches!(block, Block::Item(_));
        if !(listed(block) && at > 0 && listed(&one.blocks[at - 1])) {
            text.push('\n');
        }
        match block {
            Block::Text(words) => text.push_str(&wrapped(words, "", "")),
            Block::Item(words) => text.push_str(&wrapped(words, "- ", "  ")),
            Block::Example(lines) => text.push_str(&textwrap::indent(lines, "    ")),
        }
    }
    text.push('\n');
    for source in &one.sources {
        let link = if source.starts_with("https://") { LINK } else { Style::new() };
        line(&mut text, format_args!("Source: {link}{source}{link:#}"));
    }
    text
}

fn offline() -> String {
    let mut text = String::new();
    heading(&mut text, "What cannot be decided without asking AWS");
    text.push_str(&wrapped(OFFLINE, "", ""));
    text.push('\n');
    for one in undecided() {
        text.push_str(&wrapped(&format!("{}: {}", one.rule, one.why), "- ", "  "));
    }
    text
}

fn states() -> String {
    let mut text = String::new();
    heading(&mut text, "The states of a CloudFormation stack");
    text.push_str(&wrapped(STATES, "", ""));
    for state in stack_states::all() {
        line(&mut text, format_args!("\n{NAME}{}{NAME:#}", state.status));
        text.push_str(&wrapped(state.meaning, "  ", "  "));
        let acts = format!("deploy: {}; recover: {}", state.on_deploy.as_str(), state.recovery.as_str());
        text.push_str(&wrapped(&acts, "  ", "  "));
        if !state.way_out.is_empty() {
            text.push_str(&wrapped(state.way_out, "  ", "  "));
        }
    }
    text
}

fn failures() -> String {
    let mut text = String::new();
    heading(&mut text, "Why resources fail");
    text.push_str(&wrapped(FAILURES, "", ""));
    for known in failures::all() {
        line(&mut text, format_args!("\n{NAME}{}{NAME:#}", known.name));
        text.push_str(&wrapped(known.meaning, "  ", "  "));
        text.push_str(&wrapped(known.way_out, "  ", "  "));
        line(&mut text, format_args!("  {LINK}https://{}{LINK:#}", known.source));
    }
    text
}

fn heading(text: &mut String, words: &str) {
    line(text, format_args!("{HEADING}{words}{HEADING:#}"));
}

fn line(text: &mut String, words: std::fmt::Arguments<'_>) {
    writeln!(text, "{words}").expect("text can be written to text");
}

fn wrapped(words: &str, first: &str, next: &str) -> String {
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(first)
        .subsequent_indent(next)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false);
    let mut text = textwrap::fill(words, options);
    text.push('\n');
    text
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// The text with the severity that it begins with in its colour.
fn coloured(text: &str, severity: Severity) -> String {
    let color = match severity {
        Severity::Error => AnsiColor::BrightRed,
        Severity::Warning => AnsiColor::Yellow,
    };
    let style = color.on_default().bold();
    let word = word(severity);
    text.replacen(word, &format!("{style}{word}{style:#}"), 1)
}
