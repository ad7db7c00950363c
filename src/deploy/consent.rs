//! One stack from order to outcome: its change set, consent to it, its execution.

use std::collections::BTreeMap;

use crate::aws::{ChangeSetType, Cloud};
use crate::plan::Plan;

use super::change_set::{self, Open, Order, Prepared};
use super::{Error, Event, Run, StackOutcome, StackResult, events, phases};

/// One stack from order to outcome.
pub(super) async fn deploy_stack<C: Cloud>(
    run: &mut Run<'_, C>,
    plan: &Plan,
    order: Order<'_>,
) -> Result<StackOutcome, Error> {
    let (kind, name) = (order.kind, order.stack.to_owned());
    let outcome = |result, outputs| StackOutcome { kind, stack: name.clone(), result, outputs };
    let mut open = match change_set::prepare(run, order.clone()).await? {
        Prepared::Open(open) => open,
        Prepared::Unchanged(outputs) => return Ok(outcome(StackResult::Unchanged, outputs)),
    };
    let course = phases::course(run, &order, &open).await?;
    open.change.steps = course.shown().map(Box::new);
    let change_set_type = open.change.change_set_type;
    if !may_execute(run, &open).await {
        return Ok(outcome(StackResult::Declined, BTreeMap::new()));
    }
    let Some(end) = phases::execute(run, plan, order, open, course).await? else {
        return Ok(outcome(StackResult::Declined, BTreeMap::new()));
    };
    Ok(outcome(ended(&end, change_set_type), end.outputs))
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

/// A change set from consent to outcome.
pub(super) async fn consented<C: Cloud>(run: &mut Run<'_, C>, open: Open) -> Result<StackOutcome, Error> {
    let (kind, name) = (open.change.kind, open.change.stack.clone());
    let outcome = |result, outputs| StackOutcome { kind, stack: name, result, outputs };
    if !may_execute(run, &open).await {
        return Ok(outcome(StackResult::Declined, BTreeMap::new()));
    }
    let end = change_set::execute(run, &open).await?;
    let result = ended(&end, open.change.change_set_type);
    Ok(outcome(result, end.outputs))
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
