//! What can be wrong with a batch transform.

use super::super::jobs::{self, Brief, check_instance_type, within};
use super::super::{Export, Scope, Text, This, places};
use super::model::{ModelArchive, ModelVersion, TransformModel, serving_image};
use super::{DataProcessing, Transform};
use crate::diag::{Code, Issue, Pointer, or_list};
use crate::rules::transform::{
    DEFAULT_MEGABYTES, MOST_INSTANCES, MOST_MEGABYTES, is_filter, is_filtered, tells_records_apart, too_much,
};
use crate::rules::units::{Duration, Size};
use crate::tables::{self, JobKind, Purpose};

/// Members of the API whose bounds hold.
const TIMEOUT: &str = "ModelClientConfig.InvocationsTimeoutInSeconds";
const RETRIES: &str = "ModelClientConfig.InvocationsMaxRetries";
const FILTER: &str = "DataProcessing.InputFilter";

pub(super) fn check(job: &Transform, this: &This, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
    let at = |key: &str| this.pointer.key(key);
    jobs::check_has_pipeline(&this.name, scope, &this.pointer, issues);
    check_instance(job, scope, &at("instance"), issues);
    match &job.model {
        TransformModel::Trained(reference) => {
            check_trained(job, reference.as_str(), scope, &at("model"), issues);
        }
        TransformModel::Version(version) => check_version(job, version, scope, this, issues),
        TransformModel::Archive(archive) => {
            check_archive(archive, &job.instance.kind, scope, &at("model"), issues);
        }
    }
    let Brief(input) = &job.input;
    let long = input.content_type.is_some() || input.split.is_some() || input.gzip;
    let from = if long { at("input").key("from") } else { at("input") };
    scope.check_data(input.from.as_str(), &from, issues);
    if let Some(to) = &job.output.to {
        places::check(to, scope, &at("output").key("to"), issues);
    }
    jobs::check_environment(&job.environment, 16, 10_240, scope, &at("environment"), issues);
    check_requests(job, this, issues);
    if let Some(processing) = &job.data_processing {
        check_filters(job, processing, &at("data_processing"), issues);
    }
}

fn check_instance(job: &Transform, scope: &Scope<'_>, pointer: &Pointer, issues: &mut Vec<Issue>) {
    check_instance_type(&job.instance.kind, JobKind::Transform, &pointer.key("type"), issues);
    let count = u64::from(job.instance.count);
    within("`count`", count, &(1..=MOST_INSTANCES), &pointer.key("count"), issues);
    if scope.key().is_some() && tables::has_local_storage(&job.instance.kind) {
        let message =
            format!("the volume of `{}` cannot be encrypted with the lake's key", job.instance.kind);
        issues.push(
            Issue::new(Code::LocalStorageKey, pointer.key("type"), message)
                .label("local NVMe storage")
                .note("its local storage is encrypted by the hardware; outputs still use the lake's key")
                .help("nothing to do, unless a policy of yours asks for a customer key on every volume"),
        );
    }
}

fn check_trained<'a>(
    job: &Transform,
    reference: &'a str,
    scope: &Scope<'a>,
    pointer: &Pointer,
    issues: &mut Vec<Issue>,
) {
    if let Some(Export::ApprovedModel { .. }) = scope.export(reference) {
        let group = reference.split('.').next().unwrap_or(reference);
        let message = format!("a pipeline does not know which version of `{group}` is approved when it runs");
        issues.push(
            Issue::new(Code::WrongReference, pointer.clone(), message)
                .label("known where endpoints are deployed")
                .help(format!(
                    "name the version by a pipeline parameter: `{{ group: {group}, version: \"${{parameters.version}}\" }}`"
                )),
        );
        return;
    }
    let fits = |export: &Export| matches!(export, Export::Model(_));
    if scope.check_reference(reference, "a trained model", pointer, fits, issues)
        && let Some(model) = scope.model(reference)
        && serving_image(model, &job.instance.kind).is_none()
        && scope.step(&model.step).is_some()
    {
        issues.push(
            Issue::new(
                Code::NoServingImage,
                pointer.clone(),
                format!("nothing is known to serve `{reference}`"),
            )
            .label(format!("has no inference image for `{}`", job.instance.kind))
            .help("name one in the training job: `serve: { image: { framework: …, version: … } }`"),
        );
    }
}

fn check_version<'a>(
    job: &'a Transform,
    version: &'a ModelVersion,
    scope: &Scope<'a>,
    this: &This,
    issues: &mut Vec<Issue>,
) {
    let pointer = this.pointer.key("model");
    let fits = |export: &Export| matches!(export, Export::Group { .. });
    scope.check_reference(&version.group, "a model package group", &pointer.key("group"), fits, issues);
    let at = pointer.key("version");
    scope.check_text(&version.version, &at, issues);
    if let Text::Literal(value) = &version.version {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if !text.parse::<u32>().is_ok_and(|number| number > 0) {
            issues.push(Issue::new(Code::WrongForm, at, format!("`{text}` is no version of a model")).help(
                "versions are numbers from 1; a pipeline parameter may hold one: `${parameters.version}`",
            ));
        }
    }
    let instance = job.instance.kind.as_str();
    if let Some(Export::Registers(groups)) = scope.export("pipeline.registers")
        && let Some(allowed) = groups.get(&version.group).map(|group| &group.transforms)
        && !allowed.is_empty()
        && !allowed.iter().any(|allowed| allowed == instance)
    {
        let message = format!("versions of `{}` are registered without `{instance}`", version.group);
        issues.push(
            Issue::new(Code::ModelInstance, this.pointer.key("instance").key("type"), message)
                .label("SageMaker would refuse it")
                .help(format!(
                    "use {}, or add it to `transform_instances` of the register step",
                    or_list(allowed.iter().map(String::as_str))
                )),
        );
    }
}

fn check_archive<'a>(
    archive: &'a ModelArchive,
    instance: &str,
    scope: &Scope<'a>,
    pointer: &Pointer,
    issues: &mut Vec<Issue>,
) {
    archive.image.check(Purpose::Inference, instance, scope, &pointer.key("image"), issues);
    let at = pointer.key("data");
    scope.check_text(&archive.data, &at, issues);
    let resolves = archive.data.references().all(|path| scope.value(path).is_some());
    if resolves && places::object(&archive.data, scope).is_none() {
        issues.push(
            Issue::new(Code::WrongForm, at, "the archive is in no bucket that is known")
                .label("not an S3 URI")
                .help("write `s3://<bucket>/<key>`, `s3://${<bucket of the lake>}/<key>` or `${<step>.<output>}/model.tar.gz`"),
        );
    }
}

/// How the data is divided into requests.
fn check_requests(job: &Transform, this: &This, issues: &mut Vec<Issue>) {
    let at = |key: &str| this.pointer.key(key);
    for (key, path, value) in [
        ("timeout", TIMEOUT, job.timeout.map(Duration::secs)),
        ("retries", RETRIES, job.retries.map(u64::from)),
    ] {
        if let Some(value) = value
            && !tables::within(path, value)
        {
            let unit = if key == "timeout" { "s" } else { "" };
            let message = format!("`{key}` is {}, not {value}{unit}", tables::range(path, unit));
            issues.push(Issue::new(Code::OutOfBounds, at(key), message).help("stay within the bounds"));
        }
    }
    let split = job.input.0.split.map(super::Split::as_aws);
    if job.strategy.is_some() && !tells_records_apart(split) {
        issues.push(
            Issue::new(Code::TransformSplit, at("strategy"), "there are no records for `strategy` to count")
                .on_key()
                .label("has no effect")
                .note("without `split`, each object is one request")
                .help("say in `input` what ends a record: `split: line`, or remove `strategy`"),
        );
    }
    let (concurrent, payload) = (job.max_concurrent.map(u64::from), job.max_payload.map(Size::mb));
    if let Some(all) = too_much(concurrent, payload) {
        let key = if payload.is_some() { "max_payload" } else { "max_concurrent" };
        let message =
            format!("{all}MB are sent to an instance at the same time; {MOST_MEGABYTES}MB are possible");
        let issue = Issue::new(Code::TransformPayload, at(key), message).label("too much at once");
        let issue = match (concurrent, payload) {
            (Some(_), Some(_)) => issue.also(at("max_concurrent"), "times this"),
            (_, None) => {
                issue.note(format!("a request has {DEFAULT_MEGABYTES}MB when `max_payload` says nothing"))
            }
            _ => issue,
        };
        issues.push(issue.help("lower `max_payload` or `max_concurrent`"));
    }
}

/// What of the records is read and written.
fn check_filters(job: &Transform, processing: &DataProcessing, pointer: &Pointer, issues: &mut Vec<Issue>) {
    for (key, filter) in
        [("input_filter", &processing.input_filter), ("output_filter", &processing.output_filter)]
    {
        let Some(filter) = filter else { continue };
        let length = filter.chars().count() as u64;
        if !tables::within(FILTER, length) {
            let message =
                format!("the filter has {length} characters; {} are possible", tables::range(FILTER, ""));
            issues.push(
                Issue::new(Code::OutOfBounds, pointer.key(key), message)
                    .label("too long")
                    .help("shorten it, or prepare the data in a processing job"),
            );
        } else if !is_filter(filter) {
            issues.push(
                Issue::new(Code::WrongForm, pointer.key(key), format!("`{filter}` is no path into a record"))
                    .help(
                        "write columns of CSV as `$[1:]` or `$[0,-1]`, and members of JSON as `$.features`",
                    ),
            );
        }
    }
    if let Some(media) = job.input.0.content_type.as_deref().filter(|media| !is_filtered(media)) {
        issues.push(
            Issue::new(
                Code::TransformFormat,
                pointer.clone(),
                format!("records of `{media}` are not filtered or joined"),
            )
            .on_key()
            .label("for CSV and JSON only")
            .help("take `data_processing` away, or prepare the data as CSV or JSON"),
        );
    }
}
