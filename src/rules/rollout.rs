//! Rollouts in steps: how large and how long they may be, and endpoints that AWS replaces all at once, whatever their
//! rollout says.
//! <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TrafficRoutingConfig.html>,
//! <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_RollingUpdatePolicy.html>,
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html>

use std::ops::RangeInclusive;

/// Seconds between two steps, and before the old fleet goes.
pub const LONGEST_WAIT: u64 = 3600;
/// Seconds that a rollout may take at the least and at the most.
pub const TIMES: RangeInclusive<u64> = 600..=28_800;

/// How a rollout goes in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steps {
    /// A small step to a second fleet, then the rest.
    Canary,
    /// Even steps to a second fleet.
    Linear,
    /// Batches within one fleet.
    Rolling,
}

impl Steps {
    /// The percents of the fleet that a step may be.
    pub fn share(self) -> RangeInclusive<u32> {
        match self {
            Steps::Canary => 1..=50,
            Steps::Linear => 10..=50,
            Steps::Rolling => 5..=50,
        }
    }

    /// How many waits there are at the least, with steps of so many percents; a step in instances says nothing.
    pub fn waits(self, share: Option<u32>) -> u64 {
        match (self, share) {
            (Steps::Canary, _) | (_, None) => 1,
            (_, Some(share)) => 100_u64.div_ceil(u64::from(share.max(1))).saturating_sub(1),
        }
    }
}

/// Whether waits of so many seconds, together, leave a rollout of `most` seconds no time.
pub fn is_too_short(most: u64, waits: u64) -> bool {
    most <= waits
}

/// Whether a fleet of so many instances cannot be replaced in steps, each of which is at most half of it.
pub fn is_indivisible(instances: u64) -> bool {
    instances < 2
}

/// What decides it about an endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Fleet<'f> {
    /// Its production variants.
    pub variants: usize,
    /// Whether one of them is serverless.
    pub serverless: bool,
    /// The instance types of the others.
    pub instances: &'f [&'f str],
}

/// Why a rollout in steps (`rolling`: in batches within one fleet) is not done; none when it is.
pub fn excluded(rolling: bool, fleet: Fleet<'_>) -> Option<String> {
    let inferentia = fleet.instances.iter().find(|instance| instance.starts_with("ml.inf1."));
    if let Some(instance) = inferentia {
        Some(format!("endpoints on Inferentia (`{instance}`) are replaced all at once"))
    } else if fleet.serverless {
        Some("serverless endpoints are replaced all at once".to_owned())
    } else if rolling && fleet.variants > 1 {
        Some(format!("an endpoint of {} variants is not replaced in batches", fleet.variants))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_wait_between_each_other() {
        let found = [(Steps::Canary, Some(10)), (Steps::Linear, Some(30)), (Steps::Rolling, None)]
            .map(|(steps, share)| steps.waits(share));
        assert_eq!(found, [1, 3, 1]);
        assert!(is_too_short(600, 600) && !is_too_short(601, 600));
        assert!(is_indivisible(1) && !is_indivisible(2));
    }

    #[test]
    fn what_aws_excludes() {
        let check = |rolling, variants, serverless, instances: &[&str], expected: bool| {
            let found = excluded(rolling, Fleet { variants, serverless, instances });
            assert_eq!(
                found.is_some(),
                expected,
                "{rolling} {variants} {serverless} {instances:?}: {found:?}"
            );
        };
        check(false, 1, false, &["ml.m5.large"], false);
        check(true, 1, false, &["ml.m5.large"], false);
        check(false, 2, false, &["ml.m5.large", "ml.inf2.xlarge"], false);
        check(true, 2, false, &["ml.m5.large", "ml.m5.large"], true);
        check(false, 1, false, &["ml.inf1.xlarge"], true);
        check(true, 1, true, &[], true);
        check(false, 1, true, &[], true);
    }
}
