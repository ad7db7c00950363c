//! Resources of a type that CloudFormation is not known to have in the stack's region.

use std::collections::{BTreeMap, BTreeSet};

use crate::cfn::Value;
use crate::constructs::Rendering;
use crate::diag::{Code, Issue, Pointer, or_list};
use crate::tables;

/// A warning for each construct that makes such a resource: AWS adds types to regions every week, and the table
/// knows of it when it is refreshed.
pub(super) fn check(out: &Rendering, region: &str) -> Vec<Issue> {
    let mut missing: BTreeMap<Pointer, BTreeSet<&str>> = BTreeMap::new();
    for (name, resource) in out.platform.resources.iter().chain(&out.serving.resources) {
        let Some(kind) = resource.get("Type").and_then(Value::as_str) else { continue };
        if tables::type_in_region(kind, region) == Some(false) {
            missing.entry(out.owner(name)).or_default().insert(kind);
        }
    }
    let issue = |(owner, kinds): (Pointer, BTreeSet<&str>)| {
        let message = format!("{region} is not known to have {}", or_list(kinds));
        let issue = Issue::new(Code::ResourceRegion, owner, message)
            .label("needs it")
            .help("deploy to another region, or leave this away");
        if issue.pointer == Pointer::root() { issue } else { issue.on_key() }
    };
    missing.into_iter().map(issue).collect()
}
