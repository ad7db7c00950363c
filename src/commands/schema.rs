//! `smstack schema`: the JSON Schema of stack files.

use super::{Exit, Stop};
use crate::{report, stack};

pub(super) fn run() -> Result<Exit, Stop> {
    report::json(&stack::json_schema())?;
    Ok(Exit::Done)
}
