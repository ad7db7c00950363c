//! What is asked of a change set, and what it says beside its changes.

use super::*;

const WHOLE: &[u8] = br#"{"Parameters":{"Kept":{"Type":"String"},"New":{"Type":"String","Default":"d"}},
    "Resources":{"Inner":{"Type":"AWS::CloudFormation::Stack"}}}"#;

fn stack_with_parameters(status: &str) -> Reply {
    let parameters = "<Parameters><member><ParameterKey>Kept</ParameterKey><ParameterValue>v</ParameterValue></member>\
                      <member><ParameterKey>Gone</ParameterKey><ParameterValue>w</ParameterValue></member></Parameters>";
    let stack =
        stack_xml(STACK, STACK_ID, status, &[]).replace("<Outputs>", &format!("{parameters}<Outputs>"));
    Reply::xml("DescribeStacks", &stack)
}

#[test]
fn a_parameter_that_nobody_gives_keeps_its_value_and_stacks_in_the_stack_are_looked_into() {
    let stub = stub(UPDATE, |call| {
        (call.action == "DescribeStacks" && call.param("StackName") == STACK)
            .then(|| stack_with_parameters("UPDATE_COMPLETE"))
    });
    run_with(&stub.url, &assembly(TemplateKind::Platform, BTreeMap::new(), WHOLE), true).0.unwrap();
    let sent = &stub.calls("CreateChangeSet")[0];
    assert_eq!(sent.param("Parameters.member.1.ParameterKey"), "Kept");
    assert_eq!(sent.param("Parameters.member.1.UsePreviousValue"), "true");
    assert_eq!(sent.param("Parameters.member.2.ParameterKey"), "");
    assert_eq!(sent.param("IncludeNestedStacks"), "true");
}

#[test]
fn a_new_stack_has_no_previous_values() {
    let stub = stub(CREATE, |_| None);
    run_with(&stub.url, &assembly(TemplateKind::Platform, BTreeMap::new(), WHOLE), true).0.unwrap();
    assert_eq!(stub.calls("CreateChangeSet")[0].param("Parameters.member.1.ParameterKey"), "");
}

#[test]
fn a_change_set_that_does_not_tell_all_says_so() {
    let reason = "[WARN] --include-property-values option can return incomplete ChangeSet data";
    let stub = stub(UPDATE, move |call| {
        (call.action == "DescribeChangeSet").then(|| set_xml("CREATE_COMPLETE", reason, "AVAILABLE", ""))
    });
    let (outcome, events) = run(&stub);
    assert_eq!(result(outcome), StackResult::Updated);
    assert!(events.iter().any(|event| matches!(event, Event::Warned { text, .. } if text == reason)));
}

#[test]
fn what_rolls_back_and_what_protects_arrives() {
    use crate::synth::{AlarmSource, RollbackOn, Settings};
    let check = |world: World, protected: &'static str| {
        let stub = stub(world, move |call| match call.action.as_str() {
            "DescribeStacks" if world.before.is_some() && call.param("StackName") == STACK => {
                let stack = stack_xml(STACK, STACK_ID, "UPDATE_COMPLETE", &[]);
                let more = format!(
                    "<EnableTerminationProtection>{protected}</EnableTerminationProtection><Outputs>"
                );
                Some(Reply::xml("DescribeStacks", &stack.replace("<Outputs>", &more)))
            }
            "GetStackPolicy" => Some(Reply::xml("GetStackPolicy", "")),
            "SetStackPolicy" | "UpdateTerminationProtection" => Some(Reply::xml(&call.action, "")),
            _ => None,
        });
        let mut assembly = assembly(TemplateKind::Platform, BTreeMap::new(), TEMPLATE);
        assembly.manifest.templates[0].settings = Settings {
            termination_protection: Some(true),
            stack_policy: Some(serde_json::json!({ "Statement": [] })),
            rollback: Some(RollbackOn {
                alarms: vec![
                    AlarmSource::Name { name: "errors".into() },
                    AlarmSource::Serving { logical_id: "LaterAlarm".into() },
                ],
                minutes: 10,
            }),
            role_arn: Some("arn:aws:iam::111122223333:role/deployer".into()),
        };
        let (outcome, events) = run_with(&stub.url, &assembly, true);
        outcome.unwrap();
        let sent = &stub.calls("CreateChangeSet")[0];
        assert_eq!(sent.param("RollbackConfiguration.MonitoringTimeInMinutes"), "10");
        let trigger = "RollbackConfiguration.RollbackTriggers.member";
        assert_eq!(
            sent.param(&format!("{trigger}.1.Arn")),
            "arn:aws:cloudwatch:us-east-1:111122223333:alarm:errors"
        );
        assert_eq!(sent.param(&format!("{trigger}.2.Arn")), "");
        assert_eq!(sent.param("RoleARN"), "arn:aws:iam::111122223333:role/deployer");
        assert_eq!(stub.calls("SetStackPolicy")[0].param("StackPolicyBody"), "{\"Statement\":[]}");
        let shown = events.iter().find_map(|event| match event {
            Event::Prepared(change) => Some(change.settings.termination_protection),
            _ => None,
        });
        (stub.calls("UpdateTerminationProtection").len(), shown.unwrap())
    };
    assert_eq!(check(CREATE, ""), (1, Some(true)));
    assert_eq!(check(UPDATE, "false"), (1, Some(true)));
    assert_eq!(check(UPDATE, "true"), (0, None));
}
