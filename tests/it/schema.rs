//! The stack file's JSON Schema: fresh, complete, and true of every example.

use std::fs;

use serde_json::Value;

use crate::project::{root, run};

#[test]
fn the_committed_schema_is_fresh() {
    let output = run(&root(), &["schema"]);
    assert!(output.status.success());
    let path = root().join("schemas/stack.schema.json");
    snapbox::Assert::new()
        .action_env("SNAPSHOTS")
        .eq(String::from_utf8(output.stdout).unwrap(), snapbox::Data::read_from(&path, None).raw());
}

#[test]
fn every_example_validates_against_it() {
    let schema = smstack::stack::json_schema();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let mut seen = 0;
    for entry in fs::read_dir(root().join("stacks")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let value: Value = serde_saphyr::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            let problems: Vec<String> = validator
                .iter_errors(&value)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(problems.is_empty(), "{}:\n{}", path.display(), problems.join("\n"));
            seen += 1;
        }
    }
    assert!(seen > 0);
}

/// Editors show a description for every key and complete every enum.
#[test]
fn every_key_is_described() {
    fn walk(at: &str, schema: &Value, without: &mut Vec<String>) {
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            for (name, property) in properties {
                let described = property.get("description").is_some()
                    || property.get("$ref").is_some()
                    || property.get("const").is_some();
                if !described {
                    without.push(format!("{at}/{name}"));
                }
            }
        }
        // Inside `properties` and `$defs`, keys are names, not words of JSON Schema.
        let children: Vec<(String, &Value)> = match schema {
            Value::Object(members) => members
                .iter()
                .flat_map(|(word, member)| match (word.as_str(), member) {
                    ("properties" | "$defs", Value::Object(named)) => {
                        named.iter().map(|(name, schema)| (format!("{at}/{word}/{name}"), schema)).collect()
                    }
                    _ => vec![(format!("{at}/{word}"), member)],
                })
                .collect(),
            Value::Array(items) => items.iter().map(|item| (at.to_owned(), item)).collect(),
            _ => Vec::new(),
        };
        for (at, child) in children {
            walk(&at, child, without);
        }
    }
    let mut without = Vec::new();
    walk("", &smstack::stack::json_schema(), &mut without);
    assert!(without.is_empty(), "keys without a description:\n{}", without.join("\n"));
}

#[test]
fn the_schema_covers_overrides() {
    let text = smstack::stack::json_schema().to_string();
    assert!(text.contains("Partial"), "no partial forms for overrides");
}
