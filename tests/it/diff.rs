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

/// One case of `tests/diff/cases.yaml`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    #[serde(rename = "case")]
    pub(crate) title: String,
    #[serde(default)]
    set: BTreeMap<String, Value>,
    #[serde(default)]
    remove: Vec<String>,
    #[serde(default)]
    rename: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) known: Known,
    pub(crate) expect: BTreeMap<String, String>,
    /// What the local cloud's change set says otherwise, by resource, and why.
    #[serde(default)]
    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "only the local cloud is asked"))]
    pub(crate) cloud: BTreeMap<String, String>,
    /// Why the local cloud cannot be asked.
    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "only the local cloud is asked"))]
    pub(crate) unasked: Option<String>,
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    before: BTreeMap<String, Value>,
    pub(crate) after: BTreeMap<String, Value>,
}

impl Case {
    /// The base as the case changes it.
    pub(crate) fn change(&self, base: &Value) -> Value {
        let mut after = base.clone();
        for (place, value) in &self.set {
            edit(&mut after, place, Some(value.clone()));
        }
        for place in &self.remove {
            edit(&mut after, place, None);
        }
        for (from, to) in &self.rename {
            let body = after["Resources"].as_object_mut().unwrap().shift_remove(from).unwrap();
            after["Resources"][to] = body;
        }
        after
    }
}

pub(crate) fn read<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let text = std::fs::read_to_string(crate::project::root().join("tests/diff").join(name)).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

/// Puts a value at a dotted place, or takes it away.
fn edit(document: &mut Value, place: &str, value: Option<Value>) {
    let (parent, last) = place.rsplit_once('.').unwrap();
    let mut at = document;
    for part in parent.split('.') {
        at = match at {
            Value::Array(items) => &mut items[part.parse::<usize>().unwrap()],
            at => at.get_mut(part).unwrap_or_else(|| panic!("{place}: no `{part}`")),
        };
    }
    match (at, value) {
        (Value::Array(items), None) => drop(items.remove(last.parse().unwrap())),
        (at, None) => drop(at.as_object_mut().unwrap().shift_remove(last).unwrap()),
        (at, Some(value)) => drop(at.as_object_mut().unwrap().insert(last.to_owned(), value)),
    }
}

#[test]
fn each_change_does_what_the_table_says() {
    let base: Value = read("base.yaml");
    let cases: Vec<Case> = read("cases.yaml");
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let after = case.change(&base);
        check(&base, &after);
        let (mut old, mut new) = (side(base.clone()), side(after));
        old.documents.get_mut("t").unwrap().parameters = case.known.before;
        new.documents.get_mut("t").unwrap().parameters = case.known.after;
        let found = diff::diff(&old, &new);
        let word = |value: Value| value.as_str().unwrap().to_owned();
        let mut said = BTreeMap::new();
        for resource in &found.resources {
            let mut words = vec![word(serde_json::to_value(resource.impact).unwrap())];
            words.extend(resource.flags.iter().map(|flag| word(serde_json::to_value(flag.kind).unwrap())));
            said.insert(resource.logical_id.clone(), words.join(" "));
        }
        if said != case.expect {
            wrong.push(format!("{}\n  expected {:?}\n  said     {said:?}", case.title, case.expect));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Any two cases of the table at once, where neither touches what the other does.
#[test]
fn an_added_change_makes_nothing_gentler() {
    let base: Value = read("base.yaml");
    let mut cases: Vec<Case> = read("cases.yaml");
    cases.retain(|it| it.remove.is_empty() && it.rename.is_empty() && it.known.before.is_empty());
    let changed = |cases: &[&Case]| {
        let mut after = base.clone();
        for (place, value) in cases.iter().flat_map(|it| &it.set) {
            edit(&mut after, place, Some(value.clone()));
        }
        let found = diff::diff(&side(base.clone()), &side(after));
        let impacts = found.resources.iter().map(|it| (it.logical_id.clone(), it.impact));
        impacts.collect::<BTreeMap<_, _>>()
    };
    let apart = |a: &str, b: &str| !format!("{a}.").starts_with(&format!("{b}."));
    let (mut wrong, mut pairs) = (Vec::new(), 0);
    for one in &cases {
        let alone = changed(&[one]);
        for other in &cases {
            let free = |(a, b): (&String, &String)| apart(a, b) && apart(b, a);
            if !one.set.keys().all(|a| other.set.keys().all(|b| free((a, b)))) {
                continue;
            }
            pairs += 1;
            let both = changed(&[one, other]);
            for (id, impact) in &alone {
                if both.get(id).is_none_or(|with| with < impact) {
                    wrong.push(format!(
                        "{id}: {impact:?} by `{}`, {:?} with `{}`",
                        one.title,
                        both.get(id),
                        other.title
                    ));
                }
            }
        }
    }
    assert!(pairs > 1000, "{pairs} pairs");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_committed_schema_is_fresh_and_true() {
    let schema = diff::json_schema();
    let path = crate::project::root().join("schemas/diff.schema.json");
    snapbox::Assert::new()
        .action_env("SNAPSHOTS")
        .eq(format!("{schema:#}\n"), snapbox::Data::read_from(&path, None).raw());
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let base: Value = read("base.yaml");
    for diff in [diff::documents(None, Some(base.clone())), diff::documents(Some(base), None)] {
        let value = serde_json::to_value(diff).unwrap();
        assert!(validator.is_valid(&value), "{:?}", validator.iter_errors(&value).next());
    }
}

/// The command on two files: what it says, and what it ends with.
#[test]
fn the_command_names_what_trips_it() {
    let at = tempfile::tempdir().unwrap();
    let base: Value = read("base.yaml");
    let mut after = base.clone();
    edit(&mut after, "Resources.Reads.Properties.PolicyDocument.Statement.0.Action", Some(json!("s3:*")));
    for (name, value) in [("old.json", &base), ("new.json", &after)] {
        std::fs::write(at.path().join(name), value.to_string()).unwrap();
    }
    std::fs::write(at.path().join("bad.json"), "Resources: [}").unwrap();
    let check = |arguments: &[&str], exit: i32, expected: &str| {
        let output = crate::project::run(at.path(), &[&["diff"], arguments].concat());
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    };
    check(&["new.json", "--base", "old.json"], 0, "update: document/Reads AWS::IAM::Policy");
    check(&["old.json", "--base", "old.json"], 0, "nothing changes");
    check(&["new.json", "--base", "old.json", "--format", "json"], 0, "\"permission_broadened\"");
    check(
        &["new.json", "--base", "old.json", "--fail-on", "permission-broadened"],
        4,
        "error: `Reads`: permission broadened: `s3:*` is allowed now",
    );
    check(&["new.json", "--base", "old.json", "--fail-on", "replace"], 0, "");
    check(&["new.json", "--base", "old.json", "--fail-on", "update"], 4, "error: `Reads`: update");
    check(&["new.json", "--base", "old.json", "--fail-on", "nothing-such"], 2, "`permission-broadened`");
    check(&["new.json", "--base", "none.json"], 2, "there is no `none.json`");
    check(&["none.json", "--base", "new.json"], 2, "there is no `none.json`");
    check(&["new.json", "--base", "."], 2, "a file is compared with a file");
    check(&["new.json", "--base", "bad.json"], 3, "bad.json:1:");
}

/// What people read: every kind of line, each within 80 columns.
#[test]
fn the_text_is_as_it_was() {
    let at = tempfile::tempdir().unwrap();
    let base: Value = read("base.yaml");
    let mut after = base.clone();
    for (place, value) in [
        ("Resources.Reads.Properties.PolicyDocument.Statement.0.Action", json!("s3:*")),
        ("Resources.Config.Properties.ProductionVariants.0.InstanceType", json!("ml.c5.2xlarge")),
        ("Resources.Errors.Properties.Threshold", json!(50)),
        ("Outputs.Name.Value", json!("web")),
    ] {
        edit(&mut after, place, Some(value));
    }
    edit(&mut after, "Resources.Scratch", None);
    for (name, value) in [("old.json", &base), ("new.json", &after)] {
        std::fs::write(at.path().join(name), value.to_string()).unwrap();
    }
    let output = crate::project::run(at.path(), &["diff", "new.json", "--base", "old.json"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    let path = crate::project::root().join("tests/diff/said.txt");
    snapbox::Assert::new().action_env("SNAPSHOTS").eq(said, snapbox::Data::read_from(&path, None).raw());
}

/// Two assemblies of the reference workload, which differ by environment.
#[test]
fn two_assemblies_are_compared() {
    let at = tempfile::tempdir().unwrap();
    crate::project::write(at.path(), &crate::project::reference());
    let assembly = crate::project::synth(at.path(), "dev");
    let dir = assembly.to_str().unwrap();
    let output = crate::project::run(at.path(), &["diff", dir, "--base", dir]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.ends_with("nothing changes\n"), "{said}");
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(assembly.join("manifest.json")).unwrap()).unwrap();
    let definition = assembly.join(manifest["definition"]["file"].as_str().unwrap());
    let other = at.path().join("other");
    for (name, bytes) in crate::project::tree(&assembly) {
        let path = other.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let changed = other.join(definition.strip_prefix(&assembly).unwrap());
    let mut value: Value = serde_json::from_slice(&std::fs::read(&changed).unwrap()).unwrap();
    let first = value["Steps"][0]["Name"].as_str().unwrap().to_owned();
    value["Steps"][0]["Arguments"]["Environment"]["NEW"] = json!("1");
    std::fs::write(&changed, value.to_string()).unwrap();
    let output = crate::project::run(at.path(), &["diff", other.to_str().unwrap(), "--base", dir]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains(&format!("{first}: changed")), "{said}");
}
