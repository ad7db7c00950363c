//! Hyperparameters as training containers read them: text, in script mode JSON as Python's `json.dumps` writes it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::super::text::Text;
use super::super::{Scope, This};
use super::{Strategy, Training};
use crate::cfn::{Expr, Map, Value, json};
use crate::rules::json_text::{python_json, python_text};

/// A value of any kind; text may hold `${…}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Hyperparameter {
    value: serde_json::Value,
    text: Option<Text>,
}

impl Hyperparameter {
    /// As the stack file wrote it.
    pub fn value(&self) -> &serde_json::Value {
        &self.value
    }

    /// The text with its references, when it has any.
    pub fn text(&self) -> Option<&Text> {
        self.text.as_ref().filter(|text| text.literal().is_none())
    }

    /// As the container gets it.
    pub(in super::super) fn encode(&self, script_mode: bool, scope: &Scope<'_>) -> Value {
        match &self.text {
            Some(Text::Literal(text)) => encode(text, script_mode),
            // A run-time value is not encoded: the SDK casts it to text, and containers take bare words.
            Some(text) => joined(&scope.text(text)),
            None => encode(&self.value, script_mode),
        }
    }
}

impl<'de> Deserialize<'de> for Hyperparameter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hyperparameter, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let text = match &value {
            serde_json::Value::String(text) => Some(Text::parse(text).map_err(D::Error::custom)?),
            _ => None,
        };
        Ok(Hyperparameter { value, text })
    }
}

impl JsonSchema for Hyperparameter {
    fn schema_name() -> Cow<'static, str> {
        "Hyperparameter".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "number", "boolean", "null", "array", "object"],
            "description": "A scalar, a list or a mapping; `${name.offer}` in text stands for what a construct offers.",
        })
    }
}

/// A value as a container reads it: JSON in script mode, bare text for AWS's algorithms.
fn encode(value: &serde_json::Value, script_mode: bool) -> Value {
    match value {
        serde_json::Value::String(text) if !script_mode => json!(text),
        other => json!(python_json(other)),
    }
}

/// One run-time value, or several pieces, as one text.
fn joined(expr: &Expr) -> Value {
    match super::super::jobs::as_text(expr) {
        Expr::Literal(value) => value,
        other => other.to_value(),
    }
}

/// JSON text around what is known at deployment only: `"` before and after.
fn quoted(expr: Expr) -> Value {
    Expr::concat([Expr::text("\""), expr, Expr::text("\"")]).to_value()
}

impl Training {
    /// All hyperparameters of the job, as `CreateTrainingJob` takes them.
    pub(super) fn hyperparameter_values(&self, this: &This, scope: &Scope<'_>) -> Map {
        let script_mode = self.script_mode();
        let mut values: Map = self
            .hyperparameters
            .iter()
            .map(|(name, value)| (name.clone(), value.encode(script_mode, scope)))
            .collect();
        let Some(source) = &self.source else { return values };
        let mut set = |key: &'static str, value: Value| {
            values.insert(key, value);
        };
        set("sagemaker_submit_directory", self.submit_directory(scope));
        set("sagemaker_program", json!(python_text(&source.entry)));
        set("sagemaker_container_log_level", json!("20"));
        set("sagemaker_region", quoted(Expr::pseudo("AWS::Region")));
        for (key, value) in self.distribution_values() {
            set(key, value);
        }
        if self.image.framework.as_deref() == Some("tensorflow") && !self.has_own("model_dir") {
            set("model_dir", self.model_dir(this, scope));
        }
        values
    }

    fn has_own(&self, name: &str) -> bool {
        self.hyperparameters.contains_key(name)
    }

    /// An isolated container cannot fetch the source itself: it arrives as a channel.
    fn submit_directory(&self, scope: &Scope<'_>) -> Value {
        match (&self.source, self.network_isolation) {
            (Some(source), true) => {
                let file = scope
                    .assets
                    .get(&source.dir)
                    .map_or("sourcedir.tar.gz", |asset| asset.key.rsplit('/').next().unwrap_or(&asset.key));
                json!(format!("\"/opt/ml/input/data/code/{file}\""))
            }
            (Some(source), false) => quoted(scope.asset(&source.dir)),
            (None, _) => Value::Null,
        }
    }

    /// Where TensorFlow scripts keep checkpoints. The same for every execution: it is part of the cache key.
    fn model_dir(&self, this: &This, scope: &Scope<'_>) -> Value {
        if self.strategy() == Some(Strategy::Mpi) {
            return json!("\"/opt/ml/model\"");
        }
        quoted(scope.artifacts_bucket().uri(&format!("{}/{}/model", scope.prefix(), this.name)))
    }

    pub(super) fn strategy(&self) -> Option<Strategy> {
        self.distribution.as_ref().map(|distribution| distribution.0.strategy)
    }

    /// What switches a strategy on, as the SDK's `_distribution_configuration` emits it.
    fn distribution_values(&self) -> Vec<(&'static str, Value)> {
        let Some(distribution) = &self.distribution else { return Vec::new() };
        let options = || json!(python_text(distribution.0.options.as_deref().unwrap_or_default()));
        let instance = || json!(python_text(&self.instance.kind));
        match distribution.0.strategy {
            Strategy::ParameterServer => vec![("sagemaker_parameter_server_enabled", json!("true"))],
            Strategy::Mpi => {
                let mut values = vec![("sagemaker_mpi_enabled", json!("true"))];
                if let Some(processes) = distribution.0.processes_per_host {
                    values.push(("sagemaker_mpi_num_of_processes_per_host", json!(processes.to_string())));
                }
                values.push(("sagemaker_mpi_custom_mpi_options", options()));
                values
            }
            Strategy::MultiWorkerMirrored => {
                vec![("sagemaker_multi_worker_mirrored_strategy_enabled", json!("true"))]
            }
            Strategy::TorchDistributed => vec![
                ("sagemaker_torch_distributed_enabled", json!("true")),
                ("sagemaker_instance_type", instance()),
            ],
            Strategy::Smddp => vec![
                ("sagemaker_distributed_dataparallel_enabled", json!("true")),
                ("sagemaker_instance_type", instance()),
                ("sagemaker_distributed_dataparallel_custom_mpi_options", options()),
            ],
        }
    }

    /// What the SDK adds to the static hyperparameters of tuning jobs only.
    pub(super) fn tuning_hyperparameters(&self, this: &This, scope: &Scope<'_>) -> BTreeMap<String, String> {
        let framework = self.image.framework.as_deref().unwrap_or_default();
        let Some((_, class, module)) = FRAMEWORKS.iter().find(|(prefix, ..)| framework.starts_with(prefix))
        else {
            return BTreeMap::new();
        };
        if !self.script_mode() {
            return BTreeMap::new();
        }
        [
            // The SDK puts a timestamp in its place, which no step cache survives.
            ("sagemaker_job_name".to_owned(), python_text(&format!("{}-{}", scope.prefix(), this.name))),
            ("sagemaker_estimator_class_name".to_owned(), python_text(class)),
            ("sagemaker_estimator_module".to_owned(), python_text(&format!("sagemaker.{module}.estimator"))),
        ]
        .into()
    }
}

/// Estimators of the SDK: framework (or the beginning of its name), class, module.
const FRAMEWORKS: [(&str, &str, &str); 7] = [
    ("chainer", "Chainer", "chainer"),
    ("huggingface", "HuggingFace", "huggingface"),
    ("mxnet", "MXNet", "mxnet"),
    ("pytorch", "PyTorch", "pytorch"),
    ("sklearn", "SKLearn", "sklearn"),
    ("tensorflow", "TensorFlow", "tensorflow"),
    ("xgboost", "XGBoost", "xgboost"),
];
