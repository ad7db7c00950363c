//! `smstack run`: an execution of the pipeline, started and followed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::reach::{self, Reach, failed};
use super::{Exit, Stop};
use crate::aws::{Cloud as _, Execution, NewExecution};
use crate::cli::{Format, RunArgs};
use crate::deploy::{self, Happening};
use crate::diag::nearest;
use crate::report::{self, state};
use crate::synth::Assembly;

const PARTING: &str = "stopped here; the execution goes on by itself: `smstack run --attach last` follows it";

pub(super) fn run(args: &RunArgs) -> Result<Exit, Stop> {
    let parameters = given(&args.parameters)?;
    if let Some(token) = args.token.as_deref().filter(|token| !deploy::is_execution_token(token)) {
        return Err(Stop::usage(format!("the token `{token}` has to have 32 to 128 characters")));
    }
    reach::run(&args.target, PARTING, async |reach| execute(args, parameters, reach).await)
}

/// `NAME=VALUE` of the command line.
fn given(parameters: &[String]) -> Result<BTreeMap<String, String>, Stop> {
    let mut all = BTreeMap::new();
    for parameter in parameters {
        let Some((name, value)) = parameter.split_once('=') else {
            return Err(Stop::usage(format!("`--param {parameter}` has to be `NAME=VALUE`")));
        };
        if all.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(Stop::usage(format!("parameter `{name}` is given twice")));
        }
    }
    Ok(all)
}

async fn execute(args: &RunArgs, parameters: BTreeMap<String, String>, reach: &Reach) -> Result<Exit, Stop> {
    fit(&parameters, &reach.assembly)?;
    let pipeline = match reach.deployed("AWS::SageMaker::Pipeline").await {
        Ok(pipelines) => pipelines.into_iter().next(),
        Err(error) => return Ok(failed(&error, error.help())),
    };
    let Some(pipeline) = pipeline else {
        report::failure("no pipeline is deployed", Some("deploy first: `smstack deploy`"));
        return Ok(Exit::Failed);
    };
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
            let order =
                NewExecution { pipeline: pipeline.clone(), name: args.name.clone(), parameters, token };
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
        reach.cloud.execution(&arn).await
    } else {
        let mut emit = |happening: Happening| match happening {
            Happening::Step(step) => {
                report::err(&state::step_line(&step));
                seen.retain(|earlier: &crate::aws::Step| earlier.name != step.name);
                seen.push(step);
            }
            Happening::Retrying(error) => report::err(&format!("{error}; asking again\n")),
        };
        deploy::follow_execution(&reach.cloud, &arn, &deploy::Options::default(), &mut emit).await
    };
    let execution = match execution {
        Ok(execution) => execution,
        Err(error) => {
            let help = "the execution goes on by itself: `smstack run --attach last` follows it";
            return Ok(failed(&error, error.help().or(Some(help))));
        }
    };
    match args.format {
        Format::Text => report::out(&state::execution_text(&execution, &seen))?,
        Format::Json => report::json(&state::execution_json(&execution, &seen))?,
    }
    Ok(exit(&execution))
}

fn exit(execution: &Execution) -> Exit {
    if execution.has_ended() && !execution.has_succeeded() { Exit::Failed } else { Exit::Done }
}

/// Only what the pipeline has as a parameter can be given, as its definition says it.
fn fit(given: &BTreeMap<String, String>, assembly: &Assembly) -> Result<(), Stop> {
    let file = assembly.manifest.definition.as_ref().and_then(|entry| assembly.file(&entry.file));
    let definition: Value = file.and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
    let known = definition["Parameters"].as_array().cloned().unwrap_or_default();
    let of_name = |name: &str| known.iter().find(|parameter| parameter["Name"] == name);
    for (name, value) in given {
        let Some(parameter) = of_name(name) else {
            let names = known.iter().filter_map(|parameter| parameter["Name"].as_str());
            return Err(Stop::usage(match nearest(name, names.clone()) {
                Some(near) => format!("the pipeline has no parameter `{name}`: did you mean `{near}`?"),
                None => format!(
                    "the pipeline has no parameter `{name}`; it has {}",
                    crate::report::life::names(&names.collect::<Vec<_>>())
                ),
            }));
        };
        let fits = match parameter["Type"].as_str() {
            Some("Integer") => value.parse::<i64>().is_ok(),
            Some("Float") => value.parse::<f64>().is_ok_and(f64::is_finite),
            Some("Boolean") => matches!(value.as_str(), "true" | "false" | "True" | "False"),
            _ => true,
        };
        if !fits {
            let wanted = parameter["Type"].as_str().unwrap_or("String");
            return Err(Stop::usage(format!(
                "parameter `{name}` is of type {wanted}, which `{value}` is not"
            )));
        }
        let choices = parameter["EnumValues"].as_array();
        let text = |choice: &Value| choice.as_str().map_or_else(|| choice.to_string(), str::to_owned);
        if let Some(choices) = choices.filter(|choices| !choices.iter().any(|choice| text(choice) == *value))
        {
            let choices: Vec<String> = choices.iter().map(text).collect();
            let choices: Vec<&str> = choices.iter().map(String::as_str).collect();
            let choices = crate::report::life::names(&choices);
            return Err(Stop::usage(format!("parameter `{name}` may be {choices}, and not `{value}`")));
        }
    }
    Ok(())
}
