//! Step caching: which parts of a step's arguments are its key.

use serde_json::Value;

/// Members of the request that are the cache key of a step type; others may differ.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-default-keys.html>
fn key_members(kind: &str) -> &'static [&'static str] {
    match kind {
        "Processing" => &["/AppSpecification", "/Environment", "/ProcessingInputs"],
        "Training" => &[
            "/AlgorithmSpecification",
            "/CheckpointConfig",
            "/DebugHookConfig",
            "/DebugRuleConfigurations",
            "/Environment",
            "/HyperParameters",
            "/InputDataConfig",
        ],
        "Tuning" => &[
            "/HyperParameterTuningJobConfig",
            "/TrainingJobDefinition/AlgorithmSpecification",
            "/TrainingJobDefinition/HyperParameterRanges",
            "/TrainingJobDefinition/InputDataConfig",
            "/TrainingJobDefinition/StaticHyperParameters",
            "/TrainingJobDefinition/TuningObjective",
        ],
        _ => &[],
    }
}

/// Variables that differ from execution to execution.
const VARYING: [&str; 5] = [
    "Execution.CurrentDateTime",
    "Execution.PipelineExecutionArn",
    "Execution.PipelineExecutionId",
    "Execution.StartDateTime",
    "Execution.TrainingJobName",
];

/// The first member of a step's cache key that differs in every execution, and the variable in it: the step's
/// result is never used again.
pub fn defeated(kind: &str, arguments: &Value) -> Option<(&'static str, &'static str)> {
    key_members(kind).iter().find_map(|member| {
        let variable = arguments.pointer(member).and_then(varying)?;
        Some((member.rsplit('/').next().unwrap_or(member), variable))
    })
}

fn varying(value: &Value) -> Option<&'static str> {
    match value {
        Value::Object(members) => {
            let here = members.get("Get").and_then(Value::as_str);
            let known = VARYING.iter().copied().find(|variable| here == Some(variable));
            known.or_else(|| members.values().find_map(varying))
        }
        Value::Array(items) => items.iter().find_map(varying),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_key_counts() {
        let id = json!({ "Get": "Execution.PipelineExecutionId" });
        let check = |kind, arguments, expected: Option<&str>| {
            assert_eq!(defeated(kind, &arguments).map(|(member, _)| member), expected);
        };
        check("Processing", json!({ "ProcessingOutputConfig": [id] }), None);
        check("Processing", json!({ "Environment": { "A": id } }), Some("Environment"));
        check("Training", json!({ "CheckpointConfig": { "S3Uri": [id] } }), Some("CheckpointConfig"));
        check("Tuning", json!({ "TrainingJobDefinition": { "CheckpointConfig": id } }), None);
        check("Processing", json!({ "Environment": { "A": { "Get": "Parameters.x" } } }), None);
    }
}
