//! `smstack events`: what happened in the latest operation on each stack, and what goes on.

use super::reach::{self, Reach, failed};
use super::{Exit, Stop};
use crate::aws::{Cloud as _, StackEvent};
use crate::cli::{EventsArgs, Format};
use crate::deploy::{self, Event};
use crate::report;
use crate::report::life::{self, StackHistory};

const PARTING: &str = "stopped here; what goes on in AWS goes on by itself";

pub(super) fn run(args: &EventsArgs) -> Result<Exit, Stop> {
    reach::run(&args.target, PARTING, async |reach| events(args, reach).await)
}

async fn events(args: &EventsArgs, reach: &Reach) -> Result<Exit, Stop> {
    let mut histories = Vec::new();
    let mut exit = Exit::Done;
    for (kind, name) in reach.all_stacks() {
        let stack = match reach.cloud.stack(name).await {
            Ok(Some(stack)) => stack,
            Ok(None) => {
                histories.push(StackHistory {
                    kind,
                    name: name.to_owned(),
                    status: None,
                    events: Vec::new(),
                });
                continue;
            }
            Err(error) => return Ok(failed(&error, error.help())),
        };
        let shown = args.format == Format::Text;
        if shown {
            report::out(&life::headline(name, Some(&stack)))?;
        }
        let mut seen: Vec<StackEvent> = Vec::new();
        // Whoever pipes the output away has it complete; a reader that has gone away is noticed at the end.
        let mut note = |event: StackEvent| {
            let said = if shown { report::out(&life::event_line(&event)) } else { Ok(()) };
            seen.push(event);
            said
        };
        let mut written = Ok(());
        if args.follow {
            let mut hand_on = |event: Event| match event {
                Event::Resource { event, .. } => written = note(event),
                Event::Retrying { error, .. } => report::err(&format!("{error}; asking again\n")),
                waiting @ Event::Waiting { .. } => report::err(&report::deploy::waiting(&waiting)),
                _ => {}
            };
            let options = reach.options(&args.wait);
            match deploy::watch(&reach.cloud, kind, &stack, &options, &mut hand_on).await {
                Ok(None) => {}
                Ok(Some(_)) => exit = Exit::DeploymentFailed,
                Err(error) => return Ok(failed(&error, error.help())),
            }
        } else {
            match deploy::latest(&reach.cloud, &stack.id).await {
                Ok(history) => written = history.events.into_iter().try_for_each(&mut note),
                Err(error) => return Ok(failed(&error, error.help())),
            }
        }
        written?;
        let status = Some(
            seen.iter().rfind(|event| event.is_stack()).map_or(stack.status, |event| event.status.clone()),
        );
        histories.push(StackHistory { kind, name: name.to_owned(), status, events: seen });
    }
    if args.format == Format::Json {
        report::json(&life::events_json(&histories))?;
    } else {
        let absent = histories.iter().filter(|history| history.status.is_none());
        for history in absent {
            report::out(&life::headline(&history.name, None))?;
        }
    }
    Ok(exit)
}
