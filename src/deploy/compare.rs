//! What is deployed of an assembly, and what CloudFormation says that an update would do. Nothing is executed.

use std::collections::BTreeMap;

use crate::aws::{Cloud, ResourceChange, Rollback, Status, TemplateSource};
use crate::plan::{self, Facts, Plan, Readiness, StackPlan, ToSet, Waiting};
use crate::synth::{ParameterSource, TemplateKind};

use super::change_set::{self, Order, Prepared};
use super::{Error, Event, Options, Run, learn, settings, upload};

/// One stack of an assembly as it stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Which of the assembly's.
    pub kind: TemplateKind,
    /// The stack's name.
    pub stack: String,
    /// What is deployed; none when there is no such stack, or it has never held anything.
    pub deployed: Option<Deployed>,
    /// What a deployment would give as parameters. Those that another stack's outputs give, and may change with
    /// it, are absent.
    pub values: BTreeMap<String, String>,
    /// What a deployment of the stack would wait for.
    pub waiting: Option<Waiting>,
    /// What a deployment would set of the stack beside its template.
    pub settings: ToSet,
    /// What rolls it back now, where the stack file says otherwise.
    pub rollback: Option<Rollback>,
    /// The role that CloudFormation takes on for it now.
    pub role_arn: Option<String>,
}

/// A deployed stack's own word.
#[derive(Debug, Clone)]
pub struct Deployed {
    /// The template, as it was given.
    pub template: String,
    /// Values of the parameters, but for those that CloudFormation masks and those that outputs give.
    pub values: BTreeMap<String, String>,
}

/// What a change set would do to a stack.
#[derive(Debug, Clone)]
pub enum Preview {
    /// These changes; none when CloudFormation sees nothing to do.
    Changes(Vec<ResourceChange>),
    /// There is none, and why.
    None(String),
}

/// How CloudFormation shows the value of a `NoEcho` parameter.
const MASK: &str = "****";

/// How the stacks of a plan stand. Only reads.
///
/// # Errors
/// When a call fails for good.
pub async fn standing<C: Cloud>(
    cloud: &C,
    plan: &Plan,
    options: &Options,
    emit: &mut dyn FnMut(Event),
) -> Result<(Vec<Standing>, Facts), Error> {
    let mut consent = |_: &_| false;
    let mut run = Run { cloud, options, emit, consent: &mut consent };
    let mut facts = Facts::default();
    let mut found = Vec::new();
    for stack in &plan.stacks {
        learn(&mut run, plan, stack, &mut facts).await?;
        let entry = &stack.entry;
        // What only says where the definition comes from changes nothing by itself.
        let own = |name: &str| {
            use ParameterSource as From;
            let source = entry.parameters.get(name);
            !matches!(source, Some(From::Output { .. } | From::DefinitionHash | From::GitCommit))
        };
        let there = cloud.stack(&entry.stack_name).await?.filter(|it| it.status != Status::ReviewInProgress);
        let settings = settings::to_set(cloud, &entry.settings, there.as_ref()).await?;
        let rollback = match &there {
            Some(there) => settings::rollback_now(cloud, plan, stack, there).await?,
            None => None,
        };
        let role_arn = there.as_ref().and_then(|there| there.role_arn.clone());
        let deployed = match there {
            None => None,
            Some(there) => {
                let values = there.parameters.into_iter().filter(|(name, value)| own(name) && value != MASK);
                let values = values.collect();
                cloud.template(&there.id).await?.map(|template| Deployed { template, values })
            }
        };
        let (values, waiting) = match plan.resolve(entry, &facts) {
            Ok(Readiness::Ready(values)) => {
                (values.into_iter().filter(|(name, _)| own(name)).collect(), None)
            }
            Ok(Readiness::Waiting(waiting)) => (BTreeMap::new(), Some(waiting)),
            // An output that only the next deployment makes.
            Err(plan::Error::NoOutput { .. }) => (BTreeMap::new(), None),
            Err(error) => return Err(error.into()),
        };
        found.push(Standing {
            kind: entry.kind,
            stack: entry.stack_name.clone(),
            deployed,
            values,
            waiting,
            settings,
            rollback,
            role_arn,
        });
    }
    Ok((found, facts))
}

/// Asks CloudFormation what an update of a stack would do, by a change set that is removed again. There is none for a
/// stack that does not exist. Nothing is uploaded but the template, when it is too large for a request.
///
/// # Errors
/// When a call fails for good, or the stack is in no state to be updated.
pub async fn preview<C: Cloud>(
    cloud: &C,
    plan: &Plan,
    stack: &StackPlan,
    facts: &Facts,
    options: &Options,
    emit: &mut dyn FnMut(Event),
) -> Result<Preview, Error> {
    let mut consent = |_: &_| false;
    let mut run = Run { cloud, options, emit, consent: &mut consent };
    let entry = &stack.entry;
    let parameters = match plan.resolve(entry, facts) {
        Ok(Readiness::Ready(parameters)) => parameters,
        Ok(Readiness::Waiting(waiting)) => return Ok(Preview::None(waiting.to_string())),
        Err(error @ plan::Error::NoOutput { .. }) => return Ok(Preview::None(error.to_string())),
        Err(error) => return Err(error.into()),
    };
    if let TemplateSource::Url(_) = stack.template {
        upload::upload(&mut run, plan, &plan.uploads_for(entry, false)).await?;
    }
    let order = Order::of(plan, stack, parameters, facts)?;
    match change_set::prepare_update(&mut run, order).await? {
        None => Ok(Preview::None("it does not exist".to_owned())),
        Some(Prepared::Unchanged(_)) => Ok(Preview::Changes(Vec::new())),
        Some(Prepared::Open(open)) => {
            change_set::discard(&mut run, &open).await;
            Ok(Preview::Changes(open.change.changes))
        }
    }
}

/// Removes a change set by its name, if it was made after all: the request may have arrived although nobody waited
/// for the answer. True when it is certain that it is gone.
pub async fn remove<C: Cloud>(cloud: &C, stack: &str, name: &str, options: &Options) -> bool {
    for attempt in 0..4 {
        if let Ok(sets) = cloud.change_sets(stack).await {
            match sets.iter().find(|(known, _)| known == name) {
                Some((_, set)) => return cloud.delete_change_set(&set.id).await.is_ok(),
                None if attempt == 3 => return true,
                None => {}
            }
        }
        tokio::time::sleep(options.pace.poll(attempt)).await;
    }
    false
}
