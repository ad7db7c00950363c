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

/// What is wrong with a stretch of captured data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowFault {
    /// It ends before it begins.
    Inverted,
    /// It begins more than a day before the run.
    TooLong,
    /// It begins or ends within a minute.
    Broken,
}

/// What is wrong with the stretch from `start` to `end`, in milliseconds before the run.
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_EndpointInput.html>
pub fn window_fault(start: u64, end: u64) -> Option<WindowFault> {
    if start <= end {
        Some(WindowFault::Inverted)
    } else if start > 86_400_000 {
        Some(WindowFault::TooLong)
    } else if !start.is_multiple_of(60_000) || !end.is_multiple_of(60_000) {
        Some(WindowFault::Broken)
    } else {
        None
    }
}

/// The milliseconds before the run that an offset such as `-PT1H30M` says; none when it cannot be read.
pub fn offset(text: &str) -> Option<u64> {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (date, time) = text.strip_prefix('P')?.split_once('T').unwrap_or((text.strip_prefix('P')?, ""));
    let mut total = 0_u64;
    for (mut rest, units) in [(date, &[('D', 86_400)][..]), (time, &[('H', 3600), ('M', 60), ('S', 1)][..])] {
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let unit = rest[digits..].chars().next()?;
            let (_, seconds) = units.iter().find(|(known, _)| *known == unit)?;
            let number: u64 = rest[..digits].parse().ok()?;
            total = total.checked_add(number.checked_mul(seconds * 1000)?)?;
            rest = &rest[digits + 1..];
        }
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::WindowFault::{Broken, Inverted, TooLong};
    use super::{interval, longest_run, offset, window_fault};

    #[test]
    fn a_stretch_of_data_lies_within_a_day() {
        for (text, expected) in [
            ("-PT1H", Some(3_600_000)),
            ("-PT0H", Some(0)),
            ("-P1DT30M", Some(88_200_000)),
            ("PT5S", Some(5000)),
            ("-PT1", None),
            ("-1H", None),
            ("-PT1é", None),
        ] {
            assert_eq!(offset(text), expected, "{text}");
        }
        let found = [(3_600_000, 0), (0, 0), (90_000_000, 0), (3_600_001, 0)]
            .map(|(start, end)| window_fault(start, end));
        assert_eq!(found, [None, Some(Inverted), Some(TooLong), Some(Broken)]);
    }

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
