//! Signs of life while a stack is followed: what is under way, and for how long.
//!
//! Times are this machine's, from when an event was read: AWS's clock, or a wrong one here, changes nothing.

use std::time::{Duration, Instant};

use crate::aws::{Phase, StackEvent, Status};

use super::pace::Pace;
use super::{Error, Event, StackKind};

/// A resource that something is being done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderWay {
    /// The name in the template.
    pub logical_id: String,
    /// `AWS::S3::Bucket` and the like.
    pub resource_type: String,
    /// What is being done.
    pub status: Status,
    /// For how long.
    pub elapsed: Duration,
}

/// How long somebody has waited, and since when nothing has happened.
pub(super) struct Signs {
    kind: StackKind,
    stack: String,
    begun: Instant,
    told: Instant,
    under_way: Vec<(StackEvent, Instant)>,
}

impl Signs {
    pub(super) fn new(kind: StackKind, stack: &str) -> Signs {
        let now = Instant::now();
        Signs { kind, stack: stack.to_owned(), begun: now, told: now, under_way: Vec::new() }
    }

    /// Notes what happens to a resource. It is told by itself, so that the silence is over.
    pub(super) fn note(&mut self, event: &StackEvent) {
        self.told = Instant::now();
        if event.is_stack() {
            return;
        }
        let known = self.under_way.iter().position(|(known, _)| known.logical_id == event.logical_id);
        let began =
            known.map(|at| self.under_way.remove(at)).filter(|(known, _)| known.status == event.status);
        if event.status.phase() == Phase::InProgress {
            // CloudFormation says twice that it has begun: before the service was asked, and when it has answered.
            let since = began.map_or_else(Instant::now, |(_, since)| since);
            self.under_way.push((event.clone(), since));
        }
    }

    /// A sign of life, when nothing has happened for long.
    pub(super) fn sign(&mut self, pace: &Pace) -> Option<Event> {
        if self.told.elapsed() < pace.silence {
            return None;
        }
        self.told = Instant::now();
        let under_way = self.under_way.iter().map(|(event, since)| UnderWay {
            logical_id: event.logical_id.clone(),
            resource_type: event.resource_type.clone(),
            status: event.status.clone(),
            elapsed: since.elapsed(),
        });
        Some(Event::Waiting {
            kind: self.kind,
            stack: self.stack.clone(),
            elapsed: self.begun.elapsed(),
            under_way: under_way.collect(),
        })
    }

    /// Whether it has taken longer than somebody wants to wait.
    pub(super) fn check(&self, pace: &Pace) -> Result<(), Error> {
        let waited = self.begun.elapsed();
        if waited < pace.wait { Ok(()) } else { Err(Error::Timeout { stack: self.stack.clone(), waited }) }
    }
}
