//! S3: is it there, put it there, read it.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::config::timeout::TimeoutConfig;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, Delete, ObjectIdentifier};

use super::connect::CONNECT_TIMEOUT;
use super::{Error, ErrorKind, NewObject, Result, StoredObject};

/// A SHA-256 as S3 writes checksums.
pub fn checksum(sha256: [u8; 32]) -> String {
    aws_smithy_types::base64::encode(sha256)
}

/// The same from lower-case hexadecimal; none for anything else.
pub fn checksum_of_hex(sha256: &str) -> Option<String> {
    let digits: Vec<u8> =
        (0..32).map(|n| u8::from_str_radix(sha256.get(2 * n..2 * n + 2)?, 16).ok()).collect::<Option<_>>()?;
    (sha256.len() == 64).then(|| aws_smithy_types::base64::encode(digits))
}

pub(super) async fn stored_object(
    client: &Client,
    bucket: &str,
    key: &str,
    owner: &str,
) -> Result<Option<StoredObject>> {
    let call = client.head_object().bucket(bucket).key(key).expected_bucket_owner(owner);
    match call.checksum_mode(ChecksumMode::Enabled).send().await {
        Ok(output) => Ok(Some(StoredObject {
            bytes: output.content_length.and_then(|length| u64::try_from(length).ok()).unwrap_or(0),
            sha256: output.checksum_sha256,
        })),
        Err(error) => match Error::of("HeadObject", &error) {
            error if error.kind == ErrorKind::NotFound => Ok(None),
            error => Err(error),
        },
    }
}

pub(super) async fn has_bucket(client: &Client, bucket: &str, owner: &str) -> Result<bool> {
    match client.head_bucket().bucket(bucket).expected_bucket_owner(owner).send().await {
        Ok(_) => Ok(true),
        Err(error) => match Error::of("HeadBucket", &error) {
            // Somebody else's, or nobody's.
            error if matches!(error.kind, ErrorKind::NotFound | ErrorKind::AccessDenied) => Ok(false),
            error => Err(error),
        },
    }
}

/// How long an upload may take: the SDK counts the time to send the body as waiting for the answer. A
/// minute, and one more for each 6 MB (100 kB/s). A connection that stalls is noticed earlier, by the
/// SDK's stalled stream protection. Whole minutes, so that uploads share connections.
fn patience(bytes: usize) -> Duration {
    Duration::from_mins(1 + bytes as u64 / 6_000_000)
}

/// Settings of a call that sends so many bytes.
pub(super) fn patient(bytes: usize) -> Builder {
    let timeout = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(patience(bytes));
    Builder::new().timeout_config(timeout.build())
}

pub(super) async fn store_object(client: &Client, object: &NewObject) -> Result<Option<String>> {
    let mut call = client
        .put_object()
        .bucket(&object.bucket)
        .key(&object.key)
        .expected_bucket_owner(&object.owner)
        .content_type(object.content_type)
        .checksum_algorithm(ChecksumAlgorithm::Sha256)
        .checksum_sha256(&object.sha256)
        .body(ByteStream::from(object.body.to_vec()));
    if object.only_if_absent {
        call = call.if_none_match("*");
    }
    let call = call.set_if_match(object.only_if.clone());
    let call = call.customize().config_override(patient(object.body.len()));
    let output = call.send().await.map_err(|error| Error::of("PutObject", &error))?;
    Ok(output.checksum_sha256)
}

/// A small object as text, by its `s3://` URI.
pub(super) async fn small_object(client: &Client, uri: &str, most: u64) -> Result<String> {
    const OPERATION: &str = "GetObject";
    let local = |words: &str| Error::own(OPERATION, ErrorKind::Local, format!("`{uri}` {words}"));
    let (bucket, key) = uri
        .strip_prefix("s3://")
        .and_then(|rest| rest.split_once('/'))
        .ok_or_else(|| local("is no URI of an object"))?;
    let call = client.get_object().bucket(bucket).key(key);
    let output = call.send().await.map_err(|error| Error::of(OPERATION, &error))?;
    let bytes = output.content_length.and_then(|length| u64::try_from(length).ok());
    if bytes.is_none_or(|bytes| bytes > most) {
        return Err(local("is too large to be shown"));
    }
    let body = output.body.collect().await;
    let body = body.map_err(|error| Error::own(OPERATION, ErrorKind::Network, error.to_string()))?;
    String::from_utf8(body.to_vec()).map_err(|_| local("is no text"))
}

/// Deletes every version of every object, and every mark of a deletion. What was deleted before a call failed is gone:
/// the next run goes on from there.
pub(super) async fn empty_bucket(client: &Client, bucket: &str, owner: &str) -> Result<u64> {
    const OPERATION: &str = "DeleteObjects";
    let mut count = 0;
    loop {
        // Always the first page: what it held is gone when the next one is asked for.
        let call = client.list_object_versions().bucket(bucket).expected_bucket_owner(owner);
        let page = match call.send().await {
            Ok(page) => page,
            Err(error) => match Error::of("ListObjectVersions", &error) {
                error if error.kind == ErrorKind::NotFound => return Ok(count),
                error => return Err(error),
            },
        };
        let versions = page.versions.unwrap_or_default().into_iter().map(|it| (it.key, it.version_id));
        let marks = page.delete_markers.unwrap_or_default().into_iter().map(|it| (it.key, it.version_id));
        let doomed: Vec<ObjectIdentifier> = versions
            .chain(marks)
            .filter_map(|(key, version)| {
                ObjectIdentifier::builder().key(key?).set_version_id(version).build().ok()
            })
            .collect();
        if doomed.is_empty() {
            return Ok(count);
        }
        let deleted = doomed.len() as u64;
        let delete = Delete::builder().set_objects(Some(doomed)).quiet(true).build();
        let delete = delete.map_err(|error| Error::own(OPERATION, ErrorKind::Local, error.to_string()))?;
        let call = client.delete_objects().bucket(bucket).expected_bucket_owner(owner).delete(delete);
        let output = call.send().await.map_err(|error| Error::of(OPERATION, &error))?;
        if let Some(refused) = output.errors.unwrap_or_default().into_iter().next() {
            let words = |text: Option<String>| text.unwrap_or_default();
            let detail = format!("`{}`: {}", words(refused.key), words(refused.message));
            return Err(Error::own(OPERATION, ErrorKind::AccessDenied, detail));
        }
        count += deleted;
    }
}
