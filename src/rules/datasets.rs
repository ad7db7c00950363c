//! Where the versions of a dataset lie: what is published, what jobs read, and what starts a pipeline meet here.
//!
//! ```text
//! <prefix>versions/<version>/<path>      the files, as they were published
//! <prefix>manifests/<version>.json       lists them, in the form that SageMaker calls `ManifestFile`
//! <prefix>manifests/latest.json          a copy of the manifest that was published last
//! <prefix>descriptions/<version>.json    who, when, from which commit, how much, with which schema
//! <prefix>files/<version>.json           each file with its size and checksums
//! ```

/// The name that stands for the version that was published last.
pub const LATEST: &str = "latest";

/// The longest key of an object, in bytes of UTF-8.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
pub const LONGEST_KEY: usize = 1024;

/// The longest S3 URI of an object that SageMaker reads: `S3Uri` in its API model.
pub const LONGEST_URI: usize = 1024;

/// The pipeline parameter that holds the version of a dataset.
pub fn parameter(dataset: &str) -> String {
    format!("{dataset}-version")
}

/// What the keys of manifests begin with, and what they end with; between them is the version.
pub fn manifest_ends(prefix: &str) -> (String, &'static str) {
    (format!("{prefix}manifests/"), ".json")
}

/// The key of a version's manifest.
pub fn manifest_key(prefix: &str, version: &str) -> String {
    let (before, after) = manifest_ends(prefix);
    format!("{before}{version}{after}")
}

/// What the keys of a version's files begin with.
pub fn files_prefix(prefix: &str, version: &str) -> String {
    format!("{prefix}versions/{version}/")
}

/// What the keys of descriptions begin with.
pub fn descriptions_prefix(prefix: &str) -> String {
    format!("{prefix}descriptions/")
}

/// The key of a version's description.
pub fn description_key(prefix: &str, version: &str) -> String {
    format!("{}{version}.json", descriptions_prefix(prefix))
}

/// The key of the list of a version's files.
pub fn list_key(prefix: &str, version: &str) -> String {
    format!("{prefix}files/{version}.json")
}
