//! `smstack preflight`: what the account has to have before anything is deployed.

use super::reach::{self, Reach};
use super::{Exit, Stop};
use crate::cli::{Format, PreflightArgs};
use crate::deploy::{self, Looked};
use crate::plan;
use crate::report::{self, preflight as told};

pub(super) fn run(args: &PreflightArgs) -> Result<Exit, Stop> {
    let parting = "stopped here; nothing is changed by looking";
    reach::run(&args.target, parting, async |reach| preflight(args, reach).await)
}

async fn preflight(args: &PreflightArgs, reach: &Reach) -> Result<Exit, Stop> {
    let (account, region) = (&reach.target.identity.account, &reach.target.region);
    report::err(&format!("account {account}, region {region}, as {}\n", reach.target.identity.arn));
    let needs = plan::needs(&reach.assembly, &reach.target);
    let looked = deploy::preflight(&reach.cloud, &needs).await;
    match args.format {
        Format::Json => report::json(&told::json(&looked, &reach.origins))?,
        Format::Text => report::out(&told::text(&looked, &reach.origins))?,
    }
    Ok(if looked.iter().any(Looked::is_missing) { Exit::Failed } else { Exit::Done })
}
