//! What goes together in the request of a batch transform.
//!
//! Sources: <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html>,
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html>.

/// The most megabytes of a payload, and of all payloads that are sent to an instance at the same time.
pub const MOST_MEGABYTES: u64 = 100;
/// The payload when none is given, in megabytes.
pub const DEFAULT_MEGABYTES: u64 = 6;
/// The most instances of a job.
pub const MOST_INSTANCES: u64 = 100;

/// How many megabytes may be sent to an instance at the same time, where that is more than AWS takes. A payload of 0 is
/// without a bound; what the container itself says of its concurrency is not known.
pub fn too_much(concurrent: Option<u64>, payload: Option<u64>) -> Option<u64> {
    let payload = payload.unwrap_or(DEFAULT_MEGABYTES);
    let all = payload.saturating_mul(concurrent.unwrap_or(1).max(1));
    (all > MOST_MEGABYTES).then_some(all)
}

/// Whether a batch strategy has an effect where objects are split so (`SplitType`): records are told apart by it.
pub fn tells_records_apart(split: Option<&str>) -> bool {
    !matches!(split, None | Some("None"))
}

/// Whether records of this media type can be filtered and joined: CSV and JSON can.
pub fn is_filtered(media: &str) -> bool {
    let kind = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let sub = kind.rsplit('/').next().unwrap_or_default();
    sub == "csv" || sub.starts_with("json") || sub.ends_with("+json") || sub == "x-ndjson"
}

/// Whether the text is a path as filters take it: it begins with `$`, and what follows is names, indexes and slices.
pub fn is_filter(text: &str) -> bool {
    let Some(mut rest) = text.strip_prefix('$') else { return false };
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let Some((inside, after)) = inside.split_once(']') else { return false };
            if inside.trim().is_empty() {
                return false;
            }
            rest = after;
        } else if let Some(name) = rest.strip_prefix('.') {
            let end = name.find(['.', '[']).unwrap_or(name.len());
            if end == 0 {
                return false;
            }
            rest = &name[end..];
        } else {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads() {
        for (concurrent, payload, expected) in [
            (None, None, None),
            (Some(16), None, None),
            (Some(17), None, Some(102)),
            (Some(4), Some(25), None),
            (Some(4), Some(26), Some(104)),
            (None, Some(101), Some(101)),
            (Some(0), Some(100), None),
            (Some(1000), Some(0), None),
            (Some(u64::MAX), Some(2), Some(u64::MAX)),
        ] {
            assert_eq!(too_much(concurrent, payload), expected, "{concurrent:?} {payload:?}");
        }
    }

    #[test]
    fn formats() {
        for media in ["text/csv", "application/json", "application/jsonlines", "text/csv; header=absent"] {
            assert!(is_filtered(media), "{media}");
        }
        for media in ["", "text/libsvm", "application/x-image", "application/x-recordio-protobuf"] {
            assert!(!is_filtered(media), "{media}");
        }
    }

    #[test]
    fn filters() {
        for path in ["$", "$[1:]", "$[0,5:]", "$[-1]", "$.features", "$['id','SageMakerOutput']", "$.a.b[0]"]
        {
            assert!(is_filter(path), "{path}");
        }
        for path in ["", "features", "[1:]", "$[", "$[]", "$..a", "$.", "$a"] {
            assert!(!is_filter(path), "{path}");
        }
    }
}
