//! `smstack data`: versions of datasets are published, listed, verified and compared.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::diff::git;
use super::reach::{self, Reach, failed};
use super::{Exit, Stop, load};
use crate::aws::{Cloud as _, OwnBucket};
use crate::cli::{
    DataAction, DataArgs, DataDiffArgs, DataListArgs, Format, PublishArgs, TargetArgs, VerifyArgs,
};
use crate::data::{self, Description, Error, Event, Git, Origin, Store, Survey};
use crate::diag::{nearest, or_list};
use crate::report;
use crate::report::data::{self as told, Progress};
use crate::synth::{DatasetEntry, TemplateKind};

const PARTING: &str = "stopped here; `latest` is as it was, and the same command goes on from here";

pub(super) fn run(args: &DataArgs) -> Result<Exit, Stop> {
    match &args.action {
        DataAction::Publish(args) => {
            reach::run(&args.target, PARTING, async |reach| publish(args, reach).await)
        }
        DataAction::List(args) => reach::run(&args.target, "stopped", async |reach| list(args, reach).await),
        DataAction::Verify(args) => {
            reach::run(&args.target, "stopped", async |reach| verify(args, reach).await)
        }
        DataAction::Diff(args) => reach::run(&args.target, "stopped", async |reach| diff(args, reach).await),
    }
}

/// The dataset of that name, which has to have versions.
fn entry<'r>(reach: &'r Reach, name: &str) -> Result<&'r DatasetEntry, Stop> {
    let all = &reach.assembly.manifest.datasets;
    let names = || all.iter().map(|entry| entry.name.as_str());
    let Some(entry) = all.iter().find(|entry| entry.name == name) else {
        return Err(Stop::usage(match nearest(name, names()) {
            Some(near) => format!("there is no dataset `{name}`: did you mean `{near}`?"),
            None if all.is_empty() => {
                "the stack file has no datasets: add one to `data_lake.datasets`".to_owned()
            }
            None => format!("there is no dataset `{name}`: the stack file has {}", or_list(names())),
        }));
    };
    if !entry.versions {
        return Err(Stop::usage(format!(
            "dataset `{name}` has no versions: jobs read what lies under its prefix. Say `versions: true` of it in the \
             stack file and deploy, then publish"
        )));
    }
    Ok(entry)
}

/// Where a dataset lies; an exit code, once it was said, when its bucket is not deployed.
pub(super) async fn store(reach: &Reach, entry: &DatasetEntry) -> Result<Store, Exit> {
    let told = |error: crate::aws::Error| failed(&error, error.help());
    let platform = reach.assembly.manifest.templates.iter().find(|it| it.kind == TemplateKind::Platform);
    let stack = match platform {
        Some(platform) => reach.cloud.stack(&platform.stack_name).await.map_err(told)?,
        None => None,
    };
    let mut name = None;
    if let Some(stack) = stack {
        let resources = reach.cloud.stack_resources(&stack.id).await.map_err(told)?;
        let bucket = resources.into_iter().find(|it| it.logical_id == entry.bucket);
        name = bucket.and_then(|it| it.physical_id);
    }
    let Some(name) = name else {
        let message = format!("the bucket of dataset `{}` is not deployed", entry.name);
        report::failure(&message, Some("deploy first: `smstack deploy`"));
        return Err(Exit::Failed);
    };
    let bucket = OwnBucket { name, owner: reach.target.identity.account.clone() };
    Ok(Store { dataset: entry.name.clone(), bucket, prefix: entry.prefix.clone() })
}

/// Says why a command ends.
pub(super) fn said(error: &Error) -> Exit {
    failed(error, error.help().as_deref())
}

async fn publish(args: &PublishArgs, reach: &Reach) -> Result<Exit, Stop> {
    let entry = entry(reach, &args.dataset)?;
    let store = match store(reach, entry).await {
        Ok(store) => store,
        Err(exit) => return Ok(exit),
    };
    let Some(survey) = survey(args, &store).await? else { return Ok(Exit::Invalid) };
    let latest = match store.latest(&reach.cloud).await {
        Ok(latest) => latest.map(|(id, _)| id),
        Err(error) => return Ok(said(&error)),
    };
    let id = data::name(&survey.sha256);
    if latest.as_deref() != Some(id.as_str()) {
        report::err(&told::intent(&store, &survey, latest.as_deref(), starts(reach, entry)));
        if !(args.yes || report::ask(&format!("publish version {id} of {}?", store.dataset))) {
            report::err("consent is needed: answer `y` on a terminal, or give `--yes`\n");
            return Ok(Exit::NeedsConsent);
        }
    }
    let origin = Origin {
        by: reach.target.identity.arn.clone(),
        at: Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        git: commit(&args.directory, &args.target),
        stack: reach.assembly.manifest.stack.clone(),
        environment: reach.assembly.manifest.environment.clone(),
    };
    let progress = Progress::new("sending", survey.bytes(), survey.files.len());
    let mut emit = |event: Event| progress.show(&event);
    let published = data::publish(&reach.cloud, &store, survey, &origin, &mut emit).await;
    progress.end();
    let published = match published {
        Ok(published) => published,
        Err(error) => return Ok(said(&error)),
    };
    match args.format {
        Format::Text => report::out(&told::published_text(&store, &published))?,
        Format::Json => report::json(&told::published_json(&store, &published))?,
    }
    Ok(Exit::Done)
}

/// What the directory holds; none, once it was said, when something stands in the way.
async fn survey(args: &PublishArgs, store: &Store) -> Result<Option<Survey>, Stop> {
    let progress = Arc::new(Progress::new("reading", 0, 0));
    let (directory, store, shown) = (args.directory.clone(), store.clone(), Arc::clone(&progress));
    let reading = tokio::task::spawn_blocking(move || {
        data::read(&directory, &store.bucket.name, &store.prefix, &|bytes, files| shown.read(bytes, files))
    });
    let survey = reading.await.map_err(anyhow::Error::from)?;
    progress.end();
    Ok(match survey {
        Ok(survey) => Some(survey),
        Err(errors) => {
            for error in errors.iter().take(MOST_SHOWN) {
                report::failure(&error.to_string(), Some(&error.help()));
            }
            if errors.len() > MOST_SHOWN {
                report::err(&format!("and {} more\n", errors.len() - MOST_SHOWN));
            }
            None
        }
    })
}

/// As many problems of a directory are shown.
const MOST_SHOWN: usize = 50;

/// Whether a new version starts an execution of the pipeline.
fn starts(reach: &Reach, entry: &DatasetEntry) -> bool {
    let key = crate::rules::datasets::manifest_key(&entry.prefix, crate::rules::datasets::LATEST);
    let platform = reach.assembly.manifest.templates.iter().find(|it| it.kind == TemplateKind::Platform);
    let text = platform.and_then(|platform| reach.assembly.file(&platform.file.file));
    let template: serde_json::Value =
        text.and_then(|text| serde_json::from_slice(text).ok()).unwrap_or_default();
    let resources = template["Resources"].as_object().into_iter().flat_map(|all| all.values());
    resources
        .filter(|it| it["Type"] == "AWS::Events::Rule")
        .any(|it| it["Properties"]["EventPattern"]["detail"]["object"]["key"][0] == key.as_str())
}

/// The commit of the directory, else of the project.
fn commit(directory: &Path, target: &TargetArgs) -> Option<Git> {
    let project = load::project(&target.stack);
    let (commit, dirty) = git::state(directory).or_else(|| git::state(project))?;
    Some(Git { commit, dirty })
}

async fn list(args: &DataListArgs, reach: &Reach) -> Result<Exit, Stop> {
    let entries: Vec<&DatasetEntry> = match &args.dataset {
        Some(name) => vec![entry(reach, name)?],
        None => reach.assembly.manifest.datasets.iter().filter(|entry| entry.versions).collect(),
    };
    let mut all = Vec::new();
    for entry in entries {
        let store = match store(reach, entry).await {
            Ok(store) => store,
            Err(exit) => return Ok(exit),
        };
        match store.versions(&reach.cloud).await {
            Ok(versions) => all.push((store, versions)),
            Err(error) => return Ok(said(&error)),
        }
    }
    match args.format {
        Format::Text => report::out(&told::list_text(&all))?,
        Format::Json => report::json(&told::list_json(&all))?,
    }
    Ok(Exit::Done)
}

async fn verify(args: &VerifyArgs, reach: &Reach) -> Result<Exit, Stop> {
    let store = match store(reach, entry(reach, &args.dataset)?).await {
        Ok(store) => store,
        Err(exit) => return Ok(exit),
    };
    let id = match store.resolve(&reach.cloud, &args.version).await {
        Ok(id) => id,
        Err(error) => return Ok(said(&error)),
    };
    let progress = RefCell::new(Progress::new("verifying", 0, 0));
    let verified =
        data::verify(&reach.cloud, &store, &id, &mut |file| progress.borrow_mut().read(file.bytes, 0)).await;
    progress.into_inner().end();
    let verified = match verified {
        Ok(verified) => verified,
        Err(error) => return Ok(said(&error)),
    };
    match args.format {
        Format::Text => report::out(&told::verified_text(&store, &verified))?,
        Format::Json => report::json(&told::verified_json(&store, &verified))?,
    }
    Ok(if verified.faults.is_empty() { Exit::Done } else { Exit::Drifted })
}

async fn diff(args: &DataDiffArgs, reach: &Reach) -> Result<Exit, Stop> {
    let store = match store(reach, entry(reach, &args.dataset)?).await {
        Ok(store) => store,
        Err(exit) => return Ok(exit),
    };
    let mut sides = Vec::new();
    for word in [&args.old, &args.new] {
        match side(reach, &store, word).await {
            Ok(side) => sides.push(side),
            Err(error) => return Ok(said(&error)),
        }
    }
    let [(old, old_files), (new, new_files)] = sides.as_slice() else { return Ok(Exit::Failed) };
    let difference = data::compare((old, old_files), (new, new_files));
    match args.format {
        Format::Text => report::out(&told::difference_text(&store, old, new, &difference))?,
        Format::Json => report::json(&told::difference_json(&store, old, new, &difference))?,
    }
    Ok(Exit::Done)
}

async fn side(reach: &Reach, store: &Store, word: &str) -> Result<(Description, Vec<data::File>), Error> {
    let id = store.resolve(&reach.cloud, word).await?;
    let files = store.files(&reach.cloud, &id).await?;
    let key = crate::rules::datasets::description_key(&store.prefix, &id);
    let gone = || Error::Damaged { uri: store.uri(&key), why: "it is gone".to_owned() };
    Ok((store.description(&reach.cloud, &id).await?.ok_or_else(gone)?, files))
}
