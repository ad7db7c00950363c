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
    if args.format == FindingsFormat::Text && !has_errors(&diagnostics) {
        for one in &loaded {
            let environments = one.environments().join(", ");
            report::out(&format!("{}: valid for {environments}\n", one.file.path()))?;
        }
    }
    Ok(if has_errors(&diagnostics) { Exit::Invalid } else { Exit::Done })
}
