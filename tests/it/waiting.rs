//! Waiting that ends before CloudFormation does: a time-out, Ctrl-C.

use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::cloud::{Cloud, Workload, smstack};
use crate::project::replaced;

/// A workload whose platform takes its time.
fn slow(cloud: &Cloud, account: &str, name: &str) -> Workload {
    cloud.faults(&json!({ "create": { format!("{name}-dev-platform/DataLakeKey"): { "delay": 8 } } }));
    Workload::new(cloud, account, |text| replaced(&text, "name: deep-learning\n", &format!("name: {name}\n")))
}

/// What goes on is told, nothing has failed, and whoever comes next sees it through.
fn check(workload: &Workload, output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for words in words {
        assert!(said.contains(words), "{words}: {said}");
    }
    let followed = workload.run("events", "dev", &["--follow"]);
    assert_eq!(followed.status.code(), Some(0), "{followed:?}");
    assert!(String::from_utf8_lossy(&followed.stdout).contains("CREATE_COMPLETE"), "{followed:?}");
    let (outcome, said) = workload.deployed("dev");
    assert_eq!(outcome["stacks"][1]["result"], "unchanged", "{said}");
}

#[test]
fn an_end_of_patience_is_no_failure() {
    let cloud = Cloud::join();
    let _alone = cloud.alone_with_faults();
    let workload = slow(&cloud, "100000000051", "patience");
    let output = workload.deploy("dev", &["--yes", "--timeout", "2s"]);
    check(
        &workload,
        &output,
        &["stopped waiting for `patience-dev-platform` after", "has not failed", "smstack events --follow"],
    );
    cloud.faults(&json!({}));
}

#[cfg(unix)]
#[test]
fn ctrl_c_says_what_goes_on() {
    let cloud = Cloud::join();
    let _alone = cloud.alone_with_faults();
    let workload = slow(&cloud, "100000000052", "stopped");
    let mut command = smstack(workload.path());
    command.args(["deploy", "deep-learning", "--env", "dev", "--local", "--yes"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while !workload.is_busy("stopped-dev-platform") {
        assert!(begun.elapsed() < Duration::from_secs(60), "the platform is never begun");
        std::thread::sleep(Duration::from_millis(200));
    }
    let stopped =
        std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    let output = child.wait_with_output().unwrap();
    check(
        &workload,
        &output,
        &[
            "stopped-dev-platform is in CREATE_IN_PROGRESS, and goes on in AWS by itself",
            "`smstack events deep-learning --env dev --follow --local` attaches to it",
        ],
    );
    cloud.faults(&json!({}));
}
