//! `smstack local`.

use clap::{Args, Subcommand};

/// `smstack local`.
#[derive(Debug, Args)]
pub struct LocalArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub action: LocalAction,
}

/// What to do with the local cloud.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum LocalAction {
    /// Install it where needed, start it, and say where it answers
    Up,
    /// Stop it; what was deployed to it is gone
    Down,
    /// Say whether it runs, and where; the exit code is 1 when it does not
    Status,
    /// Forget everything that was deployed to it
    Reset,
}
