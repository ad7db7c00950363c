//! `smstack synth`: stack files into assemblies on disk.

use std::fs;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::thread;

use anyhow::Context as _;

use super::{Exit, Stop, load, side_by_side};
use crate::cli::{SynthArgs, TemplateFormat};
use crate::diag::has_errors;
use crate::report;
use crate::synth::{self, Assembly};

pub(super) fn run(args: &SynthArgs) -> Result<Exit, Stop> {
    // The process ends with the command: to free this would take time and give nobody anything.
    let mut loaded = ManuallyDrop::new(load::load(&args.which)?);
    let assemblies: Vec<Assembly> = loaded.iter_mut().flat_map(load::Loaded::assemble).collect();
    let (files, diagnostics) = load::findings(&loaded);
    if has_errors(&diagnostics) {
        report::diagnostics(&files, &diagnostics);
        return Ok(Exit::Invalid);
    }
    let write_one = |assembly: Assembly| -> Result<String, Stop> {
        let assembly = match args.format {
            TemplateFormat::Json => assembly,
            TemplateFormat::Yaml => assembly.into_yaml(),
        };
        let directory = args.out.join(&assembly.manifest.stack).join(&assembly.manifest.environment);
        let assembly = ManuallyDrop::new(assembly);
        write(&assembly, &directory)?;
        Ok(format!("{}: {} files\n", directory.display(), assembly.files.len()))
    };
    let written = thread::scope(|scope| {
        // Warnings take as long to draw as an assembly to write.
        scope.spawn(|| report::diagnostics(&files, &diagnostics));
        side_by_side(assemblies, write_one)
    });
    for line in written {
        report::out(&line?)?;
    }
    Ok(Exit::Done)
}

/// Writes an assembly beside its place and then renames it there, so that the place never holds half of one.
fn write(assembly: &Assembly, directory: &Path) -> Result<(), Stop> {
    if is_there(assembly, directory) {
        return Ok(());
    }
    if count_files(directory) > 0 && !directory.join(synth::MANIFEST).is_file() {
        let refusal = anyhow::anyhow!(
            "{} holds something that is no assembly: move it, or choose another `--out`",
            directory.display()
        );
        return Err(refusal.into());
    }
    let parent = directory.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let new = aside(parent)?;
    let mut made = new.path().to_owned();
    for file in &assembly.files {
        let path = new.path().join(&file.path);
        let home = path.parent().unwrap_or(new.path());
        if *home != made && home != new.path() {
            fs::create_dir_all(home).with_context(|| format!("cannot make {}", home.display()))?;
            home.clone_into(&mut made);
        }
        fs::write(&path, &file.bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let before = if directory.exists() { Some(aside(parent)?) } else { None };
    let old = before.as_ref().map(|before| before.path().join("old"));
    if let Some(old) = &old {
        fs::rename(directory, old).with_context(|| format!("cannot replace {}", directory.display()))?;
    }
    let Err(error) = fs::rename(new.path(), directory) else {
        // It is in its place, and no longer to be removed.
        drop(new.keep());
        return Ok(());
    };
    if let Some(old) = old.filter(|old| fs::rename(old, directory).is_err()) {
        before.map(tempfile::TempDir::keep);
        let lost =
            format!("cannot write {0}; what was in {0} is in {1} now", directory.display(), old.display());
        return Err(anyhow::Error::new(error).context(lost).into());
    }
    Err(anyhow::Error::new(error).context(format!("cannot write {}", directory.display())).into())
}

/// A new directory, as it would be if it were made in its place; it is removed with its handle.
fn aside(parent: &Path) -> anyhow::Result<tempfile::TempDir> {
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
