//! Several stack files by one command.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use crate::cloud::{Cloud, fits, smstack};
use crate::faults::Proxy;
use crate::project;

const FILES: usize = 20;

/// Small stack files `s00`, `s01`, …: every fifth begins a chain in which each depends on the one before it.
fn write(at: &Path, account: &str) {
    fs::create_dir_all(at.join("stacks")).unwrap();
    for index in 0..FILES {
        let depends_on = if index % 5 == 0 { String::new() } else { format!("s{:02}", index - 1) };
        let text = format!(
            "name: s{index:02}\nenvironments: {{ dev: {{ region: us-east-1, account: \"{account}\" }} }}\n\
             depends_on: [{depends_on}]\ndata_lake: {{ encryption: s3, buckets: {{ raw: {{ versioned: true }} }} }}\n"
        );
        fs::write(at.join(format!("stacks/s{index:02}.yaml")), text).unwrap();
    }
    fs::write(at.join("stacks/other.yaml"), "name: other\nenvironments: { prod: {} }\n").unwrap();
}

fn run(at: &Path, arguments: &[&str]) -> Output {
    smstack(at).args(arguments).args(["--env", "dev", "--local"]).output().unwrap()
}

/// The outcome of each stack file is in the form that the outcome of a single one has.
#[test]
fn the_schema_holds_that_of_a_single_outcome() {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let one = read(include_str!("../../schemas/outcome.schema.json"));
    let all = read(include_str!("../../schemas/outcomes.schema.json"));
    for member in ["type", "additionalProperties", "required", "properties"] {
        assert_eq!(all["$defs"]["outcome"][member], one[member], "{member}");
    }
    for (name, definition) in one["$defs"].as_object().unwrap() {
        assert_eq!(all["$defs"][name], *definition, "{name}");
    }
}

/// What became of each stack file; the published schema describes it.
fn told(output: &Output, code: i32) -> Vec<(String, String)> {
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    fits(&value, include_str!("../../schemas/outcomes.schema.json"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = value["deployments"].as_array().unwrap();
    all.iter().map(|it| (text(&it["stack"]), text(&it["result"]))).collect()
}

/// The place of the first line of progress that says so.
fn line(said: &str, begins: &str, ends: &str) -> usize {
    let found = said.lines().position(|line| line.starts_with(begins) && line.ends_with(ends));
    found.unwrap_or_else(|| panic!("no line `{begins} … {ends}`:\n{said}"))
}

#[test]
fn twenty_stack_files_are_deployed_in_order_and_destroyed_in_reverse() {
    let cloud = Cloud::join();
    let mut took = Vec::new();
    for (account, parallel) in [("100000000161", Some("1")), ("100000000162", None)] {
        let at = tempfile::tempdir().unwrap();
        write(at.path(), account);
        let output = run(at.path(), &["deploy", "--all"]);
        assert_eq!(output.status.code(), Some(5), "{output:?}");
        let more: Vec<&str> = parallel.into_iter().flat_map(|parallel| ["--parallel", parallel]).collect();
        let begun = Instant::now();
        let output = run(at.path(), &[&["deploy", "--all", "--yes", "--format", "json"], &more[..]].concat());
        took.push(begun.elapsed());
        let ended = told(&output, 0);
        assert_eq!(ended.len(), FILES);
        assert!(ended.iter().all(|(_, result)| result == "done"), "{ended:?}");

        // Every line stands under the name of its stack, and what comes before another has ended before that begins.
        let said = String::from_utf8_lossy(&output.stderr);
        let lines = said.lines().skip_while(|line| !line.contains(" | "));
        let rest: Vec<&str> = lines.filter(|line| line.split_once(" | ").is_none()).collect();
        assert_eq!(rest, [format!("of {FILES} stack files: {FILES} done")]);
        assert_eq!(said.matches("smstack-bootstrap: created").count(), 1, "{said}");
        for index in (0..FILES).filter(|index| index % 5 > 0) {
            let (before, after) = (format!("s{:02} | ", index - 1), format!("s{index:02} | "));
            assert!(line(&said, &before, "-platform: created") < line(&said, &after, "-platform:"), "{said}");
        }

        let output =
            run(at.path(), &["deploy", "s01", "s00", "stacks/s01.yaml", "--yes", "--format", "json"]);
        let ended = told(&output, 0);
        assert_eq!(ended.iter().map(|it| it.0.as_str()).collect::<Vec<_>>(), ["s01", "s00"]);
        let output = run(at.path(), &["destroy", "--all", "--yes"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let said = String::from_utf8_lossy(&output.stdout);
        for index in (0..FILES).filter(|index| index % 5 > 0) {
            let (before, after) = (format!("s{:02}-dev", index - 1), format!("s{index:02}-dev"));
            assert!(line(&said, &after, ": deleted") < line(&said, &before, ": deleted"), "{said}");
        }
    }
    println!("20 stack files, one at a time: {:.1?}; side by side: {:.1?}", took[0], took[1]);
    drop(cloud);
}

#[test]
fn a_failure_stops_what_depends_on_it_and_the_rest_goes_on() {
    let cloud = Cloud::join();
    let alone = cloud.alone_with_faults();
    let at = tempfile::tempdir().unwrap();
    write(at.path(), "100000000163");
    cloud.faults(&json!({ "create": { "s01-dev-platform/RawBucket": { "error": "no room for it" } } }));
    let named = ["s00", "s01", "s02", "s03", "s05", "s06"];
    let output = run(at.path(), &[&["deploy", "--yes", "--format", "json"], &named[..]].concat());
    cloud.faults(&json!({}));
    drop(alone);
    let ended = told(&output, 6);
    let ended: Vec<&str> = ended.iter().map(|it| it.1.as_str()).collect();
    assert_eq!(ended, ["done", "failed", "not_begun", "not_begun", "done", "done"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("s01 |   --> stacks/s01.yaml:4:"), "{said}");
    assert!(said.contains("of 6 stack files: 3 done, 1 failed, 2 not begun"), "{said}");
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["deployments"][3]["because"], "s01");
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_asked() {
    let at = tempfile::tempdir().unwrap();
    write(at.path(), "100000000164");
    let check = |arguments: &[&str], code: i32, words: &str| {
        let output = project::smstack(at.path()).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(words), "{arguments:?}: {said}");
    };
    check(&["deploy", "--all", "--env", "nowhere"], 2, "has an environment `nowhere`");
    check(&["deploy", "s00", "other", "--env", "dev"], 2, "no environment `dev`");
    check(&["deploy", "--all"], 2, "--env");
    check(&["deploy", "--all", "s00", "--env", "dev"], 2, "cannot be used with");
    check(&["deploy", "s00", "s01", "--env", "dev", "--prepare"], 2, "a plan is of one stack file");
    check(&["deploy", "--env", "dev"], 2, "STACK");
    fs::copy(at.path().join("stacks/s00.yaml"), at.path().join("stacks/copy.yaml")).unwrap();
    check(&["deploy", "s00", "copy", "--env", "dev"], 2, "are both of stack `s00`");
    fs::write(at.path().join("stacks/s00.yaml"), "name: s00\nenvironments: { dev: {} }\ndepends_on: [s02]\n")
        .unwrap();
    check(
        &["deploy", "--all", "--env", "dev"],
        3,
        "depend on each other in a circle: `s00` on `s02` on `s01` on `s00`",
    );
}

/// A deployment through a proxy that throttles what is asked more often than `rate` times a second: how long it takes, and
/// how often it is throttled.
fn throttled(cloud: &Cloud, account: &str, rate: u32, mode: Option<&str>) -> (f64, usize) {
    let at = tempfile::tempdir().unwrap();
    write(at.path(), account);
    let log = at.path().join("throttled.txt");
    let rules = json!([
        { "match": "(Describe|Create|Execute|List|Get).*(Stack|ChangeSet|Template).*", "rate": rate, "fault": "throttle", "log": log },
    ]);
    let proxy = Proxy::new(cloud, &rules);
    let mut command: Command = project::smstack(at.path());
    command.env_remove("AWS_PROFILE").env("AWS_ACCESS_KEY_ID", account).env("AWS_SECRET_ACCESS_KEY", "local");
    command.env("AWS_EC2_METADATA_DISABLED", "true").stdin(Stdio::null());
    command.envs(mode.map(|mode| ("AWS_RETRY_MODE", mode)));
    command.args(["deploy", "--all", "--env", "dev", "--yes", "--no-preflight", "--format", "json"]);
    command.args(["--parallel", "20", "--endpoint-url", &proxy.url]);
    let begun = Instant::now();
    let output = command.output().unwrap();
    let took = begun.elapsed().as_secs_f64();
    let ended = told(&output, 0);
    assert!(ended.iter().all(|(_, result)| result == "done"), "{ended:?}");
    (took, fs::read_to_string(log).unwrap_or_default().lines().count())
}

#[test]
fn a_rate_limit_fails_no_deployment() {
    let cloud = Cloud::join();
    let (took, times) = throttled(&cloud, "100000000165", 10, None);
    println!("20 stack files at 10 calls a second: {took:.1} s, throttled {times} times");
    assert!(times > 0, "the limit was never reached");
}

/// Resources take a second each, as they do in AWS, and more.
#[test]
#[ignore = "only for its figures: `cargo test --test it several:: -- --ignored --nocapture`"]
fn side_by_side_takes_less_time() {
    let cloud = Cloud::join();
    let _alone = cloud.alone_with_faults();
    cloud.faults(&json!({ "delay": 1 }));
    for (account, parallel) in [("100000000168", "1"), ("100000000169", "8"), ("100000000170", "20")] {
        let at = tempfile::tempdir().unwrap();
        write(at.path(), account);
        let begun = Instant::now();
        let output =
            run(at.path(), &["deploy", "--all", "--yes", "--parallel", parallel, "--format", "json"]);
        let took = begun.elapsed();
        assert_eq!(told(&output, 0).len(), FILES);
        println!("20 stack files in 4 chains, `--parallel {parallel}`: {took:.1?}");
    }
    cloud.faults(&json!({}));
}

#[test]
#[ignore = "only for its figures: `cargo test --test it several:: -- --ignored --nocapture`"]
fn a_shared_limiter_is_throttled_less_often() {
    let cloud = Cloud::join();
    let (took, times) = throttled(&cloud, "100000000166", 10, Some("standard"));
    println!("without the limiter: {took:.1} s, throttled {times} times");
    let (took, times) = throttled(&cloud, "100000000167", 10, None);
    println!("with the limiter: {took:.1} s, throttled {times} times");
}
