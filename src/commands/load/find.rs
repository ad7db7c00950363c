//! Which stack files a command line means.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::Stop;
use crate::diag::{nearest, or_list};

/// The files that the command line means, or all of `stacks/`.
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
    named.iter().map(|name| resolve(name, &there)).collect()
}

fn resolve(name: &Path, there: &[PathBuf]) -> Result<PathBuf, Stop> {
    if name.is_file() {
        return Ok(name.to_owned());
    }
    if name.exists() {
        let what = if name.is_dir() { "is a directory, and not a stack file" } else { "is no regular file" };
        return Err(Stop::usage(format!("`{}` {what}", name.display())));
    }
    let stem =
        |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    if let Some(found) = there.iter().find(|path| name.as_os_str() == stem(path).as_str()) {
        return Ok(found.clone());
    }
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
        let yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if yaml && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
