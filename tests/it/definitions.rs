//! Findings in pipeline definitions: each fault at its place, and none in correct ones.
//!
//! `tests/bad/definition/<code>[--variant].json`; beside it, in `.txt`, stand the places and codes that are found.
//! `SNAPSHOTS=overwrite` rewrites those after a change of behaviour.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use smstack::diag::{Issue, Pointer, Severity};
use smstack::lint::SAID_OF_STACK_FILES;
use smstack::lint::definition::check;

use crate::project::{self, root, run, synth};

fn definitions(directory: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(directory)).unwrap();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    found.sort();
    found
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn good() -> Vec<(String, Value)> {
    let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    definitions("tests/good/definition").iter().map(|path| (name(path), read(path))).collect()
}

/// Each finding as `/pointer code`, in the order of places.
fn places(found: &[Issue]) -> String {
    let mut lines: Vec<String> =
        found.iter().map(|issue| format!("{} {}", issue.pointer, issue.code.as_str())).collect();
    lines.sort();
    lines.join("\n")
}

#[test]
fn correct_definitions_have_no_finding() {
    let all = good();
    assert!(all.len() >= 15, "only {} definitions", all.len());
    let mut wrong = Vec::new();
    for (name, definition) in all {
        let found = check(&definition);
        wrong.extend(
            found.iter().map(|it| format!("{name}: {} {} {}", it.pointer, it.code.as_str(), it.message)),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is not said again of our own definitions, `validate` says of stack files.
#[test]
fn what_is_not_said_again_is_said_of_stack_files() {
    let cases = fs::read_dir(root().join("tests/bad")).unwrap();
    let names: Vec<String> =
        cases.map(|case| case.unwrap().file_name().to_string_lossy().into_owned()).collect();
    for code in SAID_OF_STACK_FILES {
        assert_eq!(code.severity(), Severity::Warning, "{}", code.as_str());
        let said = names.iter().any(|name| {
            name.strip_suffix(".yaml").and_then(|stem| stem.split("--").next()) == Some(code.as_str())
        });
        assert!(said, "no stack file has {}", code.as_str());
    }
}

/// Whoever changes our own definition hears of what no stack file can say.
#[test]
fn changes_of_our_own_definitions_are_linted() {
    let at = tempfile::tempdir().unwrap();
    let mut definition = read(&root().join("tests/bad/definition/unused-parameter.json"));
    let file = at.path().join("pipeline.json");
    for (maker, has_metrics) in [("smstack 0.1.0", false), ("somebody", true)] {
        definition["Metadata"] = json!({ "Generator": maker });
        let job = read(&root().join("tests/bad/definition/metric-truncates.json"))["Steps"][0].clone();
        definition["Steps"].as_array_mut().unwrap().retain(|step| step["Name"] != job["Name"]);
        definition["Steps"].as_array_mut().unwrap().push(job);
        fs::write(&file, definition.to_string()).unwrap();
        let output = run(at.path(), &["lint", "pipeline.json", "--format", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let codes: Vec<&str> = report["diagnostics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["code"].as_str().unwrap())
            .collect();
        assert_eq!(codes.contains(&"metric-truncates"), has_metrics, "{maker}: {codes:?}");
        assert!(codes.contains(&"unused-parameter"), "{maker}: {codes:?}");
    }
}

/// Our own definitions are found to be what `validate` says of their stack file, and nothing else.
#[test]
fn what_synth_writes_has_no_finding_of_its_own() {
    let at = tempfile::tempdir().unwrap();
    project::write(at.path(), &project::reference());
    let output = run(at.path(), &["validate", "deep-learning", "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let said: Vec<&str> =
        report["diagnostics"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    for environment in ["dev", "prod"] {
        let definition = read(&synth(at.path(), environment).join("pipeline.json"));
        let mut found = check(&definition);
        found
            .retain(|issue| issue.code.severity() == Severity::Error || !said.contains(&issue.code.as_str()));
        let said: Vec<_> = found.iter().map(|it| format!("{} {}", it.pointer, it.message)).collect();
        assert!(said.is_empty(), "{environment}:\n{}", said.join("\n"));
    }
}

/// The command finds the same, at lines.
#[test]
fn lint_reads_definitions() {
    let bad = "tests/bad/definition/tuning-scale.json";
    let output = run(&root(), &["lint", bad, "--format", "json"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = &report["diagnostics"][0];
    assert_eq!(found["code"], "tuning-scale");
    let text = fs::read_to_string(root().join(bad)).unwrap();
    let line = usize::try_from(found["line"].as_u64().unwrap()).unwrap();
    assert!(text.lines().nth(line - 1).unwrap().contains("Logarithmic"), "{found}");
    let good = run(&root(), &["lint", "--strict", "tests/good/definition/checks.json"]);
    assert_eq!(good.status.code(), Some(0), "{good:?}");
}

#[test]
fn faults_are_found_where_they_are() {
    let cases = definitions("tests/bad/definition");
    assert!(cases.len() >= 40, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    for path in cases {
        let found = check(&read(&path));
        for issue in &found {
            assert!(!issue.help.is_empty() || issue.fix.is_some(), "no way out: {issue:?}");
        }
        let said = path.with_extension("txt");
        if std::env::var_os("SNAPSHOTS").is_some_and(|it| it == "overwrite") {
            fs::write(&said, places(&found) + "\n").unwrap();
        }
        let expected = fs::read_to_string(&said).unwrap_or_default();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let code = stem.split("--").next().unwrap();
        let all = places(&found);
        if all != expected.trim_end() || found.iter().all(|issue| issue.code.as_str() != code) {
            wrong.push(format!("{stem}: found\n{all}\nand not\n{expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Mappings whose keys are the author's own, and arguments that Pipelines does not read.
fn is_free(at: &str, key: &str, step: &str) -> bool {
    let own = ["Environment", "HyperParameters", "StaticHyperParameters", "Metadata"].contains(&key);
    own || key == "Arguments" && ["Lambda", "Callback", "SomethingNew"].contains(&step) && at.ends_with(key)
}

/// Keys without which Pipelines or the API that a step calls refuses it, by the mapping that holds them.
fn is_required(parent: &str, key: &str) -> bool {
    let all: &[&str] = match parent {
        "" => &["Version", "Steps"],
        "Steps" | "IfSteps" | "ElseSteps" | "ForEachBody" => {
            &["Name", "Type", "Arguments", "FunctionArn", "SqsQueueUrl", "CheckType"]
        }
        "Parameters" => &["Name", "Type"],
        "RetryPolicies" => &["ExceptionType"],
        "CacheConfig" => &["Enabled"],
        "PropertyFiles" => &["PropertyFileName", "OutputName", "FilePath"],
        "OutputParameters" => &["OutputName", "OutputType"],
        "Conditions" | "Condition" => {
            &["Type", "LeftValue", "RightValue", "QueryValue", "Values", "Condition", "Conditions"]
        }
        "Std:Join" => &["Values"],
        "Std:JsonGet" => &["Path", "PropertyFile"],
        "ClusterConfig" => &["VolumeSizeInGB", "Instances"],
        "AppSpecification" => &["ImageUri"],
        "S3Output" => &["S3Uri", "S3UploadMode"],
        "S3Input" | "S3DataSource" => &["S3Uri", "S3DataType"],
        "InputDataConfig" => &["ChannelName", "DataSource"],
        "OutputDataConfig" => &["S3OutputPath"],
        "AlgorithmSpecification" => &["TrainingInputMode"],
        "MetricDefinitions" => &["Name", "Regex"],
        "ProductionVariants" => &["VariantName"],
        "ResourceLimits" => &["MaxParallelTrainingJobs"],
        "HadoopJarStep" => &["Jar"],
        "Arguments" => &[
            "AppSpecification",
            "Conditions",
            "ErrorMessage",
            "ForEachBody",
            "IterableItems",
            "MaxConcurrency",
            "OutputDataConfig",
            "ProcessingResources",
            "ProductionVariants",
            "Resources",
            "RoleArn",
            "StepConfig",
            "TransformInput",
            "TransformOutput",
            "TransformResources",
        ],
        _ => &[],
    };
    all.contains(&key)
}

/// Numbers and words for which every definition has a bound or a list of values.
fn is_bounded(key: &str) -> bool {
    [
        "AssembleWith",
        "BatchStrategy",
        "CheckType",
        "ExceptionType",
        "ExpireAfter",
        "InitialSamplingPercentage",
        "InstanceCount",
        "InstanceType",
        "MaxAttempts",
        "MaxConcurrency",
        "MaxParallelTrainingJobs",
        "MaxPayloadInMB",
        "MaxRuntimeInSeconds",
        "ModelApprovalStatus",
        "OutputType",
        "S3DataType",
        "S3InputMode",
        "S3UploadMode",
        "SplitType",
        "Strategy",
        "TrainingInputMode",
        "Type",
        "Version",
        "VolumeSizeInGB",
    ]
    .contains(&key)
}

/// Types of steps that nobody knows may be new ones: only slips of the pen are faults.
fn is_step_type(path: &[String]) -> bool {
    let lists = ["Steps", "IfSteps", "ElseSteps", "ForEachBody"];
    path.len() > 2 && path[path.len() - 1] == "Type" && lists.contains(&path[path.len() - 3].as_str())
}

struct Mutant {
    what: String,
    document: Value,
}

/// Every definition that differs from `document` in one key or value, in a way that is wrong.
fn mutants(document: &Value) -> Vec<Mutant> {
    let mut found = Vec::new();
    visit(document, &mut Vec::new(), "", document, &mut found);
    found
}

fn at_path<'v>(document: &'v mut Value, path: &[String]) -> &'v mut Value {
    let pointer = path.iter().fold(Pointer::root(), |pointer, part| pointer.key(part));
    document.pointer_mut(pointer.as_str()).unwrap()
}

fn visit(value: &Value, path: &mut Vec<String>, step: &str, document: &Value, found: &mut Vec<Mutant>) {
    let add = |found: &mut Vec<Mutant>, path: &[String], what: &str, change: &dyn Fn(&mut Value)| {
        let mut document = document.clone();
        change(at_path(&mut document, path));
        found.push(Mutant { what: format!("{what} /{}", path.join("/")), document });
    };
    // Items of a list of references or scalars have the key of their list.
    let key = path.iter().rev().find(|part| part.parse::<usize>().is_err()).cloned().unwrap_or_default();
    match value {
        Value::Object(members) => {
            if members.keys().any(|key| key == "Ref" || key.starts_with("Fn::") || key == "Std:New") {
                return;
            }
            let step = if members.contains_key("Arguments") {
                members["Type"].as_str().unwrap_or_default()
            } else {
                step
            };
            for (name, inner) in members {
                add(found, path, &format!("rename {name} in"), &|place| {
                    let members = place.as_object_mut().unwrap();
                    let mut renamed = Map::new();
                    for (old, value) in std::mem::take(members) {
                        let new = if old == *name { format!("{old}s") } else { old };
                        renamed.insert(new, value);
                    }
                    *members = renamed;
                });
                if is_required(&key, name) {
                    add(found, path, &format!("drop {name} of"), &|place| {
                        place.as_object_mut().unwrap().remove(name);
                    });
                }
                path.push(name.clone());
                if !is_free(&path.join("/"), name, step) {
                    visit(inner, path, step, document, found);
                }
                path.pop();
            }
            let is_expression = ["Get", "Std:Join", "Std:JsonGet"].iter().any(|it| members.contains_key(*it));
            if path.len() > 1 && !is_expression {
                add(found, path, "text for", &|place| *place = json!("text"));
            }
        }
        Value::Array(items) => {
            add(found, path, "text for", &|place| *place = json!("text"));
            for (index, inner) in items.iter().enumerate() {
                path.push(index.to_string());
                visit(inner, path, step, document, found);
                path.pop();
            }
        }
        Value::String(text) if key == "Get" => {
            add(found, path, "break", &|place| *place = json!(format!("{text}Gone")));
        }
        _ => {
            add(found, path, "a list for", &|place| *place = json!([["deep"]]));
            if is_bounded(&key) {
                let new = match value.as_str() {
                    Some(text) if is_step_type(path) => json!(text[1..]),
                    Some(_) => json!("Nonsense"),
                    None => json!(-1),
                };
                add(found, path, "beyond", &|place| *place = new.clone());
                if ["MaxAttempts", "MaxConcurrency", "MaxParallelTrainingJobs", "MaxRuntimeInSeconds"]
                    .contains(&key.as_str())
                {
                    add(found, path, "far beyond", &|place| *place = json!(1_000_000_000));
                }
            }
        }
    }
}

#[test]
fn single_changes_are_found() {
    let (mut all, mut missed) = (0usize, BTreeMap::<String, Vec<String>>::new());
    for (name, definition) in good() {
        for mutant in mutants(&definition) {
            all += 1;
            if check(&mutant.document).is_empty() {
                let kind = mutant.what.split(' ').next().unwrap_or_default().to_owned();
                missed.entry(kind).or_default().push(format!("{name}: {}", mutant.what));
            }
        }
    }
    let count: usize = missed.values().map(Vec::len).sum();
    let shown: Vec<String> = missed.into_values().flatten().collect();
    let summary = format!("{} of {all} changes found; missed:\n{}", all - count, shown.join("\n"));
    eprintln!("{summary}");
    assert!(all > 2000 && count * 100 <= all, "{summary}");
}

/// JSON of any form, with the words of definitions in it.
fn anything() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "Version",
        "Steps",
        "Name",
        "Type",
        "Arguments",
        "Parameters",
        "Get",
        "Std:Join",
        "Std:JsonGet",
        "Values",
        "DependsOn",
        "Condition",
        "Conditions",
        "IfSteps",
        "ForEach",
        "ForEachBody",
        "Processing",
        "Tuning",
        "Steps.a.",
        "Steps.Name['",
        "Parameters.",
        "é",
        "",
        "Fn::Sub",
        "ResourceConfig",
        "CacheConfig",
        "HyperParameterTuningJobConfig",
        "ParameterRanges",
        "IntegerParameterRanges",
        "PropertyFiles",
        "Selector",
    ]);
    let word = words.prop_map(str::to_owned).boxed();
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(word.clone(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The number of values in a document.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(members) => members.values().map(size).sum::<usize>(),
        _ => 0,
    }
}

/// The place of that number, in the order of the text.
fn nth<'v>(value: &'v mut Value, left: &mut usize) -> Option<&'v mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, left)),
        Value::Object(members) => members.values_mut().find_map(|member| nth(member, left)),
        _ => None,
    }
}

proptest! {
    #[test]
    fn any_json_is_survived(value in anything()) {
        check(&value);
    }

    #[test]
    fn definitions_with_anything_in_them_are_survived(
        which in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        value in anything(),
    ) {
        let mut all = good();
        let (_, mut definition) = all.swap_remove(which.index(all.len()));
        let mut left = place.index(size(&definition));
        *nth(&mut definition, &mut left).unwrap() = value;
        check(&definition);
    }
}
