//! `smstack completions`: a shell's completion script.

use clap::CommandFactory;

use super::{Exit, Stop};
use crate::cli::{Cli, CompletionsArgs};
use crate::report;

pub(super) fn run(args: &CompletionsArgs) -> Result<Exit, Stop> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "smstack", &mut script);
    report::out(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
