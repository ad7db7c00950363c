//! The rules over a template: each a function of its own room, in one table.

mod names;
mod properties;

use super::Template;
use crate::diag::Issue;

/// Looks at a template and says what is wrong with it.
pub type Rule = fn(&Template<'_>, &mut Vec<Issue>);

/// All rules, in no order that matters.
pub const RULES: &[Rule] = &[names::names, properties::properties];

/// What all rules say of a template.
pub fn check(template: &Template<'_>) -> Vec<Issue> {
    let mut found = Vec::new();
    for rule in RULES {
        rule(template, &mut found);
    }
    found
}
