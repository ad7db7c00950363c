//! `transform`: a batch transform: a model that predicts for all records of a data set, once, as a step of the pipeline.
//!
//! A transform job names a model of SageMaker, so a step of type `Model` stands before it and makes that from the
//! trained archive, in the form of AWS's `ModelStep`. The job has no role of its own: the model's reads and writes.
//! <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html>

mod checks;
mod model;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::jobs::{self, Brief, FromShort};
use super::{
    Construct, Data, Export, Exports, Reference, Rendering, Role, Scope, Text, This, grants, places,
};
use crate::cfn::{Expr, Map, Value, json};
use crate::definition::Step;
use crate::diag::Issue;
use crate::rules::units::{Duration, Size};
use crate::tables;

pub use model::{ModelArchive, ModelVersion, TransformModel};

/// A batch transform: what a model says of every record of a data set.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transform {
    /// The model: a trained one (`<training>.model`, `<tuning>.best_model`), a version of a group, or an archive.
    pub model: TransformModel,
    /// What it runs on.
    pub instance: TransformInstance,
    /// What it reads: `{ from: …, content_type: … }`, or just where from.
    pub input: Brief<TransformInput>,
    /// What it writes; for other steps `<name>.output`. Each object that is read becomes one with `.out` after its name.
    #[serde(default)]
    pub output: TransformOutput,
    /// How many records a request has; with `split` only. Default: as the container says, or multi_record.
    #[serde(default)]
    pub strategy: Option<BatchStrategy>,
    /// Requests to each instance at the same time. Default: as the container says, or 1.
    #[serde(default)]
    pub max_concurrent: Option<u32>,
    /// The largest request: whole MB, together with `max_concurrent` at most 100MB; `0MB` for no bound, where the
    /// container takes chunked requests. Default: 6MB.
    #[serde(default)]
    pub max_payload: Option<Size>,
    /// How long a request may take. Default: 10m; 1s to 1h.
    #[serde(default)]
    pub timeout: Option<Duration>,
    /// How often a request that fails is repeated, 0 to 3. Default: 3.
    #[serde(default)]
    #[schemars(range(min = 0, max = 3))]
    pub retries: Option<u32>,
    /// What of a record the model gets to see, and what of it stands in the output; for CSV and JSON.
    #[serde(default)]
    pub data_processing: Option<DataProcessing>,
    /// Environment variables of the container, at most 16 of 10,240 characters; `${…}` is resolved.
    #[serde(default)]
    pub environment: BTreeMap<String, Text>,
    /// Whether the container is cut off from the network. Set it to `false` for containers that fetch something when
    /// they start, such as the packages of a `requirements.txt`. Default: true.
    #[serde(default = "yes")]
    pub network_isolation: bool,
}

/// What a batch transform runs on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransformInstance {
    /// The instance type, such as `ml.m5.xlarge`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How many instances share the objects. Default: 1; at most 100.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100))]
    pub count: u32,
}

/// What a batch transform reads.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransformInput {
    /// The data: a dataset, a bucket, another step's output, or an S3 URI.
    pub from: Reference,
    /// The media type of the requests, such as `text/csv`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 256))]
    pub content_type: Option<String>,
    /// Where an object is divided into records. Default: none, an object is one request.
    #[serde(default)]
    pub split: Option<Split>,
    /// Whether the objects are gzip, which is unpacked on the way. Default: false.
    #[serde(default)]
    pub gzip: bool,
}

/// What tells the records of an object apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Nothing: the object is sent as a whole.
    None,
    /// The end of a line.
    Line,
    /// The format `RecordIO`.
    RecordIo,
    /// The format `TFRecord`.
    TfRecord,
}

/// What a batch transform writes.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransformOutput {
    /// Where it goes: a bucket of the lake, or an S3 URI. Default: a prefix of the execution's own in the lake's
    /// bucket for outputs. An S3 URI without `${execution.id}` is overwritten by every execution.
    #[serde(default)]
    pub to: Option<Text>,
    /// The media type of the answers, such as `text/csv`. Default: as the container answers.
    #[serde(default)]
    #[schemars(length(min = 1, max = 256))]
    pub accept: Option<String>,
    /// What stands after each answer. Default: none.
    #[serde(default)]
    pub assemble: Option<Assemble>,
}

/// What stands after each answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Assemble {
    /// Nothing.
    None,
    /// The end of a line.
    Line,
}

/// How many records a request has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchStrategy {
    /// As many as `max_payload` has room for.
    MultiRecord,
    /// One.
    SingleRecord,
}

/// What of a record the model gets to see, and what of it stands in the output.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataProcessing {
    /// What of a record the model gets, such as `$[1:]` for all but the first column or `$.features`. Default: all.
    #[serde(default)]
    pub input_filter: Option<String>,
    /// Whether the record stands before what the model says of it: in CSV as columns, in JSON with the answer as
    /// `SageMakerOutput`. Default: false.
    #[serde(default)]
    pub join: bool,
    /// What of that is written, such as `$[0,-1]` or `$['id','SageMakerOutput']`. Default: all.
    #[serde(default)]
    pub output_filter: Option<String>,
}

impl FromShort for TransformInput {
    const SHORT: &'static str = "where the data comes from";

    fn from_short(text: &str) -> Result<TransformInput, String> {
        Ok(TransformInput { from: text.into(), content_type: None, split: None, gzip: false })
    }
}

impl Split {
    /// `SplitType`.
    fn as_aws(self) -> &'static str {
        match self {
            Split::None => "None",
            Split::Line => "Line",
            Split::RecordIo => "RecordIO",
            Split::TfRecord => "TFRecord",
        }
    }
}

impl Assemble {
    /// `AssembleWith`.
    fn as_aws(self) -> &'static str {
        match self {
            Assemble::None => "None",
            Assemble::Line => "Line",
        }
    }
}

impl BatchStrategy {
    /// `BatchStrategy`.
    fn as_aws(self) -> &'static str {
        match self {
            BatchStrategy::MultiRecord => "MultiRecord",
            BatchStrategy::SingleRecord => "SingleRecord",
        }
    }
}

/// The name of the step that makes the model of the job of that name.
fn model_step(name: &str) -> String {
    format!("{name}-model")
}

impl Transform {
    /// Where the output goes; `None` when `to` cannot be understood.
    fn destination(&self, this: &This, scope: &Scope<'_>) -> Option<Data> {
        places::destination(self.output.to.as_ref(), &format!("{}/output", this.name), scope)
    }

    fn arguments(&self, this: &This, scope: &Scope<'_>) -> Value {
        let mut request = Map::new();
        let mut add = |key: &'static str, value: Option<Value>| {
            if let Some(value) = value {
                request.insert(key, value);
            }
        };
        let model = Expr::Get(format!("Steps.{}.ModelName", model_step(&this.name)));
        add("ModelName", Some(model.to_value()));
        add("MaxConcurrentTransforms", self.max_concurrent.map(|most| json!(most)));
        add("ModelClientConfig", self.client());
        add("MaxPayloadInMB", self.max_payload.map(|most| json!(most.mb())));
        add("BatchStrategy", self.strategy.map(|strategy| json!(strategy.as_aws())));
        add("Environment", jobs::environment(&self.environment, scope));
        add("TransformInput", self.input_value(scope));
        add("TransformOutput", self.output_value(this, scope));
        add("TransformResources", Some(self.resources(scope)));
        add("DataProcessing", self.data_processing.as_ref().map(DataProcessing::to_value));
        add("Tags", Some(Value::Array(scope.run_time_tags())));
        Value::Object(request)
    }

    fn client(&self) -> Option<Value> {
        let mut client = Map::new();
        if let Some(most) = self.timeout {
            client.insert("InvocationsTimeoutInSeconds", json!(most.secs()));
        }
        if let Some(most) = self.retries {
            client.insert("InvocationsMaxRetries", json!(most));
        }
        (!client.is_empty()).then_some(Value::Object(client))
    }

    fn input_value(&self, scope: &Scope<'_>) -> Option<Value> {
        let Brief(given) = &self.input;
        let data = scope.data(given.from.as_str())?;
        let mut input = Map::new();
        input.insert(
            "DataSource",
            json!({ "S3DataSource": {
                "S3DataType": if data.manifest { "ManifestFile" } else { "S3Prefix" },
                "S3Uri": data.uri,
            } }),
        );
        if let Some(media) = &given.content_type {
            input.insert("ContentType", json!(media));
        }
        if given.gzip {
            input.insert("CompressionType", json!("Gzip"));
        }
        if let Some(split) = given.split {
            input.insert("SplitType", json!(split.as_aws()));
        }
        Some(Value::Object(input))
    }

    fn output_value(&self, this: &This, scope: &Scope<'_>) -> Option<Value> {
        let mut output = Map::new();
        output.insert("S3OutputPath", self.destination(this, scope)?.uri.to_value());
        if let Some(media) = &self.output.accept {
            output.insert("Accept", json!(media));
        }
        if let Some(assemble) = self.output.assemble {
            output.insert("AssembleWith", json!(assemble.as_aws()));
        }
        if let Some(key) = scope.key() {
            output.insert("KmsKeyId", key.to_value());
        }
        Some(Value::Object(output))
    }

    fn resources(&self, scope: &Scope<'_>) -> Value {
        let mut resources = Map::new();
        resources.insert("InstanceType", json!(&self.instance.kind));
        resources.insert("InstanceCount", json!(self.instance.count));
        if let Some(key) = scope.key().filter(|_| !tables::has_local_storage(&self.instance.kind)) {
            resources.insert("VolumeKmsKeyId", key.to_value());
        }
        Value::Object(resources)
    }
}

impl DataProcessing {
    fn to_value(&self) -> Value {
        let mut processing = Map::new();
        if let Some(filter) = &self.input_filter {
            processing.insert("InputFilter", json!(filter));
        }
        if self.join {
            processing.insert("JoinSource", json!("Input"));
        }
        if let Some(filter) = &self.output_filter {
            processing.insert("OutputFilter", json!(filter));
        }
        Value::Object(processing)
    }
}

impl Construct for Transform {
    fn export(&self, this: &This, scope: &Scope<'_>, exports: &mut Exports) {
        let mut add =
            |offer: &str, export| exports.add("transform", &this.pointer, &this.name, offer, export);
        add("", Export::Step);
        // A place that cannot be understood is refused once, by `check`, and not wherever the output is used.
        let place = self.destination(this, scope).or_else(|| places::destination(None, "", scope));
        if let Some(place) = place {
            let uri = Expr::Get(format!("Steps.{}.TransformOutput.S3OutputPath", this.name));
            add("output", Export::Data(Data { uri, ..place }));
        }
        add("job", Export::Value(Expr::Get(format!("Steps.{}.TransformJobName", this.name))));
    }

    fn check(&self, this: &This, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
        checks::check(self, this, scope, issues);
    }

    fn step(&self, this: &This, scope: &Scope<'_>) -> Option<Step> {
        Some(Step::new(&this.name, "Transform", self.arguments(this, scope)))
    }

    fn model_step(&self, this: &This, scope: &Scope<'_>) -> Option<Step> {
        let arguments = self.model.arguments(&self.instance.kind, self.network_isolation, scope);
        Some(Step::new(model_step(&this.name), "Model", arguments))
    }

    fn render(&self, this: &This, scope: &Scope<'_>, out: &mut Rendering) {
        let mut statements = Vec::new();
        if let Some(data) = scope.data(self.input.0.from.as_str()) {
            statements.extend(grants::read(&data));
        }
        statements.extend(self.destination(this, scope).iter().flat_map(grants::write));
        statements.extend(self.model.needs(&self.instance.kind, scope));
        statements.extend(grants::observe());
        statements.extend(grants::key(scope));
        statements.extend(grants::network(scope));
        out.grant(Role::Transform, statements);
        out.grant(Role::Pipeline, self.model.pipeline_needs(scope));
    }
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}
