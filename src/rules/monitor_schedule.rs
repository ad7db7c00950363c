//! The schedules that Model Monitor knows.
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-schedule-expression.html>

/// What a schedule looks like in the stack file.
pub const PATTERN: &str =
    r"^(hourly|daily|cron\(0 (\*|([01]?[0-9]|2[0-3])(/([1-9]|1[0-9]|2[0-4]))?) \? \* \* \*\))$";

/// Hours between two runs of a `cron(…)`; none when Model Monitor does not take it.
pub fn interval(expression: &str) -> Option<u32> {
    let inside = expression.strip_prefix("cron(0 ")?.strip_suffix(" ? * * *)")?;
    if inside == "*" {
        return Some(1);
    }
    let number = |text: &str| {
        let digits = !text.is_empty() && text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u32>().ok()).flatten()
    };
    let (start, step) = match inside.split_once('/') {
        Some((start, step)) => (number(start)?, number(step)?),
        None => (number(inside)?, 24),
    };
    (start <= 23 && (1..=24).contains(&step)).then_some(step)
}

/// The longest that a run may take, in seconds, by the hours between two runs. `labels`: a monitor of model quality or
/// bias, whose hourly runs share the hour with merging what was captured and its labels.
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_MonitoringStoppingCondition.html>
pub fn longest_run(hours: u32, labels: bool) -> u64 {
    if labels && hours == 1 { 1800 } else { u64::from(hours) * 3600 }
}

#[cfg(test)]
mod tests {
    use super::{interval, longest_run};

    #[test]
    fn a_run_ends_before_the_next_one() {
        let found =
            [(1, false), (1, true), (6, true), (24, false)].map(|(hours, labels)| longest_run(hours, labels));
        assert_eq!(found, [3600, 1800, 21_600, 86_400]);
    }

    #[test]
    fn only_hours_of_the_day() {
        for (expression, hours) in [
            ("cron(0 * ? * * *)", Some(1)),
            ("cron(0 17 ? * * *)", Some(24)),
            ("cron(0 0/6 ? * * *)", Some(6)),
            ("cron(0 17/12 ? * * *)", Some(12)),
            ("cron(0 24 ? * * *)", None),
            ("cron(0 0/0 ? * * *)", None),
            ("cron(15 * ? * * *)", None),
            ("cron(0 * * * ? *)", None),
            ("cron(0 3 ? * MON *)", None),
            ("rate(1 hour)", None),
            ("cron(0 +1 ? * * *)", None),
        ] {
            assert_eq!(interval(expression), hours, "{expression}");
        }
    }
}
