//! Which stack files a command line means.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::{Stop, order};
use crate::diag::{nearest, or_list};

/// The files that the command line means, each once, or all of `stacks/`.
pub(in crate::commands) fn find(named: &[PathBuf]) -> Result<Vec<PathBuf>, Stop> {
    let there = in_stacks();
    if named.is_empty() {
        return match there {
            Ok(found) if !found.is_empty() => Ok(found),
            _ => Err(Stop::usage(
                "there is no stack file in `stacks/`: name one, or run this in a project's directory",
            )),
        };
    }
    let there = there.unwrap_or_default();
    let found: Result<Vec<PathBuf>, Stop> = named.iter().map(|name| resolve(name, &there)).collect();
    found.map(each_once)
}

/// The files, each once, however it was named.
pub(in crate::commands) fn each_once(mut files: Vec<PathBuf>) -> Vec<PathBuf> {
    if files.len() > 1 {
        let mut known = HashSet::new();
        files.retain(|path| known.insert(order::identity(path)));
    }
    files
}

/// Whether a path is the bare name of a file in `stacks/`, whatever else has that name.
pub(in crate::commands) fn names_stack(name: &Path) -> bool {
    bare(name, &in_stacks().unwrap_or_default()).is_some()
}

/// The file in `stacks/` of that name, without directory and ending.
fn bare<'a>(name: &Path, there: &'a [PathBuf]) -> Option<&'a PathBuf> {
    if is_yaml(name) { None } else { there.iter().find(|path| path.file_stem() == Some(name.as_os_str())) }
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn resolve(name: &Path, there: &[PathBuf]) -> Result<PathBuf, Stop> {
    // A name means the same whatever lies about in the working directory.
    if let Some(found) = bare(name, there) {
        return Ok(found.clone());
    }
    if name.is_file() {
        return Ok(name.to_owned());
    }
    if name.exists() {
        let what = if name.is_dir() { "is a directory, and not a stack file" } else { "is no regular file" };
        return Err(Stop::usage(format!("`{}` {what}", name.display())));
    }
    let stem =
        |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let names: Vec<String> = there.iter().map(|path| stem(path)).collect();
    let shown = name.display();
    Err(Stop::usage(match nearest(&stem(name), names.iter().map(String::as_str)) {
        Some(near) => format!("there is no stack file `{shown}`: did you mean `{near}`?"),
        None if names.is_empty() => format!("there is no stack file `{shown}`, and none in `stacks/`"),
        None => format!(
            "there is no stack file `{shown}`: there is {}",
            or_list(names.iter().map(String::as_str))
        ),
    }))
}

/// Stack files of the project in a directory, of which there must be one.
pub(in crate::commands) fn in_stacks_of(project: &Path) -> Result<Vec<PathBuf>, Stop> {
    match stack_files(&project.join("stacks")) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(Stop::usage(format!("there is no stack file in `{}`", project.join("stacks").display()))),
    }
}

/// Stack files in `stacks/`, sorted.
fn in_stacks() -> io::Result<Vec<PathBuf>> {
    stack_files(Path::new("stacks"))
}

pub(super) fn stack_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if is_yaml(&path) && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
