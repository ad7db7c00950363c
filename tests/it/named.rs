//! Which stack files a command line means, and which cannot be meant together.

use std::fs;
use std::path::Path;

use crate::project::{run, tree};

/// A project of files in `stacks/`: of each its name without the ending, the stack's, and the environments.
fn project(files: &[(&str, &str, &str)]) -> tempfile::TempDir {
    let at = tempfile::tempdir().unwrap();
    fs::create_dir(at.path().join("stacks")).unwrap();
    for (file, stack, environments) in files {
        let text = format!(
            "name: {stack}\nenvironments: {{ {environments} }}\ndata_lake: {{ buckets: {{ {file}: {{}} }} }}\n"
        );
        fs::write(at.path().join(format!("stacks/{file}.yaml")), text).unwrap();
    }
    at
}

/// Runs the program; it ends so, and says so on either stream.
fn check(at: &Path, arguments: &[&str], exit: i32, words: &str) {
    let output = run(at, arguments);
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {output:?}");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains(words), "{arguments:?}: {said}");
}

#[test]
fn two_files_of_one_environment_of_a_stack_are_refused() {
    let at = project(&[("a", "x", "dev: {}, prod: {}"), ("b", "x", "dev: {}"), ("c", "y", "dev: {}")]);
    let refused = "`stacks/a.yaml` and `stacks/b.yaml` are both of stack `x`, and have an environment `dev`";
    fs::create_dir(at.path().join("before")).unwrap();
    for command in [&["synth"][..], &["validate"], &["diff", "--base", "before"]] {
        let with = |more: &[&'static str]| [command, more].concat();
        if command[0] == "diff" {
            // What it is compared with is read first.
            for stack in ["a", "b", "c"] {
                check(at.path(), &["synth", stack, "--out", "before"], 0, "/dev");
            }
        }
        check(at.path(), &with(&[]), 2, refused);
        check(at.path(), &with(&["c", "stacks/a.yaml", "b", "--env", "dev"]), 2, refused);
        assert!(!at.path().join("smstack.out").exists(), "{command:?}: {:?}", tree(at.path()).keys());
        check(at.path(), &with(&["a", "stacks/a.yaml", "c"]), 0, "");
        let _ = fs::remove_dir_all(at.path().join("smstack.out"));
    }
    // Of different environments both may be.
    fs::write(
        at.path().join("stacks/b.yaml"),
        "name: x\nenvironments: { other: {} }\ndata_lake: { buckets: { b: {} } }\n",
    )
    .unwrap();
    check(at.path(), &["validate"], 0, "stacks/b.yaml: valid for other");
    check(at.path(), &["synth"], 0, "smstack.out/x/other");
}

#[test]
fn a_bare_name_means_a_stack_whatever_lies_about() {
    let at = project(&[("ff", "ff", "dev: {}")]);
    let valid = "stacks/ff.yaml: valid for dev";
    fs::create_dir(at.path().join("ff")).unwrap();
    check(at.path(), &["validate", "ff"], 0, valid);
    check(at.path(), &["synth", "ff", "--out", "before"], 0, "before/ff/dev");
    check(at.path(), &["diff", "ff", "--base", "before"], 0, "nothing changes");
    check(at.path(), &["validate", "./ff"], 2, "`./ff` is a directory, and not a stack file");
    fs::remove_dir(at.path().join("ff")).unwrap();
    fs::write(at.path().join("ff"), "name: [").unwrap();
    check(at.path(), &["validate", "ff"], 0, valid);
    // A path, and a name with an ending, are what they say.
    check(at.path(), &["validate", "./ff"], 3, "error[yaml-syntax]");
    fs::write(at.path().join("ff.yaml"), "name: [").unwrap();
    check(at.path(), &["validate", "ff.yaml"], 3, "error[yaml-syntax]");
    fs::rename(at.path().join("ff"), at.path().join("other")).unwrap();
    check(at.path(), &["validate", "other"], 3, "error[yaml-syntax]");
}
