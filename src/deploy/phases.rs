//! An update in two steps: first without what scales a variant, then whole. [`crate::diff::first_step`] says when.
//!
//! Both steps are shown and consented to at once. Nothing of it is kept on this machine: the template of the first step
//! says in its metadata what is missing and how many instances ran, so that the next run, wherever it runs, goes on with
//! the second step, and a second step that fails is followed by putting back what was there.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::aws::{Action, Cloud, ResourceChange, Status, TemplateSource};
use crate::diff::{self, Hindered};
use crate::plan::Plan;
use crate::synth::Settings;

use super::change_set::{self, Open, Order, Prepared};
use super::events::End;
use super::{Error, Event, Run, adopt};

const ENDPOINT: &str = "AWS::SageMaker::Endpoint";
const TARGET: &str = "AWS::ApplicationAutoScaling::ScalableTarget";

/// Instances by the logical id of an endpoint and by variant.
pub type Capacity = BTreeMap<String, BTreeMap<String, i32>>;

/// An update in two steps, for whoever consents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwoSteps {
    /// What goes for a while: types by logical id. Empty when an earlier run has removed it.
    pub removed: BTreeMap<String, String>,
    /// Because of which variants. Empty when an earlier run has seen to it.
    pub variants: Vec<Hindered>,
    /// How many instances are wanted at the moment, as far as SageMaker says.
    pub capacity: Capacity,
}

/// What happens between and after the steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// What scales is removed now.
    Removing,
    /// Everything else follows, and what scales with it.
    Updating,
    /// A variant has this many instances, and had that many before.
    Capacity {
        /// Its endpoint's logical id.
        endpoint: String,
        /// Its name.
        variant: String,
        /// Before the first step.
        before: i32,
        /// After the second.
        after: i32,
    },
    /// The second step failed: what scales is put back.
    Restoring,
    /// It was put back.
    Restored,
    /// It could not be put back, and why. The next deployment makes it again.
    NotRestored(String),
}

/// How an update in two steps goes.
pub(super) enum Course {
    /// With the first step's template.
    Two(TwoSteps, Value),
    /// An earlier run has made the first step.
    Second(TwoSteps),
}

impl Course {
    pub(super) fn shown(&self) -> TwoSteps {
        match self {
            Course::Two(steps, _) | Course::Second(steps) => steps.clone(),
        }
    }
}

/// How the update that a change set describes has to go, when one step does not do. Asks for nothing where no endpoint changes and nothing comes
/// that scales.
pub(super) async fn course<C: Cloud>(
    run: &Run<'_, C>,
    order: &Order<'_>,
    open: &Open,
) -> Result<Option<Course>, Error> {
    let has = |kind: &str, action: Action| {
        open.change.changes.iter().any(|change| change.resource_type == kind && change.action == action)
    };
    if !has(ENDPOINT, Action::Modify) && !has(TARGET, Action::Add) {
        return Ok(None);
    }
    let deployed = run.cloud.template(&open.change.stack_id).await?;
    let Some(deployed) = deployed.and_then(|text| serde_json::from_str::<Value>(&text).ok()) else {
        return Ok(None);
    };
    if let Some(capacity) = diff::noted_capacity(&deployed) {
        let steps = TwoSteps { removed: [].into(), variants: Vec::new(), capacity };
        return Ok(Some(Course::Second(steps)));
    }
    let wanted: Value = serde_json::from_slice(&order.text).unwrap_or_default();
    let entangled = |source| Error::Entangled { stack: order.stack.to_owned(), source };
    let step = diff::first_step(&deployed, &open.former, &wanted, &order.parameters).map_err(entangled)?;
    let Some(mut step) = step else { return Ok(None) };
    let endpoints = step.variants.iter().map(|hindered| hindered.endpoint.as_str());
    let capacity = capacity(run, &open.change.changes, endpoints).await;
    diff::note_capacity(&mut step.template, &capacity);
    let steps = TwoSteps { removed: step.removed, variants: step.variants, capacity };
    Ok(Some(Course::Two(steps, step.template)))
}

/// Instances that are wanted of endpoints. What SageMaker doesn't say stands in nobody's way: the update itself keeps
/// counts (`RetainAllVariantProperties`), and this only tells them.
async fn capacity<'a, C: Cloud>(
    run: &Run<'_, C>,
    changes: &[ResourceChange],
    endpoints: impl Iterator<Item = &'a str>,
) -> Capacity {
    let mut capacity = Capacity::new();
    for endpoint in endpoints {
        let change = changes.iter().find(|change| change.logical_id == endpoint);
        let Some(arn) = change.and_then(|change| change.physical_id.as_deref()) else { continue };
        let Ok(found) = run.cloud.endpoint(arn.rsplit('/').next().unwrap_or(arn)).await else { continue };
        let counts = found.variants.into_iter().filter_map(|variant| Some((variant.name, variant.desired?)));
        capacity.insert(endpoint.to_owned(), counts.collect());
    }
    capacity
}

/// Carries out what was consented to. None when it has to be consented to anew, and was not.
pub(super) async fn execute<C: Cloud>(
    run: &mut Run<'_, C>,
    plan: &Plan,
    order: Order<'_>,
    open: Open,
    course: Course,
) -> Result<Option<End>, Error> {
    let steps = match course {
        Course::Second(steps) => {
            say(run, &order, Step::Updating);
            let end = change_set::execute(run, &open).await?;
            return settle(run, plan, &order, &open, &steps, end).await.map(Some);
        }
        Course::Two(steps, template) => {
            // Executed is another one first, which would make this one obsolete.
            change_set::discard(run, &open).await;
            say(run, &order, Step::Removing);
            let end = rewrite(run, plan, &order, &template).await?;
            if end.failure().is_some() {
                return Ok(Some(end));
            }
            steps
        }
    };
    say(run, &order, Step::Updating);
    let second = match change_set::prepare(run, order.clone()).await {
        Ok(Prepared::Open(second)) => second,
        // Somebody else has been there in between.
        Ok(Prepared::Unchanged(outputs)) => {
            return Ok(Some(End { status: Status::UpdateComplete, cause: None, outputs }));
        }
        Err(error) => {
            if matches!(error, Error::ChangeSet { .. }) {
                restore(run, plan, &order).await;
            }
            return Err(error);
        }
    };
    if !is_covered(&second.change.changes, &open.change.changes, &steps) {
        (run.emit)(Event::Prepared(second.change.clone()));
        if !(run.consent)(&second.change) {
            change_set::discard(run, &second).await;
            restore(run, plan, &order).await;
            return Ok(None);
        }
    }
    let end = change_set::execute(run, &second).await?;
    settle(run, plan, &order, &second, &steps, end).await.map(Some)
}

fn say<C>(run: &mut Run<'_, C>, order: &Order<'_>, step: Step) {
    (run.emit)(Event::Step { kind: order.kind, stack: order.stack.to_owned(), step });
}

/// Whether the second step does nothing but what was shown before the first, and bring back what that removed.
fn is_covered(changes: &[ResourceChange], shown: &[ResourceChange], steps: &TwoSteps) -> bool {
    changes.iter().all(|change| {
        let back = change.action == Action::Add && steps.removed.contains_key(&change.logical_id);
        let same = |other: &ResourceChange| {
            (&other.logical_id, &other.action, &other.replacement)
                == (&change.logical_id, &change.action, &change.replacement)
        };
        // What the first step made do without something gets it back.
        let mended = change.action == Action::Modify
            && change.details.iter().all(|detail| {
                detail
                    .causing_entity
                    .as_deref()
                    .is_some_and(|cause| steps.removed.contains_key(cause.split('.').next().unwrap_or(cause)))
            });
        back || mended || shown.iter().any(same)
    })
}

/// What is to be done after the second step: tell what became of the capacity, or put back what scales.
async fn settle<C: Cloud>(
    run: &mut Run<'_, C>,
    plan: &Plan,
    order: &Order<'_>,
    open: &Open,
    steps: &TwoSteps,
    end: End,
) -> Result<End, Error> {
    if end.failure().is_some() {
        if end.status == Status::UpdateRollbackComplete {
            restore(run, plan, order).await;
        }
        return Ok(end);
    }
    let endpoints = steps.capacity.keys().map(String::as_str);
    let now = capacity(run, &open.change.changes, endpoints).await;
    for (endpoint, variants) in &steps.capacity {
        for (variant, before) in variants {
            let Some(after) = now.get(endpoint).and_then(|now| now.get(variant)) else { continue };
            let (endpoint, variant, before, after) = (endpoint.clone(), variant.clone(), *before, *after);
            say(run, order, Step::Capacity { endpoint, variant, before, after });
        }
    }
    Ok(end)
}

/// Puts back what the first step removed. That it cannot be done hides no error: it is told beside.
async fn restore<C: Cloud>(run: &mut Run<'_, C>, plan: &Plan, order: &Order<'_>) {
    say(run, order, Step::Restoring);
    let step = match put_back(run, plan, order).await {
        Ok(end) => match end.failure() {
            None => Step::Restored,
            Some(failure) => Step::NotRestored(failure.status.to_string()),
        },
        Err(error) => Step::NotRestored(error.to_string()),
    };
    say(run, order, step);
}

async fn put_back<C: Cloud>(run: &mut Run<'_, C>, plan: &Plan, order: &Order<'_>) -> Result<End, Error> {
    let deployed = run.cloud.template(order.stack).await?;
    let deployed = deployed.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    match deployed.as_ref().and_then(diff::before_first_step) {
        Some(template) => rewrite(run, plan, order, &template).await,
        None => Ok(End { status: Status::UpdateComplete, cause: None, outputs: BTreeMap::new() }),
    }
}

/// Gives the stack another template, and nothing else.
async fn rewrite<C: Cloud>(
    run: &mut Run<'_, C>,
    plan: &Plan,
    order: &Order<'_>,
    template: &Value,
) -> Result<End, Error> {
    match derived(run, plan, order, template).await?.1 {
        Prepared::Open(open) => change_set::execute(run, &open).await,
        Prepared::Unchanged(outputs) => Ok(End { status: Status::UpdateComplete, cause: None, outputs }),
    }
}

/// A change set that gives the stack another template: values of parameters and tags stay.
pub(super) async fn derived<'a, C: Cloud>(
    run: &mut Run<'_, C>,
    plan: &Plan,
    order: &Order<'a>,
    template: &Value,
) -> Result<(Order<'a>, Prepared), Error> {
    let keep = template["Parameters"].as_object().into_iter().flatten().map(|(name, _)| name.clone());
    let text = template.to_string();
    let order = Order {
        text: text.as_bytes().into(),
        template: TemplateSource::Body(text),
        parameters: BTreeMap::new(),
        keep: keep.collect(),
        tags: None,
        import_existing: false,
        rollback: None,
        settings: Settings::default(),
        ..order.clone()
    };
    let order = adopt::placed(run, plan, order).await?;
    let prepared = change_set::prepare(run, order.clone()).await?;
    Ok((order, prepared))
}
