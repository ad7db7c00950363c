//! `smstack recover`: the way out of the state that a stack is in.

use super::reach::{self, Reach, failed};
use super::{Exit, Stop};
use crate::cli::RecoverArgs;
use crate::deploy::{self, Proposal, Remedy};
use crate::report::deploy::Progress;
use crate::report::{self, life};

const PARTING: &str =
    "stopped here; what CloudFormation has begun goes on by itself: run the same command again";

pub(super) fn run(args: &RecoverArgs) -> Result<Exit, Stop> {
    reach::run(&args.target, PARTING, async |reach| recover(args, reach).await)
}

async fn recover(args: &RecoverArgs, reach: &Reach) -> Result<Exit, Stop> {
    let options = reach.options(&args.wait);
    let mut proposals = Vec::new();
    // What depends on another stack goes before it.
    for (kind, name) in reach.all_stacks().into_iter().rev() {
        match deploy::propose(&reach.cloud, kind, name, &args.skip, &options).await {
            Ok(proposal) => proposals.extend(proposal),
            Err(error) => return Ok(failed(&error, error.help())),
        }
    }
    if proposals.is_empty() {
        report::out("no stack needs a way out\n")?;
        return Ok(Exit::Done);
    }
    let mut exit = Exit::Done;
    for proposal in &proposals {
        report::out(&life::proposal_text(proposal))?;
        exit = match proposal.remedy {
            Remedy::Wait | Remedy::Look => Exit::Failed,
            _ if args.yes || report::ask(&life::question(proposal)) => take(args, reach, proposal).await?,
            _ => {
                report::err("consent is needed: answer `y` on a terminal, or give `--yes`\n");
                Exit::NeedsConsent
            }
        };
        if exit != Exit::Done {
            break;
        }
    }
    if exit == Exit::Done {
        report::out("now deploy again: `smstack deploy`\n")?;
    }
    Ok(exit)
}

async fn take(args: &RecoverArgs, reach: &Reach, proposal: &Proposal) -> Result<Exit, Stop> {
    let options = reach.options(&args.wait);
    let progress = Progress::new(reach.local.as_deref());
    let result = reach
        .shown(progress, async |emit| deploy::recover(&reach.cloud, proposal, &options, emit).await)
        .await;
    reach::ended(&proposal.stack.name, result, &life::recovered(proposal))
}
