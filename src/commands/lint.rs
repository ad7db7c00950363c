//! `smstack lint`: what is wrong with templates and definitions, whoever wrote them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::Context as _;

use super::{Exit, Stop, load, show};
use crate::cli::LintArgs;
use crate::diag::{Code, Diagnostic, arrange, has_errors};
use crate::lint::{self, Examined};
use crate::source::SourceFile;

/// The definition of an assembly, as `synth` calls it.
const DEFINITION: &str = "pipeline.json";

pub(super) fn run(args: &LintArgs) -> Result<Exit, Stop> {
    let mut files = Vec::new();
    let mut diagnostics = Vec::new();
    let mut waiting = chosen(&args.files)?;
    let mut seen: BTreeSet<PathBuf> = waiting.iter().map(|path| same(path)).collect();
    while !waiting.is_empty() {
        let mut more = Vec::new();
        for path in waiting {
            let (file, examined) = check(&path, args.region.as_deref());
            let beside = examined.beside.iter().filter_map(|key| kept(&path, key));
            more.extend(beside.filter(|path| seen.insert(same(path))));
            diagnostics.extend(examined.found);
            files.push(file);
        }
        waiting = more;
    }
    once(&mut diagnostics);
    arrange(&mut diagnostics);
    show(args.format, &files, &diagnostics)?;
    let refused = has_errors(&diagnostics) || args.strict && !diagnostics.is_empty();
    Ok(if refused { Exit::Invalid } else { Exit::Done })
}

fn check(path: &Path, region: Option<&str>) -> (SourceFile, Examined) {
    let stdin = path.as_os_str() == "-";
    let shown = if stdin { "<stdin>".to_owned() } else { path.to_string_lossy().replace('\\', "/") };
    let read = if stdin { load::read_all(io::stdin().lock()) } else { load::read(path) };
    let only = |problem| Examined { found: vec![problem], beside: Vec::new() };
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("cannot read the file: {error}");
            let problem = Diagnostic::new(Code::FileUnreadable, &shown, message, 0..0);
            return (SourceFile::new(shown, ""), only(problem));
        }
    };
    match SourceFile::from_bytes(shown, &bytes) {
        Ok(file) => {
            let examined = lint::examine(&file, region);
            (file, examined)
        }
        Err(problem) => {
            let (file, diagnostic) = *problem;
            (file, only(diagnostic))
        }
    }
}

/// The file beside a template that is uploaded under a key of S3: what follows some `/` of the key names it, in the
/// template's directory or among the assets there.
fn kept(template: &Path, key: &str) -> Option<PathBuf> {
    if template.as_os_str() == "-" {
        return None;
    }
    let directory = template.parent()?;
    let ends = std::iter::successors(Some(key.trim_start_matches('/')), |end| {
        end.split_once('/').map(|(_, rest)| rest)
    });
    let inside =
        |path: &&str| !path.is_empty() && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    ends.filter(inside)
        .flat_map(|end| {
            let asset = format!("asset.{end}");
            [directory.join(end), directory.join("assets").join(end), directory.join(asset)]
        })
        .find(|path| path.is_file())
}

/// A definition that a template holds and that lies beside it as a file has its problems twice: the file's stay.
fn once(diagnostics: &mut Vec<Diagnostic>) {
    let directory = |file: &str| file.rsplit_once('/').map_or("", |(directory, _)| directory).to_owned();
    let of_files: BTreeSet<(String, Code, String, String)> = diagnostics
        .iter()
        .filter(|found| !found.file.ends_with(".template.json") && !found.file.ends_with(".template.yaml"))
        .filter_map(|found| {
            let pointer =
                found.pointer.as_ref().filter(|pointer| !pointer.as_str().starts_with("/Resources/"))?;
            Some((directory(&found.file), found.code, found.message.clone(), pointer.to_string()))
        })
        .collect();
    diagnostics.retain(|found| {
        let Some(pointer) = found.pointer.as_ref().map(ToString::to_string) else { return true };
        let Some((_, inside)) = pointer.split_once("/PipelineDefinitionBody") else { return true };
        let starts = inside.match_indices('/').map(|(at, _)| &inside[at..]);
        !starts.into_iter().any(|inner| {
            of_files.contains(&(directory(&found.file), found.code, found.message.clone(), inner.to_owned()))
        })
    });
}

fn same(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// The files, and of each directory the templates and the definitions in it.
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
        } else if name == DEFINITION || ENDS.iter().any(|end| name.ends_with(end)) {
            found.push(entry.path());
        }
    }
    Ok(())
}
