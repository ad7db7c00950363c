//! `smstack synth`: stack files into assemblies on disk.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry};
use std::mem::{self, ManuallyDrop};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use serde_json::Value;
use tempfile::TempDir;

use super::{Exit, Stop, load};
use crate::cli::{SynthArgs, TemplateFormat};
use crate::diag::has_errors;
use crate::report;
use crate::synth::{self, Assembly};

pub(super) fn run(args: &SynthArgs) -> Result<Exit, Stop> {
    let (out, format) = (args.out.clone(), args.format);
    let place =
        move |assembly: &Assembly| out.join(&assembly.manifest.stack).join(&assembly.manifest.environment);
    // An assembly is written aside while others are made.
    let aside = Arc::new(Mutex::new(Vec::new()));
    let write: load::Then = {
        let (place, aside) = (place.clone(), aside.clone());
        Arc::new(move |assembly| {
            let written = match format {
                TemplateFormat::Json => Aside::write(assembly, &place(assembly)),
                TemplateFormat::Yaml => Aside::write(&assembly.clone().into_yaml(), &place(assembly)),
            };
            aside.lock().unwrap_or_else(PoisonError::into_inner).push((place(assembly), written));
        })
    };
    let loaded = load::load_then(&args.which, &write);
    let mut aside = Asides(mem::take(&mut *aside.lock().unwrap_or_else(PoisonError::into_inner)));
    // The process ends with the command: to free this would take time and give nobody anything.
    let mut loaded = ManuallyDrop::new(loaded?);
    let assemblies: Vec<Assembly> = loaded.iter_mut().flat_map(load::Loaded::assemble).collect();
    let assemblies = ManuallyDrop::new(assemblies);
    let (files, diagnostics) = load::findings(&loaded);
    report::diagnostics(&files, &diagnostics);
    if has_errors(&diagnostics) {
        return Ok(Exit::Invalid);
    }
    load::apart(loaded.iter().flat_map(load::Loaded::claims))?;
    aside.0.sort_by(|(a, _), (b, _)| a.cmp(b));
    // All of them are written before the first is put in its place.
    if let Some(failed) = aside.0.iter().position(|(_, written)| written.is_err()) {
        aside.0.remove(failed).1?;
    }
    for assembly in assemblies.iter() {
        let directory = place(assembly);
        let Some(at) = aside.0.iter().position(|(place, _)| *place == directory) else { continue };
        aside.0.remove(at).1?.put(&directory)?;
        report::out(&format!("{}: {} files\n", directory.display(), assembly.files.len()))?;
    }
    Ok(Exit::Done)
}

/// Assemblies beside their places. They share the directories that were made for them, which go when all are gone.
struct Asides(Vec<(PathBuf, Result<Aside, Stop>)>);

impl Drop for Asides {
    fn drop(&mut self) {
        let mut made = BTreeSet::new();
        for mut aside in self.0.drain(..).filter_map(|(_, written)| written.ok()) {
            made.append(&mut aside.made);
        }
        remove(&made);
    }
}

/// An assembly beside its place, whole, so that the place never holds half of one; it is removed unless it is put
/// there.
struct Aside {
    /// None when the place holds the same already.
    new: Option<TempDir>,
    /// The directories that were made for it.
    made: BTreeSet<PathBuf>,
}

impl Aside {
    fn write(assembly: &Assembly, directory: &Path) -> Result<Aside, Stop> {
        if is_there(assembly, directory) {
            return Ok(Aside { new: None, made: BTreeSet::new() });
        }
        refuse_foreign(directory)?;
        let parent = directory.parent().unwrap_or(Path::new("."));
        let absent = parent.ancestors().take_while(|it| !it.as_os_str().is_empty() && !it.exists());
        let mut aside = Aside { new: None, made: absent.map(Path::to_owned).collect() };
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        let new = aside.new.insert(beside(parent)?).path();
        let mut last = new.to_owned();
        for file in &assembly.files {
            let path = new.join(&file.path);
            let home = path.parent().unwrap_or(new);
            if *home != last && home != new {
                fs::create_dir_all(home).with_context(|| format!("cannot make {}", home.display()))?;
                home.clone_into(&mut last);
            }
            fs::write(&path, &file.bytes).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(aside)
    }

    /// Puts it in its place, in the stead of what is there.
    fn put(mut self, directory: &Path) -> Result<(), Stop> {
        let Some(new) = self.new.take() else { return Ok(()) };
        let parent = directory.parent().unwrap_or(Path::new("."));
        let before = if directory.exists() { Some(beside(parent)?) } else { None };
        let old = before.as_ref().map(|before| before.path().join("old"));
        if let Some(old) = &old {
            fs::rename(directory, old).with_context(|| format!("cannot replace {}", directory.display()))?;
        }
        let Err(error) = fs::rename(new.path(), directory) else {
            // No longer to be removed.
            drop(new.keep());
            self.made.clear();
            return Ok(());
        };
        let place = directory.display();
        let lost = match old.filter(|old| fs::rename(old, directory).is_err()) {
            None => format!("cannot write {place}"),
            Some(old) => {
                before.map(TempDir::keep);
                format!("cannot write {place}; what was there is in {} now", old.display())
            }
        };
        Err(anyhow::Error::new(error).context(lost).into())
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        drop(self.new.take());
        remove(&self.made);
    }
}

/// Removes directories that were made for nothing, innermost first.
fn remove(made: &BTreeSet<PathBuf>) {
    for directory in made.iter().rev() {
        // One that holds something is somebody else's, too.
        drop(fs::remove_dir(directory));
    }
}

/// A new directory, as it would be if it were made in its place; it is removed with its handle.
fn beside(parent: &Path) -> anyhow::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".smstack-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    builder.tempdir_in(parent).with_context(|| format!("cannot write into {}", parent.display()))
}

/// Whether the directory holds exactly this assembly already.
fn is_there(assembly: &Assembly, directory: &Path) -> bool {
    let same = assembly
        .files
        .iter()
        .all(|file| fs::read(directory.join(&file.path)).is_ok_and(|bytes| bytes == file.bytes));
    same && count_files(directory) == assembly.files.len()
}

/// Whoever put something into the directory of an assembly would lose it when the directory is replaced.
fn refuse_foreign(directory: &Path) -> Result<(), Stop> {
    if !directory.exists() {
        return Ok(());
    }
    let place = directory.display();
    let foreign = || match listed(directory) {
        None if directory.is_dir() && count_files(directory) == 0 => None,
        None if !directory.is_dir() => Some(format!("{place} is no directory")),
        None => Some(format!("{place} holds something that is no assembly")),
        Some(known) => {
            let foreign = first_foreign(directory, &known)?;
            Some(format!("{place} holds something that is not of the assembly: `{}`", foreign.display()))
        }
    };
    // Another `synth` may have put its assembly there between the two looks, at the manifest and at what is there.
    let Some(refusal) = foreign().and_then(|_| foreign()) else { return Ok(()) };
    Err(anyhow::anyhow!("{refusal}: move it, or choose another `--out`").into())
}

/// What the manifest lists that is there, if it is one of an assembly, of whatever version of smstack.
fn listed(directory: &Path) -> Option<BTreeSet<PathBuf>> {
    let manifest: Value = serde_json::from_slice(&fs::read(directory.join(synth::MANIFEST)).ok()?).ok()?;
    manifest["smstack"].as_str()?;
    let lists = ["templates", "assets"].iter().filter_map(|list| manifest[list].as_array()).flatten();
    let files = lists.chain([&manifest["definition"]]).filter_map(|entry| entry["file"].as_str());
    Some(files.chain([synth::MANIFEST]).map(|path| directory.join(path)).collect())
}

/// The first of what is below a directory that is neither known nor on the way to what is.
fn first_foreign(directory: &Path, known: &BTreeSet<PathBuf>) -> Option<PathBuf> {
    // Of what cannot be looked into, nothing is known.
    let Ok(entries) = fs::read_dir(directory) else { return Some(directory.to_owned()) };
    // macOS leaves a file of its own in each directory that somebody looks at.
    let mut entries: Vec<_> = entries.flatten().filter(|entry| entry.file_name() != ".DS_Store").collect();
    entries.sort_by_key(DirEntry::file_name);
    entries.iter().find_map(|entry| {
        let path = entry.path();
        let within = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let on_the_way = within && known.iter().any(|known| known.starts_with(&path));
        if on_the_way { first_foreign(&path, known) } else { (!known.contains(&path)).then_some(path) }
    })
}

fn count_files(directory: &Path) -> usize {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => count_files(&entry.path()),
            _ => 1,
        })
        .sum()
}
