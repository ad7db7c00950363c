use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;

use super::*;

mod packages;
mod transform;

/// A directory for one test, and what is executed in it.
struct Bench {
    directory: tempfile::TempDir,
    order: Order,
}

impl Bench {
    /// These steps, whose scripts are given by name.
    fn new(steps: &Value, scripts: &[(&str, &str)]) -> Bench {
        let directory = tempfile::tempdir().unwrap();
        let assets = scripts.iter().map(|(name, text)| match name.strip_suffix(".tar.gz") {
            None => (format!("assets/{name}/main.py"), text.as_bytes().to_vec()),
            Some(name) => (format!("assets/{name}/sourcedir.tar.gz"), packed(text)),
        });
        let order = Order {
            stack: "s".to_owned(),
            environment: "dev".to_owned(),
            region: "eu-west-1".to_owned(),
            definition: json!({
                "Version": "2020-12-01",
                "Parameters": [
                    { "Name": "least", "Type": "Float", "DefaultValue": 0.5 },
                    { "Name": "word", "Type": "String", "DefaultValue": "w" },
                ],
                "Steps": steps,
            }),
            parameters: BTreeMap::new(),
            assets: assets.collect(),
            datasets: Vec::new(),
            home: directory.path().join("home"),
            python: PathBuf::from("python3"),
            max_jobs: 3,
            max_parallel: 2,
            use_cache: true,
            labels: Map::new(),
        };
        Bench { directory, order }
    }

    fn run(&self) -> Outcome {
        execute(&self.order, &AtomicBool::new(false), &mut |_| {}).unwrap()
    }

    /// Runs it: each step in the order of its end as `name status`, with the first words of its message.
    fn check(&self, expected: &[&str]) -> Outcome {
        let outcome = self.run();
        let told: Vec<String> = outcome.steps.iter().map(line).collect();
        let fits = told.len() == expected.len()
            && told.iter().zip(expected).all(|(told, expected)| told.starts_with(expected));
        assert!(fits, "{told:#?}\n{expected:#?}\n{:#?}", outcome.failure());
        outcome
    }
}

fn line(step: &StepResult) -> String {
    let cached = if step.cached_from.is_some() { " (cached)" } else { "" };
    let message = step.message.as_ref().map(|it| format!(": {it}")).unwrap_or_default();
    format!("{} {}{cached}{message}", step.name, step.status.words())
}

fn packed(text: &str) -> Vec<u8> {
    let mut archive =
        tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, "train.py", text.as_bytes()).unwrap();
    archive.into_inner().unwrap().finish().unwrap()
}

/// What a script reads and writes with.
const HEAD: &str = "import os, json, sys, pathlib\nbase = pathlib.Path(os.environ['SMSTACK_BASE_DIR'])\n";
/// Writes `report.json` with 0.7 as its value.
const REPORT: &str = "import os, pathlib\n\
    out = pathlib.Path(os.environ['SMSTACK_BASE_DIR']) / 'processing/out'\n\
    (out / 'report.json').write_text('{\"a\": {\"value\": 0.7}}')\nprint('done')\n";

/// A processing step that runs a script; its output `out` has the property file `report`.
fn processing(name: &str, script: &str) -> Value {
    json!({
        "Name": name, "Type": "Processing",
        "Arguments": {
            "AppSpecification": {
                "ImageUri": "1.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/sagemaker-scikit-learn:1.2-1-cpu-py3",
                "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/main.py"],
            },
            "ProcessingInputs": [{ "InputName": "code", "S3Input": {
                "S3Uri": format!("s3://${{ArtifactBucket}}/assets/{script}/main.py"),
                "LocalPath": "/opt/ml/processing/input/code",
            } }],
            "ProcessingOutputConfig": { "Outputs": [{ "OutputName": "out", "S3Output": {
                "S3Uri": { "Std:Join": { "On": "/", "Values": [
                    "s3://${Bucket}", { "Get": "Execution.PipelineExecutionId" }, name] } },
                "LocalPath": "/opt/ml/processing/out",
            } }] },
        },
        "PropertyFiles": [{ "PropertyFileName": "report", "OutputName": "out", "FilePath": "report.json" }],
    })
}

/// One more input, which an expression names.
fn with_input(mut step: Value, uri: &Value) -> Value {
    let input =
        json!({ "InputName": "more", "S3Input": { "S3Uri": uri, "LocalPath": "/opt/ml/processing/more" } });
    step["Arguments"]["ProcessingInputs"].as_array_mut().unwrap().push(input);
    step
}

fn condition(kind: &str) -> Value {
    json!({
        "Name": "gate", "Type": "Condition",
        "Arguments": {
            "Conditions": [{
                "Type": kind,
                "LeftValue": { "Std:JsonGet": {
                    "PropertyFile": { "Get": "Steps.evaluate.PropertyFiles.report" }, "Path": "a.value" } },
                "RightValue": { "Get": "Parameters.least" },
            }],
            "IfSteps": [processing("yes", "report")],
            "ElseSteps": [{ "Name": "no", "Type": "Fail", "Arguments": { "ErrorMessage": {
                "Std:Join": { "On": " ", "Values": ["below", { "Get": "Parameters.least" }] } } } }],
        },
    })
}

fn training_request() -> Value {
    json!({
        "AlgorithmSpecification": {
            "TrainingImage": "1.dkr.ecr.eu-west-1.amazonaws.com/tensorflow-training:2.12-cpu-py310",
            "MetricDefinitions": [{ "Name": "val:score", "Regex": "score=([0-9.]+)" }],
        },
        "OutputDataConfig": { "S3OutputPath": "s3://${Bucket}/models" },
        "StoppingCondition": { "MaxRuntimeInSeconds": 60 },
        "InputDataConfig": [],
    })
}

fn hyperparameters(more: &[(&str, &str)]) -> Value {
    let mut all = json!({
        "sagemaker_program": "\"train.py\"",
        "sagemaker_submit_directory": "\"s3://${ArtifactBucket}/assets/train/sourcedir.tar.gz\"",
    });
    for (name, value) in more {
        all[*name] = json!(value);
    }
    all
}

fn training(name: &str, more: &[(&str, &str)]) -> Value {
    let mut request = training_request();
    request["HyperParameters"] = hyperparameters(more);
    json!({ "Name": name, "Type": "Training", "Arguments": request })
}

#[test]
fn a_condition_takes_one_branch_or_the_other() {
    let steps = json!([condition("GreaterThanOrEqualTo"), processing("evaluate", "report")]);
    let bench = Bench::new(&steps, &[("report", REPORT)]);
    let outcome = bench.check(&[
        "evaluate succeeded",
        "gate succeeded: 0.7 ≥ 0.5: true; then",
        "no not taken",
        "yes succeeded",
    ]);
    assert_eq!((outcome.status, outcome.failed_step), (StepStatus::Succeeded, None));
    assert_eq!(outcome.reports["evaluate/report"]["a"]["value"], 0.7);

    let mut bench = bench;
    bench.order.parameters.insert("least".into(), "0.75".into());
    let outcome = bench.check(&[
        "evaluate succeeded",
        "gate succeeded: 0.7 ≥ 0.75: false; else",
        "yes not taken",
        "no failed: below 0.75",
    ]);
    assert_eq!((outcome.status, outcome.failed_step.as_deref()), (StepStatus::Failed, Some("no")));
}

#[test]
fn conditions_are_computed_as_pipelines_does() {
    let store_of = Bench::new(&json!([]), &[]);
    let store = store::Store::new(&store_of.order).unwrap();
    let check = |condition: Value, expected: Result<bool, &str>| {
        let step = json!({ "Arguments": { "Conditions": [condition] } });
        let found = steps::holds(&values::Known::default(), &store, &step);
        match (found, expected) {
            (Ok((is, _)), Ok(expected)) => assert_eq!(is, expected, "{condition}"),
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            other => panic!("{condition}: {other:?}"),
        }
    };
    let of = |kind: &str, left: Value, right: Value| json!({ "Type": kind, "LeftValue": left, "RightValue": right });
    check(of("Equals", json!(1), json!(1.0)), Ok(true));
    check(of("Equals", json!("a"), json!("b")), Ok(false));
    check(of("GreaterThan", json!(1), json!(1)), Ok(false));
    check(of("LessThan", json!("0.5"), json!(1)), Ok(true));
    check(of("LessThanOrEqualTo", json!(2), json!(1)), Ok(false));
    check(of("LessThan", json!("a"), json!(1)), Err("cannot be compared"));
    check(of("Resembles", json!(1), json!(1)), Err("`Resembles` is not known"));
    check(json!({ "Type": "In", "QueryValue": "b", "Values": ["a", "b"] }), Ok(true));
    check(json!({ "Type": "Not", "Condition": of("Equals", json!(1), json!(1)) }), Ok(false));
    let or = json!({ "Type": "Or", "Conditions": [of("Equals", json!(1), json!(2)), of("Equals", json!(1), json!(1))] });
    check(or, Ok(true));
}

#[test]
fn outputs_reach_who_uses_them_and_who_waits_comes_later() {
    let read = format!(
        "{HEAD}print((base / 'processing/more/report.json').read_text(), sys.argv, os.environ['W'])\n"
    );
    let uri = json!({ "Get": "Steps.a.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri" });
    let mut b = with_input(processing("b", "read"), &uri);
    b["Arguments"]["AppSpecification"]["ContainerArguments"] =
        json!(["--at", "/opt/ml/processing/x", { "Get": "Parameters.word" }]);
    b["Arguments"]["Environment"] =
        json!({ "W": { "Std:Join": { "On": "-", "Values": ["v", 1, { "Get": "Parameters.word" }] } } });
    let mut last = processing("first", "report");
    last["DependsOn"] = json!(["b"]);
    let bench =
        Bench::new(&json!([last, b, processing("a", "report")]), &[("report", REPORT), ("read", &read)]);
    let outcome = bench.check(&["a succeeded", "b succeeded", "first succeeded"]);
    let log = std::fs::read_to_string(outcome.steps[1].log.as_ref().unwrap()).unwrap();
    assert!(log.contains("{\"a\": {\"value\": 0.7}}") && log.contains("v-1-w"), "{log}");
    assert!(log.contains("opt/ml/processing/x', 'w']") && !log.contains("'/opt/ml"), "{log}");
}

#[test]
fn a_result_is_used_again_until_it_expires_or_its_data_changes() {
    let mut step = with_input(processing("a", "report"), &json!("s3://${Raw}/data/"));
    step["CacheConfig"] = json!({ "Enabled": true, "ExpireAfter": "P30D" });
    let next = with_input(
        processing("b", "report"),
        &json!({ "Get": "Steps.a.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri" }),
    );
    let mut bench = Bench::new(&json!([step, next]), &[("report", REPORT)]);
    let data = bench.directory.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("a.csv"), "1").unwrap();
    let uri = "s3://${Raw}/data/".to_owned();
    bench.order.datasets.push(Dataset { name: "d".into(), uri, directory: data.clone() });
    bench.check(&["a succeeded", "b succeeded"]);
    bench.check(&["a succeeded (cached)", "b succeeded"]);
    bench.order.use_cache = false;
    bench.check(&["a succeeded", "b succeeded"]);
    bench.order.use_cache = true;
    std::fs::write(data.join("a.csv"), "2").unwrap();
    bench.check(&["a succeeded", "b succeeded"]);
    bench.order.definition["Steps"][0]["CacheConfig"]["ExpireAfter"] = json!("PT0S");
    bench.check(&["a succeeded", "b succeeded"]);
}

#[test]
fn training_keeps_the_contract_of_the_toolkit() {
    let script = format!(
        "{HEAD}hps = json.load(open(base / 'input/config/hyperparameters.json'))\n\
         print(sys.argv[1:], os.environ['SM_HPS'], os.environ['SM_CHANNELS'], hps['rate'])\n\
         print('score=0.25 score=0.5')\nprint('score=0.75')\n\
         pathlib.Path(os.environ['SM_MODEL_DIR'], 'm').write_text('model')\n\
         print(os.environ['SM_CHANNEL_TRAIN'], os.environ.get('AWS_SECRET_ACCESS_KEY'))\n"
    );
    let mut step = training("fit", &[("rate", "0.1"), ("flag", "true"), ("n", "3")]);
    step["Arguments"]["InputDataConfig"] = json!([{ "ChannelName": "train", "DataSource": { "S3DataSource": {
        "S3Uri": { "Get": "Steps.a.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri" } } } }]);
    let use_model = format!(
        "{HEAD}import tarfile\nprint(tarfile.open(base / 'processing/more/model.tar.gz').getnames())\n"
    );
    let after =
        with_input(processing("b", "model"), &json!({ "Get": "Steps.fit.ModelArtifacts.S3ModelArtifacts" }));
    let scripts = [("report", REPORT), ("train.tar.gz", &script), ("model", &use_model)];
    let bench = Bench::new(&json!([processing("a", "report"), step, after]), &scripts);
    let outcome = bench.check(&["a succeeded", "fit succeeded", "b succeeded"]);
    let job = &outcome.steps[1].jobs[0];
    assert_eq!(job.metrics["val:score"], [0.25, 0.5, 0.75]);
    let log = std::fs::read_to_string(&job.log).unwrap();
    for part in [
        "['--flag', 'True', '-n', '3', '--rate', '0.1']",
        "\"rate\":0.1",
        "[\"train\"] 0.1",
        "opt/ml/input/data/train None",
    ] {
        assert!(log.contains(part), "{part}\n{log}");
    }
    let log = std::fs::read_to_string(outcome.steps[2].log.as_ref().unwrap()).unwrap();
    assert!(log.contains("'m'"), "{log}");
}

fn tuning() -> Value {
    let mut definition = training_request();
    definition["StaticHyperParameters"] = hyperparameters(&[("epochs", "2")]);
    json!({ "Name": "search", "Type": "Tuning", "Arguments": {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": { "Type": "Maximize", "MetricName": "val:score" },
            "ResourceLimits": { "MaxNumberOfTrainingJobs": 50, "MaxParallelTrainingJobs": 5 },
            "ParameterRanges": {
                "ContinuousParameterRanges": [
                    { "Name": "rate", "MinValue": "0.001", "MaxValue": "0.1", "ScalingType": "Logarithmic" }],
                "IntegerParameterRanges": [{ "Name": "units", "MinValue": "2", "MaxValue": "9" }],
                "CategoricalParameterRanges": [{ "Name": "kind", "Values": ["x", "y"] }],
            },
        },
        "TrainingJobDefinition": definition,
    } })
}

#[test]
fn tuning_draws_the_same_few_jobs_and_takes_the_best() {
    let script = "import sys\nunits = sys.argv[sys.argv.index('--units') + 1]\n\
                  assert 2 <= int(units) <= 9 and '--_tuning_objective_metric' not in sys.argv\nprint('score=' + units)\n";
    let best = json!({ "Std:Join": { "On": "", "Values": [
        "s3://${Bucket}/models/", { "Get": "Steps.search.TrainingJobSummaries[0].TrainingJobName" }, "/output/model.tar.gz"] } });
    let steps = json!([tuning(), with_input(processing("a", "report"), &best)]);
    let bench = Bench::new(&steps, &[("train.tar.gz", script), ("report", REPORT)]);
    let outcome = bench.check(&["search succeeded", "a succeeded"]);
    let jobs = &outcome.steps[0].jobs;
    let reached: Vec<f64> = jobs.iter().map(|job| job.objective.unwrap()).collect();
    assert!(jobs.len() == 3 && reached.is_sorted_by(|a, b| a >= b) && reached[0] > reached[2], "{reached:?}");
    assert_eq!(jobs.iter().filter(|job| job.best).count(), 1);
    let rate: f64 = jobs[0].hyperparameters["rate"].parse().unwrap();
    assert!((0.001..=0.1).contains(&rate));
    let again = bench.run();
    let chosen = |outcome: &Outcome| -> Vec<_> {
        outcome.steps[0].jobs.iter().map(|job| job.hyperparameters.clone()).collect()
    };
    assert_eq!(chosen(&outcome), chosen(&again));
}

#[test]
fn an_objective_that_nobody_writes_is_told() {
    let bench = Bench::new(&json!([tuning()]), &[("train.tar.gz", "print('accuracy: 1')\n")]);
    bench.check(&["search failed: no training job wrote the objective `val:score`"]);
    let bench = Bench::new(&json!([tuning()]), &[("train.tar.gz", "raise SystemExit('no')\n")]);
    bench.check(&["search failed: every training job failed: exit code 1: no"]);
}

#[test]
fn a_model_is_registered_with_what_it_is_made_of() {
    let register = json!({ "Name": "register", "Type": "RegisterModel", "Arguments": {
        "ModelPackageGroupName": "g",
        "ModelApprovalStatus": "Approved",
        "InferenceSpecification": { "Containers": [
            { "ModelDataUrl": { "Get": "Steps.fit.ModelArtifacts.S3ModelArtifacts" } }] },
    } });
    let steps = json!([training("fit", &[]), register]);
    let mut bench = Bench::new(&steps, &[("train.tar.gz", "print('score=1')\n")]);
    bench.order.labels.insert("commit".into(), json!("abc"));
    for version in 1..=2 {
        let outcome = bench.check(&["fit succeeded", "register succeeded"]);
        let registered = &outcome.registered[0];
        assert_eq!((registered.version, &*registered.approval), (version, "Approved"));
        let text = std::fs::read_to_string(registered.directory.join("model-package.json")).unwrap();
        let package: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(package["made_of"]["labels"]["commit"], "abc");
        assert_eq!(package["made_of"]["execution"], outcome.execution);
        assert!(registered.directory.join("model.tar.gz").is_file());
    }
}

#[test]
fn what_goes_wrong_is_said_and_nothing_begins_after_it() {
    let check = |edit: &dyn Fn(&mut Value), script: &str, expected: &str, help: &str| {
        let mut step = processing("a", "script");
        edit(&mut step);
        let mut after = processing("z", "script");
        after["DependsOn"] = json!(["a"]);
        let bench = Bench::new(&json!([step, after]), &[("script", script)]);
        let outcome = bench.check(&[expected, "z not reached"]);
        assert!(
            outcome.steps[0].help.as_deref().unwrap_or_default().contains(help),
            "{:?}",
            outcome.steps[0]
        );
    };
    let same = |_: &mut Value| {};
    check(&same, "import sys\nprint('one')\nsys.exit('reason')\n", "a failed: exit code 1: reason", "");
    check(&same, "import os\nos.kill(os.getpid(), 9)\n", "a failed: signal 9 killed the process", "memory");
    let late = "def f():\n    import nowhere_to_be_found\nf()\n";
    check(&same, late, "a failed: exit code 1: ModuleNotFoundError", "pip install 'nowhere_to_be_found'");
    let soon =
        |step: &mut Value| step["Arguments"]["StoppingCondition"] = json!({ "MaxRuntimeInSeconds": 1 });
    check(&soon, "import time\ntime.sleep(60)\n", "a failed: ended after 1 s", "max_runtime");
    let none = |step: &mut Value| {
        let input = json!({ "InputName": "x", "S3Input": { "S3Uri": "s3://b/none", "LocalPath": "/opt/ml/processing/x" } });
        step["Arguments"]["ProcessingInputs"].as_array_mut().unwrap().push(input);
    };
    check(&none, "", "a failed: input `x`: there is nothing at `s3://b/none`", "");
    let outside = |step: &mut Value| {
        step["Arguments"]["ProcessingInputs"][0]["S3Input"]["LocalPath"] = json!("/etc/x");
    };
    check(&outside, "", "a failed: `/etc/x` is not below `/opt/ml`", "");
    let leaves = |step: &mut Value| {
        step["Arguments"]["ProcessingInputs"][0]["S3Input"]["S3Uri"] = json!("s3://b/../../x");
    };
    check(&leaves, "", "a failed: input `code`: `s3://b/../../x` cannot be a path", "");
    let unknown = |step: &mut Value| {
        step["Arguments"]["Environment"] = json!({ "X": { "Get": "Steps.a.Nothing" } });
    };
    check(&unknown, "", "a failed: `Steps.a.Nothing` is not known", "");
}

#[test]
fn a_killed_process_runs_again_where_the_definition_says_so() {
    let script = "import os, pathlib\nmark = pathlib.Path(os.environ['SMSTACK_BASE_DIR'], 'mark')\n\
                  if not mark.exists():\n    mark.touch()\n    os.kill(os.getpid(), 9)\n";
    let mut step = processing("a", "script");
    step["RetryPolicies"] = json!([{ "ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "MaxAttempts": 1 }]);
    Bench::new(&json!([step]), &[("script", script)]).check(&["a succeeded"]);
}

#[test]
fn what_cannot_run_here_is_skipped_and_said() {
    let mut image = processing("image", "report");
    image["Arguments"]["AppSpecification"].as_object_mut().unwrap().shift_remove("ContainerEntrypoint");
    let uses = json!({ "Get": "Steps.call.OutputParameters['x']" });
    let steps = json!([
        { "Name": "call", "Type": "Lambda", "Arguments": {} },
        { "Name": "new", "Type": "Teleport", "Arguments": { "To": "mars" } },
        { "Name": "check", "Type": "QualityCheck", "Arguments": {} },
        image,
        with_input(processing("a", "report"), &uses),
    ]);
    let outcome = Bench::new(&steps, &[("report", REPORT)]).run();
    let told: BTreeMap<&str, String> = outcome.steps.iter().map(|step| (&*step.name, line(step))).collect();
    assert!(told["call"].starts_with("call skipped: a step of type `Lambda` calls AWS"), "{told:?}");
    assert!(told["new"].starts_with("new skipped: a step of type `Teleport`"), "{told:?}");
    assert!(told["check"].starts_with("check skipped: the container that computes baselines"), "{told:?}");
    assert!(told["a"].starts_with("a failed: `Steps.call.OutputParameters['x']` is not known"), "{told:?}");
}

/// Whoever watches sees how far a training job is, before it ends.
#[test]
fn metrics_are_told_while_a_job_runs() {
    let script =
        "import time\nfor value in (0.25, 0.5):\n    print(f'score={value}', flush=True)\ntime.sleep(1)\n";
    let bench = Bench::new(&json!([training("fit", &[])]), &[("train.tar.gz", script)]);
    let mut told = Vec::new();
    let mut tell = |event| {
        if let Event::Metrics { job, latest, .. } = event {
            told.push((job, latest));
        }
    };
    let outcome = execute(&bench.order, &AtomicBool::new(false), &mut tell).unwrap();
    let job = outcome.steps[0].jobs[0].name.clone();
    assert_eq!(told.last(), Some(&(job, vec![("val:score".to_owned(), 2, 0.5)])));
}

#[test]
fn steps_that_wait_for_each_other_end() {
    let after = |name: &str, other: &str| {
        let mut step = processing(name, "report");
        step["DependsOn"] = json!([other]);
        step
    };
    let bench = Bench::new(&json!([after("a", "b"), after("b", "a")]), &[("report", REPORT)]);
    bench.check(&["a failed: it waits for `b`, which never end", "b not reached"]);
}

/// Also what a job's process started itself.
#[test]
fn stopping_leaves_no_process() {
    let script = format!(
        "{HEAD}import subprocess, time\nchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'])\n\
         (base / 'pids').write_text(f'{{os.getpid()}} {{child.pid}}')\ntime.sleep(99)\n"
    );
    let bench =
        Bench::new(&json!([processing("a", "script"), processing("b", "script")]), &[("script", &script)]);
    let stop = AtomicBool::new(false);
    let pids = || -> Vec<String> {
        let mut all = Vec::new();
        for step in ["a", "b"] {
            for entry in
                std::fs::read_dir(bench.order.home.join("executions")).into_iter().flatten().flatten()
            {
                let name = format!("{step}-{}", entry.file_name().to_string_lossy());
                let text =
                    std::fs::read_to_string(entry.path().join(name).join("opt/ml/pids")).unwrap_or_default();
                all.extend(text.split(' ').filter(|pid| !pid.is_empty()).map(ToOwned::to_owned));
            }
        }
        all
    };
    let outcome = std::thread::scope(|scope| {
        let running = scope.spawn(|| execute(&bench.order, &stop, &mut |_| {}).unwrap());
        let begun = Instant::now();
        while pids().len() < 4 && begun.elapsed() < Duration::from_mins(1) {
            std::thread::sleep(Duration::from_millis(20));
        }
        stop.store(true, Ordering::Relaxed);
        running.join().unwrap()
    });
    assert_eq!(outcome.status, StepStatus::Stopped);
    assert!(outcome.steps.iter().all(|step| step.status == StepStatus::Stopped), "{:?}", outcome.steps);
    let left: Vec<String> = pids().into_iter().filter(|pid| lives(pid)).collect();
    assert!(pids().len() == 4 && left.is_empty(), "{left:?}");
}

/// Whether a process is there, and not only a name that nobody has taken away.
fn lives(pid: &str) -> bool {
    let output = std::process::Command::new("ps").args(["-o", "stat=", "-p", pid]).output().unwrap();
    let state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}
