//! What `deployment` says of the stacks arrives at them, and is compared as everything else is.

use serde_json::{Value, json};

use crate::cloud::{Cloud, Workload};
use crate::project::replaced;
use crate::tools::succeed;

const SECTION: &str = "deployment:
  termination_protection: true
  stack_policy:
    platform:
      Statement:
        - { Effect: Allow, Action: \"Update:*\", Principal: \"*\", Resource: \"*\" }
        - { Effect: Deny, Action: [\"Update:Replace\", \"Update:Delete\"], Principal: \"*\", Resource: LogicalResourceId/RawBucket }
  rollback: { alarms: [errors, somebody-elses], monitor: 10m }
data_lake:
";

/// The stack and its policy, as CloudFormation tells.
fn stack(workload: &Workload, name: &str) -> Value {
    let output = succeed(&mut workload.ask("us-east-1", &["stack", name]));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn results(outcome: &Value) -> Vec<&str> {
    outcome["stacks"].as_array().unwrap().iter().map(|stack| stack["result"].as_str().unwrap()).collect()
}

#[test]
fn settings_are_set_compared_and_respected() {
    let cloud = Cloud::join();
    let workload = Workload::new(&cloud, "100000000151", |text| replaced(&text, "data_lake:\n", SECTION));
    workload.deployed("dev");
    workload.register("dev");
    let (outcome, said) = workload.deployed("dev");
    // The approval has made the serving stack, which knows nothing of settings.
    assert_eq!(results(&outcome), ["unchanged", "unchanged", "updated"], "{said}");
    assert!(said.contains("deep-learning-dev-serving: termination protection is turned on"), "{said}");
    for name in ["deep-learning-dev-platform", "deep-learning-dev-serving"] {
        assert_eq!(stack(&workload, name)["protected"], json!(true), "{name}");
    }
    let policy = &stack(&workload, "deep-learning-dev-platform")["policy"];
    assert_eq!(policy["Statement"][1]["Resource"], "LogicalResourceId/RawBucket", "{policy}");
    let (outcome, said) = workload.deployed("dev");
    assert_eq!(results(&outcome), ["unchanged"; 3], "{said}");

    let output = workload.run("destroy", "dev", &["--yes"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("termination protection is on") && said.contains("termination_protection: false"),
        "{said}"
    );

    // Only a setting changes: it is shown, asked for, planned as everything else is.
    let text = workload.text();
    workload.write(&replaced(&text, "termination_protection: true", "termination_protection: false"));
    let output = workload.run("diff", "dev", &["--deployed"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("termination_protection") && !said.contains("stack_policy"), "{said}");
    let output = workload.deploy("dev", &[]);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    assert_eq!(stack(&workload, "deep-learning-dev-platform")["protected"], json!(true));
    let output = workload.deploy("dev", &["--prepare", "--plan", "plan.json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(stack(&workload, "deep-learning-dev-platform")["protected"], json!(true));
    let output = workload.deploy("dev", &["--execute", "plan.json", "--format", "json"]);
    let outcome = crate::cloud::outcome(&output);
    assert_eq!(results(&outcome), ["updated"; 2], "{output:?}");
    assert_eq!(stack(&workload, "deep-learning-dev-platform")["protected"], json!(false));
    let output = workload.run("destroy", "dev", &["--yes"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

/// A diff of two stack files says so, too.
#[test]
fn a_diff_tells_settings() {
    let at = tempfile::tempdir().unwrap();
    crate::project::write(at.path(), &crate::project::reference());
    let diff = |base: &str| {
        let output =
            crate::project::run(at.path(), &["diff", "--env", "dev", "--base", base, "--format", "json"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let documents = told["documents"].as_array().unwrap();
        let settings = documents.iter().find(|document| document["name"] == "settings");
        settings.map(|document| document["changes"].clone())
    };
    let synth = |out: &str| {
        let output = crate::project::run(at.path(), &["synth", "--env", "dev", "--out", out]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    };
    synth("before");
    assert_eq!(diff("before"), None);
    crate::project::write(at.path(), &replaced(&crate::project::reference(), "data_lake:\n", SECTION));
    let changes = diff("before").unwrap().to_string();
    assert!(changes.contains("platform") && changes.contains("serving"), "{changes}");
    synth("after");
    assert_eq!(diff("after"), Some(json!([])));
}
