//! `smstack diff`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::CloudArgs;
use crate::diff::Gate;

/// `smstack diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// Stack files, or names in `stacks/`; or one template or definition in JSON or YAML (`-` is standard input), or
    /// the directory of an assembly [default: all of `stacks/`]
    #[arg(value_name = "STACK")]
    pub new: Vec<PathBuf>,
    /// Environment of the stack file; may be given more than once [default: all]
    #[arg(long, short, value_name = "ENV")]
    pub env: Vec<String>,
    /// What it is compared with: a commit, the directory of an assembly, a template or definition
    /// [default: the merge base with the default branch]
    #[arg(long, short, value_name = "REF|DIR|FILE", conflicts_with_all = ["deployed", "change_set"])]
    pub base: Option<String>,
    /// Compare stack files with what is deployed, which is only read
    #[arg(long)]
    pub deployed: bool,
    /// Compare with what is deployed, and add what CloudFormation says: by a change set that is removed again
    #[arg(long)]
    pub change_set: bool,
    /// How to write the result
    #[arg(long, value_enum, default_value_t = DiffFormat::Text)]
    pub format: DiffFormat,
    /// What ends with exit code 4: `any`, an impact or worse (`rolls`, `may-replace`, `replace`, `delete`), `stateful`,
    /// `downtime`, `broadening`, `weakened`, `cost`, `name-pinned`, `recompute`, …; several by commas
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub fail_on: Vec<Gate>,
    /// Which cloud.
    #[command(flatten)]
    pub cloud: CloudArgs,
}

/// How a diff is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// For people.
    Text,
    /// For programs; has a version and a published schema.
    Json,
    /// A comment of a pull request on GitHub, with a picture of the pipeline.
    Markdown,
    /// SARIF 2.1.0, for code scanning and editors: what asks for a look.
    Sarif,
    /// One page with the pipeline and the infrastructure drawn before and after.
    Html,
}
