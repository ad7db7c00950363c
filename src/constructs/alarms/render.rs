//! The topic in the platform template, the alarms in the serving template.

use super::{Alarm, Alarms, Notify, alarm_id, topic_id};
use crate::cfn::{Expr, LogicalId, TemplateKind, json};
use crate::constructs::{Export, Rendering, Role, Scope, This, dashboard, serving};
use crate::rules::alarms as metrics;
use crate::tables::{self, Statistic};

/// The service that publishes when an alarm fires or ends.
const ALARMS: &str = "cloudwatch.amazonaws.com";

impl Alarms {
    pub(super) fn render_all(&self, this: &This, scope: &Scope<'_>, out: &mut Rendering) {
        if let Some(notify) = &self.notify {
            notify.render(scope, out);
        }
        out.ascribe(&this.pointer);
        let topic = serving::topic(scope, out);
        for (name, alarm) in &self.alarms {
            alarm.render(name, topic.as_ref(), scope, out);
            out.ascribe(&this.pointer.key(name));
        }
        if self.alarms.is_empty() {
            return;
        }
        let arns: Vec<Expr> = self.alarms.keys().map(|name| alarm_id(name).attr("Arn")).collect();
        out.widgets.push(dashboard::alarms("Alarms", &arns));
        out.grant(Role::Serving, serving::deploy_alarms(scope));
    }
}

impl Notify {
    fn render(&self, scope: &Scope<'_>, out: &mut Rendering) {
        let topic = match &self.topic {
            Some(arn) => Expr::text(arn.clone()),
            None => topic_id().reference(),
        };
        let email = self.email.iter().map(|address| ("email", address));
        let https = self.https.iter().map(|address| ("https", address));
        if self.topic.is_none() {
            render_topic(scope, out);
        }
        for (index, (protocol, address)) in email.chain(https).enumerate() {
            let id = LogicalId::new(["AlarmSubscription", &(index + 1).to_string()]);
            let context = json!({ "id": id, "protocol": protocol, "endpoint": address, "topic": &topic });
            out.shape(TemplateKind::Platform, "subscription", context);
        }
    }
}

fn render_topic(scope: &Scope<'_>, out: &mut Rendering) {
    // CloudWatch must be able to use the key. Only the key that this stack makes can be told so; with any other
    // key the alarm would fire and nobody would hear of it.
    let key = scope.own_key();
    if key.is_some() {
        out.key_users.insert(ALARMS);
    }
    let reason = "CloudWatch can only publish with a customer key whose policy says so, and the stack makes none; \
                  messages hold names and numbers of alarms, no data";
    let context = json!({
        "id": topic_id(),
        "name": format!("Alarms of {} ({})", scope.file.name, scope.environment).chars().take(100).collect::<String>(),
        "key": &key,
        "metadata": key.is_none().then(|| serving::skip(&[("CKV_AWS_26", reason)])),
    });
    out.shape(TemplateKind::Platform, "topic", context);
    out.platform.output("AlarmTopicName", "Topic that alarms notify", &topic_id().attr("TopicName"));
}

impl Alarm {
    fn render(&self, name: &str, topic: Option<&Expr>, scope: &Scope<'_>, out: &mut Rendering) {
        let (Some(Export::Variant(variant)), Some((comparison, _, quantity))) =
            (scope.export(self.on.as_str()), self.bound())
        else {
            return;
        };
        let metric = tables::endpoint_metric(&self.metric);
        let names = metric.map_or(&["EndpointName", "VariantName"][..], |metric| &metric.dimensions);
        let statistic = tables::statistic(&self.statistic);
        let plain = statistic == Some(Statistic::Plain);
        let actions = topic.filter(|_| self.notify).map(|topic| vec![topic.clone()]);
        let description = self.description.clone().unwrap_or_else(|| {
            let side = if self.above.is_some() { "above" } else { "below" };
            format!(
                "{} of {} on {} {side} {quantity} for {}",
                self.statistic, self.metric, self.on, self.window
            )
        });
        let context = json!({
            "id": alarm_id(name),
            "description": description,
            "namespace": metric.map_or("AWS/SageMaker", |metric| metric.namespace),
            "metric": &self.metric,
            "dimensions": serving::dimensions(names, variant),
            "statistic": plain.then_some(&self.statistic),
            "extended": (!plain).then_some(&self.statistic),
            // With a handful of requests a percentile is whatever the slowest one was.
            "low_samples": (statistic == Some(Statistic::Percentile)).then_some("ignore"),
            "comparison": comparison,
            "threshold": metrics::in_unit(&self.metric, quantity).unwrap_or_default(),
            "period": self.window.period.secs(),
            "periods": self.window.periods,
            "datapoints": self.window.datapoints,
            "missing": self.missing.as_cfn(),
            "actions": actions,
        });
        out.shape(TemplateKind::Serving, "alarm", context);
    }
}

/// Who may publish to the topic: alarms, and whom others have named while rendering.
pub(super) fn topic_policy(out: &mut Rendering) {
    let mut services = out.topic_publishers.clone();
    services.insert(ALARMS);
    let context = json!({
        "id": LogicalId::new(["AlarmTopicPolicy"]),
        "topic": topic_id().reference(),
        "services": services,
        "account": Expr::pseudo("AWS::AccountId"),
    });
    out.shape(TemplateKind::Platform, "topic_policy", context);
}
