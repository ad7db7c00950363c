//! The way out of a stack's state, proposed, and taken on consent.
//!
//! Which way leads out of which state stands in [`stack_states`]. Nothing is done that was not proposed first, and a
//! proposal names everything that it deletes or gives up.

use crate::aws::{Cloud, Stack, StackResource, Status};
use crate::rules::stack_states::{self, Recovery};

use super::events::{self, History};
use super::{Cause, Error, Event, Failure, Options, Run, StackKind};

/// A resource that a rollback could not undo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InTheWay {
    /// The name in the template.
    pub logical_id: String,
    /// `AWS::S3::Bucket` and the like.
    pub resource_type: String,
    /// Why, in the service's words.
    pub reason: Option<String>,
}

/// The way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// The stack is deleted, and with it what is still there of it, except what it retains.
    Delete(Vec<StackResource>),
    /// The rollback goes on.
    Continue {
        /// What stands in its way.
        in_the_way: Vec<InTheWay>,
        /// What it leaves as it is; CloudFormation then takes those resources for rolled back.
        skip: Vec<String>,
    },
    /// The failed update is rolled back.
    Rollback,
    /// It ends by itself.
    Wait,
    /// There is none that a tool could take.
    Look,
}

/// A stack that needs a way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Which stack.
    pub kind: StackKind,
    /// The stack as it is.
    pub stack: Stack,
    /// The way out.
    pub remedy: Remedy,
    /// What failed first in its latest operation.
    pub cause: Option<Cause>,
}

/// The way out of the state that a stack is in; `None` when it needs none. `skip` names resources that a rollback shall
/// leave as they are.
///
/// # Errors
/// When a call fails, or `skip` names what does not stand in the way.
pub async fn propose<C: Cloud>(
    cloud: &C,
    kind: StackKind,
    name: &str,
    skip: &[String],
    options: &Options,
) -> Result<Option<Proposal>, Error> {
    let Some(stack) = cloud.stack(name).await? else { return Ok(None) };
    let recovery = stack_states::of(stack.status.as_str()).recovery;
    if recovery == Recovery::Nothing {
        return Ok(None);
    }
    let history = events::latest(cloud, &stack.id).await?;
    let remedy = match recovery {
        Recovery::Delete => {
            let there: Vec<StackResource> =
                cloud.stack_resources(&stack.id).await?.into_iter().filter(is_there).collect();
            // An empty stack lists resources that it does not have only when something is wrong with it.
            let odd = stack.status == Status::ReviewInProgress && !there.is_empty();
            if odd { Remedy::Look } else { Remedy::Delete(there) }
        }
        Recovery::Continue => {
            let resources = cloud.stack_resources(&stack.id).await?;
            let failed = resources.into_iter().filter(|resource| resource.status == Status::UpdateFailed);
            let in_the_way: Vec<InTheWay> = failed.map(|resource| in_the_way(&history, resource)).collect();
            check(name, &in_the_way, skip)?;
            Remedy::Continue { in_the_way, skip: skip.to_vec() }
        }
        Recovery::Rollback => Remedy::Rollback,
        Recovery::Wait => Remedy::Wait,
        Recovery::Look | Recovery::Nothing => Remedy::Look,
    };
    let mut cause = history.events.iter().find_map(events::failure);
    if let Some(cause) = &mut cause {
        events::complete(cloud, options, cause).await;
    }
    Ok(Some(Proposal { kind, stack, remedy, cause }))
}

fn is_there(resource: &StackResource) -> bool {
    !matches!(resource.status, Status::DeleteComplete | Status::DeleteSkipped)
}

fn in_the_way(history: &History, resource: StackResource) -> InTheWay {
    let last = history
        .events
        .iter()
        .rev()
        .find(|event| event.logical_id == resource.logical_id && event.status == Status::UpdateFailed);
    InTheWay {
        logical_id: resource.logical_id,
        resource_type: resource.resource_type,
        reason: last.and_then(|event| event.reason.clone()),
    }
}

/// Only what stands in the way can be left out.
fn check(stack: &str, in_the_way: &[InTheWay], skip: &[String]) -> Result<(), Error> {
    let stands = |name: &String| in_the_way.iter().any(|one| one.logical_id == *name);
    match skip.iter().find(|name| !stands(name)) {
        None => Ok(()),
        Some(resource) => Err(Error::NotInTheWay {
            stack: stack.to_owned(),
            resource: resource.clone(),
            in_the_way: in_the_way.iter().map(|one| one.logical_id.clone()).collect(),
        }),
    }
}

/// Takes the way that was proposed, and follows the stack to the end. How it failed, if it did; what was to be waited
/// for or looked at is left alone.
///
/// # Errors
/// When a call fails for good, or the stack's progress cannot be followed any longer.
pub async fn recover<C: Cloud>(
    cloud: &C,
    proposal: &Proposal,
    options: &Options,
    emit: &mut dyn FnMut(Event),
) -> Result<Option<Failure>, Error> {
    let mut run = Run { cloud, options, emit, consent: &mut |_| false };
    let id = proposal.stack.id.as_str();
    let goal = match &proposal.remedy {
        Remedy::Delete(_) => Status::DeleteComplete,
        Remedy::Continue { .. } | Remedy::Rollback => Status::UpdateRollbackComplete,
        Remedy::Wait | Remedy::Look => return Ok(None),
    };
    let order = async |token: &str| match &proposal.remedy {
        Remedy::Delete(_) => cloud.delete_stack(id, token).await,
        Remedy::Continue { skip, .. } => cloud.continue_rollback(id, skip, token).await,
        Remedy::Rollback => cloud.rollback_stack(id, token).await,
        Remedy::Wait | Remedy::Look => Ok(()),
    };
    events::order(&mut run, proposal.kind, &proposal.stack, &goal, order).await
}
