//! `alarms`: what is watched on endpoints, and who is told.

mod check;
mod render;
mod section;

use super::{Construct, Export, Exports, Rendering, Scope, This};
use crate::cfn::{Expr, LogicalId};
use crate::diag::Issue;
use crate::rules::alarms as metrics;

pub use section::{Alarm, Alarms, MissingData, Notify};

/// The topic's resource in the platform template.
fn topic_id() -> LogicalId {
    LogicalId::new(["AlarmTopic"])
}

/// An alarm's resource in the serving template.
fn alarm_id(name: &str) -> LogicalId {
    LogicalId::new([name, "Alarm"])
}

impl Construct for Alarms {
    fn export(&self, this: &This, _scope: &Scope<'_>, exports: &mut Exports) {
        if let Some(notify) = &self.notify {
            let topic = match &notify.topic {
                Some(arn) => Expr::text(arn.clone()),
                None => topic_id().reference(),
            };
            exports.add("alarms", &this.pointer, "alarms", "topic", Export::Topic(topic));
        }
        for (name, alarm) in &self.alarms {
            let export = Export::Alarm {
                id: alarm_id(name),
                on: alarm.on.to_string(),
                metric: alarm.metric.clone(),
                threshold: alarm
                    .bound()
                    .and_then(|(_, _, quantity)| metrics::in_unit(&alarm.metric, quantity).ok())
                    .unwrap_or_default(),
            };
            exports.add("alarms", &this.pointer.key(name), name, "", export);
        }
    }

    fn check(&self, this: &This, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
        self.check_all(this, scope, issues);
    }

    fn render(&self, this: &This, scope: &Scope<'_>, out: &mut Rendering) {
        self.render_all(this, scope, out);
    }

    fn finish(&self, _this: &This, _scope: &Scope<'_>, out: &mut Rendering) {
        if self.notify.as_ref().is_some_and(|notify| notify.topic.is_none()) {
            render::topic_policy(out);
        }
    }
}
