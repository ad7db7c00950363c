//! Projects in temporary directories: the reference workload, perhaps changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where the package lies.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The reference workload's stack file.
pub(crate) fn reference() -> String {
    fs::read_to_string(root().join("stacks/deep-learning.yaml")).unwrap()
}

/// Every file below a directory, by relative path.
pub(crate) fn tree(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// Writes the examples, with `text` as the reference workload's stack file.
pub(crate) fn write(at: &Path, text: &str) {
    for (name, bytes) in tree(&root().join("stacks")) {
        let path = at.join("stacks").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    fs::write(at.join("stacks/deep-learning.yaml"), text).unwrap();
}

/// The program, to be run in a project.
pub(crate) fn smstack(at: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smstack"));
    command.current_dir(at).env("NO_COLOR", "1");
    command
}

/// Runs the program in a project.
pub(crate) fn run(at: &Path, arguments: &[&str]) -> Output {
    smstack(at).args(arguments).output().unwrap()
}

/// Synthesises one environment of the reference workload; gives the assembly's directory.
pub(crate) fn synth(at: &Path, environment: &str) -> PathBuf {
    let output = run(at, &["synth", "deep-learning", "--env", environment]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    at.join("smstack.out/deep-learning").join(environment)
}

/// `text` with one part replaced, which has to be there.
pub(crate) fn replaced(text: &str, part: &str, by: &str) -> String {
    assert_eq!(text.matches(part).count(), 1, "`{part}` in the stack file");
    text.replace(part, by)
}
