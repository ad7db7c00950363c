//! `deployment`: how CloudFormation treats the stacks. What protects them, and what makes a change roll back.
//!
//! Bounds are those of `RollbackConfiguration` and of `StackPolicyBody`; what a stack policy may say is told by "Prevent
//! updates to stack resources".
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackConfiguration.html>
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_SetStackPolicy.html>
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html>

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Export, Scope};
use crate::diag::{Code, Issue, Pointer, or_list};
use crate::rules::units::Duration;

/// Alarms of a rollback.
const MOST_ALARMS: usize = 5;
/// Minutes that a change may be watched for.
const MOST_MINUTES: u64 = 180;
/// The longest text of a stack policy.
const LONGEST_POLICY: usize = 16_384;
/// What a stack policy allows or denies.
const ACTIONS: [&str; 4] = ["Update:Modify", "Update:Replace", "Update:Delete", "Update:*"];
/// The members of a statement of a stack policy.
const MEMBERS: [&str; 7] = ["Sid", "Effect", "Action", "NotAction", "Principal", "Resource", "Condition"];

/// How CloudFormation treats the stacks: what protects them, and what makes a change of them roll back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// Whether the stacks refuse to be deleted, also by `smstack destroy`. Left out, it stays as it is.
    #[serde(default)]
    pub termination_protection: Option<bool>,
    /// What updates may do to which resources. Left out, the policies stay as they are.
    #[serde(default)]
    pub stack_policy: StackPolicies,
    /// Alarms that roll a change back.
    #[serde(default)]
    pub rollback: Option<RollbackOn>,
    /// ARN of the service role that CloudFormation takes on for both stacks. By default your own permissions count, and
    /// for the serving stack those of a role that the platform stack makes.
    #[serde(default)]
    pub role: Option<String>,
}

/// A stack policy for each of the two stacks, as CloudFormation writes it: `{ Statement: [...] }`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StackPolicies {
    /// The policy of the platform stack, or the path of a JSON file that holds it.
    #[serde(default)]
    #[schemars(schema_with = "policy_or_path")]
    pub platform: Option<Map<String, Value>>,
    /// The policy of the serving stack, or the path of a JSON file that holds it.
    #[serde(default)]
    #[schemars(schema_with = "policy_or_path")]
    pub serving: Option<Map<String, Value>>,
}

/// Whoever reads the stack file has put the policy in the place of its path.
fn policy_or_path(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [{ "type": "object", "additionalProperties": true }, { "type": "string" }, { "type": "null" }] })
}

/// What rolls a change back while CloudFormation makes it and for a while after.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackOn {
    /// 1 to 5 metric alarms: of this stack file by their names in `alarms` (they count once they are deployed), others by
    /// their names in CloudWatch or by ARN.
    #[schemars(length(min = 1, max = 5))]
    pub alarms: Vec<String>,
    /// How long they are watched after the change, `0s` to `3h` in whole minutes; default `0s`.
    #[serde(default)]
    pub monitor: Option<Duration>,
}

impl Deployment {
    /// Says what CloudFormation would refuse.
    pub fn check(&self, issues: &mut Vec<Issue>) {
        let at = Pointer::root().key("deployment");
        if let Some(rollback) = &self.rollback {
            rollback.check(&at.key("rollback"), issues);
        }
        if let Some(role) = &self.role
            && !is_role(role)
        {
            let message = format!("`{role}` is not the ARN of a role");
            let help = "write it as `arn:aws:iam::111122223333:role/deployer`";
            issues.push(Issue::new(Code::WrongForm, at.key("role"), message).help(help));
        }
        for (name, policy) in
            [("platform", &self.stack_policy.platform), ("serving", &self.stack_policy.serving)]
        {
            if let Some(policy) = policy {
                check_policy(policy, &at.key("stack_policy").key(name), issues);
            }
        }
    }
}

impl RollbackOn {
    /// Minutes that a change is watched for after it.
    pub fn minutes(&self) -> u16 {
        let minutes = self.monitor.map_or(0, Duration::secs) / 60;
        u16::try_from(minutes).unwrap_or(u16::MAX)
    }

    fn check(&self, at: &Pointer, issues: &mut Vec<Issue>) {
        if self.alarms.is_empty() || self.alarms.len() > MOST_ALARMS {
            let message = format!("`alarms` has 1 to {MOST_ALARMS} alarms, this one {}", self.alarms.len());
            let help = "leave `rollback` out, or keep the alarms that tell most";
            issues.push(Issue::new(Code::OutOfBounds, at.key("alarms"), message).help(help));
        }
        for (index, alarm) in self.alarms.iter().enumerate() {
            let is_arn = alarm.starts_with("arn:");
            if alarm.is_empty() || (is_arn && !alarm.contains(":cloudwatch:")) {
                let message = format!("`{alarm}` is neither the name nor the ARN of an alarm");
                let help = "write the name of an alarm in `alarms`, or one's name or ARN in CloudWatch";
                issues.push(Issue::new(Code::WrongForm, at.key("alarms").index(index), message).help(help));
            }
        }
        if let Some(monitor) = self.monitor
            && (monitor.secs() > MOST_MINUTES * 60 || monitor.millis() % 60_000 != 0)
        {
            let message = format!("`monitor` is whole minutes up to {MOST_MINUTES}");
            let help = "write it as `10m`, at most `3h`";
            issues.push(Issue::new(Code::OutOfBounds, at.key("monitor"), message).help(help));
        }
    }
}

/// Which alarm is meant, where this stack file makes it: its name in the template.
pub fn own_alarm(scope: &Scope<'_>, name: &str) -> Option<String> {
    match scope.export(name)? {
        Export::Alarm { id, .. } => Some(id.to_string()),
        _ => None,
    }
}

fn is_role(arn: &str) -> bool {
    let mut parts = arn.splitn(6, ':');
    let part = |parts: &mut std::str::SplitN<'_, char>| parts.next().unwrap_or_default().to_owned();
    let [head, partition, service, region, account, rest] = [(); 6].map(|()| part(&mut parts));
    let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    head == "arn"
        && partition.starts_with("aws")
        && service == "iam"
        && region.is_empty()
        && digits
        && rest.strip_prefix("role/").is_some_and(|name| !name.is_empty())
}

fn check_policy(policy: &Map<String, Value>, at: &Pointer, issues: &mut Vec<Issue>) {
    let mut say = |pointer: Pointer, message: String, help: &str| {
        issues.push(Issue::new(Code::WrongForm, pointer, message).help(help.to_owned()));
    };
    let size = Value::Object(policy.clone()).to_string().len();
    if size > LONGEST_POLICY {
        let message = format!("the policy has {size} characters; {LONGEST_POLICY} are possible");
        say(at.clone(), message, "join statements that say the same of several resources");
    }
    if let Some(other) = policy.keys().find(|key| !matches!(key.as_str(), "Statement" | "Version" | "Id")) {
        let message = format!("`{other}` is no member of a stack policy");
        say(at.key(other), message, "a stack policy has `Statement`");
    }
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements.iter().enumerate(),
        _ => {
            let help = "write `Statement: [{ Effect: Allow, Action: \"Update:*\", Principal: \"*\", Resource: \"*\" }]`";
            return say(at.clone(), "a stack policy has a list of statements".to_owned(), help);
        }
    };
    for (index, statement) in statements {
        if let Err((key, message, help)) = statement_is_sound(statement) {
            let pointer = at.key("Statement").index(index);
            say(if statement.get(&key).is_some() { pointer.key(&key) } else { pointer }, message, help);
        }
    }
}

/// The member that is wrong, what is wrong with it, and the way out.
fn statement_is_sound(statement: &Value) -> Result<(), (String, String, &'static str)> {
    let wrong = |key: &str, message: String, help| Err((key.to_owned(), message, help));
    let Some(members) = statement.as_object() else {
        return wrong(
            "",
            "a statement is a mapping".to_owned(),
            "write `{ Effect: …, Action: …, Resource: … }`",
        );
    };
    let known = |key: &&String| !MEMBERS.contains(&key.as_str()) && *key != "NotResource";
    if let Some(other) = members.keys().find(known) {
        return wrong(other, format!("`{other}` is no member of a statement"), "leave it out");
    }
    if !matches!(members.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) {
        return wrong("Effect", "`Effect` is `Allow` or `Deny`".to_owned(), "write one of the two");
    }
    let actions = members.get("Action").or_else(|| members.get("NotAction"));
    let listed: Vec<&Value> = match actions {
        Some(Value::Array(actions)) => actions.iter().collect(),
        other => other.into_iter().collect(),
    };
    let is_action = |action: &&Value| action.as_str().is_some_and(|action| ACTIONS.contains(&action));
    if listed.is_empty() || !listed.iter().all(is_action) {
        let message = format!("an action of a stack policy is {}", or_list(ACTIONS));
        return wrong("Action", message, "name what an update may do or not do");
    }
    if members.get("Principal").and_then(Value::as_str) != Some("*") {
        return wrong("Principal", "`Principal` is `*`".to_owned(), "write `Principal: \"*\"`");
    }
    if members.contains_key("Resource") == members.contains_key("NotResource") {
        let message = "a statement has either `Resource` or `NotResource`".to_owned();
        return wrong("Resource", message, "write `LogicalResourceId/NAME`, or `*` for all");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(deployment: &Value, want: &[&str]) {
        let read: Deployment = serde_json::from_value(deployment.clone()).unwrap();
        let mut issues = Vec::new();
        read.check(&mut issues);
        let said: Vec<String> =
            issues.iter().map(|issue| format!("{} {}", issue.pointer, issue.message)).collect();
        assert_eq!(said.len(), want.len(), "{deployment}: {said:?}");
        for (said, want) in said.iter().zip(want) {
            assert!(said.contains(want), "{deployment}: {said}");
        }
        assert!(issues.iter().all(|issue| !issue.help.is_empty()), "{said:?}");
    }

    #[test]
    fn what_cloudformation_refuses_is_said() {
        let all = json!({ "Effect": "Deny", "Action": ["Update:Replace", "Update:Delete"], "Principal": "*",
                          "Resource": "LogicalResourceId/RawBucket" });
        check(&json!({}), &[]);
        check(
            &json!({ "termination_protection": true, "role": "arn:aws:iam::111122223333:role/x/deployer",
                    "rollback": { "alarms": ["errors", "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:a"], "monitor": "10m" },
                    "stack_policy": { "platform": { "Statement": [all] } } }),
            &[],
        );
        check(&json!({ "rollback": { "alarms": [] } }), &["1 to 5 alarms"]);
        check(&json!({ "rollback": { "alarms": ["a", "b", "c", "d", "e", "f"] } }), &["1 to 5 alarms"]);
        check(&json!({ "rollback": { "alarms": ["arn:aws:sns:x"] } }), &["/deployment/rollback/alarms/0"]);
        check(&json!({ "rollback": { "alarms": ["a"], "monitor": "4h" } }), &["whole minutes up to 180"]);
        check(&json!({ "rollback": { "alarms": ["a"], "monitor": "90s" } }), &["whole minutes"]);
        check(&json!({ "role": "deployer" }), &["not the ARN of a role"]);
        check(&json!({ "role": "arn:aws:iam::1:role/x" }), &["not the ARN of a role"]);
        let policy =
            |statement: Value| json!({ "stack_policy": { "serving": { "Statement": [statement] } } });
        check(&json!({ "stack_policy": { "serving": {} } }), &["a list of statements"]);
        check(
            &json!({ "stack_policy": { "serving": { "Statements": [] } } }),
            &["no member", "a list of statements"],
        );
        let with = |key: &str, value: Value| {
            let mut statement = all.clone();
            statement[key] = value;
            policy(statement)
        };
        check(&with("Effect", json!("deny")), &["/deployment/stack_policy/serving/Statement/0/Effect"]);
        check(&with("Action", json!("Update:All")), &["`Update:*`"]);
        check(&with("Principal", json!("me")), &["`Principal` is `*`"]);
        check(&with("NotResource", json!("*")), &["either `Resource` or"]);
        check(&with("Resources", json!("*")), &["`Resources` is no member"]);
        check(&policy(json!("all")), &["a statement is a mapping"]);
    }
}
