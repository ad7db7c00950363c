//! `smstack validate`, `synth` and `graph`: stack files in, nothing asked of AWS.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{FindingsFormat, StackArgs};

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

/// How templates and the definition are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TemplateFormat {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
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
