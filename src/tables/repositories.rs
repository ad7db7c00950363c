//! The registry account of every repository of AWS's images, by region.
//!
//! Source: `image_uri_config` of the SageMaker Python SDK: all of it, also the built-in algorithms and what
//! [`super::image`] cannot name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Deserialize;

use super::parse;

/// The accounts that a repository of AWS's has in a region: usually one; several where versions lie apart.
/// None for a repository that is not AWS's, empty for one that is not in that region.
pub fn repository_accounts(repository: &str, region: &str) -> Option<BTreeSet<&'static str>> {
    let sets = TABLE.repositories.get(repository)?;
    Some(sets.iter().filter_map(|set| TABLE.accounts.get(set)?.get(region)).copied().collect())
}

/// The regions in which an account holds AWS's images, of any repository; empty for an account that holds
/// none.
pub fn registry_regions(account: &str) -> BTreeSet<&'static str> {
    let all = TABLE.accounts.values().flatten();
    all.filter(|(_, holder)| **holder == account).map(|(region, _)| *region).collect()
}

static TABLE: LazyLock<Table> = LazyLock::new(|| parse(TEXT));
const TEXT: &str = include_str!("../../schemas/aws/repositories.json");

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
struct Table {
    /// Set → region → account.
    accounts: BTreeMap<&'static str, BTreeMap<&'static str, &'static str>>,
    /// Repository → its sets.
    repositories: BTreeMap<&'static str, Vec<&'static str>>,
}

#[cfg(test)]
pub(super) fn sources() -> super::Sources {
    super::rows::sources(TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(repository: &str, region: &str, expected: Option<&[&str]>) {
        let found = repository_accounts(repository, region).map(|it| it.into_iter().collect::<Vec<_>>());
        assert_eq!(found.as_deref(), expected, "{repository} {region}");
    }

    #[test]
    fn accounts_by_repository_and_region() {
        check("pytorch-training", "eu-west-1", Some(&["763104351884"]));
        check("kmeans", "us-east-1", Some(&["382416733822"]));
        check("sagemaker-xgboost", "us-east-1", Some(&["683313688378"]));
        check("kmeans", "nowhere-1", Some(&[]));
        check("our-own", "us-east-1", None);
    }

    #[test]
    fn regions_by_account() {
        assert!(registry_regions("382416733822").contains("us-east-1"));
        assert!(!registry_regions("382416733822").contains("eu-west-1"));
        assert!(registry_regions("763104351884").len() > 10);
        assert!(registry_regions("111122223333").is_empty());
    }

    #[test]
    fn every_set_is_there_and_what_images_have_agrees() {
        for (repository, sets) in &TABLE.repositories {
            assert!(sets.iter().all(|set| TABLE.accounts.contains_key(set)), "{repository}");
        }
        for (repository, accounts) in super::super::registries() {
            for (region, account) in accounts {
                let found = repository_accounts(repository, region).expect(repository);
                assert!(found.contains(account), "{repository} {region}");
            }
        }
    }
}
