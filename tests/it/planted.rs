//! Twenty faults of meaning, each planted into a correct template, and into a stack file where it can be written there:
//! all are found, each with its code at its line.
//!
//! cfn-lint 1.58.0 finds two of those in the template (the rule that names days twice, the instance type) and nothing
//! wrong with the correct one.

use std::fs;

use serde_json::Value;
use smstack::lint;
use smstack::source::SourceFile;

use crate::project::{self, root, run};

/// What is wrong, where it is written and as what, and what is found, so many lines further down.
struct Fault {
    what: &'static str,
    right: &'static str,
    wrong: &'static str,
    code: &'static str,
    below: isize,
}

const fn fault(
    what: &'static str,
    right: &'static str,
    wrong: &'static str,
    code: &'static str,
    below: isize,
) -> Fault {
    Fault { what, right, wrong, code, below }
}

#[rustfmt::skip]
const IN_TEMPLATE: [Fault; 24] = [
    fault("a step that depends on a missing step", r#""DependsOn": ["Prepare"]"#, r#""DependsOn": ["Preparation"]"#, "unknown-reference", 0),
    fault("steps that wait for each other", r#""Name": "Prepare", "Type""#, r#""Name": "Prepare", "DependsOn": ["Judge"], "Type""#, "reference-cycle", 0),
    fault("two steps of one name", r#""Name": "Poor""#, r#""Name": "Judge""#, "duplicate-name", 0),
    fault("an output that a step does not have", "Outputs['train'].S3Output", "Outputs['training'].S3Output", "unknown-reference", 0),
    fault("a property file that no step writes", "PropertyFiles.Report", "PropertyFiles.Metrics", "unknown-reference", 0),
    fault("inverted tuning ranges", r#""MinValue": "0.01", "MaxValue": "0.5""#, r#""MinValue": "0.5", "MaxValue": "0.01""#, "tuning-range-inverted", 0),
    fault("a logarithmic range from zero", r#""MinValue": "0.01""#, r#""MinValue": "0""#, "tuning-scale", 0),
    fault("an objective that training does not measure", r#""MetricName": "validation:auc""#, r#""MetricName": "validation:f1""#, "objective-unknown", 0),
    fault("more jobs at once than in all", r#""MaxParallelTrainingJobs": 2"#, r#""MaxParallelTrainingJobs": 90"#, "tuning-parallel", 0),
    fault("less waiting for spot instances than running", r#""MaxWaitTimeInSeconds": 7200"#, r#""MaxWaitTimeInSeconds": 1800"#, "spot-wait", 0),
    fault("a scalable target for a missing variant", "variant/AllTraffic", "variant/Blue", "unknown-reference", 0),
    fault("bounds of scaling in the wrong order", "MinCapacity: 2", "MinCapacity: 8", "scaling-bounds", 0),
    fault("steps of scaling with a gap", "MetricIntervalLowerBound: 100", "MetricIntervalLowerBound: 200", "scaling-steps", 0),
    fault("a metric of another dimension", "SageMakerVariantInvocationsPerInstance", "SageMakerInferenceComponentInvocationsPerCopy", "scaling-metric", 0),
    fault("a monitor without data capture", "EnableCapture: true", "EnableCapture: false", "monitor-capture", 71),
    fault("a Unix cron for a monitor", "cron(0 * ? * * *)", "0 * * * *", "schedule-expression", 0),
    fault("a rule that names days twice", "cron(0 3 * * ? *)", "cron(0 3 * * MON *)", "schedule-expression", 0),
    fault("an alarm on a missing endpoint", "Name: EndpointName, Value: churn", "Name: EndpointName, Value: chrun", "unknown-reference", 0),
    fault("a rollback alarm that does not exist", "AlarmName: churn-errors }", "AlarmName: churn-latency }", "rollback-alarm", 0),
    fault("a canary without its size", "            CanarySize: { Type: CAPACITY_PERCENT, Value: 50 }\n", "", "missing-key", -2),
    fault("an image of another region", "763104351884.dkr.ecr.eu-west-1", "763104351884.dkr.ecr.eu-south-1", "image-region", 0),
    fault("an instance type that endpoints do not have", "ml.m5.large", "ml.m5.huge", "unknown-value", 0),
    fault("a role that cannot write what is captured", r#""s3:GetObject", "s3:PutObject"]"#, r#""s3:GetObject"]"#, "role-lacks", 80),
    fault("a monitor's run longer than its hour", "MaxRuntimeInSeconds: 1800", "MaxRuntimeInSeconds: 7200", "monitor-runtime", 0),
];

#[rustfmt::skip]
const IN_STACK: [Fault; 20] = [
    fault("an input from a missing step", "test:  { from: preprocess.test,", "test:  { from: prepare.test,", "unknown-reference", 0),
    fault("an output that a step does not have", "train: preprocess.train, validation", "train: preprocess.training, validation", "unknown-reference", 0),
    fault("a report that no step writes", "evaluate.metrics.multiclass", "evaluate.report.multiclass", "unknown-reference", 0),
    fault("two steps of one name", "    - tuning: search\n", "    - tuning: search\n    - tuning: search\n", "step-twice", 1),
    fault("inverted tuning ranges", "[0.0001, 0.1]", "[0.1, 0.0001]", "tuning-range-inverted", 0),
    fault("a logarithmic range from zero", "[0.0001, 0.1]", "[0, 0.1]", "tuning-scale", 0),
    fault("an objective that training does not measure", "maximize: val:accuracy", "maximize: val:f1", "objective-unknown", 0),
    fault("more jobs at once than in all", "max: 50, parallel: 5", "max: 50, parallel: 90", "tuning-parallel", 0),
    fault("less waiting for spot instances than running", "max_wait: 8h", "max_wait: 2h", "spot-wait", 0),
    fault("a scalable target for a missing variant", "target: deep-learning-endpoint.AllTraffic", "target: deep-learning-endpoint.Blue", "unknown-reference", 0),
    fault("bounds of scaling in the wrong order", "  min: 2\n", "  min: 20\n", "scaling-bounds", 0),
    fault("a metric of another dimension", "invocations_per_instance: 70", "invocations_per_copy: 70", "unknown-key", 0),
    fault("a monitor without data capture", "    data_capture: { sampling: 100%, to: artifacts }\n", "", "monitor-capture", 16),
    fault("a Unix cron", "cron(0 3 ? * MON *)", "0 3 * * 1", "schedule-expression", 0),
    fault("a schedule that names days twice", "cron(0 3 ? * MON *)", "cron(0 3 * * MON *)", "schedule-expression", 0),
    fault("an alarm on a missing endpoint", "errors:  { on: deep-learning-endpoint.", "errors:  { on: deep-learning-endpiont.", "unknown-reference", 0),
    fault("a rollback alarm that does not exist", "[errors, latency]", "[errors, latancy]", "unknown-reference", 0),
    fault("a canary beyond half", "canary: 10%", "canary: 90%", "rollout-bounds", 0),
    fault("an image that does not exist", "image: { framework: sklearn, version: 1.2-1 }", "image: { framework: sklearn, version: 9.9-1 }", "image-unknown", 0),
    fault("an instance type that endpoints do not have", "instance: ml.c5.xlarge, count", "instance: ml.c5.huge, count", "endpoint-instance", 0),
];

/// The text with the fault in it, and the line at which it is to be found.
fn plant(text: &str, fault: &Fault) -> (String, usize) {
    let at = text.find(fault.right).unwrap_or_else(|| panic!("{}: not there", fault.what));
    let line = text[..at].lines().count() + usize::from(text[..at].ends_with('\n'));
    (text.replacen(fault.right, fault.wrong, 1), line.checked_add_signed(fault.below).unwrap())
}

fn all_found(missed: &[String], of: usize) {
    assert!(of >= 20 && missed.is_empty(), "{} of {of} missed:\n{}", missed.len(), missed.join("\n"));
}

#[test]
fn faults_of_meaning_are_found_in_templates() {
    let text = fs::read_to_string(root().join("tests/good/template/whole.yaml")).unwrap();
    let mut missed = Vec::new();
    for fault in &IN_TEMPLATE {
        let (planted, line) = plant(&text, fault);
        let file = SourceFile::new("whole.yaml", planted);
        let found: Vec<_> = lint::check(&file, None)
            .iter()
            .map(|one| (file.line_column(one.primary.span.start).0, one.code.as_str()))
            .collect();
        if !found.contains(&(line, fault.code)) {
            missed.push(format!("{}: no {} in line {line}, but {found:?}", fault.what, fault.code));
        }
    }
    all_found(&missed, IN_TEMPLATE.len());
}

#[test]
fn faults_of_meaning_are_found_in_stack_files() {
    let text = project::reference();
    let mut missed = Vec::new();
    for fault in &IN_STACK {
        let (planted, line) = plant(&text, fault);
        let at = tempfile::tempdir().unwrap();
        project::write(at.path(), &planted);
        let output = run(at.path(), &["validate", "deep-learning", "--format", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let found: Vec<_> = report["diagnostics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["line"].as_u64().unwrap(), one["code"].as_str().unwrap()))
            .collect();
        if !found.contains(&(line as u64, fault.code)) {
            missed.push(format!("{}: no {} in line {line}, but {found:?}", fault.what, fault.code));
        }
    }
    all_found(&missed, IN_STACK.len());
}
