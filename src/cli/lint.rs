//! `smstack lint`.

use std::path::PathBuf;

use clap::Args;

use super::FindingsFormat;

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
