//! `smstack destroy`: deletes the stacks of an environment, the last deployed first; of several stack files those first
//! that others do not depend on.

use super::reach::several::{self, Asked, Reaches};
use super::reach::{self, Reach, failed};
use super::{Exit, Stop};
use crate::aws::Cloud as _;
use crate::cli::DestroyArgs;
use crate::deploy::{self, Doom, Turn};
use crate::report::several::Board;
use crate::report::{self, life};

const PARTING: &str = "stopped here; a deletion that has begun goes on by itself: run the same command again";

pub(super) fn run(args: &DestroyArgs) -> Result<Exit, Stop> {
    let asked = Asked { stacks: &args.stacks, all: args.all, env: &args.env, cloud: &args.cloud };
    several::run(&asked, PARTING, async |reaches| destroy(args, reaches).await)
}

async fn destroy(args: &DestroyArgs, reaches: &Reaches) -> Result<Exit, Stop> {
    let mut of_each: Vec<Vec<Doom>> = Vec::new();
    for reach in &reaches.all {
        let mut dooms = Vec::new();
        for (kind, name) in reach.stacks().into_iter().rev() {
            match deploy::doom(&reach.cloud, kind, name).await {
                Ok(doom) => dooms.extend(doom),
                Err(error) => return Ok(failed(&error, error.help())),
            }
        }
        of_each.push(dooms);
    }
    let dooms: Vec<&Doom> = of_each.iter().flatten().collect();
    check(&args.empty, &dooms)?;
    if dooms.is_empty() {
        report::out("nothing is deployed\n")?;
        return Ok(Exit::Done);
    }
    for doom in dooms.iter().copied() {
        report::out(&life::doom_text(doom, &args.empty))?;
    }
    let protected: Vec<&str> =
        dooms.iter().filter(|doom| doom.stack.protected).map(|doom| doom.stack.name.as_str()).collect();
    if !protected.is_empty() {
        let message = format!("{} cannot be deleted: termination protection is on", life::names(&protected));
        let help = "say `deployment: { termination_protection: false }` in the stack file and deploy, or turn it off in \
                    the console; then destroy";
        report::failure(&message, Some(help));
        return Ok(Exit::Failed);
    }
    let names: Vec<&str> = dooms.iter().map(|doom| doom.stack.name.as_str()).collect();
    if !(args.yes || report::ask(&format!("delete {}?", names.join(" and ")))) {
        report::err("consent is needed: answer `y` on a terminal, or give `--yes`\n");
        return Ok(Exit::NeedsConsent);
    }
    let all = reaches.names();
    let local = reaches.all.first().and_then(|reach| reach.local.as_deref());
    let board = Board::new(local, &all);
    let work = async |index: usize| {
        let reach: &Reach = &reaches.all[index];
        for doom in &of_each[index] {
            let exit = one(args, reach, doom, &board).await?;
            if exit != Exit::Done {
                return Ok(exit);
            }
        }
        Ok::<Exit, Stop>(Exit::Done)
    };
    let well = |ended: &Result<Exit, Stop>| matches!(ended, Ok(Exit::Done));
    let turns = deploy::in_turn(&reaches.after(), usize::from(args.parallel), work, well).await;
    let mut worst = Exit::Done;
    for (turn, name) in turns.into_iter().zip(&all) {
        match turn {
            Turn::Ended(exit) => {
                let exit = exit?;
                if exit == Exit::DeploymentFailed || worst == Exit::Done {
                    worst = exit;
                }
            }
            Turn::NotBegun(because) => {
                report::err(&format!(
                    "{name}: not begun, for {} depends on it, and is still there\n",
                    all[because]
                ));
            }
        }
    }
    Ok(worst)
}

/// Only buckets of these stacks can be emptied.
fn check(empty: &[String], dooms: &[&Doom]) -> Result<(), Stop> {
    let buckets: Vec<&str> = dooms.iter().copied().flat_map(buckets).collect();
    match empty.iter().find(|name| !buckets.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) if buckets.is_empty() => Err(Stop::usage(format!("no stack has a bucket `{name}`"))),
        Some(name) => {
            let names = life::names(&buckets);
            Err(Stop::usage(format!("no stack has a bucket `{name}`: `--empty` takes {names}")))
        }
    }
}

fn buckets(doom: &Doom) -> impl Iterator<Item = &str> {
    let all = doom.goes.iter().chain(&doom.stays);
    let buckets = all.filter(|resource| resource.resource_type == "AWS::S3::Bucket");
    buckets.filter_map(|bucket| bucket.physical_id.as_deref())
}

/// Deletes a stack; how that ended.
async fn one(args: &DestroyArgs, reach: &Reach, doom: &Doom, board: &Board) -> Result<Exit, Stop> {
    for bucket in buckets(doom).filter(|bucket| args.empty.iter().any(|name| name == bucket)) {
        match reach.cloud.empty_bucket(bucket, &reach.target.identity.account).await {
            Ok(count) => board.say(&format!("{bucket}: {count} versions of objects deleted")),
            Err(error) => return Ok(board.aside(|| failed(&error, error.help()))),
        }
    }
    let options = reach.options(&args.wait);
    let lane = board.lane(&reach.assembly.manifest.stack);
    let result =
        reach.shown(lane, async |emit| deploy::destroy(&reach.cloud, doom, &options, emit).await).await;
    let name = &doom.stack.name;
    board.aside(|| {
        let exit = reach::ended(name, result, &format!("{name}: deleted\n"))?;
        if exit == Exit::DeploymentFailed {
            report::err("mend what stands in the way, and run the same command again\n");
        }
        Ok(exit)
    })
}
