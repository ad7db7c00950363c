//! Any bytes as a stack file: validated, and rendered if it is valid.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use smstack::commands;
use tempfile::TempDir;

static PROJECT: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a directory can be made"));

fuzz_target!(|bytes: &[u8]| {
    let path: PathBuf = PROJECT.path().join("fuzz.yaml");
    let (file, found, _) = commands::assemblies(&path, bytes).expect("there are no shapes to be read");
    for problem in found {
        assert!(file.text().get(problem.primary.span.clone()).is_some(), "{problem:?}");
    }
});
