//! `smstack lint` of templates: faults are found where they are, and correct ones have none.

use std::fs;
use std::path::{Path, PathBuf};

use smstack::lint;
use smstack::source::SourceFile;

use crate::project::{self, root, smstack, synth};

fn templates(directory: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(directory)).unwrap();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension != "txt"));
    found.sort();
    assert!(!found.is_empty(), "{directory} is empty");
    found
}

/// Each problem as `line:column code`.
fn problems(path: &Path) -> Vec<String> {
    let file = SourceFile::new(path.to_string_lossy(), fs::read_to_string(path).unwrap());
    let found = lint::check(&file, None);
    for problem in &found {
        assert!(
            !problem.help.is_empty() || problem.fix.is_some() || problem.secondary.len() == 1,
            "{problem:?}"
        );
    }
    let shown = found.iter().map(|problem| {
        let (line, column) = file.line_column(problem.primary.span.start);
        format!("{line}:{column} {}", problem.code.as_str())
    });
    shown.collect()
}

#[test]
fn faults_are_found_where_they_are() {
    let mut wrong = Vec::new();
    for path in templates("tests/bad/template") {
        let expected = fs::read_to_string(path.with_extension("txt")).unwrap();
        let found = problems(&path).join("\n");
        if found != expected.trim_end() {
            wrong.push(format!("{}: found\n{found}\nand not\n{expected}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn correct_templates_have_no_finding() {
    for path in templates("tests/good/template") {
        assert_eq!(problems(&path), [""; 0], "{}", path.display());
    }
}

#[test]
fn lint_has_nothing_to_say_of_what_synth_writes() {
    for environment in ["dev", "prod"] {
        let at = tempfile::tempdir().unwrap();
        project::write(at.path(), &project::reference());
        let output = smstack(at.path())
            .arg("lint")
            .arg("--strict")
            .arg(synth(at.path(), environment))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    }
}

#[test]
fn a_bad_template_ends_with_its_own_exit_code() {
    let bad = root().join("tests/bad/template/missing-key.json");
    let output = smstack(&root()).arg("lint").arg(bad).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let output = smstack(&root()).args(["lint", "no-such-file.yaml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
