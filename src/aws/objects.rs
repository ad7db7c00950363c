//! S3 for what is published: listing, copying, and objects in parts.

use std::fmt::Write as _;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::cloudformation::said;
use super::{Aws, Cloud, Error, ErrorKind, Result, s3};

/// A bucket, and who must own it: a bucket of the same name in other hands is neither read nor written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnBucket {
    /// Its name.
    pub name: String,
    /// The account.
    pub owner: String,
}

/// An object of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The key.
    pub key: String,
    /// The size.
    pub bytes: u64,
}

/// An object that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The content.
    pub bytes: Vec<u8>,
    /// Names the content, for conditions.
    pub etag: Option<String>,
}

/// A version of an object, by the versioning of its bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectVersion {
    /// Its id.
    pub id: String,
    /// When it was written.
    pub written: Option<Timestamp>,
}

/// A part of an object that is uploaded in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPart {
    /// Its number, from 1.
    pub number: i32,
    /// Its size.
    pub bytes: u64,
    /// Base64 SHA-256, when S3 says it.
    pub sha256: Option<String>,
    /// What names it when the upload is completed.
    pub etag: String,
}

/// What smstack asks of S3 for data that is published. As [`Cloud`], each call retries, ends, and fails with an [`Error`].
pub trait Objects: Cloud {
    /// `ListObjectsV2`, all pages: what lies under a prefix, sorted by key.
    fn objects(&self, bucket: &OwnBucket, prefix: &str) -> impl Future<Output = Result<Vec<Listed>>> + Send;

    /// `GetObject`; `None` when there is none. [`ErrorKind::Local`] when it is larger than `most` bytes.
    fn object(
        &self,
        bucket: &OwnBucket,
        key: &str,
        most: u64,
    ) -> impl Future<Output = Result<Option<Fetched>>> + Send;

    /// `GetObject` of one version.
    fn object_version(
        &self,
        bucket: &OwnBucket,
        key: &str,
        version: &str,
        most: u64,
    ) -> impl Future<Output = Result<Option<Fetched>>> + Send;

    /// `ListObjectVersions` of one key, newest first, one page.
    fn versions(
        &self,
        bucket: &OwnBucket,
        key: &str,
    ) -> impl Future<Output = Result<Vec<ObjectVersion>>> + Send;

    /// `GetObject`: SHA-256 of the content, which is read and not kept; `None` when there is none.
    fn digest(&self, bucket: &OwnBucket, key: &str) -> impl Future<Output = Result<Option<[u8; 32]>>> + Send;

    /// `CopyObject` within a bucket, up to 5 GB; whether there was something to copy.
    fn copy(&self, bucket: &OwnBucket, from: &str, to: &str) -> impl Future<Output = Result<bool>> + Send;

    /// `CreateMultipartUpload`: the upload's id.
    fn begin_parts(&self, bucket: &OwnBucket, key: &str) -> impl Future<Output = Result<String>> + Send;

    /// `ListMultipartUploads`: ids of uploads of this key that were begun and not completed, newest first.
    fn begun(&self, bucket: &OwnBucket, key: &str) -> impl Future<Output = Result<Vec<String>>> + Send;

    /// `ListParts`, all pages.
    fn parts(
        &self,
        bucket: &OwnBucket,
        key: &str,
        upload: &str,
    ) -> impl Future<Output = Result<Vec<StoredPart>>> + Send;

    /// `UploadPart`; S3 refuses what does not match the base64 SHA-256.
    fn store_part(
        &self,
        bucket: &OwnBucket,
        key: &str,
        upload: &str,
        number: i32,
        body: Vec<u8>,
        sha256: &str,
    ) -> impl Future<Output = Result<StoredPart>> + Send;

    /// `CompleteMultipartUpload`.
    fn complete_parts(
        &self,
        bucket: &OwnBucket,
        key: &str,
        upload: &str,
        parts: &[StoredPart],
    ) -> impl Future<Output = Result<()>> + Send;

    /// `AbortMultipartUpload`.
    fn abort_parts(
        &self,
        bucket: &OwnBucket,
        key: &str,
        upload: &str,
    ) -> impl Future<Output = Result<()>> + Send;
}

impl Objects for Aws {
    async fn objects(&self, bucket: &OwnBucket, prefix: &str) -> Result<Vec<Listed>> {
        let mut found = Vec::new();
        let mut page = None;
        loop {
            let call = self.s3().list_objects_v2().bucket(&bucket.name).expected_bucket_owner(&bucket.owner);
            let call = call.prefix(prefix).set_continuation_token(page);
            let output = call.send().await.map_err(|error| Error::of("ListObjectsV2", &error))?;
            found.extend(output.contents.unwrap_or_default().into_iter().filter_map(|it| {
                Some(Listed { key: it.key?, bytes: u64::try_from(it.size.unwrap_or_default()).unwrap_or(0) })
            }));
            page = said(output.next_continuation_token);
            if page.is_none() {
                return Ok(found);
            }
        }
    }

    async fn object(&self, bucket: &OwnBucket, key: &str, most: u64) -> Result<Option<Fetched>> {
        fetch(self.s3(), bucket, key, None, most).await
    }

    async fn object_version(
        &self,
        bucket: &OwnBucket,
        key: &str,
        version: &str,
        most: u64,
    ) -> Result<Option<Fetched>> {
        fetch(self.s3(), bucket, key, Some(version), most).await
    }

    async fn versions(&self, bucket: &OwnBucket, key: &str) -> Result<Vec<ObjectVersion>> {
        let call = self.s3().list_object_versions().bucket(&bucket.name).expected_bucket_owner(&bucket.owner);
        let output = call.prefix(key).send().await;
        let output = output.map_err(|error| Error::of("ListObjectVersions", &error))?;
        let versions = output.versions.unwrap_or_default().into_iter();
        let version = |it: aws_sdk_s3::types::ObjectVersion| {
            let written = it.last_modified.and_then(super::cloudformation::timestamp);
            Some(ObjectVersion { id: it.version_id?, written })
        };
        Ok(versions.filter(|it| it.key.as_deref() == Some(key)).filter_map(version).collect())
    }

    async fn digest(&self, bucket: &OwnBucket, key: &str) -> Result<Option<[u8; 32]>> {
        const OPERATION: &str = "GetObject";
        let call = self.s3().get_object().bucket(&bucket.name).key(key).expected_bucket_owner(&bucket.owner);
        let mut output = match call.send().await {
            Ok(output) => output,
            Err(error) => return absent(Error::of(OPERATION, &error)),
        };
        let mut digest = Sha256::new();
        let network =
            |error: &dyn std::fmt::Display| Error::own(OPERATION, ErrorKind::Network, error.to_string());
        while let Some(bytes) = output.body.try_next().await.map_err(|error| network(&error))? {
            digest.update(&bytes);
        }
        Ok(Some(digest.finalize().into()))
    }

    async fn copy(&self, bucket: &OwnBucket, from: &str, to: &str) -> Result<bool> {
        let call = self.s3().copy_object().bucket(&bucket.name).key(to);
        let call = call.expected_bucket_owner(&bucket.owner).expected_source_bucket_owner(&bucket.owner);
        let call = call.copy_source(format!("{}/{}", bucket.name, encoded(from)));
        match call.checksum_algorithm(ChecksumAlgorithm::Sha256).send().await {
            Ok(_) => Ok(true),
            Err(error) => absent(Error::of("CopyObject", &error)).map(|done: Option<()>| done.is_some()),
        }
    }

    async fn begin_parts(&self, bucket: &OwnBucket, key: &str) -> Result<String> {
        const OPERATION: &str = "CreateMultipartUpload";
        let call = self.s3().create_multipart_upload().bucket(&bucket.name).key(key);
        let call = call.expected_bucket_owner(&bucket.owner).checksum_algorithm(ChecksumAlgorithm::Sha256);
        let output = call.send().await.map_err(|error| Error::of(OPERATION, &error))?;
        let nameless = || Error::own(OPERATION, ErrorKind::Unknown, "the answer names no upload");
        output.upload_id.ok_or_else(nameless)
    }

    async fn begun(&self, bucket: &OwnBucket, key: &str) -> Result<Vec<String>> {
        let call = self.s3().list_multipart_uploads().bucket(&bucket.name);
        let output = call.expected_bucket_owner(&bucket.owner).prefix(key).send().await;
        let output = output.map_err(|error| Error::of("ListMultipartUploads", &error))?;
        let mut uploads = output.uploads.unwrap_or_default();
        uploads.retain(|upload| upload.key.as_deref() == Some(key));
        uploads.sort_by_key(|upload| std::cmp::Reverse(upload.initiated.map(|at| at.as_nanos())));
        Ok(uploads.into_iter().filter_map(|upload| upload.upload_id).collect())
    }

    async fn parts(&self, bucket: &OwnBucket, key: &str, upload: &str) -> Result<Vec<StoredPart>> {
        let mut found = Vec::new();
        let mut page: Option<String> = None;
        loop {
            let call = self.s3().list_parts().bucket(&bucket.name).key(key).upload_id(upload);
            let call = call.expected_bucket_owner(&bucket.owner).set_part_number_marker(page);
            let output = call.send().await.map_err(|error| Error::of("ListParts", &error))?;
            found.extend(output.parts.unwrap_or_default().into_iter().filter_map(|part| {
                Some(StoredPart {
                    number: part.part_number?,
                    bytes: u64::try_from(part.size?).ok()?,
                    sha256: part.checksum_sha256,
                    etag: part.e_tag?,
                })
            }));
            page = said(output.next_part_number_marker).filter(|_| output.is_truncated == Some(true));
            if page.is_none() {
                return Ok(found);
            }
        }
    }

    async fn store_part(
        &self,
        bucket: &OwnBucket,
        key: &str,
        upload: &str,
        number: i32,
        body: Vec<u8>,
        sha256: &str,
    ) -> Result<StoredPart> {
        const OPERATION: &str = "UploadPart";
        let bytes = body.len();
        let call = self.s3().upload_part().bucket(&bucket.name).key(key).upload_id(upload);
        let call = call.expected_bucket_owner(&bucket.owner).part_number(number);
        let call = call.checksum_algorithm(ChecksumAlgorithm::Sha256).checksum_sha256(sha256);
        let call = call.body(ByteStream::from(body)).customize().config_override(s3::patient(bytes));
        let output = call.send().await.map_err(|error| Error::of(OPERATION, &error))?;
        let nameless = || Error::own(OPERATION, ErrorKind::Unknown, "the answer names no part");
        Ok(StoredPart {
            number,
            bytes: bytes as u64,
            sha256: Some(sha256.to_owned()),
            etag: output.e_tag.ok_or_else(nameless)?,
        })
    }

    async fn complete_parts(
        &self,
        bucket: &OwnBucket,
        key: &str,
        upload: &str,
        parts: &[StoredPart],
    ) -> Result<()> {
        let part = |part: &StoredPart| {
            let known = CompletedPart::builder().part_number(part.number).e_tag(&part.etag);
            known.set_checksum_sha256(part.sha256.clone()).build()
        };
        let all = CompletedMultipartUpload::builder().set_parts(Some(parts.iter().map(part).collect()));
        let call = self.s3().complete_multipart_upload().bucket(&bucket.name).key(key).upload_id(upload);
        let call = call.expected_bucket_owner(&bucket.owner).multipart_upload(all.build());
        call.send().await.map(drop).map_err(|error| Error::of("CompleteMultipartUpload", &error))
    }

    async fn abort_parts(&self, bucket: &OwnBucket, key: &str, upload: &str) -> Result<()> {
        let call = self.s3().abort_multipart_upload().bucket(&bucket.name).key(key).upload_id(upload);
        match call.expected_bucket_owner(&bucket.owner).send().await {
            Ok(_) => Ok(()),
            Err(error) => absent(Error::of("AbortMultipartUpload", &error)).map(|_: Option<()>| ()),
        }
    }
}

/// What is not there is no failure.
fn absent<T>(error: Error) -> Result<Option<T>> {
    if error.kind == ErrorKind::NotFound { Ok(None) } else { Err(error) }
}

async fn fetch(
    client: &Client,
    bucket: &OwnBucket,
    key: &str,
    version: Option<&str>,
    most: u64,
) -> Result<Option<Fetched>> {
    const OPERATION: &str = "GetObject";
    let call = client.get_object().bucket(&bucket.name).key(key).expected_bucket_owner(&bucket.owner);
    let output = match call.set_version_id(version.map(str::to_owned)).send().await {
        Ok(output) => output,
        Err(error) => return absent(Error::of(OPERATION, &error)),
    };
    let bytes = output.content_length.and_then(|length| u64::try_from(length).ok());
    if bytes.is_none_or(|bytes| bytes > most) {
        let message = format!("`s3://{}/{key}` is too large to be read", bucket.name);
        return Err(Error::own(OPERATION, ErrorKind::Local, message));
    }
    let body = output.body.collect().await;
    let body = body.map_err(|error| Error::own(OPERATION, ErrorKind::Network, error.to_string()))?;
    Ok(Some(Fetched { bytes: body.to_vec(), etag: output.e_tag }))
}

/// A key as `x-amz-copy-source` takes it: percent-encoded but for what URLs leave alone, and `/`.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>
fn encoded(key: &str) -> String {
    let mut text = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(char::from(byte));
            }
            other => write!(text, "%{other:02X}").expect("text takes text"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_encoded_for_a_header() {
        let check = |key: &str, expected: &str| assert_eq!(encoded(key), expected);
        check("a/b-1.csv", "a/b-1.csv");
        check("a b+ü?.csv", "a%20b%2B%C3%BC%3F.csv");
    }
}
