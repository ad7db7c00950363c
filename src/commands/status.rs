//! `smstack status`: how everything is that the stack file describes.

use super::reach::{self, Reach, failed};
use super::{Exit, Stop};
use crate::cli::{Format, StatusArgs};
use crate::deploy;
use crate::report::{self, state};

pub(super) fn run(args: &StatusArgs) -> Result<Exit, Stop> {
    reach::run(&args.target, "stopped", async |reach| status(args, reach).await)
}

async fn status(args: &StatusArgs, reach: &Reach) -> Result<Exit, Stop> {
    let overview = match deploy::overview(&reach.cloud, &reach.stacks()).await {
        Ok(overview) => overview,
        Err(error) => return Ok(failed(&error, error.help())),
    };
    match args.format {
        Format::Text => report::out(&state::overview_text(&overview))?,
        Format::Json => report::json(&state::overview_json(&overview))?,
    }
    Ok(Exit::Done)
}
