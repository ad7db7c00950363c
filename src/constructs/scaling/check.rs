//! What is wrong with a scaling.
//!
//! Sources: RegisterScalableTarget, PutScalingPolicy, PutScheduledAction;
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-prerequisites.html>.

use super::section::{Goal, Source};
use super::{Adjustment, Scaling, Steps, Track};
use crate::constructs::{Export, Scope, This, Variant};
use crate::diag::{Code, Issue, Pointer};
use crate::rules::cron;
use crate::rules::scaling::{self, Dimension, StepFault, Unheld};
use crate::tables;

impl Scaling {
    pub(super) fn check_all<'a>(&'a self, this: &This, scope: &Scope<'a>, issues: &mut Vec<Issue>) {
        let pointer = &this.pointer;
        let is_variant = |export: &Export| matches!(export, Export::Variant(_));
        scope.check_reference(
            self.target.as_str(),
            "a variant (`<endpoint>.<variant>`)",
            &pointer.key("target"),
            is_variant,
            issues,
        );
        let variant = scope.variant(self.target.as_str());
        self.check_bounds(pointer, variant, issues);
        if let Some(variant) = variant {
            self.check_target(this, variant, scope, issues);
        }
        if let Some(track) = &self.track {
            track.check(&pointer.key("track"), variant, issues);
            if let Some(goal) = track.goal() {
                self.check_name(this, &goal, variant, issues);
            }
        }
        if let Some(steps) = &self.steps {
            steps.check(&pointer.key("steps"), scope, issues);
        }
        self.check_schedule(pointer, issues);
        if self.track.is_none() && self.steps.is_none() && self.schedule.is_empty() {
            issues.push(
                Issue::new(
                    Code::ScalingIdle,
                    pointer.clone(),
                    "nothing ever changes the number of instances",
                )
                .on_key()
                .help("add `track: { invocations_per_instance: … }`, `steps` or `schedule`"),
            );
        }
    }

    fn check_bounds(&self, pointer: &Pointer, variant: Option<&Variant>, issues: &mut Vec<Issue>) {
        if scaling::are_inverted(self.min.into(), self.max.into()) {
            issues.push(
                Issue::new(Code::ScalingBounds, pointer.key("min"), "`min` is above `max`")
                    .label(format!("{} is more than `max: {}`", self.min, self.max))
                    .also(pointer.key("max"), "the bound")
                    .help(format!("raise `max`, or lower `min` to {} or less", self.max)),
            );
        }
        let Some(variant) = variant else { return };
        if self.min == 0 && !variant.asynchronous {
            issues.push(
                Issue::new(
                    Code::ScalingBounds,
                    pointer.key("min"),
                    "only asynchronous endpoints can scale to nothing",
                )
                .label("1 or more is wanted")
                .also(variant.pointer.clone(), "the variant"),
            );
        }
        let start = match (variant.count, variant.provisioned) {
            (Some(count), _) => Some((variant.pointer.key("count"), count)),
            (None, Some(count)) => Some((variant.pointer.key("serverless").key("provisioned"), count)),
            (None, None) => None,
        };
        if let Some((at, count)) = start
            && self.min <= self.max
            && !(self.min..=self.max).contains(&count)
        {
            issues.push(
                Issue::new(
                    Code::ScalingStart,
                    at,
                    format!("the variant starts with {count}, outside of {} to {}", self.min, self.max),
                )
                .also(pointer.clone(), "the bounds of its scaling")
                .help(format!("start with {} to {}: scaling would change it at once", self.min, self.max)),
            );
        }
    }

    fn check_target<'a>(
        &'a self,
        this: &This,
        variant: &Variant,
        scope: &Scope<'a>,
        issues: &mut Vec<Issue>,
    ) {
        let at = this.pointer.key("target");
        if variant.instance.as_deref().is_some_and(scaling::is_elastic) {
            issues.push(
                Issue::new(Code::ScalingTarget, at.clone(), "burstable instances cannot be scaled")
                    .also(variant.pointer.key("instance"), "burstable")
                    .help("use an instance type of another family, such as `ml.m5.large`"),
            );
        }
        // <https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-autoscale.html>
        if variant.instance.is_none() && variant.provisioned.is_none() {
            issues.push(
                Issue::new(
                    Code::ScalingTarget,
                    at.clone(),
                    "the variant has no provisioned concurrency to scale",
                )
                .also(variant.pointer.clone(), "only on demand")
                .help("give `provisioned` in the variant's `serverless`"),
            );
        }
        for (name, offers) in scope.exports.iter() {
            let Some(Export::Scaling { target, .. }) = offers.get("") else { continue };
            // Said once, at the later of the two.
            if target == self.target.as_str()
                && name != this.name
                && later(&this.pointer, &offers.pointer, scope)
            {
                issues.push(
                    Issue::new(
                        Code::ScalingTarget,
                        at.clone(),
                        format!("`{target}` is scaled by `{name}` already"),
                    )
                    .also(offers.pointer.clone(), "the other scaling")
                    .help("a variant is one scalable target: put all that scales it into one entry"),
                );
            }
        }
    }

    /// Policies are read by their names, in the console and when something scales at night.
    fn check_name(&self, this: &This, goal: &Goal<'_>, variant: Option<&Variant>, issues: &mut Vec<Issue>) {
        let gpus = variant.and_then(|variant| variant.instance.as_deref()).is_some_and(tables::is_gpu);
        let Some(word) = scaling::misleading(&this.name, goal.metric, self.target.as_str(), gpus) else {
            return;
        };
        issues.push(
            Issue::new(
                Code::ScalingName,
                this.pointer.clone(),
                format!("`{}` follows `{}`, and its name says `{word}`", this.name, goal.metric),
            )
            .on_key()
            .also(this.pointer.key("track").key(goal.key), "the metric")
            .help("name it after the metric or the target, or follow the metric that the name says"),
        );
    }

    fn check_schedule(&self, pointer: &Pointer, issues: &mut Vec<Issue>) {
        for (name, action) in &self.schedule {
            let at = pointer.key("schedule").key(name);
            if let Err(problem) = cron::check(&action.at) {
                issues.push(
                    Issue::new(Code::ScalingSchedule, at.key("at"), problem.message.clone())
                        .help("such as `cron(0 22 * * ? *)`: every day at 22:00"),
                );
            }
            if let Some(zone) = &action.timezone
                && !cron::is_timezone(zone)
            {
                issues.push(Issue::new(
                    Code::ScalingSchedule,
                    at.key("timezone"),
                    format!("`{zone}` is no time zone"),
                ));
            }
            if action.min.is_none() && action.max.is_none() {
                issues.push(
                    Issue::new(Code::ScalingSchedule, at.clone(), "the scheduled action changes nothing")
                        .on_key()
                        .help("give `min`, `max` or both"),
                );
            }
            let (min, max) = (action.min.unwrap_or(self.min), action.max.unwrap_or(self.max));
            if min > max {
                let key = if action.min.is_some() { "min" } else { "max" };
                issues.push(
                    Issue::new(
                        Code::ScalingSchedule,
                        at.key(key),
                        format!("from then on `min` is {min} and `max` is {max}"),
                    )
                    .also(pointer.clone(), "what is not given stays as here"),
                );
            }
        }
    }
}

impl Track {
    fn check(&self, pointer: &Pointer, variant: Option<&Variant>, issues: &mut Vec<Issue>) {
        let goals = self.goals();
        let [goal] = goals.as_slice() else {
            let message = if goals.is_empty() { "no metric to hold" } else { "more than one metric to hold" };
            issues.push(
                Issue::new(Code::OneOf, pointer.clone(), message)
                    .on_key()
                    .help("give exactly one, such as `invocations_per_instance: 70`"),
            );
            return;
        };
        let at = pointer.key(goal.key);
        let value = if goal.source == Source::Custom { at.key("value") } else { at.clone() };
        let issue = |message: String| Issue::new(Code::ScalingMetric, value, message);
        issues.extend(scaling::unheld(goal.metric, goal.value).map(|unheld| {
            match unheld {
                Unheld::NotAboveZero => issue(format!("{} is not above 0", goal.value)),
                Unheld::AboveHundred => {
                    issue(format!("memory never exceeds 100 percent, so {} is never reached", goal.value))
                }
                Unheld::AboveOne => issue(format!("the share is 0 to 1, so {} is never reached", goal.value))
                    .help("write `0.7` for seven tenths"),
            }
        }));
        if let Some(metric) = &self.metric
            && let Some(statistic) = &metric.statistic
            && !tables::plain_statistics().contains(&statistic.as_str())
        {
            issues.push(
                Issue::new(
                    Code::ScalingMetric,
                    at.key("statistic"),
                    format!("scaling knows no statistic `{statistic}`"),
                )
                .help("write `Average`, `Sum`, `Minimum`, `Maximum` or `SampleCount`"),
            );
        }
        if let Some(variant) = variant {
            check_fit(goal, &at, variant, issues);
        }
        for (key, cooldown) in
            [("scale_out_cooldown", self.scale_out_cooldown), ("scale_in_cooldown", self.scale_in_cooldown)]
        {
            if let Some(cooldown) = cooldown
                && cooldown.secs() > i32::MAX as u64
            {
                issues.push(Issue::new(
                    Code::OutOfBounds,
                    pointer.key(key),
                    format!("{cooldown} is too long"),
                ));
            }
        }
    }
}

/// Whether the target has the metric, and whether the value is likely to be meant.
fn check_fit(goal: &Goal<'_>, at: &Pointer, variant: &Variant, issues: &mut Vec<Issue>) {
    let serverless = variant.instance.is_none();
    let followed = match goal.source {
        Source::Predefined(name) => Dimension::of_metric(name),
        Source::Endpoint => Some(Dimension::Instances),
        Source::Custom => None,
    };
    if followed.is_some_and(|followed| followed != Dimension::of_variant(serverless)) {
        let (what, fit, help) = if serverless {
            (
                "serverless variants scale by `provisioned_concurrency_utilization`",
                "serverless",
                "write `provisioned_concurrency_utilization: 0.7` for seven tenths of what is provisioned",
            )
        } else {
            (
                "only serverless variants have provisioned concurrency",
                "on instances",
                "track `invocations_per_instance` or another metric of instances",
            )
        };
        issues.push(
            Issue::new(Code::ScalingMetric, at.clone(), what)
                .on_key()
                .also(variant.pointer.clone(), fit)
                .help(help),
        );
    }
    let queued = tables::endpoint_metric(goal.metric).is_some_and(|metric| metric.asynchronous);
    if goal.source == Source::Endpoint && queued && !variant.asynchronous {
        issues.push(
            Issue::new(Code::ScalingMetric, at.clone(), "only asynchronous endpoints have a backlog")
                .on_key()
                .also(variant.pointer.clone(), "answers at once"),
        );
    }
    let Some(instance) = variant.instance.as_deref() else { return };
    if goal.key == "gpu" && !tables::is_gpu(instance) {
        issues.push(
            Issue::new(Code::ScalingMetric, at.clone(), format!("`{instance}` has no GPU"))
                .on_key()
                .also(variant.pointer.key("instance"), "the instances")
                .help("track `invocations_per_instance` or `cpu`, or use instances with GPUs"),
        );
    }
    let gpus = tables::gpus(instance);
    if goal.key == "gpu" && gpus > 0 && goal.value > f64::from(gpus) * 100.0 {
        issues.push(Issue::new(
            Code::ScalingValue,
            at.clone(),
            format!("{gpus} GPUs never exceed {} percent", gpus * 100),
        ));
    }
    if goal.key == "cpu" && goal.value <= 100.0 && !instance.ends_with(".medium") {
        issues.push(
            Issue::new(
                Code::ScalingValue,
                at.clone(),
                format!(
                    "`CPUUtilization` sums over all cores of `{instance}`: {} percent is one core at most",
                    goal.value
                ),
            )
            .note("four busy cores are 400 percent")
            .help("multiply the share that you want by the number of cores"),
        );
    }
}

impl Steps {
    fn check<'a>(&'a self, pointer: &Pointer, scope: &Scope<'a>, issues: &mut Vec<Issue>) {
        let is_alarm = |export: &Export| matches!(export, Export::Alarm { .. });
        scope.check_reference(self.alarm.as_str(), "an alarm", &pointer.key("alarm"), is_alarm, issues);
        let at = pointer.key("steps");
        if !(1..=20).contains(&self.steps.len()) {
            issues.push(Issue::new(
                Code::ScalingSteps,
                at,
                format!("1 to 20 steps are taken, not {}", self.steps.len()),
            ));
            return;
        }
        let ends: Vec<_> = self.steps.iter().map(|step| (step.from, step.to)).collect();
        for (index, fault) in scaling::step_faults(&ends) {
            let wrong = |message: &str| Issue::new(Code::ScalingSteps, at.index(index), message);
            issues.push(match fault {
                StepFault::Gap => wrong("the step does not begin where the one before ends")
                    .also(at.index(index - 1), "the step before")
                    .help("give each step but the last a `to`, and the next one the same `from`"),
                StepFault::Inverted => {
                    wrong("the step ends before it begins").help("let `from` be less than `to`")
                }
                StepFault::NoEnd => wrong("the step has no end on either side")
                    .help("write `from: 0` for steps above the alarm's bound, or `to: 0` for steps below it"),
                StepFault::OpenAbove => wrong("nothing is said about values beyond the highest step")
                    .help("leave `to` away, or add a step with `from` and no `to`"),
                StepFault::OpenBelow => wrong("nothing is said about values below the lowest step")
                    .help("leave `from` away, or add a step with `to` and no `from`"),
            });
        }
        for (index, step) in self.steps.iter().enumerate() {
            if self.adjust == Adjustment::Exact && step.by < 0 {
                issues.push(Issue::new(
                    Code::ScalingSteps,
                    at.index(index).key("by"),
                    "there are no negative instances",
                ));
            }
        }
    }
}

/// Whether the first place comes after the second in the section.
fn later(first: &Pointer, second: &Pointer, scope: &Scope<'_>) -> bool {
    let index = |pointer: &Pointer| scope.file.scaling.get_index_of(&pointer.last());
    index(first) > index(second)
}
