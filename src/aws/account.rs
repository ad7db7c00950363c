//! What an account has and may: for whoever looks before anything is made.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::types as cloudformation;
use aws_sdk_ecr::types::ImageIdentifier;

use super::cloudformation::said;
use super::{Error, ErrorKind, Result};

/// Clients of the services that are asked only then.
#[derive(Debug, Clone)]
pub(super) struct Clients {
    pub(super) control: aws_sdk_cloudcontrol::Client,
    pub(super) ecr: aws_sdk_ecr::Client,
    pub(super) quotas: aws_sdk_servicequotas::Client,
}

impl Clients {
    pub(super) fn new(config: &aws_config::SdkConfig) -> Clients {
        Clients {
            control: aws_sdk_cloudcontrol::Client::new(config),
            ecr: aws_sdk_ecr::Client::new(config),
            quotas: aws_sdk_servicequotas::Client::new(config),
        }
    }
}

/// Cloud Control API says of every type by the same call whether a resource is there.
pub(super) async fn has(clients: &Clients, kind: &str, identifier: &str) -> Result<bool> {
    match clients.control.get_resource().type_name(kind).identifier(identifier).send().await {
        Ok(_) => Ok(true),
        Err(error) => {
            let error = Error::of("GetResource", &error);
            let absent = error.code.as_deref() == Some("ResourceNotFoundException");
            if absent { Ok(false) } else { Err(error) }
        }
    }
}

pub(super) async fn has_image(
    clients: &Clients,
    registry: &str,
    repository: &str,
    version: &str,
) -> Result<bool> {
    let image = if version.starts_with("sha256:") {
        ImageIdentifier::builder().image_digest(version)
    } else {
        ImageIdentifier::builder().image_tag(version)
    };
    let call = clients.ecr.describe_images().registry_id(registry).repository_name(repository);
    match call.image_ids(image.build()).send().await {
        Ok(_) => Ok(true),
        Err(error) => {
            let error = Error::of("DescribeImages", &error);
            let absent = ["ImageNotFoundException", "RepositoryNotFoundException"];
            let is_absent = error.code.as_deref().is_some_and(|code| absent.contains(&code));
            if is_absent { Ok(false) } else { Err(error) }
        }
    }
}

pub(super) async fn quotas(clients: &Clients) -> Result<BTreeMap<String, f64>> {
    let mut found = BTreeMap::new();
    let mut page = None;
    loop {
        let call = clients.quotas.list_service_quotas().service_code("sagemaker").max_results(100);
        let output = call.set_next_token(page).send().await;
        let output = output.map_err(|error| Error::of("ListServiceQuotas", &error))?;
        for quota in output.quotas.unwrap_or_default() {
            if let (Some(name), Some(value)) = (quota.quota_name, quota.value) {
                found.insert(name, value);
            }
        }
        page = said(output.next_token);
        if page.is_none() {
            return Ok(found);
        }
    }
}

pub(super) async fn types(client: &aws_sdk_cloudformation::Client, prefix: &str) -> Result<BTreeSet<String>> {
    const OPERATION: &str = "ListTypes";
    let mut found = BTreeSet::new();
    let mut page = None;
    loop {
        let call = client
            .list_types()
            .visibility(cloudformation::Visibility::Public)
            .r#type(cloudformation::RegistryType::Resource)
            .filters(cloudformation::TypeFilters::builder().type_name_prefix(prefix).build());
        let output = call.set_next_token(page).send().await.map_err(|error| Error::of(OPERATION, &error))?;
        found.extend(output.type_summaries.unwrap_or_default().into_iter().filter_map(|it| it.type_name));
        page = said(output.next_token);
        if page.is_none() {
            return if found.is_empty() {
                Err(Error::own(OPERATION, ErrorKind::Unknown, "the answer has no type"))
            } else {
                Ok(found)
            };
        }
    }
}
