//! Where to and by whom: what the command line and the environment say wrong is told before any call, and whose word
//! comes first.

use std::fs;
use std::process::{Command, Output, Stdio};

use crate::cloud::Cloud;
use crate::project;

/// Nobody answers there.
const NOBODY: &str = "http://127.0.0.1:9";

/// A project, and a home with a shared configuration.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Home {
        let at = tempfile::tempdir().unwrap();
        project::write(at.path(), &project::reference());
        fs::create_dir(at.path().join(".aws")).unwrap();
        let config = "[default]\nregion = us-east-1\n[profile prod]\naws_access_key_id = 100000000191\n\
                      aws_secret_access_key = local\n[profile stage]\nregion = us-east-1\n";
        fs::write(at.path().join(".aws/config"), config).unwrap();
        Home(at)
    }

    fn run(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
        let mut command: Command = project::smstack(self.0.path());
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("AWS_")) {
                command.env_remove(name);
            }
        }
        command.env("HOME", self.0.path()).env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("AWS_MAX_ATTEMPTS", "1").envs(variables.iter().copied()).args(arguments);
        command.stdin(Stdio::null()).output().unwrap()
    }
}

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "100000000192"), ("AWS_SECRET_ACCESS_KEY", "local")];

#[test]
fn what_is_said_wrong_is_told_before_any_call() {
    let home = Home::new();
    let check = |keys: bool, variables: &[(&str, &str)], more: &[&str], code: i32, words: &str| {
        let variables = [if keys { &KEYS[..] } else { &[] }, variables].concat();
        for command in [&["status"][..], &["deploy", "--yes"], &["diff", "--deployed"]] {
            let output = home.run(&variables, &[command, &["deep-learning", "--env", "dev"], more].concat());
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{command:?} {variables:?} {more:?}: {said}");
            assert!(said.contains(words), "{command:?} {variables:?} {more:?}: {said}");
            assert!(!said.contains("ConstructionFailure") && !said.contains("panicked"), "{said}");
        }
    };
    // What is empty is not set.
    check(true, &[("AWS_ENDPOINT_URL", NOBODY), ("AWS_ENDPOINT_URL_STS", "")], &[], 1, "refused");
    check(true, &[("AWS_ENDPOINT_URL", ""), ("AWS_ENDPOINT_URL_STS", NOBODY)], &[], 1, "refused");
    check(true, &[("AWS_ENDPOINT_URL", NOBODY), ("AWS_PROFILE", "")], &[], 1, "refused");
    check(true, &[], &["--endpoint-url", ""], 2, "'--endpoint-url <URL>'");
    check(true, &[], &["--profile", ""], 2, "'--profile <NAME>'");
    // What has no form.
    check(true, &[], &["--endpoint-url", "bogus"], 2, "begin with `http://` or `https://`");
    check(true, &[("AWS_ENDPOINT_URL", "bogus")], &[], 2, "`AWS_ENDPOINT_URL` is `bogus`");
    check(
        true,
        &[("AWS_ENDPOINT_URL_S3", "http://u:secret@")],
        &[],
        2,
        "`AWS_ENDPOINT_URL_S3` is not the URL",
    );
    check(true, &[], &["--region", "bogus!"], 2, "letters, digits and hyphens");
    // Profiles that are not there; keys in the environment come before `AWS_PROFILE`, and not before `--profile`.
    let files = "`~/.aws/config` and `~/.aws/credentials`: choose `prod`, `default` or `stage`";
    let flag = format!("`--profile`: there is no profile `prd` in {files}");
    check(true, &[], &["--profile", "prd"], 2, &flag);
    check(false, &[], &["--profile", "prd"], 2, &flag);
    let variable = format!("`AWS_PROFILE`: there is no profile `prd` in {files}");
    check(false, &[("AWS_PROFILE", "prd")], &[], 2, &variable);
    check(true, &[("AWS_PROFILE", "prd"), ("AWS_ENDPOINT_URL", NOBODY)], &[], 1, "refused");
    check(false, &[("AWS_CONFIG_FILE", "/none")], &["--profile", "prd"], 2, "there is none at all");
}

#[test]
fn an_explicit_profile_comes_before_keys_in_the_environment() {
    let cloud = Cloud::join();
    let home = Home::new();
    let check = |variables: &[(&str, &str)], more: &[&str], words: &str| {
        let to = ["diff", "deep-learning", "--env", "dev", "--deployed", "--endpoint-url", &cloud.url];
        let output = home.run(&[&KEYS, variables].concat(), &[&to, more].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(words), "{variables:?} {more:?}: {said}");
    };
    check(&[], &[], "in account 100000000192,");
    check(&[], &["--profile", "prod"], "in account 100000000191,");
    check(&[("AWS_PROFILE", "prod")], &[], "in account 100000000192,");
    // It has no credentials: whoever asks for it does not mean the keys.
    check(&[], &["--profile", "stage"], "no credentials");
}

#[test]
fn what_is_no_plan_is_wrong_usage() {
    let home = Home::new();
    for (path, words) in [
        ("nope.plan", "cannot read `nope.plan`"),
        ("stacks", "cannot read `stacks`"),
        ("stacks/deep-learning.yaml", "it is not a plan file"),
    ] {
        for option in ["--execute", "--discard"] {
            let output = home.run(&KEYS, &["deploy", option, path]);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{option} {path}: {said}");
            assert!(said.contains(words) && said.contains("`smstack deploy --prepare`"), "{said}");
        }
    }
}
