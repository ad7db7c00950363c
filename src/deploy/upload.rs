//! Files to the artifact bucket: several at a time, none twice, each checked.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::aws::{self, Cloud, ErrorKind, NewObject, StoredObject};
use crate::plan::{Plan, Upload};

use super::{Error, Event, Run};

/// How often a file is tried when another request for the same key keeps getting in between.
const ATTEMPTS: u32 = 4;

/// Answers how many files were uploaded, and how many were there already.
pub(super) async fn upload<C: Cloud>(
    run: &mut Run<'_, C>,
    plan: &Plan,
    uploads: &[Upload],
) -> Result<(usize, usize), Error> {
    let bytes = uploads.iter().map(|upload| upload.body.len() as u64).sum();
    (run.emit)(Event::Uploads { files: uploads.len(), bytes });
    let (mut uploaded, mut skipped) = (0, 0);
    let mut waiting = uploads.iter().cloned().enumerate();
    // Dropped on the first failure, which ends the others.
    let mut under_way = JoinSet::new();
    loop {
        while under_way.len() < run.options.parallel.max(1) {
            let Some((index, upload)) = waiting.next() else { break };
            let (cloud, bucket) = (run.cloud.clone(), plan.bucket.clone());
            let (owner, pace) = (plan.target.identity.account.clone(), run.options.pace);
            under_way.spawn(async move {
                let mut attempt = 0;
                loop {
                    match put(&cloud, &upload, &bucket, &owner).await {
                        Err(Error::Upload { source, .. }) if source.is_transient() && attempt < ATTEMPTS => {
                            tokio::time::sleep(pace.retry(attempt)).await;
                            attempt += 1;
                        }
                        result => return result.map(|was_there| (index, was_there)),
                    }
                }
            });
        }
        let Some(joined) = under_way.join_next().await else { return Ok((uploaded, skipped)) };
        let (index, was_there) = match joined {
            Ok(result) => result?,
            Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
        };
        let upload = &uploads[index];
        *(if was_there { &mut skipped } else { &mut uploaded }) += 1;
        (run.emit)(Event::Uploaded {
            file: upload.file.clone(),
            key: upload.key.clone(),
            bytes: upload.body.len() as u64,
            skipped: was_there,
        });
    }
}

/// Whether the file was there already.
async fn put<C: Cloud>(cloud: &C, upload: &Upload, bucket: &str, owner: &str) -> Result<bool, Error> {
    let failed = |source| Error::Upload {
        file: upload.file.clone(),
        bucket: bucket.to_owned(),
        key: upload.key.clone(),
        source: Box::new(source),
    };
    let wrong =
        || Error::Checksum { file: upload.file.clone(), bucket: bucket.to_owned(), key: upload.key.clone() };
    let sha256 = aws::checksum(upload.sha256);
    let holds = |stored: &StoredObject| holds(stored, upload.body.len() as u64, &sha256);

    let stored = match cloud.stored_object(bucket, &upload.key, owner).await {
        Ok(stored) => stored,
        // Whoever may not list the bucket gets 403 for what isn't there.
        Err(error) if error.kind == ErrorKind::AccessDenied => None,
        Err(error) => return Err(failed(error)),
    };
    if stored.as_ref().is_some_and(holds) {
        return Ok(true);
    }
    let object = NewObject {
        bucket: bucket.to_owned(),
        owner: owner.to_owned(),
        key: upload.key.clone(),
        body: Arc::clone(&upload.body),
        sha256: sha256.clone(),
        content_type: upload.content_type,
        // What is there under our address and has another content is damaged, and is replaced.
        only_if_absent: stored.is_none(),
        only_if: None,
    };
    let was_there = match cloud.store_object(&object).await {
        Ok(Some(computed)) => return if computed == sha256 { Ok(false) } else { Err(wrong()) },
        Ok(None) => false,
        // Somebody else was faster; or an earlier attempt of ours arrived, and its answer didn't.
        Err(error) if error.kind == ErrorKind::PreconditionFailed => true,
        Err(error) => return Err(failed(error)),
    };
    match cloud.stored_object(bucket, &upload.key, owner).await {
        Ok(Some(stored)) if holds(&stored) => Ok(was_there),
        Ok(_) => Err(wrong()),
        Err(error) => Err(failed(error)),
    }
}

/// Whether an object has this content, as far as S3 says. A checksum of parts (`…-3`) is no checksum of
/// the content.
fn holds(stored: &StoredObject, bytes: u64, sha256: &str) -> bool {
    let whole = stored.sha256.as_deref().filter(|sum| !sum.contains('-'));
    stored.bytes == bytes && whole.is_none_or(|sum| sum == sha256)
}
