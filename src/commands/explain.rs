//! `smstack explain`: what codes mean.

use super::{Exit, Stop};
use crate::cli::{ExplainArgs, Format};
use crate::diag::{CODES, Code, nearest};
use crate::report::{self, explain::Topic};

/// The word for the page about what cannot be decided offline; no code is called so.
const OFFLINE: &str = "offline";
/// The word for the page about the states of stacks; no code is called so either.
const STATES: &str = "states";
/// The word for the page about the reasons for which resources fail.
const FAILURES: &str = "failures";

pub(super) fn run(args: &ExplainArgs) -> Result<Exit, Stop> {
    let topics = args.topics.iter().map(|word| topic(word)).collect::<Result<Vec<_>, _>>()?;
    match args.format {
        Format::Json => report::json(&report::explain::json(&topics))?,
        Format::Text if topics.is_empty() => report::out(&report::explain::overview())?,
        Format::Text => report::out(&report::explain::text(&topics))?,
    }
    Ok(Exit::Done)
}

/// The code or page that `word` names, also as it stands in a diagnostic: `error[wrong-type]`.
fn topic(word: &str) -> Result<Topic, Stop> {
    let bare = word.split_once('[').map_or(word, |(_, rest)| rest.trim_end_matches([']', ':']));
    match bare {
        OFFLINE => return Ok(Topic::Offline),
        STATES => return Ok(Topic::States),
        FAILURES => return Ok(Topic::Failures),
        _ => {}
    }
    if let Some(code) = Code::parse(bare) {
        return Ok(Topic::Code(code));
    }
    let known = CODES.iter().map(|code| code.as_str()).chain([OFFLINE, STATES, FAILURES]);
    Err(Stop::usage(match nearest(bare, known) {
        Some(near) => format!("there is no code `{word}`; did you mean `{near}`?"),
        None => format!("there is no code `{word}`; `smstack explain` lists all"),
    }))
}
