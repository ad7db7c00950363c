//! `smstack graph`: the pipeline and the infrastructure of a stack file, drawn.

use std::collections::BTreeMap;

use super::{Exit, Stop, load, parameters};
use crate::cli::{Drawn, GraphArgs, GraphFormat, StackArgs};
use crate::diag::has_errors;
use crate::diff::{self, Document, Side};
use crate::report;
use crate::synth::Assembly;

pub(super) fn run(args: &GraphArgs) -> Result<Exit, Stop> {
    let which = StackArgs { stacks: vec![args.stack.clone()], env: args.env.iter().cloned().collect() };
    let mut loaded = load::load(&which)?;
    let assemblies: Vec<Assembly> = loaded.iter_mut().flat_map(load::Loaded::assemble).collect();
    let (files, diagnostics) = load::findings(&loaded);
    let Some(assembly) = assemblies.first().filter(|_| !has_errors(&diagnostics)) else {
        report::diagnostics(&files, &diagnostics);
        return Ok(Exit::Invalid);
    };
    let steps = match args.only {
        Drawn::Infrastructure => Vec::new(),
        Drawn::All | Drawn::Pipeline => diff::steps(&parameters::definition(assembly)),
    };
    let resources = match args.only {
        Drawn::Pipeline => Vec::new(),
        Drawn::All | Drawn::Infrastructure => diff::infrastructure(&templates(assembly)),
    };
    let title = format!("{} ({})", assembly.manifest.stack, assembly.manifest.environment);
    report::out(&match args.format {
        GraphFormat::Mermaid => report::graph_mermaid(&title, &steps, &resources),
        GraphFormat::Dot => report::graph_dot(&title, &steps, &resources),
        GraphFormat::Html => report::graph_html(&title, &steps, &resources),
    })?;
    Ok(Exit::Done)
}

/// The templates of an assembly by their kind.
fn templates(assembly: &Assembly) -> Side {
    let mut documents = BTreeMap::new();
    for entry in &assembly.manifest.templates {
        let bytes = assembly.file(&entry.file.file).unwrap_or_default();
        let value = serde_json::from_slice(bytes).unwrap_or_default();
        documents.insert(entry.kind.as_str().to_owned(), Document { value, ..Document::default() });
    }
    Side { documents }
}
