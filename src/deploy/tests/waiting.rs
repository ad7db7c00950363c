//! Waiting: signs of life, an end to patience that is no failure, and re-attaching.

use super::life::ask;
use super::*;

/// A stack whose update goes on for so many questions, and what happens to its resources meanwhile.
fn slow(questions: usize, world: World) -> Stub {
    stub(world, move |call| match (call.action.as_str(), call.param("StackName")) {
        ("DescribeStacks", STACK_ID) if call.nth < questions => {
            Some(Reply::xml("DescribeStacks", &stack_xml(STACK, STACK_ID, "UPDATE_IN_PROGRESS", &[])))
        }
        ("DescribeStackEvents", _) if (1..questions).contains(&call.nth) => Some(events_xml(
            &[
                event_xml("old", "Topic", "CREATE_COMPLETE", "", ""),
                event_xml("begin", STACK, "UPDATE_IN_PROGRESS", "", ""),
                event_xml("done", "Done", "UPDATE_IN_PROGRESS", "", ""),
                event_xml("ended", "Done", "UPDATE_COMPLETE", "", ""),
                event_xml("first", "Slow", "UPDATE_IN_PROGRESS", "", ""),
                event_xml("again", "Slow", "UPDATE_IN_PROGRESS", "Resource update initiated", ""),
            ],
            None,
        )),
        _ => None,
    })
}

fn deployed(stub: &Stub, edit: impl Fn(&mut Pace)) -> (Result<Outcome, Error>, Vec<Event>) {
    let mut options = quick();
    edit(&mut options.pace);
    ask(stub, async |cloud| {
        let identity = cloud.identity().await.unwrap();
        let assembly = assembly(TemplateKind::Platform, BTreeMap::new(), TEMPLATE);
        let plan = plan(&assembly, &Target { identity, region: cloud.region().into() }).unwrap();
        let mut events = Vec::new();
        let result = deploy(&cloud, &plan, &options, &mut |event| events.push(event), &mut |_| true).await;
        (result, events)
    })
}

#[test]
fn silence_is_broken_by_what_is_under_way() {
    let stub = slow(40, UPDATE);
    let (outcome, events) = deployed(&stub, |pace| pace.silence = Duration::from_millis(10));
    assert_eq!(result(outcome), StackResult::Updated);
    let signs: Vec<&Vec<UnderWay>> = events
        .iter()
        .filter_map(|event| match event {
            Event::Waiting { under_way, .. } => Some(under_way),
            _ => None,
        })
        .collect();
    assert!(signs.len() >= 2, "{events:?}");
    for under_way in signs {
        let names: Vec<&str> = under_way.iter().map(|one| one.logical_id.as_str()).collect();
        assert_eq!(names, ["Slow"]);
    }
    // With patience for the whole of it there is none.
    let (_, events) = deployed(&slow(40, UPDATE), |_| {});
    assert!(!events.iter().any(|event| matches!(event, Event::Waiting { .. })));
}

#[test]
fn an_end_of_patience_is_no_failure_and_changes_nothing() {
    let stub = slow(usize::MAX, UPDATE);
    let (outcome, _) = deployed(&stub, |pace| pace.wait = Duration::from_millis(50));
    let error = outcome.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    assert!(error.to_string().contains("has not failed"), "{error}");
    assert!(error.help().unwrap().contains("events --follow"));
    assert!(stub.calls("DeleteChangeSet").is_empty() && stub.calls("CancelUpdateStack").is_empty());
}

#[test]
fn credentials_that_expire_meanwhile_leave_a_way_back() {
    let stub = stub(UPDATE, |call| match (call.action.as_str(), call.param("StackName")) {
        ("DescribeStacks", STACK_ID) => {
            Some(Reply::error(403, "ExpiredToken", "The security token included in the request is expired"))
        }
        _ => None,
    });
    let (outcome, _) = deployed(&stub, |_| {});
    let error = outcome.unwrap_err();
    assert!(matches!(error, Error::Lost { .. }), "{error}");
    let help = error.help().unwrap();
    assert!(help.contains("sign in again") && help.contains("events --follow"), "{help}");
}

#[test]
fn who_attaches_late_is_told_how_it_ended() {
    for (after, failed) in [("UPDATE_COMPLETE", false), ("UPDATE_ROLLBACK_COMPLETE", true)] {
        let stub = stub(World { before: Some(after), after }, move |call| {
            (call.action == "DescribeStackEvents").then(|| {
                let events = [
                    event_xml("begin", STACK, "UPDATE_IN_PROGRESS", "", ""),
                    event_xml(
                        "topic",
                        "Topic",
                        if failed { "UPDATE_FAILED" } else { "UPDATE_COMPLETE" },
                        "",
                        "",
                    ),
                    event_xml("end", STACK, after, "", ""),
                ];
                events_xml(&events, None)
            })
        });
        let (failure, events) = ask(&stub, async |cloud| {
            let stack = cloud.stack(STACK).await.unwrap().unwrap();
            let mut events = Vec::new();
            let kind = StackKind::Bootstrap;
            let failure = watch(&cloud, kind, &stack, &quick(), &mut |event| events.push(event)).await;
            (failure.unwrap(), events)
        });
        assert_eq!(resources(&events).len(), 3, "{events:?}");
        let cause = failure.and_then(|failure| failure.cause);
        assert_eq!(cause.map(|cause| cause.logical_id), failed.then(|| "Topic".to_owned()), "{after}");
    }
}

/// The rollback of an update that is cancelled carries the token of who cancelled it.
#[test]
fn an_update_that_is_cancelled_is_followed_through_its_rollback() {
    let world = World { before: Some("UPDATE_IN_PROGRESS"), after: "UPDATE_ROLLBACK_COMPLETE" };
    let stub = stub(world, |call| {
        (call.action == "DescribeStackEvents").then(|| {
            let (update, cancel) =
                ("smstack-20261124T110000Z-0123456789abcdef", "Console-CancelUpdateStack-1");
            let events = [
                event_xml("begin", STACK, "UPDATE_IN_PROGRESS", "", update),
                event_xml("topic", "Topic", "UPDATE_COMPLETE", "", update),
                event_xml("cancel", STACK, "UPDATE_ROLLBACK_IN_PROGRESS", "", cancel),
                event_xml("back", "Topic", "UPDATE_COMPLETE", "", cancel),
                event_xml("alien", "Alien", "UPDATE_COMPLETE", "", "somebody-else"),
                event_xml("end", STACK, "UPDATE_ROLLBACK_COMPLETE", "", cancel),
            ];
            events_xml(&events[..if call.nth < 2 { 2 } else { 6 }], None)
        })
    });
    let (failure, events) = ask(&stub, async |cloud| {
        let stack = cloud.stack(STACK).await.unwrap().unwrap();
        let mut events = Vec::new();
        let failure =
            watch(&cloud, StackKind::Bootstrap, &stack, &quick(), &mut |event| events.push(event)).await;
        (failure.unwrap(), events)
    });
    assert_eq!(failure.map(|failure| failure.status), Some(Status::UpdateRollbackComplete));
    let seen = resources(&events);
    let names: Vec<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, [STACK, "Topic", STACK, "Topic", STACK]);
}

#[test]
fn an_update_is_cancelled_as_smstacks_own_work() {
    let stub =
        stub(UPDATE, |call| (call.action == "CancelUpdateStack").then(|| Reply::xml(&call.action, "")));
    ask(&stub, async |cloud| {
        let stack = cloud.stack(STACK).await.unwrap().unwrap();
        cancel(&cloud, &stack).await.unwrap();
    });
    let sent = &stub.calls("CancelUpdateStack")[0];
    assert_eq!(sent.param("StackName"), STACK_ID);
    assert!(sent.param("ClientRequestToken").starts_with("smstack-2"));
}
