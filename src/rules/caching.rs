//! Step caching: which parts of a step's arguments are its key.

use crate::cfn::Json;

/// The parts of a step, as JSON pointers into it, that are its cache key; none for a type that has no cache.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-default-keys.html>
pub fn key(kind: &str) -> &'static [&'static str] {
    match kind {
        "Processing" => {
            &["/Arguments/AppSpecification", "/Arguments/Environment", "/Arguments/ProcessingInputs"]
        }
        "Training" => &[
            "/Arguments/AlgorithmSpecification",
            "/Arguments/CheckpointConfig",
            "/Arguments/DebugHookConfig",
            "/Arguments/DebugRuleConfigurations",
            "/Arguments/Environment",
            "/Arguments/HyperParameters",
            "/Arguments/InputDataConfig",
        ],
        "Tuning" => &[
            "/Arguments/HyperParameterTuningJobConfig",
            "/Arguments/TrainingJobDefinition/AlgorithmSpecification",
            "/Arguments/TrainingJobDefinition/HyperParameterRanges",
            "/Arguments/TrainingJobDefinition/InputDataConfig",
            "/Arguments/TrainingJobDefinition/StaticHyperParameters",
            "/Arguments/TrainingJobDefinition/TuningObjective",
            "/Arguments/TrainingJobDefinitions",
        ],
        "AutoML" => &[
            "/Arguments/AutoMLJobConfig/CandidateGenerationConfig",
            "/Arguments/AutoMLJobConfig/CompletionCriteria",
            "/Arguments/AutoMLJobConfig/DataSplitConfig",
            "/Arguments/AutoMLJobConfig/Mode",
            "/Arguments/AutoMLJobInputDataConfig",
            "/Arguments/AutoMLJobObjective",
            "/Arguments/AutoMLProblemTypeConfig",
            "/Arguments/DataSplitConfig",
            "/Arguments/InputDataConfig",
            "/Arguments/ProblemType",
        ],
        "Transform" => &[
            "/Arguments/DataProcessing",
            "/Arguments/Environment",
            "/Arguments/ModelName",
            "/Arguments/TransformInput",
        ],
        // What the SDK calls the check's and the job's configuration is the processing job's request here.
        "ClarifyCheck" | "QualityCheck" => &[
            "/Arguments",
            "/ModelPackageGroupName",
            "/RegisterNewBaseline",
            "/SkipCheck",
            "/SuppliedBaselineConstraints",
            "/SuppliedBaselineStatistics",
        ],
        "EMR" => &["/Arguments/ClusterId", "/Arguments/StepConfig", "/ClusterId"],
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

/// The members of the request that are the cache key; none where all of it is.
fn request(kind: &str) -> impl Iterator<Item = &'static str> {
    key(kind).iter().filter_map(|part| part.strip_prefix("/Arguments")).filter(|member| !member.is_empty())
}

/// Whether a part of a cache key differs in every execution.
pub fn varies(part: &impl Json) -> bool {
    varying(part).is_some()
}

/// The first member of a step's cache key that differs in every execution, and the variable in it: the step's
/// result is never used again.
pub fn defeated(kind: &str, arguments: &impl Json) -> Option<(&'static str, &'static str)> {
    request(kind).find_map(|member| {
        let variable = arguments.at(member).and_then(varying)?;
        Some((member.rsplit('/').next().unwrap_or(member), variable))
    })
}

/// The step that makes the model which a transform names. Steps that make models have no cache, and a model's name is
/// part of a transform's key, so that its result is never used again.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-caching.html>
pub fn model_of<'v>(kind: &str, arguments: &'v impl Json) -> Option<&'v str> {
    let path = arguments.at("/ModelName/Get")?.as_text().filter(|_| kind == "Transform")?;
    path.strip_prefix("Steps.")?.strip_suffix(".ModelName")
}

/// Whether a step of that type reads from, or from within, or from around the place `uri`; both sides as they are
/// rendered, so that a bucket's name may be unknown.
pub fn reads<J: Json>(kind: &str, arguments: &J, uri: &J) -> bool {
    let Some(place) = text(uri) else { return false };
    let mut members = request(kind).filter_map(|member| arguments.at(member));
    members.any(|member| any_source(member, place))
}

fn any_source(value: &impl Json, place: &str) -> bool {
    let here = value.member("S3Uri").and_then(text);
    here.is_some_and(|uri| uri.starts_with(place) || place.starts_with(uri))
        || value.parts().any(|part| any_source(part, place))
}

/// An S3 URI, with or without a bucket that CloudFormation names.
fn text(uri: &impl Json) -> Option<&str> {
    let text = uri.as_text().or_else(|| uri.member("Fn::Sub")?.as_text());
    text.filter(|text| text.starts_with("s3://"))
}

fn varying(value: &impl Json) -> Option<&'static str> {
    let here = value.member("Get").and_then(Json::as_text);
    let known = VARYING.iter().copied().find(|variable| here == Some(variable));
    known.or_else(|| value.parts().find_map(varying))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_step_reads_a_place_or_a_part_of_it() {
        let uri = |prefix: &str| json!({ "Fn::Sub": format!("s3://${{Raw}}/{prefix}") });
        let input = json!({ "ProcessingInputs": [{ "S3Input": { "S3Uri": uri("a/b/") } }] });
        for place in ["", "a/", "a/b/", "a/b/c/"] {
            assert!(reads("Processing", &input, &uri(place)), "{place}");
        }
        assert!(!reads("Processing", &input, &uri("b/")));
        assert!(!reads("Processing", &input, &json!({ "Get": "Steps.a.b" })));
        let output = json!({ "ProcessingOutputConfig": { "S3Uri": uri("a/") } });
        assert!(!reads("Processing", &output, &uri("a/")));
    }

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
