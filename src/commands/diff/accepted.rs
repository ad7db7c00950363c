//! The files that say which risks are accepted: found, read, and held against a diff.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::super::{Stop, load};
use super::git::Repository;
use super::input::{self, New};
use crate::diag::{Diagnostic, arrange};
use crate::diff::{self, ACCEPT_FILE, Acceptance, Diff};
use crate::report;
use crate::source::{self, Document, SourceFile};

/// Accepted risks, file by file.
pub(super) struct Files(Vec<(SourceFile, Document, Vec<Acceptance>)>);

impl Files {
    /// The files beside what is compared, in its project's directory, and at the top of its repository.
    pub(super) fn find(new: &New) -> Result<Files, Stop> {
        let here = [PathBuf::from("stacks/x")];
        let paths: Vec<&Path> = match new {
            New::Stacks(named) if named.is_empty() => here.iter().map(PathBuf::as_path).collect(),
            New::Stacks(named) => named.iter().map(PathBuf::as_path).collect(),
            New::Document(path) | New::Assembly(path) => vec![path],
        };
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        let mut problems = (Vec::new(), Vec::new());
        for path in paths {
            // A name in `stacks/` lies there.
            let path = if path.exists() { path.to_owned() } else { Path::new("stacks").join(path) };
            let repository = Repository::around(&path).ok().flatten();
            let homes = [path.parent().unwrap_or(Path::new("")), load::project(&path)];
            let homes = homes.into_iter().chain(repository.as_ref().map(Repository::root));
            for file in homes.map(|home| home.join(ACCEPT_FILE)).filter(|file| file.is_file()) {
                if seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())) {
                    match read(&file)? {
                        Ok(read) => found.push(read),
                        Err((file, found)) => {
                            problems.0.push(file);
                            problems.1.extend(found);
                        }
                    }
                }
            }
        }
        let (files, mut problems) = problems;
        arrange(&mut problems);
        if let Some(first) = files.first() {
            report::diagnostics(&files, &problems);
            return Err(input::invalid(format!("`{}` is invalid", first.path())));
        }
        Ok(Files(found))
    }

    /// Holds a diff against them, and says which hold nothing.
    pub(super) fn hold(&self, diff: &mut Diff) {
        let entries: Vec<Acceptance> = self.0.iter().flat_map(|(.., entries)| entries.clone()).collect();
        if entries.is_empty() {
            return;
        }
        let now = jiff::Timestamp::now().to_string();
        diff.accept(&entries, now.split('T').next().unwrap_or_default());
        let mut told = diff.accepted.iter();
        let mut found = Vec::new();
        for (file, document, entries) in &self.0 {
            let idle =
                told.by_ref().take(entries.len()).enumerate().filter_map(|(at, it)| diff::idle(it, at));
            found.extend(idle.map(|issue| source::locate(issue, file, &document.places)));
        }
        if !found.is_empty() {
            arrange(&mut found);
            let files: Vec<_> = self.0.iter().map(|(file, ..)| file.clone()).collect();
            report::diagnostics(&files, &found);
        }
    }
}

/// A file with its entries, or with what is wrong with it.
type Read = Result<(SourceFile, Document, Vec<Acceptance>), (SourceFile, Vec<Diagnostic>)>;

fn read(path: &Path) -> Result<Read, Stop> {
    let shown = load::shown(path);
    let bytes = load::read(path).map_err(|error| anyhow::anyhow!("cannot read `{shown}`: {error}"))?;
    let file = match SourceFile::from_bytes(shown, &bytes) {
        Ok(file) => file,
        Err(problem) => {
            let (file, diagnostic) = *problem;
            return Ok(Err((file, vec![diagnostic])));
        }
    };
    Ok(match source::parse(&file) {
        Err(problems) => Err((file, problems)),
        Ok(document) => match diff::read_accepted(&document.value) {
            Ok(entries) => Ok((file, document, entries)),
            Err(issues) => {
                let found =
                    issues.into_iter().map(|it| source::locate(it, &file, &document.places)).collect();
                Err((file, found))
            }
        },
    })
}
