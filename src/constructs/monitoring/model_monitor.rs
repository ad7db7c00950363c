//! The backend `model_monitor`: a job definition and a schedule that runs it.

use super::render::{Watched, cluster};
use super::{AnalysisWindow, Backend, Monitor, MonitorKind};
use crate::cfn::{Expr, LogicalId, Map, ParameterSource, Statement, TemplateKind, Value, json};
use crate::constructs::{Image, Rendering, Role, Scope, This, grants, jobs, serving};
use crate::rules::units::Duration;
use crate::tables::{self, MonitorImage};

/// Where captured data, and reports, stand in the container, as AWS's SDK puts them.
const CAPTURED: &str = "/opt/ml/processing/input/endpoint";
const OUTPUT: &str = "/opt/ml/processing/output";

impl Monitor {
    /// The image that does it: AWS's own, or that of the stack file for the backend `pipeline`.
    pub(super) fn image(&self, scope: &Scope<'_>) -> Option<Image> {
        let kind = match (self.backend, self.kind.by_clarify()) {
            (Backend::Pipeline, _) => return jobs::own_image(self.image.as_deref()?),
            (Backend::ModelMonitor, true) => MonitorImage::Clarify,
            (Backend::ModelMonitor, false) => MonitorImage::ModelMonitor,
        };
        Some(scope.image(&tables::monitor_image(kind)))
    }

    pub(super) fn render_schedule(
        &self,
        this: &This,
        watched: &Watched<'_>,
        scope: &Scope<'_>,
        out: &mut Rendering,
    ) {
        let id = |word: &str| LogicalId::new([this.name.as_str(), word]);
        let kind = self.kind.monitoring_type();
        let key = serving::key(scope, out);
        let carry = |value: &Expr, word: &str, what: &str, out: &mut Rendering| {
            serving::carry(value, id(word).as_str(), what, out)
        };
        let reports =
            carry(&self.reports(this, scope).uri, "ReportsUri", "Where a monitor's reports go", out);
        let mut specification = self.specification(scope, out);
        if let Some(file) = self.analysis_file(scope) {
            let uri = carry(&file.uri, "AnalysisUri", "Analysis configuration of a monitor", out);
            specification.insert("ConfigUri", uri.to_value());
        }
        let mut input = Map::new();
        input.insert("EndpointInput", self.input(watched));
        if let Some(labels) = self.labels(this, scope).filter(|_| self.kind.needs_labels()) {
            let uri = carry(&labels.uri, "LabelsUri", "Where labels arrive", out);
            input.insert("GroundTruthS3Input", json!({ "S3Uri": uri }));
        }
        let reason = "The stack file chooses keys that S3 manages";
        let skips = [("CKV_AWS_367", reason), ("CKV_AWS_368", reason)];
        let network = json!({
            "EnableInterContainerTrafficEncryption": true,
            "EnableNetworkIsolation": false,
            "VpcConfig": serving::vpc(scope),
        });
        let context = json!({
            "id": id("JobDefinition"),
            "metadata": key.is_none().then(|| serving::skip(&skips)),
            "type": format!("AWS::SageMaker::{kind}JobDefinition"),
            "specification_key": format!("{kind}AppSpecification"),
            "specification": specification,
            "baseline_key": format!("{kind}BaselineConfig"),
            "baseline": self.baseline_config(this, scope, out),
            "input_key": format!("{kind}JobInput"),
            "input": input,
            "output_key": format!("{kind}JobOutputConfig"),
            "output": {
                "KmsKeyId": &key,
                "MonitoringOutputs": [
                    { "S3Output": { "LocalPath": OUTPUT, "S3Uri": reports, "S3UploadMode": "Continuous" } },
                ],
            },
            "resources": cluster(self, key.as_ref()),
            "network": network,
            "role": serving::role(Role::Monitor, out),
            "runtime": self.runtime().secs(),
            "schedule_id": id("MonitoringSchedule"),
            "schedule_name": scope.fixed_name(&this.name),
            "definition": name_in(&id("JobDefinition").attr("JobDefinitionArn")),
            "kind": kind,
            "expression": &self.schedule.expression,
        });
        out.shape(TemplateKind::Serving, "monitor", context);
        out.grant(Role::Serving, self.deployment(this, scope));
    }

    fn specification(&self, scope: &Scope<'_>, out: &mut Rendering) -> Map {
        let mut environment: Map =
            self.environment.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        if !self.kind.by_clarify() {
            environment.insert("publish_cloudwatch_metrics", json!("Enabled"));
        }
        let mut specification = Map::new();
        if let Some(image) = self.image(scope) {
            specification.insert("ImageUri", image.uri.to_value());
        }
        if !environment.is_empty() {
            specification.insert("Environment", Value::Object(environment));
        }
        if let Some(problem) = self.problem_type.filter(|_| self.kind == MonitorKind::ModelQuality) {
            specification.insert("ProblemType", json!(problem.as_api()));
        }
        for (key, path) in [
            ("RecordPreprocessorSourceUri", &self.preprocessor),
            ("PostAnalyticsProcessorSourceUri", &self.postprocessor),
        ] {
            if let Some(path) = path {
                serving::artifact_bucket(out);
                specification.insert(key, scope.asset(path).to_value());
            }
        }
        specification
    }

    fn input(&self, watched: &Watched<'_>) -> Value {
        let offset = |pick: fn(&AnalysisWindow) -> Duration| {
            self.window.as_ref().map(|window| format!("-PT{}M", pick(window).secs() / 60))
        };
        let by_data = self.kind == MonitorKind::DataQuality;
        json!({
            // The name comes from the resource, so that the monitor waits for the endpoint.
            "EndpointName": watched.id.attr("EndpointName"),
            "LocalPath": CAPTURED,
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
            "FeaturesAttribute": &self.features_attribute,
            "InferenceAttribute": if by_data { &None } else { &self.inference_attribute },
            "ProbabilityAttribute": if by_data { &None } else { &self.probability_attribute },
            "ProbabilityThresholdAttribute": self.probability_threshold,
            "StartTimeOffset": offset(|window| window.start),
            "EndTimeOffset": offset(|window| window.end),
        })
    }

    /// The baseline that the approved version carries, if it carries one.
    fn baseline_config(&self, this: &This, scope: &Scope<'_>, out: &mut Rendering) -> Option<Value> {
        let group = self.group_name(scope)?.to_owned();
        let below = match self.kind {
            MonitorKind::DataQuality => "ModelDataQuality.Constraints",
            MonitorKind::ModelQuality => "ModelQuality.Constraints",
            MonitorKind::Bias => "Bias.PostTrainingConstraints",
            MonitorKind::Explainability => "Explainability.Constraints",
        };
        let mut resource = |word: &str, below: &str| {
            let name = LogicalId::new([this.name.as_str(), word]);
            let source = ParameterSource::ApprovedModelField {
                group: group.clone(),
                path: format!("DriftCheckBaselines.{below}.S3Uri"),
            };
            let what = format!("{word} of the approved version's baseline; empty when it has none");
            let uri = out.serving.optional_parameter(name.as_str(), &what, source);
            let given = Expr::Literal(json!({ "S3Uri": uri }));
            Expr::If(format!("Has{name}"), Box::new(given), Box::new(Expr::NoValue))
        };
        let constraints = resource("Constraints", below);
        // The only kind whose job definition takes statistics.
        let statistics = (self.kind == MonitorKind::DataQuality)
            .then(|| resource("Statistics", "ModelDataQuality.Statistics"));
        Some(json!({ "ConstraintsResource": constraints, "StatisticsResource": statistics }))
    }

    /// What CloudFormation needs to make, change and remove the monitor.
    fn deployment(&self, this: &This, scope: &Scope<'_>) -> Vec<Statement> {
        let (kind, arn) = match self.kind {
            MonitorKind::DataQuality => ("DataQuality", "data-quality-job-definition/*"),
            MonitorKind::ModelQuality => ("ModelQuality", "model-quality-job-definition/*"),
            MonitorKind::Bias => ("ModelBias", "model-bias-job-definition/*"),
            MonitorKind::Explainability => ("ModelExplainability", "model-explainability-job-definition/*"),
        };
        // CloudFormation chooses the names of job definitions.
        let definitions = Expr::regional_arn("sagemaker", [Expr::text(arn)]);
        let schedules = serving::sagemaker("monitoring-schedule", &scope.fixed_name(&this.name));
        let actions =
            ["Create", "Delete", "Describe"].map(|verb| format!("sagemaker:{verb}{kind}JobDefinition"));
        let mut statements = vec![
            Statement::allow(format!("Deploy{kind}Monitors"), actions, [definitions.clone()]),
            Statement::allow(
                "DeployMonitoringSchedules",
                [
                    "sagemaker:CreateMonitoringSchedule",
                    "sagemaker:DeleteMonitoringSchedule",
                    "sagemaker:DescribeMonitoringSchedule",
                    "sagemaker:StartMonitoringSchedule",
                    "sagemaker:StopMonitoringSchedule",
                    "sagemaker:UpdateMonitoringSchedule",
                ],
                schedules.clone(),
            ),
            Statement::allow(
                "TagMonitors",
                ["sagemaker:AddTags", "sagemaker:DeleteTags", "sagemaker:ListTags"],
                schedules.into_iter().chain([definitions]),
            ),
            serving::pass(Role::Monitor, "sagemaker.amazonaws.com"),
        ];
        statements.extend(grants::key(scope));
        statements
    }
}

/// The name at the end of an ARN. The ARN is all that CloudFormation knows of a job definition that has no fixed
/// name, and it has none because every change replaces it.
fn name_in(arn: &Expr) -> Value {
    json!({ "Fn::Select": [1, { "Fn::Split": ["/", arn] }] })
}
