//! What stops a diff, and what somebody has accepted.

use std::fs;

use serde_json::{Value, json};

use crate::project;

/// A project whose template changes in several ways at once.
fn changed() -> tempfile::TempDir {
    let at = tempfile::tempdir().unwrap();
    let template = |instance: &str, threshold: i32, action: &str, bucket: bool| {
        let mut template = json!({ "Resources": {
            "Config": { "Type": "AWS::SageMaker::EndpointConfig", "Properties": { "ProductionVariants": [
                { "VariantName": "A", "ModelName": "m", "InstanceType": instance, "InitialInstanceCount": 1 },
            ] } },
            "Endpoint": { "Type": "AWS::SageMaker::Endpoint", "Properties": {
                "EndpointConfigName": { "Fn::GetAtt": ["Config", "EndpointConfigName"] },
            } },
            "Errors": { "Type": "AWS::CloudWatch::Alarm", "Properties": {
                "Threshold": threshold, "ComparisonOperator": "GreaterThanThreshold",
            } },
            "Job": { "Type": "AWS::IAM::Role", "Properties": { "Policies": [{ "PolicyName": "p",
                "PolicyDocument": { "Statement": [{ "Effect": "Allow", "Action": action, "Resource": "*" }] } }] } },
            "Flow": { "Type": "AWS::SageMaker::Pipeline", "Properties": { "PipelineDefinition": {
                "PipelineDefinitionBody": json!({ "Version": "2020-12-01", "Steps": [{
                    "Name": "prepare", "Type": "Processing",
                    "Arguments": { "AppSpecification": { "ImageUri": instance } },
                    "CacheConfig": { "Enabled": true, "ExpireAfter": "P30D" },
                }] }).to_string(),
            } } },
        } });
        if bucket {
            template["Resources"]["Data"] = json!({ "Type": "AWS::S3::Bucket" });
        }
        template
    };
    fs::write(at.path().join("old.json"), template("ml.c5.xlarge", 5, "s3:GetObject", true).to_string())
        .unwrap();
    fs::write(at.path().join("new.json"), template("ml.c5.2xlarge", 50, "s3:*", false).to_string()).unwrap();
    at
}

fn run(at: &std::path::Path, more: &[&str]) -> (Option<i32>, String, String) {
    let output = project::run(at, &[&["diff", "new.json", "--base", "old.json"], more].concat());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Each word stops what it names, and says which.
#[test]
fn each_word_names_what_trips_it() {
    let at = changed();
    let check = |words: &[&str], expected: &[&str]| {
        let options: Vec<&str> = words.iter().flat_map(|word| ["--fail-on", word]).collect();
        let (code, _, said) = run(at.path(), &options);
        let tripped: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("error: ")).collect();
        assert_eq!(code, Some(if expected.is_empty() { 0 } else { 4 }), "{words:?}: {said}");
        assert_eq!(tripped.len(), expected.len(), "{words:?}: {said}");
        for (line, start) in tripped.iter().zip(expected) {
            assert!(line.starts_with(start), "{words:?}: {line}");
        }
    };
    check(&["delete"], &["`Data`: delete"]);
    check(&["replace"], &["`Data`: delete", "`Config`: replace"]);
    check(&["may-replace"], &["`Data`: delete", "`Config`: replace"]);
    check(&["rolls"], &["`Data`: delete", "`Config`: replace", "`Endpoint`: rolls"]);
    check(&["stateful"], &["`Data`: stateful: no `DeletionPolicy`"]);
    check(&["broadening"], &["`Job`: permission broadened: `s3:*` is allowed now"]);
    check(&["weakened"], &["`Errors`: monitoring weakened"]);
    check(&["monitoring"], &["`Errors`: monitoring weakened"]);
    check(&["encryption", "isolation,name-pinned"], &[]);
    check(&["cost"], &["`Config`: cost more"]);
    check(&["recompute"], &["step `prepare`: computed anew"]);
    check(&["downtime"], &[]);
    // By commas, and repeated; each is named once.
    check(&["delete, stateful", "delete"], &["`Data`: delete", "`Data`: stateful"]);
    let (code, _, said) = run(at.path(), &["--fail-on", "any"]);
    assert_eq!(code, Some(4));
    for name in ["Data", "Config", "Endpoint", "Errors", "Job", "Flow"] {
        assert!(said.contains(&format!("error: `{name}`: ")), "{name}: {said}");
    }
    let output = project::run(at.path(), &["diff", "old.json", "--base", "old.json", "--fail-on", "any"]);
    assert_eq!(output.status.code(), Some(0));
    for (word, hint) in [("replce", "did you mean `replace`?"), ("statefull", "did you mean `stateful`?")] {
        let (code, _, said) = run(at.path(), &["--fail-on", &format!("cost,{word}")]);
        assert!(code == Some(2) && said.contains(hint), "{said}");
    }
}

/// What is accepted is shown, and stops nothing until its day is over.
#[test]
fn accepted_risks_are_shown_and_stop_nothing() {
    let at = changed();
    let write = |entries: &str| fs::write(at.path().join("smstack.accept.yaml"), entries).unwrap();
    write(
        "accept:
  - { class: replace, resource: Config, reason: agreed with ops, expires: 2999-01-31 }
  - { class: recompute, resource: Flow/prepare, reason: new role, expires: 2999-01-31 }
  - { class: stateful, resource: document/Data, reason: a copy is kept, expires: 2001-01-31 }
  - { class: downtime, resource: Endpoint, reason: at night, expires: 2999-01-31 }
",
    );
    let (code, out, said) = run(at.path(), &["--fail-on", "replace,recompute,stateful"]);
    assert_eq!(code, Some(4), "{said}");
    let tripped: Vec<&str> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(tripped.len(), 2, "{said}");
    assert!(tripped[0].contains("`Data`: delete") && tripped[1].contains("`Data`: stateful"), "{said}");
    for words in ["warning[accept-expired]", "smstack.accept.yaml:4:", "warning[accept-unused]", "2001-01-31"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    for words in ["replace: document/Config", "accepted risks", "agreed with ops", "(`Config`:", "unused"] {
        assert!(out.contains(words), "{words}: {out}");
    }
    // The class of one resource is no other's, and a gentler impact is none that is worse.
    write("accept:\n  - { class: replace, resource: Data, reason: x, expires: 2999-01-31 }\n");
    let (code, _, said) = run(at.path(), &["--fail-on", "delete"]);
    assert!(code == Some(4) && said.contains("accept-unused"), "{said}");
    write("accept:\n  - { class: delete, resource: Data, reason: x, expires: 2999-01-31 }\n");
    let (code, out, said) = run(at.path(), &["--fail-on", "delete", "--format", "json"]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let diff: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(diff["accepted"][0]["state"], "holds");
    assert_eq!(diff["accepted"][0]["about"], json!(["`Data`: delete"]));
    let schema: Value = serde_json::from_str(include_str!("../../schemas/diff.schema.json")).unwrap();
    assert!(jsonschema::draft202012::new(&schema).unwrap().is_valid(&diff));
}

#[test]
fn bad_entries_are_refused_where_they_stand() {
    let at = changed();
    let check = |entries: &str, expected: &[&str]| {
        fs::write(at.path().join("smstack.accept.yaml"), entries).unwrap();
        let (code, _, said) = run(at.path(), &[]);
        assert_eq!(code, Some(3), "{said}");
        for words in expected {
            assert!(said.contains(words), "{words}: {said}");
        }
    };
    let entry = |class: &str, reason: &str, expires: &str| {
        format!(
            "accept:\n  - class: {class}\n    resource: Data\n    reason: {reason}\n    expires: {expires}\n"
        )
    };
    check(&entry("delte", "x", "2999-01-01"), &["error[unknown-value]", ":2:12", "did you mean `delete`?"]);
    check(&entry("any", "x", "2999-01-01"), &["error[unknown-value]", ":2:12"]);
    check(&entry("delete", "\" \"", "2999-01-01"), &["error[wrong-form]", ":4:13"]);
    check(&entry("delete", "x", "2999-02-30"), &["error[wrong-form]", ":5:14", "2027-01-31"]);
    check(&entry("delete", "x", "soon"), &["error[wrong-form]", ":5:14"]);
    check(
        "accept:\n  - { class: delete, resource: Data, expires: 2999-01-01 }\n",
        &["error[missing-key]", "`reason`"],
    );
    check("accept:\n  - { klass: delete }\n", &["error[unknown-key]"]);
    check("accepted: []\n", &["error[unknown-key]", "`accept`"]);
    check("accept: [\n", &["error[yaml-syntax]"]);
}

/// Beside the stack file, in the project's directory, at the top of the repository.
#[test]
fn the_file_is_found() {
    let at = tempfile::tempdir().unwrap();
    let project = at.path().join("ml");
    project::write(&project, &project::reference());
    let git = std::process::Command::new("git").current_dir(at.path()).args(["init", "--quiet"]).status();
    assert!(git.unwrap().success());
    project::synth(&project, "dev");
    for home in ["ml/stacks", "ml", "."] {
        let file = at.path().join(home).join("smstack.accept.yaml");
        fs::write(&file, "accept:\n  - { class: cost, resource: Old, reason: x, expires: 2999-01-31 }\n")
            .unwrap();
        let assembly = "smstack.out/deep-learning/dev";
        let output = project::run(&project, &["diff", "deep-learning", "--env", "dev", "--base", assembly]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && said.contains("accept-unused"), "{home}: {said}");
        fs::remove_file(file).unwrap();
    }
}

#[test]
fn the_committed_schema_is_fresh() {
    let path = project::root().join("schemas/accept.schema.json");
    snapbox::Assert::new()
        .action_env("SNAPSHOTS")
        .eq(format!("{:#}\n", smstack::diff::accept_schema()), snapbox::Data::read_from(&path, None).raw());
}
