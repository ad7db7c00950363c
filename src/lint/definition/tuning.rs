//! What members of a tuning job have to do with each other.

use serde_json::Value;

use super::Step;
use super::expression::{text, whole};
use super::forms::within;
use super::model::items;
use super::training;
use crate::diag::{Code, Issue, Pointer, nearest, or_list};
use crate::rules::tuning::{
    self, MOST_JOBS, MOST_PARALLEL, MOST_RANDOM_JOBS, MOST_RANGES, Misfit, PARALLEL_QUOTA, Scale,
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
    check_strategy(config, &at, issues);
    let jobs = training::jobs(step);
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

fn check_strategy(config: &Value, at: &Pointer, issues: &mut Vec<Issue>) {
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
