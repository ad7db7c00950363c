//! An execution on this machine as one page: no script, nothing loaded from elsewhere, readable in light and dark.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::local_run::{JobResult, Outcome, StepResult, StepStatus};
use crate::report::page::{self, escaped};

const STYLE: &str = include_str!("../../../templates/report/run.css");
/// The size of a chart.
const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 160.0;
/// Room for what is written beside it.
const LEFT: f64 = 56.0;
const BELOW: f64 = 20.0;
/// More values than this are drawn as so many.
const POINTS: usize = 500;
/// How the metrics of the best classifier that always answers the same end.
const CONSTANT: &str = "_best_constant_classifier";
/// A larger table is none to look at.
const CLASSES: usize = 40;

/// The page.
pub fn outcome_html(outcome: &Outcome) -> String {
    let mut out = page::head(&format!("{} {}", outcome.stack, outcome.execution), STYLE);
    let class = mark(outcome.status);
    let _ = write!(
        out,
        "<h1>{} in {}</h1>\n<p><span class=\"mark {class}\">{}</span> execution <code>{}</code>, begun {}, \
         {:.1} s</p>\n",
        escaped(&outcome.stack),
        escaped(&outcome.environment),
        outcome.status.words(),
        escaped(&outcome.execution),
        escaped(&seconds(&outcome.started)),
        outcome.seconds
    );
    if let Some(step) = outcome.failure() {
        failure(step, &mut out);
    }
    steps(outcome, &mut out);
    for step in &outcome.steps {
        trials(step, &mut out);
        curves(step, &mut out);
    }
    for (name, report) in &outcome.reports {
        quality(name, report, &mut out);
    }
    registered(outcome, &mut out);
    let parameters: Vec<(String, String)> =
        outcome.parameters.iter().map(|(name, value)| (name.clone(), words(value))).collect();
    if !parameters.is_empty() {
        out.push_str("<h2>Parameters</h2>\n");
        table(
            &["name", "value"],
            parameters.iter().map(|(name, value)| vec![escaped(name), escaped(value)]),
            &mut out,
        );
    }
    out.push_str("</body>\n</html>\n");
    out
}

/// A time without fractions of a second.
fn seconds(time: &str) -> String {
    match time.split_once('.') {
        Some((before, _)) => format!("{before}Z"),
        None => time.to_owned(),
    }
}

fn words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn mark(status: StepStatus) -> &'static str {
    match status {
        StepStatus::Succeeded => "good",
        StepStatus::Failed => "danger",
        StepStatus::Stopped | StepStatus::Skipped => "warning",
        StepStatus::NotTaken | StepStatus::NotReached => "faint",
    }
}

fn failure(step: &StepResult, out: &mut String) {
    let message = step.message.as_deref().unwrap_or_default();
    let _ = writeln!(out, "<p><b>{}</b> failed first: {}</p>", escaped(&step.name), escaped(message));
    if !step.said.is_empty() {
        let lines: Vec<String> = step.said.iter().map(|line| escaped(line)).collect();
        let _ = writeln!(out, "<pre>{}</pre>", lines.join("\n"));
    }
    if let Some(help) = &step.help {
        let _ = writeln!(out, "<p>{}</p>", escaped(help));
    }
}

fn steps(outcome: &Outcome, out: &mut String) {
    out.push_str("<h2>Steps</h2>\n");
    let rows = outcome.steps.iter().map(|step| {
        let cached = step.cached_from.as_ref().map(|id| format!(" (of {})", escaped(id))).unwrap_or_default();
        let status =
            format!("<span class=\"mark {}\">{}</span>{cached}", mark(step.status), step.status.words());
        let outputs: Vec<String> = step
            .outputs
            .iter()
            .map(|(name, path)| format!("{}: {}", escaped(name), place(path, outcome)))
            .collect();
        let message = step.message.iter().map(|message| escaped(message));
        let told: Vec<String> = message.chain(outputs).collect();
        vec![
            escaped(&step.name),
            escaped(&step.kind),
            status,
            format!("{:.1} s", step.seconds),
            told.join("<br>"),
        ]
    });
    table(&["step", "type", "status", "took", "what it says and leaves"], rows, out);
}

/// A path as a link: as it is from where all executions are kept, so that the whole directory may be moved.
fn place(path: &Path, outcome: &Outcome) -> String {
    let home = outcome.directory.ancestors().nth(2);
    let (link, shown) = match home.and_then(|home| path.strip_prefix(home).ok()) {
        Some(inside) => (Path::new("../..").join(inside), inside),
        None => (path.to_owned(), path),
    };
    let (link, shown) = (link.to_string_lossy(), shown.to_string_lossy());
    format!("<a href=\"{}\"><code>{}</code></a>", escaped(&link), escaped(&shown))
}

/// Rows whose cells are HTML already.
fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>, out: &mut String) {
    let cells = |cells: &[String], tag: &str| -> String {
        format!("<{tag}>{}</{tag}>", cells.join(&format!("</{tag}><{tag}>")))
    };
    let head: Vec<String> = head.iter().map(|name| escaped(name)).collect();
    let _ = writeln!(out, "<div class=\"scroll\" tabindex=\"0\"><table><tr>{}</tr>", cells(&head, "th"));
    for row in rows {
        let _ = writeln!(out, "<tr>{}</tr>", cells(&row, "td"));
    }
    out.push_str("</table></div>\n");
}

/// The jobs of a tuning job, the best first.
fn trials(step: &StepResult, out: &mut String) {
    let Some(first) = step.jobs.iter().find(|job| !job.hyperparameters.is_empty()) else { return };
    let _ = writeln!(out, "<h2>Tuning: {}</h2>", escaped(&step.name));
    let names: Vec<&String> = first.hyperparameters.keys().collect();
    let mut head = vec!["job", "objective"];
    head.extend(names.iter().map(|name| name.as_str()));
    head.push("took");
    let rows = step.jobs.iter().map(|job| {
        let objective = match (job.objective, &job.message) {
            (Some(value), _) => format!("{value}{}", if job.best { " (best)" } else { "" }),
            (None, Some(message)) => message.clone(),
            (None, None) => "nothing".to_owned(),
        };
        let chosen = names.iter().map(|name| {
            let text = job.hyperparameters.get(*name).map(String::as_str).unwrap_or_default();
            // What was drawn from a range has more digits than anybody reads.
            text.parse().ok().filter(|_| text.len() > 10).map_or_else(|| escaped(text), short)
        });
        let mut row = vec![escaped(&job.name), escaped(&objective)];
        row.extend(chosen);
        row.push(format!("{:.1} s", job.seconds));
        row
    });
    table(&head, rows, out);
}

/// A chart for each metric, with a line for each job.
fn curves(step: &StepResult, out: &mut String) {
    let mut names: Vec<&String> = step.jobs.iter().flat_map(|job| job.metrics.keys()).collect();
    names.sort();
    names.dedup();
    let drawn =
        |name: &String| step.jobs.iter().any(|job| job.metrics.get(name).is_some_and(|it| !it.is_empty()));
    names.retain(|name| drawn(name));
    if names.is_empty() {
        return;
    }
    let _ = writeln!(out, "<h2>Training: {}</h2>\n<div class=\"charts\">", escaped(&step.name));
    for name in names {
        chart(name, &step.jobs, out);
    }
    out.push_str("</div>\n");
}

#[expect(clippy::cast_precision_loss, reason = "places on a page")]
fn chart(name: &str, jobs: &[JobResult], out: &mut String) {
    let lines: Vec<(&JobResult, Vec<f64>)> = jobs
        .iter()
        .filter_map(|job| Some((job, job.metrics.get(name)?)))
        .filter(|(_, values)| !values.is_empty())
        .map(|(job, values)| (job, values.iter().copied().step_by(values.len().div_ceil(POINTS)).collect()))
        .collect();
    let all = || lines.iter().flat_map(|(_, values)| values.iter().copied());
    let (least, most) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let longest = lines.iter().map(|(_, values)| values.len()).max().unwrap_or(1);
    let span = if most > least { most - least } else { 1.0 };
    let x = |index: usize| LEFT + index as f64 * (WIDTH - LEFT - 8.0) / (longest.max(2) - 1) as f64;
    let y = |value: f64| 8.0 + (HEIGHT - BELOW - 8.0) * (1.0 - (value - least) / span);
    let _ = writeln!(
        out,
        "<figure><figcaption>{0}</figcaption><svg role=\"img\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\" xmlns=\"http://www.w3.org/2000/svg\"><title>{0}</title>\
         <path class=\"axis\" d=\"M{LEFT} 8V{1}H{WIDTH}\"/>\
         <text x=\"{2}\" y=\"14\" text-anchor=\"end\">{3}</text><text x=\"{2}\" y=\"{1}\" text-anchor=\"end\">{4}</text>\
         <text x=\"{WIDTH}\" y=\"{5}\" text-anchor=\"end\">{longest} values</text>",
        escaped(name),
        HEIGHT - BELOW,
        LEFT - 4.0,
        short(most),
        short(least),
        HEIGHT - 6.0
    );
    for (job, values) in &lines {
        let class = if job.best || lines.len() == 1 { "line best" } else { "line" };
        let title = escaped(&job.name);
        if let [only] = values.as_slice() {
            let _ = writeln!(
                out,
                "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"><title>{title}</title></circle>",
                x(0),
                y(*only)
            );
            continue;
        }
        let points: Vec<String> = values
            .iter()
            .enumerate()
            .map(|(index, value)| format!("{:.1},{:.1}", x(index), y(*value)))
            .collect();
        let _ = writeln!(
            out,
            "<polyline class=\"{class}\" points=\"{}\"><title>{title}</title></polyline>",
            points.join(" ")
        );
    }
    out.push_str("</svg></figure>\n");
}

/// A number that fits beside an axis.
fn short(value: f64) -> String {
    if value != 0.0 && (value.abs() < 0.001 || value.abs() >= 100_000.0) {
        format!("{value:.1e}")
    } else {
        format!("{value:.4}")
    }
}

/// A report in the form of SageMaker's model quality: its metrics, and its confusion matrix.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-metrics.html>
fn quality(name: &str, report: &Value, out: &mut String) {
    let forms = ["multiclass_classification_metrics", "binary_classification_metrics", "regression_metrics"];
    let Some(metrics) = forms.iter().find_map(|form| report.get(form)?.as_object()) else { return };
    let _ = writeln!(out, "<h2>Model quality: {}</h2>", escaped(name));
    let value = |name: &str| {
        let value = metrics.get(name)?.get("value")?;
        Some(escaped(&value.as_f64().map_or_else(|| words(value), short)))
    };
    let rows = metrics.keys().filter(|name| !name.ends_with(CONSTANT)).filter_map(|name| {
        let constant = value(&format!("{name}{CONSTANT}")).unwrap_or_default();
        Some(vec![escaped(name), value(name)?, constant])
    });
    table(&["metric", "value", "of always the same answer"], rows, out);
    let Some(matrix) = metrics.get("confusion_matrix").and_then(Value::as_object) else { return };
    if matrix.len() > CLASSES {
        return;
    }
    out.push_str("<h3>Confusion matrix: actual classes down, predicted ones across</h3>\n");
    let names: Vec<&String> = matrix.keys().collect();
    let mut head = vec![""];
    head.extend(names.iter().map(|name| name.as_str()));
    let rows = matrix.iter().map(|(actual, row)| {
        let count = |name: &String| row.get(name).and_then(Value::as_f64).unwrap_or_default();
        let whole: f64 = names.iter().map(|name| count(name)).sum();
        let cells = names.iter().map(|name| {
            let share = if whole > 0.0 { (count(name) / whole * 100.0).round() } else { 0.0 };
            let class = if *name == actual { "right" } else { "wrong" };
            format!("<span class=\"{class}\" style=\"--share:{share}%\">{}</span>", count(name))
        });
        std::iter::once(format!("<b>{}</b>", escaped(actual))).chain(cells).collect()
    });
    table(&head, rows, out);
}

fn registered(outcome: &Outcome, out: &mut String) {
    if outcome.registered.is_empty() {
        return;
    }
    out.push_str("<h2>Registered</h2>\n");
    let rows = outcome.registered.iter().map(|model| {
        vec![
            escaped(&model.group),
            model.version.to_string(),
            escaped(&model.approval),
            place(&model.directory, outcome),
        ]
    });
    table(&["group", "version", "approval", "place"], rows, out);
}
