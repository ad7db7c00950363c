//! References to resources that may not be there.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::diag::{Code, Issue};
use crate::lint::functions::call;
use crate::lint::trail::{Trail, walk};
use crate::lint::{Assumptions, Template, To, references};

/// Whoever refers to a resource with a condition needs one that holds only with it. What a condition has to do with
/// another can be seen where it is the same, follows from it, or has nothing in common with it.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/conditions-section-structure.html>
pub(super) fn guarded(template: &Template<'_>, found: &mut Vec<Issue>) {
    if template.is_open("Conditions") || template.is_open("Resources") {
        return;
    }
    for reference in references(template) {
        let (To::Name(id) | To::Attribute(id, _)) = reference.to else { continue };
        if reference.branched || reference.metadata {
            continue;
        }
        let Some(resource) = template.resource(id) else { continue };
        let Some(needed) = resource.condition.filter(|name| template.conditions.contains_key(name)) else {
            continue;
        };
        let segments: Vec<String> = reference.at.segments().collect();
        let (what, own) = match segments.as_slice() {
            [section, name, ..] if section == "Resources" || section == "Outputs" => {
                let holder = template.value.get(section).and_then(|all| all.get(name));
                let condition = holder.and_then(|holder| holder.get("Condition")).and_then(Value::as_str);
                (name.clone(), condition)
            }
            _ => continue,
        };
        if own == Some(needed) || !may_miss(template, own, needed) {
            continue;
        }
        let message = format!("`{what}` needs `{id}`, which is there only if `{needed}` holds");
        let issue = Issue::new(Code::GuardedReference, reference.at.clone(), message)
            .label(match own {
                Some(own) => format!("needed when `{own}` holds"),
                None => "always needed".to_owned(),
            })
            .also(resource.pointer.key("Condition"), "there only then");
        found.push(issue.help(format!("give it the condition `{needed}` as well, or choose by `Fn::If`")));
    }
}

/// Whether one condition can certainly hold while the other does not.
fn may_miss(template: &Template<'_>, own: Option<&str>, needed: &str) -> bool {
    let Some((needed, expression)) = template.conditions.get_key_value(needed) else { return false };
    let Some(own) = own else {
        // It may not, unless it is decided already.
        let nothing = Assumptions::default();
        return nothing.evaluate(template, expression, 0).is_none()
            && nothing.assume(template, needed, false).is_some()
            && !parameters(template, expression).is_empty();
    };
    let Some((own, guard)) = template.conditions.get_key_value(own) else { return false };
    let (one, other) = (parameters(template, expression), parameters(template, guard));
    let apart = !one.is_empty() && !other.is_empty() && one.is_disjoint(&other);
    let both = Assumptions::default().assume(template, own, true);
    apart && both.and_then(|both| both.assume(template, needed, false)).is_some()
}

/// The parameters, and pseudo parameters, that decide a condition; none where others do as well.
fn parameters<'d>(template: &Template<'d>, expression: &'d Value) -> BTreeSet<&'d str> {
    let mut found = BTreeSet::new();
    let mut sure = true;
    let mut waiting = vec![expression];
    let mut seen = BTreeSet::new();
    while let Some(expression) = waiting.pop() {
        walk(expression, &Trail::ROOT, &mut |value, _| {
            if let Some(("Ref", Value::String(name))) = call(value) {
                found.insert(name.as_str());
            } else if call(value)
                .is_some_and(|(name, _)| matches!(name, "Fn::FindInMap" | "Fn::Sub" | "Fn::Transform"))
            {
                sure = false;
            } else if let Some(name) = value.get("Condition").and_then(Value::as_str) {
                match template.conditions.get(name) {
                    Some(inner) if seen.insert(name) => waiting.push(inner),
                    Some(_) => {}
                    None => sure = false,
                }
            }
        });
    }
    if sure { found } else { BTreeSet::new() }
}
