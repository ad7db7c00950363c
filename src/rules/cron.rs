//! Schedule expressions of EventBridge Scheduler: `cron(…)`, `rate(…)`, `at(…)`.
//!
//! The rules are AWS's documented ones, which are not those of Unix cron.
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>

use std::fmt;

/// What is wrong with a schedule expression, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// What to write instead, where that is plain.
    pub instead: Option<String>,
}

impl Problem {
    fn new(message: impl Into<String>) -> Problem {
        Problem { message: message.into(), instead: None }
    }

    fn instead(mut self, text: impl Into<String>) -> Problem {
        self.instead = Some(text.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

/// The longest expression that the API takes.
/// <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>
const LONGEST: usize = 256;

/// Checks a schedule expression.
///
/// # Errors
/// The first thing about it that EventBridge Scheduler would refuse.
pub fn check(expression: &str) -> Result<(), Problem> {
    if expression.len() > LONGEST {
        return Err(Problem::new(format!("a schedule expression has at most {LONGEST} characters")));
    }
    let inside = |word: &str| expression.strip_prefix(word)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(fields) = inside("cron") {
        cron(fields)
    } else if let Some(rate) = inside("rate") {
        check_rate(rate)
    } else if let Some(time) = inside("at") {
        check_time(time)
    } else {
        Err(bare(expression))
    }
}

/// Fields without `cron(…)` around them, as Unix writes them, or no schedule at all.
fn bare(expression: &str) -> Problem {
    let text = expression.strip_prefix("cron(").unwrap_or(expression).trim_end_matches(')');
    let fields: Vec<&str> = text.split_whitespace().collect();
    match fields.as_slice() {
        [_, _, _, _, _] => {
            Problem::new("this is Unix cron; EventBridge Scheduler writes `cron(…)` with six fields")
                .instead(from_unix(&fields))
        }
        [_, _, _, _, _, _] => Problem::new("`cron(…)` is missing around the six fields")
            .instead(format!("cron({})", fields.join(" "))),
        _ => Problem::new(
            "a schedule is `cron(minute hour day-of-month month day-of-week year)`, `rate(1 day)` or `at(2030-01-31T03:00:00)`",
        ),
    }
}

/// A field of a cron expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Minute,
    Hour,
    DayOfMonth,
    Month,
    DayOfWeek,
    Year,
}

const FIELDS: [Field; 6] =
    [Field::Minute, Field::Hour, Field::DayOfMonth, Field::Month, Field::DayOfWeek, Field::Year];

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Field {
    fn name(self) -> &'static str {
        match self {
            Field::Minute => "minute",
            Field::Hour => "hour",
            Field::DayOfMonth => "day-of-month",
            Field::Month => "month",
            Field::DayOfWeek => "day-of-week",
            Field::Year => "year",
        }
    }

    fn bounds(self) -> (u32, u32) {
        match self {
            Field::Minute => (0, 59),
            Field::Hour => (0, 23),
            Field::DayOfMonth => (1, 31),
            Field::Month => (1, 12),
            Field::DayOfWeek => (1, 7),
            Field::Year => (1970, 2199),
        }
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Field::Month => &MONTHS,
            Field::DayOfWeek => &DAYS,
            Field::Minute | Field::Hour | Field::DayOfMonth | Field::Year => &[],
        }
    }

    /// Whether the documented wildcards of the field have `/`.
    fn steps(self) -> bool {
        self != Field::DayOfWeek
    }

    fn value(self, text: &str) -> Result<u32, Problem> {
        let (low, high) = self.bounds();
        if let Some(at) = self.names().iter().position(|name| name.eq_ignore_ascii_case(text)) {
            return Ok(u32::try_from(at).unwrap_or_default() + low);
        }
        let digits = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        let number = digits.then(|| text.parse::<u32>().ok()).flatten();
        if let Some(number) = number.filter(|number| (low..=high).contains(number)) {
            return Ok(number);
        }
        let names = match self.names() {
            [first, .., last] => format!(", or `{first}` to `{last}`"),
            _ => String::new(),
        };
        Err(Problem::new(format!(
            "`{text}` cannot stand in the {} field, which goes from {low} to {high}{names}",
            self.name()
        )))
    }
}

fn cron(text: &str) -> Result<(), Problem> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, day, month, weekday, year] = fields.as_slice() else {
        let count = fields.len();
        let problem = Problem::new(format!(
            "a cron expression has six fields (minute, hour, day-of-month, month, day-of-week, year); here are {count}"
        ));
        return Err(if count == 5 { problem.instead(from_unix(&fields)) } else { problem });
    };
    if *weekday == "0" {
        return Err(Problem::new("the week starts with 1 for Sunday, so `0` is no day-of-week")
            .instead(format!("cron({minute} {hour} {day} {month} SUN {year})")));
    }
    for (field, text) in FIELDS.into_iter().zip(&fields) {
        check_field(field, text)?;
    }
    match (*day == "?", *weekday == "?") {
        (true, true) => Err(Problem::new("`?` stands in both day fields, so that no day is meant")
            .instead(format!("cron({minute} {hour} * {month} ? {year})"))),
        (false, false) => {
            let mended = if *day == "*" {
                format!("cron({minute} {hour} ? {month} {weekday} {year})")
            } else if *weekday == "*" {
                format!("cron({minute} {hour} {day} {month} ? {year})")
            } else {
                return Err(Problem::new("only one of the two day fields can be given; the other is `?`"));
            };
            Err(Problem::new("exactly one of day-of-month and day-of-week is `?`; here is none")
                .instead(mended))
        }
        (true, false) | (false, true) => Ok(()),
    }
}

fn check_field(field: Field, text: &str) -> Result<(), Problem> {
    if text == "*" {
        return Ok(());
    }
    let is_day = matches!(field, Field::DayOfMonth | Field::DayOfWeek);
    if text.contains('?') {
        return match (is_day, text) {
            (true, "?") => Ok(()),
            (true, _) => Err(Problem::new(format!("`?` stands alone in the {} field", field.name()))),
            (false, _) => Err(Problem::new(format!(
                "`?` can stand in the day fields only, not in the {} field",
                field.name()
            ))),
        };
    }
    if text.contains('#') && text.contains(',') {
        return Err(Problem::new("with `#`, the day-of-week field has one expression only"));
    }
    text.split(',').try_for_each(|part| check_part(field, part))
}

/// One part of a list: a value, a range, a step, or a day that the calendar decides.
fn check_part(field: Field, part: &str) -> Result<(), Problem> {
    if part.is_empty() {
        return Err(Problem::new(format!("the {} field has an empty place in its list", field.name())));
    }
    match field {
        Field::DayOfMonth if part == "L" => return Ok(()),
        Field::DayOfMonth => {
            if let Some(day) = part.strip_suffix('W') {
                return field.value(day).map(|_| ());
            }
        }
        Field::DayOfWeek => {
            if let Some(day) = part.strip_suffix('L') {
                return if day.is_empty() { Ok(()) } else { field.value(day).map(|_| ()) };
            }
            if let Some((day, nth)) = part.split_once('#') {
                field.value(day)?;
                return match nth.parse::<u8>() {
                    Ok(1..=5) if nth.len() == 1 => Ok(()),
                    _ => Err(Problem::new(format!(
                        "`#{nth}`: a month has a weekday up to 5 times, `#1` to `#5`"
                    ))),
                };
            }
        }
        Field::Minute | Field::Hour | Field::Month | Field::Year => {}
    }
    let Some((start, step)) = part.split_once('/') else { return check_range(field, part) };
    if !field.steps() {
        return Err(Problem::new(format!("the {} field takes no steps (`/`)", field.name())));
    }
    if start != "*" {
        check_range(field, start)?;
    }
    let (_, high) = field.bounds();
    match step.parse::<u32>() {
        Ok(step) if (1..=high).contains(&step) => Ok(()),
        _ => Err(Problem::new(format!(
            "`/{step}`: the step of the {} field is a whole number from 1",
            field.name()
        ))),
    }
}

fn check_range(field: Field, part: &str) -> Result<(), Problem> {
    let Some((from, to)) = part.split_once('-') else { return field.value(part).map(|_| ()) };
    let (from, to) = (field.value(from)?, field.value(to)?);
    // A range of days or hours may run over the end: `FRI-MON`, `22-2`.
    if from > to && matches!(field, Field::Year) {
        return Err(Problem::new(format!("the range `{part}` ends before it starts")));
    }
    Ok(())
}

/// The six fields for the five of Unix cron, whose week starts with Sunday as 0 (and as 7).
fn from_unix(fields: &[&str]) -> String {
    let [minute, hour, day, month, weekday] = fields else { return String::new() };
    let weekday = unix_weekday(weekday);
    match (*day, weekday.as_str()) {
        (day, "*" | "?") => format!("cron({minute} {hour} {day} {month} ? *)"),
        (_, weekday) => format!("cron({minute} {hour} ? {month} {weekday} *)"),
    }
}

/// Numbers become names, which mean the same in both; names and signs stay.
fn unix_weekday(text: &str) -> String {
    let name = |number: &str| match number.parse::<usize>() {
        Ok(number) if number <= 7 => DAYS.get(number % 7).copied().unwrap_or("SUN").to_owned(),
        _ => number.to_owned(),
    };
    let part = |part: &str| part.split('-').map(name).collect::<Vec<_>>().join("-");
    text.split(',').map(part).collect::<Vec<_>>().join(",")
}

fn check_rate(text: &str) -> Result<(), Problem> {
    let form = || {
        Problem::new("a rate is a whole number and `minutes`, `hours` or `days`, such as `rate(12 hours)`")
    };
    let parts: Vec<&str> = text.split_whitespace().collect();
    let [number, unit] = parts.as_slice() else { return Err(form()) };
    let number: u32 = number.parse().map_err(|_| form())?;
    if number == 0 {
        return Err(Problem::new("a rate is at least 1"));
    }
    match *unit {
        "minute" | "minutes" | "hour" | "hours" | "day" | "days" => Ok(()),
        "weeks" | "week" => Err(Problem::new("a rate counts minutes, hours or days, not weeks")
            .instead(format!("rate({} days)", number.saturating_mul(7)))),
        _ => Err(form()),
    }
}

/// `2030-01-31T03:00:00`.
fn check_time(text: &str) -> Result<(), Problem> {
    let form =
        || Problem::new(format!("`{text}` is not a time: write it as `2030-01-31T03:00:00`, without a zone"));
    // jiff alone would take zones, fractions and shorter forms, which AWS does not.
    let shape = text.len() == 19
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            10 => byte == b'T',
            13 | 16 => byte == b':',
            _ => byte.is_ascii_digit(),
        });
    let known = shape && text.parse::<jiff::civil::DateTime>().is_ok();
    if known { Ok(()) } else { Err(form()) }
}

/// Whether text can be the name of a time zone, such as `Europe/Berlin`.
///
/// Scheduler knows the zones of the IANA database; which those are changes, so only the form is checked.
pub fn is_timezone(text: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+'))
    };
    (1..=50).contains(&text.len()) && text.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(expression: &str, message: &str, instead: Option<&str>) {
        let problem = super::check(expression).expect_err(expression);
        assert!(problem.message.contains(message), "{expression}: {problem}");
        assert_eq!(problem.instead.as_deref(), instead, "{expression}");
        if let Some(instead) = problem.instead {
            assert_eq!(super::check(&instead), Ok(()), "{expression} is mended by {instead}");
        }
    }

    #[test]
    fn what_aws_documents_is_taken() {
        for expression in [
            "cron(0 3 ? * MON *)",
            "cron(0 10 * * ? *)",
            "cron(15 12 * * ? *)",
            "cron(0 18 ? * MON-FRI *)",
            "cron(0 8 1 * ? *)",
            "cron(0/15 * * * ? *)",
            "cron(0/10 * ? * MON-FRI *)",
            "cron(0/5 8-17 ? * MON-FRI *)",
            "cron(0 9 ? * 2#1 *)",
            "cron(30 0 1 jan,jul ? 2030-2035)",
            "cron(15 10 ? * 6L 2022-2023)",
            "cron(0 0 L * ? *)",
            "cron(0 0 3W * ? *)",
            "cron(*/5 22-2 * * ? *)",
            "rate(1 day)",
            "rate(15 minutes)",
            "at(2030-01-31T03:00:00)",
        ] {
            assert_eq!(super::check(expression), Ok(()), "{expression}");
        }
    }

    #[test]
    fn unix_cron_is_refused_with_the_aws_form() {
        refused("cron(0 3 * * 1)", "six fields", Some("cron(0 3 ? * MON *)"));
        refused("0 3 * * 1-5", "Unix cron", Some("cron(0 3 ? * MON-FRI *)"));
        refused("*/15 * 1 * *", "Unix cron", Some("cron(*/15 * 1 * ? *)"));
        refused("0 0 * * 7,3", "Unix cron", Some("cron(0 0 ? * SUN,WED *)"));
        refused("0 3 ? * MON *", "missing around", Some("cron(0 3 ? * MON *)"));
    }

    #[test]
    fn what_aws_refuses_is_refused() {
        refused("cron(0 3 * * MON *)", "exactly one", Some("cron(0 3 ? * MON *)"));
        refused("cron(0 3 1 * * *)", "exactly one", Some("cron(0 3 1 * ? *)"));
        refused("cron(0 3 1 * MON *)", "only one of the two", None);
        refused("cron(0 3 ? * ? *)", "both day fields", Some("cron(0 3 * * ? *)"));
        refused("cron(60 3 ? * MON *)", "`60` cannot stand in the minute field", None);
        refused("cron(0 24 ? * MON *)", "`24` cannot stand in the hour field", None);
        refused("cron(0 3 ? * 0 *)", "no day-of-week", Some("cron(0 3 ? * SUN *)"));
        refused("cron(0 3 ? * MONDAY *)", "`MONDAY`", None);
        refused("cron(? 3 ? * MON *)", "day fields only", None);
        refused("cron(0 3 ? * MON#1,FRI#3 *)", "one expression", None);
        refused("cron(0 3 ? * MON#6 *)", "`#1` to `#5`", None);
        refused("cron(0 3 ? * MON 1969)", "1970 to 2199", None);
        refused("cron(0 3 ? * MON/2 *)", "no steps", None);
        refused("cron(0/0 3 ? * MON *)", "from 1", None);
        refused("cron(0 3, ? * MON *)", "empty place", None);
        refused("cron(0 3 ? * MON * *)", "here are 7", None);
        refused("rate(0 days)", "at least 1", None);
        refused("rate(2 weeks)", "not weeks", Some("rate(14 days)"));
        refused("rate(day)", "a rate is", None);
        refused("at(2030-02-30T00:00:00)", "not a time", None);
        refused("at(2030-01-31T03:00:00Z)", "not a time", None);
        refused("daily", "a schedule is", None);
        refused("", "a schedule is", None);
    }

    #[test]
    fn timezones() {
        for zone in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+1"] {
            assert!(is_timezone(zone), "{zone}");
        }
        for zone in ["", "Europe/", "+01:00", "Europe Berlin"] {
            assert!(!is_timezone(zone), "{zone}");
        }
    }
}
