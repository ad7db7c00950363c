//! A plan becomes events and an outcome: bootstrap, uploads, then stack by stack a change set, consent,
//! execution.
//!
//! [`deploy`] prints nothing and asks nobody: it hands [`Event`]s to one callback and each
//! [`PreparedChange`] to another, which says whether to go on.
//!
//! **Stopping.** Dropping the future (Ctrl-C) is safe at any moment: nothing is written on this machine.
//! In AWS goes on whatever was begun: an upload that was cut off leaves nothing (S3 stores an object
//! whole or not at all); a change set that was not executed stays, changes nothing, and does not
//! hinder the next run, which makes its own; an execution runs to its end, or rolls back, by itself, and
//! the next run of smstack follows it to that end before it goes on. Only an abandoned *first* change set leaves
//! a trace: an empty stack in `REVIEW_IN_PROGRESS`, which the next run uses.
//!
//! **Never** does [`deploy`] delete a stack that holds or ever held something. Its one deletion is of an empty
//! `REVIEW_IN_PROGRESS` stack that this very run made and found no use for. [`recover`] and [`destroy`] delete what was
//! proposed and consented to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::aws::{self, ChangeSetType, Cloud, ResourceChange, Status};
use crate::plan::{Facts, Plan, Readiness, StackPlan, ToSet, Waiting};
use crate::synth::TemplateKind;

mod adopt;
mod bootstrap;
mod change_set;
mod compare;
mod consent;
mod destroy;
mod drift;
mod error;
mod events;
mod execution;
mod logs;
mod models;
mod moved;
mod pace;
mod phases;
mod planned;
mod preflight;
mod prepare;
mod recover;
mod settings;
mod several;
mod signs;
mod status;
mod unchanged;
mod upload;
mod watch;

pub use bootstrap::BOOTSTRAP_STACK;
pub use compare::{Deployed, Preview, Standing, preview, remove, standing};
pub use destroy::{Doom, destroy, doom};
pub use drift::{Drift, drift};
pub use error::Error;
pub use events::{History, latest};
pub use execution::{Happening, execution_token, follow_execution, is_execution_token};
pub use logs::{Log, log_of};
pub use models::{Measured, measured, metrics};
pub use moved::Moved;
pub use pace::{Pace, now};
pub use phases::{Capacity, Step, TwoSteps};
pub use planned::{Dropped, Fate, against_stack_file, discard, execute};
pub use preflight::{Answer, Looked, preflight};
pub use prepare::{Ready, prepare};
pub use recover::{InTheWay, Proposal, Remedy, propose, recover};
pub use several::{Turn, in_turn};
pub use signs::UnderWay;
pub use status::{Models, Overview, Seen, of_type, overview};
pub use watch::{cancel, watch};

use change_set::Order;
use consent::{carry_out, consented, deploy_stack, settle};
use unchanged::Found;

/// Which of the product's stacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StackKind {
    /// The artifact bucket, once per account and region.
    Bootstrap,
    /// One of the assembly's.
    Template(TemplateKind),
}

impl StackKind {
    /// The kind for its text; none for anything else.
    pub fn parse(text: &str) -> Option<StackKind> {
        let all = [
            StackKind::Bootstrap,
            StackKind::Template(TemplateKind::Platform),
            StackKind::Template(TemplateKind::Serving),
        ];
        all.into_iter().find(|kind| kind.as_str() == text)
    }

    /// As it stands in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            StackKind::Bootstrap => "bootstrap",
            StackKind::Template(kind) => kind.as_str(),
        }
    }
}

/// What a change set would do, for whoever consents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedChange {
    /// Which stack.
    pub kind: StackKind,
    /// The stack's name.
    pub stack: String,
    /// The stack's ARN.
    pub stack_id: String,
    /// The change set's name; empty when only settings change.
    pub change_set: String,
    /// The change set's ARN; empty when only settings change.
    pub change_set_id: String,
    /// Whether the stack is made or changed.
    pub change_set_type: ChangeSetType,
    /// All its changes. Empty when only outputs, tags or the stack's own settings change.
    pub changes: Vec<ResourceChange>,
    /// When it takes two steps.
    pub steps: Option<Box<TwoSteps>>,
    /// What is set of the stack beside its change.
    pub settings: ToSet,
}

/// What happens, as it happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Where the deployment goes.
    Target {
        /// The account.
        account: String,
        /// Whose credentials.
        arn: String,
        /// The region.
        region: String,
    },
    /// Uploads begin.
    Uploads {
        /// How many files.
        files: usize,
        /// Their bytes together.
        bytes: u64,
    },
    /// A file is in the artifact bucket.
    Uploaded {
        /// The file in the assembly.
        file: String,
        /// Its key.
        key: String,
        /// Its size.
        bytes: u64,
        /// It was there already.
        skipped: bool,
    },
    /// A change set is being made.
    Preparing {
        /// Which stack.
        kind: StackKind,
        /// The stack's name.
        stack: String,
        /// The change set's name.
        change_set: String,
        /// Whether the stack is made or changed.
        change_set_type: ChangeSetType,
    },
    /// Something that smstack began earlier has not ended yet, and is followed.
    Attached {
        /// Which stack.
        kind: StackKind,
        /// The stack's name.
        stack: String,
        /// Its status.
        status: Status,
    },
    /// A change set is ready; consent is asked for next.
    Prepared(PreparedChange),
    /// A change set is being executed.
    Executing {
        /// Which stack.
        kind: StackKind,
        /// The stack's name.
        stack: String,
        /// The stack's ARN.
        stack_id: String,
    },
    /// An update that takes two steps goes on.
    Step {
        /// Which stack.
        kind: StackKind,
        /// The stack's name.
        stack: String,
        /// How.
        step: Step,
    },
    /// Something happened to a resource, or to the stack itself.
    Resource {
        /// Which stack.
        kind: StackKind,
        /// What happened.
        event: aws::StackEvent,
    },
    /// Nothing has happened for a while; it goes on.
    Waiting {
        /// Which stack.
        kind: StackKind,
        /// The stack's name.
        stack: String,
        /// For how long the stack has been followed.
        elapsed: Duration,
        /// What is under way, as far as it was told.
        under_way: Vec<UnderWay>,
    },
    /// A call failed in passing; it will be made again.
    Retrying {
        /// The stack's name.
        stack: String,
        /// What failed.
        error: aws::Error,
        /// The pause before the next attempt.
        pause: Duration,
    },
    /// Something that this run made could not be removed again; it does no harm.
    LeftBehind {
        /// The stack's name.
        stack: String,
        /// What is left: a change set, an empty stack.
        what: String,
        /// Why.
        error: aws::Error,
    },
    /// A change set is ready, and CloudFormation says what it does not tell.
    Warned {
        /// The stack's name.
        stack: String,
        /// CloudFormation's words.
        text: String,
    },
    /// What an earlier stack has kept could not be taken in.
    NotTakenIn {
        /// The stack's name.
        stack: String,
        /// CloudFormation's words.
        reason: String,
    },
    /// A stack is finished with.
    Finished(StackOutcome),
}

/// What became of the whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// In the order of deployment; stacks behind a failed or declined one are absent.
    pub stacks: Vec<StackOutcome>,
    /// Files uploaded.
    pub uploaded: usize,
    /// Files that were there already.
    pub skipped: usize,
}

/// What became of one stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackOutcome {
    /// Which stack.
    pub kind: StackKind,
    /// Its name.
    pub stack: String,
    /// What became of it.
    pub result: StackResult,
    /// Its outputs, when it is deployed.
    pub outputs: BTreeMap<String, String>,
}

/// How a stack ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StackResult {
    /// It exists now.
    Created,
    /// It is changed.
    Updated,
    /// What an earlier stack has kept is in it again; the change itself is still to come.
    Imported,
    /// There was nothing to do.
    Unchanged,
    /// It is not deployed yet, and that is as it should be.
    Waiting(Waiting),
    /// Consent was not given; nothing has changed.
    Declined,
    /// It failed, or was rolled back.
    Failed(Failure),
}

/// Why a stack failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The stack's last status.
    pub status: Status,
    /// What failed first; what failed after it was cancelled because of it.
    pub cause: Option<Cause>,
}

/// The first failure of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The name in the template; the stack's name when no resource failed.
    pub logical_id: String,
    /// The name in the service, as far as it has one.
    pub physical_id: Option<String>,
    /// `AWS::S3::Bucket` and the like.
    pub resource_type: String,
    /// The status.
    pub status: Status,
    /// Why, in the service's words.
    pub reason: Option<String>,
    /// When.
    pub at: Option<Timestamp>,
    /// Where the stack file says the resource: `stacks/churn.yaml:41:3`; none where that is not known.
    pub origin: Option<String>,
    /// What it printed last; none where it printed nothing.
    pub log: Option<Box<Log>>,
}

/// The whole in one word; what the exit code is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Done, nothing to do, or waiting as it should.
    Done,
    /// Consent was needed and not given.
    NeedsConsent,
    /// A stack failed or was rolled back.
    Failed,
}

impl Outcome {
    /// The whole in one word.
    pub fn verdict(&self) -> Verdict {
        let any = |is: fn(&StackResult) -> bool| self.stacks.iter().any(|stack| is(&stack.result));
        if any(|result| matches!(result, StackResult::Failed(_))) {
            Verdict::Failed
        } else if any(|result| *result == StackResult::Declined) {
            Verdict::NeedsConsent
        } else {
            Verdict::Done
        }
    }
}

/// How to deploy.
#[derive(Debug, Clone)]
pub struct Options {
    /// Uploads at a time.
    pub parallel: usize,
    /// How often to ask, and for how long.
    pub pace: Pace,
    /// Where the stack file says each resource, by logical id; empty where nobody has the file.
    pub origins: Arc<BTreeMap<String, String>>,
}

impl Default for Options {
    fn default() -> Options {
        Options { parallel: 8, pace: Pace::default(), origins: Arc::default() }
    }
}

/// What every step needs.
struct Run<'a, C> {
    cloud: &'a C,
    options: &'a Options,
    emit: &'a mut dyn FnMut(Event),
    consent: &'a mut dyn FnMut(&PreparedChange) -> bool,
}

/// Carries out a plan. `consent` sees each change set after the [`Event::Prepared`] that shows it,
/// before it is executed; where it says no, the change set is removed and the deployment ends.
///
/// # Errors
/// When a call fails for good, or a stack is in no state to be deployed. A stack that fails or rolls back is
/// in the [`Outcome`].
pub async fn deploy<C: Cloud>(
    cloud: &C,
    plan: &Plan,
    options: &Options,
    emit: &mut dyn FnMut(Event),
    consent: &mut dyn FnMut(&PreparedChange) -> bool,
) -> Result<Outcome, Error> {
    let mut run = Run { cloud, options, emit, consent };
    let mut outcome = Outcome::default();
    let target = &plan.target;
    (run.emit)(Event::Target {
        account: target.identity.account.clone(),
        arn: target.identity.arn.clone(),
        region: target.region.clone(),
    });

    let bootstrap = bootstrap::bootstrap(&mut run, plan).await?;
    if !finish(&mut run, &mut outcome, bootstrap) {
        return Ok(outcome);
    }

    let mut facts = Facts::default();
    for stack in &plan.stacks {
        let done = assembly_stack(&mut run, plan, stack, &mut facts, &mut outcome).await?;
        if deployed(&done.result) {
            facts.outputs.insert(stack.entry.kind, done.outputs.clone());
        }
        if !finish(&mut run, &mut outcome, done) {
            break;
        }
    }
    Ok(outcome)
}

/// Makes the stack that all deployments to an account and region share, or brings it up to date, before several of them
/// begin side by side. How that failed, if it did.
///
/// # Errors
/// When a call fails for good, or the stack is in no state to be deployed.
pub async fn share<C: Cloud>(
    cloud: &C,
    plan: &Plan,
    options: &Options,
    emit: &mut dyn FnMut(Event),
) -> Result<Option<Failure>, Error> {
    let mut run = Run { cloud, options, emit, consent: &mut |_| true };
    let outcome = bootstrap::bootstrap(&mut run, plan).await?;
    if outcome.result != StackResult::Unchanged {
        (run.emit)(Event::Finished(outcome.clone()));
    }
    Ok(match outcome.result {
        StackResult::Failed(failure) => Some(failure),
        _ => None,
    })
}

/// Notes what became of a stack; whether the next one may follow.
fn finish<C>(run: &mut Run<'_, C>, outcome: &mut Outcome, stack: StackOutcome) -> bool {
    let goes_on = !matches!(stack.result, StackResult::Failed(_) | StackResult::Declined);
    (run.emit)(Event::Finished(stack.clone()));
    outcome.stacks.push(stack);
    goes_on
}

fn deployed(result: &StackResult) -> bool {
    matches!(
        result,
        StackResult::Created | StackResult::Updated | StackResult::Imported | StackResult::Unchanged
    )
}

async fn assembly_stack<C: Cloud>(
    run: &mut Run<'_, C>,
    plan: &Plan,
    stack: &StackPlan,
    facts: &mut Facts,
    outcome: &mut Outcome,
) -> Result<StackOutcome, Error> {
    let entry = &stack.entry;
    let kind = StackKind::Template(entry.kind);
    learn(run, plan, stack, facts).await?;
    let parameters = match plan.resolve(entry, facts)? {
        Readiness::Ready(parameters) => parameters,
        Readiness::Waiting(waiting) => {
            let result = StackResult::Waiting(waiting);
            return Ok(StackOutcome {
                kind,
                stack: entry.stack_name.clone(),
                result,
                outputs: BTreeMap::new(),
            });
        }
    };
    let mut order = Order::of(plan, stack, parameters, facts)?;
    let existing = match unchanged::found(run.cloud, &order).await? {
        Found::AsOrdered(there) => {
            settings::tell_rollback(run, plan, stack, &there).await?;
            return settle(run, &order, there).await;
        }
        Found::Otherwise(existing) => existing,
    };
    order.rollback = settings::rollback(run.cloud, plan, stack).await?;
    let first = outcome.uploaded + outcome.skipped == 0;
    let (uploaded, skipped) = upload::upload(run, plan, &plan.uploads_for(entry, first)).await?;
    outcome.uploaded += uploaded;
    outcome.skipped += skipped;
    if let Some((_, open)) = adopt::proposed(run, plan, &order, existing).await? {
        let done = consented(run, open).await?;
        if !matches!(done.result, StackResult::Imported) {
            return Ok(done);
        }
    }
    deploy_stack(run, plan, order).await
}

/// Looks up what a stack's parameters come from, unless it is known.
async fn learn<C: Cloud>(
    run: &mut Run<'_, C>,
    plan: &Plan,
    stack: &StackPlan,
    facts: &mut Facts,
) -> Result<(), Error> {
    for kind in Plan::sources(&stack.entry) {
        let Some(name) = plan.stack_name(kind).filter(|_| !facts.outputs.contains_key(&kind)) else {
            continue;
        };
        if let Some(found) =
            run.cloud.stack(name).await?.filter(|stack| stack.status != Status::ReviewInProgress)
        {
            facts.outputs.insert(kind, found.outputs);
        }
    }
    for group in Plan::groups(&stack.entry) {
        if !facts.approved.contains_key(group) {
            let model = match run.cloud.approved_model(group).await? {
                Some(arn) => Some(run.cloud.model_package(&arn).await?),
                None => None,
            };
            facts.approved.insert(group.to_owned(), model);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
