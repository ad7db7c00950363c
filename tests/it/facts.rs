//! That the fact tables are what `schemas/refresh.py` makes from the pinned packages.

use std::path::Path;
use std::process::Command;

use crate::tools::succeed;

#[test]
fn the_tables_are_what_refresh_makes() {
    let python = std::env::var("SMSTACK_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wheels = root.join("target/test-tools/wheels");
    std::fs::create_dir_all(&wheels).unwrap();
    succeed(
        Command::new(python).arg(root.join("schemas/refresh.py")).arg("--check").arg("--wheels").arg(wheels),
    );
}
