//! What others' linters say of our templates: nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use smstack::tables;

use crate::project::{self, synth};
use crate::tools::{Set, succeed};

const TEMPLATES: [&str; 2] = ["platform.template.json", "serving.template.json"];

/// Types of the resources of both templates.
fn types(assembly: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for name in TEMPLATES {
        let template: Value = serde_json::from_slice(&fs::read(assembly.join(name)).unwrap()).unwrap();
        for resource in template["Resources"].as_object().unwrap().values() {
            found.insert(resource["Type"].as_str().unwrap().to_owned());
        }
    }
    found
}

/// The regions that have every type of both templates, and every image.
fn regions(assembly: &Path) -> Vec<&'static str> {
    let types = types(assembly);
    let template: Value = serde_json::from_slice(&fs::read(assembly.join(TEMPLATES[0])).unwrap()).unwrap();
    let mapped =
        template["Mappings"]["Images"].as_object().expect("a template without a region maps registries");
    let everywhere =
        |region: &str| types.iter().all(|kind| tables::type_in_region(kind, region) == Some(true));
    let found: Vec<_> = tables::regions()
        .iter()
        .copied()
        .filter(|region| everywhere(region) && mapped.contains_key(*region))
        .collect();
    assert!(found.len() > 15 && found.contains(&"us-east-1"), "too few regions: {found:?}");
    found
}

fn regionless(at: &Path) -> PathBuf {
    let text =
        project::reference().replace("{ region: us-east-1 }", "{}").replace("    region: eu-west-1\n", "");
    project::write(at, &text);
    synth(at, "dev")
}

#[test]
fn cfn_lint_has_nothing_to_say_for_any_region() {
    let at = tempfile::tempdir().unwrap();
    let assembly = regionless(at.path());
    let mut lint = Set::Lint.program("cfn-lint");
    // Warnings count; so do the informational rules that are on by default.
    lint.args(["--non-zero-exit-code", "informational", "--regions"]).args(regions(&assembly)).arg("--");
    succeed(lint.args(TEMPLATES.map(|name| assembly.join(name))));
}

#[test]
fn cfn_lint_has_nothing_to_say_for_the_reference_environments() {
    for (environment, region) in [("dev", "us-east-1"), ("prod", "eu-west-1")] {
        let at = tempfile::tempdir().unwrap();
        project::write(at.path(), &project::reference());
        let assembly = synth(at.path(), environment);
        let mut lint = Set::Lint.program("cfn-lint");
        lint.args(["--non-zero-exit-code", "informational", "--regions", region, "--"]);
        succeed(lint.args(TEMPLATES.map(|name| assembly.join(name))));
    }
}

#[test]
fn every_region_that_has_the_services_can_be_named() {
    let at = tempfile::tempdir().unwrap();
    let regions = regions(&regionless(at.path()));
    for region in regions {
        project::write(at.path(), &project::reference().replace("us-east-1", region));
        let assembly = synth(at.path(), "dev");
        let template = fs::read_to_string(assembly.join(TEMPLATES[0])).unwrap();
        assert!(!template.contains("\"Mappings\""), "{region}: registries are known, and still mapped");
    }
}

#[test]
fn checkov_finds_nothing_that_is_not_suppressed_with_a_reason() {
    let at = tempfile::tempdir().unwrap();
    project::write(at.path(), &project::reference());
    let assembly = synth(at.path(), "prod");
    for name in TEMPLATES {
        let template = assembly.join(name);
        let output = Set::Checkov
            .program("checkov")
            .args([
                "--framework",
                "cloudformation",
                "--skip-download",
                "--quiet",
                "--compact",
                "-o",
                "json",
                "-f",
            ])
            .arg(&template)
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let passed = report["summary"]["passed"].as_u64().unwrap();
        assert!(passed > 2, "checkov looked at nothing: {report}");
        let failed: Vec<String> = report["results"]["failed_checks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|check| format!("{} {} {}", check["check_id"], check["resource"], check["check_name"]))
            .collect();
        assert!(failed.is_empty(), "{name}:\n{}", failed.join("\n"));
    }
}

#[test]
fn suppressions_have_reasons() {
    let at = tempfile::tempdir().unwrap();
    project::write(at.path(), &project::reference());
    let assembly = synth(at.path(), "prod");
    for name in TEMPLATES {
        let template: Value = serde_json::from_slice(&fs::read(assembly.join(name)).unwrap()).unwrap();
        for (id, resource) in template["Resources"].as_object().unwrap() {
            for skip in resource["Metadata"]["checkov"]["skip"].as_array().into_iter().flatten() {
                let comment = skip["comment"].as_str().unwrap_or_default();
                assert!(comment.split_whitespace().count() > 3, "{name} {id}: {skip}");
            }
        }
    }
}
