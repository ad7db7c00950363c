//! What a monitoring job found, as a metric.
//!
//! CloudWatch gets one metric for each feature from Model Monitor, and an alarm cannot search over metrics. What
//! says «violations» for the whole run is the end of its processing job: `ExitMessage` begins with
//! `CompletedWithViolations`
//! (<https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-interpreting-results.html>). The documented event
//! of a processing job carries its role and its state, but not that message
//! (<https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html>), so a small state
//! machine asks `DescribeProcessingJob`, and puts 1 or 0.

use super::Monitor;
use crate::cfn::{Expr, LogicalId, Statement, TemplateKind, Value, json};
use crate::constructs::events::{self, Rule};
use crate::constructs::{Rendering, Role, Scope, This, grants, serving};

/// Days for which the machine's log is kept.
const KEEP_LOGS: u32 = 30;

/// The actions of the state machine, as CloudFormation puts their ARNs into the definition.
const READ: &str = "DescribeProcessingJob";
const PUT: &str = "PutMetricData";

impl Monitor {
    /// The rule and the state machine that count violations, in the platform template.
    pub(super) fn render_findings(
        &self,
        this: &This,
        endpoint: &str,
        scope: &Scope<'_>,
        out: &mut Rendering,
    ) {
        let id = LogicalId::new([this.name.as_str(), "MonitorFindings"]);
        let logs = LogicalId::new([this.name.as_str(), "MonitorFindingsLogs"]);
        let key = scope.own_key();
        if key.is_some() {
            out.key_users.insert("logs.amazonaws.com");
        }
        let unencrypted =
            "the stack file names no key of its own whose policy could let CloudWatch Logs use it";
        let schedule = scope.fixed_name(&this.name);
        let context = json!({
            "id": &id,
            "definition": self.machine(&schedule, endpoint),
            "substitutions": {
                READ: action("sagemaker:describeProcessingJob"),
                PUT: action("cloudwatch:putMetricData"),
            },
            "role": Role::Findings.arn(),
            "logs_id": &logs,
            // Under this prefix, Step Functions needs no entry in the account's resource policy for logs.
            // <https://docs.aws.amazon.com/step-functions/latest/dg/bp-cwl.html>
            "logs_name": format!("/aws/vendedlogs/states/{}-{}-findings", scope.prefix(), this.name),
            "logs_arn": logs.attr("Arn"),
            "logs_key": &key,
            "logs_metadata": key.is_none().then(|| serving::skip(&[("CKV_AWS_158", unencrypted)])),
            "keep_logs": KEEP_LOGS,
        });
        out.shape(TemplateKind::Platform, "monitor_findings", context);
        let rule = Rule {
            id: LogicalId::new([this.name.as_str(), "MonitorRun"]),
            description: format!("Says that a run of the monitor {schedule} has ended"),
            pattern: json!({
                "source": ["aws.sagemaker"],
                "detail-type": ["SageMaker Processing Job State Change"],
                "detail": {
                    "ProcessingJobStatus": ["Completed", "Failed", "Stopped"],
                    "RoleArn": [Role::Monitor.arn()],
                },
            }),
            target: id.reference(),
            role: Some(Role::Trigger.arn()),
            transformer: None,
        };
        events::rule(&rule, scope, out);
        out.grant(
            Role::Trigger,
            [Statement::allow("StartMachines", ["states:StartExecution"], [id.reference()])],
        );
        out.grant(Role::Findings, self.findings_grants());
    }

    fn machine(&self, schedule: &str, endpoint: &str) -> Value {
        let names = [schedule.to_owned(), schedule.to_lowercase()];
        let ours: Vec<Value> = names
            .iter()
            .map(|name| {
                json!({ "Variable": "$.MonitoringScheduleArn", "StringMatches": format!("*:monitoring-schedule/{name}") })
            })
            .collect();
        let put = |metric: &str, value: u32| {
            json!({
                "Type": "Task",
                "Resource": format!("${{{PUT}}}"),
                "Parameters": {
                    "Namespace": &self.namespace,
                    "MetricData": [{
                        "MetricName": metric,
                        "Value": value,
                        "Dimensions": dimensions(endpoint, schedule),
                    }],
                },
                "Retry": again(),
                "End": true,
            })
        };
        json!({
            "Comment": "Counts what the runs of a monitor found",
            "StartAt": "Read the run",
            "States": {
                "Read the run": {
                    "Type": "Task",
                    "Resource": format!("${{{READ}}}"),
                    "Parameters": { "ProcessingJobName.$": "$.detail.ProcessingJobName" },
                    "Retry": again(),
                    "Next": "Is it of this monitor",
                },
                "Is it of this monitor": {
                    "Type": "Choice",
                    "Choices": [{
                        "And": [
                            { "Variable": "$.MonitoringScheduleArn", "IsPresent": true },
                            { "Or": ours },
                        ],
                        "Next": "What did it find",
                    }],
                    "Default": "Not of this monitor",
                },
                "Not of this monitor": { "Type": "Succeed" },
                "What did it find": {
                    "Type": "Choice",
                    "Choices": [
                        {
                            "And": [
                                { "Variable": "$.ExitMessage", "IsPresent": true },
                                { "Variable": "$.ExitMessage", "StringMatches": "CompletedWithViolations*" },
                            ],
                            "Next": "Violations",
                        },
                        { "Variable": "$.ProcessingJobStatus", "StringEquals": "Completed", "Next": "No violations" },
                    ],
                    "Default": "Failure",
                },
                "Violations": put("Violations", 1),
                "No violations": put("Violations", 0),
                "Failure": put("FailedRuns", 1),
            },
        })
    }

    fn findings_grants(&self) -> Vec<Statement> {
        let jobs = Expr::regional_arn("sagemaker", [Expr::text("processing-job/*")]);
        vec![
            // Model Monitor chooses the names of its runs.
            Statement::allow("ReadRuns", ["sagemaker:DescribeProcessingJob"], [jobs]),
            self.put_metrics(),
            grants::deliver_logs(),
            grants::trace("Trace"),
        ]
    }

    /// Putting the metric. AWS knows no resource for this action; the namespace bounds it.
    pub(super) fn put_metrics(&self) -> Statement {
        Statement::allow("PutFindings", ["cloudwatch:PutMetricData"], [Expr::text("*")])
            .when(json!({ "StringEquals": { "cloudwatch:namespace": &self.namespace } }))
    }
}

/// The dimensions of the metric, in both backends.
pub(super) fn dimensions(endpoint: &str, schedule: &str) -> Value {
    json!([
        { "Name": "Endpoint", "Value": endpoint },
        { "Name": "MonitoringSchedule", "Value": schedule },
    ])
}

fn again() -> Value {
    json!([{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "BackoffRate": 2, "MaxAttempts": 5 }])
}

/// ARN of an action of AWS's SDK, as a state machine calls it.
fn action(name: &str) -> Expr {
    Expr::arn([Expr::text(format!("states:::aws-sdk:{name}"))])
}
