//! What is deployed as the base, and CloudFormation's own word on the way there.

use std::cell::RefCell;
use std::collections::BTreeMap;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::super::{Stop, local, reach};
use super::{Pair, input};
use crate::aws::{self, Cloud, ErrorKind, Replacement, ResourceChange};
use crate::cli::DiffArgs;
use crate::deploy::{self, Event, Preview, Standing};
use crate::diff::{Diff, Document, Impact, Predicted, Side};
use crate::plan::{self, Facts, Plan, Target};
use crate::report;
use crate::synth::Assembly;

/// The assemblies, each with what is deployed of it.
pub(super) fn pairs(args: &DiffArgs, assemblies: &[Assembly]) -> Result<Vec<Pair>, Stop> {
    let local = if args.cloud.local { Some(local::up()?) } else { None };
    let runtime = tokio::runtime::Runtime::new().context("cannot start the asynchronous runtime")?;
    let all = async {
        let mut pairs = Vec::new();
        for assembly in assemblies {
            pairs.push(pair(args, assembly, local.as_deref()).await?);
        }
        Ok(pairs)
    };
    runtime.block_on(all)
}

fn failed(error: &dyn std::error::Error, help: Option<&str>) -> Stop {
    let help = help.map(|help| format!("\n  = help: {help}")).unwrap_or_default();
    anyhow::anyhow!("{error}{help}").into()
}

async fn pair(args: &DiffArgs, assembly: &Assembly, local: Option<&str>) -> Result<Pair, Stop> {
    let cloud = aws::connect(&reach::options(&args.cloud, &assembly.manifest, local)).await;
    let cloud = cloud.map_err(|error| match error.kind {
        ErrorKind::Usage => Stop::usage(error),
        _ => failed(&error, error.help()),
    })?;
    let identity = cloud.identity().await.map_err(|error| failed(&error, error.help()))?;
    let place = local.map(|url| format!(" on the local cloud at {url}")).unwrap_or_default();
    let (account, region) = (identity.account.clone(), cloud.region().to_owned());
    report::err(&format!("comparing with what is deployed in account {account}, region {region}{place}\n"));
    let plan = plan::plan(assembly, &Target { identity, region });
    let mut plan = plan.map_err(|error| failed(&error, error.help()))?;
    (plan.named.local, plan.named.place) = (local.is_some(), reach::same_place(&args.cloud.place));
    // The change set that is there now; whoever stops the work removes it.
    let open = RefCell::new(None);
    let work = compare(args, &cloud, &plan, assembly, &open);
    tokio::select! {
        result = work => return result,
        _ = tokio::signal::ctrl_c() => {}
    }
    if let Some((stack, name)) = open.take() {
        report::err(&format!("\nstopping: removing change set `{name}` of `{stack}`\n"));
        if !deploy::remove(&cloud, &stack, &name, &deploy::Options::default()).await {
            report::err("it could not be removed: it does no harm, and may be deleted in the console\n");
        }
    }
    Err(anyhow::anyhow!("stopped").into())
}

async fn compare<C: Cloud>(
    args: &DiffArgs,
    cloud: &C,
    plan: &Plan,
    assembly: &Assembly,
    open: &RefCell<Option<(String, String)>>,
) -> Result<Pair, Stop> {
    let options = deploy::Options::default();
    let mut emit = |event: Event| told(&event, open);
    let (mut pair, facts) = standing(cloud, plan, assembly, &options, &mut emit).await?;
    if !args.change_set {
        return Ok(pair);
    }
    for stack in &plan.stacks {
        let name = stack.entry.kind.as_str();
        if !pair.old.documents.contains_key(name) {
            continue;
        }
        let preview = deploy::preview(cloud, plan, stack, &facts, &options, &mut emit).await;
        open.take();
        let why = match preview {
            Ok(Preview::Changes(changes)) => {
                hear(&mut pair, name, &changes);
                continue;
            }
            Ok(Preview::None(why)) => why,
            // Its state takes no change set; that says nothing against the change.
            Err(error @ (deploy::Error::Blocked { .. } | deploy::Error::Busy { .. })) => error.to_string(),
            Err(error) => return Err(failed(&error, error.help())),
        };
        let stack = &stack.entry.stack_name;
        report::err(&format!("no change set of `{stack}`, so that the templates alone speak: {why}\n"));
    }
    Ok(pair)
}

/// Adds what a change set says.
fn hear(pair: &mut Pair, document: &str, changes: &[ResourceChange]) {
    pair.heard.push((document.to_owned(), changes.iter().map(predicted).collect()));
}

/// What changes since what is deployed, with what change sets say by the kind of their stack; for the plan file.
pub(in crate::commands) async fn since_deployed<C: Cloud>(
    cloud: &C,
    plan: &Plan,
    assembly: &Assembly,
    said: &[(String, Vec<ResourceChange>)],
) -> Result<Diff, Stop> {
    let (mut pair, _) = standing(cloud, plan, assembly, &deploy::Options::default(), &mut |_| {}).await?;
    for (kind, changes) in
        said.iter().filter(|(kind, _)| plan.stacks.iter().any(|it| it.entry.kind.as_str() == kind))
    {
        hear(&mut pair, kind, changes);
    }
    Ok(pair.diff(true).0)
}

/// What changes since what is deployed, of several assemblies together: resources stand in documents that are called
/// `STACK/ENV/KIND`. Of stacks that are not deployed it is only said that all of them would be created.
pub(in crate::commands) async fn all_since_deployed<C: Cloud>(
    all: &[(&C, &Plan, &Assembly)],
) -> Result<Diff, Stop> {
    let mut diffs = Vec::new();
    for (cloud, plan, assembly) in all {
        let options = deploy::Options::default();
        let (mut pair, _) = standing(*cloud, plan, assembly, &options, &mut |_| {}).await?;
        let there = &pair.old.documents;
        pair.new.documents.retain(|name, _| there.contains_key(name));
        diffs.push(pair.diff(false).0);
    }
    Ok(Diff::join(diffs))
}

/// What is deployed, beside the assembly.
async fn standing<C: Cloud>(
    cloud: &C,
    plan: &Plan,
    assembly: &Assembly,
    options: &deploy::Options,
    emit: &mut dyn FnMut(Event),
) -> Result<(Pair, Facts), Stop> {
    let found = deploy::standing(cloud, plan, options, emit).await;
    let (standing, facts) = found.map_err(|error| failed(&error, error.help()))?;
    let mut new = input::side(assembly)?;
    // What is deployed has the definition in its template, and so has the assembly.
    new.documents.remove("pipeline");
    let mut old = Side::default();
    for stack in &standing {
        let name = stack.kind.as_str();
        if let Some(document) = new.documents.get_mut(name) {
            document.parameters = values(&stack.values);
        }
        let Some(deployed) = &stack.deployed else {
            absent(stack);
            continue;
        };
        let value = input::parse(&format!("{}: template", stack.stack), deployed.template.as_bytes())?;
        let wired = new.documents.get(name).map(|document| document.wired.clone()).unwrap_or_default();
        old.documents.insert(
            name.to_owned(),
            Document { value, parameters: values(&deployed.values), wired, ..Document::default() },
        );
    }
    if let Some(said) = new.documents.get(input::SETTINGS) {
        let value = settings_before(&said.value, &standing);
        old.documents.insert(input::SETTINGS.to_owned(), Document { value, ..Document::default() });
    }
    let label = format!("{}/{}", assembly.manifest.stack, assembly.manifest.environment);
    Ok((Pair::new(label, old, new), facts))
}

/// Settings as they are, of those that the stack file speaks of: what would be set is otherwise now.
fn settings_before(said: &Value, standing: &[Standing]) -> Value {
    let mut before = said.clone();
    for stack in standing {
        let Some(settings) = before.get_mut(stack.kind.as_str()) else { continue };
        if stack.deployed.is_none() {
            *settings = Value::Null;
            continue;
        }
        if let Some(on) = stack.settings.termination_protection {
            settings["termination_protection"] = Value::from(!on);
        }
        if stack.settings.stack_policy.is_some() {
            settings["stack_policy"] = Value::Null;
        }
        if let Some(rollback) = &stack.rollback {
            let alarms = rollback.alarms.iter().map(|arn| json!({ "from": "arn", "arn": arn }));
            let alarms: Vec<Value> = alarms.collect();
            let now = json!({ "alarms": alarms, "minutes": rollback.minutes });
            settings["rollback"] = if rollback.alarms.is_empty() { Value::Null } else { now };
        }
        if settings.get("role_arn").is_some() {
            settings["role_arn"] = json!(stack.role_arn);
        }
    }
    before
}

fn absent(stack: &Standing) {
    let why = stack.waiting.as_ref().map(|waiting| format!(" once it can be: {waiting}")).unwrap_or_default();
    report::err(&format!("`{}` is not deployed: all of it would be created{why}\n", stack.stack));
}

/// What happens on the way, as far as it leaves a trace in the account.
fn told(event: &Event, open: &RefCell<Option<(String, String)>>) {
    match event {
        Event::Preparing { stack, change_set, .. } => {
            open.replace(Some((stack.clone(), change_set.clone())));
            report::err(&format!("change set `{change_set}` of `{stack}`, which is removed again\n"));
        }
        Event::Uploaded { file, key, skipped: false, .. } => {
            report::err(&format!("uploaded {file}, which is too large for a request, as {key}\n"));
        }
        Event::LeftBehind { stack, what, error } => {
            report::err(&format!("{stack}: {what} could not be removed: {error}\n"));
        }
        Event::Retrying { stack, error, .. } => report::err(&format!("{stack}: trying again: {error}\n")),
        _ => {}
    }
}

fn values(known: &BTreeMap<String, String>) -> BTreeMap<String, Value> {
    known.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect()
}

fn predicted(change: &ResourceChange) -> Predicted {
    let impact = match (&change.action, &change.replacement) {
        (aws::Action::Add, _) => Impact::Create,
        (aws::Action::Remove, _) => Impact::Delete,
        (aws::Action::Modify, Replacement::Always) => Impact::Replace,
        (aws::Action::Modify, Replacement::Never | Replacement::Unsaid) | (aws::Action::Import, _) => {
            Impact::Update
        }
        _ => Impact::MayReplace,
    };
    let mut properties: Vec<String> = change
        .details
        .iter()
        .filter_map(|detail| detail.property.clone().or_else(|| detail.attribute.clone()))
        .collect();
    properties.sort();
    properties.dedup();
    let (logical_id, resource_type) = (change.logical_id.clone(), change.resource_type.clone());
    Predicted { logical_id, resource_type, impact, properties }
}
