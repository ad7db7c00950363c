//! What processing and training jobs have in common: image, instances, network, tags.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _};

use super::scope::ARTIFACT_BUCKET;
use super::text::Text;
use super::{Image, Rendering, Scope, grants, serving};
use crate::cfn::{Expr, ParameterSource, Statement, Value, json};
use crate::diag::{Code, Issue, Pointer, nearest, or_list};
use crate::rules::images;
use crate::rules::units::Size;
use crate::tables::{self, ImageError, ImageQuery, JobKind, Purpose};

/// A container image: one that AWS publishes for a framework, or one of your own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageChoice {
    /// Framework of an image that AWS publishes: `sklearn`, `tensorflow`, `pytorch`, `xgboost`,
    /// `huggingface-pytorch` and others. Not with `uri`.
    #[serde(default)]
    pub framework: Option<String>,
    /// The framework's version in quotes, such as `"2.12"`. Goes with `framework`.
    #[serde(default)]
    pub version: Option<String>,
    /// The image's Python, such as `py310`. Default: the newest that the version has.
    #[serde(default)]
    pub python: Option<String>,
    /// An image of your own: an ECR URI, or `repository:tag` in the account and region of the deployment.
    /// At most 255 characters. Not with `framework`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 255))]
    pub uri: Option<String>,
}

impl FromShort for ImageChoice {
    const SHORT: &'static str = "URI of an image of your own";

    fn from_short(text: &str) -> Result<ImageChoice, String> {
        Ok(ImageChoice { framework: None, version: None, python: None, uri: Some(text.to_owned()) })
    }
}

/// What a job runs on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// The instance type, such as `ml.m5.xlarge`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How many instances. Default: 1; at most 100.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100))]
    pub count: u32,
    /// Storage attached to each instance, such as `30GB`. Default: 30GB; 1GB to 16TB.
    #[serde(default)]
    pub volume: Option<Size>,
}

fn one() -> u32 {
    1
}

/// Which part of the data each instance gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Every instance gets all data.
    #[default]
    Replicated,
    /// The objects are divided between the instances.
    Sharded,
}

impl Distribution {
    /// `S3DataDistributionType`.
    pub fn as_aws(self) -> &'static str {
        match self {
            Distribution::Replicated => "FullyReplicated",
            Distribution::Sharded => "ShardedByS3Key",
        }
    }
}

/// What a short form stands for.
pub trait FromShort: Sized {
    /// What the short form says, for the schema.
    const SHORT: &'static str;

    /// The long form that the short one stands for.
    ///
    /// # Errors
    /// When the text says nothing.
    fn from_short(text: &str) -> Result<Self, String>;
}

/// Something that may be written as one word or as a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Brief<T>(pub T);

impl<'de, T: FromShort + DeserializeOwned> Deserialize<'de> for Brief<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Brief<T>, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => T::from_short(&text).map(Brief).map_err(D::Error::custom),
            long @ serde_json::Value::Object(_) => {
                serde_json::from_value(long).map(Brief).map_err(D::Error::custom)
            }
            _ => Err(D::Error::custom(format!("{} or a mapping is wanted here", T::SHORT))),
        }
    }
}

impl<T: FromShort + JsonSchema> JsonSchema for Brief<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Brief{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = generator.subschema_for::<T>();
        json_schema!({ "oneOf": [{ "type": "string", "minLength": 1, "description": T::SHORT }, long] })
    }
}

/// Refuses a number beyond its bounds; `what` as in «`count` is 0; 1 to 100 are possible».
pub(super) fn within<N: PartialOrd + std::fmt::Display + Copy>(
    what: &str,
    value: N,
    bounds: &RangeInclusive<N>,
    pointer: &Pointer,
    issues: &mut Vec<Issue>,
) {
    if !bounds.contains(&value) {
        let message = format!("{what} is {value}; {} to {} are possible", bounds.start(), bounds.end());
        let nearest = if value < *bounds.start() { bounds.start() } else { bounds.end() };
        issues.push(
            Issue::new(Code::OutOfBounds, pointer.clone(), message)
                .label("out of bounds")
                .help(format!("the nearest possible value is {nearest}")),
        );
    }
}

/// Refuses text longer than AWS takes; references have no length of their own.
pub(super) fn at_most(
    what: &str,
    text: &Text,
    most: usize,
    scope: &Scope<'_>,
    pointer: &Pointer,
    issues: &mut Vec<Issue>,
) {
    scope.check_text(text, pointer, issues);
    let length = match text {
        Text::Literal(serde_json::Value::String(text)) => text.chars().count(),
        _ => 0,
    };
    if length > most {
        let message = format!("{what} has {length} characters; {most} are possible");
        issues.push(
            Issue::new(Code::OutOfBounds, pointer.clone(), message).label("too long").help("shorten it"),
        );
    }
}

impl ImageChoice {
    /// The image of a job on an instance type, and the full version of its framework.
    pub(super) fn resolve(
        &self,
        purpose: Purpose,
        instance: &str,
        scope: &Scope<'_>,
    ) -> Option<(Image, Option<String>)> {
        if let Some(uri) = &self.uri {
            return own_image(uri).map(|image| (image, None));
        }
        let image = tables::image(&self.query(purpose, instance)?).ok()?;
        Some((scope.image(&image), Some(image.full_version)))
    }

    /// The published image, when it is one.
    pub(super) fn published(&self, purpose: Purpose, instance: &str) -> Option<tables::Image> {
        tables::image(&self.query(purpose, instance)?).ok()
    }

    fn query<'q>(&'q self, purpose: Purpose, instance: &str) -> Option<ImageQuery<'q>> {
        Some(ImageQuery {
            framework: self.framework.as_deref()?,
            purpose,
            version: self.version.as_deref()?,
            python: self.python.as_deref(),
            accelerator: tables::accelerator(instance),
        })
    }

    /// Refuses what names no image, or none of this environment's region.
    pub(super) fn check(
        &self,
        purpose: Purpose,
        instance: &str,
        scope: &Scope<'_>,
        pointer: &Pointer,
        issues: &mut Vec<Issue>,
    ) {
        match (&self.framework, &self.uri) {
            (Some(_), None) => self.check_published(purpose, instance, scope, pointer, issues),
            (None, Some(uri)) => {
                check_own(uri, FRAMEWORK_OR_SHORT, scope, &pointer.key("uri"), issues);
                for (key, given) in [("version", &self.version), ("python", &self.python)] {
                    if given.is_some() {
                        let message = format!("`{key}` says nothing about an image given by `uri`");
                        issues.push(Issue::new(Code::OneOf, pointer.key(key), message).on_key());
                    }
                }
            }
            (Some(_), Some(_)) => issues.push(
                Issue::new(Code::OneOf, pointer.key("uri"), "an image has either `framework` or `uri`")
                    .on_key()
                    .label("one image")
                    .also(pointer.key("framework"), "another")
                    .help(
                        "keep `uri` for an image of your own, or `framework` and `version` for one of AWS's",
                    ),
            ),
            (None, None) => issues.push(
                Issue::new(Code::OneOf, pointer.clone(), "the image is not named")
                    .help("give `framework` and `version`, or `uri` for an image of your own"),
            ),
        }
    }

    fn check_published(
        &self,
        purpose: Purpose,
        instance: &str,
        scope: &Scope<'_>,
        pointer: &Pointer,
        issues: &mut Vec<Issue>,
    ) {
        let framework = self.framework.as_deref().unwrap_or_default();
        let Some(query) = self.query(purpose, instance) else {
            issues.push(
                Issue::new(Code::MissingKey, pointer.clone(), "`framework` goes with `version`")
                    .help("add `version`, in quotes"),
            );
            return;
        };
        let image = match tables::image(&query) {
            Ok(image) => image,
            Err(error) => {
                issues.push(unknown_image(&query, instance, pointer, error));
                return;
            }
        };
        if let Some(region) = known_region(scope)
            && !image.accounts.contains_key(region)
        {
            let message = format!("{framework} {} is not published in {region}", query.version);
            issues.push(
                Issue::new(Code::ImageRegion, pointer.clone(), message)
                    .label("not in this region")
                    .help(format!("it is in {}", or_list(image.accounts.keys().copied()))),
            );
        }
    }
}

/// The environment's region; of one that is not known, its own line speaks.
fn known_region<'a>(scope: &Scope<'a>) -> Option<&'a str> {
    scope.region.filter(|region| tables::regions().contains(region))
}

fn unknown_image(query: &ImageQuery<'_>, instance: &str, pointer: &Pointer, error: ImageError) -> Issue {
    let (framework, version) = (query.framework, query.version);
    let (key, message, known, written) = match error {
        ImageError::UnknownFramework { known } => {
            ("framework", format!("AWS publishes no images for `{framework}`"), known, framework)
        }
        ImageError::UnknownVersion { known } => {
            ("version", format!("there is no {framework} image of version `{version}`"), known, version)
        }
        ImageError::UnknownPython { known } => {
            let python = query.python.unwrap_or_default();
            ("python", format!("{framework} {version} has no image with `{python}`"), known, python)
        }
        ImageError::NoAccelerator { known } => {
            let message = format!(
                "{framework} {version} has no {} image, which `{instance}` needs",
                query.accelerator.name()
            );
            let help = format!("it has images for {}", or_list(known.iter().map(String::as_str)));
            return Issue::new(Code::ImageUnknown, pointer.key("version"), message)
                .label("not built for it")
                .help(help)
                .help("take another instance type");
        }
    };
    let issue = Issue::new(Code::ImageUnknown, pointer.key(key), message)
        .label("no such image")
        .help(format!("there is {}", or_list(known.iter().map(String::as_str)).replace(" or ", " and ")));
    match nearest(written, known.iter().map(String::as_str)) {
        Some(near) => issue.fix(near, format!("did you mean `{near}`?")),
        None => issue,
    }
}

/// Whether the text is `repository:tag`, without a registry.
fn is_short(uri: &str) -> bool {
    // A tag may have points, too.
    uri.split_once('/').is_none_or(|(first, _)| !first.contains(['.', ':']))
}

/// How a job's image may be given without its registry.
const FRAMEWORK_OR_SHORT: &str = "or write `repository:tag`, which is taken from where the stack is deployed, or `framework` and `version` for an image of AWS's";

/// The image of a URI, or of `repository:tag` where the stack is deployed.
pub(super) fn own_image(uri: &str) -> Option<Image> {
    if let Some(place) = images::place(uri) {
        return Some(Image {
            uri: Expr::text(uri.to_owned()),
            repository_arn: serving::repository_arn(&place),
        });
    }
    is_short(uri).then(|| Image {
        uri: Expr::concat([
            Expr::pseudo("AWS::AccountId"),
            Expr::text(".dkr.ecr."),
            Expr::pseudo("AWS::Region"),
            Expr::text("."),
            Expr::pseudo("AWS::URLSuffix"),
            Expr::text(format!("/{uri}")),
        ]),
        repository_arn: Expr::regional_arn(
            "ecr",
            [Expr::text(format!("repository/{}", images::repository(uri)))],
        ),
    })
}

/// Refuses what [`own_image`] does not understand, or what SageMaker would not pull.
pub(super) fn check_own(
    uri: &str,
    way_out: &'static str,
    scope: &Scope<'_>,
    pointer: &Pointer,
    issues: &mut Vec<Issue>,
) {
    within("the length of `uri`", uri.chars().count(), &(1..=255), pointer, issues);
    // https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
    let good = |name: &str| {
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c))
    };
    match images::place(uri) {
        Some(place) if good(place.repository) => {
            issues.extend(images::refused(&place, known_region(scope), pointer).map(|issue| {
                issue.help(way_out)
            }));
        }
        None if is_short(uri) && good(images::repository(uri)) => {}
        _ => issues.push(
            Issue::new(Code::WrongForm, pointer.clone(), format!("`{uri}` is not an image in ECR"))
                .note("SageMaker pulls images from ECR")
                .help("write `<account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>`, or `<repository>:<tag>` in the deployment's own account and region"),
        ),
    }
}

impl Instance {
    /// Refuses instance types that the kind of job doesn't take, and numbers beyond the bounds.
    pub(super) fn check(&self, kind: JobKind, scope: &Scope<'_>, pointer: &Pointer, issues: &mut Vec<Issue>) {
        check_instance_type(&self.kind, kind, &pointer.key("type"), issues);
        within("`count`", self.count, &(1..=100), &pointer.key("count"), issues);
        // https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProcessingClusterConfig.html
        within("`volume` in GB", self.volume_gb(), &(1..=16_384), &pointer.key("volume"), issues);
        if tables::has_local_storage(&self.kind) {
            if self.volume.is_some() {
                let message =
                    format!("`{}` has storage of its own: AWS ignores or limits `volume`", self.kind);
                issues.push(
                    Issue::new(Code::LocalStorage, pointer.key("volume"), message)
                        .label("has no effect")
                        .also(pointer.key("type"), "an instance type with local NVMe storage")
                        .help("remove `volume`"),
                );
            }
            if scope.key().is_some() {
                let message =
                    format!("the volume of `{}` cannot be encrypted with the lake's key", self.kind);
                issues.push(
                    Issue::new(Code::LocalStorageKey, pointer.key("type"), message)
                        .label("local NVMe storage")
                        .note("its local storage is encrypted by the hardware; outputs still use the lake's key")
                        .help("nothing to do, unless a policy of yours asks for a customer key on every volume"),
                );
            }
        }
    }

    /// Storage of each instance in GB; 30 as AWS's SDK has it.
    pub(super) fn volume_gb(&self) -> u64 {
        self.volume.unwrap_or(Size::from_gb(30)).gb()
    }

    /// The key of the volume, where the instance type takes one.
    /// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ResourceConfig.html>
    pub(super) fn volume_key(&self, scope: &Scope<'_>) -> Option<Expr> {
        scope.key().filter(|_| !tables::has_local_storage(&self.kind))
    }
}

/// Refuses an instance type that the kind of job doesn't take.
pub(super) fn check_instance_type(instance: &str, kind: JobKind, pointer: &Pointer, issues: &mut Vec<Issue>) {
    if tables::takes(kind, instance) {
        return;
    }
    let job = match kind {
        JobKind::Processing => "processing jobs",
        JobKind::Training => "training jobs",
        JobKind::Transform => "batch transforms",
        JobKind::Endpoint => "endpoints",
    };
    let message = if tables::instance_exists(instance) {
        format!("`{instance}` is not for {job}")
    } else {
        format!("SageMaker has no instance type `{instance}`")
    };
    let mut issue = Issue::new(Code::InstanceType, pointer.clone(), message).label("not possible here");
    if let Some(near) = tables::near_instance(kind, instance) {
        issue = issue.fix(near, format!("did you mean `{near}`?"));
    }
    let family = instance.trim_start_matches("ml.").split('.').next().unwrap_or_default();
    let same: Vec<&str> = tables::instance_types(kind)
        .iter()
        .copied()
        .filter(|known| known.split('.').nth(1) == Some(family))
        .collect();
    if !same.is_empty() {
        issue = issue.help(format!("of its family, {job} take {}", or_list(same)));
    }
    issues.push(issue);
}

/// `VpcConfig`, when the stack has a network.
pub(super) fn vpc(scope: &Scope<'_>) -> Option<Value> {
    let network = scope.file.network.as_ref()?;
    Some(json!({ "SecurityGroupIds": &network.security_groups, "Subnets": &network.subnets }))
}

/// Environment variables of a container.
pub(super) fn environment(variables: &BTreeMap<String, Text>, scope: &Scope<'_>) -> Option<Value> {
    let pairs = variables.iter().map(|(name, text)| (name.clone(), as_text(&scope.text(text)).to_value()));
    (!variables.is_empty()).then(|| Value::Object(pairs.collect()))
}

/// What AWS takes as text, as text: numbers and flags are written out, run-time values joined.
pub(super) fn as_text(expr: &Expr) -> Expr {
    match expr {
        // A parameter may be a number; `Std:Join` of one value is how AWS's SDK turns it into text.
        Expr::Get(_) | Expr::JsonGet { .. } => {
            Expr::Literal(json!({ "Std:Join": { "On": "", "Values": [expr.to_value()] } }))
        }
        other => other.known_text().map_or_else(|| other.clone(), Expr::text),
    }
}

/// Bounds of names and values of environment variables.
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateProcessingJob.html>
pub(super) fn check_environment(
    variables: &BTreeMap<String, Text>,
    most: usize,
    longest: usize,
    scope: &Scope<'_>,
    pointer: &Pointer,
    issues: &mut Vec<Issue>,
) {
    within("the number of variables", variables.len(), &(0..=most), pointer, issues);
    for (name, value) in variables {
        let at = pointer.key(name);
        let good = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && name.len() <= longest;
        if !good {
            issues.push(
                Issue::new(
                    Code::InvalidName,
                    at.clone(),
                    format!("`{name}` cannot be an environment variable"),
                )
                .on_key()
                .help(format!("use letters, digits and `_`, no digit first, at most {longest}")),
            );
        }
        at_most("the value", value, longest, scope, &at, issues);
    }
}

/// Gives the platform template the bucket in which packed sources lie, and a role what it needs to read them.
pub(super) fn use_assets(out: &mut Rendering) -> Vec<Statement> {
    let source = ParameterSource::ArtifactBucket;
    out.platform.parameter(ARTIFACT_BUCKET, "Bucket that holds packed sources", source);
    grants::assets()
}

/// Warns about a job that no pipeline runs because the stack file has none.
pub(super) fn check_has_pipeline(name: &str, scope: &Scope<'_>, pointer: &Pointer, issues: &mut Vec<Issue>) {
    if scope.exports.get("pipeline").is_none() {
        issues.push(
            Issue::new(
                Code::UnusedStep,
                pointer.clone(),
                format!("nothing runs `{name}`: there is no `pipeline`"),
            )
            .on_key()
            .help("add a `pipeline` whose `steps` list it"),
        );
    }
}
