//! What is deployed as the base of a diff, on the local cloud: only read, and with CloudFormation's own word.

use serde_json::Value;

use crate::cloud::{Cloud, Workload, smstack};
use crate::project::replaced;

/// `diff --local` of the reference workload: its exit code, its diff, and what it said.
fn diff(workload: &Workload, more: &[&str]) -> (Option<i32>, Value, String) {
    let mut command = smstack(workload.path());
    command.args(["diff", "deep-learning", "--env", "dev", "--local", "--format", "json"]);
    let output = command.args(more).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let diff = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    if !diff.is_null() {
        let schema: Value = serde_json::from_str(include_str!("../../schemas/diff.schema.json")).unwrap();
        assert!(jsonschema::draft202012::new(&schema).unwrap().is_valid(&diff), "{diff:#}");
    }
    (output.status.code(), diff, said)
}

/// `serving/WebScalableTarget: update`, of each resource.
fn impacts(diff: &Value) -> Vec<String> {
    let resources = diff["resources"].as_array().unwrap();
    let line = |it: &Value| {
        let word = |name: &str| it[name].as_str().unwrap().to_owned();
        format!("{}/{}: {}", word("document"), word("logical_id"), word("impact"))
    };
    resources.iter().map(line).collect()
}

/// Change sets of the account's stacks, by stack.
fn change_sets(workload: &Workload) -> String {
    let output = workload.ask("us-east-1", &["change-sets"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_is_deployed_is_compared_and_left_alone() {
    let cloud = Cloud::join();
    let workload = Workload::new(&cloud, "100000000031", |text| text);

    // Nothing is there: all of it would be created, and no change set makes a stack.
    for option in ["--deployed", "--change-set"] {
        let (code, found, said) = diff(&workload, &[option]);
        assert_eq!(code, Some(0), "{said}");
        assert!(
            said.contains("`deep-learning-dev-platform` is not deployed: all of it would be created"),
            "{said}"
        );
        assert!(impacts(&found).iter().all(|line| line.ends_with(": create")), "{:#?}", impacts(&found));
        assert!(workload.is_empty());
    }

    workload.deployed("dev");
    workload.register("dev");
    workload.deployed("dev");
    for option in ["--deployed", "--change-set"] {
        let (code, found, said) = diff(&workload, &[option, "--fail-on", "any"]);
        assert_eq!(code, Some(0), "{said}");
        assert!(impacts(&found).is_empty(), "{:#?}", impacts(&found));
    }

    let text = replaced(&workload.text(), "max: 10\n", "max: 12\n");
    let text = replaced(&text, "expire_noncurrent: 90d", "expire_noncurrent: 30d");
    let text = replaced(&text, "instance: ml.c5.xlarge, count: 2", "instance: ml.m5.large, count: 2");
    workload.write(&text);
    let (code, found, said) = diff(&workload, &["--deployed", "--fail-on", "replace"]);
    assert_eq!(code, Some(4), "{said}");
    let estimate = impacts(&found);
    for line in [
        "serving/DeepLearningEndpointEndpointConfig: replace",
        "serving/DeepLearningEndpointEndpoint: rolls",
        "serving/WebScalableTarget: update",
        "platform/RawBucket: update",
    ] {
        assert!(estimate.iter().any(|it| it == line), "{line}: {estimate:#?}");
    }
    assert!(change_sets(&workload).is_empty());

    // The change set agrees where it speaks, and says on whose word each line is.
    let (code, found, said) = diff(&workload, &["--change-set"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.matches("which is removed again").count(), 2, "{said}");
    let resource = |id: &str| {
        let resources = found["resources"].as_array().unwrap();
        resources
            .iter()
            .find(|it| it["logical_id"] == id)
            .unwrap_or_else(|| panic!("{id}: {found:#}"))
            .clone()
    };
    // That the endpoint changes may give the target another `ResourceId`, says CloudFormation; the templates know better.
    for (id, impact, verdict, differs) in [
        ("DeepLearningEndpointEndpointConfig", "replace", "replace", false),
        ("DeepLearningEndpointEndpoint", "rolls", "update", false),
        ("WebScalableTarget", "update", "may_replace", true),
        ("RawBucket", "update", "update", false),
    ] {
        let resource = resource(id);
        assert_eq!(resource["impact"], impact, "{resource:#}");
        assert_eq!(resource["verdict"]["impact"], verdict, "{resource:#}");
        assert_eq!(resource["verdict"]["differs"], differs, "{resource:#}");
        let reasons = resource["reasons"].as_array().unwrap();
        assert!(reasons.iter().any(|it| it["by"] == "change_set"), "{resource:#}");
    }
    assert!(change_sets(&workload).is_empty(), "a change set is left");
    workload.differences("dev");
}

#[test]
fn a_change_set_that_fails_is_removed_too() {
    let cloud = Cloud::join();
    let workload = Workload::new(&cloud, "100000000032", |text| text);
    workload.deployed("dev");
    let (code, _, said) = diff(&workload, &["--change-set", "--region", "eu-west-1"]);
    assert!(code == Some(1) && said.contains("belongs to region `us-east-1`"), "{said}");
    assert!(change_sets(&workload).is_empty());
}

#[test]
fn only_stack_files_are_deployed() {
    let at = tempfile::tempdir().unwrap();
    crate::project::write(at.path(), &crate::project::reference());
    let check = |arguments: &[&str], expected: &str| {
        let output = smstack(at.path()).arg("diff").args(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains(expected), "{arguments:?}: {said}");
    };
    check(&["--deployed", "x.json"], "only stack files are compared with what is deployed");
    check(&["--deployed", "--base", "main"], "cannot be used with");
    check(&["--local"], "add `--deployed`");
    check(&["--deployed", "--local", "--env", "dve"], "did you mean `dev`?");
}
