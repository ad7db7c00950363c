//! What can be wrong with a training job.

use super::super::jobs::{self, Brief, at_most, within};
use super::{ChannelMode, Parallel, Scope, Strategy, This, Training};
use crate::cfn::Value;
use crate::diag::{Code, Issue, Pointer};
use crate::rules::distribution::{self, Fit};
use crate::rules::log_metrics;
use crate::rules::pipelines::LONGEST_RUN;
use crate::tables::{self, JobKind, Purpose};

pub(super) fn check(job: &Training, this: &This, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
    let at = |key: &str| this.pointer.key(key);
    jobs::check_has_pipeline(&this.name, scope, &this.pointer, issues);
    job.instance.check(JobKind::Training, scope, &at("instance"), issues);
    job.image.check(Purpose::Training, &job.instance.kind, scope, &at("image"), issues);
    if let Some(serve) = job.serve.as_ref().and_then(|serve| serve.image.as_ref()) {
        serve.check(Purpose::Inference, "ml.m5.large", scope, &at("serve").key("image"), issues);
    }
    check_times(job, this, issues);
    check_source(job, this, issues);
    check_distribution(job, this, issues);
    check_channels(job, &at("channels"), scope, issues);
    check_hyperparameters(job, &at("hyperparameters"), scope, issues);
    check_metrics(job, &at("metrics"), issues);
    jobs::check_environment(&job.environment, 100, 512, scope, &at("environment"), issues);
    if let Some(retries) = job.retries {
        within("`retries`", retries, &(1..=30), &at("retries"), issues);
    }
}

fn check_times(job: &Training, this: &This, issues: &mut Vec<Issue>) {
    let at = |key: &str| this.pointer.key(key);
    let runtime = job.runtime();
    within(
        "`max_runtime` in seconds",
        runtime.secs(),
        &(1..=LONGEST_RUN.unsigned_abs()),
        &at("max_runtime"),
        issues,
    );
    if let Some(warm) = job.keep_alive {
        within("`keep_alive` in seconds", warm.secs(), &(0..=21_600), &at("keep_alive"), issues);
        if job.spot.is_some() {
            issues.push(
                Issue::new(Code::SpotKeepAlive, at("keep_alive"), "spot instances are not kept warm")
                    .label("has no effect, or is refused")
                    .also(at("spot"), "spot")
                    .help("leave one of them away"),
            );
        }
    }
    let Some(spot) = &job.spot else { return };
    // https://docs.aws.amazon.com/sagemaker/latest/dg/model-managed-spot-training.html
    if spot.max_wait < runtime {
        let (place, said) = match job.max_runtime {
            Some(_) => (at("max_runtime"), format!("`max_runtime` is {runtime}")),
            None => (at("spot"), format!("`max_runtime` is {runtime} when nothing is said")),
        };
        issues.push(
            Issue::new(
                Code::SpotWait,
                at("spot").key("max_wait"),
                format!("`max_wait` is {}, less than the job may run", spot.max_wait),
            )
            .label("waiting and running together")
            .also(place, said)
            .help(format!("raise `max_wait` to {runtime} or more, or lower `max_runtime`")),
        );
    }
    if !spot.checkpoints {
        issues.push(
            Issue::new(Code::SpotCheckpoints, at("spot"), "an interrupted job starts from the beginning")
                .label("keeps no checkpoints")
                .help("write checkpoints to `/opt/ml/checkpoints`, and add `checkpoints: true`"),
        );
    }
}

fn check_source(job: &Training, this: &This, issues: &mut Vec<Issue>) {
    let at = this.pointer.key("source");
    match &job.source {
        Some(source) => {
            for (key, text) in [("dir", &source.dir), ("entry", &source.entry)] {
                within(
                    &format!("the length of `{key}`"),
                    text.chars().count(),
                    &(1..=1024),
                    &at.key(key),
                    issues,
                );
            }
            if source.entry.starts_with('/') || source.entry.contains("..") {
                let message = format!("`{}` is not inside `{}`", source.entry, source.dir);
                issues.push(
                    Issue::new(Code::WrongForm, at.key("entry"), message)
                        .help("name a file in the directory"),
                );
            }
        }
        // The container of XGBoost is an algorithm of AWS's as well, where no script is given.
        // <https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost.html>
        None if job.image.framework.as_deref().is_some_and(|framework| framework != "xgboost") => issues
            .push(
                Issue::new(Code::MissingKey, this.pointer.clone(), format!("`{}` trains nothing", this.name))
                    .on_key()
                    .note("images of frameworks run a script of yours")
                    .help("name it: `source: { dir: code/src, entry: train.py }`"),
            ),
        None => {}
    }
}

/// The word that the stack file has for a strategy.
fn word(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::ParameterServer => "parameter_server",
        Strategy::Mpi => "mpi",
        Strategy::MultiWorkerMirrored => "multi_worker_mirrored",
        Strategy::TorchDistributed => "torch_distributed",
        Strategy::Smddp => "smddp",
    }
}

fn check_distribution(job: &Training, this: &This, issues: &mut Vec<Issue>) {
    let Some(Brief(parallel)) = &job.distribution else { return };
    let at = this.pointer.key("distribution");
    let strategy = word(parallel.strategy);
    if job.source.is_none() {
        let message =
            format!("`{strategy}` is switched on by the framework's script mode, which needs `source`");
        issues.push(Issue::new(Code::DistributionUnfit, at.clone(), message).label("has no effect"));
    }
    check_options(parallel, strategy, &at, issues);
    let Some(framework) = job.image.framework.as_deref() else { return };
    let published = job.image.published(Purpose::Training, &job.instance.kind);
    let version =
        published.as_ref().map(|image| image.full_version.as_str()).or(job.image.version.as_deref());
    let fit = distribution::fit(strategy, framework, version.unwrap_or_default(), &job.instance.kind);
    if let Fit::Unfit { problem, help } = fit {
        issues.push(
            Issue::new(Code::DistributionUnfit, at.clone(), problem)
                .label("does not fit")
                .also(this.pointer.key("image"), "the framework and its version")
                .also(this.pointer.key("instance"), "the instance type")
                .help(help),
        );
    }
    if parallel.strategy == Strategy::ParameterServer {
        let gpus = tables::gpus(&job.instance.kind);
        if gpus > 1 {
            let message = format!("parameter servers use one of the {gpus} GPUs of `{}`", job.instance.kind);
            issues.push(
                Issue::new(Code::IdleGpus, at, message)
                    .also(this.pointer.key("instance"), format!("{gpus} GPUs each"))
                    .help("use `mpi` or `multi_worker_mirrored`, or instances with one GPU"),
            );
        }
    }
}

fn check_options(parallel: &Parallel, strategy: &str, pointer: &Pointer, issues: &mut Vec<Issue>) {
    let takes_options = matches!(parallel.strategy, Strategy::Mpi | Strategy::Smddp);
    for (key, given, taken) in [
        ("processes_per_host", parallel.processes_per_host.is_some(), parallel.strategy == Strategy::Mpi),
        ("options", parallel.options.is_some(), takes_options),
    ] {
        if given && !taken {
            let message = format!("`{key}` says nothing to `{strategy}`");
            issues.push(
                Issue::new(Code::DistributionUnfit, pointer.key(key), message)
                    .on_key()
                    .help(format!("remove `{key}`")),
            );
        }
    }
    if let Some(processes) = parallel.processes_per_host {
        let at = pointer.key("processes_per_host");
        within("`processes_per_host`", processes, &(1..=128), &at, issues);
    }
}

fn check_channels(job: &Training, pointer: &Pointer, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
    let own = usize::from(job.network_isolation && job.source.is_some());
    // https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Channel.html
    within("the number of channels", job.channels.len() + own, &(1..=20), pointer, issues);
    for (name, Brief(channel)) in &job.channels {
        let at = pointer.key(name);
        let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(good) || (own == 1 && name == "code") {
            issues.push(
                Issue::new(Code::InvalidName, at.clone(), format!("`{name}` cannot be a channel here"))
                    .on_key()
                    .help("use letters, digits, `.`, `-` and `_`, at most 64; `code` carries the script of an isolated job"),
            );
        }
        scope.check_data(channel.from.as_str(), &at, issues);
        if channel.gzip && channel.mode != ChannelMode::Pipe {
            issues.push(
                Issue::new(Code::PipeOnly, at.key("gzip"), "gzip is unpacked on the way in mode `pipe` only")
                    .help("add `mode: pipe`, or unpack in the script"),
            );
        }
        if let Some(media) = &channel.content_type {
            let at = at.key("content_type");
            within("the length", media.chars().count(), &(0..=256), &at, issues);
        }
    }
}

fn check_hyperparameters(job: &Training, pointer: &Pointer, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
    // What script mode adds counts, too.
    let all = job.hyperparameters.len() + if job.source.is_some() { OWN_HYPERPARAMETERS } else { 0 };
    within("the number of hyperparameters, with those of script mode,", all, &(0..=100), pointer, issues);
    for (name, value) in &job.hyperparameters {
        let at = pointer.key(name);
        within("the length of the name", name.chars().count(), &(1..=256), &at, issues);
        if name.starts_with("sagemaker_") && job.source.is_some() {
            issues.push(
                Issue::new(Code::InvalidName, at.clone(), format!("`{name}` is SageMaker's own"))
                    .on_key()
                    .note("hyperparameters that begin with `sagemaker_` steer the container")
                    .help("say it by `source`, `distribution` or another section of the job"),
            );
        }
        if let Some(text) = value.text() {
            at_most("the value", text, 2500, scope, &at, issues);
        } else {
            let length = match value.encode(job.source.is_some(), scope) {
                Value::String(text) => text.chars().count(),
                _ => 0,
            };
            within("the length of the value", length, &(0..=2500), &at, issues);
        }
    }
}

/// `sagemaker_submit_directory`, `_program`, `_container_log_level`, `_region`, `model_dir`, and up to three of
/// the distribution.
const OWN_HYPERPARAMETERS: usize = 8;

fn check_metrics(job: &Training, pointer: &Pointer, issues: &mut Vec<Issue>) {
    // https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_MetricDefinition.html
    within("the number of metrics", job.metrics.len(), &(0..=40), pointer, issues);
    for (name, regex) in &job.metrics {
        let at = pointer.key(name);
        within("the length of the name", name.chars().count(), &(1..=255), &at, issues);
        within("the length of the expression", regex.chars().count(), &(1..=500), &at, issues);
        let others: Vec<&str> =
            job.metrics.iter().filter(|(other, _)| *other != name).map(|(_, regex)| regex.as_str()).collect();
        log_metrics::check(name, regex, &others, &at, issues);
    }
}
