use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::*;

/// A directory with these files.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let at = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = at.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    at
}

fn survey(at: &Path) -> Result<Survey, Vec<String>> {
    let said = |errors: Vec<LocalError>| {
        assert!(errors.iter().all(|error| !error.help().is_empty()));
        errors.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    read(at, "bucket", "raw/", &|_, _| ()).map_err(said)
}

/// What a file of that name and content holds.
fn schema(name: &str, text: &str, expected: &Value) {
    let found = survey(directory(&[(name, text)]).path()).unwrap();
    let columns = found.schemas.iter().map(|schema| {
        let columns = schema
            .columns
            .iter()
            .map(|it| format!("{} {}{}", it.name, it.kind.as_str(), if it.nulls { "?" } else { "" }));
        json!({ "rows": schema.rows, "columns": columns.collect::<Vec<_>>() })
    });
    assert_eq!(Value::Array(columns.collect()), *expected, "{text}");
}

#[test]
fn rows_tell_their_columns() {
    let check = schema;
    check(
        "a.csv",
        "id,price,name,ok,empty\n1,2,\"x,\ny\",true,\n-2,2.5e1,z,False,\n",
        &json!([{ "rows": 2, "columns": ["id integer", "price number", "name text", "ok boolean", "empty null?"] }]),
    );
    check("a.csv", "1,2\n3,x\n", &json!([{ "rows": 2, "columns": ["column_1 integer", "column_2 text"] }]));
    check("a.tsv", "a\tb\r\n1\t\r\n", &json!([{ "rows": 1, "columns": ["a integer", "b null?"] }]));
    check("a.csv", "a,b\n1,2,3\n", &json!([]));
    check("a.csv", "a,b\n\u{0},\"never closed", &json!([{ "rows": 1, "columns": ["a text", "b text"] }]));
    check("a.csv", "", &json!([]));
    check(
        "a.jsonl",
        "{\"a\": 1, \"b\": [1]}\n\n{\"a\": 1.5, \"c\": null}",
        &json!([{ "rows": 2, "columns": ["a number", "b json?"] }]),
    );
    check("a.jsonl", "{\"a\": 1}\nnot json\n", &json!([]));
    check("a.bin", "a,b\n1,2\n", &json!([]));
    // A row that never ends is given up, not kept.
    check("a.csv", &format!("a\n\"{}", "x".repeat(3 << 20)), &json!([]));
    check("a.jsonl", &"x".repeat(3 << 20), &json!([]));
}

#[test]
fn a_version_is_named_by_paths_and_contents_alone() {
    let files = [("b/two.csv", "a,b\n1,2\n"), ("one.csv", "a,b\n3,4.5\n5,\n")];
    let (first, second) = (directory(&files), directory(&[files[1], files[0]]));
    let (one, two) = (survey(first.path()).unwrap(), survey(second.path()).unwrap());
    assert_eq!(one.sha256, two.sha256);
    assert!(is_name(&name(&one.sha256)));
    assert_eq!(one.schemas, two.schemas);
    assert_eq!((one.schemas.len(), one.schemas[0].files, one.schemas[0].rows), (1, 2, 3));
    let paths: Vec<&str> = one.files.iter().map(|it| it.file.path.as_str()).collect();
    assert_eq!(paths, ["b/two.csv", "one.csv"]);
    fs::write(first.path().join("one.csv"), "a,b\n3,4.5\n5,1\n").unwrap();
    assert_ne!(survey(first.path()).unwrap().sha256, two.sha256);
    // Moved, it is another version, too.
    fs::rename(second.path().join("one.csv"), second.path().join("three.csv")).unwrap();
    assert_ne!(survey(second.path()).unwrap().sha256, two.sha256);
}

/// SHA-256 of «hello» as S3 writes it, and of an object in two parts as S3 computes it.
#[test]
fn checksums_are_those_of_s3() {
    let found = survey(directory(&[("a", "hello")]).path()).unwrap();
    assert_eq!(found.files[0].file.checksum, "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=");
    let at = tempfile::tempdir().unwrap();
    let size = usize::try_from(local::PART_BYTES).unwrap();
    fs::write(at.path().join("a"), vec![1; size + 1]).unwrap();
    let found = survey(at.path()).unwrap();
    let parts: Vec<[u8; 32]> =
        [vec![1; size], vec![1]].iter().map(|part: &Vec<u8>| Sha256::digest(part).into()).collect();
    assert_eq!(found.files[0].parts, parts);
    let expected = format!("{}-2", crate::aws::checksum(Sha256::digest(parts.concat()).into()));
    assert_eq!(found.files[0].file.checksum, expected);
    fs::write(at.path().join("a"), vec![1; size]).unwrap();
    assert_eq!(survey(at.path()).unwrap().files[0].parts.len(), 1);
    assert!((80_u64 << 30).div_ceil(local::part_bytes(80 << 30)) <= 10_000);
    assert!((5_u64 << 40).div_ceil(local::part_bytes(5 << 40)) <= 10_000);
}

#[test]
fn what_cannot_be_published_is_refused_with_a_way_out() {
    let check = |files: &[(&str, &str)], expected: &[&str]| {
        let at = directory(files);
        let said = survey(at.path()).unwrap_err();
        let shown = at.path().display().to_string();
        let said: Vec<String> = said.iter().map(|one| one.replace(&shown, "DIR")).collect();
        assert_eq!(said, expected);
    };
    check(&[], &["`DIR` holds no file"]);
    check(&[("a.txt", "x"), (".smstackignore", "*.txt\n")], &["`DIR` holds no file"]);
    check(&[(".env", "x")], &["`DIR/.env` has the name of a file that holds secrets"]);
    check(&[("a.txt", "-----BEGIN PRIVATE KEY-----\n")], &["`a.txt` holds a private key"]);
    check(&[("a\nb", "x")], &["`a\\nb` cannot be the name of an object: it has a control character in it"]);
    let deep = ["d".repeat(250), "d".repeat(250), "d".repeat(250), "d".repeat(250)].join("/");
    let said = "with what goes before it, the key has 1033 bytes, and 1024 are possible";
    check(&[(&deep, "x")], &[&format!("`{deep}` cannot be the name of an object: {said}")]);
}

#[cfg(unix)]
#[test]
fn a_link_that_leaves_the_directory_is_refused() {
    let at = directory(&[("a", "x")]);
    std::os::unix::fs::symlink("/etc/hostname", at.path().join("b")).unwrap();
    let said = survey(at.path()).unwrap_err();
    assert!(said[0].contains("leads out of the source"), "{said:?}");
    assert!(survey(&at.path().join("absent")).unwrap_err()[0].contains("does not exist"));
    assert!(survey(&at.path().join("a")).unwrap_err()[0].contains("is not a directory"));
}

fn described(schemas: &[Schema]) -> Description {
    Description {
        version: FORM,
        dataset: "d".into(),
        id: "0".repeat(16),
        sha256: String::new(),
        files: 0,
        bytes: 0,
        rows: None,
        schemas: schemas.to_vec(),
        published: String::new(),
        by: String::new(),
        git: None,
        stack: String::new(),
        environment: String::new(),
        smstack: String::new(),
    }
}

#[test]
fn versions_are_compared_by_files_and_columns() {
    let one = survey(directory(&[("a.csv", "x,y\n1,2\n"), ("b.csv", "x,y\n1,2\n")]).path()).unwrap();
    let two = survey(directory(&[("a.csv", "x,z\n1,2\n"), ("c.csv", "x,z\n1.5,\n")]).path()).unwrap();
    let listed = |survey: &Survey| survey.files.iter().map(|it| it.file.clone()).collect::<Vec<_>>();
    let (old, new) = (listed(&one), listed(&two));
    let found = compare((&described(&one.schemas), &old), (&described(&two.schemas), &new));
    let paths = |files: &[File]| files.iter().map(|it| it.path.clone()).collect::<Vec<_>>();
    assert_eq!(paths(&found.added), ["c.csv"]);
    assert_eq!(paths(&found.removed), ["b.csv"]);
    assert_eq!((found.changed.len(), found.same), (1, 0));
    let said = found.schemas.iter().map(|one| match one {
        SchemaDifference::Added(it) => format!("+{}", it.name),
        SchemaDifference::Removed(it) => format!("-{}", it.name),
        SchemaDifference::Changed(was, is) => format!("{} {:?} {:?}", was.name, was.kind, is.kind),
        other => format!("{other:?}"),
    });
    assert_eq!(said.collect::<Vec<_>>(), ["x Integer Number", "-y", "+z"]);
    assert!(compare((&described(&one.schemas), &old), (&described(&one.schemas), &old)).is_empty());
}
