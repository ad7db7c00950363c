//! What members of a training job, or of the jobs of a tuning job, have to do with each other.

use serde_json::Value;

use super::Step;
use super::expression::{Class, classify, on, text, whole};
use super::forms::within;
use super::model::items;
use crate::diag::{Code, Issue, Pointer};
use crate::rules::log_metrics;
use crate::rules::pipelines::LONGEST_RUN;

/// Says what is wrong with the training jobs of a step.
pub(super) fn check(step: &Step<'_>, issues: &mut Vec<Issue>) {
    for (job, at) in jobs(step) {
        check_times(job, &at, issues);
        check_metrics(job, &at, issues);
        check_resources(job, &at, issues);
    }
}

/// The training jobs of a step, with their places.
pub(super) fn jobs<'d>(step: &Step<'d>) -> Vec<(&'d Value, Pointer)> {
    let (arguments, at) = (step.arguments(), step.arguments_at());
    match step.type_name {
        "Training" => vec![(arguments, at)],
        "Tuning" => {
            let several = at.key("TrainingJobDefinitions");
            let one = &arguments["TrainingJobDefinition"];
            items(&arguments["TrainingJobDefinitions"])
                .map(|(index, job)| (job, several.index(index)))
                .chain((!one.is_null()).then(|| (one, at.key("TrainingJobDefinition"))))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn check_times(job: &Value, at: &Pointer, issues: &mut Vec<Issue>) {
    let stop = at.key("StoppingCondition");
    let runtime = whole(&job["StoppingCondition"]["MaxRuntimeInSeconds"]);
    let wait = &job["StoppingCondition"]["MaxWaitTimeInSeconds"];
    if let Some(runtime) = runtime {
        let place = stop.key("MaxRuntimeInSeconds");
        within("`MaxRuntimeInSeconds`", runtime, None, Some(LONGEST_RUN), &place, issues);
    }
    let spot = &job["EnableManagedSpotTraining"];
    if *spot != Value::Bool(true) {
        if !wait.is_null() && !on(spot) {
            issues.push(
                Issue::new(
                    Code::SpotWait,
                    stop.key("MaxWaitTimeInSeconds"),
                    "`MaxWaitTimeInSeconds` is for spot instances, and the job takes none",
                )
                .on_key()
                .label("refused without `EnableManagedSpotTraining`")
                .help("take it away, or add `\"EnableManagedSpotTraining\": true`"),
            );
        }
        return;
    }
    let place = at.key("EnableManagedSpotTraining");
    if wait.is_null() {
        issues.push(
            Issue::new(
                Code::SpotWait,
                place.clone(),
                "nothing says how long the job waits for spot instances",
            )
            .label("needs `MaxWaitTimeInSeconds`")
            .help("add `MaxWaitTimeInSeconds` to `StoppingCondition`, at least `MaxRuntimeInSeconds`"),
        );
    }
    if let (Some(runtime), Some(wait)) = (runtime, whole(wait))
        && wait < runtime
    {
        issues.push(
            Issue::new(
                Code::SpotWait,
                stop.key("MaxWaitTimeInSeconds"),
                format!("`MaxWaitTimeInSeconds` is {wait}, less than the job may run"),
            )
            .label("waiting and running together")
            .also(stop.key("MaxRuntimeInSeconds"), format!("{runtime} seconds"))
            .help(format!("raise it to {runtime} or more, or lower `MaxRuntimeInSeconds`")),
        );
    }
    if job["CheckpointConfig"].is_null() {
        issues.push(
            Issue::new(Code::SpotCheckpoints, place.clone(), "an interrupted job starts from the beginning")
                .label("keeps no checkpoints")
                .help("write checkpoints to `/opt/ml/checkpoints`, and add `CheckpointConfig`"),
        );
    }
    let warm = &job["ResourceConfig"]["KeepAlivePeriodInSeconds"];
    if !warm.is_null() && whole(warm) != Some(0) {
        issues.push(
            Issue::new(
                Code::SpotKeepAlive,
                at.key("ResourceConfig").key("KeepAlivePeriodInSeconds"),
                "spot instances are not kept warm",
            )
            .label("has no effect, or is refused")
            .also(place, "spot")
            .help("leave one of them away"),
        );
    }
}

fn check_metrics(job: &Value, at: &Pointer, issues: &mut Vec<Issue>) {
    let at = at.key("AlgorithmSpecification").key("MetricDefinitions");
    let metrics: Vec<(usize, &str, &str)> = items(&job["AlgorithmSpecification"]["MetricDefinitions"])
        .filter_map(|(index, metric)| Some((index, text(&metric["Name"])?, text(&metric["Regex"])?)))
        .collect();
    for (index, name, regex) in &metrics {
        let others: Vec<&str> =
            metrics.iter().filter(|(_, other, _)| other != name).map(|(_, _, regex)| *regex).collect();
        log_metrics::check(name, regex, &others, &at.index(*index).key("Regex"), issues);
    }
}

/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ResourceConfig.html>: instance groups stand in the
/// place of one type and count.
fn check_resources(job: &Value, at: &Pointer, issues: &mut Vec<Issue>) {
    let resources = &job["ResourceConfig"];
    let at = at.key("ResourceConfig");
    if !matches!(classify(resources), Class::Literal(Value::Object(_))) {
        return;
    }
    if !resources["InstanceGroups"].is_null() {
        for key in ["InstanceType", "InstanceCount"].iter().filter(|key| !resources[**key].is_null()) {
            issues.push(
                Issue::new(Code::OneOf, at.key(key), format!("a job has either `InstanceGroups` or `{key}`"))
                    .on_key()
                    .also(at.key("InstanceGroups"), "the groups")
                    .help("keep one of them"),
            );
        }
    } else if ["InstanceType", "InstancePreferences"].iter().all(|key| resources[*key].is_null()) {
        issues.push(
            Issue::new(Code::OneOf, at, "nothing says on which instances the job runs")
                .label("needs `InstanceType` or `InstanceGroups`")
                .help("add `InstanceType` and `InstanceCount`, or `InstanceGroups`"),
        );
    }
}
