//! Arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    smstack::commands::run(smstack::cli::Cli::parse()).into()
}
