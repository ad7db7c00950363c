//! What members of a tuning job have to do with each other.

use serde_json::Value;

use super::envelope::check_twice;
use super::expression::{Class, classify, text, whole};
use super::forms::{missing_key, within};
use super::model::{items, mappings};
use super::reference::step_name;
use super::training;
use super::{Definition, Step};
use crate::diag::{Code, Issue, Pointer, nearest, or_list};
use crate::rules::tuning::{
    self, MOST_JOBS, MOST_METRICS, MOST_PARALLEL, MOST_RANDOM_JOBS, MOST_RANGES, MOST_RESOURCE, Misfit,
    PARALLEL_QUOTA, RESOURCES, Scale,
};

const CONFIG: &str = "HyperParameterTuningJobConfig";

/// Says what is wrong with the tuning job of a step.
pub(super) fn check(step: &Step<'_>, issues: &mut Vec<Issue>) {
    if !step.is("Tuning") {
        return;
    }
    let config = &step.arguments()[CONFIG];
    let at = step.arguments_at().key(CONFIG);
    check_jobs(config, &at, issues);
    check_definitions(step, issues);
    check_end(step, config, &at, issues);
    let jobs = training::jobs(step);
    check_strategy(config, &at, &jobs, issues);
    check_shared(config, &at, &jobs, issues);
    for (job, place) in &jobs {
        // One definition has the ranges and the objective of the whole tuning job; several have their own.
        let ranges = &job["HyperParameterRanges"];
        let own = !ranges.is_null();
        let (ranges, ranges_at) = if own {
            (ranges, place.key("HyperParameterRanges"))
        } else {
            (&config["ParameterRanges"], at.key("ParameterRanges"))
        };
        if own {
            check_ranges(ranges, &ranges_at, issues);
        }
        check_static(ranges, &ranges_at, job, place, issues);
        let metrics = items(&job["AlgorithmSpecification"]["MetricDefinitions"]).count();
        let metrics_at = place.key("AlgorithmSpecification").key("MetricDefinitions");
        let most = i64::try_from(MOST_METRICS).ok();
        within("the number of metrics", super::forms::size(metrics), None, most, &metrics_at, issues);
        let objective = &job["TuningObjective"];
        if objective.is_null() {
            let objective_at = at.key("HyperParameterTuningJobObjective");
            check_objective(&config["HyperParameterTuningJobObjective"], &objective_at, job, place, issues);
        } else {
            check_objective(objective, &place.key("TuningObjective"), job, place, issues);
        }
    }
}

fn check_shared(config: &Value, at: &Pointer, jobs: &[(&Value, Pointer)], issues: &mut Vec<Issue>) {
    check_ranges(&config["ParameterRanges"], &at.key("ParameterRanges"), issues);
    if config["Strategy"] == "Grid" {
        check_grid(config, at, jobs, issues);
    }
}

/// The ranges of any kind, with their places.
fn ranges<'d>(ranges: &'d Value, at: &Pointer) -> Vec<(&'static str, &'d Value, Pointer)> {
    ["ContinuousParameterRanges", "IntegerParameterRanges", "CategoricalParameterRanges", "AutoParameters"]
        .into_iter()
        .flat_map(|kind| {
            let at = at.key(kind);
            items(&ranges[kind]).map(move |(index, range)| (kind, range, at.index(index)))
        })
        .collect()
}

fn check_jobs(config: &Value, at: &Pointer, issues: &mut Vec<Issue>) {
    let at = at.key("ResourceLimits");
    let limits = &config["ResourceLimits"];
    let most = if config["Strategy"] == "Random" { MOST_RANDOM_JOBS } else { MOST_JOBS };
    let (parallel, max) =
        (whole(&limits["MaxParallelTrainingJobs"]), whole(&limits["MaxNumberOfTrainingJobs"]));
    let place = at.key("MaxParallelTrainingJobs");
    if let Some(max) = max {
        let place = at.key("MaxNumberOfTrainingJobs");
        within("`MaxNumberOfTrainingJobs`", max, None, Some(most.into()), &place, issues);
    }
    let Some(parallel) = parallel else { return };
    if parallel > MOST_PARALLEL.into() {
        let what = "`MaxParallelTrainingJobs`";
        within(what, parallel, None, Some(MOST_PARALLEL.into()), &place, issues);
    } else if parallel > PARALLEL_QUOTA.into() {
        let message = format!(
            "accounts run {PARALLEL_QUOTA} training jobs of a tuning job at once, unless their quota is raised"
        );
        issues.push(
            Issue::new(Code::TuningQuota, place.clone(), message)
                .label("more than the default quota")
                .help("have the quota raised, or lower `MaxParallelTrainingJobs`"),
        );
    }
    if let Some(max) = max.filter(|max| parallel > *max) {
        let message = format!("`MaxParallelTrainingJobs` is {parallel}, and {max} jobs run in all");
        issues.push(
            Issue::new(Code::TuningParallel, place, message)
                .label("more than all")
                .also(at.key("MaxNumberOfTrainingJobs"), "in all")
                .help(format!("raise `MaxNumberOfTrainingJobs`, or lower this to {max} or less")),
        );
    }
}

fn check_ranges(all: &Value, at: &Pointer, issues: &mut Vec<Issue>) {
    let found = ranges(all, at);
    if found.len() > MOST_RANGES {
        let most = i64::try_from(MOST_RANGES).ok();
        within("the number of ranges", super::forms::size(found.len()), None, most, at, issues);
    }
    for (index, (_, range, place)) in found.iter().enumerate() {
        let Some(name) = text(&range["Name"]) else { continue };
        if let Some((_, _, first)) = found[..index].iter().find(|(_, other, _)| other["Name"] == name) {
            issues.push(
                Issue::new(Code::DuplicateName, place.key("Name"), format!("`{name}` has two ranges"))
                    .label("the same name again")
                    .also(first.key("Name"), "first here")
                    .help("keep one of them"),
            );
        }
    }
    for (kind, range, place) in found {
        check_bounds(kind == "IntegerParameterRanges", range, &place, issues);
    }
}

fn check_bounds(is_whole: bool, range: &Value, at: &Pointer, issues: &mut Vec<Issue>) {
    let end = |key: &str| text(&range[key]).and_then(|text| text.trim().parse::<f64>().ok());
    for key in ["MinValue", "MaxValue"] {
        if let Some(written) = text(&range[key]).filter(|_| end(key).is_none_or(|end| !end.is_finite())) {
            issues.push(
                Issue::new(Code::WrongForm, at.key(key), format!("`{written}` is no number"))
                    .label("not a number")
                    .help("write a number in quotes, such as `\"0.1\"`"),
            );
        }
    }
    for key in ["MinValue", "MaxValue"].iter().filter(|_| is_whole) {
        if end(key).is_some_and(|end| end.is_finite() && end.fract() != 0.0) {
            let message = format!("`{}` is no whole number", range[*key].as_str().unwrap_or_default());
            issues.push(
                Issue::new(Code::WrongForm, at.key(key), message)
                    .label("of a range of whole numbers")
                    .help("write a whole number, or make it one of `ContinuousParameterRanges`"),
            );
        }
    }
    let (Some(low), Some(high)) = (end("MinValue"), end("MaxValue")) else { return };
    if low >= high {
        issues.push(
            Issue::new(
                Code::TuningRangeInverted,
                at.key("MinValue"),
                format!("{low} is not less than {high}"),
            )
            .label("the smaller is `MinValue`")
            .also(at.key("MaxValue"), "`MaxValue`")
            .help("swap them, or give the value as a static hyperparameter"),
        );
        return;
    }
    let scale = match text(&range["ScalingType"]) {
        Some("Logarithmic") => Scale::Logarithmic,
        Some("ReverseLogarithmic") => Scale::ReverseLogarithmic,
        _ => return,
    };
    let Some(misfit) = tuning::misfit(scale, is_whole, low, high) else { return };
    let message = match misfit {
        Misfit::NotAboveZero => "`Logarithmic` needs bounds above 0",
        Misfit::ContinuousOnly => "`ReverseLogarithmic` is for continuous ranges only",
        Misfit::NotBelowOne => "`ReverseLogarithmic` needs bounds from 0 to less than 1",
    };
    issues.push(
        Issue::new(Code::TuningScale, at.key("ScalingType"), message)
            .label("does not fit the bounds")
            .also(at.key("MinValue"), "the bounds")
            .help("use `Linear` or `Auto`, or other bounds"),
    );
}

/// Hyperparameters that are both static and ranged.
fn check_static(all: &Value, at: &Pointer, job: &Value, place: &Pointer, issues: &mut Vec<Issue>) {
    let fixed = &job["StaticHyperParameters"];
    for (_, range, range_at) in ranges(all, at) {
        let Some(name) = text(&range["Name"]).filter(|name| !fixed[*name].is_null()) else { continue };
        issues.push(
            Issue::new(
                Code::StaticAndRanged,
                range_at.key("Name"),
                format!("`{name}` is static, and varies as well"),
            )
            .label("varies")
            .also(place.key("StaticHyperParameters").key(name), "is static")
            .help(format!("take `{name}` out of `StaticHyperParameters`, or out of the ranges")),
        );
    }
}

/// The metrics that a job says it prints must have the objective; algorithms of AWS bring metrics of their own.
fn check_objective(objective: &Value, at: &Pointer, job: &Value, place: &Pointer, issues: &mut Vec<Issue>) {
    let Some(metric) = text(&objective["MetricName"]) else { return };
    let known: Vec<Option<&str>> = items(&job["AlgorithmSpecification"]["MetricDefinitions"])
        .map(|(_, metric)| text(&metric["Name"]))
        .collect();
    if known.is_empty() || known.contains(&None) || known.contains(&Some(metric)) {
        return;
    }
    let names: Vec<&str> = known.into_iter().flatten().collect();
    let message = format!("the training job has no metric `{metric}`");
    let issue = Issue::new(Code::ObjectiveUnknown, at.key("MetricName"), message)
        .label("not among its metrics")
        .also(place.key("AlgorithmSpecification").key("MetricDefinitions"), "its metrics");
    issues.push(match nearest(metric, names.iter().copied()) {
        Some(near) => issue.fix(near, format!("did you mean `{near}`?")),
        None => issue.help(format!("it has {}", or_list(names))),
    });
}

fn check_strategy(config: &Value, at: &Pointer, jobs: &[(&Value, Pointer)], issues: &mut Vec<Issue>) {
    let wrong = |at: Pointer, message: &str| Issue::new(Code::TuningStrategy, at, message);
    let strategy = text(&config["Strategy"]).unwrap_or_default();
    // https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-how-it-works.html
    if strategy == "Hyperband" && config["TrainingJobEarlyStoppingType"] == "Auto" {
        issues.push(
            wrong(at.key("TrainingJobEarlyStoppingType"), "`Hyperband` stops jobs by itself")
                .also(at.key("Strategy"), "the strategy")
                .help("write `Off`, or leave it away"),
        );
    }
    let band = &config["StrategyConfig"]["HyperbandStrategyConfig"];
    let place = at.key("StrategyConfig").key("HyperbandStrategyConfig");
    if !band.is_null() && ["Bayesian", "Grid", "Random"].contains(&strategy) {
        issues.push(
            wrong(place.clone(), &format!("`HyperbandStrategyConfig` says nothing to `{strategy}`"))
                .on_key()
                .also(at.key("Strategy"), "the strategy")
                .help("take it away, or write `Hyperband` as the strategy"),
        );
    }
    if let Some(most) = whole(&band["MaxResource"]) {
        within("`MaxResource`", most, None, Some(MOST_RESOURCE.into()), &place.key("MaxResource"), issues);
    }
    // https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_HyperbandStrategyConfig.html
    if strategy == "Hyperband"
        && band["MaxResource"].is_null()
        && matches!(classify(&config["StrategyConfig"]), Class::Literal(_))
    {
        let silent = jobs.iter().find(|(job, _)| match &job["StaticHyperParameters"] {
            Value::Null => true,
            Value::Object(fixed) => {
                !fixed.keys().any(|key| RESOURCES.contains(&key.as_str()) || key.contains("::"))
            }
            _ => false,
        });
        if silent.is_some() {
            issues.push(wrong(at.key("Strategy"), "`Hyperband` needs to know how long a run can be").help(
                "give `MaxResource` in `HyperbandStrategyConfig`, or `epochs` as a static hyperparameter",
            ));
        }
    }
    if let (Some(least), Some(most)) = (whole(&band["MinResource"]), whole(&band["MaxResource"]))
        && least >= most
    {
        let message = format!("`MinResource` is {least}, not less than `MaxResource`, which is {most}");
        issues.push(
            Issue::new(Code::TuningRangeInverted, place.key("MinResource"), message)
                .also(place.key("MaxResource"), "`MaxResource`")
                .help("give the smaller as `MinResource`"),
        );
    }
}

fn check_grid(config: &Value, at: &Pointer, jobs: &[(&Value, Pointer)], issues: &mut Vec<Issue>) {
    let mut all = ranges(&config["ParameterRanges"], &at.key("ParameterRanges"));
    for (job, place) in jobs {
        all.extend(ranges(&job["HyperParameterRanges"], &place.key("HyperParameterRanges")));
    }
    let mut product = Some(1u64);
    for (kind, range, place) in all {
        if kind == "CategoricalParameterRanges" {
            let values = range["Values"].as_array().map(|values| values.len() as u64);
            product = product.zip(values).and_then(|(product, values)| product.checked_mul(values));
            continue;
        }
        product = None;
        issues.push(
            Issue::new(Code::TuningStrategy, place, "`Grid` tries values one by one: ranges are categorical")
                .also(at.key("Strategy"), "the strategy")
                .help("list the values in `CategoricalParameterRanges`"),
        );
    }
    let max = config["ResourceLimits"]["MaxNumberOfTrainingJobs"].as_u64();
    if let (Some(product), Some(max)) = (product, max)
        && max != product
        && jobs.len() == 1
    {
        let message = format!("the grid has {product} combinations, and {max} jobs are asked for");
        issues.push(
            Issue::new(
                Code::TuningStrategy,
                at.key("ResourceLimits").key("MaxNumberOfTrainingJobs"),
                message,
            )
            .help("leave `MaxNumberOfTrainingJobs` away"),
        );
    }
}

/// One training job, or several that say each what they are called, vary and aim at.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/multiple-algorithm-hpo.html>
fn check_definitions(step: &Step<'_>, issues: &mut Vec<Issue>) {
    const ONE: &str = "TrainingJobDefinition";
    const SEVERAL: &str = "TrainingJobDefinitions";
    let arguments = step.arguments();
    if !arguments.is_object() {
        return;
    }
    let at = step.arguments_at();
    let given = [ONE, SEVERAL].map(|key| !arguments[key].is_null());
    match given {
        [true, true] => issues.push(
            Issue::new(
                Code::OneOf,
                at.key(SEVERAL),
                format!("a tuning job has either `{ONE}` or `{SEVERAL}`"),
            )
            .on_key()
            .also(at.key(ONE), "the other")
            .help("keep one of them"),
        ),
        [false, false] => issues.push(
            Issue::new(Code::OneOf, at.clone(), format!("{} tunes nothing", step.called()))
                .label(format!("neither `{ONE}` nor `{SEVERAL}`"))
                .help(format!("describe the training job in `{ONE}`")),
        ),
        _ => {}
    }
    let at = at.key(SEVERAL);
    for (index, job) in items(&arguments[SEVERAL]).filter(|(_, job)| job.is_object()) {
        for key in ["DefinitionName", "TuningObjective", "HyperParameterRanges"] {
            if job[key].is_null() {
                issues.push(missing_key(key, "one of several training jobs", &at.index(index)));
            }
        }
    }
    let names = items(&arguments[SEVERAL]).map(|(_, job)| &job["DefinitionName"]);
    check_twice(names, &at, "DefinitionName", "training job", issues);
}

/// What a tuning job begins with, and when it ends.
fn check_end(step: &Step<'_>, config: &Value, at: &Pointer, issues: &mut Vec<Issue>) {
    let parents = &step.arguments()["WarmStartConfig"]["ParentHyperParameterTuningJobs"];
    let place = step.arguments_at().key("WarmStartConfig").key("ParentHyperParameterTuningJobs");
    let names = items(parents).map(|(_, parent)| &parent["HyperParameterTuningJobName"]);
    check_twice(names, &place, "HyperParameterTuningJobName", "parent", issues);
    let criteria = &config["TuningJobCompletionCriteria"];
    let silent = |value: &Value| {
        value.is_null() || value.as_object().is_some_and(|it| it.values().all(Value::is_null))
    };
    if criteria.as_object().is_some_and(|it| it.values().all(silent)) {
        issues.push(
            Issue::new(Code::OneOf, at.key("TuningJobCompletionCriteria"), "nothing says when to end")
                .on_key()
                .help(
                    "give `TargetObjectiveMetricValue`, `BestObjectiveNotImproving` or `ConvergenceDetected`",
                ),
        );
    }
    let limits = &config["ResourceLimits"];
    if limits.is_object()
        && step.arguments()["Autotune"].is_null()
        && config["Strategy"].is_string()
        && config["Strategy"] != "Grid"
        && limits["MaxNumberOfTrainingJobs"].is_null()
        && limits["MaxRuntimeInSeconds"].is_null()
    {
        issues.push(
            missing_key("MaxNumberOfTrainingJobs", "`ResourceLimits`", &at.key("ResourceLimits"))
                .note("without it, or `MaxRuntimeInSeconds`, nothing says how many jobs run"),
        );
    }
}

/// The model of the best job lies where the tuning job writes.
///
/// AWS's SDK joins the path by hand, from a bucket and a prefix that its caller repeats.
pub(super) fn check_paths(definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    for step in &definition.steps {
        if step.is("Condition") || step.is("ForEach") {
            continue;
        }
        for (members, at) in mappings(step.arguments(), &step.arguments_at()) {
            let Some(join) = members.get("Std:Join").filter(|_| members.len() == 1) else { continue };
            let Some(parts) = join["Values"].as_array() else { continue };
            let Some((index, tuning)) = parts.iter().enumerate().find_map(|(index, part)| {
                let path = part["Get"].as_str().filter(|path| path.ends_with("TrainingJobName"))?;
                let step = definition.step(step_name(path)?).filter(|step| step.is("Tuning"))?;
                Some((index, step))
            }) else {
                continue;
            };
            let before: Option<Vec<&str>> = parts[..index].iter().map(text).collect();
            let Some(before) = before.filter(|before| !before.is_empty()) else { continue };
            let before = before.join(join["On"].as_str().unwrap_or_default());
            let written: Option<Vec<(&str, Pointer)>> = training::jobs(tuning)
                .into_iter()
                .map(|(job, place)| {
                    let path = text(&job["OutputDataConfig"]["S3OutputPath"])?;
                    Some((path, place.key("OutputDataConfig").key("S3OutputPath")))
                })
                .collect();
            let clean = |path: &str| path.trim_end_matches('/').to_owned();
            let Some(written) = written.filter(|written| !written.is_empty()) else { continue };
            if !before.starts_with("s3://") || written.iter().any(|(path, _)| clean(path) == clean(&before)) {
                continue;
            }
            let (path, place) = &written[0];
            issues.push(
                Issue::new(
                    Code::BestModelPath,
                    at.key("Std:Join").key("Values"),
                    format!("{} writes its models to `{path}`, and not to `{before}`", tuning.called()),
                )
                .label("no model lies there")
                .also(place.clone(), "where they are written")
                .help(format!("begin the path with `{}`", clean(path))),
            );
        }
    }
}
