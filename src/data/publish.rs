//! A directory becomes a version: files first, then what describes it, its manifest, and `latest` at the very end.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::local::{LocalFile, PART_BYTES, Survey};
use super::read::{Error, Store};
use super::{Description, FORM, File, FileList, Git, name, parts};
use crate::aws::{ErrorKind, NewObject, Objects, StoredObject};
use crate::rules::datasets::{self, LATEST};

/// How many files are worked on at a time, and how many parts are in memory.
const AT_ONCE: usize = 8;
/// The largest object that S3 copies in one go.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>
const LARGEST_COPY: u64 = 5_000_000_000;

/// Who publishes, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The caller's ARN.
    pub by: String,
    /// The time, in UTC.
    pub at: String,
    /// The commit.
    pub git: Option<Git>,
    /// The stack.
    pub stack: String,
    /// The environment.
    pub environment: String,
}

/// How a file of a version came to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It was there.
    There,
    /// It was copied from the latest version, inside S3.
    Copied,
    /// It was uploaded.
    Uploaded,
}

/// What happens while a directory is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The version's name is known.
    Version {
        /// The name.
        id: String,
        /// How many files.
        files: usize,
        /// How many bytes.
        bytes: u64,
    },
    /// Bytes went to S3.
    Sent(u64),
    /// A file is in its place.
    Placed {
        /// Its path.
        path: String,
        /// Its size.
        bytes: u64,
        /// How it came there.
        how: How,
    },
    /// `latest` moves.
    Moving,
}

/// A version that is published.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// What is known of it.
    pub description: Description,
    /// Files that were uploaded.
    pub uploaded: usize,
    /// Files that were copied inside S3.
    pub copied: usize,
    /// Files that were there.
    pub there: usize,
    /// Whether it was published whole before.
    pub known: bool,
    /// The version that was the latest before, when it was another.
    pub before: Option<String>,
}

/// Publishes a directory, and makes it the latest version.
///
/// A file is written only where nothing is, or over what is damaged; so a version that was published before is mended.
/// Two who publish the same version write the same. `latest` moves only when it still is what it was at the beginning,
/// so that of two publishers none undoes unseen what the other did.
///
/// # Errors
/// When a call fails for good, a file changes meanwhile, or somebody else moves `latest` meanwhile.
///
/// # Panics
/// Never: whatever is written has a JSON form.
pub async fn publish<C: Objects>(
    cloud: &C,
    store: &Store,
    survey: Survey,
    origin: &Origin,
    emit: &mut dyn FnMut(Event),
) -> Result<Published, Error> {
    let id = name(&survey.sha256);
    let bytes = survey.bytes();
    emit(Event::Version { id: id.clone(), files: survey.files.len(), bytes });
    let latest = store.latest(cloud).await?;
    let manifest = store.manifest(&id, survey.files.iter().map(|it| &it.file));
    let stored = store.stored_manifest(cloud, &id).await?;
    let read = store.description(cloud, &id).await;
    let is_first = matches!(read, Ok(None));
    let known = sound(read)?;
    if known.as_ref().is_some_and(|it| it.sha256 != survey.sha256) {
        return Err(Error::Collision { id });
    }
    let mut published = Published {
        description: described(store, &survey, &id, origin),
        uploaded: 0,
        copied: 0,
        there: 0,
        known: stored.is_some(),
        before: latest.as_ref().map(|(before, _)| before.clone()).filter(|before| *before != id),
    };
    let files: Vec<File> = survey.files.iter().map(|it| it.file.clone()).collect();
    let base = published.before.clone();
    let mut count = |event: Event| {
        if let Event::Placed { how, .. } = &event {
            *match how {
                How::There => &mut published.there,
                How::Copied => &mut published.copied,
                How::Uploaded => &mut published.uploaded,
            } += 1;
        }
        emit(event);
    };
    place(cloud, store, &id, survey.files, base.as_deref(), &mut count).await?;
    // What is there and cannot be understood is replaced: the name of the version says what has to be there.
    if sound(store.files(cloud, &id).await.map(Some))?.is_none() {
        let list = serde_json::to_vec(&FileList { version: FORM, files }).expect("a list has a JSON form");
        cloud.store_object(&store.document(datasets::list_key(&store.prefix, &id), list)).await?;
    }
    if let Some(first) = known {
        published.description = first;
    } else {
        let text = serde_json::to_vec_pretty(&published.description).expect("a description has a JSON form");
        let object = store.document(datasets::description_key(&store.prefix, &id), text);
        match cloud.store_object(&NewObject { only_if_absent: is_first, ..object }).await {
            Ok(_) => {}
            // Who published it first is who is told of.
            Err(error) if error.kind == ErrorKind::PreconditionFailed => {
                published.description = store.description(cloud, &id).await?.unwrap_or(published.description);
            }
            Err(error) => return Err(error.into()),
        }
    }
    if stored.is_none_or(|found| found.bytes != manifest) {
        cloud
            .store_object(&store.document(datasets::manifest_key(&store.prefix, &id), manifest.clone()))
            .await?;
    }
    if latest.as_ref().is_none_or(|(before, _)| *before != id) {
        emit(Event::Moving);
        point(cloud, store, &id, manifest, latest.and_then(|(_, etag)| etag)).await?;
    }
    Ok(published)
}

fn described(store: &Store, survey: &Survey, id: &str, origin: &Origin) -> Description {
    let rows: Vec<u64> = survey.files.iter().filter_map(|it| it.file.rows).collect();
    Description {
        version: FORM,
        dataset: store.dataset.clone(),
        id: id.to_owned(),
        sha256: survey.sha256.clone(),
        files: survey.files.len() as u64,
        bytes: survey.bytes(),
        rows: (!rows.is_empty()).then(|| rows.iter().sum()),
        schemas: survey.schemas.clone(),
        published: origin.at.clone(),
        by: origin.by.clone(),
        git: origin.git.clone(),
        stack: origin.stack.clone(),
        environment: origin.environment.clone(),
        smstack: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// A document of a version, when it is there and as smstack writes it.
fn sound<T>(read: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    match read {
        Err(Error::Damaged { .. }) => Ok(None),
        other => other,
    }
}

/// Moves `latest`, if it is still as it was.
async fn point<C: Objects>(
    cloud: &C,
    store: &Store,
    id: &str,
    manifest: Vec<u8>,
    before: Option<String>,
) -> Result<(), Error> {
    let object = store.document(datasets::manifest_key(&store.prefix, LATEST), manifest);
    let object = NewObject { only_if_absent: before.is_none(), only_if: before, ..object };
    match cloud.store_object(&object).await {
        Ok(_) => Ok(()),
        // Or an earlier attempt of ours arrived, and its answer didn't.
        Err(error) if error.kind == ErrorKind::PreconditionFailed => match store.latest(cloud).await? {
            Some((now, _)) if now == id => Ok(()),
            other => {
                let other = other.map_or_else(|| "nothing".to_owned(), |(other, _)| other);
                Err(Error::Overtaken { id: id.to_owned(), other })
            }
        },
        Err(error) => Err(error.into()),
    }
}

/// What all files of one publication share.
pub(super) struct Work<C> {
    pub(super) cloud: C,
    pub(super) store: Store,
    pub(super) id: String,
    /// Sizes of the objects that an earlier run has left in place.
    there: BTreeMap<String, u64>,
    /// The files of the latest version by path, and that version.
    base: Option<(String, BTreeMap<String, File>)>,
    /// One permit for each part in memory.
    pub(super) memory: Arc<Semaphore>,
    pub(super) events: mpsc::UnboundedSender<Event>,
}

/// Brings all files to their places.
async fn place<C: Objects>(
    cloud: &C,
    store: &Store,
    id: &str,
    files: Vec<LocalFile>,
    base: Option<&str>,
    emit: &mut dyn FnMut(Event),
) -> Result<(), Error> {
    let there = cloud.objects(&store.bucket, &datasets::files_prefix(&store.prefix, id)).await?;
    let base = match base {
        // A list that is gone or damaged has nothing to copy from.
        Some(base) => store.files(cloud, base).await.ok().map(|files| {
            (base.to_owned(), files.into_iter().map(|file| (file.path.clone(), file)).collect())
        }),
        None => None,
    };
    let (events, mut heard) = mpsc::unbounded_channel();
    let work = Arc::new(Work {
        cloud: cloud.clone(),
        store: store.clone(),
        id: id.to_owned(),
        there: there.into_iter().map(|it| (it.key, it.bytes)).collect(),
        base,
        memory: Arc::new(Semaphore::new(AT_ONCE)),
        events,
    });
    let mut waiting = files.into_iter();
    // Dropped on the first failure, which ends the others.
    let mut under_way = JoinSet::new();
    loop {
        while under_way.len() < AT_ONCE
            && let Some(file) = waiting.next()
        {
            let work = Arc::clone(&work);
            under_way.spawn(async move { work.put(&Arc::new(file)).await });
        }
        tokio::select! {
            Some(event) = heard.recv() => emit(event),
            joined = under_way.join_next() => match joined {
                None => break,
                Some(Ok(result)) => result?,
                Some(Err(stopped)) => std::panic::resume_unwind(stopped.into_panic()),
            },
        }
    }
    while let Ok(event) = heard.try_recv() {
        emit(event);
    }
    Ok(())
}

impl<C: Objects> Work<C> {
    async fn put(&self, file: &Arc<LocalFile>) -> Result<(), Error> {
        let key = self.store.file_key(&self.id, &file.file.path);
        let how = if self.is_there(&key, &file.file).await? {
            How::There
        } else if self.copied(&key, &file.file).await? {
            How::Copied
        } else if file.file.bytes > PART_BYTES {
            parts::upload(self, &key, file).await?;
            How::Uploaded
        } else {
            self.upload(&key, file).await?;
            How::Uploaded
        };
        if how != How::Uploaded {
            let _ = self.events.send(Event::Sent(file.file.bytes));
        }
        let (path, bytes) = (file.file.path.clone(), file.file.bytes);
        // Nobody listens any more once another file has failed.
        let _ = self.events.send(Event::Placed { path, bytes, how });
        Ok(())
    }

    /// Whether an earlier run has brought the file to its place, whole.
    async fn is_there(&self, key: &str, file: &File) -> Result<bool, Error> {
        if self.there.get(key) != Some(&file.bytes) {
            return Ok(false);
        }
        let bucket = &self.store.bucket;
        let stored = self.cloud.stored_object(&bucket.name, key, &bucket.owner).await?;
        // What has no checksum was put there by somebody else.
        Ok(stored.is_some_and(|stored| stored.sha256.is_some() && fits(&stored, file)))
    }

    /// Whether S3 has copied the file from the latest version.
    async fn copied(&self, key: &str, file: &File) -> Result<bool, Error> {
        let Some((base, _)) = self.base.as_ref().filter(|_| self.shares(file)) else { return Ok(false) };
        let bucket = &self.store.bucket;
        if !self.cloud.copy(bucket, &self.store.file_key(base, &file.path), key).await? {
            return Ok(false);
        }
        let stored = self.cloud.stored_object(&bucket.name, key, &bucket.owner).await?;
        // What it is copied from may be damaged.
        Ok(stored.is_some_and(|stored| stored.sha256.is_some() && fits(&stored, file)))
    }

    /// Whether the latest version has the same file, and S3 can copy it.
    fn shares(&self, file: &File) -> bool {
        let same = |it: &File| it.sha256 == file.sha256 && it.bytes == file.bytes;
        let base = self.base.as_ref().and_then(|(_, files)| files.get(&file.path));
        base.is_some_and(same) && file.bytes <= LARGEST_COPY
    }

    /// Uploads a file in one go.
    async fn upload(&self, key: &str, file: &LocalFile) -> Result<(), Error> {
        let _memory = self.memory.acquire().await.expect("the semaphore is never closed");
        let body = parts::read(file, 0, file.file.bytes, 0).await?;
        let _ = self.events.send(Event::Sent(file.file.bytes));
        let bucket = &self.store.bucket;
        let object = NewObject {
            bucket: bucket.name.clone(),
            owner: bucket.owner.clone(),
            key: key.to_owned(),
            body: body.into(),
            sha256: file.file.checksum.clone(),
            content_type: "application/octet-stream",
            // What is there is damaged, be it copied so, and is replaced.
            only_if_absent: !(self.there.contains_key(key) || self.shares(&file.file)),
            only_if: None,
        };
        match self.cloud.store_object(&object).await {
            Ok(Some(computed)) if computed != file.file.checksum => Err(self.wrong(key, file)),
            Ok(_) => Ok(()),
            // Another publisher of the same version was faster, or an earlier attempt of ours.
            Err(error) if error.kind == ErrorKind::PreconditionFailed => self.check(key, file).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Whether what is in the place is the file.
    pub(super) async fn check(&self, key: &str, file: &LocalFile) -> Result<(), Error> {
        let bucket = &self.store.bucket;
        let stored = self.cloud.stored_object(&bucket.name, key, &bucket.owner).await?;
        let good = stored.is_some_and(|stored| fits(&stored, &file.file));
        if good { Ok(()) } else { Err(self.wrong(key, file)) }
    }

    fn wrong(&self, key: &str, file: &LocalFile) -> Error {
        Error::Checksum { path: file.file.path.clone(), uri: self.store.uri(key) }
    }
}

/// Whether an object is a file, as far as S3 says. What was copied has a checksum of the whole, also where the
/// original was uploaded in parts.
pub(super) fn fits(stored: &StoredObject, file: &File) -> bool {
    let whole = || crate::aws::checksum_of_hex(&file.sha256);
    let same = |sum: &str| sum == file.checksum || whole().is_some_and(|whole| whole == sum);
    stored.bytes == file.bytes && stored.sha256.as_deref().is_none_or(same)
}
