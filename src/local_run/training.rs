//! The contract of training jobs in script mode, as AWS's training toolkit keeps it.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo.html> and, for the variables,
//! <https://github.com/aws/sagemaker-training-toolkit/blob/master/ENVIRONMENT_VARIABLES.md>.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::jobs::{Done, Failure, Work, limit, local_path, mapped, variables, with_python, write_json};
use super::process::{self, Spec};
use super::schedule::Message;
use super::values::text;
use super::{Event, JobResult};
use crate::rules::log_metrics::Regex;

/// How often the log of a job that runs is looked at.
const LOOKS_EVERY: Duration = Duration::from_millis(200);

/// A training job: the request of `CreateTrainingJob`, its expressions computed.
pub(super) struct Job<'j> {
    pub(super) name: String,
    pub(super) request: &'j Value,
    /// With those that a tuning job chose.
    pub(super) hyperparameters: Map<String, Value>,
}

/// A training step.
pub(super) fn training(work: &Work<'_>, request: &Value) -> Result<Done, Failure> {
    let hyperparameters = request["HyperParameters"].as_object().cloned().unwrap_or_default();
    let job = Job { name: work.job_name(None), request, hyperparameters };
    let result = train(work, &job)?;
    let offers = described(&job, &result);
    let outputs = result.model.iter().map(|at| ("model".to_owned(), at.clone())).collect();
    Ok(Done { offers, outputs, jobs: vec![result] })
}

/// The answer of `DescribeTrainingJob`.
pub(super) fn described(job: &Job<'_>, result: &JobResult) -> Value {
    let mut offers = job.request.clone();
    offers["TrainingJobName"] = json!(job.name);
    offers["TrainingJobStatus"] = json!("Completed");
    offers["ModelArtifacts"] = json!({ "S3ModelArtifacts": model_uri(job) });
    let last = result.metrics.iter().filter_map(|(name, values)| Some((name, values.last()?)));
    let metrics: Vec<Value> =
        last.map(|(name, value)| json!({ "MetricName": name, "Value": value })).collect();
    offers["FinalMetricDataList"] = json!(metrics);
    offers
}

fn model_uri(job: &Job<'_>) -> String {
    let place = job.request["OutputDataConfig"]["S3OutputPath"].as_str().unwrap_or_default();
    format!("{}/{}/output/model.tar.gz", place.trim_end_matches('/'), job.name)
}

/// Runs one training job to its end.
pub(super) fn train(work: &Work<'_>, job: &Job<'_>) -> Result<JobResult, Failure> {
    let place = work.place(&job.name)?;
    let base = place.base.as_path();
    let request = job.request;
    let channels = channels(work, request, base)?;
    let checkpoints = checkpoints(work, request, base)?;
    let arguments = script_arguments(work, job, base);
    let (command, code) = command(work, job, base, &arguments)?;
    for directory in ["model", "output/data", "input/config"] {
        let at = base.join(directory);
        fs::create_dir_all(&at).map_err(|error| format!("cannot make `{}`: {error}", at.display()))?;
    }
    let resources = &request["ResourceConfig"];
    let instances =
        if resources.is_object() { resources } else { &request["HyperParameterTuningResourceConfig"] };
    if let Some(count) = instances["InstanceCount"].as_u64().filter(|count| *count > 1) {
        work.note(format!("one process in place of {count} instances"));
    }
    let configuration = input_configuration(request);
    let hosts = json!({
        "current_host": "algo-1", "current_instance_type": "local", "current_group_name": "homogeneousCluster",
        "hosts": ["algo-1"], "network_interface_name": "lo",
        "instance_groups": [{ "instance_group_name": "homogeneousCluster", "instance_type": "local", "hosts": ["algo-1"] }],
    });
    write_json(&base.join("input/config/hyperparameters.json"), &Value::Object(job.hyperparameters.clone()))?;
    write_json(&base.join("input/config/inputdataconfig.json"), &configuration)?;
    write_json(&base.join("input/config/resourceconfig.json"), &hosts)?;
    let mut all = variables(work, &request["Environment"], base);
    all.extend(of_toolkit(work, job, base, &channels, &arguments, &configuration, &hosts));
    let directory = code.unwrap_or_else(|| base.to_owned());
    let spec = Spec { command, variables: all, directory, log: place.log.clone(), limit: limit(request) };
    let expressions = expressions(request)?;
    let ended = AtomicBool::new(false);
    let run = std::thread::scope(|scope| {
        scope.spawn(|| follow(work, &job.name, &expressions, &place.log, &ended));
        let run = work.run(&spec);
        ended.store(true, Ordering::Relaxed);
        run
    });
    let metrics = metrics(&expressions, &place.log);
    if let Some((local, uri)) = checkpoints {
        work.store.put(&local, &uri).map_err(|error| format!("checkpoints: {error}"))?;
    }
    let took = run.map_err(|mut failure| {
        // What a container writes here is the reason that AWS shows.
        if let Ok(reason) = fs::read_to_string(base.join("output/failure")) {
            reason.trim().lines().last().unwrap_or_default().clone_into(&mut failure.message);
        }
        failure
    })?;
    let model = base.join("model");
    if fs::read_dir(&model).is_ok_and(|mut entries| entries.next().is_none()) {
        work.note("the script left nothing in `SM_MODEL_DIR`: the model is empty");
    }
    let model = work.store.pack(&model, &model_uri(job))?;
    let data = base.join("output/data");
    if fs::read_dir(&data).is_ok_and(|mut entries| entries.next().is_some()) {
        work.store.pack(&data, &model_uri(job).replace("model.tar.gz", "output.tar.gz"))?;
    }
    Ok(JobResult {
        name: job.name.clone(),
        succeeded: true,
        seconds: took.as_secs_f64(),
        metrics,
        model: Some(model),
        log: place.log,
        ..JobResult::default()
    })
}

/// Fetches the channels; their names and directories.
fn channels(work: &Work<'_>, request: &Value, base: &Path) -> Result<BTreeMap<String, PathBuf>, Failure> {
    let mut all = BTreeMap::new();
    for channel in request["InputDataConfig"].as_array().into_iter().flatten() {
        let name = text(&channel["ChannelName"]);
        if channel["InputMode"] == "Pipe" || request["AlgorithmSpecification"]["TrainingInputMode"] == "Pipe"
        {
            let message = format!("channel `{name}` is a pipe, which there is not on this machine");
            return Err(Failure { help: Some("take `mode: file` or `fast_file`".into()), ..message.into() });
        }
        let source = &channel["DataSource"]["S3DataSource"];
        let Some(uri) = source["S3Uri"].as_str() else {
            return Err(format!("channel `{name}` is not in S3, and cannot be had on this machine").into());
        };
        let to = local_path(&format!("/opt/ml/input/data/{name}"), base)?;
        let kind = source["S3DataType"].as_str().unwrap_or("S3Prefix");
        work.store.fetch(uri, kind, &to).map_err(|error| format!("channel `{name}`: {error}"))?;
        all.insert(name, to);
    }
    Ok(all)
}

/// Where checkpoints are kept on this machine and in S3, with what is there.
fn checkpoints(work: &Work<'_>, request: &Value, base: &Path) -> Result<Option<(PathBuf, String)>, String> {
    let config = &request["CheckpointConfig"];
    let Some(uri) = config["S3Uri"].as_str() else { return Ok(None) };
    let local = local_path(config["LocalPath"].as_str().unwrap_or("/opt/ml/checkpoints"), base)?;
    if work.store.path(uri)?.is_dir() {
        work.store.fetch(uri, "S3Prefix", &local)?;
    }
    fs::create_dir_all(&local).map_err(|error| format!("cannot make `{}`: {error}", local.display()))?;
    Ok(Some((local, uri.to_owned())))
}

/// A hyperparameter as the toolkit decodes it: JSON where it is that, else text. What it names in S3 lies here.
fn decoded(work: &Work<'_>, value: &Value, base: &Path) -> Value {
    let text = text(value);
    match serde_json::from_str(&text).unwrap_or(Value::String(text)) {
        Value::String(text) if text.starts_with("s3://") => match work.store.path(&text) {
            Ok(path) => Value::String(path.to_string_lossy().into_owned()),
            Err(_) => Value::String(text),
        },
        Value::String(text) => Value::String(mapped(&text, base)),
        other => other,
    }
}

/// The hyperparameters that are the script's own.
fn own(work: &Work<'_>, job: &Job<'_>, base: &Path) -> Map<String, Value> {
    let own = job
        .hyperparameters
        .iter()
        .filter(|(name, _)| !name.starts_with("sagemaker_") && !name.starts_with('_'));
    own.map(|(name, value)| (name.clone(), decoded(work, value, base))).collect()
}

/// `--name value`, as the toolkit orders them: by name.
fn script_arguments(work: &Work<'_>, job: &Job<'_>, base: &Path) -> Vec<String> {
    let own: BTreeMap<String, Value> = own(work, job, base).into_iter().collect();
    own.iter()
        .flat_map(|(name, value)| {
            let dashes = if name.chars().count() == 1 { "-" } else { "--" };
            let value = match value {
                Value::Bool(true) => "True".to_owned(),
                Value::Bool(false) => "False".to_owned(),
                other => text(other),
            };
            [format!("{dashes}{name}"), value]
        })
        .collect()
}

/// What runs, and the directory of its code.
fn command(
    work: &Work<'_>,
    job: &Job<'_>,
    base: &Path,
    arguments: &[String],
) -> Result<(Vec<String>, Option<PathBuf>), Failure> {
    let algorithm = &job.request["AlgorithmSpecification"];
    let entry: Vec<String> = ["ContainerEntrypoint", "ContainerArguments"]
        .iter()
        .flat_map(|member| algorithm[*member].as_array().into_iter().flatten())
        .map(|word| mapped(&text(word), base))
        .collect();
    if algorithm["ContainerEntrypoint"].is_array() {
        return Ok((with_python(entry, work.order), None));
    }
    let hyperparameter = |name: &str| {
        let value = text(job.hyperparameters.get(name)?);
        Some(serde_json::from_str::<String>(&value).unwrap_or(value))
    };
    let (Some(directory), Some(program)) =
        (hyperparameter("sagemaker_submit_directory"), hyperparameter("sagemaker_program"))
    else {
        let image = text(&algorithm["TrainingImage"]);
        return Err(Failure::skipped(format!("the algorithm of image `{image}` is not on this machine")));
    };
    let code = base.join("code");
    let archive = base.join("input/config/source");
    work.store.fetch(&directory, "S3Prefix", &archive).map_err(|error| format!("source: {error}"))?;
    let told = |error: std::io::Error| format!("cannot unpack `{directory}`: {error}");
    fs::create_dir_all(&code).map_err(&told)?;
    let file = fs::File::open(archive.join("sourcedir.tar.gz")).map_err(&told)?;
    tar::Archive::new(flate2::read::GzDecoder::new(file)).unpack(&code).map_err(&told)?;
    if code.join("requirements.txt").is_file() {
        work.note("`requirements.txt` is installed by the container in AWS, and not here");
    }
    let script = code.join(&program).to_string_lossy().into_owned();
    let mut command = if Path::new(&program).extension().is_some_and(|it| it == "py") {
        vec![work.order.python.to_string_lossy().into_owned(), script]
    } else {
        vec!["/bin/sh".to_owned(), script]
    };
    command.extend_from_slice(arguments);
    Ok((command, Some(code)))
}

fn input_configuration(request: &Value) -> Value {
    let mut all = Map::new();
    for channel in request["InputDataConfig"].as_array().into_iter().flatten() {
        let source = &channel["DataSource"]["S3DataSource"];
        all.insert(
            text(&channel["ChannelName"]),
            json!({
                "TrainingInputMode": "File",
                "S3DistributionType": source["S3DataDistributionType"],
                "RecordWrapperType": channel["RecordWrapperType"].as_str().unwrap_or("None"),
                "ContentType": channel["ContentType"],
            }),
        );
    }
    Value::Object(all)
}

/// The variables that the toolkit sets.
fn of_toolkit(
    work: &Work<'_>,
    job: &Job<'_>,
    base: &Path,
    channels: &BTreeMap<String, PathBuf>,
    arguments: &[String],
    configuration: &Value,
    hosts: &Value,
) -> Vec<(String, String)> {
    let at = |directory: &str| base.join(directory).to_string_lossy().into_owned();
    let own = own(work, job, base);
    let program = job.hyperparameters.get("sagemaker_program").map(text).unwrap_or_default();
    let program = serde_json::from_str::<String>(&program).unwrap_or(program);
    let module = program.strip_suffix(".py").unwrap_or(&program).to_owned();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let names: Vec<&String> = channels.keys().collect();
    let level = job.hyperparameters.get("sagemaker_container_log_level").map_or("20".to_owned(), text);
    let mut all: Vec<(String, String)> = vec![
        ("TRAINING_JOB_NAME".into(), job.name.clone()),
        ("SM_MODEL_DIR".into(), at("model")),
        ("SM_OUTPUT_DIR".into(), at("output")),
        ("SM_OUTPUT_DATA_DIR".into(), at("output/data")),
        ("SM_OUTPUT_INTERMEDIATE_DIR".into(), at("output/intermediate")),
        ("SM_INPUT_DIR".into(), at("input")),
        ("SM_INPUT_CONFIG_DIR".into(), at("input/config")),
        ("SM_MODULE_DIR".into(), at("code")),
        ("SM_MODULE_NAME".into(), module),
        ("SM_USER_ENTRY_POINT".into(), program),
        ("SM_USER_ARGS".into(), json!(arguments).to_string()),
        ("SM_HPS".into(), json!(own).to_string()),
        ("SM_CHANNELS".into(), json!(names).to_string()),
        ("SM_INPUT_DATA_CONFIG".into(), configuration.to_string()),
        ("SM_RESOURCE_CONFIG".into(), hosts.to_string()),
        ("SM_CURRENT_HOST".into(), "algo-1".into()),
        ("SM_MASTER".into(), "algo-1".into()),
        ("SM_IS_MASTER".into(), "true".into()),
        ("SM_HOSTS".into(), "[\"algo-1\"]".into()),
        ("SM_NETWORK_INTERFACE_NAME".into(), "lo".into()),
        ("SM_CURRENT_INSTANCE_TYPE".into(), "local".into()),
        ("SM_NUM_GPUS".into(), "0".into()),
        ("SM_NUM_CPUS".into(), cores.to_string()),
        ("SM_LOG_LEVEL".into(), level),
    ];
    for (name, path) in channels {
        all.push((format!("SM_CHANNEL_{}", name.to_uppercase()), path.to_string_lossy().into_owned()));
    }
    for (name, value) in &own {
        all.push((format!("SM_HP_{}", name.to_uppercase()), text(value)));
    }
    let described = json!({
        "channel_input_dirs": channels, "current_host": "algo-1", "hosts": ["algo-1"], "hyperparameters": own,
        "job_name": job.name, "model_dir": at("model"), "output_data_dir": at("output/data"), "num_cpus": cores,
        "num_gpus": 0,
    });
    all.push(("SM_TRAINING_ENV".into(), described.to_string()));
    all
}

/// The metric definitions: their names and expressions.
fn expressions(request: &Value) -> Result<Vec<(String, Regex)>, String> {
    let definitions = request["AlgorithmSpecification"]["MetricDefinitions"].as_array().into_iter().flatten();
    let compiled = |metric: &Value| {
        let name = text(&metric["Name"]);
        let regex = Regex::new(&text(&metric["Regex"]));
        let regex = regex.map_err(|error| format!("the expression of metric `{name}`: {error}"))?;
        Ok((name, regex))
    };
    definitions.map(compiled).collect()
}

/// What an expression catches in a text, in its order.
fn caught(regex: &Regex, text: &str) -> Vec<f64> {
    text.lines()
        .flat_map(|line| regex.captured(line))
        .filter_map(|number| number.trim().parse().ok())
        .filter(|number: &f64| number.is_finite())
        .collect()
}

/// What the metric definitions catch in the log.
fn metrics(expressions: &[(String, Regex)], log: &Path) -> BTreeMap<String, Vec<f64>> {
    let log = process::whole(log);
    expressions.iter().map(|(name, regex)| (name.clone(), caught(regex, &log))).collect()
}

/// Tells what a job prints while it runs: of the log only what is new, and only whole lines.
fn follow(work: &Work<'_>, job: &str, expressions: &[(String, Regex)], log: &Path, ended: &AtomicBool) {
    let mut latest: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    let mut read = 0;
    while !ended.load(Ordering::Relaxed) {
        std::thread::sleep(LOOKS_EVERY);
        let mut new = Vec::new();
        let begun = fs::File::open(log).and_then(|mut file| {
            file.seek(SeekFrom::Start(read))?;
            file.read_to_end(&mut new)
        });
        let Some(end) = begun.ok().and_then(|_| new.iter().rposition(|byte| *byte == b'\n')) else {
            continue;
        };
        new.truncate(end + 1);
        read += new.len() as u64;
        let text = String::from_utf8_lossy(&new);
        let mut found = false;
        for (name, regex) in expressions {
            let values = caught(regex, &text);
            let Some(last) = values.last() else { continue };
            let so_far = latest.get(name.as_str()).map_or(0, |(count, _)| *count);
            latest.insert(name, (so_far + values.len(), *last));
            found = true;
        }
        if found {
            let latest =
                latest.iter().map(|(name, (count, last))| ((*name).to_owned(), *count, *last)).collect();
            let event = Event::Metrics { step: work.name().to_owned(), job: job.to_owned(), latest };
            // Whoever listens has gone only when the execution is over.
            let _ = work.tell.send(Message::Event(event));
        }
    }
}
