//! How a resource waits and is updated: its `CreationPolicy` and its `UpdatePolicy`.

use serde_json::Value;

use super::forms::Keys;
use crate::diag::{Code, Issue, Pointer};
use crate::lint::Template;
use crate::lint::functions::call;

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-creationpolicy.html>
const CREATION: [(&str, &[&str]); 3] = [
    ("AutoScalingCreationPolicy", &["MinSuccessfulInstancesPercent"]),
    ("ResourceSignal", &["Count", "Timeout"]),
    ("StartFleet", &["Type"]),
];
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html>; those without
/// members are switches.
const UPDATE: [(&str, &[&str]); 6] = [
    ("AutoScalingReplacingUpdate", &["WillReplace"]),
    (
        "AutoScalingRollingUpdate",
        &[
            "MaxBatchSize",
            "MinActiveInstancesPercent",
            "MinInstancesInService",
            "MinSuccessfulInstancesPercent",
            "PauseTime",
            "SuspendProcesses",
            "WaitOnResourceSignals",
        ],
    ),
    ("AutoScalingScheduledAction", &["IgnoreUnmodifiedGroupSizeProperties"]),
    (
        "CodeDeployLambdaAliasUpdate",
        &["AfterAllowTrafficHook", "ApplicationName", "BeforeAllowTrafficHook", "DeploymentGroupName"],
    ),
    ("EnableVersionUpgrade", &[]),
    ("UseOnlineResharding", &[]),
];

pub(super) fn policies(template: &Template<'_>, found: &mut Vec<Issue>) {
    for resource in template.resources.values() {
        for (key, what, known) in [
            ("CreationPolicy", "a creation policy", CREATION.as_slice()),
            ("UpdatePolicy", "an update policy", UPDATE.as_slice()),
        ] {
            let Some(policy) = resource.members.get(key) else { continue };
            check(policy, &resource.pointer.key(key), what, known, found);
        }
    }
}

fn check(policy: &Value, at: &Pointer, what: &str, known: &[(&str, &[&str])], found: &mut Vec<Issue>) {
    if call(policy).is_some() {
        return;
    }
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    let keys = Keys { what, required: &[], optional: &names };
    for (name, value) in keys.check(policy, at, found).into_iter().flatten() {
        let Some((_, members)) = known.iter().find(|(known, _)| known == name) else { continue };
        let at = at.key(name);
        match value {
            _ if call(value).is_some() => {}
            Value::Bool(_) | Value::String(_) if members.is_empty() => {}
            _ if members.is_empty() => {
                found.push(super::forms::refuse(value, &at, &format!("`{name}` is true or false")));
            }
            _ => {
                let keys = Keys { what: &format!("`{name}`"), required: &[], optional: members };
                let Some(given) = keys.check(value, &at, found) else { continue };
                for timed in ["Timeout", "PauseTime"] {
                    let Some(text) = given.get(timed).and_then(Value::as_str) else { continue };
                    found.extend(duration(text, &at.key(timed)));
                }
            }
        }
    }
}

/// Times are written as ISO 8601 has them: `PT15M`, as both pages say.
fn duration(text: &str, at: &Pointer) -> Option<Issue> {
    if text.parse::<jiff::Span>().is_ok_and(|_| text.starts_with('P')) {
        return None;
    }
    let issue = Issue::new(Code::WrongForm, at.clone(), format!("`{text}` is no ISO 8601 duration"));
    Some(issue.label("not a duration").help("write hours, minutes and seconds, such as `PT15M`"))
}
