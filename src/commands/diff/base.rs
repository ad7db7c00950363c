//! What is compared with: a commit of the repository, the directory of an assembly, a template or a definition.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::Value;

use super::super::Stop;
use super::super::load::{self, Loaded};
use super::git::{self, Commit, Repository, Tree};
use super::input;
use crate::diff::Side;
use crate::report;

/// What is compared with.
#[derive(Debug)]
pub(super) enum Base {
    /// The tree at a commit.
    Commit(Repository, Commit),
    /// The directory of one assembly or of several.
    Directory(PathBuf),
    /// A template or a definition.
    File(PathBuf),
}

/// The base that is named, or else the merge base with the default branch, for what lies at a path.
pub(super) fn base(named: Option<&str>, near: &Path) -> Result<Base, Stop> {
    let repository = Repository::around(near)?;
    let Some(name) = named else {
        let Some(repository) = repository else {
            let why = if git::is_installed() { "this is no git repository" } else { "there is no `git`" };
            return Err(Stop::usage(format!(
                "{why}, so nothing says what to compare with: give `--base` a directory or file, or `--deployed`"
            )));
        };
        let commit = repository.merge_base()?;
        return Ok(Base::Commit(repository, commit));
    };
    let path = PathBuf::from(name);
    let commit = match &repository {
        Some(repository) if name != "-" => repository.commit(name)?,
        _ => None,
    };
    match (path.exists() || name == "-", commit, repository) {
        (true, Some(commit), _) if commit.name == name => Err(Stop::usage(format!(
            "`{name}` is a path and a commit: write `./{name}` for the path, `{name}^{{commit}}` for the commit"
        ))),
        (true, ..) if path.is_dir() => Ok(Base::Directory(path)),
        (true, ..) => Ok(Base::File(path)),
        (false, Some(commit), Some(repository)) => Ok(Base::Commit(repository, commit)),
        (false, None, Some(repository)) => Err(repository.no_commit(name)?),
        (false, ..) => {
            let why = if git::is_installed() { "this is no git repository" } else { "there is no `git`" };
            Err(Stop::usage(format!("there is no `{name}`, neither file nor directory, and {why}")))
        }
    }
}

/// Trees that were laid out, by top, commit and directory: the stack files of a project lie in one.
#[derive(Debug, Default)]
pub(super) struct Trees(RefCell<BTreeMap<(String, PathBuf), Rc<Tree>>>);

impl Trees {
    /// The tree at a commit with everything that a stack file may refer to.
    fn of(&self, repository: &Repository, commit: &Commit, stack_file: &Path) -> Result<Rc<Tree>, Stop> {
        let within = |path: &Path| {
            let outside = || Stop::usage(format!("`{}` lies outside of the repository", path.display()));
            repository.within(path).ok_or_else(outside)
        };
        let home = within(stack_file)?.parent().unwrap_or(Path::new("")).to_owned();
        let key = (commit.id.clone(), home.clone());
        if let Some(tree) = self.0.borrow().get(&key) {
            return Ok(Rc::clone(tree));
        }
        // An empty path is the whole tree.
        let paths = if home.as_os_str().is_empty() {
            Vec::new()
        } else {
            vec![
                home,
                within(&load::shapes_of(stack_file).join("x"))?.parent().unwrap_or(Path::new("")).to_owned(),
            ]
        };
        let tree = Rc::new(repository.tree(commit, &paths)?);
        tree.notes.iter().for_each(|note| report::err(&format!("note: {note}\n")));
        self.0.borrow_mut().insert(key, Rc::clone(&tree));
        Ok(tree)
    }

    /// A stack file at a commit, through every check; none when it is not there.
    pub(super) fn stack_file(
        &self,
        repository: &Repository,
        commit: &Commit,
        path: &Path,
        environments: &[String],
    ) -> Result<Option<Loaded>, Stop> {
        let tree = self.of(repository, commit, path)?;
        let within = repository.within(path).unwrap_or_default();
        let there = tree.path(&within);
        if !there.is_file() {
            return Ok(None);
        }
        let shown = format!("{}:{}", commit.name, load::shown(&within));
        load::one(&there, shown, environments).map(Some)
    }
}

/// A file or directory at a commit; gone when the returned tree goes.
pub(super) fn at(
    repository: &Repository,
    commit: &Commit,
    path: &Path,
) -> Result<Option<(Tree, PathBuf)>, Stop> {
    let Some(within) = repository.within(path) else { return Ok(None) };
    if !repository.holds(commit, &within)? {
        return Ok(None);
    }
    let tree = repository.tree(commit, std::slice::from_ref(&within))?;
    let there = tree.path(&within);
    Ok(Some((tree, there)))
}

/// The assembly of an environment in a directory, which may hold one or several.
pub(super) fn assembly(directory: &Path, stack: &str, environment: &str) -> Result<Option<Side>, Stop> {
    for place in [directory.to_owned(), directory.join(environment), directory.join(stack).join(environment)]
    {
        if let Some((_, side)) = input::directory(&place)? {
            return Ok(Some(side));
        }
    }
    Ok(None)
}

/// The document of a side that a template or definition is to be compared with: the definition, or the template with
/// which it has most resources in common.
pub(super) fn counterpart(side: Side, value: Value) -> (Side, Side) {
    let names = |value: &Value, section: &str| -> Vec<String> {
        let members = value.get(section).and_then(Value::as_object);
        members.map(|members| members.keys().cloned().collect()).unwrap_or_default()
    };
    let steps = value.get("Steps").is_some();
    let wanted = names(&value, "Resources");
    let shared = |document: &Value| {
        if steps {
            usize::from(document.get("Steps").is_some())
        } else {
            names(document, "Resources").iter().filter(|name| wanted.contains(name)).count()
        }
    };
    // Of equals the first: the platform.
    let best = side.documents.into_iter().rev().max_by_key(|(_, document)| shared(&document.value));
    let Some((name, document)) = best else { return (Side::default(), Side::default()) };
    (Side::one(&name, value), Side { documents: BTreeMap::from([(name, document)]) })
}
