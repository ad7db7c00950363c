//! `smstack init`: files that a project begins with.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::{Exit, Stop, load};
use crate::cli::{Ci, InitArgs};
use crate::diag::has_errors;
use crate::report;

/// A file to write, relative to the project's directory.
struct File {
    path: PathBuf,
    text: String,
}

pub(super) fn run(args: &InitArgs) -> Result<Exit, Stop> {
    let files = ci(args.ci, &args.directory)?;
    write(&args.directory, &files, args.force)?;
    if args.ci == Ci::Gitlab {
        report::err("`.gitlab-ci.yml` brings it in: include: [{ local: .gitlab/smstack.gitlab-ci.yml }]\n");
    }
    Ok(Exit::Done)
}

/// Writes all of the files, or none when one of them is there already.
fn write(directory: &Path, files: &[File], force: bool) -> Result<(), Stop> {
    let place = |file: &File| directory.join(&file.path);
    if let Some(there) = files.iter().map(place).find(|path| !force && path.exists()) {
        let shown = there.display();
        return Err(Stop::usage(format!("`{shown}` is there already: `--force` writes over it")));
    }
    for file in files {
        let path = place(file);
        let home = path.parent().unwrap_or(directory);
        fs::create_dir_all(home).with_context(|| format!("cannot make {}", home.display()))?;
        let aside = tempfile::NamedTempFile::new_in(home)
            .and_then(|aside| fs::write(aside.path(), &file.text).map(|()| aside))
            .with_context(|| format!("cannot write into {}", home.display()))?;
        let shown = path.display();
        aside.persist(&path).with_context(|| format!("cannot write {shown}"))?;
        report::out(&format!("{shown}\n"))?;
    }
    Ok(())
}

/// What a build server needs to check and deploy each environment of each stack file.
fn ci(ci: Ci, directory: &Path) -> Result<Vec<File>, Stop> {
    const MATRIX: &str = "# @MATRIX@";
    let (path, template) = match ci {
        Ci::Github => (".github/workflows/smstack.yml", include_str!("../../templates/ci/github.yml")),
        Ci::Gitlab => (".gitlab/smstack.gitlab-ci.yml", include_str!("../../templates/ci/gitlab.yml")),
    };
    let mut rows = Vec::new();
    for file in load::in_stacks_of(directory)? {
        let loaded = load::one(&file, load::shown(&file), &[])?;
        if has_errors(&loaded.diagnostics) {
            let shown = file.display();
            return Err(Stop {
                exit: Exit::Invalid,
                error: anyhow::anyhow!("`{shown}` is invalid: `smstack validate` says why"),
            });
        }
        let stack = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        rows.extend(loaded.known.iter().map(|environment| match ci {
            Ci::Github => format!("- {{ stack: {stack}, environment: {environment} }}"),
            Ci::Gitlab => format!("- {{ STACK: {stack}, ENVIRONMENT: {environment} }}"),
        }));
    }
    let line = template.lines().find(|line| line.trim() == MATRIX).unwrap_or(MATRIX);
    let indent = &line[..line.len() - MATRIX.len()];
    let text = template.replace(MATRIX, &rows.join(&format!("\n{indent}")));
    Ok(vec![File { path: path.into(), text }])
}
