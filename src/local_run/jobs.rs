//! What all jobs have in common, and the contract of processing jobs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::process::{self, End, Spec};
use super::schedule::Message;
use super::store::Store;
use super::transform::Models;
use super::{Event, JobResult, Order, StepStatus, packages};

/// What a job works with.
#[derive(Clone)]
pub(super) struct Work<'w> {
    pub(super) order: &'w Order,
    pub(super) store: &'w Store,
    pub(super) stop: &'w AtomicBool,
    pub(super) permits: &'w Permits,
    /// The id of the execution.
    pub(super) execution: &'w str,
    /// Its directory.
    pub(super) directory: &'w Path,
    /// The step.
    pub(super) step: &'w Value,
    /// What steps before have made of type `Model`.
    pub(super) models: Models,
    pub(super) tell: Sender<Message>,
}

/// What a step leaves to others.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// The answer of the API that describes its job.
    pub(super) offers: Value,
    pub(super) outputs: BTreeMap<String, PathBuf>,
    pub(super) jobs: Vec<JobResult>,
}

/// Why a step did not do what it should.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: StepStatus,
    pub(super) message: String,
    pub(super) help: Option<String>,
    pub(super) log: Option<PathBuf>,
    pub(super) jobs: Vec<JobResult>,
}

impl Failure {
    pub(super) fn new(status: StepStatus, message: impl Into<String>) -> Failure {
        Failure { status, message: message.into(), help: None, log: None, jobs: Vec::new() }
    }

    /// Nothing on this machine does what the step does.
    pub(super) fn skipped(message: impl Into<String>) -> Failure {
        Failure::new(StepStatus::Skipped, message)
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Failure {
        Failure::new(StepStatus::Failed, message)
    }
}

/// So many processes run at the same time, whichever steps they are of.
#[derive(Debug)]
pub(super) struct Permits {
    free: Mutex<usize>,
    freed: Condvar,
}

/// Leave to run a process, until it is dropped.
pub(super) struct Permit<'p>(&'p Permits);

impl Permits {
    pub(super) fn new(most: usize) -> Permits {
        Permits { free: Mutex::new(most.max(1)), freed: Condvar::new() }
    }

    fn take(&self) -> Permit<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self.freed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Permit(self)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

/// Where a job lies: `opt/ml` of its container, and its log.
pub(super) struct Place {
    pub(super) base: PathBuf,
    pub(super) log: PathBuf,
}

impl Work<'_> {
    pub(super) fn name(&self) -> &str {
        self.step["Name"].as_str().unwrap_or_default()
    }

    pub(super) fn note(&self, text: impl Into<String>) {
        // Whoever listens has gone only when the execution is over.
        let _ =
            self.tell.send(Message::Event(Event::Note { step: self.name().to_owned(), text: text.into() }));
    }

    /// A name for a job of this execution, as long as AWS lets it be.
    pub(super) fn job_name(&self, number: Option<usize>) -> String {
        let room = 63 - self.execution.len() - 5;
        let step: String = self.name().chars().take(room).collect();
        let name = format!("{step}-{}", self.execution);
        number.map_or(name.clone(), |number| format!("{name}-{number:03}"))
    }

    pub(super) fn place(&self, job: &str) -> Result<Place, String> {
        let home = self.directory.join(job);
        let base = home.join("opt/ml");
        fs::create_dir_all(&base).map_err(|error| format!("cannot make `{}`: {error}", base.display()))?;
        Ok(Place { base, log: home.join("log.txt") })
    }

    /// Runs a job's command; what kills it from outside is as a fault of an instance, after which AWS tries again
    /// where the definition says so.
    pub(super) fn run(&self, spec: &Spec) -> Result<Duration, Failure> {
        let _permit = self.permits.take();
        let begun = Instant::now();
        let mut left = retries(self.step);
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Failure::new(StepStatus::Stopped, "stopped"));
            }
            let failed = |message: String, help: Option<String>| Failure {
                help,
                log: Some(spec.log.clone()),
                ..Failure::from(message)
            };
            match process::run(spec, self.stop)? {
                End::Exited(0) => return Ok(begun.elapsed()),
                End::Exited(code) => {
                    let log = process::whole(&spec.log);
                    let help = packages::of_log(&log, &self.order.python);
                    return Err(failed(exited(code, &log), help));
                }
                End::Killed(signal) if left > 0 => {
                    left -= 1;
                    self.note(format!(
                        "signal {signal} killed the process: it runs again, as AWS does after a fault"
                    ));
                }
                End::Killed(signal) => {
                    let help = "nothing of smstack did this: most often the memory was full";
                    return Err(failed(format!("signal {signal} killed the process"), Some(help.to_owned())));
                }
                End::TimedOut(limit) => {
                    let message = format!(
                        "ended after {} s, the most that `MaxRuntimeInSeconds` gives",
                        limit.as_secs()
                    );
                    return Err(failed(
                        message,
                        Some("raise `max_runtime`, or give it less to do".to_owned()),
                    ));
                }
                End::Stopped => return Err(Failure::new(StepStatus::Stopped, "stopped")),
            }
        }
    }
}

/// The exit code, and what was said last that looks like the reason.
fn exited(code: i32, log: &str) -> String {
    let last = log.lines().rev().find(|line| !line.trim().is_empty()).map(str::trim).unwrap_or_default();
    if last.is_empty() { format!("exit code {code}") } else { format!("exit code {code}: {last}") }
}

/// How often AWS runs the job of a step again after a fault that is not the code's.
fn retries(step: &Value) -> u64 {
    let policies = step["RetryPolicies"].as_array().into_iter().flatten();
    let fits = |policy: &&Value| {
        let kinds = policy["ExceptionType"].as_array().into_iter().flatten();
        kinds.into_iter().any(|kind| kind == "SageMaker.JOB_INTERNAL_ERROR")
    };
    let of_policies = policies.filter(fits).map(|policy| policy["MaxAttempts"].as_u64().unwrap_or(5)).max();
    let arguments = &step["Arguments"];
    let of_job = ["", "/TrainingJobDefinition"]
        .iter()
        .find_map(|at| arguments.pointer(&format!("{at}/RetryStrategy/MaximumRetryAttempts"))?.as_u64());
    of_policies.max(of_job).unwrap_or(0)
}

/// Text in which the container's paths are those of this machine.
pub(super) fn mapped(text: &str, base: &Path) -> String {
    let at = base.to_string_lossy();
    if text == "/opt/ml" { at.into_owned() } else { text.replace("/opt/ml/", &format!("{at}/")) }
}

/// A path in the container as one of this machine.
pub(super) fn local_path(path: &str, base: &Path) -> Result<PathBuf, String> {
    let inside = path.strip_prefix("/opt/ml").map(|rest| rest.trim_matches('/'));
    let inside =
        inside.ok_or_else(|| format!("`{path}` is not below `/opt/ml`: it has no place on this machine"))?;
    if Path::new(inside).components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
        return Err(format!("`{path}` leaves `/opt/ml`"));
    }
    Ok(base.join(inside))
}

/// What every container is told: where it is, and what the definition says.
pub(super) fn variables(work: &Work<'_>, environment: &Value, base: &Path) -> Vec<(String, String)> {
    let at = base.to_string_lossy().into_owned();
    let mut all: Vec<(String, String)> = vec![
        ("SMSTACK_BASE_DIR".into(), at.clone()),
        ("SAGEMAKER_BASE_DIR".into(), at),
        ("AWS_REGION".into(), work.order.region.clone()),
        ("AWS_DEFAULT_REGION".into(), work.order.region.clone()),
    ];
    for (name, value) in environment.as_object().into_iter().flatten() {
        all.push((name.clone(), mapped(&super::values::text(value), base)));
    }
    all
}

/// The limit that a request sets to its job.
pub(super) fn limit(request: &Value) -> Option<Duration> {
    request.pointer("/StoppingCondition/MaxRuntimeInSeconds")?.as_u64().map(Duration::from_secs)
}

/// Writes a JSON file that a container reads.
pub(super) fn write_json(at: &Path, value: &Value) -> Result<(), String> {
    let told = |error: std::io::Error| format!("cannot write `{}`: {error}", at.display());
    fs::create_dir_all(at.parent().unwrap_or(at)).map_err(told)?;
    fs::write(at, format!("{value:#}\n")).map_err(told)
}

/// A command with this machine's Python in place of the container's.
pub(super) fn with_python(mut command: Vec<String>, order: &Order) -> Vec<String> {
    if let Some(program) = command.first_mut() {
        let name = program.rsplit('/').next().unwrap_or(program);
        if name == "python" || name == "python3" || name.starts_with("python3.") {
            *program = order.python.to_string_lossy().into_owned();
        }
    }
    command
}

/// A processing job, its expressions computed.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html>
pub(super) fn processing(work: &Work<'_>, request: &Value) -> Result<Done, Failure> {
    let words = |member: &str| -> Vec<String> {
        let items = request["AppSpecification"][member].as_array().into_iter().flatten();
        items.map(super::values::text).collect()
    };
    let mut command = words("ContainerEntrypoint");
    if command.is_empty() {
        let image = super::values::text(&request["AppSpecification"]["ImageUri"]);
        return Err(Failure::skipped(format!("the program of image `{image}` is not on this machine")));
    }
    command.extend(words("ContainerArguments"));
    let job = work.job_name(None);
    let place = work.place(&job)?;
    let base = &place.base;
    let hosts = json!({ "current_host": "algo-1", "hosts": ["algo-1"] });
    write_json(&base.join("config/resourceconfig.json"), &hosts)?;
    write_json(&base.join("config/processingjobconfig.json"), request)?;
    for input in request["ProcessingInputs"].as_array().into_iter().flatten() {
        let (name, s3) = (super::values::text(&input["InputName"]), &input["S3Input"]);
        let Some(uri) = s3["S3Uri"].as_str() else {
            return Err(format!("input `{name}` is not in S3, and cannot be had on this machine").into());
        };
        let to = local_path(s3["LocalPath"].as_str().unwrap_or_default(), base)?;
        let kind = s3["S3DataType"].as_str().unwrap_or("S3Prefix");
        work.store.fetch(uri, kind, &to).map_err(|error| format!("input `{name}`: {error}"))?;
    }
    let mut outputs = Vec::new();
    for output in request["ProcessingOutputConfig"]["Outputs"].as_array().into_iter().flatten() {
        let (name, s3) = (super::values::text(&output["OutputName"]), &output["S3Output"]);
        let Some(uri) = s3["S3Uri"].as_str() else {
            return Err(format!("output `{name}` is not in S3, and cannot be had on this machine").into());
        };
        let from = local_path(s3["LocalPath"].as_str().unwrap_or_default(), base)?;
        fs::create_dir_all(&from).map_err(|error| format!("cannot make `{}`: {error}", from.display()))?;
        outputs.push((name, uri.to_owned(), from));
    }
    let count = &request["ProcessingResources"]["ClusterConfig"]["InstanceCount"];
    if count.as_u64().is_some_and(|count| count > 1) {
        work.note(format!("one process in place of {count} instances"));
    }
    let command = with_python(command.iter().map(|word| mapped(word, base)).collect(), work.order);
    let mut variables = variables(work, &request["Environment"], base);
    variables.push(("PROCESSING_JOB_NAME".into(), job.clone()));
    let spec =
        Spec { command, variables, directory: base.clone(), log: place.log.clone(), limit: limit(request) };
    let took = work.run(&spec)?;
    let mut left = BTreeMap::new();
    for (name, uri, from) in outputs {
        let at = work.store.put(&from, &uri).map_err(|error| format!("output `{name}`: {error}"))?;
        left.insert(name, at);
    }
    let mut offers = request.clone();
    offers["ProcessingJobName"] = json!(job);
    offers["ProcessingJobStatus"] = json!("Completed");
    let result = JobResult {
        name: job,
        succeeded: true,
        seconds: took.as_secs_f64(),
        log: place.log,
        ..JobResult::default()
    };
    Ok(Done { offers, outputs: left, jobs: vec![result] })
}
