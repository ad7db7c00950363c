//! Roles of the steps of a pipeline whose definition stands in the template, beside the roles: those that certainly do
//! not allow what the step's job does.

use serde_json::Value;

use super::grants::{Granted, granted};
use super::roles::{encrypts, lacks, network, object_arn, pulls, shared, writes};
use crate::diag::{Issue, Pointer};
use crate::lint::functions::{SubPart, sub_parts};
use crate::lint::{Assumptions, Case, Piece, Template, Text, Thing};

/// What a job does under its role, by paths within the arguments that hold the role.
struct Job {
    reads: &'static [&'static str],
    writes: &'static [&'static str],
    key: &'static str,
    image: &'static str,
    network: &'static str,
}

/// <https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createprocessingjob-perms>
const PROCESSING: Job = Job {
    reads: &["ProcessingInputs/*/S3Input/S3Uri"],
    writes: &["ProcessingOutputConfig/Outputs/*/S3Output/S3Uri"],
    key: "ProcessingOutputConfig/KmsKeyId",
    image: "AppSpecification/ImageUri",
    network: "NetworkConfig/VpcConfig",
};
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createtrainingjob-perms>
const TRAINING: Job = Job {
    reads: &["InputDataConfig/*/DataSource/S3DataSource/S3Uri"],
    writes: &["OutputDataConfig/S3OutputPath", "CheckpointConfig/S3Uri"],
    key: "OutputDataConfig/KmsKeyId",
    image: "AlgorithmSpecification/TrainingImage",
    network: "VpcConfig",
};

/// Types of step, where in their arguments a job is described, and which.
const STEPS: [(&str, &str, &Job); 6] = [
    ("Processing", "", &PROCESSING),
    ("QualityCheck", "", &PROCESSING),
    ("ClarifyCheck", "", &PROCESSING),
    ("Training", "", &TRAINING),
    ("Tuning", "TrainingJobDefinition", &TRAINING),
    ("Tuning", "TrainingJobDefinitions/*", &TRAINING),
];

/// What is said of the steps of a definition; places are within it.
pub(in crate::lint) fn step_roles(template: &Template<'_>, definition: &Value) -> Vec<Issue> {
    let mut found = Vec::new();
    if !template.is_open("Resources") {
        steps(template, definition, "Steps", &Pointer::root(), &mut found);
    }
    found
}

fn steps(template: &Template<'_>, around: &Value, key: &str, at: &Pointer, found: &mut Vec<Issue>) {
    for (step, at) in places(around, at, &format!("{key}/*")) {
        let Some(arguments) = step.get("Arguments") else { continue };
        let at = at.key("Arguments");
        for branch in ["IfSteps", "ElseSteps"] {
            steps(template, arguments, branch, &at, found);
        }
        let kind = step.get("Type").and_then(Value::as_str).unwrap_or_default();
        for (_, path, job) in STEPS.iter().filter(|(of, ..)| *of == kind) {
            for (arguments, at) in places(arguments, &at, path) {
                let role = cases(template, arguments, &at, "RoleArn");
                if let Some(granted) = granted(template, &role) {
                    of_job(template, &granted, arguments, &at, job, found);
                }
            }
        }
    }
}

fn of_job(
    template: &Template<'_>,
    granted: &Granted<'_, '_>,
    arguments: &Value,
    at: &Pointer,
    job: &Job,
    found: &mut Vec<Issue>,
) {
    for uri in job.reads.iter().flat_map(|path| cases(template, arguments, at, path)) {
        let Some(object) = uri.text().and_then(|uri| object_arn(template, uri)) else { continue };
        let may = granted.may_on(template, "s3:GetObject", &object)
            || granted.may_beneath(template, "s3:GetObject", &object);
        if !shared(template) && !may {
            found.push(lacks(granted, "s3:GetObject", &uri, "read this"));
        }
    }
    let written: Vec<Case<'_>> =
        job.writes.iter().flat_map(|path| cases(template, arguments, at, path)).collect();
    writes(template, granted, &written, "write what it makes here", found);
    encrypts(template, granted, &cases(template, arguments, at, job.key), found);
    for image in cases(template, arguments, at, job.image) {
        pulls(template, granted, &image, found);
    }
    for (value, at) in places(arguments, at, job.network) {
        if let Value::Object(members) = value {
            network(granted, &[Case { thing: Thing::Map(members), at, when: Assumptions::default() }], found);
        }
    }
}

/// Texts at a path.
fn cases<'v>(template: &Template<'_>, value: &'v Value, at: &Pointer, path: &str) -> Vec<Case<'v>> {
    let text = |(value, at): (&'v Value, Pointer)| {
        let thing = Thing::Text(text(template, value)?);
        Some(Case { thing, at, when: Assumptions::default() })
    };
    places(value, at, path).into_iter().filter_map(text).collect()
}

/// What stands at a path of keys; `*` is every item of a list.
fn places<'v>(value: &'v Value, at: &Pointer, path: &str) -> Vec<(&'v Value, Pointer)> {
    let keys = path.split('/').filter(|key| !key.is_empty());
    keys.fold(vec![(value, at.clone())], |places, key| {
        let inner = places.into_iter().flat_map(|(value, at)| match (key, value) {
            ("*", Value::Array(items)) => {
                items.iter().enumerate().map(|(n, item)| (item, at.index(n))).collect()
            }
            _ => value.get(key).map(|value| (value, at.key(key))).into_iter().collect::<Vec<_>>(),
        });
        inner.collect()
    })
}

/// Text of a definition as far as it is known before an execution; holes of the template stand in it as `${…}`.
fn text(template: &Template<'_>, value: &Value) -> Option<Text> {
    let mut found = Text::default();
    if let Value::String(text) = value {
        holes(template, text, &mut found);
    } else {
        let join = value.get("Std:Join")?;
        let separator = join.get("On")?.as_str()?;
        for (n, part) in join.get("Values")?.as_array()?.iter().enumerate() {
            if n > 0 {
                found.push(Piece::Known(separator.to_owned()));
            }
            // What only the execution knows ends what can be compared.
            let Value::String(text) = part else { break };
            if !holes(template, text, &mut found) {
                break;
            }
        }
    }
    Some(found)
}

/// Adds text up to the first hole of which nothing is known; whether there was none.
fn holes(template: &Template<'_>, text: &str, found: &mut Text) -> bool {
    for part in sub_parts(text) {
        let piece = match part {
            SubPart::Text(text) => Piece::Known(text.to_owned()),
            SubPart::Variable(name) => match (name.strip_prefix("AWS::"), name.split_once('.')) {
                (Some(pseudo), _) => Piece::Pseudo(pseudo.to_owned()),
                (None, Some((id, attribute))) if template.resource(id).is_some() => {
                    Piece::Resource { id: id.to_owned(), attribute: Some(attribute.to_owned()) }
                }
                (None, None) if template.resource(name).is_some() => {
                    Piece::Resource { id: name.to_owned(), attribute: None }
                }
                _ => return false,
            },
        };
        found.push(piece);
    }
    true
}
