//! Each test lays out a small project, asks for sources and reads the answer.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::*;

/// A project's directory with these files; directories come by themselves.
fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        write(root.path(), path, text.as_bytes());
    }
    root
}

fn write(root: &Path, path: &str, bytes: &[u8]) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// `file:PATH` or `tree:PATH:ENTRY`; the pointer is the same text.
fn request(text: &str) -> Request {
    let kind = |rest: &str| {
        let (path, entry) = rest.split_once(':').unwrap();
        (path.to_owned(), RequestKind::Tree { entry: entry.to_owned() })
    };
    let (path, kind) = match text.split_once(':').unwrap() {
        ("file", path) => (path.to_owned(), RequestKind::File),
        (_, rest) => kind(rest),
    };
    Request { path, kind, pointer: text.to_owned() }
}

/// The messages of one request; a request has either problems or an asset.
fn problems(root: &Path, asked: &str) -> Vec<String> {
    let (assets, problems) = collect(root, &[request(asked)]);
    assert_eq!(assets.is_empty(), !problems.is_empty(), "{asked}: {problems:?}");
    for problem in &problems {
        assert_eq!(problem.pointer, asked);
        assert!(!problem.help().is_empty() && !problem.help().ends_with('.'), "{}", problem.help());
    }
    problems.iter().map(ToString::to_string).collect()
}

fn check(files: &[(&str, &str)], asked: &str, messages: &[&str]) {
    assert_eq!(problems(project(files).path(), asked), messages, "{asked}");
}

fn only(root: &Path, asked: &str) -> Asset {
    let request = request(asked);
    let (assets, problems) = collect(root, std::slice::from_ref(&request));
    assert_eq!(problems, []);
    assets.get(&request.path, &request.kind).unwrap().clone()
}

/// The archive's files with mode and text, in their order, having checked that the headers say nothing else.
fn unpack(asset: &Asset) -> Vec<(String, u32, String)> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(asset.bytes.as_slice()));
    let unpack = |entry: io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (0, 0, 0));
        assert_eq!((header.username(), header.groupname()), (Ok(Some("")), Ok(Some(""))));
        let (mode, path) = (header.mode().unwrap(), String::from_utf8(entry.path_bytes().to_vec()).unwrap());
        let mut text = String::new();
        io::Read::read_to_string(&mut entry, &mut text).unwrap();
        (path, mode, text)
    };
    archive.entries().unwrap().map(unpack).collect()
}

fn names(asset: &Asset) -> Vec<String> {
    unpack(asset).into_iter().map(|(name, ..)| name).collect()
}

#[test]
fn a_file_goes_up_as_it_is() {
    let root = project(&[("code/prep.py", "print('ü')\r\n")]);
    let asset = only(root.path(), "file:./code//x/../prep.py");
    assert_eq!(asset.source, "code/prep.py");
    assert_eq!((asset.file_name.as_str(), asset.entry.as_str()), ("prep.py", "prep.py"));
    assert_eq!(asset.key, format!("assets/{}/prep.py", asset.sha256));
    assert_eq!(asset.bytes, "print('ü')\r\n".as_bytes());
    assert_eq!(asset.entry_text().unwrap(), "print('ü')\r\n");
    // printf '\7\0\0\0\0\0\0\0prep.py\0\15\0\0\0\0\0\0\0print('"'ü'"')\r\n' | sha256sum
    assert_eq!(asset.sha256, "56aa1b179a53db5f7ec41f7b3cf9e0f47ea392f361e585d85c0d18d5c5a7ebe4");
}

#[test]
fn a_tree_goes_up_sorted_and_without_what_no_job_needs() {
    let root = project(&[
        ("src/train.py", "import lib\n"),
        ("src/lib/b.py", "b"),
        ("src/lib/a.py", "a"),
        ("src/lib.py", ""),
        ("src/lib/__pycache__/a.pyc", "x"),
        ("src/old.pyc", "x"),
        ("src/.git/config", "x"),
        ("src/submodule/.git", "gitdir: ../../.git/modules/submodule"),
        ("src/.DS_Store", "x"),
        ("src/.ipynb_checkpoints/a", "x"),
        ("src/.venv/bin/python", "x"),
        ("src/smstack.out/x", "x"),
        ("src/smstack.run/deep-learning/dev/model.tar.gz", "x"),
        ("src/.smstack-5kQ0bA/pipeline.json", "x"),
        ("src/.gitignore", "lib\n"),
        (".gitignore", "src\n"),
        (".smstackignore", "*\n"),
    ]);
    let asset = only(root.path(), "tree:src/:./train.py");
    assert_eq!((asset.source.as_str(), asset.entry.as_str()), ("src", "train.py"));
    assert_eq!(asset.key, format!("assets/{}/sourcedir.tar.gz", asset.sha256));
    assert_eq!(names(&asset), [".gitignore", "lib.py", "lib/a.py", "lib/b.py", "train.py"]);
    assert_eq!(asset.entry_text().unwrap(), "import lib\n");
}

#[test]
fn ignore_files_work_as_in_git() {
    let root = project(&[
        ("s/.smstackignore", "\u{feff}# data stays\r\n*.csv\r\n/notes\n!keep.csv\n!vendored.pyc\ntests/\n"),
        ("s/train.py", ""),
        ("s/a.csv", ""),
        ("s/keep.csv", ""),
        ("s/vendored.pyc", ""),
        ("s/notes", ""),
        ("s/sub/notes", ""),
        ("s/sub/.smstackignore", "!a.csv\n/only_here\n"),
        ("s/sub/a.csv", ""),
        ("s/sub/b.csv", ""),
        ("s/sub/only_here", ""),
        ("s/sub/deep/only_here", ""),
        ("s/sub/tests/x.py", ""),
        ("s/after/a.csv", ""),
        ("s/tests/.env", "kept at home, so no problem"),
    ]);
    let expected = ["keep.csv", "sub/a.csv", "sub/deep/only_here", "sub/notes", "train.py", "vendored.pyc"];
    assert_eq!(names(&only(root.path(), "tree:s:train.py")), expected);
}

/// How the manifest of an assembly begins.
const MANIFEST: &str = "{\n  \"version\": 1,\n  \"smstack\": \"0.1.0\",\n  \"tables\": {";

#[test]
fn assemblies_are_left_out_wherever_they_are() {
    let check = |files: &[(&str, &str)], expected: &[&str]| {
        let root = project(files);
        write(root.path(), "train.py", b"");
        let mut expected = [expected, &["train.py"]].concat();
        expected.sort_unstable();
        assert_eq!(names(&only(root.path(), "tree:.:train.py")), expected);
        let surveyed = survey(root.path()).unwrap().into_iter().map(|file| file.path);
        assert_eq!(surveyed.collect::<Vec<_>>(), expected);
    };
    check(
        &[
            ("o2/deep-learning/dev/manifest.json", MANIFEST),
            ("o2/deep-learning/dev/assets/0f/sourcedir.tar.gz", "x"),
            ("o2/deep-learning/prod/manifest.json", "{ \"version\" : 12,\r\n\"smstack\":\"1.0.0\"}"),
            ("o2/deep-learning/prod/x.py", ""),
            // What is written aside has no manifest at first; what was there before has one.
            ("o2/deep-learning/.smstack-5kQ0bA/assets/0f/sourcedir.tar.gz", "x"),
            ("o2/deep-learning/.smstack-Xq1P0y/old/manifest.json", MANIFEST),
            ("o2/deep-learning/notes.txt", ""),
        ],
        &["o2/deep-learning/notes.txt"],
    );
    // Manifests of others, and other files.
    for text in [
        "",
        "{",
        "{\"version\": 1",
        "{\"version\":,\"smstack\":\"\"}",
        "{\"version\": \"1.0\", \"smstack\": \"0.1.0\"}",
        "{\"manifest_version\": 3, \"version\": \"1.0\"}",
        "[{\"version\": 1, \"smstack\": \"0.1.0\"}]",
    ] {
        check(&[("web/a.js", ""), ("web/manifest.json", text)], &["web/a.js", "web/manifest.json"]);
    }
    for path in ["a/Manifest.json", "a/old.manifest.json", "a/manifest.json/x"] {
        check(&[(path, MANIFEST)], &[path]);
    }
    // The source itself is what was asked for, and an ignore file has the last word.
    check(&[("manifest.json", MANIFEST)], &["manifest.json"]);
    let dev = ("o2/s/dev/manifest.json", MANIFEST);
    check(&[(".smstackignore", "!/o2/s/dev\n"), dev], &[dev.0]);
}

#[test]
fn the_request_itself() {
    let files: &[(&str, &str)] =
        &[("code/prep.py", ""), ("code/src/train.py", ""), ("code/src/lib/io.py", "")];
    for (asked, message) in [
        ("file:code/pred.py", "`code/pred.py` does not exist"),
        ("file:code/prep.py/x", "`code/prep.py/x` does not exist"),
        ("tree:cod/src:train.py", "`cod/src` does not exist"),
        ("file:code", "`code` is a directory, not a file"),
        ("file:", "`.` is a directory, not a file"),
        ("tree:code/prep.py:prep.py", "`code/prep.py` is not a directory"),
        ("file:/etc/hostname", "`/etc/hostname` is an absolute path"),
        ("file:../prep.py", "`../prep.py` is outside the project"),
        ("tree:code/../..:x", "`code/../..` is outside the project"),
        ("tree:code/src:trian.py", "`code/src` has no file `trian.py`"),
        ("tree:code/src:io.py", "`code/src` has no file `io.py`"),
        ("tree:code/src:lib", "`lib` in `code/src` is a directory, not a file"),
        ("tree:code/src:../prep.py", "the entry point `../prep.py` is outside `code/src`"),
        ("tree:code/src:/train.py", "the entry point `/train.py` is outside `code/src`"),
        ("tree:code/src:.", "the entry point `.` is outside `code/src`"),
    ] {
        check(files, asked, &[message]);
    }
    check(
        files,
        "file:code/a\0b",
        &["`code/a\0b` can't be read: file name contained an unexpected NUL byte"],
    );
}

#[test]
fn the_way_out_names_what_is_there() {
    let root = project(&[("code/prep.py", ""), ("code/src/train.py", ""), ("code/src/lib/io.py", "")]);
    for (asked, help) in [
        ("file:code/pred.py", "did you mean `code/prep.py`?"),
        ("tree:cod/src:train.py", "did you mean `code/src`?"),
        ("tree:code/src:trian.py", "did you mean `train.py`?"),
        ("tree:code/src:io.py", "did you mean `lib/io.py`?"),
        ("tree:code/src:zzz", "the entry point is relative to `code/src`; create it, or correct its name"),
    ] {
        assert_eq!(collect(root.path(), &[request(asked)]).1[0].help(), help, "{asked}");
    }
}

#[test]
fn an_ignored_entry_point() {
    let train = ("s/train.py", "");
    check(
        &[train, ("s/.smstackignore", "t*.py\n")],
        "tree:s:train.py",
        &["the entry point `train.py` is ignored by `t*.py` of `s/.smstackignore`"],
    );
    check(
        &[train, ("s/__pycache__/x.py", "")],
        "tree:s:__pycache__/x.py",
        &["the entry point `__pycache__/x.py` is ignored by `__pycache__/` of smstack's own patterns"],
    );
    check(
        &[train, ("s/o2/dev/x.py", ""), ("s/o2/dev/manifest.json", MANIFEST)],
        "tree:s:o2/dev/x.py",
        &["the entry point `o2/dev/x.py` is ignored by smstack: `s/o2/dev` is an assembly"],
    );
}

#[test]
fn bad_ignore_files() {
    let train = ("s/train.py", "");
    let found = problems(project(&[train, ("s/a/.smstackignore", "ok\n[b-a]\n")]).path(), "tree:s:train.py");
    assert!(found[0].starts_with("`s/a/.smstackignore` has a bad pattern in line 2: "), "{found:?}");
    let root = project(&[train]);
    write(root.path(), "s/.smstackignore", b"\xff\n");
    assert_eq!(problems(root.path(), "tree:s:train.py"), ["`s/.smstackignore` is not UTF-8"]);
    let root = project(&[train, ("s/.smstackignore/x", "")]);
    assert_eq!(problems(root.path(), "tree:s:train.py"), ["`s/.smstackignore` is not a plain file"]);
}

#[test]
fn secrets_stay_at_home() {
    let key = ["-----BEGIN", " PRIVATE KEY-----\nMII"].concat();
    let files: &[(&str, &str)] =
        &[("s/train.py", ""), ("s/.env", "A=1"), ("s/conf/server.pem", &key), ("s/conf/k.txt", &key)];
    check(
        files,
        "tree:s:train.py",
        &[
            "`s/.env` has the name of a file that holds secrets",
            "`s/conf/server.pem` has the name of a file that holds secrets",
            "`s/conf/k.txt` holds a private key",
        ],
    );
    check(files, "file:s/.env", &["`s/.env` has the name of a file that holds secrets"]);
    check(files, "file:s/conf/k.txt", &["`s/conf/k.txt` holds a private key"]);
    let npmrc = ("s/.npmrc", "//registry.npmjs.org/:_authToken=npm_0123\n");
    check(&[npmrc], "tree:s:.npmrc", &["`s/.npmrc` holds a token of a package registry"]);
    check(&[npmrc], "file:s/.npmrc", &["`s/.npmrc` holds a token of a package registry"]);
    // an entry point that is a secret is told once
    check(&[("s/id_rsa", "")], "tree:s:id_rsa", &["`s/id_rsa` has the name of a file that holds secrets"]);
}

#[test]
fn all_problems_at_once_and_each_where_it_belongs() {
    let root = project(&[("s/train.py", ""), ("s/.env", ""), ("t/x.py", "")]);
    let asked =
        ["tree:s:train.py", "file:no.py", "tree:s:other.py", "tree:s:train.py", "tree:t:x.py", "file:t/x.py"];
    let (assets, problems) = collect(root.path(), &asked.map(request));
    let told: Vec<_> = problems.iter().map(|of| (of.pointer.as_str(), of.path.as_str())).collect();
    assert_eq!(told, [("tree:s:train.py", "s/.env"), ("file:no.py", "no.py"), ("tree:s:other.py", "s")]);
    assert_eq!(assets.objects().count(), 2);
}

#[test]
fn threads_that_share_the_work_find_what_one_finds() {
    let root = project(&[("s/train.py", "x"), ("t/x.py", ""), ("t/.env", ""), ("a.py", "a"), ("b.py", "b")]);
    let asked = ["file:a.py", "tree:s:train.py", "tree:./t:x.py", "file:no.py", "tree:t:x.py", "file:b.py"];
    let asked = asked.map(request);
    // Another environment says the same in other places.
    let elsewhere =
        asked.clone().map(|request| Request { pointer: format!("/e/{}", request.path), ..request });
    for _ in 0..50 {
        let sources = Sources::new(root.path());
        std::thread::scope(|scope| {
            for asked in [&asked, &elsewhere, &asked] {
                let (sources, root) = (&sources, root.path());
                scope.spawn(move || assert_eq!(sources.collect(asked), collect(root, asked)));
            }
        });
    }
}

#[test]
fn the_same_content_is_one_object() {
    let root =
        project(&[("s/a.py", "a"), ("s/b.py", "b"), ("t/a.py", "a"), ("t/b.py", "b"), ("u/a.py", "a")]);
    let asked = [
        "tree:s:a.py",
        "tree:s:a.py",
        "tree:s:b.py",
        "tree:t:a.py",
        "file:s/a.py",
        "file:t/a.py",
        "tree:u:a.py",
    ];
    let (assets, problems) = collect(root.path(), &asked.map(request));
    assert_eq!(problems, []);
    let keys: BTreeSet<&str> = assets.objects().map(|asset| asset.key.as_str()).collect();
    assert_eq!((assets.objects().count(), keys.len()), (3, 3));
    let entry = |text: &str| assets.get("s", &request(text).kind).unwrap().entry_text();
    assert_eq!((entry("tree:s:a.py"), entry("tree:s:b.py")), (Some("a".to_owned()), Some("b".to_owned())));
}

#[test]
fn no_two_trees_run_together() {
    let layouts: &[&[(&str, &str)]] = &[
        &[("s/t", ""), ("s/a", "bc")],
        &[("s/t", ""), ("s/ab", "c")],
        &[("s/t", ""), ("s/a", "b"), ("s/c", "")],
        &[("s/t", ""), ("s/a/b", "c")],
        &[("s/t", "a"), ("s/bc", "")],
    ];
    let hashes: BTreeSet<String> =
        layouts.iter().map(|files| only(project(files).path(), "tree:s:t").sha256).collect();
    assert_eq!(hashes.len(), layouts.len());
}

#[test]
fn byte_identical_wherever_and_whenever() {
    let long = format!("s/{}/{}.py", "d".repeat(90), "ü".repeat(60));
    let mut files = vec![
        ("s/train.py", "print(1)\r\n"),
        ("s/Train.py", "A"),
        ("s/é.py", "nfc"),
        ("s/e\u{301}.py", "nfd"),
        (&long, ""),
    ];
    let first = project(&files);
    files.reverse();
    let second = project(&files);
    let elsewhere = second.path().join("a/b/c");
    fs::create_dir_all(&elsewhere).unwrap();
    fs::rename(second.path().join("s"), elsewhere.join("s")).unwrap();
    let file = fs::File::options().write(true).open(elsewhere.join("s/train.py")).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1)).unwrap();
    set_mode(&elsewhere.join("s/Train.py"), 0o600);
    let (one, other) = (only(first.path(), "tree:s:train.py"), only(&elsewhere, "tree:s:train.py"));
    assert_eq!(one, other);
    assert_eq!(unpack(&one).len(), 5);
    assert!(names(&one).iter().any(|name| long.ends_with(name)));
    assert_eq!(one.bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255], "no time, no name, no system");
}

#[test]
fn what_is_too_large_is_refused() {
    let root = project(&[("s/a.py", "12345"), ("s/b/c.py", "12345"), ("s/b/d/e.py", "")]);
    for (limits, asked, message) in [
        (Limits { bytes: 9, ..LIMITS }, "tree:s:a.py", "`s/b/c.py` makes the source exceed 9 bytes"),
        (Limits { bytes: 4, ..LIMITS }, "file:s/a.py", "`s/a.py` makes the source exceed 4 bytes"),
        (Limits { files: 4, ..LIMITS }, "tree:s:b/c.py", "`s` holds more than 4 files"),
        (Limits { depth: 2, ..LIMITS }, "tree:s:a.py", "`s/b/d` is more than 2 directories deep"),
    ] {
        let (assets, problems) = Sources::within(root.path(), limits).collect(&[request(asked)]);
        assert!(assets.is_empty());
        assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [message]);
    }
    let exact = Limits { bytes: 10, files: 5, depth: 3 };
    assert_eq!(Sources::within(root.path(), exact).collect(&[request("tree:s:a.py")]).1, []);
}

#[test]
fn the_project_may_be_the_source_but_must_be_there() {
    let root = project(&[("train.py", "")]);
    assert_eq!(names(&only(root.path(), "tree:.:train.py")), ["train.py"]);
    let (_, problems) = collect(&root.path().join("absent"), &[request("file:train.py")]);
    assert!(matches!(problems[0].kind, ProblemKind::Unreadable { .. }));
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) {}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn the_executable_bit_counts_and_no_other() {
        let root = project(&[("s/train.py", ""), ("s/run.sh", "")]);
        let before = only(root.path(), "tree:s:train.py");
        let script = only(root.path(), "file:s/run.sh");
        set_mode(&root.path().join("s/run.sh"), 0o711);
        let after = only(root.path(), "tree:s:train.py");
        let modes: Vec<u32> = unpack(&after).into_iter().map(|(_, mode, _)| mode).collect();
        assert_eq!(modes, [0o755, 0o644]);
        assert_ne!(before.sha256, after.sha256);
        assert_eq!(script, only(root.path(), "file:s/run.sh"), "an object has no mode");
    }

    #[test]
    fn links_that_stay_inside_are_followed() {
        let root = project(&[("s/train.py", "t"), ("s/lib/a.py", "a")]);
        symlink("lib", root.path().join("s/also")).unwrap();
        symlink("../train.py", root.path().join("s/lib/link.py")).unwrap();
        let files = unpack(&only(root.path(), "tree:s:also/link.py"));
        let files: Vec<(&str, &str)> =
            files.iter().map(|(name, _, text)| (name.as_str(), text.as_str())).collect();
        let expected = [
            ("also/a.py", "a"),
            ("also/link.py", "t"),
            ("lib/a.py", "a"),
            ("lib/link.py", "t"),
            ("train.py", "t"),
        ];
        assert_eq!(files, expected);
    }

    #[test]
    fn other_links_are_problems() {
        let root = project(&[("s/train.py", ""), ("common/a.py", ""), ("s/sub/x.py", "")]);
        let link = |target: &str, path: &str| symlink(target, root.path().join(path)).unwrap();
        link("../common", "s/common");
        link("/", "s/everything");
        link("nowhere", "s/broken.py");
        link("loop", "s/loop");
        link("..", "s/sub/up");
        let expected = [
            "the link `s/broken.py` to `nowhere` can't be followed: nothing is there",
            "the link `s/common` leads out of the source, to `../common`",
            "the link `s/everything` leads out of the source, to `/`",
            "the link `s/sub/up` leads back to a directory that it is in, `..`",
        ];
        let mut found = problems(root.path(), "tree:s:train.py");
        let looped = found.remove(3);
        assert!(looped.starts_with("the link `s/loop` to `loop` can't be followed: "), "{looped}");
        assert_eq!(found, expected);
        write(root.path(), "s/.smstackignore", b"common\nevery*\nbroken.py\nloop\n/sub/up\n");
        assert_eq!(names(&only(root.path(), "tree:s:train.py")), ["sub/x.py", "train.py"]);
    }

    #[test]
    fn a_request_that_is_a_link() {
        let (root, other) = (project(&[("s/train.py", "t")]), project(&[("s/train.py", "t")]));
        symlink(other.path().join("s"), root.path().join("out")).unwrap();
        symlink("s/train.py", root.path().join("in.py")).unwrap();
        symlink("nowhere", root.path().join("broken")).unwrap();
        assert_eq!(only(root.path(), "file:in.py").file_name, "in.py");
        for (asked, message) in [
            ("tree:out:train.py", "the link `out` leads out of the source, to "),
            ("file:out/train.py", "the link `out/train.py` leads out of the source, to "),
            ("file:broken", "the link `broken` to `nowhere` can't be followed: "),
        ] {
            assert!(problems(root.path(), asked)[0].starts_with(message), "{asked}");
        }
    }

    #[test]
    fn links_that_multiply_come_to_an_end() {
        let root = project(&[("s/train.py", ""), ("s/d20/x.py", "")]);
        for level in 0..20 {
            let directory = root.path().join(format!("s/d{level}"));
            fs::create_dir(&directory).unwrap();
            for name in ["a", "b", "c"] {
                symlink(format!("../d{}", level + 1), directory.join(name)).unwrap();
            }
        }
        let limits = Limits { files: 2_000, ..LIMITS };
        let (_, problems) = Sources::within(root.path(), limits).collect(&[request("tree:s:train.py")]);
        assert_eq!(problems[0].to_string(), "`s` holds more than 2000 files");
    }

    #[test]
    fn a_link_does_not_hide_a_secret() {
        let root = project(&[("s/train.py", ""), ("s/.aws/config", "")]);
        symlink("../s/.aws", root.path().join("s/settings")).unwrap();
        let expected = ["s/.aws/config", "s/settings/config"];
        assert_eq!(
            problems(root.path(), "tree:s:train.py"),
            expected.map(|path| format!("`{path}` has the name of a file that holds secrets"))
        );
    }

    #[test]
    fn a_link_to_an_assembly_is_one_and_a_link_in_place_of_a_manifest_makes_none() {
        let root = project(&[("s/train.py", ""), ("s/o2/dev/manifest.json", MANIFEST), ("s/a/x.py", "")]);
        symlink("o2/dev", root.path().join("s/latest")).unwrap();
        symlink("x.py", root.path().join("s/a/manifest.json")).unwrap();
        let expected = ["a/manifest.json", "a/x.py", "train.py"];
        assert_eq!(names(&only(root.path(), "tree:s:train.py")), expected);
    }

    #[test]
    fn special_files_and_names() {
        let root = project(&[("s/train.py", "")]);
        let _socket = UnixListener::bind(root.path().join("s/a.sock")).unwrap();
        fs::write(root.path().join("s").join(OsStr::from_bytes(b"b\xff.py")), "").unwrap();
        assert_eq!(
            problems(root.path(), "tree:s:train.py"),
            ["`s/a.sock` is a socket, not a file", "the name of `s/b\u{fffd}.py` is not UTF-8"]
        );
        assert_eq!(problems(root.path(), "file:s/a.sock"), ["`s/a.sock` is a socket, not a file"]);
    }

    #[test]
    fn an_unreadable_file_is_named() {
        let root = project(&[("s/train.py", ""), ("s/a.py", ""), ("s/d/x.py", "")]);
        set_mode(&root.path().join("s/a.py"), 0);
        set_mode(&root.path().join("s/d"), 0);
        if fs::read(root.path().join("s/a.py")).is_ok() {
            return; // root reads everything
        }
        let denied = "can't be read: Permission denied (os error 13)";
        assert_eq!(
            problems(root.path(), "tree:s:train.py"),
            [format!("`s/d` {denied}"), format!("`s/a.py` {denied}")]
        );
        set_mode(&root.path().join("s/d"), 0o700);
    }
}
