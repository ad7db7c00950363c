//! Registering a model: a version of a group, with what serves it and how good it is.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html>

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::jobs::{as_text, at_most, check_instance_type, within};
use super::super::{Data, Export, Image, Model, Reference, Scope, Text};
use crate::cfn::{Expr, Map, ParameterSource, Value, json};
use crate::definition::{Step, uses_parameter};
use crate::diag::{Code, Issue, Pointer, nearest, or_list};
use crate::tables::{self, JobKind};

/// A model to be registered as a version of a group.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// The trained model: `<tuning>.best_model` or `<training>.model`.
    pub model: Reference,
    /// The model package group.
    pub group: String,
    /// What the version is, for people, at most 1,024 characters; `${…}` is resolved.
    #[serde(default)]
    pub description: Option<Text>,
    /// The version's state: `Approved`, `Rejected` or `PendingManualApproval`; `${…}` is resolved. Default:
    /// PendingManualApproval.
    #[serde(default)]
    pub approval: Option<Text>,
    /// Media types of requests, such as `application/json`.
    #[schemars(length(min = 1))]
    pub content_types: Vec<String>,
    /// Media types of responses.
    #[schemars(length(min = 1))]
    pub response_types: Vec<String>,
    /// Instance types of endpoints that may serve it. Default: any.
    #[serde(default)]
    pub inference_instances: Vec<String>,
    /// Instance types of batch transforms that may use it. Default: any.
    #[serde(default)]
    pub transform_instances: Vec<String>,
    /// How good it is: a report, or the output that holds one.
    #[serde(default)]
    pub metrics: Option<Reference>,
    /// What else is to be known about the version, at most 50, beside what smstack adds; `${…}` is resolved.
    #[serde(default)]
    pub properties: std::collections::BTreeMap<String, Text>,
}

/// States of a version.
const APPROVALS: [&str; 3] = ["Approved", "Rejected", "PendingManualApproval"];

/// What checks of a pipeline are about: `CheckType`, member of `ModelMetrics` and of `DriftCheckBaselines`, names
/// for statistics and constraints there (empty where there are none).
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-quality-clarify-baseline-lifecycle.html>
const CHECKS: [(&str, &str, &str, &str, &str); 5] = [
    ("DATA_QUALITY", "ModelDataQuality", "Statistics", "Constraints", "Constraints"),
    ("MODEL_QUALITY", "ModelQuality", "Statistics", "Constraints", "Constraints"),
    ("DATA_BIAS", "Bias", "", "PreTrainingReport", "PreTrainingConstraints"),
    ("MODEL_BIAS", "Bias", "", "PostTrainingReport", "PostTrainingConstraints"),
    ("MODEL_EXPLAINABILITY", "Explainability", "", "Report", "Constraints"),
];

fn source(uri: &Expr) -> Value {
    json!({ "ContentType": "application/json", "S3Uri": uri })
}

impl Register {
    /// `Arguments` of the step; `None` when the model or the group is unknown.
    pub(super) fn arguments(&self, scope: &Scope<'_>, baselines: &[Arc<Step>]) -> Option<Value> {
        let model = scope.model(self.model.as_str())?;
        let Some(Export::Group { name: group, .. }) = scope.export(&self.group) else { return None };
        let mut request = Map::new();
        request.insert("ModelPackageGroupName", json!(group));
        if let Some(text) = &self.description {
            request.insert("ModelPackageDescription", as_text(&scope.text(text)).to_value());
        }
        request.insert("InferenceSpecification", self.inference(model));
        let approval = self.approval.as_ref().map_or_else(
            || json!("PendingManualApproval"),
            |text| match scope.text(text) {
                // A parameter as it is: the step's approval status is text already.
                parameter @ Expr::Get(_) => parameter.to_value(),
                other => as_text(&other).to_value(),
            },
        );
        request.insert("ModelApprovalStatus", approval);
        request.insert("SkipModelValidation", json!("None"));
        let (metrics, drift) = self.metrics(scope, group, baselines);
        if !metrics.is_empty() {
            request.insert("ModelMetrics", Value::Object(metrics));
        }
        if !drift.is_empty() {
            request.insert("DriftCheckBaselines", Value::Object(drift));
        }
        request.insert("CustomerMetadataProperties", self.metadata(model, scope));
        Some(Value::Object(request))
    }

    fn image<'m>(&self, model: &'m Model) -> Option<&'m Image> {
        let instances = self.inference_instances.iter().chain(&self.transform_instances);
        if instances.into_iter().next().is_some_and(|instance| tables::is_gpu(instance)) {
            model.gpu_image.as_ref()
        } else {
            model.image.as_ref()
        }
    }

    fn inference(&self, model: &Model) -> Value {
        let mut container = Map::new();
        if let Some(image) = self.image(model) {
            container.insert("Image", image.uri.to_value());
        }
        container.insert("ModelDataUrl", model.data.to_value());
        if !model.environment.is_empty() {
            container.insert("Environment", json!(&model.environment));
        }
        if let Some((framework, version)) = &model.framework {
            container.insert("Framework", json!(framework));
            container.insert("FrameworkVersion", json!(version));
        }
        let mut inference = Map::new();
        inference.insert("Containers", json!([container]));
        inference.insert("SupportedContentTypes", json!(&self.content_types));
        inference.insert("SupportedResponseMIMETypes", json!(&self.response_types));
        for (key, instances) in [
            ("SupportedRealtimeInferenceInstanceTypes", &self.inference_instances),
            ("SupportedTransformInstanceTypes", &self.transform_instances),
        ] {
            if !instances.is_empty() {
                inference.insert(key, json!(instances));
            }
        }
        Value::Object(inference)
    }

    /// `ModelMetrics` and `DriftCheckBaselines`.
    fn metrics(&self, scope: &Scope<'_>, group: &str, baselines: &[Arc<Step>]) -> (Map, Map) {
        let (mut metrics, mut drift) = (Map::new(), Map::new());
        for step in baselines {
            if step.envelope.get("ModelPackageGroupName").is_some_and(|other| other != group) {
                continue;
            }
            let kind = step.envelope.get("CheckType").and_then(Value::as_str).unwrap_or_default();
            let Some((_, member, statistics, report, constraints)) =
                CHECKS.iter().find(|(check, ..)| *check == kind)
            else {
                continue;
            };
            let property = |name: &str| source(&Expr::Get(format!("Steps.{}.{name}", step.name)));
            let put = |into: &mut Map, name: &'static str, value: Value| {
                into.get_or_insert_with(*member, || json!({}))[name] = value;
            };
            if !statistics.is_empty() {
                put(&mut metrics, statistics, property("CalculatedBaselineStatistics"));
                put(&mut drift, statistics, property("BaselineUsedForDriftCheckStatistics"));
            }
            put(&mut metrics, report, property("CalculatedBaselineConstraints"));
            put(&mut drift, constraints, property("BaselineUsedForDriftCheckConstraints"));
        }
        if let Some((output, file)) = self.report(scope) {
            let uri = Expr::concat([output.uri, Expr::text(format!("/{file}"))]);
            metrics.get_or_insert_with("ModelQuality", || json!({}))["Statistics"] = source(&uri);
        }
        (metrics, drift)
    }

    /// The output that holds the report, and the file in it.
    pub(super) fn report(&self, scope: &Scope<'_>) -> Option<(Data, String)> {
        let reference = self.metrics.as_ref()?.as_str();
        match scope.export(reference)? {
            Export::Report(report) => Some((report.output.clone(), report.file.clone())),
            Export::Data(data) => {
                let (name, _) = reference.split_once('.')?;
                scope.exports.get(name)?.values().find_map(|export| match export {
                    Export::Report(report) if report.output == *data => {
                        Some((data.clone(), report.file.clone()))
                    }
                    _ => None,
                })
            }
            _ => None,
        }
    }

    /// Where the version comes from; together with its lineage, enough to make it again.
    fn metadata(&self, model: &Model, scope: &Scope<'_>) -> Value {
        let mut metadata = Map::new();
        metadata.insert("smstack:version", json!(env!("CARGO_PKG_VERSION")));
        metadata.insert("smstack:stack", json!(&scope.file.name));
        metadata.insert("smstack:environment", json!(scope.environment));
        metadata.insert("smstack:execution", json!({ "Get": "Execution.PipelineExecutionId" }));
        let source = model.source.as_ref().and_then(|path| scope.assets.get(path));
        if let Some(asset) = source {
            metadata.insert("smstack:source", json!(&asset.sha256));
        }
        for (key, parameter, _, _) in SOURCES {
            metadata.insert(key, Expr::Ref(parameter.into()).to_value());
        }
        let versions = versions_read(scope).into_iter();
        metadata.extend(versions.map(|(dataset, parameter)| {
            (format!("smstack:dataset:{dataset}"), json!({ "Get": format!("Parameters.{parameter}") }))
        }));
        let own = self.properties.iter();
        metadata.extend(own.map(|(key, text)| (key.clone(), as_text(&scope.text(text)).to_value())));
        Value::Object(metadata)
    }

    /// Says everything that is wrong with it.
    pub(super) fn check(&self, scope: &Scope<'_>, pointer: &Pointer, issues: &mut Vec<Issue>) {
        let model = scope.check_reference(
            self.model.as_str(),
            "a trained model",
            &pointer.key("model"),
            |export| matches!(export, Export::Model(_)),
            issues,
        );
        scope.check_reference(
            &self.group,
            "a model package group",
            &pointer.key("group"),
            |export| matches!(export, Export::Group { .. }),
            issues,
        );
        self.check_texts(scope, pointer, issues);
        self.check_instances(pointer, issues);
        self.check_metrics(scope, pointer, issues);
        if model
            && let Some(model) = scope.model(self.model.as_str())
            && self.image(model).is_none()
            && scope.step(&model.step).is_some()
        {
            let message = format!("nothing is known to serve `{}`", self.model);
            issues.push(
                Issue::new(Code::NoServingImage, pointer.key("model"), message)
                    .label("has no inference image for these instance types")
                    .help("name one in the training job: `serve: { image: { framework: …, version: … } }`"),
            );
        }
    }

    fn check_texts(&self, scope: &Scope<'_>, pointer: &Pointer, issues: &mut Vec<Issue>) {
        if let Some(text) = &self.description {
            at_most("the description", text, 1024, scope, &pointer.key("description"), issues);
        }
        if let Some(text) = &self.approval {
            let at = pointer.key("approval");
            scope.check_text(text, &at, issues);
            Self::check_approval(text, scope, &at, issues);
        }
        let at = pointer.key("properties");
        let own = OWN_PROPERTIES + versions_read(scope).len();
        within("the number of properties", self.properties.len() + own, &(0..=50), &at, issues);
        for (key, text) in &self.properties {
            if key.is_empty() || key.chars().count() > 128 {
                let message = "a property's name has 1 to 128 characters";
                issues.push(Issue::new(Code::OutOfBounds, at.key(key), message).on_key());
            }
            at_most("the property", text, 256, scope, &at.key(key), issues);
        }
        for (key, types) in [("content_types", &self.content_types), ("response_types", &self.response_types)]
        {
            let at = pointer.key(key);
            within(&format!("the number of `{key}`"), types.len(), &(1..=100), &at, issues);
            for (index, media) in types.iter().enumerate() {
                if !media.contains('/') || media.len() > 256 || media.contains(char::is_whitespace) {
                    issues.push(
                        Issue::new(Code::WrongForm, at.index(index), format!("`{media}` is no media type"))
                            .help("a media type is like `application/json` or `text/csv`"),
                    );
                }
            }
        }
    }

    fn check_approval(text: &Text, scope: &Scope<'_>, pointer: &Pointer, issues: &mut Vec<Issue>) {
        let known = |word: &str| APPROVALS.contains(&word);
        let wrong = match text {
            Text::Literal(value) => Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                .filter(|word| !known(word)),
            Text::Pieces(_) => text.references().find_map(|path| match scope.export(path) {
                Some(Export::Parameter { values, entry, .. }) => values
                    .iter()
                    .cloned()
                    .chain(entry.get("DefaultValue").and_then(Value::as_str).map(str::to_owned))
                    .find(|word| !known(word)),
                _ => None,
            }),
        };
        if let Some(word) = wrong {
            let issue = Issue::new(
                Code::ApprovalStatus,
                pointer.clone(),
                format!("`{word}` is no state of a registered model"),
            )
            .help(format!("the states are {}", or_list(APPROVALS)));
            issues.push(match nearest(&word, APPROVALS) {
                Some(near) if text.literal().is_some() => issue.fix(near, format!("did you mean `{near}`?")),
                _ => issue,
            });
        }
    }

    fn check_instances(&self, pointer: &Pointer, issues: &mut Vec<Issue>) {
        let lists = [
            ("inference_instances", &self.inference_instances, JobKind::Endpoint),
            ("transform_instances", &self.transform_instances, JobKind::Transform),
        ];
        let mut first: Option<(&str, Pointer)> = None;
        for (key, instances, kind) in lists {
            for (index, instance) in instances.iter().enumerate() {
                let at = pointer.key(key).index(index);
                check_instance_type(instance, kind, &at, issues);
                match &first {
                    Some((other, place)) if tables::accelerator(other) != tables::accelerator(instance) => {
                        let message = format!(
                            "`{instance}` and `{other}` need different images, and a version has one"
                        );
                        issues.push(
                            Issue::new(Code::MixedAccelerators, at, message)
                                .label(format!("needs a {} image", tables::accelerator(instance).name()))
                                .also(
                                    place.clone(),
                                    format!("needs a {} image", tables::accelerator(other).name()),
                                )
                                .help("list instance types of one kind: with GPUs, or without"),
                        );
                    }
                    Some(_) => {}
                    None => first = Some((instance, at)),
                }
            }
        }
    }

    fn check_metrics(&self, scope: &Scope<'_>, pointer: &Pointer, issues: &mut Vec<Issue>) {
        let Some(reference) = &self.metrics else { return };
        let at = pointer.key("metrics");
        let fits = |export: &Export| matches!(export, Export::Report(_) | Export::Data(_));
        let good = scope.check_reference(reference.as_str(), "a report", &at, fits, issues);
        // A report of no output is refused where it is given.
        let unplaced = reference.as_str().split_once('.').and_then(|(name, _)| scope.exports.get(name));
        let unplaced = unplaced.is_some_and(|offers| {
            offers
                .values()
                .any(|export| matches!(export, Export::Report(report) if !report.output.uri.is_runtime()))
        });
        if good && !unplaced && self.report(scope).is_none() {
            issues.push(
                Issue::new(Code::WrongReference, at, format!("no report is known in `{reference}`"))
                    .label("which file?")
                    .help(
                        "name the file: `reports: { metrics: { output: <output>, file: evaluation.json } }`",
                    ),
            );
        }
    }
}

/// What a version comes from, as far as only the deployment knows it: the property, the parameter of the template, what
/// it says, and where `deploy` finds it.
pub(super) const SOURCES: [(&str, &str, &str, ParameterSource); 2] = [
    (
        "smstack:definition",
        "DefinitionSha256",
        "SHA-256 of the pipeline's definition, as the assembly has it",
        ParameterSource::DefinitionHash,
    ),
    (
        "smstack:commit",
        "GitCommit",
        "The commit that changed the stack file or its code last",
        ParameterSource::GitCommit,
    ),
];

/// The datasets of whose versions jobs read, and the parameter that holds the version.
fn versions_read<'a>(scope: &Scope<'a>) -> Vec<(&'a str, String)> {
    let versions = scope.versions();
    if versions.is_empty() {
        return Vec::new();
    }
    let constructs = scope.file.constructs();
    let steps: Vec<_> = constructs.iter().filter_map(|(_, this, it)| scope.step_of(this, *it)).collect();
    let read = |parameter: &str| steps.iter().any(|step| uses_parameter(&step.arguments, parameter));
    let found = versions.into_iter().filter(|(_, parameter, _)| read(parameter));
    found.map(|(name, parameter, _)| (name, parameter)).collect()
}

/// Properties that smstack adds, beside one for each dataset with versions.
const OWN_PROPERTIES: usize = 7;
