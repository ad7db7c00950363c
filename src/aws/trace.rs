//! What a version of a model was made of, as the registry and the execution say.

use std::collections::BTreeMap;

use aws_sdk_sagemaker::types::{ModelApprovalStatus, ModelPackageStatus};
use jiff::Timestamp;

use super::cloudformation::{said, timestamp};
use super::{Aws, Cloud, Error, ErrorKind, Result};

/// A version of a model with everything that it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelDetails {
    /// `Completed` when it was registered whole.
    pub status: String,
    /// `Approved`, `Rejected`, `PendingManualApproval`.
    pub approval: String,
    /// Why it was approved or rejected.
    pub approval_reason: Option<String>,
    /// What its description says.
    pub description: Option<String>,
    /// When it was registered.
    pub created: Option<Timestamp>,
    /// Properties by name.
    pub properties: BTreeMap<String, String>,
    /// The container that serves it: image and artifact.
    pub containers: Vec<(Option<String>, Option<String>)>,
}

/// What smstack asks about the origin of a model.
pub trait Trace: Cloud {
    /// `DescribeModelPackage`, all that it carries.
    fn model_details(&self, arn: &str) -> impl Future<Output = Result<ModelDetails>> + Send;

    /// `ListPipelineParametersForExecution`, all pages: values by name; `None` when there is no such execution any more.
    fn execution_parameters(
        &self,
        arn: &str,
    ) -> impl Future<Output = Result<Option<BTreeMap<String, String>>>> + Send;
}

impl Trace for Aws {
    async fn model_details(&self, arn: &str) -> Result<ModelDetails> {
        let call = self.sagemaker().describe_model_package().model_package_name(arn);
        let output = call.send().await.map_err(|error| Error::of("DescribeModelPackage", &error))?;
        let text = |text: Option<&str>| text.unwrap_or("Unknown").to_owned();
        let containers = output.inference_specification.map(|it| it.containers.unwrap_or_default());
        Ok(ModelDetails {
            status: text(output.model_package_status.as_ref().map(ModelPackageStatus::as_str)),
            approval: text(output.model_approval_status.as_ref().map(ModelApprovalStatus::as_str)),
            approval_reason: said(output.approval_description),
            description: said(output.model_package_description),
            created: output.creation_time.and_then(timestamp),
            properties: output.customer_metadata_properties.into_iter().flatten().collect(),
            containers: containers
                .into_iter()
                .flatten()
                .map(|container| (said(container.image), said(container.model_data_url)))
                .collect(),
        })
    }

    async fn execution_parameters(&self, arn: &str) -> Result<Option<BTreeMap<String, String>>> {
        let mut found = BTreeMap::new();
        let mut page = None;
        loop {
            let call = self.sagemaker().list_pipeline_parameters_for_execution();
            let output = match call.pipeline_execution_arn(arn).set_next_token(page).send().await {
                Ok(output) => output,
                Err(error) => match Error::of("ListPipelineParametersForExecution", &error) {
                    error if error.kind == ErrorKind::NotFound => return Ok(None),
                    error => return Err(error),
                },
            };
            found.extend(
                output
                    .pipeline_parameters
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|parameter| Some((parameter.name?, parameter.value?))),
            );
            page = said(output.next_token);
            if page.is_none() {
                return Ok(Some(found));
            }
        }
    }
}
