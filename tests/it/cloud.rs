//! The local cloud that the tests share: started by the first that needs it, ended by the last.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::project::{self, replaced, root};
use crate::tools::{python, succeed};

/// The one test that uses faults.
static FAULTS: Mutex<()> = Mutex::new(());

/// How many tests use the server now.
static USERS: Mutex<usize> = Mutex::new(0);

/// A share in the server; the last one dropped ends it.
pub(crate) struct Cloud {
    /// Where it answers.
    pub(crate) url: String,
}

/// Where the emulators are installed, once for all runs.
pub(crate) fn cache() -> PathBuf {
    root().join("target/local-cloud")
}

fn server() -> PathBuf {
    cache().join("tests")
}

impl Cloud {
    /// Starts the server for the first; a server that a killed run has left is emptied.
    pub(crate) fn join() -> Cloud {
        let mut users = USERS.lock().unwrap_or_else(PoisonError::into_inner);
        let at = root();
        let up = succeed(smstack(&at).args(["local", "up"]));
        if *users == 0 {
            succeed(smstack(&at).args(["local", "reset"]));
        }
        *users += 1;
        let said = String::from_utf8(up.stdout).unwrap();
        let url = said.lines().find_map(|line| line.strip_prefix("AWS_ENDPOINT_URL=")).unwrap().to_owned();
        Cloud { url }
    }

    /// Whoever holds this is the only one that may set faults.
    pub(crate) fn alone_with_faults(&self) -> MutexGuard<'static, ()> {
        assert!(self.url.starts_with("http://127.0.0.1:"));
        FAULTS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails and delays resources from now on, as `src/local/README.md` describes.
    pub(crate) fn faults(&self, rules: &Value) {
        assert!(self.url.starts_with("http://127.0.0.1:"));
        std::fs::write(server().join("faults.json"), rules.to_string()).unwrap();
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        let mut users = USERS.lock().unwrap_or_else(PoisonError::into_inner);
        *users -= 1;
        if *users == 0 {
            let _ = std::fs::remove_file(server().join("faults.json"));
            // Not an assertion: a test that fails may be unwinding.
            let _ = smstack(&root()).args(["local", "down"]).output();
        }
    }
}

/// The program with the tests' own local cloud, and with credentials and settings of the user that `--local` must
/// not look at: used, they would fail.
pub(crate) fn smstack(at: &Path) -> Command {
    let mut command = project::smstack(at);
    command
        .env("SMSTACK_CACHE_DIR", cache())
        .env("SMSTACK_LOCAL_DIR", server())
        .env("AWS_PROFILE", "nobody")
        .env("AWS_ACCESS_KEY_ID", "999999999999")
        .env("AWS_SECRET_ACCESS_KEY", "not for the local cloud")
        .env("AWS_REGION", "ap-south-2")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        .stdin(std::process::Stdio::null());
    command
}

/// A project in a directory of its own, and an account of its own in the cloud.
pub(crate) struct Workload {
    directory: tempfile::TempDir,
    account: String,
    url: String,
}

impl Workload {
    /// The reference workload, all of whose environments belong to `account`, changed by `edit`.
    pub(crate) fn new(cloud: &Cloud, account: &str, edit: impl Fn(String) -> String) -> Workload {
        let directory = tempfile::tempdir().unwrap();
        let workload = Workload { directory, account: account.to_owned(), url: cloud.url.clone() };
        workload.write(&edit(workload.reference()));
        workload
    }

    /// The reference workload's stack file with this account.
    fn reference(&self) -> String {
        let text = project::reference();
        let text = replaced(&text, "{ region: us-east-1 }", "{ region: us-east-1, account: \"ACCOUNT\" }");
        replaced(&text, "\"444455556666\"", "\"ACCOUNT\"").replace("ACCOUNT", &self.account)
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn account(&self) -> &str {
        &self.account
    }

    /// Change sets that nobody has executed.
    pub(crate) fn change_sets(&self) -> String {
        let output = succeed(&mut self.ask("us-east-1", &["change-sets"]));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The stack file as it stands.
    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(self.path().join("stacks/deep-learning.yaml")).unwrap()
    }

    pub(crate) fn write(&self, text: &str) {
        project::write(self.path(), text);
    }

    /// `deploy --local` of an environment.
    pub(crate) fn deploy(&self, environment: &str, more: &[&str]) -> Output {
        self.run("deploy", environment, more)
    }

    /// Any command on an environment of the stack.
    pub(crate) fn run(&self, command: &str, environment: &str, more: &[&str]) -> Output {
        self.command(command, environment, more).output().unwrap()
    }

    /// The same, not run yet.
    pub(crate) fn command(&self, command: &str, environment: &str, more: &[&str]) -> Command {
        let mut program = smstack(self.path());
        // `run --local` executes on this machine.
        let cloud = if command == "run" { "--local-cloud" } else { "--local" };
        program.args([command, "deep-learning", "--env", environment, cloud]).args(more);
        program
    }

    /// What a command prints with `--format json`, which its published schema describes.
    pub(crate) fn told(&self, command: &str, environment: &str, code: i32) -> Value {
        let output = self.run(command, environment, &["--format", "json"]);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let value = serde_json::from_slice(&output.stdout).unwrap();
        fits(
            &value,
            &std::fs::read_to_string(root().join(format!("schemas/{command}.schema.json"))).unwrap(),
        );
        value
    }

    /// `deploy --local --yes --format json`, which has to succeed: its outcome, and what it said meanwhile.
    pub(crate) fn deployed(&self, environment: &str) -> (Value, String) {
        let output = self.deploy(environment, &["--yes", "--format", "json"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        (outcome(&output), said)
    }

    /// A command of `tests/cloud/workload.py` in this account.
    pub(crate) fn ask(&self, region: &str, arguments: &[&str]) -> Command {
        let mut command = python("tests/cloud/workload.py");
        command
            .current_dir(self.path())
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_ACCESS_KEY_ID", &self.account)
            .env("AWS_SECRET_ACCESS_KEY", "local")
            .env("AWS_REGION", region)
            .env("AWS_DEFAULT_REGION", region)
            .args(arguments);
        command
    }

    /// Registers and approves a version as the environment's pipeline would.
    pub(crate) fn register(&self, environment: &str) -> String {
        let file = "stacks/deep-learning.yaml";
        let output = succeed(&mut self.ask("us-east-1", &["register", file, environment]));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Reads everything back: it is as the stack file says.
    pub(crate) fn check(&self, environment: &str) {
        let differences = self.differences(environment);
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }

    /// Reads everything back: where it is not as the stack file says.
    pub(crate) fn differences(&self, environment: &str) -> Vec<String> {
        let assembly = project::synth(self.path(), environment);
        let pipeline = assembly.join("pipeline.json");
        let arguments = ["check", "stacks/deep-learning.yaml", environment, pipeline.to_str().unwrap()];
        let output = self.ask("us-east-1", &arguments).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let mut lines = said.lines();
        let made: Option<usize> = lines.next().and_then(|line| line.split(' ').next()?.parse().ok());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(made.is_some_and(|made| made > 100), "hardly anything was compared: {said}{errors}");
        let differences: Vec<String> = lines.map(|line| line.trim().to_owned()).collect();
        assert_eq!(output.status.success(), differences.is_empty(), "{said}");
        differences
    }

    /// Whether CloudFormation makes a stack.
    pub(crate) fn is_busy(&self, stack: &str) -> bool {
        let output = self.ask("us-east-1", &["status", stack]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim() == "CREATE_IN_PROGRESS"
    }

    /// Nothing at all is in the account.
    pub(crate) fn is_empty(&self) -> bool {
        self.ask("us-east-1", &["absent"]).status().unwrap().success()
    }
}

/// The outcome on stdout, which its published schema describes.
pub(crate) fn outcome(output: &Output) -> Value {
    let outcome: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    fits(&outcome, include_str!("../../schemas/outcome.schema.json"));
    outcome
}

pub(crate) fn fits(value: &Value, schema: &str) {
    let validator = jsonschema::draft202012::new(&serde_json::from_str(schema).unwrap()).unwrap();
    let problems: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{value:#}\n{}", problems.join("\n"));
}
