//! The definition, against the shapes of the API that it calls: botocore is the judge.

use std::process::Command;

use crate::project::{self, synth};
use crate::tools::{python, succeed};

#[test]
fn every_step_fits_the_api_and_every_reference_resolves() {
    let at = tempfile::tempdir().unwrap();
    project::write(at.path(), &project::reference());
    for environment in ["dev", "prod"] {
        let assembly = synth(at.path(), environment);
        let output =
            succeed(python("tests/definition/check_definition.py").arg(assembly.join("pipeline.json")));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("0 faults") && !said.starts_with("0 steps"), "{said}");
    }
}

/// The judge finds what is planted.
#[test]
fn the_judge_can_refuse() {
    let at = tempfile::tempdir().unwrap();
    project::write(at.path(), &project::reference());
    let definition = synth(at.path(), "dev").join("pipeline.json");
    succeed(python("tests/definition/prove_check.py").arg(definition));
    let unknown: &mut Command = &mut python("tests/definition/check_definition.py");
    let output = unknown.arg(at.path().join("stacks/deep-learning.yaml")).output().unwrap();
    assert!(!output.status.success());
}
