//! Runs that are killed at a boundary of their requests, and run again.

use std::io::Write as _;
use std::path::Path;
use std::process::Output;

use crate::cloud::Cloud;
use crate::project;
use crate::tools::python;

fn killed(script: &str, points: &[&str]) -> Output {
    let cloud = Cloud::join();
    let at = tempfile::tempdir().unwrap();
    project::write(at.path(), &project::reference());
    let mut command = python(&format!("tests/cloud/{script}.py"));
    command.arg(Path::new(env!("CARGO_BIN_EXE_smstack"))).arg(cloud.url.rsplit(':').next().unwrap());
    command.arg(at.path()).args(points).output().unwrap()
}

/// The count that the script prints last: all points, and how many converged.
fn check(output: &Output, least: usize) {
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let all = said.lines().last().and_then(|line| line.strip_prefix("all: ")).unwrap();
    let (tried, converged) = all.split_once(" points, ").unwrap();
    assert!(tried.parse::<usize>().unwrap() >= least, "{said}");
    assert_eq!(converged, format!("{tried} converged"), "{said}");
    std::io::stderr().write_all(said.as_bytes()).unwrap();
}

/// Where it matters most: a change set that is made, executed, or followed.
#[test]
fn a_killed_run_is_taken_up_by_the_next() {
    check(&killed("kill", &["14.after", "17.before"]), 6);
}

#[test]
#[ignore = "a quarter of an hour: `cargo test --test it kill:: -- --ignored --nocapture`"]
fn at_every_point_a_killed_run_is_taken_up_by_the_next() {
    check(&killed("kill", &[]), 250);
}

/// Among the uploads, and where `latest` moves.
#[test]
fn a_killed_publication_is_taken_up_by_the_next() {
    check(&killed("kill_data", &["9.before", "16.after", "22.before", "25.after"]), 3);
}

#[test]
#[ignore = "some minutes: `cargo test --test it kill:: -- --ignored --nocapture`"]
fn at_every_point_a_killed_publication_is_taken_up_by_the_next() {
    check(&killed("kill_data", &[]), 40);
}
