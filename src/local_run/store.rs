//! S3 as directories below the home.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::values::plain;
use super::{Error, Order};

/// Where what the definition has in S3 lies.
#[derive(Debug)]
pub(super) struct Store {
    root: PathBuf,
    region: String,
    assets: BTreeMap<String, Vec<u8>>,
    data: Vec<Mount>,
}

/// A prefix whose objects lie in a directory of the user's.
#[derive(Debug, Clone)]
pub(super) struct Mount {
    /// The dataset.
    pub(super) name: String,
    /// The prefix.
    pub(super) uri: String,
    /// The directory.
    pub(super) directory: PathBuf,
    /// The hash of all names and bytes in it: the data's version.
    pub(super) sha256: String,
}

impl Store {
    pub(super) fn new(order: &Order) -> Result<Store, Error> {
        let root = order.home.join("s3");
        fs::create_dir_all(&root).map_err(Error::file("make", &root))?;
        let root = root.canonicalize().map_err(Error::file("find", &root))?;
        let mut data = Vec::new();
        for dataset in &order.datasets {
            let directory = &dataset.directory;
            let sha256 = hash(directory).map_err(Error::file("read", directory))?;
            let uri = plain(&dataset.uri, &order.region);
            data.push(Mount { name: dataset.name.clone(), uri, directory: directory.clone(), sha256 });
        }
        Ok(Store { root, region: order.region.clone(), assets: order.assets.clone(), data })
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// The data that lies elsewhere.
    pub(super) fn data(&self) -> &[Mount] {
        &self.data
    }

    /// The data that a value names.
    pub(super) fn data_in(&self, value: &Value) -> Vec<&Mount> {
        let text = value.to_string();
        self.data.iter().filter(|mount| text.contains(mount.uri.trim_end_matches('/'))).collect()
    }

    /// Where an object or prefix lies.
    pub(super) fn path(&self, uri: &str) -> Result<PathBuf, String> {
        let rest = uri.strip_prefix("s3://").ok_or_else(|| format!("`{uri}` is no S3 URI"))?;
        let relative = Path::new(rest);
        let fine = relative.components().all(|part| matches!(part, Component::Normal(_)));
        if !fine || rest.is_empty() {
            return Err(format!("`{uri}` cannot be a path on this machine"));
        }
        Ok(self.root.join(relative))
    }

    /// Copies what lies at a URI into a directory, as SageMaker does before a job: one object by its name, a prefix
    /// with everything below it.
    pub(super) fn fetch(&self, uri: &str, data_type: &str, to: &Path) -> Result<(), String> {
        let told = |error: io::Error| format!("cannot write `{}`: {error}", to.display());
        fs::create_dir_all(to).map_err(told)?;
        let key = uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).map(|(_, key)| key);
        if let Some((key, bytes)) = key.and_then(|key| self.assets.get_key_value(key)) {
            let name = key.rsplit('/').next().unwrap_or(key);
            return fs::write(to.join(name), bytes).map_err(told);
        }
        let from = self.source(uri)?;
        if !from.exists() {
            let hint = match self.data.iter().find(|mount| uri.starts_with(mount.uri.as_str())) {
                Some(mount) => format!("`--data {}=…` has no such file", mount.name),
                None => {
                    "no step wrote it here; data of the stack file is given by `--data NAME=DIR`".to_owned()
                }
            };
            return Err(format!("there is nothing at `{uri}`: {hint}"));
        }
        if data_type == "ManifestFile" && from.is_file() {
            return self.fetch_listed(&from, to);
        }
        if from.is_dir() {
            return copy(&from, to).map_err(told);
        }
        let name = from.file_name().unwrap_or_default();
        fs::copy(&from, to.join(name)).map(drop).map_err(told)
    }

    /// What a manifest lists: `[{"prefix": "s3://…/"}, "a", "b"]`.
    fn fetch_listed(&self, manifest: &Path, to: &Path) -> Result<(), String> {
        let shown = manifest.display();
        let bytes = fs::read(manifest).map_err(|error| format!("cannot read `{shown}`: {error}"))?;
        let list: Vec<Value> =
            serde_json::from_slice(&bytes).map_err(|error| format!("`{shown}` is no manifest: {error}"))?;
        let prefix = list.first().and_then(|head| head["prefix"].as_str());
        let prefix = prefix.ok_or_else(|| format!("`{shown}` does not begin with a prefix"))?;
        for name in list.iter().skip(1).filter_map(Value::as_str) {
            let from = self.source(&format!("{prefix}{name}"))?;
            let at = to.join(name);
            if !Path::new(name).components().all(|part| matches!(part, Component::Normal(_))) {
                return Err(format!("`{shown}` lists `{name}`, which leaves its directory"));
            }
            let copied = fs::create_dir_all(at.parent().unwrap_or(to)).and_then(|()| fs::copy(&from, &at));
            copied.map_err(|error| format!("cannot copy `{}`: {error}", from.display()))?;
        }
        Ok(())
    }

    /// Where to read a URI: in the user's data, else in the store.
    fn source(&self, uri: &str) -> Result<PathBuf, String> {
        let stored = self.path(uri)?;
        for mount in &self.data {
            let prefix = mount.uri.trim_end_matches('/');
            let Some(rest) = uri.strip_prefix(prefix) else { continue };
            if !(rest.is_empty() || rest.starts_with('/')) {
                continue;
            }
            let at = mount.directory.join(rest.trim_matches('/'));
            // A manifest that was never published stands for all that is there.
            return Ok(if at.exists() { at } else { mount.directory.clone() });
        }
        Ok(stored)
    }

    /// Copies a directory to a URI.
    pub(super) fn put(&self, from: &Path, uri: &str) -> Result<PathBuf, String> {
        let to = self.path(uri)?;
        copy(from, &to).map_err(|error| format!("cannot write `{}`: {error}", to.display()))?;
        Ok(to)
    }

    /// Packs a directory into one object, as SageMaker does with a model.
    pub(super) fn pack(&self, from: &Path, uri: &str) -> Result<PathBuf, String> {
        let to = self.path(uri)?;
        let told = |error: io::Error| format!("cannot write `{}`: {error}", to.display());
        let parent = to.parent().unwrap_or(&self.root);
        fs::create_dir_all(parent).map_err(told)?;
        let aside = tempfile::NamedTempFile::new_in(parent).map_err(told)?;
        let gzip = flate2::write::GzEncoder::new(aside, flate2::Compression::fast());
        let mut archive = tar::Builder::new(gzip);
        archive.follow_symlinks(false);
        archive.append_dir_all("", from).map_err(told)?;
        let aside = archive.into_inner().and_then(flate2::write::GzEncoder::finish).map_err(told)?;
        aside.persist(&to).map_err(|error| told(error.error))?;
        Ok(to)
    }
}

/// Copies everything below a directory; what a link leads to counts as a file of its own.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let at = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &at)?;
        } else {
            fs::copy(entry.path(), &at)?;
        }
    }
    Ok(())
}

/// The hash of all names and bytes below a directory, or of a file.
pub(super) fn hash(of: &Path) -> io::Result<String> {
    let mut digest = Sha256::new();
    add(of, "", &mut digest)?;
    Ok(HEXLOWER.encode(&digest.finalize()))
}

fn add(at: &Path, name: &str, digest: &mut Sha256) -> io::Result<()> {
    if !at.is_dir() {
        let size = fs::metadata(at)?.len();
        digest.update((name.len() as u64).to_le_bytes());
        digest.update(name);
        digest.update(size.to_le_bytes());
        io::copy(&mut File::open(at)?, &mut Writer(digest))?;
        return Ok(());
    }
    let mut entries = fs::read_dir(at)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        add(&entry.path(), &name, digest)?;
    }
    Ok(())
}

struct Writer<'d>(&'d mut Sha256);

impl io::Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
