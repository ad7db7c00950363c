//! Schedules of EventBridge and of scaling, and what they may start.

use crate::diag::{Code, Issue, Pointer};
use crate::lint::{Case, Template, Text};
use crate::rules::cron;

/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>
pub(super) fn schedules(template: &Template<'_>, found: &mut Vec<Issue>) {
    for schedule in template.of_type("AWS::Scheduler::Schedule") {
        for case in template.values(schedule, "ScheduleExpression") {
            found.extend(refused(&case, Code::ScheduleExpression));
        }
    }
    for rule in template.of_type("AWS::Events::Rule") {
        for case in template.values(rule, "ScheduleExpression") {
            found.extend(refused(&case, Code::ScheduleExpression).or_else(|| once(&case)));
        }
        for target in template.values(rule, "Targets.*") {
            found.extend(without_role(template, &target));
        }
    }
    for target in template.of_type("AWS::ApplicationAutoScaling::ScalableTarget") {
        for action in template.values(target, "ScheduledActions.*") {
            for case in template.beneath(&action, "Schedule") {
                found.extend(refused(&case, Code::ScalingSchedule));
            }
            bounds(template, &action, found);
        }
    }
}

fn refused(case: &Case<'_>, code: Code) -> Option<Issue> {
    let problem = cron::check(&case.known()?).err()?;
    let issue = Issue::new(code, case.at.clone(), problem.message).label("no schedule that AWS takes");
    Some(match problem.instead {
        Some(instead) => issue.help(format!("write `{instead}`")),
        None => issue.help("write `cron(0 3 * * ? *)`, `rate(1 hour)`, or another with six fields"),
    })
}

/// Rules of EventBridge know no single points in time.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>
fn once(case: &Case<'_>) -> Option<Issue> {
    let text = case.known().filter(|text| text.starts_with("at("))?;
    let message = format!("a rule takes no `{text}`, only `cron(…)` and `rate(…)`");
    let issue = Issue::new(Code::ScheduleExpression, case.at.clone(), message);
    Some(issue.help("use an `AWS::Scheduler::Schedule` for a single point in time"))
}

/// A pipeline or a state machine is started under a role.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html>
fn without_role<'d>(template: &Template<'d>, target: &Case<'d>) -> Option<Issue> {
    let crate::lint::Thing::Map(members) = target.thing else { return None };
    if members.keys().any(|key| key == "RoleArn" || key.starts_with("Fn::")) {
        return None;
    }
    let arns = template.beneath(target, "Arn");
    let [arn] = arns.as_slice() else { return None };
    let what = started(template, arn.text()?)?;
    let at: Pointer = target.at.clone();
    Some(
        Issue::new(Code::MissingKey, at, format!("a target that is {what} needs `RoleArn`"))
            .label("under which role is not said")
            .also(arn.at.clone(), "what it starts")
            .help("give a role that `events.amazonaws.com` may assume and that may start it"),
    )
}

fn started(template: &Template<'_>, arn: &Text) -> Option<&'static str> {
    if let Some((id, _)) = arn.target() {
        let kind = template.resource(id)?.kind;
        return (kind == "AWS::StepFunctions::StateMachine").then_some("a state machine");
    }
    let parts = arn.split(':');
    match parts.get(2)?.known()? {
        "sagemaker" if parts.get(5)?.prefix().starts_with("pipeline/") => Some("a pipeline"),
        "states" => Some("a state machine"),
        _ => None,
    }
}

fn bounds<'d>(template: &Template<'d>, action: &Case<'d>, found: &mut Vec<Issue>) {
    for min in super::serving::beneath(template, action, "ScalableTargetAction.MinCapacity") {
        for max in super::serving::beneath(template, action, "ScalableTargetAction.MaxCapacity") {
            found.extend(super::scaling::inverted(template, &min, &max));
        }
    }
}
