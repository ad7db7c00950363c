//! Stack files that use what the reference workload does not: sound from end to end, by our own rules and by others'.
//!
//! `tests/good/stack/<name>.yaml`; the code that they name is that of the examples. What is rendered of the kinds that
//! they are about stands in `tests/golden/stack/<name>.json`; `SNAPSHOTS=overwrite` rewrites it after a change of
//! behaviour.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::project::{self, root, run};
use crate::tools::{Set, python, succeed};

/// A stack file, the types of steps and of resources that it is about, and its roles.
const CASES: [(&str, &[&str], &[&str]); 5] = [
    ("algorithm", &["Tuning", "RegisterModel"], &[]),
    ("batch", &["Model", "Transform"], &["TransformRole"]),
    ("multi-model", &[], &["AWS::SageMaker::Model", "EndpointRole"]),
    ("monitor", &["Processing"], &["MonitorRole", "EndpointRole", "AWS::SageMaker::Pipeline"]),
    ("scaled", &[], &[ALARM, "AWS::ApplicationAutoScaling::ScalableTarget", SCALING_POLICY]),
];

const ALARM: &str = "AWS::CloudWatch::Alarm";
const SCALING_POLICY: &str = "AWS::ApplicationAutoScaling::ScalingPolicy";
const TEMPLATES: [&str; 2] = ["platform.template.json", "serving.template.json"];

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Validates and synthesises a case, without a word of warning; gives the directory of its assemblies.
fn synthesised(at: &Path, name: &str) -> PathBuf {
    project::write(at, &project::reference());
    let file = format!("tests/good/stack/{name}.yaml");
    fs::copy(root().join(&file), at.join("stacks").join(format!("{name}.yaml"))).unwrap();
    let said = run(at, &["validate", name, "--format", "json"]);
    let report: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(report["diagnostics"], json!([]), "{name}");
    let output = run(at, &["synth", name]);
    assert!(output.status.success(), "{name}: {output:?}");
    at.join("smstack.out").join(name)
}

/// Every environment of an assembly, with the documents in it.
fn documents(assembly: &Path) -> Vec<PathBuf> {
    let environments = fs::read_dir(assembly).unwrap().map(|entry| entry.unwrap().path());
    let all =
        environments.flat_map(|at| ["pipeline.json", TEMPLATES[0], TEMPLATES[1]].map(|name| at.join(name)));
    let mut found: Vec<PathBuf> = all.filter(|path| path.exists()).collect();
    found.sort();
    found
}

#[test]
fn what_they_render_is_sound() {
    let at = tempfile::tempdir().unwrap();
    for (name, ..) in CASES {
        let assembly = synthesised(at.path(), name);
        for document in documents(&assembly) {
            let shown = document.display();
            let output = run(at.path(), &["lint", "--strict", document.to_str().unwrap()]);
            assert!(output.status.success(), "{shown}: {}", String::from_utf8_lossy(&output.stderr));
            if document.ends_with("pipeline.json") {
                let judged = succeed(python("tests/definition/check_definition.py").arg(&document));
                let said = String::from_utf8_lossy(&judged.stderr).into_owned();
                assert!(said.contains(" 0 faults") && !said.starts_with("0 steps"), "{shown}: {said}");
            } else {
                let mut lint = Set::Lint.program("cfn-lint");
                let region = ["--non-zero-exit-code", "informational", "--regions", "us-east-1", "--"];
                succeed(lint.args(region).arg(&document));
            }
        }
    }
}

/// The parts of an assembly that a case is about.
fn parts(assembly: &Path, steps: &[&str], resources: &[&str]) -> Value {
    let of = |list: &[&str], what: &Value| list.iter().any(|one| what == one);
    let mut found = Map::new();
    let pipeline = Some(assembly.join("pipeline.json")).filter(|path| path.exists());
    if let Some(Value::Array(all)) = pipeline.map(|path| read(&path)["Steps"].take()) {
        let these: Vec<&Value> = all.iter().filter(|step| of(steps, &step["Type"])).collect();
        found.insert("steps".into(), json!(these));
    }
    for name in TEMPLATES.iter().map(|name| assembly.join(name)).filter(|path| path.exists()) {
        let template = read(&name);
        for (id, resource) in template["Resources"].as_object().unwrap() {
            if of(resources, &json!(id)) || of(resources, &resource["Type"]) {
                found.insert(id.clone(), resource.clone());
            }
        }
    }
    Value::Object(found)
}

#[test]
fn what_they_render_is_as_before() {
    let at = tempfile::tempdir().unwrap();
    for (name, steps, resources) in CASES {
        let assembly = synthesised(at.path(), name).join("dev");
        let text = serde_json::to_string_pretty(&parts(&assembly, steps, resources)).unwrap() + "\n";
        let golden = root().join(format!("tests/golden/stack/{name}.json"));
        snapbox::Assert::new()
            .action_env("SNAPSHOTS")
            .eq(text, snapbox::Data::read_from(&golden, None).raw());
    }
}
