//! CloudFormation's limits, and shapes of a project's own: what no stack file alone can get wrong.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::project::{self, reference, replaced, run};

/// A lake of so many buckets: two resources each, and a few more.
fn lake(at: &Path, buckets: usize) {
    let mut text = "name: lake\nenvironments: { dev: { region: us-east-1 } }\ndata_lake:\n  encryption: s3\n  buckets:\n".to_owned();
    for index in 0..buckets {
        let _ = writeln!(text, "    b{index}: {{ versioned: true }}");
    }
    fs::create_dir_all(at.join("stacks")).unwrap();
    fs::write(at.join("stacks/lake.yaml"), text).unwrap();
}

#[test]
fn a_template_near_the_limit_is_a_warning() {
    let at = tempfile::tempdir().unwrap();
    lake(at.path(), 170);
    let output = run(at.path(), &["synth", "lake"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("warning[near-limit]") && said.contains("of 200 possible"), "{said}");
    assert!(at.path().join("smstack.out/lake/dev/manifest.json").is_file());
}

#[test]
fn a_template_beyond_the_limit_is_an_error_with_a_plan() {
    let at = tempfile::tempdir().unwrap();
    lake(at.path(), 255);
    let output = run(at.path(), &["synth", "lake"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("error[beyond-limit]") && said.contains("split the stack file"), "{said}");
    assert!(!at.path().join("smstack.out").exists());
}

fn shape(at: &Path, name: &str, text: &str) {
    let directory = at.join("templates/shapes");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join(name), text).unwrap();
}

#[test]
fn a_project_may_override_a_shape() {
    let at = tempfile::tempdir().unwrap();
    project::write(at.path(), &reference());
    let built_in = fs::read_to_string(project::root().join("templates/shapes/role.json")).unwrap();
    let own = built_in.replace("\"Properties\": {", "\"Properties\": { \"MaxSessionDuration\": 3600,");
    assert_ne!(own, built_in);
    shape(at.path(), "role.json", &own);
    let assembly = project::synth(at.path(), "dev");
    let template: Value =
        serde_json::from_slice(&fs::read(assembly.join("platform.template.json")).unwrap()).unwrap();
    assert_eq!(template["Resources"]["TrainingRole"]["Properties"]["MaxSessionDuration"], 3600);
}

/// What smstack changes in what a shape made is there only in what it makes by its own.
#[test]
fn an_own_shape_may_make_something_else() {
    for properties in ["", r#", "Properties": "none""#] {
        let at = tempfile::tempdir().unwrap();
        let text = replaced(
            &reference(),
            "    track: { invocations_per_instance: 70, scale_out_cooldown: 60s, scale_in_cooldown: 5m }",
            "    steps: { alarm: errors, steps: [{ from: 0, by: 1 }] }",
        );
        project::write(at.path(), &text);
        let own = format!(
            r#"{{ {{{{ id | json_encode() }}}}: {{ "Type": "AWS::CloudFormation::WaitConditionHandle"{properties} }} }}"#
        );
        shape(at.path(), "alarm.json", &own);
        let assembly = project::synth(at.path(), "dev");
        let template: Value =
            serde_json::from_slice(&fs::read(assembly.join("serving.template.json")).unwrap()).unwrap();
        let copy = &template["Resources"]["WebStepScalingTrigger"];
        assert_eq!(copy, &template["Resources"]["ErrorsAlarm"]);
        assert_eq!(copy["Type"], "AWS::CloudFormation::WaitConditionHandle");
    }
}

#[test]
fn a_shape_that_does_not_render_is_an_error() {
    let at = tempfile::tempdir().unwrap();
    project::write(at.path(), &reference());
    shape(at.path(), "role.json", "{ {{ no_such_value | json_encode() }}: 1 }");
    let output = run(at.path(), &["synth", "deep-learning"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("error[shape]") && said.contains("`role`"), "{said}");
    assert!(!at.path().join("smstack.out").exists());
}

#[test]
fn an_override_of_no_shape_is_wrong_usage() {
    let at = tempfile::tempdir().unwrap();
    project::write(at.path(), &reference());
    shape(at.path(), "roles.json", "{}");
    let output = run(at.path(), &["synth", "deep-learning"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("did you mean `role`?"), "{said}");
}

#[test]
fn templates_can_be_yaml() {
    let at = tempfile::tempdir().unwrap();
    project::write(at.path(), &reference());
    let json = project::synth(at.path(), "dev");
    let output =
        run(at.path(), &["synth", "deep-learning", "--env", "dev", "--format", "yaml", "--out", "yaml"]);
    assert!(output.status.success(), "{output:?}");
    let yaml = at.path().join("yaml/deep-learning/dev");
    for name in ["platform", "serving"] {
        let one: Value =
            serde_json::from_slice(&fs::read(json.join(format!("{name}.template.json"))).unwrap()).unwrap();
        let text = fs::read_to_string(yaml.join(format!("{name}.template.yaml"))).unwrap();
        let two: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(one, two, "{name}");
    }
    let manifest: Value = serde_json::from_slice(&fs::read(yaml.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["templates"][0]["file"], "platform.template.yaml");
}
