//! `smstack local` as a whole process: one server, started, watched, emptied and ended.

use std::path::Path;
use std::process::{Command, Output};

use crate::cloud::{Cloud, cache};
use crate::project;

/// The program with a server directory of the test's own.
fn local(server: &Path, action: &str) -> Command {
    let mut command = project::smstack(server);
    command.env("SMSTACK_CACHE_DIR", cache()).env("SMSTACK_LOCAL_DIR", server).args(["local", action]);
    command
}

fn run(server: &Path, action: &str, exit: i32) -> (String, String) {
    let Output { status, stdout, stderr } = local(server, action).output().unwrap();
    let (out, err) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!(status.code(), Some(exit), "local {action}: {out}{err}");
    (out, err)
}

/// The process that `status` names.
fn process(status: &str) -> &str {
    let after = status.split("(process ").nth(1).unwrap_or_else(|| panic!("no process in: {status}"));
    after.split([',', ')']).next().unwrap()
}

/// Ends the server of a test that fails half-way.
struct Ended<'a>(&'a Path);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let _ = local(self.0, "down").output();
    }
}

#[test]
fn one_server_is_started_watched_emptied_and_ended() {
    let _installed = Cloud::join();
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let _ended = Ended(at);
    assert!(run(at, "status", 1).0.contains("not running"));
    assert!(run(at, "reset", 1).1.contains("smstack local up"));
    assert!(run(at, "down", 0).1.contains("was not running"));

    let (first, _) = run(at, "up", 0);
    let (status, _) = run(at, "status", 0);
    let url = first.lines().next().unwrap().strip_prefix("AWS_ENDPOINT_URL=").unwrap();
    assert!(url.starts_with("http://127.0.0.1:"), "{first}");
    assert!(status.contains(url), "{status}");
    assert_eq!(run(at, "up", 0).0, first, "the second `up` is the same server");
    assert_eq!(process(&run(at, "status", 0).0), process(&status));

    project::write(at, &project::reference());
    let stack = |at: &Path| {
        let mut command = project::smstack(at);
        command.env("SMSTACK_CACHE_DIR", cache()).env("SMSTACK_LOCAL_DIR", at);
        command.args(["deploy", "deep-learning", "--env", "dev", "--local", "--yes"]);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(stack(at).contains("deep-learning-dev-platform: created"));
    assert!(run(at, "reset", 0).1.contains("empty again"));
    assert!(stack(at).contains("deep-learning-dev-platform: created"), "reset forgets");

    assert!(run(at, "down", 0).1.contains("has ended"));
    // One that has ended and that nobody has buried yet has no command line.
    let command = std::fs::read(Path::new("/proc").join(process(&status)).join("cmdline"));
    assert!(command.is_err() || command.is_ok_and(|line| line.is_empty()), "the process is gone");
    assert!(run(at, "down", 0).1.contains("was not running"));
    assert!(run(at, "status", 1).0.contains("not running"));
}

/// A server that died with its machine leaves its state behind; the process number may be somebody else's now.
#[test]
fn a_stale_state_is_no_server() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state.json");
    let own = std::process::id();
    let gone = format!(r#"{{"pid":{own},"port":9,"started":1,"glue":"old","token":"old"}}"#);
    for text in [gone.as_str(), "{\"pid\": 1", ""] {
        std::fs::write(&state, text).unwrap();
        assert!(run(directory.path(), "status", 1).0.contains("not running"));
        assert!(run(directory.path(), "down", 0).1.contains("was not running"));
    }
}

#[test]
fn a_missing_python_is_a_clear_word() {
    let directory = tempfile::tempdir().unwrap();
    let output = local(directory.path(), "up").env("SMSTACK_PYTHON", "/nonexistent").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    for words in ["Python 3.10 or newer", "/nonexistent", "SMSTACK_PYTHON"] {
        assert!(said.contains(words), "{said}");
    }
}
