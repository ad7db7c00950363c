//! The life of deployed stacks, for people and for programs: events, outputs, ways out.
//!
//! `schemas/events.schema.json` and `schemas/outputs.schema.json` describe what programs get.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::deploy::{first_cause, is_failure, short};
use crate::aws::{Stack, StackEvent, StackResource, Status};
use crate::deploy::{Doom, Proposal, Remedy, StackKind};
use crate::rules::stack_states;

/// Changes when a reader of the old form could not read the new one.
const VERSION: u32 = 1;

/// The latest operation on a stack, as far as it has come.
pub struct StackHistory {
    /// Which stack.
    pub kind: StackKind,
    /// Its name.
    pub name: String,
    /// Its status; `None` when there is no such stack.
    pub status: Option<Status>,
    /// What happened, oldest first.
    pub events: Vec<StackEvent>,
}

/// Names as they stand in a sentence.
pub fn names(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(" or ")
}

/// A stack and how it is.
pub fn headline(name: &str, stack: Option<&Stack>) -> String {
    let Some(stack) = stack else { return format!("{name}: not deployed\n") };
    let meaning = stack_states::of(stack.status.as_str()).meaning;
    match &stack.reason {
        Some(reason) => format!("{name}: {} ({meaning}): {reason}\n", stack.status),
        None => format!("{name}: {} ({meaning})\n", stack.status),
    }
}

/// An event in a line; the reason of a failure in one more.
pub fn event_line(event: &StackEvent) -> String {
    let at = event.at.map(|at| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()).unwrap_or_default();
    let mut line = format!("  {at:<20}  {:<18} {}", event.status.as_str(), event.logical_id);
    if !event.is_stack() {
        let _ = write!(line, " ({})", short(&event.resource_type));
    }
    line.push('\n');
    if let Some(reason) = event.reason.as_deref().filter(|_| is_failure(&event.status)) {
        let _ = writeln!(line, "      {reason}");
    }
    line
}

/// The events of all stacks.
pub fn events_json(histories: &[StackHistory]) -> Value {
    let event = |event: &StackEvent| {
        json!({
            "at": event.at.map(|at| at.to_string()),
            "logical_id": event.logical_id,
            "physical_id": event.physical_id,
            "type": event.resource_type,
            "status": event.status.as_str(),
            "reason": event.reason,
        })
    };
    let stacks = histories.iter().map(|history| {
        json!({
            "kind": history.kind.as_str(),
            "name": history.name,
            "status": history.status.as_ref().map(Status::as_str),
            "events": history.events.iter().map(event).collect::<Vec<_>>(),
        })
    });
    json!({ "version": VERSION, "stacks": stacks.collect::<Vec<_>>() })
}

/// The outputs of the stacks that exist.
pub fn outputs_text(stacks: &[(StackKind, Stack)]) -> String {
    let mut text = String::new();
    for (_, stack) in stacks {
        let _ = writeln!(text, "{}", stack.name);
        let width = stack.outputs.keys().map(String::len).max().unwrap_or_default();
        for (name, value) in &stack.outputs {
            let _ = writeln!(text, "  {name:<width$}  {value}");
        }
    }
    text
}

/// The same for programs.
pub fn outputs_json(stacks: &[(StackKind, Stack)]) -> Value {
    let stacks = stacks.iter().map(|(kind, stack)| {
        json!({
            "kind": kind.as_str(),
            "name": stack.name,
            "status": stack.status.as_str(),
            "outputs": stack.outputs,
        })
    });
    json!({ "version": VERSION, "stacks": stacks.collect::<Vec<_>>() })
}

/// A stack that needs a way out, what failed, and the way.
pub fn proposal_text(proposal: &Proposal) -> String {
    let stack = &proposal.stack;
    let mut text = headline(&stack.name, Some(stack));
    if let Some(cause) = &proposal.cause {
        let _ = writeln!(text, "{}", first_cause(cause).trim_start_matches('\n'));
    }
    match &proposal.remedy {
        Remedy::Delete(there) if there.is_empty() => {
            text.push_str("  way out: delete the stack; it holds nothing\n");
        }
        Remedy::Delete(there) => {
            text.push_str(
                "  way out: delete the stack, and what it holds, except what its template retains:\n",
            );
            for resource in there {
                let kind = short(&resource.resource_type);
                let name = resource.physical_id.as_deref().unwrap_or("no name yet");
                let _ = writeln!(text, "    - {} ({kind}) {name}", resource.logical_id);
            }
        }
        Remedy::Continue { in_the_way, skip } => {
            text.push_str("  way out: continue the rollback\n");
            for one in in_the_way {
                let mark =
                    if skip.contains(&one.logical_id) { " is left as it is" } else { " is tried again" };
                let _ = writeln!(text, "    {} ({}){mark}", one.logical_id, short(&one.resource_type));
                if let Some(reason) = &one.reason {
                    let _ = writeln!(text, "      {reason}");
                }
            }
            if skip.is_empty() && !in_the_way.is_empty() {
                text.push_str("  what cannot be undone is left as it is by `--skip RESOURCE`\n");
            }
        }
        Remedy::Rollback => text.push_str("  way out: roll the failed update back\n"),
        Remedy::Wait | Remedy::Look => {
            let _ = writeln!(text, "  way out: {}", stack_states::of(stack.status.as_str()).way_out);
        }
    }
    text
}

/// A stack that is to go: what goes with it, what stays, and what of that costs.
pub fn doom_text(doom: &Doom, empty: &[String]) -> String {
    let mut text = headline(&doom.stack.name, Some(&doom.stack));
    let mut list = |title: &str, resources: &[StackResource]| {
        if resources.is_empty() {
            return;
        }
        let _ = writeln!(text, "  {title}:");
        for resource in resources {
            let kind = short(&resource.resource_type);
            let name = resource.physical_id.as_deref().unwrap_or("no name yet");
            let emptied = if empty.iter().any(|bucket| bucket == name) { ", emptied" } else { "" };
            let _ = writeln!(text, "    - {} ({kind}) {name}{emptied}", resource.logical_id);
        }
    };
    let (costs, free): (Vec<_>, Vec<_>) =
        doom.stays.iter().cloned().partition(|resource| {
            matches!(resource.resource_type.as_str(), "AWS::S3::Bucket" | "AWS::KMS::Key")
        });
    list("goes", &doom.goes);
    list("stays, and goes on costing as long as it is there", &costs);
    list("stays", &free);
    text
}

/// What consent is asked for.
pub fn question(proposal: &Proposal) -> String {
    let name = &proposal.stack.name;
    match &proposal.remedy {
        Remedy::Delete(_) => format!("delete {name}?"),
        Remedy::Continue { .. } => format!("continue the rollback of {name}?"),
        _ => format!("roll {name} back?"),
    }
}

/// The way out was taken.
pub fn recovered(proposal: &Proposal) -> String {
    let name = &proposal.stack.name;
    match &proposal.remedy {
        Remedy::Delete(_) => format!("{name}: deleted\n"),
        _ => format!("{name}: rolled back\n"),
    }
}
