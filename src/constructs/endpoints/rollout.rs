//! How a change takes over, as the API says it.

use super::{Capacity, Rollout};
use crate::cfn::{Value, json};
use crate::rules::rollout::{self, TIMES};
use crate::rules::units::Duration;

/// The time that a fleet may take to start, beyond the waits of a rollout.
const START: u64 = 3600;

/// The way a rollout goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// One step to a second fleet.
    AllAtOnce,
    /// A small step to a second fleet, then the rest.
    Canary(Capacity),
    /// Even steps to a second fleet.
    Linear(Capacity),
    /// Batches within one fleet.
    Rolling(Capacity),
}

impl Way {
    /// The key in the stack file.
    pub(super) fn key(self) -> &'static str {
        match self {
            Way::AllAtOnce => "all_at_once",
            Way::Canary(_) => "canary",
            Way::Linear(_) => "linear",
            Way::Rolling(_) => "rolling",
        }
    }

    /// The step, and how it is taken.
    pub(super) fn step(self) -> Option<(Capacity, rollout::Steps)> {
        match self {
            Way::AllAtOnce => None,
            Way::Canary(step) => Some((step, rollout::Steps::Canary)),
            Way::Linear(step) => Some((step, rollout::Steps::Linear)),
            Way::Rolling(step) => Some((step, rollout::Steps::Rolling)),
        }
    }

    /// How many steps a fleet of two takes in the longest case.
    fn steps(self) -> u64 {
        match self {
            Way::AllAtOnce | Way::Canary(_) => 1,
            Way::Linear(Capacity::Percent(share)) | Way::Rolling(Capacity::Percent(share)) => {
                100_u64.div_ceil(u64::from(share.max(1)))
            }
            // Instances are at most half of the fleet; smaller steps of larger fleets are bounded by 10 batches.
            Way::Linear(Capacity::Instances(_)) | Way::Rolling(Capacity::Instances(_)) => 10,
        }
    }
}

impl Rollout {
    /// All ways that are given; a good section gives one.
    pub(super) fn ways(&self) -> Vec<Way> {
        let all = self.all_at_once.then_some(Way::AllAtOnce);
        let steps =
            [self.canary.map(Way::Canary), self.linear.map(Way::Linear), self.rolling.map(Way::Rolling)];
        all.into_iter().chain(steps.into_iter().flatten()).collect()
    }

    /// The time between two steps.
    fn wait(&self) -> Duration {
        self.wait.unwrap_or(Duration::from_secs(300))
    }

    /// The time that the waits take together at the least.
    pub(super) fn least_waits(&self, way: Way) -> Duration {
        let count = way.step().map_or(0, |(step, steps)| {
            steps.waits(if let Capacity::Percent(share) = step { Some(share) } else { None })
        });
        let after = self.termination_wait.map_or(0, Duration::secs);
        Duration::from_secs(self.wait().secs().saturating_mul(count).saturating_add(after))
    }

    /// The time that the waits take together in the longest case.
    fn waits(&self, way: Way) -> Duration {
        let between = match way {
            Way::AllAtOnce => 0,
            other => self.wait().secs().saturating_mul(other.steps()),
        };
        let after = self.termination_wait.map_or(0, Duration::secs);
        Duration::from_secs(between.saturating_add(after))
    }

    /// `DeploymentConfig`; `alarms` are the names to watch. `None` when the section does not say one way.
    pub(super) fn to_value(&self, alarms: &[Value]) -> Option<Value> {
        let [way] = self.ways()[..] else { return None };
        // What the waits take, and time for the fleet to start, within what the API takes.
        let most = match self.max_duration {
            Some(given) => given.secs(),
            None => self.waits(way).secs().saturating_add(START).clamp(*TIMES.start(), *TIMES.end()),
        };
        let policy = |routing: Value| {
            json!({
                "TrafficRoutingConfiguration": routing,
                "TerminationWaitInSeconds": self.termination_wait.map_or(0, Duration::secs),
                "MaximumExecutionTimeoutInSeconds": most,
            })
        };
        let wait = self.wait().secs();
        let (key, policy) = match way {
            Way::AllAtOnce => ("BlueGreenUpdatePolicy", policy(json!({ "Type": "ALL_AT_ONCE" }))),
            Way::Canary(step) => (
                "BlueGreenUpdatePolicy",
                policy(
                    json!({ "Type": "CANARY", "CanarySize": step.to_value(), "WaitIntervalInSeconds": wait }),
                ),
            ),
            Way::Linear(step) => (
                "BlueGreenUpdatePolicy",
                policy(
                    json!({ "Type": "LINEAR", "LinearStepSize": step.to_value(), "WaitIntervalInSeconds": wait }),
                ),
            ),
            Way::Rolling(step) => (
                "RollingUpdatePolicy",
                json!({
                    "MaximumBatchSize": step.to_value(),
                    "WaitIntervalInSeconds": wait,
                    "RollbackMaximumBatchSize": self.rollback_batch.map(Capacity::to_value),
                    "MaximumExecutionTimeoutInSeconds": most,
                }),
            ),
        };
        let rollback = (!alarms.is_empty()).then(|| {
            let alarms: Vec<Value> = alarms.iter().map(|name| json!({ "AlarmName": name })).collect();
            json!({ "Alarms": alarms })
        });
        Some(json!({ key: policy, "AutoRollbackConfiguration": rollback }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_has_time_for_its_wait_and_its_fleet() {
        let rollout = Rollout {
            canary: Some(Capacity::Percent(10)),
            wait: Some(Duration::from_secs(600)),
            ..Rollout::default()
        };
        let config = rollout.to_value(&[json!({ "Ref": "ErrorsAlarm" })]).unwrap();
        let policy = &config["BlueGreenUpdatePolicy"];
        assert_eq!(policy["MaximumExecutionTimeoutInSeconds"], json!(4200));
        assert_eq!(
            policy["TrafficRoutingConfiguration"]["CanarySize"],
            json!({ "Type": "CAPACITY_PERCENT", "Value": 10 })
        );
        assert_eq!(
            config["AutoRollbackConfiguration"]["Alarms"][0]["AlarmName"],
            json!({ "Ref": "ErrorsAlarm" })
        );
    }
}
