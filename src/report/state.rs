//! How everything is, for people and for programs: `schemas/status.schema.json`, `schemas/models.schema.json` and
//! `schemas/run.schema.json` describe what programs get.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::life;
use super::logs::{log_json, log_text};
use crate::aws::{self, Alarm, Endpoint, Execution, ModelVersion, Monitor, Step};
use crate::deploy::{Log, Measured, Overview, Seen};

/// Changes when a reader of the old form could not read the new one.
const VERSION: u32 = 1;

/// How everything is.
pub fn overview_text(overview: &Overview) -> String {
    let mut text = String::new();
    for (_, name, stack) in &overview.stacks {
        text.push_str(&life::headline(name, stack.as_ref()));
    }
    section(&mut text, "pipeline", &overview.pipelines, |last| match last {
        Some(execution) => vec![execution_line(execution)],
        None => vec!["never executed".to_owned()],
    });
    section(&mut text, "models", &overview.groups, |models| {
        let line = |word: &str, version: &Option<ModelVersion>| match version {
            Some(version) => format!("{word:<8} {}", version_line(version)),
            None => format!("{word:<8} none"),
        };
        vec![line("newest", &models.newest), line("approved", &models.approved)]
    });
    section(&mut text, "endpoint", &overview.endpoints, endpoint_lines);
    section(&mut text, "monitor", &overview.monitors, monitor_lines);
    let alarms = &overview.alarms;
    let width = alarms.iter().map(|alarm| alarm.name.len()).max().unwrap_or_default();
    if !alarms.is_empty() {
        text.push_str("\nalarms\n");
    }
    for alarm in alarms {
        let _ = writeln!(text, "  {:<width$}  {}", alarm.name, alarm_words(&alarm.state));
    }
    text
}

fn section<T>(text: &mut String, title: &str, all: &[Seen<T>], lines: impl Fn(&T) -> Vec<String>) {
    for one in all {
        let _ = writeln!(text, "\n{title} {}", one.name);
        match &one.state {
            Ok(state) => lines(state).iter().for_each(|line| {
                let _ = writeln!(text, "  {line}");
            }),
            Err(error) => {
                let _ = writeln!(text, "  cannot be told: {error}");
            }
        }
    }
}

fn execution_line(execution: &Execution) -> String {
    let name =
        execution.name.as_deref().unwrap_or_else(|| execution.arn.rsplit('/').next().unwrap_or_default());
    let mut line = format!("last execution {name}: {}", execution.status);
    if let Some(started) = execution.started {
        let _ = write!(line, ", begun {}", at(started));
    }
    if let Some(failure) = &execution.failure {
        let _ = write!(line, ": {failure}");
    }
    line
}

fn version_line(version: &ModelVersion) -> String {
    let number = version.version.map(|number| format!("version {number}")).unwrap_or_default();
    let created = version.created.map(|created| format!(", {}", at(created))).unwrap_or_default();
    let status = if version.status == "Completed" { String::new() } else { format!(" ({})", version.status) };
    format!("{number}: {}{status}{created}", version.approval)
}

fn endpoint_lines(endpoint: &Endpoint) -> Vec<String> {
    let mut head = endpoint.status.clone();
    if let Some(failure) = &endpoint.failure {
        let _ = write!(head, ": {failure}");
    }
    let count = |count: Option<i32>| count.map_or_else(|| "?".to_owned(), |count| count.to_string());
    let variants = endpoint.variants.iter().map(|variant| {
        let mut line = format!("variant {}", variant.name);
        if variant.current.is_some() || variant.desired.is_some() {
            let _ = write!(line, ": {} of {} instances", count(variant.current), count(variant.desired));
        }
        if let Some(weight) = variant.weight {
            let _ = write!(line, ", weight {weight}");
        }
        line
    });
    std::iter::once(head).chain(variants).collect()
}

fn monitor_lines(monitor: &Monitor) -> Vec<String> {
    let with = |status: &str, failure: Option<&String>| match failure {
        Some(failure) => format!("{status}: {failure}"),
        None => status.to_owned(),
    };
    let last = match &monitor.last {
        Some(run) => {
            let at = run.at.map(|time| format!(" {}", at(time))).unwrap_or_default();
            format!("last run{at}: {}", with(&run.status, run.failure.as_ref()))
        }
        None => "no run yet".to_owned(),
    };
    vec![with(&monitor.status, monitor.failure.as_ref()), last]
}

fn alarm_words(alarm: &aws::Result<Option<Alarm>>) -> String {
    match alarm {
        Ok(Some(alarm)) => {
            let since = alarm.since.map(|since| format!(" since {}", at(since))).unwrap_or_default();
            let reason = alarm.reason.as_ref().filter(|_| alarm.state == "ALARM");
            format!(
                "{}{since}{}",
                alarm.state,
                reason.map(|reason| format!(": {reason}")).unwrap_or_default()
            )
        }
        Ok(None) => "there is no such alarm".to_owned(),
        Err(error) => format!("cannot be told: {error}"),
    }
}

fn at(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// The same for programs.
pub fn overview_json(overview: &Overview) -> Value {
    let stacks = overview.stacks.iter().map(|(kind, name, stack)| {
        json!({
            "kind": kind.as_str(),
            "name": name,
            "status": stack.as_ref().map(|stack| stack.status.as_str()),
            "reason": stack.as_ref().and_then(|stack| stack.reason.clone()),
        })
    });
    json!({
        "version": VERSION,
        "stacks": stacks.collect::<Vec<_>>(),
        "pipelines": all(&overview.pipelines, |last| json!({ "last_execution": last.as_ref().map(execution_value) })),
        "groups": all(&overview.groups, |models| json!({
            "newest": models.newest.as_ref().map(version_value),
            "approved": models.approved.as_ref().map(version_value),
        })),
        "endpoints": all(&overview.endpoints, |endpoint| json!({
            "status": endpoint.status,
            "failure": endpoint.failure,
            "config": endpoint.config,
            "variants": endpoint.variants.iter().map(|variant| json!({
                "name": variant.name,
                "current": variant.current,
                "desired": variant.desired,
                "weight": variant.weight,
            })).collect::<Vec<_>>(),
        })),
        "monitors": all(&overview.monitors, |monitor| json!({
            "status": monitor.status,
            "failure": monitor.failure,
            "last_run": monitor.last.as_ref().map(|run| json!({
                "status": run.status,
                "failure": run.failure,
                "at": run.at.map(|at| at.to_string()),
            })),
        })),
        "alarms": all(&overview.alarms, |alarm| match alarm {
            Some(alarm) => json!({
                "state": alarm.state,
                "reason": alarm.reason,
                "since": alarm.since.map(|since| since.to_string()),
            }),
            None => json!({ "state": null, "reason": null, "since": null }),
        }),
    })
}

/// Each with its name and either how it is or why that cannot be told.
fn all<T>(seen: &[Seen<T>], value: impl Fn(&T) -> Value) -> Value {
    let one = |one: &Seen<T>| {
        let (state, error) = match &one.state {
            Ok(state) => (value(state), Value::Null),
            Err(error) => (Value::Null, error.to_string().into()),
        };
        json!({ "name": one.name, "state": state, "error": error })
    };
    seen.iter().map(one).collect()
}

fn version_value(version: &ModelVersion) -> Value {
    json!({
        "version": version.version,
        "arn": version.arn,
        "status": version.status,
        "approval": version.approval,
        "description": version.description,
        "created": version.created.map(|created| created.to_string()),
    })
}

fn execution_value(execution: &Execution) -> Value {
    json!({
        "arn": execution.arn,
        "name": execution.name,
        "status": execution.status,
        "failure": execution.failure,
        "started": execution.started.map(|started| started.to_string()),
    })
}

/// Versions by group, with their metrics.
pub fn models_text(groups: &[(String, Vec<Measured>)]) -> String {
    let mut text = String::new();
    for (group, versions) in groups {
        let _ = writeln!(text, "{group}{}", if versions.is_empty() { ": no version yet" } else { "" });
        for one in versions {
            let _ = writeln!(text, "  {}", version_line(&one.version));
            if let Some(description) = &one.version.description {
                let _ = writeln!(text, "    {description}");
            }
            match &one.metrics {
                Ok(metrics) => metrics.iter().for_each(|(name, value)| {
                    let _ = writeln!(text, "    {name} {value}");
                }),
                Err(error) => {
                    let _ = writeln!(text, "    its metrics cannot be told: {error}");
                }
            }
        }
    }
    text
}

/// The same for programs.
pub fn models_json(groups: &[(String, Vec<Measured>)]) -> Value {
    let version = |one: &Measured| {
        let mut value = version_value(&one.version);
        let (metrics, error) = match &one.metrics {
            Ok(metrics) => (json!(metrics), Value::Null),
            Err(error) => (Value::Null, error.to_string().into()),
        };
        value["metrics"] = metrics;
        value["error"] = error;
        value
    };
    let groups = groups.iter().map(|(name, versions)| {
        json!({ "name": name, "versions": versions.iter().map(version).collect::<Vec<_>>() })
    });
    json!({ "version": VERSION, "groups": groups.collect::<Vec<_>>() })
}

/// A step in a line, with its duration and why it failed.
pub fn step_line(step: &Step) -> String {
    let mut line = format!("  {:<12} {}", step.status, step.name);
    if step.cached {
        line.push_str(" (from an earlier execution)");
    } else if let (Some(started), Some(ended)) = (step.started, step.ended) {
        let _ = write!(line, " ({} s)", ended.as_second().saturating_sub(started.as_second()));
    }
    if let Some(failure) = &step.failure {
        let _ = write!(line, "\n      {failure}");
    }
    line.push('\n');
    line
}

/// An execution, and its steps as they ended.
pub fn execution_text(execution: &Execution, steps: &[Step], logs: &BTreeMap<String, Log>) -> String {
    let mut text = format!("{}: {}\n", execution.arn, execution.status);
    if let Some(failure) = &execution.failure {
        let _ = writeln!(text, "  {failure}");
    }
    for step in steps {
        text += &step_line(step);
        if let Some(log) = logs.get(&step.name) {
            let _ = writeln!(text, "{}", log_text(log).trim_start_matches('\n'));
        }
    }
    text
}

/// The same for programs.
pub fn execution_json(
    execution: &Execution,
    steps: &[Step],
    logs: &BTreeMap<String, Log>,
    parameters: &BTreeMap<String, String>,
) -> Value {
    let step = |step: &Step| {
        json!({
            "name": step.name,
            "status": step.status,
            "failure": step.failure,
            "cached": step.cached,
            "job": step.job,
            "started": step.started.map(|at| at.to_string()),
            "ended": step.ended.map(|at| at.to_string()),
            "log": logs.get(&step.name).map(log_json),
        })
    };
    json!({
        "version": VERSION,
        "execution": execution_value(execution),
        "parameters": parameters,
        "steps": steps.iter().map(step).collect::<Vec<_>>(),
    })
}
