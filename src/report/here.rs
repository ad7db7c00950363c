//! An execution on this machine, as people follow it and as it ended; `schemas/local_run.schema.json` describes what
//! programs get.

mod html;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{err, is_live};
use crate::local_run::{Event, JobResult, Order, Outcome, StepResult, StepStatus};

pub use html::outcome_html;

/// Changes when a reader of the old form could not read the new one.
const VERSION: u32 = 1;

/// Shows events as they come: a line for what ended, and on a terminal one that moves for each step that runs.
pub struct Progress {
    bars: Option<MultiProgress>,
    running: BTreeMap<String, Running>,
    noted: BTreeSet<(String, String)>,
}

/// A step that runs.
struct Running {
    bar: ProgressBar,
    /// How far its training jobs are, together and each.
    trials: String,
    jobs: BTreeMap<String, String>,
}

impl Running {
    fn show(&self) {
        let parts = std::iter::once(&self.trials).chain(self.jobs.values());
        let parts: Vec<&str> = parts.map(String::as_str).filter(|part| !part.is_empty()).collect();
        self.bar.set_message(parts.join("; "));
    }
}

impl Progress {
    /// Begins, and says what with.
    pub fn new(order: &Order) -> Progress {
        err(&format!(
            "executing `{}` for `{}` on this machine, with {}\n",
            order.stack,
            order.environment,
            order.python.display()
        ));
        for data in &order.datasets {
            err(&format!("  dataset {}: {}\n", data.name, data.directory.display()));
        }
        Progress {
            bars: is_live().then(MultiProgress::new),
            running: BTreeMap::new(),
            noted: BTreeSet::new(),
        }
    }

    /// Shows one event.
    pub fn show(&mut self, event: &Event) {
        match event {
            Event::Begun { execution, .. } => self.line(&format!("execution {execution}")),
            // Each training job of a tuning job would say the same.
            Event::Note { step, text } => {
                if self.noted.insert((step.clone(), text.clone())) {
                    self.line(&format!("  {step}: {text}"));
                }
            }
            Event::Started { step, kind } => {
                let Some(bars) = &self.bars else {
                    return self.line(&format!("  {step}: started ({kind})"));
                };
                let bar = bars.add(ProgressBar::new_spinner());
                let style = ProgressStyle::with_template("  {spinner} {prefix} {elapsed:>4} {wide_msg}");
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
                bar.set_prefix(step.clone());
                bar.set_message(kind.clone());
                bar.enable_steady_tick(Duration::from_millis(120));
                let running = Running { bar, trials: String::new(), jobs: BTreeMap::new() };
                self.running.insert(step.clone(), running);
            }
            // In a log that nobody watches these would be lines without end.
            Event::Metrics { step, job, latest } => {
                let Some(running) = self.running.get_mut(step) else { return };
                let told: Vec<String> =
                    latest.iter().map(|(name, count, last)| format!("{name} {last} ({count})")).collect();
                running.jobs.insert(job.clone(), told.join(", "));
                running.show();
            }
            Event::Trial { step, ended, of, objective } => {
                let reached = objective.map(|it| format!(": {it}")).unwrap_or_default();
                let text = format!("training job {ended} of {of} has ended{reached}");
                let Some(running) = self.running.get_mut(step) else {
                    return self.line(&format!("  {step}: {text}"));
                };
                running.trials = text;
                running.jobs.clear(); // those that still run tell again
                running.show();
            }
            Event::Ended(step) => {
                if let Some(running) = self.running.remove(&step.name) {
                    running.bar.finish_and_clear();
                }
                self.line(&format!("  {}", step_line(step)));
            }
        }
    }

    /// Ends what moves.
    pub fn end(&mut self) {
        for running in std::mem::take(&mut self.running).into_values() {
            running.bar.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        let line = format!("{text}\n");
        match &self.bars {
            Some(bars) => bars.suspend(|| err(&line)),
            None => err(&line),
        }
    }
}

/// `search: succeeded, 12.3 s, val:accuracy 0.91`.
fn step_line(step: &StepResult) -> String {
    let mut line = format!("{}: {}", step.name, step.status.words());
    if let Some(execution) = &step.cached_from {
        let _ = write!(line, " (the result of execution {execution})");
    } else if step.seconds >= 0.05 {
        let _ = write!(line, ", {:.1} s", step.seconds);
    }
    if let Some(message) = &step.message {
        let _ = write!(line, ": {message}");
    }
    line
}

/// What is about to be installed.
pub fn installing(wanted: &[String]) -> String {
    format!("the steps need {}; fetching that takes minutes\n", wanted.join(", "))
}

/// What is installed in place of the versions of the images.
pub fn unpinned(wanted: &[String]) -> String {
    format!(
        "this Python is not one that the versions of the images are made for: installing the newest of {}\n",
        wanted.join(", ")
    )
}

/// What failed first, why, what it said last, and the way out.
pub fn failure(step: &StepResult, place: Option<&str>) -> String {
    let message = step.message.as_deref().unwrap_or("it failed");
    let mut text = format!("{0}error{0:#}: step `{1}`: {message}\n", super::ERROR, step.name);
    if let Some(place) = place {
        let _ = writeln!(text, "  --> {place}");
    }
    for line in &step.said {
        let _ = writeln!(text, "   | {line}");
    }
    if let Some(log) = &step.log {
        let _ = writeln!(text, "  = note: all that it said is in {}", log.display());
    }
    if let Some(help) = &step.help {
        let _ = writeln!(text, "  = help: {help}");
    }
    text
}

/// How it went, for people.
pub fn outcome_text(outcome: &Outcome) -> String {
    let mut text =
        format!("execution {}: {}, {:.1} s\n", outcome.execution, outcome.status.words(), outcome.seconds);
    let width = outcome.steps.iter().map(|step| step.name.len()).max().unwrap_or_default();
    for step in &outcome.steps {
        let status = if step.cached_from.is_some() { "cached" } else { step.status.words() };
        let _ = write!(text, "  {:<width$}  {status:<11}", step.name);
        if step.seconds >= 0.05 && step.cached_from.is_none() {
            let _ = write!(text, " {:>7.1} s", step.seconds);
        }
        if let (StepStatus::Skipped, Some(message)) = (step.status, &step.message) {
            let _ = write!(text, " {message}");
        }
        let best = step.jobs.iter().find(|job| job.best).or(step.jobs.first());
        for (name, value) in best.into_iter().flat_map(last) {
            let _ = write!(text, "  {name} {value}");
        }
        text.push('\n');
        for (name, path) in &step.outputs {
            let _ = writeln!(text, "  {:<width$}    {name}: {}", "", shown(path));
        }
    }
    for model in &outcome.registered {
        let place = shown(&model.directory);
        let _ = writeln!(
            text,
            "registered {} version {} ({}): {place}",
            model.group, model.version, model.approval
        );
    }
    let _ = writeln!(text, "report: {}", shown(&outcome.directory.join("report.html")));
    text
}

/// A path as it is shortest from here.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

/// The last value of each metric.
fn last(job: &JobResult) -> impl Iterator<Item = (&str, f64)> {
    job.metrics.iter().filter_map(|(name, values)| Some((name.as_str(), *values.last()?)))
}

/// How it went, for programs.
pub fn outcome_json(outcome: &Outcome) -> Value {
    let status = |status: StepStatus| json!(status);
    let steps: Vec<Value> = outcome
        .steps
        .iter()
        .map(|step| {
            json!({
                "name": step.name, "type": step.kind, "status": status(step.status), "seconds": step.seconds,
                "message": step.message, "help": step.help, "cached_from": step.cached_from, "log": step.log,
                "outputs": step.outputs,
                "jobs": step.jobs.iter().map(|job| json!({
                    "name": job.name, "succeeded": job.succeeded, "message": job.message, "seconds": job.seconds,
                    "hyperparameters": job.hyperparameters, "metrics": job.metrics, "objective": job.objective,
                    "best": job.best, "model": job.model, "log": job.log,
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "version": VERSION,
        "execution": outcome.execution,
        "stack": outcome.stack,
        "environment": outcome.environment,
        "status": status(outcome.status),
        "failed_step": outcome.failed_step,
        "started": outcome.started,
        "seconds": outcome.seconds,
        "parameters": outcome.parameters,
        "steps": steps,
        "registered": outcome.registered,
        "reports": outcome.reports,
        "directory": outcome.directory,
    })
}
