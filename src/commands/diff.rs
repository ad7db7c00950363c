//! `smstack diff`: what changes between two states of stack files, assemblies, templates or definitions, and what
//! that does.
//!
//! | room | says |
//! | --- | --- |
//! | `input` | what is new, and how documents and assemblies are read |
//! | `base` | what it is compared with |
//! | `git` | what a repository holds at a commit |
//! | `deployed` | what is deployed, and what CloudFormation says |
//! | `accepted` | the files that say which risks are accepted |

mod accepted;
mod base;
#[cfg(feature = "aws")]
pub(super) mod deployed;
pub(super) mod git;
mod input;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::load::{self, Claim, Loaded};
use super::{Exit, Stop};
use crate::cli::{DiffArgs, DiffFormat};
use crate::diag::{Severity, has_errors, nearest, or_list};
use crate::diff::{self, Diff, Document, Predicted, Side};
use crate::report;
use crate::source::SourceFile;
use crate::synth::Assembly;

use base::Base;
use input::New;

/// Two sides, and what to call them when there are several such pairs.
struct Pair {
    label: String,
    old: Side,
    new: Side,
    /// What CloudFormation says of documents.
    heard: Vec<(String, Vec<Predicted>)>,
}

impl Pair {
    fn new(label: String, old: Side, new: Side) -> Pair {
        Pair { label, old, new, heard: Vec::new() }
    }

    /// What changes, and both sides; with several pairs, in documents whose names begin with the label.
    fn diff(mut self, one: bool) -> (Diff, Side, Side) {
        // Settings that one side does not speak of are changed, not made or gone with a document.
        let silent = || Document { value: serde_json::json!({}), ..Document::default() };
        let sides = [&self.old, &self.new];
        if sides.iter().any(|side| side.documents.contains_key(input::SETTINGS)) {
            for side in [&mut self.old, &mut self.new] {
                side.documents.entry(input::SETTINGS.to_owned()).or_insert_with(silent);
            }
        }
        let label = if one { String::new() } else { self.label };
        let (old, new) = (self.old.labelled(&label), self.new.labelled(&label));
        let mut diff = diff::diff(&old, &new);
        for (document, predicted) in &self.heard {
            let document = if one { document.clone() } else { format!("{label}/{document}") };
            diff.hear(&document, predicted);
        }
        (diff, old, new)
    }
}

pub(super) fn run(args: &DiffArgs) -> Result<Exit, Stop> {
    let new = input::what(&args.new)?;
    let accepted = accepted::Files::find(&new)?;
    let live = args.deployed || args.change_set;
    let place = &args.cloud.place;
    let placed = place.profile.is_some() || place.region.is_some() || place.endpoint_url.is_some();
    if !live && (args.cloud.local || placed) {
        return Err(Stop::usage(
            "nothing here asks a cloud: add `--deployed`, or leave the cloud's options out",
        ));
    }
    let pairs = match new {
        New::Stacks(named) if live => deployed(args, &named)?,
        _ if live => return Err(Stop::usage("only stack files are compared with what is deployed")),
        New::Stacks(named) => stacks(args, &named)?,
        New::Document(path) => vec![document(args, &path)?],
        New::Assembly(path) => vec![assembly(args, &path)?],
    };
    let one = pairs.len() == 1;
    let (mut old, mut new) = (Side::default(), Side::default());
    let diffs = pairs.into_iter().map(|pair| {
        let (diff, before, after) = pair.diff(one);
        old.documents.extend(before.documents);
        new.documents.extend(after.documents);
        diff
    });
    let mut diff = Diff::join(diffs);
    accepted.hold(&mut diff);
    match args.format {
        DiffFormat::Json => report::json(&serde_json::to_value(&diff).context("cannot write the diff")?)?,
        DiffFormat::Text => report::out(&report::diff_text(&diff))?,
        DiffFormat::Sarif => report::out(&report::diff_sarif(&diff, &origins(&new)))?,
        DiffFormat::Html => report::out(&report::diff_html(&diff, &old, &new))?,
        DiffFormat::Markdown => report::out(&report::diff_markdown(&diff))?,
    }
    let tripped = diff::tripped(&args.fail_on, &diff);
    for what in &tripped {
        report::failure(what, None);
    }
    Ok(if tripped.is_empty() { Exit::Done } else { Exit::Tripped })
}

/// The files from which documents come, as far as they can be read, by document.
fn origins(side: &Side) -> BTreeMap<String, SourceFile> {
    let read = |path: &str| {
        let bytes = load::read(Path::new(path)).unwrap_or_default();
        SourceFile::from_bytes(path, &bytes).unwrap_or_else(|_| SourceFile::new(path, ""))
    };
    let known = side.documents.iter().filter(|(_, it)| !it.origin.is_empty() && it.origin != "-");
    known.map(|(name, it)| (name.clone(), read(&it.origin))).collect()
}

/// A template or definition with another one.
fn document(args: &DiffArgs, path: &Path) -> Result<Pair, Stop> {
    no_environments(args)?;
    if args.base.is_none() && path.as_os_str() == "-" {
        return Err(Stop::usage(
            "standard input has no past: give `--base` a commit's file, a directory or a file",
        ));
    }
    let mixed = || Stop::usage("a file is compared with a file, an assembly's directory with a directory");
    let old = match base::base(args.base.as_deref(), path)? {
        Base::File(base) if base.as_os_str() == "-" && path.as_os_str() == "-" => {
            return Err(Stop::usage("only one of the two can be standard input"));
        }
        Base::File(base) => Side::one("document", input::document(&base, &load::shown(&base))?),
        Base::Directory(_) => return Err(mixed()),
        Base::Commit(repository, commit) => match base::at(&repository, &commit, path)? {
            Some((_tree, there)) => {
                said(&commit);
                let shown = format!("{}:{}", commit.name, load::shown(path));
                Side::one("document", input::document(&there, &shown)?)
            }
            None => absent(path, &commit),
        },
    };
    if path.as_os_str() != "-" && !path.exists() {
        return Err(Stop::usage(format!("there is no `{}`", path.display())));
    }
    let new = Side::one("document", input::document(path, &load::shown(path))?).from_file(&load::shown(path));
    Ok(Pair::new(String::new(), old, new))
}

/// The directory of an assembly with another one.
fn assembly(args: &DiffArgs, path: &Path) -> Result<Pair, Stop> {
    no_environments(args)?;
    let read = |path: &Path| {
        let none = || Stop::usage(format!("`{}` is no assembly: it has no `manifest.json`", path.display()));
        input::directory(path)?.ok_or_else(none)
    };
    let (_, new) = read(path)?;
    let old = match base::base(args.base.as_deref(), path)? {
        Base::Directory(base) => read(&base)?.1,
        Base::File(base) if base.as_os_str() != "-" => {
            let value = input::document(&base, &load::shown(&base))?;
            let (old, new) = base::counterpart(new, value);
            return Ok(Pair::new(String::new(), old, new));
        }
        Base::File(_) => {
            return Err(Stop::usage(
                "a file is compared with a file, an assembly's directory with a directory",
            ));
        }
        Base::Commit(repository, commit) => match base::at(&repository, &commit, path)? {
            Some((_tree, there)) => {
                said(&commit);
                read(&there)?.1
            }
            None => absent(path, &commit),
        },
    };
    Ok(Pair::new(String::new(), old, new))
}

/// Stack files, each with what is deployed of it.
#[cfg(feature = "aws")]
fn deployed(args: &DiffArgs, named: &[PathBuf]) -> Result<Vec<Pair>, Stop> {
    let (mut assemblies, mut files) = (Vec::new(), Vec::new());
    for path in load::find(named)? {
        let loaded = load::one(&path, load::shown(&path), &args.env)?;
        let (found, known) = sound(Some(loaded), "")?;
        environments_exist(args, &known, &[])?;
        files.extend(found.iter().map(|_| load::shown(&path)));
        assemblies.extend(found);
    }
    load::apart(assemblies.iter().zip(&files).map(|(assembly, file)| Claim::new(file, assembly)))?;
    let mut pairs = deployed::pairs(args, &assemblies)?;
    for (pair, file) in pairs.iter_mut().zip(files) {
        pair.new = std::mem::take(&mut pair.new).from_file(&file);
    }
    shorten(&mut pairs);
    Ok(pairs)
}

#[cfg(not(feature = "aws"))]
fn deployed(_: &DiffArgs, _: &[PathBuf]) -> Result<Vec<Pair>, Stop> {
    let why = "this smstack is built without its `aws` feature, and cannot ask what is deployed";
    Err(anyhow::Error::msg(why).into())
}

/// Says what is compared with, which the user has perhaps not named.
fn said(commit: &git::Commit) {
    report::err(&format!("comparing with {}\n", commit.shown()));
}

fn absent(path: &Path, commit: &git::Commit) -> Side {
    said(commit);
    report::err(&format!("`{}` is not there: everything in it is new\n", path.display()));
    Side::default()
}

fn no_environments(args: &DiffArgs) -> Result<(), Stop> {
    if args.env.is_empty() {
        return Ok(());
    }
    Err(Stop::usage("only a stack file has environments: leave `--env` out"))
}

/// Stack files as the working tree has them, each with its past.
fn stacks(args: &DiffArgs, named: &[PathBuf]) -> Result<Vec<Pair>, Stop> {
    let trees = base::Trees::default();
    let (mut pairs, mut claims) = (Vec::new(), Vec::new());
    let mut told = None;
    for path in stack_files(args, named)? {
        let of_file = pairs.len();
        let new = if path.exists() { Some(load::one(&path, load::shown(&path), &args.env)?) } else { None };
        let (new, known) = sound(new, "")?;
        claims.extend(new.iter().map(|assembly| Claim::new(&load::shown(&path), assembly)));
        match base::base(args.base.as_deref(), &path)? {
            Base::Commit(repository, commit) => {
                if told.as_ref() != Some(&commit) {
                    said(&commit);
                    told = Some(commit.clone());
                }
                let old = trees.stack_file(&repository, &commit, &path, &args.env)?;
                if old.is_none() {
                    report::err(&format!("`{}` is not there: everything in it is new\n", path.display()));
                }
                let at = format!(" at `{}`: give `--base` a commit at which it is valid", commit.name);
                let (old, known_before) = sound(old, &at)?;
                environments_exist(args, &known, &known_before)?;
                join(&new, old, &mut pairs)?;
            }
            Base::Directory(directory) => {
                environments_exist(args, &known, &[])?;
                let before = pairs.len();
                for assembly in &new {
                    let (stack, environment) = (&assembly.manifest.stack, &assembly.manifest.environment);
                    let old = base::assembly(&directory, stack, environment)?;
                    let absent = old.is_none();
                    pairs.push(Pair::new(
                        format!("{stack}/{environment}"),
                        old.unwrap_or_default(),
                        input::side(assembly)?,
                    ));
                    if absent {
                        report::err(&format!(
                            "`{}` has no assembly of `{environment}`: everything in it is new\n",
                            directory.display()
                        ));
                    }
                }
                if pairs[before..].iter().all(|pair| pair.old.documents.is_empty()) {
                    return Err(Stop::usage(format!(
                        "`{}` holds no assembly of these environments: `smstack synth` writes `DIR/STACK/ENV`",
                        directory.display()
                    )));
                }
            }
            Base::File(file) => {
                environments_exist(args, &known, &[])?;
                let [assembly] = new.as_slice() else {
                    return Err(Stop::usage(format!(
                        "one file is compared with one environment: give `--env` {}",
                        or_list(known.iter().map(String::as_str))
                    )));
                };
                let value = input::document(&file, &load::shown(&file))?;
                let (old, new) = base::counterpart(input::side(assembly)?, value);
                pairs.push(Pair::new(assembly.manifest.stack.clone(), old, new));
            }
        }
        for pair in pairs.get_mut(of_file..).unwrap_or_default() {
            pair.new = std::mem::take(&mut pair.new).from_file(&load::shown(&path));
        }
    }
    load::apart(claims)?;
    shorten(&mut pairs);
    Ok(pairs)
}

/// The files that are meant; those, too, that only the past has.
fn stack_files(args: &DiffArgs, named: &[PathBuf]) -> Result<Vec<PathBuf>, Stop> {
    let past = |near: &Path| match base::base(args.base.as_deref(), near) {
        Ok(Base::Commit(repository, commit)) => Some((repository, commit)),
        _ => None,
    };
    let is_yaml = |path: &Path| path.extension().is_some_and(|it| it == "yaml" || it == "yml");
    if named.is_empty() {
        let mut found = load::find(&[]);
        if let Some((repository, commit)) = past(Path::new("stacks/x"))
            && let Some(within) = repository.within(Path::new("stacks/x"))
        {
            let listed = repository.list(&commit, within.parent().unwrap_or(Path::new("")))?;
            let gone = listed.iter().map(|name| Path::new("stacks").join(name)).filter(|path| is_yaml(path));
            let gone: Vec<PathBuf> = gone.filter(|path| !path.exists()).collect();
            match &mut found {
                Ok(found) => found.extend(gone),
                Err(_) if !gone.is_empty() => found = Ok(gone),
                Err(_) => {}
            }
        }
        let mut found = found?;
        found.sort();
        return Ok(found);
    }
    let mut files = Vec::new();
    for name in named {
        let error = match load::find(std::slice::from_ref(name)) {
            Ok(found) => {
                files.extend(found);
                continue;
            }
            Err(error) => error,
        };
        let candidates = if is_yaml(name) {
            vec![name.clone()]
        } else {
            ["yaml", "yml"].map(|it| Path::new("stacks").join(name).with_extension(it)).to_vec()
        };
        let there = candidates.into_iter().find(|path| {
            past(path).is_some_and(|(repository, commit)| {
                let within = repository.within(path);
                within.is_some_and(|within| repository.holds(&commit, &within).unwrap_or_default())
            })
        });
        files.push(there.ok_or(error)?);
    }
    Ok(load::each_once(files))
}

/// The assemblies of a sound stack file, and the names of all its environments. What makes it unsound is shown; of
/// warnings `validate` speaks.
fn sound(loaded: Option<Loaded>, place: &str) -> Result<(Vec<Assembly>, Vec<String>), Stop> {
    let Some(mut loaded) = loaded else { return Ok((Vec::new(), Vec::new())) };
    let assemblies = loaded.assemble();
    let known = std::mem::take(&mut loaded.known);
    let (files, mut found) = load::findings(&[loaded]);
    if has_errors(&found) {
        found.retain(|diagnostic| diagnostic.severity() == Severity::Error);
        report::diagnostics(&files, &found);
        return Err(input::invalid(format!("`{}` is invalid{place}", files[0].path())));
    }
    Ok((assemblies, known))
}

fn environments_exist(args: &DiffArgs, now: &[String], before: &[String]) -> Result<(), Stop> {
    let known = || now.iter().chain(before).map(String::as_str);
    match args.env.iter().find(|name| !known().any(|known| known == *name)) {
        None => Ok(()),
        Some(name) => Err(Stop::usage(match nearest(name, known()) {
            Some(near) => format!("there is no environment `{name}`: did you mean `{near}`?"),
            None => format!("there is no environment `{name}`: there is {}", or_list(known())),
        })),
    }
}

/// Pairs the environments of both sides; one that a side does not have is created or gone.
fn join(new: &[Assembly], old: Vec<Assembly>, pairs: &mut Vec<Pair>) -> Result<(), Stop> {
    let key = |assembly: &Assembly| assembly.manifest.environment.clone();
    let mut before: BTreeMap<String, Assembly> = old.into_iter().map(|it| (key(&it), it)).collect();
    for assembly in new {
        let old = before.remove(&key(assembly)).map(|it| input::side(&it)).transpose()?.unwrap_or_default();
        let label = format!("{}/{}", assembly.manifest.stack, assembly.manifest.environment);
        pairs.push(Pair::new(label, old, input::side(assembly)?));
    }
    for (environment, assembly) in before {
        let label = format!("{}/{environment}", assembly.manifest.stack);
        report::err(&format!("`{label}` is gone: what is deployed of it stays until it is destroyed\n"));
        pairs.push(Pair::new(label, input::side(&assembly)?, Side::default()));
    }
    Ok(())
}

/// Labels that all begin with the same stack's name do without it.
fn shorten(pairs: &mut [Pair]) {
    let Some(stack) =
        pairs.first().and_then(|pair| pair.label.split_once('/')).map(|(it, _)| format!("{it}/"))
    else {
        return;
    };
    if pairs.iter().all(|pair| pair.label.starts_with(&stack)) {
        for pair in pairs {
            pair.label.drain(..stack.len());
        }
    }
}
