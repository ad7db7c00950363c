//! The end of a deployment, over the wire.

use super::life::ask;
use super::*;
use crate::aws::Phase;

/// A stack with a bucket that its template keeps and a topic that goes.
fn standing(status: &'static str, after: &'static str) -> Stub {
    stub(World { before: Some(status), after }, move |call| match call.action.as_str() {
        "GetTemplate" => Some(Reply::xml(
            "GetTemplate",
            r#"<TemplateBody>{"Resources":{"Lake":{"DeletionPolicy":"RetainExceptOnCreate"},"Topic":{}}}</TemplateBody>"#,
        )),
        "ListStackResources" => {
            let member = |id: &str, kind: &str, status: &str| {
                format!(
                    "<member><LogicalResourceId>{id}</LogicalResourceId><PhysicalResourceId>the-{id}</PhysicalResourceId>\
                     <ResourceType>AWS::{kind}</ResourceType><ResourceStatus>{status}</ResourceStatus></member>"
                )
            };
            let members = [
                member("Lake", "S3::Bucket", "CREATE_COMPLETE"),
                member("Topic", "SNS::Topic", "CREATE_COMPLETE"),
                member("Gone", "SNS::Topic", "DELETE_COMPLETE"),
            ];
            let members = members.concat();
            Some(Reply::xml(
                "ListStackResources",
                &format!("<StackResourceSummaries>{members}</StackResourceSummaries>"),
            ))
        }
        _ => None,
    })
}

fn names(resources: &[crate::aws::StackResource]) -> Vec<&str> {
    resources.iter().map(|resource| resource.logical_id.as_str()).collect()
}

#[test]
fn what_goes_and_what_stays_is_known_before_anything_is_deleted() {
    let stub = standing("UPDATE_COMPLETE", "DELETE_COMPLETE");
    let failure = ask(&stub, async |cloud| {
        let doom = doom(&cloud, StackKind::Bootstrap, STACK).await.unwrap().unwrap();
        assert_eq!((names(&doom.goes), names(&doom.stays)), (vec!["Topic"], vec!["Lake"]));
        assert!(stub.calls("DeleteStack").is_empty());
        destroy(&cloud, &doom, &quick(), &mut |_| {}).await.unwrap()
    });
    assert_eq!(failure, None);
    assert_eq!(stub.calls("DeleteStack")[0].param("StackName"), STACK_ID);
}

#[test]
fn a_deletion_that_fails_is_told_and_one_that_goes_on_is_followed() {
    let stub = standing("CREATE_COMPLETE", "DELETE_FAILED");
    let status = ask(&stub, async |cloud| {
        let doom = doom(&cloud, StackKind::Bootstrap, STACK).await.unwrap().unwrap();
        destroy(&cloud, &doom, &quick(), &mut |_| {}).await.unwrap().unwrap().status
    });
    assert_eq!(status, Status::DeleteFailed);

    let stub = standing("DELETE_IN_PROGRESS", "DELETE_COMPLETE");
    let failure = ask(&stub, async |cloud| {
        let doom = doom(&cloud, StackKind::Bootstrap, STACK).await.unwrap().unwrap();
        destroy(&cloud, &doom, &quick(), &mut |_| {}).await.unwrap()
    });
    assert_eq!(failure, None);
    assert!(stub.calls("DeleteStack").is_empty(), "it was ordered before");
}

#[test]
fn a_stack_that_somebody_works_on_is_left_alone_and_an_absent_one_is_nothing() {
    let stub = standing("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE");
    let error = ask(&stub, async |cloud| doom(&cloud, StackKind::Bootstrap, STACK).await.unwrap_err());
    assert!(matches!(&error, Error::Busy { status, .. } if status.phase() == Phase::InProgress), "{error}");
    let stub = super::stub(CREATE, |_| None);
    assert_eq!(ask(&stub, async |cloud| doom(&cloud, StackKind::Bootstrap, STACK).await.unwrap()), None);
}

#[test]
fn a_bucket_is_emptied_with_all_versions_to_the_last_page() {
    let page = |versions: &str| {
        let body = format!("<ListVersionsResult>{versions}</ListVersionsResult>");
        Reply::new(200, "application/xml", body)
    };
    let stub = stub(UPDATE, move |call| match (call.action.as_str(), call.nth) {
        ("GET", 0) => Some(page(
            "<Version><Key>a</Key><VersionId>1</VersionId></Version>\
             <DeleteMarker><Key>a</Key><VersionId>2</VersionId></DeleteMarker>",
        )),
        ("GET", 1) => Some(page("<Version><Key>b</Key><VersionId>null</VersionId></Version>")),
        ("GET", _) => Some(page("")),
        ("POST", _) => Some(Reply::new(200, "application/xml", "<DeleteResult/>")),
        _ => None,
    });
    let count = ask(&stub, async |cloud| cloud.empty_bucket("the-lake", "111122223333").await.unwrap());
    assert_eq!((count, stub.calls("POST").len()), (3, 2));

    let refusing = super::stub(UPDATE, move |call| match call.action.as_str() {
        "GET" => Some(page("<Version><Key>a</Key><VersionId>1</VersionId></Version>")),
        "POST" => Some(Reply::new(
            200,
            "application/xml",
            "<DeleteResult><Error><Key>a</Key><Code>AccessDenied</Code><Message>locked</Message></Error></DeleteResult>",
        )),
        _ => None,
    });
    let error =
        ask(&refusing, async |cloud| cloud.empty_bucket("the-lake", "111122223333").await.unwrap_err());
    assert!(error.to_string().contains("`a`: locked"), "{error}");
}
