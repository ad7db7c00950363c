//! What a metric's unit makes of a quantity that a person wrote.

use crate::rules::units::{Quantity, Window};
use crate::tables::{self, Unit};

/// A quantity in the unit of an endpoint metric; a number is taken as it is.
///
/// # Errors
/// The unit's name, when the quantity is of another kind: a time where things are counted, and the like.
pub fn in_unit(metric: &str, quantity: Quantity) -> Result<f64, &'static str> {
    let unit = tables::endpoint_metric(metric).and_then(|metric| metric.unit);
    match (quantity, unit) {
        (Quantity::Number(number), _) => Ok(number),
        // Bounds of YAML's own are far below where an f64 loses whole microseconds.
        #[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are 285 years")]
        (Quantity::Time(time), Some(Unit::Microseconds)) => Ok((time.millis() * 1000) as f64),
        #[expect(clippy::cast_precision_loss, reason = "2^53 milliseconds are longer still")]
        (Quantity::Time(time), Some(Unit::Milliseconds)) => Ok(time.millis() as f64),
        #[expect(clippy::cast_precision_loss, reason = "2^53 milliseconds are longer still")]
        (Quantity::Time(time), Some(Unit::Seconds)) => Ok(time.millis() as f64 / 1000.0),
        (Quantity::Share(share), Some(Unit::Percent)) => Ok(share.value()),
        (_, Some(Unit::Count)) => Err("a number"),
        (_, Some(Unit::Microseconds | Unit::Milliseconds | Unit::Seconds)) => Err("a time"),
        (_, Some(Unit::Percent)) => Err("a percentage"),
        (_, None) => Err("a number in the metric's unit"),
    }
}

/// Below that many microseconds, milliseconds are probably meant.
const LIKELY_MILLISECONDS: f64 = 10_000.0;

/// Whether a bound on an endpoint metric in microseconds was probably meant in milliseconds.
pub fn is_likely_in_milliseconds(metric: &str, statistic: &str, bound: f64) -> bool {
    // Counting values is in no unit of the metric.
    statistic != "SampleCount"
        && tables::endpoint_metric(metric).is_some_and(|metric| metric.unit == Some(Unit::Microseconds))
        && (0.0..LIKELY_MILLISECONDS).contains(&bound)
}

/// Whether the values are shares of requests, which never exceed 1.
pub fn is_share(metric: &str, statistic: &str) -> bool {
    metric.ends_with("Errors") && statistic == "Average"
}

/// Seconds between two values of an endpoint metric.
pub const INTERVAL: u64 = 60;

/// Whether CloudWatch knows periods of so many seconds.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>
pub fn is_period(seconds: u64) -> bool {
    matches!(seconds, 10 | 20 | 30) || seconds > 0 && seconds.is_multiple_of(60)
}

/// What CloudWatch refuses in an alarm's periods, in words; none when all is well.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>
pub fn refused_window(window: Window) -> Option<String> {
    let period = window.period.secs();
    let whole = window.period.millis().is_multiple_of(1000);
    let total = u64::from(window.periods).saturating_mul(period);
    if !whole || !is_period(period) {
        Some(format!("a period of {} is none that CloudWatch knows", window.period))
    } else if window.datapoints > window.periods {
        Some(format!("{} of {} periods can never breach", window.datapoints, window.periods))
    } else if period < 3600 && total > 86_400 {
        Some(format!("{} periods of {} are more than a day", window.periods, window.period))
    } else if total > 604_800 {
        Some(format!("{} periods of {} are more than a week", window.periods, window.period))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_take_the_unit_of_the_metric() {
        let check = |metric: &str, text: &str| in_unit(metric, text.parse().unwrap());
        assert_eq!(check("ModelLatency", "500ms"), Ok(500_000.0));
        assert_eq!(check("ModelLatency", "500000"), Ok(500_000.0));
        assert_eq!(check("CPUUtilization", "80%"), Ok(80.0));
        assert_eq!(check("Invocation5XXErrors", "5"), Ok(5.0));
        assert_eq!(check("Invocation5XXErrors", "5s"), Err("a number"));
        assert_eq!(check("ModelLatency", "80%"), Err("a time"));
        assert_eq!(check("TotalProcessingTime", "1m"), Ok(60_000.0));
        assert_eq!(check("ApproximateAgeOfOldestRequest", "1500ms"), Ok(1.5));
        assert_eq!(check("ApproximateAgeOfOldestRequest", "3"), Ok(3.0));
        assert_eq!(check("ApproximateAgeOfOldestRequest", "80%"), Err("a time"));
        assert_eq!(check("HasBacklogWithoutCapacity", "1m"), Err("a number"));
        assert_eq!(check("TimeInBacklog", "1m"), Err("a number in the metric's unit"));
    }

    #[test]
    fn bounds_that_are_probably_meant_otherwise() {
        assert!(is_likely_in_milliseconds("ModelLatency", "Average", 500.0));
        assert!(!is_likely_in_milliseconds("ModelLatency", "SampleCount", 500.0));
        assert!(!is_likely_in_milliseconds("ModelLatency", "p99", 500_000.0));
        assert!(!is_likely_in_milliseconds("Invocations", "Sum", 5.0));
        assert!(!is_likely_in_milliseconds("ApproximateAgeOfOldestRequest", "Maximum", 5.0));
        assert!(is_share("Invocation5XXErrors", "Average") && !is_share("Invocation5XXErrors", "Sum"));
    }

    #[test]
    fn windows_that_cloudwatch_refuses() {
        let refused = |text: &str| refused_window(text.parse().unwrap()).is_some();
        for good in ["3 of 5 x 1m", "5m", "10s", "24 x 1h", "7 x 1d", "1440 x 1m"] {
            assert!(!refused(good), "{good}");
        }
        for bad in ["5 of 3 x 1m", "45s", "90s", "1441 x 1m", "8 x 1d"] {
            assert!(refused(bad), "{bad}");
        }
    }
}
