use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::cfn::json as rendered;
use crate::constructs::{Exports, Memo, StackFile};
use crate::shapes::Shapes;

/// A stack with a lake and the given parameters, a monitor with an alarm, and a step's output.
fn with_scope<T>(parameters: &Value, then: impl FnOnce(&Scope<'_>) -> T) -> T {
    let file: StackFile = serde_json::from_value(json!({
        "name": "shop",
        "environments": { "dev": {} },
        "data_lake": {
            "buckets": { "raw": {}, "processed": {} },
            "datasets": { "sales": { "bucket": "raw", "prefix": "sales/*/" }, "all-output": { "bucket": "processed" }, "rows": { "bucket": "raw", "prefix": "rows/", "versions": true } },
        },
        "parameters": parameters,
    }))
    .unwrap();
    let assets = BTreeMap::new();
    let made = Memo::default();
    let mut exports = Exports::default();
    for (_, this, construct) in file.constructs() {
        let made = Memo::default();
        let mut offered = Exports::default();
        let scope = Scope { region: None, ..Scope::new(&file, "dev", &exports, &assets, &made) };
        construct.export(&this, &scope, &mut offered);
        exports.extend(offered);
    }
    let alarm = Some(LogicalId::new(["drift", "MonitorAlarm"]));
    let monitor = Export::Monitor { endpoint: "shop".into(), alarm };
    exports.add("monitoring", &Pointer::root().key("monitoring").key("drift"), "drift", "", monitor);
    let output = Data {
        uri: Expr::Get("Steps.prepare.x".into()),
        bucket: Bucket { name: Expr::text("x"), arn: Expr::text("x") },
        prefix: String::new(),
        manifest: false,
    };
    exports.add("processing", &Pointer::root().key("processing"), "prepare", "train", Export::Data(output));
    then(&Scope { region: None, ..Scope::new(&file, "dev", &exports, &assets, &made) })
}

fn check(triggers: &Value, parameters: &Value, expected: &[&str]) {
    let triggers: Triggers = serde_json::from_value(triggers.clone()).unwrap();
    let said = with_scope(parameters, |scope| {
        let mut issues = Vec::new();
        triggers.check(&Pointer::parse("/pipeline/triggers"), scope, &mut issues);
        issues.iter().map(|issue| format!("{} {}", issue.pointer, issue.code.as_str())).collect::<Vec<_>>()
    });
    assert_eq!(said, expected);
}

#[test]
fn what_cannot_start_the_pipeline_is_refused() {
    let none = || json!({});
    check(&json!({ "schedule": "rate(1 day)", "on_new_data": "sales", "on_drift": true }), &none(), &[]);
    check(&json!({ "schedule": "0 3 * * 1" }), &none(), &["/pipeline/triggers/schedule schedule-expression"]);
    check(
        &json!({ "schedule": { "expression": "rate(1)", "timezone": "+1" } }),
        &none(),
        &[
            "/pipeline/triggers/schedule/expression schedule-expression",
            "/pipeline/triggers/schedule/timezone wrong-form",
        ],
    );
    check(
        &json!({ "on_new_data": "prepare.train" }),
        &none(),
        &["/pipeline/triggers/on_new_data wrong-reference"],
    );
    check(&json!({ "on_new_data": "sale" }), &none(), &["/pipeline/triggers/on_new_data unknown-reference"]);
    check(&json!({ "on_new_data": "s3://a/b" }), &none(), &["/pipeline/triggers/on_new_data trigger-data"]);
    check(&json!({ "on_new_data": "all-output" }), &none(), &["/pipeline/triggers/on_new_data trigger-loop"]);
    check(
        &json!({ "on_new_data": { "data": "sales", "suffix": "" } }),
        &none(),
        &["/pipeline/triggers/on_new_data/suffix out-of-bounds"],
    );
    check(&json!({ "on_new_data": "rows" }), &none(), &[]);
    check(
        &json!({ "on_new_data": { "data": "rows", "suffix": ".csv" } }),
        &none(),
        &["/pipeline/triggers/on_new_data/suffix one-of"],
    );
    let open = || json!({ "day": { "type": "string" }, "rate": 0.5 });
    check(&json!({ "on_drift": true }), &open(), &["/parameters/day trigger-parameter"]);
    check(&json!({}), &open(), &[]);
}

/// Files, descriptions and manifests of a version start nothing; what is written last does.
#[test]
fn a_dataset_with_versions_starts_it_by_its_pointer_alone() {
    let triggers: Triggers = serde_json::from_value(json!({ "on_new_data": "rows" })).unwrap();
    let out = with_scope(&json!({}), |scope| {
        let mut out = Rendering::new(Shapes::default());
        triggers.render("shop-dev", scope, &mut out);
        out
    });
    let pattern = &out.platform.resources["PipelineNewDataTrigger"]["Properties"]["EventPattern"];
    assert_eq!(pattern["detail"]["object"]["key"], rendered!(["rows/manifests/latest.json"]));
}

#[test]
fn each_trigger_starts_the_one_pipeline() {
    let triggers: Triggers = serde_json::from_value(json!({
        "schedule": { "expression": "cron(0 3 ? * MON *)", "timezone": "Europe/Berlin" },
        "on_new_data": { "data": "sales", "suffix": "manifest.json" },
        "on_drift": true,
    }))
    .unwrap();
    let out = with_scope(&json!({}), |scope| {
        let mut out = Rendering::new(Shapes::default());
        triggers.render("shop-dev", scope, &mut out);
        out
    });
    assert!(out.problems.is_empty(), "{:?}", out.problems);
    let resources = &out.platform.resources;
    assert_eq!(
        resources.keys().collect::<Vec<_>>(),
        [
            "UndeliveredEvents",
            "UndeliveredEventsPolicy",
            "UndeliveredEventsAlarm",
            "PipelineSchedule",
            "PipelineNewDataTrigger",
            "PipelineDriftTrigger",
        ]
    );
    let pipeline = rendered!({
        "Fn::Sub": "arn:${AWS::Partition}:sagemaker:${AWS::Region}:${AWS::AccountId}:pipeline/shop-dev"
    });
    let schedule = &resources["PipelineSchedule"]["Properties"];
    assert_eq!(schedule["Target"]["Arn"], pipeline);
    assert_eq!(schedule["ScheduleExpressionTimezone"], "Europe/Berlin");
    let new_data = &resources["PipelineNewDataTrigger"]["Properties"];
    assert_eq!(
        new_data["EventPattern"]["detail"],
        rendered!({
            "bucket": { "name": [{ "Ref": "RawBucket" }] },
            "object": {
                "size": [{ "numeric": [">", 0] }],
                "key": [{ "wildcard": "sales/\\*/*manifest.json" }],
            },
        })
    );
    assert_eq!(new_data["Targets"][0]["Arn"], pipeline);
    assert_eq!(
        resources["PipelineDriftTrigger"]["Properties"]["EventPattern"]["detail"]["alarmName"],
        rendered!([{ "prefix": "shop-dev-serving-DriftMonitorAlarm-" }])
    );
    assert_eq!(out.notifying_buckets.into_iter().collect::<Vec<_>>(), ["raw"]);
    let granted: Vec<&str> =
        out.grants[&Role::Trigger].iter().flat_map(|one| one.actions.iter().map(AsRef::as_ref)).collect();
    assert_eq!(granted, ["sagemaker:StartPipelineExecution", "sqs:SendMessage"]);
}
