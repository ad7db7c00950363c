//! What an account lacks is said before anything is made, by an account on the local cloud that has nothing.

use std::process::Output;

use serde_json::Value;

use crate::cloud::{Cloud, Workload, smstack};
use crate::project::replaced;

/// A command of the reference workload against the local cloud as if it were an account of AWS's.
fn run(workload: &Workload, cloud: &Cloud, account: &str, arguments: &[&str]) -> Output {
    let mut command = smstack(workload.path());
    command
        .args(arguments)
        .args(["--endpoint-url", &cloud.url])
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_ENDPOINT_URL")
        .env("AWS_ACCESS_KEY_ID", account)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_MAX_ATTEMPTS", "1");
    command.output().unwrap()
}

#[test]
fn nothing_is_made_where_something_is_missing() {
    let cloud = Cloud::join();
    let account = "100000000071";
    // An image of the account's own, which nobody has pushed. Cloud Control API is not there to be asked.
    let image = format!("{account}.dkr.ecr.us-east-1.amazonaws.com/prepare:7");
    let workload = Workload::new(&cloud, account, |text| {
        replaced(
            &text,
            "image: { framework: sklearn, version: 1.2-1 }",
            &format!("image: {{ uri: \"{image}\" }}"),
        )
    });
    let target = ["deep-learning", "--env", "dev"];

    let output =
        run(&workload, &cloud, account, &[&["preflight"], &target[..], &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let schema: Value = serde_json::from_str(include_str!("../../schemas/preflight.schema.json")).unwrap();
    assert!(jsonschema::draft202012::new(&schema).unwrap().is_valid(&told), "{told:#}");
    let looked = told["looked"].as_array().unwrap();
    let needed = format!("image `prepare:7` of {account}");
    let image = looked.iter().find(|it| it["need"] == needed.as_str()).unwrap();
    assert_eq!(image["found"], "missing", "{image:#}");
    // Five tuning jobs at a time, on two instances each.
    for quota in ["2 × `ml.c5.xlarge for endpoint usage`", "10 × `ml.p3.2xlarge for spot training job usage`"]
    {
        assert!(looked.iter().any(|it| it["need"] == quota), "{quota}: {told:#}");
    }

    let output = run(&workload, &cloud, account, &[&["deploy"], &target[..], &["--yes"]].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    for part in [&*format!("! {needed}: not there"), "nothing was made", "--no-preflight"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let output = run(&workload, &cloud, account, &[&["deploy"], &target[..], &["--prepare"]].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing was made"), "{output:?}");
    assert!(workload.is_empty());

    let deploy = [&["deploy"], &target[..], &["--yes", "--no-preflight"]].concat();
    let output = run(&workload, &cloud, account, &deploy);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}
