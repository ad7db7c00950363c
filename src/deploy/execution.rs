//! An execution of a pipeline: started once, however often it is ordered, and followed to its end.

use std::collections::HashMap;

use crate::aws::{self, Cloud, Execution, Step};

use super::Options;
use super::events::Patience;
use super::pace::unique_name;

/// What happens in an execution, as it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A step began, went on, or ended.
    Step(Step),
    /// A call failed in passing; it will be made again.
    Retrying(aws::Error),
}

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
/// When a call fails for good, or calls have failed for too long. The execution goes on by itself.
pub async fn follow_execution<C: Cloud>(
    cloud: &C,
    arn: &str,
    options: &Options,
    emit: &mut dyn FnMut(Happening),
) -> aws::Result<Execution> {
    let mut shown: HashMap<String, Step> = HashMap::new();
    let mut patience = Patience::new(arn);
    let mut quiet = 0;
    loop {
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
            if shown.get(&step.name) != Some(&step) {
                quiet = 0;
                shown.insert(step.name.clone(), step.clone());
                emit(Happening::Step(step));
            }
        }
        if execution.has_ended() {
            return Ok(execution);
        }
        tokio::time::sleep(options.pace.poll(quiet)).await;
    }
}

/// The execution first: steps that are read after it hold all that led to its end.
async fn look<C: Cloud>(cloud: &C, arn: &str) -> aws::Result<(Execution, Vec<Step>)> {
    let execution = cloud.execution(arn).await?;
    Ok((execution, cloud.execution_steps(arn).await?))
}
