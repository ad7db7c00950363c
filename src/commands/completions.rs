//! `smstack completions`: a shell's completion script.

use clap::CommandFactory;

use super::Exit;
use crate::cli::{Cli, CompletionsArgs};
use crate::report;

pub(super) fn run(args: &CompletionsArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "smstack", &mut script);
    report::out(&String::from_utf8_lossy(&script));
    Exit::Done
}
