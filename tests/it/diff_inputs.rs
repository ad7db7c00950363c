//! What a diff compares: stack files with a commit, with an assembly, with a template; and what it says when there
//! is nothing to compare with.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::project::{self, replaced, tree};

/// Git with nobody's settings.
fn git(at: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(at).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    command.args([
        "-c",
        "user.name=nobody",
        "-c",
        "user.email=nobody@example.com",
        "-c",
        "protocol.file.allow=always",
    ]);
    let output = command.args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn commit(at: &Path) -> String {
    git(at, &["add", "--all"]);
    git(at, &["commit", "--quiet", "--message", "x"]);
    git(at, &["rev-parse", "HEAD"])
}

/// The reference workload in a repository, committed on `main`.
fn repository() -> tempfile::TempDir {
    let at = tempfile::tempdir().unwrap();
    project::write(at.path(), &project::reference());
    fs::write(at.path().join(".gitignore"), "smstack.out/\n").unwrap();
    git(at.path(), &["init", "--quiet", "--initial-branch", "main"]);
    commit(at.path());
    at
}

/// Runs `diff`; its exit code, and all that it said.
fn diff(at: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = project::smstack(at);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null");
    let output = command.arg("diff").args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

/// Runs `diff` in `at`, which has to end with that and say each of these.
fn check(at: &Path, arguments: &[&str], exit: i32, expected: &[&str]) {
    let (code, said) = diff(at, arguments);
    assert_eq!(code, Some(exit), "{arguments:?}: {said}");
    for words in expected {
        assert!(said.contains(words), "{arguments:?} does not say `{words}`: {said}");
    }
}

/// Every file of the repository, its own records included.
fn everything(at: &Path) -> Vec<(String, Vec<u8>)> {
    tree(at).into_iter().collect()
}

#[test]
fn stack_files_are_compared_with_a_commit_that_nothing_touches() {
    let at = repository();
    let at = at.path();
    git(at, &["checkout", "--quiet", "-b", "work"]);
    let file = "stacks/deep-learning.yaml";
    let changed = replaced(&project::reference(), "max: 10\n", "max: 12\n");
    fs::write(at.join(file), &changed).unwrap();
    fs::write(at.join("stacks/code/preprocessing.py"), "print('other')\n").unwrap();
    let before = everything(at);
    let merge_base = "comparing with merge base with `main` (";
    check(at, &[], 0, &[merge_base, "dev/serving/WebScalableTarget", "prod/serving/WebScalableTarget"]);
    check(
        at,
        &["deep-learning", "--env", "dev"],
        0,
        &["update: serving/WebScalableTarget", "MaxCapacity: 10 → 12"],
    );
    check(
        at,
        &[file, "--base", "main", "--env", "dev"],
        0,
        &["comparing with `main` (", "PipelineDefinition/preprocess: changed"],
    );
    check(
        at,
        &["deep-learning", "--base", "HEAD", "--env", "prod", "--fail-on", "replace"],
        0,
        &["MaxCapacity"],
    );
    check(at, &["--env", "dve"], 2, &["there is no environment `dve`: did you mean `dev`?"]);
    check(
        at,
        &["--base", "mian"],
        2,
        &["`mian` is no file, no directory and no commit: did you mean `main`?"],
    );
    assert!(everything(at) == before, "the repository or the working tree is touched");

    // From within, and from elsewhere.
    let (code, said) = diff(&at.join("stacks"), &["deep-learning.yaml", "--env", "dev"]);
    assert!(code == Some(0) && said.contains("MaxCapacity: 10 → 12"), "{said}");
    let elsewhere = tempfile::tempdir().unwrap();
    check(elsewhere.path(), &[at.join(file).to_str().unwrap(), "--env", "dev"], 0, &["MaxCapacity: 10 → 12"]);

    // What is committed is compared, too, and nothing of `main` that the branch does not have.
    commit(at);
    git(at, &["checkout", "--quiet", "main"]);
    fs::write(at.join(file), replaced(&project::reference(), "above: 500ms", "above: 750ms")).unwrap();
    commit(at);
    git(at, &["checkout", "--quiet", "work"]);
    let (_, said) = diff(at, &["--env", "dev"]);
    assert!(said.contains("MaxCapacity") && !said.contains("LatencyAlarm"), "{said}");
    let (_, said) = diff(at, &["--env", "dev", "--base", "main"]);
    assert!(said.contains("MaxCapacity") && said.contains("LatencyAlarm"), "{said}");

    // A detached HEAD has a merge base, too.
    git(at, &["checkout", "--quiet", "--detach"]);
    check(at, &["--env", "dev"], 0, &[merge_base, "MaxCapacity"]);
}

#[test]
fn what_only_one_side_has_is_created_or_gone() {
    let at = repository();
    let at = at.path();
    let file = at.join("stacks/deep-learning.yaml");
    let text = project::reference();

    // Another environment, and one less.
    let more = replaced(&text, "  dev:  { region: us-east-1 }\n", "  test: { region: us-east-1 }\n");
    fs::write(&file, &more).unwrap();
    check(at, &[], 0, &["create: test/", "delete: dev/", "`deep-learning/dev` is gone"]);
    check(at, &["--env", "dev"], 0, &["delete: platform/"]);
    fs::write(&file, &text).unwrap();
    check(at, &[], 0, &["nothing changes"]);

    // Another stack file, and one less.
    fs::write(at.join("stacks/other.yaml"), replaced(&text, "name: deep-learning\n", "name: other\n"))
        .unwrap();
    check(at, &["other", "--env", "dev"], 0, &["`stacks/other.yaml` is not there", "create: platform/"]);
    let (_, said) = diff(at, &["--env", "dev"]);
    assert!(said.contains("create: other/dev/platform/") && !said.contains("replace: other"), "{said}");
    fs::remove_file(at.join("stacks/other.yaml")).unwrap();
    fs::remove_file(&file).unwrap();
    for arguments in [&["--env", "dev"][..], &["deep-learning", "--env", "dev"]] {
        check(at, arguments, 0, &["`deep-learning/dev` is gone", "delete: platform/"]);
    }
}

#[test]
fn a_base_that_is_not_valid_is_named() {
    let at = repository();
    let at = at.path();
    let file = at.join("stacks/deep-learning.yaml");
    fs::write(&file, replaced(&project::reference(), "max: 10\n", "max: 1\n")).unwrap();
    check(at, &[], 3, &["scaling-bounds", "--> stacks/deep-learning.yaml:"]);
    let bad = commit(at);
    fs::write(&file, project::reference()).unwrap();
    check(
        at,
        &["--base", &bad],
        3,
        &[
            "scaling-bounds",
            &format!("{bad}:stacks/deep-learning.yaml"),
            "give `--base` a commit at which it is valid",
        ],
    );
    check(at, &["--base", "main~1"], 0, &["nothing changes"]);
}

#[test]
fn without_a_past_there_is_a_way_out() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    project::write(at, &project::reference());
    check(at, &[], 2, &["this is no git repository", "`--base`", "`--deployed`"]);
    check(at, &["--base", "main"], 2, &["there is no `main`", "this is no git repository"]);
    git(at, &["init", "--quiet", "--initial-branch", "trunk"]);
    check(at, &[], 2, &["no commit yet"]);
    commit(at);
    check(at, &[], 2, &["there is no default branch", "give `--base`"]);
    check(at, &["--base", "trunk"], 0, &["nothing changes"]);
    fs::write(at.join("trunk"), "").unwrap();
    check(at, &["--base", "trunk"], 2, &["`trunk` is a path and a commit", "`./trunk`", "`trunk^{commit}`"]);

    let mut command = project::smstack(at);
    let output = command.env("PATH", "/nowhere").arg("diff").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no `git`"));
}

#[test]
fn a_clone_without_its_history_says_how_to_get_it() {
    let origin = repository();
    let origin = origin.path();
    git(origin, &["checkout", "--quiet", "-b", "work"]);
    fs::write(origin.join("x"), "1").unwrap();
    commit(origin);
    git(origin, &["checkout", "--quiet", "main"]);
    let to = tempfile::tempdir().unwrap();
    let clone = to.path().join("clone");
    let (from, to) = (format!("file://{}", origin.display()), clone.to_str().unwrap());
    git(origin, &["clone", "--quiet", "--depth", "1", "--branch", "work", &from, to]);
    check(&clone, &[], 2, &["this clone is shallow", "git fetch --unshallow"]);
    check(&clone, &["--base", "main"], 2, &["this clone is shallow"]);
    git(&clone, &["fetch", "--quiet", "--depth", "1", "origin", "main:refs/remotes/origin/main"]);
    check(&clone, &[], 2, &["have no merge base", "this clone is shallow"]);
    // The branch of `origin` is meant where there is none of that name.
    check(
        &clone,
        &["--base", "main", "--env", "dev"],
        0,
        &["comparing with `origin/main`", "nothing changes"],
    );
}

/// Ignore files, modes and line ends are as in a checkout; submodules and Git LFS as far as they are here.
#[test]
fn the_code_of_a_commit_is_as_a_checkout_has_it() {
    let at = repository();
    let at = at.path();
    let code = at.join("stacks/code/src");
    fs::write(at.join("stacks/.gitattributes"), "*.txt eol=crlf\n*.skip export-ignore\n").unwrap();
    fs::write(code.join("lines.txt"), "a\r\nb\r\n").unwrap();
    fs::write(code.join("kept.skip"), "kept").unwrap();
    fs::write(code.join(".smstackignore"), "notes/\n").unwrap();
    let inner = tempfile::tempdir().unwrap();
    git(inner.path(), &["init", "--quiet", "--initial-branch", "main"]);
    fs::write(inner.path().join("lib.py"), "x = 1\n").unwrap();
    commit(inner.path());
    let from = format!("file://{}", inner.path().display());
    git(at, &["submodule", "--quiet", "add", &from, "stacks/code/src/lib"]);
    let content = "a large file\n".repeat(200);
    let pointer = "version https://git-lfs.github.com/spec/v1\n\
        oid sha256:OID\nsize 2600\n";
    let oid = {
        use sha2::{Digest, Sha256};
        data_encoding::HEXLOWER.encode(&Sha256::digest(&content))
    };
    fs::write(code.join("weights.bin"), pointer.replace("OID", &oid)).unwrap();
    commit(at);
    check(at, &["--env", "dev"], 0, &["nothing changes"]);

    // What is ignored makes no difference; the content behind a pointer is what counts.
    fs::create_dir(code.join("notes")).unwrap();
    fs::write(code.join("notes/x.md"), "x").unwrap();
    fs::write(code.join("weights.bin"), &content).unwrap();
    check(at, &["--env", "dev"], 0, &["nothing changes"]);
    fs::write(code.join("weights.bin"), "another").unwrap();
    check(
        at,
        &["--env", "dev"],
        0,
        &["1 files at `main` are here only as Git LFS pointers", "computed anew"],
    );
    let stored = at.join(".git/lfs/objects").join(&oid[..2]).join(&oid[2..4]);
    fs::create_dir_all(&stored).unwrap();
    fs::write(stored.join(&oid), &content).unwrap();
    let (_, said) = diff(at, &["--env", "dev"]);
    assert!(!said.contains("LFS") && said.contains("computed anew"), "{said}");
    fs::write(code.join("weights.bin"), &content).unwrap();
    fs::write(code.join("lib/lib.py"), "x = 2\n").unwrap();
    check(at, &["--env", "dev"], 0, &["computed anew"]);
}

#[test]
fn assemblies_and_templates_are_bases_of_stack_files() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    project::write(at, &project::reference());
    project::synth(at, "dev");
    let assembly = "smstack.out/deep-learning/dev";
    let text = replaced(&project::reference(), "max: 10\n", "max: 12\n");
    project::write(at, &text);
    let max = "MaxCapacity: 10 → 12";
    check(at, &["--env", "dev", "--base", assembly], 0, &[max]);
    check(at, &["--env", "dev", "--base", "smstack.out"], 0, &[max]);
    check(at, &["--env", "prod", "--base", assembly], 0, &["deep-learning-dev → deep-learning-prod"]);
    check(at, &["--base", "smstack.out"], 0, &["dev/serving/WebScalableTarget", "create: prod/"]);
    check(at, &["--env", "dev", "--base", "stacks"], 2, &["holds no assembly", "smstack synth"]);
    let template = format!("{assembly}/serving.template.json");
    check(at, &["--env", "dev", "--base", &template], 0, &[max, "resources 2: 2 update"]);
    check(at, &["--env", "dev", "--base", &format!("{assembly}/pipeline.json")], 0, &["nothing changes"]);
    check(at, &["--base", &template], 2, &["give `--env` `dev` or `prod`"]);
    check(at, &[assembly, "--base", assembly, "--env", "dev"], 2, &["only a stack file has environments"]);
    check(at, &["deep-learning", &template], 2, &["compared by itself"]);

    // In YAML, short functions are the same.
    let written = project::run(at, &["synth", "--env", "dev", "--out", "yaml", "--format", "yaml"]);
    assert!(written.status.success());
    let other = "yaml/deep-learning/dev";
    check(at, &[other, "--base", assembly], 0, &[max, "resources 2: 2 update"]);
    check(at, &[other, "--base", &template], 0, &[max, "resources 2: 2 update"]);
    check(at, &["--env", "dev", "--base", "yaml"], 0, &["nothing changes"]);
}

#[test]
fn templates_may_be_yaml_and_standard_input() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    let old = "Resources:\n  Data: { Type: AWS::S3::Bucket }\n  Told:\n    Type: AWS::SNS::Topic\n    Properties: { DisplayName: !Sub '${Data}-x', Tags: [{ Key: a, Value: !GetAtt Data.Arn }] }\n";
    fs::write(at.join("old.yaml"), old).unwrap();
    let new: Value = serde_json::json!({ "Resources": {
        "Data": { "Type": "AWS::S3::Bucket" },
        "Told": { "Type": "AWS::SNS::Topic", "Properties": {
            "DisplayName": { "Fn::Sub": "${Data}-x" },
            "Tags": [{ "Key": "a", "Value": { "Fn::GetAtt": ["Data", "Arn"] } }],
        } },
    } });
    fs::write(at.join("new.json"), new.to_string()).unwrap();
    check(at, &["new.json", "--base", "old.yaml"], 0, &["nothing changes"]);
    check(at, &["old.yaml", "--base", "new.json"], 0, &["nothing changes"]);
    let piped = |arguments: &[&str]| {
        let mut command = project::smstack(at);
        let input = fs::File::open(at.join("old.yaml")).unwrap();
        let output = command.arg("diff").args(arguments).stdin(input).output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    assert_eq!(piped(&["-", "--base", "new.json"]), (Some(0), "nothing changes\n".to_owned()));
    assert_eq!(piped(&["new.json", "--base", "-"]), (Some(0), "nothing changes\n".to_owned()));
    let (code, said) = piped(&["-", "--base", "-"]);
    assert!(code == Some(2) && said.contains("only one of the two"), "{said}");
    let (code, said) = piped(&["-"]);
    assert!(code == Some(2) && said.contains("standard input has no past"), "{said}");
    fs::write(at.join("list.json"), "[1, 2]\nx").unwrap();
    check(at, &["list.json", "--base", "old.yaml"], 3, &["`list.json` is no template and no definition"]);

    // A template that is committed has a past, too.
    git(at, &["init", "--quiet", "--initial-branch", "main"]);
    commit(at);
    fs::write(at.join("old.yaml"), old.replace("-x", "-y")).unwrap();
    check(at, &["old.yaml"], 0, &["comparing with merge base with `main`", "DisplayName: "]);
    check(at, &["old.yaml", "--base", "HEAD"], 0, &["DisplayName: "]);
}
