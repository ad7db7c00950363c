//! Whether a version is as it was published: its documents, and every object with its size and checksum.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use tokio::task::JoinSet;

use super::publish::fits;
use super::read::{Error, Store};
use super::{Description, File};
use crate::aws::Objects;
use crate::rules::datasets;

/// How many objects are asked for at a time.
const AT_ONCE: usize = 16;

/// What is wrong with a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// An object is gone.
    #[error("`{key}` is gone")]
    Gone {
        /// Its key.
        key: String,
    },
    /// An object has another size.
    #[error("`{key}` has {found} bytes; {expected} were published")]
    Size {
        /// Its key.
        key: String,
        /// The size that was published.
        expected: u64,
        /// The size that it has.
        found: u64,
    },
    /// An object has another content.
    #[error("`{key}` has another content than was published: its SHA-256 is not that of the list")]
    Content {
        /// Its key.
        key: String,
    },
    /// A document of the version is not what belongs there.
    #[error("{0}")]
    Document(String),
}

/// What was found of a version.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// The version.
    pub id: String,
    /// What is known of it.
    pub description: Option<Description>,
    /// How many files were looked at.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Everything that is wrong.
    pub faults: Vec<Fault>,
}

/// Looks at every object of a version. Sizes come from a list; the checksum is S3's own where it has one, else the
/// content is read. `seen` is told of each file.
///
/// # Errors
/// When a call fails for good.
pub async fn verify<C: Objects>(
    cloud: &C,
    store: &Store,
    id: &str,
    seen: &mut dyn FnMut(&File),
) -> Result<Verified, Error> {
    let mut faults = Vec::new();
    let mut documents = |result: Result<(), Error>| match result {
        Err(Error::Damaged { uri, why }) => {
            faults.push(Fault::Document(format!("`{uri}` is not what smstack has written: {why}")));
            Ok(())
        }
        other => other,
    };
    let mut description = None;
    match store.description(cloud, id).await {
        Ok(found) => description = found,
        Err(error) => documents(Err(error))?,
    }
    let mut files = Vec::new();
    match store.files(cloud, id).await {
        Ok(found) => files = found,
        Err(error) => documents(Err(error))?,
    }
    if description.is_none() {
        faults.push(Fault::Gone { key: datasets::description_key(&store.prefix, id) });
    }
    let manifest = store.stored_manifest(cloud, id).await?;
    let as_listed = manifest.is_some_and(|found| found.bytes == store.manifest(id, files.iter()));
    if !files.is_empty() && !as_listed {
        let uri = store.uri(&datasets::manifest_key(&store.prefix, id));
        faults.push(Fault::Document(format!("`{uri}` does not list the files of the version")));
    }
    let listed = cloud.objects(&store.bucket, &datasets::files_prefix(&store.prefix, id)).await?;
    let sizes: BTreeMap<String, u64> = listed.into_iter().map(|it| (it.key, it.bytes)).collect();
    let mut under_way: JoinSet<Result<(usize, Option<Fault>), Error>> = JoinSet::new();
    let mut found = BTreeMap::new();
    let mut waiting = files.iter().enumerate();
    loop {
        while under_way.len() < AT_ONCE
            && let Some((index, file)) = waiting.next()
        {
            let key = store.file_key(id, &file.path);
            match sizes.get(&key) {
                None => drop(found.insert(index, Fault::Gone { key })),
                Some(size) if *size != file.bytes => {
                    let (expected, size) = (file.bytes, *size);
                    found.insert(index, Fault::Size { key, expected, found: size });
                }
                Some(_) => {
                    let (cloud, store, file) = (cloud.clone(), store.clone(), file.clone());
                    under_way.spawn(async move { Ok((index, content(&cloud, &store, key, &file).await?)) });
                }
            }
        }
        match under_way.join_next().await {
            None => break,
            Some(Ok(result)) => {
                let (index, fault) = result?;
                seen(&files[index]);
                found.extend(fault.map(|fault| (index, fault)));
            }
            Some(Err(stopped)) => std::panic::resume_unwind(stopped.into_panic()),
        }
    }
    faults.extend(found.into_values());
    let bytes = files.iter().map(|file| file.bytes).sum();
    Ok(Verified { id: id.to_owned(), description, files: files.len(), bytes, faults })
}

async fn content<C: Objects>(
    cloud: &C,
    store: &Store,
    key: String,
    file: &File,
) -> Result<Option<Fault>, Error> {
    let bucket = &store.bucket;
    let Some(stored) = cloud.stored_object(&bucket.name, &key, &bucket.owner).await? else {
        return Ok(Some(Fault::Gone { key }));
    };
    let good = match &stored.sha256 {
        Some(_) => fits(&stored, file),
        None => match cloud.digest(bucket, &key).await? {
            Some(digest) => HEXLOWER.encode(&digest) == file.sha256,
            None => return Ok(Some(Fault::Gone { key })),
        },
    };
    Ok((!good).then_some(Fault::Content { key }))
}
