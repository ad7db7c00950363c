//! `smstack deploy`: one environment of a stack, as change sets.

use std::cell::RefCell;

use anyhow::Context as _;

use super::{Exit, Stop, load, local};
use crate::aws::{self, Cloud};
use crate::cli::{CloudArgs, DeployArgs, Format, StackArgs};
use crate::deploy::{self, Event, PreparedChange, Verdict};
use crate::diag::has_errors;
use crate::plan::{self, Target};
use crate::report;
use crate::report::deploy::{Progress, outcome_json, outcome_text};
use crate::synth::Assembly;

pub(super) fn run(args: &DeployArgs) -> Result<Exit, Stop> {
    let Some(assembly) = assemble(args)? else { return Ok(Exit::Invalid) };
    let local = if args.cloud.local { Some(local::up()?) } else { None };
    let runtime = tokio::runtime::Runtime::new().context("cannot start the asynchronous runtime")?;
    // A task of its own: it is heard even while the prompt waits for an answer.
    runtime.spawn(async {
        if tokio::signal::ctrl_c().await.is_ok() {
            report::err(
                "\nstopped here; what CloudFormation has begun goes on by itself: run the same command again to see how it ended\n",
            );
            std::process::exit(Exit::Failed as i32);
        }
    });
    runtime.block_on(deploy(args, &assembly, local.as_deref()))
}

/// Every check, then synth; problems are reported.
fn assemble(args: &DeployArgs) -> Result<Option<Assembly>, Stop> {
    let which = StackArgs { stacks: vec![args.stack.clone()], env: vec![args.env.clone()] };
    let mut loaded = load::load(&which)?;
    let assembly = loaded.iter_mut().flat_map(load::Loaded::assemble).last();
    let (files, diagnostics) = load::findings(&loaded);
    report::diagnostics(&files, &diagnostics);
    Ok(assembly.filter(|_| !has_errors(&diagnostics)))
}

async fn deploy(args: &DeployArgs, assembly: &Assembly, local: Option<&str>) -> Result<Exit, Stop> {
    let cloud = match aws::connect(&options(&args.cloud, assembly, local)).await {
        Ok(cloud) => cloud,
        Err(error) => return Ok(failed(&error, error.help())),
    };
    let identity = match cloud.identity().await {
        Ok(identity) => identity,
        Err(error) => return Ok(failed(&error, error.help())),
    };
    let target = Target { identity, region: cloud.region().to_owned() };
    let plan = match plan::plan(assembly, &target) {
        Ok(plan) => plan,
        Err(error) => return Ok(failed(&error, error.help())),
    };
    let progress = RefCell::new(Progress::new(local));
    let mut consent = |change: &PreparedChange| {
        let question = format!("apply these changes to {}?", change.stack);
        args.yes || progress.borrow_mut().pause(|| report::ask(&question))
    };
    let mut emit = |event: Event| progress.borrow_mut().show(&event);
    let result = deploy::deploy(&cloud, &plan, &deploy::Options::default(), &mut emit, &mut consent).await;
    progress.borrow_mut().end();
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(error) => return Ok(failed(&error, error.help())),
    };
    match args.format {
        Format::Text => report::out(&outcome_text(&outcome))?,
        Format::Json => report::json(&outcome_json(&outcome))?,
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

/// Where to: the command line's word before the stack file's.
pub(super) fn options(cloud: &CloudArgs, assembly: &Assembly, local: Option<&str>) -> aws::Options {
    let region = cloud.region.clone();
    let environment_region = assembly.manifest.region.clone();
    let local = local.map(|url| aws::LocalCloud {
        endpoint_url: url.to_owned(),
        // The local cloud takes an access key of twelve digits for its account.
        access_key: assembly.manifest.account.as_deref().unwrap_or(crate::local::ACCESS_KEY).to_owned(),
        secret: crate::local::SECRET_ACCESS_KEY.to_owned(),
        region: region
            .as_deref()
            .or(environment_region.as_deref())
            .unwrap_or(crate::local::REGION)
            .to_owned(),
    });
    aws::Options {
        profile: cloud.profile.clone(),
        endpoint_url: cloud.endpoint_url.clone(),
        local,
        region,
        environment_region,
    }
}

fn failed(error: &dyn std::error::Error, help: Option<&str>) -> Exit {
    report::failure(&error.to_string(), help);
    Exit::Failed
}
