//! What is changed behind a stack's back, on the local cloud.

use serde_json::json;

use crate::cloud::{Cloud, Workload};
use crate::tools::succeed;

#[test]
fn what_is_changed_behind_its_back_is_drift() {
    let cloud = Cloud::join();
    let workload = Workload::new(&cloud, "100000000061", |text| text);
    assert_eq!(workload.told("drift", "dev", 0)["stacks"], json!([]));
    workload.deployed("dev");
    let told = workload.told("drift", "dev", 0);
    assert_eq!(told["stacks"][1]["drifted"], 0, "{told:#}");
    assert!(told["stacks"][1]["unchecked"].as_array().unwrap().len() > 2, "{told:#}");

    succeed(&mut workload.ask("us-east-1", &["suspend", "deep-learning-dev-platform", "RawBucket"]));
    let told = workload.told("drift", "dev", 7);
    let resources = told["stacks"][1]["resources"].as_array().unwrap();
    let raw = resources.iter().find(|it| it["logical_id"] == "RawBucket").unwrap();
    assert_eq!(raw["status"], "MODIFIED");
    let line = workload.text().lines().position(|line| line.starts_with("    raw:")).unwrap() + 1;
    let origin = raw["origin"].as_str().unwrap();
    assert!(origin.starts_with(&format!("stacks/deep-learning.yaml:{line}:")), "{origin}");
    assert_eq!(raw["differences"][0]["actual"], "Suspended", "{raw:#}");

    let output = workload.run("drift", "dev", &[]);
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    for part in
        ["! RawBucket (S3::Bucket)", "Enabled → Suspended", &format!("--> {origin}"), "not compared: "]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
}
