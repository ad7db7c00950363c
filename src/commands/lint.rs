//! `smstack lint`: what is wrong with templates, whoever wrote them.

use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::Context as _;

use super::{Exit, Stop, load, show};
use crate::cli::LintArgs;
use crate::diag::{Code, Diagnostic, arrange, has_errors};
use crate::lint;
use crate::source::SourceFile;

pub(super) fn run(args: &LintArgs) -> Result<Exit, Stop> {
    let mut files = Vec::new();
    let mut diagnostics = Vec::new();
    for path in chosen(&args.files)? {
        let (file, found) = check(&path, args.region.as_deref());
        files.push(file);
        diagnostics.extend(found);
    }
    arrange(&mut diagnostics);
    show(args.format, &files, &diagnostics)?;
    let refused = has_errors(&diagnostics) || args.strict && !diagnostics.is_empty();
    Ok(if refused { Exit::Invalid } else { Exit::Done })
}

fn check(path: &Path, region: Option<&str>) -> (SourceFile, Vec<Diagnostic>) {
    let stdin = path.as_os_str() == "-";
    let shown = if stdin { "<stdin>".to_owned() } else { path.to_string_lossy().replace('\\', "/") };
    let read = if stdin { load::read_all(io::stdin().lock()) } else { load::read(path) };
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("cannot read the file: {error}");
            let problem = Diagnostic::new(Code::FileUnreadable, &shown, message, 0..0);
            return (SourceFile::new(shown, ""), vec![problem]);
        }
    };
    match SourceFile::from_bytes(shown, &bytes) {
        Ok(file) => {
            let found = lint::check(&file, region);
            (file, found)
        }
        Err(problem) => {
            let (file, diagnostic) = *problem;
            (file, vec![diagnostic])
        }
    }
}

/// The files, and of each directory the templates in it.
fn chosen(named: &[PathBuf]) -> Result<Vec<PathBuf>, Stop> {
    let mut found = Vec::new();
    for path in named {
        if path.is_dir() {
            let before = found.len();
            within(path, &mut found)?;
            found[before..].sort();
            if found.len() == before {
                let shown = path.display();
                return Err(Stop::usage(format!("there is no `*.template.json` in `{shown}`")));
            }
        } else if path.as_os_str() == "-" || path.exists() {
            found.push(path.clone());
        } else {
            return Err(Stop::usage(format!("there is no file `{}`", path.display())));
        }
    }
    Ok(found)
}

fn within(directory: &Path, found: &mut Vec<PathBuf>) -> Result<(), Stop> {
    const ENDS: [&str; 3] = [".template.json", ".template.yaml", ".template.yml"];
    let entries = fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            within(&entry.path(), found)?;
        } else if ENDS.iter().any(|end| name.ends_with(end)) {
            found.push(entry.path());
        }
    }
    Ok(())
}
