//! The page of a diff, in a real browser: drawn, readable in light and dark, narrow and without scripts.
//!
//! Chromium comes with a package of npm, so that it installs by name alone; it needs the `libnss3` that most Linux
//! machines have.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::project;
use crate::tools::succeed;

/// Where the browser is; installed on first use from its pinned packages, below `target/`.
fn browser() -> PathBuf {
    let (from, to) =
        (project::root().join("tests/tools/browser"), project::root().join("target/test-tools/browser"));
    fs::create_dir_all(&to).unwrap();
    for file in ["package.json", "package-lock.json", "look.mjs"] {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
    let wanted = fs::read_to_string(from.join("package-lock.json")).unwrap();
    let stamp = to.join("installed.txt");
    if fs::read_to_string(&stamp).ok().as_deref() != Some(wanted.as_str()) {
        succeed(Command::new("npm").args(["ci", "--silent", "--no-audit", "--no-fund"]).current_dir(&to));
        fs::write(&stamp, wanted).unwrap();
    }
    to
}

#[test]
fn the_page_is_drawn_and_loads_nothing() {
    let at = tempfile::tempdir().unwrap();
    let text = project::reference();
    project::write(at.path(), &text);
    let old = project::synth(at.path(), "dev");
    let kept = at.path().join("old");
    fs::rename(&old, &kept).unwrap();
    let text = text.replace("ml.c5.xlarge", "ml.c5.2xlarge");
    let step = "    - processing: evaluate\n";
    let text = text.replace(step, &format!("{step}    - processing: explain\n"));
    let explain = "\n  explain:\n    image: { framework: sklearn, version: 1.2-1 }\n    \
                   instance: { type: ml.m5.xlarge }\n    code: code/preprocessing.py\n    \
                   inputs: { test: { from: preprocess.test, to: /opt/ml/processing/input } }\n\ntraining:\n";
    project::write(at.path(), &text.replace("\ntraining:\n", explain));
    let new = project::synth(at.path(), "dev");
    let output = project::run(
        at.path(),
        &["diff", new.to_str().unwrap(), "--base", kept.to_str().unwrap(), "--format", "html"],
    );
    assert!(output.status.success(), "{output:?}");
    let browser = browser();
    let page = browser.join("diff.html");
    fs::write(&page, &output.stdout).unwrap();
    let look = succeed(Command::new("node").arg("look.mjs").args([&page, &browser]).current_dir(&browser));
    let seen: Vec<Value> = serde_json::from_slice(&look.stdout).unwrap();
    assert_eq!(seen.len(), 3);
    for look in &seen {
        for none in ["elsewhere", "complaints", "overlaps", "overflows"] {
            assert_eq!(look[none].as_array().map(Vec::len), Some(0), "{none}: {:#}", look[none]);
        }
        assert_eq!(look["heading"], "What changes");
        assert_eq!(look["sideways"], false, "{look:#}");
        assert!(look["contrast"].as_f64().unwrap() >= 4.5, "{}", look["contrast"]);
        let pictures = look["pictures"].as_array().unwrap();
        let titles: Vec<&str> = pictures.iter().map(|it| it["title"].as_str().unwrap()).collect();
        let both = |of: &str| [format!("the {of} before"), format!("the {of} after")];
        assert_eq!(titles, [both("pipeline"), both("infrastructure"), both("infrastructure")].concat());
        assert!(pictures.iter().all(|it| it["shown"] == true && it["arrows"].as_u64() > Some(0)), "{look:#}");
        let boxes = |index: usize| -> Vec<&str> {
            pictures[index]["boxes"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect()
        };
        assert!(
            boxes(1).contains(&"added explain") && !boxes(0).contains(&"added explain"),
            "{:?}",
            boxes(1)
        );
        let config = "replaced DeepLearning…EndpointConfig";
        assert!(boxes(5).contains(&config), "{:?}", boxes(5));
    }
    assert_ne!(seen[0]["background"], seen[1]["background"], "light and dark");
}
