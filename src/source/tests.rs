use std::path::Path;
use std::time::Instant;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::diag::{Issue, Pointer, Replacement};

/// Every problem as `line:column code`.
fn check(text: &str, expected: &[&str]) {
    let file = SourceFile::new("stack.yaml", text);
    let problems = parse(&file).err().unwrap_or_default();
    let found: Vec<String> = problems
        .iter()
        .map(|problem| {
            let (line, column) = file.line_column(problem.primary.span.start);
            format!("{line}:{column} {}", problem.code.as_str())
        })
        .collect();
    let head: String = text.chars().take(200).collect();
    assert_eq!(found, expected, "{head}\n{problems:#?}");
}

fn pointers(value: &Value, at: &Pointer, out: &mut Vec<Pointer>) {
    out.push(at.clone());
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| pointers(item, &at.index(i), out));
        }
        Value::Object(members) => members.iter().for_each(|(key, item)| pointers(item, &at.key(key), out)),
        _ => {}
    }
}

/// Every value has an exact place inside the text.
fn places_agree(text: &str, value: &Value, places: &Places) {
    let mut all = Vec::new();
    pointers(value, &Pointer::root(), &mut all);
    for pointer in all {
        let place = places.find(&pointer);
        assert!(place.exact, "{pointer} in\n{text}");
        let said = text.get(place.value.clone());
        assert!(said.is_some(), "{pointer}: {place:?} in\n{text}");
        if let (Some(Value::String(word)), Some(said)) = (value.pointer(pointer.as_str()), said)
            && !word.is_empty()
            && word.chars().all(|c| c.is_ascii_alphanumeric())
            && !said.contains('\n')
        {
            assert!(said.contains(word.as_str()), "{pointer}: `{said}` is not `{word}`");
        }
    }
}

const SAMPLES: &[&str] = &[
    "a: &x {p: 1, q: [1, 2]}\nb: *x\nc: {<<: *x, r: 3}\nd: {<<: [*x, {z: 1}]}\n",
    "\"quo\\\"ted/key~\": |\n  block\n  text\n'single': >-\n  folded\n  text\n\"\": empty\n1: num\ntrue: b\n",
    "- - a\n  - b: c\n    d:\n    - e\n    -\n- {x: , y: []}\n- !!str 12\n- &an\n  k: v\n- *an\n",
    "---\n# comment\nk: v # c\n...\n",
    "å: {ß: \"漢字\"}\nnext: 🙂\n",
    "a:\r\n  b: c\r\n  d:\r\n    - e\r\n",
    "&k key: *k\n",
    "name: deep-learning\nenvironments:\n  dev: { overrides: { e: { a: { count: 4 } }, l: [3], gone: null } }\ne:\n  a: { count: 2, b: 1 }\nl: [1, 2]\ngone: here\n",
];

#[test]
fn every_value_has_a_place() {
    for text in SAMPLES {
        let file = SourceFile::new("stack.yaml", *text);
        let document = parse(&file).unwrap_or_else(|problems| panic!("{text}\n{problems:#?}"));
        places_agree(text, &document.value, &document.places);
        let merged = document.environment("dev");
        places_agree(text, &merged.value, &merged.places);
    }
}

#[test]
fn scalars_are_read_as_people_mean_them() {
    let text = "account: 012345678901\nunder: 1_000\nyes: no\ntrue: true\nversion: 1.2-1\nfloat: 1.10\ndate: 2026-01-02\n";
    let document = parse(&SourceFile::new("stack.yaml", text)).unwrap();
    let expected = json!({
        "account": "012345678901", "under": "1_000", "yes": "no", "true": true,
        "version": "1.2-1", "float": 1.1, "date": "2026-01-02",
    });
    assert_eq!(document.value, expected);
}

/// How the library reads a text by itself, told that `yes`, `012` and `1_000` are text.
fn by_the_library(text: &str) -> Value {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
    };
    serde_saphyr::from_str_with_options(text, options).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

#[test]
fn values_are_what_the_library_reads() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directories = ["stacks", "tests/good/stack"].map(|name| project.join(name));
    let files = directories.iter().filter_map(|directory| std::fs::read_dir(directory).ok()).flatten();
    let texts = files.filter_map(|file| std::fs::read_to_string(file.unwrap().path()).ok());
    let texts: Vec<String> = texts.chain(SAMPLES.iter().map(|text| (*text).to_owned())).collect();
    assert!(texts.len() > SAMPLES.len() + 3, "the stack files are not there");
    for text in texts {
        assert_eq!(document(&text).1.value, by_the_library(&text), "{text}");
    }
    for scalar in [
        "1",
        "-1",
        "+1",
        "0",
        "00",
        "012",
        "1_0",
        "1.0",
        "-0.5",
        ".5",
        "1.",
        "1e3",
        "1E-3",
        "1.2e-05",
        "0x1F",
        "0o17",
        "true",
        "True",
        "TRUE",
        "yes",
        "on",
        "null",
        "Null",
        "~",
        "''",
        "\"1\"",
        "'true'",
        "2026-01-02",
        "1.2.3",
        "12:30",
        "!!str 12",
        "!!str ~",
        "!!int 12",
        "!!int '12'",
        "!!float 1.5",
        "!!bool true",
        "!!null ~",
        "! 12",
        "18446744073709551615",
        "-9223372036854775808",
        "a b",
        "a:b",
        "|\n  12\n",
        ">\n  a\n  b\n",
        "",
    ] {
        let text = format!("a: {scalar}");
        assert_eq!(document(&text).1.value, by_the_library(&text), "{text}");
    }
}

#[test]
fn what_is_not_a_stack_file_is_said_at_its_place() {
    check("a: 1\nb: 2\na: 3\nc: { d: 1, d: 2 }\n", &["3:1 yaml-duplicate-key", "4:12 yaml-duplicate-key"]);
    check("a: &a {x: 1}\nb: { <<: *a, <<: *a }\n", &["2:14 yaml-duplicate-key"]);
    check("? [a, b]\n: c\n? {d: e}\n: f\n", &["1:3 yaml-complex-key", "3:3 yaml-complex-key"]);
    check("x: &k a\n*k : v\n", &["2:1 yaml-complex-key"]);
    check("a: !Ref b\nc: !!binary aGk=\n", &["1:4 yaml-tag", "2:4 yaml-tag"]);
    check("a: 1\n---\nb: 2\n", &["2:1 yaml-documents"]);
    check("", &["1:1 yaml-documents"]);
    check("# nothing\n", &["1:1 yaml-documents"]);
    check("null\n", &["1:1 yaml-documents"]);
    check("---\n", &["1:1 yaml-documents"]);
    check("a: &a [*a]\n", &["1:8 yaml-budget"]);
    check("a: *gone\nb: *gone\n", &["1:4 yaml-syntax", "2:4 yaml-syntax"]);
    check("a:\n\tb: 1\n", &["2:1 yaml-syntax"]);
    check("a: \"open\n", &["1:4 yaml-syntax"]);
    check(&"[".repeat(5000), &["1:49 yaml-budget"]);
    check("a: 1\n<<: 3\n", &["2:5 yaml-syntax"]);
    check("a: &a [1]\n<<: [*a]\n", &["2:6 yaml-syntax"]);
    check("a: !!int x\nb: !!bool 1\n", &["1:10 yaml-syntax", "2:11 yaml-syntax"]);
}

#[test]
fn aliases_that_multiply_are_refused() {
    let mut lines = vec!["a0: &a0 [x, x, x, x, x, x, x, x, x]".to_owned()];
    for level in 1..9 {
        let below = vec![format!("*a{}", level - 1); 9].join(", ");
        lines.push(format!("a{level}: &a{level} [{below}]"));
    }
    check(&lines.join("\n"), &["6:10 yaml-budget"]);
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), ["*a"; 40].join(", "));
    check(&long, &["2:65 yaml-budget"]);
}

#[test]
fn a_file_is_utf8_of_a_sane_size() {
    let file = SourceFile::from_bytes("s.yaml", b"\xEF\xBB\xBFa: 1\r\n").unwrap();
    assert_eq!((file.text(), file.line_column(0)), ("a: 1\r\n", (1, 1)));
    assert_eq!(file.line_of(2), 0..4);
    let bad = SourceFile::from_bytes("s.yaml", b"a: 1\nb: \xC3\xA4\xFF").unwrap_err().1;
    assert_eq!(bad.code, Code::FileUnreadable);
    assert!(bad.message.contains("byte 11 of it is 0xff"), "{}", bad.message);
    let large = SourceFile::from_bytes("s.yaml", &vec![b' '; MAX_BYTES + 1]).unwrap_err().1;
    assert_eq!(large.code, Code::FileTooLarge);
    assert!(large.message.contains("larger than 4 MiB"), "{}", large.message);
    assert_eq!(SourceFile::new("s", "ä\nöü").line_column(5), (2, 2));
    assert_eq!(SourceFile::new("s", "a").line_column(99), (1, 2));
}

#[test]
fn large_files_are_quick() {
    let many_keys = (0..250_000).map(|i| format!("key{i}: v")).collect::<Vec<_>>().join("\n");
    let one_line = format!("[{}]", "1,".repeat(2_000_000));
    let one_text = format!("a: |\n{}", "  line of text\n".repeat(250_000));
    let twice = (0..200_000).map(|i| format!("key{}: v", i % 100)).collect::<Vec<_>>().join("\n");
    let tags = "!a ".repeat(1_300_000);
    let brackets = "{".repeat(4_000_000);
    for text in [many_keys, one_line, one_text, twice, tags, brackets] {
        let started = Instant::now();
        let _ = parse(&SourceFile::new("s", text.as_str()));
        let took = started.elapsed();
        assert!(took.as_secs() < 10, "{took:?} for {}", &text[..20]);
    }
}

fn document(text: &str) -> (SourceFile, Document) {
    let file = SourceFile::new("stack.yaml", text);
    let document = parse(&file).unwrap();
    (file, document)
}

#[test]
fn an_alias_and_a_merge_say_where_they_brought_it_in() {
    let text = "x: &x { p: 1 }\na: { <<: *x }\nb: *x\n";
    let (_, document) = document(text);
    let merged = document.places.find(&Pointer::parse("/a/p"));
    assert_eq!((&text[merged.value], &text[merged.via.clone().unwrap()]), ("1", "*x"));
    assert_eq!(merged.via.unwrap().start, text.find("*x").unwrap());
    let alias = document.places.find(&Pointer::parse("/b/p"));
    assert_eq!(alias.via.unwrap().start, text.rfind("*x").unwrap());
    let missing = document.places.find(&Pointer::parse("/b/q/r"));
    assert!(!missing.exact);
    assert_eq!(&text[missing.value], "{ p: 1 }");
}

#[test]
fn an_override_says_its_own_places() {
    let text = SAMPLES[SAMPLES.len() - 1];
    let (_, document) = document(text);
    let merged = document.environment("dev");
    let expected = json!({ "name": "deep-learning", "e": { "a": { "count": 4, "b": 1 } }, "l": [3] });
    assert_eq!(merged.value, expected);
    let said = |pointer: &str| {
        let place = merged.places.find(&Pointer::parse(pointer));
        (text[place.value].to_owned(), place.replaced.map(|span| text[span].to_owned()))
    };
    assert_eq!(said("/e/a/count"), ("4".to_owned(), Some("2".to_owned())));
    assert_eq!(said("/e/a/b"), ("1".to_owned(), None));
    assert_eq!(said("/l/0"), ("3".to_owned(), None));
    assert_eq!(said("/l"), ("[3]".to_owned(), Some("[1, 2]".to_owned())));
    assert_eq!(said("/e/a").0, "{ count: 2, b: 1 }");
    assert_eq!(said("/environments/dev/overrides/l").0, "[3]");
    assert!(!merged.places.find(&Pointer::parse("/gone")).exact);
    assert_eq!(document.environment("no-such").value.pointer("/l/1"), Some(&json!(2)));
}

#[test]
fn a_fix_keeps_the_style_of_what_it_replaces() {
    let (file, document) = document("a: \"on'e\"\nb: 'one'\nc: one\nd: 1.10\nf: [1, 2]\n\"k\": |\n  text\n");
    let fixed_by = |pointer: &str, new: Replacement| {
        let issue = Issue::new(Code::WrongType, Pointer::parse(pointer), "m").fix_by(new, "t");
        locate(issue, &file, &document.places).fix.map(|fix| fix.replacement)
    };
    let fixed = |pointer: &str, new: &str| fixed_by(pointer, Replacement::Text(new.to_owned()));
    assert_eq!(fixed("/a", "a \"b\"").as_deref(), Some(r#""a \"b\"""#));
    assert_eq!(fixed("/b", "it's").as_deref(), Some("'it''s'"));
    assert_eq!(fixed("/c", "two").as_deref(), Some("two"));
    for text in ["true", "1.5", "a: b", "- a", "a #b", "[a]", "a, b", "${a.b}", "", "x:"] {
        assert_eq!(fixed("/c", text), Some(format!("\"{text}\"")));
    }
    assert_eq!(fixed_by("/d", Replacement::Quoted).as_deref(), Some("\"1.10\""));
    assert_eq!(fixed_by("/b", Replacement::Quoted), None);
    assert_eq!(fixed_by("/b", Replacement::Yaml("true".to_owned())).as_deref(), Some("true"));
    assert_eq!(fixed_by("/f", Replacement::Yaml("[2, 1]".to_owned())).as_deref(), Some("[2, 1]"));
    assert_eq!(fixed("/k", "x"), None);
    assert_eq!(fixed("/k", "two"), None);
    assert_eq!(fixed("/gone", "two"), None);
    let key = Issue::new(Code::UnknownKey, Pointer::parse("/k"), "m").on_key().fix("l", "t");
    assert_eq!(locate(key, &file, &document.places).fix.unwrap().replacement, "\"l\"");
}

fn survives(bytes: &[u8]) {
    let Ok(file) = SourceFile::from_bytes("s.yaml", bytes) else { return };
    match parse(&file) {
        Ok(document) => {
            places_agree(file.text(), &document.value, &document.places);
            let merged = document.environment("dev");
            places_agree(file.text(), &merged.value, &merged.places);
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                for label in problem.secondary.iter().chain([&problem.primary]) {
                    assert!(file.text().get(label.span.clone()).is_some(), "{label:?}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cut_and_mutated_files_are_answered(
        sample in 0..SAMPLES.len(),
        cut in 0.0..1.0f64,
        at in 0.0..1.0f64,
        noise in proptest::collection::vec(prop_oneof![any::<u8>(), proptest::sample::select(b"{}[]:,-&*!|>'\"%@`#?~<\n\t ".to_vec())], 0..6),
    ) {
        let mut bytes = SAMPLES[sample].as_bytes().to_vec();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a share of a short length")]
        let share = |of: usize, part: f64| (of as f64 * part) as usize;
        let place = share(bytes.len(), at);
        bytes.splice(place..place, noise);
        bytes.truncate(share(bytes.len() + 1, 1.0 - cut * cut * cut));
        survives(&bytes);
    }

    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        survives(&bytes);
    }
}
