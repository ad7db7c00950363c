//! Monitoring schedules: when they run, what they run, and whether there is anything to look at.

use super::serving::{self, Named, beneath, named};
use crate::diag::{Code, Issue};
use crate::lint::{Assumptions, Case, Resource, Template, Thing};
use crate::rules::monitor_schedule::{self, WindowFault};
use crate::tables;

const SCHEDULE: &str = "AWS::SageMaker::MonitoringSchedule";

/// The type of a job definition, what a schedule calls that, and the definition's member that names an endpoint.
const KINDS: [(&str, &str, &str); 4] = [
    ("AWS::SageMaker::DataQualityJobDefinition", "DataQuality", "DataQualityJobInput"),
    ("AWS::SageMaker::ModelQualityJobDefinition", "ModelQuality", "ModelQualityJobInput"),
    ("AWS::SageMaker::ModelBiasJobDefinition", "ModelBias", "ModelBiasJobInput"),
    (
        "AWS::SageMaker::ModelExplainabilityJobDefinition",
        "ModelExplainability",
        "ModelExplainabilityJobInput",
    ),
];

/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_MonitoringScheduleConfig.html>
pub(super) fn monitors(template: &Template<'_>, found: &mut Vec<Issue>) {
    for schedule in template.of_type(SCHEDULE) {
        for config in template.values(schedule, "MonitoringScheduleConfig") {
            one_of(template, &config, found);
            expression(template, &config, found);
            let inline = template.beneath(&config, "MonitoringJobDefinition");
            for job in &inline {
                let runtimes = beneath(template, job, "StoppingCondition.MaxRuntimeInSeconds");
                runtime(template, &config, &runtimes, false, found);
                for input in beneath(template, job, "MonitoringInputs.*") {
                    inputs(template, &input, found);
                }
                for input in beneath(template, job, "MonitoringInputs.*.EndpointInput.EndpointName") {
                    captured(template, &input, found);
                }
            }
            for name in template.beneath(&config, "MonitoringJobDefinitionName") {
                definition(template, &config, &name, found);
            }
        }
    }
    for (kind, _, input) in KINDS {
        for job in template.of_type(kind) {
            for case in template.values(job, input) {
                inputs(template, &case, found);
            }
            if kind == "AWS::SageMaker::ModelQualityJobDefinition" {
                binary(template, job, found);
            }
            for name in template.values(job, &format!("{input}.EndpointInput.EndpointName")) {
                captured(template, &name, found);
            }
        }
    }
}

fn one_of<'d>(template: &Template<'d>, config: &Case<'d>, found: &mut Vec<Issue>) {
    const KEYS: [&str; 2] = ["MonitoringJobDefinition", "MonitoringJobDefinitionName"];
    let Thing::Map(members) = config.thing else { return };
    let sure = |key: &&str| {
        let cases = template.beneath(config, key);
        !cases.is_empty() && !cases.iter().any(|case| matches!(case.thing, Thing::Absent | Thing::Unknown))
    };
    if KEYS.iter().all(sure) {
        found.push(
            Issue::new(
                Code::OneOf,
                config.at.key(KEYS[1]),
                format!("`{}` and `{}` exclude each other", KEYS[1], KEYS[0]),
            )
            .on_key()
            .label("given as well")
            .also(config.at.key(KEYS[0]), "the other")
            .help("keep one of them"),
        );
    } else if !members.keys().any(|key| KEYS.contains(&key.as_str()) || key.starts_with("Fn::")) {
        found.push(
            Issue::new(Code::MonitorNeeds, config.at.clone(), "the schedule runs nothing")
                .on_key()
                .label(format!("neither `{}` nor `{}`", KEYS[0], KEYS[1]))
                .help(format!("name a job definition under `{}`", KEYS[1])),
        );
    }
}

fn expression<'d>(template: &Template<'d>, config: &Case<'d>, found: &mut Vec<Issue>) {
    for when in template.beneath(config, "ScheduleConfig") {
        let Thing::Map(members) = when.thing else { continue };
        for case in template.beneath(&when, "ScheduleExpression") {
            let Some(text) = case.known() else { continue };
            if text == "NOW" {
                let hidden = members.keys().any(|key| key.starts_with("Fn::"));
                for key in ["DataAnalysisStartTime", "DataAnalysisEndTime"] {
                    if !hidden && !members.contains_key(key) {
                        found.push(
                            Issue::new(
                                Code::MonitorNeeds,
                                case.at.clone(),
                                format!("a run `NOW` needs `{key}`"),
                            )
                            .label("of what data is not said")
                            .help(format!("give `{key}`, such as `-PT1H` or `-PT0H`")),
                        );
                    }
                }
            } else if monitor_schedule::interval(&text).is_none() {
                found.push(
                    Issue::new(
                        Code::ScheduleExpression,
                        case.at.clone(),
                        format!("Model Monitor does not take the schedule `{text}`"),
                    )
                    .label("hourly, every some hours or daily")
                    .help("write `cron(0 * ? * * *)`, `cron(0 3 ? * * *)`, `cron(0 0/6 ? * * *)` or `NOW`"),
                );
            }
        }
    }
}

/// A run must end before the next begins.
fn runtime<'d>(
    template: &Template<'d>,
    config: &Case<'d>,
    runtimes: &[Case<'d>],
    labels: bool,
    found: &mut Vec<Issue>,
) {
    for schedule in beneath(template, config, "ScheduleConfig.ScheduleExpression") {
        let Some(hours) = schedule.known().and_then(|text| monitor_schedule::interval(&text)) else {
            continue;
        };
        for runtime in runtimes {
            let Some(seconds) = runtime.number() else { continue };
            #[expect(clippy::cast_precision_loss, reason = "at most a day")]
            let longest = monitor_schedule::longest_run(hours, labels) as f64;
            if seconds > longest && schedule.when.and(template, &runtime.when).is_some() {
                found.push(
                    Issue::new(
                        Code::MonitorRuntime,
                        runtime.at.clone(),
                        format!("a run may take {seconds} seconds, and {longest} are left before the next"),
                    )
                    .also(schedule.at.clone(), "the schedule")
                    .help(format!("write {longest} or less, or run less often")),
                );
            }
        }
    }
}

/// The job definition of a schedule: of the type that the schedule says, and short enough.
fn definition<'d>(template: &Template<'d>, config: &Case<'d>, name: &Case<'d>, found: &mut Vec<Issue>) {
    let Some(text) = name.text() else { return };
    let job: Option<(&Resource<'d>, &str)> = KINDS.iter().find_map(|(kind, label, _)| {
        match named(template, kind, "JobDefinitionName", text, &name.when) {
            Named::One(job) => Some((job, *label)),
            _ => None,
        }
    });
    let Some((job, label)) = job else {
        if let Some((id, _)) = text.target()
            && let Some(other) = template.resource(id)
            && tables::resource(other.kind).is_some()
        {
            found.push(
                Issue::new(Code::WrongReference, name.at.clone(), format!("`{id}` is no job definition"))
                    .label(format!("it is `{}`", other.kind))
                    .also(other.pointer.clone(), "what is named")
                    .help("name a job definition by `Fn::GetAtt` with `JobDefinitionName`"),
            );
        }
        return;
    };
    for kind in template.beneath(config, "MonitoringType") {
        let Some(said) = kind.known() else { continue };
        if said != label
            && KINDS.iter().any(|(_, known, _)| *known == said)
            && kind.when.and(template, &name.when).is_some()
        {
            found.push(
                Issue::new(
                    Code::WrongReference,
                    kind.at.clone(),
                    format!("the schedule is of `{said}`, and `{}` of `{label}`", job.id),
                )
                .also(job.pointer.clone(), "the job definition")
                .help(format!("write `{label}`, or name a job definition of `{said}`")),
            );
        }
    }
    let runtimes = template.values(job, "StoppingCondition.MaxRuntimeInSeconds");
    runtime(template, config, &runtimes, matches!(label, "ModelQuality" | "ModelBias"), found);
}

/// The data of a monitor: of an endpoint or of a batch transform, from a stretch of time.
fn inputs<'d>(template: &Template<'d>, input: &Case<'d>, found: &mut Vec<Issue>) {
    const KEYS: [&str; 2] = ["EndpointInput", "BatchTransformInput"];
    let Thing::Map(members) = input.thing else { return };
    let given: Vec<Vec<Case<'d>>> = KEYS.iter().map(|key| template.beneath(input, key)).collect();
    let sure = |cases: &Vec<Case<'_>>| {
        !cases.is_empty() && cases.iter().all(|case| matches!(case.thing, Thing::Map(_)))
    };
    if given.iter().all(sure) {
        found.push(
            Issue::new(
                Code::OneOf,
                input.at.key(KEYS[1]),
                format!("a monitor reads either `{}` or `{}`", KEYS[0], KEYS[1]),
            )
            .on_key()
            .also(input.at.key(KEYS[0]), "the other")
            .help("keep one of them"),
        );
    } else if !members.keys().any(|key| KEYS.contains(&key.as_str()) || key.starts_with("Fn::")) {
        found.push(
            Issue::new(Code::OneOf, input.at.clone(), "the monitor reads nothing")
                .on_key()
                .label(format!("neither `{}` nor `{}`", KEYS[0], KEYS[1]))
                .help(format!("add `{}`, or `{}`", KEYS[0], KEYS[1])),
        );
    }
    for source in given.iter().flatten() {
        for start in template.beneath(source, "StartTimeOffset") {
            for end in template.beneath(source, "EndTimeOffset") {
                if start.when.and(template, &end.when).is_some() {
                    found.extend(stretch(&start, &end));
                }
            }
        }
    }
}

fn stretch(start: &Case<'_>, end: &Case<'_>) -> Option<Issue> {
    let (from, to) = (start.known()?, end.known()?);
    let fault =
        monitor_schedule::window_fault(monitor_schedule::offset(&from)?, monitor_schedule::offset(&to)?)?;
    let message = match fault {
        WindowFault::Inverted => format!("the data begins at `{from}` and ends at `{to}`, not after it"),
        WindowFault::TooLong => format!("`{from}` is more than 24h before the run"),
        WindowFault::Broken => "the data begins and ends at whole minutes before the run".to_owned(),
    };
    Some(
        Issue::new(Code::MonitorWindow, start.at.clone(), message)
            .also(end.at.clone(), "the end")
            .help("write such as `-PT1H` and `-PT0H`: the last hour before the run"),
    )
}

/// What tells the two classes of a binary classification apart.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-baseline.html>
fn binary<'d>(template: &Template<'d>, job: &Resource<'d>, found: &mut Vec<Issue>) {
    for problem in template.values(job, "ModelQualityAppSpecification.ProblemType") {
        if problem.known().as_deref() != Some("BinaryClassification") {
            continue;
        }
        for key in ["EndpointInput", "BatchTransformInput"] {
            for source in template.values(job, &format!("ModelQualityJobInput.{key}")) {
                let Thing::Map(members) = source.thing else { continue };
                let has = |key: &str| members.contains_key(key);
                let hidden = members.keys().any(|key| key.starts_with("Fn::"));
                let threshold = has("ProbabilityAttribute") && has("ProbabilityThresholdAttribute");
                if hidden || has("InferenceAttribute") || threshold {
                    continue;
                }
                found.push(
                    Issue::new(
                        Code::MonitorNeeds,
                        source.at.clone(),
                        "nothing tells the two classes of the predictions apart",
                    )
                    .on_key()
                    .also(problem.at.clone(), "two classes")
                    .help("give `InferenceAttribute`, or `ProbabilityAttribute` and `ProbabilityThresholdAttribute`"),
                );
            }
        }
    }
}

/// What a monitor reads is captured.
fn captured<'d>(template: &Template<'d>, name: &Case<'d>, found: &mut Vec<Issue>) {
    let Some(text) = name.text() else { return };
    let endpoint = match serving::endpoint(template, text, &name.when) {
        Named::One(endpoint) => endpoint,
        Named::Nothing => {
            found.push(super::scaling::no_endpoint(template, text, &name.at));
            return;
        }
        Named::Unknown => return,
    };
    let Some(configs) = serving::configs(template, endpoint, &name.when) else { return };
    for (config, when) in configs {
        if let Some(what) = missing(template, config, &when) {
            found.push(
                Issue::new(
                    Code::MonitorCapture,
                    name.at.clone(),
                    format!("`{}` captures no {what}", endpoint.id),
                )
                .label("the monitor has nothing to read")
                .also(config.pointer.clone(), "its configuration")
                .help("give it `DataCaptureConfig` with `EnableCapture` and the modes `Input` and `Output`"),
            );
            return;
        }
    }
}

/// What a configuration certainly does not capture.
fn missing<'d>(
    template: &Template<'d>,
    config: &Resource<'d>,
    when: &Assumptions<'d>,
) -> Option<&'static str> {
    let members = config.members.get("Properties")?.as_object()?;
    if members.keys().any(|key| key.starts_with("Fn::")) {
        return None;
    }
    let captures = template.values(config, "DataCaptureConfig");
    if captures.is_empty() {
        return Some("data");
    }
    for capture in captures.iter().filter(|capture| when.and(template, &capture.when).is_some()) {
        if capture.is_absent() {
            // Where the monitor is left out on the same condition, `when` says so.
            return Some("data");
        }
        if template.beneath(capture, "EnableCapture").iter().any(|case| case.flag() == Some(false)) {
            return Some("data");
        }
        let modes = beneath(template, capture, "CaptureOptions.*.CaptureMode");
        let known: Option<Vec<String>> = modes.iter().map(Case::known).collect();
        let Some(known) = known.filter(|known| !known.is_empty()) else { continue };
        let has = |mode: &str| known.iter().any(|it| it == mode || it == "InputAndOutput");
        if !has("Input") {
            return Some("requests");
        }
        if !has("Output") {
            return Some("responses");
        }
    }
    None
}
