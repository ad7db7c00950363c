//! A prepared deployment, and what became of one that was dropped.

use std::fmt::Write as _;

use super::shell::word;
use crate::deploy::{Dropped, Fate};
use crate::plan::{PlanFile, ToSet};

/// What was prepared, what follows later, and how it goes on. `cloud` is what commands take to get to the same cloud,
/// behind a space; where the plan is of, it says itself.
pub fn plan_text(file: &PlanFile, path: &str, cloud: &str) -> String {
    let mut text = String::new();
    for stack in &file.stacks {
        if stack.change_set.is_empty() {
            let _ = writeln!(text, "{}: prepared; {}", stack.name, settings_text(&stack.settings));
            continue;
        }
        let changes = match stack.changes.len() {
            0 => "outputs, tags or settings change".to_owned(),
            1 => "1 resource changes".to_owned(),
            n => format!("{n} resources change"),
        };
        let _ = writeln!(text, "{}: prepared; {changes} (change set {})", stack.name, stack.change_set);
    }
    for stack in &file.unchanged {
        let _ = writeln!(text, "{}: nothing to do", stack.name);
    }
    for stack in &file.follows {
        let _ = writeln!(text, "{} follows: {}", stack.name, stack.why);
    }
    let _ = writeln!(text, "plan: {path}");
    if file.stacks.is_empty() {
        text.push_str("there is nothing to execute\n");
    } else {
        let path = word(path);
        let _ = writeln!(text, "execute it: smstack deploy --execute {path}{cloud}");
        let _ = writeln!(text, "or drop it: smstack deploy --discard {path}{cloud}");
    }
    text
}

/// What is set of a stack.
pub fn settings_text(settings: &ToSet) -> String {
    let protection = match settings.termination_protection {
        Some(true) => Some("termination protection is turned on"),
        Some(false) => Some("termination protection is turned off"),
        None => None,
    };
    let policy = settings.stack_policy.as_ref().map(|_| "the stack policy is set");
    protection.into_iter().chain(policy).collect::<Vec<_>>().join(", ")
}

/// What became of a plan's change sets; with `all`, of those too that were gone already.
pub fn dropped_text(dropped: &[Dropped], all: bool) -> String {
    let mut text = String::new();
    for Dropped { stack, change_set, fate } in dropped {
        let fate = match fate {
            Fate::Removed => "removed",
            Fate::Gone if all => "gone already",
            Fate::Executed if all => "executed already, and stays",
            Fate::Gone | Fate::Executed => continue,
        };
        let _ = writeln!(text, "{stack}: change set {change_set}: {fate}");
    }
    if all && dropped.is_empty() {
        text.push_str("the plan has no change set\n");
    }
    text
}
