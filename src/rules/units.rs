//! Durations, sizes and rates as people write them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Visitor};

/// Implements `Deserialize` through `FromStr` (numbers are read as their text) and a schema with a pattern.
macro_rules! written {
    ($name:ident, $pattern:literal, $description:literal, [$($example:literal),+] $(, number: $number:literal)?) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Written;
                impl Visitor<'_> for Written {
                    type Value = $name;
                    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                        out.write_str($description)
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                    $(
                    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<$name, E> {
                        let _: &str = $number;
                        number.to_string().parse().map_err(E::custom)
                    }
                    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<$name, E> {
                        number.to_string().parse().map_err(E::custom)
                    }
                    )?
                }
                deserializer.deserialize_any(Written)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                #[allow(unused_mut, reason = "only kinds that take numbers change it")]
                let mut schema = json_schema!({
                    "type": "string",
                    "pattern": $pattern,
                    "description": $description,
                    "examples": [$($example),+],
                });
                $(
                    schema.insert("type".into(), serde_json::json!(["string", "number"]));
                    let _: &str = $number;
                )?
                schema
            }
        }
    };
}

/// A length of time: `500ms`, `60s`, `10m`, `4h`, `90d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration {
    millis: u64,
}

written!(
    Duration,
    r"^[0-9]+ ?(ms|s|m|h|d)$",
    "a duration: a whole number and `ms`, `s`, `m`, `h` or `d`",
    ["60s", "10m", "4h", "90d"]
);

impl Duration {
    /// From whole seconds.
    pub const fn from_secs(secs: u64) -> Duration {
        Duration { millis: secs.saturating_mul(1000) }
    }

    /// Milliseconds.
    pub fn millis(self) -> u64 {
        self.millis
    }

    /// Whole seconds; a broken second counts as one.
    pub fn secs(self) -> u64 {
        self.millis.div_ceil(1000)
    }

    /// Whole days; a broken day counts as one.
    pub fn days(self) -> u64 {
        self.secs().div_ceil(86_400)
    }

    /// ISO 8601, as the pipeline's cache takes it: `P30D`, `PT4H`, `PT90S`.
    pub fn iso8601(self) -> String {
        let secs = self.secs();
        match secs {
            _ if secs > 0 && secs.is_multiple_of(86_400) => format!("P{}D", secs / 86_400),
            _ if secs > 0 && secs.is_multiple_of(3600) => format!("PT{}H", secs / 3600),
            _ if secs > 0 && secs.is_multiple_of(60) => format!("PT{}M", secs / 60),
            _ => format!("PT{secs}S"),
        }
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
            if self.millis > 0 && self.millis.is_multiple_of(size) {
                return write!(out, "{}{unit}", self.millis / size);
            }
        }
        write!(out, "{}ms", self.millis)
    }
}

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Duration, String> {
        let wrong = || {
            format!(
                "`{text}` is not a duration: write a whole number and a unit, such as `60s`, `10m`, `4h`, `90d`"
            )
        };
        let (number, unit) = split(text).ok_or_else(wrong)?;
        let size: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        let millis =
            number.parse::<u64>().ok().and_then(|number| number.checked_mul(size)).ok_or_else(wrong)?;
        Ok(Duration { millis })
    }
}

/// An amount of storage or memory: `512MB`, `30GB`, `2TB`. AWS counts in powers of 1024.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size {
    mib: u64,
}

written!(
    Size,
    r"^[0-9]+ ?(MB|GB|TB)$",
    "a size: a whole number and `MB`, `GB` or `TB`",
    ["512MB", "30GB", "2TB"]
);

impl Size {
    /// From whole GB.
    pub const fn from_gb(gb: u64) -> Size {
        Size { mib: gb.saturating_mul(1024) }
    }

    /// In GB, rounded up.
    pub fn gb(self) -> u64 {
        self.mib.div_ceil(1024)
    }

    /// In MB.
    pub fn mb(self) -> u64 {
        self.mib
    }
}

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mib.is_multiple_of(1024) {
            write!(out, "{}GB", self.mib / 1024)
        } else {
            write!(out, "{}MB", self.mib)
        }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let wrong = || {
            format!("`{text}` is not a size: write a whole number and a unit, such as `512MB`, `30GB`, `2TB`")
        };
        let (number, unit) = split(text).ok_or_else(wrong)?;
        let factor: u64 = match unit {
            "MB" => 1,
            "GB" => 1024,
            "TB" => 1024 * 1024,
            _ => return Err(wrong()),
        };
        let mib =
            number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).ok_or_else(wrong)?;
        Ok(Size { mib })
    }
}

/// A share of a hundred: `10%`, `0.5%`, or the bare number.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Percent(f64);

written!(
    Percent,
    r"^[0-9]+(\.[0-9]+)? ?%?$",
    "a percentage: a number and `%`",
    ["10%", "100%"],
    number: "bare"
);

impl Percent {
    /// 0 to 100.
    pub fn value(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}%", self.0)
    }
}

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Percent, String> {
        let number = text.trim_end_matches('%').trim_end();
        match number.parse::<f64>() {
            Ok(value)
                if value.is_finite() && value >= 0.0 && number.starts_with(|c: char| c.is_ascii_digit()) =>
            {
                Ok(Percent(value))
            }
            _ => Err(format!("`{text}` is not a percentage: write a number and `%`, such as `10%`")),
        }
    }
}

/// What an alarm compares with: a bare number (`5`), a time (`500ms`) or a share (`80%`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantity {
    /// A number in the metric's own unit.
    Number(f64),
    /// A time; converted to the metric's unit.
    Time(Duration),
    /// A share of a hundred.
    Share(Percent),
}

written!(
    Quantity,
    r"^[0-9]+(\.[0-9]+)? ?(ms|s|m|h|d|%)?$",
    "a number, a time (`500ms`) or a percentage (`80%`)",
    ["5", "500ms", "80%"],
    number: "bare"
);

impl FromStr for Quantity {
    type Err = String;

    fn from_str(text: &str) -> Result<Quantity, String> {
        if let Ok(number) = text.parse::<f64>() {
            if number.is_finite() {
                return Ok(Quantity::Number(number));
            }
        } else if text.ends_with('%') {
            return text.parse().map(Quantity::Share);
        }
        text.parse().map(Quantity::Time).map_err(|_| {
            format!("`{text}` is not a quantity: write a number, a time such as `500ms`, or a percentage such as `80%`")
        })
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Quantity::Number(number) => write!(out, "{number}"),
            Quantity::Time(time) => write!(out, "{time}"),
            Quantity::Share(share) => write!(out, "{share}"),
        }
    }
}

/// How long an alarm's condition must hold: `3 of 5 x 1m`, `3 x 1m`, `5m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Periods that must breach: `DatapointsToAlarm`.
    pub datapoints: u32,
    /// Periods looked at: `EvaluationPeriods`.
    pub periods: u32,
    /// Length of one period.
    pub period: Duration,
}

written!(
    Window,
    r"^(([0-9]+ of )?[0-9]+ ?x ?)?[0-9]+ ?(s|m|h|d)$",
    "breaching periods of periods looked at: `3 of 5 x 1m`, or `3 x 1m`, or `5m`",
    ["3 of 5 x 1m", "3 x 1m", "5m"]
);

impl fmt::Display for Window {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} of {} x {}", self.datapoints, self.periods, self.period)
    }
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Window, String> {
        let wrong = || format!("`{text}` is not a window: write `3 of 5 x 1m`, `3 x 1m` or `5m`");
        let (count, period) = match text.split_once('x') {
            Some((count, period)) => (count.trim(), period.trim()),
            None => ("1", text.trim()),
        };
        let period: Duration = period.parse().map_err(|_| wrong())?;
        let (datapoints, periods) = match count.split_once(" of ") {
            Some((datapoints, periods)) => (datapoints.trim(), periods.trim()),
            None => (count, count),
        };
        let number = |text: &str| text.parse::<u32>().ok().filter(|number| *number > 0);
        match (number(datapoints), number(periods)) {
            (Some(datapoints), Some(periods)) if period.millis() > 0 => {
                Ok(Window { datapoints, periods, period })
            }
            _ => Err(wrong()),
        }
    }
}

/// `30 GB` → (`30`, `GB`).
fn split(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let unit = &text[end..];
    (end > 0).then(|| (&text[..end], unit.strip_prefix(' ').unwrap_or(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis, shown, iso) in [
            ("500ms", 500, "500ms", "PT1S"),
            ("60s", 60_000, "1m", "PT1M"),
            ("4h", 14_400_000, "4h", "PT4H"),
            ("90 d", 7_776_000_000, "90d", "P90D"),
            ("90m", 5_400_000, "90m", "PT90M"),
        ] {
            let duration: Duration = text.parse().unwrap();
            assert_eq!(
                (duration.millis(), duration.to_string().as_str(), duration.iso8601().as_str()),
                (millis, shown, iso)
            );
        }
        for text in ["", "4", "h", "4w", "-4h", "4.5h", "99999999999999999999d", "4 hours"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_and_shares() {
        assert_eq!("30GB".parse::<Size>().unwrap().gb(), 30);
        assert_eq!("512MB".parse::<Size>().unwrap().to_string(), "512MB");
        assert_eq!("2TB".parse::<Size>().unwrap().gb(), 2048);
        assert!("30".parse::<Size>().is_err());
        assert!(("10%".parse::<Percent>().unwrap().value() - 10.0).abs() < f64::EPSILON);
        assert!("-1%".parse::<Percent>().is_err() && "inf".parse::<Percent>().is_err());
    }

    #[test]
    fn windows_and_quantities() {
        let window: Window = "3 of 5 x 1m".parse().unwrap();
        assert_eq!((window.datapoints, window.periods, window.period.secs()), (3, 5, 60));
        assert_eq!("5m".parse::<Window>().unwrap(), "1 x 5m".parse().unwrap());
        for text in ["0 x 1m", "3 of x 1m", "of", "3 of 5"] {
            assert!(text.parse::<Window>().is_err(), "{text}");
        }
        assert_eq!("500ms".parse::<Quantity>().unwrap(), Quantity::Time("500ms".parse().unwrap()));
        assert_eq!("5".parse::<Quantity>().unwrap(), Quantity::Number(5.0));
        assert!("NaN".parse::<Quantity>().is_err());
    }
}
