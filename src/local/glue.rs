//! The Python glue, embedded in the binary and written where Python can run it.

use std::fs;
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::{Error, Place};

/// What the environment holds, pinned.
pub(super) const REQUIREMENTS: &str = include_str!("requirements.txt");

/// The entry, which takes the server's directory.
const ENTRY: &str = "cloud.py";

/// Every file that the server runs from.
const FILES: [(&str, &str); 11] = [
    (ENTRY, include_str!("cloud.py")),
    ("bridge.py", include_str!("bridge.py")),
    ("cloudformation.py", include_str!("cloudformation.py")),
    ("facts.json", include_str!("facts.json")),
    ("faults.py", include_str!("faults.py")),
    ("mends.py", include_str!("mends.py")),
    ("pipelines.py", include_str!("pipelines.py")),
    ("records.py", include_str!("records.py")),
    ("registry.py", include_str!("registry.py")),
    ("sagemaker.py", include_str!("sagemaker.py")),
    ("triggers.py", include_str!("triggers.py")),
];

/// The hash that tells this glue, with its requirements, from another version's.
pub(super) fn hash() -> String {
    let files = FILES.into_iter().chain([("requirements.txt", REQUIREMENTS)]);
    hash_of(files.flat_map(|(name, text)| [name, text]))
}

/// A short hash of several texts; no two sequences of texts hash alike by being joined.
pub(super) fn hash_of<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut digest = Sha256::new();
    for text in texts {
        digest.update((text.len() as u64).to_le_bytes());
        digest.update(text);
    }
    HEXLOWER.encode(&digest.finalize()[..8])
}

/// Writes the glue into the cache, unless it is there; the entry's path.
pub(super) fn write(place: &Place) -> Result<PathBuf, Error> {
    let directory = place.cache.join("glue").join(hash());
    let parent = place.cache.join("glue");
    let failed = |source| Error::File { verb: "write", path: directory.clone(), source };
    let whole = FILES
        .iter()
        .all(|(name, text)| fs::read_to_string(directory.join(name)).is_ok_and(|written| written == *text));
    if !whole {
        fs::create_dir_all(&parent).map_err(failed)?;
        let aside = tempfile::tempdir_in(&parent).map_err(failed)?;
        for (name, text) in FILES {
            fs::write(aside.path().join(name), text).map_err(failed)?;
        }
        if directory.exists() {
            fs::remove_dir_all(&directory).map_err(failed)?; // of files that somebody changed
        }
        fs::rename(aside.path(), &directory).map_err(failed)?;
    }
    Ok(directory.join(ENTRY))
}
