//! Why a deployment stops without an outcome.

use std::time::Duration;

use crate::aws::{self, Status};
use crate::plan;

use super::{BOOTSTRAP_STACK, Moved, change_set};
use crate::rules::stack_states;

/// Why a deployment could not be carried out. A stack that failed is no error but an [`Outcome`](super::Outcome).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A call failed.
    #[error(transparent)]
    Aws(#[from] aws::Error),
    /// The assembly and the deployed world do not fit.
    #[error(transparent)]
    Plan(#[from] plan::Error),
    /// A file could not be uploaded.
    #[error("`{file}` could not be uploaded to `s3://{bucket}/{key}`: {source}")]
    Upload {
        /// The file in the assembly.
        file: String,
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// What failed.
        source: Box<aws::Error>,
    },
    /// What is in the bucket is not what was sent.
    #[error("`s3://{bucket}/{key}` does not hold the content of `{file}`")]
    Checksum {
        /// The file in the assembly.
        file: String,
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// The stack is in a state in which it takes no change set.
    #[error("stack `{stack}` is in `{status}`{}: {}", .reason.as_ref().map(|r| format!(" ({r})")).unwrap_or_default(), stack_states::of(.status.as_str()).meaning)]
    Blocked {
        /// The stack's name.
        stack: String,
        /// Its status.
        status: Status,
        /// What CloudFormation adds.
        reason: Option<String>,
    },
    /// Somebody else's operation on the stack has not ended.
    #[error("stack `{stack}` is in `{status}`: somebody is at work on it{}", by_whom(.by.as_deref()))]
    Busy {
        /// The stack's name.
        stack: String,
        /// Its status.
        status: Status,
        /// The token of the operation, which says something of who began it.
        by: Option<String>,
    },
    /// A resource was named that is in nobody's way.
    #[error("the rollback of `{stack}` does not wait for `{resource}`: {}", waits_for(.in_the_way))]
    NotInTheWay {
        /// The stack's name.
        stack: String,
        /// What was named.
        resource: String,
        /// What does stand in the way.
        in_the_way: Vec<String>,
    },
    /// CloudFormation refused the change.
    #[error("CloudFormation refuses the change of `{stack}`: {reason}{}", change_set::listed(.failures))]
    ChangeSet {
        /// The stack's name.
        stack: String,
        /// Why.
        reason: String,
        /// What failed validation, where the reason is that something did.
        failures: Vec<aws::ValidationFailure>,
    },
    /// The change set took too long; it was removed.
    #[error("the change set of `{stack}` was not ready after {waited:?} (`{status}`)")]
    ChangeSetTimeout {
        /// The stack's name.
        stack: String,
        /// The change set's last status.
        status: String,
        /// How long.
        waited: Duration,
    },
    /// CloudFormation compares the stack with its template, and does not come to an end.
    #[error("CloudFormation has not found out after {waited:?} whether `{stack}` has drifted")]
    DriftTimeout {
        /// The stack's name.
        stack: String,
        /// How long.
        waited: Duration,
    },
    /// The stack's progress could not be followed any longer. The stack goes on without us.
    #[error("lost sight of `{stack}`, which goes on in AWS by itself: {source}")]
    Lost {
        /// The stack's name.
        stack: String,
        /// What failed, again and again.
        source: Box<aws::Error>,
    },
    /// Somebody wanted to wait no longer than this. The stack goes on without us.
    #[error(
        "stopped waiting for `{stack}` after {waited:.0?}; it has not failed, and goes on in AWS by itself"
    )]
    Timeout {
        /// The stack's name.
        stack: String,
        /// How long.
        waited: Duration,
    },
    /// The stack has had a status for long that this version cannot judge.
    #[error("stack `{stack}` stays in `{status}`, which this version of smstack doesn't know")]
    Unclear {
        /// The stack's name.
        stack: String,
        /// Its status.
        status: Status,
    },
    /// An update would have to go in two steps, and cannot.
    #[error("the update of `{stack}` needs what scales its endpoint to go first: {source}")]
    Entangled {
        /// The stack's name.
        stack: String,
        /// Why it cannot.
        source: crate::diff::Entangled,
    },
    /// What was prepared is not what would run now.
    #[error("{}", what_moved(.done, .moved))]
    Moved {
        /// Stacks of the plan that were changed as planned, before that was seen.
        done: Vec<String>,
        /// What has moved since.
        moved: Vec<Moved>,
    },
    /// The bootstrap stack is not ours.
    #[error(
        "stack `{BOOTSTRAP_STACK}` has no output `ArtifactBucket` that says `{bucket}`: it was not made by smstack"
    )]
    Bootstrap {
        /// The bucket that it should have.
        bucket: String,
    },
}

/// Who began an operation, as far as its token says: the console and smstack give tokens of a form of their own.
fn by_whom(token: Option<&str>) -> String {
    match token {
        Some(token) if token.starts_with("Console-") => format!(" in the console (`{token}`)"),
        Some(token) => format!(" (`{token}`)"),
        None => String::new(),
    }
}

fn what_moved(done: &[String], moved: &[Moved]) -> String {
    let so_far = match done {
        [] => "nothing was executed".to_owned(),
        names => format!("executed so far: `{}`", names.join("`, `")),
    };
    let list = moved.iter().fold(String::new(), |text, it| format!("{text}\n  - {it}"));
    format!("the plan is not what would run now; {so_far}:{list}")
}

fn waits_for(resources: &[String]) -> String {
    match resources {
        [] => "no resource stands in its way".to_owned(),
        names => format!("what stands in its way is `{}`", names.join("`, `")),
    }
}

impl Error {
    /// What the user can do about it, where that isn't plain from the message.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Error::Aws(error) => error.help(),
            Error::Plan(error) => error.help(),
            Error::Upload { source, .. } => source.help(),
            Error::Checksum { .. } => Some("delete the object and deploy again"),
            Error::Lost { source, .. } if source.kind == aws::ErrorKind::ExpiredCredentials => Some(
                "sign in again (`aws sso login`, or new keys), then attach with `smstack events --follow`, or run the same \
                 command again: it takes up where it was",
            ),
            Error::Lost { source, .. } => source.help().or(Some(
                "when AWS answers again, attach with `smstack events --follow`, or run the same command again",
            )),
            Error::Timeout { .. } => Some(
                "attach with `smstack events --follow`, or run the same command again, which takes up where it was; \
                 `--timeout` sets how long to wait",
            ),
            Error::Blocked { status, .. } | Error::Busy { status, .. } => {
                Some(stack_states::of(status.as_str()).way_out)
            }
            Error::Entangled { .. } => Some(
                "take the scaling out of the stack file, deploy, put it back with the change, and deploy again",
            ),
            Error::DriftTimeout { .. } => Some("ask again later; nothing was changed"),
            Error::Moved { .. } => {
                Some("prepare and review again: `smstack deploy STACK --env ENV --prepare`")
            }
            Error::ChangeSetTimeout { .. } => Some("deploy again; CloudFormation may be slow today"),
            _ => None,
        }
    }
}
