//! `smstack deploy` and `destroy`.

use std::path::PathBuf;

use clap::Args;

use super::{CloudArgs, Format, TargetArgs, WaitArgs};

/// `smstack deploy`.
#[derive(Debug, Args)]
pub struct DeployArgs {
    /// A stack file, or a name in `stacks/`; with a plan only to hold it against the file
    #[arg(value_name = "STACK", required_unless_present_any = ["execute", "discard"], requires = "env")]
    pub stack: Option<PathBuf>,
    /// Environment of the stack file
    #[arg(long, short, value_name = "ENV", requires = "stack")]
    pub env: Option<String>,
    /// Which cloud.
    #[command(flatten)]
    pub cloud: CloudArgs,
    /// How long.
    #[command(flatten)]
    pub wait: WaitArgs,
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
    /// Which.
    #[command(flatten)]
    pub target: TargetArgs,
    /// How long.
    #[command(flatten)]
    pub wait: WaitArgs,
    /// A bucket of these stacks whose objects are deleted, with all versions; may be given more than once
    #[arg(long, value_name = "BUCKET")]
    pub empty: Vec<String>,
    /// Delete without asking
    #[arg(long, short)]
    pub yes: bool,
}
