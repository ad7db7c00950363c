//! Reasons for which resources fail, as far as they are known: what each means, and what to do about it.
//!
//! `failures.tsv` is the one table; `smstack explain failures` prints it. AWS documents few of its texts, so each row
//! names where its text was seen. The first row that fits a reason counts: what is said precisely stands before what
//! is said of many things.

use std::sync::LazyLock;

use fancy_regex::Regex;

const TABLE: &str = include_str!("failures.tsv");

/// A reason that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// A word for it.
    pub name: &'static str,
    /// What the reason says, as a regular expression.
    pub pattern: &'static str,
    /// What has happened.
    pub meaning: &'static str,
    /// What to do about it.
    pub way_out: &'static str,
    /// Where the text is documented, or was seen.
    pub source: &'static str,
}

/// All that are known, in the order in which they are tried.
pub fn all() -> impl Iterator<Item = Known> {
    TABLE.lines().filter_map(|line| {
        let mut cells = line.split('\t');
        let mut cell = || cells.next();
        Some(Known { name: cell()?, pattern: cell()?, meaning: cell()?, way_out: cell()?, source: cell()? })
    })
}

/// What a reason means, if it is known.
pub fn of(reason: &str) -> Option<Known> {
    static PATTERNS: LazyLock<Vec<(Known, Option<Regex>)>> = LazyLock::new(|| {
        all().map(|known| (known, Regex::new(&format!("(?i){}", known.pattern)).ok())).collect()
    });
    let fits = |pattern: &Option<Regex>| pattern.as_ref()?.is_match(reason).ok();
    PATTERNS.iter().find(|(_, pattern)| fits(pattern) == Some(true)).map(|(known, _)| *known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_whole_and_its_pattern_one() {
        assert_eq!(all().count(), TABLE.lines().count());
        for known in all() {
            assert!(Regex::new(known.pattern).is_ok(), "{}", known.name);
            assert!(!known.meaning.ends_with('.') && !known.way_out.ends_with('.'), "{}", known.name);
            assert!(known.source.contains('/'), "{}", known.name);
        }
    }

    /// What AWS says, and what it is taken for.
    #[test]
    fn reasons_are_known() {
        let check = |reason: &str, expected: Option<&str>| {
            assert_eq!(of(reason).map(|known| known.name), expected, "{reason}");
        };
        check(
            "The account-level service limit 'ml.m5.large for endpoint usage' is 0 Instances, with current utilization \
             of 0 Instances and a request delta of 1 Instances. (Service: AmazonSageMaker; Status Code: 400; Error Code: \
             ResourceLimitExceeded)",
            Some("quota"),
        );
        check(
            "CapacityError: Unable to provision requested ML compute capacity. Please retry using a different ML \
             instance type.",
            Some("capacity"),
        );
        check(
            "User: arn:aws:iam::111122223333:user/a is not authorized to perform: iam:PassRole on resource: \
             arn:aws:iam::111122223333:role/b",
            Some("pass-role"),
        );
        check(
            "Resource handler returned message: \"Could not assume role arn:aws:iam::111122223333:role/r. Please ensure \
             that the role exists and allows principal 'sagemaker.amazonaws.com' to assume the role.\"",
            Some("assume-role"),
        );
        check(
            "The primary container for production variant AllTraffic did not pass the ping health check. Please check \
             CloudWatch logs for this endpoint.",
            Some("health-check"),
        );
        check(
            "Please make sure all images included in the model for the production variant variant-1 exist, and that the \
             execution role used to create the model has permissions to access them.",
            Some("image"),
        );
        check("Could not find model data at s3://a/b/.", Some("model-data"));
        check("Cannot update in-progress endpoint", Some("endpoint-busy"));
        check("a-bucket already exists", Some("exists"));
        check(
            "The bucket you tried to delete is not empty. You must delete all versions",
            Some("bucket-not-empty"),
        );
        check("Rate exceeded (Service: AmazonCloudWatch)", Some("throttled"));
        check("is not authorized to perform: sagemaker:CreateModel", Some("denied"));
        check("User is not authorized to perform: kms:CreateGrant on this resource", Some("key"));
        check("the moon is full", None);
    }
}
