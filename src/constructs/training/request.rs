//! The request of a training job, what serves its model, and what its role needs.

use std::collections::BTreeMap;

use super::super::jobs::{self, Brief, ImageChoice};
use super::super::{Data, Image, Model, Rendering, Role, Scope, This, grants};
use super::{Channel, ChannelMode, Training};
use crate::cfn::{Expr, Map, Value, json};
use crate::rules::units::Duration;
use crate::tables::Purpose;

/// What AWS's SDK takes when nothing is said.
const DEFAULT_RUNTIME: Duration = Duration::from_secs(86_400);

/// Frameworks whose images send metrics to the time series that Studio draws, as the SDK has it.
const TIME_SERIES: [&str; 3] = ["huggingface", "pytorch", "tensorflow"];

impl Training {
    pub(super) fn runtime(&self) -> Duration {
        self.max_runtime.unwrap_or(DEFAULT_RUNTIME)
    }

    pub(super) fn arguments(&self, this: &This, scope: &Scope<'_>) -> Value {
        let mut request = Map::new();
        let mut add = |key: &'static str, value: Option<Value>| {
            if let Some(value) = value {
                request.insert(key, value);
            }
        };
        add("AlgorithmSpecification", Some(self.algorithm(scope)));
        add("RoleArn", Some(Role::Training.arn().to_value()));
        add("OutputDataConfig", Some(Training::output_config(scope)));
        add("ResourceConfig", Some(self.resources(scope)));
        add("StoppingCondition", Some(self.stopping()));
        let hyperparameters = self.hyperparameter_values(this, scope);
        add("HyperParameters", (!hyperparameters.is_empty()).then_some(Value::Object(hyperparameters)));
        add("InputDataConfig", Some(Value::Array(self.channel_values(scope))));
        add("VpcConfig", jobs::vpc(scope));
        add("Environment", jobs::environment(&self.environment, scope));
        add("EnableNetworkIsolation", self.network_isolation.then(|| json!(true)));
        let encrypt = self.encrypt_traffic.unwrap_or(self.instance.count > 1);
        add("EnableInterContainerTrafficEncryption", encrypt.then(|| json!(true)));
        add("EnableManagedSpotTraining", self.spot.as_ref().map(|_| json!(true)));
        add("CheckpointConfig", self.checkpoints(this, scope).map(|data| json!({ "S3Uri": data.uri })));
        add("RetryStrategy", self.retries.map(|most| json!({ "MaximumRetryAttempts": most })));
        add("Tags", Some(Value::Array(scope.run_time_tags())));
        Value::Object(request)
    }

    fn algorithm(&self, scope: &Scope<'_>) -> Value {
        let mut algorithm = Map::new();
        if let Some(image) = self.training_image(scope) {
            algorithm.insert("TrainingImage", image.uri.to_value());
        }
        algorithm.insert("TrainingInputMode", json!("File"));
        if !self.metrics.is_empty() {
            let metrics: Vec<Value> =
                self.metrics.iter().map(|(name, regex)| json!({ "Name": name, "Regex": regex })).collect();
            algorithm.insert("MetricDefinitions", Value::Array(metrics));
        }
        let framework = self.image.framework.as_deref().unwrap_or_default();
        if TIME_SERIES.iter().any(|known| framework.starts_with(known)) {
            algorithm.insert("EnableSageMakerMetricsTimeSeries", json!(true));
        }
        Value::Object(algorithm)
    }

    fn training_image(&self, scope: &Scope<'_>) -> Option<Image> {
        self.image.resolve(Purpose::Training, &self.instance.kind, scope).map(|(image, _)| image)
    }

    fn output_config(scope: &Scope<'_>) -> Value {
        let mut config = Map::new();
        config.insert("S3OutputPath", Training::output(scope).uri.to_value());
        if let Some(key) = scope.key() {
            config.insert("KmsKeyId", key.to_value());
        }
        Value::Object(config)
    }

    fn resources(&self, scope: &Scope<'_>) -> Value {
        let mut resources = Map::new();
        resources.insert("InstanceType", json!(&self.instance.kind));
        resources.insert("InstanceCount", json!(self.instance.count));
        resources.insert("VolumeSizeInGB", json!(self.instance.volume_gb()));
        if let Some(key) = self.instance.volume_key(scope) {
            resources.insert("VolumeKmsKeyId", key.to_value());
        }
        if let Some(warm) = self.keep_alive {
            resources.insert("KeepAlivePeriodInSeconds", json!(warm.secs()));
        }
        Value::Object(resources)
    }

    fn stopping(&self) -> Value {
        let mut stopping = Map::new();
        stopping.insert("MaxRuntimeInSeconds", json!(self.runtime().secs()));
        if let Some(spot) = &self.spot {
            stopping.insert("MaxWaitTimeInSeconds", json!(spot.max_wait.secs()));
        }
        Value::Object(stopping)
    }

    fn channel_values(&self, scope: &Scope<'_>) -> Vec<Value> {
        let mut channels: Vec<Value> = self
            .channels
            .iter()
            .filter_map(|(name, Brief(channel))| {
                Some(channel.value(name, &scope.data(channel.from.as_str())?))
            })
            .collect();
        if let (Some(source), true) = (&self.source, self.network_isolation) {
            // As the SDK has it: an isolated container gets its script through a channel of its own.
            channels.push(json!({
                "ChannelName": "code",
                "DataSource": { "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3Uri": scope.asset(&source.dir),
                    "S3DataDistributionType": "FullyReplicated",
                } },
            }));
        }
        channels
    }

    /// Where spot jobs keep checkpoints. An execution has a prefix of its own, so that it never goes on with
    /// what another one left.
    pub(super) fn checkpoints(&self, this: &This, scope: &Scope<'_>) -> Option<Data> {
        self.spot.as_ref().filter(|spot| spot.checkpoints)?;
        let bucket = scope.artifacts_bucket();
        let prefix = format!("{}/checkpoints/{}/", scope.prefix(), this.name);
        let uri = Expr::concat([bucket.uri(&prefix), Expr::Get("Execution.PipelineExecutionId".to_owned())]);
        Some(Data { uri, bucket, prefix, manifest: false })
    }

    /// The model that the job makes, with what serves it.
    pub(super) fn served(&self, this: &This, scope: &Scope<'_>, data: Expr) -> Model {
        let serve = self.serve.clone().unwrap_or_default();
        let image = serve.image.as_ref().unwrap_or(&self.image);
        let on = |instance: &str| inference_image(image, instance, scope);
        let plain = on("ml.m5.large");
        let framework =
            image.framework.as_deref().zip(plain.as_ref().and_then(|(_, version)| version.clone()));
        let mut environment = BTreeMap::new();
        if image.uri.is_none() {
            // As the SDK's models have it.
            environment.insert("SAGEMAKER_CONTAINER_LOG_LEVEL".to_owned(), "20".to_owned());
        }
        environment.extend(serve.environment);
        Model {
            data,
            place: Training::output(scope),
            step: this.name.clone(),
            framework: framework
                .map(|(name, version)| (registry_name(name), registry_version(name, &version))),
            image: plain.map(|(image, _)| image),
            gpu_image: on("ml.g5.xlarge").map(|(image, _)| image),
            environment,
            source: self.source.as_ref().map(|source| source.dir.clone()),
        }
    }

    pub(super) fn grant(&self, this: &This, scope: &Scope<'_>, out: &mut Rendering) {
        let mut statements = Vec::new();
        for Brief(channel) in self.channels.values() {
            if let Some(data) = scope.data(channel.from.as_str()) {
                statements.extend(grants::read(&data));
            }
        }
        statements.extend(grants::write(&Training::output(scope)));
        if let Some(checkpoints) = self.checkpoints(this, scope) {
            statements.extend(grants::read(&checkpoints));
            statements.extend(grants::write(&checkpoints));
        }
        if self.image.framework.as_deref() == Some("tensorflow") && self.source.is_some() {
            // The `model_dir` that TensorFlow scripts are given.
            let bucket = scope.artifacts_bucket();
            let prefix = format!("{}/{}/model", scope.prefix(), this.name);
            let place = Data { uri: bucket.uri(&prefix), bucket, prefix, manifest: false };
            statements.extend(grants::read(&place));
            statements.extend(grants::write(&place));
        }
        if self.source.is_some() {
            statements.extend(jobs::use_assets(out));
        }
        if let Some(image) = self.training_image(scope) {
            statements.extend(grants::pull([&image]));
        }
        statements.extend(grants::observe());
        statements.extend(grants::key(scope));
        statements.extend(grants::network(scope));
        out.grant(Role::Training, statements);
    }
}

/// The image that serves what a framework trained. Inference images of some frameworks know no Python.
fn inference_image(
    image: &ImageChoice,
    instance: &str,
    scope: &Scope<'_>,
) -> Option<(Image, Option<String>)> {
    image.resolve(Purpose::Inference, instance, scope).or_else(|| {
        let any = ImageChoice { python: None, ..image.clone() };
        any.resolve(Purpose::Inference, instance, scope)
    })
}

/// The framework's name as the SDK registers it: in capitals, without what follows the first word.
fn registry_name(framework: &str) -> String {
    framework.split('-').next().unwrap_or(framework).to_uppercase()
}

/// The framework's version as the SDK registers it: that of transformers, without what it is based on.
fn registry_version(framework: &str, version: &str) -> String {
    let own = version.split_once('-').filter(|_| framework.starts_with("huggingface"));
    own.map_or(version, |(own, _)| own).to_owned()
}

impl Channel {
    fn value(&self, name: &str, data: &Data) -> Value {
        let mut channel = Map::new();
        channel.insert("ChannelName", json!(name));
        channel.insert(
            "DataSource",
            json!({ "S3DataSource": {
                "S3DataType": if data.manifest { "ManifestFile" } else { "S3Prefix" },
                "S3Uri": &data.uri,
                "S3DataDistributionType": self.distribution.as_aws(),
            } }),
        );
        if let Some(media) = &self.content_type {
            channel.insert("ContentType", json!(media));
        }
        if self.gzip {
            channel.insert("CompressionType", json!("Gzip"));
        }
        if self.record_io {
            channel.insert("RecordWrapperType", json!("RecordIO"));
        }
        match self.mode {
            ChannelMode::File => {}
            ChannelMode::FastFile => {
                channel.insert("InputMode", json!("FastFile"));
            }
            ChannelMode::Pipe => {
                channel.insert("InputMode", json!("Pipe"));
            }
        }
        if let Some(seed) = self.shuffle {
            channel.insert("ShuffleConfig", json!({ "Seed": seed }));
        }
        Value::Object(channel)
    }
}
