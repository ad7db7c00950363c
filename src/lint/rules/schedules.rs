//! Schedules of EventBridge and of scaling, and what they may start.

use serde_json::Value;

use crate::diag::{Code, Issue, Pointer};
use crate::lint::{Case, Template, Text, Thing};
use crate::rules::cron;

/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>
pub(super) fn schedules(template: &Template<'_>, found: &mut Vec<Issue>) {
    for schedule in template.of_type("AWS::Scheduler::Schedule") {
        for case in template.values(schedule, "ScheduleExpression") {
            found.extend(refused(&case, Code::ScheduleExpression));
        }
        for case in template.values(schedule, "ScheduleExpressionTimezone") {
            found.extend(no_zone(&case, Code::WrongForm));
        }
        for target in template.values(schedule, "Target") {
            parameters(template, &target, found);
        }
    }
    for rule in template.of_type("AWS::Events::Rule") {
        for case in template.values(rule, "ScheduleExpression") {
            found.extend(refused(&case, Code::ScheduleExpression).or_else(|| once(&case)));
        }
        for target in template.values(rule, "Targets.*") {
            found.extend(without_role(template, &target));
            parameters(template, &target, found);
        }
    }
    for target in template.of_type("AWS::ApplicationAutoScaling::ScalableTarget") {
        for action in template.values(target, "ScheduledActions.*") {
            for case in template.beneath(&action, "Schedule") {
                found.extend(refused(&case, Code::ScalingSchedule));
            }
            for case in template.beneath(&action, "Timezone") {
                found.extend(no_zone(&case, Code::ScalingSchedule));
            }
            idle(&action, found);
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

fn no_zone(case: &Case<'_>, code: Code) -> Option<Issue> {
    let zone = case.known().filter(|zone| !cron::is_timezone(zone))?;
    let issue = Issue::new(code, case.at.clone(), format!("`{zone}` is not the name of a time zone"));
    Some(issue.help("use a name of the IANA database, such as `Europe/Berlin`"))
}

/// A scheduled action gives a bound, or does nothing.
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html>
fn idle(action: &Case<'_>, found: &mut Vec<Issue>) {
    let Thing::Map(members) = action.thing else { return };
    let empty = |value: &Value| {
        value.as_object().is_some_and(|to| {
            !to.keys().any(|key| {
                ["MinCapacity", "MaxCapacity"].contains(&key.as_str()) || key.contains("::") || key == "Ref"
            })
        })
    };
    let nothing = match members.get("ScalableTargetAction") {
        Some(to) => empty(to),
        None => !members.keys().any(|key| key.starts_with("Fn::")),
    };
    if nothing {
        found.push(
            Issue::new(Code::ScalingSchedule, action.at.clone(), "the scheduled action changes nothing")
                .on_key()
                .help("give `ScalableTargetAction` a `MinCapacity`, a `MaxCapacity` or both"),
        );
    }
}

/// What is handed to a pipeline: each parameter once.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_SageMakerPipelineParameters.html>
fn parameters<'d>(template: &Template<'d>, target: &Case<'d>, found: &mut Vec<Issue>) {
    for list in super::serving::beneath(template, target, "SageMakerPipelineParameters.PipelineParameterList")
    {
        let mut seen: Vec<(String, Pointer)> = Vec::new();
        for item in template.beneath(&list, "*") {
            for name in template.beneath(&item, "Name") {
                let Some(text) = name.known().filter(|_| name.when == target.when) else { continue };
                match seen.iter().find(|(other, _)| *other == text) {
                    Some((_, first)) => found.push(
                        Issue::new(
                            Code::DuplicateName,
                            name.at.clone(),
                            format!("`{text}` is handed over twice"),
                        )
                        .label("the same name again")
                        .also(first.clone(), "first here")
                        .help("keep one of them"),
                    ),
                    None => seen.push((text, name.at.clone())),
                }
            }
        }
    }
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
    let Thing::Map(members) = target.thing else { return None };
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
