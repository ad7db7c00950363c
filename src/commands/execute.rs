//! `smstack run`: an execution of the pipeline, started and followed.

use std::collections::BTreeMap;
use std::time::Duration;

use super::reach::{self, Reach, failed};
use super::{Exit, Stop, data, parameters};
use crate::aws::{Cloud as _, Execution, NewExecution};
use crate::cli::{CloudArgs, Format, RunArgs, TargetArgs};
use crate::data::Error;
use crate::deploy::{self, Happening};
use crate::report::{self, state};
use crate::rules::datasets::LATEST;

const PARTING: &str = "stopped here; the execution goes on by itself: `smstack run --attach last` follows it";

pub(super) fn run(args: &RunArgs) -> Result<Exit, Stop> {
    let given = parameters::given(&args.parameters)?;
    if let Some(token) = args.token.as_deref().filter(|token| !deploy::is_execution_token(token)) {
        return Err(Stop::usage(format!("the token `{token}` has to have 32 to 128 characters")));
    }
    let target = TargetArgs {
        stack: args.stack.clone(),
        env: args.env.clone().unwrap_or_default(),
        cloud: CloudArgs { place: args.place.clone(), local: args.local_cloud },
    };
    reach::run(&target, PARTING, async |reach| execute(args, given, reach).await)
}

async fn execute(args: &RunArgs, mut given: BTreeMap<String, String>, reach: &Reach) -> Result<Exit, Stop> {
    parameters::fit(&given, &parameters::definition(&reach.assembly))?;
    let pipeline = match reach.deployed("AWS::SageMaker::Pipeline").await {
        Ok(pipelines) => pipelines.into_iter().next(),
        Err(error) => return Ok(failed(&error, error.help())),
    };
    let Some(pipeline) = pipeline else {
        report::failure("no pipeline is deployed", Some("deploy first: `smstack deploy`"));
        return Ok(Exit::Failed);
    };
    if args.attach.is_none()
        && let Err(exit) = versions(reach, &mut given).await
    {
        return Ok(exit);
    }
    let arn = match &args.attach {
        Some(arn) if arn != "last" => Ok(arn.clone()),
        Some(_) => match reach.cloud.last_execution(&pipeline).await {
            Ok(Some(last)) => Ok(last.arn),
            Ok(None) => {
                report::failure(&format!("pipeline `{pipeline}` was never executed"), None);
                return Ok(Exit::Failed);
            }
            Err(error) => Err(error),
        },
        None => {
            let token = args.token.clone().unwrap_or_else(deploy::execution_token);
            let order = NewExecution {
                pipeline: pipeline.clone(),
                name: args.name.clone(),
                parameters: given.clone(),
                token,
            };
            reach.cloud.start_execution(&order).await
        }
    };
    let arn = match arn {
        Ok(arn) => arn,
        Err(error) => return Ok(failed(&error, error.help())),
    };
    report::err(&format!("{pipeline}: {arn}\n"));
    let mut seen = Vec::new();
    let execution = if args.detach {
        reach.cloud.execution(&arn).await.map_err(deploy::Error::from)
    } else {
        let mut emit = |happening: Happening| match happening {
            Happening::Step(step) => {
                report::err(&state::step_line(&step));
                seen.retain(|earlier: &crate::aws::Step| earlier.name != step.name);
                seen.push(step);
            }
            waiting @ Happening::Waiting { .. } => report::err(&state::waiting(&waiting)),
            Happening::Retrying(error) => report::err(&format!("{error}; asking again\n")),
        };
        let mut options = deploy::Options::default();
        if reach.cloud.is_near() {
            options.pace = options.pace.near();
        }
        options.pace.wait = args.timeout.map_or(Duration::MAX, |it| Duration::from_millis(it.millis()));
        deploy::follow_execution(&reach.cloud, &arn, &options, &mut emit).await
    };
    let execution = match execution {
        Ok(execution) => execution,
        Err(error) => {
            let help = "the execution goes on by itself: `smstack run --attach last` follows it";
            return Ok(failed(&error, error.help().or(Some(help))));
        }
    };
    let mut logs = BTreeMap::new();
    for step in seen.iter().filter(|step| step.status == "Failed") {
        if let Some(job) = &step.job
            && let Some(log) = deploy::log_of(&reach.cloud, job).await
        {
            logs.insert(step.name.clone(), log);
        }
    }
    match args.format {
        Format::Text => report::out(&state::execution_text(&execution, &seen, &logs))?,
        Format::Json => report::json(&state::execution_json(&execution, &seen, &logs, &given))?,
    }
    Ok(exit(&execution))
}

/// Names the version of each dataset that steps read: an execution's parameters say for ever what it has read.
async fn versions(reach: &Reach, given: &mut BTreeMap<String, String>) -> Result<(), Exit> {
    for entry in &reach.assembly.manifest.datasets {
        let Some(parameter) = &entry.parameter else { continue };
        let word = given.get(parameter).map_or(LATEST, String::as_str);
        let store = data::store(reach, entry).await?;
        let id = match store.resolve(&reach.cloud, word).await {
            Ok(id) => id,
            Err(error @ Error::Nothing { .. }) => {
                let publish = reach.named.command("data publish", &format!(" {} DIRECTORY", entry.name));
                let help = format!("publish a directory first: `{publish}`");
                return Err(failed(&error, Some(&help)));
            }
            Err(error) => return Err(data::said(&error)),
        };
        report::err(&format!(
            "{}: version {id}{}\n",
            entry.name,
            if word == LATEST { ", the latest" } else { "" }
        ));
        given.insert(parameter.clone(), id);
    }
    Ok(())
}

fn exit(execution: &Execution) -> Exit {
    if execution.has_ended() && !execution.has_succeeded() { Exit::Failed } else { Exit::Done }
}
