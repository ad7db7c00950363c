//! Arguments in, exit code out.

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    #[cfg(feature = "aws")]
    smstack::aws::without_empty_variables();
    let exit = smstack::commands::run(smstack::cli::Cli::parse());
    // All that was said is written. The rest goes with the process: to tidy it up first would take time and give
    // nobody anything.
    signal_hook::low_level::exit(exit as i32)
}
