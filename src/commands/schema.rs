//! `smstack schema`: the JSON Schema of stack files.

use super::Exit;
use crate::{report, stack};

pub(super) fn run() -> Exit {
    report::json(&stack::json_schema());
    Exit::Done
}
