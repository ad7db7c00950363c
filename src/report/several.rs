//! Several deployments side by side: what happens, each line under the name of its stack, and how all of it ended.

use std::fmt::Write as _;

use indicatif::MultiProgress;
use serde_json::{Value, json};

use super::deploy::{Progress, labelled, outcome_json, outcome_text};
use super::{err, is_live};
use crate::deploy::{Outcome, Verdict};

/// Where the progress of each deployment is shown.
pub struct Board {
    bars: Option<MultiProgress>,
    /// Columns of the longest name; none where there is but one.
    width: Option<usize>,
}

impl Board {
    /// Begins; `cloud` says where to, when it is not AWS.
    pub fn new(cloud: Option<&str>, stacks: &[&str]) -> Board {
        if let Some(cloud) = cloud {
            err(&format!("this is the local cloud at {cloud}: nothing reaches AWS\n"));
        }
        let width = stacks.iter().map(|stack| stack.chars().count()).max().filter(|_| stacks.len() > 1);
        Board { bars: is_live().then(MultiProgress::new), width }
    }

    /// The progress of one of them.
    pub fn lane(&self, stack: &str) -> Progress {
        let label = self.width.map(|width| format!("{stack:<width$} | "));
        Progress::beside(self.bars.as_ref(), label.unwrap_or_default())
    }

    /// Says what concerns all of them.
    pub fn say(&self, text: &str) {
        self.aside(|| err(&labelled("", text)));
    }

    /// Stands still while something is written.
    pub fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }
}

/// What became of the deployment of one stack file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The name of its stack.
    pub stack: String,
    /// The environment.
    pub environment: String,
    /// Where it goes.
    pub account: String,
    /// Where it goes.
    pub region: String,
    /// What became of it.
    pub ending: Ending,
}

/// How the deployment of a stack file ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It came to an end, be it a bad one.
    Outcome(Outcome),
    /// It could not go on.
    Error {
        /// Why.
        message: String,
        /// The way out.
        help: Option<String>,
    },
    /// It was not begun.
    NotBegun {
        /// The stack that it depends on, and that did not end well.
        because: String,
    },
}

impl Ending {
    /// Whether what depends on it may begin.
    pub fn is_well(&self) -> bool {
        matches!(self, Ending::Outcome(outcome) if outcome.verdict() == Verdict::Done)
    }

    fn word(&self) -> &'static str {
        match self {
            Ending::Outcome(outcome) => match outcome.verdict() {
                Verdict::Done => "done",
                Verdict::NeedsConsent => "declined",
                Verdict::Failed => "failed",
            },
            Ending::Error { .. } => "error",
            Ending::NotBegun { .. } => "not_begun",
        }
    }
}

/// The outcomes for people.
pub fn outcomes_text(all: &[Ended]) -> String {
    let mut text = String::new();
    for Ended { stack, environment, ending, .. } in all {
        match ending {
            Ending::Outcome(outcome) => text.push_str(&outcome_text(outcome)),
            Ending::Error { message, help } => {
                let _ = writeln!(text, "{stack} ({environment}): {message}");
                if let Some(help) = help {
                    let _ = writeln!(text, "  = help: {help}");
                }
            }
            Ending::NotBegun { because } => {
                let _ = writeln!(text, "{stack} ({environment}): not begun, for it depends on {because}");
            }
        }
    }
    text
}

/// How many ended how: `18 done, 1 failed, 1 not begun`.
pub fn tally(all: &[Ended]) -> String {
    let words = ["done", "failed", "error", "declined", "not_begun"];
    let counted = words.iter().map(|word| (*word, all.iter().filter(|it| it.ending.word() == *word).count()));
    let told = counted.filter(|(_, count)| *count > 0).map(|(word, count)| match word {
        "error" => format!("{count} could not go on"),
        word => format!("{count} {}", word.replace('_', " ")),
    });
    told.collect::<Vec<_>>().join(", ")
}

/// The outcomes for programs; `schemas/outcomes.schema.json` describes them.
pub fn outcomes_json(all: &[Ended]) -> Value {
    let one = |it: &Ended| {
        let (outcome, error, because) = match &it.ending {
            Ending::Outcome(outcome) => (outcome_json(outcome), Value::Null, None),
            Ending::Error { message, help } => {
                (Value::Null, json!({ "message": message, "help": help }), None)
            }
            Ending::NotBegun { because } => (Value::Null, Value::Null, Some(because)),
        };
        json!({
            "stack": it.stack,
            "environment": it.environment,
            "account": it.account,
            "region": it.region,
            "result": it.ending.word(),
            "outcome": outcome,
            "error": error,
            "because": because,
        })
    };
    json!({ "version": 1, "deployments": all.iter().map(one).collect::<Vec<_>>() })
}
