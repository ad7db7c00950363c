//! Large files in parts: as many in memory as there are permits, and taken up where an earlier run was cut off.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::task::JoinSet;

use super::local::{LocalFile, part_bytes};
use super::publish::{Event, Work};
use super::read::Error;
use crate::aws::{self, Objects, StoredPart};

/// Uploads a file in parts. What was uploaded of a file that has changed is of no use to anybody.
pub(super) async fn upload<C: Objects>(
    work: &Work<C>,
    key: &str,
    file: &Arc<LocalFile>,
) -> Result<(), Error> {
    let bucket = &work.store.bucket;
    let (upload, there) = match begun(work, key, file).await? {
        Some(begun) => begun,
        None => (work.cloud.begin_parts(bucket, key).await?, Vec::new()),
    };
    let stored = match send(work, key, file, &upload, there).await {
        Err(error @ Error::Changed { .. }) => {
            work.cloud.abort_parts(bucket, key, &upload).await?;
            return Err(error);
        }
        other => other?,
    };
    if let Err(error) = work.cloud.complete_parts(bucket, key, &upload, &stored).await {
        // An earlier attempt may have arrived, and its answer not.
        return work.check(key, file).await.map_err(|_| error.into());
    }
    work.check(key, file).await
}

/// All parts, in order; those that are there are left alone.
async fn send<C: Objects>(
    work: &Work<C>,
    key: &str,
    file: &Arc<LocalFile>,
    upload: &str,
    there: Vec<StoredPart>,
) -> Result<Vec<StoredPart>, Error> {
    let size = part_bytes(file.file.bytes);
    let mut stored = there;
    let mut under_way: JoinSet<Result<StoredPart, Error>> = JoinSet::new();
    for (index, digest) in file.parts.iter().enumerate() {
        let number = i32::try_from(index + 1).unwrap_or(i32::MAX);
        let from = index as u64 * size;
        let bytes = size.min(file.file.bytes - from);
        if stored.iter().any(|part| part.number == number) {
            let _ = work.events.send(Event::Sent(bytes));
            continue;
        }
        let memory = Arc::clone(&work.memory).acquire_owned().await.expect("the semaphore is never closed");
        let (cloud, bucket, events) = (work.cloud.clone(), work.store.bucket.clone(), work.events.clone());
        let (key, upload, sum) = (key.to_owned(), upload.to_owned(), aws::checksum(*digest));
        let file = Arc::clone(file);
        under_way.spawn(async move {
            let body = read(&file, from, bytes, index).await?;
            let stored = cloud.store_part(&bucket, &key, &upload, number, body, &sum).await?;
            drop(memory);
            let _ = events.send(Event::Sent(bytes));
            Ok(stored)
        });
        while let Some(joined) = under_way.try_join_next() {
            stored.push(unwound(joined)?);
        }
    }
    while let Some(joined) = under_way.join_next().await {
        stored.push(unwound(joined)?);
    }
    stored.sort_by_key(|part| part.number);
    Ok(stored)
}

fn unwound<T>(joined: Result<T, tokio::task::JoinError>) -> T {
    match joined {
        Ok(done) => done,
        Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
    }
}

/// An upload of this file that an earlier run has begun, and its parts as far as they are those of the file.
async fn begun<C: Objects>(
    work: &Work<C>,
    key: &str,
    file: &LocalFile,
) -> Result<Option<(String, Vec<StoredPart>)>, Error> {
    let bucket = &work.store.bucket;
    let Some(upload) = work.cloud.begun(bucket, key).await?.into_iter().next() else { return Ok(None) };
    let mut parts = work.cloud.parts(bucket, key, &upload).await?;
    let size = part_bytes(file.file.bytes);
    parts.retain(|part| {
        let index = usize::try_from(part.number - 1).unwrap_or(usize::MAX);
        let bytes = size.min(file.file.bytes.saturating_sub(index as u64 * size));
        let sum = file.parts.get(index).map(|digest| aws::checksum(*digest));
        part.bytes == bytes && part.sha256.is_some() && part.sha256 == sum
    });
    Ok(Some((upload, parts)))
}

/// Reads a part, which must still be what it was.
pub(super) async fn read(file: &LocalFile, from: u64, bytes: u64, index: usize) -> Result<Vec<u8>, Error> {
    let path = file.file.path.clone();
    let (real, digest) = (file.real.clone(), file.parts.get(index).copied());
    let reading = tokio::task::spawn_blocking(move || {
        let unreadable =
            |error: std::io::Error| Error::Unreadable { path: path.clone(), reason: error.to_string() };
        let mut opened = std::fs::File::open(&real).map_err(unreadable)?;
        opened.seek(SeekFrom::Start(from)).map_err(unreadable)?;
        let mut body = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
        opened.take(bytes).read_to_end(&mut body).map_err(unreadable)?;
        let same = digest.is_some_and(|digest| Sha256::digest(&body)[..] == digest);
        if same { Ok(body) } else { Err(Error::Changed { path: path.clone() }) }
    });
    unwound(reading.await)
}
