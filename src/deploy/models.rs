//! Versions of a model with what they achieved, and the word on one of them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::aws::{self, Cloud, ModelVersion};

/// The largest report that is read.
const MOST_REPORT_BYTES: u64 = 1_000_000;
/// The reports that hold metrics of a model, the first one that is there counts.
const REPORTS: [&str; 2] =
    ["ModelMetrics.ModelQuality.Statistics.S3Uri", "ModelMetrics.ModelDataQuality.Statistics.S3Uri"];

/// A version, and its metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The version.
    pub version: ModelVersion,
    /// Metrics by name, when a report was registered with the version; else why they cannot be told.
    pub metrics: aws::Result<BTreeMap<String, f64>>,
}

/// The newest versions of a group with their metrics; `None` when there is no such group.
///
/// # Errors
/// When the versions cannot be listed.
pub async fn measured<C: Cloud>(cloud: &C, group: &str, most: usize) -> aws::Result<Option<Vec<Measured>>> {
    let Some(versions) = cloud.model_versions(group, most).await? else { return Ok(None) };
    let mut all = Vec::new();
    for version in versions {
        let metrics = metrics(cloud, &version.arn).await;
        all.push(Measured { version, metrics });
    }
    Ok(Some(all))
}

/// The metrics of a version, by name; none when no report was registered with it.
///
/// # Errors
/// When the version or the report cannot be read.
pub async fn metrics<C: Cloud>(cloud: &C, arn: &str) -> aws::Result<BTreeMap<String, f64>> {
    let fields = cloud.model_package(arn).await?.fields;
    let Some(uri) = REPORTS.iter().find_map(|path| fields.get(*path)) else { return Ok(BTreeMap::new()) };
    let text = cloud.small_object(uri, MOST_REPORT_BYTES).await?;
    let report: Value = serde_json::from_str(&text).unwrap_or_default();
    let mut found = BTreeMap::new();
    values(&report, "", &mut found);
    Ok(found)
}

/// Numbers of a report in SageMaker's model-quality form: `{"accuracy": {"value": 0.93, "standard_deviation": …}}`, at
/// any depth; a plain number counts as well.
fn values(report: &Value, name: &str, found: &mut BTreeMap<String, f64>) {
    match report {
        Value::Object(members) => match members.get("value").and_then(Value::as_f64) {
            Some(value) => {
                found.insert(name.to_owned(), value);
            }
            None => members.iter().for_each(|(name, member)| values(member, name, found)),
        },
        Value::Number(number) if !name.is_empty() => {
            found.extend(number.as_f64().map(|value| (name.to_owned(), value)));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_the_values_of_a_report_at_any_depth() {
        let report = serde_json::json!({
            "multiclass_classification_metrics": {
                "accuracy": { "value": 0.93, "standard_deviation": "NaN" },
                "confusion_matrix": { "0": { "0": 4, "1": 1 } },
            },
            "version": "1.0",
        });
        let mut found = BTreeMap::new();
        values(&report, "", &mut found);
        assert!((found["accuracy"] - 0.93).abs() < 1e-12);
        assert_eq!(found.len(), 3, "{found:?}");
    }
}
