//! Correct templates with one thing changed: what AWS would refuse is found.
//!
//! Only changes count that a source says are refused. What the type's schema says, the fact tables say here: a property
//! that is required and missing, a value of another kind, out of its bounds or its list. What they say nothing of counts,
//! too, or the tables would be held against themselves: any key that is renamed and any value in a list of its own, but
//! for maps whose keys are the author's (listed below), keys of resources and parameters, and references to nothing, to
//! other resources as well as to variants by name. `MUTATIONS=all` makes all changes of all templates, else each tenth.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use smstack::diag::Severity;
use smstack::lint::{Template, kind_of, read, rules};
use smstack::source::SourceFile;
use smstack::tables::{self, Kind, Shape, TypeSchema};

use crate::project::root;

/// One change: what kind it is, where, and the document with it.
struct Change {
    kind: &'static str,
    at: String,
    document: Value,
}

fn errors(document: &Value) -> usize {
    let template = Template::new(document, None);
    rules::check(&template).iter().filter(|issue| issue.code.severity() == Severity::Error).count()
}

/// The correct templates without transforms, whose resources have no schema, and without faults that they allow.
fn templates() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join("tests/good/template")).unwrap() {
        let path = entry.unwrap().path();
        let file = SourceFile::new(path.to_string_lossy(), fs::read_to_string(&path).unwrap());
        let document = read(&file).unwrap().value;
        if kind_of(&document).is_ok() && document.get("Transform").is_none() && errors(&document) == 0 {
            found.push((path.file_name().unwrap().to_string_lossy().into_owned(), document));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn with(document: &Value, at: &str, value: Value) -> Value {
    let mut changed = document.clone();
    *changed.pointer_mut(at).unwrap() = value;
    changed
}

fn without(document: &Value, parent: &str, key: &str) -> Value {
    let mut changed = document.clone();
    changed.pointer_mut(parent).unwrap().as_object_mut().unwrap().shift_remove(key);
    changed
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn is_call(value: &Value) -> bool {
    let one = value.as_object().filter(|members| members.len() == 1);
    one.is_some_and(|members| members.keys().all(|key| key == "Ref" || key.starts_with("Fn::")))
}

/// Walks a property and its shape together, through `Fn::If` not at all: what a branch is not given is not refused.
struct Walk<'a> {
    document: &'a Value,
    schema: &'static TypeSchema,
    changes: Vec<Change>,
}

impl Walk<'_> {
    fn push(&mut self, kind: &'static str, at: &str, document: Value) {
        self.changes.push(Change { kind, at: at.to_owned(), document });
    }

    fn visit(&mut self, shape: &Shape, value: &Value, at: &str) {
        let shape = self.schema.resolve(shape);
        if is_call(value) {
            return;
        }
        match value {
            Value::Object(members) => {
                if !shape.kinds.is_empty() && !shape.kinds.take(Kind::String) {
                    self.push("another kind", at, with(self.document, at, json!("text")));
                }
                for key in members.keys() {
                    let inside = format!("{at}/{}", escaped(key));
                    if shape.required.contains(&key.as_str()) {
                        self.push("required one dropped", &inside, without(self.document, at, key));
                    }
                    if shape.is_closed() && shape.by_pattern.is_empty() {
                        let mut members = members.clone();
                        let value = members.shift_remove(key).unwrap();
                        members.insert(format!("{key}s"), value);
                        if shape.property(&format!("{key}s")).is_none() {
                            self.push(
                                "key renamed",
                                &inside,
                                with(self.document, at, Value::Object(members)),
                            );
                        }
                    }
                }
                for (key, value) in members {
                    for inner in shape.of_property(key) {
                        self.visit(inner, value, &format!("{at}/{}", escaped(key)));
                    }
                }
            }
            Value::Array(items) => {
                if !shape.kinds.is_empty() && !shape.kinds.take(Kind::String) {
                    self.push("another kind", at, with(self.document, at, json!("text")));
                }
                if shape.count.min().is_some_and(|least| least >= 1.0) && !items.is_empty() {
                    self.push("bound exceeded", at, with(self.document, at, json!([])));
                }
                for (index, item) in items.iter().enumerate() {
                    if let Some(inner) = &shape.item {
                        self.visit(inner, item, &format!("{at}/{index}"));
                    }
                }
            }
            Value::Null => {}
            scalar => self.scalar(shape, scalar, at),
        }
    }

    fn scalar(&mut self, shape: &Shape, value: &Value, at: &str) {
        if shape.kinds.is_empty() {
            return;
        }
        if !shape.kinds.take(Kind::Array) && !shape.kinds.take(Kind::Object) {
            self.push("another kind", at, with(self.document, at, json!({ "x": "y" })));
        }
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if !shape.kinds.take(Kind::String) {
            self.push("another kind", at, with(self.document, at, json!("text")));
            for beyond in [shape.range.min().map(|it| it - 1.0), shape.range.max().map(|it| it + 1.0)] {
                if let Some(beyond) = beyond {
                    self.push("bound exceeded", at, with(self.document, at, json!(beyond)));
                }
            }
        } else if let Some(most) = shape.length.max().filter(|most| *most <= 4096.0) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a length")]
            let longer = "a".repeat(most as usize + 1);
            self.push("bound exceeded", at, with(self.document, at, json!(longer)));
        }
        if !shape.values.is_empty() || shape.instance_types_of().is_some() {
            self.push("value not listed", at, with(self.document, at, json!(format!("{text}x"))));
        }
    }
}

/// Maps whose keys are the author's own, and documents that other services read.
fn is_free(key: &str) -> bool {
    let all = [
        "Content",
        "DefinitionSubstitutions",
        "Environment",
        "EventPattern",
        "InputPathsMap",
        "Parameters",
        "PipelineDefinitionBody",
        "RedrivePolicy",
        "RepositoryPolicyText",
        "Variables",
    ];
    all.contains(&key)
        || key.ends_with("Policy") && key != "LifecyclePolicy"
        || key.ends_with("PolicyDocument")
}

/// Every key renamed and every scalar in a list of its own, whatever the tables say of it.
fn anything(document: &Value, value: &Value, at: &str, changes: &mut Vec<Change>) {
    let mut push = |kind, at: &str, document| changes.push(Change { kind, at: at.to_owned(), document });
    match value {
        Value::Object(members) if !is_call(value) => {
            for key in members.keys() {
                let renamed = members.iter().map(|(name, value)| {
                    (if name == key { format!("{name}x") } else { name.clone() }, value.clone())
                });
                let inside = format!("{at}/{}", escaped(key));
                push("key renamed", &inside, with(document, at, Value::Object(renamed.collect())));
            }
            for (key, value) in members.iter().filter(|(key, _)| !is_free(key)) {
                anything(document, value, &format!("{at}/{}", escaped(key)), changes);
            }
        }
        Value::Object(_) | Value::Null => {}
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                anything(document, item, &format!("{at}/{index}"), changes);
            }
        }
        scalar => push("another kind", at, with(document, at, json!([scalar]))),
    }
}

/// References to what is not there.
fn references(document: &Value, value: &Value, at: &str, changes: &mut Vec<Change>) {
    let members: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(key, value)| (escaped(key), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(n, value)| (n.to_string(), value)).collect(),
        _ => return,
    };
    for (key, inner) in members {
        let here = format!("{at}/{key}");
        let broken = match (key.as_str(), inner) {
            ("Ref", Value::String(name)) if !name.starts_with("AWS::") => Some(json!(format!("{name}Gone"))),
            ("Fn::GetAtt", Value::Array(parts)) => parts[0]
                .as_str()
                .map(|id| [&[json!(format!("{id}Gone"))], &parts[1..]].concat())
                .map(Value::Array),
            ("Fn::GetAtt", Value::String(path)) => Some(json!(format!("Gone{path}"))),
            ("Fn::If", Value::Array(parts)) => {
                let mut parts = parts.clone();
                parts[0] = json!("Gone");
                Some(Value::Array(parts))
            }
            ("Fn::Sub", Value::String(text)) if text.contains("${") && !text.contains("${!") => {
                Some(json!(text.replacen("${", "${Gone", 1)))
            }
            ("DependsOn", Value::String(_)) => Some(json!("Gone")),
            ("VariantName", Value::String(name)) if at.contains("ProductionVariants") => {
                // Only where something in the template names it.
                let named = document.to_string().matches(&format!("/variant/{name}")).count() > 0;
                named.then(|| json!("Gone"))
            }
            _ => None,
        };
        if let Some(broken) = broken {
            changes.push(Change {
                kind: "reference broken",
                at: here.clone(),
                document: with(document, &here, broken),
            });
        }
        references(document, inner, &here, changes);
    }
}

fn changes(document: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    for (id, resource) in document["Resources"].as_object().unwrap() {
        let at = format!("/Resources/{}/Properties", escaped(id));
        let Some(schema) = resource["Type"].as_str().and_then(tables::properties) else { continue };
        for key in ["Type", "Properties", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy"] {
            let whole = format!("/Resources/{}", escaped(id));
            if let Some(value) = resource.get(key) {
                let mut changed = without(document, &whole, key);
                changed.pointer_mut(&whole).unwrap()[format!("{key}x")] = value.clone();
                found.push(Change { kind: "key renamed", at: format!("{whole}/{key}"), document: changed });
            }
        }
        let Some(properties) = resource.get("Properties") else { continue };
        anything(document, properties, &at, &mut found);
        let mut walk = Walk { document, schema, changes: Vec::new() };
        walk.visit(&schema.root, properties, &at);
        found.extend(walk.changes);
    }
    for (name, parameter) in document.get("Parameters").and_then(Value::as_object).into_iter().flatten() {
        anything(document, parameter, &format!("/Parameters/{}", escaped(name)), &mut found);
    }
    for section in ["Resources", "Outputs", "Conditions"] {
        if let Some(value) = document.get(section) {
            references(document, value, &format!("/{section}"), &mut found);
        }
    }
    found
}

#[test]
fn single_changes_of_correct_templates_are_found() {
    let every = if std::env::var_os("MUTATIONS").is_some() { 1 } else { 10 };
    let mut made = BTreeMap::<&str, (usize, usize)>::new();
    let mut missed = Vec::new();
    for (name, document) in templates() {
        for change in changes(&document).into_iter().step_by(every) {
            let count = made.entry(change.kind).or_default();
            count.0 += 1;
            if errors(&change.document) > 0 {
                count.1 += 1;
            } else {
                missed.push(format!("{name} {}: {}", change.at, change.kind));
            }
        }
    }
    let (all, found) = made.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    println!("{found} of {all} found: {made:?}");
    println!("missed:\n{}", missed.join("\n"));
    assert!(all >= 200, "only {all} changes");
    assert!(found * 100 >= all * 97, "{found} of {all} found; missed:\n{}", missed.join("\n"));
}
