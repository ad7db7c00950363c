//! `smstack models` and `approve`.

use clap::Args;

use super::{Format, TargetArgs};

/// `smstack models`.
#[derive(Debug, Args)]
pub struct ModelsArgs {
    /// Which.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Number of a version: what it was made of, and how to make it again [default: a list of all]
    #[arg(value_name = "VERSION")]
    pub version: Option<i32>,
    /// With a version: its model package group, where the stack has several
    #[arg(long, value_name = "NAME", requires = "version")]
    pub group: Option<String>,
    /// How many versions, newest first
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub most: u16,
    /// How to write them
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `smstack approve`.
#[derive(Debug, Args)]
pub struct ApproveArgs {
    /// Which.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Number of the version, as `smstack models` lists it
    #[arg(value_name = "VERSION")]
    pub version: i32,
    /// Model package group, where the stack has several
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
    /// Reject the version
    #[arg(long)]
    pub reject: bool,
    /// Why; kept with the version
    #[arg(long, short = 'm', value_name = "TEXT")]
    pub comment: Option<String>,
}
