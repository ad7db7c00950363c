//! Partitions, their regions, and what CloudFormation offers in each.
//!
//! Sources: the partitions of botocore; the resource types that cfn-lint has for each region.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Deserialize;

use super::parse;
use super::rows::Rows;

/// Every region of every partition, in order.
pub fn regions() -> &'static [&'static str] {
    static ALL: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
        let mut all: Vec<_> = TABLE.partitions.values().flat_map(|part| &part.regions).copied().collect();
        all.sort_unstable();
        all
    });
    &ALL
}

/// The partition of a region, also of one newer than the table; none for what is no region's name.
pub fn partition_of(region: &str) -> Option<&'static str> {
    partition(region).map(|(name, _)| name)
}

/// The domain that a region's services live under: `amazonaws.com`.
pub fn dns_suffix(region: &str) -> Option<&'static str> {
    partition(region).map(|(_, part)| part.dns_suffix)
}

/// Whether CloudFormation has a resource type in a region; none where that is not known, because either is
/// not in the table.
pub fn type_in_region(resource_type: &str, region: &str) -> Option<bool> {
    let row = AVAILABILITY.get(resource_type)?;
    TABLE.known.contains(region).then(|| !row.missing.contains(region))
}

fn partition(region: &str) -> Option<(&'static str, &'static Partition)> {
    let digits = region.rsplit('-').next()?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    TABLE
        .partitions
        .iter()
        .flat_map(|(name, part)| part.prefixes.iter().map(move |prefix| (*prefix, *name, part)))
        .filter(|(prefix, ..)| region.starts_with(prefix))
        // `us-iso-` is longer, and says more, than `us-`.
        .max_by_key(|(prefix, ..)| prefix.len())
        .map(|(_, name, part)| (name, part))
}

static TABLE: LazyLock<Table> = LazyLock::new(|| parse(TEXT));
const TEXT: &str = include_str!("../../schemas/aws/regions.json");

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
struct Table {
    partitions: BTreeMap<&'static str, Partition>,
    /// The regions of which it is known what they offer.
    known: BTreeSet<&'static str>,
}

static AVAILABILITY: Rows<Availability> = Rows::new(AVAILABILITY_TEXT);
const AVAILABILITY_TEXT: &str = include_str!("../../schemas/aws/availability.json");

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
struct Availability {
    /// The known regions that do not have the resource type.
    missing: BTreeSet<&'static str>,
}

#[derive(Deserialize)]
struct Partition {
    dns_suffix: &'static str,
    prefixes: Vec<&'static str>,
    regions: Vec<&'static str>,
}

#[cfg(test)]
pub(super) fn sources() -> super::Sources {
    super::rows::sources(TEXT)
}

#[cfg(test)]
pub(super) fn availability_sources() -> super::Sources {
    super::rows::sources(AVAILABILITY_TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(region: &str, partition: Option<&str>, suffix: Option<&str>) {
        assert_eq!((partition_of(region), dns_suffix(region)), (partition, suffix), "{region}");
    }

    #[test]
    fn regions_have_a_partition() {
        check("us-east-1", Some("aws"), Some("amazonaws.com"));
        check("cn-north-1", Some("aws-cn"), Some("amazonaws.com.cn"));
        check("us-gov-west-1", Some("aws-us-gov"), Some("amazonaws.com"));
        check("us-iso-east-1", Some("aws-iso"), Some("c2s.ic.gov"));
        check("us-isob-east-1", Some("aws-iso-b"), Some("sc2s.sgov.gov"));
        check("eusc-de-east-1", Some("aws-eusc"), Some("amazonaws.eu"));
        check("eu-newest-7", Some("aws"), Some("amazonaws.com"));
        check("us-east", None, None);
        check("nowhere-1", None, None);
        check("", None, None);
    }

    #[test]
    fn every_listed_region_is_in_its_partition() {
        for (name, part) in &TABLE.partitions {
            for region in &part.regions {
                assert_eq!(partition_of(region), Some(*name), "{region}");
            }
        }
        assert!(regions().contains(&"eu-west-1"));
    }

    #[test]
    fn types_are_not_everywhere() {
        AVAILABILITY.check(AVAILABILITY_TEXT);
        assert_eq!(type_in_region("AWS::SageMaker::Pipeline", "eu-west-1"), Some(true));
        assert_eq!(type_in_region("AWS::SageMaker::Endpoint", "us-gov-east-1"), Some(false));
        assert_eq!(type_in_region("AWS::SageMaker::Pipeline", "us-iso-east-1"), None);
        assert_eq!(type_in_region("Custom::Thing", "eu-west-1"), None);
    }
}
