//! What is wrong with an endpoint.
//!
//! Sources: CreateEndpointConfig, CreateEndpoint; <https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html>;
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html>.

use super::{ANSWERS, CAPTURE, Endpoint, ModelChoice, VariantSection};
use crate::constructs::{Export, Scope, This, serving};
use crate::diag::{Code, Issue, Pointer, or_list};
use crate::rules::names;
use crate::rules::serving::{self as rules, Excluded};
use crate::tables::{self, JobKind};

/// Members of the API whose bounds hold for an endpoint and its variants.
const VARIANTS: &str = "CreateEndpointConfigInput.ProductionVariants";
const INVOCATIONS: &str = "AsyncInferenceClientConfig.MaxConcurrentInvocationsPerInstance";
const CONCURRENCY: &str = "ProductionVariantServerlessConfig.MaxConcurrency";
const VOLUME: &str = "ProductionVariant.VolumeSizeInGB";
const DOWNLOAD: &str = "ProductionVariant.ModelDataDownloadTimeoutInSeconds";
const STARTUP: &str = "ProductionVariant.ContainerStartupHealthCheckTimeoutInSeconds";

impl Endpoint {
    pub(super) fn check_all<'a>(&'a self, this: &This, scope: &Scope<'a>, issues: &mut Vec<Issue>) {
        names::check_resource(&scope.fixed_name(&this.name), "an endpoint", &this.pointer, issues);
        self.check_variants(this, scope, issues);
        self.check_capture(this, scope, issues);
        self.check_async(this, scope, issues);
        if let Some(rollout) = &self.rollout {
            rollout.check(self, this, scope, issues);
        }
        if let Some(key) = &self.encryption
            && !key.starts_with("arn:")
        {
            issues.push(
                Issue::new(Code::WrongForm, this.pointer.key("encryption"), format!("`{key}` is not the ARN of a key"))
                    .help("write `arn:<partition>:kms:<region>:<account>:key/<id>`, or leave it out for the lake's key"),
            );
        }
    }

    fn check_variants<'a>(&'a self, this: &This, scope: &Scope<'a>, issues: &mut Vec<Issue>) {
        let all = this.pointer.key("variants");
        if !tables::within(VARIANTS, self.variants.len() as u64) {
            issues.push(Issue::new(
                Code::OutOfBounds,
                all.clone(),
                format!(
                    "an endpoint has {} variants, not {}",
                    tables::range(VARIANTS, ""),
                    self.variants.len()
                ),
            ));
        }
        for (name, variant) in &self.variants {
            let pointer = all.key(name);
            names::check_resource(name, "a variant", &pointer, issues);
            variant.check_capacity(&pointer, issues);
            variant.check_instance(self, &pointer, scope, issues);
            variant.check_times(&pointer, issues);
            variant.check_model(&pointer, scope, issues);
            if variant.serverless.is_some() {
                self.check_serverless(&pointer, this, scope, issues);
            }
        }
        // An endpoint that gives no variant any traffic is refused by CreateEndpointConfig.
        if !self.variants.is_empty()
            && self.variants.values().map(|variant| variant.weight).sum::<f64>() <= 0.0
        {
            issues.push(
                Issue::new(Code::VariantWeights, all, "no variant gets any traffic")
                    .label("all weights are 0")
                    .help("give at least one variant a `weight` above 0"),
            );
        }
    }

    /// What serverless variants cannot do, by AWS's list of exclusions.
    fn check_serverless(&self, variant: &Pointer, this: &This, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
        let mut excluded = |pointer: Pointer, what: Excluded| {
            issues.push(
                Issue::new(
                    Code::ServerlessExcluded,
                    pointer,
                    format!("serverless variants do not support {}", what.said()),
                )
                .on_key()
                .also(variant.key("serverless"), "serverless here")
                .help("give the variant an `instance` instead of `serverless`, or take this away"),
            );
        };
        if self.variants.len() > 1 {
            excluded(this.pointer.key("variants"), Excluded::Variants);
        }
        if self.data_capture.is_some() {
            excluded(this.pointer.key("data_capture"), Excluded::Capture);
        }
        if scope.file.network.is_some() {
            excluded(Pointer::root().key("network"), Excluded::Network);
        }
        if self.asynchronous.is_some() {
            excluded(this.pointer.key("async"), Excluded::Asynchronous);
        }
    }

    fn check_capture<'a>(&'a self, this: &This, scope: &Scope<'a>, issues: &mut Vec<Issue>) {
        let Some(capture) = &self.data_capture else { return };
        let pointer = this.pointer.key("data_capture");
        serving::check_place(scope, &capture.to, CAPTURE, &pointer.key("to"), issues);
        let sampling = capture.sampling.value();
        if sampling > 100.0 || sampling.fract() != 0.0 {
            issues.push(
                Issue::new(
                    Code::OutOfBounds,
                    pointer.key("sampling"),
                    format!("a sampling of {} is not 0 to 100 whole percents", capture.sampling),
                )
                .help("write a whole number, such as `50%`"),
            );
        }
        if !capture.input && !capture.output {
            issues.push(
                Issue::new(
                    Code::CaptureNothing,
                    pointer.clone(),
                    "neither requests nor responses are captured",
                )
                .on_key()
                .help("set `input` or `output` to `true`, or leave `data_capture` out"),
            );
        }
        for (key, types) in [
            ("csv_content_types", &capture.csv_content_types),
            ("json_content_types", &capture.json_content_types),
        ] {
            if types.len() > 10 {
                issues.push(Issue::new(
                    Code::OutOfBounds,
                    pointer.key(key),
                    format!("at most 10 content types are taken, not {}", types.len()),
                ));
            }
            for (index, content_type) in types.iter().enumerate().filter(|(_, text)| !is_content_type(text)) {
                issues.push(
                    Issue::new(
                        Code::WrongForm,
                        pointer.key(key).index(index),
                        format!("`{content_type}` is not a content type that capture takes"),
                    )
                    .help("write `type/subtype`, such as `text/csv`, without parameters"),
                );
            }
        }
    }

    fn check_async<'a>(&'a self, this: &This, scope: &Scope<'a>, issues: &mut Vec<Issue>) {
        let Some(answers) = &self.asynchronous else { return };
        let pointer = this.pointer.key("async");
        serving::check_place(scope, &answers.output, ANSWERS, &pointer.key("output"), issues);
        if let Some(failures) = &answers.failures {
            serving::check_place(scope, failures, ANSWERS, &pointer.key("failures"), issues);
        }
        for (key, topic) in [("success_topic", &answers.success_topic), ("error_topic", &answers.error_topic)]
        {
            if let Some(topic) = topic
                && !serving::is_topic(topic)
            {
                issues.push(
                    Issue::new(
                        Code::WrongForm,
                        pointer.key(key),
                        format!("`{topic}` is not the ARN of an SNS topic"),
                    )
                    .help("write `arn:<partition>:sns:<region>:<account>:<name>`"),
                );
            }
        }
        if let Some(most) = answers.max_concurrency
            && !tables::within(INVOCATIONS, u64::from(most))
        {
            let range = tables::range(INVOCATIONS, "");
            issues.push(Issue::new(
                Code::OutOfBounds,
                pointer.key("max_concurrency"),
                format!("{most} is not {range} requests at the same time"),
            ));
        }
        if rules::is_too_many_for_async(self.variants.len()) {
            issues.push(
                Issue::new(
                    Code::AsyncExcluded,
                    this.pointer.key("variants"),
                    "an asynchronous endpoint has one variant",
                )
                .on_key()
                .also(pointer, "asynchronous here")
                .help("keep one variant, or take `async` away"),
            );
        }
    }
}

impl VariantSection {
    fn check_capacity(&self, pointer: &Pointer, issues: &mut Vec<Issue>) {
        match (&self.serverless, &self.instance) {
            (None, None) => issues.push(
                Issue::new(Code::VariantCapacity, pointer.clone(), "the variant runs on nothing")
                    .on_key()
                    .label("neither `instance` nor `serverless`")
                    .help("give an instance type, such as `instance: ml.m5.large`, or `serverless: { memory: 2GB, max_concurrency: 10 }`"),
            ),
            (Some(_), _) => {
                for (key, given) in [
                    ("instance", self.instance.is_some()),
                    ("count", self.count.is_some()),
                    ("volume", self.volume.is_some()),
                ] {
                    if given {
                        issues.push(
                            Issue::new(
                                Code::VariantCapacity,
                                pointer.key(key),
                                format!("a serverless variant has no `{key}`"),
                            )
                            .on_key()
                            .also(pointer.key("serverless"), "serverless here")
                            .help(format!("remove `{key}` or `serverless`")),
                        );
                    }
                }
            }
            (None, Some(_)) => {}
        }
        if self.count == Some(0) {
            issues.push(Issue::new(
                Code::OutOfBounds,
                pointer.key("count"),
                "a variant starts with 1 instance or more",
            ));
        }
        if !(self.weight >= 0.0 && self.weight.is_finite()) {
            issues.push(Issue::new(Code::OutOfBounds, pointer.key("weight"), "a weight is 0 or more"));
        }
        if let Some(serverless) = &self.serverless {
            let at = pointer.key("serverless");
            if !rules::is_serverless_memory(serverless.memory.mb()) {
                issues.push(
                    Issue::new(
                        Code::OutOfBounds,
                        at.key("memory"),
                        format!("{} is not a memory of serverless variants", serverless.memory),
                    )
                    .help("write `1GB`, `2GB`, `3GB`, `4GB`, `5GB` or `6GB`"),
                );
            }
            if !tables::within(CONCURRENCY, u64::from(serverless.max_concurrency)) {
                let message = format!("the concurrency is {}", tables::range(CONCURRENCY, ""));
                issues.push(Issue::new(Code::OutOfBounds, at.key("max_concurrency"), message));
            }
            if let Some(provisioned) = serverless.provisioned
                && !(1..=serverless.max_concurrency).contains(&provisioned)
            {
                issues.push(
                    Issue::new(
                        Code::OutOfBounds,
                        at.key("provisioned"),
                        format!(
                            "{provisioned} is not 1 to {} (`max_concurrency`)",
                            serverless.max_concurrency
                        ),
                    )
                    .also(at.key("max_concurrency"), "the bound"),
                );
            }
        }
    }

    fn check_instance(
        &self,
        endpoint: &Endpoint,
        pointer: &Pointer,
        scope: &Scope<'_>,
        issues: &mut Vec<Issue>,
    ) {
        let Some(instance) = self.instance.as_deref() else { return };
        let at = pointer.key("instance");
        if !tables::takes(JobKind::Endpoint, instance) {
            let mut issue = Issue::new(
                Code::EndpointInstance,
                at.clone(),
                format!("endpoints do not take the instance type `{instance}`"),
            );
            if let Some(near) = tables::near_instance(JobKind::Endpoint, instance) {
                issue = issue.fix(near, format!("did you mean `{near}`?"));
            }
            issues.push(issue);
        }
        if let ModelChoice::Registered(reference) = &self.model
            && let Some(Export::Registers(groups)) = scope.export("pipeline.registers")
            && let Some(allowed) = groups.get(head(reference.as_str())).map(|group| &group.instances)
            && !allowed.is_empty()
            && !allowed.iter().any(|allowed| allowed == instance)
        {
            let group = head(reference.as_str());
            let issue = Issue::new(
                Code::ModelInstance,
                at.clone(),
                format!("versions of `{group}` are registered without `{instance}`"),
            );
            issues.push(issue.label("SageMaker would refuse it").help(format!(
                "use {}, or add it to `inference_instances` of the register step",
                or_list(allowed.iter().map(String::as_str))
            )));
        }
        if tables::has_local_storage(instance) {
            let own =
                format!("`{instance}` has local storage, of a fixed size and encrypted by the hardware");
            let mut has_own = |at: Pointer, key: &str| {
                let issue = Issue::new(Code::LocalStorage, at, own.clone()).on_key();
                issues.push(issue.help(format!("remove `{key}`")));
            };
            if self.volume.is_some() {
                has_own(pointer.key("volume"), "volume");
            }
            if endpoint.encryption.is_some() {
                has_own(pointer.parent().parent().key("encryption"), "encryption");
            }
        }
        if let Some(volume) = self.volume
            && !tables::within(VOLUME, volume.gb())
        {
            issues.push(Issue::new(
                Code::OutOfBounds,
                pointer.key("volume"),
                format!("{volume} is not {}", tables::range(VOLUME, "GB")),
            ));
        }
    }

    fn check_times(&self, pointer: &Pointer, issues: &mut Vec<Issue>) {
        for (key, time, path) in [
            ("download_timeout", self.download_timeout, DOWNLOAD),
            ("startup_timeout", self.startup_timeout, STARTUP),
        ] {
            if let Some(time) = time
                && !tables::within(path, time.secs())
            {
                issues.push(Issue::new(
                    Code::OutOfBounds,
                    pointer.key(key),
                    format!("{time} is not {}", tables::range(path, "s")),
                ));
            }
        }
        if let Some(ami) = &self.ami_version
            && let Some(known) = tables::enumeration("ProductionVariant.InferenceAmiVersion")
            && !known.contains(&ami.as_str())
        {
            issues.push(
                Issue::new(
                    Code::UnknownValue,
                    pointer.key("ami_version"),
                    format!("`{ami}` is no machine image for endpoints"),
                )
                .help(format!("write {}", or_list(known.iter().copied()))),
            );
        }
    }
}

fn head(reference: &str) -> &str {
    reference.split('.').next().unwrap_or(reference)
}

/// `CsvContentType` and `JsonContentType` of the API: `[a-zA-Z0-9](-*[a-zA-Z0-9])*\/[a-zA-Z0-9](-*[a-zA-Z0-9.])*`.
fn is_content_type(text: &str) -> bool {
    let word = |text: &str, dots: bool| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && !text.ends_with('-')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || (dots && c == '.'))
    };
    text.len() <= 256 && text.split_once('/').is_some_and(|(kind, sub)| word(kind, false) && word(sub, true))
}
