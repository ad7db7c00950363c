//! What `destroy` keeps, the next deployment takes in again.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cloud::{Cloud, Workload};

/// The outputs of the platform stack.
fn outputs(outcome: &Value) -> BTreeMap<String, String> {
    serde_json::from_value(outcome["stacks"][1]["outputs"].clone()).unwrap()
}

#[test]
fn a_destroyed_environment_comes_back_with_what_it_kept() {
    let cloud = Cloud::join();
    let workload = Workload::new(&cloud, "100000000141", |text| text);
    workload.deployed("dev");
    workload.register("dev");
    let output = workload.run("destroy", "dev", &["--yes"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");

    // Not without consent, and without a trace.
    let output = workload.deploy("dev", &[]);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("an earlier stack has kept these"), "{said}");
    for kept in ["DeepLearningModelsModelGroup", "RawBucket", "RawBucketPolicy", "DataLakeKey"] {
        assert!(said.contains(&format!("  < {kept} (")), "{kept}: {said}");
    }
    let (second, said) = workload.deployed("dev");
    assert_eq!(second["stacks"][1]["result"], "updated", "{said}");
    // Of that name, the group at least is known whatever the deleted stack's events still say.
    assert!(
        said.contains("< DeepLearningModelsModelGroup (SageMaker::ModelPackageGroup) is imported"),
        "{said}"
    );
    assert_eq!(second["stacks"][2]["result"], "created", "the versions are still there: {said}");
    let told = workload.told("models", "dev", 0);
    assert_eq!(told["groups"][0]["versions"][0]["version"], 1, "{told}");
    workload.check("dev");

    // Once more, at once: buckets and key are those that hold the data.
    let output = workload.run("destroy", "dev", &["--yes"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let (third, said) = workload.deployed("dev");
    assert!(said.contains("< RawBucket (S3::Bucket) is imported"), "{said}");
    for name in ["RawBucketName", "ProcessedBucketName", "ArtifactsBucketName", "LakeKeyArn"] {
        assert_eq!(outputs(&third)[name], outputs(&second)[name], "{name}");
    }
    workload.check("dev");
    let (outcome, said) = workload.deployed("dev");
    assert_eq!(outcome["stacks"][1]["result"], "unchanged", "{said}");

    // What is gone meanwhile hinders nothing.
    let raw = outputs(&third)["RawBucketName"].clone();
    let output = workload.run("destroy", "dev", &["--yes"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let deleted = workload.ask("us-east-1", &["delete-bucket", &raw]).status().unwrap();
    assert!(deleted.success());
    let (fourth, said) = workload.deployed("dev");
    assert_ne!(outputs(&fourth)["RawBucketName"], raw);
    assert_eq!(outputs(&fourth)["ProcessedBucketName"], outputs(&third)["ProcessedBucketName"], "{said}");
    workload.check("dev");
}
