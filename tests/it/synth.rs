//! `synth` as a whole process: reproducible, atomic, and sound on any input.

use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, thread};

use serde_json::Value;
use smstack::commands;
use smstack::diag::has_errors;
use smstack::report::{self, Look};

use crate::project::{self, reference, run, smstack, tree};

#[test]
fn the_same_input_gives_the_same_bytes_anywhere() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    project::write(one.path(), &reference());
    project::write(two.path(), &reference());
    let first =
        smstack(one.path()).arg("synth").env("TZ", "Pacific/Auckland").env("LANG", "C").output().unwrap();
    assert!(first.status.success(), "{first:?}");
    let far = two.path().join("far/away");
    fs::create_dir_all(&far).unwrap();
    let second = smstack(&far)
        .args(["synth", "../../stacks/deep-learning.yaml", "--out", "out"])
        .env("TZ", "America/Los_Angeles")
        .env("LANG", "de_DE.UTF-8")
        .output()
        .unwrap();
    assert!(second.status.success(), "{second:?}");
    let a = tree(&one.path().join("smstack.out/deep-learning"));
    let b = tree(&far.join("out/deep-learning"));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, bytes) in &a {
        assert!(&b[name] == bytes, "{name} differs");
    }
    for wanted in
        ["dev/manifest.json", "dev/pipeline.json", "dev/platform.template.json", "prod/serving.template.json"]
    {
        assert!(a.contains_key(wanted), "{wanted} is missing in {:?}", a.keys());
    }
}

#[test]
fn a_directory_that_is_no_assembly_is_left_alone() {
    let at = tempfile::tempdir().unwrap();
    project::write(at.path(), &reference());
    let precious = at.path().join("smstack.out/deep-learning/dev/thesis.txt");
    fs::create_dir_all(precious.parent().unwrap()).unwrap();
    fs::write(&precious, "years of work").unwrap();
    let output = run(at.path(), &["synth", "--env", "dev"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(fs::read_to_string(&precious).unwrap(), "years of work");
    fs::rename(
        at.path().join("smstack.out/deep-learning/dev"),
        at.path().join("smstack.out/deep-learning/prod"),
    )
    .unwrap();
    let output = run(at.path(), &["synth"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let there: Vec<_> = tree(&at.path().join("smstack.out")).into_keys().collect();
    assert_eq!(there, ["deep-learning/prod/thesis.txt"]);
}

#[test]
fn what_others_put_into_an_assembly_is_not_replaced() {
    let text = reference();
    let changed = project::replaced(&text, "team: ml-platform", "team: another");
    let check = |foreign: &str, arguments: &[&str]| {
        let at = tempfile::tempdir().unwrap();
        project::write(at.path(), &text);
        let synth = |more: &[&str]| run(at.path(), &[&["synth", "deep-learning"], more].concat());
        assert_eq!(synth(arguments).status.code(), Some(0));
        let path = at.path().join("smstack.out/deep-learning/prod").join(foreign);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "mine").unwrap();
        let before = tree(&at.path().join("smstack.out"));
        project::write(at.path(), &changed);
        let output = synth(&[]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        let first = Path::new("smstack.out/deep-learning/prod").join(foreign.split('/').next().unwrap());
        assert!(said.contains(&format!("`{}`: move it", first.display())), "{said}");
        assert!(tree(&at.path().join("smstack.out")) == before, "nothing is changed");
        fs::remove_file(&path).unwrap();
        // A directory that is left empty is somebody's, too.
        let again = synth(&[]).status.code();
        assert_eq!(again, Some(i32::from(foreign.contains('/'))), "{foreign}");
    };
    check("NOTES.md", &[]);
    check("NOTES.md", &["--format", "yaml"]);
    check("platform.template.json", &["--format", "yaml"]);
    check("sub/NOTES.md", &[]);
}

#[test]
fn where_one_environment_is_wrong_nothing_is_written() {
    let at = tempfile::tempdir().unwrap();
    let sound = reference();
    let wrong = sound.replacen("AllTraffic: { count: 4 }", "AllTraffic: { count: 0 }", 1);
    assert_ne!(sound, wrong, "prod is as it was");
    let out = at.path().join("smstack.out");
    project::write(at.path(), &wrong);
    assert_eq!(run(at.path(), &["synth"]).status.code(), Some(3));
    assert!(!out.exists(), "{:?}", tree(&out).keys());
    project::write(at.path(), &sound);
    assert_eq!(run(at.path(), &["synth"]).status.code(), Some(0));
    let before = tree(&out);
    project::write(at.path(), &wrong.replacen("team: ml-platform", "team: another", 1));
    assert_eq!(run(at.path(), &["synth"]).status.code(), Some(3));
    assert!(tree(&out) == before, "{:?}", tree(&out).keys());
    let beside: Vec<_> =
        fs::read_dir(out.join("deep-learning")).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(beside.len(), 2, "{beside:?}");
}

/// Exit 3 with something said, or exit 0 with a whole assembly, and nothing else.
fn sound(at: &Path, text: &[u8], what: &str) {
    fs::write(at.join("stacks/case.yaml"), text).unwrap();
    let out = at.join("smstack.out");
    let _ = fs::remove_dir_all(&out);
    let output = run(at, &["synth", "stacks/case.yaml", "--env", "dev"]);
    match output.status.code() {
        Some(0) => {
            let written = tree(&out);
            assert!(written.keys().any(|name| name.ends_with("manifest.json")), "{what}: no whole assembly");
        }
        // Without the environment that was asked for, the command line is wrong.
        Some(2) => {
            assert!(String::from_utf8_lossy(&output.stderr).contains("no environment"), "{what}: {output:?}");
        }
        Some(3) => {
            assert!(!output.stderr.is_empty(), "{what}: nothing said");
            assert!(!out.exists() || tree(&out).is_empty(), "{what}: a partly written assembly");
        }
        code => panic!("{what}: exit {code:?}\n{}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// What the command does with a text, without a process around it.
fn answer(path: &Path, text: &[u8], what: &str) {
    let (file, diagnostics, assemblies) = commands::assemblies(path, text).unwrap();
    for label in diagnostics.iter().flat_map(|one| one.secondary.iter().chain([&one.primary])) {
        assert!(file.text().get(label.span.clone()).is_some(), "{what}: {label:?}");
    }
    let files = [file];
    let text = report::diagnostics_text(&files, &diagnostics, Look::PLAIN);
    let json: Value = serde_json::from_str(&report::diagnostics_json(&files, &diagnostics)).unwrap();
    assert_eq!(json["diagnostics"].as_array().unwrap().len(), diagnostics.len(), "{what}");
    if has_errors(&diagnostics) {
        assert!(text.contains("error["), "{what}: {text}");
    } else {
        assert!(!assemblies.is_empty(), "{what}: neither an error nor an assembly");
        for assembly in assemblies {
            assert!(assembly.file("manifest.json").is_some(), "{what}: no whole assembly");
        }
    }
}

/// Gives each text to the library, on all cores, and every `nth` to the program as well.
fn all_sound(texts: &[(String, Vec<u8>)], nth: usize) {
    let next = AtomicUsize::new(0);
    let workers = thread::available_parallelism().map_or(2, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let at = tempfile::tempdir().unwrap();
                project::write(at.path(), &reference());
                let path = at.path().join("stacks/case.yaml");
                while let Some((index, (what, text))) = Some(next.fetch_add(1, Ordering::Relaxed))
                    .and_then(|index| Some((index, texts.get(index)?)))
                {
                    answer(&path, text, what);
                    if index % nth == 0 {
                        sound(at.path(), text, what);
                    }
                }
            });
        }
    });
}

#[test]
fn a_file_cut_off_anywhere_is_refused_or_rendered_whole() {
    let text = reference().into_bytes();
    let cut = |end: usize| (format!("cut off at byte {end}"), text[..end].to_vec());
    all_sound(&(0..text.len()).map(cut).collect::<Vec<_>>(), 61);
}

#[test]
fn a_file_with_one_line_spoilt_is_refused_or_rendered_whole() {
    let text = reference();
    let lines: Vec<&str> = text.lines().collect();
    let noise =
        ["\u{0}\u{7}%@`", "{[}]: *nothing", "  - : : -", "\t\tkey: value", "é€𝄞: !!binary x", "<<: *missing"];
    let mut texts = Vec::new();
    for index in 0..lines.len() {
        let with = |replacement: &[&str]| {
            let mut changed = lines[..index].to_vec();
            changed.extend(replacement);
            changed.extend(&lines[index + 1..]);
            changed.join("\n").into_bytes()
        };
        texts.push((format!("line {} deleted", index + 1), with(&[])));
        texts.push((format!("line {} doubled", index + 1), with(&[lines[index], lines[index]])));
        for garbage in noise {
            texts.push((format!("line {} replaced by {garbage:?}", index + 1), with(&[garbage])));
        }
    }
    all_sound(&texts, 13);
}
