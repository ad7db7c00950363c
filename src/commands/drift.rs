//! `smstack drift`: whether what is deployed is still what its templates say.

use super::reach::{self, Reach, failed};
use super::{Exit, Stop};
use crate::cli::{DriftArgs, Format};
use crate::deploy::{self, Event};
use crate::report::{self, drift as told};

const PARTING: &str = "stopped here; nothing is changed by looking";

pub(super) fn run(args: &DriftArgs) -> Result<Exit, Stop> {
    reach::run(&args.target, PARTING, async |reach| drift(args, reach).await)
}

async fn drift(args: &DriftArgs, reach: &Reach) -> Result<Exit, Stop> {
    let mut found = Vec::new();
    let mut emit = |event: Event| {
        if let Event::Retrying { error, .. } = event {
            report::err(&format!("{error}; asking again\n"));
        }
    };
    let options = deploy::Options::default();
    for (kind, name) in reach.all_stacks() {
        report::err(&format!("{name}: comparing what is deployed with its template\n"));
        match deploy::drift(&reach.cloud, kind, name, &options, &mut emit).await {
            Ok(Some(drift)) => found.push(drift),
            Ok(None) => report::err(&format!("{name}: not deployed\n")),
            Err(error) => return Ok(failed(&error, error.help())),
        }
    }
    match args.format {
        Format::Json => report::json(&told::json(&found, &reach.origins))?,
        Format::Text => report::out(&told::text(&found, &reach.origins))?,
    }
    let drifted = found.iter().any(|drift| drift.drifted().next().is_some());
    Ok(if drifted { Exit::Drifted } else { Exit::Done })
}
