use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::cfn::json as rendered;
use crate::constructs::{Memo, StackFile};

fn with_lake<T>(lake: &Value, then: impl FnOnce(&DataLake, &This, &Scope<'_>) -> T) -> T {
    let file: StackFile = serde_json::from_value(json!({ "name": "shop", "data_lake": lake })).unwrap();
    let assets = BTreeMap::new();
    let made = Memo::default();
    let this = This { name: "data_lake".to_owned(), pointer: Pointer::root().key("data_lake") };
    let none = Exports::default();
    let scope = Scope { region: None, ..Scope::new(&file, "dev", &none, &assets, &made) };
    let mut exports = Exports::default();
    let lake = file.data_lake.as_ref().unwrap();
    lake.export(&this, &scope, &mut exports);
    then(lake, &this, &Scope { exports: &exports, ..scope })
}

fn check(lake: &Value, expected: &[&str]) {
    let said = with_lake(lake, |lake, this, scope| {
        let mut issues = Vec::new();
        lake.check(this, scope, &mut issues);
        issues.iter().map(|issue| format!("{} {}", issue.pointer, issue.code.as_str())).collect::<Vec<_>>()
    });
    assert_eq!(said, expected, "{lake}");
}

#[test]
fn versions_need_a_directory_and_a_parameter_of_their_own() {
    let lake = |name: &str, prefix: &str| {
        let dataset = json!({ "bucket": "a", "prefix": prefix, "versions": true });
        json!({ "buckets": { "a": {} }, "datasets": { name: dataset } })
    };
    check(&lake("d", "raw/"), &[]);
    check(&lake("d", ""), &[]);
    check(&lake("d", "raw"), &["/data_lake/datasets/d/prefix wrong-form"]);
    check(&lake("d d", "raw/"), &["/data_lake/datasets/d d invalid-name"]);
    let long = "d".repeat(57);
    check(&lake(&long, "raw/"), &[&format!("/data_lake/datasets/{long} invalid-name")]);
    with_lake(&lake("d", "raw/"), |_, _, scope| {
        let data = scope.data("d").unwrap();
        assert!(data.manifest && data.prefix == "raw/");
        let expected = rendered!({ "Std:Join": { "On": "", "Values": [
            { "Fn::Sub": "s3://${ABucket}/raw/manifests/" }, { "Get": "Parameters.d-version" }, ".json",
        ] } });
        assert_eq!(data.uri.to_value(), expected);
        assert_eq!(scope.value("d.version"), Some(Expr::Get("Parameters.d-version".into())));
    });
}

#[test]
fn what_s3_would_refuse_is_refused() {
    check(&json!({ "buckets": {} }), &["/data_lake/buckets out-of-bounds"]);
    check(
        &json!({ "buckets": { "a": { "expire": "36h", "transition": { "after": "7d", "to": "onezone_ia" } } } }),
        &[
            "/data_lake/buckets/a/expire out-of-bounds",
            "/data_lake/buckets/a/transition/after out-of-bounds",
            "/data_lake/buckets/a/transition/after lifecycle-order",
        ],
    );
    check(
        &json!({ "buckets": { "raw": {} }, "artifacts": "rwa", "datasets": { "d": { "bucket": "x", "prefix": "/a" } } }),
        &[
            "/data_lake/datasets/d/bucket unknown-reference",
            "/data_lake/datasets/d/prefix wrong-form",
            "/data_lake/artifacts unknown-reference",
        ],
    );
    check(
        &json!({ "encryption": "s3", "buckets": { "a": { "access_logs": "logs" }, "logs": {}, "b": { "access_logs": "s3://far/x/" } } }),
        &[],
    );
}

#[test]
fn encryption_is_a_word_or_the_arn_of_a_key() {
    let read = |text: &str| serde_json::from_value::<Encryption>(json!(text));
    let arn = "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/mrk-1234abcd";
    assert_eq!(read(arn).unwrap(), Encryption::Existing(arn.to_owned()));
    assert_eq!(read("kms").unwrap(), Encryption::Kms);
    for wrong in ["KMS", "arn:aws:kms:us-east-1:111122223333:alias/x", "arn:aws:s3:::bucket", ""] {
        assert!(read(wrong).unwrap_err().to_string().contains("encrypts nothing"), "{wrong}");
    }
}

#[test]
fn defaults_are_the_usual_buckets_else_the_first() {
    let named = |lake: &Value| {
        with_lake(lake, |_, _, scope| {
            (scope.output_bucket(), scope.artifacts_bucket(), scope.key().is_some())
        })
    };
    let usual = named(&json!({ "buckets": { "raw": {}, "artifacts": {}, "processed": {} } }));
    assert_eq!(usual, (bucket("processed"), bucket("artifacts"), true));
    let first =
        named(&json!({ "encryption": "s3", "buckets": { "all": {}, "more": {} }, "artifacts": "more" }));
    assert_eq!(first, (bucket("all"), bucket("more"), false));
}

#[test]
fn access_logs_go_where_s3_delivers_them() {
    let lake = json!({ "buckets": { "a": { "access_logs": true }, "b": {} }, "keep_access_logs": "30d" });
    let out = with_lake(&lake, |lake, this, scope| {
        let mut out = Rendering::default();
        out.notifying_buckets.insert("b".to_owned());
        lake.finish(this, scope, &mut out);
        out
    });
    assert!(out.problems.is_empty(), "{:?}", out.problems);
    let resources = &out.platform.resources;
    let log = &resources["DataLakeAccessLogs"]["Properties"];
    let algorithm =
        &log["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"];
    assert_eq!(algorithm, &rendered!({ "SSEAlgorithm": "AES256" }));
    assert_eq!(log["LifecycleConfiguration"]["Rules"][1]["ExpirationInDays"], rendered!(30));
    assert_eq!(
        resources["ABucket"]["Properties"]["LoggingConfiguration"]["DestinationBucketName"],
        rendered!({ "Ref": "DataLakeAccessLogs" })
    );
    assert_eq!(resources["ABucket"]["Properties"].get("NotificationConfiguration"), None);
    assert_eq!(
        resources["BBucket"]["Properties"]["NotificationConfiguration"],
        rendered!({ "EventBridgeConfiguration": { "EventBridgeEnabled": true } })
    );
    for (id, resource) in resources {
        let kept = resource["Type"] != "AWS::KMS::Alias";
        assert_eq!(resource["DeletionPolicy"] == "RetainExceptOnCreate", kept, "{id}");
        assert_eq!(resource["UpdateReplacePolicy"] == "Retain", kept, "{id}");
    }
}
