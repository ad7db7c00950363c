//! What is wrong with a rollout.
//!
//! Source: <https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html>.

use super::rollout::Way;
use super::{Capacity, Endpoint, Rollout, VariantSection};
use crate::constructs::jobs::within;
use crate::constructs::{Export, Scope, This};
use crate::diag::{Code, Issue, Pointer};
use crate::rules::rollout::{self, Fleet, LONGEST_WAIT, TIMES};
use crate::rules::units::Duration;

impl Rollout {
    pub(super) fn check<'a>(
        &'a self,
        endpoint: &Endpoint,
        this: &This,
        scope: &Scope<'a>,
        issues: &mut Vec<Issue>,
    ) {
        let pointer = this.pointer.key("rollout");
        let ways = self.ways();
        let [way] = ways.as_slice() else {
            let message = if ways.is_empty() {
                "the rollout says no way"
            } else {
                "the rollout says more than one way"
            };
            issues.push(
                Issue::new(Code::OneOf, pointer, message)
                    .on_key()
                    .help("write exactly one of `all_at_once: true`, `canary`, `linear` and `rolling`"),
            );
            return;
        };
        check_excluded(*way, endpoint, &pointer, issues);
        Rollout::check_step(*way, endpoint, &pointer, issues);
        self.check_rollback(&pointer, issues);
        self.check_waits(*way, &pointer, issues);
        self.check_alarms(*way, endpoint, this, scope, issues);
        let without_fleet = self.rollback_batch.is_some() && !matches!(way, Way::Rolling(_));
        let with_fleet = self.termination_wait.is_some() && matches!(way, Way::Rolling(_));
        for (key, given) in [("rollback_batch", without_fleet), ("termination_wait", with_fleet)] {
            if given {
                issues.push(
                    Issue::new(
                        Code::RolloutKey,
                        pointer.key(key),
                        format!("a {} rollout has no `{key}`", way.key()),
                    )
                    .on_key()
                    .help(format!("remove `{key}`")),
                );
            }
        }
    }

    /// Of the whole fleet at most.
    fn check_rollback(&self, pointer: &Pointer, issues: &mut Vec<Issue>) {
        if let Some(Capacity::Percent(share)) = self.rollback_batch {
            within("`rollback_batch` in percent", share, &(1..=100), &pointer.key("rollback_batch"), issues);
        }
    }

    fn check_step(way: Way, endpoint: &Endpoint, pointer: &Pointer, issues: &mut Vec<Issue>) {
        let Some((step, steps)) = way.step() else { return };
        let (least, most) = steps.share().into_inner();
        let at = pointer.key(way.key());
        if let Capacity::Percent(share) = step
            && !(least..=most).contains(&share)
        {
            issues.push(
                Issue::new(Code::RolloutBounds, at.clone(), format!("{share}% is not {least}% to {most}%"))
                    .label(format!("a {} step is {least}% to {most}% of the fleet", way.key()))
                    .help(format!(
                        "write `{}%`, or another share within these bounds",
                        share.clamp(least, most)
                    )),
            );
        }
        for (name, variant) in &endpoint.variants {
            let count = variant.count.unwrap_or(1);
            if variant.serverless.is_some() {
                continue;
            }
            if rollout::is_indivisible(count.into()) {
                issues.push(
                    Issue::new(
                        Code::RolloutFleet,
                        at.clone(),
                        format!("a fleet of one instance cannot be replaced in steps of {step}"),
                    )
                    .also(this_count(pointer, name, variant), "one instance")
                    .help("raise `count` to 2 or more, or write `all_at_once: true`"),
                );
                continue;
            }
            let Capacity::Instances(instances) = step else { continue };
            let (instances, fleet) = (u64::from(instances), u64::from(count));
            let fewest = (fleet * u64::from(least)).div_ceil(100);
            let problem = if instances * 2 > fleet {
                (format!("{step} are more than half of {count}"), fleet / 2, "less")
            } else if instances < fewest {
                (format!("{step} is less than {least}% of {count}"), fewest, "more")
            } else {
                continue;
            };
            let (message, nearest, direction) = problem;
            issues.push(
                Issue::new(Code::RolloutBounds, at.clone(), message)
                    .also(this_count(pointer, name, variant), "the fleet")
                    .help(format!("write {nearest} or {direction}, or a share such as `50%`")),
            );
        }
    }

    fn check_waits(&self, way: Way, pointer: &Pointer, issues: &mut Vec<Issue>) {
        for (key, wait) in [("wait", self.wait), ("termination_wait", self.termination_wait)] {
            if let Some(wait) = wait
                && wait.secs() > LONGEST_WAIT
            {
                issues.push(Issue::new(
                    Code::RolloutBounds,
                    pointer.key(key),
                    format!("{wait} is more than 1h"),
                ));
            }
        }
        if self.wait.is_some() && matches!(way, Way::AllAtOnce) {
            issues.push(
                Issue::new(
                    Code::RolloutKey,
                    pointer.key("wait"),
                    "a rollout in one step has no steps to wait between",
                )
                .on_key()
                .help("use `termination_wait` to keep the old fleet for a while"),
            );
        }
        let needed = self.least_waits(way);
        let most = Duration::from_secs(*TIMES.end());
        match self.max_duration {
            Some(given) if !TIMES.contains(&given.secs()) => issues.push(Issue::new(
                Code::RolloutBounds,
                pointer.key("max_duration"),
                format!("{given} is not 10m to 8h"),
            )),
            Some(given) if rollout::is_too_short(given.secs(), needed.secs()) => issues.push(
                Issue::new(
                    Code::RolloutTime,
                    pointer.key("max_duration"),
                    format!("the waits alone take {needed}, and all must fit into {given}"),
                )
                .help("raise `max_duration`, or shorten the waits"),
            ),
            None if rollout::is_too_short(most.secs(), needed.secs()) => issues.push(
                Issue::new(
                    Code::RolloutTime,
                    pointer.clone(),
                    format!("the waits alone take {needed}, and a rollout may take {most}"),
                )
                .on_key()
                .help("take larger steps or shorter waits"),
            ),
            _ => {}
        }
    }

    fn check_alarms<'a>(
        &'a self,
        way: Way,
        endpoint: &Endpoint,
        this: &This,
        scope: &Scope<'a>,
        issues: &mut Vec<Issue>,
    ) {
        let pointer = this.pointer.key("rollout").key("rollback_on");
        if self.rollback_on.is_empty() && !matches!(way, Way::AllAtOnce) {
            issues.push(
                Issue::new(
                    Code::RolloutUnguarded,
                    this.pointer.key("rollout").key(way.key()),
                    "the steps wait for alarms, but none is named",
                )
                .on_key()
                .help("name alarms on this endpoint under `rollback_on`"),
            );
        }
        if self.rollback_on.len() > 10 {
            issues.push(Issue::new(
                Code::OutOfBounds,
                pointer.clone(),
                format!("a rollout is guarded by up to 10 alarms, not {}", self.rollback_on.len()),
            ));
        }
        for (index, reference) in self.rollback_on.iter().enumerate() {
            let at = pointer.index(index);
            let fits = |export: &Export| matches!(export, Export::Alarm { .. });
            if !scope.check_reference(reference.as_str(), "an alarm", &at, fits, issues) {
                continue;
            }
            let Some(Export::Alarm { on, .. }) = scope.export(reference.as_str()) else { continue };
            let (watched, variant) = on.split_once('.').unwrap_or((on, ""));
            if watched != this.name || !endpoint.variants.contains_key(variant) {
                let place = scope.exports.get(reference.as_str()).map(|offers| offers.pointer.clone());
                let mut issue = Issue::new(
                    Code::RollbackAlarm,
                    at,
                    format!("the alarm `{reference}` watches `{on}`, not this endpoint"),
                );
                if let Some(place) = place {
                    issue = issue.also(place.key("on"), "what it watches");
                }
                issues.push(issue.help(format!("name an alarm on a variant of `{}`", this.name)));
            }
        }
    }
}

/// Warns of a rollout in steps that AWS does not do.
fn check_excluded(way: Way, endpoint: &Endpoint, pointer: &Pointer, issues: &mut Vec<Issue>) {
    let instances: Vec<&str> =
        endpoint.variants.values().filter_map(|variant| variant.instance.as_deref()).collect();
    let fleet = Fleet {
        variants: endpoint.variants.len(),
        serverless: endpoint.variants.values().any(|variant| variant.serverless.is_some()),
        instances: &instances,
    };
    if matches!(way, Way::AllAtOnce) {
        return;
    }
    if let Some(why) = rollout::excluded(matches!(way, Way::Rolling(_)), fleet) {
        issues.push(
            Issue::new(Code::RolloutExcluded, pointer.key(way.key()), why)
                .on_key()
                .label("is not done in steps")
                .help("write `all_at_once: true`, or let the endpoint be one that AWS replaces in steps"),
        );
    }
}

/// The place that says how large a variant's fleet is.
fn this_count(rollout: &Pointer, name: &str, variant: &VariantSection) -> Pointer {
    let pointer = rollout.parent().key("variants").key(name);
    if variant.count.is_some() { pointer.key("count") } else { pointer }
}
