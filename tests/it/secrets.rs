//! Planted secrets come out nowhere: not in what is printed, not in a file, whatever is logged and however it fails.
//!
//! What counts are the credentials of the chain (access key, secret key, session token), in whatever form a file, a
//! process or a proxy's URL gives them, and what files hold that secrets go by. What a stack file says is no secret: it
//! stands in a repository, and arrives in templates.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::json;

use crate::cloud::{Cloud, Workload};
use crate::faults::Proxy;
use crate::project::{self, tree};

const KEY: &str = "AKIAPLANTED0PLANTED0";
const SECRET: &str = "planted/Secret+Key/of0forty0characters00";
const TOKEN: &str = "plantedSessionToken//with+signs/that=are=escaped==";
const OTHER: &str = "planted-in-a-file";
const SECRETS: [&str; 6] =
    [KEY, SECRET, TOKEN, OTHER, "planted%2FSecret%2BKey", "plantedSessionToken%2F%2Fwith"];

/// Everything that may be asked to log is asked to log everything.
fn loud(command: &mut Command) -> &mut Command {
    for name in ["RUST_LOG", "AWS_LOG", "SMITHY_LOG", "SMSTACK_LOG"] {
        command.env(name, "trace");
    }
    command.env("RUST_BACKTRACE", "full").env("RUST_LIB_BACKTRACE", "full").env("AWS_MAX_ATTEMPTS", "2");
    command.env("AWS_EC2_METADATA_DISABLED", "true").env_remove("AWS_PROFILE").stdin(Stdio::null())
}

/// A command in a project, with credentials.
fn command(at: &Path, key: &str, url: &str, arguments: &[&str]) -> Output {
    let mut command = project::smstack(at);
    loud(&mut command).env("AWS_ACCESS_KEY_ID", key).env("AWS_SECRET_ACCESS_KEY", SECRET);
    command.env("AWS_SESSION_TOKEN", TOKEN).args(arguments).args(["--endpoint-url", url]);
    command.output().unwrap()
}

/// What was printed, and every file of the project, hold no secret.
fn silent(at: &Path, output: &Output, what: &str) {
    let printed = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    for secret in SECRETS {
        assert!(!printed.concat().contains(secret), "{what} prints `{secret}`:\n{}", printed.concat());
        for (name, bytes) in tree(at) {
            let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "{what}: `{secret}` in {name}");
        }
    }
}

/// Every command, on a deployment that goes well.
#[test]
fn what_goes_well_tells_no_secret() {
    let cloud = Cloud::join();
    let account = "100000000181";
    let workload = Workload::new(&cloud, account, |text| text);
    let stack = ["deep-learning", "--env", "dev"];
    fs::create_dir(workload.path().join("data")).unwrap();
    fs::write(workload.path().join("data/a.csv"), "a,b\n1,2\n").unwrap();
    let check = |name: &str, more: &[&str], code: i32| {
        let which = if name == "data" || more.contains(&"--execute") { &[][..] } else { &stack[..] };
        let arguments = [&[name][..], which, more].concat();
        let output = command(workload.path(), account, &cloud.url, &arguments);
        let what = arguments.join(" ");
        assert_eq!(output.status.code(), Some(code), "{what}: {output:?}");
        silent(workload.path(), &output, &what);
    };
    check("deploy", &["--prepare", "--plan", "plan.json"], 0);
    check("deploy", &["--execute", "plan.json"], 0);
    check("deploy", &["--yes", "--no-preflight", "--format", "json"], 0);
    workload.register("dev");
    check("deploy", &["--yes", "--no-preflight"], 0);
    for name in ["status", "outputs", "events", "drift", "models", "recover"] {
        check(name, &[], 0);
    }
    check("diff", &["--deployed", "--format", "json"], 0);
    let dataset = ["deep-learning", "training-data"];
    check("data", &[&["publish"], &dataset[..], &["data", "--env", "dev", "--yes"]].concat(), 0);
    check("data", &[&["list"], &dataset[..], &["--env", "dev"]].concat(), 0);
    check("run", &["--format", "json"], 0);
    check("destroy", &["--yes"], 0);
}

/// Answers that send back the whole request, at each stage.
#[test]
fn what_fails_tells_no_secret() {
    let cloud = Cloud::join();
    let workload = Workload::new(&cloud, "100000000182", |text| text);
    let stack = ["deep-learning", "--env", "dev"];
    let deploy: &[&str] = &["deploy", "--yes", "--no-preflight"];
    let prepare: &[&str] = &["deploy", "--prepare", "--plan", "plan.json"];
    let mut masked = 0;
    let mut check = |operation: &str, fault: &str, key: &str, arguments: &[&str]| {
        let proxy = Proxy::new(&cloud, &json!([{ "match": operation, "fault": fault }]));
        let arguments = [&arguments[..1], &stack, &arguments[1..]].concat();
        let output = command(workload.path(), key, &proxy.url, &arguments);
        let what = format!("{} at {operation}, {fault}", arguments.join(" "));
        assert_eq!(output.status.code(), Some(1), "{what}: {output:?}");
        silent(workload.path(), &output, &what);
        masked += usize::from(String::from_utf8_lossy(&output.stderr).contains("x-amz-security-token:****"));
    };
    for arguments in [deploy, prepare, &["status"], &["run"], &["diff", "--deployed"], &["destroy", "--yes"]]
    {
        check("GetCallerIdentity", "echo", KEY, arguments);
        check("DescribeStacks", "echo", "100000000182", arguments);
    }
    for fault in ["echo_unavailable", "not_xml", "reset"] {
        check("GetCallerIdentity", fault, KEY, deploy);
    }
    for operation in ["CreateChangeSet", "DescribeChangeSet", "ExecuteChangeSet", "HeadObject|PutObject"] {
        check(operation, "echo", "100000000182", deploy);
    }
    // The check can fail: nearly every time a secret was on its way out.
    assert!(masked >= 15, "{masked} answers were masked");
}

/// Sources of credentials that are broken, a proxy that is not there, and a file that secrets go by.
#[test]
fn what_is_set_up_badly_tells_no_secret() {
    let at = tempfile::tempdir().unwrap();
    let home = tempfile::tempdir().unwrap();
    project::write(at.path(), &project::reference());
    let status: &[&str] = &["status", "deep-learning", "--env", "dev", "--endpoint-url"];
    let near = "http://127.0.0.1:9";
    let check = |what: &str, url: &str, variables: &[(&str, &str)], config: &str, credentials: &str| {
        let files = ["config", "credentials"].map(|name| home.path().join(name));
        fs::write(&files[0], config).unwrap();
        fs::write(&files[1], credentials).unwrap();
        let mut command = project::smstack(at.path());
        loud(&mut command).env("AWS_CONFIG_FILE", &files[0]).env("AWS_SHARED_CREDENTIALS_FILE", &files[1]);
        for name in
            ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "NO_PROXY", "no_proxy"]
        {
            command.env_remove(name);
        }
        let output = command.envs(variables.iter().copied()).args(status).arg(url).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{what}: {output:?}");
        silent(at.path(), &output, what);
    };
    let keys = [("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET), ("AWS_SESSION_TOKEN", TOKEN)];
    check("nobody answers", near, &keys, "", "");
    let broken =
        format!("[default]\naws_access_key_id = {KEY}\naws_secret_access_key\n  {SECRET}\n{OTHER}\n");
    check("a broken file", near, &[], "", &broken);
    check("a broken configuration", near, &[], &broken, "");
    for (what, answer) in [
        ("a process that answers no JSON", format!("not json {SECRET}")),
        (
            "a process that answers half",
            format!("{{\\\"Version\\\": 1, \\\"SecretAccessKey\\\": \\\"{SECRET}\\\""),
        ),
        (
            "a process of another version",
            format!("{{\\\"Version\\\": 7, \\\"AccessKeyId\\\": \\\"{KEY}\\\"}}"),
        ),
    ] {
        let script = home.path().join("process.sh");
        fs::write(&script, format!("echo \"{answer}\"\n")).unwrap();
        let config = format!("[default]\ncredential_process = sh {}\n", script.display());
        check(what, near, &[], &config, "");
    }
    let proxies = [("HTTPS_PROXY", "http://user:planted-in-a-file@127.0.0.1:9")];
    let variables: Vec<_> = keys.iter().chain(&proxies).copied().collect();
    check("a proxy with a password", "https://127.0.0.1:9", &variables, "", "");
    let url = "http://user:planted-in-a-file@127.0.0.1:9";
    check("an endpoint with a password", url, &keys, "", "");

    // Files that secrets go by, and files that hold keys, are named, and not shown.
    for (name, text) in [(".env", format!("TOKEN={OTHER}\n")), ("notes.txt", format!("{KEY}\n{SECRET}\n"))] {
        let project = tempfile::tempdir().unwrap();
        project::write(project.path(), &project::reference());
        let file = project.path().join("stacks/code/src").join(name);
        fs::write(&file, text).unwrap();
        for arguments in [["validate"].as_slice(), &["synth"], &["validate", "--format", "sarif"]] {
            let output = loud(project::smstack(project.path()).args(arguments)).output().unwrap();
            assert_eq!(output.status.code(), Some(3), "{arguments:?}: {output:?}");
            let printed = [output.stdout, output.stderr].concat();
            let printed = String::from_utf8_lossy(&printed);
            assert!(printed.contains("source-secret") && printed.contains(name), "{printed}");
            assert!(SECRETS.iter().all(|secret| !printed.contains(secret)), "{printed}");
        }
    }
}
