//! A deployment made ready and not begun: uploads and change sets, and what they would do.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use serde_json::Value;

use crate::aws::{Cloud, Stack};
use crate::plan::{
    self, Facts, Follows, Plan, PlannedStack, PlannedUpload, Readiness, StackPlan, Untouched, Upload,
    canonical_sha256,
};
use crate::synth::ParameterSource;

use super::change_set::{self, Open, Order, Prepared};
use super::phases::{self, Course};
use super::unchanged::{self, Found};
use super::{
    BOOTSTRAP_STACK, Error, Event, Options, Run, StackKind, StackOutcome, StackResult, adopt, bootstrap,
    learn, settings, upload,
};

/// What a deployment would execute.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ready {
    /// In the artifact bucket.
    pub uploads: Vec<PlannedUpload>,
    /// The change sets, in the order of their execution.
    pub stacks: Vec<PlannedStack>,
    /// Stacks in which nothing changes.
    pub unchanged: Vec<Untouched>,
    /// Stacks that cannot be prepared yet.
    pub follows: Vec<Follows>,
}

/// Uploads what is needed and makes the change sets of a plan; executes none. Where that fails, the change sets that
/// were made are removed again.
///
/// # Errors
/// When a call fails for good, or a stack is in no state to be changed.
pub async fn prepare<C: Cloud>(
    cloud: &C,
    plan: &Plan,
    options: &Options,
    emit: &mut dyn FnMut(Event),
) -> Result<Ready, Error> {
    let mut run = Run { cloud, options, emit, consent: &mut |_| false };
    let target = &plan.target;
    (run.emit)(Event::Target {
        account: target.identity.account.clone(),
        arn: target.identity.arn.clone(),
        region: target.region.clone(),
    });
    let (mut ready, mut made) = (Ready::default(), Vec::new());
    match all(&mut run, plan, &mut ready, &mut made).await {
        Ok(()) => Ok(ready),
        Err(error) => {
            for open in &made {
                change_set::discard(&mut run, open).await;
            }
            Err(error)
        }
    }
}

async fn all<C: Cloud>(
    run: &mut Run<'_, C>,
    plan: &Plan,
    ready: &mut Ready,
    made: &mut Vec<Open>,
) -> Result<(), Error> {
    if !bucket_is_there(run, plan, ready, made).await? {
        let why = format!(
            "`{BOOTSTRAP_STACK}` with the artifact bucket comes first, for templates are read from there: execute \
             this plan, then prepare again"
        );
        ready.follows.extend(plan.stacks.iter().map(|stack| follows(stack, why.clone())));
        return Ok(());
    }
    let mut facts = Facts::default();
    for stack in &plan.stacks {
        one(run, plan, stack, &mut facts, ready, made).await?;
    }
    Ok(())
}

/// Whether there is an artifact bucket already; where not, the change set that makes it.
async fn bucket_is_there<C: Cloud>(
    run: &mut Run<'_, C>,
    plan: &Plan,
    ready: &mut Ready,
    made: &mut Vec<Open>,
) -> Result<bool, Error> {
    let found = run.cloud.stack(BOOTSTRAP_STACK).await?;
    let current = found.filter(bootstrap::is_current);
    let outputs = if let Some(Stack { outputs, .. }) = current {
        outputs
    } else {
        let order = bootstrap::order(plan);
        match change_set::prepare(run, order.clone()).await? {
            Prepared::Unchanged(outputs) => outputs,
            Prepared::Open(open) => {
                note(run, &order, [].into(), *open, ready, made).await?;
                return Ok(false);
            }
        }
    };
    let (kind, result) = (StackKind::Bootstrap, StackResult::Unchanged);
    bootstrap::ours(StackOutcome { kind, stack: BOOTSTRAP_STACK.to_owned(), result, outputs }, plan)?;
    ready
        .unchanged
        .push(Untouched { kind: StackKind::Bootstrap.as_str().to_owned(), name: BOOTSTRAP_STACK.to_owned() });
    Ok(true)
}

async fn one<C: Cloud>(
    run: &mut Run<'_, C>,
    plan: &Plan,
    stack: &StackPlan,
    facts: &mut Facts,
    ready: &mut Ready,
    made: &mut Vec<Open>,
) -> Result<(), Error> {
    let entry = &stack.entry;
    learn(run, plan, stack, facts).await?;
    let order = match plan.resolve(entry, facts) {
        Ok(Readiness::Ready(parameters)) => Order::of(plan, stack, parameters, facts),
        Ok(Readiness::Waiting(waiting)) => {
            ready.follows.push(follows(stack, waiting.to_string()));
            return Ok(());
        }
        Err(error) => Err(error),
    };
    let order = match order {
        Ok(order) => order,
        // What the change sets before it make is not there before they are executed.
        Err(plan::Error::NoOutput { output, template, .. }) => {
            let why = format!(
                "it needs output `{output}` of the {template} stack, which is there when that is deployed: execute \
                 this plan, then prepare again"
            );
            ready.follows.push(follows(stack, why));
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let mut order = order;
    let existing = match unchanged::found(run.cloud, &order).await? {
        Found::AsOrdered(there) => {
            settings::tell_rollback(run, plan, stack, &there).await?;
            return settle(run, &order, &there, ready, made).await;
        }
        Found::Otherwise(existing) => existing,
    };
    order.rollback = settings::rollback(run.cloud, plan, stack).await?;
    send(run, plan, plan.uploads_for(entry, ready.uploads.is_empty()), ready).await?;
    if let Some((import, open)) = adopt::proposed(run, plan, &order, existing).await? {
        note(run, &import, [].into(), open, ready, made).await?;
        let why = "what an earlier stack has kept comes into it first: execute this plan, then prepare again";
        ready.follows.push(follows(stack, why.to_owned()));
        return Ok(());
    }
    match change_set::prepare(run, order.clone()).await? {
        Prepared::Unchanged(_) => {
            if let Some(there) = run.cloud.stack(order.stack).await? {
                settle(run, &order, &there, ready, made).await?;
            }
        }
        Prepared::Open(open) => match phases::course(run, &order, &open).await? {
            Some(Course::Two(_, template)) => {
                change_set::discard(run, &open).await;
                first_step(run, plan, stack, &order, &template, ready, made).await?;
            }
            Some(Course::Second(_)) | None => {
                note(run, &order, entry.parameters.clone(), *open, ready, made).await?;
            }
        },
    }
    Ok(())
}

/// A plan holds one change set of a stack: of two steps the first.
async fn first_step<C: Cloud>(
    run: &mut Run<'_, C>,
    plan: &Plan,
    stack: &StackPlan,
    order: &Order<'_>,
    template: &Value,
    ready: &mut Ready,
    made: &mut Vec<Open>,
) -> Result<(), Error> {
    if let (first, Prepared::Open(open)) = phases::derived(run, plan, order, template).await? {
        note(run, &first, [].into(), *open, ready, made).await?;
    }
    let why = "its endpoint refuses the change while it is registered for scaling, which goes first and comes back with \
               the change: execute this plan, then prepare again";
    ready.follows.push(follows(stack, why.to_owned()));
    Ok(())
}

/// A stack in which nothing changes but perhaps its settings.
async fn settle<C: Cloud>(
    run: &mut Run<'_, C>,
    order: &Order<'_>,
    there: &Stack,
    ready: &mut Ready,
    made: &mut Vec<Open>,
) -> Result<(), Error> {
    if let Some(open) = change_set::only_settings(run, order, there).await? {
        return note(run, order, [].into(), open, ready, made).await;
    }
    ready.unchanged.push(Untouched { kind: order.kind.as_str().to_owned(), name: order.stack.to_owned() });
    Ok(())
}

fn follows(stack: &StackPlan, why: String) -> Follows {
    Follows { kind: stack.entry.kind.as_str().to_owned(), name: stack.entry.stack_name.clone(), why }
}

async fn send<C: Cloud>(
    run: &mut Run<'_, C>,
    plan: &Plan,
    uploads: Vec<Upload>,
    ready: &mut Ready,
) -> Result<(), Error> {
    upload::upload(run, plan, &uploads).await?;
    for upload in uploads {
        let planned = PlannedUpload {
            sha256: HEXLOWER.encode(&upload.sha256),
            bytes: upload.body.len() as u64,
            file: upload.file,
            key: upload.key,
        };
        if !ready.uploads.contains(&planned) {
            ready.uploads.push(planned);
        }
    }
    Ok(())
}

/// Notes a change set, shows it, and how its stack is now.
async fn note<C: Cloud>(
    run: &mut Run<'_, C>,
    order: &Order<'_>,
    sources: BTreeMap<String, ParameterSource>,
    open: Open,
    ready: &mut Ready,
    made: &mut Vec<Open>,
) -> Result<(), Error> {
    let change = open.change.clone();
    let made_stack = open.made_stack;
    made.push(open);
    let stack = run.cloud.stack(&change.stack_id).await?;
    let template: Value = serde_json::from_slice(&order.text).unwrap_or_default();
    (run.emit)(Event::Prepared(change.clone()));
    ready.stacks.push(PlannedStack {
        kind: change.kind.as_str().to_owned(),
        name: change.stack,
        stack_id: change.stack_id,
        changed: stack.and_then(|stack| stack.changed).map(|at| at.to_string()),
        change_set: change.change_set,
        change_set_id: change.change_set_id,
        change_set_type: change.change_set_type,
        made_stack,
        template_sha256: canonical_sha256(&template),
        parameters: order.parameters.clone(),
        sources,
        tags: order.tags.clone().unwrap_or_default(),
        capabilities: order.capabilities.clone(),
        role_arn: order.role_arn.clone(),
        changes: change.changes,
        settings: change.settings,
    });
    Ok(())
}
