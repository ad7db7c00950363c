//! Bad stack files: one case per code at least, in the form a person would write it.
//!
//! `tests/bad/<code>.yaml` or `tests/bad/<code>--<variant>.yaml`; what `validate` says stands beside it in
//! `.txt`. `SNAPSHOTS=overwrite` rewrites those after a change of behaviour.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use smstack::diag::{CODES, Severity};

/// Codes that no stack file alone can have; each is tested where it arises.
const ELSEWHERE: [&str; 3] = ["shape", "beyond-limit", "near-limit"];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")
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
    let there: BTreeSet<String> = cases().iter().map(|case| code_of(case)).collect();
    let known: BTreeSet<String> = CODES.iter().map(|code| code.as_str().to_owned()).collect();
    let elsewhere: BTreeSet<String> = ELSEWHERE.iter().map(|code| (*code).to_owned()).collect();
    let without: Vec<_> = known.difference(&there).filter(|code| !elsewhere.contains(*code)).collect();
    assert!(without.is_empty(), "codes without a case under tests/bad: {without:?}");
    let unknown: Vec<_> = there.difference(&known).collect();
    assert!(unknown.is_empty(), "cases for codes that there are not: {unknown:?}");
}
