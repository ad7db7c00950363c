//! What other runs have begun, and the ways out of states in which a stack takes no change.

use super::*;
use crate::rules::stack_states::{self, OnDeploy, Recovery};

const OURS: &str = "smstack-20261123T203000Z-1f3870be274f6c49";

pub(super) fn ask<T>(stub: &Stub, work: impl AsyncFnOnce(Aws) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { work(connected(&stub.url, "111122223333").await).await })
}

/// A stack whose events are these, oldest first.
fn with_events(world: World, events: Vec<String>) -> Stub {
    stub(world, move |call| (call.action == "DescribeStackEvents").then(|| events_xml(&events, None)))
}

/// A stack that is busy for a while with what that token began, and then settled.
fn busy(status: &'static str, token: &'static str) -> Stub {
    stub(UPDATE, move |call| match (call.action.as_str(), call.param("StackName")) {
        // The bootstrap stack is read first, then this one twice: whether it is as ordered, and what it takes.
        ("DescribeStacks", STACK) if call.nth < 3 => {
            Some(Reply::xml("DescribeStacks", &stack_xml(STACK, STACK_ID, status, &[])))
        }
        ("DescribeStackEvents", _) if call.nth < 2 => {
            let events = [
                event_xml("old", "Topic", "CREATE_COMPLETE", "", "before"),
                event_xml("begin", STACK, "UPDATE_IN_PROGRESS", "User Initiated", token),
                event_xml("topic", "Topic", "UPDATE_COMPLETE", "", token),
                event_xml("settled", STACK, "UPDATE_COMPLETE", "", token),
            ];
            Some(events_xml(&events[..if call.nth == 0 { 2 } else { 4 }], None))
        }
        _ => None,
    })
}

#[test]
fn what_an_earlier_run_began_is_followed_to_its_end_and_then_changed() {
    for status in ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "REFACTOR_IN_PROGRESS"] {
        let stub = busy(status, OURS);
        let (outcome, events) = run(&stub);
        assert_eq!(result(outcome), StackResult::Updated, "{status}");
        let attached = events.iter().position(
            |event| matches!(event, Event::Attached { status: found, .. } if found.as_str() == status),
        );
        let prepared = events.iter().position(|event| matches!(event, Event::Prepared(_)));
        assert!(attached.is_some() && attached < prepared, "{status}");
        let seen = resources(&events[..prepared.unwrap()]);
        assert!(seen.contains(&("Topic".to_owned(), "UPDATE_COMPLETE".to_owned())), "{seen:?}");
        assert!(!seen.contains(&("Topic".to_owned(), "CREATE_COMPLETE".to_owned())), "{seen:?}");
    }
}

#[test]
fn somebody_elses_work_is_left_alone_and_named() {
    for (token, words) in [
        ("Console-UpdateStack-0a1b", "in the console (`Console-UpdateStack-0a1b`)"),
        ("pipeline-7", "somebody is at work on it (`pipeline-7`)"),
        ("", "somebody is at work on it"),
    ] {
        let stub = busy("UPDATE_IN_PROGRESS", token);
        let error = run(&stub).0.unwrap_err();
        assert!(matches!(error, Error::Busy { .. }) && error.to_string().ends_with(words), "{error}");
        assert!(error.help().unwrap().contains("smstack events --follow"));
        assert!(stub.calls("CreateChangeSet").is_empty());
    }
}

#[test]
fn every_state_has_the_answer_that_the_table_gives() {
    for state in stack_states::all().filter(|state| !state.status.contains('*')) {
        let status = (state.status != stack_states::ABSENT).then_some(state.status);
        // A stack that goes on by itself was begun by somebody else here.
        let stub = stub(World { before: status, after: "UPDATE_COMPLETE" }, |_| None);
        let (outcome, _) = run(&stub);
        let sent = stub.calls("CreateChangeSet");
        let kind = |kind: &str| sent.len() == 1 && sent[0].param("ChangeSetType") == kind;
        match state.on_deploy {
            OnDeploy::Create => assert!(kind("CREATE") && outcome.is_ok(), "{}", state.status),
            OnDeploy::Update => assert!(kind("UPDATE") && outcome.is_ok(), "{}", state.status),
            OnDeploy::Follow => {
                assert!(
                    matches!(outcome.unwrap_err(), Error::Busy { .. }) && sent.is_empty(),
                    "{}",
                    state.status
                );
            }
            OnDeploy::Refuse => {
                let error = outcome.unwrap_err();
                assert!(matches!(error, Error::Blocked { .. }) && sent.is_empty(), "{}", state.status);
                assert_eq!(error.help(), Some(state.way_out));
            }
        }
        let world = World { before: status, after: "UPDATE_COMPLETE" };
        let stub = super::stub(world, |_| None);
        let proposal = ask(&stub, async |cloud| {
            propose(&cloud, StackKind::Bootstrap, STACK, &[], &quick()).await.unwrap()
        });
        let fits = matches!(
            (state.recovery, proposal.map(|proposal| proposal.remedy)),
            (Recovery::Nothing, None)
                | (Recovery::Wait, Some(Remedy::Wait))
                | (Recovery::Look, Some(Remedy::Look))
                | (Recovery::Delete, Some(Remedy::Delete(_)))
                | (Recovery::Continue, Some(Remedy::Continue { .. }))
                | (Recovery::Rollback, Some(Remedy::Rollback))
        );
        assert!(fits, "{}", state.status);
        assert!(stub.calls("DeleteStack").is_empty(), "nothing is deleted without being asked");
    }
}

/// Proposes for a stack in `status` and takes the way; how the stack is afterwards decides.
fn recovered(
    status: &'static str,
    after: &'static str,
    skip: &[&str],
) -> (Stub, Result<(Proposal, Option<Failure>), Error>) {
    let world = World { before: Some(status), after };
    let stub = stub(world, move |call| match call.action.as_str() {
        "ListStackResources" => {
            let member = |id: &str, status: &str| {
                format!(
                    "<member><LogicalResourceId>{id}</LogicalResourceId><PhysicalResourceId>the-{id}</PhysicalResourceId>\
                     <ResourceType>AWS::SNS::Topic</ResourceType><ResourceStatus>{status}</ResourceStatus></member>"
                )
            };
            let members = [
                member("Gone", "DELETE_COMPLETE"),
                member("Stuck", "UPDATE_FAILED"),
                member("Kept", "UPDATE_COMPLETE"),
            ];
            Some(Reply::xml(
                "ListStackResources",
                &format!("<StackResourceSummaries>{}</StackResourceSummaries>", members.concat()),
            ))
        }
        "DescribeStackEvents" if call.nth < 2 => Some(events_xml(
            &[
                event_xml("old", "Stuck", "UPDATE_FAILED", "of another time", ""),
                event_xml("a", STACK, "UPDATE_IN_PROGRESS", "User Initiated", ""),
                event_xml("b", "Kept", "UPDATE_FAILED", "no such role", ""),
                event_xml("c", STACK, "UPDATE_ROLLBACK_IN_PROGRESS", "", ""),
                event_xml("d", "Stuck", "UPDATE_FAILED", "access denied", ""),
            ],
            None,
        )),
        _ => None,
    });
    let skip: Vec<String> = skip.iter().map(ToString::to_string).collect();
    let result = ask(&stub, async |cloud| {
        let proposal = propose(&cloud, StackKind::Bootstrap, STACK, &skip, &quick()).await?.unwrap();
        let failure = recover(&cloud, &proposal, &quick(), &mut |_| {}).await?;
        Ok((proposal, failure))
    });
    (stub, result)
}

#[test]
fn a_stack_that_never_came_up_is_deleted_with_what_is_left_of_it_named() {
    let (stub, result) = recovered("ROLLBACK_COMPLETE", "DELETE_COMPLETE", &[]);
    let (proposal, failure) = result.unwrap();
    let Remedy::Delete(there) = &proposal.remedy else { panic!("{:?}", proposal.remedy) };
    let names: Vec<&str> = there.iter().map(|resource| resource.logical_id.as_str()).collect();
    assert_eq!(names, ["Stuck", "Kept"]);
    assert_eq!(proposal.cause.unwrap().reason.as_deref(), Some("no such role"));
    assert_eq!(failure, None);
    let sent = stub.calls("DeleteStack");
    assert_eq!((sent.len(), sent[0].param("StackName")), (1, STACK_ID));
    let (_, result) = recovered("DELETE_FAILED", "DELETE_FAILED", &[]);
    assert_eq!(result.unwrap().1.unwrap().status, Status::DeleteFailed);
}

#[test]
fn a_rollback_is_continued_and_leaves_out_only_what_stands_in_its_way() {
    let (stub, result) = recovered("UPDATE_ROLLBACK_FAILED", "UPDATE_ROLLBACK_COMPLETE", &["Stuck"]);
    let (proposal, failure) = result.unwrap();
    let Remedy::Continue { in_the_way, .. } = &proposal.remedy else { panic!("{:?}", proposal.remedy) };
    assert_eq!((in_the_way.len(), in_the_way[0].reason.as_deref()), (1, Some("access denied")));
    assert_eq!(failure, None);
    let sent = &stub.calls("ContinueUpdateRollback")[0];
    assert_eq!((sent.param("StackName"), sent.param("ResourcesToSkip.member.1")), (STACK_ID, "Stuck"));

    let (stub, result) = recovered("UPDATE_ROLLBACK_FAILED", "UPDATE_ROLLBACK_COMPLETE", &[]);
    assert_eq!(result.unwrap().1, None);
    assert_eq!(stub.calls("ContinueUpdateRollback")[0].param("ResourcesToSkip.member.1"), "");

    let (stub, result) = recovered("UPDATE_ROLLBACK_FAILED", "UPDATE_ROLLBACK_COMPLETE", &["Kept"]);
    let said = result.unwrap_err().to_string();
    assert!(said.contains("does not wait for `Kept`") && said.contains("`Stuck`"), "{said}");
    assert!(stub.calls("ContinueUpdateRollback").is_empty());

    let (_, result) = recovered("UPDATE_ROLLBACK_FAILED", "UPDATE_ROLLBACK_FAILED", &[]);
    assert_eq!(result.unwrap().1.unwrap().status, Status::UpdateRollbackFailed);
}

#[test]
fn an_update_that_failed_without_rollback_is_rolled_back() {
    let (stub, result) = recovered("UPDATE_FAILED", "UPDATE_ROLLBACK_COMPLETE", &[]);
    assert_eq!(result.unwrap().1, None);
    assert_eq!(stub.calls("RollbackStack")[0].param("StackName"), STACK_ID);
}

#[test]
fn the_latest_operation_begins_where_the_stack_was_last_ordered_something() {
    let stub = with_events(
        UPDATE,
        vec![
            event_xml("z", STACK, "CREATE_IN_PROGRESS", "User Initiated", "one"),
            event_xml("y", STACK, "CREATE_COMPLETE", "", "one"),
            event_xml("a", STACK, "UPDATE_IN_PROGRESS", "User Initiated", "two"),
            event_xml("b", "Topic", "UPDATE_IN_PROGRESS", "", "two"),
            event_xml("c", "Topic", "UPDATE_FAILED", "no", "two"),
            event_xml("d", STACK, "UPDATE_ROLLBACK_IN_PROGRESS", "", "two"),
            event_xml("e", STACK, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "", "two"),
        ],
    );
    let history = ask(&stub, async |cloud| latest(&cloud, STACK_ID).await.unwrap());
    let ids: Vec<&str> = history.events.iter().map(|event| event.id.as_str()).collect();
    assert_eq!((ids, history.token()), (vec!["a", "b", "c", "d", "e"], Some("two")));
}
