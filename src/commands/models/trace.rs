//! `smstack models STACK VERSION`: what a version was made of, and how to make it again.

use std::collections::BTreeMap;

use super::super::reach::{Reach, failed};
use super::super::{Exit, Stop, data};
use super::{MOST_VERSIONS, chosen, groups};
use crate::aws::{self, Cloud as _, ModelDetails, Trace as _};
use crate::cli::{Format, ModelsArgs};
use crate::deploy;
use crate::report;
use crate::report::trace::{self as told, DatasetRead, Traced};
use crate::rules::datasets::LATEST;

/// What the names of properties begin with that say the version of a dataset.
const DATASET: &str = "smstack:dataset:";

pub(super) async fn trace(args: &ModelsArgs, version: i32, reach: &Reach) -> Result<Exit, Stop> {
    let Some(groups) = groups(reach).await else { return Ok(Exit::Failed) };
    let group = chosen(args.group.as_deref(), &groups)?;
    let versions = match reach.cloud.model_versions(group, MOST_VERSIONS).await {
        Ok(versions) => versions.unwrap_or_default(),
        Err(error) => return Ok(failed(&error, error.help())),
    };
    let Some(found) = versions.into_iter().find(|it| it.version == Some(version)) else {
        let message = format!("group `{group}` has no version {version}");
        report::failure(&message, Some("`smstack models` lists all"));
        return Ok(Exit::Failed);
    };
    let traced = match traced(reach, group, version, &found.arn).await {
        Ok(traced) => traced,
        Err(error) => return Ok(failed(&error, error.help())),
    };
    match args.format {
        Format::Text => report::out(&told::text(&traced))?,
        Format::Json => report::json(&told::json(&traced))?,
    }
    Ok(Exit::Done)
}

async fn traced(reach: &Reach, group: &str, version: i32, arn: &str) -> aws::Result<Traced> {
    let details = reach.cloud.model_details(arn).await?;
    let metrics = deploy::metrics(&reach.cloud, arn).await;
    let execution = execution(reach, &details).await?;
    let parameters = match &execution {
        Some(arn) => reach.cloud.execution_parameters(arn).await.unwrap_or_default().unwrap_or_default(),
        None => BTreeMap::new(),
    };
    let mut begun = details.created;
    if let Some(arn) = &execution
        && let Ok(execution) = reach.cloud.execution(arn).await
    {
        begun = execution.started.or(begun);
    }
    let mut datasets = Vec::new();
    for (name, word) in &details.properties {
        if let Some(name) = name.strip_prefix(DATASET) {
            datasets.push(dataset(reach, name, word, begun).await);
        }
    }
    Ok(Traced {
        group: group.to_owned(),
        version,
        arn: arn.to_owned(),
        details,
        metrics,
        execution,
        parameters,
        datasets,
        named: reach.named.clone(),
    })
}

/// The ARN of the execution that registered it: properties say its id.
async fn execution(reach: &Reach, details: &ModelDetails) -> aws::Result<Option<String>> {
    let Some(id) = details.properties.get("smstack:execution") else { return Ok(None) };
    let Some(pipeline) = reach.deployed("AWS::SageMaker::Pipeline").await?.into_iter().next() else {
        return Ok(None);
    };
    let identity = &reach.target.identity;
    let (partition, account, region) = (&identity.partition, &identity.account, &reach.target.region);
    // SageMaker writes names in ARNs in lower case.
    let pipeline = pipeline.to_lowercase();
    Ok(Some(format!("arn:{partition}:sagemaker:{region}:{account}:pipeline/{pipeline}/execution/{id}")))
}

/// The version of a dataset that was read. What a trigger has started read `latest`: what that was is known by the
/// versions of the pointer.
async fn dataset(reach: &Reach, name: &str, word: &str, begun: Option<jiff::Timestamp>) -> DatasetRead {
    let mut read = DatasetRead { name: name.to_owned(), given: word.to_owned(), id: None, description: None };
    if word != LATEST {
        read.id = Some(word.to_owned());
    }
    let entry = reach.assembly.manifest.datasets.iter().find(|entry| entry.name == name && entry.versions);
    let Some(entry) = entry else { return read };
    let Ok(store) = data::store(reach, entry).await else { return read };
    if read.id.is_none()
        && let Some(begun) = begun
    {
        read.id = store.latest_at(&reach.cloud, begun).await.ok().flatten();
    }
    if let Some(id) = &read.id {
        read.description = store.description(&reach.cloud, id).await.ok().flatten();
    }
    read
}
