//! A directory of data, read once from end to end: sizes, hashes, schemas, and whatever stands in the way.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::schema::{Scan, Schema, merged};
use super::{File, digest};
use crate::assets::{self, DataFile, MOST_DATA_FILES, Problem, ProblemKind, Secret};
use crate::aws;
use crate::rules::datasets::{LONGEST_KEY, LONGEST_URI};

/// What is larger is uploaded in parts of this size, or of larger ones where there would be too many.
pub(super) const PART_BYTES: u64 = 8 << 20;
/// Limits of S3. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const MOST_PARTS: u64 = 10_000;
const LARGEST_OBJECT: u64 = 5 << 40;
/// As much of a file is searched for secrets.
const SEARCHED_BYTES: usize = 256 << 10;
/// As much is read at a time.
const CHUNK_BYTES: usize = 1 << 20;
/// Directories below the prefix, and the version's name, before the path in a key.
const BEFORE_PATH: usize = "versions/0123456789abcdef/".len();

/// A file that is to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalFile {
    /// What its version says of it.
    pub file: File,
    /// Where its bytes are.
    pub real: PathBuf,
    /// The SHA-256 of its parts; one, of the whole, when it is not uploaded in parts.
    pub parts: Vec<[u8; 32]>,
}

/// A directory that can be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The files, sorted by path.
    pub files: Vec<LocalFile>,
    /// The hash over all of them.
    pub sha256: String,
    /// Their schemas.
    pub schemas: Vec<Schema>,
}

impl Survey {
    /// Sizes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.file.bytes).sum()
    }
}

/// Why a directory cannot be published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocalError {
    /// As in a source tree.
    #[error("{0}")]
    Source(Problem),
    /// There is no file in it.
    #[error("`{path}` holds no file")]
    Empty {
        /// The directory.
        path: String,
    },
    /// A file was changed, or went away, while it was read.
    #[error("`{path}` changes while it is read")]
    Changed {
        /// Relative to the directory.
        path: String,
    },
    /// A path that S3 or a manifest cannot take.
    #[error("`{path}` cannot be the name of an object: {why}")]
    Name {
        /// Relative to the directory.
        path: String,
        /// Why not.
        why: String,
    },
    /// A file that S3 cannot take.
    #[error("`{path}` has {bytes} bytes; an object has at most {LARGEST_OBJECT}")]
    TooLarge {
        /// Relative to the directory.
        path: String,
        /// Its size.
        bytes: u64,
    },
    /// A file cannot be read.
    #[error("`{path}` can't be read: {reason}")]
    Unreadable {
        /// Relative to the directory.
        path: String,
        /// What the operating system says.
        reason: String,
    },
    /// A file holds a secret.
    #[error("`{path}` holds {what}")]
    Secret {
        /// Relative to the directory.
        path: String,
        /// What it holds.
        what: &'static str,
    },
}

impl LocalError {
    /// The way out.
    pub fn help(&self) -> String {
        let ignore = assets::IGNORE_FILE;
        match self {
            LocalError::Source(problem) => match &problem.kind {
                ProblemKind::Missing { .. } => "name a directory that is there".to_owned(),
                ProblemKind::NotADirectory => "name the directory that it is in".to_owned(),
                ProblemKind::TooManyFiles { .. } => {
                    format!("pack them: a version has at most {MOST_DATA_FILES} files")
                }
                _ => problem.help(),
            },
            LocalError::Empty { .. } => format!("put data into it, or see what `{ignore}` leaves out"),
            LocalError::Changed { .. } => {
                "publish again when nothing writes there any more, or publish a copy".to_owned()
            }
            LocalError::Name { .. } => format!("rename it, or name it in `{ignore}`"),
            LocalError::TooLarge { .. } => "divide it into several files".to_owned(),
            LocalError::Unreadable { .. } => format!("make it readable to you, or name it in `{ignore}`"),
            LocalError::Secret { .. } => {
                format!(
                    "take it out of the data, or name the file in `{ignore}`; whoever reads the dataset would see it"
                )
            }
        }
    }
}

/// Reads a directory that is to be published below `s3://<bucket>/<prefix>`. `passed` is told of the bytes that were
/// read, and of the files that are to be read in all.
///
/// # Errors
/// Everything that stands in the way.
pub fn read(
    directory: &Path,
    bucket: &str,
    prefix: &str,
    passed: &(dyn Fn(u64, usize) + Sync),
) -> Result<Survey, Vec<LocalError>> {
    let found = assets::survey(directory)
        .map_err(|problems| problems.into_iter().map(LocalError::Source).collect::<Vec<_>>())?;
    if found.is_empty() {
        return Err(vec![LocalError::Empty { path: directory.display().to_string() }]);
    }
    let mut errors: Vec<LocalError> =
        found.iter().filter_map(|file| unfit(&file.path, bucket, prefix)).collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    passed(0, found.len());
    let mut files = BTreeMap::new();
    let mut schemas = BTreeMap::new();
    for (index, result) in all(&found, &|bytes| passed(bytes, found.len())) {
        match result {
            Ok((file, schema)) => {
                schemas.extend(schema.map(|schema| (index, schema)));
                files.insert(index, file);
            }
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        errors.sort_by_key(ToString::to_string);
        return Err(errors);
    }
    let files: Vec<LocalFile> = files.into_values().collect();
    let listed: Vec<File> = files.iter().map(|file| file.file.clone()).collect();
    Ok(Survey { sha256: digest(&listed), files, schemas: merged(schemas.values()) })
}

/// Whether a path can be a key and stand in a manifest.
fn unfit(path: &str, bucket: &str, prefix: &str) -> Option<LocalError> {
    let key = prefix.len() + BEFORE_PATH + path.len();
    let uri = "s3:///".len() + bucket.len() + key;
    let why = if path.chars().any(char::is_control) {
        "it has a control character in it".to_owned()
    } else if key > LONGEST_KEY {
        format!("with what goes before it, the key has {key} bytes, and {LONGEST_KEY} are possible")
    } else if uri > LONGEST_URI {
        format!("its URI has {uri} bytes, and {LONGEST_URI} are possible")
    } else {
        return None;
    };
    Some(LocalError::Name { path: path.escape_debug().to_string(), why })
}

type Read = Result<(LocalFile, Option<Schema>), LocalError>;

/// Reads all files, as many at a time as there are processors.
fn all(found: &[DataFile], passed: &(dyn Fn(u64) + Sync)) -> Vec<(usize, Read)> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let work = || {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = found.get(index) else { return };
            let result = one(file, &mut chunk, passed);
            results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((index, result));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(found.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The size of a file's parts.
pub(super) fn part_bytes(bytes: u64) -> u64 {
    let least = bytes.div_ceil(MOST_PARTS);
    PART_BYTES.max(least.next_multiple_of(1 << 20))
}

fn one(file: &DataFile, chunk: &mut [u8], passed: &(dyn Fn(u64) + Sync)) -> Read {
    let path = &file.path;
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => LocalError::Changed { path: path.clone() },
        _ => LocalError::Unreadable { path: path.clone(), reason: error.to_string() },
    };
    let mut opened = fs::File::open(&file.real).map_err(unreadable)?;
    let before = stamp(&opened.metadata().map_err(unreadable)?);
    let bytes = before.0;
    if bytes > LARGEST_OBJECT {
        return Err(LocalError::TooLarge { path: path.clone(), bytes });
    }
    let part = part_bytes(bytes);
    let mut whole = Sha256::new();
    let mut current = Sha256::new();
    let mut parts: Vec<[u8; 32]> = Vec::new();
    let (mut seen, mut in_part) = (0, 0);
    let mut scan = Scan::of(path);
    loop {
        // Chunks end where parts end.
        let room = usize::try_from(part - in_part).unwrap_or(usize::MAX).min(chunk.len());
        let read = match opened.read(&mut chunk[..room]) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(error)),
        };
        let new = &chunk[..read];
        if seen == 0
            && let Some(what) = secret(path, &new[..read.min(SEARCHED_BYTES)])
        {
            return Err(LocalError::Secret { path: path.clone(), what });
        }
        whole.update(new);
        scan.feed(new);
        if bytes > part {
            current.update(new);
        }
        seen += read as u64;
        in_part += read as u64;
        if in_part == part {
            parts.push(std::mem::take(&mut current).finalize().into());
            in_part = 0;
        }
        passed(read as u64);
        if seen > bytes {
            break;
        }
    }
    let after = fs::metadata(&file.real).map_err(unreadable)?;
    if seen != bytes || stamp(&after) != before {
        return Err(LocalError::Changed { path: path.clone() });
    }
    let sha256: [u8; 32] = whole.finalize().into();
    if bytes <= part {
        parts = vec![sha256];
    } else if in_part > 0 {
        parts.push(current.finalize().into());
    }
    let schema = scan.end();
    let rows = schema.as_ref().map(|schema| schema.rows);
    let listed = File {
        path: path.clone(),
        bytes,
        sha256: HEXLOWER.encode(&sha256),
        checksum: checksum(&parts),
        rows,
    };
    Ok((LocalFile { file: listed, real: file.real.clone(), parts }, schema))
}

/// Changes when a file is written.
fn stamp(metadata: &fs::Metadata) -> (u64, Option<SystemTime>) {
    (metadata.len(), metadata.modified().ok())
}

fn secret(path: &str, bytes: &[u8]) -> Option<&'static str> {
    Some(match assets::secret_in(path, bytes)? {
        Secret::PrivateKey => "a private key",
        Secret::AwsKeys => "AWS access keys",
        Secret::RegistryToken => "a token of a package registry",
        Secret::Name => "secrets",
    })
}

/// What S3 computes over an object of these parts.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html>
fn checksum(parts: &[[u8; 32]]) -> String {
    match parts {
        [whole] => aws::checksum(*whole),
        parts => format!("{}-{}", aws::checksum(Sha256::digest(parts.concat()).into()), parts.len()),
    }
}
