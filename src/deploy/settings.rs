//! What the stack file says of a stack beside its template: compared with what is, and set.
//!
//! A stack policy is set before the change of a stack that exists, so that what it allows now is allowed to that change
//! and what it denies now is denied to it; a new stack gets everything when it stands.

use serde_json::Value;

use crate::aws::{self, Cloud, Rollback, Stack, Status};
use crate::plan::{Plan, StackPlan, ToSet};
use crate::synth::{AlarmSource, Settings, TemplateKind};

use super::{Event, Run};

/// What has to be set for a stack to be as its settings say.
pub(super) async fn to_set<C: Cloud>(
    cloud: &C,
    settings: &Settings,
    stack: Option<&Stack>,
) -> aws::Result<ToSet> {
    let stack = stack.filter(|stack| stack.status != Status::ReviewInProgress);
    let protected = stack.is_some_and(|stack| stack.protected);
    let termination_protection = settings.termination_protection.filter(|wanted| *wanted != protected);
    let mut stack_policy = settings.stack_policy.clone();
    if let (Some(wanted), Some(stack)) = (&stack_policy, stack) {
        let there = cloud.stack_policy(&stack.id).await?;
        let there = there.and_then(|text| serde_json::from_str::<Value>(&text).ok());
        if there.as_ref() == Some(wanted) {
            stack_policy = None;
        }
    }
    Ok(ToSet { termination_protection, stack_policy })
}

/// Sets it.
pub(super) async fn set<C: Cloud>(cloud: &C, stack: &str, to_set: &ToSet) -> aws::Result<()> {
    if let Some(on) = to_set.termination_protection {
        cloud.set_termination_protection(stack, on).await?;
    }
    if let Some(policy) = &to_set.stack_policy {
        cloud.set_stack_policy(stack, &policy.to_string()).await?;
    }
    Ok(())
}

/// Says that what rolls a stack back stays as it is, where the stack file says otherwise and nothing else changes:
/// CloudFormation keeps the triggers that came with the last change, until others come with the next.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackConfiguration.html>
pub(super) async fn tell_rollback<C: Cloud>(
    run: &mut Run<'_, C>,
    plan: &Plan,
    stack: &StackPlan,
    there: &Stack,
) -> aws::Result<()> {
    if rollback_now(run.cloud, plan, stack, there).await?.is_some() {
        let text =
            "nothing changes but the alarms that roll it back; CloudFormation gets them with its next change";
        (run.emit)(Event::Warned { stack: there.name.clone(), text: text.to_owned() });
    }
    Ok(())
}

/// What rolls a deployed stack back, where the stack file says otherwise.
pub(super) async fn rollback_now<C: Cloud>(
    cloud: &C,
    plan: &Plan,
    stack: &StackPlan,
    there: &Stack,
) -> aws::Result<Option<Rollback>> {
    let sorted = |rollback: &Rollback| {
        let mut alarms = rollback.alarms.clone();
        alarms.sort();
        (alarms, rollback.minutes)
    };
    let wanted = rollback(cloud, plan, stack).await?;
    Ok(wanted.filter(|wanted| sorted(wanted) != sorted(&there.rollback)).map(|_| there.rollback.clone()))
}

/// What rolls a change of a stack back. An alarm of the serving stack counts once it is deployed.
pub(super) async fn rollback<C: Cloud>(
    cloud: &C,
    plan: &Plan,
    stack: &StackPlan,
) -> aws::Result<Option<Rollback>> {
    let Some(said) = &stack.entry.settings.rollback else { return Ok(None) };
    let target = &plan.target;
    let by_name = |name: &str| {
        let (identity, region) = (&target.identity, &target.region);
        format!("arn:{}:cloudwatch:{region}:{}:alarm:{name}", identity.partition, identity.account)
    };
    let mut deployed = None;
    let mut alarms = Vec::new();
    for alarm in &said.alarms {
        match alarm {
            AlarmSource::Arn { arn } => alarms.push(arn.clone()),
            AlarmSource::Name { name } => alarms.push(by_name(name)),
            AlarmSource::Serving { logical_id } => {
                if deployed.is_none() {
                    let there = match plan.stack_name(TemplateKind::Serving) {
                        Some(name) => cloud.stack(name).await?,
                        None => None,
                    };
                    deployed = Some(match there {
                        Some(stack) => cloud.stack_resources(&stack.id).await?,
                        None => Vec::new(),
                    });
                }
                let found = deployed.iter().flatten().find(|it| it.logical_id == *logical_id);
                alarms.extend(found.and_then(|it| it.physical_id.as_deref()).map(by_name));
            }
        }
    }
    Ok(Some(Rollback { alarms, minutes: said.minutes }))
}
