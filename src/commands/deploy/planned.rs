//! `deploy --prepare`, `--execute` and `--discard`: a deployment that is reviewed between its change sets and their
//! execution.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::super::diff::deployed::since_deployed;
use super::super::reach::{self, Reach, failed};
use super::super::{Exit, Stop, load};
use super::{ALL_THE_SAME, LACKS, PARTING, lacks, named, told};
use crate::aws::Aws;
use crate::cli::{DeployArgs, Format, PlaceArgs, TargetArgs, WaitArgs};
use crate::deploy::{self, Event};
use crate::plan::{self, PLAN_VERSION, PlanFile, PlanFileError, PlannedDiff, Target};
use crate::report;
use crate::report::deploy::Progress;
use crate::report::plan::{dropped_text, plan_text};

const PREPARE_PARTING: &str =
    "stopped here; nothing was changed, and a change set that was made already does no harm: prepare again";

const DISCARD_PARTING: &str =
    "stopped here; a change set that is left does no harm: run the same command again";

pub(super) fn prepare(args: &DeployArgs, target: &TargetArgs) -> Result<Exit, Stop> {
    reach::run(target, PREPARE_PARTING, async |reach| Box::pin(prepare_in(args, reach)).await)
}

async fn prepare_in(args: &DeployArgs, reach: &Reach) -> Result<Exit, Stop> {
    let plan = match reach.plan() {
        Ok(plan) => plan,
        Err(error) => return Ok(failed(&error, error.help())),
    };
    let manifest = &reach.assembly.manifest;
    let path = args.plan.clone().unwrap_or_else(|| {
        PathBuf::from(format!("smstack.out/{}-{}.plan.json", manifest.stack, manifest.environment))
    });
    let former = former(&path, reach)?;
    match lacks(args, reach).await {
        Ok(None) => {}
        Ok(Some(said)) => {
            report::err(&said);
            report::failure(LACKS, Some(ALL_THE_SAME));
            return Ok(Exit::Failed);
        }
        Err(error) => return Ok(failed(&error, error.help())),
    }
    let progress = RefCell::new(Progress::new(reach.local.as_deref()));
    let mut emit = |event: Event| progress.borrow_mut().show(&event);
    let options = reach.options(&args.wait);
    let result = deploy::prepare(&reach.cloud, &plan, &options, &mut emit).await;
    progress.borrow_mut().end();
    let mut ready = match result {
        Ok(ready) => ready,
        Err(error) => return Ok(failed(&error, error.help())),
    };
    if let Some(former) = &former {
        // An empty stack that the former plan made is this one's to remove now.
        for stack in &mut ready.stacks {
            let made = |it: &plan::PlannedStack| it.stack_id == stack.stack_id && it.made_stack;
            stack.made_stack |= former.stacks.iter().any(made);
        }
    }
    let said: Vec<_> = ready.stacks.iter().map(|it| (it.kind.clone(), it.changes.clone())).collect();
    let diff = since_deployed(&reach.cloud, &plan, &reach.assembly, &said).await?;
    let diff = PlannedDiff {
        text: report::plain(&report::diff_text(&diff)),
        json: serde_json::to_value(&diff).context("cannot write the diff")?,
    };
    let file = PlanFile {
        version: PLAN_VERSION,
        smstack: env!("CARGO_PKG_VERSION").to_owned(),
        created: deploy::now(),
        stack: manifest.stack.clone(),
        environment: manifest.environment.clone(),
        account: reach.target.identity.account.clone(),
        region: reach.target.region.clone(),
        bucket: plan.bucket.clone(),
        uploads: ready.uploads,
        stacks: ready.stacks,
        unchanged: ready.unchanged,
        follows: ready.follows,
        diff,
        sha256: String::new(),
    }
    .sealed();
    write(&path, &file)?;
    if let Some(former) = former {
        supersede(&former, reach, &args.wait, &mut emit).await;
    }
    match args.format {
        Format::Text => {
            // The plan says its region.
            let place = PlaceArgs { region: None, ..args.cloud.place.clone() };
            let local = if reach.local.is_some() { " --local" } else { "" };
            let cloud = format!("{local}{}", reach::same_place(&place));
            report::out(&plan_text(&file, &load::shown(&path), &cloud))?;
        }
        Format::Json => report::json(&serde_json::to_value(&file).context("cannot write the plan")?)?,
    }
    Ok(Exit::Done)
}

/// The plan that the new one takes the place of; only one of the same deployment makes room.
fn former(path: &Path, reach: &Reach) -> Result<Option<PlanFile>, Stop> {
    let shown = path.display();
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    let refused = |why: String| {
        Stop::usage(format!("`{shown}` is there already, and {why}: move it, or choose another `--plan`"))
    };
    let there = PlanFile::read(&text).map_err(|error| refused(error.to_string()))?;
    let manifest = &reach.assembly.manifest;
    let ours = there.stack == manifest.stack
        && there.environment == manifest.environment
        && there.account == reach.target.identity.account
        && there.region == reach.target.region;
    if ours {
        return Ok(Some(there));
    }
    let PlanFile { stack, environment, account, region, .. } = there;
    Err(refused(format!("it is the plan of `{stack}/{environment}` in account {account}, region {region}")))
}

/// Removes the change sets of the former plan. What cannot be removed does no harm.
async fn supersede(former: &PlanFile, reach: &Reach, wait: &WaitArgs, emit: &mut dyn FnMut(Event)) {
    let options = reach.options(wait);
    match deploy::discard(&reach.cloud, former, &reach.target, &options, emit).await {
        Ok(dropped) => report::err(&dropped_text(&dropped, false)),
        Err(error) => report::err(&format!("the change sets of the former plan stay behind: {error}\n")),
    }
}

/// Writes beside the place and renames, so that there is never half of a plan.
fn write(path: &Path, file: &PlanFile) -> Result<(), Stop> {
    let shown = path.display();
    let home = path.parent().filter(|home| !home.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(home).with_context(|| format!("cannot make {}", home.display()))?;
    let text = serde_json::to_string_pretty(file).context("cannot write the plan")?;
    let aside = tempfile::NamedTempFile::new_in(home)
        .and_then(|aside| fs::write(aside.path(), text + "\n").map(|()| aside))
        .with_context(|| format!("cannot write into {}", home.display()))?;
    aside.persist(path).with_context(|| format!("cannot write {shown}"))?;
    Ok(())
}

/// Reads a plan; what is none ends the command.
fn read(path: &Path) -> Result<Result<PlanFile, Exit>, Stop> {
    let shown = path.display();
    let text = fs::read(path).map_err(|error| {
        Stop::usage(format!("cannot read `{shown}`: {error}; `smstack deploy --prepare` writes a plan"))
    })?;
    Ok(PlanFile::read(&String::from_utf8_lossy(&text)).map_err(|error| {
        let (help, exit) = match error {
            PlanFileError::NotAPlan { .. } => {
                ("name a file that `smstack deploy --prepare` wrote", Exit::Usage)
            }
            PlanFileError::Version { .. } => {
                ("execute it with the smstack that wrote it, or prepare again", Exit::Usage)
            }
            PlanFileError::Edited => ("prepare again: what was reviewed is what runs", Exit::Failed),
        };
        report::failure(&format!("`{shown}`: {error}"), Some(help));
        exit
    }))
}

pub(super) fn execute(args: &DeployArgs, path: &Path) -> Result<Exit, Stop> {
    let file = match read(path)? {
        Ok(file) => file,
        Err(exit) => return Ok(exit),
    };
    let assembly = match named(args)? {
        None => None,
        Some(target) => match reach::assemble(&target)? {
            None => return Ok(Exit::Invalid),
            Some(sound) => Some(sound),
        },
    };
    within(args, &file, PARTING, async |cloud, target, local| {
        if let Some((assembly, _)) = &assembly {
            let plan = match plan::plan(assembly, target) {
                Ok(plan) => plan,
                Err(error) => return Ok(failed(&error, error.help())),
            };
            let manifest = &assembly.manifest;
            let moved = deploy::against_stack_file(&file, &plan, &manifest.stack, &manifest.environment);
            if !moved.is_empty() {
                let error = deploy::Error::Moved { done: Vec::new(), moved };
                return Ok(failed(&error, error.help()));
            }
        }
        let progress = RefCell::new(Progress::new(local));
        let mut emit = |event: Event| progress.borrow_mut().show(&event);
        let origins = assembly.as_ref().map(|(_, origins)| origins.clone()).unwrap_or_default();
        let options = deploy::Options { origins, ..reach::options_of(cloud, &args.wait) };
        let result = deploy::execute(cloud, &file, target, &options, &mut emit).await;
        progress.borrow_mut().end();
        match result {
            Ok(outcome) => told(args, &outcome),
            Err(error) => Ok(failed(&error, error.help())),
        }
    })
}

pub(super) fn discard(args: &DeployArgs, path: &Path) -> Result<Exit, Stop> {
    let file = match read(path)? {
        Ok(file) => file,
        Err(exit) => return Ok(exit),
    };
    within(args, &file, DISCARD_PARTING, async |cloud, target, local| {
        let progress = RefCell::new(Progress::new(local));
        let mut emit = |event: Event| progress.borrow_mut().show(&event);
        let options = reach::options_of(cloud, &args.wait);
        let result = deploy::discard(cloud, &file, target, &options, &mut emit).await;
        progress.borrow_mut().end();
        match result {
            Ok(dropped) => {
                report::out(&dropped_text(&dropped, true))?;
                Ok(Exit::Done)
            }
            Err(error) => Ok(failed(&error, error.help())),
        }
    })
}

/// Connects to where a plan belongs.
fn within(
    args: &DeployArgs,
    file: &PlanFile,
    parting: &'static str,
    work: impl AsyncFnOnce(&Aws, &Target, Option<&str>) -> Result<Exit, Stop>,
) -> Result<Exit, Stop> {
    reach::block_on(&args.cloud, parting, async |local, _| {
        let local = local.as_deref();
        let options = reach::options_for(&args.cloud, Some(&file.account), Some(file.region.clone()), local);
        match reach::target(&options).await {
            Ok((cloud, target)) => work(&cloud, &target, local).await,
            Err(error) => Ok(reach::unreached(&error)),
        }
    })
}
