//! SageMaker: the newest approved model, and what stacks want to know of it.

use std::collections::BTreeMap;

use aws_sdk_sagemaker::Client;
use aws_sdk_sagemaker::types::{
    DriftCheckBaselines, FileSource, MetricsSource, ModelApprovalStatus, ModelMetrics, ModelPackageSortBy,
    ModelPackageStatus, SortOrder,
};

use super::{Error, ErrorKind, ModelPackage, Result};

pub(super) async fn approved_model(client: &Client, group: &str) -> Result<Option<String>> {
    let mut page = None;
    loop {
        let call = client
            .list_model_packages()
            .model_package_group_name(group)
            .model_approval_status(ModelApprovalStatus::Approved)
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
        // The filter is asked for and checked: not everything that speaks this protocol obeys it. A
        // version can be approved and yet have failed to register; that one cannot be deployed.
        let found = output.model_package_summary_list.unwrap_or_default().into_iter().find(|summary| {
            summary
                .model_approval_status
                .as_ref()
                .is_none_or(|status| *status == ModelApprovalStatus::Approved)
                && summary
                    .model_package_status
                    .as_ref()
                    .is_none_or(|status| *status == ModelPackageStatus::Completed)
        });
        if let Some(arn) = found.and_then(|summary| summary.model_package_arn) {
            return Ok(Some(arn));
        }
        page = output.next_token.filter(|token| !token.is_empty());
        if page.is_none() {
            return Ok(None);
        }
    }
}

pub(super) async fn model_group(client: &Client, name: &str) -> Result<Option<String>> {
    match client.describe_model_package_group().model_package_group_name(name).send().await {
        Ok(output) => Ok(output.model_package_group_arn),
        Err(error) => match Error::of("DescribeModelPackageGroup", &error) {
            error if error.kind == ErrorKind::NotFound => Ok(None),
            error => Err(error),
        },
    }
}

pub(super) async fn model_package(client: &Client, arn: &str) -> Result<ModelPackage> {
    let output = client
        .describe_model_package()
        .model_package_name(arn)
        .send()
        .await
        .map_err(|error| Error::of("DescribeModelPackage", &error))?;
    let mut fields = BTreeMap::new();
    if let Some(metrics) = output.model_metrics() {
        model_metrics(metrics, &mut |path, uri| put(&mut fields, "ModelMetrics", path, uri));
    }
    if let Some(baselines) = output.drift_check_baselines() {
        drift_check_baselines(baselines, &mut |path, uri| put(&mut fields, "DriftCheckBaselines", path, uri));
    }
    Ok(ModelPackage { arn: arn.to_owned(), fields })
}

fn put(fields: &mut BTreeMap<String, String>, top: &str, path: &str, uri: Option<&str>) {
    if let Some(uri) = uri.filter(|uri| !uri.is_empty()) {
        fields.insert(format!("{top}.{path}.S3Uri"), uri.to_owned());
    }
}

/// Every S3 URI of the API shape `ModelMetrics`.
fn model_metrics(metrics: &ModelMetrics, put: &mut dyn FnMut(&str, Option<&str>)) {
    if let Some(quality) = metrics.model_quality() {
        put("ModelQuality.Statistics", uri(quality.statistics()));
        put("ModelQuality.Constraints", uri(quality.constraints()));
    }
    if let Some(quality) = metrics.model_data_quality() {
        put("ModelDataQuality.Statistics", uri(quality.statistics()));
        put("ModelDataQuality.Constraints", uri(quality.constraints()));
    }
    if let Some(bias) = metrics.bias() {
        put("Bias.Report", uri(bias.report()));
        put("Bias.PreTrainingReport", uri(bias.pre_training_report()));
        put("Bias.PostTrainingReport", uri(bias.post_training_report()));
    }
    if let Some(explainability) = metrics.explainability() {
        put("Explainability.Report", uri(explainability.report()));
    }
}

/// Every S3 URI of the API shape `DriftCheckBaselines`.
fn drift_check_baselines(baselines: &DriftCheckBaselines, put: &mut dyn FnMut(&str, Option<&str>)) {
    if let Some(bias) = baselines.bias() {
        put("Bias.ConfigFile", file(bias.config_file()));
        put("Bias.PreTrainingConstraints", uri(bias.pre_training_constraints()));
        put("Bias.PostTrainingConstraints", uri(bias.post_training_constraints()));
    }
    if let Some(explainability) = baselines.explainability() {
        put("Explainability.Constraints", uri(explainability.constraints()));
        put("Explainability.ConfigFile", file(explainability.config_file()));
    }
    if let Some(quality) = baselines.model_quality() {
        put("ModelQuality.Statistics", uri(quality.statistics()));
        put("ModelQuality.Constraints", uri(quality.constraints()));
    }
    if let Some(quality) = baselines.model_data_quality() {
        put("ModelDataQuality.Statistics", uri(quality.statistics()));
        put("ModelDataQuality.Constraints", uri(quality.constraints()));
    }
}

fn uri(source: Option<&MetricsSource>) -> Option<&str> {
    source.and_then(MetricsSource::s3_uri)
}

fn file(source: Option<&FileSource>) -> Option<&str> {
    source.and_then(FileSource::s3_uri)
}
