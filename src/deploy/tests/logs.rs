//! The last words of what failed, over the wire.

use serde_json::{Value, json};

use super::life::ask;
use super::stub::Call;
use super::*;
use crate::aws::LogTail;

fn answer(body: &Value) -> Reply {
    Reply::new(200, "application/x-amz-json-1.1", body.to_string())
}

fn refused(code: &str) -> Reply {
    let body = json!({ "__type": code, "message": "no" });
    Reply::new(400, "application/x-amz-json-1.1", body.to_string())
}

fn streams(names: &[(&str, i64)]) -> Reply {
    let stream =
        |(name, written): &(&str, i64)| json!({ "logStreamName": name, "lastIngestionTime": written });
    answer(&json!({ "logStreams": names.iter().map(stream).collect::<Vec<_>>() }))
}

fn lines(texts: &[&str]) -> Reply {
    let event = |text: &&str| json!({ "message": text, "timestamp": 1 });
    answer(&json!({ "events": texts.iter().map(event).collect::<Vec<_>>(), "nextBackwardToken": "b/1" }))
}

fn tail(group: &str, stream: &str, lines: &[&str]) -> Log {
    let lines = lines.iter().map(|&line| line.to_owned()).collect();
    Log::Read(LogTail { group: group.to_owned(), stream: stream.to_owned(), lines })
}

/// The log of a job, when CloudWatch Logs answers so.
fn log(job: &str, script: impl Fn(&Call) -> Option<Reply> + Send + Sync + 'static) -> (Option<Log>, Stub) {
    let stub = stub(UPDATE, script);
    let job = format!("arn:aws:sagemaker:us-east-1:111122223333:{job}");
    (ask(&stub, async |cloud| log_of(&cloud, &job).await), stub)
}

#[test]
fn the_stream_that_was_written_last_is_read() {
    let (found, stub) = log("training-job/pipelines-1-train-x", |call| match call.action.as_str() {
        "DescribeLogStreams" if call.param("nextToken").is_empty() => {
            let first = [("pipelines-1-Train-X/algo-2-1", 9), ("pipelines-1-Other-Y/algo-1-1", 99)];
            let mut page: Value = serde_json::from_str(&streams(&first).body).unwrap();
            page["nextToken"] = "2".into();
            Some(answer(&page))
        }
        "DescribeLogStreams" => {
            Some(streams(&[("pipelines-1-Train-X/algo-1-1", 12), ("pipelines-1-Train-X/a/data-log", 50)]))
        }
        "GetLogEvents" if call.nth == 0 => Some(lines(&[])),
        "GetLogEvents" => Some(lines(&["Traceback", "ValueError: NaN"])),
        _ => None,
    });
    let group = "/aws/sagemaker/TrainingJobs";
    assert_eq!(
        found.unwrap(),
        tail(group, "pipelines-1-Train-X/algo-1-1", &["Traceback", "ValueError: NaN"])
    );
    assert_eq!(stub.calls("DescribeLogStreams")[0].param("logStreamNamePrefix"), "pipelines-1-");
    assert_eq!(stub.calls("GetLogEvents")[1].param("nextToken"), "b/1");
}

#[test]
fn of_a_tuning_job_the_training_job_that_failed_is_read() {
    let (found, stub) = log("hyper-parameter-tuning-job/1-search-x", |call| match call.action.as_str() {
        "ListTrainingJobsForHyperParameterTuningJob" => Some(answer(&json!({ "TrainingJobSummaries": [{
            "TrainingJobName": "1-Search-X-007-ab", "TrainingJobArn": "arn:x", "CreationTime": 1,
            "TrainingJobStatus": "Failed", "ObjectiveStatus": "Failed", "TunedHyperParameters": {},
        }] }))),
        "DescribeLogStreams" => Some(streams(&[("1-Search-X-007-ab/algo-1-1", 1)])),
        "GetLogEvents" => Some(lines(&["killed"])),
        _ => None,
    });
    assert_eq!(
        found.unwrap(),
        tail("/aws/sagemaker/TrainingJobs", "1-Search-X-007-ab/algo-1-1", &["killed"])
    );
    let asked = &stub.calls("ListTrainingJobsForHyperParameterTuningJob")[0];
    assert_eq!(
        (asked.param("StatusEquals"), asked.param("HyperParameterTuningJobName")),
        ("Failed", "1-search-x")
    );
}

#[test]
fn what_cannot_be_read_is_said_and_what_is_not_there_is_not() {
    let (found, _) = log("processing-job/p", |call| {
        (call.action == "DescribeLogStreams").then(|| refused("AccessDeniedException"))
    });
    let Some(Log::Unread { group, why }) = found else { panic!("{found:?}") };
    assert!(group == "/aws/sagemaker/ProcessingJobs" && why.contains("DescribeLogStreams"), "{why}");

    let absent = |call: &Call| match call.action.as_str() {
        "DescribeLogStreams" => Some(refused("ResourceNotFoundException")),
        "DescribeLogGroups" => Some(answer(&json!({ "logGroups": [] }))),
        _ => None,
    };
    assert_eq!(log("processing-job/p", absent).0, None);
    assert_eq!(log("processing-job/p", |_| Some(streams(&[]))).0, None);
    let (found, stub) = log("model-package/g/1", |_| None);
    assert!(found.is_none() && stub.calls("DescribeLogStreams").is_empty());
}

#[test]
fn an_endpoint_that_failed_is_told_with_its_last_words() {
    let world = World { before: Some("UPDATE_COMPLETE"), after: "UPDATE_ROLLBACK_COMPLETE" };
    let stub = stub(world, |call| match call.action.as_str() {
        "DescribeStackEvents" if call.nth > 0 => {
            let failed = event_xml("a", "Web", "UPDATE_FAILED", "did not pass the ping health check", "")
                .replace("AWS::SNS::Topic", "AWS::SageMaker::Endpoint")
                .replace(">p<", ">arn:aws:sagemaker:us-east-1:111122223333:endpoint/web<");
            Some(events_xml(&[failed, event_xml("b", STACK, "UPDATE_ROLLBACK_COMPLETE", "", "")], None))
        }
        // The ARN hides the case of the endpoint's name, which is the group's, too.
        "DescribeLogStreams" if call.param("logGroupName").ends_with("/web") => {
            Some(refused("ResourceNotFoundException"))
        }
        "DescribeLogGroups" => Some(answer(&json!({ "logGroups": [
            { "logGroupName": "/aws/sagemaker/Endpoints/other" }, { "logGroupName": "/aws/sagemaker/Endpoints/Web" },
        ] }))),
        "DescribeLogStreams" => Some(streams(&[("main/i-1", 1)])),
        "GetLogEvents" => Some(lines(&["no module named \u{1b}[31mfoo"])),
        _ => None,
    });
    let failure = failure(run(&stub).0);
    let want = tail("/aws/sagemaker/Endpoints/Web", "main/i-1", &["no module named \u{1b}[31mfoo"]);
    assert_eq!(failure.cause.unwrap().log.as_deref(), Some(&want));
}
