//! That the fact tables are what `schemas/refresh.py` makes from the pinned packages.

use std::path::Path;
use std::process::Command;

use crate::tools::succeed;

#[test]
fn the_tables_are_what_refresh_makes() {
    let python = std::env::var("SMSTACK_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/refresh.py");
    succeed(Command::new(python).arg(script).arg("--check"));
}
