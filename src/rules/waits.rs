//! How long a resource may take, for those that take minutes.
//!
//! `waits.tsv` is the table, with the source of each row. The longest time is the one after which AWS's own waiters
//! give up; the shortest tells apart what takes its time from what hangs.

use std::time::Duration;

const TABLE: &str = include_str!("waits.tsv");

/// From the shortest to the longest time that is usual for what a status in progress (`CREATE_IN_PROGRESS`, …) says of
/// a resource of a type; none where it is a matter of seconds, or nobody says.
pub fn expected(resource_type: &str, status: &str) -> Option<(Duration, Duration)> {
    let verb = if status.starts_with("CREATE") || status.starts_with("IMPORT") {
        "create"
    } else if status.starts_with("DELETE") {
        "delete"
    } else {
        // A rollback of an update updates.
        "update"
    };
    rows().find(|row| row.0 == resource_type && row.1 == verb).map(|row| (row.2, row.3))
}

fn rows() -> impl Iterator<Item = (&'static str, &'static str, Duration, Duration)> {
    TABLE.lines().filter_map(|line| {
        let mut cells = line.split('\t');
        let (kind, verb) = (cells.next()?, cells.next()?);
        let mut seconds = || Some(Duration::from_secs(cells.next()?.parse().ok()?));
        Some((kind, verb, seconds()?, seconds()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_row_with_a_source() {
        assert_eq!(rows().count(), TABLE.lines().count());
        for (line, (kind, verb, least, most)) in TABLE.lines().zip(rows()) {
            assert!(kind.starts_with("AWS::") && ["create", "update", "delete"].contains(&verb), "{line}");
            assert!(
                least < most && line.split('\t').nth(4).is_some_and(|source| !source.is_empty()),
                "{line}"
            );
        }
    }

    #[test]
    fn the_status_says_what_is_done() {
        let minutes =
            |status: &str| expected("AWS::SageMaker::Endpoint", status).map(|(_, most)| most.as_secs() / 60);
        for (status, most) in [
            ("CREATE_IN_PROGRESS", 60),
            ("UPDATE_IN_PROGRESS", 60),
            ("UPDATE_ROLLBACK_IN_PROGRESS", 60),
            ("DELETE_IN_PROGRESS", 30),
        ] {
            assert_eq!(minutes(status), Some(most), "{status}");
        }
        assert_eq!(expected("AWS::S3::Bucket", "CREATE_IN_PROGRESS"), None);
    }
}
