//! The fact tables, typed.
//!
//! What AWS accepts and offers, as data: container images, instance types, regions, shapes of the API,
//! metrics, how CloudFormation treats each property, and what it lets it hold. The tables lie under
//! `schemas/aws/`, made by `schemas/refresh.py` from published packages; `schemas/README.md` says what each
//! one holds. A table is parsed when it is first asked, so a command pays only for what it uses. Decisions
//! live elsewhere.

mod api;
mod images;
mod instances;
mod metrics;
mod properties;
mod regions;
mod repositories;
mod resources;
mod rows;
mod shape;
mod signals;
mod text_pattern;

use std::collections::BTreeMap;

use serde::Deserialize;

pub use api::{
    ApiKind, ApiShape, Bound, api, bound, enumeration, members, pattern, range, request, required, response,
    within,
};
pub use images::{
    Accelerator, Accounts, Image, ImageError, ImageQuery, MonitorImage, Purpose, image, monitor_image,
    prepare, registries,
};
pub use instances::{
    JobKind, accelerator, gpus, has_local_storage, instance_exists, instance_types, is_arm, is_burstable,
    is_gpu, jobs_of, near_instance, takes,
};
pub use metrics::{
    Metric, Statistic, Unit, endpoint_metric, endpoint_metrics, plain_statistics, scaling_dimensions,
    scaling_metrics, statistic,
};
pub use properties::{TypeSchema, described_types, properties};
pub use regions::{dns_suffix, partition_of, regions, type_in_region};
pub use repositories::{registry_regions, repository_accounts};
pub use resources::{Replacement, Resource, TagForm, Tags, replacement, resource, resource_types};
pub use shape::{Kind, Kinds, Limits, Shape};
pub use signals::{Namespace, event_types, namespace, namespaces, scaling_dimension_of};
pub use text_pattern::Pattern;

/// The packages a table was made from, by name: their versions.
#[cfg(test)]
type Sources = BTreeMap<&'static str, &'static str>;

/// Parses a table that is part of the binary.
fn parse<T: Deserialize<'static>>(text: &'static str) -> T {
    serde_json::from_str(text).expect("the tables are committed and tested")
}

/// The packages that the tables were made from, with their versions, for the manifest.
pub fn versions() -> BTreeMap<String, String> {
    // The pins are read rather than the tables: it costs nothing, and a test holds the two together.
    include_str!("../schemas/requirements.txt")
        .lines()
        .filter_map(|line| line.split_once("=="))
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .collect()
}

/// The parts of a version or a size that are numbers, for ordering: `2.12.1` → `[2, 12, 1]`.
fn numbers(text: &str) -> Vec<u32> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_was_made_from_the_pinned_packages() {
        let pinned = versions();
        for (table, sources) in [
            ("api", api::sources()),
            ("availability", regions::availability_sources()),
            ("images", images::sources()),
            ("instances", instances::sources()),
            ("metrics", metrics::sources()),
            ("properties", properties::sources()),
            ("regions", regions::sources()),
            ("repositories", repositories::sources()),
            ("resources", resources::sources()),
            ("signals", signals::sources()),
        ] {
            assert!(!sources.is_empty(), "{table} names no source");
            for (package, version) in sources {
                assert_eq!(pinned.get(package).map(String::as_str), Some(version), "{table}: {package}");
            }
        }
    }
}
