//! Checks of jobs, tuning and the pipeline, each by a change to the reference workload.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::{Exports, Memo, Scope, StackFile};
use crate::cfn::Statement;
use crate::constructs::{Rendering, Role};
use crate::shapes::Shapes;

/// The reference workload as far as the pipeline, with what is warned about mended.
fn sound() -> Value {
    let text = include_str!("../../../stacks/deep-learning.yaml");
    let mut stack: Value = serde_saphyr::from_str(text).unwrap();
    let root = stack.as_object_mut().unwrap();
    for section in ["endpoints", "scaling", "alarms", "monitoring"] {
        root.remove(section);
    }
    set(&mut stack, "/environments", json!({ "dev": { "region": "us-east-1" } }));
    set(&mut stack, "/pipeline/triggers", Value::Null);
    set(&mut stack, "/registry", json!({ "deep-learning-models": {} }));
    set(&mut stack, "/training/classifier/hyperparameters", json!({ "epochs": 100 }));
    let metrics = json!({
        "train:loss": "(?:^|[^a-z_])loss: ([0-9.eE+-]+)", "val:accuracy": "val_accuracy: ([0-9.eE+-]+)",
    });
    set(&mut stack, "/training/classifier/metrics", metrics);
    stack
}

/// Sets a member; `null` removes it.
fn set(stack: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/");
    match stack.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}")) {
        Value::Object(members) if value.is_null() => drop(members.shift_remove(&key)),
        Value::Object(members) => drop(members.insert(key, value)),
        Value::Array(items) if key == "-" => items.push(value),
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        _ => panic!("{pointer}"),
    }
}

fn with<T>(stack: Value, then: impl FnOnce(&Scope<'_>) -> T) -> T {
    let file: StackFile = serde_json::from_value(stack).unwrap();
    let assets = BTreeMap::new();
    let made = Memo::default();
    let mut exports = Exports::default();
    let region = Some("us-east-1");
    for (_, this, construct) in file.constructs() {
        let made = Memo::default();
        let scope = Scope { region, ..Scope::new(&file, "dev", &exports, &assets, &made) };
        let mut offered = Exports::default();
        construct.export(&this, &scope, &mut offered);
        exports.extend(offered);
    }
    then(&Scope { region, ..Scope::new(&file, "dev", &exports, &assets, &made) })
}

/// Issues of the changed workload, as `place code`.
fn issues(changes: &[(&str, Value)]) -> Vec<String> {
    let mut stack = sound();
    for (pointer, value) in changes {
        set(&mut stack, pointer, value.clone());
    }
    with(stack, |scope| {
        let mut issues = Vec::new();
        for (_, this, construct) in scope.file.constructs() {
            construct.check(&this, scope, &mut issues);
        }
        issues.iter().map(|issue| format!("{} {}", issue.pointer, issue.code.as_str())).collect()
    })
}

fn check(pointer: &str, value: Value, expected: &[&str]) {
    let changed = format!("{pointer}: {value}");
    assert_eq!(issues(&[(pointer, value)]), expected, "{changed}");
}

/// The change gives one issue, at the changed place.
fn there(pointer: &str, value: Value, code: &str) {
    check(pointer, value, &[&format!("{pointer} {code}")]);
}

const STEPS: &str = "/pipeline/steps";
const THEN: &str = "/pipeline/steps/3/condition/then";

#[test]
fn the_reference_workload_is_sound() {
    assert_eq!(issues(&[]), [] as [&str; 0]);
}

#[test]
fn jobs() {
    let job = "/processing/preprocess";
    there(&format!("{job}/instance/type"), json!("ml.m5.xlrge"), "instance-type");
    there(&format!("{job}/instance/type"), json!("ml.t2.medium"), "instance-type");
    there(&format!("{job}/instance/count"), json!(0), "out-of-bounds");
    there(&format!("{job}/instance/volume"), json!("17TB"), "out-of-bounds");
    there(&format!("{job}/image/version"), json!("9.9"), "image-unknown");
    there(&format!("{job}/image/framework"), json!("sklern"), "image-unknown");
    there("/training/classifier/image/python", json!("py39"), "image-unknown");
    check(&format!("{job}/image/uri"), json!("x:1"), &["/processing/preprocess/image/uri one-of"]);
    let uri = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/x:1";
    check(&format!("{job}/image"), json!({ "uri": uri }), &["/processing/preprocess/image/uri image-region"]);
    check(
        &format!("{job}/image"),
        json!({ "uri": "Docker.io/x" }),
        &["/processing/preprocess/image/uri wrong-form"],
    );
    check(
        &format!("{job}/outputs/copy"),
        json!("/tmp/x"),
        &["/processing/preprocess/outputs/copy local-path"],
    );
    check(
        &format!("{job}/outputs/copy"),
        json!("/opt/ml/processing/output/train"),
        &["/processing/preprocess/outputs/copy local-path"],
    );
    check(
        &format!("{job}/outputs/copy"),
        json!({ "path": "/opt/ml/processing/copy", "to": "s3://there/copy" }),
        &["/processing/preprocess/outputs/copy/to output-race"],
    );
    check(
        &format!("{job}/outputs/copy"),
        json!({ "path": "/opt/ml/processing/copy", "to": "s3://there/copy/${execution.id}" }),
        &[],
    );
    there("/processing/evaluate/reports/metrics/output", json!("evalution"), "unknown-reference");
    check(
        &format!("{job}/inputs/more"),
        json!("nothing"),
        &["/processing/preprocess/inputs/more unknown-reference"],
    );
}

#[test]
fn training() {
    let job = "/training/classifier";
    there(&format!("{job}/spot/max_wait"), json!("1h"), "spot-wait");
    there(&format!("{job}/spot"), json!({ "max_wait": "8h" }), "spot-checkpoints");
    there(&format!("{job}/keep_alive"), json!("10m"), "spot-keep-alive");
    there(&format!("{job}/max_runtime"), json!("0s"), "out-of-bounds");
    there(&format!("{job}/distribution"), json!("torch_distributed"), "distribution-unfit");
    there(&format!("{job}/distribution"), json!("smddp"), "distribution-unfit");
    check(
        &format!("{job}/instance/type"),
        json!("ml.p3.16xlarge"),
        &["/training/classifier/distribution idle-gpus"],
    );
    check(
        &format!("{job}/instance/type"),
        json!("ml.g5.xlarge"),
        &["/training/classifier/instance/type local-storage-key"],
    );
    let loss = format!("{job}/metrics/train:loss");
    check(
        &loss,
        json!("loss: ([0-9\\.]+)"),
        &[
            "/training/classifier/metrics/train:loss metric-overmatch",
            "/training/classifier/metrics/train:loss metric-truncates",
        ],
    );
    there(&loss, json!("("), "metric-regex");
    there(&loss, json!("loss"), "metric-groups");
    there(&format!("{job}/hyperparameters/sagemaker_program"), json!("x"), "invalid-name");
}

#[test]
fn tuning() {
    there("/tuning/search/training", json!("clasifier"), "unknown-reference");
    there("/tuning/search/objective/maximize", json!("val:acuracy"), "objective-unknown");
    check("/tuning/search/objective/minimize", json!("train:loss"), &["/tuning/search/objective one-of"]);
    check("/tuning/search/jobs/max", json!(4), &["/tuning/search/jobs/parallel tuning-parallel"]);
    there("/tuning/search/jobs/parallel", json!(20), "tuning-quota");
    there("/tuning/search/ranges/dropout_rate/continuous", json!([0.5, 0.1]), "tuning-range-inverted");
    check(
        "/tuning/search/ranges/learning_rate/continuous",
        json!([0, 1]),
        &["/tuning/search/ranges/learning_rate/scale tuning-scale"],
    );
    check(
        "/tuning/search/ranges/epochs",
        json!({ "integer": [1, 9] }),
        &["/tuning/search/ranges/epochs static-and-ranged"],
    );
    let band = ["/tuning/search/early_stopping tuning-strategy"];
    assert_eq!(
        issues(&[
            ("/tuning/search/strategy", json!("hyperband")),
            ("/tuning/search/early_stopping", json!(true))
        ]),
        band
    );
    assert_eq!(issues(&[("/tuning/search/strategy", json!("grid"))]).len(), 4);
}

#[test]
fn steps_and_their_graph() {
    let other = issues(&[(&format!("{STEPS}/0/processing"), json!("classifier"))]);
    assert_eq!(other, ["/pipeline/steps/0/processing wrong-reference"]);
    let none = issues(&[(&format!("{STEPS}/0"), json!({}))]);
    assert_eq!(none, ["/pipeline/steps/0 one-of"]);
    let gone = issues(&[
        (&format!("{STEPS}/0"), json!({ "processing": "evaluate" })),
        (&format!("{STEPS}/2"), json!({ "training": "classifier" })),
    ]);
    assert!(gone.contains(&"/pipeline/steps/1/tuning step-not-listed".to_owned()), "{gone:?}");
    check(
        &format!("{STEPS}/-"),
        json!({ "processing": "preprocess" }),
        &["/pipeline/steps/4/processing step-twice"],
    );
    let circle = issues(&[(&format!("{STEPS}/0/depends_on"), json!(["evaluate"]))]);
    assert_eq!(circle, ["/pipeline/steps/0/processing reference-cycle"]);
    let typo = issues(&[(&format!("{STEPS}/1/depends_on"), json!(["evalute"]))]);
    assert_eq!(typo, ["/pipeline/steps/1/depends_on/0 unknown-reference"]);
    let branch = issues(&[(&format!("{STEPS}/1/depends_on"), json!(["register-deep-learning-models"]))]);
    assert!(branch.contains(&"/pipeline/steps/1/tuning into-branch".to_owned()), "{branch:?}");
    check(
        &format!("{STEPS}/-"),
        json!({ "fail": "x", "cache": "1d" }),
        &["/pipeline/steps/4/cache cache-unsupported"],
    );
    check(
        &format!("{STEPS}/-"),
        json!({ "fail": "x", "name": "search" }),
        &["/pipeline/steps/4/name duplicate-name"],
    );
    check(&format!("{STEPS}/0/name"), json!("x"), &["/pipeline/steps/0/name one-of"]);
    check(
        &format!("{THEN}/0/retry"),
        json!({ "on": ["capacity_error"] }),
        &["/pipeline/steps/3/condition/then/0/retry/on retry-unsupported"],
    );
    let after = issues(&[
        (&format!("{THEN}/-"), json!({ "fail": "a" })),
        (&format!("{THEN}/-"), json!({ "fail": "b" })),
    ]);
    assert_eq!(after, ["/pipeline/steps/3/condition/then/2 unreachable-step"]);
    check(
        "/processing/evaluate/environment",
        json!({ "AT": "${execution.id}" }),
        &["/processing/evaluate cache-defeated"],
    );
    check("/name", json!("n".repeat(80)), &["/name pipeline-name"]);
}

#[test]
fn conditions_and_registration() {
    let test = format!("{STEPS}/3/condition/if");
    let gte = |value: Value| json!({ "gte": ["${evaluate.metrics.accuracy}", value] });
    there(&test, json!({}), "one-of");
    check(&test, gte(json!("0.5")), &["/pipeline/steps/3/condition/if/gte/1 condition-type"]);
    check(
        &test,
        gte(json!("${parameters.approval_status}")),
        &["/pipeline/steps/3/condition/if/gte/1 condition-type"],
    );
    check(
        &test,
        gte(json!("${parameters.nothing}")),
        &["/pipeline/steps/3/condition/if/gte/1 unknown-reference"],
    );
    there(&test, json!({ "gte": [1, 2] }), "constant-condition");
    check(
        &test,
        json!({ "or": [{ "gt": ["${evaluate.metrics.a[x]}", 1] }] }),
        &["/pipeline/steps/3/condition/if/or/0/gt/0 report-path"],
    );
    let register = format!("{THEN}/0/register");
    there(&format!("{register}/approval"), json!("approved"), "approval-status");
    there(&format!("{register}/group"), json!("models"), "unknown-reference");
    there(&format!("{register}/metrics"), json!("preprocess.train"), "wrong-reference");
    check(
        &format!("{register}/inference_instances"),
        json!(["ml.m5.large", "ml.g5.xlarge"]),
        &[&format!("{register}/inference_instances/1 mixed-accelerators")],
    );
    check(
        "/training/classifier/serve",
        json!({ "image": { "framework": "tensorflow", "version": "2.12" } }),
        &[],
    );
}

#[test]
fn the_role_may_run_what_is_there_and_no_more() {
    let policy = with(sound(), |scope| {
        let mut out = Rendering::new(Shapes::default());
        for (_, this, construct) in scope.file.constructs() {
            construct.render(&this, scope, &mut out);
        }
        Statement::document(out.grants[&Role::Pipeline].clone()).to_string()
    });
    for needed in
        ["CreateProcessingJob", "CreateHyperParameterTuningJob", "CreateModelPackage", "iam:PassedToService"]
    {
        assert!(policy.contains(needed), "{needed} is missing");
    }
    for surplus in ["CreateTrainingJob", "CreateEndpoint", "\"Resource\":\"*\""] {
        assert!(!policy.contains(surplus), "{surplus} is too much");
    }
}

#[test]
fn transforms() {
    let with = |extra: Value| {
        let mut job = json!({
            "model": "search.best_model", "instance": { "type": "ml.m5.xlarge" },
            "input": { "from": "training-data", "content_type": "text/csv", "split": "line" },
        });
        for (key, value) in extra.as_object().unwrap() {
            job[key.as_str()] = value.clone();
        }
        let step = json!({ "transform": "score" });
        issues(&[("/transform", json!({ "score": job })), ("/pipeline/steps/-", step)])
    };
    let at = |place: &str, code: &str| vec![format!("/transform/score/{place} {code}")];
    assert_eq!(with(json!({})), [] as [&str; 0]);
    for (extra, expected) in [
        (json!({ "instance": { "type": "ml.t2.medium" } }), at("instance/type", "instance-type")),
        (
            json!({ "instance": { "type": "ml.m5.xlarge", "count": 101 } }),
            at("instance/count", "out-of-bounds"),
        ),
        (json!({ "model": "search.best" }), at("model", "unknown-reference")),
        (json!({ "model": "preprocess.train" }), at("model", "wrong-reference")),
        (json!({ "model": "deep-learning-models.approved" }), at("model", "wrong-reference")),
        (json!({ "model": { "group": "models", "version": 1 } }), at("model/group", "unknown-reference")),
        (
            json!({ "model": { "group": "deep-learning-models", "version": 0 } }),
            at("model/version", "wrong-form"),
        ),
        (
            json!({ "model": { "group": "deep-learning-models", "version": "${parameters.v}" } }),
            at("model/version", "unknown-reference"),
        ),
        (
            json!({ "model": { "group": "deep-learning-models", "version": 3 }, "instance": { "type": "ml.c5.xlarge" } }),
            at("instance/type", "model-instance"),
        ),
        (
            json!({ "model": { "image": { "framework": "pytorch", "version": "9" }, "data": "s3://b/m.tar.gz" } }),
            at("model/image/version", "image-unknown"),
        ),
        (
            json!({ "model": { "image": { "uri": "own:1" }, "data": "m.tar.gz" } }),
            at("model/data", "wrong-form"),
        ),
        (
            json!({ "model": { "image": { "uri": "own:1" }, "data": "${parameters.accuracy_threshold}/m.tar.gz" } }),
            at("model/data", "wrong-form"),
        ),
        (json!({ "input": "preprocess.trian" }), at("input", "unknown-reference")),
        (json!({ "output": { "to": "s3://b/fixed" } }), at("output/to", "output-race")),
        (json!({ "output": { "to": "nowhere" } }), at("output/to", "wrong-form")),
        (json!({ "timeout": "2h" }), at("timeout", "out-of-bounds")),
        (json!({ "retries": 4 }), at("retries", "out-of-bounds")),
        (json!({ "max_payload": "101MB" }), at("max_payload", "transform-payload")),
        (json!({ "max_payload": "0MB", "max_concurrent": 1000 }), vec![]),
        (json!({ "max_concurrent": 17 }), at("max_concurrent", "transform-payload")),
        (json!({ "strategy": "single_record" }), vec![]),
        (json!({ "strategy": "single_record", "input": "training-data" }), at("strategy", "transform-split")),
        (
            json!({ "data_processing": { "output_filter": "x".repeat(64) } }),
            at("data_processing/output_filter", "out-of-bounds"),
        ),
        (json!({ "environment": { "1A": "b" } }), at("environment/1A", "invalid-name")),
    ] {
        assert_eq!(with(extra.clone()), expected, "{extra}");
    }
}

/// A transform's model is made by a step of its own, before it and in the same branch.
#[test]
fn a_model_is_made_before_its_transform() {
    let mut stack = sound();
    let job = json!({
        "model": "search.best_model", "instance": { "type": "ml.m5.xlarge" }, "input": "preprocess.test",
    });
    set(&mut stack, "/transform", json!({ "score": job }));
    set(&mut stack, &format!("{THEN}/-"), json!({ "transform": "score", "depends_on": ["evaluate"] }));
    with(stack, |scope| {
        let (this, pipeline) = scope.construct("pipeline").unwrap();
        let mut out = Rendering::new(Shapes::default());
        pipeline.render(&this, scope, &mut out);
        let definition = out.definition.unwrap().value;
        let branch = definition["Steps"][3]["Arguments"]["IfSteps"].as_array().unwrap().to_vec();
        let names: Vec<&str> = branch.iter().map(|step| step["Name"].as_str().unwrap()).collect();
        assert_eq!(names[1..], ["score-model", "score"], "{names:?}");
        assert_eq!(branch[1]["DependsOn"], branch[2]["DependsOn"]);
        assert!(branch[2].get("CacheConfig").is_none(), "{}", branch[2]);
        let passed = out.grants[&Role::Pipeline].iter().find(|one| one.sid == "PassStepRoles").unwrap();
        assert!(
            passed.resources.iter().any(|role| format!("{role:?}").contains("TransformRole")),
            "{passed:?}"
        );
    });
}
