//! What AWS answers when nothing goes wrong, and the XML of it.

use std::sync::{Arc, Mutex};

use super::super::BOOTSTRAP_STACK;
use super::stub::{Call, Reply, Stub};

pub(super) const STACK: &str = "demo-dev-platform";
pub(super) const STACK_ID: &str = "arn:aws:cloudformation:us-east-1:111122223333:stack/demo-dev-platform/1";
pub(super) const SET_ID: &str = "arn:aws:cloudformation:us-east-1:111122223333:changeSet/x/1";
pub(super) const TEMPLATE: &[u8] = br#"{"Resources":{}}"#;

/// How the deployed stack is before and after the execution.
#[derive(Clone, Copy)]
pub(super) struct World {
    pub(super) before: Option<&'static str>,
    pub(super) after: &'static str,
}

pub(super) const UPDATE: World = World { before: Some("UPDATE_COMPLETE"), after: "UPDATE_COMPLETE" };
pub(super) const CREATE: World = World { before: None, after: "CREATE_COMPLETE" };

pub(super) fn stack_xml(name: &str, id: &str, status: &str, outputs: &[(&str, &str)]) -> String {
    let outputs = outputs.iter().fold(String::new(), |text, (key, value)| {
        format!("{text}<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>")
    });
    format!(
        "<Stacks><member><StackId>{id}</StackId><StackName>{name}</StackName><StackStatus>{status}</StackStatus>\
         <CreationTime>2026-11-23T20:00:00Z</CreationTime><Outputs>{outputs}</Outputs></member></Stacks>"
    )
}

pub(super) fn event_xml(id: &str, logical: &str, status: &str, reason: &str, token: &str) -> String {
    let (physical, kind) =
        if logical == STACK { (STACK_ID, "AWS::CloudFormation::Stack") } else { ("p", "AWS::SNS::Topic") };
    format!(
        "<member><StackId>{STACK_ID}</StackId><StackName>{STACK}</StackName><EventId>{id}</EventId>\
         <LogicalResourceId>{logical}</LogicalResourceId><PhysicalResourceId>{physical}</PhysicalResourceId>\
         <ResourceType>{kind}</ResourceType><Timestamp>2026-11-23T20:00:0{}Z</Timestamp>\
         <ResourceStatus>{status}</ResourceStatus><ResourceStatusReason>{reason}</ResourceStatusReason>\
         <ClientRequestToken>{token}</ClientRequestToken></member>",
        id.len() % 10
    )
}

/// Newest first, as AWS does.
pub(super) fn events_xml(events: &[String], next: Option<&str>) -> Reply {
    let next = next.map(|next| format!("<NextToken>{next}</NextToken>")).unwrap_or_default();
    let events: String = events.iter().rev().cloned().collect();
    Reply::xml("DescribeStackEvents", &format!("<StackEvents>{events}</StackEvents>{next}"))
}

pub(super) fn change_xml(logical: &str) -> String {
    format!(
        "<member><Type>Resource</Type><ResourceChange><Action>Modify</Action><LogicalResourceId>{logical}</LogicalResourceId>\
         <ResourceType>AWS::SNS::Topic</ResourceType><Replacement>Conditional</Replacement><Details><member><Target>\
         <Attribute>Properties</Attribute><Name>TopicName</Name><RequiresRecreation>Always</RequiresRecreation></Target>\
         <Evaluation>Dynamic</Evaluation><ChangeSource>DirectModification</ChangeSource></member></Details></ResourceChange></member>"
    )
}

pub(super) fn set_xml(status: &str, reason: &str, execution: &str, rest: &str) -> Reply {
    let text = format!(
        "<ChangeSetId>{SET_ID}</ChangeSetId><Status>{status}</Status><StatusReason>{reason}</StatusReason>\
         <ExecutionStatus>{execution}</ExecutionStatus>{rest}"
    );
    Reply::xml("DescribeChangeSet", &text)
}

pub(super) fn absent(what: &str) -> Reply {
    Reply::error(400, "ValidationError", &format!("Stack with id {what} does not exist"))
}

/// What AWS answers when nothing goes wrong.
pub(super) fn happy(world: World, objects: &Mutex<Vec<(String, usize)>>, call: &Call) -> Reply {
    match call.action.as_str() {
        "GetCallerIdentity" => Reply::xml(
            "GetCallerIdentity",
            "<Arn>arn:aws:iam::111122223333:user/a</Arn><UserId>A</UserId><Account>111122223333</Account>",
        ),
        "DescribeStacks" => match call.param("StackName") {
            BOOTSTRAP_STACK => {
                let outputs = [
                    ("ArtifactBucket", "smstack-artifacts-111122223333-us-east-1"),
                    ("TemplateVersion", "1"),
                ];
                Reply::xml(
                    "DescribeStacks",
                    &stack_xml(BOOTSTRAP_STACK, "arn:b", "CREATE_COMPLETE", &outputs),
                )
            }
            STACK_ID => {
                Reply::xml("DescribeStacks", &stack_xml(STACK, STACK_ID, world.after, &[("Topic", "arn:t")]))
            }
            name => match world.before {
                Some(status) => {
                    Reply::xml("DescribeStacks", &stack_xml(STACK, STACK_ID, status, &[("Topic", "arn:t")]))
                }
                None => absent(name),
            },
        },
        "CreateChangeSet" => {
            Reply::xml("CreateChangeSet", &format!("<Id>{SET_ID}</Id><StackId>{STACK_ID}</StackId>"))
        }
        "DescribeChangeSet" if call.nth == 0 => set_xml("CREATE_IN_PROGRESS", "", "UNAVAILABLE", ""),
        "DescribeChangeSet" => set_xml(
            "CREATE_COMPLETE",
            "",
            "AVAILABLE",
            &format!("<Changes>{}</Changes>", change_xml("Topic")),
        ),
        "DescribeStackEvents" if call.nth == 0 => {
            events_xml(&[event_xml("old", "Topic", "CREATE_COMPLETE", "", "")], None)
        }
        "DescribeStackEvents" => {
            let old = event_xml("old", "Topic", "CREATE_COMPLETE", "", "");
            events_xml(&[old, event_xml("end", STACK, world.after, "", "")], None)
        }
        "HeadObject" => match objects.lock().unwrap().iter().find(|(path, _)| *path == call.path) {
            Some((_, bytes)) => {
                let mut reply = Reply::new(200, "application/json", "");
                reply.headers.push(("content-length", bytes.to_string()));
                reply
            }
            None => Reply::new(404, "application/xml", ""),
        },
        "PutObject" => {
            objects.lock().unwrap().push((call.path.clone(), call.bytes));
            Reply::new(200, "application/xml", "")
        }
        "ListStackResources" => Reply::xml("ListStackResources", "<StackResourceSummaries/>"),
        "ListStacks" => Reply::xml("ListStacks", "<StackSummaries/>"),
        "ListChangeSets" => Reply::xml("ListChangeSets", "<Summaries/>"),
        "ExecuteChangeSet" | "DeleteChangeSet" | "ContinueUpdateRollback" | "RollbackStack" => {
            Reply::xml(&call.action, "")
        }
        "DeleteStack" => Reply::new(200, "text/xml", "<DeleteStackResponse/>"),
        other => Reply::error(400, "InvalidAction", other),
    }
}

/// A stub that is happy where `script` has nothing else to say.
pub(super) fn stub(world: World, script: impl Fn(&Call) -> Option<Reply> + Send + Sync + 'static) -> Stub {
    let objects = Arc::new(Mutex::new(Vec::new()));
    Stub::start(move |call| script(call).unwrap_or_else(|| happy(world, &objects, call)))
}
