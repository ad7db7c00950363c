//! CloudFormation: stacks, their events, change sets.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::operation::get_template::builders::GetTemplateFluentBuilder;
use aws_sdk_cloudformation::types::{self, Capability, Parameter, Tag};
use jiff::Timestamp;

use super::{
    Action, ChangeDetail, ChangeSet, ChangeSetRef, ChangeSetRequest, ChangeSetType, Error, ErrorKind,
    EventPage, Import, Operation, Replacement, ResourceChange, Result, Rollback, Stack, StackEvent,
    StackResource, Status, TemplateSource, ValidationFailure,
};

pub(super) async fn stack(client: &Client, name: &str) -> Result<Option<Stack>> {
    const OPERATION: &str = "DescribeStacks";
    let output = match client.describe_stacks().stack_name(name).send().await {
        Ok(output) => output,
        Err(error) => match Error::of(OPERATION, &error) {
            error if error.kind == ErrorKind::NotFound => return Ok(None),
            error => return Err(error),
        },
    };
    let Some(stack) = output.stacks.unwrap_or_default().into_iter().next() else { return Ok(None) };
    let Some(status) = stack.stack_status else {
        return Err(Error::own(
            OPERATION,
            ErrorKind::Unknown,
            format!("the answer has no status of `{name}`"),
        ));
    };
    Ok(Some(Stack {
        id: stack.stack_id.unwrap_or_else(|| name.to_owned()),
        name: stack.stack_name.unwrap_or_else(|| name.to_owned()),
        status: Status::parse(status.as_str()),
        reason: said(stack.stack_status_reason),
        outputs: pairs(stack.outputs, |output| (output.output_key, output.output_value)),
        parameters: pairs(stack.parameters, |parameter| (parameter.parameter_key, parameter.parameter_value)),
        tags: tags(stack.tags),
        changed: stack.last_updated_time.or(stack.creation_time).and_then(timestamp),
        protected: stack.enable_termination_protection.unwrap_or_default(),
        role_arn: said(stack.role_arn),
        rollback: rollback(stack.rollback_configuration),
    }))
}

fn tags(tags: Option<Vec<Tag>>) -> BTreeMap<String, String> {
    pairs(tags, |tag| (tag.key, tag.value))
}

fn rollback(configuration: Option<types::RollbackConfiguration>) -> Rollback {
    let Some(configuration) = configuration else { return Rollback::default() };
    let triggers = configuration.rollback_triggers.unwrap_or_default().into_iter();
    let minutes = configuration.monitoring_time_in_minutes.unwrap_or_default();
    Rollback {
        alarms: triggers.filter_map(|trigger| trigger.arn).collect(),
        minutes: u16::try_from(minutes).unwrap_or_default(),
    }
}

pub(super) async fn deleted_stacks(client: &Client, name: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut page = None;
    loop {
        let call =
            client.list_stacks().stack_status_filter(types::StackStatus::DeleteComplete).set_next_token(page);
        let output = call.send().await.map_err(|error| Error::of("ListStacks", &error))?;
        for stack in output.stack_summaries.unwrap_or_default() {
            if stack.stack_name.as_deref() == Some(name)
                && let Some(id) = stack.stack_id
            {
                found.push((stack.deletion_time.and_then(timestamp), id));
            }
        }
        page = said(output.next_token);
        if page.is_none() {
            break;
        }
    }
    found.sort();
    Ok(found.into_iter().rev().map(|(_, id)| id).collect())
}

pub(super) async fn template(client: &Client, stack: &str) -> Result<Option<String>> {
    told_template(client.get_template().stack_name(stack)).await
}

pub(super) async fn change_set_template(client: &Client, id: &str) -> Result<Option<String>> {
    told_template(client.get_template().change_set_name(id)).await
}

async fn told_template(call: GetTemplateFluentBuilder) -> Result<Option<String>> {
    match call.template_stage(types::TemplateStage::Original).send().await {
        Ok(output) => Ok(output.template_body),
        Err(error) => match Error::of("GetTemplate", &error) {
            error if error.kind == ErrorKind::NotFound => Ok(None),
            error => Err(error),
        },
    }
}

pub(super) async fn stack_resources(client: &Client, stack: &str) -> Result<Vec<StackResource>> {
    let mut resources = Vec::new();
    let mut page = None;
    loop {
        let call = client.list_stack_resources().stack_name(stack).set_next_token(page);
        let output = call.send().await.map_err(|error| Error::of("ListStackResources", &error))?;
        for summary in output.stack_resource_summaries.unwrap_or_default() {
            resources.push(StackResource {
                logical_id: summary.logical_resource_id.unwrap_or_default(),
                physical_id: said(summary.physical_resource_id),
                resource_type: summary.resource_type.unwrap_or_default(),
                status: Status::parse(summary.resource_status.as_ref().map_or("", |status| status.as_str())),
            });
        }
        page = said(output.next_token);
        if page.is_none() {
            return Ok(resources);
        }
    }
}

pub(super) async fn stack_events(client: &Client, stack: &str, page: Option<&str>) -> Result<EventPage> {
    let call = client.describe_stack_events().stack_name(stack).set_next_token(page.map(str::to_owned));
    let output = call.send().await.map_err(|error| Error::of("DescribeStackEvents", &error))?;
    Ok(EventPage {
        events: output.stack_events.unwrap_or_default().into_iter().map(stack_event).collect(),
        next: said(output.next_token),
    })
}

fn stack_event(event: types::StackEvent) -> StackEvent {
    StackEvent {
        id: event.event_id.unwrap_or_default(),
        stack_id: event.stack_id.unwrap_or_default(),
        stack: event.stack_name.unwrap_or_default(),
        logical_id: event.logical_resource_id.unwrap_or_default(),
        physical_id: said(event.physical_resource_id),
        resource_type: event.resource_type.unwrap_or_default(),
        status: Status::parse(event.resource_status.as_ref().map_or("", |status| status.as_str())),
        reason: said(event.resource_status_reason),
        at: event.timestamp.and_then(timestamp),
        token: said(event.client_request_token),
        operation: said(event.operation_id),
    }
}

/// Validation failures: CloudFormation checks properties and names before it provisions anything, and
/// tells what it found by this call only.
pub(super) async fn validation_failures(
    client: &Client,
    of: &Operation<'_>,
) -> Result<Vec<ValidationFailure>> {
    let mut failures = Vec::new();
    let mut page = None;
    loop {
        let call =
            client.describe_events().filters(types::EventFilter::builder().failed_events(true).build());
        let call = match of {
            Operation::ChangeSet(id) => call.change_set_name(*id),
            Operation::Stack { stack, operation } => {
                call.stack_name(*stack).set_operation_id(operation.map(str::to_owned))
            }
        };
        let output =
            call.set_next_token(page).send().await.map_err(|error| Error::of("DescribeEvents", &error))?;
        let events = output.operation_events.unwrap_or_default();
        failures.extend(events.into_iter().filter_map(validation_failure));
        page = said(output.next_token);
        if page.is_none() {
            return Ok(failures);
        }
    }
}

fn validation_failure(event: types::OperationEvent) -> Option<ValidationFailure> {
    Some(ValidationFailure {
        reason: said(event.validation_status_reason)?,
        logical_id: event.logical_resource_id.unwrap_or_default(),
        resource_type: event.resource_type.unwrap_or_default(),
        validation: said(event.validation_name),
        path: said(event.validation_path),
        warns: event.validation_failure_mode == Some(types::HookFailureMode::Warn),
        at: event.timestamp.and_then(timestamp),
    })
}

pub(super) fn timestamp(time: aws_smithy_types::DateTime) -> Option<Timestamp> {
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}

pub(super) async fn stack_policy(client: &Client, stack: &str) -> Result<Option<String>> {
    let call = client.get_stack_policy().stack_name(stack).send().await;
    Ok(said(call.map_err(|error| Error::of("GetStackPolicy", &error))?.stack_policy_body))
}

pub(super) async fn set_stack_policy(client: &Client, stack: &str, policy: &str) -> Result<()> {
    let call = client.set_stack_policy().stack_name(stack).stack_policy_body(policy);
    call.send().await.map(drop).map_err(|error| Error::of("SetStackPolicy", &error))
}

pub(super) async fn set_termination_protection(client: &Client, stack: &str, on: bool) -> Result<()> {
    let call = client.update_termination_protection().stack_name(stack).enable_termination_protection(on);
    call.send().await.map(drop).map_err(|error| Error::of("UpdateTerminationProtection", &error))
}

pub(super) async fn delete_stack(client: &Client, stack: &str, token: &str) -> Result<()> {
    let call = client.delete_stack().stack_name(stack).client_request_token(token);
    call.send().await.map(drop).map_err(|error| Error::of("DeleteStack", &error))
}

pub(super) async fn continue_rollback(
    client: &Client,
    stack: &str,
    skip: &[String],
    token: &str,
) -> Result<()> {
    let call = client
        .continue_update_rollback()
        .stack_name(stack)
        .client_request_token(token)
        .set_resources_to_skip((!skip.is_empty()).then(|| skip.to_vec()));
    call.send().await.map(drop).map_err(|error| Error::of("ContinueUpdateRollback", &error))
}

pub(super) async fn cancel_update(client: &Client, stack: &str, token: &str) -> Result<()> {
    let call = client.cancel_update_stack().stack_name(stack).client_request_token(token);
    call.send().await.map(drop).map_err(|error| Error::of("CancelUpdateStack", &error))
}

pub(super) async fn rollback_stack(client: &Client, stack: &str, token: &str) -> Result<()> {
    let call = client.rollback_stack().stack_name(stack).client_request_token(token);
    call.send().await.map(drop).map_err(|error| Error::of("RollbackStack", &error))
}

pub(super) async fn change_sets(client: &Client, stack: &str) -> Result<Vec<(String, ChangeSetRef)>> {
    let mut sets = Vec::new();
    let mut page = None;
    loop {
        let call = client.list_change_sets().stack_name(stack).set_next_token(page);
        let output = call.send().await.map_err(|error| Error::of("ListChangeSets", &error))?;
        for summary in output.summaries.unwrap_or_default() {
            let made = ChangeSetRef {
                id: summary.change_set_id.unwrap_or_default(),
                stack_id: summary.stack_id.unwrap_or_default(),
                status: summary.status.map(|status| status.as_str().to_owned()),
            };
            sets.push((summary.change_set_name.unwrap_or_default(), made));
        }
        page = said(output.next_token);
        if page.is_none() {
            return Ok(sets);
        }
    }
}

pub(super) async fn create_change_set(client: &Client, request: &ChangeSetRequest) -> Result<ChangeSetRef> {
    const OPERATION: &str = "CreateChangeSet";
    let call = client
        .create_change_set()
        .stack_name(&request.stack)
        .change_set_name(&request.name)
        .client_token(&request.token)
        .change_set_type(match request.change_set_type {
            ChangeSetType::Create => types::ChangeSetType::Create,
            ChangeSetType::Update => types::ChangeSetType::Update,
            ChangeSetType::Import => types::ChangeSetType::Import,
        })
        .set_parameters(Some(parameters(request)))
        .set_tags(
            request
                .tags
                .as_ref()
                .map(|tags| list(tags, |key, value| Tag::builder().key(key).value(value).build())),
        )
        .set_resources_to_import(imports(request))
        .set_rollback_configuration(request.rollback.as_ref().map(rollback_configuration))
        .set_capabilities(Some(
            request.capabilities.iter().map(|text| Capability::from(text.as_str())).collect(),
        ))
        .set_role_arn(request.role_arn.clone());
    let call = match &request.template {
        TemplateSource::Body(body) => call.template_body(body),
        TemplateSource::Url(url) => call.template_url(url),
    };
    let call = if request.nested { call.include_nested_stacks(true) } else { call };
    let call = if request.import_existing { call.import_existing_resources(true) } else { call };
    let output = call.send().await.map_err(|error| Error::of(OPERATION, &error))?;
    let (Some(id), Some(stack_id)) = (output.id, output.stack_id) else {
        return Err(Error::own(OPERATION, ErrorKind::Unknown, "the answer names no change set"));
    };
    Ok(ChangeSetRef { id, stack_id, status: None })
}

fn parameters(request: &ChangeSetRequest) -> Vec<Parameter> {
    let given = list(&request.parameters, |key, value| {
        Parameter::builder().parameter_key(key).parameter_value(value).build()
    });
    let kept = request
        .keep
        .iter()
        .map(|key| Parameter::builder().parameter_key(key).use_previous_value(true).build());
    given.into_iter().chain(kept).collect()
}

fn rollback_configuration(rollback: &Rollback) -> types::RollbackConfiguration {
    let trigger =
        |arn: &String| types::RollbackTrigger::builder().arn(arn).r#type("AWS::CloudWatch::Alarm").build();
    types::RollbackConfiguration::builder()
        .set_rollback_triggers(Some(rollback.alarms.iter().map(trigger).collect()))
        .monitoring_time_in_minutes(i32::from(rollback.minutes))
        .build()
}

fn imports(request: &ChangeSetRequest) -> Option<Vec<types::ResourceToImport>> {
    let import = |it: &Import| {
        types::ResourceToImport::builder()
            .resource_type(&it.resource_type)
            .logical_resource_id(&it.logical_id)
            .resource_identifier(&it.property, &it.value)
            .build()
    };
    let imports: Vec<_> = request.imports.iter().map(import).collect();
    (!imports.is_empty()).then_some(imports)
}

pub(super) async fn change_set(client: &Client, id: &str) -> Result<Option<ChangeSet>> {
    const OPERATION: &str = "DescribeChangeSet";
    let mut changes = Vec::new();
    let mut page = None;
    loop {
        let output = match client.describe_change_set().change_set_name(id).set_next_token(page).send().await
        {
            Ok(output) => output,
            Err(error) => match Error::of(OPERATION, &error) {
                error if error.kind == ErrorKind::NotFound => return Ok(None),
                error => return Err(error),
            },
        };
        let found = output.changes.unwrap_or_default();
        changes.extend(found.into_iter().filter_map(|change| change.resource_change).map(resource_change));
        page = said(output.next_token);
        if page.is_none() {
            let Some(status) = output.status else {
                return Err(Error::own(OPERATION, ErrorKind::Unknown, "the answer has no status"));
            };
            return Ok(Some(ChangeSet {
                status: status.as_str().to_owned(),
                reason: said(output.status_reason),
                execution_status: output.execution_status.map(|status| status.as_str().to_owned()),
                parameters: pairs(output.parameters, |it| (it.parameter_key, it.parameter_value)),
                tags: tags(output.tags),
                changes,
            }));
        }
    }
}

fn resource_change(change: types::ResourceChange) -> ResourceChange {
    ResourceChange {
        action: Action::parse(change.action.as_ref().map_or("", |action| action.as_str())),
        logical_id: change.logical_resource_id.unwrap_or_default(),
        physical_id: said(change.physical_resource_id),
        resource_type: change.resource_type.unwrap_or_default(),
        replacement: Replacement::parse(change.replacement.as_ref().map(types::Replacement::as_str)),
        policy: change.policy_action.map(|policy| policy.as_str().to_owned()),
        details: change.details.unwrap_or_default().into_iter().map(change_detail).collect(),
    }
}

fn change_detail(detail: types::ResourceChangeDetail) -> ChangeDetail {
    let target = detail.target;
    let target = target.as_ref();
    ChangeDetail {
        attribute: target.and_then(|target| target.attribute()).map(|text| text.as_str().to_owned()),
        property: target.and_then(|target| target.name()).filter(|name| !name.is_empty()).map(str::to_owned),
        recreation: target
            .and_then(|target| target.requires_recreation())
            .map(|text| text.as_str().to_owned()),
        evaluation: detail.evaluation.map(|text| text.as_str().to_owned()),
        source: detail.change_source.map(|text| text.as_str().to_owned()),
        causing_entity: said(detail.causing_entity),
    }
}

pub(super) async fn delete_change_set(client: &Client, id: &str) -> Result<()> {
    match client.delete_change_set().change_set_name(id).send().await {
        Ok(_) => Ok(()),
        Err(error) => match Error::of("DeleteChangeSet", &error) {
            error if error.kind == ErrorKind::NotFound => Ok(()),
            error => Err(error),
        },
    }
}

pub(super) async fn execute_change_set(client: &Client, id: &str, token: &str) -> Result<()> {
    let call = client.execute_change_set().change_set_name(id).client_request_token(token);
    call.send().await.map(drop).map_err(|error| Error::of("ExecuteChangeSet", &error))
}

/// AWS's empty text is no text.
pub(super) fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn pairs<T>(
    list: Option<Vec<T>>,
    pair: impl Fn(T) -> (Option<String>, Option<String>),
) -> BTreeMap<String, String> {
    let pairs = list.unwrap_or_default().into_iter().map(pair);
    pairs.filter_map(|(key, value)| Some((key?, value.unwrap_or_default()))).collect()
}

fn list<T>(map: &BTreeMap<String, String>, item: impl Fn(&str, &str) -> T) -> Vec<T> {
    map.iter().map(|(key, value)| item(key, value)).collect()
}
