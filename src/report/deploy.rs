//! A deployment as people follow it: what will change, what happens, how it ended.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::json;

use super::logs::{log_json, log_text};
use super::{err, is_live};
use crate::aws::{Action, ChangeDetail, ChangeSetType, Replacement, ResourceChange, Status};
use crate::deploy::{
    Cause, Event, Failure, Outcome, PreparedChange, StackOutcome, StackResult, Step, TwoSteps,
};
use crate::diff::Hindered;
use crate::rules::{failures, waits};

/// Shows events as they come: a line each, and on a terminal one more that moves.
pub struct Progress {
    started: Instant,
    spinner: Option<ProgressBar>,
    /// What each line begins with.
    label: String,
}

impl Progress {
    /// Begins; `cloud` says where to, when it is not AWS.
    pub fn new(cloud: Option<&str>) -> Progress {
        if let Some(cloud) = cloud {
            err(&format!("this is the local cloud at {cloud}: nothing reaches AWS\n"));
        }
        let spinner = is_live().then(|| spinner(None));
        Progress { started: Instant::now(), spinner, label: String::new() }
    }

    /// Begins beside others, each line with a label.
    pub(super) fn beside(bars: Option<&MultiProgress>, label: String) -> Progress {
        let spinner = bars.map(|bars| spinner(Some(bars)));
        Progress { started: Instant::now(), spinner, label }
    }

    /// Shows one event.
    pub fn show(&mut self, event: &Event) {
        match event {
            Event::Target { account, region, .. } => {
                self.line(&format!("account {account}, region {region}"));
            }
            Event::Uploads { files, bytes } => self.busy(&format!("{files} files, {bytes} bytes to upload")),
            Event::Uploaded { file, skipped, .. } => {
                if !skipped {
                    self.line(&format!("  uploaded {file}"));
                }
            }
            Event::Preparing { stack, .. } => self.busy(&format!("{stack}: making the change set")),
            Event::Attached { stack, status, .. } => {
                self.line(&format!(
                    "{stack}: an earlier run of smstack has not ended ({status}); following it"
                ));
            }
            Event::Prepared(change) => self.line(&changes(change)),
            Event::Executing { stack, .. } => self.busy(&format!("{stack}: executing")),
            Event::Step { stack, step, .. } => self.line(&format!("{stack}: {}", told(step))),
            Event::Resource { event, .. } => {
                let elapsed = self.started.elapsed().as_secs();
                let mut line = format!("  {elapsed:>4}s {:<18} {}", event.status.as_str(), event.logical_id);
                if !event.is_stack() {
                    let _ = write!(line, " ({})", short(&event.resource_type));
                }
                if let Some(reason) = event.reason.as_deref().filter(|_| is_failure(&event.status)) {
                    let _ = write!(line, "\n        {reason}");
                }
                self.line(&line);
                self.busy(&format!("{}: {} {}", event.stack, event.status.as_str(), event.logical_id));
            }
            Event::Waiting { .. } => self.line(waiting(event).trim_end()),
            Event::Retrying { stack, error, pause } => {
                self.busy(&format!("{stack}: {error}; again in {} s", pause.as_secs().max(1)));
            }
            Event::LeftBehind { stack, what, error } => {
                self.line(&format!("{stack}: {what} stays behind: {error}"));
            }
            Event::Warned { stack, text } => self.line(&format!("{stack}: {text}")),
            Event::NotTakenIn { stack, reason } => {
                self.line(&format!("{stack}: what an earlier stack has kept cannot be taken in: {reason}"));
            }
            Event::Finished(outcome) => self.line(&finished(outcome)),
        }
    }

    /// Ends what moves.
    pub fn end(&mut self) {
        if let Some(bar) = self.spinner.take() {
            bar.finish_and_clear();
        }
    }

    /// Stands still while somebody is asked.
    pub fn pause<T>(&mut self, ask: impl FnOnce() -> T) -> T {
        match &self.spinner {
            Some(bar) => bar.suspend(ask),
            None => ask(),
        }
    }

    /// Shows a text of one line or several.
    pub fn line(&self, text: &str) {
        let text = labelled(&self.label, text);
        match &self.spinner {
            Some(bar) => bar.suspend(|| err(&text)),
            None => err(&text),
        }
    }

    /// What goes on at the moment; shown only where it can be taken back.
    fn busy(&self, text: &str) {
        if let Some(bar) = &self.spinner {
            bar.set_message(text.to_owned());
        }
    }
}

fn spinner(beside: Option<&MultiProgress>) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    let bar = match beside {
        Some(bars) => bars.add(bar),
        None => bar,
    };
    let style = ProgressStyle::with_template("{spinner} {elapsed:>4} {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// Whole lines, each behind the label.
pub(super) fn labelled(label: &str, text: &str) -> String {
    text.lines().fold(String::new(), |mut all, line| {
        let _ = writeln!(all, "{label}{line}");
        all
    })
}

impl Drop for Progress {
    /// Also when somebody stops the command in the middle.
    fn drop(&mut self) {
        self.end();
    }
}

/// `AWS::S3::Bucket` → `S3::Bucket`.
pub(super) fn short(resource_type: &str) -> &str {
    resource_type.strip_prefix("AWS::").unwrap_or(resource_type)
}

pub(super) fn is_failure(status: &Status) -> bool {
    status.as_str().ends_with("_FAILED") || status.is_rollback()
}

fn changes(change: &PreparedChange) -> String {
    let mut text = format!("{}:", change.stack);
    if let Some(steps) = &change.steps {
        text.push_str(&two_steps(steps));
    }
    if change.change_set_type == ChangeSetType::Import {
        text.push_str(" an earlier stack has kept these; they come into the stack again as they are:");
    }
    if !change.settings.is_empty() {
        let _ = write!(text, " {}", super::plan::settings_text(&change.settings));
    }
    if change.changes.is_empty() && !change.change_set.is_empty() {
        text.push_str(" outputs, tags or settings of the stack change, no resource");
    }
    for resource in &change.changes {
        let (sign, note) = sign(resource);
        let kind = short(&resource.resource_type);
        let _ = write!(text, "\n  {sign} {} ({kind}){note}", resource.logical_id);
        let properties = distinct(resource, |detail| detail.property.as_deref());
        if !properties.is_empty() && resource.action == Action::Modify {
            let _ = write!(text, ": {}", properties.join(", "));
        }
        if is_consequence(resource) {
            let causes = distinct(resource, |detail| detail.causing_entity.as_deref());
            let _ = write!(text, ", should {} change", causes.join(" or "));
        }
    }
    text
}

/// A sign of life: what is under way, for how long, and how long that may take. Empty for any other event.
pub fn waiting(event: &Event) -> String {
    let Event::Waiting { stack, elapsed, under_way, .. } = event else { return String::new() };
    let mut text = format!("  {:>4}s {stack} is still at work\n", elapsed.as_secs());
    for one in under_way {
        let (kind, status) = (short(&one.resource_type), one.status.as_str());
        let _ = write!(text, "        {} ({kind}) {status} for {}", one.logical_id, span(one.elapsed));
        let _ = match waits::expected(&one.resource_type, status) {
            Some((least, most)) if one.elapsed > most => {
                writeln!(text, "; {} to {} are usual", span(least), span(most))
            }
            Some((least, most)) => writeln!(text, " of the usual {} to {}", span(least), span(most)),
            None => writeln!(text),
        };
    }
    text
}

/// `45s`, `12m`, `1h 5m`.
pub(super) fn span(time: Duration) -> String {
    match (time.as_secs(), time.as_secs() / 60) {
        (seconds, 0) => format!("{seconds}s"),
        (_, minutes @ ..120) => format!("{minutes}m"),
        (_, minutes) => format!("{}h {}m", minutes / 60, minutes % 60),
    }
}

/// Why an update takes two steps, and what is in the first.
fn two_steps(steps: &TwoSteps) -> String {
    if steps.removed.is_empty() {
        return " an earlier run removed what scales its endpoint; this is the second of two steps"
            .to_owned();
    }
    let mut text = " in two steps, for an endpoint refuses it while it is registered for scaling".to_owned();
    for hindered in &steps.variants {
        let Hindered { endpoint, variant, why } = hindered;
        let _ = write!(text, "\n  variant {variant} of {endpoint}: {why}");
        if let Some(count) = steps.capacity.get(endpoint).and_then(|counts| counts.get(variant)) {
            let _ = write!(text, "; {count} instances run");
        }
    }
    text.push_str("\n  first step; without scaling the number of instances stays as it is:");
    for (id, kind) in &steps.removed {
        let _ = write!(text, "\n  - {id} ({})", short(kind));
    }
    text.push_str("\n  second step; if it fails, what scales is put back:");
    text
}

fn told(step: &Step) -> String {
    match step {
        Step::Removing => "first step: removing what scales".to_owned(),
        Step::Updating => "second step: updating, and scaling again".to_owned(),
        Step::Capacity { endpoint, variant, before, after } if before == after => {
            format!("variant {variant} of {endpoint} has {after} instances, as before")
        }
        Step::Capacity { endpoint, variant, before, after } => {
            format!("variant {variant} of {endpoint} has {after} instances, and had {before} before")
        }
        Step::Restoring => "the second step failed: putting back what scales".to_owned(),
        Step::Restored => "what scales is as it was before".to_owned(),
        Step::NotRestored(why) => format!("what scales is not back: {why}; deploy again to have it back"),
    }
}

/// What the details name, each once.
fn distinct<'a>(
    resource: &'a ResourceChange,
    part: impl Fn(&'a ChangeDetail) -> Option<&'a str>,
) -> Vec<&'a str> {
    let parts: BTreeSet<&str> = resource.details.iter().filter_map(part).collect();
    parts.into_iter().collect()
}

/// Whether CloudFormation lists a resource only because it refers to one that changes. Most often the attribute
/// that it refers to stays as it is, and nothing happens to it.
fn is_consequence(resource: &ResourceChange) -> bool {
    let perhaps = |detail: &ChangeDetail| {
        detail.evaluation.as_deref() == Some("Dynamic")
            && detail.source.as_deref() != Some("DirectModification")
            && detail.causing_entity.is_some()
    };
    resource.action == Action::Modify && !resource.details.is_empty() && resource.details.iter().all(perhaps)
}

fn sign(resource: &ResourceChange) -> (&'static str, String) {
    match (&resource.action, &resource.replacement) {
        (Action::Add, _) => ("+", String::new()),
        (Action::Remove, _) => ("-", String::new()),
        (Action::Import, _) => ("<", " is imported".to_owned()),
        (Action::Modify, Replacement::Always) => ("!", " is replaced".to_owned()),
        (Action::Modify, Replacement::Conditional) => ("!", " may be replaced".to_owned()),
        (Action::Modify, _) if is_consequence(resource) => ("?", String::new()),
        (Action::Modify, _) => ("~", String::new()),
        (Action::Dynamic, _) => ("?", " is known only during the execution".to_owned()),
        (Action::Unknown(text), _) => ("?", format!(" {text}")),
    }
}

fn finished(outcome: &StackOutcome) -> String {
    let name = &outcome.stack;
    match &outcome.result {
        StackResult::Created => format!("{name}: created"),
        StackResult::Updated => format!("{name}: updated"),
        StackResult::Imported => {
            format!("{name}: what an earlier stack has kept is in it again; deploy to go on")
        }
        StackResult::Unchanged => format!("{name}: nothing to do"),
        StackResult::Waiting(waiting) => format!("{name} waits: {waiting}"),
        StackResult::Declined => format!("{name}: nothing was changed, for there was no consent"),
        StackResult::Failed(failure) => failed(name, failure),
    }
}

/// A stack that failed, and what failed first.
pub fn failed(name: &str, failure: &Failure) -> String {
    let cause = failure.cause.as_ref().map(first_cause).unwrap_or_default();
    format!("{name}: failed ({}){cause}", failure.status.as_str())
}

/// What failed first, where the stack file says it, why, and what to do about it: lines that each begin anew.
pub(super) fn first_cause(cause: &Cause) -> String {
    let kind = short(&cause.resource_type);
    let mut text = format!("\n  first cause: {} ({kind}) {}", cause.logical_id, cause.status.as_str());
    if let Some(origin) = &cause.origin {
        let _ = write!(text, "\n  --> {origin}");
    }
    if let Some(reason) = &cause.reason {
        let _ = write!(text, "\n  {reason}");
        if let Some(known) = failures::of(reason) {
            let _ = write!(text, "\n  = note: {}\n  = help: {}", known.meaning, known.way_out);
        }
    }
    if let Some(log) = &cause.log {
        text += &log_text(log);
    }
    text
}

/// The outcome for people: each stack with its outputs.
pub fn outcome_text(outcome: &Outcome) -> String {
    let mut text = String::new();
    for stack in &outcome.stacks {
        let _ = writeln!(text, "{}", finished(stack));
        let width = stack.outputs.keys().map(String::len).max().unwrap_or_default();
        for (name, value) in &stack.outputs {
            let _ = writeln!(text, "  {name:<width$}  {value}");
        }
    }
    text
}

/// What failed first, and what is known of the reason.
fn cause_json(cause: &Cause) -> serde_json::Value {
    let known = cause.reason.as_deref().and_then(failures::of);
    json!({
        "logical_id": cause.logical_id,
        "resource_type": cause.resource_type,
        "status": cause.status.as_str(),
        "reason": cause.reason,
        "at": cause.at.map(|at| at.to_string()),
        "origin": cause.origin,
        "kind": known.map(|known| known.name),
        "help": known.map(|known| known.way_out),
        "log": cause.log.as_deref().map(log_json),
    })
}

/// The outcome for programs; `schemas/outcome.schema.json` describes it.
pub fn outcome_json(outcome: &Outcome) -> serde_json::Value {
    let stack = |stack: &StackOutcome| {
        let (result, detail) = match &stack.result {
            StackResult::Created => ("created", None),
            StackResult::Updated => ("updated", None),
            StackResult::Imported => ("imported", None),
            StackResult::Unchanged => ("unchanged", None),
            StackResult::Waiting(waiting) => ("waiting", Some(waiting.to_string())),
            StackResult::Declined => ("declined", None),
            StackResult::Failed(failure) => ("failed", Some(failed(&stack.stack, failure))),
        };
        json!({
            "kind": stack.kind.as_str(),
            "name": stack.stack,
            "result": result,
            "detail": detail,
            "cause": match &stack.result {
                StackResult::Failed(Failure { cause: Some(cause), .. }) => cause_json(cause),
                _ => serde_json::Value::Null,
            },
            "outputs": stack.outputs,
        })
    };
    json!({
        "version": 1,
        "stacks": outcome.stacks.iter().map(stack).collect::<Vec<_>>(),
        "uploaded": outcome.uploaded,
        "skipped": outcome.skipped,
    })
}
