//! An execution of a pipeline: started once, however often it is ordered, and followed to its end.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::aws::{self, Cloud, Execution, Step};

use super::events::Patience;
use super::pace::unique_name;
use super::{Error, Options};

/// What happens in an execution, as it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A step began, went on, or ended.
    Step(Step),
    /// Nothing has happened for a while; it goes on.
    Waiting {
        /// For how long it has been followed.
        elapsed: Duration,
        /// The steps that are at work, and for how long they were seen to be.
        at_work: Vec<(String, Duration)>,
    },
    /// A call failed in passing; it will be made again.
    Retrying(aws::Error),
}

/// What a step is that has not ended. Source: `StepStatus` of `PipelineExecutionStep` in the SageMaker API model.
const AT_WORK: [&str; 3] = ["Starting", "Executing", "Stopping"];

/// A token that nobody else has, for an order of an execution.
pub fn execution_token() -> String {
    unique_name()
}

/// Whether a token is one that SageMaker takes: 32 to 128 characters. Source: `ClientRequestToken` of
/// `StartPipelineExecution` in the SageMaker API model.
pub fn is_execution_token(token: &str) -> bool {
    (32..=128).contains(&token.chars().count())
}

/// Hands on what each step does until the execution has ended.
///
/// # Errors
/// When a call fails for good, calls have failed for too long, or it takes longer than somebody wants to wait. The
/// execution goes on by itself.
pub async fn follow_execution<C: Cloud>(
    cloud: &C,
    arn: &str,
    options: &Options,
    emit: &mut dyn FnMut(Happening),
) -> Result<Execution, Error> {
    let mut shown: HashMap<String, (Step, Instant)> = HashMap::new();
    let begun = Instant::now();
    let mut told = begun;
    let mut patience = Patience::new(arn);
    let mut quiet = 0;
    loop {
        let waited = begun.elapsed();
        if waited >= options.pace.wait {
            return Err(Error::Timeout { stack: arn.to_owned(), waited });
        }
        let (execution, steps) = match look(cloud, arn).await {
            Ok(found) => found,
            Err(error) => {
                let pause = patience.bear(&options.pace, &error)?;
                emit(Happening::Retrying(error));
                tokio::time::sleep(pause).await;
                continue;
            }
        };
        patience.calm();
        quiet += 1;
        for step in steps {
            if shown.get(&step.name).is_none_or(|(known, _)| *known != step) {
                (quiet, told) = (0, Instant::now());
                shown.insert(step.name.clone(), (step.clone(), told));
                emit(Happening::Step(step));
            }
        }
        if execution.has_ended() {
            return Ok(execution);
        }
        if told.elapsed() >= options.pace.silence {
            told = Instant::now();
            let steps = shown.values().filter(|(step, _)| AT_WORK.contains(&step.status.as_str()));
            let mut at_work: Vec<_> =
                steps.map(|(step, since)| (step.name.clone(), since.elapsed())).collect();
            at_work.sort();
            emit(Happening::Waiting { elapsed: begun.elapsed(), at_work });
        }
        tokio::time::sleep(options.pace.poll(quiet)).await;
    }
}

/// The execution first: steps that are read after it hold all that led to its end.
async fn look<C: Cloud>(cloud: &C, arn: &str) -> aws::Result<(Execution, Vec<Step>)> {
    let execution = cloud.execution(arn).await?;
    Ok((execution, cloud.execution_steps(arn).await?))
}
