//! A stack's latest operation, followed to its end by whoever wants to know, and not only by who began it.

use crate::aws::{Cloud, Phase, Stack};

use super::events::{self, Tail};
use super::pace::unique_name;
use super::{Cause, Error, Event, Failure, Options, Run, StackKind};

/// Hands on what happened in the latest operation on a stack and, until it has ended, what happens. How it failed, if it
/// did.
///
/// # Errors
/// When a call fails for good, or the stack's progress cannot be followed any longer.
pub async fn watch<C: Cloud>(
    cloud: &C,
    kind: StackKind,
    stack: &Stack,
    options: &Options,
    emit: &mut dyn FnMut(Event),
) -> Result<Option<Failure>, Error> {
    let mut run = Run { cloud, options, emit, consent: &mut |_| false };
    if stack.status.phase() == Phase::InProgress {
        let tail = Tail::latest(&mut run, stack).await?;
        return Ok(events::follow(&mut run, kind, &stack.name, tail).await?.failure());
    }
    let mut cause: Option<Cause> = None;
    for event in events::latest(cloud, &stack.id).await?.events {
        cause = cause.or_else(|| events::failure(&event));
        (run.emit)(Event::Resource { kind, event });
    }
    if let Some(cause) = &mut cause {
        events::complete(cloud, options, cause).await;
    }
    let failed = stack.status.phase() == Phase::Failed;
    Ok(failed.then(|| Failure { status: stack.status.clone(), cause }))
}

/// Cancels the update of a stack, which then rolls back. The rollback is smstack's own work: the next run follows it.
///
/// # Errors
/// When the call fails; the update may have ended meanwhile.
pub async fn cancel<C: Cloud>(cloud: &C, stack: &Stack) -> Result<(), Error> {
    Ok(cloud.cancel_update(&stack.id, &unique_name()).await?)
}
