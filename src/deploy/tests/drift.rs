//! Drift, over the wire.

use super::life::ask;
use super::*;

fn drift_xml(id: &str, status: &str, differences: &str) -> String {
    format!(
        "<member><StackId>{STACK_ID}</StackId><LogicalResourceId>{id}</LogicalResourceId><PhysicalResourceId>the-{id}\
         </PhysicalResourceId><ResourceType>AWS::SNS::Topic</ResourceType><StackResourceDriftStatus>{status}\
         </StackResourceDriftStatus><PropertyDifferences>{differences}</PropertyDifferences>\
         <Timestamp>2026-11-23T20:00:00Z</Timestamp></member>"
    )
}

/// A stack whose detection ends so, after a while.
fn compared(status: &'static str, reason: &'static str) -> Stub {
    stub(UPDATE, move |call| match call.action.as_str() {
        "DetectStackDrift" => {
            let id = "<StackDriftDetectionId>d</StackDriftDetectionId>";
            Some(Reply::xml("DetectStackDrift", id))
        }
        "DescribeStackDriftDetectionStatus" => {
            let status = if call.nth < 2 { "DETECTION_IN_PROGRESS" } else { status };
            let text = format!(
                "<StackId>{STACK_ID}</StackId><StackDriftDetectionId>d</StackDriftDetectionId><DetectionStatus>{status}\
                 </DetectionStatus><DetectionStatusReason>{reason}</DetectionStatusReason>\
                 <Timestamp>2026-11-23T20:00:00Z</Timestamp>"
            );
            Some(Reply::xml("DescribeStackDriftDetectionStatus", &text))
        }
        "DescribeStackResourceDrifts" => {
            let changed = "<member><PropertyPath>/DisplayName</PropertyPath><ExpectedValue>a</ExpectedValue>\
                           <ActualValue>b</ActualValue><DifferenceType>NOT_EQUAL</DifferenceType></member>";
            let (members, next) = match call.param("NextToken") {
                "" => (drift_xml("Z", "IN_SYNC", ""), "<NextToken>2</NextToken>"),
                "2" => (String::new(), "<NextToken>3</NextToken>"),
                _ => {
                    let some = [drift_xml("A", "MODIFIED", changed), drift_xml("B", "DELETED", "")];
                    (some.concat() + &drift_xml("N", "NOT_CHECKED", ""), "")
                }
            };
            let text = format!("<StackResourceDrifts>{members}</StackResourceDrifts>{next}");
            Some(Reply::xml("DescribeStackResourceDrifts", &text))
        }
        "ListStackResources" => {
            let member = |id: &str| {
                format!(
                    "<member><LogicalResourceId>{id}</LogicalResourceId><ResourceType>AWS::SNS::Topic</ResourceType>\
                     <ResourceStatus>CREATE_COMPLETE</ResourceStatus></member>"
                )
            };
            let members: String = ["A", "B", "N", "P", "Z"].map(member).concat();
            let text = format!("<StackResourceSummaries>{members}</StackResourceSummaries>");
            Some(Reply::xml("ListStackResources", &text))
        }
        _ => None,
    })
}

fn found(stub: &Stub) -> Result<Option<Drift>, Error> {
    ask(stub, async |cloud| drift(&cloud, StackKind::Bootstrap, STACK, &quick(), &mut |_| {}).await)
}

#[test]
fn all_pages_are_read_and_what_is_not_compared_is_named() {
    let stub = compared("DETECTION_COMPLETE", "");
    let drift = found(&stub).unwrap().unwrap();
    let drifted: Vec<_> = drift.drifted().map(|it| (it.logical_id.as_str(), it.status.as_str())).collect();
    assert_eq!(drifted, [("A", "MODIFIED"), ("B", "DELETED")]);
    let difference = &drift.resources[0].differences[0];
    let said = (&*difference.path, &*difference.expected, &*difference.actual, &*difference.kind);
    assert_eq!(said, ("/DisplayName", "a", "b", "NOT_EQUAL"));
    let unchecked: Vec<&str> = drift.unchecked.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(unchecked, ["N", "P"]);
    assert_eq!(drift.partly, None);
    assert_eq!(stub.calls("DescribeStackDriftDetectionStatus").len(), 3);
}

#[test]
fn a_detection_that_fails_for_some_tells_of_the_others() {
    let drift = found(&compared("DETECTION_FAILED", "no access to topics")).unwrap().unwrap();
    assert_eq!(drift.partly.as_deref(), Some("no access to topics"));
    assert_eq!(drift.drifted().count(), 2);
}

#[test]
fn a_stack_that_somebody_works_on_is_not_compared_and_an_absent_one_is_nothing() {
    let stub = stub(World { before: Some("UPDATE_IN_PROGRESS"), after: "" }, |_| None);
    assert!(matches!(found(&stub), Err(Error::Busy { .. })));
    assert!(stub.calls("DetectStackDrift").is_empty());
    assert_eq!(found(&super::stub(CREATE, |_| None)).unwrap(), None);
}
