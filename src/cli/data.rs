//! `smstack data`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Format, TargetArgs};

/// `smstack data`.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// What to do with datasets.
    #[command(subcommand)]
    pub action: DataAction,
}

/// What to do with datasets.
#[derive(Debug, Subcommand)]
pub enum DataAction {
    /// Upload a directory as a version that never changes, and make it the latest
    Publish(PublishArgs),
    /// List the datasets, or the versions of one
    List(DataListArgs),
    /// Say whether a version is as it was published: every object there, with its size and checksum
    Verify(VerifyArgs),
    /// Say what changed between two versions: files, rows, columns
    Diff(DataDiffArgs),
}

/// `smstack data publish`.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// Which.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Dataset of the stack file
    #[arg(value_name = "DATASET")]
    pub dataset: String,
    /// Directory that holds the data; `.smstackignore` in it says what to leave out
    #[arg(value_name = "DIRECTORY")]
    pub directory: PathBuf,
    /// Publish without asking
    #[arg(long, short)]
    pub yes: bool,
    /// How to write the outcome
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `smstack data list`.
#[derive(Debug, Args)]
pub struct DataListArgs {
    /// Which.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Dataset of the stack file [default: all]
    #[arg(value_name = "DATASET")]
    pub dataset: Option<String>,
    /// How to write the list
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `smstack data verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Which.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Dataset of the stack file
    #[arg(value_name = "DATASET")]
    pub dataset: String,
    /// Version, by its name or the first digits of it
    #[arg(value_name = "VERSION", default_value = "latest")]
    pub version: String,
    /// How to write what is found
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `smstack data diff`.
#[derive(Debug, Args)]
pub struct DataDiffArgs {
    /// Which.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Dataset of the stack file
    #[arg(value_name = "DATASET")]
    pub dataset: String,
    /// The version to begin with, by its name or the first digits of it
    #[arg(value_name = "A")]
    pub old: String,
    /// The version to compare it with
    #[arg(value_name = "B", default_value = "latest")]
    pub new: String,
    /// How to write what is found
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}
