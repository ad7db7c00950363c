//! A prepared deployment, executed as it was reviewed or not at all; or dropped.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::aws::{self, Cloud, Stack};
use crate::plan::{Plan, PlanFile, PlannedStack, PlannedUpload, Target, canonical_sha256};
use crate::synth::ParameterSource;

use super::change_set::{self, Open};
use super::{
    Error, Event, Options, Outcome, PreparedChange, Run, StackKind, StackOutcome, carry_out, finish,
};

/// What is no longer as it was when a plan was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// The credentials are of another account.
    Account {
        /// The plan's.
        planned: String,
        /// The credentials'.
        found: String,
    },
    /// The connection goes to another region.
    Region {
        /// The plan's.
        planned: String,
        /// The connection's.
        found: String,
    },
    /// There is no such change set any more.
    ChangeSetGone {
        /// The stack's name.
        stack: String,
        /// The change set's.
        change_set: String,
    },
    /// It was executed.
    Executed {
        /// The stack's name.
        stack: String,
        /// The change set's.
        change_set: String,
    },
    /// It can't be executed.
    NotExecutable {
        /// The stack's name.
        stack: String,
        /// The change set's.
        change_set: String,
        /// Its status, and its execution's.
        status: String,
    },
    /// The stack is not there any more; perhaps another one of its name is.
    StackGone {
        /// The stack's name.
        stack: String,
    },
    /// The stack was changed.
    StackChanged {
        /// The stack's name.
        stack: String,
        /// When, by AWS's clock.
        at: Option<String>,
        /// When it had been changed last before.
        planned: Option<String>,
        /// Its status.
        status: String,
    },
    /// The change set has another template.
    Template {
        /// The stack's name.
        stack: String,
    },
    /// The change set has other tags.
    Tags {
        /// The stack's name.
        stack: String,
    },
    /// A parameter has, or would now have, another value.
    Parameter {
        /// The stack's name.
        stack: String,
        /// The parameter.
        parameter: String,
        /// The plan's value.
        planned: String,
        /// The value now.
        found: Option<String>,
    },
    /// An object is not in the artifact bucket any more.
    AssetGone {
        /// Where.
        bucket: String,
        /// Its key.
        key: String,
    },
    /// An object has another content.
    AssetChanged {
        /// Where.
        bucket: String,
        /// Its key.
        key: String,
    },
    /// The stack file is of another stack or environment.
    OtherStack {
        /// The plan's.
        planned: String,
        /// The stack file's.
        found: String,
    },
    /// The stack file makes another template, or has another file.
    StackFile {
        /// Which.
        what: String,
    },
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Moved::Account { planned, found } => {
                write!(f, "it is for account `{planned}`, and these credentials are of account `{found}`")
            }
            Moved::Region { planned, found } => {
                write!(f, "it is for region `{planned}`, and this goes to `{found}`")
            }
            Moved::ChangeSetGone { stack, change_set } => write!(
                f,
                "change set `{change_set}` of `{stack}` is gone: executed, deleted, or removed with the execution of \
                 another one"
            ),
            Moved::Executed { stack, change_set } => {
                write!(f, "change set `{change_set}` of `{stack}` was executed already")
            }
            Moved::NotExecutable { stack, change_set, status } => {
                write!(f, "change set `{change_set}` of `{stack}` cannot be executed: {status}")
            }
            Moved::StackGone { stack } => write!(f, "stack `{stack}` is gone, or was made anew"),
            Moved::StackChanged { stack, at, planned, status } => {
                let before = planned.as_deref().unwrap_or("never");
                let now = at.as_deref().unwrap_or("never");
                write!(f, "stack `{stack}` was changed at {now} (before: {before}) and is in `{status}`")
            }
            Moved::Template { stack } => write!(f, "the change set of `{stack}` has another template"),
            Moved::Tags { stack } => write!(f, "the change set of `{stack}` has other tags"),
            Moved::Parameter { stack, parameter, planned, found: Some(found) } => {
                write!(
                    f,
                    "parameter `{parameter}` of `{stack}` was planned as `{planned}`, and is now `{found}`"
                )
            }
            Moved::Parameter { stack, parameter, planned, found: None } => {
                write!(
                    f,
                    "parameter `{parameter}` of `{stack}` was planned as `{planned}`, and has no value now"
                )
            }
            Moved::AssetGone { bucket, key } => write!(f, "`s3://{bucket}/{key}` is gone"),
            Moved::AssetChanged { bucket, key } => write!(f, "`s3://{bucket}/{key}` has another content"),
            Moved::OtherStack { planned, found } => {
                write!(f, "it is for `{planned}`, and the command names `{found}`")
            }
            Moved::StackFile { what } => write!(f, "the stack file makes another {what}"),
        }
    }
}

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
/// that comes after others is looked at again when those are through.
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
    for planned in &file.stacks {
        moved.extend(changes(cloud, file, planned).await?);
    }
    for upload in &file.uploads {
        moved.extend(asset(cloud, file, upload).await?);
    }
    stop(&[], &mut moved)?;

    let mut outcome = Outcome { skipped: file.uploads.len(), ..Outcome::default() };
    let mut done = Vec::new();
    for planned in &file.stacks {
        if !done.is_empty() {
            let mut moved = changes(cloud, file, planned).await?;
            stop(&done, &mut moved)?;
        }
        let stack = execute_one(&mut run, planned).await?;
        if !finish(&mut run, &mut outcome, stack) {
            return Ok(outcome);
        }
        done.push(planned.name.clone());
    }
    Ok(outcome)
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

fn open(planned: &PlannedStack) -> Open {
    Open {
        change: PreparedChange {
            kind: StackKind::parse(&planned.kind).unwrap_or(StackKind::Bootstrap),
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
