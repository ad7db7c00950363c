//! What the table of cases says of each change, beside what the change sets of the local cloud say of it.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Map, Value, json};

use crate::cloud::Cloud;
use crate::diff::{Case, read};
use crate::tools::{python, succeed};

/// Types that the local cloud does not make, with what depends on them.
const UNKNOWN: [&str; 3] = ["Features", "Custom", "Reader"];

/// What a change set does to a resource, in the table's words; none where it lists it only because it refers to
/// something that changes, and does not say that it will.
fn word(change: &Value) -> Option<&'static str> {
    if change["perhaps"] == true {
        return None;
    }
    Some(match (change["action"].as_str().unwrap(), change["replacement"].as_str().unwrap()) {
        ("Add", _) => "create",
        ("Remove", _) => "delete",
        ("Modify", "True") => "replace",
        ("Modify", "Conditional") => "may_replace",
        ("Modify", _) => "update",
        (other, _) => panic!("{other}"),
    })
}

/// What the table expects, in the words of a change set: that an endpoint rolls is an update to CloudFormation, and a
/// resource under a new name is another one.
fn expected(case: &Case) -> BTreeMap<&str, &str> {
    let words = case.expect.iter().map(|(id, words)| {
        let impact = words.split(' ').next().unwrap_or_default();
        (id.as_str(), if impact == "rolls" { "update" } else { impact })
    });
    words.filter(|(_, impact)| *impact != "none").collect()
}

/// Where the change set differs from the table, as `word` by resource.
fn differences(case: &Case, answer: &Value) -> BTreeMap<String, String> {
    let none = Map::new();
    let changes = answer["changes"].as_object().unwrap_or(&none);
    let (expected, mut found) = (expected(case), BTreeMap::new());
    for (id, change) in changes {
        let (said, estimate) = (word(change), expected.get(id.as_str()).copied());
        // Of what it is not sure it says nothing against the table.
        if said.is_some() && said != estimate {
            found.insert(id.clone(), said.unwrap_or_default().to_owned());
        }
    }
    for id in expected.keys().filter(|id| !changes.contains_key(**id)) {
        found.insert((*id).to_owned(), "none".to_owned());
    }
    found
}

#[test]
fn change_sets_say_the_same_or_the_table_says_why() {
    let without = |mut template: Value| {
        let resources = template["Resources"].as_object_mut().unwrap();
        resources.retain(|id, _| !UNKNOWN.contains(&id.as_str()));
        template
    };
    let base: Value = read("base.yaml");
    let cases: Vec<Case> = read("cases.yaml");
    let asked = || cases.iter().filter(|case| case.unasked.is_none());
    let changed: Map<String, Value> = asked()
        .map(|case| {
            let template = without(case.change(&base));
            (case.title.clone(), json!({ "template": template, "parameters": case.known.after }))
        })
        .collect();
    let at = tempfile::tempdir().unwrap();
    let file = |name: &str, value: &Value| {
        let path = at.path().join(name);
        fs::write(&path, value.to_string()).unwrap();
        path
    };
    let cloud = Cloud::join();
    let output = succeed(
        python("tests/cloud/cases.py")
            .args([file("base.json", &without(base)), file("changed.json", &Value::from(changed))])
            .env("AWS_ENDPOINT_URL", &cloud.url)
            .env("AWS_ACCESS_KEY_ID", "100000000081")
            .env("AWS_SECRET_ACCESS_KEY", "x")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env_remove("AWS_PROFILE"),
    );
    let answers: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (mut wrong, mut same) = (Vec::new(), 0);
    for case in asked() {
        let answer = &answers[&case.title];
        assert!(answer.get("refused").is_none(), "{}: {answer:#}", case.title);
        let found = differences(case, answer);
        let explained: BTreeMap<String, String> = case
            .cloud
            .iter()
            .map(|(id, why)| (id.clone(), why.split_once(": ").expect("a word and why").0.to_owned()))
            .collect();
        same += usize::from(found.is_empty());
        if found != explained {
            wrong.push(format!("{}\n  the change set: {found:?}\n  the table: {explained:?}", case.title));
        }
    }
    println!("{} of {} cases asked, {same} of them the same", asked().count(), cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(asked().count() > 60, "{} cases", asked().count());
}
