//! `pipeline`: which steps run, what decides between them, what is registered, and what starts it all.
//!
//! A step starts as soon as the steps whose values it uses, and those in `depends_on`, have ended; the order of
//! the list says nothing. No retry policy is made up: the service itself repeats what fails by its own fault or
//! by throttling. <https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-retry-policy.html>

mod checks;
mod condition;
mod graph;
mod register;
mod roles;
mod tree;
pub mod triggers;

use std::borrow::Cow;

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::exports::Registered;
use super::{Construct, Export, Exports, Rendering, Role, Scope, Text, This};
use crate::cfn::{LogicalId, Map, TemplateKind, Value, json};
use crate::definition::{Definition, uses_parameter};
use crate::diag::Issue;
use crate::rules::units::Duration;

pub use condition::{Comparison, Condition, Membership};
pub use register::Register;

/// The pipeline: which steps run, what decides between them, and what starts it.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// What it does, for people, at most 3,072 characters.
    #[serde(default)]
    #[schemars(length(max = 3072))]
    pub description: Option<String>,
    /// How long the result of a step is used again while nothing that it depends on changes. Default: never.
    #[serde(default)]
    pub cache: Option<Duration>,
    /// The most steps that run at the same time. Default: no limit but the account's.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub max_parallel: Option<u32>,
    /// How steps that fail are repeated. Default: only as the service itself does.
    #[serde(default)]
    pub retry: Option<Retry>,
    /// What starts it. Default: only people and programs.
    #[serde(default)]
    pub triggers: Option<triggers::Triggers>,
    /// The steps, each named by what it runs.
    #[schemars(length(min = 1, max = 50))]
    pub steps: Vec<Entry>,
}

/// A step: one of `processing`, `training`, `tuning`, `transform`, `condition`, `register` and `fail`, and what else
/// there is to say about it.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Step", extend("oneOf" = [
    { "required": ["processing"] }, { "required": ["training"] }, { "required": ["tuning"] },
    { "required": ["transform"] }, { "required": ["condition"] }, { "required": ["register"] },
    { "required": ["fail"] },
]))]
pub struct Entry {
    /// Runs a processing job.
    #[serde(default)]
    pub processing: Option<String>,
    /// Runs a training job.
    #[serde(default)]
    pub training: Option<String>,
    /// Runs a tuning job.
    #[serde(default)]
    pub tuning: Option<String>,
    /// Runs a batch transform; a step that makes its model stands before it.
    #[serde(default)]
    pub transform: Option<String>,
    /// Goes one way or the other.
    #[serde(default)]
    pub condition: Option<Condition>,
    /// Registers a model.
    #[serde(default)]
    pub register: Option<Register>,
    /// Ends the execution as failed, with this message; `${…}` is resolved.
    #[serde(default)]
    pub fail: Option<Text>,
    /// The step's name. A job's step has the job's name; others are named after what they do.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9\-_]+$"))]
    pub name: Option<String>,
    /// What it does, for people.
    #[serde(default)]
    #[schemars(length(max = 3072))]
    pub description: Option<String>,
    /// Steps that must end first, beyond those whose values it uses.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// How long the result is used again, or `false` for never. Default: the pipeline's.
    #[serde(default)]
    pub cache: Option<Cache>,
    /// How the step is repeated when it fails. Default: the pipeline's.
    #[serde(default)]
    pub retry: Option<Retry>,
}

/// Whether and how long a step's result is used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// Never.
    Off,
    /// So long.
    For(Duration),
}

impl<'de> Deserialize<'de> for Cache {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Cache, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Bool(false) => Ok(Cache::Off),
            Value::String(text) => text.parse().map(Cache::For).map_err(D::Error::custom),
            _ => Err(D::Error::custom("a duration such as `30d`, or `false`, is wanted here")),
        }
    }
}

impl JsonSchema for Cache {
    fn schema_name() -> Cow<'static, str> {
        "Cache".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let duration = generator.subschema_for::<Duration>();
        json_schema!({ "oneOf": [duration, { "const": false }] })
    }
}

/// How a step that fails is repeated.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// The failures after which it is repeated.
    #[schemars(length(min = 1))]
    pub on: Vec<Failure>,
    /// How long to wait before the first repetition. Default: 60s.
    #[serde(default)]
    pub interval: Option<Duration>,
    /// By what the wait grows each time. Default: 2.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub backoff: Option<f64>,
    /// How often it is tried, 1 to 20. Default: 3, unless `for` is given.
    #[serde(default)]
    #[schemars(range(min = 1, max = 20))]
    pub attempts: Option<u32>,
    /// How long it is tried, at most 10d. Not with `attempts`.
    #[serde(default, rename = "for")]
    pub expire: Option<Duration>,
}

/// Failures after which a step may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// A fault of the service that the step calls.
    ServiceFault,
    /// Too many calls.
    Throttling,
    /// An internal error of the job.
    JobInternalError,
    /// AWS has no capacity of the instance type.
    CapacityError,
    /// The account's quota is used up.
    ResourceLimit,
}

impl Failure {
    fn as_aws(self) -> &'static str {
        match self {
            Failure::ServiceFault => "Step.SERVICE_FAULT",
            Failure::Throttling => "Step.THROTTLING",
            Failure::JobInternalError => "SageMaker.JOB_INTERNAL_ERROR",
            Failure::CapacityError => "SageMaker.CAPACITY_ERROR",
            Failure::ResourceLimit => "SageMaker.RESOURCE_LIMIT",
        }
    }

    /// Whether it is a failure of a SageMaker job, which only steps that run one have.
    fn of_job(self) -> bool {
        !matches!(self, Failure::ServiceFault | Failure::Throttling)
    }
}

impl Retry {
    /// `RetryPolicies` of a step.
    fn policies(&self, runs_job: bool) -> Option<Value> {
        let failures: Vec<&str> = self
            .on
            .iter()
            .filter(|failure| runs_job || !failure.of_job())
            .map(|failure| failure.as_aws())
            .collect();
        if failures.is_empty() {
            return None;
        }
        let mut policy = Map::new();
        policy.insert("ExceptionType", json!(failures));
        policy.insert("IntervalSeconds", json!(self.interval.map_or(60, Duration::secs)));
        policy.insert("BackoffRate", json!(self.backoff.unwrap_or(2.0)));
        match (self.attempts, self.expire) {
            (None, Some(longest)) => {
                policy.insert("ExpireAfterMin", json!(longest.secs().div_ceil(60)));
            }
            (attempts, _) => {
                policy.insert("MaxAttempts", json!(attempts.unwrap_or(3)));
            }
        }
        Some(json!([policy]))
    }
}

impl Pipeline {
    /// The name in AWS.
    fn name(scope: &Scope<'_>) -> String {
        scope.fixed_name(&scope.file.name)
    }

    fn definition(&self, tree: &tree::Tree<'_>, scope: &Scope<'_>) -> Definition {
        let steps = tree.to_values(self);
        let given = scope.exports.get("parameters").into_iter().flat_map(super::exports::Offers::values);
        let given = given.filter_map(|export| match export {
            Export::Parameter { entry, .. } => Some(entry.clone()),
            _ => None,
        });
        let used = |name: &str| steps.iter().any(|step| uses_parameter(step, name));
        let versions = scope.versions().into_iter().filter(|(_, parameter, _)| used(parameter));
        let parameters = given.chain(versions.map(|(_, _, entry)| entry.clone())).collect();
        let mut metadata = Map::new();
        metadata.insert("Generator", Value::from(concat!("smstack ", env!("CARGO_PKG_VERSION"))));
        Definition {
            metadata,
            parameters,
            experiment: Some(json!({
                "ExperimentName": { "Get": "Execution.PipelineName" },
                "TrialName": { "Get": "Execution.PipelineExecutionId" },
            })),
            steps,
        }
    }
}

/// Adds with what models are registered, by group.
fn registered(steps: &[Entry], groups: &mut BTreeMap<String, Registered>) {
    for step in steps {
        if let Some(register) = &step.register {
            let group = groups.entry(register.group.clone()).or_default();
            group.instances.extend(register.inference_instances.iter().cloned());
            group.transforms.extend(register.transform_instances.iter().cloned());
            group.content_types.extend(register.content_types.iter().cloned());
        }
        if let Some(condition) = &step.condition {
            registered(&condition.then, groups);
            registered(&condition.otherwise, groups);
        }
    }
}

impl Construct for Pipeline {
    fn export(&self, this: &This, scope: &Scope<'_>, exports: &mut Exports) {
        let pipeline = Export::Pipeline { name: Pipeline::name(scope) };
        exports.add("pipeline", &this.pointer, &this.name, "", pipeline);
        let mut groups = BTreeMap::new();
        registered(&self.steps, &mut groups);
        exports.add("pipeline", &this.pointer, &this.name, "registers", Export::Registers(groups));
    }

    fn check(&self, this: &This, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
        checks::check(self, this, scope, issues);
    }

    fn render(&self, this: &This, scope: &Scope<'_>, out: &mut Rendering) {
        let tree = tree::Tree::new(self, this, scope);
        if tree.all().iter().any(|node| node.entry.is_some_and(|entry| entry.register.is_some())) {
            for (_, name, description, source) in register::SOURCES {
                out.platform.parameter(name, description, source);
            }
        }
        let body = self.definition(&tree, scope).into_body();
        let name = Pipeline::name(scope);
        let context = json!({
            "id": LogicalId::new(["PipelineDefinition"]),
            "name": &name,
            "description": &self.description,
            "body": body.to_cfn(),
            "role": Role::Pipeline.arn(),
            "parallelism": self.max_parallel.map(|most| json!({ "MaxParallelExecutionSteps": most })),
            "tags": scope.run_time_tags(),
        });
        out.shape(TemplateKind::Platform, "pipeline", context);
        roles::grant(&tree, scope, out);
        out.definition = Some(body);
        if let Some(triggers) = &self.triggers {
            triggers.render(&name, scope, out);
        }
    }
}

#[cfg(test)]
mod tests;
