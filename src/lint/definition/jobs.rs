//! What members of any job's request have to do with each other: names, volumes, places in the container and in S3.

use serde_json::{Map, Value};

use super::Step;
use super::envelope::check_twice;
use super::expression::{Class, classify, on, text};
use super::model::{items, mappings};
use super::{serving, training};
use crate::diag::{Code, Issue, Pointer};
use crate::rules::{caching, local_path};
use crate::tables;

/// Lists of a request whose items have names of their own: the list, the name's key, and what an item is.
const NAMED: [(&str, &str, &str); 7] = [
    ("Containers", "ContainerHostname", "container"),
    ("InputDataConfig", "ChannelName", "channel"),
    ("InstanceGroups", "InstanceGroupName", "instance group"),
    ("MetricDefinitions", "Name", "metric"),
    ("ProcessingInputs", "InputName", "input"),
    ("Outputs", "OutputName", "output"),
    ("ProductionVariants", "VariantName", "variant"),
];

/// Says what is wrong with the jobs of a step.
pub(super) fn check(step: &Step<'_>, issues: &mut Vec<Issue>) {
    if step.kind.is_none_or(|kind| kind.request.is_none()) {
        return;
    }
    for (members, at) in mappings(step.arguments(), &step.arguments_at()) {
        for (list, key, what) in NAMED {
            // The rules over templates look at these.
            if serving::is_judged(step) && ["Containers", "ProductionVariants"].contains(&list) {
                continue;
            }
            let names = members.get(list).and_then(Value::as_array).into_iter().flatten();
            check_twice(names.map(|item| &item[key]), &at.key(list), key, what, issues);
        }
        check_key(members, &at, issues);
    }
    check_directories(step, issues);
    check_races(step, issues);
    for (job, at) in training::jobs(step) {
        check_file_systems(job, &at, issues);
        check_isolation(job, &at, issues);
    }
}

/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ResourceConfig.html>: local storage takes no key.
fn check_key(members: &Map<String, Value>, at: &Pointer, issues: &mut Vec<Issue>) {
    let Some(key) = members.get("VolumeKmsKeyId") else { return };
    if !on(key) || key.as_str().is_some_and(str::is_empty) {
        return;
    }
    let own = members.get("InstanceType").map(|instance| (instance, at.key("InstanceType")));
    let several = ["InstanceGroups", "InstanceConfigs"].iter().flat_map(|list| {
        let at = at.key(list);
        let all = members.get(*list).and_then(Value::as_array).into_iter().flatten().enumerate();
        all.map(move |(index, item)| (&item["InstanceType"], at.index(index).key("InstanceType")))
    });
    let local = own.into_iter().chain(several).find_map(|(instance, place)| {
        let instance = text(instance).filter(|instance| tables::has_local_storage(instance))?;
        Some((instance, place))
    });
    if let Some((instance, place)) = local {
        let message = format!("`{instance}` has local storage, which is encrypted by the hardware");
        issues.push(
            Issue::new(Code::LocalStorageKey, at.key("VolumeKmsKeyId"), message)
                .on_key()
                .label("no key for it")
                .also(place, "local storage")
                .help("take `VolumeKmsKeyId` away, or use an instance type without local storage"),
        );
    }
}

/// Where the container of a processing job reads and writes.
fn check_directories(step: &Step<'_>, issues: &mut Vec<Issue>) {
    let arguments = step.arguments();
    let inputs = &arguments["ProcessingInputs"];
    let outputs = &arguments["ProcessingOutputConfig"]["Outputs"];
    let outputs_at = step.arguments_at().key("ProcessingOutputConfig").key("Outputs");
    for (list, member, at) in
        [(inputs, "S3Input", step.arguments_at().key("ProcessingInputs")), (outputs, "S3Output", outputs_at)]
    {
        let mut seen: Vec<(&str, Pointer)> = Vec::new();
        for (index, item) in items(list) {
            let Some(path) = text(&item[member]["LocalPath"]) else { continue };
            let place = at.index(index).key(member).key("LocalPath");
            let clean = path.trim_end_matches('/');
            if !local_path::is_possible(path) && member == "S3Input" {
                issues.push(
                    Issue::new(
                        Code::LocalPath,
                        place,
                        format!("`{path}` is not a directory under `{}`", local_path::ROOT),
                    )
                    .label("not possible here")
                    .help(format!("write `{}…`", local_path::ROOT)),
                );
            } else if let Some((_, first)) = seen.iter().find(|(other, _)| *other == clean) {
                issues.push(
                    Issue::new(Code::LocalPath, place, format!("`{clean}` is used twice"))
                        .label("second use")
                        .also(first.clone(), "first use")
                        .help("give each input and output a directory of its own"),
                );
            } else {
                seen.push((clean, place));
            }
        }
    }
}

/// Outputs that every execution writes to the same place.
fn check_races(step: &Step<'_>, issues: &mut Vec<Issue>) {
    let arguments = step.arguments();
    let at = step.arguments_at();
    let mut places = Vec::new();
    if step.is("Processing") {
        let outputs = at.key("ProcessingOutputConfig").key("Outputs");
        for (index, output) in items(&arguments["ProcessingOutputConfig"]["Outputs"]) {
            places.push((&output["S3Output"]["S3Uri"], outputs.index(index).key("S3Output").key("S3Uri")));
        }
    } else if step.is("Transform") {
        let place = at.key("TransformOutput").key("S3OutputPath");
        places.push((&arguments["TransformOutput"]["S3OutputPath"], place));
    }
    for (uri, place) in places {
        if is_fixed(uri) && !caching::varies(uri) {
            issues.push(
                Issue::new(Code::OutputRace, place, "executions write over each other here")
                    .label("the same place for every execution")
                    .help("join it with `{\"Get\": \"Execution.PipelineExecutionId\"}` by `Std:Join`"),
            );
        }
    }
}

/// Whether a URI is known but for what starts an execution and what a deployment fills in.
fn is_fixed(uri: &Value) -> bool {
    match uri {
        Value::String(text) => !text.is_empty(),
        Value::Object(members) => match classify(uri) {
            Class::Get(path) => path.as_str().is_some_and(|path| !path.starts_with("Steps.")),
            Class::Join(join) => {
                join["Values"].as_array().is_some_and(|parts| !parts.is_empty() && parts.iter().all(is_fixed))
            }
            _ => members.keys().all(|key| key == "Ref" || key.starts_with("Fn::")),
        },
        _ => false,
    }
}

/// Amazon FSx and EFS are reached from within a VPC only.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/model-access-training-data.html>
fn check_file_systems(job: &Value, at: &Pointer, issues: &mut Vec<Issue>) {
    if !job["VpcConfig"].is_null() {
        return;
    }
    let channels = at.key("InputDataConfig");
    for (index, channel) in items(&job["InputDataConfig"]) {
        if channel["DataSource"]["FileSystemDataSource"].is_object() {
            let place = channels.index(index).key("DataSource").key("FileSystemDataSource");
            issues.push(
                Issue::new(
                    Code::OutsideNetwork,
                    place,
                    "the job runs in no network that reaches a file system",
                )
                .on_key()
                .label("is in a VPC")
                .help("add `VpcConfig` with subnets and security groups that reach the file system"),
            );
        }
    }
}

/// A container without a network downloads no script: AWS's SDK hands it over in a channel `code` instead.
fn check_isolation(job: &Value, at: &Pointer, issues: &mut Vec<Issue>) {
    if job["EnableNetworkIsolation"] != Value::Bool(true) {
        return;
    }
    for key in ["HyperParameters", "StaticHyperParameters"] {
        let script = text(&job[key]["sagemaker_submit_directory"]).map(|script| script.trim_matches('"'));
        if script.is_some_and(|script| script.starts_with("s3://")) {
            issues.push(
                Issue::new(
                    Code::OutsideNetwork,
                    at.key(key).key("sagemaker_submit_directory"),
                    "the container has no network to download its script with",
                )
                .label("in S3")
                .also(at.key("EnableNetworkIsolation"), "no network")
                .help("hand the script over in a channel: `/opt/ml/input/data/code/sourcedir.tar.gz`"),
            );
        }
    }
}
