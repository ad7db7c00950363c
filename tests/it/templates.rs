//! `smstack lint` of templates: faults are found where they are, and correct ones have none.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use smstack::lint;
use smstack::source::SourceFile;
use smstack::tables;

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

/// The codes for a template with so many entries in a section.
fn limited(section: &str, count: usize, entry: &str) -> Vec<&'static str> {
    let mut text = format!("{section}:\n");
    text.extend((0..count).map(|n| format!("  E{n}: {entry}\n")));
    if section != "Resources" {
        text.push_str("Resources: { Topic: { Type: AWS::SNS::Topic } }\n");
    }
    let file = SourceFile::new("t.yaml", text);
    let found = lint::check(&file, Some("eu-west-1"));
    let mut codes: Vec<_> = found
        .iter()
        .map(|it| it.code.as_str())
        .filter(|it| *it != "unused-parameter" && *it != "unused-mapping")
        .collect();
    codes.dedup();
    codes
}

#[test]
fn a_template_has_limits() {
    for (section, limit, entry) in [
        ("Resources", 500, "{ Type: AWS::SNS::Topic }"),
        ("Parameters", 200, "{ Type: String }"),
        ("Outputs", 200, "{ Value: a }"),
        ("Mappings", 200, "{ a: { b: c } }"),
    ] {
        assert_eq!(limited(section, limit, entry), [""; 0], "{section}");
        assert_eq!(limited(section, limit + 1, entry), ["beyond-limit"], "{section}");
    }
    let long = format!("{{ Value: a, Description: {} }}", "x".repeat(20_000));
    assert_eq!(limited("Outputs", 60, &long), ["beyond-limit"]);
}

#[test]
fn a_region_may_lack_a_type() {
    let kind =
        tables::resource_types().find(|kind| tables::type_in_region(kind, "ap-southeast-6") == Some(false));
    let kind = kind.expect("the newest region lacks something");
    let file = SourceFile::new("t.yaml", format!("Resources: {{ R: {{ Type: \"{kind}\" }} }}"));
    let said = |region| {
        let found = lint::check(&file, region);
        found.iter().any(|it| it.code.as_str() == "resource-region")
    };
    assert!(said(Some("ap-southeast-6")) && !said(None), "{kind}");
}

/// What `lint` says of a path, as `file:line:column code`.
fn said(at: &Path, path: &str) -> Vec<String> {
    let output = smstack(at).args(["lint", path, "--format", "json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let shown = report["diagnostics"].as_array().unwrap().iter().map(|one| {
        let file = one["file"].as_str().unwrap().rsplit('/').next().unwrap();
        format!("{file}:{}:{} {}", one["line"], one["column"], one["code"].as_str().unwrap())
    });
    shown.collect()
}

#[test]
fn a_problem_of_a_definition_and_of_its_template_is_said_once() {
    let at = tempfile::tempdir().unwrap();
    project::write(at.path(), &project::reference());
    let assembly = synth(at.path(), "dev");
    for name in ["platform.template.json", "pipeline.json"] {
        let text = fs::read_to_string(assembly.join(name)).unwrap();
        let wrong = text.replace("Bayesian", "Baysian");
        assert_ne!(text, wrong, "{name}");
        fs::write(assembly.join(name), wrong).unwrap();
    }
    let found = said(at.path(), assembly.to_str().unwrap());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("pipeline.json:") && found[0].ends_with(" unknown-value"), "{found:?}");
    let template = assembly.join("platform.template.json");
    let found = said(at.path(), template.to_str().unwrap());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("platform.template.json:"), "{found:?}");
}

#[test]
fn a_definition_in_s3_is_looked_for_beside_its_template() {
    let template = "Resources:\n  P:\n    Type: AWS::SageMaker::Pipeline\n    Properties:\n      PipelineName: p\n      \
        RoleArn: arn:aws:iam::111122223333:role/r\n      PipelineDefinition:\n        \
        PipelineDefinitionS3Location: { Bucket: b, Key: KEY }\n";
    let definition =
        r#"{ "Version": "2020-12-01", "Steps": [{ "Name": "a", "Type": "Fail", "Argument": {} }] }"#;
    let wrong = ["1:38 missing-key", "1:69 unknown-key"];
    for (key, path, found) in [
        ("definitions/nightly.json", "nightly.json", true),
        ("definitions/nightly.json", "definitions/nightly.json", true),
        ("0a1b.json", "asset.0a1b.json", true),
        ("!Sub 'x/${AWS::StackName}/nightly.json'", "nightly.json", true),
        ("!Sub '${AWS::StackName}.json'", "nightly.json", false),
        ("../nightly.json", "nightly.json", true),
        ("other.json", "nightly.json", false),
    ] {
        let at = tempfile::tempdir().unwrap();
        let key = if key.starts_with('!') { key.to_owned() } else { format!("\"{key}\"") };
        fs::write(at.path().join("t.yaml"), template.replace("KEY", &key)).unwrap();
        let path = at.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, definition).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let expected: Vec<_> = wrong.iter().filter(|_| found).map(|it| format!("{name}:{it}")).collect();
        assert_eq!(said(at.path(), "t.yaml"), expected, "{key} {name}");
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
