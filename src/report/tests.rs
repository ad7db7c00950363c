use std::time::Instant;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::diag::{Code, Fix, Issue, Label, Pointer};
use crate::schema::{Schema, explain};
use crate::source::{locate, parse};

const TEXT: &str = "name: churn\nscaling:\n  web:\n    target: churn.all\n    min: 12\n    max: 10\n";

fn sample() -> (SourceFile, Vec<Diagnostic>) {
    let file = SourceFile::new("stacks/churn.yaml", TEXT);
    let places = parse(&file).unwrap().places;
    let web = Pointer::parse("/scaling/web");
    let issues = [
        Issue::new(Code::OutOfBounds, web.key("min"), "`min` is above `max`")
            .label("12 is more than 10")
            .also(web.key("max"), "the bound")
            .note("`min`: the fewest instances")
            .help("raise `max`, or lower `min` to 10 or less"),
        Issue::new(Code::UnknownKey, web.key("target"), "`target` is not a key of `web`")
            .on_key()
            .label("unknown key")
            .fix("endpoint", "there is a key with a similar name: `endpoint`"),
    ];
    let mut diagnostics: Vec<Diagnostic> =
        issues.into_iter().map(|issue| locate(issue, &file, &places)).collect();
    crate::diag::arrange(&mut diagnostics);
    (file, diagnostics)
}

#[test]
fn a_problem_is_drawn_at_its_place() {
    let (file, diagnostics) = sample();
    let text = diagnostics_text(&[file], &diagnostics, Look::PLAIN);
    let expected = "\
error[unknown-key]: `target` is not a key of `web`
 --> stacks/churn.yaml:4:5
  |
4 |     target: churn.all
  |     ^^^^^^ unknown key
  |
help: there is a key with a similar name: `endpoint`
  |
4 -     target: churn.all
4 +     endpoint: churn.all
  |

error[out-of-bounds]: `min` is above `max`
 --> stacks/churn.yaml:5:10
  |
5 |     min: 12
  |          ^^ 12 is more than 10
6 |     max: 10
  |          -- the bound
  |
  = note: `min`: the fewest instances
  = help: raise `max`, or lower `min` to 10 or less

2 errors in 1 file
for more: smstack explain unknown-key out-of-bounds
";
    assert_eq!(text, expected, "\n{text}");
}

#[test]
fn json_follows_its_published_schema() {
    let (file, mut diagnostics) = sample();
    let mut bare = Diagnostic::new(Code::FileUnreadable, "gone.yaml", "`gone.yaml` cannot be read", 0..0);
    bare.help.push("check its path".to_owned());
    diagnostics.push(bare);
    let json: Value = serde_json::from_str(&diagnostics_json(&[file], &diagnostics)).unwrap();
    let schema: Value = serde_json::from_str(include_str!("../../schemas/diagnostics.schema.json")).unwrap();
    assert_eq!(explain(&Schema::from(schema.clone()), &json), []);
    let first = &json["diagnostics"][0];
    assert_eq!((&first["line"], &first["column"], &first["end_column"]), (&4.into(), &5.into(), &11.into()));
    assert_eq!(first["fix"]["replacement"], "endpoint");
    assert_eq!(json["diagnostics"][1]["secondary"][0]["line"], 6);
    assert_eq!(json["diagnostics"][2]["line"], Value::Null);
    assert_eq!(json["summary"], serde_json::json!({ "errors": 3, "warnings": 0 }));
    let mut broken = json.clone();
    broken["diagnostics"][0]["severity"] = "fatal".into();
    assert!(!explain(&Schema::from(schema.clone()), &broken).is_empty(), "the schema must refuse something");
}

/// Checked against the published schema besides, in `tests/it/formats.rs`.
#[test]
fn sarif_says_what_and_where() {
    let (file, mut diagnostics) = sample();
    let mut bare = Diagnostic::new(Code::FileUnreadable, "a b/{c}.yaml", "no `${x}` there", 0..0);
    bare.help.push("check its path".to_owned());
    diagnostics.push(bare);
    let log: Value = serde_json::from_str(&diagnostics_sarif(&[file], &diagnostics)).unwrap();
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    let ids: Vec<&Value> = rules.iter().map(|rule| &rule["id"]).collect();
    assert_eq!(ids, ["file-unreadable", "unknown-key", "out-of-bounds"]);
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "stacks/churn.yaml");
    let region = serde_json::json!({ "startLine": 4, "startColumn": 5, "endLine": 4, "endColumn": 11 });
    assert_eq!(place["region"], region);
    let replacement = &results[0]["fixes"][0]["artifactChanges"][0]["replacements"][0];
    assert_eq!(replacement["insertedContent"]["text"], "endpoint");
    assert_eq!(replacement["deletedRegion"], region);
    assert_eq!(results[1]["relatedLocations"][0]["message"]["text"], "the bound");
    assert_eq!(results[1]["relatedLocations"][0]["physicalLocation"]["region"]["startLine"], 6);
    let bare = &results[2];
    assert_eq!(bare["message"]["text"], "no `${{x}}` there\nhelp: check its path");
    let artifact = serde_json::json!({ "artifactLocation": { "uri": "a%20b/%7Bc%7D.yaml" } });
    assert_eq!(bare["locations"][0]["physicalLocation"], artifact);
    assert!(bare.get("fixes").is_none() && bare.get("relatedLocations").is_none());
}

#[test]
fn github_is_told_in_one_line_each() {
    let (file, mut diagnostics) = sample();
    diagnostics[1].help = vec!["100 % of: a,\r\nb".to_owned()];
    diagnostics[1].notes.clear();
    let whole = Diagnostic::new(Code::TriggerLoop, "stacks/churn.yaml", "m", 0..TEXT.len());
    diagnostics.push(whole);
    diagnostics.push(Diagnostic::new(Code::FileUnreadable, "c:a,b%.yaml", "gone", 0..0));
    let expected = "\
::error file=stacks/churn.yaml,line=4,endLine=4,col=5,endColumn=11,title=unknown-key::`target` is not a key of `web`\
%0Ahere: unknown key%0Ahelp: there is a key with a similar name: `endpoint`
::error file=stacks/churn.yaml,line=5,endLine=5,col=10,endColumn=12,title=out-of-bounds::`min` is above `max`\
%0Ahere: 12 is more than 10%0Ahelp: 100 %25 of: a,%0D%0Ab
::warning file=stacks/churn.yaml,line=1,endLine=7,title=trigger-loop::m
::error file=c%3Aa%2Cb%25.yaml,title=file-unreadable::gone
";
    assert_eq!(diagnostics_github(&[file], &diagnostics), expected);
}

#[test]
fn the_summary_counts() {
    let (_, diagnostics) = sample();
    assert_eq!(summary(&diagnostics), "2 errors in 1 file");
    assert_eq!(summary(&diagnostics[..1]), "1 error in 1 file");
    assert_eq!(summary(&[]), "no problems");
    assert_eq!(diagnostics_text(&[], &[], Look::PLAIN), "");
}

#[test]
fn a_file_without_text_shows_its_path() {
    let problem = Diagnostic::new(Code::FileUnreadable, "gone.yaml", "`gone.yaml` cannot be read", 0..0);
    let text = diagnostics_text(&[], &[problem], Look::PLAIN);
    assert!(text.contains("--> gone.yaml"), "{text}");
}

#[test]
fn a_file_cannot_command_the_terminal() {
    let file = SourceFile::new("s.yaml", "a: \"\u{1b}[2J\"\n");
    let mut problem = Diagnostic::new(Code::WrongForm, "s.yaml", "m \u{1b}[2J", 3..8);
    problem.primary.text = "l \u{1b}[2J".to_owned();
    problem.notes.push("n \u{1b}[2J".to_owned());
    problem.help.push("h \u{1b}[2J".to_owned());
    problem.fix =
        Some(Fix { span: 3..8, replacement: "\u{1b}[2J".to_owned(), title: "t \u{1b}[2J".to_owned() });
    let text = diagnostics_text(&[file], &[problem], Look::PLAIN);
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn a_long_line_is_drawn_around_its_place() {
    let text = format!("{}needle{}", "x".repeat(100_000), "y".repeat(100_000));
    let file = SourceFile::new("long.yaml", text);
    let mut problem = Diagnostic::new(Code::WrongForm, "long.yaml", "m", 100_000..100_006);
    problem.primary.text = "here".to_owned();
    problem.secondary.push(Label { span: 3..5, text: "and here".to_owned() });
    let text = diagnostics_text(&[file], &[problem], Look::PLAIN);
    assert!(
        text.contains("long.yaml:1:100001") && text.contains("needle") && text.contains("and here"),
        "{text}"
    );
    assert!(text.len() < 3000, "{text}");
}

#[test]
fn the_last_line_names_each_code_once_and_few_of_many() {
    let last = |codes: &[Code]| {
        let problems: Vec<Diagnostic> =
            codes.iter().map(|code| Diagnostic::new(*code, "s.yaml", "m", 0..0)).collect();
        let text = diagnostics_text(&[], &problems, Look::PLAIN);
        text.lines().last().unwrap().to_owned()
    };
    assert_eq!(last(&[Code::Shape, Code::Shape]), "for more: smstack explain shape");
    let many = [Code::OneOf, Code::WrongForm, Code::OneOf, Code::Shape, Code::YamlTag];
    assert_eq!(last(&many), "for more: smstack explain one-of wrong-form shape …");
}

#[test]
fn very_many_problems_are_quick() {
    let file = SourceFile::new("s.yaml", "key: value\n".repeat(300_000));
    let at = |i: usize| Diagnostic::new(Code::WrongForm, "s.yaml", format!("m{i}"), i * 11..i * 11 + 3);
    let mut diagnostics: Vec<Diagnostic> = (0..100_000).map(at).collect();
    for diagnostic in &mut diagnostics {
        diagnostic.secondary.push(Label { span: 3_000_000..3_000_004, text: "far".to_owned() });
    }
    let started = Instant::now();
    let text = diagnostics_text(std::slice::from_ref(&file), &diagnostics, Look::PLAIN);
    assert!(text.contains("… and 99900 more") && text.contains("100000 errors in 1 file"));
    drop(diagnostics_json(&[file], &diagnostics));
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn a_closed_pipe_is_no_failure() {
    assert!(unless_closed(Err(ErrorKind::BrokenPipe.into())).is_ok());
    assert!(unless_closed(Err(ErrorKind::StorageFull.into())).is_err());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert!(unless_closed(write(writer, "nobody reads this")).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_makes_the_drawing_panic(
        lines in proptest::collection::vec("[ -~\tä漢🙂\u{301}\u{202e}\0\r]{0,12}", 0..8),
        end in proptest::sample::select(vec!["\n", "\r\n"]),
        spans in proptest::collection::vec((0..120usize, 0..120usize), 1..5),
        replacement in "[ -~\nä漢]{0,8}",
        text in "[ -~\n漢]{0,10}",
        width in 0..200usize,
        color: bool,
    ) {
        let file = SourceFile::new("s.yaml", lines.join(end));
        let mut problem = Diagnostic::new(Code::WrongForm, "s.yaml", text.clone(), spans[0].0..spans[0].1);
        problem.primary.text = text.clone();
        for (start, length) in &spans[1..] {
            problem.secondary.push(Label { span: *start..start + length, text: text.clone() });
        }
        let (start, length) = spans[spans.len() - 1];
        problem.fix = Some(Fix { span: start..start + length, replacement, title: text });
        let drawn = diagnostics_text(std::slice::from_ref(&file), std::slice::from_ref(&problem), Look { color, width });
        prop_assert!(drawn.contains("1 error in 1 file"));
        let json: Value = serde_json::from_str(&diagnostics_json(&[file], &[problem])).unwrap();
        prop_assert_eq!(&json["version"], 1);
    }
}
