//! What runs: executions of pipelines, versions of models, endpoints, monitors, alarms.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::StateValue;
use aws_sdk_sagemaker::Client;
use aws_sdk_sagemaker::types::{
    self, ModelApprovalStatus, ModelPackageSortBy, Parameter, PipelineExecutionStep, SortOrder,
    SortPipelineExecutionsBy,
};
use jiff::Timestamp;

use super::cloudformation::{said, timestamp};
use super::{Error, ErrorKind, Result};

/// An execution of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// Its ARN.
    pub arn: String,
    /// What whoever started it called it.
    pub name: Option<String>,
    /// `Executing`, `Succeeded`, …
    pub status: String,
    /// Why it failed.
    pub failure: Option<String>,
    /// When it began.
    pub started: Option<Timestamp>,
}

impl Execution {
    /// Whether nothing more is to come.
    pub fn has_ended(&self) -> bool {
        matches!(self.status.as_str(), "Succeeded" | "Failed" | "Stopped")
    }

    /// Whether it did what it was to do.
    pub fn has_succeeded(&self) -> bool {
        self.status == "Succeeded"
    }
}

/// A step of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name in the definition.
    pub name: String,
    /// `Starting`, `Executing`, `Succeeded`, …
    pub status: String,
    /// Why it failed.
    pub failure: Option<String>,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Its outputs came from an earlier execution.
    pub cached: bool,
    /// The ARN of its job.
    pub job: Option<String>,
}

/// An order to start an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewExecution {
    /// The pipeline's name.
    pub pipeline: String,
    /// What to call the execution.
    pub name: Option<String>,
    /// Values of parameters; the others have their defaults.
    pub parameters: BTreeMap<String, String>,
    /// Makes a repeated order harmless: 32 to 128 characters.
    pub token: String,
}

/// A version of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelVersion {
    /// Its ARN.
    pub arn: String,
    /// Its number.
    pub version: Option<i32>,
    /// `Completed` when it was registered whole.
    pub status: String,
    /// `Approved`, `Rejected`, `PendingManualApproval`.
    pub approval: String,
    /// What its description says.
    pub description: Option<String>,
    /// When it was registered.
    pub created: Option<Timestamp>,
}

/// A real-time endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// `InService`, `Updating`, …
    pub status: String,
    /// Why it failed.
    pub failure: Option<String>,
    /// The name of its configuration.
    pub config: Option<String>,
    /// Its variants.
    pub variants: Vec<Variant>,
}

/// A production variant as it runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// Instances that run.
    pub current: Option<i32>,
    /// Instances that are wanted.
    pub desired: Option<i32>,
    /// Its share of the traffic.
    pub weight: Option<f32>,
}

/// A monitoring schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitor {
    /// `Scheduled`, `Stopped`, …
    pub status: String,
    /// Why it failed.
    pub failure: Option<String>,
    /// Its latest run.
    pub last: Option<MonitorRun>,
}

/// A run of a monitoring schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitorRun {
    /// `Completed`, `CompletedWithViolations`, …
    pub status: String,
    /// Why it failed.
    pub failure: Option<String>,
    /// When it was due.
    pub at: Option<Timestamp>,
}

/// A CloudWatch alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// `OK`, `ALARM`, `INSUFFICIENT_DATA`.
    pub state: String,
    /// Why.
    pub reason: Option<String>,
    /// Since when.
    pub since: Option<Timestamp>,
}

pub(super) async fn start_execution(client: &Client, order: &NewExecution) -> Result<String> {
    const OPERATION: &str = "StartPipelineExecution";
    let parameter = |(name, value): (&String, &String)| Parameter::builder().name(name).value(value).build();
    let call = client
        .start_pipeline_execution()
        .pipeline_name(&order.pipeline)
        .set_pipeline_execution_display_name(order.name.clone())
        .set_pipeline_parameters(Some(order.parameters.iter().map(parameter).collect()))
        .client_request_token(&order.token);
    let output = call.send().await.map_err(|error| Error::of(OPERATION, &error))?;
    output
        .pipeline_execution_arn
        .ok_or_else(|| Error::own(OPERATION, ErrorKind::Unknown, "the answer names no execution"))
}

/// The newest execution.
pub(super) async fn last_execution(client: &Client, pipeline: &str) -> Result<Option<Execution>> {
    let call = client
        .list_pipeline_executions()
        .pipeline_name(pipeline)
        .sort_by(SortPipelineExecutionsBy::CreationTime)
        .sort_order(SortOrder::Descending)
        .max_results(1);
    let output = call.send().await.map_err(|error| Error::of("ListPipelineExecutions", &error))?;
    let newest = output.pipeline_execution_summaries.unwrap_or_default().into_iter().next();
    Ok(newest.map(|summary| Execution {
        arn: summary.pipeline_execution_arn.unwrap_or_default(),
        name: said(summary.pipeline_execution_display_name),
        status: text(summary.pipeline_execution_status.as_ref().map(types::PipelineExecutionStatus::as_str)),
        failure: said(summary.pipeline_execution_failure_reason),
        started: summary.start_time.and_then(timestamp),
    }))
}

pub(super) async fn execution(client: &Client, arn: &str) -> Result<Execution> {
    let call = client.describe_pipeline_execution().pipeline_execution_arn(arn);
    let output = call.send().await.map_err(|error| Error::of("DescribePipelineExecution", &error))?;
    Ok(Execution {
        arn: arn.to_owned(),
        name: said(output.pipeline_execution_display_name),
        status: text(output.pipeline_execution_status.as_ref().map(types::PipelineExecutionStatus::as_str)),
        failure: said(output.failure_reason),
        started: output.creation_time.and_then(timestamp),
    })
}

/// The steps that have begun, oldest first, all pages.
pub(super) async fn execution_steps(client: &Client, arn: &str) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut page = None;
    loop {
        let call = client
            .list_pipeline_execution_steps()
            .pipeline_execution_arn(arn)
            .sort_order(SortOrder::Ascending)
            .set_next_token(page);
        let output = call.send().await.map_err(|error| Error::of("ListPipelineExecutionSteps", &error))?;
        steps.extend(output.pipeline_execution_steps.unwrap_or_default().into_iter().map(step));
        page = said(output.next_token);
        if page.is_none() {
            return Ok(steps);
        }
    }
}

/// The name of the latest training job of a tuning job that failed.
pub(super) async fn failed_training_job(client: &Client, tuning: &str) -> Result<Option<String>> {
    let call = client
        .list_training_jobs_for_hyper_parameter_tuning_job()
        .hyper_parameter_tuning_job_name(tuning)
        .status_equals(types::TrainingJobStatus::Failed)
        .sort_by(types::TrainingJobSortByOptions::CreationTime)
        .sort_order(SortOrder::Descending)
        .max_results(1);
    let output =
        call.send().await.map_err(|error| Error::of("ListTrainingJobsForHyperParameterTuningJob", &error))?;
    let latest = output.training_job_summaries.unwrap_or_default().into_iter().next();
    Ok(latest.and_then(|summary| summary.training_job_name))
}

fn step(step: PipelineExecutionStep) -> Step {
    let metadata = step.metadata.as_ref();
    let job = metadata.and_then(|metadata| {
        let training = metadata.training_job().and_then(|job| job.arn());
        let processing = || metadata.processing_job().and_then(|job| job.arn());
        let tuning = || metadata.tuning_job().and_then(|job| job.arn());
        let transform = || metadata.transform_job().and_then(|job| job.arn());
        let registered = || metadata.register_model().and_then(|model| model.arn());
        training.or_else(processing).or_else(tuning).or_else(transform).or_else(registered)
    });
    Step {
        job: job.map(str::to_owned),
        name: step.step_name.unwrap_or_default(),
        status: text(step.step_status.as_ref().map(types::StepStatus::as_str)),
        failure: said(step.failure_reason),
        started: step.start_time.and_then(timestamp),
        ended: step.end_time.and_then(timestamp),
        cached: step.cache_hit_result.is_some_and(|hit| said(hit.source_pipeline_execution_arn).is_some()),
    }
}

/// Versions in a group, newest first, at most `most`; `None` when there is no such group.
pub(super) async fn model_versions(
    client: &Client,
    group: &str,
    most: usize,
) -> Result<Option<Vec<ModelVersion>>> {
    let mut versions = Vec::new();
    let mut page = None;
    loop {
        let call = client
            .list_model_packages()
            .model_package_group_name(group)
            .sort_by(ModelPackageSortBy::CreationTime)
            .sort_order(SortOrder::Descending)
            .set_next_token(page);
        let output = match call.send().await {
            Ok(output) => output,
            Err(error) => match Error::of("ListModelPackages", &error) {
                error if error.kind == ErrorKind::NotFound => return Ok(None),
                error => return Err(error),
            },
        };
        let found = output.model_package_summary_list.unwrap_or_default();
        versions.extend(found.into_iter().map(|summary| ModelVersion {
            arn: summary.model_package_arn.unwrap_or_default(),
            version: summary.model_package_version,
            status: text(summary.model_package_status.as_ref().map(types::ModelPackageStatus::as_str)),
            approval: text(summary.model_approval_status.as_ref().map(ModelApprovalStatus::as_str)),
            description: said(summary.model_package_description),
            created: summary.creation_time.and_then(timestamp),
        }));
        page = said(output.next_token);
        if page.is_none() || versions.len() >= most {
            versions.truncate(most);
            return Ok(Some(versions));
        }
    }
}

pub(super) async fn judge_model(
    client: &Client,
    arn: &str,
    approve: bool,
    comment: Option<&str>,
) -> Result<()> {
    let status = if approve { ModelApprovalStatus::Approved } else { ModelApprovalStatus::Rejected };
    let call = client
        .update_model_package()
        .model_package_arn(arn)
        .model_approval_status(status)
        .set_approval_description(comment.map(str::to_owned));
    call.send().await.map(drop).map_err(|error| Error::of("UpdateModelPackage", &error))
}

pub(super) async fn endpoint(client: &Client, name: &str) -> Result<Endpoint> {
    let call = client.describe_endpoint().endpoint_name(name);
    let output = call.send().await.map_err(|error| Error::of("DescribeEndpoint", &error))?;
    let variant = |variant: types::ProductionVariantSummary| Variant {
        name: variant.variant_name.unwrap_or_default(),
        current: variant.current_instance_count,
        desired: variant.desired_instance_count,
        weight: variant.current_weight,
    };
    Ok(Endpoint {
        status: text(output.endpoint_status.as_ref().map(types::EndpointStatus::as_str)),
        failure: said(output.failure_reason),
        config: said(output.endpoint_config_name),
        variants: output.production_variants.unwrap_or_default().into_iter().map(variant).collect(),
    })
}

pub(super) async fn monitor(client: &Client, name: &str) -> Result<Monitor> {
    let call = client.describe_monitoring_schedule().monitoring_schedule_name(name);
    let output = call.send().await.map_err(|error| Error::of("DescribeMonitoringSchedule", &error))?;
    let run = |run: types::MonitoringExecutionSummary| MonitorRun {
        status: text(run.monitoring_execution_status.as_ref().map(types::ExecutionStatus::as_str)),
        failure: said(run.failure_reason),
        at: run.scheduled_time.and_then(timestamp),
    };
    Ok(Monitor {
        status: text(output.monitoring_schedule_status.as_ref().map(types::ScheduleStatus::as_str)),
        failure: said(output.failure_reason),
        last: output.last_monitoring_execution_summary.map(run),
    })
}

/// The alarms with these names; at most 100 a call.
pub(super) async fn alarms(client: &aws_sdk_cloudwatch::Client, names: &[String]) -> Result<Vec<Alarm>> {
    let mut alarms = Vec::new();
    for names in names.chunks(100) {
        let call = client.describe_alarms().set_alarm_names(Some(names.to_vec())).max_records(100);
        let output = call.send().await.map_err(|error| Error::of("DescribeAlarms", &error))?;
        alarms.extend(output.metric_alarms.unwrap_or_default().into_iter().map(|alarm| Alarm {
            name: alarm.alarm_name.unwrap_or_default(),
            state: text(alarm.state_value.as_ref().map(StateValue::as_str)),
            reason: said(alarm.state_reason),
            since: alarm.state_updated_timestamp.and_then(timestamp),
        }));
    }
    Ok(alarms)
}

fn text(status: Option<&str>) -> String {
    status.unwrap_or("Unknown").to_owned()
}
