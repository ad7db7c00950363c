//! Deployments through a proxy that makes the cloud have a bad day.

use std::io::{BufRead, BufReader};
use std::process::{Child, Output, Stdio};

use serde_json::{Value, json};

use crate::cloud::{Cloud, Workload};
use crate::project::{self, replaced};
use crate::tools::python;

/// The proxy in front of the local cloud; ended when dropped.
pub(crate) struct Proxy {
    process: Child,
    pub(crate) url: String,
}

impl Proxy {
    pub(crate) fn new(cloud: &Cloud, rules: &Value) -> Proxy {
        let upstream = cloud.url.rsplit(':').next().unwrap();
        let mut command = python("tests/cloud/proxy.py");
        command.arg(upstream).arg(rules.to_string()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Proxy { process, url: format!("http://127.0.0.1:{}", port.trim()) }
    }

    /// A command on the workload's `dev` through the proxy.
    pub(crate) fn run(&self, workload: &Workload, command: &str, more: &[&str]) -> Output {
        self.run_all(workload, &[&[command, "deep-learning"], more].concat())
    }

    fn run_all(&self, workload: &Workload, arguments: &[&str]) -> Output {
        let mut program = project::smstack(workload.path());
        program.env_remove("AWS_PROFILE").env("AWS_ACCESS_KEY_ID", workload.account());
        program.env("AWS_SECRET_ACCESS_KEY", "local").env("AWS_EC2_METADATA_DISABLED", "true");
        program.args(arguments).args(["--env", "dev", "--endpoint-url", &self.url]);
        program.stdin(Stdio::null()).output().unwrap()
    }

    fn deployed(&self, workload: &Workload) -> String {
        let output = self.run(workload, "deploy", &["--yes"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        said
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The reference workload with nothing that follows an approval: it is `deploy` that finds the version.
fn workload(cloud: &Cloud, account: &str) -> Workload {
    Workload::new(cloud, account, |text| {
        let rollout = text.lines().find(|line| line.contains("on_approval: deploy")).unwrap().to_owned();
        replaced(&text, &format!("{rollout}\n"), "")
    })
}

/// Uploads are cut off, refused and lost on their way back: the version is the one that it would be without.
#[test]
fn a_publication_gets_through_a_bad_day() {
    let cloud = Cloud::join();
    let workload = workload(&cloud, "100000000048");
    workload.deployed("dev");
    let rows = workload.path().join("rows");
    std::fs::create_dir(&rows).unwrap();
    for n in 0..10 {
        std::fs::write(rows.join(format!("{n}.csv")), format!("a,b\n{n},2\n")).unwrap();
    }
    std::fs::write(rows.join("large.bin"), vec![9; 20 << 20]).unwrap();
    let rules = json!([
        { "match": "PutObject", "times": 2, "fault": "reset_after" },
        { "match": "PutObject", "skip": 3, "times": 2, "fault": "unavailable" },
        { "match": "PutObject", "skip": 6, "times": 2, "fault": "reset" },
        { "match": "PostObject", "times": 1, "fault": "reset_after" },
        { "match": "PostObject", "skip": 2, "times": 1, "fault": "reset_after" },
        { "match": "GetObject", "times": 1, "fault": "reset" },
        { "match": "HeadObject", "times": 1, "fault": "unavailable" },
    ]);
    let proxy = Proxy::new(&cloud, &rules);
    let publish = ["data", "publish", "deep-learning", "training-data", "rows", "--yes"];
    let output = proxy.run_all(&workload, &publish);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let direct = Proxy::new(&cloud, &json!([]));
    let output = direct.run_all(&workload, &["data", "verify", "deep-learning", "training-data"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("11 files, 20.00 MiB, all as published"),
        "{output:?}"
    );
    let output = direct.run_all(&workload, &publish);
    assert!(String::from_utf8_lossy(&output.stdout).contains("nothing to do"), "{output:?}");
}

/// Every fault once or twice, of every operation of a kind: the deployment is as good as without any.
#[test]
fn a_deployment_gets_through_a_bad_day() {
    let cloud = Cloud::join();
    let workload = workload(&cloud, "100000000041");
    let rules = json!([
        { "match": "DescribeStacks", "times": 1, "fault": "throttle" },
        { "match": "DescribeStacks", "skip": 3, "times": 1, "fault": "truncate" },
        { "match": "DescribeStacks", "skip": 6, "times": 2, "fault": "malformed" },
        { "match": "GetCallerIdentity", "times": 1, "fault": "not_xml" },
        { "match": "CreateChangeSet", "times": 1, "fault": "reset" },
        { "match": "CreateChangeSet", "skip": 1, "times": 1, "fault": "reset_after" },
        { "match": "ExecuteChangeSet", "times": 1, "fault": "reset_after" },
        { "match": "ExecuteChangeSet", "skip": 1, "times": 1, "fault": "unavailable" },
        { "match": "DescribeChangeSet", "times": 2, "fault": "unavailable" },
        { "match": "PutObject", "times": 1, "fault": "reset_after" },
        { "match": "PutObject", "skip": 1, "times": 1, "fault": "unavailable" },
        { "match": "HeadObject", "times": 1, "fault": "reset" },
        { "match": "DescribeStackEvents", "times": 1, "fault": "slow" },
        { "match": "DescribeStackEvents", "times": 2, "fault": "truncate" },
        { "match": "DescribeStackEvents", "times": 3, "fault": "duplicate" },
        { "match": "DescribeStackEvents", "times": 3, "fault": "reorder" },
        { "match": "DescribeStackEvents|List.*", "fault": "empty_page" },
        { "match": "ListModelPackages|DescribeModelPackage", "times": 1, "fault": "throttle" },
        { "match": "DeleteChangeSet", "times": 1, "fault": "reset_after" },
    ]);
    let said = Proxy::new(&cloud, &rules).deployed(&workload);
    assert!(said.contains("deep-learning-dev-platform: created"), "{said}");
    workload.register("dev");
    let said = Proxy::new(&cloud, &rules).deployed(&workload);
    assert!(said.contains("deep-learning-dev-serving: created"), "{said}");
    workload.check("dev");
    assert!(workload.change_sets().is_empty(), "{}", workload.change_sets());

    // An event is told once, however often it comes.
    let created = said
        .lines()
        .filter(|line| line.ends_with(" WebScalableTarget (ApplicationAutoScaling::ScalableTarget)"));
    let mut statuses: Vec<&str> = created.filter_map(|line| line.split_whitespace().nth(1)).collect();
    let all = statuses.len();
    statuses.sort_unstable();
    statuses.dedup();
    assert_eq!(statuses.len(), all, "{said}");

    let output = Proxy::new(
        &cloud,
        &json!([
            { "match": "DeleteStack", "times": 1, "fault": "reset_after" },
            { "match": "DescribeStackEvents|List.*", "fault": "empty_page" },
            { "match": "DescribeStacks", "skip": 3, "times": 2, "fault": "truncate" },
        ]),
    )
    .run(&workload, "destroy", &["--yes"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

/// Credentials that expire while CloudFormation works: what goes on is not failed, and the way back is said.
#[test]
fn credentials_that_expire_in_the_middle_leave_a_way_back() {
    let cloud = Cloud::join();
    let workload = workload(&cloud, "100000000042");
    let rules = json!([{ "match": "DescribeStackEvents", "skip": 1, "fault": "expired" }]);
    let output = Proxy::new(&cloud, &rules).run(&workload, "deploy", &["--yes"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    for words in ["lost sight of", "goes on in AWS by itself", "sign in again", "smstack events --follow"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let clear = Proxy::new(&cloud, &json!([]));
    let output = clear.run(&workload, "events", &["--follow"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = clear.deployed(&workload);
    assert!(said.contains("deep-learning-dev-platform: created"), "{said}");
}

/// Whoever stops a comparison with CloudFormation's own word leaves no change set behind.
#[cfg(unix)]
#[test]
fn a_comparison_that_is_stopped_leaves_no_change_set() {
    let cloud = Cloud::join();
    let workload = workload(&cloud, "100000000082");
    workload.deployed("dev");
    workload.write(&replaced(&workload.text(), "expire_noncurrent: 90d", "expire_noncurrent: 30d"));
    // It is made, and never gets ready.
    let proxy = Proxy::new(&cloud, &json!([{ "match": "DescribeChangeSet", "fault": "unavailable" }]));
    let mut command = project::smstack(workload.path());
    command.env_remove("AWS_PROFILE").env("AWS_ACCESS_KEY_ID", workload.account());
    command.env("AWS_SECRET_ACCESS_KEY", "local").env("AWS_EC2_METADATA_DISABLED", "true");
    command.args(["diff", "deep-learning", "--env", "dev", "--change-set", "--endpoint-url", &proxy.url]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("which is removed again")));
    let sets = || workload.ask("us-east-1", &["change-sets"]).output().unwrap().stdout;
    let begun = std::time::Instant::now();
    while sets().is_empty() {
        assert!(begun.elapsed() < std::time::Duration::from_mins(1), "no change set is ever made");
    }
    let stopped = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(stopped.unwrap().success());
    let said: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{said:?}");
    assert!(said.iter().any(|line| line.contains("stopping: removing change set")), "{said:?}");
    assert!(sets().is_empty(), "{said:?}");
}
