//! `smstack validate`: every problem of the stack files at once.

use super::{Exit, Stop, load};
use crate::cli::{Format, ValidateArgs};
use crate::diag::has_errors;
use crate::report;

pub(super) fn run(args: &ValidateArgs) -> Result<Exit, Stop> {
    let mut loaded = load::load(&args.which)?;
    for one in &mut loaded {
        one.assemble();
    }
    let (files, diagnostics) = load::findings(&loaded);
    match args.format {
        Format::Json => report::out(&report::diagnostics_json(&files, &diagnostics))?,
        Format::Text => {
            report::diagnostics(&files, &diagnostics);
            if !has_errors(&diagnostics) {
                for one in &loaded {
                    report::out(&format!(
                        "{}: valid for {}\n",
                        one.file.path(),
                        one.environments().join(", ")
                    ))?;
                }
            }
        }
    }
    Ok(if has_errors(&diagnostics) { Exit::Invalid } else { Exit::Done })
}
