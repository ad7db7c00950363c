//! A prepared deployment, executed as it was reviewed or not at all; or dropped.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::aws::{self, Cloud, Stack, Status};
use crate::plan::{Plan, PlanFile, PlannedStack, PlannedUpload, Target, canonical_sha256};
use crate::synth::ParameterSource;

use super::change_set::{self, Open};
use super::consent::ended;
use super::events::{self, Tail};
use super::{
    Error, Event, Moved, Options, Outcome, PreparedChange, Run, StackKind, StackOutcome, StackResult,
    carry_out, deployed, finish, settings,
};

/// What became of a plan's change set when the plan was dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// The stack's name.
    pub stack: String,
    /// The change set's.
    pub change_set: String,
    /// What became of it.
    pub fate: Fate,
}

/// How a change set ends without an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was removed.
    Removed,
    /// It was gone already.
    Gone,
    /// It had been executed, and stays.
    Executed,
}

/// Executes a plan, every change set as it was reviewed. Where anything has moved since, nothing is executed; a stack
/// that comes after others is looked at again when those are through. What an execution that was cut off has done counts
/// as done, while nothing else has moved.
///
/// # Errors
/// [`Error::Moved`] when something has moved; any other when a call fails for good.
pub async fn execute<C: Cloud>(
    cloud: &C,
    file: &PlanFile,
    target: &Target,
    options: &Options,
    emit: &mut dyn FnMut(Event),
) -> Result<Outcome, Error> {
    let mut run = Run { cloud, options, emit, consent: &mut |_| false };
    (run.emit)(Event::Target {
        account: target.identity.account.clone(),
        arn: target.identity.arn.clone(),
        region: target.region.clone(),
    });
    let mut moved = place(file, target);
    stop(&[], &mut moved)?;
    // An execution that was cut off is taken up: what goes on is followed first, so that what comes after it is held
    // against its end.
    let mut ended = Vec::new();
    for planned in &file.stacks {
        ended.push(earlier(&mut run, planned).await?);
    }
    let whole = ended.iter().all(|it| matches!(it, Some(it) if it.result == StackResult::Unchanged));
    let mut outcome = Outcome { skipped: file.uploads.len(), ..Outcome::default() };
    let failed = ended.iter().flatten().any(|it| !deployed(&it.result));
    for (planned, ended) in file.stacks.iter().zip(&ended).filter(|_| !failed) {
        match ended {
            // Where nothing is left to execute, the plan is spent.
            Some(_) if !whole => {}
            _ => moved.extend(changes(cloud, file, planned).await?),
        }
    }
    for upload in &file.uploads {
        moved.extend(asset(cloud, file, upload).await?);
    }
    stop(&[], &mut moved)?;

    let mut done = Vec::new();
    for (planned, ended) in file.stacks.iter().zip(ended) {
        let stack = if let Some(stack) = ended {
            stack
        } else {
            if !done.is_empty() {
                let mut moved = changes(cloud, file, planned).await?;
                stop(&done, &mut moved)?;
            }
            execute_one(&mut run, planned).await?
        };
        if !finish(&mut run, &mut outcome, stack) {
            return Ok(outcome);
        }
        done.push(planned.name.clone());
    }
    Ok(outcome)
}

/// What an earlier execution of the plan has made of a stack, if it came that far; one that goes on is followed to its
/// end. It counts only while the stack is as it left it.
async fn earlier<C: Cloud>(
    run: &mut Run<'_, C>,
    planned: &PlannedStack,
) -> Result<Option<StackOutcome>, Error> {
    if planned.change_set_id.is_empty() {
        return Ok(None);
    }
    let (kind, name) = (kind_of(planned), planned.name.clone());
    let set = run.cloud.change_set(&planned.change_set_id).await?;
    let (result, outputs) = match set.and_then(|set| set.execution_status).as_deref() {
        Some("EXECUTE_IN_PROGRESS") => {
            let Some(stack) = run.cloud.stack(&planned.stack_id).await? else { return Ok(None) };
            let tail = Tail::latest(run, &stack).await?;
            (run.emit)(Event::Attached { kind, stack: name.clone(), status: stack.status });
            let end = events::follow(run, kind, &name, tail).await?;
            (ended(&end, planned.change_set_type), end.outputs)
        }
        Some("EXECUTE_COMPLETE") => match as_planned(run.cloud, planned).await? {
            Some(stack) => (StackResult::Unchanged, stack.outputs),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    if deployed(&result) {
        settings::set(run.cloud, &planned.stack_id, &planned.settings).await?;
    }
    Ok(Some(StackOutcome { kind, stack: name, result, outputs }))
}

/// The stack, while it is what the plan's change set has made of it.
async fn as_planned<C: Cloud>(cloud: &C, planned: &PlannedStack) -> aws::Result<Option<Stack>> {
    let Some(stack) = cloud.stack(&planned.stack_id).await? else { return Ok(None) };
    let settled =
        matches!(stack.status, Status::CreateComplete | Status::UpdateComplete | Status::ImportComplete);
    let same = planned.parameters.iter().all(|(name, value)| stack.parameters.get(name) == Some(value))
        && (planned.tags.is_empty() || stack.tags == planned.tags);
    if !settled || !same || stack.id != planned.stack_id {
        return Ok(None);
    }
    let template = cloud.template(&stack.id).await?;
    let template = template.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let as_planned = template.is_some_and(|it| canonical_sha256(&it) == planned.template_sha256);
    Ok(as_planned.then_some(stack))
}

fn stop(done: &[String], moved: &mut Vec<Moved>) -> Result<(), Error> {
    if moved.is_empty() {
        return Ok(());
    }
    Err(Error::Moved { done: done.to_vec(), moved: std::mem::take(moved) })
}

fn place(file: &PlanFile, target: &Target) -> Vec<Moved> {
    let mut moved = Vec::new();
    if file.account != target.identity.account {
        moved.push(Moved::Account { planned: file.account.clone(), found: target.identity.account.clone() });
    }
    if file.region != target.region {
        moved.push(Moved::Region { planned: file.region.clone(), found: target.region.clone() });
    }
    moved
}

/// What has moved of a stack and of its change set.
async fn changes<C: Cloud>(cloud: &C, file: &PlanFile, planned: &PlannedStack) -> aws::Result<Vec<Moved>> {
    let (stack, change_set) = (planned.name.clone(), planned.change_set.clone());
    let mut moved = Vec::new();
    let set = if planned.change_set_id.is_empty() {
        // Only settings change.
        return Ok(stack_itself(cloud, planned).await?.into_iter().collect());
    } else {
        cloud.change_set(&planned.change_set_id).await?
    };
    match set {
        None => moved.push(Moved::ChangeSetGone { stack: stack.clone(), change_set }),
        Some(set) => {
            let execution = set.execution_status.as_deref().unwrap_or("no execution status");
            if execution.starts_with("EXECUTE_") {
                moved.push(Moved::Executed { stack: stack.clone(), change_set });
            } else if set.status != "CREATE_COMPLETE" || execution != "AVAILABLE" {
                let reason = set.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
                let status = format!("`{}`, `{execution}`{reason}", set.status);
                moved.push(Moved::NotExecutable { stack: stack.clone(), change_set, status });
            } else {
                moved.extend(content(cloud, planned, &set.parameters, &set.tags).await?);
            }
        }
    }
    moved.extend(stack_itself(cloud, planned).await?);
    moved.extend(values(cloud, file, planned).await?);
    Ok(moved)
}

async fn stack_itself<C: Cloud>(cloud: &C, planned: &PlannedStack) -> aws::Result<Option<Moved>> {
    let stack = planned.name.clone();
    Ok(match cloud.stack(&planned.stack_id).await? {
        Some(Stack { id, changed, status, .. }) if id == planned.stack_id => {
            let at = changed.map(|at| at.to_string());
            let (before, status) = (planned.changed.clone(), status.to_string());
            (at != before).then_some(Moved::StackChanged { stack, at, planned: before, status })
        }
        _ => Some(Moved::StackGone { stack }),
    })
}

/// Whether a change set still holds what was planned. CloudFormation lets nobody edit one; but a plan is believed only
/// as far as CloudFormation says the same.
async fn content<C: Cloud>(
    cloud: &C,
    planned: &PlannedStack,
    parameters: &BTreeMap<String, String>,
    tags: &BTreeMap<String, String>,
) -> aws::Result<Vec<Moved>> {
    let stack = || planned.name.clone();
    let mut moved = Vec::new();
    let template = cloud.change_set_template(&planned.change_set_id).await?;
    let template = template.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    if template.map(|template| canonical_sha256(&template)) != Some(planned.template_sha256.clone()) {
        moved.push(Moved::Template { stack: stack() });
    }
    if *tags != planned.tags {
        moved.push(Moved::Tags { stack: stack() });
    }
    for (name, value) in &planned.parameters {
        let found = parameters.get(name);
        if found != Some(value) {
            moved.push(Moved::Parameter {
                stack: stack(),
                parameter: name.clone(),
                planned: value.clone(),
                found: found.cloned(),
            });
        }
    }
    Ok(moved)
}

/// Parameters that would have another value now: outputs of other stacks, and the newest approved model.
async fn values<C: Cloud>(cloud: &C, file: &PlanFile, planned: &PlannedStack) -> aws::Result<Vec<Moved>> {
    let mut outputs: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
    let mut moved = Vec::new();
    for (parameter, source) in &planned.sources {
        let found = match source {
            ParameterSource::Output { template, output } => {
                let kind = template.as_str();
                if !outputs.contains_key(kind) {
                    let there = match file.stack_name(kind) {
                        Some(name) => cloud.stack(name).await?,
                        None => None,
                    };
                    outputs.insert(kind, there.map(|stack| stack.outputs).unwrap_or_default());
                }
                outputs.get(kind).and_then(|outputs| outputs.get(output)).cloned()
            }
            ParameterSource::ApprovedModel { group } => cloud.approved_model(group).await?,
            _ => continue,
        };
        let value = planned.parameters.get(parameter);
        if found.as_ref() != value {
            moved.push(Moved::Parameter {
                stack: planned.name.clone(),
                parameter: parameter.clone(),
                planned: value.cloned().unwrap_or_default(),
                found,
            });
        }
    }
    Ok(moved)
}

async fn asset<C: Cloud>(cloud: &C, file: &PlanFile, upload: &PlannedUpload) -> aws::Result<Option<Moved>> {
    let (bucket, key) = (file.bucket.clone(), upload.key.clone());
    let Some(stored) = cloud.stored_object(&bucket, &key, &file.account).await? else {
        return Ok(Some(Moved::AssetGone { bucket, key }));
    };
    let whole = stored.sha256.filter(|sum| !sum.contains('-'));
    let same = stored.bytes == upload.bytes
        && whole.is_none_or(|sum| aws::checksum_of_hex(&upload.sha256).is_some_and(|ours| ours == sum));
    Ok((!same).then_some(Moved::AssetChanged { bucket, key }))
}

/// Where a plan is not what the stack file says now.
pub fn against_stack_file(file: &PlanFile, plan: &Plan, stack: &str, environment: &str) -> Vec<Moved> {
    let named = (file.stack.as_str(), file.environment.as_str());
    if named != (stack, environment) {
        let planned = format!("{}/{}", file.stack, file.environment);
        return vec![Moved::OtherStack { planned, found: format!("{stack}/{environment}") }];
    }
    let mut moved = Vec::new();
    for planned in &file.stacks {
        let Some(now) = plan.stacks.iter().find(|it| it.entry.kind.as_str() == planned.kind) else {
            continue;
        };
        let template: Value = serde_json::from_slice(&now.text).unwrap_or_default();
        if canonical_sha256(&template) != planned.template_sha256 {
            moved.push(Moved::StackFile { what: format!("template of `{}`", planned.name) });
        }
    }
    let known = |upload: &PlannedUpload| plan.uploads.iter().any(|now| now.key == upload.key);
    let templates = |upload: &PlannedUpload| upload.file.ends_with(".template.json");
    let assets = file.uploads.iter().filter(|upload| !templates(upload) && !known(upload));
    moved.extend(assets.map(|upload| Moved::StackFile { what: format!("content of `{}`", upload.file) }));
    moved
}

fn kind_of(planned: &PlannedStack) -> StackKind {
    StackKind::parse(&planned.kind).unwrap_or(StackKind::Bootstrap)
}

fn open(planned: &PlannedStack) -> Open {
    Open {
        change: PreparedChange {
            kind: kind_of(planned),
            stack: planned.name.clone(),
            stack_id: planned.stack_id.clone(),
            change_set: planned.change_set.clone(),
            change_set_id: planned.change_set_id.clone(),
            change_set_type: planned.change_set_type,
            changes: planned.changes.clone(),
            steps: None,
            settings: planned.settings.clone(),
        },
        made_stack: planned.made_stack,
        former: BTreeMap::new(),
    }
}

async fn execute_one<C: Cloud>(run: &mut Run<'_, C>, planned: &PlannedStack) -> Result<StackOutcome, Error> {
    let open = open(planned);
    (run.emit)(Event::Prepared(open.change.clone()));
    let (result, outputs) = carry_out(run, &open).await?;
    Ok(StackOutcome { kind: open.change.kind, stack: open.change.stack, result, outputs })
}

/// Removes what a plan has made and nobody has executed: its change sets, and the empty stacks that they made. What
/// was uploaded stays, under its content's address.
///
/// # Errors
/// [`Error::Moved`] in another account or region; any other when a call fails for good.
pub async fn discard<C: Cloud>(
    cloud: &C,
    file: &PlanFile,
    target: &Target,
    options: &Options,
    emit: &mut dyn FnMut(Event),
) -> Result<Vec<Dropped>, Error> {
    let mut run = Run { cloud, options, emit, consent: &mut |_| false };
    stop(&[], &mut place(file, target))?;
    let mut dropped = Vec::new();
    for planned in file.stacks.iter().filter(|it| !it.change_set_id.is_empty()) {
        let set = cloud.change_set(&planned.change_set_id).await?;
        let executed = |status: &String| status.starts_with("EXECUTE_");
        let fate = match set {
            None => Fate::Gone,
            Some(set) if set.execution_status.as_ref().is_some_and(executed) => Fate::Executed,
            Some(_) => {
                change_set::discard(&mut run, &open(planned)).await;
                Fate::Removed
            }
        };
        dropped.push(Dropped { stack: planned.name.clone(), change_set: planned.change_set.clone(), fate });
    }
    Ok(dropped)
}
