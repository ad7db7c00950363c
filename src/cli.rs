//! The command line's types, and no behaviour: what commands share here, what one takes in `cli/`.

mod data;
mod deploy;
mod deployed;
mod diff;
mod explain;
mod init;
mod lint;
mod local;
mod models;
mod run;
mod synth;

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::rules::addresses;
use crate::rules::units::Duration;

pub use data::{DataAction, DataArgs, DataDiffArgs, DataListArgs, PublishArgs, VerifyArgs};
pub use deploy::{DeployArgs, DestroyArgs};
pub use deployed::{DriftArgs, EventsArgs, OutputsArgs, PreflightArgs, RecoverArgs, StatusArgs};
pub use diff::{DiffArgs, DiffFormat};
pub use explain::{CompletionsArgs, ExplainArgs};
pub use init::{Ci, InitArgs, Workload};
pub use lint::LintArgs;
pub use local::{LocalAction, LocalArgs};
pub use models::{ApproveArgs, ModelsArgs};
pub use run::{HereArgs, RunArgs};
pub use synth::{Drawn, GraphArgs, GraphFormat, SynthArgs, TemplateFormat, ValidateArgs};

/// Infrastructure as code for the full SageMaker stack.
#[derive(Debug, Parser)]
#[command(name = "smstack", version, about, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Begin a project with a workload that runs, and write what a build server needs
    Init(InitArgs),
    /// Say every problem of stack files, each with its place and a way out
    Validate(ValidateArgs),
    /// Render stack files into CloudFormation templates and a Pipelines definition
    Synth(SynthArgs),
    /// Draw the pipeline and the infrastructure of a stack file
    Graph(GraphArgs),
    /// Say what is wrong with CloudFormation templates, whoever wrote them
    Lint(LintArgs),
    /// Say what changes since another state, and what that does
    Diff(DiffArgs),
    /// Deploy one environment of a stack as change sets
    #[cfg(feature = "aws")]
    Deploy(DeployArgs),
    /// Delete the stacks of an environment; what holds data is kept
    #[cfg(feature = "aws")]
    Destroy(DestroyArgs),
    /// Say how everything is that a stack file describes
    #[cfg(feature = "aws")]
    Status(StatusArgs),
    /// Publish versions of datasets, list, verify and compare them
    #[cfg(feature = "aws")]
    Data(DataArgs),
    /// Execute the pipeline: in AWS, following its steps, or step by step on this machine
    Run(RunArgs),
    /// List the versions of the model with their metrics, or say what one was made of
    #[cfg(feature = "aws")]
    Models(ModelsArgs),
    /// Approve or reject a version of the model
    #[cfg(feature = "aws")]
    Approve(ApproveArgs),
    /// Say what happened to each deployed stack last, and follow what goes on
    #[cfg(feature = "aws")]
    Events(EventsArgs),
    /// Print the outputs of the deployed stacks
    #[cfg(feature = "aws")]
    Outputs(OutputsArgs),
    /// Say what the account lacks for a deployment, before anything is made
    #[cfg(feature = "aws")]
    Preflight(PreflightArgs),
    /// Say what is deployed otherwise than its template says
    #[cfg(feature = "aws")]
    Drift(DriftArgs),
    /// Propose the way out of a stack's state, and take it on consent
    #[cfg(feature = "aws")]
    Recover(RecoverArgs),
    /// The embedded local cloud: try a stack without an account
    #[cfg(feature = "aws")]
    Local(LocalArgs),
    /// Say what the code of a problem means, why, and who says so
    Explain(ExplainArgs),
    /// Print the JSON Schema of stack files
    Schema,
    /// Print a shell's completion script
    Completions(CompletionsArgs),
}

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs; has a version and a published schema.
    Json,
}

/// How problems are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FindingsFormat {
    /// For people.
    Text,
    /// For programs; has a version and a published schema.
    Json,
    /// SARIF 2.1.0, for code scanning and editors.
    Sarif,
    /// Annotations of a GitHub workflow.
    Github,
}

/// Which stack files.
#[derive(Debug, Args)]
pub struct StackArgs {
    /// Stack files, or names in `stacks/` [default: all of `stacks/`]
    #[arg(value_name = "STACK")]
    pub stacks: Vec<PathBuf>,
    /// Environment of the stack file; may be given more than once [default: all]
    #[arg(long, short, value_name = "ENV")]
    pub env: Vec<String>,
}

/// Whose cloud, and where.
#[derive(Debug, Clone, Args)]
pub struct PlaceArgs {
    /// Profile of the AWS configuration
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub profile: Option<String>,
    /// AWS region [default: the environment's, then the AWS configuration's]
    #[arg(long, value_name = "REGION", value_parser = addresses::region)]
    pub region: Option<String>,
    /// URL that all AWS services answer at
    #[arg(long, value_name = "URL", value_parser = addresses::endpoint_url)]
    pub endpoint_url: Option<String>,
}

/// Which cloud.
#[derive(Debug, Clone, Args)]
pub struct CloudArgs {
    /// Whose, and where.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Use the embedded local cloud, and start it when it is not running
    #[arg(long, conflicts_with_all = ["profile", "endpoint_url"])]
    pub local: bool,
}

/// Which deployment, and in which cloud.
#[derive(Debug, Args)]
pub struct TargetArgs {
    /// A stack file, or a name in `stacks/`
    #[arg(value_name = "STACK")]
    pub stack: PathBuf,
    /// Environment of the stack file
    #[arg(long, short, value_name = "ENV")]
    pub env: String,
    /// Which cloud.
    #[command(flatten)]
    pub cloud: CloudArgs,
}

/// How long to wait.
#[derive(Debug, Args)]
pub struct WaitArgs {
    /// How long to wait for one operation of CloudFormation, such as `30m`; it goes on by itself then, and the exit code
    /// is 1
    #[arg(long, value_name = "DURATION", default_value = "4h")]
    pub timeout: Duration,
}
