//! A stack's progress: every event of one operation once, oldest first, to the end.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use crate::aws::{self, Cloud, Operation, Phase, Stack, StackEvent, Status};

use super::logs;
use super::pace::{Pace, is_unique_name, unique_name};
use super::signs::Signs;
use super::{Cause, Error, Event, Failure, Options, Run, StackKind};

/// Polls that a final status must last when no event confirms it.
const SETTLED: u32 = 6;
/// Polls that a status which says nothing may last.
const UNCLEAR: u32 = 60;

/// How an operation on a stack ended.
pub(super) struct End {
    pub(super) status: Status,
    /// What failed first, if anything did.
    pub(super) cause: Option<Cause>,
    pub(super) outputs: BTreeMap<String, String>,
}

impl End {
    /// The failure, when this is not the end that a change has.
    pub(super) fn failure(&self) -> Option<Failure> {
        let failed = self.status.phase() == Phase::Failed || self.status == Status::DeleteComplete;
        failed.then(|| Failure { status: self.status.clone(), cause: self.cause.clone() })
    }
}

/// The end of a stack's list of events, from a mark on.
pub(super) struct Tail {
    stack_id: String,
    /// The token of the operation, when it is known.
    pub(super) token: Option<String>,
    /// Tokens of who cancelled it: the rollback that follows has theirs.
    cancelled_by: HashSet<String>,
    seen: HashSet<String>,
    cause: Option<Cause>,
    /// The stack's own last event of this operation.
    stack: Option<StackEvent>,
}

impl Tail {
    /// Marks where the list ends now, before the operation begins.
    pub(super) async fn begin<C: Cloud>(
        run: &mut Run<'_, C>,
        stack_id: &str,
        token: &str,
    ) -> Result<Tail, Error> {
        let mut patience = Patience::new(stack_id);
        let page = loop {
            match run.cloud.stack_events(stack_id, None).await {
                Ok(page) => break page,
                // Nothing is under way yet that could be lost sight of.
                Err(error) => patience.after(run, error).await.map_err(Error::Aws)?,
            }
        };
        Ok(Tail {
            stack_id: stack_id.to_owned(),
            token: Some(token.to_owned()),
            cancelled_by: HashSet::new(),
            seen: page.events.into_iter().map(|event| event.id).collect(),
            cause: None,
            stack: None,
        })
    }

    /// Marks where the stack's latest operation began, whoever began it.
    pub(super) async fn latest<C: Cloud>(run: &mut Run<'_, C>, stack: &Stack) -> Result<Tail, Error> {
        let mut patience = Patience::new(&stack.name);
        loop {
            match latest(run.cloud, &stack.id).await {
                Ok(history) => return Ok(history.into_tail(&stack.id)),
                Err(error) => patience.after(run, error).await.map_err(Error::Aws)?,
            }
        }
    }

    /// Whether smstack began the operation: this run, or another one.
    pub(super) fn is_ours(&self) -> bool {
        self.token.as_deref().is_some_and(is_unique_name)
    }

    /// What is new, oldest first. Reads pages until one holds a known event; notes nothing before all
    /// of them are read, so that a page that fails loses none.
    async fn read<C: Cloud>(&self, cloud: &C) -> aws::Result<Vec<StackEvent>> {
        let mut news = Vec::new();
        let mut page = None;
        loop {
            let read = cloud.stack_events(&self.stack_id, page.as_deref()).await?;
            let known = read.events.iter().any(|event| self.seen.contains(&event.id));
            news.extend(read.events.into_iter().filter(|event| !self.seen.contains(&event.id)));
            page = read.next;
            if known || page.is_none() {
                news.reverse();
                let cancels: HashSet<String> = news.iter().filter_map(cancels).map(str::to_owned).collect();
                news.retain(|event| self.is_ours_too(event, &cancels));
                return Ok(news);
            }
        }
    }

    /// Whether an event belongs to this operation. Events of AWS carry the token of their
    /// operation; one without is judged by its place after the mark.
    fn is_ours_too(&self, event: &StackEvent, cancels: &HashSet<String>) -> bool {
        let token = event.token.as_ref().zip(self.token.as_ref());
        token
            .is_none_or(|(its, ours)| its == ours || cancels.contains(its) || self.cancelled_by.contains(its))
    }

    /// Whether the operation has begun.
    pub(super) async fn has_news<C: Cloud>(&self, cloud: &C) -> Result<bool, Error> {
        Ok(!self.read(cloud).await?.is_empty())
    }

    /// Notes an event; whether it is new. Pages may overlap when events arrive between them.
    fn note(&mut self, event: &StackEvent) -> bool {
        if !self.seen.insert(event.id.clone()) {
            return false;
        }
        if event.is_stack() {
            self.cancelled_by.extend(cancels(event).map(str::to_owned));
            self.stack = Some(event.clone());
        } else if self.cause.is_none() {
            self.cause = failure(event);
        }
        true
    }
}

/// The token of who made the stack roll back.
fn cancels(event: &StackEvent) -> Option<&str> {
    event.token.as_deref().filter(|_| event.is_stack() && event.status.is_rollback())
}

/// The failure of a resource that an event tells of, unless it is only a consequence of another.
pub(super) fn failure(event: &StackEvent) -> Option<Cause> {
    let failed = !event.is_stack() && event.status.as_str().ends_with("_FAILED") && !is_cancelled(event);
    failed.then(|| cause(event))
}

/// Whether a failure is only a consequence: CloudFormation stops what is under way when something fails.
fn is_cancelled(event: &StackEvent) -> bool {
    event.reason.as_deref().is_some_and(|reason| {
        let reason = reason.to_ascii_lowercase();
        reason.starts_with("resource ") && (reason.contains(" cancelled") || reason.contains(" canceled"))
    })
}

fn cause(event: &StackEvent) -> Cause {
    Cause {
        logical_id: event.logical_id.clone(),
        physical_id: event.physical_id.clone(),
        resource_type: event.resource_type.clone(),
        status: event.status.clone(),
        reason: event.reason.clone(),
        at: event.at,
        origin: None,
        log: None,
    }
}

/// The events of a stack's latest operation, as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Oldest first.
    pub events: Vec<StackEvent>,
    /// Ids of events before it, as far as they were read.
    before: HashSet<String>,
}

impl History {
    /// The token of the operation, which says something of who began it.
    pub fn token(&self) -> Option<&str> {
        self.events.iter().find_map(|event| event.token.as_deref())
    }

    fn into_tail(self, stack_id: &str) -> Tail {
        let token = self.token().map(str::to_owned);
        Tail {
            stack_id: stack_id.to_owned(),
            token,
            cancelled_by: HashSet::new(),
            seen: self.before,
            cause: None,
            stack: None,
        }
    }
}

/// The latest operation on a stack: what has happened since the stack itself last began something.
///
/// # Errors
/// When a call fails.
pub async fn latest<C: Cloud>(cloud: &C, stack_id: &str) -> aws::Result<History> {
    let mut events = Vec::new();
    let mut page = None;
    loop {
        let read = cloud.stack_events(stack_id, page.as_deref()).await?;
        let mut older = read.events.into_iter();
        for event in older.by_ref() {
            let begins = event.is_stack() && begins_operation(&event.status);
            events.push(event);
            if begins {
                events.reverse();
                return Ok(History { events, before: older.map(|event| event.id).collect() });
            }
        }
        page = read.next;
        if page.is_none() {
            events.reverse();
            return Ok(History { events, before: HashSet::new() });
        }
    }
}

/// Whether a stack with that status has just been ordered to do something: not what follows by itself, as a rollback or
/// a cleanup does.
fn begins_operation(status: &Status) -> bool {
    status.phase() == Phase::InProgress
        && !status.is_rollback()
        && !matches!(status, Status::UpdateCompleteCleanupInProgress | Status::ReviewInProgress)
}

/// Gives an order and follows the stack until it has been carried out. How that failed, if it did not end in `goal`.
pub(super) async fn order<C: Cloud>(
    run: &mut Run<'_, C>,
    kind: StackKind,
    stack: &Stack,
    goal: &Status,
    order: impl AsyncFnOnce(&str) -> aws::Result<()>,
) -> Result<Option<Failure>, Error> {
    let token = unique_name();
    let tail = Tail::begin(run, &stack.id, &token).await?;
    order(&token).await?;
    follow_to(run, kind, stack, goal, tail).await
}

/// Follows a stack until its operation has ended. How it failed, if it did not end in `goal`.
pub(super) async fn follow_to<C: Cloud>(
    run: &mut Run<'_, C>,
    kind: StackKind,
    stack: &Stack,
    goal: &Status,
    tail: Tail,
) -> Result<Option<Failure>, Error> {
    let end = follow(run, kind, &stack.name, tail).await?;
    Ok((end.status != *goal).then_some(Failure { status: end.status, cause: end.cause }))
}

/// Follows a stack until its operation has ended.
pub(super) async fn follow<C: Cloud>(
    run: &mut Run<'_, C>,
    kind: StackKind,
    name: &str,
    mut tail: Tail,
) -> Result<End, Error> {
    let pace = run.options.pace;
    let mut patience = Patience::new(name);
    let mut first_failure: Option<StackEvent> = None;
    let mut quiet = 0;
    let mut signs = Signs::new(kind, name);
    loop {
        tokio::time::sleep(pace.poll(quiet)).await;
        signs.check(&pace)?;
        if let Some(sign) = signs.sign(&pace) {
            (run.emit)(sign);
        }
        // The status first: events that are read after it hold all that led to it.
        let (stack, news) = match look(run.cloud, &tail).await {
            Ok(found) => found,
            Err(error) => {
                let lost = |source| Error::Lost { stack: name.to_owned(), source: Box::new(source) };
                patience.after(run, error).await.map_err(lost)?;
                continue;
            }
        };
        patience.calm();
        quiet += 1;
        for event in news {
            if tail.note(&event) {
                quiet = 0;
                signs.note(&event);
                if event.is_stack() && first_failure.is_none() && has_failed(&event.status) {
                    first_failure = Some(event.clone());
                }
                (run.emit)(Event::Resource { kind, event });
            }
        }
        // Nobody but us deletes it in between: gone is what a deleted stack is.
        let status = stack.as_ref().map_or(Status::DeleteComplete, |stack| stack.status.clone());
        match status.phase() {
            Phase::InProgress => {}
            Phase::Unclear if quiet < UNCLEAR => {}
            Phase::Unclear => return Err(Error::Unclear { stack: name.to_owned(), status }),
            // A stale answer shows the end of the operation before; an event, or time, confirms.
            _ if tail.stack.as_ref().is_some_and(|event| event.status == status) || quiet >= SETTLED => {
                return Ok(end(run, status, stack, tail, first_failure).await);
            }
            _ => {}
        }
    }
}

fn has_failed(status: &Status) -> bool {
    status.phase() == Phase::Failed || status.is_rollback()
}

async fn end<C: Cloud>(
    run: &Run<'_, C>,
    status: Status,
    stack: Option<Stack>,
    tail: Tail,
    first_failure: Option<StackEvent>,
) -> End {
    let outputs = stack.map(|stack| stack.outputs).unwrap_or_default();
    let mut cause = match (tail.cause, &first_failure) {
        (None, Some(event)) => Some(validation(run.cloud, event).await.unwrap_or_else(|| cause(event))),
        (found, _) => found,
    };
    if let Some(cause) = &mut cause {
        complete(run.cloud, run.options, cause).await;
    }
    End { status, cause, outputs }
}

/// Adds to a cause what its event does not say: where the stack file says the resource, and what it printed last.
pub(super) async fn complete<C: Cloud>(cloud: &C, options: &Options, cause: &mut Cause) {
    cause.origin = options.origins.get(&cause.logical_id).cloned();
    cause.log = logs::of_cause(cloud, cause).await.map(Box::new);
}

/// The failed validation that a stack's own failure points to, when it does and the call is allowed.
async fn validation<C: Cloud>(cloud: &C, event: &StackEvent) -> Option<Cause> {
    if !event.reason.as_deref().is_some_and(|reason| reason.contains("DescribeEvents")) {
        return None;
    }
    let of = Operation::Stack { stack: &event.stack_id, operation: event.operation.as_deref() };
    let failures = cloud.validation_failures(&of).await.ok()?;
    failures.into_iter().find(|failure| !failure.warns).map(|failure| Cause {
        logical_id: failure.logical_id,
        physical_id: None,
        resource_type: failure.resource_type,
        status: event.status.clone(),
        reason: Some(failure.reason),
        at: failure.at.or(event.at),
        origin: None,
        log: None,
    })
}

async fn look<C: Cloud>(cloud: &C, tail: &Tail) -> aws::Result<(Option<Stack>, Vec<StackEvent>)> {
    let stack = cloud.stack(&tail.stack_id).await?;
    let news = if stack.is_some() { tail.read(cloud).await? } else { Vec::new() };
    Ok((stack, news))
}

/// Failed calls in a row: borne with growing pauses, for long but not for ever.
pub(super) struct Patience {
    stack: String,
    failures: u32,
    since: Option<Instant>,
}

impl Patience {
    pub(super) fn new(stack: &str) -> Patience {
        Patience { stack: stack.to_owned(), failures: 0, since: None }
    }

    pub(super) fn calm(&mut self) {
        (self.failures, self.since) = (0, None);
    }

    /// The pause before the same call, when it may succeed later; else, or after too long, the error.
    pub(super) fn bear(&mut self, pace: &Pace, error: &aws::Error) -> aws::Result<Duration> {
        let since = *self.since.get_or_insert_with(Instant::now);
        if !error.is_transient() || since.elapsed() > pace.give_up {
            return Err(error.clone());
        }
        self.failures += 1;
        Ok(pace.retry(self.failures - 1))
    }

    pub(super) async fn after<C: Cloud>(
        &mut self,
        run: &mut Run<'_, C>,
        error: aws::Error,
    ) -> aws::Result<()> {
        let pause = self.bear(&run.options.pace, &error)?;
        (run.emit)(Event::Retrying { stack: self.stack.clone(), error, pause });
        tokio::time::sleep(pause).await;
        Ok(())
    }
}
