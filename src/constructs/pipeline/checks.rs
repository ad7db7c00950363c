//! What can be wrong with a pipeline, but for its graph.

use std::collections::{BTreeMap, BTreeSet};

use super::super::jobs::{at_most, within};
use super::super::{Export, Scope, This};
use super::tree::{self, Node, Tree};
use super::{Cache, Entry, Failure, Pipeline, Retry, graph};
use crate::cfn::Value;
use crate::definition::{self, Step, uses_parameter};
use crate::diag::{Code, Issue, Pointer, or_list};
use crate::rules::pipelines::{MOST_IN_BRANCH, MOST_LOOKUPS, MOST_PROPERTY_FILES, MOST_STEPS, beyond};
use crate::rules::{caching, datasets};

/// The longest name that has been accepted everywhere: the display name of an execution is made from it.
/// <https://github.com/aws/sagemaker-python-sdk/issues/2933>
const LONGEST_NAME: usize = 82;

pub(super) fn check(pipeline: &Pipeline, this: &This, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
    let at = |key: &str| this.pointer.key(key);
    check_settings(pipeline, this, scope, issues);
    let steps = at("steps");
    let before = issues.len();
    check_entries(&pipeline.steps, &steps, scope, issues);
    check_listed_once(&pipeline.steps, &steps, issues);
    let entries = tree::entries(&pipeline.steps).len();
    if entries == 0 {
        issues.push(Issue::new(Code::OutOfBounds, steps.clone(), "a pipeline has at least one step"));
    }
    if beyond(entries, MOST_STEPS) {
        let message = format!("there are {entries} steps; Pipelines takes {MOST_STEPS}");
        issues.push(Issue::new(Code::OutOfBounds, steps.clone(), message).label("too many"));
    }
    let entries_are_good = issues.len() == before;
    let tree = Tree::new(pipeline, this, scope);
    check_names(&tree, issues);
    if entries_are_good {
        graph::check(&tree, scope, issues);
        check_caching(&tree, pipeline, this, scope, issues);
    }
    check_unused(&tree, scope, issues);
    check_reports(&tree, &steps, issues);
    if let Some(triggers) = &pipeline.triggers {
        triggers.check(&at("triggers"), scope, issues);
    }
}

fn check_settings(pipeline: &Pipeline, this: &This, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
    let at = |key: &str| this.pointer.key(key);
    let name = Pipeline::name(scope);
    if name.len() > LONGEST_NAME {
        let message = format!("the pipeline `{name}` has a name of {} characters", name.len());
        issues.push(
            Issue::new(Code::PipelineName, Pointer::root().key("name"), message)
                .label("together with the environment's name")
                .note(format!("CreatePipeline has refused names of more than {LONGEST_NAME} characters"))
                .help("choose a shorter name"),
        );
    }
    if let Some(description) = &pipeline.description {
        let length = description.chars().count();
        within("the length of the description", length, &(0..=3072), &at("description"), issues);
    }
    if let Some(most) = pipeline.max_parallel {
        within("`max_parallel`", most, &(1..=u32::MAX), &at("max_parallel"), issues);
    }
    if let Some(cache) = pipeline.cache {
        within("`cache` in seconds", cache.secs(), &(60..=u64::MAX), &at("cache"), issues);
    }
    if let Some(retry) = &pipeline.retry {
        check_retry(retry, &at("retry"), issues);
    }
}

/// Bounds of the SDK's `RetryPolicy`.
fn check_retry(retry: &Retry, pointer: &Pointer, issues: &mut Vec<Issue>) {
    if retry.on.is_empty() {
        issues.push(Issue::new(Code::OutOfBounds, pointer.key("on"), "`on` names at least one failure"));
    }
    if retry.attempts.is_some() && retry.expire.is_some() {
        issues.push(
            Issue::new(Code::OneOf, pointer.key("for"), "a retry has either `attempts` or `for`")
                .on_key()
                .also(pointer.key("attempts"), "and here the other"),
        );
    }
    if let Some(attempts) = retry.attempts {
        within("`attempts`", attempts, &(1..=20), &pointer.key("attempts"), issues);
    }
    if let Some(expire) = retry.expire {
        within("`for` in seconds", expire.secs(), &(1..=864_000), &pointer.key("for"), issues);
    }
    if let Some(backoff) = retry.backoff {
        within("`backoff`", backoff, &(0.0..=f64::MAX), &pointer.key("backoff"), issues);
    }
}

fn check_entries(entries: &[Entry], pointer: &Pointer, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
    for (index, entry) in entries.iter().enumerate() {
        check_entry(entry, &pointer.index(index), scope, issues);
    }
    // An execution ends where it fails; steps beside it may or may not have run.
    if let Some(at) = entries.iter().position(|entry| entry.fail.is_some())
        && at + 1 < entries.len()
    {
        issues.push(
            Issue::new(
                Code::UnreachableStep,
                pointer.index(at + 1),
                "this step comes after the execution has failed",
            )
            .label("does not run to its end")
            .also(pointer.index(at), "fails the execution")
            .help("put `fail` into a branch of a condition, or take the steps after it away"),
        );
    }
}

fn check_entry(entry: &Entry, pointer: &Pointer, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
    let kinds = entry.kinds();
    if kinds.len() != 1 {
        let all = tree::JOBS.into_iter().chain(["condition", "register", "fail"]);
        let message = if kinds.is_empty() {
            "the step does nothing".to_owned()
        } else {
            format!("the step does {} things: {}", kinds.len(), or_list(kinds).replace(" or ", " and "))
        };
        issues.push(
            Issue::new(Code::OneOf, pointer.clone(), message)
                .help(format!("write one of {} after each `-`", or_list(all))),
        );
        return;
    }
    check_job(entry, pointer, scope, issues);
    if let Some(condition) = &entry.condition {
        let at = pointer.key("condition");
        condition.test.check(scope, &at.key("if"), issues);
        if condition.then.is_empty() && condition.otherwise.is_empty() {
            issues.push(
                Issue::new(Code::MissingKey, at.clone(), "nothing follows from the condition")
                    .help("add `then:` or `else:` with steps"),
            );
        }
        for (key, steps) in [("then", &condition.then), ("else", &condition.otherwise)] {
            within(
                &format!("the number of steps in `{key}`"),
                steps.len() as u64,
                &(0..=MOST_IN_BRANCH.unsigned_abs()),
                &at.key(key),
                issues,
            );
            check_entries(steps, &at.key(key), scope, issues);
        }
    }
    if let Some(register) = &entry.register {
        register.check(scope, &pointer.key("register"), issues);
    }
    if let Some(message) = &entry.fail {
        at_most("the message", message, 3072, scope, &pointer.key("fail"), issues);
    }
    if let Some(description) = &entry.description {
        let length = description.chars().count();
        within("the length of the description", length, &(0..=3072), &pointer.key("description"), issues);
    }
    check_cache_and_retry(entry, kinds[0], pointer, issues);
}

fn check_job(entry: &Entry, pointer: &Pointer, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
    let Some((section, name)) = entry.job() else { return };
    let at = pointer.key(section);
    if entry.name.is_some() {
        let message = format!("the step has the name of its job, `{name}`");
        issues.push(
            Issue::new(Code::OneOf, pointer.key("name"), message)
                .on_key()
                .note("references such as `<job>.<output>` find the step by that name")
                .help("leave `name` away, or rename the job"),
        );
    }
    match scope.exports.get(name) {
        Some(offers) if offers.section == section => {}
        Some(offers) if tree::JOBS.contains(&offers.section) => issues.push(
            Issue::new(
                Code::WrongReference,
                at,
                format!("`{name}` is in `{}`, not in `{section}`", offers.section),
            )
            .label("another kind of job")
            .also(offers.pointer.clone(), "given here")
            .help(format!("write `{}: {name}`", offers.section)),
        ),
        _ => {
            // The message, with what is near, is the one for any unknown name.
            let fits = |export: &Export| match section {
                "training" => matches!(export, Export::TrainingJob),
                _ => matches!(export, Export::Step),
            };
            scope.check_reference(name, &format!("a job of `{section}`"), &at, fits, issues);
        }
    }
}

fn check_cache_and_retry(entry: &Entry, kind: &str, pointer: &Pointer, issues: &mut Vec<Issue>) {
    let is_job = entry.job().is_some();
    if entry.cache.is_some() && !is_job {
        issues.push(
            Issue::new(
                Code::CacheUnsupported,
                pointer.key("cache"),
                format!("`{kind}` has no result to use again"),
            )
            .on_key()
            .help("leave `cache` away: it is for steps that run a job"),
        );
    }
    if let Some(Cache::For(time)) = entry.cache {
        within("`cache` in seconds", time.secs(), &(60..=u64::MAX), &pointer.key("cache"), issues);
    }
    let Some(retry) = &entry.retry else { return };
    check_retry(retry, &pointer.key("retry"), issues);
    if !is_job && entry.register.is_none() {
        issues.push(
            Issue::new(Code::RetryUnsupported, pointer.key("retry"), format!("`{kind}` is not repeated"))
                .on_key()
                .help("remove `retry`"),
        );
    } else if entry.register.is_some() && retry.on.iter().any(|failure| failure.of_job()) {
        let message = "registering runs no job, and has no failures of jobs";
        let known = [Failure::ServiceFault, Failure::Throttling].map(|failure| match failure {
            Failure::ServiceFault => "service_fault",
            _ => "throttling",
        });
        issues.push(
            Issue::new(Code::RetryUnsupported, pointer.key("retry").key("on"), message)
                .help(format!("use {}", or_list(known))),
        );
    }
}

fn check_listed_once(entries: &[Entry], pointer: &Pointer, issues: &mut Vec<Issue>) {
    fn visit<'e>(
        entries: &'e [Entry],
        pointer: &Pointer,
        seen: &mut BTreeMap<&'e str, Pointer>,
        issues: &mut Vec<Issue>,
    ) {
        for (index, entry) in entries.iter().enumerate() {
            let at = pointer.index(index);
            if let Some((section, name)) = entry.job() {
                let place = at.key(section);
                if let Some(first) = seen.get(name) {
                    issues.push(
                        Issue::new(Code::StepTwice, place, format!("`{name}` runs twice"))
                            .label("second time")
                            .also(first.clone(), "first time")
                            .note("names of steps are unique, and references name a step once")
                            .help("take one away, or give the job a second name in its section"),
                    );
                } else {
                    seen.insert(name, place);
                }
            }
            if let Some(condition) = &entry.condition {
                visit(&condition.then, &at.key("condition").key("then"), seen, issues);
                visit(&condition.otherwise, &at.key("condition").key("else"), seen, issues);
            }
        }
    }
    visit(entries, pointer, &mut BTreeMap::new(), issues);
}

fn check_names(tree: &Tree<'_>, issues: &mut Vec<Issue>) {
    let mut seen: BTreeMap<&str, &Node<'_>> = BTreeMap::new();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    for node in tree.all() {
        let own_name = node.entry.is_some_and(|entry| entry.name.is_some());
        let place = if own_name { node.pointer.key("name") } else { node.pointer.clone() };
        if node.name.is_empty() || node.name.len() > tree::LONGEST_NAME || !node.name.chars().all(fits) {
            issues.push(
                Issue::new(
                    Code::InvalidName,
                    place.clone(),
                    format!("`{}` cannot be the name of a step", node.name),
                )
                .help(format!("use letters, digits, `-` and `_`, at most {}", tree::LONGEST_NAME)),
            );
        }
        let twice = seen.get(node.name.as_str()).filter(|first| {
            // The same job twice is said elsewhere.
            let job = |node: &Node<'_>| node.entry.and_then(Entry::job).map(|(_, name)| name.to_owned());
            job(first).is_none() || job(first) != job(node)
        });
        if let Some(first) = twice {
            issues.push(
                Issue::new(Code::DuplicateName, place, format!("two steps are called `{}`", node.name))
                    .label("second")
                    .also(first.pointer.clone(), "first")
                    .help("give one of them another `name`"),
            );
        }
        seen.entry(&node.name).or_insert(node);
    }
}

/// Jobs that the stack file describes and no step runs.
fn check_unused(tree: &Tree<'_>, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
    let nodes = tree.all();
    let mut listed: BTreeSet<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
    // What a step misses is said there.
    let missed: BTreeSet<String> = nodes.iter().flat_map(|node| node.used()).collect();
    listed.extend(missed.iter().map(String::as_str));
    let tuned: BTreeSet<&str> = tuned_jobs(scope);
    // A tuning job of an unknown training job may mean any of them.
    let known = |name: &&str| scope.file.training.contains_key(*name);
    let some_unknown = !tuned.iter().all(known);
    for (section, this, _) in scope.file.constructs() {
        if section == "training" && some_unknown {
            continue;
        }
        let runs = listed.contains(this.name.as_str()) || tuned.contains(this.name.as_str());
        if !tree::JOBS.contains(&section) || runs {
            continue;
        }
        issues.push(
            Issue::new(Code::UnusedStep, this.pointer, format!("no step runs `{}`", this.name))
                .on_key()
                .label("not in `pipeline.steps`")
                .help(format!("add `- {section}: {}` to the steps, or take it away", this.name)),
        );
    }
}

/// Training jobs that a tuning job of the stack file runs.
fn tuned_jobs<'s>(scope: &Scope<'s>) -> BTreeSet<&'s str> {
    scope.file.tuning.values().map(|tuning| tuning.training.as_str()).collect()
}

fn check_reports(tree: &Tree<'_>, pointer: &Pointer, issues: &mut Vec<Issue>) {
    let mut reports = 0;
    let mut lookups = 0;
    for node in tree.all() {
        let Some(step) = &node.step else { continue };
        let files = step.envelope.get("PropertyFiles").and_then(Value::as_array);
        reports += files.map_or(0, <[Value]>::len);
        lookups += definition::lookups(&step.arguments);
    }
    for (what, is, most) in
        [("reports", reports, MOST_PROPERTY_FILES), ("looks into reports", lookups, MOST_LOOKUPS)]
    {
        if beyond(is, most) {
            let message = format!("there are {is} {what}; Pipelines takes {most}");
            issues.push(Issue::new(Code::OutOfBounds, pointer.clone(), message).label("too many"));
        }
    }
}

/// Caching that cannot work, because the key differs in every execution.
fn check_caching(
    tree: &Tree<'_>,
    pipeline: &Pipeline,
    this: &This,
    scope: &Scope<'_>,
    issues: &mut Vec<Issue>,
) {
    for node in tree.all() {
        let (Some(step), Some(entry)) = (&node.step, node.entry) else { continue };
        let made = caching::model_of(step.kind, &step.arguments).is_some();
        let cache = match entry.cache {
            Some(Cache::For(_)) => node.pointer.key("cache"),
            // The pipeline's word does not reach a transform, whose model each execution makes anew.
            None if pipeline.cache.is_some() && !made => this.pointer.key("cache"),
            Some(Cache::Off) | None => continue,
        };
        if made {
            issues.push(
                Issue::new(
                    Code::CacheDefeated,
                    cache,
                    format!("the result of `{}` is never used again", node.name),
                )
                .label("asks for caching")
                .note(
                    "each execution makes the model anew, under a name of its own, and AWS compares the name",
                )
                .help("remove `cache`"),
            );
            continue;
        }
        check_stale(node, step, &cache, pipeline, this, scope, issues);
        let Some((member, variable)) = caching::defeated(step.kind, &step.arguments) else { continue };
        let Some((job, _)) = scope.construct(&node.name) else { continue };
        let checkpoints = member == "CheckpointConfig";
        let (at, because) = if checkpoints {
            (job.pointer.key("spot"), "checkpoints lie under a prefix of the execution's own".to_owned())
        } else {
            (job.pointer.clone(), format!("`{member}` has `{variable}` in it"))
        };
        let issue =
            Issue::new(Code::CacheDefeated, at, format!("the result of `{}` is never used again", node.name))
                .label(because)
                .also(cache, "asks for caching")
                .note("AWS compares these members of the request, and they differ in every execution");
        let issue = if checkpoints {
            issue.help("take `checkpoints` away, tune the job, or say `cache: false` at the step")
        } else {
            issue.on_key().help("take the variable away, or say `cache: false` at the step")
        };
        issues.push(issue);
    }
}

/// Caching of a step that reads the data whose arrival starts the pipeline: Pipelines compares requests, and does
/// not look whether the objects that they name have changed.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-caching.html>
fn check_stale(
    node: &Node<'_>,
    step: &Step,
    cache: &Pointer,
    pipeline: &Pipeline,
    this: &This,
    scope: &Scope<'_>,
    issues: &mut Vec<Issue>,
) {
    let new_data = pipeline.triggers.as_ref().and_then(|triggers| triggers.on_new_data.as_ref());
    let Some(new_data) = new_data else { return };
    let Some(data) = scope.data(&new_data.data) else { return };
    let reads = if data.manifest {
        step.can_cache() && uses_parameter(&step.arguments, &datasets::parameter(&new_data.data))
    } else {
        caching::reads(step.kind, &step.arguments, &data.uri.to_value())
    };
    if !reads {
        return;
    }
    let because = if data.manifest {
        "AWS compares the requests of a step, and a trigger has it read `latest` each time, whatever that is"
    } else {
        "AWS compares the requests of a step, not the objects under the prefixes that they name"
    };
    let message = format!("`{}` takes its old result when new data starts the pipeline", node.name);
    issues.push(
        Issue::new(Code::CacheStale, node.pointer.clone(), message)
            .label(format!("reads `{}`", new_data.data))
            .also(this.pointer.key("triggers").key("on_new_data"), "new data there starts the pipeline")
            .also(cache.clone(), "asks for caching")
            .note(because)
            .help("say `cache: false` at the step; steps that read its outputs run again then, too"),
    );
}
