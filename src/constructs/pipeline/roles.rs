//! What the pipeline's role may do: run, watch and stop exactly the kinds of jobs that are there.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-access.html>

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::super::{Data, Export, Rendering, Role, Scope, grants};
use super::tree::Tree;
use crate::cfn::{Expr, Statement, Value, json};

/// Types of steps that run a job: the job's resource type in ARNs, and the prefix of the names that Pipelines
/// gives. A tuning job's name has 32 characters, too few for the prefix of the others.
const JOBS: [(&str, &str, &str, &str); 6] = [
    ("Processing", "ProcessingJob", "processing-job", "pipelines-"),
    ("QualityCheck", "ProcessingJob", "processing-job", "pipelines-"),
    ("ClarifyCheck", "ProcessingJob", "processing-job", "pipelines-"),
    ("Training", "TrainingJob", "training-job", "pipelines-"),
    ("Tuning", "HyperParameterTuningJob", "hyper-parameter-tuning-job", ""),
    ("Transform", "TransformJob", "transform-job", "pipelines-"),
];

fn sagemaker(resource: impl Into<Cow<'static, str>>) -> Expr {
    Expr::regional_arn("sagemaker", [Expr::text(resource)])
}

/// Grants what the steps of `tree` need.
pub(super) fn grant(tree: &Tree<'_>, scope: &Scope<'_>, out: &mut Rendering) {
    let steps: Vec<_> = tree.all().into_iter().filter_map(|node| node.step.as_ref()).collect();
    let kinds: BTreeSet<&str> = steps.iter().map(|step| step.kind).collect();
    let mut statements = job_statements(&kinds);
    let mut roles = Vec::new();
    for step in &steps {
        collect_roles(&step.arguments, &mut roles);
    }
    if !roles.is_empty() {
        statements.push(
            Statement::allow("PassStepRoles", ["iam:PassRole"], roles.into_iter().map(Expr::Literal))
                .when(json!({ "StringEquals": { "iam:PassedToService": "sagemaker.amazonaws.com" } })),
        );
    }
    statements.extend(registry(tree, scope, &kinds));
    statements.extend(experiments());
    let places = read_places(tree, scope);
    if !places.is_empty() {
        statements.extend(places.iter().flat_map(grants::read));
        // It reads reports, and writes nothing itself.
        statements.extend(scope.key().map(|key| Statement::allow("UseKey", ["kms:Decrypt"], [key])));
    }
    out.grant(Role::Pipeline, statements);
}

fn job_statements(kinds: &BTreeSet<&str>) -> Vec<Statement> {
    let mut statements = Vec::new();
    let mut seen = BTreeSet::new();
    for (kind, job, resource, prefix) in JOBS {
        if !kinds.contains(kind) || !seen.insert(job) {
            continue;
        }
        let mut actions: Vec<Cow<'static, str>> = vec![
            format!("sagemaker:Create{job}").into(),
            format!("sagemaker:Describe{job}").into(),
            format!("sagemaker:Stop{job}").into(),
            "sagemaker:AddTags".into(),
        ];
        if kind == "Tuning" {
            actions.push("sagemaker:ListTrainingJobsForHyperParameterTuningJob".into());
        }
        statements.push(Statement::allow(
            format!("Run{job}s"),
            actions,
            [sagemaker(format!("{resource}/{prefix}*"))],
        ));
    }
    if kinds.contains("Model") {
        let actions = ["sagemaker:CreateModel", "sagemaker:DescribeModel", "sagemaker:AddTags"];
        statements.push(Statement::allow("MakeModels", actions, [sagemaker("model/pipelines-*")]));
    }
    statements
}

/// Roles that the steps' requests name.
fn collect_roles(value: &Value, roles: &mut Vec<Value>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members.iter() {
                if ["RoleArn", "ExecutionRoleArn"].contains(&key) {
                    if !roles.contains(member) {
                        roles.push(member.clone());
                    }
                } else {
                    collect_roles(member, roles);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_roles(item, roles)),
        _ => {}
    }
}

/// Making versions of groups; check steps look up the baseline of the newest approved one.
fn registry(tree: &Tree<'_>, scope: &Scope<'_>, kinds: &BTreeSet<&str>) -> Vec<Statement> {
    let mut resources = Vec::new();
    for node in tree.all() {
        if let Some(register) = node.entry.and_then(|entry| entry.register.as_ref())
            && let Some(Export::Group { name, arn }) = scope.export(&register.group)
        {
            resources.push(arn.clone());
            resources.push(sagemaker(format!("model-package/{name}/*")));
        }
    }
    let mut actions =
        vec!["sagemaker:CreateModelPackage", "sagemaker:DescribeModelPackage", "sagemaker:AddTags"];
    if kinds.contains("QualityCheck") || kinds.contains("ClarifyCheck") {
        actions.extend(["sagemaker:DescribeModelPackageGroup", "sagemaker:ListModelPackages"]);
    }
    if resources.is_empty() {
        Vec::new()
    } else {
        vec![Statement::allow("RegisterModels", actions, resources)]
    }
}

/// Every execution is a trial of the experiment that has the pipeline's name; jobs are its components.
fn experiments() -> Vec<Statement> {
    let actions = [
        "sagemaker:AddTags",
        "sagemaker:AssociateTrialComponent",
        "sagemaker:CreateExperiment",
        "sagemaker:CreateTrial",
        "sagemaker:CreateTrialComponent",
        "sagemaker:DescribeExperiment",
        "sagemaker:DescribeTrial",
        "sagemaker:DescribeTrialComponent",
        "sagemaker:UpdateTrialComponent",
    ];
    // Pipelines writes names of experiments in lower case, and names trials after executions.
    let kinds = ["experiment/*", "experiment-trial/*", "experiment-trial-component/*"];
    vec![Statement::allow("TrackExperiments", actions, kinds.map(sagemaker))]
}

/// Reports that conditions look into, and what registered versions point at.
fn read_places(tree: &Tree<'_>, scope: &Scope<'_>) -> Vec<Data> {
    let mut places: Vec<Data> = Vec::new();
    let mut add = |place: Data| {
        let known = places.iter().any(|other| other.bucket == place.bucket && other.prefix == place.prefix);
        if !known {
            places.push(place);
        }
    };
    for node in tree.all() {
        let Some(entry) = node.entry else { continue };
        if let Some(register) = &entry.register {
            if let Some(model) = scope.model(register.model.as_str()) {
                add(model.place.clone());
            }
            if let Some((output, _)) = register.report(scope) {
                add(output);
            }
        }
        let reports = entry.condition.iter().flat_map(|condition| condition.test.references());
        for path in reports {
            if let Some(report) = report_of(path, scope) {
                add(report);
            }
        }
    }
    places
}

/// The output that holds the report into which `path` points.
fn report_of(path: &str, scope: &Scope<'_>) -> Option<Data> {
    let mut words = path.splitn(3, '.');
    let (name, offer) = (words.next()?, words.next()?);
    match scope.exports.get(name)?.get(offer)? {
        Export::Report(report) => Some(report.output.clone()),
        _ => None,
    }
}
