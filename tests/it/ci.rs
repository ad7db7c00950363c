//! The workflows that `smstack init --ci` writes: what the build servers' own checkers say, and what the scripts do.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::project;
use crate::tools::{Set, succeed};

/// The file that is written for a build server, in the reference workload's project.
fn written(at: &Path, server: &str) -> std::path::PathBuf {
    project::write(at, &project::reference());
    let output = project::run(at, &["init", "--ci", server]);
    assert!(output.status.success(), "{output:?}");
    at.join(String::from_utf8(output.stdout).unwrap().trim())
}

#[test]
fn github_s_workflow_is_sound() {
    let at = tempfile::tempdir().unwrap();
    let file = written(at.path(), "github");
    assert!(file.ends_with(".github/workflows/smstack.yml"));
    succeed(
        Set::Ci.program("check-jsonschema").args(["--builtin-schema", "vendor.github-workflows"]).arg(&file),
    );
    let text = fs::read_to_string(&file).unwrap();
    for line in text.lines().filter(|line| line.contains("uses: ")) {
        let (_, version) = line.split_once('@').unwrap();
        let (commit, comment) = version.split_once(" # v").unwrap();
        assert!(commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{line}");
        assert!(!comment.is_empty(), "{line}");
    }
    for line in ["{ stack: deep-learning, environment: dev }", "{ stack: deep-learning, environment: prod }"]
    {
        assert!(text.contains(line), "{text}");
    }
    let workflow: Value = serde_saphyr::from_str(&text).unwrap();
    let jobs = workflow["jobs"].as_object().unwrap();
    let steps = jobs.values().flat_map(|job| job["steps"].as_array().unwrap());
    let scripts: Vec<&str> = steps.filter_map(|step| step["run"].as_str()).collect();
    assert!(scripts.len() > 6);
    for script in scripts {
        // Nothing of an event reaches a script but through its environment.
        assert!(!script.contains("${{"), "{script}");
        shellcheck(at.path(), script);
    }
    // Nothing may be done but what each job says.
    assert_eq!(workflow["permissions"], serde_json::json!({}));
    assert_eq!(
        jobs["check"]["permissions"],
        serde_json::json!({ "contents": "read", "pull-requests": "write" })
    );
    for job in ["prepare", "deploy"] {
        let permissions = serde_json::json!({ "contents": "read", "id-token": "write" });
        assert_eq!(jobs[job]["permissions"], permissions);
        assert_eq!(jobs[job]["strategy"]["matrix"]["include"].as_array().unwrap().len(), 2);
    }
    // What is executed is what was prepared, on somebody's approval.
    assert_eq!(jobs["deploy"]["needs"], "prepare");
    assert_eq!(jobs["deploy"]["environment"], "${{ matrix.environment }}");
    assert_eq!(jobs["prepare"]["environment"], "${{ matrix.environment }}-prepare");
    assert!(text.contains(" --prepare --plan ") && text.contains(" --execute "), "{text}");
    assert!(!text.contains("--yes"), "{text}");
}

/// What a shell script's own checker says: nothing.
fn shellcheck(at: &Path, script: &str) {
    let path = at.join("script.sh");
    fs::write(&path, script).unwrap();
    succeed(Set::Ci.program("shellcheck").args(["--shell", "bash"]).arg(&path));
}

#[test]
fn gitlab_s_jobs_are_sound() {
    let at = tempfile::tempdir().unwrap();
    let file = written(at.path(), "gitlab");
    assert!(file.ends_with(".gitlab/smstack.gitlab-ci.yml"));
    succeed(
        Set::Ci
            .program("check-jsonschema")
            .args(["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"])
            .arg(&file),
    );
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("- { STACK: deep-learning, ENVIRONMENT: prod }"), "{text}");
    let jobs: Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(jobs["smstack:deploy"]["needs"], serde_json::json!(["smstack:prepare"]));
    assert_eq!(jobs["smstack:deploy"]["rules"][0]["when"], "manual");
    for job in [".smstack", "smstack:check", "smstack:prepare", "smstack:deploy"] {
        for part in ["before_script", "script"] {
            for script in jobs[job][part].as_array().into_iter().flatten() {
                shellcheck(at.path(), script.as_str().unwrap());
            }
        }
    }
}

#[test]
fn nothing_is_written_over() {
    let at = tempfile::tempdir().unwrap();
    let file = written(at.path(), "github");
    fs::write(&file, "mine").unwrap();
    let output = project::run(at.path(), &["init", "--ci", "github"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("smstack.yml` is there already: `--force` writes over it"), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert!(project::run(at.path(), &["init", "--ci", "github", "--force"]).status.success());
    assert!(fs::read_to_string(&file).unwrap().contains("jobs:"));

    let empty = tempfile::tempdir().unwrap();
    let output = project::run(empty.path(), &["init", "--ci", "gitlab"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no stack file in"));
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0);
}
