//! The command line's types, and no behaviour.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::diff::Gate;
use crate::rules::units::Duration;

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
    /// Write what a build server needs to check and to deploy a project
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
    /// Execute the pipeline: in AWS, following its steps, or step by step on this machine
    Run(RunArgs),
    /// List the versions of the model, with their metrics
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

/// How templates and the definition are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TemplateFormat {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
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

/// `smstack validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// Which.
    #[command(flatten)]
    pub which: StackArgs,
    /// How to write the result
    #[arg(long, value_enum, default_value_t = FindingsFormat::Text)]
    pub format: FindingsFormat,
}

/// `smstack synth`.
#[derive(Debug, Args)]
pub struct SynthArgs {
    /// Which.
    #[command(flatten)]
    pub which: StackArgs,
    /// Directory to write to; an assembly goes to `<stack>/<env>` in it
    #[arg(long, short, value_name = "DIR", default_value = "smstack.out")]
    pub out: PathBuf,
    /// How to write templates and the definition
    #[arg(long, value_enum, default_value_t = TemplateFormat::Json)]
    pub format: TemplateFormat,
}

/// `smstack graph`.
#[derive(Debug, Args)]
pub struct GraphArgs {
    /// A stack file, or a name in `stacks/`
    #[arg(value_name = "STACK")]
    pub stack: PathBuf,
    /// Environment of the stack file [default: the first one]
    #[arg(long, short, value_name = "ENV")]
    pub env: Option<String>,
    /// What is drawn
    #[arg(long, value_enum, default_value_t = Drawn::All)]
    pub only: Drawn,
    /// How it is drawn
    #[arg(long, value_enum, default_value_t = GraphFormat::Mermaid)]
    pub format: GraphFormat,
}

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Drawn {
    /// Both.
    All,
    /// The pipeline.
    Pipeline,
    /// The resources of the templates.
    Infrastructure,
}

/// How a graph is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// A Mermaid flowchart, which GitHub and GitLab draw in markdown.
    Mermaid,
    /// The language of Graphviz.
    Dot,
    /// One page.
    Html,
}

/// `smstack lint`.
#[derive(Debug, Args)]
pub struct LintArgs {
    /// Templates in JSON or YAML, or directories that hold them as `*.template.json`; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Region that the templates are for
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Let warnings count as errors do
    #[arg(long)]
    pub strict: bool,
    /// How to write the result
    #[arg(long, value_enum, default_value_t = FindingsFormat::Text)]
    pub format: FindingsFormat,
}

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

/// Which cloud.
#[derive(Debug, Clone, Args)]
pub struct CloudArgs {
    /// Profile of the AWS configuration
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// AWS region [default: the environment's, then the AWS configuration's]
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// URL that all AWS services answer at
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,
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
    /// Profile of the AWS configuration
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// AWS region [default: the environment's, then the AWS configuration's]
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// URL that all AWS services answer at
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,
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

/// `smstack models`.
#[derive(Debug, Args)]
pub struct ModelsArgs {
    /// Which.
    #[command(flatten)]
    pub target: TargetArgs,
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

/// `smstack explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Codes of problems, `offline` for what cannot be decided without asking AWS, `states` for the states of a
    /// stack and the way out of each, or `failures` for why resources fail [default: a list of all codes]
    #[arg(value_name = "CODE")]
    pub topics: Vec<String>,
    /// How to write the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `smstack completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}
