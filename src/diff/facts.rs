//! What the fact tables say of a resource, asked the way a comparison needs it.

use serde_json::Value;

use crate::tables::{self, Replacement};

/// What a change of a property does, by its keys within `Properties`; none for a type that the tables do not have.
pub(super) fn replacement(resource_type: &str, keys: &[String]) -> Option<Replacement> {
    tables::replacement(resource_type, &keys.join("."))
}

/// Whether what runs behind a resource decides what a change does: a Lambda function, mostly.
pub(super) fn is_custom(resource_type: &str) -> bool {
    resource_type == "AWS::CloudFormation::CustomResource" || resource_type.starts_with("Custom::")
}

/// Whether any attribute may have another value after an update: a custom resource answers anew, a nested stack has
/// new outputs, an unknown type may do anything.
pub(super) fn answers_anew(resource_type: &str) -> bool {
    resource_type == "AWS::CloudFormation::Stack"
        || is_custom(resource_type)
        || tables::resource(resource_type).is_none()
}

/// Whether a policy of a resource keeps what is deleted or replaced, or a snapshot of it.
pub(super) fn is_kept(resource: &Value, attribute: &str) -> bool {
    let policy = resource.get(attribute).and_then(Value::as_str);
    matches!(policy, Some("Retain" | "RetainExceptOnCreate" | "Snapshot"))
}

/// The properties that name a resource of that type in its account: no two may have the same, also while one
/// replaces the other. Told by the name: the tables do not say it.
pub(super) fn naming(resource_type: &str) -> Vec<&'static str> {
    let Some(facts) = tables::resource(resource_type) else { return Vec::new() };
    let kind = resource_type.rsplit("::").next().unwrap_or_default();
    let names = |property: &&str| {
        !property.contains('.') && property.strip_suffix("Name").is_some_and(|stem| kind.contains(stem))
    };
    facts.create_only.iter().copied().filter(names).collect()
}

/// The name that a template gives a resource; none when CloudFormation makes one up.
pub(super) fn given_name<'a>(resource_type: &str, resource: &'a Value) -> Option<(&'static str, &'a Value)> {
    let properties = resource.get("Properties")?;
    naming(resource_type).into_iter().find_map(|name| {
        let value =
            properties.get(name).filter(|value| !value.is_null() && value["Ref"] != "AWS::NoValue")?;
        Some((name, value))
    })
}

/// Whether deleting a resource loses data.
pub(super) fn is_stateful(resource_type: &str) -> bool {
    tables::resource(resource_type).is_some_and(|facts| facts.stateful)
}

/// The type of a resource; empty when it names none.
pub(super) fn type_of(resource: &Value) -> &str {
    resource.get("Type").and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_other_properties() {
        for (kind, expected) in [
            ("SageMaker::Endpoint", vec!["EndpointName"]),
            ("SageMaker::EndpointConfig", vec!["EndpointConfigName"]),
            ("SageMaker::FeatureGroup", vec!["FeatureGroupName"]),
            ("SageMaker::DataQualityJobDefinition", vec!["JobDefinitionName"]),
            ("CloudWatch::CompositeAlarm", vec!["AlarmName"]),
            ("Events::Rule", vec!["Name"]),
            ("IAM::ManagedPolicy", vec!["ManagedPolicyName"]),
            ("Lambda::Permission", vec![]),
            ("S3::Bucket", vec!["BucketName"]),
            ("SNS::Subscription", vec![]),
        ] {
            assert_eq!(naming(&format!("AWS::{kind}")), expected, "{kind}");
        }
    }
}
