//! What is wrong with alarms.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>.

use super::{Alarm, Alarms, Notify};
use crate::constructs::{Export, Scope, This, serving};
use crate::diag::{Code, Issue, Pointer, nearest, or_list};
use crate::rules::alarms as metrics;
use crate::rules::units::Quantity;
use crate::tables;

impl Alarms {
    pub(super) fn check_all<'a>(&'a self, this: &This, scope: &Scope<'a>, issues: &mut Vec<Issue>) {
        if let Some(notify) = &self.notify {
            notify.check(&this.pointer.key("notify"), issues);
        }
        for (name, alarm) in &self.alarms {
            alarm.check(&this.pointer.key(name), scope, issues);
        }
    }
}

impl Notify {
    fn check(&self, pointer: &Pointer, issues: &mut Vec<Issue>) {
        if self.email.is_empty() && self.https.is_empty() && self.topic.is_none() {
            issues.push(
                Issue::new(Code::NotifyAddress, pointer.clone(), "`notify` names nobody").on_key().help(
                    "write `email: [name@example.com]`, `https: [https://…]` or `topic: <ARN>`, or remove it",
                ),
            );
        }
        for (index, address) in self.email.iter().enumerate() {
            let good = address.split_once('@').is_some_and(|(name, host)| {
                !name.is_empty()
                    && host.contains('.')
                    && !host.contains('@')
                    && !address.contains(char::is_whitespace)
            });
            if !good {
                issues.push(
                    Issue::new(
                        Code::NotifyAddress,
                        pointer.key("email").index(index),
                        format!("`{address}` is not an e-mail address"),
                    )
                    .help("write one like `ml-oncall@example.com`"),
                );
            }
        }
        for (index, address) in self.https.iter().enumerate() {
            if !address
                .strip_prefix("https://")
                .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
            {
                issues.push(
                    Issue::new(
                        Code::NotifyAddress,
                        pointer.key("https").index(index),
                        format!("`{address}` is not an HTTPS address"),
                    )
                    .help("write `https://…`"),
                );
            }
        }
        if let Some(topic) = &self.topic
            && !serving::is_topic(topic)
        {
            issues.push(
                Issue::new(
                    Code::NotifyAddress,
                    pointer.key("topic"),
                    format!("`{topic}` is not the ARN of an SNS topic"),
                )
                .help(
                    "write `arn:<partition>:sns:<region>:<account>:<name>`, or leave it out to have one made",
                ),
            );
        }
    }
}

impl Alarm {
    fn check<'a>(&'a self, pointer: &Pointer, scope: &Scope<'a>, issues: &mut Vec<Issue>) {
        let is_variant = |export: &Export| matches!(export, Export::Variant(_));
        scope.check_reference(
            self.on.as_str(),
            "a variant (`<endpoint>.<variant>`)",
            &pointer.key("on"),
            is_variant,
            issues,
        );
        self.check_metric(pointer, scope, issues);
        self.check_bound(pointer, issues);
        self.check_statistic(pointer, issues);
        if let Some(refusal) = metrics::refused_window(self.window) {
            issues.push(
                Issue::new(Code::AlarmWindow, pointer.key("for"), refusal)
                    .help("write `<breaching> of <periods> x <period>` with a period of 10s, 20s, 30s or whole minutes, within a day"),
            );
        } else if self.window.period.secs() < metrics::INTERVAL
            && tables::endpoint_metric(&self.metric).is_some()
        {
            issues.push(
                Issue::new(
                    Code::AlarmSilent,
                    pointer.key("for"),
                    format!(
                        "endpoints send `{}` once a minute, so periods of {} are mostly empty",
                        self.metric, self.window.period
                    ),
                )
                .help("use periods of `1m` or more"),
            );
        }
        if let Some(text) = self.description.as_ref().filter(|text| text.len() > 1024) {
            issues.push(Issue::new(
                Code::OutOfBounds,
                pointer.key("description"),
                format!("a description has up to 1024 characters, not {}", text.len()),
            ));
        }
    }

    fn check_metric<'a>(&'a self, pointer: &Pointer, scope: &Scope<'a>, issues: &mut Vec<Issue>) {
        let at = pointer.key("metric");
        let Some(metric) = tables::endpoint_metric(&self.metric) else {
            let mut issue = Issue::new(
                Code::UnknownMetric,
                at,
                format!("endpoints are not known to send a metric `{}`", self.metric),
            )
            .label("an alarm on a metric that nobody sends never fires");
            issue = match nearest(&self.metric, tables::endpoint_metrics()) {
                Some(near) => issue.fix(near, format!("did you mean `{near}`?")),
                None => issue.help(format!("known are {}", or_list(tables::endpoint_metrics()))),
            };
            issues.push(issue);
            return;
        };
        let Some(variant) = scope.variant(self.on.as_str()) else { return };
        if metric.asynchronous && !variant.asynchronous {
            issues.push(
                Issue::new(
                    Code::AlarmSilent,
                    at.clone(),
                    format!("only asynchronous endpoints send `{}`", self.metric),
                )
                .also(variant.pointer.clone(), "answers at once")
                .help("choose another metric, or give the endpoint `async`"),
            );
        }
        let gpu = self.metric.starts_with("GPU");
        if gpu && variant.instance.as_deref().is_some_and(|instance| !tables::is_gpu(instance)) {
            issues.push(
                Issue::new(
                    Code::AlarmSilent,
                    at,
                    format!("`{}` has no GPU, so nothing sends `{}`", self.on, self.metric),
                )
                .also(variant.pointer.key("instance"), "its instances"),
            );
        }
    }

    fn check_bound(&self, pointer: &Pointer, issues: &mut Vec<Issue>) {
        let Some((_, key, quantity)) = self.bound() else {
            let message = if self.above.is_some() {
                "the alarm says both `above` and `below`"
            } else {
                "the alarm says no bound"
            };
            issues.push(
                Issue::new(Code::OneOf, pointer.clone(), message)
                    .on_key()
                    .help("write exactly one of `above` and `below`"),
            );
            return;
        };
        let at = pointer.key(key);
        if let Err(wanted) = metrics::in_unit(&self.metric, quantity) {
            issues.push(
                Issue::new(
                    Code::AlarmUnit,
                    at,
                    format!("`{quantity}` cannot be compared with `{}`", self.metric),
                )
                .label(format!("{wanted} is wanted"))
                .help(format!("write {wanted}, or choose another metric")),
            );
            return;
        }
        if let Quantity::Number(number) = quantity
            && metrics::is_likely_in_milliseconds(&self.metric, &self.statistic, number)
        {
            issues.push(
                Issue::new(
                    Code::AlarmSilent,
                    at,
                    format!(
                        "`{}` is in microseconds: {number} of them are {} milliseconds",
                        self.metric,
                        number / 1000.0
                    ),
                )
                .fix(format!("{number}ms"), format!("if milliseconds are meant, write `{number}ms`")),
            );
        }
    }

    fn check_statistic(&self, pointer: &Pointer, issues: &mut Vec<Issue>) {
        let at = pointer.key("statistic");
        if tables::statistic(&self.statistic).is_none() {
            let mut issue = Issue::new(
                Code::AlarmStatistic,
                at,
                format!("CloudWatch knows no statistic `{}`", self.statistic),
            )
            .help(
                "write `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, or a percentile such as `p99`",
            );
            if let Some(near) = nearest(&self.statistic, tables::plain_statistics().iter().copied()) {
                issue = issue.fix(near, format!("did you mean `{near}`?"));
            }
            issues.push(issue);
            return;
        }
        if metrics::is_share(&self.metric, &self.statistic)
            && matches!(self.above, Some(Quantity::Number(number)) if number >= 1.0)
        {
            issues.push(
                Issue::new(
                    Code::AlarmSilent,
                    pointer.key("metric"),
                    format!(
                        "the average of `{}` is the share of failed requests, which never exceeds 1",
                        self.metric
                    ),
                )
                .help("write `statistic: Sum` to count them"),
            );
        }
    }
}
