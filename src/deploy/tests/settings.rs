//! What the stack file says of a stack beside its template, over the wire.

use super::*;
use crate::synth::{AlarmSource, RollbackOn};

const ALARM: &str = "arn:aws:cloudwatch:us-east-1:111122223333:alarm:";

/// Deploys a stack whose template is as it was, and which an alarm rolls back for five minutes: whether it is told that
/// this stays as it is.
fn told(name: &str, minutes: u16) -> bool {
    let stub = stub(UPDATE, |call| match (call.action.as_str(), call.param("StackName")) {
        ("DescribeStacks", STACK | STACK_ID) => {
            let more = format!(
                "<Tags><member><Key>team</Key><Value>ml</Value></member></Tags><RollbackConfiguration>\
                 <RollbackTriggers><member><Arn>{ALARM}errors</Arn><Type>AWS::CloudWatch::Alarm</Type></member>\
                 </RollbackTriggers><MonitoringTimeInMinutes>5</MonitoringTimeInMinutes></RollbackConfiguration></member>"
            );
            let stack = stack_xml(STACK, STACK_ID, "UPDATE_COMPLETE", &[]);
            Some(Reply::xml("DescribeStacks", &stack.replacen("</member>", &more, 1)))
        }
        ("GetTemplate", _) => {
            Some(Reply::xml("GetTemplate", r#"<TemplateBody>{"Resources":{}}</TemplateBody>"#))
        }
        _ => None,
    });
    let mut assembly = assembly(TemplateKind::Platform, BTreeMap::new(), TEMPLATE);
    let alarms = vec![AlarmSource::Name { name: name.to_owned() }];
    assembly.manifest.templates[0].settings.rollback = Some(RollbackOn { alarms, minutes });
    let (outcome, events) = run_with(&stub.url, &assembly, true);
    assert_eq!(result(outcome), StackResult::Unchanged);
    assert!(stub.calls("CreateChangeSet").is_empty());
    events.iter().any(|event| matches!(event, Event::Warned { text, .. } if text.contains("next change")))
}

#[test]
fn other_alarms_of_a_rollback_wait_for_a_change_and_that_is_said() {
    assert!(!told("errors", 5));
    assert!(told("errors", 10));
    assert!(told("latency", 5));
}
