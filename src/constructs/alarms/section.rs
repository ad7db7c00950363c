//! What the stack file says about alarms: the reserved key `notify`, and alarms by name.

use std::borrow::Cow;
use std::fmt;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use crate::constructs::Reference;
use crate::rules::units::{Quantity, Window};

/// Alarms by name, and under `notify` who is told.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Alarms {
    /// Who is told when an alarm fires or ends.
    pub notify: Option<Notify>,
    /// The alarms, in the order of the file.
    pub alarms: IndexMap<String, Alarm>,
}

/// Who is told when an alarm fires or ends.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// E-mail addresses; each must be confirmed once, by the link in a mail from AWS.
    #[serde(default)]
    pub email: Vec<String>,
    /// HTTPS addresses that get a POST, such as those of a pager.
    #[serde(default)]
    pub https: Vec<String>,
    /// ARN of an SNS topic that exists already; without it, the stack makes one.
    #[serde(default)]
    pub topic: Option<String>,
}

/// One alarm on one variant of an endpoint: exactly one of `above` and `below`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alarm {
    /// The variant that it watches: `<endpoint>.<variant>`.
    pub on: Reference,
    /// The metric, such as `Invocation5XXErrors`, `ModelLatency`, `CPUUtilization`.
    pub metric: String,
    /// What is made of the values of one period: `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, a
    /// percentile such as `p99`, or any other statistic of CloudWatch. Default `Average`.
    #[serde(default = "average")]
    pub statistic: String,
    /// Fires above this: a number in the metric's unit, a time (`500ms`) or a percentage (`80%`).
    #[serde(default)]
    pub above: Option<Quantity>,
    /// Fires below this; the same forms.
    #[serde(default)]
    pub below: Option<Quantity>,
    /// How long: `3 of 5 x 1m` fires when three of the last five minutes breach. Default `5m`.
    #[serde(default = "five_minutes", rename = "for")]
    pub window: Window,
    /// What a period without data says; default `not_breaching`.
    #[serde(default)]
    pub missing: MissingData,
    /// What it means and what to do, for the one who is woken.
    #[schemars(length(max = 1024))]
    #[serde(default)]
    pub description: Option<String>,
    /// Whether those under `notify` are told; default `true`.
    #[serde(default = "yes")]
    pub notify: bool,
}

impl Alarm {
    /// The comparison, its key in the stack file, and what is compared with.
    pub(super) fn bound(&self) -> Option<(&'static str, &'static str, Quantity)> {
        match (self.above, self.below) {
            (Some(above), None) => Some(("GreaterThanThreshold", "above", above)),
            (None, Some(below)) => Some(("LessThanThreshold", "below", below)),
            _ => None,
        }
    }
}

/// What a period without data says about the alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissingData {
    /// All is well: an endpoint that nobody asks sends no data.
    #[default]
    NotBreaching,
    /// The bound is broken.
    Breaching,
    /// The alarm stays as it is.
    Ignore,
    /// The alarm does not know.
    Missing,
}

impl MissingData {
    /// As CloudWatch writes it.
    pub(super) fn as_cfn(self) -> &'static str {
        match self {
            MissingData::NotBreaching => "notBreaching",
            MissingData::Breaching => "breaching",
            MissingData::Ignore => "ignore",
            MissingData::Missing => "missing",
        }
    }
}

impl<'de> Deserialize<'de> for Alarms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Alarms, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Alarms;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("alarms by name, and `notify`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Alarms, A::Error> {
                let mut alarms = Alarms::default();
                while let Some(name) = entries.next_key::<String>()? {
                    if name == "notify" {
                        alarms.notify = entries.next_value()?;
                    } else if alarms.alarms.contains_key(&name) {
                        return Err(A::Error::custom(format!("`{name}` is given twice")));
                    } else {
                        alarms.alarms.insert(name, entries.next_value()?);
                    }
                }
                Ok(alarms)
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

impl JsonSchema for Alarms {
    fn schema_name() -> Cow<'static, str> {
        "Alarms".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut notify = generator.subschema_for::<Option<Notify>>();
        notify.insert("description".into(), "Who is told when an alarm changes its state.".into());
        let alarm = generator.subschema_for::<Alarm>();
        json_schema!({
            "type": "object",
            "description": "Alarms by name, and under `notify` who is told.",
            "properties": { "notify": notify },
            "additionalProperties": alarm,
        })
    }
}

fn average() -> String {
    "Average".to_owned()
}

fn five_minutes() -> Window {
    "5m".parse().expect("it is a window")
}

fn yes() -> bool {
    true
}
