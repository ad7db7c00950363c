//! `smstack init`: files that a project begins with.

mod project;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use self::project::Project;
use super::load::{self, Loaded};
use super::{Exit, Stop};
use crate::cli::{Ci, InitArgs, Workload};
use crate::diag::has_errors;
use crate::report;

/// A file to write, relative to the project's directory.
struct File {
    path: PathBuf,
    bytes: Vec<u8>,
}

pub(super) fn run(args: &InitArgs) -> Result<Exit, Stop> {
    let (mut files, mut stacks, mut begun) = (Vec::new(), Vec::new(), None);
    if let Some(workload) = workload(args)? {
        let project = Project::new(workload, args)?;
        files = project.files()?;
        let loaded = tried(&project, &files)?;
        if has_errors(&loaded.diagnostics) {
            report::diagnostics(&[loaded.file], &loaded.diagnostics);
            return Ok(Exit::Invalid);
        }
        stacks.push((project.name.clone(), loaded.known));
        begun = Some(project);
    }
    if let Some(ci) = args.ci {
        let there = load::in_stacks_of(&args.directory);
        // Beside a new project there need not be any.
        let there = if stacks.is_empty() { there? } else { there.unwrap_or_default() };
        stacks.extend(sound(&there)?);
        stacks.sort();
        stacks.dedup_by(|a, b| a.0 == b.0);
        files.push(workflow(ci, &stacks));
    }
    write(&args.directory, &files, args.force)?;
    if args.ci == Some(Ci::Gitlab) {
        report::err("`.gitlab-ci.yml` brings it in: include: [{ local: .gitlab/smstack.gitlab-ci.yml }]\n");
    }
    if let Some(project) = begun {
        report::err(&project.next_steps(&args.directory));
    }
    Ok(Exit::Done)
}

/// What the project begins with; nothing where a workflow is all that is asked for.
fn workload(args: &InitArgs) -> Result<Option<Workload>, Stop> {
    match (args.from, args.ci) {
        (None, Some(_)) if args.name.is_some() || args.region.is_some() => {
            Err(Stop::usage("`--name` and `--region` are for a project that begins: add `--from WORKLOAD`"))
        }
        (None, Some(_)) => Ok(None),
        (from, _) => Ok(Some(from.unwrap_or(Workload::Xgboost))),
    }
}

/// The new stack file with all that is found in it, tried where it disturbs nobody.
fn tried(project: &Project, files: &[File]) -> Result<Loaded, Stop> {
    let aside = tempfile::tempdir().context("cannot make a temporary directory")?;
    for file in files {
        let path = aside.path().join(&file.path);
        let home = path.parent().unwrap_or(aside.path());
        fs::create_dir_all(home)
            .and_then(|()| fs::write(&path, &file.bytes))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let file = project.stack_file();
    load::one(&aside.path().join(&file), load::shown(&file), &[])
}

/// The project's stack files and the environments of each, all of which must be valid.
fn sound(files: &[PathBuf]) -> Result<Vec<(String, Vec<String>)>, Stop> {
    let mut stacks = Vec::new();
    for file in files {
        let loaded = load::one(file, load::shown(file), &[])?;
        if has_errors(&loaded.diagnostics) {
            let shown = file.display();
            return Err(Stop {
                exit: Exit::Invalid,
                error: anyhow::anyhow!("`{shown}` is invalid: `smstack validate` says why"),
            });
        }
        stacks.push((file.file_stem().unwrap_or_default().to_string_lossy().into_owned(), loaded.known));
    }
    Ok(stacks)
}

/// Writes all of the files, or none where one of them is there already or cannot be written.
fn write(directory: &Path, files: &[File], force: bool) -> Result<(), Stop> {
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    let places: Vec<PathBuf> = files.iter().map(|file| directory.join(&file.path)).collect();
    if let Some(there) = places.iter().find(|path| !force && is_there(path)) {
        let shown = there.display();
        return Err(Stop::usage(format!("`{shown}` is there already: `--force` writes over it")));
    }
    let new: Vec<&PathBuf> = places.iter().filter(|path| !is_there(path)).collect();
    let mut made = Vec::new();
    for (place, file) in places.iter().zip(files) {
        if let Err(error) = put(place, &file.bytes, &mut made) {
            for file in new {
                let _ = fs::remove_file(file);
            }
            // Only what is empty goes.
            for directory in made.iter().rev() {
                let _ = fs::remove_dir(directory);
            }
            return Err(error.into());
        }
    }
    for place in &places {
        report::out(&format!("{}\n", place.display()))?;
    }
    Ok(())
}

/// Writes a file aside and renames it; `made` gets the directories that this takes.
fn put(place: &Path, bytes: &[u8], made: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let home = place.parent().unwrap_or(Path::new(""));
    let mut missing: Vec<&Path> = home.ancestors().take_while(|at| !at.is_dir()).collect();
    missing.retain(|at| !at.as_os_str().is_empty());
    for directory in missing.into_iter().rev() {
        fs::create_dir(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        made.push(directory.to_owned());
    }
    let home = if home.as_os_str().is_empty() { Path::new(".") } else { home };
    let aside = tempfile::NamedTempFile::new_in(home)
        .and_then(|aside| fs::write(aside.path(), bytes).map(|()| aside))
        .with_context(|| format!("cannot write into {}", home.display()))?;
    aside.persist(place).with_context(|| format!("cannot write {}", place.display()))?;
    readable(place)
}

/// Gives a file the rights that new files have, where they are not its owner's alone.
fn readable(place: &Path) -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(place, fs::Permissions::from_mode(0o644))
            .with_context(|| format!("cannot write {}", place.display()))?;
    }
    Ok(())
}

/// What a build server needs to check and deploy each environment of each stack file.
fn workflow(ci: Ci, stacks: &[(String, Vec<String>)]) -> File {
    const MATRIX: &str = "# @MATRIX@";
    let (path, template) = match ci {
        Ci::Github => (".github/workflows/smstack.yml", include_str!("../../templates/ci/github.yml")),
        Ci::Gitlab => (".gitlab/smstack.gitlab-ci.yml", include_str!("../../templates/ci/gitlab.yml")),
    };
    let row = |stack: &String, environment: &String| match ci {
        Ci::Github => format!("- {{ stack: {stack}, environment: {environment} }}"),
        Ci::Gitlab => format!("- {{ STACK: {stack}, ENVIRONMENT: {environment} }}"),
    };
    let rows: Vec<String> = stacks
        .iter()
        .flat_map(|(stack, environments)| environments.iter().map(move |environment| row(stack, environment)))
        .collect();
    let line = template.lines().find(|line| line.trim() == MATRIX).unwrap_or(MATRIX);
    let indent = &line[..line.len() - MATRIX.len()];
    let text = template.replace(MATRIX, &rows.join(&format!("\n{indent}")));
    File { path: path.into(), bytes: text.into_bytes() }
}
