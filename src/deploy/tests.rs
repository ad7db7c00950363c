//! Deployments through the real SDK against a scripted AWS on loopback.

mod adopt;
mod change_sets;
mod compare;
mod connecting;
mod destroy;
mod drift;
mod execution;
mod files_and_models;
mod life;
mod logs;
mod planned;
mod preflight;
mod settings;
mod stub;
mod waiting;
mod world;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::*;
use crate::aws::{Action, Aws, ErrorKind, LocalCloud, Replacement, connect};
use crate::plan::{Target, plan};
use crate::synth::manifest::VERSION;
use crate::synth::{Assembly, AssemblyFile, FileEntry, Manifest, ParameterSource, TemplateEntry};
use stub::{Reply, Stub};
use world::{
    CREATE, STACK, STACK_ID, TEMPLATE, UPDATE, World, change_xml, event_xml, events_xml, set_xml, stack_xml,
    stub,
};

fn assembly(kind: TemplateKind, parameters: BTreeMap<String, ParameterSource>, template: &[u8]) -> Assembly {
    let sha256 = HEXLOWER.encode(&Sha256::digest(template));
    let entry = TemplateEntry {
        kind,
        stack_name: STACK.into(),
        key: format!("templates/demo/dev/{sha256}.template.json"),
        file: FileEntry { file: "platform.template.json".into(), sha256, bytes: template.len() as u64 },
        capabilities: vec!["CAPABILITY_IAM".into()],
        parameters,
        service_role_output: None,
        settings: crate::synth::Settings::default(),
    };
    let manifest = Manifest {
        version: VERSION,
        smstack: "0.1.0".into(),
        tables: BTreeMap::new(),
        stack: "demo".into(),
        environment: "dev".into(),
        region: None,
        account: None,
        tags: BTreeMap::from([("team".to_owned(), "ml".to_owned())]),
        templates: vec![entry],
        definition: None,
        assets: Vec::new(),
        datasets: Vec::new(),
    };
    let file = AssemblyFile { path: "platform.template.json".into(), bytes: template.to_vec() };
    Assembly { manifest, files: vec![file], owners: BTreeMap::new() }
}

async fn connected(url: &str, access_key: &str) -> Aws {
    let local = LocalCloud {
        endpoint_url: url.to_owned(),
        access_key: access_key.to_owned(),
        secret: "x".into(),
        region: "us-east-1".into(),
    };
    connect(&aws::Options { local: Some(local), ..aws::Options::default() }).await.unwrap()
}

fn quick() -> Options {
    let ms = Duration::from_millis;
    let pace = Pace {
        least: ms(1),
        most: ms(4),
        backoff: ms(4),
        give_up: Duration::from_secs(5),
        change_set: Duration::from_secs(5),
        wait: Duration::from_mins(1),
        silence: Duration::from_mins(1),
    };
    Options { parallel: 2, pace, ..Options::default() }
}

/// Deploys, and answers what was seen as well.
fn run_with(url: &str, assembly: &Assembly, yes: bool) -> (Result<Outcome, Error>, Vec<Event>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let cloud = connected(url, "111122223333").await;
        let identity = match cloud.identity().await {
            Ok(identity) => identity,
            Err(error) => return (Err(error.into()), Vec::new()),
        };
        let plan = plan(assembly, &Target { identity, region: cloud.region().into() }).unwrap();
        let mut events = Vec::new();
        let mut emit = |event| events.push(event);
        let result = deploy(&cloud, &plan, &quick(), &mut emit, &mut |_| yes).await;
        (result, events)
    })
}

fn run(stub: &Stub) -> (Result<Outcome, Error>, Vec<Event>) {
    run_with(&stub.url, &assembly(TemplateKind::Platform, BTreeMap::new(), TEMPLATE), true)
}

/// The result of the assembly's own stack.
fn result(outcome: Result<Outcome, Error>) -> StackResult {
    let outcome = outcome.unwrap();
    assert_eq!(outcome.stacks[0].result, StackResult::Unchanged, "bootstrap");
    outcome.stacks.last().unwrap().result.clone()
}

fn failure(outcome: Result<Outcome, Error>) -> Failure {
    assert_eq!(outcome.as_ref().map(Outcome::verdict).ok(), Some(Verdict::Failed));
    match result(outcome) {
        StackResult::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

fn resources(events: &[Event]) -> Vec<(String, String)> {
    let all = events.iter().filter_map(|event| match event {
        Event::Resource { event, .. } => Some((event.logical_id.clone(), event.status.to_string())),
        _ => None,
    });
    all.collect()
}

#[test]
fn an_absent_stack_is_created_with_what_the_manifest_says() {
    let stub = stub(CREATE, |_| None);
    let (outcome, events) = run(&stub);
    assert_eq!(outcome.as_ref().map(|outcome| (outcome.uploaded, outcome.skipped)).unwrap(), (1, 0));
    assert_eq!(result(outcome), StackResult::Created);
    let sent = &stub.calls("CreateChangeSet")[0];
    assert_eq!(sent.param("ChangeSetType"), "CREATE");
    assert_eq!(sent.param("StackName"), STACK);
    assert_eq!(sent.param("Capabilities.member.1"), "CAPABILITY_IAM");
    assert_eq!((sent.param("Tags.member.1.Key"), sent.param("Tags.member.1.Value")), ("team", "ml"));
    assert_eq!(sent.param("TemplateBody").as_bytes(), TEMPLATE);
    assert!(sent.param("ChangeSetName").starts_with("smstack-2"));
    let executed = &stub.calls("ExecuteChangeSet")[0];
    assert_eq!(executed.param("ClientRequestToken"), sent.param("ChangeSetName"));
    assert_eq!(resources(&events), [(STACK.to_owned(), "CREATE_COMPLETE".to_owned())]);
    let put = &stub.calls("PutObject")[0];
    assert!(
        put.path.starts_with("/smstack-artifacts-111122223333-us-east-1/templates/demo/dev/"),
        "{}",
        put.path
    );
    assert_eq!(put.headers["if-none-match"], "*");
    assert_eq!(put.headers["x-amz-expected-bucket-owner"], "111122223333");
    assert_eq!(
        put.headers["x-amz-checksum-sha256"],
        aws_smithy_types::base64::encode(Sha256::digest(TEMPLATE))
    );
}

#[test]
fn all_pages_of_a_change_set_are_read() {
    let stub = stub(UPDATE, |call| {
        (call.action == "DescribeChangeSet").then(|| match call.param("NextToken") {
            "" => set_xml(
                "CREATE_COMPLETE",
                "",
                "AVAILABLE",
                &format!("<Changes>{}</Changes><NextToken>2</NextToken>", change_xml("A")),
            ),
            "2" => set_xml(
                "CREATE_COMPLETE",
                "",
                "AVAILABLE",
                &format!("<Changes>{}</Changes><NextToken>3</NextToken>", change_xml("B")),
            ),
            _ => set_xml(
                "CREATE_COMPLETE",
                "",
                "AVAILABLE",
                &format!("<Changes>{}</Changes>", change_xml("C")),
            ),
        })
    });
    let (outcome, events) = run(&stub);
    assert_eq!(result(outcome), StackResult::Updated);
    let prepared = events.iter().find_map(|event| match event {
        Event::Prepared(change) => Some(change),
        _ => None,
    });
    let changes = &prepared.unwrap().changes;
    assert_eq!(changes.iter().map(|change| change.logical_id.as_str()).collect::<Vec<_>>(), ["A", "B", "C"]);
    assert_eq!((&changes[0].action, &changes[0].replacement), (&Action::Modify, &Replacement::Conditional));
    assert_eq!(changes[0].details[0].property.as_deref(), Some("TopicName"));
    assert_eq!(stub.calls("CreateChangeSet")[0].param("StackName"), STACK_ID);
}

#[test]
fn events_are_told_once_and_in_order_across_pages_and_throttling() {
    let stub = stub(UPDATE, |call| {
        let token = "smstack-other-operation";
        let old = event_xml("old", "Topic", "CREATE_COMPLETE", "", "");
        let a = event_xml("a", STACK, "UPDATE_IN_PROGRESS", "", "");
        let b = event_xml("b", "Topic", "UPDATE_IN_PROGRESS", "", "");
        let alien = event_xml("alien", "Alien", "UPDATE_COMPLETE", "", token);
        let c = event_xml("c", "Topic", "UPDATE_COMPLETE", "", "");
        let d = event_xml("d", STACK, "UPDATE_COMPLETE", "", "");
        match (call.action.as_str(), call.nth) {
            // Long enough to get past the SDK's own attempts, in the middle of the operation.
            ("DescribeStackEvents", 2..9) => Some(Reply::error(400, "Throttling", "Rate exceeded")),
            ("DescribeStackEvents", 1 | 9) => Some(events_xml(&[old, a, b], None)),
            ("DescribeStackEvents", 10..) if call.param("NextToken").is_empty() => {
                Some(events_xml(&[c, d], Some("p2")))
            }
            ("DescribeStackEvents", 10..) => Some(events_xml(&[old, a, b, alien, c], None)),

            ("DescribeStacks", ..6) if call.param("StackName") == STACK_ID => {
                Some(Reply::xml("DescribeStacks", &stack_xml(STACK, STACK_ID, "UPDATE_IN_PROGRESS", &[])))
            }
            _ => None,
        }
    });
    let (outcome, events) = run(&stub);
    assert_eq!(result(outcome), StackResult::Updated);
    let told = resources(&events);
    let told: Vec<_> = told.iter().map(|(id, status)| (id.as_str(), status.as_str())).collect();
    let want = [
        (STACK, "UPDATE_IN_PROGRESS"),
        ("Topic", "UPDATE_IN_PROGRESS"),
        ("Topic", "UPDATE_COMPLETE"),
        (STACK, "UPDATE_COMPLETE"),
    ];
    assert_eq!(told, want);
    let retried = events
        .iter()
        .any(|event| matches!(event, Event::Retrying { error, .. } if error.kind == ErrorKind::Throttled));
    assert!(retried, "{events:?}");
}

#[test]
fn nothing_to_change_is_success_and_leaves_no_change_set() {
    for reason in [
        "The submitted information didn't contain changes. Submit different information to create a change set.",
        "No updates are to be performed.",
    ] {
        let stub = stub(UPDATE, move |call| {
            (call.action == "DescribeChangeSet").then(|| set_xml("FAILED", reason, "UNAVAILABLE", ""))
        });
        let (outcome, _) = run(&stub);
        let outcome = outcome.unwrap();
        assert_eq!(outcome.verdict(), Verdict::Done);
        assert_eq!(outcome.stacks[1].result, StackResult::Unchanged);
        assert_eq!(outcome.stacks[1].outputs["Topic"], "arn:t");
        assert_eq!(stub.calls("DeleteChangeSet").len(), 1);
        assert!(stub.calls("DeleteStack").is_empty() && stub.calls("ExecuteChangeSet").is_empty());
    }
}

#[test]
fn a_change_of_outputs_alone_has_no_changes_and_is_executed() {
    let stub = stub(UPDATE, |call| {
        (call.action == "DescribeChangeSet")
            .then(|| set_xml("CREATE_COMPLETE", "", "AVAILABLE", "<Changes/>"))
    });
    assert_eq!(result(run(&stub).0), StackResult::Updated);
}

#[test]
fn a_refused_change_is_an_error_and_an_empty_stack_of_ours_goes() {
    for resources in [
        "<StackResourceSummaries/>",
        "<StackResourceSummaries><member><LogicalResourceId>A</LogicalResourceId><ResourceType>T</ResourceType><ResourceStatus>CREATE_COMPLETE</ResourceStatus></member></StackResourceSummaries>",
    ] {
        let world = World { before: None, after: "REVIEW_IN_PROGRESS" };
        let stub = stub(world, move |call| match call.action.as_str() {
            "DescribeChangeSet" => Some(set_xml("FAILED", "Requires capabilities", "UNAVAILABLE", "")),
            "ListStackResources" => Some(Reply::xml("ListStackResources", resources)),
            _ => None,
        });
        let error = run(&stub).0.unwrap_err();
        assert!(
            matches!(&error, Error::ChangeSet { reason, .. } if reason == "Requires capabilities"),
            "{error}"
        );
        let deleted = stub.calls("DeleteStack");
        assert_eq!(deleted.len(), usize::from(!resources.contains("member")));
        assert!(deleted.iter().all(|call| call.param("StackName") == STACK_ID));
    }
}

#[test]
fn declined_consent_removes_the_change_set_and_executes_nothing() {
    let stub = stub(UPDATE, |_| None);
    let (outcome, events) =
        run_with(&stub.url, &assembly(TemplateKind::Platform, BTreeMap::new(), TEMPLATE), false);
    assert_eq!(outcome.as_ref().unwrap().verdict(), Verdict::NeedsConsent);
    assert_eq!(result(outcome), StackResult::Declined);
    assert!(events.iter().any(|event| matches!(event, Event::Prepared(_))));
    assert_eq!(stub.calls("DeleteChangeSet").len(), 1);
    assert!(stub.calls("ExecuteChangeSet").is_empty() && stub.calls("DeleteStack").is_empty());
}

#[test]
fn an_execution_that_was_cut_off_after_it_began_is_followed() {
    let stub = stub(UPDATE, |call| match (call.action.as_str(), call.nth) {
        ("ExecuteChangeSet", 0) => Some(Reply::cut()),
        ("ExecuteChangeSet", _) => Some(Reply::error(
            400,
            "InvalidChangeSetStatus",
            "ChangeSet [x] cannot be executed in its current status of [EXECUTE_COMPLETE]",
        )),
        ("DescribeChangeSet", 2..) => Some(set_xml("CREATE_COMPLETE", "", "EXECUTE_COMPLETE", "")),
        _ => None,
    });
    assert_eq!(result(run(&stub).0), StackResult::Updated);
    assert_eq!(stub.calls("ExecuteChangeSet").len(), 2);
}

#[test]
fn an_execution_that_never_began_is_an_error() {
    let stub = stub(UPDATE, |call| match call.action.as_str() {
        "ExecuteChangeSet" => Some(Reply::error(400, "InvalidChangeSetStatus", "in status [OBSOLETE]")),
        "DescribeStackEvents" => {
            Some(events_xml(&[event_xml("old", "Topic", "CREATE_COMPLETE", "", "")], None))
        }
        _ => None,
    });
    let error = run(&stub).0.unwrap_err();
    assert!(matches!(&error, Error::Aws(error) if error.kind == ErrorKind::Conflict), "{error}");
}

#[test]
fn of_many_failures_the_first_that_is_no_consequence_is_the_cause() {
    let world = World { before: Some("UPDATE_COMPLETE"), after: "UPDATE_ROLLBACK_COMPLETE" };
    let stub = stub(world, |call| {
        (call.action == "DescribeStackEvents" && call.nth > 0).then(|| {
            let failed = |id, logical, reason| event_xml(id, logical, "UPDATE_FAILED", reason, "");
            events_xml(
                &[
                    event_xml("old", "Old", "CREATE_FAILED", "of another operation", ""),
                    event_xml("a", STACK, "UPDATE_IN_PROGRESS", "", ""),
                    failed("b", "Cancelled", "Resource update cancelled"),
                    failed("c", "Key", "no such key"),
                    failed("d", "Bucket", "later"),
                    event_xml(
                        "e",
                        STACK,
                        "UPDATE_ROLLBACK_IN_PROGRESS",
                        "The following resource(s) failed",
                        "",
                    ),
                    event_xml("f", STACK, "UPDATE_ROLLBACK_COMPLETE", "", ""),
                ],
                None,
            )
        })
    });
    // The mark is the page before the execution, which holds `old`.
    let failure = failure(run(&stub).0);
    assert_eq!(failure.status, Status::UpdateRollbackComplete);
    let cause = failure.cause.unwrap();
    assert_eq!((cause.logical_id.as_str(), cause.reason.as_deref()), ("Key", Some("no such key")));
    assert!(cause.at.is_some());
}

#[test]
fn a_rollback_without_a_failed_resource_has_the_stacks_own_cause() {
    let world = World { before: Some("UPDATE_COMPLETE"), after: "UPDATE_ROLLBACK_COMPLETE" };
    let stub = stub(world, |call| {
        (call.action == "DescribeStackEvents" && call.nth > 0).then(|| {
            let rollback = event_xml("b", STACK, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated", "");
            events_xml(&[rollback, event_xml("c", STACK, "UPDATE_ROLLBACK_COMPLETE", "", "")], None)
        })
    });
    let cause = failure(run(&stub).0).cause.unwrap();
    assert_eq!((cause.logical_id.as_str(), cause.reason.as_deref()), (STACK, Some("User Initiated")));
}

#[test]
fn statuses_that_nobody_has_heard_of_are_waited_for_and_judged() {
    let check = |end: &'static str, failed: bool| {
        let stub = stub(World { before: Some("CREATE_COMPLETE"), after: end }, move |call| {
            (call.action == "DescribeStacks" && call.param("StackName") == STACK_ID && call.nth < 6).then(
                || Reply::xml("DescribeStacks", &stack_xml(STACK, STACK_ID, "REFACTOR_IN_PROGRESS", &[])),
            )
        });
        match result(run(&stub).0) {
            StackResult::Updated => assert!(!failed, "{end}"),
            StackResult::Failed(failure) => {
                assert!(failed && failure.status == Status::Unknown(end.into()), "{end}");
            }
            other => panic!("{other:?}"),
        }
    };
    check("REFACTOR_COMPLETE", false);
    check("REFACTOR_FAILED", true);
    check("REFACTOR_ROLLBACK_COMPLETE", true);
    let stub = stub(World { before: Some("CREATE_COMPLETE"), after: "PONDERING" }, |_| None);
    assert!(matches!(run(&stub).0.unwrap_err(), Error::Unclear { .. }));
}

#[test]
fn a_page_of_html_is_borne_and_then_told() {
    let html = || Reply::new(500, "text/html", "<html><body>Bad gateway</body></html>");
    // In passing: nobody notices.
    let passing = stub(UPDATE, move |call| match (call.action.as_str(), call.nth) {
        ("DescribeStacks" | "DescribeStackEvents" | "CreateChangeSet", 0) => Some(html()),
        _ => None,
    });
    assert_eq!(result(run(&passing).0), StackResult::Updated);
    // For good: an error without code and message.
    let lasting = stub(UPDATE, move |call| (call.action == "CreateChangeSet").then(html));
    let Error::Aws(error) = run(&lasting).0.unwrap_err() else { panic!("no AWS error") };
    assert_eq!(
        (error.kind, error.http, &error.code, &error.message),
        (ErrorKind::Server, Some(500), &None, &None)
    );
    assert!(error.to_string().contains("HTTP 500"), "{error}");
}

#[test]
fn stacks_that_take_no_change_are_left_alone_with_a_way_out() {
    for status in
        ["ROLLBACK_COMPLETE", "DELETE_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED", "DELETE_FAILED", "ODD"]
    {
        let stub = stub(World { before: Some(status), after: status }, |_| None);
        let error = run(&stub).0.unwrap_err();
        assert!(
            matches!(&error, Error::Blocked { status: found, .. } if found.as_str() == status),
            "{error}"
        );
        assert!(stub.calls("CreateChangeSet").is_empty() && stub.calls("DeleteStack").is_empty());
    }
    let world = World { before: Some("UPDATE_ROLLBACK_COMPLETE"), after: "UPDATE_COMPLETE" };
    assert_eq!(result(run(&stub(world, |_| None)).0), StackResult::Updated);
    let world = World { before: Some("REVIEW_IN_PROGRESS"), after: "CREATE_COMPLETE" };
    assert_eq!(result(run(&stub(world, |_| None)).0), StackResult::Created);
}

#[test]
fn a_large_template_goes_by_url() {
    let template = vec![b' '; 51_201];
    let stub = stub(UPDATE, |_| None);
    let (outcome, _) =
        run_with(&stub.url, &assembly(TemplateKind::Platform, BTreeMap::new(), &template), true);
    assert_eq!(result(outcome), StackResult::Updated);
    let sent = &stub.calls("CreateChangeSet")[0];
    assert!(sent.param("TemplateURL").starts_with("https://s3.us-east-1.amazonaws.com/smstack-artifacts-"));
    assert_eq!(sent.param("TemplateBody"), "");
}

#[test]
fn what_failed_validation_is_told() {
    let failures = || {
        let member = |mode: &str, id: &str, reason: &str| {
            format!(
                "<member><EventId>{id}</EventId><LogicalResourceId>{id}</LogicalResourceId><ResourceType>AWS::S3::Bucket</ResourceType>\
                 <ValidationFailureMode>{mode}</ValidationFailureMode><ValidationStatusReason>{reason}</ValidationStatusReason></member>"
            )
        };
        let members =
            member("WARN", "Odd", "only odd") + &member("FAIL", "Lake", "the bucket already exists");
        Reply::xml("DescribeEvents", &format!("<OperationEvents>{members}</OperationEvents>"))
    };
    let early = stub(UPDATE, move |call| match call.action.as_str() {
        "DescribeChangeSet" => {
            Some(set_xml("FAILED", "Early validation failed. Use DescribeEvents", "UNAVAILABLE", ""))
        }
        "DescribeEvents" => Some(failures()),
        _ => None,
    });
    let error = run(&early).0.unwrap_err().to_string();
    assert!(error.contains("`Lake` (AWS::S3::Bucket): the bucket already exists"), "{error}");
    assert!(!error.contains("Odd"), "{error}");

    let world = World { before: None, after: "ROLLBACK_COMPLETE" };
    let late = stub(world, move |call| match call.action.as_str() {
        "DescribeStackEvents" if call.nth > 0 => {
            let failed = event_xml("a", STACK, "CREATE_FAILED", "Validation failed. Call DescribeEvents", "");
            Some(events_xml(&[failed, event_xml("b", STACK, "ROLLBACK_COMPLETE", "", "")], None))
        }
        "DescribeEvents" => Some(failures()),
        _ => None,
    });
    let cause = failure(run(&late).0).cause.unwrap();
    assert_eq!(
        (cause.logical_id.as_str(), cause.reason.as_deref()),
        ("Lake", Some("the bucket already exists"))
    );
}
