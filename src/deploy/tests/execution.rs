//! Executions of the pipeline, versions of models, and how everything is, over the wire.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::life::ask;
use super::*;
use crate::aws::{NewExecution, Step};

const EXECUTION: &str = "arn:aws:sagemaker:us-east-1:111122223333:pipeline/p/execution/abc";

fn json(body: &serde_json::Value) -> Reply {
    Reply::new(200, "application/x-amz-json-1.1", body.to_string())
}

/// Follows an execution that goes through these statuses, its steps beside it.
fn followed(statuses: &'static [(&'static str, &'static str)], faulty: bool) -> (Vec<Happening>, String) {
    // How often the execution was told of: the steps are as far as it is.
    let told = AtomicUsize::new(0);
    let stub = stub(UPDATE, move |call| {
        let describes = call.action == "DescribePipelineExecution";
        // As many failures as the SDK makes attempts, so that one call fails as a whole.
        if faulty && describes && call.nth < 10 {
            return Some(Reply::new(503, "text/html", "<html>no</html>"));
        }
        let nth = if describes { told.fetch_add(1, Relaxed) } else { told.load(Relaxed).saturating_sub(1) };
        let (whole, step) = statuses[nth.min(statuses.len() - 1)];
        match call.action.as_str() {
            "DescribePipelineExecution" => Some(json(&serde_json::json!({
                "PipelineExecutionStatus": whole, "FailureReason": if whole == "Failed" { "a step failed" } else { "" },
            }))),
            "ListPipelineExecutionSteps" => Some(json(&serde_json::json!({ "PipelineExecutionSteps": [{
                "StepName": "Train", "StepStatus": step, "StartTime": 1, "EndTime": 61,
                "Metadata": { "TrainingJob": { "Arn": "arn:job" } },
            }] }))),
            _ => None,
        }
    });
    ask(&stub, async |cloud| {
        let mut seen = Vec::new();
        let execution = follow_execution(&cloud, EXECUTION, &quick(), &mut |happening| seen.push(happening))
            .await
            .unwrap();
        (seen, execution.status)
    })
}

fn steps(seen: &[Happening]) -> Vec<&Step> {
    let steps = seen.iter().filter_map(|happening| match happening {
        Happening::Step(step) => Some(step),
        Happening::Retrying(_) | Happening::Waiting { .. } => None,
    });
    steps.collect()
}

#[test]
fn each_change_of_a_step_is_told_once_to_the_end() {
    let script = &[
        ("Executing", "Starting"),
        ("Executing", "Starting"),
        ("Executing", "Executing"),
        ("Succeeded", "Succeeded"),
    ];
    let (seen, end) = followed(script, false);
    let statuses: Vec<&str> = steps(&seen).iter().map(|step| step.status.as_str()).collect();
    assert_eq!((statuses, end.as_str()), (vec!["Starting", "Executing", "Succeeded"], "Succeeded"));
    assert_eq!(steps(&seen)[0].job.as_deref(), Some("arn:job"));
}

#[test]
fn a_silent_execution_gives_signs_of_life_until_nobody_waits_any_longer() {
    let stub = stub(UPDATE, |call| match call.action.as_str() {
        "DescribePipelineExecution" => {
            Some(json(&serde_json::json!({ "PipelineExecutionStatus": "Executing" })))
        }
        "ListPipelineExecutionSteps" => Some(json(&serde_json::json!({ "PipelineExecutionSteps": [
            { "StepName": "Train", "StepStatus": "Executing" }, { "StepName": "Prepare", "StepStatus": "Succeeded" },
        ] }))),
        _ => None,
    });
    let pace = Pace { silence: Duration::ZERO, wait: Duration::from_millis(200), ..quick().pace };
    let options = Options { pace, ..quick() };
    let (seen, error) = ask(&stub, async |cloud| {
        let mut seen = Vec::new();
        let end = follow_execution(&cloud, EXECUTION, &options, &mut |happening| seen.push(happening)).await;
        (seen, end.unwrap_err())
    });
    assert!(matches!(&error, Error::Timeout { stack, .. } if stack == EXECUTION), "{error}");
    let at_work = seen.iter().find_map(|happening| match happening {
        Happening::Waiting { at_work, .. } => {
            Some(at_work.iter().map(|it| it.0.as_str()).collect::<Vec<_>>())
        }
        _ => None,
    });
    assert_eq!(at_work, Some(vec!["Train"]));
}

#[test]
fn a_server_that_is_not_well_does_not_fail_an_execution() {
    let (seen, end) = followed(&[("Executing", "Executing"), ("Failed", "Failed")], true);
    assert_eq!((steps(&seen).len(), end.as_str()), (2, "Failed"));
    assert!(seen.iter().any(|happening| matches!(happening, Happening::Retrying(_))));
}

#[test]
fn an_execution_is_ordered_with_its_token_and_parameters() {
    let stub = stub(UPDATE, |call| {
        let answer = serde_json::json!({ "PipelineExecutionArn": EXECUTION });
        (call.action == "StartPipelineExecution").then(|| json(&answer))
    });
    let token = execution_token();
    assert!(is_execution_token(&token) && !is_execution_token("short"));
    let order = NewExecution {
        pipeline: "p".into(),
        name: Some("nightly".into()),
        parameters: BTreeMap::from([("Epochs".to_owned(), "3".to_owned())]),
        token: token.clone(),
    };
    let arn = ask(&stub, async |cloud| cloud.start_execution(&order).await.unwrap());
    let sent = &stub.calls("StartPipelineExecution")[0];
    assert_eq!((arn.as_str(), sent.param("ClientRequestToken")), (EXECUTION, token.as_str()));
    assert_eq!((sent.param("PipelineName"), sent.param("PipelineExecutionDisplayName")), ("p", "nightly"));
}

#[test]
fn what_cannot_be_read_is_told_beside_what_can() {
    let stub = stub(UPDATE, |call| match call.action.as_str() {
        "ListStackResources" => {
            let member = |kind: &str, id: &str| {
                format!(
                    "<member><LogicalResourceId>A</LogicalResourceId><PhysicalResourceId>{id}</PhysicalResourceId>\
                     <ResourceType>AWS::{kind}</ResourceType><ResourceStatus>CREATE_COMPLETE</ResourceStatus></member>"
                )
            };
            let members = [
                member("SageMaker::Pipeline", "p"),
                member("SageMaker::ModelPackageGroup", "arn:aws:sagemaker:us-east-1:1:model-package-group/g"),
                member("SageMaker::Endpoint", "arn:aws:sagemaker:us-east-1:1:endpoint/e"),
            ];
            Some(Reply::xml(
                "ListStackResources",
                &format!("<StackResourceSummaries>{}</StackResourceSummaries>", members.concat()),
            ))
        }
        "ListPipelineExecutions" => Some(Reply::new(
            400,
            "application/x-amz-json-1.1",
            r#"{"__type":"AccessDeniedException","message":"not you"}"#,
        )),
        "ListModelPackages" => Some(json(&serde_json::json!({ "ModelPackageSummaryList": [
            { "ModelPackageArn": "arn:3", "ModelPackageVersion": 3, "CreationTime": 3, "ModelPackageStatus": "Completed", "ModelApprovalStatus": "PendingManualApproval" },
            { "ModelPackageArn": "arn:2", "ModelPackageVersion": 2, "CreationTime": 2, "ModelPackageStatus": "Failed", "ModelApprovalStatus": "Approved" },
            { "ModelPackageArn": "arn:1", "ModelPackageVersion": 1, "CreationTime": 1, "ModelPackageStatus": "Completed", "ModelApprovalStatus": "Approved" },
        ] }))),
        "DescribeEndpoint" => Some(json(&serde_json::json!({
            "EndpointName": "e", "EndpointArn": "a", "EndpointStatus": "InService", "CreationTime": 1, "LastModifiedTime": 1,
            "ProductionVariants": [{ "VariantName": "v", "CurrentInstanceCount": 2, "DesiredInstanceCount": 4, "CurrentWeight": 1.0 }],
        }))),
        _ => None,
    });
    let overview = ask(&stub, async |cloud| {
        super::super::overview(&cloud, &[(StackKind::Template(TemplateKind::Platform), STACK)]).await.unwrap()
    });
    assert_eq!(overview.pipelines[0].name, "p");
    assert_eq!(overview.pipelines[0].state.as_ref().unwrap_err().kind, ErrorKind::AccessDenied);
    let models = overview.groups[0].state.as_ref().unwrap();
    let number = |version: &Option<aws::ModelVersion>| version.as_ref().and_then(|version| version.version);
    assert_eq!(
        (overview.groups[0].name.as_str(), number(&models.newest), number(&models.approved)),
        ("g", Some(3), Some(1))
    );
    let endpoint = overview.endpoints[0].state.as_ref().unwrap();
    assert_eq!((endpoint.variants[0].current, endpoint.variants[0].desired), (Some(2), Some(4)));
}
