//! The models that variants serve: the approved version of a registered one, an archive with the image that serves it,
//! or many archives under a prefix.
//!
//! Sources: <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html>,
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/create-multi-model-endpoint.html>.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde_json::Value;

use super::VariantSection;
use crate::cfn::{Expr, LogicalId, Map, ParameterSource, json};
use crate::constructs::jobs::{Brief, ImageChoice};
use crate::constructs::{Data, Export, Image, Reference, Rendering, Scope, Text, This, places, serving};
use crate::diag::{Code, Issue, Pointer, or_list};
use crate::rules::serving::{self as rules, Excluded};
use crate::tables::Purpose;

/// Where archives lie in a bucket of the lake: where the training jobs of the stack put theirs.
const MODELS: &str = "models";
/// An instance type whose images serve serverless variants.
const SERVERLESS: &str = "ml.m5.large";

/// What a variant serves: a registered model by name, or a literal one.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelChoice {
    /// `<group>.approved`.
    Registered(Reference),
    /// An image and an archive.
    Artifact(ArtifactModel),
    /// An image and many archives.
    Many(ManyModels),
}

/// A model given by its container image and archive.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArtifactModel {
    /// The container image: a URI in the endpoint's region, or `{ framework: …, version: … }` for one of AWS's.
    pub image: Brief<ImageChoice>,
    /// S3 URI of the archive (`model.tar.gz`), in the endpoint's region; it may begin with a bucket of the lake,
    /// `s3://${artifacts}/…`.
    #[serde(default)]
    pub data: Option<Text>,
}

/// Many models in one container: each request names its archive, relative to the prefix, as `TargetModel`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManyModels {
    /// The container image: a URI in the endpoint's region, or `{ framework: …, version: … }` for one of AWS's.
    pub image: Brief<ImageChoice>,
    /// The prefix under which the archives lie: a bucket of the lake (below `<stack>-<env>/models/`, where training
    /// jobs put theirs), data of the lake, or an S3 URI, which may begin with a bucket, `s3://${artifacts}/…`.
    pub models: Text,
    /// Whether models stay in memory after a request; `false` for many that are seldom asked. Default: true.
    #[serde(default = "yes")]
    pub cache: bool,
}

impl ManyModels {
    /// The prefix, `/` at its end; `None` when only an execution knows it, or it is none.
    fn place(&self, scope: &Scope<'_>) -> Option<Data> {
        let place = match &self.models {
            Text::Literal(Value::String(name)) => {
                serving::place(scope, &Reference::from(name.as_str()), MODELS)?
            }
            text => places::object(text, scope).filter(|place| !place.uri.is_runtime())?,
        };
        let closed = ends_in_slash(&place.uri);
        let uri = if closed { place.uri } else { Expr::concat([place.uri, Expr::text("/")]) };
        let whole = place.prefix.is_empty() || place.prefix.ends_with('/');
        let prefix = if whole { place.prefix } else { format!("{}/", place.prefix) };
        Some(Data { uri, prefix, ..place })
    }
}

fn ends_in_slash(uri: &Expr) -> bool {
    match uri {
        Expr::Concat(parts) => parts.last().is_some_and(ends_in_slash),
        other => other.known_text().is_some_and(|text| text.ends_with('/')),
    }
}

/// The archive, where it is known before an execution.
fn archive(data: &Text, scope: &Scope<'_>) -> Option<Data> {
    places::object(data, scope).filter(|place| !place.uri.is_runtime())
}

impl VariantSection {
    /// The image of its model, where the stack file chooses one.
    fn image(&self, choice: &Brief<ImageChoice>, scope: &Scope<'_>) -> Option<Image> {
        let instance = self.instance.as_deref().unwrap_or(SERVERLESS);
        choice.0.resolve(Purpose::Inference, instance, scope).map(|(image, _)| image)
    }

    /// Its container; the environment beside.
    pub(super) fn container(&self, this: &This, name: &str, scope: &Scope<'_>, out: &mut Rendering) -> Map {
        let mut container = Map::new();
        let carried = LogicalId::new([this.name.as_str(), name, "ModelUri"]);
        match &self.model {
            // The container, its data and its environment come from the model package.
            ModelChoice::Registered(reference) => {
                if let Some(Export::ApprovedModel { group, parameter }) = scope.export(reference.as_str()) {
                    let source = ParameterSource::ApprovedModel { group: group.clone() };
                    let description = format!("ARN of the approved version of {group}");
                    let package = out.serving.parameter(parameter, &description, source);
                    container.insert("ModelPackageName", package.to_value());
                }
            }
            ModelChoice::Artifact(artifact) => {
                let image = self.image(&artifact.image, scope);
                container.insert("Image", json!(image.map(|image| image.uri)));
                if let Some(place) = artifact.data.as_ref().and_then(|data| archive(data, scope)) {
                    let uri = serving::carry(&place.uri, carried.as_str(), "Archive of the model", out);
                    container.insert("ModelDataUrl", uri.to_value());
                }
            }
            ModelChoice::Many(many) => {
                let image = self.image(&many.image, scope);
                container.insert("Image", json!(image.map(|image| image.uri)));
                container.insert("Mode", json!("MultiModel"));
                if let Some(place) = many.place(scope) {
                    let uri = serving::carry(&place.uri, carried.as_str(), "Where the models lie", out);
                    container.insert("ModelDataUrl", uri.to_value());
                }
                if !many.cache {
                    let setting = json!({ "ModelCacheSetting": "Disabled" });
                    container.insert("MultiModelConfig", setting);
                }
            }
        }
        container
    }

    /// The repository of its image. The approved version names its own image, in AWS's account or any other.
    pub(super) fn repository(&self, scope: &Scope<'_>) -> Expr {
        let image = match &self.model {
            ModelChoice::Registered(_) => None,
            ModelChoice::Artifact(ArtifactModel { image, .. })
            | ModelChoice::Many(ManyModels { image, .. }) => self.image(image, scope),
        };
        image.map_or_else(|| serving::repository(""), |image| image.repository_arn)
    }

    /// What it reads that no construct of this stack offers as a trained model.
    pub(super) fn model_place(&self, scope: &Scope<'_>) -> Option<Data> {
        match &self.model {
            ModelChoice::Registered(_) => None,
            ModelChoice::Artifact(artifact) => archive(artifact.data.as_ref()?, scope),
            ModelChoice::Many(many) => many.place(scope),
        }
    }

    pub(super) fn check_model<'a>(&'a self, pointer: &Pointer, scope: &Scope<'a>, issues: &mut Vec<Issue>) {
        let at = pointer.key("model");
        match &self.model {
            ModelChoice::Registered(reference) => check_registered(reference.as_str(), &at, scope, issues),
            ModelChoice::Artifact(artifact) => {
                self.check_image(&artifact.image, &at, scope, issues);
                if let Some(data) = &artifact.data {
                    check_archive(data, &at.key("data"), scope, issues);
                }
            }
            ModelChoice::Many(many) => {
                self.check_image(&many.image, &at, scope, issues);
                self.check_many(many, &at, pointer, issues);
                check_prefix(many, &at.key("models"), scope, issues);
            }
        }
    }

    fn check_image(
        &self,
        image: &Brief<ImageChoice>,
        pointer: &Pointer,
        scope: &Scope<'_>,
        issues: &mut Vec<Issue>,
    ) {
        let instance = self.instance.as_deref().unwrap_or(SERVERLESS);
        let (at, before) = (pointer.key("image"), issues.len());
        image.0.check(Purpose::Inference, instance, scope, &at, issues);
        // The URI may stand there by itself.
        for issue in &mut issues[before..] {
            if image.0.framework.is_none() && issue.pointer == at.key("uri") {
                issue.pointer = at.clone();
            }
        }
    }

    /// What many models in one container do not go with.
    fn check_many(&self, many: &ManyModels, model: &Pointer, variant: &Pointer, issues: &mut Vec<Issue>) {
        if self.serverless.is_some() {
            issues.push(
                Issue::new(
                    Code::ServerlessExcluded,
                    model.key("models"),
                    format!("serverless variants do not support {}", Excluded::ManyModels.said()),
                )
                .on_key()
                .also(variant.key("serverless"), "serverless here")
                .help("give the variant an `instance` instead of `serverless`, or one model"),
            );
        }
        let framework = many.image.0.framework.as_deref();
        if let Some(framework) = framework.filter(|framework| !rules::takes_many_models(framework)) {
            let message = format!("AWS's images for `{framework}` serve one model");
            issues.push(
                Issue::new(Code::MultiModelExcluded, model.key("image").key("framework"), message)
                    .label("not for many models")
                    .help(format!("images that do are those for {}", or_list(rules::MANY_MODELS)))
                    .help("or build one with the SageMaker inference toolkit, and give its `uri`"),
            );
        }
        let Some(instance) = &self.instance else { return };
        if let Some(why) = rules::many_models_excluded(instance, framework.is_some()) {
            let issue = Issue::new(Code::MultiModelExcluded, variant.key("instance"), why)
                .label("not for many models")
                .also(model.key("models"), "many models here");
            issues.push(issue.help(
                "take an instance type without an accelerator, or an image of the Triton Inference Server on one GPU",
            ));
        }
    }
}

fn check_registered<'a>(name: &'a str, at: &Pointer, scope: &Scope<'a>, issues: &mut Vec<Issue>) {
    let new = |message| Issue::new(Code::UnregisteredModel, at.clone(), message);
    match scope.export(name) {
        Some(Export::ApprovedModel { .. }) => {}
        Some(Export::Model(_)) => issues.push(
            new(format!("`{name}` exists only while the pipeline runs"))
                .label("not a registered model")
                .note("an endpoint serves a version that was registered and approved, so that it can be traced and rolled back")
                .help("register it in the pipeline (`register: { model: …, group: … }`), and serve `<group>.approved`"),
        ),
        Some(Export::Group { .. }) => issues.push(
            new(format!("`{name}` is a group of versions"))
                .fix(format!("{name}.approved"), format!("serve the approved version: `{name}.approved`")),
        ),
        _ => {
            let fits = |export: &Export| matches!(export, Export::ApprovedModel { .. });
            scope.check_reference(name, "an approved model", at, fits, issues);
        }
    }
}

fn check_archive<'a>(data: &'a Text, at: &Pointer, scope: &Scope<'a>, issues: &mut Vec<Issue>) {
    scope.check_text(data, at, issues);
    let resolves = data.references().all(|path| scope.value(path).is_some());
    if resolves && archive(data, scope).is_none() {
        let shown = data.literal().map_or_else(|| "this".to_owned(), |value| format!("`{}`", said(value)));
        issues.push(
            Issue::new(Code::WrongForm, at.clone(), format!("{shown} is not an S3 URI"))
                .help("write `s3://<bucket>/<key>`; a model of this stack is served as `<group>.approved`"),
        );
    }
}

fn said(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn check_prefix<'a>(many: &'a ManyModels, at: &Pointer, scope: &Scope<'a>, issues: &mut Vec<Issue>) {
    let Text::Literal(value) = &many.models else {
        scope.check_text(&many.models, at, issues);
        let resolves = many.models.references().all(|path| scope.value(path).is_some());
        if resolves && many.place(scope).is_none() {
            issues.push(
                Issue::new(Code::WrongForm, at.clone(), "this is no fixed prefix in S3")
                    .help("begin with a bucket of the lake, `s3://${<bucket>}/…`"),
            );
        }
        return;
    };
    let name = said(value);
    if rules::is_one_model(&name) {
        issues.push(
            Issue::new(Code::WrongForm, at.clone(), "many models are wanted here, and this is one")
                .label("an archive, and no prefix")
                .help("name the prefix under which all of the models lie, or give one model by `data`"),
        );
        return;
    }
    let place = many.place(scope);
    if place.as_ref().is_some_and(|place| place.manifest) {
        issues.push(
            Issue::new(
                Code::WrongReference,
                at.clone(),
                format!("`{name}` is a list of objects, and no prefix"),
            )
            .label("a prefix is wanted")
            .help("name a bucket of the lake, or write `s3://${<bucket>}/<prefix>/`"),
        );
    } else if place.is_none() {
        let fits = |export: &Export| match export {
            Export::Bucket(_) => true,
            Export::Data(data) => !data.uri.is_runtime(),
            _ => false,
        };
        if let Some(Export::Data(_)) = scope.export(&name) {
            issues.push(
                Issue::new(
                    Code::WrongReference,
                    at.clone(),
                    format!("`{name}` lies elsewhere in each execution of the pipeline"),
                )
                .label("a fixed prefix is wanted")
                .help("name a bucket of the lake, or write `s3://${<bucket>}/<prefix>/`"),
            );
        } else if let Value::String(reference) = value {
            scope.check_reference(reference, "a prefix in S3", at, fits, issues);
        } else {
            issues.push(
                Issue::new(Code::WrongForm, at.clone(), format!("`{name}` is no prefix in S3"))
                    .help("name a bucket of the lake, or write `s3://${<bucket>}/<prefix>/`"),
            );
        }
    }
}

impl<'de> Deserialize<'de> for ModelChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ModelChoice, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(name) => Ok(ModelChoice::Registered(Reference::from(name.as_str()))),
            long @ Value::Object(_) if long.get("models").is_some() || long.get("cache").is_some() => {
                decode(long).map(ModelChoice::Many).map_err(D::Error::custom)
            }
            long @ Value::Object(_) => decode(long).map(ModelChoice::Artifact).map_err(D::Error::custom),
            _ => Err(D::Error::custom(
                "a model is `<group>.approved`, or a mapping with `image` and `data` or `models`",
            )),
        }
    }
}

impl JsonSchema for ModelChoice {
    fn schema_name() -> Cow<'static, str> {
        "ModelChoice".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let name = generator.subschema_for::<Reference>();
        let one = generator.subschema_for::<ArtifactModel>();
        let many = generator.subschema_for::<ManyModels>();
        json_schema!({
            "description": "the approved version of a registered model (`<group>.approved`), a model given by image and archive, or many models under a prefix",
            "oneOf": [name, one, many],
        })
    }
}

fn decode<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

fn yes() -> bool {
    true
}
