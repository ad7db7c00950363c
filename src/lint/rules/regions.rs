//! Resources of types that the region is not known to have.

use crate::diag::{Code, Issue};
use crate::lint::Template;
use crate::tables;

/// A warning: AWS adds types to regions every week, and the table knows of it when it is refreshed.
pub(super) fn regions(template: &Template<'_>, found: &mut Vec<Issue>) {
    let Some(region) = template.region else { return };
    // A condition may be about the region.
    for resource in template.resources.values().filter(|resource| resource.condition.is_none()) {
        if tables::type_in_region(resource.kind, region) == Some(false) {
            let message = format!("{region} is not known to have `{}`", resource.kind);
            let issue = Issue::new(Code::ResourceRegion, resource.pointer.key("Type"), message);
            found.push(issue.label("not there").help("deploy to another region, or leave this away"));
        }
    }
}
