//! What an earlier stack has kept comes into the new one before anything else is made.

use super::stub::Call;
use super::*;

const GROUP_ARN: &str = "arn:aws:sagemaker:us-east-1:111122223333:model-package-group/models";
const WHOLE: &[u8] = br#"{"Resources":{
    "Group":{"Type":"AWS::SageMaker::ModelPackageGroup","DeletionPolicy":"RetainExceptOnCreate","Properties":{"ModelPackageGroupName":"models"}},
    "Lake":{"Type":"AWS::S3::Bucket","DeletionPolicy":"Retain","Properties":{"Tags":[{"Ref":"Role"}]}},
    "Role":{"Type":"AWS::IAM::Role","Properties":{}}}}"#;

/// A stack that was deleted and kept a bucket, and a group of the name that the template gives.
fn kept(call: &Call) -> Option<Reply> {
    let status = |status: &str, changes: &str| Some(set_xml("CREATE_COMPLETE", "", status, changes));
    match call.action.as_str() {
        "ListStacks" => Some(Reply::xml(
            "ListStacks",
            &format!(
                "<StackSummaries><member><StackName>{STACK}</StackName><StackId>arn:deleted</StackId>\
                 <StackStatus>DELETE_COMPLETE</StackStatus></member><member><StackName>another</StackName>\
                 <StackId>arn:another</StackId><StackStatus>DELETE_COMPLETE</StackStatus></member></StackSummaries>"
            ),
        )),
        "DescribeStackEvents" if call.param("StackName") == "arn:deleted" => {
            let event = |id: &str, logical: &str, status: &str, kind: &str, physical: &str| {
                event_xml(id, logical, status, "", "")
                    .replace("AWS::SNS::Topic", kind)
                    .replace("<PhysicalResourceId>p<", &format!("<PhysicalResourceId>{physical}<"))
            };
            Some(events_xml(
                &[
                    event("a", "Old", "DELETE_SKIPPED", "AWS::S3::Bucket", "older"),
                    event_xml("b", STACK, "DELETE_IN_PROGRESS", "", ""),
                    event("c", "Lake", "DELETE_SKIPPED", "AWS::S3::Bucket", "the-lake"),
                    event("d", "Group", "DELETE_SKIPPED", "AWS::SageMaker::ModelPackageGroup", GROUP_ARN),
                    event("e", "Role", "DELETE_COMPLETE", "AWS::IAM::Role", "role"),
                    event_xml("f", STACK, "DELETE_COMPLETE", "", ""),
                ],
                None,
            ))
        }
        "DescribeModelPackageGroup" => Some(Reply::new(
            200,
            "application/x-amz-json-1.1",
            format!("{{\"ModelPackageGroupArn\": \"{GROUP_ARN}\", \"ModelPackageGroupName\": \"models\"}}"),
        )),
        "DescribeChangeSet" => status("AVAILABLE", "<Changes/>"),
        _ => None,
    }
}

fn group() -> Assembly {
    assembly(TemplateKind::Platform, BTreeMap::new(), WHOLE)
}

/// The stack is there once something was executed.
fn after_execution(executed: &std::sync::atomic::AtomicBool, call: &Call) -> Option<Reply> {
    use std::sync::atomic::Ordering;
    if call.action == "ExecuteChangeSet" {
        executed.store(true, Ordering::SeqCst);
    }
    (call.action == "DescribeStacks" && call.param("StackName") == STACK && executed.load(Ordering::SeqCst))
        .then(|| Reply::xml("DescribeStacks", &stack_xml(STACK, STACK_ID, "IMPORT_COMPLETE", &[])))
}

fn world(script: impl Fn(&Call) -> Option<Reply> + Send + Sync + 'static) -> Stub {
    let executed = std::sync::atomic::AtomicBool::new(false);
    let world = World { before: None, after: "IMPORT_COMPLETE" };
    stub(world, move |call| script(call).or_else(|| after_execution(&executed, call)).or_else(|| kept(call)))
}

fn taken_in(call: &Call) -> Vec<(&str, &str)> {
    let get = |n: usize, what: &str| call.param(&format!("ResourcesToImport.member.{n}.{what}"));
    (1..9)
        .map(|n| (get(n, "LogicalResourceId"), get(n, "ResourceIdentifier.entry.1.value")))
        .take_while(|(id, _)| !id.is_empty())
        .collect()
}

#[test]
fn what_was_kept_comes_first_and_the_change_after_it() {
    let stub = world(|call| {
        (call.action == "HEAD" || call.action == "HeadObject")
            .then(|| Reply::new(200, "application/xml", ""))
            .filter(|_| call.path.trim_matches('/') == "the-lake")
    });
    let (outcome, events) = run_with(&stub.url, &group(), true);
    assert_eq!(result(outcome), StackResult::Updated);
    let sent = stub.calls("CreateChangeSet");
    let kinds: Vec<&str> = sent.iter().map(|call| call.param("ChangeSetType")).collect();
    assert_eq!(kinds, ["IMPORT", "UPDATE"]);
    assert_eq!(taken_in(&sent[0]), [("Group", GROUP_ARN), ("Lake", "the-lake")]);
    assert!(sent[0].param("Tags.member.1.Key").is_empty() && !sent[0].params.contains_key("Tags"));
    let template: serde_json::Value = serde_json::from_str(sent[0].param("TemplateBody")).unwrap();
    assert_eq!(template["Resources"].as_object().unwrap().len(), 2, "{template}");
    assert!(template["Resources"]["Lake"]["Properties"]["Tags"].is_null(), "{template}");
    let prepared = |event: &&Event| matches!(event, Event::Prepared(_));
    assert_eq!(events.iter().filter(prepared).count(), 2);
}

#[test]
fn without_consent_nothing_is_taken_in() {
    let stub = world(|_| None);
    let (outcome, _) = run_with(&stub.url, &group(), false);
    assert_eq!(result(outcome), StackResult::Declined);
    assert_eq!((stub.calls("CreateChangeSet").len(), stub.calls("DeleteChangeSet").len()), (1, 1));
    assert!(stub.calls("ExecuteChangeSet").is_empty());
}

#[test]
fn a_bucket_that_is_gone_is_left_out_and_a_refusal_leaves_what_blocks() {
    // No bucket answers: the group alone comes back.
    let gone = world(|_| None);
    run_with(&gone.url, &group(), true).0.unwrap();
    assert_eq!(taken_in(&gone.calls("CreateChangeSet")[0]), [("Group", GROUP_ARN)]);

    let refused = world(|call| match call.action.as_str() {
        "HeadObject" if call.path.trim_matches('/') == "the-lake" => {
            Some(Reply::new(200, "application/xml", ""))
        }
        "DescribeChangeSet" if call.nth == 0 => Some(set_xml("FAILED", "no such bucket", "UNAVAILABLE", "")),
        _ => None,
    });
    let (outcome, events) = run_with(&refused.url, &group(), true);
    assert_eq!(result(outcome), StackResult::Updated);
    let sent = refused.calls("CreateChangeSet");
    assert_eq!((taken_in(&sent[0]).len(), taken_in(&sent[1])), (2, vec![("Group", GROUP_ARN)]));
    assert!(
        events.iter().any(
            |event| matches!(event, Event::NotTakenIn { reason, .. } if reason.contains("no such bucket"))
        )
    );
}

#[test]
fn a_group_that_a_stack_gets_anew_and_that_is_there_comes_in_with_the_deployed_template() {
    let deployed = "{&quot;Parameters&quot;: {&quot;P&quot;: {&quot;Type&quot;: &quot;String&quot;}}, \
                    &quot;Resources&quot;: {&quot;Role&quot;: {&quot;Type&quot;: &quot;AWS::IAM::Role&quot;}}}";
    let stub = stub(UPDATE, move |call| match call.action.as_str() {
        "GetTemplate" => Some(Reply::xml("GetTemplate", &format!("<TemplateBody>{deployed}</TemplateBody>"))),
        _ => kept(call).filter(|_| call.action.contains("Group")),
    });
    let (outcome, _) = run_with(&stub.url, &group(), true);
    assert_eq!(result(outcome), StackResult::Updated);
    let sent = stub.calls("CreateChangeSet");
    assert_eq!((sent[0].param("ChangeSetType"), sent[0].param("StackName")), ("IMPORT", STACK_ID));
    assert_eq!(taken_in(&sent[0]), [("Group", GROUP_ARN)]);
    assert_eq!(sent[0].param("Parameters.member.1.ParameterKey"), "P");
    assert_eq!(sent[0].param("Parameters.member.1.UsePreviousValue"), "true");
    let template: serde_json::Value = serde_json::from_str(sent[0].param("TemplateBody")).unwrap();
    let ids: Vec<&String> = template["Resources"].as_object().unwrap().keys().collect();
    assert_eq!(ids, ["Role", "Group"]);
    assert!(stub.calls("ListStacks").is_empty());
}
