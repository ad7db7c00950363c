//! One stack's change set: made, waited for, executed or removed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;

use crate::aws::{
    self, ChangeSet, ChangeSetRef, ChangeSetRequest, ChangeSetType, Cloud, ErrorKind, Import, Operation,
    Rollback, Stack, Status, TemplateSource, ValidationFailure,
};

use super::events::{self, End, Tail};
use super::pace::{is_unique_name, unique_name};
use super::{Error, Event, PreparedChange, Run, StackKind, settings};
use crate::plan::{self, Facts, Plan, StackPlan, ToSet};
use crate::rules::stack_states::{self, OnDeploy};
use crate::synth::Settings;

/// What is to be deployed.
#[derive(Clone)]
pub(super) struct Order<'a> {
    pub(super) kind: StackKind,
    pub(super) stack: &'a str,
    pub(super) template: TemplateSource,
    /// The template's text.
    pub(super) text: Arc<[u8]>,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) capabilities: Vec<String>,
    /// Parameters that keep the value that they have.
    pub(super) keep: Vec<String>,
    /// None leaves the stack's tags as they are.
    pub(super) tags: Option<BTreeMap<String, String>>,
    pub(super) role_arn: Option<String>,
    pub(super) import_existing: bool,
    /// What comes into the stack by an import.
    pub(super) imports: Vec<Import>,
    /// What rolls the change back.
    pub(super) rollback: Option<Rollback>,
    /// What is set beside the change.
    pub(super) settings: Settings,
}

impl<'a> Order<'a> {
    /// The order for a stack of a plan, with the values of its parameters.
    ///
    /// # Errors
    /// When the deployed platform stack has no service role.
    pub(super) fn of(
        plan: &'a Plan,
        stack: &'a StackPlan,
        parameters: BTreeMap<String, String>,
        facts: &Facts,
    ) -> Result<Order<'a>, plan::Error> {
        let entry = &stack.entry;
        Ok(Order {
            kind: StackKind::Template(entry.kind),
            stack: &entry.stack_name,
            template: stack.template.clone(),
            text: Arc::clone(&stack.text),
            parameters,
            capabilities: entry.capabilities.clone(),
            keep: Vec::new(),
            tags: Some(plan.tags.clone()),
            role_arn: plan.service_role(entry, facts)?,
            // What an earlier stack has kept under a fixed name is taken in again, and shown before that.
            import_existing: true,
            imports: Vec::new(),
            rollback: None,
            settings: entry.settings.clone(),
        })
    }
}

/// A change set that is ready, or the word that there is nothing to change.
pub(super) enum Prepared {
    Open(Box<Open>),
    /// With the deployed stack's outputs.
    Unchanged(BTreeMap<String, String>),
}

/// A change set that is ready.
pub(super) struct Open {
    pub(super) change: PreparedChange,
    /// There was no stack of that name before: an empty one that is left over is ours to remove.
    pub(super) made_stack: bool,
    /// The deployed stack's parameters.
    pub(super) former: BTreeMap<String, String>,
}

/// How CloudFormation says that there is nothing to do. Never judged by an empty list of changes:
/// a change of outputs alone has none.
const NOTHING_TO_DO: [&str; 2] =
    ["The submitted information didn't contain changes", "No updates are to be performed"];

/// How CloudFormation begins the reason of a change set that is ready and does not tell all: property values that it
/// could not work out, resources that it could not read.
const WARNING: &str = "[WARN]";

/// How many operations of other runs are waited for, one after the other.
const MOST_FOLLOWED: u32 = 3;

/// How often a change set that was just made may be unknown: CloudFormation is eventually consistent.
const PATIENCE: u32 = 6;

/// Makes a change set and waits until it is ready.
pub(super) async fn prepare<C: Cloud>(run: &mut Run<'_, C>, order: Order<'_>) -> Result<Prepared, Error> {
    let (existing, change_set_type) = footing(run, order.kind, order.stack).await?;
    make(run, order, existing, change_set_type).await
}

/// Makes a change set for a stack that takes one as it is, and waits until it is ready; none for a stack that is not
/// there. Nothing is waited for: who only wants to know does not follow what others do.
pub(super) async fn prepare_update<C: Cloud>(
    run: &mut Run<'_, C>,
    order: Order<'_>,
) -> Result<Option<Prepared>, Error> {
    let Some(stack) = run.cloud.stack(order.stack).await? else { return Ok(None) };
    match stack_states::of(stack.status.as_str()).on_deploy {
        OnDeploy::Create => Ok(None),
        // Pinned to the stack's ARN, which no stack that is made meanwhile has.
        OnDeploy::Update => make(run, order, Some(stack), ChangeSetType::Update).await.map(Some),
        OnDeploy::Follow | OnDeploy::Refuse => {
            let Stack { name: stack, status, reason, .. } = stack;
            Err(Error::Blocked { stack, status, reason })
        }
    }
}

pub(super) async fn make<C: Cloud>(
    run: &mut Run<'_, C>,
    order: Order<'_>,
    existing: Option<Stack>,
    change_set_type: ChangeSetType,
) -> Result<Prepared, Error> {
    let name = unique_name();
    let (kind, stack) = (order.kind, order.stack.to_owned());
    let (undetermined, nested) = template_needs(&order);
    let known = existing.iter().flat_map(|stack| stack.parameters.keys());
    let mut keep = order.keep;
    keep.extend(known.filter(|name| undetermined.contains(*name)).cloned());
    (run.emit)(Event::Preparing { kind, stack: stack.clone(), change_set: name.clone(), change_set_type });
    let request = ChangeSetRequest {
        stack: match (&existing, change_set_type) {
            // Pinned: should the stack be deleted and made anew meanwhile, this one is not meant.
            (Some(existing), ChangeSetType::Update | ChangeSetType::Import)
                if existing.status != Status::ReviewInProgress =>
            {
                existing.id.clone()
            }
            // A stack that is to be made has a name only, also where an abandoned change set has left it empty.
            _ => stack.clone(),
        },
        name: name.clone(),
        change_set_type,
        template: order.template,
        parameters: order.parameters,
        keep,
        capabilities: order.capabilities,
        tags: order.tags,
        role_arn: order.role_arn,
        import_existing: order.import_existing,
        imports: order.imports,
        rollback: order.rollback,
        nested,
        token: name.clone(),
    };
    let outputs = |stack: Option<&Stack>| stack.map(|stack| stack.outputs.clone()).unwrap_or_default();
    let made = match create(run, &request).await {
        Ok(made) => made,
        Err(error) if nothing_to_do(error.message.as_deref()) => {
            return Ok(Prepared::Unchanged(outputs(existing.as_ref())));
        }
        Err(error) => return Err(error.into()),
    };
    let mut open = Open {
        change: PreparedChange {
            kind,
            stack,
            stack_id: made.stack_id,
            change_set: name,
            change_set_id: made.id,
            change_set_type,
            changes: Vec::new(),
            steps: None,
            settings: ToSet::default(),
        },
        made_stack: existing.is_none(),
        former: existing.as_ref().map(|stack| stack.parameters.clone()).unwrap_or_default(),
    };
    match ready(run, &open).await {
        Ok(set) if set.status == "CREATE_COMPLETE" => {
            if let Some(text) = set.reason.filter(|reason| reason.starts_with(WARNING)) {
                (run.emit)(Event::Warned { stack: open.change.stack.clone(), text });
            }
            open.change.changes = set.changes;
            open.change.settings = match settings::to_set(run.cloud, &order.settings, existing.as_ref()).await
            {
                Ok(settings) => settings,
                Err(error) => {
                    discard(run, &open).await;
                    return Err(error.into());
                }
            };
            Ok(Prepared::Open(Box::new(open)))
        }
        Ok(set) => {
            // Before the change set goes, and its events with it.
            let failures = failures(run, &set, &open.change.change_set_id).await;
            discard(run, &open).await;
            if nothing_to_do(set.reason.as_deref()) {
                sweep(run, &open.change.stack).await;
                return Ok(Prepared::Unchanged(outputs(existing.as_ref())));
            }
            let reason = set.reason.unwrap_or_else(|| format!("no reason given (`{}`)", set.status));
            Err(Error::ChangeSet { stack: open.change.stack, reason, failures })
        }
        Err(error) => {
            discard(run, &open).await;
            Err(error)
        }
    }
}

/// Parameters of the template to which the order gives no value (a stack that has one keeps it), and whether there are
/// stacks in the stack.
fn template_needs(order: &Order<'_>) -> (BTreeSet<String>, bool) {
    let template: Value = serde_json::from_slice(&order.text).unwrap_or_default();
    let declared = template["Parameters"].as_object().into_iter().flatten().map(|(name, _)| name);
    let given = |name: &&String| order.parameters.contains_key(*name) || order.keep.contains(name);
    let mut resources = template["Resources"].as_object().into_iter().flatten();
    let nested = resources.any(|(_, resource)| resource["Type"] == "AWS::CloudFormation::Stack");
    (declared.filter(|name| !given(name)).cloned().collect(), nested)
}

/// The change of a stack's settings alone, when there is one.
pub(super) async fn only_settings<C: Cloud>(
    run: &Run<'_, C>,
    order: &Order<'_>,
    there: &Stack,
) -> aws::Result<Option<Open>> {
    let settings = settings::to_set(run.cloud, &order.settings, Some(there)).await?;
    let change = PreparedChange {
        kind: order.kind,
        stack: there.name.clone(),
        stack_id: there.id.clone(),
        change_set: String::new(),
        change_set_id: String::new(),
        change_set_type: ChangeSetType::Update,
        changes: Vec::new(),
        settings,
        steps: None,
    };
    Ok((!change.settings.is_empty()).then_some(Open { change, made_stack: false, former: BTreeMap::new() }))
}

/// What failed validation, where the change set's reason points there. It only adds to an error that is
/// told anyway, so that it cannot be had (an older policy denies the call) is no matter.
async fn failures<C: Cloud>(run: &Run<'_, C>, set: &ChangeSet, id: &str) -> Vec<ValidationFailure> {
    if !set.reason.as_deref().is_some_and(|reason| reason.contains("DescribeEvents")) {
        return Vec::new();
    }
    let found = run.cloud.validation_failures(&Operation::ChangeSet(id)).await.unwrap_or_default();
    found.into_iter().filter(|failure| !failure.warns).collect()
}

/// Validation failures behind a reason.
pub(super) fn listed(failures: &[ValidationFailure]) -> String {
    failures.iter().fold(String::new(), |text, failure| {
        format!("{text}; `{}` ({}): {}", failure.logical_id, failure.resource_type, failure.reason)
    })
}

fn refused(open: &Open, reason: String) -> Error {
    Error::ChangeSet { stack: open.change.stack.clone(), reason, failures: Vec::new() }
}

fn nothing_to_do(reason: Option<&str>) -> bool {
    reason.is_some_and(|reason| NOTHING_TO_DO.iter().any(|words| reason.starts_with(words)))
}

/// The stack as it is, and which kind of change set it takes in its state. What smstack began and has not ended is
/// followed first: a run that was cut off, or another one.
async fn footing<C: Cloud>(
    run: &mut Run<'_, C>,
    kind: StackKind,
    name: &str,
) -> Result<(Option<Stack>, ChangeSetType), Error> {
    let mut followed = 0;
    loop {
        let Some(stack) = run.cloud.stack(name).await? else { return Ok((None, ChangeSetType::Create)) };
        let state = stack_states::of(stack.status.as_str());
        match state.on_deploy {
            OnDeploy::Create if run.cloud.stack_resources(&stack.id).await?.is_empty() => {
                return Ok((Some(stack), ChangeSetType::Create));
            }
            OnDeploy::Update => return Ok((Some(stack), ChangeSetType::Update)),
            OnDeploy::Follow if followed < MOST_FOLLOWED => {
                let tail = Tail::latest(run, &stack).await?;
                if !tail.is_ours() {
                    return Err(Error::Busy { stack: stack.name, status: stack.status, by: tail.token });
                }
                followed += 1;
                (run.emit)(Event::Attached { kind, stack: stack.name.clone(), status: stack.status.clone() });
                // How it ends is told by the state that the stack is in then.
                events::follow(run, kind, &stack.name, tail).await?;
            }
            _ => {
                let Stack { name: stack, status, reason, .. } = stack;
                return Err(Error::Blocked { stack, status, reason });
            }
        }
    }
}

/// Orders the change set. The answer may be lost after the order arrived: the name is ours alone, so
/// "exists already" is that answer.
async fn create<C: Cloud>(run: &Run<'_, C>, request: &ChangeSetRequest) -> aws::Result<ChangeSetRef> {
    match run.cloud.create_change_set(request).await {
        Err(error) if error.code.as_deref() == Some("AlreadyExistsException") => {
            let sets = run.cloud.change_sets(&request.stack).await?;
            let ours = sets.into_iter().find(|(name, _)| *name == request.name);
            ours.map(|(_, made)| made).ok_or(error)
        }
        answer => answer,
    }
}

/// Waits until a change set is ready or has failed.
async fn ready<C: Cloud>(run: &mut Run<'_, C>, open: &Open) -> Result<ChangeSet, Error> {
    let pace = run.options.pace;
    let begin = Instant::now();
    let (mut polls, mut absent, mut failures) = (0, 0, 0);
    let mut last = "unknown".to_owned();
    loop {
        let pause = match run.cloud.change_set(&open.change.change_set_id).await {
            Ok(Some(set)) if set.status == "CREATE_COMPLETE" || set.status.ends_with("FAILED") => {
                return Ok(set);
            }
            Ok(Some(set)) if set.status.starts_with("DELETE") => {
                let reason = format!("somebody deleted the change set (`{}`)", set.status);
                return Err(refused(open, reason));
            }
            Ok(Some(set)) => {
                last = set.status;
                failures = 0;
                polls += 1;
                pace.poll(polls)
            }
            Ok(None) if absent < PATIENCE => {
                absent += 1;
                pace.poll(absent)
            }
            Ok(None) => {
                let reason = "the change set is gone".to_owned();
                return Err(refused(open, reason));
            }
            Err(error) if error.is_transient() => {
                let pause = pace.retry(failures);
                failures += 1;
                (run.emit)(Event::Retrying { stack: open.change.stack.clone(), error, pause });
                pause
            }
            Err(error) => return Err(error.into()),
        };
        if begin.elapsed() > pace.change_set {
            let stack = open.change.stack.clone();
            return Err(Error::ChangeSetTimeout { stack, status: last, waited: begin.elapsed() });
        }
        tokio::time::sleep(pause).await;
    }
}

/// Removes a change set that will not be executed, and the empty stack that it made. What cannot be
/// removed is said, and does no harm.
pub(super) async fn discard<C: Cloud>(run: &mut Run<'_, C>, open: &Open) {
    let change = &open.change;
    if change.change_set_id.is_empty() {
        return;
    }
    if let Err(error) = run.cloud.delete_change_set(&change.change_set_id).await {
        let what = format!("change set `{}`", change.change_set);
        (run.emit)(Event::LeftBehind { stack: change.stack.clone(), what, error });
        return;
    }
    if !open.made_stack {
        return;
    }
    if let Err(error) = discard_stack(run, change).await {
        let what = "an empty stack in `REVIEW_IN_PROGRESS`".to_owned();
        (run.emit)(Event::LeftBehind { stack: change.stack.clone(), what, error });
    }
}

/// Removes what runs that were cut off have left: change sets of smstack that failed, and so are of use to nobody. One
/// that could be executed may be waiting for somebody's consent; CloudFormation itself removes it with the next change.
async fn sweep<C: Cloud>(run: &Run<'_, C>, stack: &str) {
    // What cannot be removed now goes with the next change at the latest.
    let sets = run.cloud.change_sets(stack).await.unwrap_or_default();
    for (_, set) in
        sets.iter().filter(|(name, set)| is_unique_name(name) && set.status.as_deref() == Some("FAILED"))
    {
        let _ = run.cloud.delete_change_set(&set.id).await;
    }
}

/// Deletes the stack that our change set made, only when it is certain that nothing is in it and that
/// nobody else has plans for it.
async fn discard_stack<C: Cloud>(run: &Run<'_, C>, change: &PreparedChange) -> aws::Result<()> {
    let id = &change.stack_id;
    let Some(stack) = run.cloud.stack(id).await? else { return Ok(()) };
    let ours = stack.id == *id && stack.status == Status::ReviewInProgress;
    let empty = ours && run.cloud.stack_resources(id).await?.is_empty();
    let unwanted =
        empty && run.cloud.change_sets(id).await?.iter().all(|(name, _)| *name == change.change_set);
    if unwanted { run.cloud.delete_stack(id, &change.change_set).await } else { Ok(()) }
}

/// Executes a change set and follows the stack to the end.
pub(super) async fn execute<C: Cloud>(run: &mut Run<'_, C>, open: &Open) -> Result<End, Error> {
    let change = &open.change;
    let tail = Tail::begin(run, &change.stack_id, &change.change_set).await?;
    let token = change.change_set.as_str();
    if let Err(error) = run.cloud.execute_change_set(&change.change_set_id, token).await
        && !was_applied(run, &tail, open, &error).await?
    {
        return Err(error.into());
    }
    let (kind, stack, stack_id) = (change.kind, change.stack.clone(), change.stack_id.clone());
    (run.emit)(Event::Executing { kind, stack, stack_id });
    events::follow(run, change.kind, &change.stack, tail).await
}

/// Whether an execution was begun although the call failed: an answer that was lost makes the SDK
/// ask again, and the second answer is that the change set is being, or has been, executed.
async fn was_applied<C: Cloud>(
    run: &Run<'_, C>,
    tail: &Tail,
    open: &Open,
    error: &aws::Error,
) -> Result<bool, Error> {
    if error.kind != ErrorKind::Conflict && error.kind != ErrorKind::NotFound && !error.is_transient() {
        return Ok(false);
    }
    let set = run.cloud.change_set(&open.change.change_set_id).await?;
    let executed =
        set.and_then(|set| set.execution_status).is_some_and(|status| status.starts_with("EXECUTE_"));
    Ok(executed || tail.has_news(run.cloud).await?)
}
