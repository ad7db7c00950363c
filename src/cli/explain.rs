//! `smstack explain` and `completions`.

use clap::Args;

use super::Format;

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
