//! `processing`: a script or a container of your own, run once as a step of the pipeline.
//!
//! The step is in the form of AWS's `ScriptProcessor`: the script arrives as an input named `code`, and the
//! entry point runs it. <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateProcessingJob.html>

mod checks;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::jobs::{self, Brief, Distribution, FromShort, ImageChoice, Instance};
use super::table::Section;
use super::{
    Construct, Data, Export, Exports, Reference, Rendering, Report, Role, Scope, SourceRequest, Text, This,
    grants, places,
};
use crate::cfn::{Expr, Map, Value, json};
use crate::definition::Step;
use crate::diag::Issue;
use crate::rules::units::Duration;
use crate::tables::Purpose;

/// A processing job: it reads data, runs a script, and writes data and reports.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Processing {
    /// The container image.
    pub image: ImageChoice,
    /// What it runs on.
    pub instance: Instance,
    /// The script, relative to the project's directory. An image given by `uri` may do without.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub code: Option<String>,
    /// What runs the script, or the whole entry point when there is none. Default: `[python3]`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 99))]
    pub command: Option<Vec<String>>,
    /// Arguments of the script, at most 100 of 256 characters; `${…}` is resolved.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub arguments: Vec<Text>,
    /// Environment variables of the container, at most 100 of 256 characters; `${…}` is resolved.
    #[serde(default)]
    pub environment: BTreeMap<String, Text>,
    /// What it reads, by name: `name: { from: …, to: /opt/ml/processing/… }`, or just where from. At most
    /// 10, the script among them.
    #[serde(default)]
    pub inputs: Section<Brief<Input>>,
    /// What it writes, by name: a path under `/opt/ml/processing/`, or `{ path: …, to: … }`. At most 10.
    #[serde(default)]
    pub outputs: Section<Brief<Output>>,
    /// JSON files in outputs, whose values conditions and the registry use.
    #[serde(default)]
    pub reports: Section<ReportFile>,
    /// The longest it may run. Default: 24h; 1s to 9d.
    #[serde(default)]
    pub max_runtime: Option<Duration>,
    /// Whether the container has no access to any network. Default: false.
    #[serde(default)]
    pub network_isolation: bool,
    /// Whether traffic between instances is encrypted. Default: true for more than one instance.
    #[serde(default)]
    pub encrypt_traffic: Option<bool>,
}

/// What a processing job reads.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The data: a dataset, a bucket, another step's output, a model, or an S3 URI.
    pub from: Reference,
    /// The directory in the container. Default: `/opt/ml/processing/input/<name>`.
    #[serde(default)]
    #[schemars(regex(pattern = r"^/opt/ml/processing/"))]
    pub to: Option<String>,
    /// How the data arrives. Default: file.
    #[serde(default)]
    pub mode: InputMode,
    /// Which part of the data each instance gets. Default: all of it.
    #[serde(default)]
    pub distribution: Distribution,
    /// Whether gzip is unpacked on the way; with mode `pipe` only. Default: false.
    #[serde(default)]
    pub gzip: bool,
}

/// How a processing job gets its data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InputMode {
    /// All data is copied before the script starts.
    #[default]
    File,
    /// Data is streamed through a named pipe.
    Pipe,
}

/// What a processing job writes.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The directory in the container, under `/opt/ml/processing/`.
    #[schemars(regex(pattern = r"^/opt/ml/processing/"))]
    pub path: String,
    /// Where it goes: a bucket of the lake, or an S3 URI. Default: a prefix of the execution's own in the
    /// lake's bucket for outputs. An S3 URI without `${execution.id}` is overwritten by every execution.
    #[serde(default)]
    pub to: Option<Text>,
    /// When it is uploaded. Default: end_of_job.
    #[serde(default)]
    pub mode: UploadMode,
}

/// When outputs are uploaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UploadMode {
    /// When the job has ended.
    #[default]
    EndOfJob,
    /// While the job runs.
    Continuous,
}

/// A JSON file that a processing job writes into one of its outputs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportFile {
    /// The output that holds it.
    pub output: String,
    /// Its path in the output, such as `evaluation.json`; at most 2 MB.
    #[schemars(length(min = 1, max = 1024))]
    pub file: String,
}

impl FromShort for Input {
    const SHORT: &'static str = "where the data comes from";

    fn from_short(text: &str) -> Result<Input, String> {
        Ok(Input {
            from: text.into(),
            to: None,
            mode: InputMode::default(),
            distribution: Distribution::default(),
            gzip: false,
        })
    }
}

impl FromShort for Output {
    const SHORT: &'static str = "the directory in the container";

    fn from_short(text: &str) -> Result<Output, String> {
        Ok(Output { path: text.to_owned(), to: None, mode: UploadMode::default() })
    }
}

impl Input {
    fn path(&self, name: &str) -> String {
        self.to.clone().unwrap_or_else(|| format!("/opt/ml/processing/input/{name}"))
    }
}

impl Output {
    /// Where it goes; `None` when `to` cannot be understood.
    fn destination(&self, step: &str, name: &str, scope: &Scope<'_>) -> Option<Data> {
        places::destination(self.to.as_ref(), &format!("{step}/output/{name}"), scope)
    }
}

/// The directory that the script arrives in, as AWS's SDK has it.
const CODE: &str = "/opt/ml/processing/input/code";

impl Processing {
    fn arguments(&self, this: &This, scope: &Scope<'_>) -> Value {
        let mut request = Map::new();
        request.insert("ProcessingResources", json!({ "ClusterConfig": self.cluster(scope) }));
        request.insert("AppSpecification", self.app(scope));
        request.insert("RoleArn", Role::Processing.arn().to_value());
        let inputs = self.input_values(scope);
        if !inputs.is_empty() {
            request.insert("ProcessingInputs", Value::Array(inputs));
        }
        if !self.outputs.is_empty() {
            request.insert("ProcessingOutputConfig", self.output_config(this, scope));
        }
        if let Some(environment) = jobs::environment(&self.environment, scope) {
            request.insert("Environment", environment);
        }
        if let Some(network) = self.network(scope) {
            request.insert("NetworkConfig", network);
        }
        let seconds = self.max_runtime.unwrap_or(DEFAULT_RUNTIME).secs();
        request.insert("StoppingCondition", json!({ "MaxRuntimeInSeconds": seconds }));
        request.insert("Tags", Value::Array(scope.run_time_tags()));
        Value::Object(request)
    }

    fn cluster(&self, scope: &Scope<'_>) -> Value {
        let mut cluster = Map::new();
        cluster.insert("InstanceType", json!(&self.instance.kind));
        cluster.insert("InstanceCount", json!(self.instance.count));
        cluster.insert("VolumeSizeInGB", json!(self.instance.volume_gb()));
        if let Some(key) = self.instance.volume_key(scope) {
            cluster.insert("VolumeKmsKeyId", key.to_value());
        }
        Value::Object(cluster)
    }

    fn app(&self, scope: &Scope<'_>) -> Value {
        let mut app = Map::new();
        if let Some((image, _)) = self.image.resolve(Purpose::Processing, &self.instance.kind, scope) {
            app.insert("ImageUri", image.uri.to_value());
        }
        if let Some(entry) = self.entry_point() {
            app.insert("ContainerEntrypoint", json!(entry));
        }
        if !self.arguments.is_empty() {
            let arguments: Vec<Value> =
                self.arguments.iter().map(|text| jobs::as_text(&scope.text(text)).to_value()).collect();
            app.insert("ContainerArguments", Value::Array(arguments));
        }
        Value::Object(app)
    }

    fn entry_point(&self) -> Option<Vec<String>> {
        let Some(code) = &self.code else { return self.command.clone() };
        let file = code.rsplit('/').next().unwrap_or(code);
        let mut entry = self.command.clone().unwrap_or_else(|| vec!["python3".to_owned()]);
        entry.push(format!("{CODE}/{file}"));
        Some(entry)
    }

    fn input_values(&self, scope: &Scope<'_>) -> Vec<Value> {
        let mut inputs: Vec<Value> = Vec::new();
        for (name, Brief(input)) in &self.inputs {
            let Some(data) = scope.data(input.from.as_str()) else { continue };
            let mode = match input.mode {
                InputMode::File => "File",
                InputMode::Pipe => "Pipe",
            };
            inputs.push(json!({
                "InputName": name,
                "AppManaged": false,
                "S3Input": {
                    "S3Uri": data.uri,
                    "LocalPath": input.path(name),
                    "S3DataType": if data.manifest { "ManifestFile" } else { "S3Prefix" },
                    "S3InputMode": mode,
                    "S3DataDistributionType": input.distribution.as_aws(),
                    "S3CompressionType": if input.gzip { "Gzip" } else { "None" },
                },
            }));
        }
        if let Some(code) = &self.code {
            inputs.push(json!({
                "InputName": "code",
                "AppManaged": false,
                "S3Input": {
                    "S3Uri": scope.asset(code),
                    "LocalPath": CODE,
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                    "S3DataDistributionType": "FullyReplicated",
                    "S3CompressionType": "None",
                },
            }));
        }
        inputs
    }

    fn output_config(&self, this: &This, scope: &Scope<'_>) -> Value {
        let outputs: Vec<Value> = self
            .outputs
            .iter()
            .filter_map(|(name, Brief(output))| {
                let mode = match output.mode {
                    UploadMode::EndOfJob => "EndOfJob",
                    UploadMode::Continuous => "Continuous",
                };
                Some(json!({
                    "OutputName": name,
                    "AppManaged": false,
                    "S3Output": {
                        "S3Uri": output.destination(&this.name, name, scope)?.uri,
                        "LocalPath": &output.path,
                        "S3UploadMode": mode,
                    },
                }))
            })
            .collect();
        let mut config = Map::new();
        config.insert("Outputs", Value::Array(outputs));
        if let Some(key) = scope.key() {
            config.insert("KmsKeyId", key.to_value());
        }
        Value::Object(config)
    }

    fn network(&self, scope: &Scope<'_>) -> Option<Value> {
        let encrypt = self.encrypt_traffic.unwrap_or(self.instance.count > 1);
        let vpc = jobs::vpc(scope);
        if !encrypt && !self.network_isolation && vpc.is_none() {
            return None;
        }
        let mut network = Map::new();
        network.insert("EnableInterContainerTrafficEncryption", json!(encrypt));
        network.insert("EnableNetworkIsolation", json!(self.network_isolation));
        if let Some(vpc) = vpc {
            network.insert("VpcConfig", vpc);
        }
        Some(Value::Object(network))
    }
}

/// What AWS takes when nothing is said.
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProcessingStoppingCondition.html>
const DEFAULT_RUNTIME: Duration = Duration::from_secs(86_400);

impl Construct for Processing {
    fn export(&self, this: &This, scope: &Scope<'_>, exports: &mut Exports) {
        let mut add =
            |offer: &str, export| exports.add("processing", &this.pointer, &this.name, offer, export);
        add("", Export::Step);
        let mut outputs = BTreeMap::new();
        for (name, Brief(output)) in &self.outputs {
            let uri = format!("Steps.{}.ProcessingOutputConfig.Outputs['{name}'].S3Output.S3Uri", this.name);
            let place = output.destination(&this.name, name, scope);
            let (bucket, prefix) = place.map_or_else(
                || (scope.output_bucket(), format!("{}/", scope.prefix())),
                |place| (place.bucket, place.prefix),
            );
            let data = Data { uri: Expr::Get(uri), bucket, prefix, manifest: false };
            outputs.insert(name.as_str(), data.clone());
            add(name, Export::Data(data));
        }
        for (name, report) in &self.reports {
            // A report of no output is refused once, here, and not wherever it is used.
            let nowhere = || Data {
                uri: Expr::text(""),
                bucket: scope.output_bucket(),
                prefix: format!("{}/", scope.prefix()),
                manifest: false,
            };
            add(
                name,
                Export::Report(Report {
                    step: this.name.clone(),
                    property_file: name.clone(),
                    output: outputs.get(report.output.as_str()).cloned().unwrap_or_else(nowhere),
                    file: report.file.clone(),
                }),
            );
        }
    }

    fn sources(&self, this: &This) -> Vec<SourceRequest> {
        let request = |path: &String| SourceRequest {
            path: path.clone(),
            entry: None,
            pointer: this.pointer.key("code"),
        };
        self.code.iter().map(request).collect()
    }

    fn check(&self, this: &This, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
        checks::check(self, this, scope, issues);
    }

    fn step(&self, this: &This, scope: &Scope<'_>) -> Option<Step> {
        let mut step = Step::new(&this.name, "Processing", self.arguments(this, scope));
        let files: Vec<Value> = self
            .reports
            .iter()
            .map(|(name, report)| {
                json!({ "PropertyFileName": name, "OutputName": &report.output, "FilePath": &report.file })
            })
            .collect();
        if !files.is_empty() {
            step.envelope.insert("PropertyFiles", Value::Array(files));
        }
        Some(step)
    }

    fn render(&self, this: &This, scope: &Scope<'_>, out: &mut Rendering) {
        let mut statements = Vec::new();
        for Brief(input) in self.inputs.values() {
            if let Some(data) = scope.data(input.from.as_str()) {
                statements.extend(grants::read(&data));
            }
        }
        for (name, Brief(output)) in &self.outputs {
            if let Some(place) = output.destination(&this.name, name, scope) {
                statements.extend(grants::write(&place));
            }
        }
        if self.code.is_some() {
            statements.extend(jobs::use_assets(out));
        }
        if let Some((image, _)) = self.image.resolve(Purpose::Processing, &self.instance.kind, scope) {
            statements.extend(grants::pull([&image]));
        }
        statements.extend(grants::observe());
        statements.extend(grants::key(scope));
        statements.extend(grants::network(scope));
        out.grant(Role::Processing, statements);
    }
}
