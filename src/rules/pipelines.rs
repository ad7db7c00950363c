//! How much a pipeline may have, and which durations and failures it knows.
//!
//! Source: <https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-quotas.html>; `retry.py` of the SageMaker
//! Python SDK 2.257.

/// Steps, with those in branches.
pub const MOST_STEPS: i64 = 50;
/// Parameters.
pub const MOST_PARAMETERS: i64 = 200;
/// The length of a step's or a parameter's name.
pub const LONGEST_NAME: i64 = 64;
/// The length of a parameter's description.
pub const LONGEST_PARAMETER_DESCRIPTION: i64 = 4096;
/// Values that a parameter is limited to.
pub const MOST_ENUM_VALUES: i64 = 16;
/// The length of one of them.
pub const LONGEST_ENUM_VALUE: i64 = 2048;
/// The length of the default of a parameter.
pub const LONGEST_DEFAULT: i64 = 2048;
/// Pairs of metadata.
pub const MOST_METADATA: i64 = 20;
/// Conditions of a step, and of an `Or`.
pub const MOST_CONDITIONS: i64 = 200;
/// Steps in a branch.
pub const MOST_IN_BRANCH: i64 = 20;
/// Property files.
pub const MOST_PROPERTY_FILES: i64 = 10;
/// Values that are read from property files.
pub const MOST_LOOKUPS: i64 = 200;
/// Attempts of a retry policy.
pub const MOST_ATTEMPTS: i64 = 20;
/// Minutes that a retry policy goes on.
pub const LONGEST_RETRY: i64 = 14_400;
/// Seconds that a training job may run: 28 days.
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StoppingCondition.html>
pub const LONGEST_RUN: i64 = 28 * 86_400;

/// Whether there are more than Pipelines takes.
pub fn beyond(count: usize, most: i64) -> bool {
    i64::try_from(count).map_or(true, |count| count > most)
}

/// Failures after which a step is tried again.
pub const FAILURES: [&str; 6] = [
    "Emr.RESOURCE_LIMIT",
    "SageMaker.CAPACITY_ERROR",
    "SageMaker.JOB_INTERNAL_ERROR",
    "SageMaker.RESOURCE_LIMIT",
    "Step.SERVICE_FAULT",
    "Step.THROTTLING",
];

/// Whether the text is a duration of ISO 8601 as Pipelines takes it: `P30D`, `PT1H`, in either case. The `P` may
/// be left away before a `T`, as AWS's own examples do.
pub fn is_duration(text: &str) -> bool {
    let text = text.to_ascii_uppercase();
    let rest = match text.strip_prefix('P') {
        Some(rest) => rest,
        None if text.starts_with('T') => &text,
        None => return false,
    };
    let (date, time) = match rest.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (rest, None),
    };
    let some = !date.is_empty() || time.is_some_and(|time| !time.is_empty());
    some && time != Some("") && units(date, "YMWD") && time.is_none_or(|time| units(time, "HMS"))
}

/// Numbers, each followed by a unit, in the order of the units.
fn units(text: &str, known: &str) -> bool {
    let mut left = known;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let Some(unit) = rest[digits..].chars().next().filter(|_| digits > 0) else { return false };
        let Some(place) = left.find(unit) else { return false };
        left = &left[place + 1..];
        rest = &rest[digits + unit.len_utf8()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for text in ["P30D", "PT1H", "p30d", "P1Y2M3W4DT5H6M7S", "T360m"] {
            assert!(is_duration(text), "{text}");
        }
        for text in ["", "P", "PT", "30d", "1h", "P1", "PD", "P1H", "P1DT", "PT1D", "P1D2Y", "P-1D", "Pé"] {
            assert!(!is_duration(text), "{text}");
        }
    }
}
