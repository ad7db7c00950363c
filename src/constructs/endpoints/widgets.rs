//! What the dashboard shows of an endpoint.

use super::{Endpoint, VariantSection};
use crate::cfn::{Value, json};
use crate::constructs::dashboard::{Line, graph, text};
use crate::constructs::{Export, Rendering, Scope, This};
use crate::tables;

/// A graph of one variant.
struct Graphs<'a> {
    endpoint: &'a str,
    variant: &'a str,
}

impl Graphs<'_> {
    /// A metric of the variant, with a label and a statistic.
    fn metric(&self, name: &str, stat: &str, label: &str) -> Value {
        let namespace = tables::endpoint_metric(name).map_or("AWS/SageMaker", |metric| metric.namespace);
        let dimensions = ["EndpointName", self.endpoint, "VariantName", self.variant];
        let mut row = vec![json!(namespace), json!(name)];
        row.extend(dimensions.iter().map(|text| json!(text)));
        row.push(json!({ "stat": stat, "label": label }));
        Value::Array(row)
    }

    /// A metric that only serves a formula.
    fn hidden(&self, name: &str, stat: &str, id: &str) -> Value {
        let mut row = self.metric(name, stat, id);
        if let Some(options) = row.as_array_mut().and_then(|row| row.last_mut()) {
            options["id"] = json!(id);
            options["visible"] = json!(false);
        }
        row
    }

    /// A time in milliseconds: CloudWatch holds microseconds.
    fn millis(&self, name: &str, stat: &str, id: &str) -> [Value; 2] {
        let formula =
            json!([{ "expression": format!("{id} / 1000"), "label": stat, "id": format!("{id}ms") }]);
        [self.hidden(name, stat, id), formula]
    }
}

impl Endpoint {
    pub(super) fn add_widgets(&self, this: &This, scope: &Scope<'_>, out: &mut Rendering) {
        let endpoint = scope.fixed_name(&this.name);
        for (name, variant) in &self.variants {
            let path = format!("{}.{name}", this.name);
            let graphs = Graphs { endpoint: &endpoint, variant: name };
            out.widgets.push(text(&format!("## {endpoint} · {name}"), 1));
            out.widgets.push(graphs.requests(&path, scope));
            out.widgets.push(graphs.latency(&path, scope));
            out.widgets.push(graphs.overhead(&path, scope));
            if variant.serverless.is_some() {
                out.widgets.push(graphs.serverless(&path, scope));
            } else {
                out.widgets.push(graphs.utilization(variant, &path, scope));
                out.widgets.push(graphs.load(&path, scope));
                out.widgets.push(graphs.instances(&path, scope));
            }
        }
    }
}

impl Graphs<'_> {
    fn requests(&self, path: &str, scope: &Scope<'_>) -> Value {
        let metrics = vec![
            self.metric("Invocations", "Sum", "requests"),
            self.metric("Invocation4XXErrors", "Sum", "refused (4xx)"),
            self.metric("Invocation5XXErrors", "Sum", "failed (5xx)"),
        ];
        let watched = ["Invocations", "Invocation4XXErrors", "Invocation5XXErrors"];
        graph("Requests and errors", "per minute", &metrics, &bounds(&watched, path, scope, 1.0))
    }

    fn latency(&self, path: &str, scope: &Scope<'_>) -> Value {
        let metrics: Vec<Value> = [("p50", "a"), ("p90", "b"), ("p99", "c")]
            .into_iter()
            .flat_map(|(stat, id)| self.millis("ModelLatency", stat, id))
            .collect();
        graph("Latency of the model", "ms", &metrics, &bounds(&["ModelLatency"], path, scope, 1000.0))
    }

    fn overhead(&self, path: &str, scope: &Scope<'_>) -> Value {
        let metrics: Vec<Value> = [("Average", "a"), ("Maximum", "b")]
            .into_iter()
            .flat_map(|(stat, id)| self.millis("OverheadLatency", stat, id))
            .collect();
        graph("Overhead of SageMaker", "ms", &metrics, &bounds(&["OverheadLatency"], path, scope, 1000.0))
    }

    fn utilization(&self, variant: &VariantSection, path: &str, scope: &Scope<'_>) -> Value {
        let mut names = vec![
            ("CPUUtilization", "CPU, all cores"),
            ("MemoryUtilization", "memory"),
            ("DiskUtilization", "disk"),
        ];
        if variant.instance.as_deref().is_some_and(tables::is_gpu) {
            names.push(("GPUUtilization", "GPU, all"));
            names.push(("GPUMemoryUtilization", "GPU memory, all"));
        }
        let metrics: Vec<Value> =
            names.iter().map(|(name, label)| self.metric(name, "Average", label)).collect();
        let watched: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        let mut lines = bounds(&watched, path, scope, 1.0);
        lines.extend(goal(&watched, path, scope));
        graph("Utilization", "percent", &metrics, &lines)
    }

    fn load(&self, path: &str, scope: &Scope<'_>) -> Value {
        let watched = ["InvocationsPerInstance", "ConcurrentRequestsPerModel"];
        let metrics = vec![
            self.metric(watched[0], "Sum", "requests per instance and minute"),
            self.metric(watched[1], "Maximum", "requests under way"),
        ];
        let mut lines = bounds(&watched, path, scope, 1.0);
        lines.extend(goal(&watched, path, scope));
        graph("Load", "requests", &metrics, &lines)
    }

    /// Each request counts 1 / instances in `InvocationsPerInstance`, so the quotient is the number of instances.
    /// <https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html>
    fn instances(&self, path: &str, scope: &Scope<'_>) -> Value {
        let metrics = vec![
            self.hidden("Invocations", "Sum", "all"),
            self.hidden("InvocationsPerInstance", "Sum", "each"),
            json!([{ "expression": "all / each", "label": "instances that answer", "id": "instances" }]),
        ];
        let lines: Vec<Line> = scalings(path, scope)
            .flat_map(|(_, (min, max), _)| [("min", min), ("max", max)])
            .map(|(label, value)| Line { label: label.to_owned(), value: f64::from(value) })
            .collect();
        graph("Instances", "instances", &metrics, &lines)
    }

    fn serverless(&self, path: &str, scope: &Scope<'_>) -> Value {
        let watched = ["ModelSetupTime"];
        let metrics = self.millis("ModelSetupTime", "Maximum", "a").to_vec();
        graph("Cold starts", "ms", &metrics, &bounds(&watched, path, scope, 1000.0))
    }
}

/// The bounds of alarms on these metrics of a variant.
fn bounds(metrics: &[&str], path: &str, scope: &Scope<'_>, divisor: f64) -> Vec<Line> {
    scope
        .exports
        .iter()
        .filter_map(|(name, offers)| match offers.get("")? {
            Export::Alarm { on, metric, threshold, .. }
                if on == path && metrics.contains(&metric.as_str()) =>
            {
                Some(Line { label: format!("alarm {name}"), value: threshold / divisor })
            }
            _ => None,
        })
        .collect()
}

/// The values that scaling holds, of these metrics of a variant.
fn goal(metrics: &[&str], path: &str, scope: &Scope<'_>) -> Vec<Line> {
    scalings(path, scope)
        .filter_map(|(name, _, track)| {
            let (metric, value) = track?;
            metrics
                .contains(&metric.as_str())
                .then(|| Line { label: format!("scaling {name}"), value: *value })
        })
        .collect()
}

type Tracked<'a> = (&'a str, (u32, u32), Option<&'a (String, f64)>);

fn scalings<'a>(path: &'a str, scope: &Scope<'a>) -> impl Iterator<Item = Tracked<'a>> {
    scope.exports.iter().filter_map(move |(name, offers)| match offers.get("")? {
        Export::Scaling { target, bounds, track } if target == path => Some((name, *bounds, track.as_ref())),
        _ => None,
    })
}
