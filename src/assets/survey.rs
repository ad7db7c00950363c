//! What a directory of data holds: as a source tree, but of any size, and listed rather than packed.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Limits, MAX_DEPTH, Problem, ProblemKind, Request, RequestKind, Secret, is_absent, secret, tree};

/// The most files that a directory of data may hold.
pub const MOST_DATA_FILES: usize = 1_000_000;

/// A file of a directory of data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// Relative to the directory, with `/`.
    pub path: String,
    /// Where its bytes are, links resolved.
    pub real: PathBuf,
}

/// All files of a directory, sorted by path, without those that ignore files name.
///
/// # Errors
/// Everything that stands in the way.
pub fn survey(directory: &Path) -> Result<Vec<DataFile>, Vec<Problem>> {
    let shown = directory.to_string_lossy().replace('\\', "/");
    let request = Request {
        path: shown.clone(),
        kind: RequestKind::Tree { entry: String::new() },
        pointer: String::new(),
    };
    let problem = |kind| vec![Problem::new(kind, &request, &shown)];
    let real = match fs::canonicalize(directory) {
        Ok(real) => real,
        Err(error) if is_absent(&error) => return Err(problem(ProblemKind::Missing { near: Vec::new() })),
        Err(error) => return Err(problem(ProblemKind::unreadable(&error))),
    };
    if !real.is_dir() {
        return Err(problem(ProblemKind::NotADirectory));
    }
    let limits = Limits { bytes: u64::MAX, files: MOST_DATA_FILES, depth: MAX_DEPTH };
    let found = tree::walk(&real, shown.trim_end_matches('/'), &request, limits);
    if !found.problems.is_empty() {
        return Err(found.problems);
    }
    let mut files: Vec<DataFile> =
        found.entries.into_iter().map(|entry| DataFile { path: entry.path, real: entry.real }).collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Whether the first bytes of a file hold a secret, or all of them when it is short.
pub fn secret_in(path: &str, bytes: &[u8]) -> Option<Secret> {
    secret::in_content(path, bytes)
}
