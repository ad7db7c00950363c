//! What a step does: jobs run beside each other, everything else at once.

use serde_json::{Value, json};

use super::jobs::{Done, Failure, Work, processing};
use super::values::{Known, find, text};
use super::{StepStatus, training, transform, tuning};

/// Whether a step is a job of its own, which runs beside others.
pub(super) fn is_job(kind: &str) -> bool {
    matches!(kind, "Processing" | "Training" | "Tuning" | "Transform")
}

/// Runs a job's step, its expressions computed.
pub(super) fn job(work: &Work<'_>, request: &Value) -> Result<Done, Failure> {
    match work.step["Type"].as_str() {
        Some("Processing") => processing(work, request),
        Some("Training") => training::training(work, request),
        Some("Transform") => transform::transform(work, request),
        _ => tuning::tuning(work, request),
    }
}

/// Why a step of that type cannot run here, and what it offers all the same.
pub(super) fn skipped(kind: &str, request: &Value) -> (Failure, Option<Value>) {
    match kind {
        "QualityCheck" | "ClarifyCheck" => {
            let message = "the container that computes baselines is AWS's own, and not on this machine";
            let output = find(request, "ProcessingOutputConfig.Outputs[0].S3Output.S3Uri").map(text);
            let uri =
                |name: &str| output.as_ref().map(|uri| format!("{}/{name}.json", uri.trim_end_matches('/')));
            let (statistics, constraints) = (uri("statistics"), uri("constraints"));
            let offers = json!({
                "CalculatedBaselineStatistics": statistics, "CalculatedBaselineConstraints": constraints,
                "BaselineUsedForDriftCheckStatistics": statistics, "BaselineUsedForDriftCheckConstraints": constraints,
            });
            (Failure::skipped(message), Some(offers))
        }
        other => (
            Failure::skipped(format!("a step of type `{other}` calls AWS, which is not on this machine")),
            None,
        ),
    }
}

/// Whether the conditions of a step hold, and what they found.
pub(super) fn holds(
    known: &Known,
    store: &super::store::Store,
    step: &Value,
) -> Result<(bool, String), String> {
    let mut found = Vec::new();
    let mut all = true;
    for condition in step["Arguments"]["Conditions"].as_array().into_iter().flatten() {
        all &= one(known, store, condition, &mut found)?;
    }
    Ok((all, found.join(", ")))
}

fn one(
    known: &Known,
    store: &super::store::Store,
    condition: &Value,
    found: &mut Vec<String>,
) -> Result<bool, String> {
    let kind = condition["Type"].as_str().unwrap_or_default();
    match kind {
        "Not" => return Ok(!one(known, store, &condition["Condition"], found)?),
        "Or" => {
            let mut any = false;
            for inner in condition["Conditions"].as_array().into_iter().flatten() {
                any |= one(known, store, inner, found)?;
            }
            return Ok(any);
        }
        "In" => {
            let value = known.resolve(&condition["QueryValue"], store)?;
            let values = known.resolve(&condition["Values"], store)?;
            let is = values.as_array().into_iter().flatten().any(|other| equal(&value, other));
            found.push(format!("{} in {}: {is}", text(&value), text(&values)));
            return Ok(is);
        }
        _ => {}
    }
    let left = known.resolve(&condition["LeftValue"], store)?;
    let right = known.resolve(&condition["RightValue"], store)?;
    let order = || match (number(&left), number(&right)) {
        (Some(a), Some(b)) => a.partial_cmp(&b).ok_or_else(|| "a value is not a number".to_owned()),
        _ => Err(format!("`{}` and `{}` cannot be compared as numbers", text(&left), text(&right))),
    };
    let (is, sign) = match kind {
        "Equals" => (equal(&left, &right), "="),
        "GreaterThan" => (order()?.is_gt(), ">"),
        "GreaterThanOrEqualTo" => (order()?.is_ge(), "≥"),
        "LessThan" => (order()?.is_lt(), "<"),
        "LessThanOrEqualTo" => (order()?.is_le(), "≤"),
        other => return Err(format!("condition type `{other}` is not known")),
    };
    found.push(format!("{} {sign} {}: {is}", text(&left), text(&right)));
    Ok(is)
}

/// A number, also one that is written as text.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(_), _) | (_, Value::Number(_)) => number(a).is_some() && number(a) == number(b),
        _ => a == b,
    }
}

/// The end that a `Fail` step asks for.
pub(super) fn fail(known: &Known, store: &super::store::Store, step: &Value) -> Failure {
    let said = known.resolve(&step["Arguments"]["ErrorMessage"], store);
    match said {
        Ok(said) => Failure::new(StepStatus::Failed, text(&said)),
        Err(error) => Failure::new(StepStatus::Failed, error),
    }
}
