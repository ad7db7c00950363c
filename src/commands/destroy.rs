//! `smstack destroy`: deletes the stacks of an environment, the last deployed first.

use super::reach::{self, Reach, failed};
use super::{Exit, Stop};
use crate::aws::Cloud as _;
use crate::cli::DestroyArgs;
use crate::deploy::{self, Doom};
use crate::report::{self, life};

const PARTING: &str = "stopped here; a deletion that has begun goes on by itself: run the same command again";

pub(super) fn run(args: &DestroyArgs) -> Result<Exit, Stop> {
    reach::run(&args.target, PARTING, async |reach| destroy(args, reach).await)
}

async fn destroy(args: &DestroyArgs, reach: &Reach) -> Result<Exit, Stop> {
    let mut dooms = Vec::new();
    for (kind, name) in reach.stacks().into_iter().rev() {
        match deploy::doom(&reach.cloud, kind, name).await {
            Ok(doom) => dooms.extend(doom),
            Err(error) => return Ok(failed(&error, error.help())),
        }
    }
    check(&args.empty, &dooms)?;
    if dooms.is_empty() {
        report::out("nothing is deployed\n")?;
        return Ok(Exit::Done);
    }
    for doom in &dooms {
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
    for doom in &dooms {
        if let Some(exit) = one(args, reach, doom).await? {
            return Ok(exit);
        }
    }
    Ok(Exit::Done)
}

/// Only buckets of these stacks can be emptied.
fn check(empty: &[String], dooms: &[Doom]) -> Result<(), Stop> {
    let buckets: Vec<&str> = dooms.iter().flat_map(buckets).collect();
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

/// Deletes a stack; how the command ends, where that did not go well.
async fn one(args: &DestroyArgs, reach: &Reach, doom: &Doom) -> Result<Option<Exit>, Stop> {
    for bucket in buckets(doom).filter(|bucket| args.empty.iter().any(|name| name == bucket)) {
        match reach.cloud.empty_bucket(bucket, &reach.target.identity.account).await {
            Ok(count) => report::err(&format!("{bucket}: {count} versions of objects deleted\n")),
            Err(error) => return Ok(Some(failed(&error, error.help()))),
        }
    }
    let options = reach.options(&args.wait);
    let result = reach.shown(async |emit| deploy::destroy(&reach.cloud, doom, &options, emit).await).await;
    let name = &doom.stack.name;
    let exit = reach::ended(name, result, &format!("{name}: deleted\n"))?;
    if exit == Exit::DeploymentFailed {
        report::err("mend what stands in the way, and run the same command again\n");
    }
    Ok((exit != Exit::Done).then_some(exit))
}
