//! Bad stack files: one case per code at least, in the form a person would write it.
//!
//! `tests/bad/<code>.yaml` or `tests/bad/<code>--<variant>.yaml`; what `validate` says stands beside it in
//! `.txt`. `SNAPSHOTS=overwrite` rewrites those after a change of behaviour.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use smstack::diag::{CODES, Severity};

use crate::project::smstack;

/// Codes that no stack file alone can have; each is tested where it arises.
const ELSEWHERE: [&str; 7] = [
    "shape",
    "beyond-limit",
    "near-limit",
    "file-too-large",
    "source-too-large",
    "accept-expired",
    "accept-unused",
];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")
}

/// Cases of templates and of definitions; `templates.rs` and `definitions.rs` look at what is found in them.
fn of_documents() -> Vec<PathBuf> {
    let entries = ["template", "definition"].map(|kind| fs::read_dir(directory().join(kind)).unwrap());
    entries.into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

fn cases() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    found.sort();
    found
}

fn code_of(case: &Path) -> String {
    let stem = case.file_stem().unwrap().to_str().unwrap();
    stem.split("--").next().unwrap().to_owned()
}

/// What `validate` says about the file `name` in `at`.
fn said(at: &Path, name: &str) -> Vec<Value> {
    let output = smstack(at).args(["validate", name, "--format", "json"]).output().unwrap();
    let mut report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    serde_json::from_value(report["diagnostics"].take()).unwrap()
}

fn validate(case: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_smstack"))
        .current_dir(directory())
        .arg("validate")
        .arg(case.file_name().unwrap())
        .args(arguments)
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

#[test]
fn each_case_says_what_it_is_about_and_nothing_else() {
    let mut wrong = Vec::new();
    for case in cases() {
        let code = code_of(&case);
        let output = validate(&case, &["--format", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{}: {error}: {output:?}", case.display()));
        let said: BTreeSet<&str> = report["diagnostics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["code"].as_str().unwrap())
            .collect();
        if said != BTreeSet::from([code.as_str()]) {
            wrong.push(format!("{}: {said:?}", case.file_name().unwrap().display()));
        }
        let severity = CODES.iter().find(|known| known.as_str() == code).map(|known| known.severity());
        let exit = if severity == Some(Severity::Warning) { 0 } else { 3 };
        if output.status.code() != Some(exit) {
            wrong.push(format!("{}: exit {:?}, not {exit}", case.display(), output.status.code()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_case_reads_as_it_should() {
    for case in cases() {
        let output = validate(&case, &[]);
        let said = String::from_utf8(output.stderr).unwrap();
        snapbox::Assert::new()
            .action_env("SNAPSHOTS")
            .eq(said, snapbox::Data::read_from(&case.with_extension("txt"), None).raw());
    }
}

#[test]
fn each_code_has_a_case() {
    let there: BTreeSet<String> = cases().iter().chain(&of_documents()).map(|case| code_of(case)).collect();
    let known: BTreeSet<String> = CODES.iter().map(|code| code.as_str().to_owned()).collect();
    let elsewhere: BTreeSet<String> = ELSEWHERE.iter().map(|code| (*code).to_owned()).collect();
    let without: Vec<_> = known.difference(&there).filter(|code| !elsewhere.contains(*code)).collect();
    assert!(without.is_empty(), "codes without a case under tests/bad: {without:?}");
    let unknown: Vec<_> = there.difference(&known).collect();
    assert!(unknown.is_empty(), "cases for codes that there are not: {unknown:?}");
}

#[test]
fn each_diagnostic_has_a_way_out() {
    let mut without = Vec::new();
    for case in cases() {
        let name = case.file_name().unwrap().to_str().unwrap();
        for one in said(&directory(), name) {
            let message = one["message"].as_str().unwrap();
            if one["help"].as_array().unwrap().is_empty() && one["fix"].is_null() {
                without.push(format!("{name}: no way out: {message}"));
            }
            let texts = [&one["label"], &one["message"]].into_iter().chain(one["help"].as_array().unwrap());
            for text in texts.chain(one["notes"].as_array().unwrap()).map(|text| text.as_str().unwrap()) {
                let ends = text.ends_with('.') || text.contains('\n');
                let begins = text.chars().next().is_some_and(char::is_uppercase)
                    && text.chars().nth(1).is_some_and(char::is_lowercase)
                    && ![
                        "SageMaker",
                        "Model Monitor",
                        "CloudWatch",
                        "CloudFormation",
                        "CreatePipeline",
                        "EventBridge",
                    ]
                    .iter()
                    .any(|name| text.starts_with(name));
                if ends || begins {
                    without.push(format!("{name}: not as messages are written: {text}"));
                }
            }
        }
    }
    assert!(without.is_empty(), "{}", without.join("\n"));
}

/// The byte of a place that JSON names by line and column.
fn byte(text: &str, line: &Value, column: &Value) -> usize {
    let place = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap() - 1;
    let start: usize = text.split_inclusive('\n').take(place(line)).map(str::len).sum();
    start + text[start..].chars().take(place(column)).map(char::len_utf8).sum::<usize>()
}

#[test]
fn each_fix_mends_what_it_is_about() {
    let at = tempfile::tempdir().unwrap();
    for name in ["code/src/train.py", "code/preprocessing.py"] {
        fs::create_dir_all(at.path().join(name).parent().unwrap()).unwrap();
        fs::copy(directory().join(name), at.path().join(name)).unwrap();
    }
    let mut fixes = 0;
    let mut wrong = Vec::new();
    for case in cases() {
        let name = case.file_name().unwrap().to_str().unwrap();
        for one in said(&directory(), name).iter().filter(|one| !one["fix"].is_null()) {
            let fix = &one["fix"];
            let mut text = fs::read_to_string(&case).unwrap();
            let start = byte(&text, &fix["line"], &fix["column"]);
            let end = byte(&text, &fix["end_line"], &fix["end_column"]);
            text.replace_range(start..end, fix["replacement"].as_str().unwrap());
            fs::write(at.path().join("fixed.yaml"), &text).unwrap();
            fixes += 1;
            let left = said(at.path(), "fixed.yaml");
            let still =
                left.iter().any(|other| other["code"] == one["code"] && other["pointer"] == one["pointer"]);
            let broken = left.iter().any(|other| other["code"].as_str().unwrap().starts_with("yaml"));
            if still || broken {
                wrong.push(format!("{name}: {fix}\n{left:#?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(fixes >= 20, "only {fixes} fixes were tried");
}

#[test]
fn a_large_file_is_refused_without_reading_it_whole() {
    let at = tempfile::tempdir().unwrap();
    let line = "# nothing but words, as a log that was redirected into the wrong file would have them\n";
    let file = fs::File::create(at.path().join("large.yaml")).unwrap();
    (&file).write_all(line.repeat(10 * 1024 * 1024 / line.len()).as_bytes()).unwrap();
    let codes =
        |said: &[Value]| said.iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(codes(&said(at.path(), "large.yaml")), ["file-too-large"]);
    // Sparse: nobody waits for its end.
    file.set_len(1 << 40).unwrap();
    let output = smstack(at.path()).args(["validate", "large.yaml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("the file is larger than 4 MiB"), "{text}");
    assert!(text.contains("split it into several stack files"), "{text}");
}

#[test]
fn a_large_source_is_refused() {
    let at = tempfile::tempdir().unwrap();
    let case =
        fs::read_to_string(directory().join("source-entry.yaml")).unwrap().replace("tarin.py", "train.py");
    fs::write(at.path().join("large.yaml"), case).unwrap();
    fs::create_dir_all(at.path().join("code/src")).unwrap();
    fs::write(at.path().join("code/src/train.py"), "").unwrap();
    assert_eq!(said(at.path(), "large.yaml"), Vec::<Value>::new());
    // Sparse, and never read.
    fs::File::create(at.path().join("code/src/weights.bin")).unwrap().set_len(1 << 40).unwrap();
    let found = said(at.path(), "large.yaml");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["code"], "source-too-large");
    assert_eq!((&found[0]["line"], &found[0]["column"]), (&json!(7), &json!(20)));
    assert!(found[0]["help"][0].as_str().unwrap().contains(".smstackignore"), "{found:?}");
}

/// Exit code and standard error of `validate` on one path.
fn refused(at: &Path, path: &str) -> (Option<i32>, String) {
    let output = smstack(at).args(["validate", path]).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn what_is_no_file_is_said_to_be_none() {
    let at = tempfile::tempdir().unwrap();
    fs::create_dir(at.path().join("directory")).unwrap();
    fs::write(at.path().join("empty.yaml"), "").unwrap();
    fs::write(at.path().join("comments.yaml"), "# one\n\n# two\n").unwrap();
    for (path, exit, message) in [
        ("directory", 2, "`directory` is a directory, and not a stack file"),
        ("gone.yaml", 2, "there is no stack file `gone.yaml`"),
        ("empty.yaml", 3, "the file says nothing"),
        ("comments.yaml", 3, "the file says nothing"),
    ] {
        let (code, text) = refused(at.path(), path);
        assert_eq!(code, Some(exit), "{path}: {text}");
        assert!(text.contains(message), "{path}: {text}");
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_or_a_device_is_not_waited_for() {
    let at = tempfile::tempdir().unwrap();
    let made = Command::new("mkfifo").arg(at.path().join("pipe.yaml")).status().unwrap();
    assert!(made.success());
    for path in ["/dev/null", "/dev/zero", "pipe.yaml"] {
        let (code, text) = refused(at.path(), path);
        assert_eq!(code, Some(2), "{path}: {text}");
        assert!(text.contains("is no regular file"), "{path}: {text}");
    }
    // `stacks/` is searched for files only.
    fs::create_dir(at.path().join("stacks")).unwrap();
    fs::rename(at.path().join("pipe.yaml"), at.path().join("stacks/pipe.yaml")).unwrap();
    let output = smstack(at.path()).arg("validate").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
