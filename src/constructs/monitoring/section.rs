//! What the stack file says about a monitor.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::constructs::Reference;
use crate::rules::monitor_schedule;
use crate::rules::units::{Duration, Size};

/// A monitor: compares what an endpoint captured with a baseline, again and again.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Monitor {
    /// The endpoint; it must capture data.
    pub endpoint: Reference,
    /// What is compared.
    pub kind: MonitorKind,
    /// Who compares; default `model_monitor`.
    #[serde(default)]
    pub backend: Backend,
    /// The data that the model was trained with, such as `preprocess.train`: the pipeline computes the baseline
    /// from it, and each registered version carries its own.
    #[serde(default)]
    pub baseline: Option<Reference>,
    /// The form of the baseline data; default `csv_with_header`.
    #[serde(default)]
    pub baseline_format: DatasetFormat,
    /// `hourly` (the default), `daily`, or a `cron(…)` of the forms that Model Monitor knows:
    /// `cron(0 * ? * * *)`, `cron(0 H ? * * *)`, `cron(0 H/N ? * * *)`, in UTC.
    #[serde(default)]
    pub schedule: MonitorSchedule,
    /// What a run has to itself; default one `ml.m5.xlarge` with 20GB.
    #[serde(default)]
    pub instance: MonitorInstance,
    /// Time that one run may take, less than the schedule's interval and at most a day; default `30m`.
    #[serde(default)]
    pub max_runtime: Option<Duration>,
    /// Whether an alarm fires when a run finds violations; default `true`.
    #[serde(default = "yes")]
    pub alarm_on_violation: bool,
    /// Where labels of captured requests arrive: a bucket, data of the lake, or an S3 URI. For `model_quality` and
    /// `bias`.
    #[serde(default)]
    pub ground_truth: Option<Reference>,
    /// What the model predicts; for `model_quality`.
    #[serde(default)]
    pub problem_type: Option<ProblemType>,
    /// Where in the captured data the prediction stands: a column's index or a JSONPath.
    #[serde(default)]
    pub inference_attribute: Option<String>,
    /// Where in the captured data the probability stands.
    #[serde(default)]
    pub probability_attribute: Option<String>,
    /// The probability from which a binary prediction is positive, 0 to 1; for `problem_type: binary_classification`.
    #[schemars(range(min = 0, max = 1))]
    #[serde(default)]
    pub probability_threshold: Option<f64>,
    /// Where in the baseline data the label stands; for `model_quality`.
    #[serde(default)]
    pub label_attribute: Option<String>,
    /// Where in the captured data the features stand: a JSONPath; for `bias` and `explainability`.
    #[serde(default)]
    pub features_attribute: Option<String>,
    /// The analysis configuration of Clarify: an S3 URI or data of the lake, one JSON file; for `bias` and
    /// `explainability`.
    #[serde(default)]
    pub analysis: Option<Reference>,
    /// The stretch of captured data that a run looks at, for `model_quality` and `bias`: labels arrive late.
    #[serde(default)]
    pub window: Option<AnalysisWindow>,
    /// Environment of the container.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// A Python file that turns each captured record into a flat one; for `data_quality` and `model_quality`.
    #[serde(default)]
    pub preprocessor: Option<String>,
    /// A Python file that runs after the analysis; for `data_quality` and `model_quality`.
    #[serde(default)]
    pub postprocessor: Option<String>,
    /// Where reports go: a bucket, data of the lake, or an S3 URI. Default: the lake's bucket for artifacts, below
    /// `<stack>-<env>/monitoring/<name>/`.
    #[serde(default)]
    pub output: Option<Reference>,
    /// For `backend: pipeline`: the Python file that compares, run as
    /// `python3 <file>` with the captured data in `/opt/ml/processing/captured`, the baseline in
    /// `/opt/ml/processing/baseline`, reports taken from `/opt/ml/processing/output`, and `SMSTACK_*` in its
    /// environment. It puts the metric `Violations`.
    #[serde(default)]
    pub code: Option<String>,
    /// For `backend: pipeline`: URI of the container image that runs `code`, in the stack's region.
    #[serde(default)]
    pub image: Option<String>,
    /// For `backend: pipeline`: numbers that the code decides by, as `SMSTACK_THRESHOLDS` in its environment.
    #[serde(default)]
    pub thresholds: BTreeMap<String, f64>,
    /// The CloudWatch namespace of the metric `Violations`; default `smstack/Monitoring`.
    #[serde(default = "namespace")]
    pub namespace: String,
}

impl Monitor {
    /// How long a run may take.
    pub(super) fn runtime(&self) -> Duration {
        self.max_runtime.unwrap_or(Duration::from_secs(1800))
    }
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MonitorKind {
    /// Requests with the data that the model was trained with.
    DataQuality,
    /// Predictions with labels that arrive later.
    ModelQuality,
    /// Predictions for groups of people or things with each other.
    Bias,
    /// What the predictions depend on.
    Explainability,
}

impl MonitorKind {
    /// `MonitoringType`.
    pub(super) fn monitoring_type(self) -> &'static str {
        match self {
            MonitorKind::DataQuality => "DataQuality",
            MonitorKind::ModelQuality => "ModelQuality",
            MonitorKind::Bias => "ModelBias",
            MonitorKind::Explainability => "ModelExplainability",
        }
    }

    /// As the stack file writes it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            MonitorKind::DataQuality => "data_quality",
            MonitorKind::ModelQuality => "model_quality",
            MonitorKind::Bias => "bias",
            MonitorKind::Explainability => "explainability",
        }
    }

    /// Whether Clarify's container does it.
    pub(super) fn by_clarify(self) -> bool {
        matches!(self, MonitorKind::Bias | MonitorKind::Explainability)
    }

    /// Whether labels are needed.
    pub(super) fn needs_labels(self) -> bool {
        matches!(self, MonitorKind::ModelQuality | MonitorKind::Bias)
    }
}

/// Who compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// SageMaker Model Monitor; closed to new customers since 2026-07-30.
    #[default]
    ModelMonitor,
    /// A small SageMaker pipeline that runs the user's own `code`.
    Pipeline,
}

/// The form of the baseline data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DatasetFormat {
    /// CSV whose first line names the columns.
    #[default]
    CsvWithHeader,
    /// CSV without names.
    Csv,
    /// One JSON document a line.
    JsonLines,
    /// One JSON document a file.
    Json,
    /// Parquet.
    Parquet,
}

/// What the model predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProblemType {
    /// One of two classes.
    BinaryClassification,
    /// One of several classes.
    MulticlassClassification,
    /// A number.
    Regression,
}

impl ProblemType {
    /// As the API writes it.
    pub(super) fn as_api(self) -> &'static str {
        match self {
            ProblemType::BinaryClassification => "BinaryClassification",
            ProblemType::MulticlassClassification => "MulticlassClassification",
            ProblemType::Regression => "Regression",
        }
    }
}

/// What a run has to itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MonitorInstance {
    /// The instance type; default `ml.m5.xlarge`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Instances, 1 to 100; default 1.
    #[schemars(range(min = 1, max = 100))]
    pub count: u32,
    /// Storage of each, 1GB to 16TB; default `20GB`.
    pub volume: Size,
}

impl Default for MonitorInstance {
    fn default() -> MonitorInstance {
        MonitorInstance { kind: "ml.m5.xlarge".to_owned(), count: 1, volume: Size::from_gb(20) }
    }
}

/// A stretch of time before a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnalysisWindow {
    /// Begins this long before the run, at most `24h`.
    pub start: Duration,
    /// Ends this long before the run.
    pub end: Duration,
}

/// When a monitor runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitorSchedule {
    /// `cron(…)` as Model Monitor takes it.
    pub expression: String,
    /// Hours between two runs.
    pub hours: u32,
}

impl Default for MonitorSchedule {
    fn default() -> MonitorSchedule {
        MonitorSchedule { expression: "cron(0 * ? * * *)".to_owned(), hours: 1 }
    }
}

impl FromStr for MonitorSchedule {
    type Err = String;

    fn from_str(text: &str) -> Result<MonitorSchedule, String> {
        let expression = match text {
            "hourly" => "cron(0 * ? * * *)",
            "daily" => "cron(0 0 ? * * *)",
            other => other,
        };
        let hours = monitor_schedule::interval(expression).ok_or_else(|| {
            format!(
                "Model Monitor knows no schedule `{text}`: write `hourly`, `daily`, `cron(0 * ? * * *)`, \
                 `cron(0 H ? * * *)` or `cron(0 H/N ? * * *)` with hours H from 0 to 23 and N from 1 to 24"
            )
        })?;
        Ok(MonitorSchedule { expression: expression.to_owned(), hours })
    }
}

impl fmt::Display for MonitorSchedule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.hours {
            1 => out.write_str("every hour"),
            24 => out.write_str("every day"),
            hours => write!(out, "every {hours} hours"),
        }
    }
}

impl<'de> Deserialize<'de> for MonitorSchedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MonitorSchedule, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for MonitorSchedule {
    fn schema_name() -> Cow<'static, str> {
        "MonitorSchedule".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "`hourly`, `daily`, or `cron(0 * ? * * *)`, `cron(0 H ? * * *)`, `cron(0 H/N ? * * *)`",
            "pattern": monitor_schedule::PATTERN,
            "examples": ["hourly", "daily", "cron(0 6 ? * * *)", "cron(0 0/6 ? * * *)"],
        })
    }
}

fn yes() -> bool {
    true
}

fn namespace() -> String {
    "smstack/Monitoring".to_owned()
}
