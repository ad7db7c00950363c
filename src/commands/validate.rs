//! `smstack validate`: every problem of the stack files at once.

use super::{Exit, Stop, load, show};
use crate::cli::{FindingsFormat, ValidateArgs};
use crate::diag::has_errors;
use crate::report;

pub(super) fn run(args: &ValidateArgs) -> Result<Exit, Stop> {
    let mut loaded = load::load(&args.which)?;
    for one in &mut loaded {
        one.assemble();
    }
    let (files, diagnostics) = load::findings(&loaded);
    show(args.format, &files, &diagnostics)?;
    if has_errors(&diagnostics) {
        return Ok(Exit::Invalid);
    }
    load::apart(loaded.iter().flat_map(load::Loaded::claims))?;
    if args.format == FindingsFormat::Text {
        for one in &loaded {
            let environments = one.environments().join(", ");
            report::out(&format!("{}: valid for {environments}\n", one.file.path()))?;
        }
    }
    Ok(Exit::Done)
}
