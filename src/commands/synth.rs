//! `smstack synth`: stack files into assemblies on disk.

use std::fs;
use std::mem::{self, ManuallyDrop};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
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
    // The process ends with the command: to free this would take time and give nobody anything.
    let mut loaded = ManuallyDrop::new(load::load_then(&args.which, &write)?);
    let assemblies: Vec<Assembly> = loaded.iter_mut().flat_map(load::Loaded::assemble).collect();
    let assemblies = ManuallyDrop::new(assemblies);
    let (files, diagnostics) = load::findings(&loaded);
    report::diagnostics(&files, &diagnostics);
    if has_errors(&diagnostics) {
        return Ok(Exit::Invalid);
    }
    let mut aside = mem::take(&mut *aside.lock().unwrap_or_else(PoisonError::into_inner));
    aside.sort_by(|(a, _), (b, _)| a.cmp(b));
    // All of them are written before the first is put in its place.
    let mut whole = Vec::new();
    for (directory, written) in aside {
        whole.push((directory, written?));
    }
    for assembly in assemblies.iter() {
        let directory = place(assembly);
        let Some(at) = whole.iter().position(|(place, _)| *place == directory) else { continue };
        whole.remove(at).1.put(&directory)?;
        report::out(&format!("{}: {} files\n", directory.display(), assembly.files.len()))?;
    }
    Ok(Exit::Done)
}

/// An assembly beside its place, whole, so that the place never holds half of one; it is removed unless it is put
/// there.
struct Aside {
    /// None when the place holds the same already.
    new: Option<TempDir>,
    /// The directories that were made for it, innermost first.
    made: Vec<PathBuf>,
}

impl Aside {
    fn write(assembly: &Assembly, directory: &Path) -> Result<Aside, Stop> {
        if is_there(assembly, directory) {
            return Ok(Aside { new: None, made: Vec::new() });
        }
        if count_files(directory) > 0 && !directory.join(synth::MANIFEST).is_file() {
            let refusal = anyhow::anyhow!(
                "{} holds something that is no assembly: move it, or choose another `--out`",
                directory.display()
            );
            return Err(refusal.into());
        }
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
        for directory in mem::take(&mut self.made) {
            // One that holds something is somebody else's, too.
            drop(fs::remove_dir(directory));
        }
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
