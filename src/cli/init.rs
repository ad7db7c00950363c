//! `smstack init`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `smstack init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The project's directory, in which `stacks/` lies
    #[arg(value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
    /// Build server to write a workflow for: validate, lint, diff as a comment, gate, deploy on approval
    #[arg(long, value_enum)]
    pub ci: Ci,
    /// Write over files that are there
    #[arg(long)]
    pub force: bool,
}

/// A build server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ci {
    /// GitHub Actions: `.github/workflows/smstack.yml`.
    Github,
    /// GitLab: `.gitlab/smstack.gitlab-ci.yml`.
    Gitlab,
}
