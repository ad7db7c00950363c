//! Source trees into content-addressed, reproducible archives.
//!
//! A script becomes an object of its own, a source tree a `sourcedir.tar.gz` as SageMaker's script mode wants
//! it. The address of either is a hash over relative paths, executable bits and file bytes: never over a time,
//! an owner, a place on disk or the compressor's output, so that a laptop and a build server agree, and so that
//! a cached pipeline step stays cached. The project's directory is read and never written to.
//!
//! Whatever stands in the way is a [`Problem`], all of them at once; an asset exists only when nothing does.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

mod archive;
mod problem;
mod secret;
mod sources;
mod survey;
mod tree;

#[cfg(test)]
mod tests;

pub use problem::{Problem, ProblemKind};
pub use secret::Secret;
pub use sources::Sources;
pub use survey::{DataFile, MOST_DATA_FILES, secret_in, survey};
pub use tree::IGNORE_FILE;

use archive::Packed;

/// The most bytes that a script or the files of one source tree may add up to: 1 GiB.
pub const MAX_BYTES: u64 = 1 << 30;

/// The most files and directories, without ignored ones, that one source tree may hold.
pub const MAX_FILES: usize = 50_000;

/// The most directories within one another, links followed, that one source tree may hold.
pub const MAX_DEPTH: usize = 64;

/// What the stack file asks to be uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The path as the stack file wrote it, relative to the project's root.
    pub path: String,
    /// A single file or a whole tree.
    pub kind: RequestKind,
    /// Where the stack file says it. Not read here; it comes back in each [`Problem`].
    pub pointer: String,
}

/// The form in which a request's source is uploaded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestKind {
    /// The file as it is: the `code` of a processing job.
    File,
    /// The directory as an archive with the files at its root: the `source` of a training job.
    Tree {
        /// The script to run, relative to the directory.
        entry: String,
    },
}

/// Every asset of a stack, sorted by what the stack file wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assets(BTreeMap<(String, RequestKind), Asset>);

impl Assets {
    /// The asset of a request, by the words of the stack file; none if the request had a problem.
    pub fn get(&self, path: &str, kind: &RequestKind) -> Option<&Asset> {
        self.0.get(&(path.to_owned(), kind.clone()))
    }

    /// The objects to upload: sorted by key, each key once however many requests share it.
    pub fn objects(&self) -> impl Iterator<Item = &Asset> {
        let by_key: BTreeMap<&str, &Asset> =
            self.0.values().map(|asset| (asset.key.as_str(), asset)).collect();
        by_key.into_values()
    }

    /// Whether there is nothing to upload.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One object to upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Where it comes from: relative to the project's root, with `/`, without `.` and `..`.
    pub source: String,
    /// The script that runs: the file's own name, or the tree's entry point relative to the archive's root.
    pub entry: String,
    /// The object's key: `assets/<sha256>/<file name>`.
    pub key: String,
    /// The hash of the content in lower-case hexadecimal digits: over the sorted files' paths, executable bits,
    /// lengths and bytes. It is not the hash of `bytes`.
    pub sha256: String,
    /// The last part of the key: the script's own name, or `sourcedir.tar.gz`.
    pub file_name: String,
    /// The object's bytes.
    pub bytes: Vec<u8>,
}

impl Asset {
    fn file(source: String, bytes: Vec<u8>) -> Self {
        let name = source.rsplit('/').next().unwrap_or(&source).to_owned();
        let mut hash = archive::ContentHash::default();
        hash.add(&name, false, &bytes); // an object in S3 has no mode
        Self::new(source, name.clone(), hash.finish(), name, bytes)
    }

    fn tree(source: String, entry: String, packed: &Packed) -> Self {
        let name = archive::FILE_NAME.to_owned();
        Self::new(source, entry, packed.sha256.clone(), name, packed.bytes.clone())
    }

    fn new(source: String, entry: String, sha256: String, file_name: String, bytes: Vec<u8>) -> Self {
        let key = format!("assets/{sha256}/{file_name}");
        Self { source, entry, key, sha256, file_name, bytes }
    }

    /// The text of the script that runs, exactly as uploaded; none when it is not UTF-8.
    pub fn entry_text(&self) -> Option<String> {
        let bytes = match self.file_name.as_str() {
            archive::FILE_NAME => archive::read(&self.bytes, &self.entry)?,
            _ => self.bytes.clone(),
        };
        String::from_utf8(bytes).ok()
    }
}

/// What a source may hold at most.
#[derive(Clone, Copy, Debug)]
struct Limits {
    bytes: u64,
    files: usize,
    depth: usize,
}

const LIMITS: Limits = Limits { bytes: MAX_BYTES, files: MAX_FILES, depth: MAX_DEPTH };

/// Read what the requests name beneath `root`, the directory against which the stack file's paths are resolved:
/// [`Sources::collect`] of sources that nobody else asks for.
pub fn collect(root: &Path, requests: &[Request]) -> (Assets, Vec<Problem>) {
    Sources::new(root).collect(requests)
}

/// The parts of a relative path without `.` and `..`; none when it climbs out of where it starts.
fn normalise(path: &str) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts)
}

/// A path may be absent because a directory on the way is absent or is a file.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
