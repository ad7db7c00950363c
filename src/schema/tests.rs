use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::{Just, ProptestConfig, any, prop_assert, prop_oneof, proptest};
use proptest::strategy::Strategy as _;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::diag::Part;
use crate::source::{SourceFile, parse};

/// A file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its form matters")]
struct File {
    /// The file's name. Resources carry it.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9-]*$"))]
    name: String,
    /// Where it goes.
    #[serde(default)]
    environments: BTreeMap<String, Environment>,
    /// Endpoints by name.
    #[serde(default)]
    endpoints: BTreeMap<String, Endpoint>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    pipeline: Option<Pipeline>,
    encryption: Option<Encryption>,
}

/// One place to deploy to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its form matters")]
struct Environment {
    /// The AWS region.
    region: String,
    /// What differs here.
    overrides: Option<serde_json::Map<String, Value>>,
}

/// An endpoint.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its form matters")]
struct Endpoint {
    /// The instance type.
    instance: String,
    /// How many instances.
    #[schemars(range(min = 1, max = 10))]
    #[serde(default)]
    count: u32,
    rollout: Option<Rollout>,
    #[serde(default)]
    public: bool,
    strategy: Option<Strategy>,
    #[serde(default)]
    alarms: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its form matters")]
struct Rollout {
    wait: Wait,
}

/// A length of time, as people write it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(extend("pattern" = r"^[0-9]+[smhd]$", "examples" = ["10m", "4h"]))]
#[expect(dead_code, reason = "only its form matters")]
struct Wait(String);

impl TryFrom<String> for Wait {
    type Error = String;

    fn try_from(text: String) -> Result<Wait, String> {
        if text.starts_with("99") { Err(format!("`{text}` is too long to wait")) } else { Ok(Wait(text)) }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Strategy {
    /// Learns from earlier jobs.
    Bayesian,
    /// Does not.
    Random,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its form matters")]
struct Pipeline {
    /// The steps, in their order.
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its form matters")]
enum Step {
    /// A processing job.
    Processing(String),
    /// A tuning job.
    Tuning(String),
    /// A fork.
    Condition(Condition),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its form matters")]
struct Condition {
    /// What is asked.
    r#if: String,
    /// What follows.
    #[serde(default)]
    then: Vec<Step>,
}

/// Who holds the key.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Encryption;

impl TryFrom<String> for Encryption {
    type Error = String;

    fn try_from(_: String) -> Result<Encryption, String> {
        Ok(Encryption)
    }
}

impl JsonSchema for Encryption {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Encryption".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "Who holds the key.",
            "anyOf": [
                { "type": "string", "enum": ["kms", "s3"] },
                { "type": "string", "pattern": "^arn:", "description": "The ARN of a key.", "examples": ["arn:aws:kms:…"] },
            ],
        })
    }
}

static WHOLE: LazyLock<Schema> = LazyLock::new(|| Schema::from(with_overrides(schema())));
static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::from(schema()));

fn schema() -> Value {
    serde_json::to_value(SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<File>())
        .unwrap()
}

/// Every issue as `pointer code message`, with ` -> replacement` where there is a fix.
#[track_caller]
fn check(yaml: &str, expected: &[&str]) -> Vec<Issue> {
    let value = parse(&SourceFile::new("s.yaml", yaml)).unwrap().value;
    let issues = decode::<File>(&value, &SCHEMA).err().unwrap_or_default();
    let found: Vec<String> = issues
        .iter()
        .map(|issue| {
            let fix = issue.fix.as_ref().map(|(new, _)| format!(" -> {new}")).unwrap_or_default();
            format!("{} {} {}{fix}", issue.pointer, issue.code.as_str(), issue.message)
        })
        .collect();
    assert_eq!(found, expected, "{yaml}\n{issues:#?}");
    issues
}

#[test]
fn a_valid_value_asks_for_no_schema() {
    let value = json!({ "name": "a", "endpoints": { "e": { "instance": "ml.m5.large" } } });
    let file: File = decode(&value, &LazyLock::new(|| unreachable!("the schema is not needed"))).unwrap();
    assert_eq!(file.name, "a");
}

#[test]
fn an_unknown_key_is_probably_another() {
    let issues = check(
        "name: a\nendpoitns: {}\nendpoints: { e: { instanc: x, wait: 3 } }\n",
        &[
            "/endpoints/e/instanc unknown-key `instanc` is not a key of `e` -> instance",
            "/endpoints/e/wait unknown-key `wait` is not a key of `e`",
            "/endpoitns unknown-key `endpoitns` is not a section of the file",
        ],
    );
    assert_eq!(issues[2].help, ["`endpoints` is here already: does this belong to it?"]);
    assert_eq!(issues[1].part, Part::Key);
    assert_eq!(issues[1].notes, ["`wait` is a key of `endpoints.….rollout`: is the indentation right?"]);
    assert!(issues[1].help[0].starts_with("the keys here are `instance`, `count`"), "{:?}", issues[1].help);
    check(
        "nam: a\ntagz: {}\n",
        &[
            "/nam unknown-key `nam` is not a section of the file -> name",
            "/tagz unknown-key `tagz` is not a section of the file -> tags",
        ],
    );
}

#[test]
fn a_missing_key_says_what_it_is_for() {
    let issues = check(
        "name: a\nendpoints: { e: { count: 1 } }\n",
        &["/endpoints/e missing-key `e` needs `instance`"],
    );
    assert_eq!(issues[0].notes, ["`instance`: the instance type"]);
    check("endpoints: {}\n", &[" missing-key the file needs `name`"]);
}

#[test]
fn a_wrong_type_is_mended_where_it_can_be() {
    let issues = check(
        "name: a\ntags: { cost: 1234, on: true }\nendpoints: { e: { instance: [a], count: two, public: yes, alarms: a } }\n",
        &[
            "/tags/cost wrong-type `cost` must be text, not a number -> \"…\"",
            "/tags/on wrong-type `on` must be text, not `true` -> \"…\"",
            "/endpoints/e/instance wrong-type `instance` must be text, not a list",
            "/endpoints/e/count wrong-type `count` must be a whole number, not text",
            "/endpoints/e/public wrong-type `public` must be `true` or `false`, not text -> true",
            "/endpoints/e/alarms wrong-type `alarms` must be a list, not text",
        ],
    );
    assert_eq!(issues[3].notes, ["`count`: how many instances"]);
    check("name: a\npipeline: 3\n", &["/pipeline wrong-type `pipeline` must be a mapping, not a number"]);
    check("- a\n", &[" wrong-type the file must be a mapping, not a list"]);
}

#[test]
fn bounds_values_and_forms_are_said_in_words() {
    let issues = check(
        "name: 9a\nendpoints: { e: { instance: x, count: 11, strategy: baysian, rollout: { wait: soon } } }\n",
        &[
            "/name wrong-form `9a` does not have the form of `name`",
            "/endpoints/e/count out-of-bounds `count` is too large",
            "/endpoints/e/strategy unknown-value `baysian` is not a value of `strategy` -> bayesian",
            "/endpoints/e/rollout/wait wrong-form `soon` does not have the form of `wait`",
        ],
    );
    assert_eq!(issues[0].notes, ["`name`: the file's name"]);
    assert_eq!(issues[1].label, "must be at most 10");
    assert_eq!(issues[3].notes, ["`wait`: a length of time, as people write it"]);
    assert_eq!(issues[3].help, ["write it like `10m` or `4h`"]);
    let issues = check(
        "name: a\nendpoints: { e: { instance: x, strategy: grid } }\n",
        &["/endpoints/e/strategy unknown-value `grid` is not a value of `strategy`"],
    );
    assert_eq!(issues[0].help, ["it can be `bayesian` or `random`"]);
}

#[test]
fn the_alternative_that_was_meant_is_explained() {
    check(
        "name: a\npipeline:\n  steps:\n    - processing: 3\n    - procesing: a\n    - { tuning: a, processing: b }\n    - {}\n    - a\n    - condition: { if: a, then: [{ condition: { iff: b } }] }\n    - { tuning: a, count: 3 }\n",
        &[
            "/pipeline/steps/0/processing wrong-type `processing` must be text, not a number -> \"…\"",
            "/pipeline/steps/1/procesing unknown-key `procesing` is not a key of item 2 of `steps` -> processing",
            "/pipeline/steps/2/tuning one-of item 3 of `steps` can have only one of `processing` or `tuning`",
            "/pipeline/steps/3 one-of item 4 of `steps` says nothing",
            "/pipeline/steps/4 wrong-type item 5 of `steps` must be a mapping, not text",
            "/pipeline/steps/5/condition/then/0/condition/iff unknown-key `iff` is not a key of `condition` -> if",
            "/pipeline/steps/6/count unknown-key `count` is not a key of item 7 of `steps`",
        ],
    );
}

#[test]
fn words_stand_beside_forms() {
    let value = |text: &str| json!({ "name": "a", "encryption": text });
    let near = explain(&SCHEMA, &value("kmss"));
    assert_eq!(near[0].code, Code::UnknownValue);
    assert_eq!(near[0].fix.as_ref().unwrap().0.to_string(), "kms");
    let far = explain(&SCHEMA, &value("something else"));
    assert_eq!(far[0].code, Code::WrongForm);
    assert_eq!(far[0].notes, ["`encryption`: the ARN of a key"]);
    assert_eq!(far[0].help, ["write it like `arn:aws:kms:…`", "or one of the words `kms` or `s3`"]);
    assert_eq!(explain(&SCHEMA, &json!({ "name": "a", "encryption": [] }))[0].code, Code::WrongType);
}

#[test]
fn what_only_the_type_knows_is_its_own_message() {
    let issues = check(
        "name: a\nendpoints: { e: { instance: x, rollout: { wait: 99d } } }\npipeline: { steps: [condition: { if: a }] }\n",
        &["/endpoints/e/rollout/wait wrong-form `99d` is too long to wait"],
    );
    assert_eq!(issues.len(), 1);
}

#[test]
fn overrides_are_complete_and_require_nothing() {
    let whole = with_overrides(schema());
    let overrides = whole.pointer("/$defs/Environment/properties/overrides").unwrap();
    assert_eq!(overrides["description"], "What differs here.");
    assert!(overrides["properties"].get("environments").is_none());
    let refused = |overrides: Value| {
        let value =
            json!({ "name": "a", "environments": { "dev": { "region": "r", "overrides": overrides } } });
        explain(&WHOLE, &value)
            .iter()
            .map(|issue| format!("{} {}", issue.pointer, issue.code.as_str()))
            .collect::<Vec<_>>()
    };
    assert!(
        refused(json!({ "endpoints": { "e": { "count": 4, "rollout": null } }, "tags": { "a": null } }))
            .is_empty()
    );
    assert!(
        refused(json!({ "endpoints": { "e": null }, "pipeline": { "steps": [{ "tuning": "a" }] } }))
            .is_empty()
    );
    let at = "/environments/dev/overrides";
    assert_eq!(refused(json!({ "endpoint": {} })), [format!("{at}/endpoint unknown-key")]);
    assert_eq!(
        refused(json!({ "endpoints": { "e": { "count": 40, "rollout": { "wiat": "3m" } } } })),
        [
            format!("{at}/endpoints/e/count out-of-bounds"),
            format!("{at}/endpoints/e/rollout/wiat unknown-key"),
        ]
    );
    // A list replaces: its items are whole.
    assert_eq!(
        refused(json!({ "pipeline": { "steps": [{ "condition": {} }] } })),
        [format!("{at}/pipeline/steps/0/condition missing-key")]
    );
    assert_eq!(with_overrides(json!({ "type": "object" })), json!({ "type": "object" }));
}

#[test]
fn a_schema_that_is_none_explains_nothing() {
    assert!(explain(&Schema::from(json!({ "type": 3 })), &json!(1)).is_empty());
}

fn any_value() -> impl proptest::strategy::Strategy<Value = Value> {
    let words = ["name", "kms", "arn:", "10m", "r", "bayesian", "x", "true", "3", ""];
    let keys = [
        "name",
        "environments",
        "endpoints",
        "tags",
        "pipeline",
        "encryption",
        "region",
        "overrides",
        "instance",
        "count",
        "rollout",
        "wait",
        "steps",
        "processing",
        "tuning",
        "condition",
        "if",
        "then",
        "e",
        "a/b~c",
        "",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..30i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(words.to_vec()).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        let key = proptest::sample::select(keys.to_vec()).prop_map(str::to_owned);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..6).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the type refuses is said, at a place that is there or that misses something.
    #[test]
    fn every_refusal_is_explained(value in any_value()) {
        if let Err(issues) = decode::<File>(&value, &WHOLE) {
            prop_assert!(!issues.is_empty());
            for issue in issues {
                prop_assert!(value.pointer(issue.pointer.as_str()).is_some(), "{issue:?}");
                prop_assert!(!issue.message.is_empty());
            }
        }
    }
}
