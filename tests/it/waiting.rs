//! Waiting that ends before CloudFormation does: a time-out, Ctrl-C.

use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::cloud::{Cloud, Workload, smstack};
use crate::project::replaced;
use crate::tools::python;

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

/// At a terminal an update can be cancelled: it rolls back, and the next run makes it anew.
#[cfg(unix)]
#[test]
fn at_a_terminal_ctrl_c_offers_to_cancel_an_update() {
    let cloud = Cloud::join();
    let _alone = cloud.alone_with_faults();
    let workload = Workload::new(&cloud, "100000000053", |text| {
        replaced(&text, "name: deep-learning\n", "name: cancelled\n")
    });
    workload.deployed("dev");
    workload.write(&replaced(&workload.text(), "expire_noncurrent: 90d", "expire_noncurrent: 30d"));
    cloud.faults(&json!({ "update": { "cancelled-dev-platform/RawBucket": { "delay": 8 } } }));
    let program = smstack(workload.path());
    let mut terminal = python("tests/cloud/terminal.py");
    terminal.args([
        "apply these changes",
        "y",
        "UPDATE_IN_PROGRESS RawBucket",
        "^C",
        "cancel the update",
        "y",
        "--",
    ]);
    terminal.arg(program.get_program()).args(["deploy", "deep-learning", "--env", "dev", "--local"]);
    terminal.current_dir(workload.path());
    for (name, value) in program.get_envs() {
        terminal.env(name, value.unwrap_or_default());
    }
    let output = terminal.output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    for words in [
        "cancelled-dev-platform is in UPDATE_IN_PROGRESS, and goes on in AWS by itself",
        "the update is cancelled, and rolls back",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let followed = workload.run("events", "dev", &["--follow"]);
    assert_eq!(followed.status.code(), Some(6), "{followed:?}");
    assert!(String::from_utf8_lossy(&followed.stdout).contains("UPDATE_ROLLBACK_COMPLETE"), "{followed:?}");
    cloud.faults(&json!({}));
    let (outcome, said) = workload.deployed("dev");
    assert_eq!(outcome["stacks"][1]["result"], "updated", "{said}");
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
        assert!(begun.elapsed() < Duration::from_mins(1), "the platform is never begun");
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
            "`smstack events deep-learning --env dev --local --follow` attaches to it",
        ],
    );
    cloud.faults(&json!({}));
}
