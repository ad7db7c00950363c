//! A stack's progress: every event of one operation once, oldest first, to the end.

use std::collections::HashSet;
use std::time::Instant;

use crate::aws::{self, Cloud, Operation, Phase, Stack, StackEvent, Status};

use super::change_set::End;
use super::{Cause, Error, Event, Failure, PreparedChange, Run};

/// Polls that a final status must last when no event confirms it.
const SETTLED: u32 = 6;
/// Polls that a status which says nothing may last.
const UNCLEAR: u32 = 60;

/// The end of a stack's list of events, from a mark on.
pub(super) struct Tail {
    stack_id: String,
    token: String,
    seen: HashSet<String>,
    cause: Option<Cause>,
    /// The stack's own last event of this operation.
    stack: Option<StackEvent>,
}

impl Tail {
    /// Marks where the list ends now, before the operation begins.
    pub(super) async fn begin<C: Cloud>(
        run: &mut Run<'_, C>,
        change: &PreparedChange,
    ) -> Result<Tail, Error> {
        let mut patience = Patience::new(&change.stack);
        let page = loop {
            match run.cloud.stack_events(&change.stack_id, None).await {
                Ok(page) => break page,
                // Nothing is under way yet that could be lost sight of.
                Err(error) => patience.after(run, error).await.map_err(Error::Aws)?,
            }
        };
        Ok(Tail {
            stack_id: change.stack_id.clone(),
            token: change.change_set.clone(),
            seen: page.events.into_iter().map(|event| event.id).collect(),
            cause: None,
            stack: None,
        })
    }

    /// What is new, oldest first. Reads pages until one holds a known event; notes nothing before all
    /// of them are read, so that a page that fails loses none.
    async fn read<C: Cloud>(&self, cloud: &C) -> aws::Result<Vec<StackEvent>> {
        let mut news = Vec::new();
        let mut page = None;
        loop {
            let read = cloud.stack_events(&self.stack_id, page.as_deref()).await?;
            let known = read.events.iter().any(|event| self.seen.contains(&event.id));
            news.extend(read.events.into_iter().filter(|event| self.is_news(event)));
            page = read.next;
            if known || page.is_none() {
                news.reverse();
                return Ok(news);
            }
        }
    }

    /// Whether an event belongs to this operation and is new. Events of AWS carry the token of their
    /// operation; one without is judged by its place after the mark.
    fn is_news(&self, event: &StackEvent) -> bool {
        !self.seen.contains(&event.id) && event.token.as_ref().is_none_or(|token| *token == self.token)
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
            self.stack = Some(event.clone());
        } else if self.cause.is_none() && event.status.as_str().ends_with("_FAILED") && !is_cancelled(event) {
            self.cause = Some(cause(event));
        }
        true
    }
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
        resource_type: event.resource_type.clone(),
        status: event.status.clone(),
        reason: event.reason.clone(),
        at: event.at,
    }
}

/// Follows a stack until its operation has ended.
pub(super) async fn follow<C: Cloud>(
    run: &mut Run<'_, C>,
    change: &PreparedChange,
    mut tail: Tail,
) -> Result<End, Error> {
    let pace = run.options.pace;
    let mut patience = Patience::new(&change.stack);
    let mut first_failure: Option<StackEvent> = None;
    let mut quiet = 0;
    loop {
        tokio::time::sleep(pace.poll(quiet)).await;
        // The status first: events that are read after it hold all that led to it.
        let (stack, news) = match look(run.cloud, &tail).await {
            Ok(found) => found,
            Err(error) => {
                let lost = |source| Error::Lost { stack: change.stack.clone(), source: Box::new(source) };
                patience.after(run, error).await.map_err(lost)?;
                continue;
            }
        };
        patience.calm();
        quiet += 1;
        for event in news {
            if tail.note(&event) {
                quiet = 0;
                if event.is_stack() && first_failure.is_none() && has_failed(&event.status) {
                    first_failure = Some(event.clone());
                }
                (run.emit)(Event::Resource { kind: change.kind, event });
            }
        }
        // Nobody but us deletes it in between: gone is what a deleted stack is.
        let status = stack.as_ref().map_or(Status::DeleteComplete, |stack| stack.status.clone());
        match status.phase() {
            Phase::InProgress => {}
            Phase::Unclear if quiet < UNCLEAR => {}
            Phase::Unclear => return Err(Error::Unclear { stack: change.stack.clone(), status }),
            // A stale answer shows the end of the operation before; an event, or time, confirms.
            _ if tail.stack.as_ref().is_some_and(|event| event.status == status) || quiet >= SETTLED => {
                return Ok(end(run.cloud, status, stack, tail, first_failure).await);
            }
            _ => {}
        }
    }
}

fn has_failed(status: &Status) -> bool {
    status.phase() == Phase::Failed || status.is_rollback()
}

async fn end<C: Cloud>(
    cloud: &C,
    status: Status,
    stack: Option<Stack>,
    tail: Tail,
    first_failure: Option<StackEvent>,
) -> End {
    let outputs = stack.map(|stack| stack.outputs).unwrap_or_default();
    let failed = status.phase() == Phase::Failed || status == Status::DeleteComplete;
    let cause = match (tail.cause, &first_failure) {
        (None, Some(event)) => Some(validation(cloud, event).await.unwrap_or_else(|| cause(event))),
        (found, _) => found,
    };
    End { failure: failed.then_some(Failure { status, cause }), outputs }
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
        resource_type: failure.resource_type,
        status: event.status.clone(),
        reason: Some(failure.reason),
        at: failure.at.or(event.at),
    })
}

async fn look<C: Cloud>(cloud: &C, tail: &Tail) -> aws::Result<(Option<Stack>, Vec<StackEvent>)> {
    let stack = cloud.stack(&tail.stack_id).await?;
    let news = if stack.is_some() { tail.read(cloud).await? } else { Vec::new() };
    Ok((stack, news))
}

/// Failed calls in a row: borne with growing pauses, for long but not for ever.
struct Patience {
    stack: String,
    failures: u32,
    since: Option<Instant>,
}

impl Patience {
    fn new(stack: &str) -> Patience {
        Patience { stack: stack.to_owned(), failures: 0, since: None }
    }

    fn calm(&mut self) {
        (self.failures, self.since) = (0, None);
    }

    /// Pauses when the same call may succeed later; else, or after too long, gives the error back.
    async fn after<C: Cloud>(&mut self, run: &mut Run<'_, C>, error: aws::Error) -> aws::Result<()> {
        let since = *self.since.get_or_insert_with(Instant::now);
        if !error.is_transient() || since.elapsed() > run.options.pace.give_up {
            return Err(error);
        }
        let pause = run.options.pace.retry(self.failures);
        self.failures += 1;
        (run.emit)(Event::Retrying { stack: self.stack.clone(), error, pause });
        tokio::time::sleep(pause).await;
        Ok(())
    }
}
