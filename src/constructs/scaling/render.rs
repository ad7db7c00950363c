//! The scalable target and its policies.

use super::section::{Goal, Source};
use super::{Adjustment, Scaling, Steps, Track};
use crate::cfn::{Expr, LogicalId, Map, Statement, TemplateKind, Value, json};
use crate::constructs::{Export, Rendering, Role, Scope, This, Variant, serving};
use crate::rules::scaling::Dimension;
use crate::rules::units::Duration;
use crate::tables;

/// Cooldown of both directions when the stack file says none: SageMaker's own default.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-policy.html>
const COOLDOWN: u64 = 300;

impl Scaling {
    pub(super) fn render_all(&self, this: &This, scope: &Scope<'_>, out: &mut Rendering) {
        let Some(variant) = scope.variant(self.target.as_str()) else { return };
        let dimension = Dimension::of_variant(variant.instance.is_none());
        // The name comes from the resource, so that the target waits for the endpoint.
        let resource = Expr::concat([
            Expr::text("endpoint/"),
            variant.endpoint_id.attr("EndpointName"),
            Expr::text(format!("/variant/{}", variant.name)),
        ]);
        let target = LogicalId::new([this.name.as_str(), "ScalableTarget"]);
        let suspended = self.suspend.map(|suspend| {
            json!({
                "DynamicScalingInSuspended": suspend.inwards,
                "DynamicScalingOutSuspended": suspend.out,
                "ScheduledScalingSuspended": suspend.schedule,
            })
        });
        let context = json!({
            "id": &target,
            "dimension": dimension.name(),
            "resource": resource,
            "min": self.min,
            "max": self.max,
            "suspended": suspended,
            "actions": (!self.schedule.is_empty()).then(|| self.actions()),
        });
        out.shape(TemplateKind::Serving, "scalable_target", context);
        if let Some(track) = &self.track
            && let Some(goal) = track.goal()
        {
            let context = json!({
                "id": LogicalId::new([this.name.as_str(), "ScalingPolicy"]),
                "name": scope.fixed_name(&this.name),
                "kind": "TargetTrackingScaling",
                "target": target.reference(),
                "track": track.to_value(&goal, variant),
                "steps": null,
            });
            out.shape(TemplateKind::Serving, "scaling_policy", context);
        }
        if let Some(steps) = &self.steps {
            steps.render(this, &target, scope, out);
        }
        out.grant(Role::Serving, deployment(variant));
    }

    fn actions(&self) -> Vec<Value> {
        self.schedule
            .iter()
            .map(|(name, action)| {
                json!({
                    "ScheduledActionName": name,
                    "Schedule": &action.at,
                    "Timezone": &action.timezone,
                    "ScalableTargetAction": { "MinCapacity": action.min, "MaxCapacity": action.max },
                })
            })
            .collect()
    }
}

impl Track {
    fn to_value(&self, goal: &Goal<'_>, variant: &Variant) -> Value {
        let predefined = match goal.source {
            Source::Predefined(name) => Some(json!({ "PredefinedMetricType": name })),
            _ => None,
        };
        let custom = match goal.source {
            Source::Predefined(_) => None,
            Source::Endpoint => tables::endpoint_metric(goal.metric).map(|metric| {
                json!({
                    "Namespace": metric.namespace,
                    "MetricName": goal.metric,
                    "Dimensions": serving::dimensions(&metric.dimensions, variant),
                    "Statistic": "Average",
                })
            }),
            Source::Custom => self.metric.as_ref().map(|metric| {
                let dimensions = match &metric.dimensions {
                    Some(given) => {
                        given.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect()
                    }
                    None => serving::dimensions(&["EndpointName", "VariantName"], variant),
                };
                json!({
                    "Namespace": &metric.namespace,
                    "MetricName": &metric.name,
                    "Dimensions": dimensions,
                    "Statistic": metric.statistic.as_deref().unwrap_or("Average"),
                })
            }),
        };
        json!({
            "TargetValue": goal.value,
            "PredefinedMetricSpecification": predefined,
            "CustomizedMetricSpecification": custom,
            "ScaleOutCooldown": self.scale_out_cooldown.map_or(COOLDOWN, Duration::secs),
            "ScaleInCooldown": self.scale_in_cooldown.map_or(COOLDOWN, Duration::secs),
            "DisableScaleIn": self.only_out,
        })
    }
}

impl Steps {
    /// The policy, and the alarm that starts it: a copy of the one that the stack file names, so that whoever is
    /// told of that one is not told of each step.
    fn render(&self, this: &This, target: &LogicalId, scope: &Scope<'_>, out: &mut Rendering) {
        let Some(Export::Alarm { id: alarm, .. }) = scope.export(self.alarm.as_str()) else { return };
        let id = LogicalId::new([this.name.as_str(), "StepScalingPolicy"]);
        let kind = match self.adjust {
            Adjustment::Change => "ChangeInCapacity",
            Adjustment::Percent => "PercentChangeInCapacity",
            Adjustment::Exact => "ExactCapacity",
        };
        let steps: Vec<Value> = self
            .steps
            .iter()
            .map(|step| {
                json!({
                    "MetricIntervalLowerBound": step.from,
                    "MetricIntervalUpperBound": step.to,
                    "ScalingAdjustment": step.by,
                })
            })
            .collect();
        let context = json!({
            "id": &id,
            "name": format!("{}-steps", scope.fixed_name(&this.name)),
            "kind": "StepScaling",
            "target": target.reference(),
            "track": null,
            "steps": {
                "AdjustmentType": kind,
                "Cooldown": self.cooldown.map_or(COOLDOWN, Duration::secs),
                "MetricAggregationType": "Average",
                "StepAdjustments": steps,
            },
        });
        out.shape(TemplateKind::Serving, "scaling_policy", context);
        let copy = out.serving.resources.get(alarm.as_str()).cloned().map(|mut resource| {
            // A project's own shape may make something else than an alarm.
            if let Some(properties) = resource.at_mut("/Properties").and_then(Value::as_object_mut) {
                properties.insert("AlarmActions", json!([id.reference()]));
                properties.remove("OKActions");
            }
            resource
        });
        if let Some(copy) = copy {
            let id = LogicalId::new([this.name.as_str(), "StepScalingTrigger"]);
            out.serving.add(Map::from_iter([(id.to_string(), copy)]));
        }
    }
}

/// What CloudFormation needs to make, change and remove scalable targets and policies.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsapplicationautoscaling.html>
fn deployment(variant: &Variant) -> Vec<Statement> {
    let targets = Expr::regional_arn("application-autoscaling", [Expr::text("scalable-target/*")]);
    let service = "sagemaker.application-autoscaling.amazonaws.com";
    let linked = Expr::arn([
        Expr::text("iam::"),
        Expr::pseudo("AWS::AccountId"),
        Expr::text(format!(
            ":role/aws-service-role/{service}/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
        )),
    ]);
    let alarms = Expr::regional_arn("cloudwatch", [Expr::text("alarm:TargetTracking-*")]);
    vec![
        Statement::allow(
            "DeployScaling",
            [
                "application-autoscaling:DeleteScalingPolicy",
                "application-autoscaling:DeleteScheduledAction",
                "application-autoscaling:DeregisterScalableTarget",
                "application-autoscaling:ListTagsForResource",
                "application-autoscaling:PutScalingPolicy",
                "application-autoscaling:PutScheduledAction",
                "application-autoscaling:RegisterScalableTarget",
                "application-autoscaling:TagResource",
                "application-autoscaling:UntagResource",
            ],
            [targets],
        ),
        // AWS knows no resource for these actions.
        Statement::allow(
            "DescribeScaling",
            [
                "application-autoscaling:DescribeScalableTargets",
                "application-autoscaling:DescribeScalingPolicies",
                "application-autoscaling:DescribeScheduledActions",
            ],
            [Expr::text("*")],
        ),
        // Target tracking keeps two alarms of its own, and reads and sets the number of instances.
        Statement::allow(
            "DeployTrackingAlarms",
            ["cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm"],
            [alarms],
        ),
        Statement::allow(
            "ScaleVariants",
            ["sagemaker:DescribeEndpoint", "sagemaker:UpdateEndpointWeightsAndCapacities"],
            serving::sagemaker("endpoint", &variant.endpoint_name),
        ),
        Statement::allow("LetScalingAct", ["iam:CreateServiceLinkedRole"], [linked])
            .when(json!({ "StringEquals": { "iam:AWSServiceName": service } })),
    ]
}
