//! `smstack diff`: what changes between two templates, definitions or assemblies, and what that does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Exit, Stop};
use crate::cli::{DiffArgs, DiffFormat};
use crate::diff::{self, Document, Side};
use crate::report;
use crate::synth::{self, Manifest, ParameterSource};

pub(super) fn run(args: &DiffArgs) -> Result<Exit, Stop> {
    for path in [&args.base, &args.new] {
        if !path.exists() {
            return Err(Stop::usage(format!("there is no `{}`", path.display())));
        }
    }
    if args.base.is_dir() != args.new.is_dir() {
        return Err(Stop::usage("a file is compared with a file, an assembly's directory with a directory"));
    }
    let diff = diff::diff(&side(&args.base)?, &side(&args.new)?);
    match args.format {
        DiffFormat::Json => report::json(&serde_json::to_value(&diff).context("cannot write the diff")?)?,
        DiffFormat::Text => report::out(&report::diff_text(&diff))?,
        DiffFormat::Markdown => report::out(&report::diff_markdown(&diff))?,
    }
    let tripped: Vec<_> = args.fail_on.iter().flat_map(|gate| gate.tripped(&diff)).collect();
    for what in &tripped {
        report::failure(what, None);
    }
    Ok(if tripped.is_empty() { Exit::Done } else { Exit::Tripped })
}

/// A file as it is, or what an assembly's manifest names.
fn side(path: &Path) -> Result<Side, Stop> {
    if !path.is_dir() {
        return Ok(Side::one("document", read(path)?));
    }
    let manifest_path = path.join(synth::MANIFEST);
    if !manifest_path.is_file() {
        let shown = path.display();
        return Err(Stop::usage(format!("`{shown}` is no assembly: it has no `{}`", synth::MANIFEST)));
    }
    let manifest: Manifest = read(&manifest_path)?;
    let mut documents = BTreeMap::new();
    for template in &manifest.templates {
        let wired = template.parameters.iter().filter_map(|(name, source)| match source {
            ParameterSource::Output { template, output } => {
                Some((name.clone(), (template.as_str().to_owned(), output.clone())))
            }
            _ => None,
        });
        let (wired, value) = (wired.collect(), read(&path.join(&template.file.file))?);
        documents.insert(template.kind.as_str().to_owned(), Document { value, wired, ..Document::default() });
    }
    if let Some(definition) = &manifest.definition {
        let value: Value = read(&path.join(&definition.file))?;
        documents.insert("pipeline".to_owned(), Document { value, ..Document::default() });
    }
    Ok(Side { documents })
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Stop> {
    let shown = path.display();
    let bytes = fs::read(path).with_context(|| format!("cannot read `{shown}`"))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let message = format!("`{shown}` is not what is compared, which is JSON: {error}");
        Stop { exit: Exit::Invalid, error: anyhow::anyhow!("{message}") }
    })
}
