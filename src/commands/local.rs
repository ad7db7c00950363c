//! `smstack local`: the embedded local cloud.

use anyhow::Error;

use super::{Exit, Stop};
use crate::cli::{LocalAction, LocalArgs};
use crate::local::Status;
use crate::report::local::Setup;
use crate::{local, report};

pub(super) fn run(args: &LocalArgs) -> Result<Exit, Stop> {
    match args.action {
        LocalAction::Up => {
            let url = up()?;
            report::out(&report::local::variables(&url))?;
        }
        LocalAction::Down => {
            let mut setup = Setup::new();
            let ended = local::down(&mut |event| setup.show(&event));
            setup.end();
            report::err(report::local::ended(ended.map_err(Error::from)?.as_ref()));
        }
        LocalAction::Status => {
            let status = local::status().map_err(Error::from)?;
            report::out(&report::local::status(&status))?;
            if !matches!(status, Status::Up(_)) {
                return Ok(Exit::Failed);
            }
        }
        LocalAction::Reset => {
            local::reset().map_err(Error::from)?;
            report::err("the local cloud is empty again\n");
        }
    }
    Ok(Exit::Done)
}

/// Starts it where it is not running, and says where it answers.
pub(super) fn up() -> Result<String, Stop> {
    let mut setup = Setup::new();
    let running = local::up(&mut |event| setup.show(&event));
    setup.end();
    Ok(running.map_err(Error::from)?.endpoint_url)
}
