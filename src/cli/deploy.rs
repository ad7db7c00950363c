//! `smstack deploy` and `destroy`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::{CloudArgs, Format, WaitArgs};

/// `smstack deploy`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").args(["stacks", "all"]).requires("env")))]
pub struct DeployArgs {
    /// Stack files, or names in `stacks/`; with a plan at most one, to hold the plan against it
    #[arg(value_name = "STACK", required_unless_present_any = ["all", "execute", "discard"])]
    pub stacks: Vec<PathBuf>,
    /// Deploy all stack files of `stacks/` that have the environment
    #[arg(long, conflicts_with_all = ["prepare", "execute", "discard"])]
    pub all: bool,
    /// Environment of the stack files
    #[arg(long, short, value_name = "ENV", requires = "which")]
    pub env: Option<String>,
    /// Which cloud.
    #[command(flatten)]
    pub cloud: CloudArgs,
    /// How long.
    #[command(flatten)]
    pub wait: WaitArgs,
    /// Of several stack files, how many are deployed at the same time; what one `depends_on` comes before it
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub parallel: u16,
    /// Apply the changes without asking
    #[arg(long, short)]
    pub yes: bool,
    /// Make the first stack without asking the account for what it needs
    #[arg(long, conflicts_with_all = ["prepare", "execute", "discard"])]
    pub no_preflight: bool,
    /// Make the change sets and write a plan file for review; change nothing
    #[arg(long, conflicts_with_all = ["execute", "discard", "yes"])]
    pub prepare: bool,
    /// Where `--prepare` writes the plan [default: smstack.out/STACK-ENV.plan.json]
    #[arg(long, value_name = "FILE", requires = "prepare")]
    pub plan: Option<PathBuf>,
    /// Execute exactly what a plan file holds, or say what has moved since
    #[arg(long, value_name = "PLAN", conflicts_with = "discard")]
    pub execute: Option<PathBuf>,
    /// Remove the change sets of a plan file that will not be executed
    #[arg(long, value_name = "PLAN", conflicts_with = "yes")]
    pub discard: Option<PathBuf>,
    /// How to write the outcome
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `smstack destroy`.
#[derive(Debug, Args)]
pub struct DestroyArgs {
    /// Stack files, or names in `stacks/`
    #[arg(value_name = "STACK", required_unless_present = "all")]
    pub stacks: Vec<PathBuf>,
    /// All stack files of `stacks/` that have the environment
    #[arg(long, conflicts_with = "stacks")]
    pub all: bool,
    /// Environment of the stack files
    #[arg(long, short, value_name = "ENV")]
    pub env: String,
    /// Which cloud.
    #[command(flatten)]
    pub cloud: CloudArgs,
    /// How long.
    #[command(flatten)]
    pub wait: WaitArgs,
    /// Of several stack files, how many are deleted at the same time; what one `depends_on` goes after it
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub parallel: u16,
    /// A bucket of these stacks whose objects are deleted, with all versions; may be given more than once
    #[arg(long, value_name = "BUCKET")]
    pub empty: Vec<String>,
    /// Delete without asking
    #[arg(long, short)]
    pub yes: bool,
}
