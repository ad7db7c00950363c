//! What CloudFormation says of an update that nobody makes, over the wire: nothing is left of the question.

use super::life::ask;
use super::*;
use crate::plan::Facts;

/// A preview of the stack with this template, through the stub.
fn preview_of(stub: &Stub, template: &[u8]) -> Result<Preview, Error> {
    let assembly = assembly(TemplateKind::Platform, BTreeMap::new(), template);
    ask(stub, async |cloud| {
        let target = Target { identity: cloud.identity().await.unwrap(), region: "us-east-1".into() };
        let plan = plan(&assembly, &target).unwrap();
        preview(&cloud, &plan, &plan.stacks[0], &Facts::default(), &quick(), &mut |_| {}).await
    })
}

/// How many change sets were made and removed, and that nothing was executed.
fn sets(stub: &Stub) -> (usize, usize) {
    assert!(stub.calls("ExecuteChangeSet").is_empty() && stub.calls("DeleteStack").is_empty());
    (stub.calls("CreateChangeSet").len(), stub.calls("DeleteChangeSet").len())
}

#[test]
fn a_change_set_is_removed_once_it_has_spoken() {
    let stub = stub(UPDATE, |_| None);
    let said = preview_of(&stub, TEMPLATE).unwrap();
    assert!(matches!(&said, Preview::Changes(changes) if changes.len() == 1), "{said:?}");
    assert_eq!(sets(&stub), (1, 1));
    assert_eq!(stub.calls("DeleteChangeSet")[0].param("ChangeSetName"), world::SET_ID);
    // Pinned to the stack that is there: a change set makes none.
    assert_eq!(stub.calls("CreateChangeSet")[0].param("StackName"), STACK_ID);
    assert!(stub.calls("PutObject").is_empty(), "nothing is uploaded for it");
}

#[test]
fn a_change_set_is_removed_when_it_cannot_be_read() {
    let stub = stub(UPDATE, |call| {
        (call.action == "DescribeChangeSet").then(|| Reply::error(403, "AccessDenied", "no"))
    });
    let error = preview_of(&stub, TEMPLATE).unwrap_err();
    assert!(matches!(&error, Error::Aws(error) if error.kind == ErrorKind::AccessDenied), "{error}");
    assert_eq!(sets(&stub), (1, 1));
}

#[test]
fn a_change_set_that_is_refused_is_removed_and_no_change_is_an_answer() {
    let failed = |reason: &'static str| {
        stub(UPDATE, move |call| {
            (call.action == "DescribeChangeSet").then(|| set_xml("FAILED", reason, "UNAVAILABLE", ""))
        })
    };
    let stub = failed("Transform is not known");
    let error = preview_of(&stub, TEMPLATE).unwrap_err();
    assert!(error.to_string().contains("Transform is not known"), "{error}");
    assert_eq!(sets(&stub), (1, 1));

    let stub = failed("The submitted information didn't contain changes.");
    assert!(matches!(preview_of(&stub, TEMPLATE), Ok(Preview::Changes(changes)) if changes.is_empty()));
    assert_eq!(sets(&stub), (1, 1));
}

#[test]
fn a_stack_that_takes_no_change_set_gets_none() {
    let stub = stub(World { before: Some("UPDATE_ROLLBACK_FAILED"), after: "" }, |_| None);
    let error = preview_of(&stub, TEMPLATE).unwrap_err();
    assert!(matches!(error, Error::Blocked { .. }), "{error}");
    assert_eq!(sets(&stub), (0, 0));
    let stub = super::stub(CREATE, |_| None);
    assert!(matches!(preview_of(&stub, TEMPLATE), Ok(Preview::None(_))));
    assert_eq!(sets(&stub), (0, 0));
}

#[test]
fn a_template_that_is_too_large_for_a_request_is_uploaded_alone() {
    let stub = stub(UPDATE, |_| None);
    let large = format!(r#"{{"Resources":{{}},"Description":"{}"}}"#, "x".repeat(60_000));
    preview_of(&stub, large.as_bytes()).unwrap();
    assert_eq!(stub.calls("PutObject").len(), 1);
    let sent = &stub.calls("CreateChangeSet")[0];
    assert!(sent.param("TemplateURL").starts_with("https://s3.us-east-1.amazonaws.com/smstack-artifacts-"));
    assert_eq!(sent.param("TemplateBody"), "");
    assert_eq!(sets(&stub), (1, 1));
}

/// Whoever stops the work knows the change set only by its name.
#[test]
fn a_change_set_is_removed_by_its_name() {
    let listed = "<Summaries><member><ChangeSetName>smstack-x</ChangeSetName><ChangeSetId>arn:set</ChangeSetId>\
                  <StackId>arn:stack</StackId></member></Summaries>";
    let gone = |name: &'static str, from: usize| {
        let stub = stub(UPDATE, move |call| {
            (call.action == "ListChangeSets" && call.nth >= from)
                .then(|| Reply::xml("ListChangeSets", listed))
        });
        let sure = ask(&stub, async |cloud| remove(&cloud, STACK, name, &quick()).await);
        (sure, stub.calls("DeleteChangeSet").len())
    };
    assert_eq!(gone("smstack-x", 0), (true, 1));
    // The order may arrive after the question.
    assert_eq!(gone("smstack-x", 2), (true, 1));
    assert_eq!(gone("smstack-y", 0), (true, 0));
    let stub = stub(UPDATE, |call| {
        (call.action == "ListChangeSets").then(|| Reply::error(403, "AccessDenied", "no"))
    });
    assert!(!ask(&stub, async |cloud| remove(&cloud, STACK, "smstack-x", &quick()).await));
}
