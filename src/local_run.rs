//! An execution of a definition on this machine: the same definition that AWS would get decides everything.
//!
//! Each job is a process with the container contract of its kind (`/opt/ml` is a directory of its own, named in
//! `SMSTACK_BASE_DIR` and `SAGEMAKER_BASE_DIR`). What the definition has in S3 lies in directories below the home:
//!
//! ```text
//! smstack.run/<stack>/<env>/
//!   s3/<bucket>/<key>              what jobs read and write, by what the template calls the bucket
//!   executions/<id>/run.json       how an execution went; `report.html` shows the same
//!   executions/<id>/<job>/log.txt  what a job said; `opt/ml` beside it is what it saw
//!   registry/<group>/<version>/    registered models with what they were made of
//!   cache/                         results of steps that the definition lets be used again
//! ```
//!
//! | room | does |
//! | --- | --- |
//! | `values` | expressions of Pipelines into values |
//! | `store` | S3 as directories |
//! | `process` | one process, its time limit, its end |
//! | `jobs`, `training`, `tuning`, `transform` | the contracts of processing, training, tuning and transform jobs |
//! | `steps`, `registry`, `cache` | what a step does and leaves |
//! | `schedule` | which step goes when |
//! | `packages` | what the code imports, and whether it is there |
//!
//! Nothing here prints: what happens is told as [`Event`]s.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

mod cache;
mod jobs;
mod packages;
mod process;
mod registry;
mod schedule;
mod steps;
mod store;
#[cfg(test)]
mod tests;
mod training;
mod transform;
mod tuning;
mod values;

pub use packages::{Missing, interpreters, unpinned, wanted};

/// What is executed, and with what.
#[derive(Debug, Clone)]
pub struct Order {
    /// The stack's name.
    pub stack: String,
    /// The environment's name.
    pub environment: String,
    /// The region that the definition is for.
    pub region: String,
    /// The definition, `${…}` where CloudFormation would put what only a deployment knows.
    pub definition: Value,
    /// Values of parameters; the rest have their default.
    pub parameters: BTreeMap<String, String>,
    /// Scripts and source archives, by their key in the artifact bucket.
    pub assets: BTreeMap<String, Vec<u8>>,
    /// Data that lies on this machine.
    pub datasets: Vec<Dataset>,
    /// Where everything is kept.
    pub home: PathBuf,
    /// The interpreter that stands for `python3` in every container.
    pub python: PathBuf,
    /// The most training jobs of a tuning job.
    pub max_jobs: usize,
    /// The most processes at the same time.
    pub max_parallel: usize,
    /// Whether results of former executions may be used.
    pub use_cache: bool,
    /// What registered models are labelled with besides: commit, hash of the definition, …
    pub labels: Map<String, Value>,
}

/// A dataset of the stack file, and the directory that has its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Its name.
    pub name: String,
    /// Its place in S3, as the definition writes it.
    pub uri: String,
    /// The directory.
    pub directory: PathBuf,
}

/// What happens.
#[derive(Debug, Clone)]
pub enum Event {
    /// The execution begins.
    Begun {
        /// Its id.
        execution: String,
        /// Where it keeps its own.
        directory: PathBuf,
    },
    /// Something that is not as in AWS, or that helps.
    Note {
        /// The step.
        step: String,
        /// What.
        text: String,
    },
    /// A step begins.
    Started {
        /// The step.
        step: String,
        /// Its type.
        kind: String,
    },
    /// What a training job that runs has printed so far.
    Metrics {
        /// The step.
        step: String,
        /// The job.
        job: String,
        /// Metrics that were caught: how often, and the last value.
        latest: Vec<(String, usize, f64)>,
    },
    /// A training job of a tuning job ended.
    Trial {
        /// The step.
        step: String,
        /// How many ended.
        ended: usize,
        /// Of how many.
        of: usize,
        /// The objective that it reached.
        objective: Option<f64>,
    },
    /// A step ended.
    Ended(Box<StepResult>),
}

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepStatus {
    /// Done.
    Succeeded,
    /// Failed.
    Failed,
    /// Stopped with the execution.
    Stopped,
    /// Nothing on this machine can do what it does.
    Skipped,
    /// In the branch that was not taken.
    NotTaken,
    /// The execution ended before.
    NotReached,
}

impl StepStatus {
    /// The status in words.
    pub fn words(self) -> &'static str {
        match self {
            StepStatus::Succeeded => "succeeded",
            StepStatus::Failed => "failed",
            StepStatus::Stopped => "stopped",
            StepStatus::Skipped => "skipped",
            StepStatus::NotTaken => "not taken",
            StepStatus::NotReached => "not reached",
        }
    }
}

/// How a step went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepResult {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// How it stands.
    pub status: StepStatus,
    /// How long it took.
    pub seconds: f64,
    /// Why it failed or was skipped, or what a condition found.
    pub message: Option<String>,
    /// The way out of a failure.
    pub help: Option<String>,
    /// The execution whose result this is, when it is a former one's.
    pub cached_from: Option<String>,
    /// Its log, or that of the job that failed.
    pub log: Option<PathBuf>,
    /// The last lines of that log, where it failed.
    pub said: Vec<String>,
    /// Where its outputs lie, by name.
    pub outputs: BTreeMap<String, PathBuf>,
    /// Its jobs.
    pub jobs: Vec<JobResult>,
}

/// How a job went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct JobResult {
    /// Its name.
    pub name: String,
    /// Whether it did what it should.
    pub succeeded: bool,
    /// Why not.
    pub message: Option<String>,
    /// How long it took.
    pub seconds: f64,
    /// What a tuning job chose for it.
    pub hyperparameters: BTreeMap<String, String>,
    /// What the regular expressions of its metrics caught, in the order of the log.
    pub metrics: BTreeMap<String, Vec<f64>>,
    /// The objective that it reached.
    pub objective: Option<f64>,
    /// Whether it is the best of its tuning job.
    pub best: bool,
    /// Its model.
    pub model: Option<PathBuf>,
    /// What it said.
    pub log: PathBuf,
}

/// A model that was registered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Registered {
    /// The model package group.
    pub group: String,
    /// The version in it.
    pub version: u64,
    /// `Approved`, `PendingManualApproval`, `Rejected`.
    pub approval: String,
    /// Where it lies.
    pub directory: PathBuf,
}

/// How an execution went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Its id.
    pub execution: String,
    /// The stack.
    pub stack: String,
    /// The environment.
    pub environment: String,
    /// `Succeeded`, `Failed`, `Stopped`.
    pub status: StepStatus,
    /// The step that failed first.
    pub failed_step: Option<String>,
    /// When it began.
    pub started: String,
    /// How long it took.
    pub seconds: f64,
    /// Its parameters.
    pub parameters: Map<String, Value>,
    /// Its steps in the order in which they ended, then those that never ran.
    pub steps: Vec<StepResult>,
    /// What it registered.
    pub registered: Vec<Registered>,
    /// Reports that steps wrote for others to read, by step and name.
    pub reports: BTreeMap<String, Value>,
    /// Where its files lie.
    pub directory: PathBuf,
}

impl Outcome {
    /// The step that failed first.
    pub fn failure(&self) -> Option<&StepResult> {
        let name = self.failed_step.as_ref()?;
        self.steps.iter().find(|step| step.name == *name)
    }
}

/// Why an execution could not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("cannot {verb} `{}`: {source}", path.display())]
    File {
        /// What was tried.
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The interpreter does not start.
    #[error("cannot run `{}`: {reason}", path.display())]
    Python {
        /// The interpreter.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The code imports what is not installed.
    #[error("{}", packages::told(missing))]
    Packages {
        /// What is missing.
        missing: Vec<Missing>,
        /// What installs it.
        pip: String,
    },
    /// The definition cannot be executed, whatever the steps do.
    #[error("{0}")]
    Definition(String),
    /// This platform has no process groups and signals.
    #[error("running on this machine needs Linux or macOS; on Windows run smstack in WSL")]
    Platform,
}

impl Error {
    /// The way out.
    pub fn help(&self) -> Option<String> {
        match self {
            Error::Packages { pip, .. } => Some(format!(
                "install it by `{pip}`, name another Python by `--python`, or let `--install` make one"
            )),
            Error::Python { .. } => Some("name a Python 3.10 or newer by `--python`".to_owned()),
            Error::File { .. } => Some("check its permissions and the space on its disk".to_owned()),
            Error::Definition(_) | Error::Platform => None,
        }
    }

    fn file(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::File { verb, path, source }
    }
}

/// Executes a definition. When `stop` becomes true, processes are ended and nothing more begins.
///
/// # Errors
/// Where it cannot even begin, or its own files cannot be written; a step that fails is in the [`Outcome`].
pub fn execute(order: &Order, stop: &AtomicBool, events: &mut dyn FnMut(Event)) -> Result<Outcome, Error> {
    if !cfg!(unix) {
        return Err(Error::Platform);
    }
    packages::check(order)?;
    let store = store::Store::new(order)?;
    schedule::run(order, &store, stop, events)
}
