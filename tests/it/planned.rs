//! A deployment in two halves: prepared, reviewed, executed as it was reviewed or not at all.

use std::process::Output;

use serde_json::Value;

use crate::cloud::{Cloud, Workload, fits, outcome, smstack};
use crate::faults::Proxy;
use crate::project::{replaced, root};

fn prepare(workload: &Workload) -> Value {
    let output = workload.deploy("dev", &["--prepare", "--plan", "plan.json", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let written = std::fs::read_to_string(workload.path().join("plan.json")).unwrap();
    let plan: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), plan);
    fits(&plan, include_str!("../../schemas/plan.schema.json"));
    fits(&plan["diff"]["json"], &std::fs::read_to_string(root().join("schemas/diff.schema.json")).unwrap());
    assert!(!written.contains("not for the local cloud"), "a credential is in the plan");
    plan
}

fn deploy(workload: &Workload, arguments: &[&str]) -> Output {
    smstack(workload.path()).args(["deploy", "--local"]).args(arguments).output().unwrap()
}

/// Executes the plan: each stack's result.
fn execute(workload: &Workload) -> Vec<(String, String)> {
    let output = deploy(workload, &["--execute", "plan.json", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let outcome = outcome(&output);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    outcome["stacks"].as_array().unwrap().iter().map(|it| (text(&it["kind"]), text(&it["result"]))).collect()
}

fn refused(output: &Output, words: &str) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(words) && said.contains("help:"), "{said}");
}

fn kinds(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap()).collect()
}

#[test]
fn the_reference_workload_is_deployed_by_plans() {
    let cloud = Cloud::join();
    let workload = Workload::new(&cloud, "100000000131", |text| text);
    let executed = |kind: &str, result: &str| vec![(kind.to_owned(), result.to_owned())];

    // What is printed can be run as it stands.
    let output = workload.deploy("dev", &["--prepare", "--plan", "a plan.json"]);
    let said = String::from_utf8_lossy(&output.stdout);
    for option in ["--execute", "--discard"] {
        let hint = format!("smstack deploy {option} 'a plan.json' --local\n");
        assert!(said.contains(&hint), "{output:?}");
    }
    // The bucket, then the platform, then what needs an approved model.
    let plan = prepare(&workload);
    assert_eq!(kinds(&plan["stacks"]), ["bootstrap"]);
    assert_eq!(kinds(&plan["follows"]), ["platform", "serving"]);
    assert_eq!(execute(&workload), executed("bootstrap", "created"));
    let plan = prepare(&workload);
    assert_eq!((kinds(&plan["unchanged"]), kinds(&plan["stacks"])), (vec!["bootstrap"], vec!["platform"]));
    assert!(plan["follows"][0]["why"].as_str().unwrap().contains("needs output"), "{plan:#}");
    let output = deploy(&workload, &["--discard", "plan.json"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains(": removed"), "{output:?}");
    refused(&deploy(&workload, &["--execute", "plan.json"]), "is gone");
    prepare(&workload);
    assert_eq!(execute(&workload), executed("platform", "created"));
    workload.register("dev");
    // The approval has made the serving stack; a change of both stacks is one plan.
    let text = replaced(&workload.text(), "max: 10\n", "max: 12\n");
    workload.write(&replaced(&text, "expire_noncurrent: 90d", "expire_noncurrent: 30d"));
    let plan = prepare(&workload);
    assert_eq!(kinds(&plan["stacks"]), ["platform", "serving"]);
    assert!(plan["diff"]["text"].as_str().unwrap().contains("WebScalableTarget"), "{}", plan["diff"]["text"]);

    // It is refused in another account, edited, or with another stack file; and is executed then all the same.
    let mut other = smstack(workload.path());
    other.env_remove("AWS_PROFILE").env("AWS_ACCESS_KEY_ID", "100000000132");
    other.args(["deploy", "--execute", "plan.json", "--endpoint-url", &cloud.url]);
    refused(&other.output().unwrap(), "for account `100000000131`");
    let written = std::fs::read_to_string(workload.path().join("plan.json")).unwrap();
    std::fs::write(workload.path().join("edited.json"), written.replace("\"update\"", "\"create\"")).unwrap();
    refused(&deploy(&workload, &["--execute", "edited.json"]), "was edited");
    let text = workload.text();
    workload.write(&replaced(&text, "max: 12\n", "max: 14\n"));
    let output = workload.deploy("dev", &["--execute", "plan.json"]);
    refused(&output, "the stack file makes another template of `deep-learning-dev-serving`");
    let output = workload.deploy("dev", &["--prepare", "--plan", "stacks/deep-learning.yaml"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    workload.write(&text);
    assert!(workload.differences("dev").len() > 1, "something was changed without an execution");
    let both = [("platform", "updated"), ("serving", "updated")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(execute(&workload), both);
    workload.check("dev");
    refused(&deploy(&workload, &["--execute", "plan.json"]), "was executed already");

    // What changes in between makes a plan void.
    workload.write(&replaced(&text, "max: 12\n", "max: 11\n"));
    prepare(&workload);
    workload.write(&replaced(&text, "max: 12\n", "max: 13\n"));
    workload.deployed("dev");
    refused(&deploy(&workload, &["--execute", "plan.json"]), "`deep-learning-dev-serving` was changed at");
    workload.check("dev");
    // So is a newer approved model.
    workload.write(&text);
    prepare(&workload);
    workload.register("dev");
    refused(&deploy(&workload, &["--execute", "plan.json"]), "parameter `ModelPackageArn`");
}

/// An execution that was cut off between two stacks is taken up by the next, which counts what is done as done.
#[test]
fn a_plan_that_was_executed_in_part_is_executed_to_its_end() {
    let cloud = Cloud::join();
    let workload = Workload::new(&cloud, "100000000133", |text| text);
    workload.deployed("dev");
    workload.register("dev");
    workload.deployed("dev");
    let text = replaced(&workload.text(), "max: 10\n", "max: 12\n");
    let text = replaced(&text, "expire_noncurrent: 90d", "expire_noncurrent: 30d");
    workload.write(&text);
    let plan = prepare(&workload);
    assert_eq!(kinds(&plan["stacks"]), ["platform", "serving"]);
    let faults = serde_json::json!([{ "match": "ExecuteChangeSet", "skip": 1, "fault": "expired" }]);
    let output = Proxy::new(&cloud, &faults).run(&workload, "deploy", &["--execute", "plan.json"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("deep-learning-dev-platform: updated") && said.contains("expired"), "{said}");
    let both = [("platform", "unchanged"), ("serving", "updated")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(execute(&workload), both);
    workload.check("dev");
    refused(&deploy(&workload, &["--execute", "plan.json"]), "was executed already");

    // Not where the part that is done is not any more as the plan left it.
    workload.write(&replaced(
        &replaced(&text, "max: 12\n", "max: 13\n"),
        "expire_noncurrent: 30d",
        "expire_noncurrent: 40d",
    ));
    prepare(&workload);
    let output = Proxy::new(&cloud, &faults).run(&workload, "deploy", &["--execute", "plan.json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    workload.write(&replaced(&text, "expire_noncurrent: 30d", "expire_noncurrent: 50d"));
    workload.deployed("dev");
    refused(&deploy(&workload, &["--execute", "plan.json"]), "deep-learning-dev-platform");
}
