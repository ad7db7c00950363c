//! What the command line names to be compared, read into sides.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde_json::Value;

use super::super::{Exit, Stop, load};
use crate::diff::{Document, Side};
use crate::lint;
use crate::report;
use crate::source::SourceFile;
use crate::synth::{self, Assembly, Manifest, ParameterSource};

/// What is new.
#[derive(Debug)]
pub(super) enum New {
    /// Stack files, found as other commands find them; all of `stacks/` when there is none.
    Stacks(Vec<PathBuf>),
    /// A template or a definition; `-` is standard input.
    Document(PathBuf),
    /// The directory of an assembly.
    Assembly(PathBuf),
}

/// What a command line means, by what is there.
pub(super) fn what(named: &[PathBuf]) -> Result<New, Stop> {
    let documents: Vec<&PathBuf> = named.iter().filter(|path| !is_stack(path)).collect();
    match (documents.as_slice(), named.len()) {
        ([], _) => Ok(New::Stacks(named.to_vec())),
        ([only], 1) if only.is_dir() => Ok(New::Assembly((*only).clone())),
        ([only], 1) => Ok(New::Document((*only).clone())),
        ([first, ..], _) => Err(Stop::usage(format!(
            "`{}` is no stack file: a template, definition or assembly is compared by itself",
            first.display()
        ))),
    }
}

/// Whether a path can only mean a stack file, or its name in `stacks/`.
fn is_stack(path: &Path) -> bool {
    if path.as_os_str() == "-" {
        return false;
    }
    if path.is_dir() {
        return load::names_stack(path);
    }
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension {
        "json" => false,
        "yaml" | "yml" | "template" => {
            const OF_DOCUMENTS: [&str; 4] =
                ["Resources:", "AWSTemplateFormatVersion:", "Transform:", "Steps:"];
            let text = load::read(path).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let says = |line: &str| {
                let line = line.trim_start_matches(['"', '\'', '{', '\u{feff}']).replace(['"', '\''], "");
                OF_DOCUMENTS.iter().any(|key| line.starts_with(key))
            };
            !text.lines().any(says)
        }
        _ => true,
    }
}

/// A template or definition, whoever made it, in JSON or YAML.
pub(super) fn document(path: &Path, shown: &str) -> Result<Value, Stop> {
    let stdin = path.as_os_str() == "-";
    let read = if stdin { load::read_all(io::stdin().lock()) } else { load::read(path) };
    let shown = if stdin { "<stdin>" } else { shown };
    let bytes = read.map_err(|error| anyhow::anyhow!("cannot read `{shown}`: {error}"))?;
    parse(shown, &bytes)
}

pub(super) fn parse(shown: &str, bytes: &[u8]) -> Result<Value, Stop> {
    // Most are JSON, and need no places as long as they are sound.
    if let Ok(value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    let (file, found) = match SourceFile::from_bytes(shown, bytes) {
        Err(problem) => {
            let (file, diagnostic) = *problem;
            (file, vec![diagnostic])
        }
        Ok(file) => match lint::read(&file) {
            Ok(document) if document.value.is_object() => return Ok(document.value),
            Ok(document) => {
                let issue = lint::kind_of(&document.value).err();
                let found = issue.map(|issue| crate::source::locate(*issue, &file, &document.places));
                (file, found.into_iter().collect())
            }
            Err(problems) => (file, problems),
        },
    };
    report::diagnostics(&[file], &found);
    Err(invalid(format!("`{shown}` is no template and no definition, in JSON or YAML")))
}

/// The files are at fault.
pub(super) fn invalid(message: String) -> Stop {
    Stop { exit: Exit::Invalid, error: anyhow::Error::msg(message) }
}

/// The side that an assembly in memory is.
pub(super) fn side(assembly: &Assembly) -> Result<Side, Stop> {
    of_manifest(&assembly.manifest, |file| parse(file, assembly.file(file).unwrap_or_default()))
}

/// The assembly in a directory: its manifest, and the side it is; none where there is no manifest.
pub(super) fn directory(path: &Path) -> Result<Option<(Manifest, Side)>, Stop> {
    let manifest = path.join(synth::MANIFEST);
    if !manifest.is_file() {
        return Ok(None);
    }
    let shown = load::shown(&manifest);
    let bytes = fs::read(&manifest).map_err(|error| anyhow::anyhow!("cannot read `{shown}`: {error}"))?;
    let manifest: Manifest = serde_json::from_slice(&bytes)
        .map_err(|error| invalid(format!("`{shown}` is no manifest of an assembly: {error}")))?;
    let mut side = of_manifest(&manifest, |file| {
        let file = path.join(file);
        document(&file, &load::shown(&file))
    })?;
    let files = manifest.templates.iter().map(|it| (it.kind.as_str(), &it.file.file));
    let files = files.chain(manifest.definition.iter().map(|it| ("pipeline", &it.file)));
    for (name, file) in files {
        if let Some(document) = side.documents.get_mut(name) {
            document.origin = load::shown(&path.join(file));
        }
    }
    Ok(Some((manifest, side)))
}

/// The document that holds what a stack file says of its stacks beside their templates, by the stacks' kinds.
pub(super) const SETTINGS: &str = "settings";

fn settings(manifest: &Manifest) -> Result<Option<Value>, Stop> {
    let mut all = serde_json::Map::new();
    for template in manifest.templates.iter().filter(|it| !it.settings.is_silent()) {
        let said = serde_json::to_value(&template.settings).map_err(anyhow::Error::from)?;
        all.insert(template.kind.as_str().to_owned(), said);
    }
    Ok((!all.is_empty()).then_some(Value::Object(all)))
}

fn of_manifest(manifest: &Manifest, read: impl Fn(&str) -> Result<Value, Stop>) -> Result<Side, Stop> {
    let mut documents = BTreeMap::new();
    for template in &manifest.templates {
        let wired = template.parameters.iter().filter_map(|(name, source)| match source {
            ParameterSource::Output { template, output } => {
                Some((name.clone(), (template.as_str().to_owned(), output.clone())))
            }
            _ => None,
        });
        let (wired, value) = (wired.collect(), read(&template.file.file)?);
        documents.insert(template.kind.as_str().to_owned(), Document { value, wired, ..Document::default() });
    }
    if let Some(definition) = &manifest.definition {
        let value = read(&definition.file)?;
        documents.insert("pipeline".to_owned(), Document { value, ..Document::default() });
    }
    if let Some(value) = settings(manifest)? {
        documents.insert(SETTINGS.to_owned(), Document { value, ..Document::default() });
    }
    Ok(Side { documents })
}
