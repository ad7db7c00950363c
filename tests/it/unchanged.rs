//! A deployment that has nothing to do asks little.

use std::process::Command;

use crate::cloud::{Cloud, Workload, outcome, smstack};
use crate::proxy::Proxy;

/// How many calls a deployment without changes may make, of the reference workload with both stacks deployed.
const MOST_CALLS: usize = 12;

fn deploy(workload: &Workload, account: &str, url: &str) -> Command {
    let mut command = smstack(workload.path());
    command.env_remove("AWS_PROFILE").env("AWS_ACCESS_KEY_ID", account);
    command.args(["deploy", "deep-learning", "--env", "dev", "--yes", "--format", "json"]);
    command.args(["--endpoint-url", url]);
    command
}

#[test]
fn a_deployment_without_changes_makes_few_calls_and_no_upload() {
    let cloud = Cloud::join();
    let account = "100000000121";
    let workload = Workload::new(&cloud, account, |text| text);
    workload.deployed("dev");
    workload.register("dev");
    workload.deployed("dev");

    let proxy = Proxy::before(&cloud.url);
    let output = deploy(&workload, account, &proxy.url).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let outcome = outcome(&output);
    let results: Vec<&str> =
        outcome["stacks"].as_array().unwrap().iter().map(|stack| stack["result"].as_str().unwrap()).collect();
    assert_eq!(results, ["unchanged"; 3], "{output:?}");
    assert_eq!(outcome["uploaded"], 0);
    let calls = proxy.calls();
    println!("{} calls: {}", calls.len(), calls.join(", "));
    assert!(calls.len() <= MOST_CALLS && calls.contains(&"GetTemplate".to_owned()), "{calls:?}");
    let writes = ["CreateChangeSet", "DeleteChangeSet", "ExecuteChangeSet", "PUT"];
    assert!(!calls.iter().any(|call| writes.contains(&call.as_str())), "{calls:?}");
}
