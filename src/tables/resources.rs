//! How CloudFormation treats the properties of each resource type.
//!
//! Source: the resource provider schemas as cfn-lint ships them.

use serde::Deserialize;

use super::rows::Rows;

/// The facts of one resource type. Property paths are dotted, `*` being the items of a list.
#[derive(Debug, Deserialize)]
pub struct Resource {
    /// The properties without which it cannot be created.
    #[serde(default)]
    pub required: Vec<&'static str>,
    /// The properties whose change replaces the resource.
    #[serde(default)]
    pub create_only: Vec<&'static str>,
    /// The properties whose change may replace it.
    #[serde(default)]
    pub conditional: Vec<&'static str>,
    /// What only `Fn::GetAtt` can read.
    #[serde(default)]
    pub read_only: Vec<&'static str>,
    /// What AWS never gives back: drift cannot see it.
    #[serde(default)]
    pub write_only: Vec<&'static str>,
    /// The property whose value `Ref` gives; none where it is made of several.
    #[serde(rename = "ref")]
    pub reference: Option<&'static str>,
    /// What `Fn::GetAtt` can read, dotted; [`Resource::has_attribute`] asks.
    #[serde(default)]
    pub attributes: Vec<&'static str>,
    /// Where its tags go; none for a type that takes none.
    pub tags: Option<Tags>,
    /// Whether deleting it loses data.
    #[serde(default)]
    pub stateful: bool,
}

impl Resource {
    /// Whether `Fn::GetAtt` can read that attribute. Of what type it is, the shape at the same path says:
    /// [`super::TypeSchema::at`].
    pub fn has_attribute(&self, name: &str) -> bool {
        self.attributes.iter().any(|attribute| match attribute.strip_suffix('*') {
            // `Outputs.*` of a nested stack, `*` of a custom resource.
            Some(prefix) => name.len() > prefix.len() && name.starts_with(prefix),
            None => *attribute == name,
        })
    }
}

/// Where and how a resource type takes its tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Tags {
    /// The property's name.
    pub property: &'static str,
    /// The property's form.
    pub form: TagForm,
}

/// How tags are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TagForm {
    /// `[{ "Key": …, "Value": … }]`
    List,
    /// `{ key: value }`
    Map,
}

/// What a change of a property does to the resource, gentlest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Replacement {
    /// It is updated where it is.
    Never,
    /// It may be replaced: it depends on the values, or on the part of the property that changes.
    Conditional,
    /// It is replaced.
    Always,
}

/// The facts of a resource type; none for one that the table does not have.
pub fn resource(resource_type: &str) -> Option<&'static Resource> {
    TABLE.get(resource_type)
}

/// The resource types of the table.
pub fn resource_types() -> impl Iterator<Item = &'static str> {
    TABLE.keys()
}

/// What the change of a property, by its dotted path, does to a resource; none for a type that the table
/// does not have. List items are `*` or an index.
pub fn replacement(resource_type: &str, property: &str) -> Option<Replacement> {
    let facts = resource(resource_type)?;
    let always = facts.create_only.iter().map(|path| match overlap(path, property) {
        Overlap::None => Replacement::Never,
        Overlap::Whole => Replacement::Always,
        Overlap::Part => Replacement::Conditional,
    });
    let conditional = facts.conditional.iter().map(|path| match overlap(path, property) {
        Overlap::None => Replacement::Never,
        Overlap::Whole | Overlap::Part => Replacement::Conditional,
    });
    Some(always.chain(conditional).max().unwrap_or(Replacement::Never))
}

enum Overlap {
    /// The property is another.
    None,
    /// The property is the path, or beneath it.
    Whole,
    /// The path is beneath the property.
    Part,
}

fn overlap(path: &str, property: &str) -> Overlap {
    let (mut path, mut property) = (path.split('.'), property.split('.'));
    loop {
        match (path.next(), property.next()) {
            (None, _) => return Overlap::Whole,
            (Some(_), None) => return Overlap::Part,
            (Some(a), Some(b)) if a == b || a == "*" || b == "*" => {}
            (Some(_), Some(_)) => return Overlap::None,
        }
    }
}

static TABLE: Rows<Resource> = Rows::new(TEXT);
const TEXT: &str = include_str!("../../schemas/aws/resources.json");

#[cfg(test)]
pub(super) fn sources() -> super::Sources {
    super::rows::sources(TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `SageMaker::Endpoint.EndpointName` → what its change does.
    fn check(property: &str, expected: Replacement) {
        let (kind, path) = property.split_once('.').expect("a type and a property");
        assert_eq!(replacement(&format!("AWS::{kind}"), path), Some(expected), "{property}");
    }

    #[test]
    fn replacement_by_property() {
        check("SageMaker::Endpoint.EndpointName", Replacement::Always);
        check("SageMaker::Endpoint.EndpointConfigName", Replacement::Never);
        check("SageMaker::ModelPackageGroup.ModelPackageGroupDescription", Replacement::Always);
        check("SageMaker::DataQualityJobDefinition.Tags", Replacement::Always);
        check("SageMaker::EndpointConfig.ProductionVariants.0.InitialInstanceCount", Replacement::Always);
        check("SageMaker::EndpointConfig.Tags", Replacement::Never);
        check("SageMaker::FeatureGroup.OnlineStoreConfig", Replacement::Conditional);
        check("SageMaker::FeatureGroup.OnlineStoreConfig.StorageType", Replacement::Always);
        check("SageMaker::FeatureGroup.OnlineStoreConfig.TtlDuration", Replacement::Never);
        check("SageMaker::Domain.VpcId", Replacement::Conditional);
        check("S3::Bucket.BucketName", Replacement::Always);
        assert_eq!(replacement("Custom::Thing", "Name"), None);
    }

    #[test]
    fn what_references_give() {
        let check = |kind: &str, reference: Option<&str>, has: &[&str], has_not: &[&str]| {
            let facts = resource(&format!("AWS::{kind}")).expect(kind);
            assert_eq!(facts.reference, reference, "{kind}");
            assert!(has.iter().all(|it| facts.has_attribute(it)), "{kind}: {:?}", facts.attributes);
            assert!(!has_not.iter().any(|it| facts.has_attribute(it)), "{kind}: {:?}", facts.attributes);
        };
        check("SageMaker::Endpoint", Some("EndpointArn"), &["EndpointName"], &["Arn", "EndpointConfigName"]);
        check("SageMaker::Pipeline", Some("PipelineName"), &[], &["PipelineArn", "Arn"]);
        check("S3::Bucket", Some("BucketName"), &["Arn", "DomainName"], &["BucketName", ""]);
        check("Events::Rule", Some("RuleName"), &["Arn"], &[]);
        check("SageMaker::UserProfile", None, &["UserProfileArn"], &[]);
        check("CloudFormation::Stack", Some("StackId"), &["Outputs.Any"], &["Outputs.", "Any"]);
        check("CloudFormation::CustomResource", Some("Id"), &["Anything", "Deep.Down"], &[]);
        check("EC2::VPC", Some("VpcId"), &["CidrBlock", "VpcEncryptionControl.Mode"], &["Cidr"]);
    }

    #[test]
    fn tags_and_data() {
        TABLE.check(TEXT);
        let tags = |kind| resource(kind).expect(kind).tags.map(|tags| tags.form);
        assert_eq!(tags("AWS::SageMaker::Pipeline"), Some(TagForm::List));
        assert_eq!(tags("AWS::SSM::Parameter"), Some(TagForm::Map));
        assert_eq!(tags("AWS::SageMaker::InferenceComponent"), Some(TagForm::List));
        assert_eq!(tags("AWS::SNS::TopicPolicy"), None);
        let stateful: Vec<_> =
            resource_types().filter(|kind| resource(kind).is_some_and(|it| it.stateful)).collect();
        assert!(
            stateful.contains(&"AWS::S3::Bucket") && stateful.contains(&"AWS::SageMaker::ModelPackageGroup")
        );
        assert!(!stateful.contains(&"AWS::SageMaker::Endpoint"));
    }
}
