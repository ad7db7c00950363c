//! The conditions of a Condition step.

use serde_json::Value;

use super::Definition;
use super::expression::{Class, classify};
use super::forms::{Keys, size, unknown_value, within, wrong_type};
use super::reference::{Type, type_of};
use crate::diag::{Code, Issue, Pointer};
use crate::rules::pipelines::MOST_CONDITIONS;

/// Comparisons of two values.
const COMPARISONS: [&str; 5] =
    ["Equals", "GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo"];
/// All types of conditions.
const TYPES: [&str; 8] =
    ["Equals", "GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo", "In", "Not", "Or"];

/// Says what is wrong with a condition.
pub(super) fn check(condition: &Value, at: &Pointer, definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    if matches!(classify(condition), Class::Unknown) {
        return;
    }
    let Some(kind) = condition["Type"].as_str() else {
        let keys = Keys { what: "a condition", required: &["Type"], optional: &OPERANDS };
        if keys.check(condition, at, issues).is_some() && !condition["Type"].is_null() {
            issues.push(wrong_type(&condition["Type"], &at.key("Type"), "the type of a condition is text"));
        }
        return;
    };
    match kind {
        "In" => check_in(condition, at, definition, issues),
        "Not" => check_not(condition, at, definition, issues),
        "Or" => {
            let keys = Keys { what: "an `Or`", required: &["Type", "Conditions"], optional: &[] };
            if keys.check(condition, at, issues).is_none() {
                return;
            }
            let place = at.key("Conditions");
            match &condition["Conditions"] {
                Value::Null => {}
                Value::Array(all) => {
                    let what = "the number of conditions";
                    within(what, size(all.len()), Some(1), Some(MOST_CONDITIONS), &place, issues);
                    for (index, inner) in all.iter().enumerate() {
                        check(inner, &place.index(index), definition, issues);
                    }
                }
                other => issues.push(wrong_type(other, &place, "`Conditions` is a list")),
            }
        }
        kind if COMPARISONS.contains(&kind) => check_comparison(kind, condition, at, definition, issues),
        kind => issues.push(match kind {
            "And" => Issue::new(Code::UnknownValue, at.key("Type"), "there is no condition `And`")
                .label("not a type")
                .help("list the conditions: all of `Conditions` must hold"),
            "NotEquals" | "NotIn" => {
                Issue::new(Code::UnknownValue, at.key("Type"), format!("there is no condition `{kind}`"))
                    .label("not a type")
                    .help("put the other one into `{\"Type\": \"Not\", \"Condition\": …}`")
            }
            _ => unknown_value(kind, "type of a condition", TYPES, &at.key("Type")),
        }),
    }
}

const OPERANDS: [&str; 6] = ["Condition", "Conditions", "LeftValue", "QueryValue", "RightValue", "Values"];

fn check_comparison(
    kind: &str,
    condition: &Value,
    at: &Pointer,
    definition: &Definition<'_>,
    issues: &mut Vec<Issue>,
) {
    let what = format!("`{kind}`");
    let keys = Keys { what: &what, required: &["Type", "LeftValue", "RightValue"], optional: &[] };
    if keys.check(condition, at, issues).is_none() {
        return;
    }
    let mut types = Vec::new();
    for key in ["LeftValue", "RightValue"] {
        let value = &condition[key];
        check_scalar(value, &at.key(key), issues);
        let given = type_of(value, definition);
        if kind != "Equals"
            && let Some(given @ (Type::Text | Type::Boolean)) = given
        {
            issues.push(
                Issue::new(
                    Code::ConditionType,
                    at.key(key),
                    format!("`{kind}` compares numbers, and this is {}", given.said()),
                )
                .label("not a number")
                .help("compare numbers, or use `Equals` or `In`"),
            );
        }
        types.push(given);
    }
    if kind == "Equals" {
        check_alike(types[0], types[1], &at.key("RightValue"), issues);
    }
}

/// Values of different types are never equal.
fn check_alike(left: Option<Type>, right: Option<Type>, at: &Pointer, issues: &mut Vec<Issue>) {
    let number = |kind: Type| matches!(kind, Type::Integer | Type::Float);
    if let (Some(left), Some(right)) = (left, right)
        && left != right
        && !(number(left) && number(right))
    {
        issues.push(
            Issue::new(
                Code::ConditionType,
                at.clone(),
                format!("{} is compared with {}", left.said(), right.said()),
            )
            .label("of another type")
            .help("compare values of one type"),
        );
    }
}

fn check_scalar(value: &Value, at: &Pointer, issues: &mut Vec<Issue>) {
    if let Class::Literal(Value::Array(_) | Value::Object(_)) = classify(value) {
        issues.push(wrong_type(value, at, "what is compared is a scalar"));
    }
}

fn check_in(condition: &Value, at: &Pointer, definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    let keys = Keys { what: "an `In`", required: &["Type", "QueryValue", "Values"], optional: &[] };
    if keys.check(condition, at, issues).is_none() {
        return;
    }
    check_scalar(&condition["QueryValue"], &at.key("QueryValue"), issues);
    let place = at.key("Values");
    match &condition["Values"] {
        Value::Null => {}
        Value::Array(values) => {
            within("the number of values", size(values.len()), Some(1), None, &place, issues);
            let query = type_of(&condition["QueryValue"], definition);
            for (index, value) in values.iter().enumerate() {
                check_scalar(value, &place.index(index), issues);
                let given = type_of(value, definition);
                check_alike(query, given, &place.index(index), issues);
            }
        }
        other if matches!(classify(other), Class::Unknown) => {}
        other => issues.push(wrong_type(other, &place, "`Values` is a list")),
    }
}

fn check_not(condition: &Value, at: &Pointer, definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    // Old versions of the SDK wrote it so: https://github.com/aws/sagemaker-python-sdk/issues/2746
    if condition["Condition"].is_null() && !condition["Expression"].is_null() {
        issues.push(
            Issue::new(
                Code::UnknownKey,
                at.key("Expression"),
                "`Not` takes a `Condition`, and no `Expression`",
            )
            .on_key()
            .label("refused as an unknown property")
            .fix("Condition", "write `Condition`"),
        );
        return check(&condition["Expression"], &at.key("Expression"), definition, issues);
    }
    let keys = Keys { what: "a `Not`", required: &["Type", "Condition"], optional: &[] };
    if keys.check(condition, at, issues).is_some() && !condition["Condition"].is_null() {
        check(&condition["Condition"], &at.key("Condition"), definition, issues);
    }
}

/// Says whether the conditions compare nothing that an execution knows.
pub(super) fn check_constant(conditions: &[Value], at: &Pointer, issues: &mut Vec<Issue>) {
    fn fixed(value: &Value) -> bool {
        match classify(value) {
            Class::Literal(Value::Array(items)) => items.iter().all(fixed),
            Class::Literal(Value::Object(members)) => members.values().all(fixed),
            Class::Literal(_) => true,
            _ => false,
        }
    }
    if !conditions.is_empty() && conditions.iter().all(|one| one.is_object() && fixed(one)) {
        issues.push(
            Issue::new(Code::ConstantCondition, at.clone(), "the condition always goes the same way")
                .label("compares nothing that an execution knows")
                .help("compare a parameter, or a value of a step"),
        );
    }
}
