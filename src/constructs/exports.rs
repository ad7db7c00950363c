//! What constructs offer each other.

use std::collections::BTreeMap;

use crate::cfn::{Expr, LogicalId, Value};
use crate::diag::Pointer;

/// An S3 bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// Its name, in the platform template.
    pub name: Expr,
    /// Its ARN, in the platform template.
    pub arn: Expr,
}

impl Bucket {
    /// `s3://<bucket>/<prefix>`.
    pub fn uri(&self, prefix: &str) -> Expr {
        Expr::concat([Expr::text("s3://"), self.name.clone(), Expr::text(format!("/{prefix}"))])
    }
}

/// Objects under one S3 prefix.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// The prefix, as the reader names it; a run-time value for a step's output.
    pub uri: Expr,
    /// The bucket, for permissions.
    pub bucket: Bucket,
    /// Prefix under which the objects lie, for permissions; empty for the whole bucket, ends in `/` or is a key.
    pub prefix: String,
    /// Whether the prefix is a manifest file (SageMaker's `ManifestFile`).
    pub manifest: bool,
}

/// A container image, in the template's region and partition.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// The URI.
    pub uri: Expr,
    /// ARN of the repository, for permissions.
    pub repository_arn: Expr,
}

/// A trained model: the artifact that a step makes, and what serves it.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The model archive's S3 URI; a run-time value.
    pub data: Expr,
    /// The bucket and prefix of the archive, for permissions.
    pub place: Data,
    /// The step that makes it.
    pub step: String,
    /// The image that serves it without an accelerator, where the framework has one.
    pub image: Option<Image>,
    /// The image that serves it on GPUs, where the framework has one.
    pub gpu_image: Option<Image>,
    /// The framework as the model registry names it, such as `TENSORFLOW`, and its version.
    pub framework: Option<(String, String)>,
    /// Environment of the serving container.
    pub environment: BTreeMap<String, String>,
    /// The source directory of the training script, as the stack file wrote it.
    pub source: Option<String>,
}

/// A JSON file that a processing step writes for conditions and for the registry.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The processing step.
    pub step: String,
    /// The property file's name.
    pub property_file: String,
    /// Prefix of the output that holds the file.
    pub output: Data,
    /// The file's path in the output.
    pub file: String,
}

/// A training job as `CreateTrainingJob` takes it, without its name.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingJob {
    /// The request, expressions inside.
    pub arguments: Value,
    /// Hyperparameters as the stack file wrote them, before encoding.
    pub hyperparameters: BTreeMap<String, serde_json::Value>,
    /// Names of the metrics that it scrapes.
    pub metrics: Vec<String>,
    /// Script mode: values of hyperparameters are JSON-encoded.
    pub script_mode: bool,
    /// Members that the SDK adds to the static hyperparameters of a tuning job only.
    pub tuning_hyperparameters: BTreeMap<String, String>,
    /// The step's outputs: where model archives lie.
    pub output: Data,
    /// The model that it makes, but for `data` and `step`.
    pub model: Model,
}

/// A production variant of an endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// The endpoint's construct.
    pub endpoint: String,
    /// The endpoint's name in AWS.
    pub endpoint_name: String,
    /// The endpoint's resource in the serving template.
    pub endpoint_id: LogicalId,
    /// The variant's name.
    pub name: String,
    /// Its instance type; `None` for a serverless variant.
    pub instance: Option<String>,
    /// Its initial number of instances; `None` for a serverless variant.
    pub count: Option<u32>,
    /// Its initial provisioned concurrency; `None` for instances, and for a serverless variant without.
    pub provisioned: Option<u32>,
    /// Whether it answers into S3.
    pub asynchronous: bool,
    /// Where the stack file gives it.
    pub pointer: Pointer,
}

/// With what versions of a group are registered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registered {
    /// Instance types of endpoints; none for any.
    pub instances: Vec<String>,
    /// Instance types of batch transforms; none for any.
    pub transforms: Vec<String>,
    /// Media types of requests.
    pub content_types: Vec<String>,
}

/// Where an endpoint's captured requests and responses lie.
#[derive(Debug, Clone, PartialEq)]
pub struct Capture {
    /// The prefix, for permissions: `<prefix>/<endpoint>/<variant>/…`.
    pub place: Data,
    /// Whether requests are captured.
    pub input: bool,
    /// Whether responses are captured.
    pub output: bool,
    /// Content types that are kept as CSV or JSON text; what has another is kept in base64.
    pub texts: Vec<String>,
}

/// What a construct offers under one name.
#[derive(Debug, Clone, PartialEq)]
pub enum Export {
    /// A bucket of the lake.
    Bucket(Bucket),
    /// The lake's own or named customer key, by ARN.
    Key(Expr),
    /// Objects under a prefix.
    Data(Data),
    /// A pipeline parameter: its value, its `Type` in the definition, the values it may take.
    Parameter {
        /// `Get` of it.
        value: Expr,
        /// `String`, `Integer`, `Float` or `Boolean`.
        kind: &'static str,
        /// `EnumValues`, when there are any.
        values: Vec<String>,
        /// The parameter as the definition's `Parameters` has it; without `DefaultValue` when it has none.
        entry: Value,
    },
    /// A step of the pipeline, by the construct that it runs.
    Step,
    /// A training job, for tuning.
    TrainingJob,
    /// A value that only an execution knows, such as a job's name.
    Value(Expr),
    /// A trained model.
    Model(Box<Model>),
    /// A report with metrics.
    Report(Report),
    /// A model package group: its name in AWS, and its ARN in the platform template.
    Group {
        /// The name.
        name: String,
        /// The ARN.
        arn: Expr,
    },
    /// The newest approved version of a group: the serving template's parameter that holds its ARN.
    ApprovedModel {
        /// The group's name in AWS.
        group: String,
        /// The template parameter's name.
        parameter: String,
    },
    /// The pipeline: its name in AWS.
    Pipeline {
        /// The name.
        name: String,
    },
    /// With what the pipeline registers models, by group.
    Registers(BTreeMap<String, Registered>),
    /// An endpoint: its name in AWS, its resource, its variants and its capture.
    Endpoint {
        /// The name.
        name: String,
        /// The resource in the serving template.
        id: LogicalId,
        /// Names of its variants.
        variants: Vec<String>,
        /// What it captures.
        capture: Option<Capture>,
        /// The registered model that it serves: the group's construct.
        group: Option<String>,
        /// Whether a variant serves many models from one container.
        many: bool,
    },
    /// A production variant.
    Variant(Variant),
    /// An alarm: its resource in the serving template, and the variant that it watches.
    Alarm {
        /// The resource.
        id: LogicalId,
        /// `endpoint.variant` that it watches.
        on: String,
        /// The metric's name.
        metric: String,
        /// What it compares with, in the metric's unit.
        threshold: f64,
    },
    /// A variant that scales by itself.
    Scaling {
        /// `endpoint.variant` that scales.
        target: String,
        /// Least and most instances, or units of provisioned concurrency.
        bounds: (u32, u32),
        /// The metric that it holds, as CloudWatch names it, and the value to hold.
        track: Option<(String, f64)>,
    },
    /// The topic that alarms notify: its ARN in the platform template.
    Topic(Expr),
    /// A monitor: the endpoint that it watches, and the alarm that says drift.
    Monitor {
        /// The endpoint's construct.
        endpoint: String,
        /// The alarm's resource in the serving template.
        alarm: Option<LogicalId>,
    },
}

impl Export {
    /// What it is, for messages: «`x` is a bucket».
    pub fn describe(&self) -> &'static str {
        match self {
            Export::Bucket(_) => "a bucket",
            Export::Key(_) => "a key",
            Export::Data(_) => "data in S3",
            Export::Parameter { .. } => "a pipeline parameter",
            Export::Step => "a step",
            Export::TrainingJob => "a training job",
            Export::Value(_) => "a value",
            Export::Model(_) => "a trained model",
            Export::Report(_) => "a report",
            Export::Group { .. } => "a model package group",
            Export::ApprovedModel { .. } => "an approved model",
            Export::Pipeline { .. } => "the pipeline",
            Export::Registers(_) => "what the pipeline registers",
            Export::Endpoint { .. } => "an endpoint",
            Export::Variant(_) => "a variant",
            Export::Alarm { .. } => "an alarm",
            Export::Scaling { .. } => "a scaling",
            Export::Topic(_) => "a topic",
            Export::Monitor { .. } => "a monitor",
        }
    }
}

/// Everything that one construct offers.
#[derive(Debug, Clone, PartialEq)]
pub struct Offers {
    /// The section of the stack file.
    pub section: &'static str,
    /// Where the stack file gives the name.
    pub pointer: Pointer,
    /// By what follows the name, in boxes: a map has room for eleven at once, and few offer more than one.
    by_offer: BTreeMap<String, Box<Export>>,
}

impl Offers {
    /// By what follows the name; the construct itself under the empty name.
    pub fn get(&self, offer: &str) -> Option<&Export> {
        self.by_offer.get(offer).map(Box::as_ref)
    }

    /// What follows the name, of all of them.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.by_offer.keys().map(String::as_str)
    }

    /// All of them.
    pub fn values(&self) -> impl Iterator<Item = &Export> {
        self.by_offer.values().map(Box::as_ref)
    }

    /// All of them, by what follows the name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Export)> {
        self.by_offer.iter().map(|(offer, export)| (offer.as_str(), export.as_ref()))
    }
}

/// Everything that all constructs offer, and names that were given twice.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exports {
    by_name: BTreeMap<String, Offers>,
    /// Names given twice: the name, the first place, the second.
    pub(crate) clashes: Vec<(String, Pointer, Pointer)>,
}

impl Exports {
    /// Offers `name.offer` (`name` alone when `offer` is empty). The first offer of a name claims it for `pointer`.
    pub fn add(
        &mut self,
        section: &'static str,
        pointer: &Pointer,
        name: &str,
        offer: &str,
        export: impl Into<Box<Export>>,
    ) {
        let entry = self.by_name.entry(name.to_owned()).or_insert_with(|| Offers {
            section,
            pointer: pointer.clone(),
            by_offer: BTreeMap::new(),
        });
        if entry.pointer == *pointer {
            entry.by_offer.insert(offer.to_owned(), export.into());
        } else if !self.clashes.iter().any(|(_, _, second)| second == pointer) {
            self.clashes.push((name.to_owned(), entry.pointer.clone(), pointer.clone()));
        }
    }

    /// Adds all that `more` offers.
    pub fn extend(&mut self, more: Exports) {
        for (name, given) in more.by_name {
            for (offer, export) in given.by_offer {
                self.add(given.section, &given.pointer, &name, &offer, export);
            }
        }
        self.clashes.extend(more.clashes);
    }

    /// What a name offers.
    pub fn get(&self, name: &str) -> Option<&Offers> {
        self.by_name.get(name)
    }

    /// All names with what they offer, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Offers)> {
        self.by_name.iter().map(|(name, offers)| (name.as_str(), offers))
    }
}
