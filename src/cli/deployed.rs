//! The life of what is deployed: `smstack status`, `events`, `outputs`, `preflight`, `drift`, `recover`.

use clap::Args;

use super::{Format, TargetArgs, WaitArgs};

/// `smstack status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Which.
    #[command(flatten)]
    pub target: TargetArgs,
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `smstack events`.
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Which.
    #[command(flatten)]
    pub target: TargetArgs,
    /// How long.
    #[command(flatten)]
    pub wait: WaitArgs,
    /// Follow each stack's latest operation to its end; the exit code is 6 when one has failed
    #[arg(long, short)]
    pub follow: bool,
    /// How to write the events
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `smstack outputs`.
#[derive(Debug, Args)]
pub struct OutputsArgs {
    /// Which.
    #[command(flatten)]
    pub target: TargetArgs,
    /// How to write the outputs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `smstack preflight`.
#[derive(Debug, Args)]
pub struct PreflightArgs {
    /// Which.
    #[command(flatten)]
    pub target: TargetArgs,
    /// How to write what is found
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `smstack drift`.
#[derive(Debug, Args)]
pub struct DriftArgs {
    /// Which.
    #[command(flatten)]
    pub target: TargetArgs,
    /// How to write what is found
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `smstack recover`.
#[derive(Debug, Args)]
pub struct RecoverArgs {
    /// Which.
    #[command(flatten)]
    pub target: TargetArgs,
    /// How long.
    #[command(flatten)]
    pub wait: WaitArgs,
    /// A resource, by its name in the template, that a rollback leaves as it is; may be given more than once
    #[arg(long, value_name = "RESOURCE")]
    pub skip: Vec<String>,
    /// Take the way out without asking
    #[arg(long, short)]
    pub yes: bool,
}
