//! The reference workload with a few of its values changed at random: always answered, and by the schema that editors
//! read as by the types that `validate` reads.
//!
//! The seed is fixed; `PROPTEST_CASES` goes deeper.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};
use smstack::constructs::StackFile;
use smstack::diag::Severity;
use smstack::schema::{self, Schema};
use smstack::shapes::Shapes;
use smstack::source::{SourceFile, parse};
use smstack::stack;

use crate::project::reference;

/// One change of the document.
#[derive(Debug, Clone)]
enum Change {
    Delete,
    Rename(String),
    Replace(Value),
    Add(String, Value),
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "",
            "a",
            "name",
            "type",
            "from",
            "dev",
            "data",
            "raw",
            "preprocess",
            "preprocess.train",
            "search.best_model",
            "classifier",
            "4h",
            "90d",
            "30GB",
            "100%",
            "-1",
            "0",
            "3 of 5 x 1m",
            "500ms",
            "hourly",
            "kms",
            "s3",
            "true",
            "${parameters.accuracy_threshold}",
            "${",
            "$${",
            "${}",
            "s3://bucket/prefix",
            "s3://",
            "ml.m5.large",
            "é",
            "_x",
            "cron(0 3 ? * MON *)",
            "deep-learning-models.approved",
            "all_at_once",
            "to",
            "above",
            "count",
            "image",
            "max",
        ])
        .prop_map(str::to_owned),
        "[a-zA-Z0-9_.${}-]{0,12}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop_oneof![Just(0), Just(1), Just(-1), Just(101), any::<i64>()].prop_map(Value::from),
        prop_oneof![Just(0.5), Just(1.0), Just(-0.5), Just(1e300)].prop_map(Value::from),
        Just(json!(u64::MAX)),
        word().prop_map(Value::from),
    ];
    scalar.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(word(), inner, 0..3)
                .prop_map(|all| Value::Object(all.into_iter().collect())),
        ]
    })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::Delete),
        word().prop_map(Change::Rename),
        value().prop_map(Change::Replace),
        (word(), value()).prop_map(|(key, value)| Change::Add(key, value)),
    ]
}

fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    let members: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(key, inner)| (escaped(key), inner)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, inner)| (index.to_string(), inner)).collect()
        }
        _ => Vec::new(),
    };
    for (key, inner) in members {
        let pointer = format!("{at}/{key}");
        pointers(inner, &pointer, found);
        found.push(pointer);
    }
}

fn apply(document: &mut Value, at: Index, change: &Change) {
    let mut all = Vec::new();
    pointers(document, "", &mut all);
    if all.is_empty() {
        return;
    }
    let pointer = at.get(&all);
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/").replace("~0", "~");
    if let Change::Replace(value) = change {
        *document.pointer_mut(pointer).unwrap() = value.clone();
        return;
    }
    match (document.pointer_mut(parent).unwrap(), change) {
        (Value::Object(members), Change::Delete) => {
            members.shift_remove(&key);
        }
        (Value::Object(members), Change::Rename(new)) => {
            *members = std::mem::take(members)
                .into_iter()
                .map(|(name, value)| if name == key { (new.clone(), value) } else { (name, value) })
                .collect::<Map<_, _>>();
        }
        (Value::Object(members), Change::Add(new, value)) => {
            members.insert(new.clone(), value.clone());
        }
        (Value::Array(items), Change::Add(_, value)) => items.push(value.clone()),
        (Value::Array(items), _) => {
            items.remove(key.parse().unwrap());
        }
        _ => unreachable!("what has a member is a mapping or a list"),
    }
}

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let file = SourceFile::new("stack.yaml", reference());
    parse(&file).unwrap().value
});
static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::from(stack::json_schema()));
static VALIDATOR: LazyLock<jsonschema::Validator> =
    LazyLock::new(|| jsonschema::draft202012::options().build(&stack::json_schema()).unwrap());

/// Whether `one` is `other`, or a place in it.
fn within(one: &str, other: &str) -> bool {
    one.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn agree(document: &Value) -> Result<(), TestCaseError> {
    let (stack, mut issues) =
        stack::resolve(document, "dev", &Shapes::new(BTreeMap::new()), |_| BTreeMap::new());
    issues.extend(stack::check_environments(document));
    let errors: Vec<_> = issues.iter().filter(|issue| issue.code.severity() == Severity::Error).collect();
    let refused: Vec<String> =
        VALIDATOR.iter_errors(document).map(|error| error.instance_path().as_str().to_owned()).collect();
    let decoded = schema::decode::<StackFile>(document, &SCHEMA);
    prop_assert!(stack.is_none() || decoded.is_ok(), "a stack of what cannot be decoded");
    if let Err(error) = &decoded {
        prop_assert!(!refused.is_empty(), "the schema takes what cannot be decoded: {error:?}");
        prop_assert!(!errors.is_empty(), "nothing is said about {error:?}");
    }
    // Bounds that the schema knows are known to the checks, too, and said at the same place.
    for place in refused.iter().filter(|_| decoded.is_ok()) {
        let known = errors.iter().any(|issue| {
            let at = issue.pointer.as_str();
            within(at, place)
                || within(place, at) && place.matches('/').count() <= at.matches('/').count() + 1
        });
        // Another environment's overrides are checked in its own view.
        prop_assert!(known || place.contains("/overrides"), "only the schema refuses {place}: {errors:#?}");
    }
    Ok(())
}

#[test]
fn a_changed_workload_is_answered_by_schema_and_types_alike() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { config.cases } else { 300 };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(ProptestConfig { cases, ..config }, rng);
    let changes = prop::collection::vec((any::<Index>(), change()), 1..4);
    let result = runner.run(&changes, |changes| {
        let mut document = DOCUMENT.clone();
        for (at, change) in &changes {
            apply(&mut document, *at, change);
        }
        agree(&document)
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
