//! The rules over a template: each a function of its own room, in one table.

mod alarms;
mod attributes;
mod calls;
mod components;
mod endpoint_configs;
mod endpoints;
mod features;
mod formats;
mod forms;
mod grants;
mod guarded;
mod holds;
mod images;
mod misplaced;
mod models;
mod monitors;
mod names;
mod parameters;
mod policies;
mod properties;
mod regions;
mod retention;
mod roles;
mod scaling;
mod scaling_policies;
mod schedules;
pub(super) mod sections;
mod serving;
mod step_roles;
mod unused;

pub(super) use step_roles::step_roles;

use super::Template;
use crate::diag::Issue;

/// Looks at a template and says what is wrong with it.
pub type Rule = fn(&Template<'_>, &mut Vec<Issue>);

/// All rules, in no order that matters.
pub const RULES: &[Rule] = &[
    sections::sections,
    parameters::parameters,
    attributes::attributes,
    calls::calls,
    misplaced::misplaced,
    policies::policies,
    names::names,
    guarded::guarded,
    unused::unused,
    regions::regions,
    properties::properties,
    scaling::scaling,
    scaling_policies::scaling_policies,
    alarms::alarms,
    endpoint_configs::endpoint_configs,
    endpoints::endpoints,
    components::components,
    features::features,
    models::models,
    monitors::monitors,
    schedules::schedules,
    retention::retention,
    images::images,
    roles::roles,
];

/// What is said of models and endpoints alone, which steps of a pipeline make as well as templates do.
pub(super) fn of_serving(template: &Template<'_>) -> Vec<Issue> {
    let mut found = Vec::new();
    for rule in [endpoint_configs::endpoint_configs, endpoints::endpoints, models::models] {
        rule(template, &mut found);
    }
    found
}

/// What all rules say of a template.
pub fn check(template: &Template<'_>) -> Vec<Issue> {
    let mut found = Vec::new();
    for rule in RULES {
        rule(template, &mut found);
    }
    found
}
