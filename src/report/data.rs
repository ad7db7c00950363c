//! Versions of datasets, for people and for programs: `schemas/data.schema.json` describes what programs get.

use std::fmt::Write as _;
use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{counted, err, is_live};
use crate::data::{
    Column, Description, Difference, Event, File, Published, Schema, SchemaDifference, Store, Survey,
    Verified, Version,
};

/// Changes when a reader of the old form could not read the new one.
const VERSION: u32 = 1;
/// As many lines of one kind are shown to people.
const MOST_LINES: usize = 100;

/// Bytes on their way: a bar on a terminal, and one line per stage elsewhere.
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Begins; without a number of bytes, it is not known where it ends.
    pub fn new(what: &'static str, bytes: u64, files: usize) -> Progress {
        let bar = is_live().then(|| {
            let template = if bytes > 0 {
                "{spinner} {prefix} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} {msg}"
            } else {
                "{spinner} {prefix} {bytes} {bytes_per_sec} {msg}"
            };
            let bar = if bytes > 0 { ProgressBar::new(bytes) } else { ProgressBar::no_length() };
            let style = ProgressStyle::with_template(template);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(what);
            if files > 0 {
                bar.set_message(counted(files as u64, "file"));
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Progress { bar }
    }

    /// Bytes were read, of so many files.
    pub fn read(&self, bytes: u64, files: usize) {
        let Some(bar) = &self.bar else { return };
        bar.inc(bytes);
        if files > 0 && bytes == 0 {
            bar.set_message(counted(files as u64, "file"));
        }
    }

    /// Shows one event.
    pub fn show(&self, event: &Event) {
        match (event, &self.bar) {
            (Event::Sent(bytes), Some(bar)) => bar.inc(*bytes),
            (Event::Placed { path, .. }, Some(bar)) => bar.set_message(path.clone()),
            (Event::Moving, Some(bar)) => bar.suspend(|| err("all files are in place; moving `latest`\n")),
            (Event::Moving, None) => err("all files are in place; moving `latest`\n"),
            _ => {}
        }
    }

    /// Ends what moves.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// What publishing would do, before anybody has agreed to it.
pub fn intent(store: &Store, survey: &Survey, latest: Option<&str>, starts: bool) -> String {
    let mut text = format!(
        "{}: {} to {}\n",
        store.dataset,
        amount(survey.files.len() as u64, survey.bytes()),
        store.uri(&store.prefix)
    );
    let _ = match latest {
        Some(latest) => writeln!(text, "  version {latest} is the latest so far"),
        None => writeln!(text, "  nothing is published so far"),
    };
    for schema in &survey.schemas {
        let _ = writeln!(text, "  {}", schema_line(schema));
    }
    if starts {
        text.push_str("  a new latest version starts an execution of the pipeline\n");
    }
    text
}

fn amount(files: u64, bytes: u64) -> String {
    format!("{}, {}", counted(files, "file"), HumanBytes(bytes))
}

fn schema_line(schema: &Schema) -> String {
    let columns: Vec<String> = schema.columns.iter().map(column).collect();
    let shown = columns.len().min(MOST_LINES);
    let more = if columns.len() > shown { ", …" } else { "" };
    format!(
        "{}, {}: {}{more}",
        counted(schema.files, &format!("{} file", schema.format)),
        counted(schema.rows, "row"),
        columns[..shown].join(", ")
    )
}

fn column(column: &Column) -> String {
    format!("{} {}{}", column.name, column.kind.as_str(), if column.nulls { "?" } else { "" })
}

/// A version that was published.
pub fn published_text(store: &Store, published: &Published) -> String {
    let Published { description, uploaded, copied, there, known, before } = published;
    let mut text = format!("{}: version {} is the latest\n", store.dataset, description.id);
    if *known && uploaded + copied == 0 {
        let when =
            if before.is_some() { "was published before" } else { "was the latest before: nothing to do" };
        let _ = writeln!(text, "  it {when}");
    } else {
        let _ = writeln!(
            text,
            "  {} uploaded, {copied} copied inside S3, {there} there before",
            counted(*uploaded as u64, "file")
        );
    }
    details(&mut text, description);
    if let Some(before) = before {
        let _ = writeln!(
            text,
            "  before, {before} was: `smstack data diff STACK {} {before}` says what changed",
            store.dataset
        );
    }
    text
}

fn details(text: &mut String, description: &Description) {
    let _ = write!(text, "  {}", amount(description.files, description.bytes));
    if let Some(rows) = description.rows {
        let _ = write!(text, ", {}", counted(rows, "row"));
    }
    let _ = writeln!(text, "; published {} by {}", description.published, description.by);
    if let Some(git) = &description.git {
        let changed = if git.dirty { ", with changes that are not committed" } else { "" };
        let _ = writeln!(text, "  commit {}{changed}", git.commit);
    }
}

/// The same for programs.
pub fn published_json(store: &Store, published: &Published) -> Value {
    json!({
        "version": VERSION,
        "kind": "publish",
        "dataset": store.dataset,
        "place": store.uri(&store.prefix),
        "published": published.description,
        "uploaded": published.uploaded,
        "copied": published.copied,
        "there": published.there,
        "known": published.known,
        "before": published.before,
    })
}

/// Versions by dataset, the newest first.
pub fn list_text(all: &[(Store, Vec<Version>)]) -> String {
    let mut text = String::new();
    if all.is_empty() {
        text.push_str("no dataset has versions: say `versions: true` of one in the stack file\n");
    }
    for (store, versions) in all {
        let _ = writeln!(text, "{} ({})", store.dataset, store.uri(&store.prefix));
        if versions.is_empty() {
            let _ = writeln!(
                text,
                "  nothing is published: `smstack data publish STACK {} DIRECTORY --env ENV`",
                store.dataset
            );
        }
        for version in versions {
            let latest = if version.latest { "  latest" } else { "" };
            let Some(it) = &version.description else {
                let _ = writeln!(text, "  {}{latest}  its description is gone", version.id);
                continue;
            };
            let rows = it.rows.map(|rows| format!(", {}", counted(rows, "row"))).unwrap_or_default();
            let commit = it.git.as_ref().map_or_else(String::new, |git| {
                let short: String = git.commit.chars().take(12).collect();
                format!("  commit {short}{}", if git.dirty { "+" } else { "" })
            });
            let _ = writeln!(
                text,
                "  {}  {}  {}{rows}{commit}{latest}",
                version.id,
                it.published,
                amount(it.files, it.bytes)
            );
        }
    }
    text
}

/// The same for programs.
pub fn list_json(all: &[(Store, Vec<Version>)]) -> Value {
    let version = |version: &Version| json!({ "id": version.id, "latest": version.latest, "description": version.description });
    let dataset = |(store, versions): &(Store, Vec<Version>)| {
        json!({
            "dataset": store.dataset,
            "place": store.uri(&store.prefix),
            "versions": versions.iter().map(version).collect::<Vec<_>>(),
        })
    };
    json!({ "version": VERSION, "kind": "list", "datasets": all.iter().map(dataset).collect::<Vec<_>>() })
}

/// What was found of a version.
pub fn verified_text(store: &Store, verified: &Verified) -> String {
    let mut text = format!(
        "{}: version {}: {}",
        store.dataset,
        verified.id,
        amount(verified.files as u64, verified.bytes)
    );
    if verified.faults.is_empty() {
        text.push_str(", all as published\n");
    } else {
        let _ = writeln!(text, ", and this is wrong:");
    }
    lines(&mut text, verified.faults.iter().map(|fault| format!("! {fault}")));
    if !verified.faults.is_empty() {
        text.push_str(
            "  = help: publish the same directory again, once the objects that are wrong are removed\n",
        );
    }
    text
}

/// The same for programs.
pub fn verified_json(store: &Store, verified: &Verified) -> Value {
    json!({
        "version": VERSION,
        "kind": "verify",
        "dataset": store.dataset,
        "id": verified.id,
        "files": verified.files,
        "bytes": verified.bytes,
        "faults": verified.faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn lines(text: &mut String, all: impl ExactSizeIterator<Item = String>) {
    let more = all.len().saturating_sub(MOST_LINES);
    for line in all.take(MOST_LINES) {
        let _ = writeln!(text, "  {line}");
    }
    if more > 0 {
        let _ = writeln!(text, "  … and {more} more");
    }
}

/// What changed between two versions.
pub fn difference_text(
    store: &Store,
    old: &Description,
    new: &Description,
    difference: &Difference,
) -> String {
    let mut text = format!("{}: {} -> {}\n", store.dataset, old.id, new.id);
    if difference.is_empty() {
        text.push_str("  the same files\n");
        return text;
    }
    let _ = writeln!(text, "  {} -> {}", amount(old.files, old.bytes), amount(new.files, new.bytes));
    if old.rows.is_some() || new.rows.is_some() {
        let rows = |rows: Option<u64>| rows.map_or_else(|| "unknown".to_owned(), |rows| rows.to_string());
        let _ = writeln!(text, "  rows: {} -> {}", rows(old.rows), rows(new.rows));
    }
    lines(&mut text, difference.schemas.iter().map(schema_difference));
    let file = |file: &File| {
        let rows = file.rows.map(|rows| format!(", {}", counted(rows, "row"))).unwrap_or_default();
        format!("{} ({}{rows})", file.path, HumanBytes(file.bytes))
    };
    lines(&mut text, difference.removed.iter().map(|it| format!("- {}", file(it))));
    lines(&mut text, difference.added.iter().map(|it| format!("+ {}", file(it))));
    lines(
        &mut text,
        difference.changed.iter().map(|(was, is)| {
            let rows = match (was.rows, is.rows) {
                (Some(was), Some(is)) => format!(", {was} -> {is} rows"),
                _ => String::new(),
            };
            format!("~ {} ({} -> {}{rows})", is.path, HumanBytes(was.bytes), HumanBytes(is.bytes))
        }),
    );
    let _ = writeln!(text, "  {} the same", counted(difference.same as u64, "file"));
    text
}

fn schema_difference(one: &SchemaDifference) -> String {
    match one {
        SchemaDifference::Added(it) => format!("+ column {}", column(it)),
        SchemaDifference::Removed(it) => format!("- column {}", column(it)),
        SchemaDifference::Changed(was, is) => format!("~ column {} -> {}", column(was), column(is)),
        SchemaDifference::Order => "~ the columns have another order".to_owned(),
        SchemaDifference::NewSchema(it) => format!("+ schema: {}", schema_line(it)),
        SchemaDifference::OldSchema(it) => format!("- schema: {}", schema_line(it)),
    }
}

/// The same for programs.
pub fn difference_json(
    store: &Store,
    old: &Description,
    new: &Description,
    difference: &Difference,
) -> Value {
    let schema = |one: &SchemaDifference| match one {
        SchemaDifference::Added(it) => json!({ "change": "column_added", "new": it }),
        SchemaDifference::Removed(it) => json!({ "change": "column_removed", "old": it }),
        SchemaDifference::Changed(was, is) => json!({ "change": "column_changed", "old": was, "new": is }),
        SchemaDifference::Order => json!({ "change": "order" }),
        SchemaDifference::NewSchema(it) => json!({ "change": "schema_added", "new": it }),
        SchemaDifference::OldSchema(it) => json!({ "change": "schema_removed", "old": it }),
    };
    let changed = |(was, is): &(File, File)| json!({ "old": was, "new": is });
    json!({
        "version": VERSION,
        "kind": "diff",
        "dataset": store.dataset,
        "old": old,
        "new": new,
        "added": difference.added,
        "removed": difference.removed,
        "changed": difference.changed.iter().map(changed).collect::<Vec<_>>(),
        "same": difference.same,
        "schemas": difference.schemas.iter().map(schema).collect::<Vec<_>>(),
    })
}
