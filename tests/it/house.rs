//! The house: floors import downward only, and each third-party thing has one home.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// From the top; rooms of one floor may use each other, but not in a circle.
const FLOORS: &[&[&str]] = &[
    &["main"],
    &["commands"],
    &["cli"],
    &["report"],
    &["deploy", "data", "local", "local_run"],
    &["plan"],
    &["aws"],
    &["diff", "lint", "synth"],
    &["stack", "assets"],
    &["constructs"],
    &["rules", "cfn", "definition", "shapes", "schema", "tables"],
    &["diag", "source"],
];

/// What may be named in which rooms only.
const HOMES: &[(&str, &[&str])] = &[
    ("aws_sdk_", &["aws"]),
    ("aws_config", &["aws"]),
    ("aws_smithy", &["aws"]),
    ("tera::", &["shapes"]),
    ("jsonschema", &["schema"]),
    ("serde_saphyr", &["source", "synth"]),
    ("annotate_snippets", &["report"]),
    ("anstream", &["report"]),
    ("indicatif", &["report"]),
    ("csv_core", &["data"]),
    ("println!", &["report"]),
    ("clap::", &["cli", "commands", "main"]),
];

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The room of a file: the first segment of its path under `src/`.
fn room(path: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let first = path.strip_prefix(root).unwrap().components().next().unwrap();
    first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// Rooms named after `crate::` (or the library's name, in the binary), one by one or in a list.
fn imports(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let code =
        text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    for head in ["crate::", "smstack::"] {
        for (at, _) in code.match_indices(head) {
            let rest = &code[at + head.len()..];
            let list = rest.strip_prefix('{').map(|rest| rest.split('}').next().unwrap_or_default());
            for name in list.map_or_else(|| vec![rest], |list| list.split(',').collect()) {
                let name = name.trim();
                let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(name.len());
                found.insert(name[..end].to_owned());
            }
        }
    }
    found
}

fn each_source(mut visit: impl FnMut(&str, &Path, &str)) {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    files.sort();
    assert!(files.len() > 20, "the sources were not found");
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        visit(&room(&path), &path, &text);
    }
}

#[test]
fn floors_import_downward() {
    let mut wrong = Vec::new();
    let mut sideways = BTreeSet::new();
    each_source(|room, path, text| {
        if room == "lib" {
            return;
        }
        let here = floor(room).unwrap_or_else(|| panic!("{} is on no floor", path.display()));
        for import in imports(text) {
            match floor(&import) {
                Some(there) if there < here => wrong.push(format!("{} imports {import}", path.display())),
                Some(there) if there == here && import != room => {
                    sideways.insert((room.to_owned(), import));
                }
                _ => {}
            }
        }
    });
    assert!(wrong.is_empty(), "upward imports:\n{}", wrong.join("\n"));
    let circles: Vec<_> =
        sideways.iter().filter(|(a, b)| sideways.contains(&(b.clone(), a.clone()))).collect();
    assert!(circles.is_empty(), "rooms of one floor in a circle: {circles:?}");
}

#[test]
fn kinds_do_not_import_each_other() {
    let shared = [
        "dashboard",
        "events",
        "exports",
        "grants",
        "jobs",
        "rendering",
        "scope",
        "serving",
        "table",
        "text",
    ];
    let mut wrong = Vec::new();
    each_source(|room, path, text| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/constructs");
        let Ok(inside) = path.strip_prefix(&root) else { return };
        assert_eq!(room, "constructs");
        let kind = inside
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs")
            .to_owned();
        if shared.contains(&kind.as_str()) {
            return;
        }
        for (at, head) in text.match_indices("constructs::") {
            let rest = &text[at + head.len()..];
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            let name = &rest[..end];
            let lower = name.chars().next().is_some_and(char::is_lowercase);
            if lower && name != kind && !shared.contains(&name) {
                wrong.push(format!("{} imports {name}", path.display()));
            }
        }
    });
    assert!(wrong.is_empty(), "kinds meet through exports only:\n{}", wrong.join("\n"));
}

#[test]
fn each_library_has_one_home() {
    let mut wrong = Vec::new();
    each_source(|room, path, text| {
        for (needle, homes) in HOMES {
            let named = text.lines().any(|line| {
                let code = line.split("//").next().unwrap_or_default();
                code.contains(needle)
            });
            let test =
                path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs");
            if named && !homes.contains(&room) && !test {
                wrong.push(format!("{} names `{needle}`", path.display()));
            }
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_checks_can_fail() {
    assert_eq!(
        imports("use crate::aws::Cloud; use crate::{diag, report::out}; // crate::nothing")
            .into_iter()
            .collect::<Vec<_>>(),
        ["aws", "diag", "report"]
    );
    assert!(floor("commands") < floor("diag"));
}
