//! `smstack outputs`: what the deployed stacks say of themselves.

use super::reach::{self, Reach, failed};
use super::{Exit, Stop};
use crate::aws::Cloud as _;
use crate::cli::{Format, OutputsArgs};
use crate::report::{self, life};

pub(super) fn run(args: &OutputsArgs) -> Result<Exit, Stop> {
    reach::run(&args.target, "stopped", async |reach| outputs(args, reach).await)
}

async fn outputs(args: &OutputsArgs, reach: &Reach) -> Result<Exit, Stop> {
    let mut stacks = Vec::new();
    for (kind, name) in reach.stacks() {
        match reach.cloud.stack(name).await {
            Ok(stack) => stacks.extend(stack.map(|stack| (kind, stack))),
            Err(error) => return Ok(failed(&error, error.help())),
        }
    }
    match args.format {
        Format::Json => report::json(&life::outputs_json(&stacks))?,
        Format::Text if stacks.is_empty() => {
            let names: Vec<&str> = reach.stacks().into_iter().map(|(_, name)| name).collect();
            let message = format!("nothing is deployed: there is no stack {}", life::names(&names));
            report::failure(&message, Some("deploy first: `smstack deploy`"));
        }
        Format::Text => report::out(&life::outputs_text(&stacks))?,
    }
    Ok(if stacks.is_empty() { Exit::Failed } else { Exit::Done })
}
