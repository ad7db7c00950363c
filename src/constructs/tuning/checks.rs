//! What can be wrong with a tuning job.

use serde_json::{Number, Value};

use super::super::Export;
use super::super::jobs::{self, within};
use super::{Range, Scale, Scope, SearchStrategy, This, TrainingJob, Tuning};
use crate::diag::{Code, Issue, Pointer, Replacement, nearest, or_list};
use crate::rules::tuning::{
    self, MOST_CATEGORIES, MOST_JOBS, MOST_METRICS, MOST_PARALLEL, MOST_RANDOM_JOBS, MOST_RANGES,
    MOST_RESOURCE, Misfit, PARALLEL_QUOTA,
};

pub(super) fn check(tuning: &Tuning, this: &This, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
    let at = |key: &str| this.pointer.key(key);
    jobs::check_has_pipeline(&this.name, scope, &this.pointer, issues);
    let is_job = |export: &Export| matches!(export, Export::TrainingJob);
    let known = scope.check_reference(&tuning.training, "a training job", &at("training"), is_job, issues);
    let job = if known { scope.training_job(&tuning.training) } else { None };
    check_objective(tuning, job.as_deref(), this, scope, issues);
    check_jobs(tuning, &at("jobs"), issues);
    check_ranges(tuning, this, issues);
    if let Some(job) = &job {
        check_static(tuning, job, this, scope, issues);
    }
    check_strategy(tuning, job.as_deref(), this, issues);
    check_end(tuning, this, issues);
}

fn check_objective(
    tuning: &Tuning,
    job: Option<&TrainingJob>,
    this: &This,
    scope: &Scope<'_>,
    issues: &mut Vec<Issue>,
) {
    let pointer = this.pointer.key("objective");
    let Some((direction, metric)) = tuning.objective.metric() else {
        issues.push(
            Issue::new(Code::OneOf, pointer, "the objective has one of `maximize` and `minimize`")
                .help("write `{ maximize: <metric> }` or `{ minimize: <metric> }`"),
        );
        return;
    };
    let Some(job) = job else { return };
    within("the number of metrics of a tuning job", job.metrics.len(), &(0..=MOST_METRICS), &pointer, issues);
    // Algorithms of AWS bring metrics of their own.
    let brings_own = !job.script_mode && job.metrics.is_empty();
    if job.metrics.iter().any(|known| known == metric) || brings_own {
        return;
    }
    let at = pointer.key(&direction.to_lowercase());
    let mut issue =
        Issue::new(Code::ObjectiveUnknown, at, format!("`{}` has no metric `{metric}`", tuning.training))
            .label("not among its metrics");
    if let Some((training, _)) = scope.construct(&tuning.training) {
        issue = issue.also(training.pointer.key("metrics"), "its metrics");
    }
    issues.push(match nearest(metric, job.metrics.iter().map(String::as_str)) {
        Some(near) => issue.fix(near, format!("did you mean `{near}`?")),
        None => issue.help(format!("it has {}", or_list(job.metrics.iter().map(String::as_str)))),
    });
}

fn check_jobs(tuning: &Tuning, pointer: &Pointer, issues: &mut Vec<Issue>) {
    let parallel = tuning.jobs.parallel;
    let at = pointer.key("parallel");
    within("`parallel`", parallel, &(1..=MOST_PARALLEL), &at, issues);
    if (PARALLEL_QUOTA + 1..=MOST_PARALLEL).contains(&parallel) {
        issues.push(
            Issue::new(Code::TuningQuota, at.clone(), format!("accounts run {PARALLEL_QUOTA} training jobs of a tuning job at once, unless their quota is raised"))
                .label("more than the default quota")
                .help("have the quota raised before deploying, or lower `parallel`"),
        );
    }
    match tuning.jobs.max {
        Some(max) => {
            let most = if tuning.strategy == SearchStrategy::Random { MOST_RANDOM_JOBS } else { MOST_JOBS };
            within("`max`", max, &(1..=most), &pointer.key("max"), issues);
            if parallel > max {
                issues.push(
                    Issue::new(
                        Code::TuningParallel,
                        at,
                        format!("`parallel` is {parallel}, and {max} jobs run in all"),
                    )
                    .label("more than all")
                    .also(pointer.key("max"), "in all")
                    .help(format!("raise `max`, or lower `parallel` to {max} or less")),
                );
            }
        }
        None if tuning.strategy != SearchStrategy::Grid && tuning.max_runtime.is_none() => issues.push(
            Issue::new(Code::MissingKey, pointer.clone(), "nothing says how many jobs run")
                .help("add `max`, such as `max: 50`"),
        ),
        None => {}
    }
}

fn check_ranges(tuning: &Tuning, this: &This, issues: &mut Vec<Issue>) {
    let pointer = this.pointer.key("ranges");
    within("the number of ranges", tuning.ranges.len(), &(1..=MOST_RANGES), &pointer, issues);
    for (name, range) in &tuning.ranges {
        let at = pointer.key(name);
        match range {
            Range::Categorical(values) => {
                let at = at.key("categorical");
                within("the number of values", values.len(), &(1..=MOST_CATEGORIES), &at, issues);
                for (index, value) in values.iter().enumerate() {
                    if values[..index].contains(value) {
                        let message = format!("`{value}` is given twice");
                        issues.push(
                            Issue::new(Code::DuplicateName, at.index(index), message)
                                .help("keep one of them"),
                        );
                    }
                }
            }
            Range::Continuous(bounds) => check_bounds(bounds.scale, &bounds.ends, false, &at, issues),
            Range::Integer(bounds) => check_bounds(bounds.scale, &bounds.ends, true, &at, issues),
        }
    }
}

fn check_bounds(scale: Scale, ends: &[Number; 2], whole: bool, pointer: &Pointer, issues: &mut Vec<Issue>) {
    let at = pointer.key(if whole { "integer" } else { "continuous" });
    let [low, high] = ends.clone().map(|end| end.as_f64().unwrap_or_default());
    if low >= high {
        issues.push(
            Issue::new(
                Code::TuningRangeInverted,
                at.clone(),
                format!("{} is not less than {}", ends[0], ends[1]),
            )
            .label("the smaller comes first")
            .fix_by(Replacement::Yaml(format!("[{}, {}]", ends[1], ends[0])), "swap them"),
        );
        return;
    }
    let searched = match scale {
        Scale::Logarithmic => Some(tuning::Scale::Logarithmic),
        Scale::ReverseLogarithmic => Some(tuning::Scale::ReverseLogarithmic),
        _ => None,
    };
    let problem =
        searched.and_then(|scale| tuning::misfit(scale, whole, low, high)).map(|misfit| match misfit {
            Misfit::NotAboveZero => "`logarithmic` needs bounds above 0",
            Misfit::ContinuousOnly => "`reverse_logarithmic` is for `continuous` only",
            Misfit::NotBelowOne => "`reverse_logarithmic` needs bounds from 0 to less than 1",
        });
    if let Some(problem) = problem {
        issues.push(
            Issue::new(Code::TuningScale, pointer.key("scale"), problem)
                .label("does not fit the bounds")
                .also(at, "the bounds")
                .help("use `linear` or `auto`, or other bounds"),
        );
    }
}

/// Hyperparameters that are both static and ranged.
fn check_static(tuning: &Tuning, job: &TrainingJob, this: &This, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
    let training = scope.construct(&tuning.training).map(|(training, _)| training.pointer);
    for name in tuning.ranges.keys() {
        let Some(value) = job.hyperparameters.get(name) else { continue };
        let at = this.pointer.key("ranges").key(name);
        let mut issue = Issue::new(
            Code::StaticAndRanged,
            at,
            format!("`{name}` is {value} in `{}`, and varies here", tuning.training),
        )
        .on_key()
        .label("varies")
        .note("the range wins: the static value has no effect on tuning")
        .help(format!("take `{name}` out of the hyperparameters of `{}`", tuning.training));
        if let Some(pointer) = &training {
            issue = issue.also(pointer.key("hyperparameters").key(name), "has no effect");
        }
        issues.push(issue);
    }
}

fn check_strategy(tuning: &Tuning, job: Option<&TrainingJob>, this: &This, issues: &mut Vec<Issue>) {
    let at = |key: &str| this.pointer.key(key);
    let wrong = |key: &str, message: &str| Issue::new(Code::TuningStrategy, at(key), message);
    match tuning.strategy {
        SearchStrategy::Hyperband => {
            // https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-how-it-works.html
            if tuning.early_stopping {
                issues.push(
                    wrong("early_stopping", "`hyperband` stops jobs by itself")
                        .also(at("strategy"), "the strategy")
                        .help("leave `early_stopping` away"),
                );
            }
            let resources = job.is_some_and(|job| {
                job.hyperparameters.keys().any(|name| tuning::RESOURCES.contains(&name.as_str()))
            });
            let says = tuning.hyperband.as_ref().is_some_and(|band| band.max_resource.is_some());
            if !says && !resources {
                issues.push(
                    wrong("strategy", "`hyperband` needs to know how long a run can be")
                        .help("add `hyperband: { min_resource: 1, max_resource: 100 }`, in epochs"),
                );
            }
        }
        SearchStrategy::Grid => check_grid(tuning, this, issues),
        SearchStrategy::Bayesian | SearchStrategy::Random => {}
    }
    let Some(band) = &tuning.hyperband else { return };
    if tuning.strategy != SearchStrategy::Hyperband {
        issues.push(wrong("hyperband", "`hyperband` says nothing to another strategy").on_key());
    }
    for (key, value) in [("min_resource", band.min_resource), ("max_resource", band.max_resource)] {
        if let Some(value) = value {
            within(&format!("`{key}`"), value, &(1..=MOST_RESOURCE), &at("hyperband").key(key), issues);
        }
    }
    if let (Some(least), Some(most)) = (band.min_resource, band.max_resource)
        && least >= most
    {
        issues.push(
            Issue::new(
                Code::TuningRangeInverted,
                at("hyperband").key("min_resource"),
                format!("`min_resource` is {least}, not less than `max_resource`, which is {most}"),
            )
            .also(at("hyperband").key("max_resource"), "`max_resource`"),
        );
    }
}

fn check_grid(tuning: &Tuning, this: &This, issues: &mut Vec<Issue>) {
    let mut product: Option<u64> = Some(1);
    for (name, range) in &tuning.ranges {
        if let Range::Categorical(values) = range {
            product = product.and_then(|all| all.checked_mul(values.len() as u64));
            continue;
        }
        product = None;
        issues.push(
            Issue::new(
                Code::TuningStrategy,
                this.pointer.key("ranges").key(name),
                "`grid` tries values one by one: ranges are categorical",
            )
            .also(this.pointer.key("strategy"), "the strategy")
            .help("list the values: `{ categorical: […] }`"),
        );
    }
    if let (Some(product), Some(max)) = (product, tuning.jobs.max)
        && u64::from(max) != product
    {
        issues.push(
            Issue::new(
                Code::TuningStrategy,
                this.pointer.key("jobs").key("max"),
                format!("the grid has {product} combinations, and {max} jobs are asked for"),
            )
            .help("leave `max` away"),
        );
    }
}

fn check_end(tuning: &Tuning, this: &This, issues: &mut Vec<Issue>) {
    let at = |key: &str| this.pointer.key(key);
    if let Some(longest) = tuning.max_runtime {
        // https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ResourceLimits.html
        within("`max_runtime` in seconds", longest.secs(), &(120..=15_768_000), &at("max_runtime"), issues);
    }
    if let Some(warm) = &tuning.warm_start {
        let at = at("warm_start").key("parents");
        within("the number of parents", warm.parents.len(), &(1..=5), &at, issues);
        for (index, parent) in warm.parents.iter().enumerate() {
            let good = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if parent.is_empty() || parent.len() > 32 || !parent.chars().all(good) {
                let message = format!("`{parent}` is no name of a tuning job");
                issues.push(
                    Issue::new(Code::InvalidName, at.index(index), message)
                        .help("names in AWS have letters, digits and `-`, at most 32"),
                );
            }
        }
    }
    if let Some(completion) = &tuning.completion {
        let at = at("completion");
        if let Some(jobs) = completion.no_improvement {
            within("`no_improvement`", jobs, &(3..=u32::MAX), &at.key("no_improvement"), issues);
        }
        if completion.target.is_none() && completion.no_improvement.is_none() && !completion.on_convergence {
            issues.push(
                Issue::new(Code::OneOf, at, "nothing says when to end")
                    .help("give `target`, `no_improvement` or `on_convergence: true`"),
            );
        }
    }
    if let Some(seed) = tuning.seed {
        within("`seed`", seed, &(0..=2_147_483_647), &at("seed"), issues);
    }
    let odd = |value: &&Value| value.is_array() || value.is_object() || value.is_null();
    for (name, range) in &tuning.ranges {
        if let Range::Categorical(values) = range
            && let Some(value) = values.iter().find(odd)
        {
            let message = format!("`{value}` is no scalar");
            issues.push(
                Issue::new(Code::WrongType, this.pointer.key("ranges").key(name).key("categorical"), message)
                    .help("list text, numbers or flags"),
            );
        }
    }
}
