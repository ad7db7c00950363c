//! `smstack init`: each workload begins a project that is valid, clean, and runs.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::project::{self, smstack, tree};
use crate::tools::{self, Set, succeed};

const WORKLOADS: [&str; 7] =
    ["batch", "deep-learning", "huggingface", "multi-model", "pytorch", "serverless", "xgboost"];

/// The program, in an environment that names no region.
fn init(at: &Path) -> Command {
    let mut command = smstack(at);
    command.env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION").arg("init");
    command
}

/// A project that has just begun.
fn begun(at: &Path, workload: &str) -> PathBuf {
    succeed(init(at).args(["mine", "--from", workload]));
    at.join("mine")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_next_step_is_quoted_where_a_shell_needs_it() {
    let at = tempfile::tempdir().unwrap();
    let output = succeed(init(at.path()).args(["mein projekt", "--from", "xgboost"]));
    assert!(said(&output).contains("    cd 'mein projekt'\n"), "{}", said(&output));
}

#[test]
fn every_workload_is_valid_and_clean_as_it_stands() {
    for workload in WORKLOADS {
        let at = tempfile::tempdir().unwrap();
        let project = begun(at.path(), workload);
        let output = project::run(&project, &["validate"]);
        assert!(output.status.success(), "{workload}: {}", said(&output));
        let told = String::from_utf8_lossy(&output.stdout);
        assert_eq!(told, "stacks/mine.yaml: valid for dev, prod\n", "{workload}");
        // The reference's are meant; it is told that there are some.
        let silent = !said(&output).contains("warning[");
        assert_eq!(silent, workload != "deep-learning", "{workload}: {}", said(&output));

        succeed(smstack(&project).arg("synth"));
        let output = project::run(&project, &["lint", "--strict", "smstack.out"]);
        assert!(output.status.success() && output.stderr.is_empty(), "{workload}: {}", said(&output));
        for environment in ["dev", "prod"] {
            let assembly = project.join("smstack.out/mine").join(environment);
            let mut lint = Set::Lint.program("cfn-lint");
            lint.args(["--non-zero-exit-code", "informational", "--regions", "us-east-1", "eu-west-1", "--"]);
            let templates = ["platform", "serving"].map(|it| assembly.join(format!("{it}.template.json")));
            succeed(lint.args(templates.iter().filter(|template| template.exists())));
            let mut judge = tools::python("tests/definition/check_definition.py");
            let output = succeed(judge.arg(assembly.join("pipeline.json")));
            assert!(
                said(&output).contains("0 faults") && !said(&output).starts_with("0 steps"),
                "{workload}"
            );
        }
        let schema: Value =
            serde_json::from_slice(&fs::read(project.join("stack.schema.json")).unwrap()).unwrap();
        assert!(jsonschema::validator_for(&schema).is_ok());
    }
}

#[test]
fn it_is_said_what_was_written_and_what_is_next() {
    let at = tempfile::tempdir().unwrap();
    let output = succeed(init(at.path()).args(["churn", "--from", "xgboost"]));
    let files = "churn/.gitignore\nchurn/README.md\nchurn/make_data.py\nchurn/stack.schema.json\n\
                 churn/stacks/churn.yaml\nchurn/stacks/code/evaluate.py\nchurn/stacks/code/prepare.py\n\
                 churn/stacks/code/train/inference.py\nchurn/stacks/code/train/train.py\n";
    assert_eq!(String::from_utf8_lossy(&output.stdout), files);
    let next = "`churn` begins with the workload `xgboost`. Next:\n\n    \
                cd churn\n    \
                python3 make_data.py                    makes data to try it with\n    \
                smstack validate churn                  says every problem\n    \
                smstack run --local churn --install     runs the pipeline on this machine\n    \
                smstack deploy churn --env dev --local  tries it without an account\n    \
                smstack deploy churn --env dev          deploys it; asks before it changes anything\n\n\
                `README.md` says what is where.\n";
    assert_eq!(said(&output), next);
    let written: Vec<String> = tree(at.path()).into_keys().collect();
    assert_eq!(written, files.lines().collect::<Vec<_>>());
}

#[test]
fn names_and_regions_are_taken_or_refused() {
    // Arguments after `init`, a region of the environment, the file, and what stands in it.
    for (arguments, variable, file, part) in [
        (&["My Churn_2"][..], None, "My Churn_2/stacks/my-churn-2.yaml", "name: my-churn-2\n"),
        (&[][..], None, "stacks/here.yaml", "dev:  { region: us-east-1 }"),
        (&["a", "--name", "b-1"][..], None, "a/stacks/b-1.yaml", "model: b-1-models.approved"),
        (&["a", "--from", "deep-learning"][..], None, "a/stacks/a.yaml", "$schema=../stack.schema.json"),
        (&["a", "--from", "deep-learning"][..], None, "a/stacks/a.yaml", "target: a-endpoint.AllTraffic"),
        (&["a"][..], Some("ap-south-1"), "a/stacks/a.yaml", "dev:  { region: ap-south-1 }"),
        (
            &["a", "--region", "eu-north-1"][..],
            Some("ap-south-1"),
            "a/stacks/a.yaml",
            "{ region: eu-north-1 }",
        ),
        (
            &["a", "--ci", "github", "--from", "serverless"][..],
            None,
            "a/.github/workflows/smstack.yml",
            "- { stack: a, environment: dev }",
        ),
    ] {
        let at = tempfile::tempdir().unwrap();
        let here = at.path().join("here");
        fs::create_dir(&here).unwrap();
        let mut command = init(&here);
        command.args(arguments).envs(variable.map(|region| ("AWS_REGION", region)));
        succeed(&mut command);
        let text = fs::read_to_string(here.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(text.contains(part), "{arguments:?}: {part}\n{text}");
    }
    for (arguments, parts) in [
        (&["--from", "xgbost"][..], &["invalid value 'xgbost'", "'xgboost'"][..]),
        (&["--name", "My Stack"][..], &["`My Stack` cannot be the name", "did you mean `my-stack`?"][..]),
        (&["--name", &"x".repeat(33)][..], &["at most 32"][..]),
        (
            &["--region", "eu-west-11"][..],
            &["`--region`: there is no region `eu-west-11`", "did you mean `eu-west-1`?"][..],
        ),
        (&["--ci", "github", "--name", "x"][..], &["add `--from WORKLOAD`"][..]),
        (&["--ci", "github"][..], &["there is no stack file in"][..]),
    ] {
        let at = tempfile::tempdir().unwrap();
        let output = init(at.path()).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        for part in parts {
            assert!(said(&output).contains(part), "{part}\n{}", said(&output));
        }
        assert!(tree(at.path()).is_empty(), "{arguments:?}");
    }
    // A region that lacks what the workload needs is told before anything is written.
    let at = tempfile::tempdir().unwrap();
    let output =
        init(at.path()).args(["a", "--from", "huggingface", "--region", "ap-southeast-7"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(said(&output).contains("error[") && said(&output).contains("stacks/a.yaml"), "{}", said(&output));
    assert!(tree(at.path()).is_empty());
}

#[test]
fn all_is_written_or_nothing() {
    let at = tempfile::tempdir().unwrap();
    let project = at.path().join("p");
    fs::create_dir(&project).unwrap();
    // The last file of the project is there already.
    fs::create_dir_all(project.join("stacks/code/train")).unwrap();
    let mine = project.join("stacks/code/train/train.py");
    fs::write(&mine, "mine").unwrap();
    let output = init(at.path()).arg("p").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("train.py` is there already: `--force` writes over it"),
        "{}",
        said(&output)
    );
    assert_eq!(tree(&project).len(), 1);
    assert_eq!(fs::read_to_string(&mine).unwrap(), "mine");

    // What cannot be written in the middle takes back what was.
    fs::remove_dir_all(&project).unwrap();
    fs::create_dir(&project).unwrap();
    fs::write(project.join("stacks"), "a file").unwrap();
    let output = init(at.path()).arg("p").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("cannot make p/stacks"), "{}", said(&output));
    assert_eq!(tree(&project).len(), 1);

    // What is asked for is written over.
    fs::remove_file(project.join("stacks")).unwrap();
    fs::write(project.join("README.md"), "old").unwrap();
    succeed(init(at.path()).args(["p", "--force"]));
    assert!(fs::read_to_string(project.join("README.md")).unwrap().starts_with("# p\n"));
    succeed(smstack(&project).arg("validate"));
}

/// Runs the project's pipeline on this machine, with data that it makes itself; gives what is told of it.
fn told_here(project: &Path, set: Set, more: &[&str]) -> Value {
    let python = set.program("python");
    let python = python.get_program();
    succeed(Command::new(python).arg("make_data.py").current_dir(project));
    let mut command = smstack(project);
    // Threads that wait for each other on few processors wait long.
    command.env("SMSTACK_PYTHON", python).env("OMP_NUM_THREADS", "1").env_remove("VIRTUAL_ENV");
    let output =
        succeed(command.args(["run", "--local", "mine", "--format", "json", "--max-jobs", "2"]).args(more));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["status"], "Succeeded", "{told:#}");
    for step in told["steps"].as_array().unwrap() {
        let metrics = step["jobs"].as_array().into_iter().flatten();
        for (name, values) in metrics.flat_map(|job| job["metrics"].as_object().unwrap()) {
            assert!(
                values.as_array().is_some_and(|values| !values.is_empty()),
                "{name} is not caught: {step:#}"
            );
        }
    }
    told
}

/// The same; gives the model that was registered.
fn run_here(project: &Path, set: Set, more: &[&str]) -> PathBuf {
    let told = told_here(project, set, more);
    let registered = told["registered"].as_array().unwrap();
    assert_eq!(registered.len(), 1, "{told:#}");
    Path::new(registered[0]["directory"].as_str().unwrap()).join("model.tar.gz")
}

/// Asks a model as its container would: `[content type, body]` each, and status and part of the answer that are wanted.
fn ask(set: Set, server: &str, model: &Path, variables: &[(&str, &str)], asked: &[(&str, Value, u64, &str)]) {
    let body = |body: &Value| body.as_str().map_or_else(|| body.to_string(), ToOwned::to_owned);
    let requests: Vec<Value> = asked.iter().map(|(kind, value, ..)| json!([kind, body(value)])).collect();
    let mut command = set.program("python");
    command.arg(project::root().join("tests/init/serve.py")).arg(server).arg(model);
    command.envs(variables.iter().copied()).env("OMP_NUM_THREADS", "1");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(json!(requests).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let answers: Value = serde_json::from_slice(&output.stdout).unwrap();
    for ((_, value, status, part), answer) in asked.iter().zip(answers.as_array().unwrap()) {
        assert_eq!(answer[0], *status, "{value}: {answer}");
        assert!(answer[1].as_str().unwrap().contains(part), "{value}: {part} in {answer}");
    }
}

const JSON: &str = "application/json";

#[test]
fn trees_are_tuned_registered_and_answer() {
    let at = tempfile::tempdir().unwrap();
    let model = run_here(&begun(at.path(), "xgboost"), Set::Init, &[]);
    let leaves = json!({ "tenure": 1, "monthly": 110.0, "calls": 8, "contract": "monthly", "autopay": 0 });
    ask(
        Set::Init,
        "toolkit",
        &model,
        &[("SAGEMAKER_PROGRAM", "inference.py")],
        &[
            (JSON, json!({ "instances": [leaves, { "tenure": null }] }), 200, "{\"predictions\": [0."),
            ("text/csv", json!("tenure,contract\n70,two years\n"), 200, "{\"predictions\": [0."),
            (
                JSON,
                json!({ "instances": [{ "tenur": 1 }] }),
                400,
                "instances[0]: the model knows no column `tenur`",
            ),
            (
                JSON,
                json!({ "instances": [{ "tenure": "long" }] }),
                400,
                "instances[0].tenure: 'long' is no number",
            ),
            (JSON, json!("{"), 400, "send {\"instances\":"),
            (JSON, json!({ "instances": [] }), 400, "list of mappings"),
            ("text/xml", json!("<a/>"), 415, "not text/xml"),
        ],
    );
    // Where the gate is closed, nothing is registered.
    let project = at.path().join("mine");
    let mut command = smstack(&project);
    command.env("SMSTACK_PYTHON", Set::Init.program("python").get_program()).env("OMP_NUM_THREADS", "1");
    command.args(["run", "--local", "mine", "--param", "least_auc=0.999", "--max-jobs", "1"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    assert!(said(&output).contains("the area under the ROC curve is below 0.999"), "{}", said(&output));
}

#[test]
fn a_serverless_model_is_registered_and_answers() {
    let at = tempfile::tempdir().unwrap();
    let model = run_here(&begun(at.path(), "serverless"), Set::Init, &[]);
    let row = json!({ "distance": 4.2, "items": 3, "hour": 18, "weather": "rain" });
    ask(
        Set::Init,
        "sklearn",
        &model,
        &[],
        &[
            (JSON, json!({ "instances": [row, { "distance": null }] }), 200, "{\"predictions\": [3"),
            ("text/csv", json!("distance,hour\n4,9\n"), 200, "{\"predictions\": ["),
            (JSON, json!({ "instances": [{ "distanc": 4 }] }), 400, "the model knows no column `distanc`"),
            (JSON, json!({ "instances": [{ "distance": [4] }] }), 400, "instances[0].distance: neither"),
            (JSON, json!("[1"), 400, "send {"),
            ("text/xml", json!("<a/>"), 415, "not text/xml"),
        ],
    );
}

#[test]
fn a_batch_model_is_registered_and_scores_lines() {
    let at = tempfile::tempdir().unwrap();
    let project = begun(at.path(), "batch");
    let model = run_here(&project, Set::Init, &[]);
    let lines = fs::read_to_string(project.join("data/applications/new.jsonl")).unwrap();
    // The transform has answered each line, in order.
    let scores = tree(&project.join("smstack.run/mine/dev/s3/ScoresBucket"));
    let (name, answers) = scores.iter().next().unwrap();
    assert!(scores.len() == 1 && name.ends_with("/score/output/new.jsonl.out"), "{:?}", scores.keys());
    let answers = String::from_utf8_lossy(answers);
    assert_eq!(answers.lines().count(), lines.lines().count());
    for (at, answer) in answers.lines().enumerate() {
        assert!(answer.starts_with(&format!("{{\"id\": \"a-{at}\", \"repaid\": ")), "{answer}");
    }
    let lines = format!("{}{}\n[1]\n", &lines[..lines.len() / 2], "{\"id\": \"z\", \"incom\": 1}");
    ask(
        Set::Init,
        "sklearn",
        &model,
        &[],
        &[
            ("application/jsonlines", json!(lines), 200, "{\"id\": \"a-0\", \"repaid\": 0."),
            ("application/jsonlines", json!(lines), 200, "{\"error\": \"not a mapping with an `id`\"}"),
        ],
    );
}

#[test]
fn every_shop_has_a_model_that_its_container_loads() {
    let at = tempfile::tempdir().unwrap();
    let told = told_here(&begun(at.path(), "multi-model"), Set::Init, &[]);
    assert_eq!(told["steps"][0]["outputs"].as_object().map(serde_json::Map::len), Some(2), "{told:#}");
    let models = Path::new(told["steps"][0]["outputs"]["models"].as_str().unwrap());
    let names: Vec<String> = tree(models).into_keys().collect();
    let shops = ["airport", "east", "north", "south", "station", "west"];
    assert_eq!(names, shops.map(|shop| format!("{shop}.tar.gz")));
    let asked = [("text/csv", json!("12,9.9,1,5\n12,,1,5\n"), 200, "[")];
    ask(Set::Init, "xgboost", &models.join("north.tar.gz"), &[], &asked);
    let report = Path::new(told["steps"][0]["outputs"]["report"].as_str().unwrap()).join("quality.json");
    let report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    assert_eq!(report["features"], json!(["month", "price", "promotion", "weekday"]));
}

#[test]
fn a_network_is_trained_registered_and_answers() {
    let at = tempfile::tempdir().unwrap();
    let model = run_here(&begun(at.path(), "pytorch"), Set::Torch, &[]);
    let hum: Vec<f64> = (0..64).map(|at| (f64::from(at) * 1.25).sin()).collect();
    ask(
        Set::Torch,
        "toolkit",
        &model,
        &[("SAGEMAKER_PROGRAM", "inference.py")],
        &[
            (
                JSON,
                json!({ "instances": [hum] }),
                200,
                "{\"predictions\": [{\"label\": \"sound\", \"probability\": ",
            ),
            (JSON, json!({ "instances": [[1, 2]] }), 400, "instances[0]: a list of 64 samples is wanted"),
            (JSON, json!({ "instances": [vec!["a"; 64]] }), 400, "no number"),
            (JSON, json!({ "rows": [] }), 400, "send {"),
            ("text/csv", json!("1,2\n"), 415, "not text/csv"),
        ],
    );
}

#[test]
fn a_transformer_is_fine_tuned_registered_and_answers() {
    let at = tempfile::tempdir().unwrap();
    let model = run_here(&begun(at.path(), "huggingface"), Set::Torch, &["--param", "base_model=tiny"]);
    let asked = json!({ "inputs": ["where is my parcel?"], "parameters": { "truncation": true } });
    ask(
        Set::Torch,
        "huggingface",
        &model,
        &[("HF_TASK", "text-classification")],
        &[(JSON, asked, 200, "[{\"label\": \"question\", \"score\": 0.")],
    );
}
