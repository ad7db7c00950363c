//! The rules over a template: each a function of its own room, in one table.

mod alarms;
mod endpoint_configs;
mod endpoints;
mod formats;
mod grants;
mod holds;
mod images;
mod monitors;
mod names;
mod properties;
mod retention;
mod roles;
mod scaling;
mod scaling_policies;
mod schedules;
mod serving;

use std::collections::BTreeSet;

use super::Template;
use crate::diag::{Code, Issue, Pointer, Severity};

/// Looks at a template and says what is wrong with it.
pub type Rule = fn(&Template<'_>, &mut Vec<Issue>);

/// All rules, in no order that matters.
pub const RULES: &[Rule] = &[
    names::names,
    properties::properties,
    scaling::scaling,
    scaling_policies::scaling_policies,
    alarms::alarms,
    endpoint_configs::endpoint_configs,
    endpoints::endpoints,
    monitors::monitors,
    schedules::schedules,
    retention::retention,
    images::images,
    roles::roles,
];

/// What all rules say of a template.
pub fn check(template: &Template<'_>) -> Vec<Issue> {
    let mut found = Vec::new();
    for rule in RULES {
        rule(template, &mut found);
    }
    // What a rule says of a value says more than a bound that the tables have.
    let said: BTreeSet<Pointer> = found
        .iter()
        .filter(|issue| issue.code != Code::OutOfBounds)
        .map(|issue| issue.pointer.clone())
        .collect();
    found.retain(|issue| issue.code != Code::OutOfBounds || !said.contains(&issue.pointer));
    found
}
