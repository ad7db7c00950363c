//! `smstack local`: the embedded local cloud.

use super::{Exit, Stop};
use crate::cli::{LocalAction, LocalArgs};
use crate::{local, report};

pub(super) fn run(args: &LocalArgs) -> Result<Exit, Stop> {
    match args.action {
        LocalAction::Up => {
            let url = up()?;
            report::out(&format!(
                "AWS_ENDPOINT_URL={url}\nAWS_ACCESS_KEY_ID={}\nAWS_SECRET_ACCESS_KEY={}\nAWS_REGION={}\n",
                local::ACCESS_KEY,
                local::SECRET_KEY,
                local::REGION
            ));
        }
        LocalAction::Down => report::local::down(local::down().map_err(anyhow::Error::from)?.as_ref()),
        LocalAction::Status => report::local::status(&local::status().map_err(anyhow::Error::from)?),
        LocalAction::Reset => {
            local::reset().map_err(anyhow::Error::from)?;
            report::err("the local cloud is empty again\n");
        }
    }
    Ok(Exit::Done)
}

/// Starts it where it is not running, and says where it answers.
pub(super) fn up() -> Result<String, Stop> {
    let running = local::up(&mut |event| report::local::event(&event)).map_err(anyhow::Error::from)?;
    Ok(running.endpoint_url)
}
