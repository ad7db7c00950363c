//! Versioned datasets: a directory becomes a version in S3 that never changes, and can be listed, verified, compared.
//!
//! Where a version lies is in [`crate::rules::datasets`]. Its name is derived from the content: the paths, sizes and
//! SHA-256 of all files. So the same directory is the same version wherever and whenever it is published, a run that
//! was killed is taken up by the next, and two publishers of one version write the same objects.
//!
//! The files of a version keep their paths, for jobs look for them by name; what a new version shares with the latest
//! is copied inside S3 and not uploaded again. A version is whole before its manifest is written, and its manifest
//! before `latest` moves: a job never reads half a version.

mod compare;
mod local;
mod parts;
mod publish;
mod read;
mod schema;
#[cfg(test)]
mod tests;
mod verify;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use compare::{Difference, SchemaDifference, compare};
pub use local::{LocalError, LocalFile, Survey, read};
pub use publish::{Event, How, Origin, Published, publish};
pub use read::{Error, Store, Version};
pub use schema::{Column, Schema};
pub use verify::{Fault, Verified, verify};

/// The form of descriptions and lists; a change that a reader must know about raises it.
pub const FORM: u32 = 1;

/// Digits of a version's name: of the hash of its content, so many that no two of a dataset are alike.
const NAME_DIGITS: usize = 16;

/// A file of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Relative to the published directory, with `/`.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Lower-case hexadecimal SHA-256 of its content.
    pub sha256: String,
    /// The SHA-256 that S3 has of it, as S3 writes it: of a file that was uploaded in parts, it is over those of the parts.
    pub checksum: String,
    /// Rows without the header, where they can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
}

/// All files of a version, sorted by path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileList {
    /// [`FORM`].
    pub version: u32,
    /// The files.
    pub files: Vec<File>,
}

/// Where the content of a version was when it was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Git {
    /// The commit.
    pub commit: String,
    /// Whether something was changed since.
    pub dirty: bool,
}

/// What is known of a version beside its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// [`FORM`].
    pub version: u32,
    /// The dataset.
    pub dataset: String,
    /// The version's name.
    pub id: String,
    /// The whole hash that the name is from.
    pub sha256: String,
    /// How many files.
    pub files: u64,
    /// How many bytes.
    pub bytes: u64,
    /// Rows of all files in which they can be told.
    pub rows: Option<u64>,
    /// The schemas of its files, one for each set of columns.
    pub schemas: Vec<Schema>,
    /// When it was published first, in UTC.
    pub published: String,
    /// Who published it: the caller's ARN.
    pub by: String,
    /// The commit of the directory, when it is in a repository.
    pub git: Option<Git>,
    /// The stack.
    pub stack: String,
    /// The environment.
    pub environment: String,
    /// The version of smstack.
    pub smstack: String,
}

/// The hash over all paths, sizes and contents; files are sorted by path.
pub fn digest(files: &[File]) -> String {
    let mut digest = Sha256::new();
    for file in files {
        digest.update((file.path.len() as u64).to_be_bytes());
        digest.update(&file.path);
        digest.update(file.bytes.to_be_bytes());
        digest.update(&file.sha256);
    }
    HEXLOWER.encode(&digest.finalize())
}

/// The name of the version whose content has this hash.
pub fn name(digest: &str) -> String {
    digest.chars().take(NAME_DIGITS).collect()
}

/// Whether a text has the form of a version's name.
pub fn is_name(text: &str) -> bool {
    text.len() == NAME_DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
