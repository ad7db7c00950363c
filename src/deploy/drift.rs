//! Whether what is deployed is still what its template says.

use std::time::Instant;

use crate::aws::{self, Cloud, Phase, ResourceDrift, Stack};

use super::events::{self, Patience};
use super::{Error, Event, Options, Run, StackKind};

/// What a stack has drifted in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Which stack.
    pub kind: StackKind,
    /// The stack as it is.
    pub stack: Stack,
    /// Every resource that CloudFormation has looked at, and whether it is what the template says.
    pub resources: Vec<ResourceDrift>,
    /// Resources that it cannot look at: their types do not take part.
    pub unchecked: Vec<(String, String)>,
    /// Why it could not look at some of those that it can, as it says itself.
    pub partly: Option<String>,
}

impl Drift {
    /// The resources that are not what the template says.
    pub fn drifted(&self) -> impl Iterator<Item = &ResourceDrift> {
        self.resources.iter().filter(|it| matches!(it.status.as_str(), "MODIFIED" | "DELETED"))
    }
}

/// Has CloudFormation compare a stack's resources with their template, and waits for what it finds; `None` when there
/// is no such stack. Changes nothing.
///
/// # Errors
/// When a call fails for good, somebody is at work on the stack, or CloudFormation cannot compare or does not come to
/// an end.
pub async fn drift<C: Cloud>(
    cloud: &C,
    kind: StackKind,
    name: &str,
    options: &Options,
    emit: &mut dyn FnMut(Event),
) -> Result<Option<Drift>, Error> {
    let Some(stack) = cloud.stack(name).await? else { return Ok(None) };
    if stack.status == aws::Status::ReviewInProgress {
        return Ok(None);
    }
    if stack.status.phase() == Phase::InProgress {
        let by = events::latest(cloud, &stack.id).await?.token().map(str::to_owned);
        return Err(Error::Busy { stack: stack.name, status: stack.status, by });
    }
    let mut run = Run { cloud, options, emit, consent: &mut |_| false };
    let detection = cloud.detect_drift(&stack.id).await?;
    let partly = detected(&mut run, &stack, &detection).await?;
    let mut resources = cloud.resource_drifts(&stack.id).await?;
    resources.sort_by(|a, b| a.logical_id.cmp(&b.logical_id));
    let looked = |id: &str| resources.iter().any(|it| it.logical_id == id && it.status != "NOT_CHECKED");
    let there = cloud.stack_resources(&stack.id).await?;
    let unchecked = there.into_iter().filter(|it| !looked(&it.logical_id));
    let mut unchecked: Vec<_> = unchecked.map(|it| (it.logical_id, it.resource_type)).collect();
    unchecked.sort();
    resources.retain(|it| it.status != "NOT_CHECKED");
    Ok(Some(Drift { kind, stack, resources, unchecked, partly }))
}

/// Waits for the end of a detection. A failed one may have looked at most resources: why it failed comes back then.
async fn detected<C: Cloud>(run: &mut Run<'_, C>, stack: &Stack, id: &str) -> Result<Option<String>, Error> {
    let mut patience = Patience::new(&stack.name);
    let (begin, mut polls) = (Instant::now(), 0);
    loop {
        match run.cloud.drift_detection(id).await {
            Ok(found) if found.status == "DETECTION_COMPLETE" => return Ok(None),
            Ok(found) if found.status == "DETECTION_FAILED" => {
                return Ok(Some(found.reason.unwrap_or_else(|| "no reason given".to_owned())));
            }
            Ok(_) => patience.calm(),
            Err(error) => patience.after(run, error).await.map_err(Error::Aws)?,
        }
        if begin.elapsed() > run.options.pace.change_set {
            return Err(Error::DriftTimeout { stack: stack.name.clone(), waited: begin.elapsed() });
        }
        tokio::time::sleep(run.options.pace.poll(polls)).await;
        polls += 1;
    }
}
