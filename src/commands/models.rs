//! `smstack models` and `smstack approve`: the versions of a model, and the word on one of them.

mod trace;

use super::reach::{self, Reach, failed};
use super::{Exit, Stop};
use crate::aws::Cloud as _;
use crate::cli::{ApproveArgs, Format, ModelsArgs};
use crate::deploy;
use crate::report::{self, life, state};

/// How many versions are looked through for the one that is named.
const MOST_VERSIONS: usize = 10_000;

pub(super) fn run(args: &ModelsArgs) -> Result<Exit, Stop> {
    reach::run(&args.target, "stopped", async |reach| match args.version {
        Some(version) => trace::trace(args, version, reach).await,
        None => models(args, reach).await,
    })
}

pub(super) fn approve(args: &ApproveArgs) -> Result<Exit, Stop> {
    reach::run(&args.target, "stopped", async |reach| judge(args, reach).await)
}

async fn models(args: &ModelsArgs, reach: &Reach) -> Result<Exit, Stop> {
    let Some(groups) = groups(reach).await else { return Ok(Exit::Failed) };
    let mut all = Vec::new();
    for group in groups {
        match deploy::measured(&reach.cloud, &group, usize::from(args.most)).await {
            Ok(versions) => all.push((group, versions.unwrap_or_default())),
            Err(error) => return Ok(failed(&error, error.help())),
        }
    }
    match args.format {
        Format::Text => report::out(&state::models_text(&all))?,
        Format::Json => report::json(&state::models_json(&all))?,
    }
    Ok(Exit::Done)
}

async fn judge(args: &ApproveArgs, reach: &Reach) -> Result<Exit, Stop> {
    let Some(groups) = groups(reach).await else { return Ok(Exit::Failed) };
    let group = chosen(args.group.as_deref(), &groups)?;
    let versions = match reach.cloud.model_versions(group, MOST_VERSIONS).await {
        Ok(versions) => versions.unwrap_or_default(),
        Err(error) => return Ok(failed(&error, error.help())),
    };
    let Some(version) = versions.iter().find(|version| version.version == Some(args.version)) else {
        let message = format!("group `{group}` has no version {}", args.version);
        report::failure(&message, Some("`smstack models` lists all"));
        return Ok(Exit::Failed);
    };
    let word = if args.reject { "Rejected" } else { "Approved" };
    if !args.reject && version.status != "Completed" {
        let message =
            format!("version {} of `{group}` is `{}`: it is not whole", args.version, version.status);
        report::failure(&message, Some("approve a version that is `Completed`"));
        return Ok(Exit::Failed);
    }
    if version.approval == word && args.comment.is_none() {
        report::out(&format!("version {} of {group} is {word} already\n", args.version))?;
        return Ok(Exit::Done);
    }
    if let Err(error) = reach.cloud.judge_model(&version.arn, !args.reject, args.comment.as_deref()).await {
        return Ok(failed(&error, error.help()));
    }
    report::out(&format!("version {} of {group} is {word}\n", args.version))?;
    Ok(Exit::Done)
}

/// The group that is named, or the only one.
fn chosen<'g>(name: Option<&str>, groups: &'g [String]) -> Result<&'g String, Stop> {
    match (name, groups) {
        (None, [only]) => Ok(only),
        (wanted, groups) => {
            if let Some(group) = groups.iter().find(|group| wanted == Some(group.as_str())) {
                return Ok(group);
            }
            let names: Vec<&str> = groups.iter().map(String::as_str).collect();
            let fault = match wanted {
                Some(name) => format!("the stack has no model package group `{name}`"),
                None => "the stack has several model package groups".to_owned(),
            };
            Err(Stop::usage(format!("{fault}: give `--group` with {}", life::names(&names))))
        }
    }
}

/// The model package groups of the deployed stacks; `None`, once it was said, when there is none.
async fn groups(reach: &Reach) -> Option<Vec<String>> {
    match reach.deployed("AWS::SageMaker::ModelPackageGroup").await {
        Ok(groups) if groups.is_empty() => {
            report::failure("no model package group is deployed", Some("deploy first: `smstack deploy`"));
            None
        }
        Ok(groups) => Some(groups),
        Err(error) => {
            failed(&error, error.help());
            None
        }
    }
}
