//! What CloudFormation lets each property of a resource type hold.
//!
//! Source: the resource provider schemas as cfn-lint ships them, with what cfn-lint's own rules refuse
//! besides. A row is parsed when its type is first asked.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::rows::Rows;
use super::shape::Shape;

/// The properties of one resource type.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'static"))]
pub struct TypeSchema {
    /// The shape of `Properties`: an object.
    pub root: Shape,
    /// The shapes that others refer to by name; they may refer to themselves.
    #[serde(default)]
    pub shapes: BTreeMap<&'static str, Shape>,
}

impl TypeSchema {
    /// The shape of that name.
    pub fn shape(&self, name: &str) -> Option<&Shape> {
        self.shapes.get(name)
    }

    /// The shape that holds in place of one that only refers to another: references are followed, and the
    /// shape itself returned where there is none.
    pub fn resolve<'a>(&'a self, shape: &'a Shape) -> &'a Shape {
        let mut at = shape;
        // A chain of references is no longer than there are shapes.
        for _ in 0..=self.shapes.len() {
            match at.reference.and_then(|name| self.shape(name)) {
                Some(next) => at = next,
                None => break,
            }
        }
        at
    }

    /// The shape of a property by its dotted path, list items being `*` or an index; none where the path
    /// leads nowhere.
    pub fn at(&self, path: &str) -> Option<&Shape> {
        path.split('.').try_fold(&self.root, |shape, segment| {
            let shape = self.resolve(shape);
            let is_item = segment == "*" || segment.bytes().all(|byte| byte.is_ascii_digit());
            shape.item.as_deref().filter(|_| is_item).or_else(|| shape.property(segment))
        })
    }
}

/// The properties of a resource type; none for a type that the table does not have.
pub fn properties(resource_type: &str) -> Option<&'static TypeSchema> {
    TABLE.get(resource_type)
}

/// The resource types whose properties are known.
pub fn described_types() -> impl Iterator<Item = &'static str> {
    TABLE.keys()
}

static TABLE: Rows<TypeSchema> = Rows::new(TEXT);
const TEXT: &str = include_str!("../../schemas/aws/properties.json");

#[cfg(test)]
pub(super) fn sources() -> super::Sources {
    super::rows::sources(TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{self, JobKind, Kind, Limits};

    fn every_shape(schema: &'static TypeSchema) -> Vec<&'static Shape> {
        let mut all: Vec<_> = schema.shapes.values().chain([&schema.root]).collect();
        let mut next = 0;
        while let Some(shape) = all.get(next) {
            all.extend(shape.parts());
            next += 1;
        }
        all
    }

    #[test]
    fn every_row_parses_and_every_reference_resolves() {
        TABLE.check(TEXT);
        for name in described_types() {
            let schema = properties(name).expect(name);
            for shape in every_shape(schema) {
                assert!(shape.reference.is_none_or(|it| schema.shape(it).is_some()), "{name}: {shape:?}");
                for missing in &shape.required {
                    let properties = shape.properties.as_ref().filter(|_| shape.is_closed());
                    assert!(properties.is_none_or(|it| it.contains_key(missing)), "{name}: {missing}");
                }
            }
        }
    }

    #[test]
    fn every_pattern_compiles_but_these() {
        let patterns: BTreeMap<_, _> = described_types()
            .flat_map(|name| every_shape(properties(name).expect(name)))
            .flat_map(|shape| shape.pattern.iter().chain(shape.by_pattern.iter().map(|(key, _)| key)))
            .map(|pattern| (pattern.text(), pattern))
            .collect();
        let not: Vec<_> =
            patterns.into_iter().filter(|(_, it)| it.matches("").is_none()).map(|(text, _)| text).collect();
        // Too big once compiled, the halves of UTF-16 out of order, or with a slip in a class.
        let expected = [
            r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDBFF-\uDC00\uDFFF\r\n\t]*",
            r"^(?:[\p{L}\p{M}\p{Z}\p{N}\p{P}]{0,1024})$",
            r"^([a-z,A-Z,0-9,. _\-:/()#,@[\]+=&;\{\}!$*])*$",
            r"^(\/|(\/(?!\.)+[^$#<>;`|&?{}^*/\n]+){1,4})$",
            r"^arn:aws[a-z0-9-]*:iam::\d{12}:role/[\w-/.@+=,]{1,1017}$",
        ];
        assert_eq!(not, expected);
    }

    #[test]
    fn the_facts_of_a_type_are_about_its_properties() {
        for name in described_types() {
            let (schema, facts) = (properties(name).expect(name), tables::resource(name).expect(name));
            for path in facts.attributes.iter().filter(|path| !path.contains('*')).chain(&facts.reference) {
                assert!(schema.at(path).is_some(), "{name}: {path}");
            }
        }
        assert!(described_types().eq(tables::resource_types()));
    }

    fn at(kind: &str, path: &str) -> &'static Shape {
        let schema = properties(&format!("AWS::{kind}")).expect(kind);
        schema.resolve(schema.at(path).expect(path))
    }

    #[test]
    fn what_is_well_known() {
        let variants = at("SageMaker::EndpointConfig", "ProductionVariants");
        assert_eq!(*variants.kinds, [Kind::Array]);
        let variant = at("SageMaker::EndpointConfig", "ProductionVariants.0");
        assert!(variant.is_closed() && variant.required.contains(&"VariantName"));
        assert_eq!(at("SageMaker::ModelPackage", "ModelApprovalStatus").values.len(), 3);
        assert!(at("Lambda::Function", "MemorySize").kinds.take(Kind::Integer));
        assert_eq!(at("SageMaker::FeatureGroup", "FeatureDefinitions").count.max(), Some(2500.0));
        assert_eq!(
            at("SageMaker::ModelPackageGroup", "ModelPackageGroupName").length,
            Limits(Some(1.0), Some(63.0))
        );
        let instance = at("SageMaker::EndpointConfig", "ProductionVariants.0.InstanceType");
        assert_eq!((instance.instance_types_of(), instance.values.len()), (Some(JobKind::Endpoint), 0));
        assert_eq!(at("S3::Bucket", "Tags.0").instance_types_of(), None);
        assert!(properties("Custom::Thing").is_none());
        assert!(properties("AWS::S3::Bucket").is_some_and(|it| it.at("Nothing.AtAll").is_none()));
    }
}
