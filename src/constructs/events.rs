//! EventBridge rules as several kinds need them: what sets them off, whom they tell, and where events go that could
//! not be delivered.

use super::{Export, Rendering, Scope};
use crate::cfn::{Expr, LogicalId, TemplateKind, Value, json};

/// Logical id of the queue of undelivered events.
const QUEUE: &str = "UndeliveredEvents";

/// The statement of its policy that lets rules in.
const TAKE: &str = "TakeUndeliveredEvents";

/// Seconds for which, and times that, a delivery is tried again.
///
/// EventBridge alone would try for a day; a pipeline or a rollout that starts a day late surprises.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html>
const RETRY_SECONDS: u32 = 3600;
const RETRY_TIMES: u32 = 20;

/// A rule with one target.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The rule's resource.
    pub id: LogicalId,
    /// What it does, for people; at most 512 characters.
    pub description: String,
    /// The events that set it off, as EventBridge writes patterns.
    pub pattern: Value,
    /// ARN of what it tells.
    pub target: Expr,
    /// The role with which it tells it; `None` for targets whose own policy lets EventBridge in, which must not
    /// be given one.
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html>
    pub role: Option<Expr>,
    /// What the target gets in place of the event: `InputPathsMap` and `InputTemplate`.
    pub transformer: Option<Value>,
}

/// Adds a rule to the platform template.
pub fn rule(rule: &Rule, scope: &Scope<'_>, out: &mut Rendering) {
    let context = json!({
        "id": &rule.id,
        "description": &rule.description,
        "pattern": &rule.pattern,
        "target": &rule.target,
        "role": &rule.role,
        "transformer": &rule.transformer,
        "dead_letters": dead_letters(scope, out),
        "retry": retry(),
    });
    out.shape(TemplateKind::Platform, "rule", context);
    let_in(&rule.id, out);
}

/// Lets a rule into the queue of undelivered events, by its ARN: CloudFormation shortens the names that it gives to
/// rules, so that no pattern of them is sure.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html>
fn let_in(rule: &LogicalId, out: &mut Rendering) {
    let policy = LogicalId::new([QUEUE, "Policy"]);
    let statements = out
        .platform
        .resources
        .get_mut(policy.as_str())
        .and_then(|policy| policy.at_mut("/Properties/PolicyDocument/Statement"))
        .and_then(Value::as_array_mut);
    // A project's own shape may keep another policy.
    let Some(statements) = statements else { return };
    let arn = rule.attr("Arn").to_value();
    let known = statements.iter_mut().find(|statement| statement["Sid"] == TAKE);
    match known.and_then(|statement| statement.at_mut("/Condition/ArnEquals/aws:SourceArn")) {
        Some(Value::Array(rules)) => rules.push(arn),
        _ => statements.insert(
            0,
            json!({
                "Sid": TAKE,
                "Effect": "Allow",
                "Principal": { "Service": "events.amazonaws.com" },
                "Action": "sqs:SendMessage",
                "Resource": LogicalId::new([QUEUE]).attr("Arn").to_value(),
                "Condition": { "ArnEquals": { "aws:SourceArn": [arn] } },
            }),
        ),
    }
}

/// How often a delivery is tried again.
pub fn retry() -> Value {
    json!({ "MaximumEventAgeInSeconds": RETRY_SECONDS, "MaximumRetryAttempts": RETRY_TIMES })
}

/// The ARN of the queue of undelivered events; the first call adds the queue, and the alarm that says that
/// something lies in it.
pub fn dead_letters(scope: &Scope<'_>, out: &mut Rendering) -> Expr {
    let id = LogicalId::new([QUEUE]);
    if !out.platform.resources.contains_key(QUEUE) {
        let context = json!({
            "id": &id,
            "policy_id": LogicalId::new([QUEUE, "Policy"]),
            "alarm_id": LogicalId::new([QUEUE, "Alarm"]),
            "url": id.reference(),
            "name": id.attr("QueueName"),
            "statements": [
                {
                    "Sid": "TlsOnly",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "sqs:*",
                    "Resource": id.attr("Arn"),
                    "Condition": { "Bool": { "aws:SecureTransport": "false" } },
                },
            ],
            "alarm_description": format!(
                "An event or a schedule of {} ({}) could not start what it was to start; the queue holds what was to be delivered",
                scope.file.name, scope.environment
            ),
            "actions": topic(scope).map(|topic| vec![topic]),
        });
        out.shape(TemplateKind::Platform, "undelivered_events", context);
    }
    id.attr("Arn")
}

/// The topic of `alarms.notify`, when there is one.
pub fn topic(scope: &Scope<'_>) -> Option<Expr> {
    match scope.export("alarms.topic") {
        Some(Export::Topic(arn)) => Some(arn.clone()),
        _ => None,
    }
}
