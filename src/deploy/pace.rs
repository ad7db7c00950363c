//! How often to ask, how long to go on asking, and names that nobody else has.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use jiff::Timestamp;

/// How often AWS is asked how things are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The shortest pause, when something has just happened.
    pub least: Duration,
    /// The longest pause, when nothing happens.
    pub most: Duration,
    /// The longest pause after failed calls.
    pub backoff: Duration,
    /// How long calls may fail one after the other before sight is lost.
    pub give_up: Duration,
    /// How long a change set may take to become ready.
    pub change_set: Duration,
    /// How long one operation on a stack is waited for.
    pub wait: Duration,
    /// How long nothing may happen before a sign of life is given.
    pub silence: Duration,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            least: Duration::from_millis(750),
            most: Duration::from_secs(5),
            backoff: Duration::from_secs(30),
            give_up: Duration::from_mins(15),
            change_set: Duration::from_mins(15),
            wait: Duration::from_hours(4),
            silence: Duration::from_secs(30),
        }
    }
}

impl Pace {
    /// For a cloud on this machine, which counts no calls and does everything at once.
    #[must_use]
    pub fn near(self) -> Pace {
        Pace { least: Duration::from_millis(100), most: Duration::from_secs(1), ..self }
    }

    /// The pause after `quiet` polls without news: doubling, at most `most`, jittered.
    pub(super) fn poll(&self, quiet: u32) -> Duration {
        jitter(self.least.saturating_mul(1 << quiet.min(16)).min(self.most))
    }

    /// The pause after `failures` failed calls: doubling, at most `backoff`, jittered.
    pub(super) fn retry(&self, failures: u32) -> Duration {
        jitter(self.least.saturating_mul(2 << failures.min(16)).min(self.backoff))
    }
}

/// Between half of a pause and all of it, so that many who wait don't ask in step.
fn jitter(pause: Duration) -> Duration {
    let share = u32::try_from(entropy() % 1000).unwrap_or(0);
    pause / 2 + pause / 2 * share / 1000
}

/// Random bits. The standard library's hash keys are random per process and differ from call to call,
/// which is all that a jitter and a name need.
fn entropy() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A name that no other run has, such as `smstack-20261123T203000Z-1f3870be274f6c49`: valid both as
/// the name of a change set and as a client request token.
pub(super) fn unique_name() -> String {
    format!("smstack-{}-{:016x}", Timestamp::now().strftime("%Y%m%dT%H%M%SZ"), entropy())
}

/// The time, in UTC to the second.
pub fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Whether a token is a name of that form: smstack began what carries it.
pub(super) fn is_unique_name(token: &str) -> bool {
    token.strip_prefix("smstack-").is_some_and(|rest| {
        rest.split_once('-').is_some_and(|(time, bits)| time.ends_with('Z') && bits.len() == 16)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_within_their_limits() {
        let pace = Pace::default();
        for n in 0..100 {
            assert!(pace.poll(n) <= pace.most && pace.poll(n) >= pace.least / 2, "{n}");
            assert!(pace.retry(n) <= pace.backoff && pace.retry(n) >= pace.least / 2, "{n}");
        }
        assert!(pace.poll(10) >= pace.most / 2);
    }

    #[test]
    fn names_are_unique_and_valid() {
        let names: std::collections::BTreeSet<_> = (0..1000).map(|_| unique_name()).collect();
        assert_eq!(names.len(), 1000);
        assert!(names.iter().all(|name| is_unique_name(name)));
        for other in ["Console-UpdateStack-1f3870be", "smstack", "smstack-by-hand", ""] {
            assert!(!is_unique_name(other), "{other}");
        }
        for name in names {
            assert!(
                name.len() <= 128 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
                "{name}"
            );
        }
    }
}
