//! `deploy A B …`: several stack files, each after those that it depends on, consented to once.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::super::diff::deployed::all_since_deployed;
use super::super::reach::several::{self, Asked, Reaches};
use super::super::reach::{Reach, failed};
use super::super::{Exit, Stop};
use super::{ALL_THE_SAME, LACKS, PARTING, lacks};
use crate::aws::{Action, Replacement};
use crate::cli::{DeployArgs, Format};
use crate::deploy::{self, BOOTSTRAP_STACK, Event, Outcome, PreparedChange, Turn, Verdict};
use crate::diff::{Diff, Impact};
use crate::plan::Plan;
use crate::report;
use crate::report::deploy::Progress;
use crate::report::several::{Board, Ended, Ending, outcomes_json, outcomes_text, tally};

pub(super) fn run(args: &DeployArgs) -> Result<Exit, Stop> {
    let env = args.env.as_deref().ok_or_else(|| Stop::usage("name the `--env`"))?;
    let asked = Asked { stacks: &args.stacks, all: args.all, env, cloud: &args.cloud };
    several::run(&asked, PARTING, async |reaches| deploy_all(args, reaches).await)
}

async fn deploy_all(args: &DeployArgs, reaches: &Reaches) -> Result<Exit, Stop> {
    let mut plans = Vec::new();
    for reach in &reaches.all {
        match reach.plan() {
            Ok(plan) => plans.push(plan),
            Err(error) => return Ok(failed(&error, error.help())),
        }
    }
    let names = reaches.names();
    let local = reaches.all.first().and_then(|reach| reach.local.as_deref());
    let board = Board::new(local, &names);
    for (account, region) in places(&plans).into_keys() {
        board.say(&format!("account {account}, region {region}"));
    }
    let mut shown = None;
    if !args.yes {
        let diff = show(reaches, &plans).await?;
        if !report::ask(&format!("apply these changes to {} stack files?", names.len())) {
            report::err("consent is needed: answer `y` on a terminal, or give `--yes`\n");
            return Ok(Exit::NeedsConsent);
        }
        shown = Some(diff);
    }
    for index in places(&plans).into_values() {
        let (reach, plan) = (&reaches.all[index], &plans[index]);
        let progress = RefCell::new(board.lane(BOOTSTRAP_STACK));
        let mut emit = |event: Event| {
            reach.note(&event);
            progress.borrow_mut().show(&event);
        };
        match deploy::share(&reach.cloud, plan, &reach.options(&args.wait), &mut emit).await {
            Ok(None) => {}
            Ok(Some(_)) => return Ok(Exit::DeploymentFailed),
            Err(error) => return Ok(failed(&error, error.help())),
        }
    }
    let work = async |index: usize| {
        let (reach, plan): (&Reach, &Plan) = (&reaches.all[index], &plans[index]);
        Box::pin(one(args, reach, plan, board.lane(names[index]), shown.as_ref())).await
    };
    let turns = deploy::in_turn(&reaches.before, usize::from(args.parallel), work, Ending::is_well).await;
    let of = |(turn, reach): (Turn<Ending>, &Reach)| Ended {
        stack: reach.assembly.manifest.stack.clone(),
        environment: reach.assembly.manifest.environment.clone(),
        account: reach.target.identity.account.clone(),
        region: reach.target.region.clone(),
        ending: match turn {
            Turn::Ended(ending) => ending,
            Turn::NotBegun(because) => Ending::NotBegun { because: names[because].to_owned() },
        },
    };
    let ended: Vec<Ended> = turns.into_iter().zip(&reaches.all).map(of).collect();
    match args.format {
        Format::Text => report::out(&outcomes_text(&ended))?,
        Format::Json => report::json(&outcomes_json(&ended))?,
    }
    board.say(&format!("of {} stack files: {}", ended.len(), tally(&ended)));
    Ok(worst(&ended))
}

/// Where the plans go, and the first that goes there.
fn places(plans: &[Plan]) -> BTreeMap<(String, String), usize> {
    let mut places = BTreeMap::new();
    for (index, plan) in plans.iter().enumerate() {
        let place = (plan.target.identity.account.clone(), plan.target.region.clone());
        places.entry(place).or_insert(index);
    }
    places
}

/// Shows what would change, of all of them together.
async fn show(reaches: &Reaches, plans: &[Plan]) -> Result<Diff, Stop> {
    let mut sides = Vec::new();
    for (reach, plan) in reaches.all.iter().zip(plans) {
        sides.push((&reach.cloud, plan, &reach.assembly));
    }
    let diff = all_since_deployed(&sides).await?;
    report::err(&report::diff_text(&diff));
    Ok(diff)
}

/// One stack file from plan to end.
async fn one(
    args: &DeployArgs,
    reach: &Reach,
    plan: &Plan,
    progress: Progress,
    shown: Option<&Diff>,
) -> Ending {
    let progress = RefCell::new(progress);
    let wrong =
        |message: String, help: Option<&str>| Ending::Error { message, help: help.map(str::to_owned) };
    match lacks(args, reach).await {
        Ok(None) => {}
        Ok(Some(said)) => {
            progress.borrow().line(&said);
            return wrong(LACKS.to_owned(), Some(ALL_THE_SAME));
        }
        Err(error) => return wrong(error.to_string(), error.help()),
    }
    let mut emit = |event: Event| {
        reach.note(&event);
        // Said once, of all of them.
        if !matches!(event, Event::Target { .. }) {
            progress.borrow_mut().show(&event);
        }
    };
    let mut consent = |change: &PreparedChange| {
        let more = shown.map(|diff| unshown(change, diff, &reach.assembly.manifest.stack));
        let more = more.unwrap_or_default();
        if !more.is_empty() {
            let names = more.join(", ");
            progress.borrow().line(&format!("{}: this was not shown before: {names}", change.stack));
        }
        more.is_empty()
    };
    let options = reach.options(&args.wait);
    match deploy::deploy(&reach.cloud, plan, &options, &mut emit, &mut consent).await {
        Ok(outcome) => Ending::Outcome(outcome),
        Err(error) => wrong(error.to_string(), error.help()),
    }
}

/// What a change set ends or replaces and nobody was shown: consent to the whole was to something else.
fn unshown(change: &PreparedChange, diff: &Diff, stack: &str) -> Vec<String> {
    let mut found = Vec::new();
    for resource in &change.changes {
        let ends = resource.action == Action::Remove || resource.replacement == Replacement::Always;
        let known = diff.resources.iter().any(|it| {
            let (of, kind) = it.document.split_once('/').unwrap_or_default();
            let was = it.was.as_ref().map_or(it.logical_id.as_str(), |was| was.logical_id.as_str());
            let same = of == stack && kind.ends_with(change.kind.as_str());
            same && [it.logical_id.as_str(), was].contains(&resource.logical_id.as_str())
                && it.impact >= Impact::MayReplace
        });
        if ends && !known {
            found.push(resource.logical_id.clone());
        }
    }
    found
}

/// The worst of the ends, which is the command's.
fn worst(ended: &[Ended]) -> Exit {
    let any = |is: fn(&Ending) -> bool| ended.iter().any(|it| is(&it.ending));
    let verdict = |ending: &Ending| match ending {
        Ending::Outcome(outcome) => Some(Outcome::verdict(outcome)),
        _ => None,
    };
    if ended.iter().any(|it| verdict(&it.ending) == Some(Verdict::Failed)) {
        Exit::DeploymentFailed
    } else if any(|ending| matches!(ending, Ending::Error { .. })) {
        Exit::Failed
    } else if ended.iter().any(|it| verdict(&it.ending) == Some(Verdict::NeedsConsent)) {
        report::err("consent is needed: see above, and deploy that stack file by itself\n");
        Exit::NeedsConsent
    } else {
        Exit::Done
    }
}
