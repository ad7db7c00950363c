//! `tuning`: many runs of a training job, in search of the best hyperparameters.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateHyperParameterTuningJob.html>

mod checks;

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::Number;

use super::table::Section;
use super::{Construct, Data, Export, Exports, Model, Rendering, Scope, This, TrainingJob};
use crate::cfn::{Expr, Map, Value, json};
use crate::definition::Step;
use crate::diag::Issue;
use crate::rules::json_text::python_json;
use crate::rules::units::Duration;

/// A tuning job: it runs a training job again and again, and keeps the best model.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    /// The training job that it runs.
    pub training: String,
    /// How the next hyperparameters are chosen. Default: bayesian.
    #[serde(default)]
    pub strategy: SearchStrategy,
    /// Resources of single epochs or iterations; for `hyperband` only.
    #[serde(default)]
    pub hyperband: Option<Hyperband>,
    /// The metric to be made large or small: `{ maximize: val:accuracy }`.
    pub objective: Objective,
    /// How many training jobs run.
    pub jobs: Jobs,
    /// Hyperparameters to vary, at most 30: `{ continuous: [a, b] }`, `{ integer: [a, b] }` or
    /// `{ categorical: [a, b, c] }`. They replace static ones of the same name.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 30))]
    pub ranges: Section<Range>,
    /// Whether jobs that get nowhere are stopped. Default: false.
    #[serde(default)]
    pub early_stopping: bool,
    /// Earlier tuning jobs whose results it starts from. Default: none.
    #[serde(default)]
    pub warm_start: Option<WarmStart>,
    /// When it ends before all jobs have run. Default: never.
    #[serde(default)]
    pub completion: Option<Completion>,
    /// The longest that it may run, 2m to 182d. Default: no limit of its own.
    #[serde(default)]
    pub max_runtime: Option<Duration>,
    /// Makes the choice of hyperparameters repeatable, from 0. Default: chosen by AWS.
    #[serde(default)]
    #[schemars(range(max = 2_147_483_647))]
    pub seed: Option<u32>,
}

/// How the next hyperparameters are chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SearchStrategy {
    /// By what earlier jobs showed.
    #[default]
    Bayesian,
    /// At random.
    Random,
    /// Many short runs, of which the promising go on.
    Hyperband,
    /// All combinations; categorical ranges only.
    Grid,
}

impl SearchStrategy {
    fn as_aws(self) -> &'static str {
        match self {
            SearchStrategy::Bayesian => "Bayesian",
            SearchStrategy::Random => "Random",
            SearchStrategy::Hyperband => "Hyperband",
            SearchStrategy::Grid => "Grid",
        }
    }
}

/// Resources of single runs, such as epochs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hyperband {
    /// Resources that a run uses before it may be stopped.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub min_resource: Option<u32>,
    /// Resources that a run uses at most; at most 20,000.
    #[serde(default)]
    #[schemars(range(min = 1, max = 20_000))]
    pub max_resource: Option<u32>,
}

/// The metric to be made large or small.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// The metric to be made large.
    #[serde(default)]
    pub maximize: Option<String>,
    /// The metric to be made small.
    #[serde(default)]
    pub minimize: Option<String>,
}

impl Objective {
    fn metric(&self) -> Option<(&'static str, &str)> {
        match (&self.maximize, &self.minimize) {
            (Some(metric), None) => Some(("Maximize", metric)),
            (None, Some(metric)) => Some(("Minimize", metric)),
            _ => None,
        }
    }
}

/// How many training jobs run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    /// In all. With `grid`, the product of all ranges.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub max: Option<u32>,
    /// At the same time. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub parallel: u32,
}

fn one() -> u32 {
    1
}

/// Values that a hyperparameter may take.
#[derive(Debug, Clone, PartialEq)]
pub enum Range {
    /// Any number between two.
    Continuous(Bounds),
    /// Any whole number between two.
    Integer(Bounds),
    /// One of several values.
    Categorical(Vec<serde_json::Value>),
}

/// Two bounds, and how values between them are chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Bounds {
    /// The least and the largest value.
    pub ends: [Number; 2],
    /// How values are chosen.
    pub scale: Scale,
}

/// How values between two bounds are chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// As AWS finds best.
    #[default]
    Auto,
    /// Evenly.
    Linear,
    /// Evenly by their logarithm; for positive bounds.
    Logarithmic,
    /// For values close to 1, such as 0.9 to 0.999; continuous ranges only.
    ReverseLogarithmic,
}

impl Scale {
    fn as_aws(self) -> &'static str {
        match self {
            Scale::Auto => "Auto",
            Scale::Linear => "Linear",
            Scale::Logarithmic => "Logarithmic",
            Scale::ReverseLogarithmic => "ReverseLogarithmic",
        }
    }
}

/// A range as the stack file writes it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Range", extend("oneOf" = [
    { "required": ["continuous"] }, { "required": ["integer"] }, { "required": ["categorical"] },
]))]
struct WrittenRange {
    /// The least and the largest value of a number.
    #[serde(default)]
    #[schemars(with = "Option<[f64; 2]>")]
    continuous: Option<[Number; 2]>,
    /// The least and the largest value of a whole number.
    #[serde(default)]
    #[schemars(with = "Option<[i64; 2]>")]
    integer: Option<[Number; 2]>,
    /// The possible values, at most 30.
    #[serde(default)]
    #[schemars(length(min = 1, max = 30))]
    categorical: Option<Vec<serde_json::Value>>,
    /// How values between the bounds are chosen. Default: auto.
    #[serde(default)]
    scale: Option<Scale>,
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Range, D::Error> {
        let written = WrittenRange::deserialize(deserializer)?;
        let bounds = |ends: [Number; 2]| Bounds { ends, scale: written.scale.unwrap_or_default() };
        match (written.continuous, written.integer, written.categorical) {
            (Some(ends), None, None) => Ok(Range::Continuous(bounds(ends))),
            (None, Some(ends), None) if ends.iter().all(|end| end.is_i64() || end.is_u64()) => {
                Ok(Range::Integer(bounds(ends)))
            }
            (None, Some(_), None) => Err(D::Error::custom("the bounds of `integer` are whole numbers")),
            (None, None, Some(_)) if written.scale.is_some() => {
                Err(D::Error::custom("`scale` says nothing about `categorical`"))
            }
            (None, None, Some(values)) => Ok(Range::Categorical(values)),
            _ => Err(D::Error::custom("a range has one of `continuous`, `integer`, `categorical`")),
        }
    }
}

impl JsonSchema for Range {
    fn schema_name() -> Cow<'static, str> {
        "Range".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = WrittenRange::json_schema(generator);
        schema.insert("description".to_owned(), serde_json::json!("Values that a hyperparameter may take."));
        schema
    }
}

/// Earlier tuning jobs whose results it starts from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WarmStart {
    /// Names of tuning jobs in AWS, 1 to 5.
    #[schemars(length(min = 1, max = 5))]
    pub parents: Vec<String>,
    /// What may differ from them. Default: identical_data_and_algorithm.
    #[serde(default)]
    pub kind: WarmStartKind,
}

/// What may differ from the parents of a warm start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WarmStartKind {
    /// Only ranges and the number of jobs.
    #[default]
    IdenticalDataAndAlgorithm,
    /// Data and algorithm, too.
    TransferLearning,
}

/// When a tuning job ends early.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Completion {
    /// When the objective has reached this value.
    #[serde(default)]
    pub target: Option<f64>,
    /// When so many jobs in a row were no better; at least 3.
    #[serde(default)]
    #[schemars(range(min = 3))]
    pub no_improvement: Option<u32>,
    /// When AWS finds that the search has converged. Default: false.
    #[serde(default)]
    pub on_convergence: bool,
}

impl Tuning {
    fn arguments(&self, job: &TrainingJob, scope: &Scope<'_>) -> Value {
        let mut request = Map::new();
        request.insert("HyperParameterTuningJobConfig", self.config(job));
        request.insert("TrainingJobDefinition", self.definition(job));
        if let Some(warm) = &self.warm_start {
            let parents: Vec<Value> =
                warm.parents.iter().map(|name| json!({ "HyperParameterTuningJobName": name })).collect();
            let kind = match warm.kind {
                WarmStartKind::IdenticalDataAndAlgorithm => "IdenticalDataAndAlgorithm",
                WarmStartKind::TransferLearning => "TransferLearning",
            };
            request.insert(
                "WarmStartConfig",
                json!({ "ParentHyperParameterTuningJobs": parents, "WarmStartType": kind }),
            );
        }
        request.insert("Tags", Value::Array(scope.run_time_tags()));
        Value::Object(request)
    }

    fn config(&self, job: &TrainingJob) -> Value {
        let mut config = Map::new();
        config.insert("Strategy", json!(self.strategy.as_aws()));
        if let Some(band) = &self.hyperband {
            let mut resources = Map::new();
            if let Some(least) = band.min_resource {
                resources.insert("MinResource", json!(least));
            }
            if let Some(most) = band.max_resource {
                resources.insert("MaxResource", json!(most));
            }
            config.insert("StrategyConfig", json!({ "HyperbandStrategyConfig": resources }));
        }
        if let Some((direction, metric)) = self.objective.metric() {
            config.insert(
                "HyperParameterTuningJobObjective",
                json!({ "Type": direction, "MetricName": metric }),
            );
        }
        config.insert("ResourceLimits", self.limits());
        config.insert("ParameterRanges", self.range_values(job.script_mode));
        config
            .insert("TrainingJobEarlyStoppingType", json!(if self.early_stopping { "Auto" } else { "Off" }));
        if let Some(completion) = &self.completion {
            config.insert("TuningJobCompletionCriteria", completion.value());
        }
        if let Some(seed) = self.seed {
            config.insert("RandomSeed", json!(seed));
        }
        Value::Object(config)
    }

    fn limits(&self) -> Value {
        let mut limits = Map::new();
        if let Some(most) = self.jobs.max {
            limits.insert("MaxNumberOfTrainingJobs", json!(most));
        }
        limits.insert("MaxParallelTrainingJobs", json!(self.jobs.parallel));
        if let Some(longest) = self.max_runtime {
            limits.insert("MaxRuntimeInSeconds", json!(longest.secs()));
        }
        Value::Object(limits)
    }

    fn range_values(&self, script_mode: bool) -> Value {
        let (mut integers, mut numbers, mut categories) = (Vec::new(), Vec::new(), Vec::new());
        for (name, range) in &self.ranges {
            match range {
                Range::Integer(bounds) => integers.push(bounds.value(name)),
                Range::Continuous(bounds) => numbers.push(bounds.value(name)),
                Range::Categorical(values) => {
                    let values: Vec<String> = values
                        .iter()
                        .map(|value| match value {
                            serde_json::Value::String(text) if !script_mode => text.clone(),
                            other => python_json(other),
                        })
                        .collect();
                    categories.push(json!({ "Name": name, "Values": values }));
                }
            }
        }
        json!({
            "IntegerParameterRanges": integers,
            "ContinuousParameterRanges": numbers,
            "CategoricalParameterRanges": categories,
        })
    }

    /// The training job as `HyperParameterTrainingJobDefinition` has it.
    fn definition(&self, job: &TrainingJob) -> Value {
        let mut definition = Map::new();
        let Value::Object(request) = &job.arguments else { return Value::Null };
        for (key, value) in request.entries() {
            match &**key {
                "Tags" | "HyperParameters" => {}
                "AlgorithmSpecification" => {
                    definition.insert(key.clone(), without(value, &["EnableSageMakerMetricsTimeSeries"]));
                }
                "ResourceConfig" => {
                    let resources = without(value, &["KeepAlivePeriodInSeconds"]);
                    definition.insert("HyperParameterTuningResourceConfig", resources);
                }
                _ => {
                    definition.insert(key.clone(), value.clone());
                }
            }
        }
        definition.insert("StaticHyperParameters", self.static_values(job, request));
        Value::Object(definition)
    }

    /// Hyperparameters that do not vary, and what the SDK adds for tuning jobs.
    fn static_values(&self, job: &TrainingJob, request: &Map) -> Value {
        let mut values = match request.get("HyperParameters") {
            Some(Value::Object(values)) => values.clone(),
            _ => Map::new(),
        };
        values.retain(|name, _| !self.ranges.contains_key(name));
        for (name, value) in &job.tuning_hyperparameters {
            values.insert(name.clone(), json!(value));
        }
        Value::Object(values)
    }

    /// The best model: archives lie under the name of the job that made them.
    fn best_model(&self, this: &This, scope: &Scope<'_>) -> Model {
        let Some(job) = scope.training_job(&self.training) else {
            // An unknown training job is refused once, by `check`, and not wherever its model is used.
            let bucket = scope.artifacts_bucket();
            return Model {
                data: best_job(this),
                place: Data { uri: bucket.uri(""), bucket, prefix: String::new(), manifest: false },
                step: this.name.clone(),
                image: None,
                gpu_image: None,
                framework: None,
                environment: BTreeMap::new(),
                source: None,
            };
        };
        let data = Expr::concat([
            job.output.uri.clone(),
            Expr::text("/"),
            best_job(this),
            Expr::text("/output/model.tar.gz"),
        ]);
        Model { data, step: this.name.clone(), ..job.model.clone() }
    }
}

/// The name of the best training job.
fn best_job(this: &This) -> Expr {
    Expr::Get(format!("Steps.{}.TrainingJobSummaries[0].TrainingJobName", this.name))
}

fn without(value: &Value, keys: &[&str]) -> Value {
    let mut value = value.clone();
    if let Value::Object(members) = &mut value {
        members.retain(|key, _| !keys.contains(&key));
    }
    value
}

impl Bounds {
    fn value(&self, name: &str) -> Value {
        let text = |number: &Number| python_json(&serde_json::Value::Number(number.clone()));
        json!({
            "Name": name,
            "MinValue": text(&self.ends[0]),
            "MaxValue": text(&self.ends[1]),
            "ScalingType": self.scale.as_aws(),
        })
    }
}

impl Completion {
    fn value(&self) -> Value {
        let mut criteria = Map::new();
        if let Some(target) = self.target {
            criteria.insert("TargetObjectiveMetricValue", json!(target));
        }
        if let Some(jobs) = self.no_improvement {
            let value = json!({ "MaxNumberOfTrainingJobsNotImproving": jobs });
            criteria.insert("BestObjectiveNotImproving", value);
        }
        if self.on_convergence {
            criteria.insert("ConvergenceDetected", json!({ "CompleteOnConvergence": "Enabled" }));
        }
        Value::Object(criteria)
    }
}

impl Construct for Tuning {
    fn export(&self, this: &This, scope: &Scope<'_>, exports: &mut Exports) {
        let mut add = |offer: &str, export| exports.add("tuning", &this.pointer, &this.name, offer, export);
        add("", Export::Step);
        add("best_model", Export::Model(Box::new(self.best_model(this, scope))));
        add("best_job", Export::Value(best_job(this)));
    }

    fn check(&self, this: &This, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
        checks::check(self, this, scope, issues);
    }

    fn step(&self, this: &This, scope: &Scope<'_>) -> Option<Step> {
        let job = scope.training_job(&self.training)?;
        Some(Step::new(&this.name, "Tuning", self.arguments(&job, scope)))
    }

    fn render(&self, _this: &This, _scope: &Scope<'_>, _out: &mut Rendering) {
        // The training job has declared what the role needs; the pipeline holds the step.
    }
}
