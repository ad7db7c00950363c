//! What the README shows is true.

use std::fs;

use crate::project::{self, root, run};

/// The README's stack file is one that smstack takes, without a warning.
#[test]
fn the_taste_is_valid() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let taste = text.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let at = tempfile::tempdir().unwrap();
    project::write(at.path(), &project::reference());
    fs::write(at.path().join("stacks/churn.yaml"), taste).unwrap();
    let output = run(at.path(), &["validate", "churn"]);
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Every command that it names is there, and no command is missing in it.
#[test]
fn every_command_is_told() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let help = String::from_utf8(run(&root(), &["--help"]).stdout).unwrap();
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.len() > 3, "{help}");
    let row = |command: &str| text.contains(&format!("| `smstack {command}"));
    for command in &commands {
        assert!(row(command), "{command} is missing in the README");
    }
    let rows = text.lines().filter(|line| line.starts_with("| `smstack ")).count();
    if cfg!(feature = "aws") {
        assert_eq!(rows, commands.len(), "the README names a command that is not there");
    }
}
