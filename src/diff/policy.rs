//! Statements of IAM policies as IAM reads them: lists in any form, wildcards, `Not…`, conditions.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::{facts, text};
use crate::rules::wildcards::covers;

/// One statement, normalised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// Whether it denies.
    pub denies: bool,
    /// To whom, as `Service: sagemaker.amazonaws.com`; none in a policy of the one who is permitted.
    pub principals: Option<Set>,
    /// What.
    pub actions: Set,
    /// On what.
    pub resources: Set,
    /// When, as canonical JSON.
    pub condition: Option<String>,
    /// The same as a value.
    when: Map<String, Value>,
}

/// Names with wildcards, or everything but them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Set {
    /// These.
    Of(Vec<String>),
    /// Everything but these.
    Not(Vec<String>),
}

impl Set {
    /// Of a statement that names nobody, or no resource.
    pub(super) fn nobody() -> Set {
        Set::Of(vec![String::new()])
    }

    fn new(mut names: Vec<String>, negative: bool) -> Set {
        names.sort_unstable();
        names.dedup();
        if negative { Set::Not(names) } else { Set::Of(names) }
    }

    /// The parts that can be permitted apart.
    pub(super) fn units(&self) -> Vec<Set> {
        match self {
            Set::Of(names) => names.iter().map(|name| Set::Of(vec![name.clone()])).collect(),
            Set::Not(_) => vec![self.clone()],
        }
    }

    /// As people read it.
    pub(super) fn shown(&self) -> String {
        match self {
            Set::Of(names) => names.join(", "),
            Set::Not(names) => format!("not {}", names.join(", ")),
        }
    }

    /// Whether all of the other is in this one. Says no when it cannot tell.
    fn covers(&self, other: &Set, same_case: bool) -> bool {
        let fold = |name: &str| if same_case { name.to_owned() } else { name.to_ascii_lowercase() };
        let within = |pattern: &String, name: &String| covers(&fold(pattern), &fold(name)) == Some(true);
        match (self, other) {
            (Set::Of(all), Set::Of(names)) => {
                names.iter().all(|name| all.iter().any(|pattern| within(pattern, name)))
            }
            (Set::Of(all), Set::Not(_)) => all.iter().any(|pattern| pattern == "*"),
            (Set::Not(but), Set::Of(names)) => {
                names.iter().all(|name| !but.iter().any(|pattern| may_meet(&fold(pattern), &fold(name))))
            }
            (Set::Not(but), Set::Not(names)) => {
                but.iter().all(|name| names.iter().any(|pattern| within(pattern, name)))
            }
        }
    }
}

impl Statement {
    fn new(value: &Map<String, Value>, branches: &[(&str, bool)]) -> Option<Statement> {
        let denies = match value.get("Effect")?.as_str()? {
            "Allow" => false,
            "Deny" => true,
            _ => return None,
        };
        let set = |name: &str| {
            let of = value.get(name).map(|it| Set::new(names(it), false));
            of.or_else(|| value.get(&format!("Not{name}")).map(|it| Set::new(names(it), true)))
        };
        let principals = value.get("Principal").map(|it| Set::new(principals(it), false));
        let principals =
            principals.or_else(|| value.get("NotPrincipal").map(|it| Set::new(self::principals(it), true)));
        let mut when = value.get("Condition").and_then(Value::as_object).cloned().unwrap_or_default();
        for (name, holds) in branches {
            // Beside IAM's operators, what the template asks before it writes the statement.
            when.insert(format!("Fn::If {name}"), json!(holds));
        }
        let mut canonical = Value::Object(when.clone());
        canonical.sort_all_objects();
        Some(Statement {
            denies,
            principals,
            actions: set("Action").unwrap_or_else(Set::nobody),
            resources: set("Resource").unwrap_or_else(Set::nobody),
            condition: (!when.is_empty()).then(|| canonical.to_string()),
            when,
        })
    }

    /// Whether this statement says as much of a part of another one, at least whenever the other one does.
    pub(super) fn covers(&self, principal: &Set, action: &Set, resource: &Set, other: &Statement) -> bool {
        let everybody = Set::nobody();
        self.actions.covers(action, false)
            && self.resources.covers(resource, true)
            && self.principals.as_ref().unwrap_or(&everybody).covers(principal, true)
            && self.when.iter().all(|(operator, asked)| {
                other.when.get(operator).is_some_and(|stricter| asks_no_less(operator, asked, stricter))
            })
    }

    /// Puts the names of today for those of before.
    pub(super) fn rename<'a>(&mut self, renamed: impl Iterator<Item = (&'a str, &'a str)>) {
        for (old, new) in renamed {
            let today = |name: &str| {
                name.replace(&format!("${{{old}}}"), &format!("${{{new}}}"))
                    .replace(&format!("${{{old}."), &format!("${{{new}."))
            };
            for set in [Some(&mut self.actions), Some(&mut self.resources), self.principals.as_mut()] {
                if let Some(Set::Of(names) | Set::Not(names)) = set {
                    for name in names.iter_mut() {
                        *name = today(name);
                    }
                    names.sort_unstable();
                }
            }
        }
    }
}

/// Whether what one operator of a condition asks is met whenever the other one is: each key is asked there, too,
/// for the same values or fewer.
fn asks_no_less(operator: &str, asked: &Value, stricter: &Value) -> bool {
    let (Value::Object(asked), Value::Object(stricter)) = (asked, stricter) else { return asked == stricter };
    let negative = operator.contains("Not");
    asked.iter().all(|(key, values)| {
        let Some(others) = stricter.get(key) else { return false };
        let (values, others) = (names(values), names(others));
        let (few, many) = if negative { (values, others) } else { (others, values) };
        few.iter().all(|value| many.contains(value))
    })
}

/// A list, a single name, or a function, as names; two ways to write the same are the same.
fn names(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(names).collect(),
        value if value["Ref"] == "AWS::NoValue" => Vec::new(),
        value => vec![text::shown(value).map_or_else(|| value.to_string(), Cow::into_owned)],
    }
}

fn principals(value: &Value) -> Vec<String> {
    match value {
        Value::Object(kinds) if text::function(kinds).is_none() => kinds
            .iter()
            .flat_map(|(kind, value)| names(value).into_iter().map(move |name| (kind, name)))
            .map(|(kind, name)| if name == "*" && kind == "AWS" { name } else { format!("{kind}: {name}") })
            .collect(),
        value => names(value),
    }
}

/// Whether some name may be meant by both.
fn may_meet(a: &str, b: &str) -> bool {
    let literal = |name: &str| name.split(['*', '?', '$']).next().unwrap_or_default().len();
    let (x, y) = (literal(a), literal(b));
    if x == a.len() && y == b.len() {
        return a == b;
    }
    a[..x].starts_with(&b[..y]) || b[..y].starts_with(&a[..x])
}

/// The properties that say whom a policy of its own is for.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html>
fn attached(kind: &str) -> &'static [&'static str] {
    match kind {
        "AWS::IAM::Policy" | "AWS::IAM::ManagedPolicy" => &["Roles", "Users", "Groups"],
        "AWS::IAM::RolePolicy" => &["RoleName"],
        "AWS::IAM::UserPolicy" => &["UserName"],
        "AWS::IAM::GroupPolicy" => &["GroupName"],
        "AWS::S3::BucketPolicy" => &["Bucket"],
        "AWS::SQS::QueuePolicy" => &["Queues"],
        "AWS::SNS::TopicPolicy" => &["Topics"],
        "AWS::SecretsManager::ResourcePolicy" => &["SecretId"],
        "AWS::Lambda::Permission" => &["FunctionName"],
        _ => &[],
    }
}

/// Every statement in a resource, with the logical ids or names of its subjects.
pub(super) fn statements(id: &str, body: &Value) -> Vec<(Vec<String>, Statement)> {
    let Some(properties) = body.get("Properties").and_then(Value::as_object) else { return Vec::new() };
    let kind = facts::type_of(body);
    let mut subjects: Vec<_> = attached(kind)
        .iter()
        .filter_map(|name| properties.get(*name))
        .flat_map(names)
        .map(|name| subject(&name).to_owned())
        .collect();
    subjects.dedup();
    if subjects.is_empty() {
        subjects.push(id.to_owned());
    }
    let mut out = Vec::new();
    let condition = body.get("Condition").and_then(Value::as_str);
    let mut branches: Vec<_> = condition.map(|name| (name, true)).into_iter().collect();
    for value in properties.values() {
        visit(value, &mut branches, &mut out);
    }
    out.extend(managed(kind, properties, &branches));
    if kind == "AWS::Lambda::Permission" {
        out.extend(permission(properties, &branches));
    }
    out.into_iter().map(|statement| (subjects.clone(), statement)).collect()
}

/// The logical id in `${Role}` or `${Role.Arn}`, else the name as it is.
fn subject(name: &str) -> &str {
    let inner = name.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    match inner {
        Some(inner) if !inner.contains(['$', '{', ' ']) => inner.split('.').next().unwrap_or(inner),
        _ => name,
    }
}

/// Statements are wherever a policy is: an object with `Statement`, or such an object as text.
fn visit<'a>(value: &'a Value, branches: &mut Vec<(&'a str, bool)>, out: &mut Vec<Statement>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| visit(item, branches, out)),
        Value::Object(members) => {
            if let Some(("Fn::If", Value::Array(choice))) = text::function(members) {
                let name = choice.first().and_then(Value::as_str).unwrap_or_default();
                for (branch, holds) in choice.iter().skip(1).zip([true, false]) {
                    branches.push((name, holds));
                    visit(branch, branches, out);
                    branches.pop();
                }
            } else if let Some((_, argument)) = text::function(members) {
                if argument.to_string().contains("Statement") {
                    out.extend(written(value, branches));
                }
            } else {
                if let Some(statement) = Statement::new(members, branches) {
                    out.push(statement);
                    return;
                }
                members.values().for_each(|member| visit(member, branches, out));
            }
        }
        Value::String(text) if text.contains("Statement") => out.extend(written(value, branches)),
        _ => {}
    }
}

/// The statements of a policy that is written as text.
fn written(value: &Value, branches: &[(&str, bool)]) -> Vec<Statement> {
    let mut out = Vec::new();
    if let Some(policy) = text::json(value) {
        visit(&policy, &mut branches.to_vec(), &mut out);
    }
    out
}

/// What policies that stand elsewhere give, and what a boundary keeps from all else.
fn managed(kind: &str, properties: &Map<String, Value>, branches: &[(&str, bool)]) -> Vec<Statement> {
    if !matches!(kind, "AWS::IAM::Role" | "AWS::IAM::User" | "AWS::IAM::Group") {
        return Vec::new();
    }
    let each = |property, effect, member: &'static str| {
        properties.get(property).map(names).unwrap_or_default().into_iter().filter_map(move |arn| {
            let statement = json!({ "Effect": effect, member: format!("policy {arn}") });
            Statement::new(statement.as_object()?, branches)
        })
    };
    each("ManagedPolicyArns", "Allow", "Action")
        .chain(each("PermissionsBoundary", "Deny", "NotAction"))
        .collect()
}

/// A Lambda function's permission as the statement that it adds to the function's policy.
fn permission(properties: &Map<String, Value>, branches: &[(&str, bool)]) -> Option<Statement> {
    let mut when = Map::new();
    for name in ["SourceArn", "SourceAccount", "PrincipalOrgID", "EventSourceToken", "FunctionUrlAuthType"] {
        if let Some(value) = properties.get(name) {
            when.insert(name.to_owned(), value.clone());
        }
    }
    let statement = json!({
        "Effect": "Allow",
        "Principal": properties.get("Principal")?,
        "Action": properties.get("Action")?,
        "Condition": when,
    });
    Statement::new(statement.as_object()?, branches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_a_few_is_a_set_too() {
        let of = |names: &[&str]| Set::new(names.iter().map(|name| (*name).to_owned()).collect(), false);
        let not = |names: &[&str]| Set::new(names.iter().map(|name| (*name).to_owned()).collect(), true);
        assert!(not(&["iam:*"]).covers(&of(&["s3:GetObject"]), false));
        assert!(!not(&["iam:*"]).covers(&of(&["IAM:PassRole"]), false));
        assert!(!not(&["iam:*"]).covers(&of(&["*"]), false));
        assert!(not(&["iam:PassRole"]).covers(&not(&["iam:*"]), false));
        assert!(!not(&["iam:*"]).covers(&not(&["iam:PassRole"]), false));
        assert!(of(&["*"]).covers(&not(&["iam:*"]), false));
    }

    #[test]
    fn a_condition_that_asks_more_is_covered_by_one_that_asks_less() {
        let check = |asked: Value, stricter: Value, expected: bool| {
            let operator = asked.as_object().and_then(|it| it.keys().next().cloned()).unwrap_or_default();
            let covered = asks_no_less(&operator, &asked[&operator], &stricter[&operator]);
            assert_eq!(covered, expected, "{asked} {stricter}");
        };
        let equals = |values: Value| json!({ "StringEquals": { "aws:SourceAccount": values } });
        check(equals(json!(["1", "2"])), equals(json!("1")), true);
        check(equals(json!("1")), equals(json!(["1", "2"])), false);
        check(equals(json!("1")), json!({}), false);
        let other = |values: Value| json!({ "StringNotEquals": { "aws:SourceAccount": values } });
        check(other(json!("1")), other(json!(["1", "2"])), true);
        check(other(json!(["1", "2"])), other(json!("1")), false);
    }
}
