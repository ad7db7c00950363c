//! EventBridge rules as several kinds need them: what sets them off, whom they tell, and where events go that could
//! not be delivered.

use serde_json::{Value, json};

use super::{Export, Rendering, Scope};
use crate::cfn::{Expr, LogicalId, TemplateKind};

/// Logical id of the queue of undelivered events.
const QUEUE: &str = "UndeliveredEvents";

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
        "id": rule.id,
        "description": rule.description,
        "pattern": rule.pattern,
        "target": rule.target,
        "role": rule.role,
        "transformer": rule.transformer,
        "dead_letters": dead_letters(scope, out),
        "retry": retry(),
    });
    out.shape(TemplateKind::Platform, "rule", &context);
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
        let rules =
            Expr::regional_arn("events", [Expr::text("rule/"), Expr::pseudo("StackName"), Expr::text("-*")]);
        let context = json!({
            "id": id,
            "policy_id": LogicalId::new([QUEUE, "Policy"]),
            "alarm_id": LogicalId::new([QUEUE, "Alarm"]),
            "url": id.reference(),
            "name": id.attr("QueueName"),
            "statements": [
                {
                    "Sid": "TakeUndeliveredEvents",
                    "Effect": "Allow",
                    "Principal": { "Service": "events.amazonaws.com" },
                    "Action": "sqs:SendMessage",
                    "Resource": id.attr("Arn"),
                    "Condition": { "ArnLike": { "aws:SourceArn": rules } },
                },
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
        out.shape(TemplateKind::Platform, "undelivered_events", &context);
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
