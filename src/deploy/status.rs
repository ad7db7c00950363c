//! How everything is that a stack file describes: stacks, the pipeline's last execution, models, endpoints, alarms,
//! monitors.
//!
//! What there is to ask about follows from the resources of the deployed stacks, and not from the stack file. What
//! cannot be read (an identity may look at stacks and not at alarms) is said where it would stand.

use crate::aws::{self, Alarm, Cloud, Endpoint, Execution, ModelVersion, Monitor, Stack, StackResource};

use super::StackKind;

/// How many versions of a group are looked through for the newest approved one.
const MOST_VERSIONS: usize = 100;

/// How everything is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Overview {
    /// The stacks, in the order of deployment.
    pub stacks: Vec<(StackKind, String, Option<Stack>)>,
    /// Pipelines, with their newest execution.
    pub pipelines: Vec<Seen<Option<Execution>>>,
    /// Model package groups.
    pub groups: Vec<Seen<Models>>,
    /// Endpoints.
    pub endpoints: Vec<Seen<Endpoint>>,
    /// Monitoring schedules.
    pub monitors: Vec<Seen<Monitor>>,
    /// Alarms.
    pub alarms: Vec<Seen<Option<Alarm>>>,
}

/// Something that was asked about.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen<T> {
    /// Its name.
    pub name: String,
    /// How it is, or why that cannot be told.
    pub state: aws::Result<T>,
}

/// The versions of a group that matter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Models {
    /// The newest.
    pub newest: Option<ModelVersion>,
    /// The newest that is approved and whole.
    pub approved: Option<ModelVersion>,
}

/// Looks at everything.
///
/// # Errors
/// When the stacks themselves cannot be read.
pub async fn overview<C: Cloud>(cloud: &C, stacks: &[(StackKind, &str)]) -> aws::Result<Overview> {
    let mut overview = Overview::default();
    let mut resources = Vec::new();
    for (kind, name) in stacks {
        let stack = cloud.stack(name).await?;
        if let Some(stack) = &stack {
            resources.extend(cloud.stack_resources(&stack.id).await?);
        }
        overview.stacks.push((*kind, (*name).to_owned(), stack));
    }
    for name in of_type(&resources, "AWS::SageMaker::Pipeline") {
        overview.pipelines.push(Seen { state: cloud.last_execution(&name).await, name });
    }
    for name in of_type(&resources, "AWS::SageMaker::ModelPackageGroup") {
        let versions = cloud.model_versions(&name, MOST_VERSIONS).await;
        overview
            .groups
            .push(Seen { state: versions.map(|versions| models(versions.unwrap_or_default())), name });
    }
    for name in of_type(&resources, "AWS::SageMaker::Endpoint") {
        overview.endpoints.push(Seen { state: cloud.endpoint(&name).await, name });
    }
    for name in of_type(&resources, "AWS::SageMaker::MonitoringSchedule") {
        overview.monitors.push(Seen { state: cloud.monitor(&name).await, name });
    }
    let names = of_type(&resources, "AWS::CloudWatch::Alarm");
    if !names.is_empty() {
        let found = cloud.alarms(&names).await;
        let of = |name: String| {
            let state = found.clone().map(|alarms| alarms.into_iter().find(|alarm| alarm.name == name));
            Seen { name, state }
        };
        overview.alarms = names.into_iter().map(of).collect();
    }
    Ok(overview)
}

/// Names of the deployed resources of a type. What CloudFormation calls a resource is a name or an ARN that ends in it.
pub fn of_type(resources: &[StackResource], resource_type: &str) -> Vec<String> {
    let of = resources.iter().filter(|resource| resource.resource_type == resource_type);
    let names = of.filter_map(|resource| resource.physical_id.as_deref());
    names
        .map(|id| if id.starts_with("arn:") && id.contains(":sagemaker:") { last(id) } else { id }.to_owned())
        .collect()
}

fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

fn models(versions: Vec<ModelVersion>) -> Models {
    let whole = |version: &&ModelVersion| version.approval == "Approved" && version.status == "Completed";
    Models { approved: versions.iter().find(whole).cloned(), newest: versions.into_iter().next() }
}
