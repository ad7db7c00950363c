//! Which way costs go: instances, volumes, schedules.

use std::cmp::Ordering;

use serde_json::Value;

use super::flags::{Found, Leaf, number, truth};
use super::template::Item;
use super::{Action, FlagKind};
use crate::tables::{self, JobKind};

/// Numbers of which more costs more.
const AMOUNTS: [&str; 14] = [
    "CopyCount",
    "DesiredInstanceCount",
    "InitialInstanceCount",
    "InstanceCount",
    "KeepAlivePeriodInSeconds",
    "MaxCapacity",
    "MaxConcurrency",
    "MaxInstanceCount",
    "MaxNumberOfTrainingJobs",
    "MemorySizeInMB",
    "MinCapacity",
    "MinInstanceCount",
    "ProvisionedConcurrency",
    "VolumeSizeInGB",
];

/// What changes in a resource or in a step.
pub(super) fn flags(leaves: &[Leaf], found: &mut Found) {
    for leaf in leaves {
        let (name, before, after) = (leaf.name(), leaf.before, leaf.after);
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(ToOwned::to_owned);
        let goes = if AMOUNTS.contains(&name) {
            let amount = |value: Option<&Value>| if value.is_none() { Some(0.0) } else { number(value) };
            compare(amount(before).zip(amount(after)).and_then(|(a, b)| b.partial_cmp(&a)))
        } else if name.ends_with("InstanceType") {
            // A type that comes or goes does so with its count.
            if before.is_none() || after.is_none() {
                continue;
            }
            compare(text(before).zip(text(after)).and_then(|(a, b)| by_size(&a, &b)))
        } else if name == "EnableManagedSpotTraining" {
            let spot = |value| truth(value).unwrap_or(false);
            compare(Some(spot(before).cmp(&spot(after))))
        } else if name == "ScheduleExpression" {
            let runs = |value: Option<&Value>| match value {
                None => Some(0.0),
                Some(value) => runs_per_year(value.as_str()?),
            };
            compare(runs(before).zip(runs(after)).and_then(|(a, b)| b.partial_cmp(&a)))
        } else {
            continue;
        };
        if let Some(kind) = goes {
            found.add(kind, leaf.shown());
        }
    }
}

/// Which way it goes; none when it costs the same.
fn compare(ordering: Option<Ordering>) -> Option<FlagKind> {
    match ordering {
        Some(Ordering::Greater) => Some(FlagKind::CostMore),
        Some(Ordering::Less) => Some(FlagKind::CostLess),
        Some(Ordering::Equal) => None,
        None => Some(FlagKind::CostUnknown),
    }
}

/// What costs by being there.
const RUNNING: [&str; 7] = [
    "AWS::SageMaker::Cluster",
    "AWS::SageMaker::Domain",
    "AWS::SageMaker::Endpoint",
    "AWS::SageMaker::InferenceComponent",
    "AWS::SageMaker::MlflowTrackingServer",
    "AWS::SageMaker::MonitoringSchedule",
    "AWS::SageMaker::NotebookInstance",
];

/// A whole resource that comes or goes.
pub(super) fn whole(item: &Item, found: &mut Found) {
    if RUNNING.contains(&item.kind) {
        match item.action {
            Action::Added => found.add(FlagKind::CostMore, "it costs as long as it is there"),
            Action::Removed => found.add(FlagKind::CostLess, "it no longer costs anything"),
            _ => {}
        }
    }
}

/// How the size of one instance type compares to another of its family; none for two families.
fn by_size(before: &str, after: &str) -> Option<Ordering> {
    let family = |name: &str| name.rsplit_once('.').map(|(family, _)| family.to_owned());
    if family(before)? != family(after)? {
        return None;
    }
    [JobKind::Endpoint, JobKind::Processing, JobKind::Training, JobKind::Transform].into_iter().find_map(
        |kind| {
            let place = |name: &str| tables::instance_types(kind).iter().position(|it| *it == name);
            Some(place(after)?.cmp(&place(before)?))
        },
    )
}

/// About how often a schedule runs in a year; none for an expression that is no schedule.
pub(super) fn runs_per_year(expression: &str) -> Option<f64> {
    const MINUTES: f64 = 365.0 * 24.0 * 60.0;
    let (kind, rest) = expression.trim().split_once('(')?;
    let rest = rest.strip_suffix(')')?;
    match kind {
        "rate" => {
            let (count, unit) = rest.trim().split_once(' ')?;
            let minutes = match unit.trim().trim_end_matches('s') {
                "minute" => 1.0,
                "hour" => 60.0,
                "day" => 1440.0,
                _ => return None,
            };
            let count: f64 = count.parse().ok().filter(|count: &f64| *count > 0.0)?;
            Some(MINUTES / (count * minutes))
        }
        "at" => Some(1.0),
        "cron" => {
            let fields: Vec<_> = rest.split_whitespace().collect();
            let [minute, hour, day, month, weekday, ..] = fields.as_slice() else { return None };
            let share = |field: &str, from: u32, to: u32| {
                f64::from(chosen(field, from, to)) / f64::from(to - from + 1)
            };
            let days = if matches!(*weekday, "?" | "*") { share(day, 1, 31) } else { share(weekday, 1, 7) };
            Some(MINUTES * share(minute, 0, 59) * share(hour, 0, 23) * days * share(month, 1, 12))
        }
        _ => None,
    }
}

/// How many values a field of a cron expression chooses, of those from `from` to `to`.
fn chosen(field: &str, from: u32, to: u32) -> u32 {
    let one = |part: &str| {
        let (range, step) =
            part.split_once('/').map_or((part, 1), |(range, step)| (range, step.parse().unwrap_or(1)));
        let first = |text: &str| text.parse().unwrap_or(from);
        let (low, high) = match range.split_once('-') {
            // By name, a range is at most the whole: MON-FRI.
            Some((low, high)) => match (low.parse(), high.parse()) {
                (Ok(low), Ok(high)) => (low, high),
                _ => (from, from + 4),
            },
            None if matches!(range, "*" | "?") => (from, to),
            None if part.contains('/') => (first(range), to),
            None => return 1,
        };
        (high.saturating_sub(low) / step.max(1)).saturating_add(1)
    };
    field.split(',').map(one).fold(0, u32::saturating_add).clamp(1, to - from + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_ordered_by_how_often_they_run() {
        let runs = |text: &str| runs_per_year(text).expect(text);
        let order = [
            "cron(0 3 1 * ? *)",
            "cron(0 3 ? * MON *)",
            "cron(0 3 ? * MON-FRI *)",
            "rate(1 day)",
            "cron(0 0/6 ? * * *)",
            "cron(0 * ? * * *)",
            "rate(5 minutes)",
        ];
        assert!(order.windows(2).all(|two| runs(two[0]) < runs(two[1])));
        assert!((runs("cron(0 * ? * * *)") - runs("rate(1 hour)")).abs() < 1.0);
        assert_eq!(runs_per_year("often"), None);
        assert_eq!(runs_per_year("rate(0 minutes)"), None);
    }

    #[test]
    fn instances_of_one_family_are_ordered_by_size() {
        assert_eq!(by_size("ml.m5.xlarge", "ml.m5.12xlarge"), Some(Ordering::Greater));
        assert_eq!(by_size("ml.m5.4xlarge", "ml.m5.2xlarge"), Some(Ordering::Less));
        assert_eq!(by_size("ml.m5.xlarge", "ml.c5.xlarge"), None);
        assert_eq!(by_size("ml.x.y", "ml.x.z"), None);
    }
}
