//! Drift: what CloudFormation finds when it compares resources with their template.

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types;

use super::cloudformation::said;
use super::{Error, ErrorKind, Result};

/// How far a detection of drift has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftDetection {
    /// `DETECTION_IN_PROGRESS`, `DETECTION_COMPLETE` or `DETECTION_FAILED`.
    pub status: String,
    /// Why it failed, or why it covers only a part.
    pub reason: Option<String>,
}

/// Whether a resource is what its template says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceDrift {
    /// The name in the template.
    pub logical_id: String,
    /// The name in its service.
    pub physical_id: Option<String>,
    /// `AWS::S3::Bucket` and the like.
    pub resource_type: String,
    /// `IN_SYNC`, `MODIFIED`, `DELETED`, `NOT_CHECKED`, or what AWS adds.
    pub status: String,
    /// Properties that are not what the template says.
    pub differences: Vec<PropertyDifference>,
}

/// A property that is not what the template says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyDifference {
    /// `ADD`, `REMOVE` or `NOT_EQUAL`.
    pub kind: String,
    /// The property, as a path with `/`.
    pub path: String,
    /// The template's value, as JSON or text.
    pub expected: String,
    /// The value that it has, likewise.
    pub actual: String,
}

pub(super) async fn detect(client: &Client, stack: &str) -> Result<String> {
    const OPERATION: &str = "DetectStackDrift";
    let output = client.detect_stack_drift().stack_name(stack).send().await;
    let id = output.map_err(|error| Error::of(OPERATION, &error))?.stack_drift_detection_id;
    said(id).ok_or_else(|| Error::own(OPERATION, ErrorKind::Unknown, "the answer names no detection"))
}

pub(super) async fn detection(client: &Client, id: &str) -> Result<DriftDetection> {
    let output = client.describe_stack_drift_detection_status().stack_drift_detection_id(id).send().await;
    let output = output.map_err(|error| Error::of("DescribeStackDriftDetectionStatus", &error))?;
    let status = output.detection_status.map(|status| status.as_str().to_owned()).unwrap_or_default();
    Ok(DriftDetection { status, reason: said(output.detection_status_reason) })
}

pub(super) async fn resources(client: &Client, stack: &str) -> Result<Vec<ResourceDrift>> {
    let mut drifts = Vec::new();
    let mut page = None;
    loop {
        let call = client.describe_stack_resource_drifts().stack_name(stack).set_next_token(page);
        let output = call.send().await.map_err(|error| Error::of("DescribeStackResourceDrifts", &error))?;
        drifts.extend(output.stack_resource_drifts.unwrap_or_default().into_iter().map(resource));
        page = said(output.next_token);
        if page.is_none() {
            return Ok(drifts);
        }
    }
}

fn resource(drift: types::StackResourceDrift) -> ResourceDrift {
    let difference = |it: types::PropertyDifference| PropertyDifference {
        kind: it.difference_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        path: it.property_path.unwrap_or_default(),
        expected: it.expected_value.unwrap_or_default(),
        actual: it.actual_value.unwrap_or_default(),
    };
    ResourceDrift {
        logical_id: drift.logical_resource_id.unwrap_or_default(),
        physical_id: said(drift.physical_resource_id),
        resource_type: drift.resource_type.unwrap_or_default(),
        status: drift.stack_resource_drift_status.map(|it| it.as_str().to_owned()).unwrap_or_default(),
        differences: drift.property_differences.unwrap_or_default().into_iter().map(difference).collect(),
    }
}
