//! What is wrong with a monitor.
//!
//! Sources: CreateDataQualityJobDefinition and its sisters, CreateMonitoringSchedule;
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor.html>.

use super::{Backend, Monitor, MonitorKind, ProblemType, REPORTS};
use crate::constructs::exports::Capture;
use crate::constructs::{Export, Scope, This, jobs, serving};
use crate::diag::{Code, Issue, Pointer, or_list};
use crate::rules::monitor_schedule::WindowFault;
use crate::rules::units::Duration;
use crate::rules::{monitor_schedule, names};
use crate::tables::{self, JobKind};

/// Members of the API whose bounds hold for a run.
const COUNT: &str = "MonitoringClusterConfig.InstanceCount";
const VOLUME: &str = "MonitoringClusterConfig.VolumeSizeInGB";
const RUNTIME: &str = "MonitoringStoppingCondition.MaxRuntimeInSeconds";

/// How a monitor's image may be given without its registry.
const SHORT: &str = "or write `repository:tag`, which is taken from where the stack is deployed";

impl Monitor {
    pub(super) fn check_all<'a>(&'a self, this: &This, scope: &Scope<'a>, issues: &mut Vec<Issue>) {
        let pointer = &this.pointer;
        names::check_resource(&scope.fixed_name(&this.name), "a monitor", pointer, issues);
        let is_endpoint = |export: &Export| matches!(export, Export::Endpoint { .. });
        let at = pointer.key("endpoint");
        if scope.check_reference(self.endpoint.as_str(), "an endpoint", &at, is_endpoint, issues)
            && let Some(Export::Endpoint { capture, many, .. }) = scope.export(self.endpoint.as_str())
        {
            // <https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor.html>
            if *many && self.backend == Backend::ModelMonitor {
                issues.push(
                    Issue::new(
                        Code::MultiModelExcluded,
                        at,
                        format!("Model Monitor does not watch `{}`, which serves many models", self.endpoint),
                    )
                    .label("several models in one container")
                    .help("write `backend: pipeline` with a job of your own, or give the endpoint one model"),
                );
            }
            self.check_capture(capture.as_ref(), pointer, scope, issues);
            self.check_format(capture.as_ref(), pointer, scope, issues);
        }
        self.check_baseline(pointer, scope, issues);
        self.check_run(pointer, issues);
        self.check_needs(this, scope, issues);
        self.check_unused(pointer, issues);
        self.check_window(pointer, issues);
        if let Some(output) = &self.output {
            serving::check_place(scope, output, REPORTS, &pointer.key("output"), issues);
        }
        if self.namespace.is_empty() || self.namespace.len() > 255 || self.namespace.starts_with("AWS/") {
            issues.push(
                Issue::new(
                    Code::WrongForm,
                    pointer.key("namespace"),
                    format!("`{}` is no namespace for metrics of your own", self.namespace),
                )
                .help("write 1 to 255 characters that do not begin with `AWS/`"),
            );
        }
        // <https://docs.aws.amazon.com/general/latest/gr/sagemaker.html>, by CloudFormation's own lists.
        let kind = format!("AWS::SageMaker::{}JobDefinition", self.kind.monitoring_type());
        if let Some(region) = scope.region
            && self.backend == Backend::ModelMonitor
            && tables::type_in_region(&kind, region) == Some(false)
        {
            issues.push(
                Issue::new(
                    Code::MonitorRegion,
                    pointer.key("kind"),
                    format!("Model Monitor does not exist in {region}"),
                )
                .help("write `backend: pipeline` with your own `code` and `image`"),
            );
        }
    }

    fn check_capture(
        &self,
        capture: Option<&Capture>,
        pointer: &Pointer,
        scope: &Scope<'_>,
        issues: &mut Vec<Issue>,
    ) {
        let at = pointer.key("endpoint");
        let place = scope.exports.get(self.endpoint.as_str()).map(|offers| offers.pointer.clone());
        let mut missing = |what: &str| {
            let mut issue = Issue::new(
                Code::MonitorCapture,
                at.clone(),
                format!("`{}` captures no {what}", self.endpoint),
            );
            if let Some(place) = &place {
                issue = issue.also(place.clone(), "the endpoint");
            }
            issues.push(issue.help(
                "give the endpoint `data_capture: { to: <bucket> }`, which keeps requests and responses",
            ));
        };
        match capture {
            None => missing("data"),
            Some(capture) => {
                if !capture.input {
                    missing("requests");
                }
                // The analyzer joins requests and responses: it reads pairs.
                if !capture.output {
                    missing("responses");
                }
            }
        }
    }

    /// Model Monitor reads what is captured as CSV or JSON text; a preprocessor may read anything.
    /// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CaptureContentTypeHeader.html>
    fn check_format(
        &self,
        capture: Option<&Capture>,
        pointer: &Pointer,
        scope: &Scope<'_>,
        issues: &mut Vec<Issue>,
    ) {
        let Some(capture) = capture.filter(|_| self.backend == Backend::ModelMonitor) else { return };
        if self.preprocessor.is_some() {
            return;
        }
        let group = self.watched(scope).and_then(|watched| watched.group);
        let registered = match (group, scope.export("pipeline.registers")) {
            (Some(group), Some(Export::Registers(groups))) => groups.get(group),
            _ => None,
        };
        let sent = registered.map_or(&[][..], |group| group.content_types.as_slice());
        let message = if capture.texts.is_empty() {
            format!("`{}` keeps no content type as text", self.endpoint)
        } else if !sent.is_empty() && !sent.iter().any(|kind| capture.texts.contains(kind)) {
            format!("`{}` keeps {} in base64", self.endpoint, or_list(sent.iter().map(String::as_str)))
        } else {
            return;
        };
        let mut issue = Issue::new(Code::MonitorFormat, pointer.key("endpoint"), message)
            .label("monitors read CSV and JSON")
            .note("what has none of the content types that capture keeps as text is kept in base64")
            .help("list it under `csv_content_types` or `json_content_types` of `data_capture`, if it is such text, or add a `preprocessor`");
        if let Some(offers) = scope.exports.get(self.endpoint.as_str()) {
            issue = issue.also(offers.pointer.key("data_capture"), "what is kept");
        }
        issues.push(issue);
    }

    fn check_baseline<'a>(&'a self, pointer: &Pointer, scope: &Scope<'a>, issues: &mut Vec<Issue>) {
        let at = pointer.key("baseline");
        if let Some(baseline) = &self.baseline {
            if !scope.check_data(baseline.as_str(), &at, issues) {
                return;
            }
            if self.backend == Backend::Pipeline
                && scope.data(baseline.as_str()).is_some_and(|data| data.uri.is_runtime())
            {
                issues.push(
                    Issue::new(
                        Code::WrongReference,
                        at,
                        format!("`{baseline}` lies elsewhere in each execution of the pipeline"),
                    )
                    .label("a fixed place is wanted")
                    .help("name a dataset without `versions` or a bucket of the lake, or write an S3 URI"),
                );
            } else if self.backend == Backend::ModelMonitor
                && !self.kind.by_clarify()
                && self.group_name(scope).is_none()
            {
                issues.push(
                    Issue::new(
                        Code::MonitorNeeds,
                        at,
                        "there is no registered version to carry the baseline",
                    )
                    .also(pointer.key("endpoint"), "serves no registered model")
                    .help("serve `<group>.approved`"),
                );
            }
        } else if self.kind == MonitorKind::DataQuality {
            issues.push(
                Issue::new(Code::MonitorNeeds, pointer.clone(), "a monitor of data quality needs something to compare with")
                    .on_key()
                    .help("add `baseline:` with the data that the model was trained with, such as `preprocess.train`"),
            );
        }
    }

    fn check_run(&self, pointer: &Pointer, issues: &mut Vec<Issue>) {
        let at = pointer.key("instance");
        let kind = self.instance.kind.as_str();
        if !tables::takes(JobKind::Processing, kind) {
            let mut issue = Issue::new(
                Code::MonitorInstance,
                at.key("type"),
                format!("monitors do not take the instance type `{kind}`"),
            );
            if let Some(near) = tables::near_instance(JobKind::Processing, kind) {
                issue = issue.fix(near, format!("did you mean `{near}`?"));
            }
            issues.push(issue);
        }
        if !tables::within(COUNT, u64::from(self.instance.count)) {
            let message = format!("a run has {} instances", tables::range(COUNT, ""));
            issues.push(Issue::new(Code::OutOfBounds, at.key("count"), message));
        }
        if !tables::within(VOLUME, self.instance.volume.gb()) {
            let message = format!("a volume has {}", tables::range(VOLUME, "GB"));
            issues.push(Issue::new(Code::OutOfBounds, at.key("volume"), message));
        }
        let interval = u64::from(self.schedule.hours) * 3600;
        let labels = self.kind.needs_labels() && self.backend == Backend::ModelMonitor;
        let longest = monitor_schedule::longest_run(self.schedule.hours, labels);
        let runtime = self.runtime();
        if !tables::within(RUNTIME, runtime.secs()) {
            issues.push(Issue::new(
                Code::MonitorRuntime,
                pointer.key("max_runtime"),
                format!("{runtime} is not {}", tables::range(RUNTIME, "s")),
            ));
        } else if runtime.secs() > interval {
            issues.push(
                Issue::new(
                    Code::MonitorRuntime,
                    pointer.key("max_runtime"),
                    format!("a run may take {runtime}, and runs {}", self.schedule),
                )
                .also(pointer.key("schedule"), "the schedule")
                .help("shorten `max_runtime`, or run less often"),
            );
        } else if runtime.secs() > longest {
            let longest = Duration::from_secs(longest);
            let message = format!("a run may take {runtime}, and has {longest} {}", self.schedule);
            issues.push(
                Issue::new(Code::MonitorRuntime, pointer.key("max_runtime"), message)
                    .note("hourly monitors that wait for labels have half of the hour to themselves")
                    .help(format!("lower `max_runtime` to {longest} or less, or run less often")),
            );
        }
    }

    fn check_needs<'a>(&'a self, this: &This, scope: &Scope<'a>, issues: &mut Vec<Issue>) {
        let pointer = &this.pointer;
        let kind = self.kind.as_str();
        let mut needs = |given: bool, key: &str, why: &str| {
            if !given {
                issues.push(
                    Issue::new(Code::MonitorNeeds, pointer.clone(), format!("{why} needs `{key}`"))
                        .on_key()
                        .help(format!("add `{key}`")),
                );
            }
        };
        if self.backend == Backend::Pipeline {
            needs(self.code.is_some(), "code", "a monitor that runs in a pipeline");
            needs(self.image.is_some(), "image", "a monitor that runs in a pipeline");
            if let Some(image) = &self.image {
                jobs::check_own(image, SHORT, scope, &pointer.key("image"), issues);
            }
        } else {
            let a_kind = format!("a monitor of kind `{kind}`");
            if self.kind.needs_labels() {
                needs(self.ground_truth.is_some(), "ground_truth", &a_kind);
            }
            if self.kind.by_clarify() {
                needs(self.analysis.is_some(), "analysis", &a_kind);
            }
            if self.kind == MonitorKind::ModelQuality {
                needs(self.problem_type.is_some(), "problem_type", &a_kind);
                match self.problem_type {
                    Some(ProblemType::BinaryClassification) => {
                        let given = self.inference_attribute.is_some()
                            || (self.probability_attribute.is_some() && self.probability_threshold.is_some());
                        needs(
                            given,
                            "inference_attribute",
                            "a binary classification without `probability_attribute` and `probability_threshold`",
                        );
                    }
                    Some(_) => needs(self.inference_attribute.is_some(), "inference_attribute", &a_kind),
                    None => {}
                }
                if self.baseline.is_some() {
                    needs(self.label_attribute.is_some(), "label_attribute", "a baseline of model quality");
                }
            }
        }
        if let Some(labels) = &self.ground_truth {
            serving::check_place(scope, labels, REPORTS, &pointer.key("ground_truth"), issues);
        }
        if let Some(analysis) = &self.analysis {
            serving::check_place(scope, analysis, REPORTS, &pointer.key("analysis"), issues);
        }
        if let Some(threshold) = self.probability_threshold
            && !(0.0..=1.0).contains(&threshold)
        {
            issues.push(Issue::new(
                Code::OutOfBounds,
                pointer.key("probability_threshold"),
                "a probability is 0 to 1",
            ));
        }
    }

    /// What would be ignored is refused: who writes it believes that it does something.
    fn check_unused(&self, pointer: &Pointer, issues: &mut Vec<Issue>) {
        let own = self.backend == Backend::Pipeline;
        let clarify = self.kind.by_clarify();
        let labelled = self.kind.needs_labels();
        let quality = self.kind == MonitorKind::ModelQuality;
        let data = self.kind == MonitorKind::DataQuality;
        let given = [
            ("code", self.code.is_some(), own),
            ("image", self.image.is_some(), own),
            ("thresholds", !self.thresholds.is_empty(), own),
            ("baseline", self.baseline.is_some(), own || !clarify),
            ("ground_truth", self.ground_truth.is_some(), !own && labelled),
            ("window", self.window.is_some(), !own && labelled),
            ("problem_type", self.problem_type.is_some(), !own && quality),
            ("label_attribute", self.label_attribute.is_some(), !own && quality),
            ("probability_threshold", self.probability_threshold.is_some(), !own && labelled),
            ("inference_attribute", self.inference_attribute.is_some(), !own && !data),
            ("probability_attribute", self.probability_attribute.is_some(), !own && !data),
            ("features_attribute", self.features_attribute.is_some(), !own && clarify),
            ("analysis", self.analysis.is_some(), !own && clarify),
            ("preprocessor", self.preprocessor.is_some(), !own && !clarify),
            ("postprocessor", self.postprocessor.is_some(), !own && !clarify),
        ];
        for (key, _, _) in given.into_iter().filter(|(_, given, used)| *given && !used) {
            let what =
                if own { "backend `pipeline`".to_owned() } else { format!("kind `{}`", self.kind.as_str()) };
            let why = match (own, key) {
                (false, "code" | "image" | "thresholds") => "backend `model_monitor`".to_owned(),
                _ => what,
            };
            issues.push(
                Issue::new(
                    Code::MonitorUnused,
                    pointer.key(key),
                    format!("a monitor of {why} has no use for `{key}`"),
                )
                .on_key()
                .help(format!("remove `{key}`")),
            );
        }
    }

    fn check_window(&self, pointer: &Pointer, issues: &mut Vec<Issue>) {
        let Some(window) = &self.window else { return };
        let at = pointer.key("window");
        let Some(fault) = monitor_schedule::window_fault(window.start.millis(), window.end.millis()) else {
            return;
        };
        issues.push(match fault {
            WindowFault::Inverted => Issue::new(
                Code::MonitorWindow,
                at,
                format!(
                    "the window begins {} before the run and ends {} before it",
                    window.start, window.end
                ),
            )
            .help("let `start` be longer ago than `end`"),
            WindowFault::TooLong => Issue::new(
                Code::MonitorWindow,
                at.key("start"),
                format!("{} is more than 24h before the run", window.start),
            ),
            WindowFault::Broken => Issue::new(
                Code::MonitorWindow,
                at,
                "a window begins and ends at whole minutes before the run",
            ),
        });
    }
}
