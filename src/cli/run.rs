//! `smstack run`: in AWS, or on this machine.

use std::path::PathBuf;

use clap::Args;

use super::{Format, PlaceArgs};
use crate::rules::units::Duration;

/// `smstack run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// A stack file, or a name in `stacks/`
    #[arg(value_name = "STACK")]
    pub stack: PathBuf,
    /// Environment of the stack file [with `--local`, the first one is taken where none is named]
    #[arg(long, short, value_name = "ENV", required_unless_present = "local")]
    pub env: Option<String>,
    /// Execute the definition on this machine, each job in a process of its own: no account, no containers
    #[arg(long, conflicts_with_all = ["profile", "endpoint_url", "local_cloud", "name", "token", "attach", "detach"])]
    pub local: bool,
    /// Value of a parameter of the pipeline; may be given more than once
    #[arg(long = "param", short, value_name = "NAME=VALUE")]
    pub parameters: Vec<String>,
    /// How to write the outcome
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// With `--local`: where and with what.
    #[command(flatten)]
    pub here: HereArgs,
    /// Which cloud.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// How long to follow the execution, such as `2h`; it goes on by itself then, and the exit code is 1 [default: to
    /// its end]
    #[arg(long, value_name = "DURATION", conflicts_with_all = ["local", "detach"])]
    pub timeout: Option<Duration>,
    /// Start the execution in the embedded local cloud, whose steps succeed without doing anything
    #[arg(long, conflicts_with_all = ["profile", "endpoint_url"])]
    pub local_cloud: bool,
    /// What to call the execution
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Token of 32 to 128 characters that makes a repeated order harmless [default: a new one]
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,
    /// Follow an execution that was started before, by its ARN or as `last`
    #[arg(long, value_name = "ARN", conflicts_with_all = ["parameters", "name", "token", "detach"])]
    pub attach: Option<String>,
    /// Do not wait for the execution
    #[arg(long)]
    pub detach: bool,
}

/// How a definition is executed on this machine.
#[derive(Debug, Args)]
pub struct HereArgs {
    /// With `--local`: directory that has a dataset's data; may be given more than once
    /// [default: `data/<NAME>` in the project]
    #[arg(long, value_name = "NAME=DIR", requires = "local")]
    pub data: Vec<String>,
    /// With `--local`: the Python that stands for that of the containers [default: `python3`]
    #[arg(long, value_name = "PATH", requires = "local")]
    pub python: Option<PathBuf>,
    /// With `--local`: install what the steps need into an environment in the user's cache, and run with that
    #[arg(long, requires = "local")]
    pub install: bool,
    /// With `--local`: the most training jobs of a tuning job
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..), requires = "local")]
    pub max_jobs: u16,
    /// With `--local`: the most processes at the same time
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..), requires = "local")]
    pub max_parallel: u16,
    /// With `--local`: compute everything anew, also what the definition lets be used again
    #[arg(long, requires = "local")]
    pub no_cache: bool,
    /// With `--local`: directory that keeps executions, models and results, by stack and environment
    #[arg(long, short, value_name = "DIR", default_value = "smstack.run", requires = "local")]
    pub out: PathBuf,
}
