//! Batch transform jobs: every object through the model's own handler, in one process in place of the container.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html>

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::jobs::{Done, Failure, Work, variables, write_json};
use super::process::Spec;
use super::values::{ACCOUNT, text};
use super::{JobResult, Order, packages, registry};

/// The payload of a request when none is given, in megabytes.
const MEGABYTES: u64 = 6;

/// What stands for the serving stacks of the images.
const SERVE: &str = include_str!("serve.py");

/// The model of a job: its container, as `CreateModel` takes it, and its archive on this machine.
struct Model {
    container: Value,
    archive: PathBuf,
}

/// The models that steps have made, by name.
pub(super) type Models = BTreeMap<String, Value>;

/// What a step of type `Model` offers: the request with the name that the model has.
pub(super) fn made(order: &Order, name: &str, request: &Value) -> Value {
    let mut offers = request.clone();
    offers["ModelName"] = json!(name);
    offers["ModelArn"] = json!(format!("arn:aws:sagemaker:{}:{ACCOUNT}:model/{name}", order.region));
    offers
}

/// A transform step, its expressions computed.
pub(super) fn transform(work: &Work<'_>, request: &Value) -> Result<Done, Failure> {
    let model = model(work, &text(&request["ModelName"]))?;
    let image = text(&model.container["Image"]);
    let Some(framework) = packages::framework(&image) else {
        return Err(Failure::skipped(format!("what serves in image `{image}` is not on this machine")));
    };
    let name = work.job_name(None);
    let place = work.place(&name)?;
    let base = place.base.as_path();
    let (input, output) = (base.join("input/data"), base.join("output/data"));
    unpack(&model.archive, &base.join("model"))?;
    if base.join("model/code/requirements.txt").is_file() {
        work.note("`code/requirements.txt` is installed by the container in AWS, and not here");
    }
    let given = &request["TransformInput"];
    let source = &given["DataSource"]["S3DataSource"];
    let uri = source["S3Uri"].as_str().ok_or_else(|| "the input is not in S3".to_owned())?;
    let kind = source["S3DataType"].as_str().unwrap_or("S3Prefix");
    work.store.fetch(uri, kind, &input).map_err(|error| format!("input: {error}"))?;
    let mut objects = Vec::new();
    list(&input, &input, &mut objects)
        .map_err(|error| format!("cannot read `{}`: {error}", input.display()))?;
    objects.sort();
    if objects.is_empty() {
        return Err(format!("there is nothing below `{uri}`").into());
    }
    fs::create_dir_all(&output).map_err(|error| format!("cannot make `{}`: {error}", output.display()))?;
    if request["TransformResources"]["InstanceCount"].as_u64().is_some_and(|count| count > 1) {
        work.note("one process in place of several instances");
    }
    let processing = &request["DataProcessing"];
    let payload = request["MaxPayloadInMB"].as_u64().unwrap_or(MEGABYTES) << 20;
    let job = json!({
        "framework": framework, "model": base.join("model"), "input": input, "output": output, "objects": objects,
        "content_type": given["ContentType"], "gzip": given["CompressionType"] == "Gzip",
        "split": given["SplitType"], "strategy": request["BatchStrategy"], "payload": payload,
        "accept": request["TransformOutput"]["Accept"], "assemble": request["TransformOutput"]["AssembleWith"],
        "input_filter": filter(&processing["InputFilter"]), "output_filter": filter(&processing["OutputFilter"]),
        "join": processing["JoinSource"] == "Input",
    });
    let home = place.log.parent().unwrap_or(base);
    let (script, order) = (home.join("serve.py"), home.join("job.json"));
    fs::write(&script, SERVE).map_err(|error| format!("cannot write `{}`: {error}", script.display()))?;
    write_json(&order, &job)?;
    let mut all = variables(work, &environment(work, &model.container, request, base)?, base);
    all.push(("SM_MODEL_DIR".into(), base.join("model").to_string_lossy().into_owned()));
    let command = [&work.order.python, &script, &order].map(|part| part.to_string_lossy().into_owned());
    let spec = Spec {
        command: command.into(),
        variables: all,
        directory: base.to_owned(),
        log: place.log.clone(),
        limit: None,
    };
    let took = work.run(&spec)?;
    let to = text(&request["TransformOutput"]["S3OutputPath"]);
    let left = work.store.put(&output, &to).map_err(|error| format!("output: {error}"))?;
    let mut offers = request.clone();
    offers["TransformJobName"] = json!(name);
    offers["TransformJobStatus"] = json!("Completed");
    let result = JobResult {
        name,
        succeeded: true,
        seconds: took.as_secs_f64(),
        log: place.log,
        ..JobResult::default()
    };
    Ok(Done { offers, outputs: [("output".to_owned(), left)].into(), jobs: vec![result] })
}

/// A filter that leaves something out.
fn filter(value: &Value) -> Option<&str> {
    value.as_str().filter(|path| *path != "$")
}

/// The model that a step of this execution made.
fn model(work: &Work<'_>, name: &str) -> Result<Model, Failure> {
    let Some(request) = work.models.get(name) else {
        return Err(Failure::skipped(format!("model `{name}` is in an account, and not on this machine")));
    };
    let container = match &request["PrimaryContainer"] {
        Value::Null if request["Containers"].as_array().is_some_and(|all| all.len() == 1) => {
            &request["Containers"][0]
        }
        Value::Null => {
            return Err(Failure::skipped(
                "an inference pipeline of several containers is not on this machine",
            ));
        }
        container => container,
    };
    if let Some(arn) = container["ModelPackageName"].as_str() {
        let (container, archive) = registry::version(work.order, arn)?;
        return Ok(Model { container, archive });
    }
    let uri = container["ModelDataUrl"].as_str().ok_or_else(|| format!("model `{name}` has no archive"))?;
    let archive = work.store.path(uri)?;
    if !archive.is_file() {
        return Err(format!("the model's archive `{uri}` is not on this machine: no step made it").into());
    }
    Ok(Model { container: container.clone(), archive })
}

/// The container's variables, those of the job before those of the model; its own code beside the model's where they
/// name an archive.
fn environment(work: &Work<'_>, container: &Value, request: &Value, base: &Path) -> Result<Value, String> {
    let mut all = container["Environment"].as_object().cloned().unwrap_or_default();
    all.extend(request["Environment"].as_object().cloned().unwrap_or_default());
    if let Some(uri) = all.get("SAGEMAKER_SUBMIT_DIRECTORY").and_then(Value::as_str)
        && uri.starts_with("s3://")
    {
        let (aside, code) = (base.join("input/config/source"), base.join("code"));
        work.store.fetch(uri, "S3Prefix", &aside)?;
        unpack(&aside.join(uri.rsplit('/').next().unwrap_or_default()), &code)?;
        all.insert("SAGEMAKER_SUBMIT_DIRECTORY".into(), json!(code));
    }
    Ok(Value::Object(all))
}

fn unpack(archive: &Path, to: &Path) -> Result<(), String> {
    let told = |error: std::io::Error| format!("cannot unpack `{}`: {error}", archive.display());
    fs::create_dir_all(to).map_err(told)?;
    let file = fs::File::open(archive).map_err(told)?;
    tar::Archive::new(flate2::read::GzDecoder::new(file)).unpack(to).map_err(told)
}

/// Names of all files below a directory.
fn list(at: &Path, root: &Path, names: &mut Vec<String>) -> std::io::Result<()> {
    for entry in fs::read_dir(at)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, root, names)?;
        } else if let Ok(name) = path.strip_prefix(root) {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    Ok(())
}
