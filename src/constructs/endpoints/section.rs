//! What the stack file says about an endpoint.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::ModelChoice;
use crate::cfn::{Value, json};
use crate::constructs::Reference;
use crate::constructs::table::Section;
use crate::rules::units::{Duration, Percent, Size};

/// A real-time, asynchronous or serverless endpoint: the models that it serves, and how a change reaches it.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Production variants by name, 1 to 10: each is a model on instances of its own, or serverless.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 10))]
    pub variants: Section<VariantSection>,
    /// Keeps requests and responses in S3, for monitors and for training.
    #[serde(default)]
    pub data_capture: Option<DataCapture>,
    /// How a new model or configuration takes over; without it, all traffic moves at once and no alarm is asked.
    #[serde(default)]
    pub rollout: Option<Rollout>,
    /// Answers into S3 rather than at once.
    #[serde(default, rename = "async")]
    pub asynchronous: Option<Async>,
    /// The key of the instances' storage, as an ARN; without it, the lake's key, if it has one. Instance types
    /// with local (NVMe) storage take none: their storage is encrypted by the hardware.
    #[serde(default)]
    pub encryption: Option<String>,
    /// Whether containers are cut off from the network, so that they can only answer requests. Set it to `false`
    /// for containers that fetch something when they start, such as the packages of a `requirements.txt`.
    /// Default `true`.
    #[serde(default = "yes")]
    pub network_isolation: bool,
}

/// One production variant: a model, and what it runs on.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VariantSection {
    /// The approved version of a registered model (`<group>.approved`), a model given by image and archive, or many
    /// models under a prefix.
    pub model: ModelChoice,
    /// The instance type, such as `ml.c5.xlarge`; not for a serverless variant.
    #[serde(default)]
    pub instance: Option<String>,
    /// Instances at first, 1 or more; default 1. Scaling, where there is any, decides later.
    #[schemars(range(min = 1))]
    #[serde(default)]
    pub count: Option<u32>,
    /// The share of the traffic, as its part in the sum of all weights; default 1.
    #[schemars(range(min = 0))]
    #[serde(default = "one")]
    pub weight: f64,
    /// Storage of each instance, 1GB to 512GB; for instance types without local storage.
    #[serde(default)]
    pub volume: Option<Size>,
    /// Time in which the model must be downloaded, `60s` to `1h`.
    #[serde(default)]
    pub download_timeout: Option<Duration>,
    /// Time in which the container must answer its health check, `60s` to `1h`.
    #[serde(default)]
    pub startup_timeout: Option<Duration>,
    /// Environment of the container.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// How requests are spread over the instances; SageMaker's default is `random`.
    #[serde(default)]
    pub routing: Option<Routing>,
    /// The machine image below the container, such as `al2-ami-sagemaker-inference-gpu-3-1`.
    #[serde(default)]
    pub ami_version: Option<String>,
    /// Runs on demand rather than on instances.
    #[serde(default)]
    pub serverless: Option<Serverless>,
}

/// Capacity of a serverless variant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Serverless {
    /// Memory: `1GB`, `2GB`, … `6GB`.
    pub memory: Size,
    /// Requests at the same time, 1 to 200.
    #[schemars(range(min = 1, max = 200))]
    pub max_concurrency: u32,
    /// Requests at the same time that need not wait for a start, up to `max_concurrency`.
    #[schemars(range(min = 1, max = 200))]
    #[serde(default)]
    pub provisioned: Option<u32>,
}

/// How requests are spread over the instances of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// Any instance.
    Random,
    /// The instance with the fewest requests under way.
    LeastOutstandingRequests,
}

/// What is kept of requests and responses.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataCapture {
    /// The share of requests that is kept; whole percents, default `100%`.
    #[serde(default = "hundred")]
    pub sampling: Percent,
    /// Where to: a bucket of the lake (below `<stack>-<env>/data-capture/`), data of the lake, or an S3 URI.
    pub to: Reference,
    /// Whether requests are kept; default `true`.
    #[serde(default = "yes")]
    pub input: bool,
    /// Whether responses are kept; default `true`.
    #[serde(default = "yes")]
    pub output: bool,
    /// Content types kept as CSV text, up to 10; default `text/csv`.
    #[schemars(length(max = 10))]
    #[serde(default = "csv")]
    pub csv_content_types: Vec<String>,
    /// Content types kept as JSON text, up to 10; default `application/json`. Any other is kept in base64.
    #[schemars(length(max = 10))]
    #[serde(default = "json")]
    pub json_content_types: Vec<String>,
}

/// How a change takes over: exactly one of `all_at_once`, `canary`, `linear` and `rolling`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// Blue/green: all traffic moves to the new fleet in one step.
    #[serde(default)]
    pub all_at_once: bool,
    /// Blue/green: this much of the new fleet gets traffic first (`10%`, or a number of instances), up to half;
    /// after `wait`, all of it.
    #[serde(default)]
    pub canary: Option<Capacity>,
    /// Blue/green: traffic moves in steps of this size (`10%` to `50%`, or a number of instances), `wait` between.
    #[serde(default)]
    pub linear: Option<Capacity>,
    /// Instances are replaced in batches of this size (`5%` to `50%`, or a number of instances), `wait` between;
    /// needs no second fleet.
    #[serde(default)]
    pub rolling: Option<Capacity>,
    /// How long alarms are watched after each step, up to `1h`; default `5m`.
    #[serde(default)]
    pub wait: Option<Duration>,
    /// How long the old fleet stays after the last step of a blue/green rollout, up to `1h`; default `0s`.
    #[serde(default)]
    pub termination_wait: Option<Duration>,
    /// Time for the whole rollout, `10m` to `8h`; default: the waits and an hour for the fleet to start.
    #[serde(default)]
    pub max_duration: Option<Duration>,
    /// Batch size of going back, for `rolling`; default: all at once.
    #[serde(default)]
    pub rollback_batch: Option<Capacity>,
    /// Alarms, up to 10, that watch this endpoint: when one fires during the rollout, the old fleet takes over again.
    #[schemars(length(max = 10))]
    #[serde(default)]
    pub rollback_on: Vec<Reference>,
}

/// Where an asynchronous endpoint puts its answers.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Async {
    /// Where answers go: a bucket of the lake (below `<stack>-<env>/async/`), data of the lake, or an S3 URI.
    pub output: Reference,
    /// Where failures go; the same forms. Default: SageMaker tells only by `error_topic` and logs.
    #[serde(default)]
    pub failures: Option<Reference>,
    /// ARN of an SNS topic told of each answer.
    #[serde(default)]
    pub success_topic: Option<String>,
    /// ARN of an SNS topic told of each failure.
    #[serde(default)]
    pub error_topic: Option<String>,
    /// Requests that one instance works on at the same time, 1 to 1000; SageMaker chooses by default.
    #[schemars(range(min = 1, max = 1000))]
    #[serde(default)]
    pub max_concurrency: Option<u32>,
}

/// An amount of capacity: a share (`10%`) or a number of instances (`1`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    /// Whole percents of the fleet.
    Percent(u32),
    /// Instances.
    Instances(u32),
}

impl Capacity {
    /// `Type` and `Value`, as the API takes them.
    pub(super) fn to_value(self) -> Value {
        match self {
            Capacity::Percent(value) => json!({ "Type": "CAPACITY_PERCENT", "Value": value }),
            Capacity::Instances(value) => json!({ "Type": "INSTANCE_COUNT", "Value": value }),
        }
    }
}

impl std::fmt::Display for Capacity {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Capacity::Percent(value) => write!(out, "{value}%"),
            Capacity::Instances(1) => write!(out, "1 instance"),
            Capacity::Instances(value) => write!(out, "{value} instances"),
        }
    }
}

impl<'de> Deserialize<'de> for Capacity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Capacity, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let whole = |number: u64| u32::try_from(number).ok().filter(|number| *number > 0);
        let capacity = match &value {
            serde_json::Value::Number(number) => number.as_u64().and_then(whole).map(Capacity::Instances),
            serde_json::Value::String(text) => match text.strip_suffix('%') {
                Some(share) => share.trim_end().parse().ok().and_then(whole).map(Capacity::Percent),
                None => text.parse().ok().and_then(whole).map(Capacity::Instances),
            },
            _ => None,
        };
        capacity.ok_or_else(|| {
            D::Error::custom(
                "a share of the fleet in whole percents (`10%`) or a number of instances (`1`) is wanted",
            )
        })
    }
}

impl JsonSchema for Capacity {
    fn schema_name() -> Cow<'static, str> {
        "Capacity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "a share of the fleet in whole percents (`10%`) or a number of instances (`1`)",
            "oneOf": [
                { "type": "string", "pattern": "^0*[1-9][0-9]* ?%?$" },
                { "type": "integer", "minimum": 1 },
            ],
            "examples": ["10%", 1],
        })
    }
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}

fn hundred() -> Percent {
    "100%".parse().expect("it is a percentage")
}

fn csv() -> Vec<String> {
    vec!["text/csv".to_owned()]
}

fn json() -> Vec<String> {
    vec!["application/json".to_owned()]
}
