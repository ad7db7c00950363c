//! Arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    smstack::commands::run(smstack::cli::Cli::parse()).into()
}
