//! One room per command: load, call, report.

mod completions;
#[cfg(feature = "aws")]
mod data;
#[cfg(feature = "aws")]
mod deploy;
#[cfg(feature = "aws")]
mod destroy;
mod diff;
#[cfg(feature = "aws")]
mod drift;
#[cfg(feature = "aws")]
mod events;
#[cfg(feature = "aws")]
mod execute;
mod explain;
mod graph;
mod hands;
mod here;
mod init;
mod lint;
mod load;
#[cfg(feature = "aws")]
mod local;
#[cfg(feature = "aws")]
mod models;
#[cfg(feature = "aws")]
mod outputs;
mod parameters;
#[cfg(feature = "aws")]
mod preflight;
#[cfg(feature = "aws")]
mod reach;
#[cfg(feature = "aws")]
mod recover;
mod schema;
#[cfg(feature = "aws")]
mod status;
mod synth;
mod validate;

pub use load::assemblies;

use crate::cli::{Cli, Command, FindingsFormat};
use crate::diag::Diagnostic;
use crate::report;
use crate::source::SourceFile;

/// How a command ended; the number is the process's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// It failed: an AWS error, a lost connection, a file that cannot be written.
    Failed = 1,
    /// Wrong usage.
    Usage = 2,
    /// The stack file, template or definition is invalid.
    Invalid = 3,
    /// Something that may not happen would: `diff --fail-on`.
    Tripped = 4,
    /// Consent was needed and not given.
    NeedsConsent = 5,
    /// The deployment failed or rolled back, or the execution on this machine failed.
    DeploymentFailed = 6,
    /// Something deployed is not what its template says.
    Drifted = 7,
}

/// An error that ends a command, and the exit code that it ends with.
#[derive(Debug)]
pub(crate) struct Stop {
    exit: Exit,
    error: anyhow::Error,
}

impl Stop {
    /// The command line asks for something that is not there.
    pub(crate) fn usage(message: impl std::fmt::Display) -> Stop {
        Stop { exit: Exit::Usage, error: anyhow::anyhow!("{message}") }
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Stop {
        anyhow::Error::from(error).into()
    }
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Stop {
        Stop { exit: Exit::Failed, error }
    }
}

/// Shows what was found, for whoever asked: on stderr for people, else on stdout.
fn show(format: FindingsFormat, files: &[SourceFile], found: &[Diagnostic]) -> std::io::Result<()> {
    match format {
        FindingsFormat::Text => {
            report::diagnostics(files, found);
            Ok(())
        }
        FindingsFormat::Json => report::out(&report::diagnostics_json(files, found)),
        FindingsFormat::Sarif => report::out(&report::diagnostics_sarif(files, found)),
        FindingsFormat::Github => report::out(&report::diagnostics_github(files, found)),
    }
}

/// Runs what the command line says.
pub fn run(cli: Cli) -> Exit {
    let result = match cli.command {
        Command::Init(args) => init::run(&args),
        Command::Validate(args) => validate::run(&args),
        Command::Synth(args) => synth::run(&args),
        Command::Graph(args) => graph::run(&args),
        Command::Lint(args) => lint::run(&args),
        Command::Diff(args) => diff::run(&args),
        #[cfg(feature = "aws")]
        Command::Deploy(args) => deploy::run(&args),
        #[cfg(feature = "aws")]
        Command::Events(args) => events::run(&args),
        #[cfg(feature = "aws")]
        Command::Preflight(args) => preflight::run(&args),
        #[cfg(feature = "aws")]
        Command::Drift(args) => drift::run(&args),
        #[cfg(feature = "aws")]
        Command::Destroy(args) => destroy::run(&args),
        #[cfg(feature = "aws")]
        Command::Status(args) => status::run(&args),
        #[cfg(feature = "aws")]
        Command::Data(args) => data::run(&args),
        Command::Run(args) if args.local => here::run(&args),
        #[cfg(feature = "aws")]
        Command::Run(args) => execute::run(&args),
        #[cfg(not(feature = "aws"))]
        Command::Run(_) => Err(Stop::usage("this build of smstack has nothing of AWS: add `--local`")),
        #[cfg(feature = "aws")]
        Command::Models(args) => models::run(&args),
        #[cfg(feature = "aws")]
        Command::Approve(args) => models::approve(&args),
        #[cfg(feature = "aws")]
        Command::Outputs(args) => outputs::run(&args),
        #[cfg(feature = "aws")]
        Command::Recover(args) => recover::run(&args),
        #[cfg(feature = "aws")]
        Command::Local(args) => local::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Schema => schema::run(),
        Command::Completions(args) => completions::run(&args),
    };
    result.unwrap_or_else(|stop| {
        report::failure(&format!("{:#}", stop.error), None);
        stop.exit
    })
}
