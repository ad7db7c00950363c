//! What two sides differ in, whatever they are: nothing for the same, mirrored when turned round, and enough to make
//! the new side from the old one.
//!
//! `PROPTEST_CASES` goes deeper.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use smstack::diff::{self, Change, ChangeKind, Diff, Document, Side};

fn side(value: Value) -> Side {
    Side::one("t", value)
}

/// Everything that changes, by place, without what it does.
fn places(diff: &Diff, turned: bool) -> Vec<String> {
    let one = |at: String, change: &Change| {
        let kind = match (change.kind, turned) {
            (ChangeKind::Added, true) => ChangeKind::Removed,
            (ChangeKind::Removed, true) => ChangeKind::Added,
            (kind, _) => kind,
        };
        let (mut places, mut values) = ([&change.old, &change.new], [&change.before, &change.after]);
        if turned {
            places.reverse();
            values.reverse();
        }
        format!("{at} {kind:?} {places:?} {values:?}")
    };
    let mut all = Vec::new();
    for document in &diff.documents {
        all.extend(document.changes.iter().map(|change| one(document.name.clone(), change)));
    }
    for resource in &diff.resources {
        let now = format!("{}/{}", resource.document, resource.logical_id);
        let was =
            resource.was.as_ref().map_or(now.clone(), |was| format!("{}/{}", was.document, was.logical_id));
        let at = if turned { format!("{now} {was}") } else { format!("{was} {now}") };
        all.push(at.clone());
        all.extend(resource.changes.iter().map(|change| one(at.clone(), change)));
    }
    all.sort();
    all
}

/// Holds what must hold of any two sides.
fn check(old: &Value, new: &Value) {
    let (before, after) = (side(old.clone()), side(new.clone()));
    for same in [&before, &after] {
        let nothing = diff::diff(same, same);
        assert!(nothing.is_empty(), "{nothing:?}");
    }
    let there = diff::diff(&before, &after);
    let text = serde_json::to_string(&there).unwrap();
    let read: Diff = serde_json::from_str(&text).unwrap();
    assert_eq!(read, there, "what is written is read again");
    let made = diff::apply(&read, &before).unwrap();
    assert_eq!(made, BTreeMap::from([("t".to_owned(), new.clone())]), "{old} → {new}: {text}");
    let back = diff::diff(&after, &before);
    assert_eq!(places(&there, false), places(&back, true), "{old} ↔ {new}");
}

fn word() -> impl Strategy<Value = String> {
    let words = [
        "a",
        "b",
        "0",
        "-",
        "~",
        "/",
        "Name",
        "Key",
        "Sid",
        "VariantName",
        "Ref",
        "Fn::If",
        "Fn::Sub",
        "Fn::Join",
        "Fn::GetAtt",
        "Get",
        "Type",
        "Properties",
        "Condition",
        "{\"a\":1}",
        "[1,2]",
        "${a}",
        "${b.Arn}",
        "true",
        "5",
        "",
    ];
    prop::sample::select(words.to_vec()).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..4).prop_map(Value::from),
        Just(json!(1.0)),
        word().prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(word(), inner, 0..4)
                .prop_map(|all| Value::Object(all.into_iter().collect())),
        ]
    })
}

fn resource() -> impl Strategy<Value = Value> {
    let kinds = [
        "AWS::SageMaker::Endpoint",
        "AWS::SageMaker::EndpointConfig",
        "AWS::SageMaker::Model",
        "AWS::S3::Bucket",
        "AWS::IAM::Role",
        "AWS::CloudWatch::Alarm",
        "Custom::Thing",
        "AWS::Unheard::Of",
    ];
    let names =
        ["EndpointName", "EndpointConfigName", "BucketName", "Tags", "ProductionVariants", "Threshold"];
    let property = (prop::sample::select(names.to_vec()), value());
    (prop::sample::select(kinds.to_vec()), prop::collection::vec(property, 0..4), prop::option::of(word()))
        .prop_map(|(kind, properties, condition)| {
            let properties: serde_json::Map<_, _> =
                properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            let mut body = json!({ "Type": kind, "Properties": properties });
            if let Some(condition) = condition {
                body["Condition"] = condition.into();
            }
            body
        })
}

fn template() -> impl Strategy<Value = Value> {
    let ids = || prop::sample::select(vec!["A", "B", "C", "D", "E", "F", "a", "b"]);
    let bodies = prop_oneof![9 => resource().boxed(), 1 => value().boxed()];
    let resources = prop::collection::btree_map(ids(), bodies, 0..7);
    (resources, value(), value(), value()).prop_map(|(resources, parameters, conditions, outputs)| {
        let resources: serde_json::Map<_, _> = resources.into_iter().map(|(id, body)| (id.to_owned(), body)).collect();
        json!({ "Resources": resources, "Parameters": parameters, "Conditions": conditions, "Outputs": outputs })
    })
}

proptest! {
    #[test]
    fn any_two_values(old in value(), new in value()) {
        check(&old, &new);
    }

    #[test]
    fn any_two_templates(old in template(), new in template()) {
        check(&old, &new);
    }

    #[test]
    fn a_template_and_anything(old in template(), new in value()) {
        check(&old, &new);
    }

    /// Two templates of an assembly, between which resources move.
    #[test]
    fn two_assemblies(a in template(), b in template(), c in template(), d in template()) {
        let side = |platform: &Value, serving: &Value| Side {
            documents: [("platform", platform), ("serving", serving)]
                .into_iter()
                .map(|(name, value)| (name.to_owned(), Document { value: value.clone(), ..Document::default() }))
                .collect(),
        };
        let (old, new) = (side(&a, &b), side(&c, &d));
        let there = diff::diff(&old, &new);
        let expected: BTreeMap<_, _> = [("platform".to_owned(), c), ("serving".to_owned(), d)].into();
        assert_eq!(diff::apply(&there, &old).unwrap(), expected);
        assert_eq!(places(&there, false), places(&diff::diff(&new, &old), true));
    }
}

#[test]
fn a_diff_does_not_fit_another_side() {
    let there = diff::diff(&side(json!({ "a": [1, 2] })), &side(json!({ "a": [1, 3] })));
    assert!(diff::apply(&there, &side(json!({ "a": 1 }))).is_err());
    assert!(diff::apply(&there, &side(json!({ "a": [] }))).is_err());
}
