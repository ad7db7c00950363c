//! Source trees into content-addressed, reproducible archives.
//!
//! A script becomes an object of its own, a source tree a `sourcedir.tar.gz` as SageMaker's script mode wants
//! it. The address of either is a hash over relative paths, executable bits and file bytes: never over a time,
//! an owner, a place on disk or the compressor's output, so that a laptop and a build server agree, and so that
//! a cached pipeline step stays cached. The project's directory is read and never written to.
//!
//! Whatever stands in the way is a [`Problem`], all of them at once; an asset exists only when nothing does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

mod archive;
mod problem;
mod secret;
mod survey;
mod tree;

#[cfg(test)]
mod tests;

pub use problem::{Problem, ProblemKind};
pub use secret::Secret;
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

/// Read what the requests name beneath `root`, the directory against which the stack file's paths are resolved.
///
/// Requests with the same path and kind give one asset; requests for the same directory with different entry
/// points share one archive. A problem with a file inside a tree is told once, at the first request for the
/// tree; a problem with the request itself is told at each.
pub fn collect(root: &Path, requests: &[Request]) -> (Assets, Vec<Problem>) {
    collect_within(root, requests, LIMITS)
}

fn collect_within(root: &Path, requests: &[Request], limits: Limits) -> (Assets, Vec<Problem>) {
    let (mut assets, mut problems) = (Assets::default(), Vec::new());
    let mut trees = BTreeMap::new();
    for (done, request) in requests.iter().enumerate() {
        if requests[..done].contains(request) || assets.get(&request.path, &request.kind).is_some() {
            continue;
        }
        let asset = locate(root, request).and_then(|located| match &request.kind {
            RequestKind::File => file_asset(located, request, limits),
            RequestKind::Tree { entry } => tree_asset(located, entry, request, limits, &mut trees),
        });
        match asset {
            Ok(asset) => drop(assets.0.insert((request.path.clone(), request.kind.clone()), asset)),
            Err(found) => problems.extend(found),
        }
    }
    (assets, problems)
}

/// A request's path, found on disk.
struct Located {
    /// Relative to the project's root, with `/`, without `.` and `..`; `.` is the root itself.
    path: String,
    /// The same with every link resolved.
    real: PathBuf,
    metadata: fs::Metadata,
}

fn locate(root: &Path, request: &Request) -> Result<Located, Vec<Problem>> {
    let problem = |kind| vec![Problem::new(kind, request, &request.path)];
    if request.path.starts_with('/') || Path::new(&request.path).is_absolute() {
        return Err(problem(ProblemKind::Absolute));
    }
    let parts = normalise(&request.path).ok_or_else(|| problem(ProblemKind::LeavesProject))?;
    let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
    let root = fs::canonicalize(root).map_err(|error| problem(ProblemKind::unreadable(&error)))?;
    let at = parts.iter().fold(root.clone(), |at, part| at.join(part));
    let real = match fs::canonicalize(&at) {
        Ok(real) => real,
        Err(error) if at.is_symlink() => return Err(problem(ProblemKind::link_broken(&at, &error))),
        Err(error) if is_absent(&error) => {
            return Err(problem(ProblemKind::Missing { near: problem::nearest_paths(&root, &parts) }));
        }
        Err(error) => return Err(problem(ProblemKind::unreadable(&error))),
    };
    if !real.starts_with(&root) {
        return Err(problem(ProblemKind::link_leaves(&at)));
    }
    let metadata = fs::metadata(&real).map_err(|error| problem(ProblemKind::unreadable(&error)))?;
    let path = if parts.is_empty() { ".".to_owned() } else { parts.join("/") };
    Ok(Located { path, real, metadata })
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

fn file_asset(located: Located, request: &Request, limits: Limits) -> Result<Asset, Vec<Problem>> {
    let Located { path, real, metadata } = located;
    let problem = |kind| Problem::new(kind, request, &path);
    if metadata.is_dir() {
        return Err(vec![problem(ProblemKind::NotAFile)]);
    }
    if !metadata.is_file() {
        return Err(vec![problem(ProblemKind::special(metadata.file_type()))]);
    }
    let bytes = archive::read_file(&real, limits.bytes)
        .map_err(|error| vec![problem(ProblemKind::unreadable(&error))])?
        .ok_or_else(|| vec![problem(ProblemKind::TooManyBytes { limit: limits.bytes })])?;
    let by_name = secret::in_name(&path).or_else(|| real.to_str().and_then(secret::in_file_name));
    match by_name.or_else(|| secret::in_content(&bytes)) {
        Some(secret) => Err(vec![problem(ProblemKind::Secret(secret))]),
        None => Ok(Asset::file(path, bytes)),
    }
}

fn tree_asset(
    located: Located,
    entry: &str,
    request: &Request,
    limits: Limits,
    trees: &mut BTreeMap<String, (tree::Tree, Packed)>,
) -> Result<Asset, Vec<Problem>> {
    let Located { path, real, metadata } = located;
    if !metadata.is_dir() {
        return Err(vec![Problem::new(ProblemKind::NotADirectory, request, &path)]);
    }
    let (tree, packed) = trees.entry(path.clone()).or_insert_with(|| {
        let mut tree = tree::walk(&real, &path, request, limits);
        let packed = archive::pack(&mut tree, request, limits);
        (tree, packed)
    });
    let mut problems = if tree.told { Vec::new() } else { tree.problems.clone() };
    tree.told = true;
    match tree.entry(entry, request) {
        Ok(entry) if tree.problems.is_empty() => return Ok(Asset::tree(path, entry, packed)),
        Ok(_) => {}
        Err(problem) => problems.extend(problem),
    }
    Err(problems)
}
