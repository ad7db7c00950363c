//! The end of a deployment: its stacks deleted, what they hold of data kept.
//!
//! Everything is listed before anything is done: what goes, and what its template keeps. A bucket is emptied only when
//! it is named.

use serde_json::Value;

use crate::aws::{Cloud, Phase, Stack, StackResource, Status};

use super::events::{self, Tail};
use super::{Error, Event, Failure, Options, Run, StackKind};

/// A stack that is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doom {
    /// Which stack.
    pub kind: StackKind,
    /// The stack as it is.
    pub stack: Stack,
    /// What is deleted with it.
    pub goes: Vec<StackResource>,
    /// What its template keeps.
    pub stays: Vec<StackResource>,
}

/// What would go with a stack and what would stay; `None` when there is no such stack.
///
/// # Errors
/// When a call fails, or somebody is at work on the stack.
pub async fn doom<C: Cloud>(cloud: &C, kind: StackKind, name: &str) -> Result<Option<Doom>, Error> {
    let Some(stack) = cloud.stack(name).await? else { return Ok(None) };
    if stack.status.phase() == Phase::InProgress
        && !matches!(stack.status, Status::DeleteInProgress | Status::ReviewInProgress)
    {
        let by = events::latest(cloud, &stack.id).await?.token().map(str::to_owned);
        return Err(Error::Busy { stack: stack.name, status: stack.status, by });
    }
    let template = cloud.template(&stack.id).await?.unwrap_or_default();
    let template: Value = serde_json::from_str(&template).unwrap_or_default();
    let there = cloud
        .stack_resources(&stack.id)
        .await?
        .into_iter()
        .filter(|resource| !matches!(resource.status, Status::DeleteComplete | Status::DeleteSkipped));
    let (stays, goes) = there.partition(|resource| is_kept(&template, &resource.logical_id));
    Ok(Some(Doom { kind, stack, goes, stays }))
}

/// Whether the template keeps a resource when its stack is deleted.
fn is_kept(template: &Value, logical_id: &str) -> bool {
    let policy = template["Resources"][logical_id]["DeletionPolicy"].as_str();
    matches!(policy, Some("Retain" | "RetainExceptOnCreate"))
}

/// Deletes a stack and follows it to the end. How it failed, if it did.
///
/// # Errors
/// When a call fails for good, or the stack's progress cannot be followed any longer.
pub async fn destroy<C: Cloud>(
    cloud: &C,
    doom: &Doom,
    options: &Options,
    emit: &mut dyn FnMut(Event),
) -> Result<Option<Failure>, Error> {
    let mut run = Run { cloud, options, emit, consent: &mut |_| false };
    let stack = &doom.stack;
    if stack.status == Status::DeleteInProgress {
        let tail = Tail::latest(&mut run, stack).await?;
        return events::follow_to(&mut run, doom.kind, stack, &Status::DeleteComplete, tail).await;
    }
    let delete = async |token: &str| cloud.delete_stack(&stack.id, token).await;
    events::order(&mut run, doom.kind, stack, &Status::DeleteComplete, delete).await
}
