//! `training`: a script or an algorithm that makes a model from data.
//!
//! Jobs of a framework are in script mode, with the hyperparameters exactly as AWS's own SDK (2.257) emits
//! them. Debugger hooks and profiler are left out: they are closed to new customers, and no container needs them.
//! <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html>

mod checks;
mod hyperparameters;
mod request;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::jobs::{Brief, Distribution, FromShort, ImageChoice, Instance};
use super::table::Section;
use super::{
    Construct, Data, Export, Exports, Model, Reference, Rendering, Scope, SourceRequest, Text, This,
    TrainingJob,
};
use crate::cfn::Expr;
use crate::definition::Step;
use crate::diag::Issue;
use crate::rules::units::Duration;

pub use hyperparameters::Hyperparameter;

/// A training job: it reads data from channels, and writes a model archive.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// The container image.
    pub image: ImageChoice,
    /// The training script; not for an algorithm (`xgboost` without a script is one) or an image of your own that
    /// brings its program.
    #[serde(default)]
    pub source: Option<Source>,
    /// What it runs on.
    pub instance: Instance,
    /// How several processes or instances train one model. Default: each on its own.
    #[serde(default)]
    pub distribution: Option<Brief<Parallel>>,
    /// Spare capacity at a discount; the job may be interrupted. Default: on demand.
    #[serde(default)]
    pub spot: Option<Spot>,
    /// The longest it may run. Default: 24h; at most 28d.
    #[serde(default)]
    pub max_runtime: Option<Duration>,
    /// How long the instances are kept warm for the next job. Default: not at all; at most 6h. Not with `spot`.
    #[serde(default)]
    pub keep_alive: Option<Duration>,
    /// Arguments of the training, at most 100: scalars, lists, mappings; `${…}` in text is resolved.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 100))]
    pub hyperparameters: Section<Hyperparameter>,
    /// Metrics that are read from the log, at most 40: a regular expression with one capture group, by name.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 40))]
    pub metrics: Section<String>,
    /// What it reads, by channel, 1 to 20: `train: preprocess.train`, or `{ from: …, mode: … }`. The data of a
    /// channel is in `/opt/ml/input/data/<channel>`.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 20))]
    pub channels: Section<Brief<Channel>>,
    /// Environment variables of the container, at most 100 of 512 characters; `${…}` is resolved.
    #[serde(default)]
    pub environment: BTreeMap<String, Text>,
    /// Whether the container has no access to any network. Default: false.
    #[serde(default)]
    pub network_isolation: bool,
    /// Whether traffic between instances is encrypted. Default: true for more than one instance.
    #[serde(default)]
    pub encrypt_traffic: Option<bool>,
    /// How often the job is started anew after an internal error of AWS, 1 to 30. Default: not at all.
    #[serde(default)]
    #[schemars(range(min = 1, max = 30))]
    pub retries: Option<u32>,
    /// What serves the model. Default: the framework's own inference image.
    #[serde(default)]
    pub serve: Option<Serve>,
}

/// The directory with the training script.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The directory, relative to the project's.
    #[schemars(length(min = 1))]
    pub dir: String,
    /// The script in it.
    #[schemars(length(min = 1))]
    pub entry: String,
}

/// How several processes train one model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parallel {
    /// The strategy.
    pub strategy: Strategy,
    /// Processes on each instance; for `mpi` only. Default: one for each GPU.
    #[serde(default)]
    #[schemars(range(min = 1, max = 128))]
    pub processes_per_host: Option<u32>,
    /// Options of `mpirun`; for `mpi` and `smddp` only.
    #[serde(default)]
    pub options: Option<String>,
}

/// Strategies of distributed training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Parameter servers beside the workers; for TensorFlow and MXNet.
    ParameterServer,
    /// MPI, as Horovod uses it; for TensorFlow, PyTorch and MXNet.
    Mpi,
    /// TensorFlow's `MultiWorkerMirroredStrategy`.
    MultiWorkerMirrored,
    /// PyTorch's `torchrun`, on GPUs and Trainium.
    TorchDistributed,
    /// SageMaker's library for data parallelism, on large GPU instances.
    Smddp,
}

impl FromShort for Parallel {
    const SHORT: &'static str =
        "`parameter_server`, `mpi`, `multi_worker_mirrored`, `torch_distributed` or `smddp`";

    fn from_short(text: &str) -> Result<Parallel, String> {
        let strategy =
            serde_json::from_value(Value::String(text.to_owned())).map_err(|error| error.to_string())?;
        Ok(Parallel { strategy, processes_per_host: None, options: None })
    }
}

/// Spare capacity at a discount.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spot {
    /// The longest that waiting and running may take together; at least `max_runtime`.
    pub max_wait: Duration,
    /// Whether checkpoints are kept in S3, so that an interrupted job goes on where it stopped. The script
    /// writes them to `/opt/ml/checkpoints`. The jobs of a tuning job all have the same checkpoints there: the
    /// script must keep those of each job apart, by the environment variable `TRAINING_JOB_NAME`. Default: false.
    #[serde(default)]
    pub checkpoints: bool,
}

/// What a training job reads.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// The data: a dataset, a bucket, another step's output, or an S3 URI.
    pub from: Reference,
    /// The media type of the data, such as `text/csv`, for algorithms that ask for it.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub content_type: Option<String>,
    /// How the data arrives. Default: file.
    #[serde(default)]
    pub mode: ChannelMode,
    /// Which part of the data each instance gets. Default: all of it.
    #[serde(default)]
    pub distribution: Distribution,
    /// The seed with which the order of objects is shuffled. Default: no shuffling.
    #[serde(default)]
    pub shuffle: Option<u64>,
    /// Whether the data is gzip that is unpacked on the way; with mode `pipe` only. Default: false.
    #[serde(default)]
    pub gzip: bool,
    /// Whether each object is wrapped as a RecordIO record. Default: false.
    #[serde(default)]
    pub record_io: bool,
}

/// How a training job gets its data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelMode {
    /// All data is copied before the training starts.
    #[default]
    File,
    /// Files that are fetched when they are first read.
    FastFile,
    /// Data is streamed through a named pipe.
    Pipe,
}

impl FromShort for Channel {
    const SHORT: &'static str = "where the data comes from";

    fn from_short(text: &str) -> Result<Channel, String> {
        Ok(Channel {
            from: text.into(),
            content_type: None,
            mode: ChannelMode::default(),
            distribution: Distribution::default(),
            shuffle: None,
            gzip: false,
            record_io: false,
        })
    }
}

/// What serves the model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Serve {
    /// The image. Default: the training framework's own inference image; with `uri`, the training image.
    #[serde(default)]
    pub image: Option<ImageChoice>,
    /// Environment variables of the serving container, at most 16 of 1,024 characters.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
}

impl Training {
    /// Whether the container runs a script of the user's.
    fn script_mode(&self) -> bool {
        self.source.is_some()
    }

    /// Where model archives go: the same prefix for every execution, so that the URI of a tuning job's best
    /// model can be told from its name.
    fn output(scope: &Scope<'_>) -> Data {
        let bucket = scope.artifacts_bucket();
        let prefix = format!("{}/models", scope.prefix());
        Data { uri: bucket.uri(&prefix), bucket, prefix: format!("{prefix}/"), manifest: false }
    }

    fn model(&self, this: &This, scope: &Scope<'_>) -> Model {
        let data = Expr::Get(format!("Steps.{}.ModelArtifacts.S3ModelArtifacts", this.name));
        self.served(this, scope, data)
    }
}

impl Construct for Training {
    fn export(&self, this: &This, scope: &Scope<'_>, exports: &mut Exports) {
        let mut add = |offer: &str, export| exports.add("training", &this.pointer, &this.name, offer, export);
        add("", Export::TrainingJob);
        add("model", Export::Model(Box::new(self.model(this, scope))));
        let name = Expr::Get(format!("Steps.{}.TrainingJobName", this.name));
        add("job", Export::Value(name));
    }

    fn sources(&self, this: &This) -> Vec<SourceRequest> {
        let request = |source: &Source| SourceRequest {
            path: source.dir.clone(),
            entry: Some(source.entry.clone()),
            pointer: this.pointer.key("source"),
        };
        self.source.iter().map(request).collect()
    }

    fn check(&self, this: &This, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
        checks::check(self, this, scope, issues);
    }

    fn step(&self, this: &This, scope: &Scope<'_>) -> Option<Step> {
        Some(Step::new(&this.name, "Training", self.arguments(this, scope)))
    }

    fn training_job(&self, this: &This, scope: &Scope<'_>) -> Option<TrainingJob> {
        Some(TrainingJob {
            arguments: self.arguments(this, scope),
            hyperparameters: self
                .hyperparameters
                .iter()
                .map(|(name, value)| (name.clone(), value.value().clone()))
                .collect(),
            metrics: self.metrics.keys().cloned().collect(),
            script_mode: self.script_mode(),
            tuning_hyperparameters: self.tuning_hyperparameters(this, scope),
            output: Training::output(scope),
            model: self.model(this, scope),
        })
    }

    fn render(&self, this: &This, scope: &Scope<'_>, out: &mut Rendering) {
        self.grant(this, scope, out);
    }
}
