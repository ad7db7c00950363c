//! What both backends have: where things lie, the alarm, the graphs, the permissions.

use super::{Backend, Monitor, REPORTS, findings};
use crate::cfn::{Expr, LogicalId, Statement, TemplateKind, Value, json};
use crate::constructs::exports::Capture;
use crate::constructs::{Data, Export, Rendering, Role, Scope, This, dashboard, grants, serving};

/// The endpoint that a monitor watches.
pub(super) struct Watched<'a> {
    /// Its name in AWS.
    pub(super) name: &'a str,
    /// Its resource.
    pub(super) id: &'a LogicalId,
    /// What it captures.
    pub(super) capture: Option<&'a Capture>,
    /// The group of the model that it serves: the construct.
    pub(super) group: Option<&'a str>,
}

impl Monitor {
    /// The endpoint, when it is one.
    pub(super) fn watched<'a>(&'a self, scope: &Scope<'a>) -> Option<Watched<'a>> {
        match scope.export(self.endpoint.as_str())? {
            Export::Endpoint { name, id, capture, group, .. } => {
                Some(Watched { name, id, capture: capture.as_ref(), group: group.as_deref() })
            }
            _ => None,
        }
    }

    /// The name in AWS of the group whose approved version the endpoint serves.
    pub(super) fn group_name<'a>(&'a self, scope: &Scope<'a>) -> Option<&'a str> {
        let group = self.watched(scope)?.group?;
        match scope.exports.get(group)?.get("approved")? {
            Export::ApprovedModel { group, .. } => Some(group),
            _ => None,
        }
    }

    /// Where reports go.
    pub(super) fn reports(&self, this: &This, scope: &Scope<'_>) -> Data {
        let below = format!("{REPORTS}/{}", this.name);
        let named = self.output.as_ref().and_then(|output| serving::place(scope, output, &below));
        named.unwrap_or_else(|| in_artifacts(scope, &format!("{below}/reports")))
    }

    /// Where baselines go.
    pub(super) fn baselines(this: &This, scope: &Scope<'_>) -> Data {
        in_artifacts(scope, &format!("{REPORTS}/{}/baseline", this.name))
    }

    /// Where labels arrive.
    pub(super) fn labels<'a>(&'a self, this: &This, scope: &Scope<'a>) -> Option<Data> {
        serving::place(scope, self.ground_truth.as_ref()?, &format!("{REPORTS}/{}/labels", this.name))
    }

    /// The analysis configuration of Clarify.
    pub(super) fn analysis_file<'a>(&'a self, scope: &Scope<'a>) -> Option<Data> {
        scope.data(self.analysis.as_ref()?.as_str()).filter(|data| !data.uri.is_runtime())
    }

    pub(super) fn render_all(&self, this: &This, scope: &Scope<'_>, out: &mut Rendering) {
        let Some(watched) = self.watched(scope) else { return };
        match self.backend {
            Backend::ModelMonitor => {
                self.render_schedule(this, &watched, scope, out);
                self.render_findings(this, watched.name, scope, out);
            }
            Backend::Pipeline => self.render_pipeline(this, &watched, scope, out),
        }
        if self.alarm_on_violation {
            self.render_alarm(this, &watched, scope, out);
        }
        self.add_widgets(this, &watched, scope, out);
        self.grant(this, &watched, scope, out);
    }

    /// The alarm stays as it is until the next run says otherwise: between two runs there is no data.
    fn render_alarm(&self, this: &This, watched: &Watched<'_>, scope: &Scope<'_>, out: &mut Rendering) {
        let name = scope.fixed_name(&this.name);
        let actions = serving::topic(scope, out).map(|topic| vec![topic]);
        let context = json!({
            "id": Monitor::alarm_id(this),
            "description": format!(
                "The {} monitor {name} found violations on {}: see its report, and train again if the world has changed",
                self.kind.as_str(), watched.name
            ),
            "namespace": &self.namespace,
            "metric": "Violations",
            "dimensions": findings::dimensions(watched.name, &name),
            "statistic": "Maximum",
            "extended": null,
            "low_samples": null,
            "comparison": "GreaterThanThreshold",
            "threshold": 0,
            "period": 300,
            "periods": 1,
            "datapoints": 1,
            "missing": "ignore",
            "actions": actions,
        });
        out.shape(TemplateKind::Serving, "alarm", context);
        out.grant(Role::Serving, serving::deploy_alarms(scope));
        out.widgets
            .push(dashboard::alarms(&format!("Monitor {name}"), &[Monitor::alarm_id(this).attr("Arn")]));
    }

    fn add_widgets(&self, this: &This, watched: &Watched<'_>, scope: &Scope<'_>, out: &mut Rendering) {
        let name = scope.fixed_name(&this.name);
        let row = |metric: &str, label: &str| json!([&self.namespace, metric, "Endpoint", watched.name, "MonitoringSchedule", &name, { "label": label, "stat": "Maximum" }]);
        let runs = vec![row("Violations", "runs with violations"), row("FailedRuns", "failed runs")];
        out.widgets.push(dashboard::graph(&format!("Monitor {name}"), "1 is yes", &runs, &[]));
        if self.backend == Backend::ModelMonitor && self.kind == super::MonitorKind::DataQuality {
            // The built-in container's metrics of each feature, in the form that AWS's samples read.
            let drift = |metric: &str| {
                json!([{ "expression": format!(
                    "SEARCH('{{aws/sagemaker/Endpoints/data-metrics,Endpoint,MonitoringSchedule}} MonitoringSchedule=\"{name}\" {metric}', 'Maximum', 3600)"
                ), "label": "" }])
            };
            out.widgets.push(dashboard::graph(
                "Drift by feature",
                "distance",
                &[drift("feature_baseline_drift")],
                &[],
            ));
            out.widgets.push(dashboard::graph(
                "Completeness by feature",
                "share",
                &[drift("feature_non_null")],
                &[],
            ));
        }
    }

    fn grant(&self, this: &This, watched: &Watched<'_>, scope: &Scope<'_>, out: &mut Rendering) {
        let mut statements = Vec::new();
        if let Some(capture) = watched.capture {
            statements.extend(grants::read(&capture.place));
        }
        let baselines = Monitor::baselines(this, scope);
        statements.extend(grants::read(&baselines));
        statements.extend(grants::write(&self.reports(this, scope)));
        for data in [self.labels(this, scope), self.analysis_file(scope)].into_iter().flatten() {
            statements.extend(grants::read(&data));
        }
        if let Some(labels) = self.labels(this, scope).filter(|_| self.kind.needs_labels()) {
            // Labels are joined with what was captured before the analysis.
            statements.extend(grants::write(&labels));
        }
        let step = self.baseline(this, scope);
        // A pipeline of the monitor's own reads it every time.
        if (step.is_some() || self.backend == Backend::Pipeline)
            && let Some(data) = self.baseline.as_ref().and_then(|from| scope.data(from.as_str()))
        {
            statements.extend(grants::read(&data));
        }
        if let Some(step) = step {
            statements.extend(grants::write(&baselines));
            out.grant(Role::Pipeline, Monitor::baseline_grants(&step));
        }
        if self.code.is_some() || self.preprocessor.is_some() || self.postprocessor.is_some() {
            statements.extend(grants::assets());
        }
        let endpoint = serving::sagemaker("endpoint", watched.name);
        let configs = Expr::regional_arn("sagemaker", [Expr::text("endpoint-config/*")]);
        statements.push(Statement::allow(
            "ReadEndpoints",
            ["sagemaker:DescribeEndpoint", "sagemaker:DescribeEndpointConfig"],
            endpoint.into_iter().chain([configs]),
        ));
        statements.push(self.put_metrics());
        statements.extend(self.shadow_endpoint());
        statements.extend(self.image(scope).iter().flat_map(|image| grants::pull([image])));
        statements.extend(grants::observe());
        statements.extend(grants::key(scope));
        statements.extend(grants::network(scope));
        out.grant(Role::Monitor, statements);
    }

    /// Clarify asks the model itself, on an endpoint of its own that it makes and removes.
    /// <https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-processing-job-configure-parameters.html>
    fn shadow_endpoint(&self) -> Option<Statement> {
        let own = |kind: &str| Expr::regional_arn("sagemaker", [Expr::text(format!("{kind}/sm-clarify-*"))]);
        let models = Expr::regional_arn("sagemaker", [Expr::text("model/*")]);
        let actions = [
            "sagemaker:AddTags",
            "sagemaker:CreateEndpoint",
            "sagemaker:CreateEndpointConfig",
            "sagemaker:DeleteEndpoint",
            "sagemaker:DeleteEndpointConfig",
            "sagemaker:DescribeModel",
            "sagemaker:InvokeEndpoint",
        ];
        self.kind.by_clarify().then(|| {
            Statement::allow("AskTheModel", actions, [own("endpoint"), own("endpoint-config"), models])
        })
    }
}

/// A prefix of this stack in the lake's bucket for artifacts.
fn in_artifacts(scope: &Scope<'_>, below: &str) -> Data {
    let bucket = scope.artifacts_bucket();
    let prefix = format!("{}/{below}/", scope.prefix());
    Data { uri: bucket.uri(prefix.trim_end_matches('/')), bucket, prefix, manifest: false }
}

/// One processing instance group, as all jobs take it.
pub(super) fn cluster(monitor: &Monitor, key: Option<&Expr>) -> Value {
    let key = key.filter(|_| !crate::tables::has_local_storage(&monitor.instance.kind));
    json!({
        "ClusterConfig": {
            "InstanceCount": monitor.instance.count,
            "InstanceType": &monitor.instance.kind,
            "VolumeSizeInGB": monitor.instance.volume.gb(),
            "VolumeKmsKeyId": key,
        },
    })
}
