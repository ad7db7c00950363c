//! `smstack deploy`: one environment of a stack, as change sets; in one go, or prepared, reviewed and executed.

mod planned;
mod several;

use std::cell::{Cell, RefCell};
use std::path::PathBuf;

use tokio::runtime::Handle;

use super::reach::{self, Reach, failed};
use super::{Exit, Stop};
use crate::aws::{ChangeSetType, Cloud as _, Status};
use crate::cli::{DeployArgs, Format, TargetArgs};
use crate::deploy::{self, Event, Looked, Outcome, PreparedChange, Verdict};
use crate::plan;
use crate::report;
use crate::report::deploy::{Progress, outcome_json, outcome_text};

const PARTING: &str = "stopped here; what CloudFormation has begun goes on by itself: run the same command again to see \
                       how it ended";

const LACKS: &str = "nothing was made, for the account lacks what it needs";
const ALL_THE_SAME: &str = "see above; `--no-preflight` deploys all the same";

pub(super) fn run(args: &DeployArgs) -> Result<Exit, Stop> {
    if let Some(path) = &args.execute {
        return planned::execute(args, path);
    }
    if let Some(path) = &args.discard {
        return planned::discard(args, path);
    }
    if args.all || (args.stacks.len() > 1 && !args.prepare) {
        return several::run(args);
    }
    let target = named(args)?.ok_or_else(|| Stop::usage("name a stack file and its `--env`"))?;
    if args.prepare {
        return planned::prepare(args, &target);
    }
    reach::run(&target, PARTING, async |reach| Box::pin(deploy(args, reach)).await)
}

/// The environment of a stack file, when the command names one.
fn named(args: &DeployArgs) -> Result<Option<TargetArgs>, Stop> {
    let of = |stack: &PathBuf, env: &String| {
        Some(TargetArgs { stack: stack.clone(), env: env.clone(), cloud: args.cloud.clone() })
    };
    match args.stacks.as_slice() {
        [] => Ok(None),
        [stack] => Ok(args.env.as_ref().and_then(|env| of(stack, env))),
        _ => Err(Stop::usage("a plan is of one stack file: name that one")),
    }
}

async fn deploy(args: &DeployArgs, reach: &Reach) -> Result<Exit, Stop> {
    let plan = match reach.plan() {
        Ok(plan) => plan,
        Err(error) => return Ok(failed(&error, error.help())),
    };
    let progress = RefCell::new(Progress::new(reach.local.as_deref()));
    let lacking = Cell::new(None);
    let mut consent = |change: &PreparedChange| {
        // Once, before the first stack is made: what is only changed has shown that the account has what it needs.
        // The local cloud has nothing that it was not given.
        let looks = !args.no_preflight && reach.local.is_none() && lacking.get().is_none();
        if looks && change.change_set_type == ChangeSetType::Create {
            // Consent is not asynchronous, and the runtime has other threads.
            let lacks = tokio::task::block_in_place(|| Handle::current().block_on(missing(reach)));
            if let Some(said) = &lacks {
                progress.borrow_mut().pause(|| report::err(said));
            }
            lacking.set(Some(lacks.is_some()));
        }
        if lacking.get() == Some(true) {
            return false;
        }
        let question = format!("apply these changes to {}?", change.stack);
        args.yes || progress.borrow_mut().pause(|| report::ask(&question))
    };
    let mut emit = |event: Event| {
        reach.note(&event);
        progress.borrow_mut().show(&event);
    };
    let options = reach.options(&args.wait);
    let result = deploy::deploy(&reach.cloud, &plan, &options, &mut emit, &mut consent).await;
    progress.borrow_mut().end();
    if result.is_ok() && lacking.get() == Some(true) {
        report::failure(LACKS, Some(ALL_THE_SAME));
        return Ok(Exit::Failed);
    }
    match result {
        Ok(outcome) => told(args, &outcome),
        Err(error) => Ok(failed(&error, error.help())),
    }
}

/// What the account lacks for stacks that are still to be made, where it is asked. The local cloud has nothing that it
/// was not given.
async fn lacks(args: &DeployArgs, reach: &Reach) -> Result<Option<String>, deploy::Error> {
    if args.no_preflight || reach.local.is_some() {
        return Ok(None);
    }
    let Some((_, first)) = reach.stacks().into_iter().next() else { return Ok(None) };
    // An empty one that a change set waits for is still to be made.
    if reach.cloud.stack(first).await?.is_some_and(|it| it.status != Status::ReviewInProgress) {
        return Ok(None);
    }
    Ok(missing(reach).await)
}

/// What was looked at, when something of it is missing.
async fn missing(reach: &Reach) -> Option<String> {
    let looked = deploy::preflight(&reach.cloud, &plan::needs(&reach.assembly, &reach.target)).await;
    let lacks = looked.iter().any(Looked::is_missing);
    lacks.then(|| report::preflight::text(&looked, &reach.origins))
}

/// Says what became of it.
fn told(args: &DeployArgs, outcome: &Outcome) -> Result<Exit, Stop> {
    match args.format {
        Format::Text => report::out(&outcome_text(outcome))?,
        Format::Json => report::json(&outcome_json(outcome))?,
    }
    Ok(match outcome.verdict() {
        Verdict::Done => Exit::Done,
        Verdict::NeedsConsent => {
            report::err("consent is needed: answer `y` on a terminal, or give `--yes`\n");
            Exit::NeedsConsent
        }
        Verdict::Failed => Exit::DeploymentFailed,
    })
}
