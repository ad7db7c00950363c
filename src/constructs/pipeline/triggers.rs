//! What starts the pipeline by itself: a schedule, new data, drift.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::cfn::{Expr, LogicalId, Statement, TemplateKind, Value, json};
use crate::constructs::events::{self, Rule};
use crate::constructs::{Bucket, Data, Export, Rendering, Role, Scope};
use crate::diag::{Code, Issue, Pointer};
use crate::rules::{cron, datasets};

/// What starts the pipeline by itself. All parameters need a default then.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Triggers {
    /// When the pipeline starts: `cron(…)` with AWS's six fields, `rate(…)` or `at(…)`, in UTC; or a mapping with
    /// `expression` and `timezone`.
    #[serde(default)]
    pub schedule: Option<Schedule>,
    /// The dataset or bucket of the lake whose new objects each start an execution; or a mapping with `data` and
    /// `suffix`, so that only some objects do, such as a manifest written last. A dataset with `versions` starts one
    /// each time that a version becomes the latest.
    #[serde(default)]
    pub on_new_data: Option<NewData>,
    /// Whether an alarm of a monitor starts an execution. The default is `false`.
    #[serde(default)]
    pub on_drift: bool,
}

/// When the pipeline starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The expression, as EventBridge Scheduler writes it.
    pub expression: String,
    /// The time zone in which it holds; UTC without it.
    pub timezone: Option<String>,
    /// Whether the stack file gives only the expression.
    short: bool,
}

/// A schedule at length.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ScheduleDetails")]
struct LongSchedule {
    /// `cron(minute hour day-of-month month day-of-week year)`, `rate(12 hours)` or `at(2030-01-31T03:00:00)`.
    expression: String,
    /// The time zone in which it holds, such as `Europe/Berlin`. The default is UTC.
    #[serde(default)]
    timezone: Option<String>,
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Schedule, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(expression) => Ok(Schedule { expression, timezone: None, short: true }),
            long @ serde_json::Value::Object(_) => {
                let long: LongSchedule = serde_json::from_value(long).map_err(D::Error::custom)?;
                Ok(Schedule { expression: long.expression, timezone: long.timezone, short: false })
            }
            _ => Err(D::Error::custom("a schedule such as `cron(0 3 ? * MON *)` is wanted here")),
        }
    }
}

impl JsonSchema for Schedule {
    fn schema_name() -> Cow<'static, str> {
        "Schedule".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = generator.subschema_for::<LongSchedule>();
        json_schema!({
            "description": "When the pipeline starts.",
            "oneOf": [
                {
                    "type": "string",
                    "description": "The expression alone, in UTC.",
                    "examples": ["cron(0 3 ? * MON *)", "rate(1 day)"],
                },
                long,
            ],
        })
    }
}

/// Whose new objects start the pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewData {
    /// The dataset or bucket.
    pub data: String,
    /// What the keys of the objects that count end with.
    pub suffix: Option<String>,
    /// Whether the stack file gives only the data.
    short: bool,
}

/// New data at length.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewDataDetails")]
struct LongNewData {
    /// The dataset or bucket of the lake.
    data: String,
    /// Only objects whose keys end so start an execution, such as `manifest.json`.
    #[serde(default)]
    suffix: Option<String>,
}

impl<'de> Deserialize<'de> for NewData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<NewData, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(data) => Ok(NewData { data, suffix: None, short: true }),
            long @ serde_json::Value::Object(_) => {
                let long: LongNewData = serde_json::from_value(long).map_err(D::Error::custom)?;
                Ok(NewData { data: long.data, suffix: long.suffix, short: false })
            }
            _ => Err(D::Error::custom("the name of a dataset is wanted here")),
        }
    }
}

impl JsonSchema for NewData {
    fn schema_name() -> Cow<'static, str> {
        "NewData".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = generator.subschema_for::<LongNewData>();
        json_schema!({
            "description": "Whose new objects start the pipeline.",
            "oneOf": [
                { "type": "string", "description": "A dataset or a bucket of the lake: each new object starts an execution." },
                long,
            ],
        })
    }
}

impl Triggers {
    /// Whether anything starts the pipeline.
    pub fn any(&self) -> bool {
        self.schedule.is_some() || self.on_new_data.is_some() || self.on_drift
    }

    /// Says everything that is wrong; `pointer` is the place of the triggers.
    pub fn check(&self, pointer: &Pointer, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
        if let Some(schedule) = &self.schedule {
            schedule.check(&pointer.key("schedule"), issues);
        }
        if let Some(new_data) = &self.on_new_data {
            new_data.check(&pointer.key("on_new_data"), scope, issues);
        }
        if self.on_drift && drift_alarms(scope).is_empty() {
            issues.push(
                Issue::new(Code::TriggerDrift, pointer.key("on_drift"), "no monitor has an alarm that could say drift")
                    .label("nothing to wait for")
                    .help("give a monitor in `monitoring` the line `alarm_on_violation: true`, or leave `on_drift` away"),
            );
        }
        if self.any() {
            check_parameters(pointer, scope, issues);
        }
    }

    /// Adds the triggers of the pipeline of that name (in AWS) to the platform template.
    pub fn render(&self, pipeline_name: &str, scope: &Scope<'_>, out: &mut Rendering) {
        if !self.any() {
            return;
        }
        // SageMaker writes names in ARNs in lower case.
        let name = pipeline_name.to_lowercase();
        let pipeline = Expr::regional_arn("sagemaker", [Expr::text(format!("pipeline/{name}"))]);
        out.grant(
            Role::Trigger,
            [Statement::allow("StartPipeline", ["sagemaker:StartPipelineExecution"], [pipeline.clone()])],
        );
        if let Some(schedule) = &self.schedule {
            schedule.render(&pipeline, scope, out);
        }
        if let Some(new_data) = &self.on_new_data {
            new_data.render(&pipeline, scope, out);
        }
        if self.on_drift {
            render_drift(&pipeline, scope, out);
        }
    }
}

/// Whoever starts an execution gives the parameters without a default; a trigger gives none.
fn check_parameters(pointer: &Pointer, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
    let Some(offers) = scope.exports.get("parameters") else { return };
    for (name, export) in offers.iter() {
        let Export::Parameter { entry, .. } = export else { continue };
        if entry.get("DefaultValue").is_none() {
            issues.push(
                Issue::new(
                    Code::TriggerParameter,
                    offers.pointer.key(name),
                    format!("a trigger cannot start the pipeline: `{name}` has no default"),
                )
                .label("needs a default")
                .also(pointer.clone(), "the triggers")
                .help("give it a `default`, or leave the triggers away"),
            );
        }
    }
}

impl Schedule {
    fn check(&self, pointer: &Pointer, issues: &mut Vec<Issue>) {
        let at = if self.short { pointer.clone() } else { pointer.key("expression") };
        if let Err(problem) = cron::check(&self.expression) {
            let issue = Issue::new(Code::ScheduleExpression, at, problem.message);
            issues.push(match problem.instead {
                Some(instead) => {
                    let title = format!("write `{instead}`");
                    issue.fix(instead, title)
                }
                None => issue.help("such as `cron(0 3 ? * MON *)`: every Monday at 3:00"),
            });
        }
        if let Some(timezone) = self.timezone.as_ref().filter(|timezone| !cron::is_timezone(timezone)) {
            issues.push(
                Issue::new(
                    Code::WrongForm,
                    pointer.key("timezone"),
                    format!("`{timezone}` is not the name of a time zone"),
                )
                .help("use a name of the IANA database, such as `Europe/Berlin`"),
            );
        }
    }

    /// A SageMaker pipeline is one of Scheduler's templated targets: its ARN alone says what to call.
    /// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html>
    fn render(&self, pipeline: &Expr, scope: &Scope<'_>, out: &mut Rendering) {
        let dead_letters = events::dead_letters(scope, out);
        // Scheduler writes to the queue with the schedule's own role.
        // <https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html>
        out.grant(
            Role::Trigger,
            [Statement::allow("KeepUndelivered", ["sqs:SendMessage"], [dead_letters.clone()])],
        );
        let context = json!({
            "id": LogicalId::new(["pipeline", "Schedule"]),
            "description": format!("Starts the pipeline of {} ({})", scope.file.name, scope.environment),
            "expression": &self.expression,
            "timezone": &self.timezone,
            "target": pipeline,
            "role": Role::Trigger.arn(),
            "dead_letters": dead_letters,
            "retry": events::retry(),
        });
        out.shape(TemplateKind::Platform, "schedule", context);
    }
}

/// The bucket of the lake of that name in the template: the construct's name.
fn lake_bucket<'a>(bucket: &Bucket, scope: &Scope<'a>) -> Option<&'a str> {
    scope.exports.iter().find_map(|(name, offers)| match offers.get("") {
        Some(Export::Bucket(known)) if known == bucket => Some(name),
        _ => None,
    })
}

/// Whether it is a place of the lake: fixed, or with versions of which an execution names one.
fn is_of_lake(data: &Data) -> bool {
    data.manifest || !data.uri.is_runtime()
}

/// Whether one prefix lies within the other.
fn overlap(a: &str, b: &str) -> bool {
    a.starts_with(b) || b.starts_with(a)
}

impl NewData {
    /// The data, and the lake's bucket in which it lies; not what a run of the pipeline writes.
    fn resolve<'a>(&'a self, scope: &Scope<'a>) -> Option<(Data, &'a str)> {
        let fits = matches!(scope.export(&self.data), Some(Export::Data(_) | Export::Bucket(_)));
        let data = scope.data(&self.data).filter(|data| fits && is_of_lake(data))?;
        let bucket = lake_bucket(&data.bucket, scope)?;
        Some((data, bucket))
    }

    fn check(&self, pointer: &Pointer, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
        let at = if self.short { pointer.clone() } else { pointer.key("data") };
        if let Some(suffix) = &self.suffix
            && (suffix.is_empty() || suffix.len() > 200)
        {
            issues.push(
                Issue::new(Code::OutOfBounds, pointer.key("suffix"), "a suffix has 1 to 200 characters")
                    .help("leave it away when every new object counts"),
            );
        }
        if self.data.starts_with("s3://") {
            issues.push(
                Issue::new(Code::TriggerData, at, "only a bucket of the lake tells when an object arrives")
                    .label("not in the lake")
                    .help("name a dataset of `data_lake.datasets`"),
            );
            return;
        }
        let fits = |export: &Export| match export {
            Export::Bucket(bucket) => lake_bucket(bucket, scope).is_some(),
            Export::Data(data) => is_of_lake(data) && lake_bucket(&data.bucket, scope).is_some(),
            _ => false,
        };
        if !scope.check_reference(&self.data, "a dataset of the lake", &at, fits, issues) {
            return;
        }
        let Some((data, _)) = self.resolve(scope) else { return };
        if data.manifest && self.suffix.is_some() {
            let message =
                format!("`{}` has versions: each that becomes the latest starts an execution", self.data);
            issues.push(
                Issue::new(Code::OneOf, pointer.key("suffix"), message)
                    .on_key()
                    .label("has no effect")
                    .help("leave `suffix` away"),
            );
        }
        let own = format!("{}/", scope.prefix());
        let written = [scope.output_bucket(), scope.artifacts_bucket()];
        if written.contains(&data.bucket) && overlap(&data.prefix, &own) {
            issues.push(
                Issue::new(
                    Code::TriggerLoop,
                    at,
                    format!("the pipeline itself writes under `{own}`, so each execution starts the next"),
                )
                .label("holds what the pipeline writes")
                .help("name a dataset with a `prefix` that the pipeline does not write to"),
            );
        }
    }

    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>
    fn render(&self, pipeline: &Expr, scope: &Scope<'_>, out: &mut Rendering) {
        let Some((data, bucket)) = self.resolve(scope) else { return };
        out.notifying_buckets.insert(bucket.to_owned());
        // An object of no bytes is a folder that a console made.
        let mut object = json!({ "size": [{ "numeric": [">", 0] }] });
        if data.manifest {
            // It is written last of all.
            object["key"] = json!([datasets::manifest_key(&data.prefix, datasets::LATEST)]);
        } else if let Some(key) = key_pattern(&data.prefix, self.suffix.as_deref()) {
            object["key"] = json!([key]);
        }
        let pattern = json!({
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": { "bucket": { "name": [data.bucket.name] }, "object": object },
        });
        start(
            pipeline,
            "NewData",
            &format!("New data in {} starts the pipeline", self.data),
            pattern,
            scope,
            out,
        );
    }
}

/// What a key must look like; `None` for any.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>
fn key_pattern(prefix: &str, suffix: Option<&str>) -> Option<Value> {
    let literal = |text: &str| text.replace('\\', "\\\\").replace('*', "\\*");
    match (prefix, suffix) {
        ("", None) => None,
        (prefix, None) => Some(json!({ "prefix": prefix })),
        ("", Some(suffix)) => Some(json!({ "suffix": suffix })),
        (prefix, Some(suffix)) => {
            Some(json!({ "wildcard": format!("{}*{}", literal(prefix), literal(suffix)) }))
        }
    }
}

/// The alarms that say drift: resources of the serving template.
fn drift_alarms(scope: &Scope<'_>) -> Vec<LogicalId> {
    let all = scope.exports.iter().flat_map(|(_, offers)| offers.values());
    let mut alarms: Vec<LogicalId> = all
        .filter_map(|export| match export {
            Export::Monitor { alarm, .. } => alarm.clone(),
            _ => None,
        })
        .collect();
    alarms.sort();
    alarms.dedup();
    alarms
}

/// The alarms are in the serving stack and have no fixed name: CloudFormation names them
/// `<stack>-<logical id>-<random>`.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html>
fn render_drift(pipeline: &Expr, scope: &Scope<'_>, out: &mut Rendering) {
    let stack = scope.stack_name(TemplateKind::Serving);
    let names: Vec<Value> =
        drift_alarms(scope).iter().map(|alarm| json!({ "prefix": format!("{stack}-{alarm}-") })).collect();
    let pattern = json!({
        "source": ["aws.cloudwatch"],
        "detail-type": ["CloudWatch Alarm State Change"],
        "detail": { "alarmName": names, "state": { "value": ["ALARM"] } },
    });
    start(pipeline, "Drift", "Drift starts the pipeline", pattern, scope, out);
}

/// A rule that starts the pipeline.
fn start(
    pipeline: &Expr,
    word: &str,
    description: &str,
    pattern: Value,
    scope: &Scope<'_>,
    out: &mut Rendering,
) {
    let rule = Rule {
        id: LogicalId::new(["pipeline", word, "Trigger"]),
        description: description.to_owned(),
        pattern,
        target: pipeline.clone(),
        role: Some(Role::Trigger.arn()),
        transformer: None,
    };
    events::rule(&rule, scope, out);
}

#[cfg(test)]
mod tests;
