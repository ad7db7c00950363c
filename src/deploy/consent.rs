//! One stack from order to outcome: its change set, consent to it, its execution.

use std::collections::BTreeMap;

use crate::aws::{self, ChangeSetType, Cloud};
use crate::plan::Plan;

use super::change_set::{self, Open, Order, Prepared};
use super::{Error, Event, Run, StackOutcome, StackResult, deployed, events, phases, settings};

/// One stack from order to outcome.
pub(super) async fn deploy_stack<C: Cloud>(
    run: &mut Run<'_, C>,
    plan: &Plan,
    order: Order<'_>,
) -> Result<StackOutcome, Error> {
    let mut open = match change_set::prepare(run, order.clone()).await? {
        Prepared::Open(open) => open,
        Prepared::Unchanged(outputs) => {
            let there = if order.settings.is_silent() { None } else { run.cloud.stack(order.stack).await? };
            return match there {
                Some(there) => settle(run, &order, there).await,
                None => Ok(StackOutcome {
                    kind: order.kind,
                    stack: order.stack.to_owned(),
                    result: StackResult::Unchanged,
                    outputs,
                }),
            };
        }
    };
    let Some(course) = phases::course(run, &order, &open).await? else { return consented(run, *open).await };
    open.change.steps = Some(Box::new(course.shown()));
    let (kind, stack) = (order.kind, order.stack.to_owned());
    let declined = || StackOutcome {
        kind,
        stack: stack.clone(),
        result: StackResult::Declined,
        outputs: BTreeMap::new(),
    };
    if !may_execute(run, &open).await {
        return Ok(declined());
    }
    settings::set(run.cloud, &open.change.stack_id, &open.change.settings).await?;
    let Some(end) = Box::pin(phases::execute(run, plan, order, *open, course)).await? else {
        return Ok(declined());
    };
    let result = ended(&end, ChangeSetType::Update);
    Ok(StackOutcome { kind, stack, result, outputs: end.outputs })
}

/// Whether there is consent to a change set; where not, it is removed.
async fn may_execute<C: Cloud>(run: &mut Run<'_, C>, open: &Open) -> bool {
    (run.emit)(Event::Prepared(open.change.clone()));
    let consents = (run.consent)(&open.change);
    if !consents {
        change_set::discard(run, open).await;
    }
    consents
}

/// A stack in which nothing changes but perhaps its settings.
pub(super) async fn settle<C: Cloud>(
    run: &mut Run<'_, C>,
    order: &Order<'_>,
    there: aws::Stack,
) -> Result<StackOutcome, Error> {
    match change_set::only_settings(run, order, &there).await? {
        None => {
            let (stack, result, outputs) = (there.name, StackResult::Unchanged, there.outputs);
            Ok(StackOutcome { kind: order.kind, stack, result, outputs })
        }
        Some(open) => {
            let mut outcome = consented(run, open).await?;
            if outcome.result == StackResult::Updated {
                outcome.outputs = there.outputs;
            }
            Ok(outcome)
        }
    }
}

/// A change set from consent to outcome.
pub(super) async fn consented<C: Cloud>(run: &mut Run<'_, C>, open: Open) -> Result<StackOutcome, Error> {
    let (kind, name) = (open.change.kind, open.change.stack.clone());
    let outcome = |result, outputs| StackOutcome { kind, stack: name, result, outputs };
    if !may_execute(run, &open).await {
        return Ok(outcome(StackResult::Declined, BTreeMap::new()));
    }
    let (result, outputs) = carry_out(run, &open).await?;
    Ok(outcome(result, outputs))
}

/// Executes a change set, and sets what is to be set of its stack.
pub(super) async fn carry_out<C: Cloud>(
    run: &mut Run<'_, C>,
    open: &Open,
) -> Result<(StackResult, BTreeMap<String, String>), Error> {
    let change = &open.change;
    let exists = change.change_set_type == ChangeSetType::Update;
    if exists {
        settings::set(run.cloud, &change.stack_id, &change.settings).await?;
    }
    if change.change_set_id.is_empty() {
        return Ok((StackResult::Updated, BTreeMap::new()));
    }
    let end = change_set::execute(run, open).await?;
    let result = ended(&end, change.change_set_type);
    if !exists && deployed(&result) {
        settings::set(run.cloud, &change.stack_id, &change.settings).await?;
    }
    Ok((result, end.outputs))
}

/// How a stack ended, after a change set of that type.
pub(super) fn ended(end: &events::End, change_set_type: ChangeSetType) -> StackResult {
    match (end.failure(), change_set_type) {
        (Some(failure), _) => StackResult::Failed(failure),
        (None, ChangeSetType::Create) => StackResult::Created,
        (None, ChangeSetType::Update) => StackResult::Updated,
        (None, ChangeSetType::Import) => StackResult::Imported,
    }
}
