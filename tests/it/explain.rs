//! `smstack explain`.

use std::collections::BTreeSet;
use std::process::Output;

use serde_json::Value;
use smstack::diag::{Block, CODES, explanations};
use smstack::source::{SourceFile, parse};

use crate::project::{root, run, smstack};

fn explain(arguments: &[&str]) -> Output {
    run(&root(), &[&["explain"], arguments].concat())
}

fn text(arguments: &[&str]) -> String {
    let output = explain(arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What `--format json` prints, which its published schema describes.
fn json(arguments: &[&str]) -> Value {
    let value: Value = serde_json::from_str(&text(&[arguments, &["--format", "json"]].concat())).unwrap();
    let schema: Value = serde_json::from_str(include_str!("../../schemas/explanations.schema.json")).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let problems: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let mut broken = value.clone();
    broken["explanations"][0]["sources"] = Value::Array(Vec::new());
    assert!(!validator.is_valid(&broken), "the schema must refuse something");
    value
}

#[test]
fn a_code_is_explained_for_people() {
    assert_eq!(
        text(&["scaling-start"]),
        "\
scaling-start
warning: A variant that starts outside the bounds of its scaling.

The variant starts with a number of instances that its scaling does not allow.
Application Auto Scaling brings it inside the bounds as soon as it is
registered, so what the variant says is not what will run, and each deployment
may change it back.

Source: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html
"
    );
}

#[test]
fn a_terminal_gets_headings_and_links() {
    let output = smstack(&root())
        .args(["explain", "scaling-start"])
        .env_remove("NO_COLOR")
        .env("CLICOLOR_FORCE", "1")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("\u{1b}[1m\u{1b}[4mscaling-start\u{1b}[0m\n"), "{text:?}");
    assert!(text.contains("Source: \u{1b}[4mhttps://"), "{text:?}");
}

#[test]
fn several_codes_in_the_order_asked_for() {
    let both = text(&["wrong-type", "error[yaml-tag]:"]);
    assert_eq!(both, format!("{}\n{}", text(&["wrong-type"]), text(&["yaml-tag"])));
}

#[test]
fn every_line_but_examples_and_links_fits_a_terminal() {
    let codes: Vec<&str> = CODES.iter().map(|code| code.as_str()).collect();
    let all = [text(&codes), text(&[]), text(&["offline"]), text(&["states"]), text(&["failures"])].concat();
    let long: Vec<&str> = all
        .lines()
        .filter(|line| {
            line.chars().count() > 80
                && !line.starts_with("    ")
                && !line.trim().starts_with("https://")
                && !line.starts_with("Source: ")
        })
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
    for one in explanations().iter().flat_map(|group| &group.explanations) {
        for source in &one.sources {
            assert!(all.contains(source), "{source} is not printed");
        }
    }
}

#[test]
fn without_a_code_all_are_listed() {
    let listed = text(&[]);
    let found: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(found, CODES.iter().map(|code| code.as_str()).collect::<Vec<_>>());
}

#[test]
fn programs_get_the_same() {
    let all = json(&[]);
    let codes: Vec<&str> =
        all["explanations"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!(codes, CODES.iter().map(|code| code.as_str()).collect::<Vec<_>>());
    assert_eq!(all["offline"], Value::Null);
    let one = json(&["scaling-start", "offline"]);
    assert_eq!(one["explanations"].as_array().unwrap().len(), 1);
    assert_eq!(one["explanations"][0]["severity"], "warning");
    assert!(one["offline"].is_array());
}

#[test]
fn what_is_no_code_is_wrong_usage() {
    for (word, said) in [
        ("scaling-bound", "there is no code `scaling-bound`; did you mean `scaling-bounds`?"),
        ("E3012", "there is no code `E3012`; `smstack explain` lists all"),
        ("ofline", "did you mean `offline`?"),
        ("", "there is no code ``"),
    ] {
        let output = explain(&["wrong-type", word]);
        assert_eq!(output.status.code(), Some(2), "{word}: {output:?}");
        assert!(output.stdout.is_empty(), "{word}: {output:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains(said), "{word}");
    }
}

#[test]
fn each_rule_has_codes_or_a_reason() {
    let table = std::fs::read_to_string(root().join("src/diag/explain/rules.tsv")).unwrap();
    let known: BTreeSet<&str> = CODES.iter().map(|code| code.as_str()).collect();
    let mut numbers = BTreeSet::new();
    let mut last = 0;
    let mut wrong = Vec::new();
    for line in table.lines() {
        let [number, words, verdict] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let number: u32 = number.parse().unwrap();
        assert!(last <= number && (1..=71).contains(&number), "{line}");
        last = number;
        numbers.insert(number);
        let said = words.len() > 20 && !words.ends_with('.') && words.starts_with(char::is_lowercase);
        let good = if let Some(why) = verdict.strip_prefix("not decidable offline: ") {
            why.len() > 20 && !why.ends_with('.')
        } else {
            let codes: Vec<&str> = verdict.split(' ').collect();
            let all_known = codes.iter().all(|code| known.contains(code));
            all_known && codes.iter().collect::<BTreeSet<_>>().len() == codes.len()
        };
        if !(said && good) {
            wrong.push(line);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let without: Vec<u32> = (1..=71).filter(|number| !numbers.contains(number)).collect();
    assert!(without.is_empty(), "rules without a line: {without:?}");
}

#[test]
fn the_page_of_what_is_not_decided_is_that_of_the_table() {
    let table = std::fs::read_to_string(root().join("src/diag/explain/rules.tsv")).unwrap();
    let expected = table.lines().filter(|line| line.contains("\tnot decidable offline: ")).count();
    assert!(expected > 10);
    let page = text(&["offline"]);
    assert_eq!(page.lines().filter(|line| line.starts_with("- ")).count(), expected);
    let json = json(&["offline", "wrong-type", "failures"]);
    assert!(json["failures"].as_array().unwrap().len() > 15);
    assert_eq!(json["offline"].as_array().unwrap().len(), expected);
    for one in json["offline"].as_array().unwrap() {
        let line = format!(
            "\t{}\tnot decidable offline: {}\n",
            one["rule"].as_str().unwrap(),
            one["why"].as_str().unwrap()
        );
        assert!(table.contains(&line), "{line}");
    }
}

/// The part of an example that is right: all of it, unless it says what is wrong.
fn right(example: &str) -> &str {
    match (example.contains("# wrong"), example.split_once("# right\n")) {
        (false, None) => example,
        (true, Some((_, right))) => right,
        _ => panic!("an example has both or neither:\n{example}"),
    }
}

#[test]
fn what_examples_call_right_can_be_read() {
    let mut read = 0;
    for one in explanations().iter().flat_map(|group| &group.explanations) {
        for block in &one.blocks {
            let Block::Example(lines) = block else { continue };
            let file = SourceFile::new("example.yaml", right(lines));
            assert!(parse(&file).is_ok(), "{}:\n{lines}", one.code.as_str());
            read += 1;
        }
    }
    assert!(read > 15, "only {read} examples");
}
