//! The backend `pipeline`: a small pipeline that runs the user's own code on a schedule.
//!
//! For accounts that cannot use Model Monitor, which is closed to new customers since 2026-07-30
//! (<https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-availability-change.html>). It stands in the
//! serving template: before there is an endpoint there is nothing to compare.

use super::baseline::{input, pruned};
use super::render::{Watched, cluster};
use super::{Monitor, findings};
use crate::cfn::{Expr, LogicalId, Map, Statement, TemplateKind, json};
use crate::constructs::{Rendering, Role, Scope, This, events, grants, serving};
use crate::definition::{Definition, Step};

/// Where the code, the captured data, the baseline and the reports stand in the container.
const CODE: &str = "/opt/ml/processing/input/code";
const CAPTURED: &str = "/opt/ml/processing/captured";
const BASELINE: &str = "/opt/ml/processing/baseline";
const REPORTS: &str = "/opt/ml/processing/output";

impl Monitor {
    /// The pipeline's name in AWS.
    fn pipeline_name(this: &This, scope: &Scope<'_>) -> String {
        format!("{}-drift-{}", this.name, scope.environment)
    }

    pub(super) fn render_pipeline(
        &self,
        this: &This,
        watched: &Watched<'_>,
        scope: &Scope<'_>,
        out: &mut Rendering,
    ) {
        let Some(step) = self.comparison(this, watched, scope, out) else { return };
        let definition = Definition { steps: vec![step.into_value()], ..Definition::default() };
        let name = Monitor::pipeline_name(this, scope);
        let id = LogicalId::new([this.name.as_str(), "MonitorPipeline"]);
        let context = json!({
            "id": &id,
            "name": &name,
            "description": format!("Compares what {} captured with a baseline", watched.name),
            "body": definition.into_body().to_cfn(),
            "role": serving::role(Role::Pipeline, out),
            "endpoint": [watched.id],
        });
        out.shape(TemplateKind::Serving, "monitor_pipeline", context);
        let dead_letters = events::dead_letters(scope, out);
        let arn = Expr::regional_arn("sagemaker", [Expr::text(format!("pipeline/{}", name.to_lowercase()))]);
        let context = json!({
            "id": LogicalId::new([this.name.as_str(), "MonitorTrigger"]),
            "description": format!("Runs the monitor {name} {}", self.schedule),
            "expression": &self.schedule.expression,
            "timezone": "UTC",
            // Built from the resource, so that the schedule waits for the pipeline.
            "target": Expr::regional_arn("sagemaker", [Expr::text("pipeline/"), id.reference()]),
            "role": serving::role(Role::Trigger, out),
            "dead_letters": out.import("UndeliveredEventsArn", "ARN of the queue of undelivered events", &dead_letters),
            "retry": events::retry(),
        });
        out.shape(TemplateKind::Serving, "schedule", context);
        out.grant(
            Role::Trigger,
            [
                Statement::allow(
                    "StartPipelines",
                    ["sagemaker:StartPipelineExecution"],
                    serving::sagemaker("pipeline", &name),
                ),
                Statement::allow("KeepUndelivered", ["sqs:SendMessage"], [dead_letters]),
            ],
        );
        out.grant(Role::Pipeline, pipeline_grants());
        out.grant(Role::Serving, deployment(&name, arn, scope));
    }

    /// The step that runs the code; everything that the platform template knows is imported.
    fn comparison(
        &self,
        this: &This,
        watched: &Watched<'_>,
        scope: &Scope<'_>,
        out: &mut Rendering,
    ) -> Option<Step> {
        let code = self.code.as_deref()?;
        let image = self.image(scope)?;
        let capture = watched.capture?;
        let id = |word: &str| LogicalId::new([this.name.as_str(), word]);
        let key = serving::key(scope, out);
        serving::artifact_bucket(out);
        let captured = Expr::concat([capture.place.uri.clone(), Expr::text(format!("/{}", watched.name))]);
        let captured = serving::carry(
            &captured,
            id("CapturedUri").as_str(),
            "Where an endpoint's captured data lies",
            out,
        );
        let mut inputs = vec![
            input("code", &scope.asset(code), CODE, false),
            input("captured", &captured, CAPTURED, false),
        ];
        if let Some(data) = self.baseline.as_ref().and_then(|from| scope.data(from.as_str())) {
            let uri =
                serving::carry(&data.uri, id("BaselineUri").as_str(), "Baseline data of a monitor", out);
            inputs.push(input("baseline", &uri, BASELINE, data.manifest));
        }
        let reports = serving::carry(
            &self.reports(this, scope).uri,
            id("ReportsUri").as_str(),
            "Where a monitor's reports go",
            out,
        );
        let run =
            Expr::concat([reports, Expr::text("/"), Expr::Get("Execution.PipelineExecutionId".to_owned())]);
        let file = code.rsplit('/').next().unwrap_or(code);
        let mut network =
            json!({ "EnableInterContainerTrafficEncryption": true, "EnableNetworkIsolation": false });
        if let Some(vpc) = serving::vpc(scope) {
            network["VpcConfig"] = vpc;
        }
        let request = json!({
            "ProcessingResources": cluster(self, key.as_ref()),
            "AppSpecification": {
                "ImageUri": image.uri,
                "ContainerEntrypoint": ["python3", format!("{CODE}/{file}")],
            },
            "RoleArn": serving::role(Role::Monitor, out),
            "ProcessingInputs": inputs,
            "ProcessingOutputConfig": {
                "Outputs": [{
                    "OutputName": "reports",
                    "AppManaged": false,
                    "S3Output": { "S3Uri": run, "LocalPath": REPORTS, "S3UploadMode": "EndOfJob" },
                }],
                "KmsKeyId": key,
            },
            "Environment": self.variables(this, watched, scope),
            "NetworkConfig": network,
            "StoppingCondition": { "MaxRuntimeInSeconds": self.runtime().secs() },
            "Tags": scope.run_time_tags(),
        });
        Some(Step::new("compare", "Processing", pruned(request)))
    }

    fn variables(&self, this: &This, watched: &Watched<'_>, scope: &Scope<'_>) -> Map {
        let mut variables: Map =
            self.environment.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let name = scope.fixed_name(&this.name);
        let given = [
            ("SMSTACK_ENDPOINT", json!(watched.name)),
            ("SMSTACK_MONITOR", json!(&name)),
            ("SMSTACK_KIND", json!(self.kind.as_str())),
            ("SMSTACK_NAMESPACE", json!(&self.namespace)),
            ("SMSTACK_METRIC", json!("Violations")),
            ("SMSTACK_DIMENSIONS", json!(findings::dimensions(watched.name, &name).to_string())),
            ("SMSTACK_THRESHOLDS", json!(json!(&self.thresholds).to_string())),
            ("SMSTACK_HOURS", json!(self.schedule.hours.to_string())),
            ("SMSTACK_REGION", json!(Expr::pseudo("AWS::Region"))),
        ];
        variables.extend(given);
        variables
    }
}

/// What a pipeline needs to run a job with the monitor's role.
pub(super) fn pipeline_grants() -> Vec<Statement> {
    let jobs = Expr::regional_arn("sagemaker", [Expr::text("processing-job/pipelines-*")]);
    vec![
        Statement::allow(
            "RunProcessing",
            [
                "sagemaker:CreateProcessingJob",
                "sagemaker:DescribeProcessingJob",
                "sagemaker:StopProcessingJob",
            ],
            [jobs.clone()],
        ),
        Statement::allow("TagJobs", ["sagemaker:AddTags"], [jobs]),
        serving::pass(Role::Monitor, "sagemaker.amazonaws.com"),
    ]
}

/// What CloudFormation needs to make, change and remove the pipeline and its schedule.
fn deployment(name: &str, arn: Expr, scope: &Scope<'_>) -> Vec<Statement> {
    let mut pipelines = serving::sagemaker("pipeline", name);
    pipelines.push(arn);
    let prefix = scope.stack_name(TemplateKind::Serving);
    let schedules = Expr::regional_arn("scheduler", [Expr::text(format!("schedule/default/{prefix}-*"))]);
    let mut statements = vec![
        Statement::allow(
            "DeployMonitorPipelines",
            [
                "sagemaker:AddTags",
                "sagemaker:CreatePipeline",
                "sagemaker:DeletePipeline",
                "sagemaker:DeleteTags",
                "sagemaker:DescribePipeline",
                "sagemaker:ListTags",
                "sagemaker:UpdatePipeline",
            ],
            pipelines,
        ),
        Statement::allow(
            "DeploySchedules",
            [
                "scheduler:CreateSchedule",
                "scheduler:DeleteSchedule",
                "scheduler:GetSchedule",
                "scheduler:UpdateSchedule",
            ],
            [schedules],
        ),
        serving::pass(Role::Pipeline, "sagemaker.amazonaws.com"),
        serving::pass(Role::Trigger, "scheduler.amazonaws.com"),
    ];
    statements.extend(grants::key(scope));
    statements
}
