//! The model of a batch transform: what makes it, and what its role needs.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _};

use super::super::jobs::{self, ImageChoice, as_text};
use super::super::{Export, Image, Model, Reference, Role, Scope, Text, grants, places, serving};
use crate::cfn::{Expr, Map, Statement, Value, json};
use crate::tables::{self, Accelerator, Purpose};

/// The model of a batch transform.
#[derive(Debug, Clone, PartialEq)]
pub enum TransformModel {
    /// A model that the same pipeline trains.
    Trained(Reference),
    /// A registered version.
    Version(ModelVersion),
    /// An archive, and the image that serves it.
    Archive(ModelArchive),
}

/// A registered version of a model.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelVersion {
    /// The model package group.
    pub group: String,
    /// The version's number, such as `3`, or a pipeline parameter that holds it: `${parameters.version}`.
    pub version: Text,
}

/// A model given by its archive and the image that serves it.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelArchive {
    /// The container image.
    pub image: ImageChoice,
    /// The archive (`…/model.tar.gz`) as an S3 URI, which may begin with a bucket of the lake,
    /// `s3://${artifacts}/…`, or with a step's output, `${prepare.model}/…`.
    pub data: Text,
}

impl TransformModel {
    /// `Arguments` of the step that makes the model. What is not there is refused where it is named.
    pub(super) fn arguments(&self, instance: &str, isolated: bool, scope: &Scope<'_>) -> Value {
        let mut request = Map::new();
        request.insert("ExecutionRoleArn", Role::Transform.arn().to_value());
        request.insert("PrimaryContainer", Value::Object(self.container(instance, scope)));
        if let Some(vpc) = jobs::vpc(scope) {
            request.insert("VpcConfig", vpc);
        }
        if isolated {
            request.insert("EnableNetworkIsolation", json!(true));
        }
        request.insert("Tags", Value::Array(scope.run_time_tags()));
        Value::Object(request)
    }

    fn container(&self, instance: &str, scope: &Scope<'_>) -> Map {
        let mut container = Map::new();
        match self {
            TransformModel::Trained(reference) => {
                let Some(model) = scope.model(reference.as_str()) else { return container };
                if let Some(image) = serving_image(model, instance) {
                    container.insert("Image", image.uri.to_value());
                }
                container.insert("ModelDataUrl", model.data.to_value());
                if !model.environment.is_empty() {
                    container.insert("Environment", json!(&model.environment));
                }
            }
            TransformModel::Version(version) => {
                let Some(Export::Group { name, .. }) = scope.export(&version.group) else { return container };
                // SageMaker writes names in ARNs in lower case.
                let head = Expr::text(format!("model-package/{}/", name.to_lowercase()));
                let number = scope.text(&version.version);
                let arn = Expr::regional_arn("sagemaker", [head, number]);
                container.insert("ModelPackageName", arn.to_value());
            }
            TransformModel::Archive(archive) => {
                if let Some((image, _)) = archive.image.resolve(Purpose::Inference, instance, scope) {
                    container.insert("Image", image.uri.to_value());
                }
                let uri = match places::object(&archive.data, scope) {
                    Some(data) => data.uri,
                    None => as_text(&scope.text(&archive.data)), // a place that is not known is refused
                };
                container.insert("ModelDataUrl", uri.to_value());
            }
        }
        container
    }

    /// What the model's role needs for its archive and its image.
    pub(super) fn needs(&self, instance: &str, scope: &Scope<'_>) -> Vec<Statement> {
        let mut statements = Vec::new();
        match self {
            TransformModel::Trained(reference) => {
                if let Some(model) = scope.model(reference.as_str()) {
                    statements.extend(grants::read(&model.place));
                    statements.extend(grants::pull(serving_image(model, instance)));
                }
            }
            TransformModel::Version(_) => {
                // Any model of this stack can be registered, and the version names its own image.
                for export in scope.exports.iter().flat_map(|(_, offers)| offers.values()) {
                    if let Export::Model(model) = export {
                        statements.extend(grants::read(&model.place));
                    }
                }
                statements.extend(serving::pull(""));
            }
            TransformModel::Archive(archive) => {
                statements.extend(places::object(&archive.data, scope).iter().flat_map(grants::read));
                if let Some((image, _)) = archive.image.resolve(Purpose::Inference, instance, scope) {
                    statements.extend(grants::pull([&image]));
                }
            }
        }
        statements
    }

    /// What the pipeline's role needs beside making the model.
    pub(super) fn pipeline_needs(&self, scope: &Scope<'_>) -> Vec<Statement> {
        let TransformModel::Version(version) = self else { return Vec::new() };
        let Some(Export::Group { name, .. }) = scope.export(&version.group) else { return Vec::new() };
        let versions = serving::sagemaker("model-package", &format!("{name}/*"));
        vec![Statement::allow("ReadModelVersions", ["sagemaker:DescribeModelPackage"], versions)]
    }
}

/// The image that serves a trained model on an instance type, where the framework has one. An image of one's own is
/// for whatever it is given.
pub(super) fn serving_image<'m>(model: &'m Model, instance: &str) -> Option<&'m Image> {
    match tables::accelerator(instance) {
        Accelerator::Gpu => model.gpu_image.as_ref(),
        Accelerator::Cpu => model.image.as_ref(),
        Accelerator::Arm | Accelerator::Neuron => model.image.as_ref().filter(|_| model.framework.is_none()),
    }
}

impl<'de> Deserialize<'de> for TransformModel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TransformModel, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(name) => Ok(TransformModel::Trained(Reference::from(name.as_str()))),
            long @ serde_json::Value::Object(_)
                if long.get("group").is_some() || long.get("version").is_some() =>
            {
                decode(long).map(TransformModel::Version).map_err(D::Error::custom)
            }
            long @ serde_json::Value::Object(_) => {
                decode(long).map(TransformModel::Archive).map_err(D::Error::custom)
            }
            _ => Err(D::Error::custom(
                "a model is the name of a trained one, or a mapping with `group` and `version`, or with `image` and `data`",
            )),
        }
    }
}

impl JsonSchema for TransformModel {
    fn schema_name() -> Cow<'static, str> {
        "TransformModel".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let name = generator.subschema_for::<Reference>();
        let version = generator.subschema_for::<ModelVersion>();
        let archive = generator.subschema_for::<ModelArchive>();
        json_schema!({
            "description": "a trained model (`<training>.model`, `<tuning>.best_model`), a version of a group, or a model given by image and archive",
            "oneOf": [name, version, archive],
        })
    }
}

fn decode<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}
