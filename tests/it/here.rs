//! `run --local`: a stack file's pipeline, executed on this machine by the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::project;

const STACK: &str = r#"name: small
environments: { dev: { region: us-east-1 } }
data_lake:
  buckets: { raw: {}, processed: {}, artifacts: {} }
  datasets: { rows: { bucket: raw, prefix: rows/ } }
parameters: { least: 0.5 }
processing:
  count:
    image: { framework: sklearn, version: 1.2-1 }
    instance: { type: ml.m5.large }
    code: code/count.py
    inputs: { rows: { from: rows, to: /opt/ml/processing/input/rows } }
    outputs: { counted: /opt/ml/processing/counted }
  judge:
    image: { framework: sklearn, version: 1.2-1 }
    instance: { type: ml.m5.large }
    code: code/judge.py
    inputs: { model: { from: search.best_model, to: /opt/ml/processing/model } }
    outputs: { judged: /opt/ml/processing/judged }
    reports: { quality: { output: judged, file: quality.json } }
training:
  fit:
    image: { framework: tensorflow, version: "2.12", python: py310 }
    source: { dir: code/src, entry: train.py }
    instance: { type: ml.m5.large }
    hyperparameters: { epochs: 3 }
    metrics: { "val:score": "val_score: ([0-9.eE+-]+)" }
    channels: { train: count.counted }
tuning:
  search:
    training: fit
    strategy: random
    objective: { maximize: "val:score" }
    jobs: { max: 20, parallel: 2 }
    ranges: { rate: { continuous: [0.1, 0.9] } }
registry: { models: { description: Small models } }
pipeline:
  steps:
    - processing: count
      cache: 30d
    - tuning: search
    - processing: judge
    - condition:
        if: { gte: ["${judge.quality.multiclass_classification_metrics.accuracy.value}", "${parameters.least}"] }
        then:
          - register:
              model: search.best_model
              group: models
              content_types: [application/json]
              response_types: [application/json]
              inference_instances: [ml.m5.large]
              transform_instances: [ml.m5.large]
        else:
          - fail: "too little"
"#;

const COUNT: &str = "import os, pathlib\n\
base = pathlib.Path(os.environ['SMSTACK_BASE_DIR']) / 'processing'\n\
lines = [line for path in sorted((base / 'input/rows').glob('*.csv')) for line in path.read_text().splitlines()]\n\
(base / 'counted' / 'n.txt').write_text(str(len(lines)))\n";

const TRAIN: &str = "import argparse, os, pathlib\n\
parser = argparse.ArgumentParser()\n\
parser.add_argument('--epochs', type=int)\n\
parser.add_argument('--rate', type=float)\n\
args, _ = parser.parse_known_args()\n\
count = int(pathlib.Path(os.environ['SM_CHANNEL_TRAIN'], 'n.txt').read_text())\n\
for epoch in range(args.epochs):\n    print(f'val_score: {args.rate * (epoch + 1) / args.epochs}')\n\
pathlib.Path(os.environ['SM_MODEL_DIR'], 'model.txt').write_text(f'{count} {args.rate}')\n";

const JUDGE: &str = "import json, os, pathlib, tarfile\n\
base = pathlib.Path(os.environ['SMSTACK_BASE_DIR']) / 'processing'\n\
with tarfile.open(base / 'model/model.tar.gz') as archive:\n\
\x20   count, rate = archive.extractfile('model.txt').read().decode().split()\n\
metric = {'value': 0.75, 'standard_deviation': 'NaN'}\n\
matrix = {'cat': {'cat': 6, 'dog<': 2}, 'dog<': {'cat': 2, 'dog<': 6}}\n\
report = {'multiclass_classification_metrics': {'accuracy': metric, 'confusion_matrix': matrix}}\n\
(base / 'judged/quality.json').write_text(json.dumps(report))\n";

struct Project(tempfile::TempDir);

impl Project {
    fn new() -> Project {
        let project = Project(tempfile::tempdir().unwrap());
        project.write("stacks/small.yaml", STACK);
        project.write("stacks/code/count.py", COUNT);
        project.write("stacks/code/judge.py", JUDGE);
        project.write("stacks/code/src/train.py", TRAIN);
        project
    }

    fn at(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.at().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn run(&self, more: &[&str]) -> Output {
        let mut command = project::smstack(self.at());
        command.env_remove("VIRTUAL_ENV").env("SMSTACK_PYTHON", "python3");
        command.args(["run", "--local", "small"]).args(more).output().unwrap()
    }

    /// What `--format json` prints, which its schema describes.
    fn told(&self, code: i32, more: &[&str]) -> (Value, String) {
        let output = self.run(&[&["--format", "json"], more].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        let value = serde_json::from_slice(&output.stdout).unwrap();
        let schema: Value =
            serde_json::from_str(include_str!("../../schemas/local_run.schema.json")).unwrap();
        let errors: Vec<String> = jsonschema::validator_for(&schema)
            .unwrap()
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        (value, said)
    }
}

/// The steps as `name status`.
fn steps(told: &Value) -> Vec<String> {
    let steps = told["steps"].as_array().unwrap();
    let line =
        |step: &Value| format!("{} {}", step["name"].as_str().unwrap(), step["status"].as_str().unwrap());
    steps.iter().map(line).collect()
}

#[test]
fn a_pipeline_is_executed_tuned_judged_and_registered() {
    let project = Project::new();
    project.write("data/rows/a.csv", "1\n2\n3\n");
    let (told, said) = project.told(0, &["--max-jobs", "2"]);
    assert_eq!(
        steps(&told),
        [
            "count Succeeded",
            "search Succeeded",
            "judge Succeeded",
            "accuracy-gate Succeeded",
            "fail-accuracy-gate NotTaken",
            "register-models Succeeded"
        ],
        "{said}"
    );
    assert!(said.contains("2 training jobs in place of 20"), "{said}");
    let jobs = told["steps"][1]["jobs"].as_array().unwrap();
    assert_eq!((jobs.len(), &jobs[0]["best"]), (2, &Value::Bool(true)));
    assert_eq!(jobs[0]["metrics"]["val:score"].as_array().unwrap().len(), 3);

    let directory = PathBuf::from(told["directory"].as_str().unwrap());
    let saved: Value = serde_json::from_slice(&fs::read(directory.join("run.json")).unwrap()).unwrap();
    assert_eq!(saved, told);
    let page = fs::read_to_string(directory.join("report.html")).unwrap();
    for part in ["<polyline", "Confusion matrix", "dog&lt;", "Tuning: search", "Model quality"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("<script") && !page.contains("dog<"), "{page}");
    let package = told["registered"][0]["directory"].as_str().unwrap();
    let package: Value =
        serde_json::from_slice(&fs::read(Path::new(package).join("model-package.json")).unwrap()).unwrap();
    assert_eq!(package["made_of"]["datasets"][0]["name"], "rows");
    assert!(package["made_of"]["labels"]["definition_sha256"].is_string());

    // Nothing has changed for the first step. The gate closes, and says so in the words of the file.
    let (told, said) = project.told(6, &["--param", "least=0.8", "--max-jobs", "1"]);
    assert_eq!(told["failed_step"], "fail-accuracy-gate");
    assert!(told["steps"][0]["cached_from"].is_string(), "{said}");
    assert!(said.contains("error: step `fail-accuracy-gate`: too little"), "{said}");
}

#[test]
fn what_is_wrong_is_said_with_the_way_out() {
    let project = Project::new();
    let check = |code: i32, more: &[&str], parts: &[&str]| {
        let output = project.run(more);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        for part in parts {
            assert!(said.contains(part), "{part}\n{said}");
        }
    };
    check(2, &[], &["dataset `rows` has no data on this machine", "--data rows=DIR"]);
    check(2, &["--data", "row=."], &["did you mean `rows`?"]);
    check(2, &["--data", "rows=nowhere"], &["`nowhere` is no directory"]);
    check(2, &["--param", "lest=1"], &["did you mean `least`?"]);
    check(2, &["--detach"], &["cannot be used with"]);
    project.write("data/rows/a.csv", "1\n");
    check(1, &["--python", "/nowhere/python"], &["cannot run `/nowhere/python`", "--python"]);
    project.write("stacks/code/count.py", "import one_that_is_missing\n");
    check(
        1,
        &[],
        &["step `count` needs `one_that_is_missing` (count.py:1)", "pip install 'one_that_is_missing'"],
    );
    project.write("stacks/code/count.py", "print('before')\nraise ValueError('broken')\n");
    check(
        6,
        &[],
        &[
            "error: step `count`: exit code 1: ValueError: broken",
            "--> stacks/small.yaml:8",
            "| before",
            "log.txt",
        ],
    );
}

/// Somebody stops it: every process ends, and what was done is in the report.
#[test]
fn control_c_leaves_no_process() {
    let project = Project::new();
    project.write("data/rows/a.csv", "1\n");
    let pids = project.at().join("pids");
    project.write(
        "stacks/code/count.py",
        &format!(
            "import os, subprocess, sys, time\n\
             child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'])\n\
             open('{0}.new', 'w').write(f'{{os.getpid()}} {{child.pid}}')\nos.rename('{0}.new', '{0}')\ntime.sleep(99)\n",
            pids.display()
        ),
    );
    let mut command = project::smstack(project.at());
    command.env_remove("VIRTUAL_ENV").env("SMSTACK_PYTHON", "python3");
    let piped = std::process::Stdio::piped;
    let child = command.args(["run", "--local", "small"]).stdout(piped()).stderr(piped()).spawn().unwrap();
    let begun = std::time::Instant::now();
    while !pids.exists() && begun.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let shell = |script: &str| std::process::Command::new("sh").args(["-c", script]).output().unwrap();
    shell(&format!("kill -INT {}", child.id()));
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(told.contains(": stopped, ") && told.contains("not reached"), "{told}");
    for pid in fs::read_to_string(&pids).unwrap().split(' ') {
        let state = shell(&format!("ps -o stat= -p {pid}"));
        let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
        assert!(state.is_empty() || state.starts_with('Z'), "{pid}: {state}");
    }
}

#[test]
fn a_stack_is_drawn() {
    let project = Project::new();
    let check = |more: &[&str], parts: &[&str]| {
        let output = project::run(project.at(), &[&["graph", "small"], more].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for part in parts {
            assert!(text.contains(part), "{part}\n{text}");
        }
    };
    check(
        &[],
        &["flowchart LR", "[\"count<br/>Processing\"]", "subgraph g1[\"platform\"]", "S3#58;#58;Bucket"],
    );
    check(&["--only", "pipeline"], &["{{\"accuracy-gate<br/>Condition\"}}", "-->|then|"]);
    check(
        &["--format", "dot", "--only", "infrastructure"],
        &["digraph \"small (dev)\"", "label=\"platform\""],
    );
    check(&["--format", "html"], &["<svg", "<h2>pipeline</h2>", "<h2>platform</h2>"]);
}
