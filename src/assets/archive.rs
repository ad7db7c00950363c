//! Files into one archive and one address, read once for both.

use std::fs::File;
use std::io::{self, BufWriter, Read};
use std::path::Path;

use data_encoding::HEXLOWER;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};

use super::tree::{Entry, Tree};
use super::{Limits, Problem, ProblemKind, Request, secret};

/// The name that SageMaker's script mode gives to an archive of source code.
pub(super) const FILE_NAME: &str = "sourcedir.tar.gz";

/// The fastest: sources are small, and every `synth` packs them. A change of level changes the bytes of every archive, but no key.
const LEVEL: u32 = 1;

/// Bytes that the compressor gets at once.
const CHUNK: usize = 1 << 16;

/// RFC 1952: 255 is "unknown", so that the archive doesn't say where it was made.
const UNKNOWN_SYSTEM: u8 = 255;

/// An archive with its address.
pub(super) struct Packed {
    pub(super) sha256: String,
    pub(super) bytes: Vec<u8>,
}

/// The address of a sequence of files. Every part has a length before it, so that no two trees run together.
#[derive(Default)]
pub(super) struct ContentHash(Sha256);

impl ContentHash {
    pub(super) fn add(&mut self, path: &str, executable: bool, bytes: &[u8]) {
        self.0.update((path.len() as u64).to_le_bytes());
        self.0.update(path);
        self.0.update([u8::from(executable)]);
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// 64 lower-case hexadecimal digits.
    pub(super) fn finish(self) -> String {
        HEXLOWER.encode(&self.0.finalize())
    }
}

/// Pack the files of a tree, sorted by path. Each is read once, hashed and packed from the same bytes: a file
/// that changes meanwhile can't make an archive that its address doesn't fit. What can't be read, or shouldn't
/// be uploaded, joins the tree's problems.
pub(super) fn pack(tree: &mut Tree, request: &Request, limits: Limits) -> Packed {
    tree.entries.sort_by(|a, b| a.path.cmp(&b.path));
    let gzip = GzBuilder::new().mtime(0).operating_system(UNKNOWN_SYSTEM);
    // A call of the compressor for each header and filling would cost more than compressing them.
    let packed = BufWriter::with_capacity(CHUNK, gzip.write(Vec::new(), Compression::new(LEVEL)));
    let mut tar = tar::Builder::new(packed);
    let (mut hash, mut left) = (ContentHash::default(), limits.bytes);
    for entry in &tree.entries {
        let shown = tree.shown(&entry.path);
        let mut refuse = |kind| tree.problems.push(Problem::new(kind, request, &shown));
        match read_file(&entry.real, left) {
            Err(error) => refuse(ProblemKind::unreadable(&error)),
            Ok(None) => {
                refuse(ProblemKind::TooManyBytes { limit: limits.bytes }); // it has grown since the walk
                break;
            }
            Ok(Some(bytes)) => {
                left -= bytes.len() as u64;
                if let Some(secret) = secret::in_content(&entry.path, &bytes).filter(|_| !entry.secret) {
                    refuse(ProblemKind::Secret(secret));
                }
                hash.add(&entry.path, entry.executable, &bytes);
                if let Err(error) = append(&mut tar, entry, &bytes) {
                    refuse(ProblemKind::unreadable(&error));
                }
            }
        }
    }
    let bytes = tar.into_inner().and_then(|packed| packed.into_inner()?.finish());
    let bytes = bytes.expect("writing to memory doesn't fail");
    Packed { sha256: hash.finish(), bytes }
}

fn append(
    tar: &mut tar::Builder<BufWriter<GzEncoder<Vec<u8>>>>,
    entry: &Entry,
    bytes: &[u8],
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(bytes.len() as u64);
    header.set_mode(if entry.executable { 0o755 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    tar.append_data(&mut header, &entry.path, bytes)
}

/// The bytes of a file; none if there are more than `limit`.
pub(super) fn read_file(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

/// The bytes of one file of an archive that was packed here.
pub(super) fn read(archive: &[u8], path: &str) -> Option<Vec<u8>> {
    let mut archive = tar::Archive::new(GzDecoder::new(archive));
    for entry in archive.entries().ok()? {
        let mut entry = entry.ok()?;
        if *entry.path_bytes() == *path.as_bytes() {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).ok()?;
            return Some(bytes);
        }
    }
    None
}
