//! What is published: the versions of a dataset, their descriptions and their files.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Description, FORM, File, FileList, digest, is_name, name};
use crate::aws::{self, Fetched, NewObject, Objects, OwnBucket};
use crate::rules::datasets::{self, LATEST};

/// The largest document of a version: the list of a million files with long paths.
const MOST_BYTES: u64 = 1 << 30;
/// How many descriptions are read at a time.
const AT_ONCE: usize = 16;

/// Where a dataset lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Its name.
    pub dataset: String,
    /// Its bucket.
    pub bucket: OwnBucket,
    /// What the keys of its objects begin with.
    pub prefix: String,
}

/// A version, as far as it can be told without reading its files.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// Its name.
    pub id: String,
    /// Whether it is the latest.
    pub latest: bool,
    /// What is known of it; `None` when its description is gone.
    pub description: Option<Description>,
}

/// Why something about a dataset failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A call failed.
    #[error("{0}")]
    Cloud(#[from] aws::Error),
    /// Nothing is published.
    #[error("nothing is published of dataset `{dataset}`")]
    Nothing {
        /// The dataset.
        dataset: String,
    },
    /// There is no such version.
    #[error("dataset `{dataset}` has no version `{version}`")]
    NoVersion {
        /// The dataset.
        dataset: String,
        /// What was asked for.
        version: String,
        /// What may be meant.
        near: Vec<String>,
    },
    /// A document of a version cannot be understood, or is gone.
    #[error("`{uri}` is not what smstack has written: {why}")]
    Damaged {
        /// Where.
        uri: String,
        /// What is wrong with it.
        why: String,
    },
    /// Another version of the same name has another content.
    #[error("version `{id}` is published with another content")]
    Collision {
        /// The version.
        id: String,
    },
    /// A file was changed while it was published.
    #[error("`{path}` was changed while it was published")]
    Changed {
        /// Relative to the directory.
        path: String,
    },
    /// A file cannot be read any more.
    #[error("`{path}` can't be read: {reason}")]
    Unreadable {
        /// Relative to the directory.
        path: String,
        /// What the operating system says.
        reason: String,
    },
    /// A file did not arrive as it is.
    #[error("`{path}` did not arrive at `{uri}` as it is here")]
    Checksum {
        /// Relative to the directory.
        path: String,
        /// Where it was put.
        uri: String,
    },
    /// Somebody else moved `latest` meanwhile.
    #[error(
        "version `{id}` is published, and is not the latest: somebody else made `{other}` the latest meanwhile"
    )]
    Overtaken {
        /// The version that was to be the latest.
        id: String,
        /// The one that is.
        other: String,
    },
}

impl Error {
    /// The way out.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Error::Cloud(error) => return error.help().map(str::to_owned),
            Error::Nothing { dataset } => {
                format!("publish a directory: `smstack data publish STACK {dataset} DIRECTORY --env ENV`")
            }
            Error::NoVersion { near, .. } if !near.is_empty() => {
                let near: Vec<String> = near.iter().map(|id| format!("`{id}`")).collect();
                format!("did you mean {}?", near.join(" or "))
            }
            Error::NoVersion { dataset, .. } => {
                format!("`smstack data list STACK {dataset}` says which there are")
            }
            Error::Damaged { .. } => "publish the same directory again: what is wrong is replaced".to_owned(),
            Error::Collision { .. } => {
                "remove the objects of that version, or publish under another dataset".to_owned()
            }
            Error::Changed { .. } => {
                "run it again when nothing writes there any more, or publish a copy; `latest` is as it was"
                    .to_owned()
            }
            Error::Unreadable { .. } => "make it readable to you, and run it again".to_owned(),
            Error::Checksum { .. } => "run it again: what is damaged is replaced".to_owned(),
            Error::Overtaken { .. } => "run it again to make it the latest".to_owned(),
        })
    }
}

impl Store {
    /// `s3://<bucket>/<key>`.
    pub fn uri(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket.name)
    }

    /// The manifest of a version of these files, as its bytes.
    ///
    /// # Panics
    /// Never: a list of texts has a JSON form.
    pub fn manifest<'f>(&self, id: &str, files: impl Iterator<Item = &'f File>) -> Vec<u8> {
        let head = json!({ "prefix": self.uri(&datasets::files_prefix(&self.prefix, id)) });
        let all: Vec<Value> = std::iter::once(head).chain(files.map(|file| json!(file.path))).collect();
        serde_json::to_vec(&all).expect("a list of texts has a JSON form")
    }

    /// The key of a file of a version.
    pub fn file_key(&self, id: &str, path: &str) -> String {
        format!("{}{path}", datasets::files_prefix(&self.prefix, id))
    }

    /// The version that a manifest is of.
    fn version_of(&self, manifest: &[u8]) -> Option<String> {
        let list: Vec<Value> = serde_json::from_slice(manifest).ok()?;
        let prefix = list.first()?.get("prefix")?.as_str()?;
        let versions = self.uri(&format!("{}versions/", self.prefix));
        prefix.strip_prefix(&versions)?.strip_suffix('/').filter(|id| is_name(id)).map(str::to_owned)
    }

    /// The version that is the latest, and what names the pointer's content; `None` when nothing is published.
    ///
    /// # Errors
    /// When the call fails, or `latest` is no manifest of smstack's.
    pub async fn latest<C: Objects>(&self, cloud: &C) -> Result<Option<(String, Option<String>)>, Error> {
        let key = datasets::manifest_key(&self.prefix, LATEST);
        let Some(Fetched { bytes, etag }) = cloud.object(&self.bucket, &key, MOST_BYTES).await? else {
            return Ok(None);
        };
        let foreign =
            || Error::Damaged { uri: self.uri(&key), why: "it is no manifest of a version".to_owned() };
        Ok(Some((self.version_of(&bytes).ok_or_else(foreign)?, etag)))
    }

    /// The version that was the latest at a time, by the versioning of the bucket; `None` when that is not known.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn latest_at<C: Objects>(
        &self,
        cloud: &C,
        at: jiff::Timestamp,
    ) -> Result<Option<String>, Error> {
        let key = datasets::manifest_key(&self.prefix, LATEST);
        let versions = cloud.versions(&self.bucket, &key).await?;
        let Some(then) = versions.iter().find(|it| it.written.is_some_and(|written| written <= at)) else {
            return Ok(None);
        };
        let found = cloud.object_version(&self.bucket, &key, &then.id, MOST_BYTES).await?;
        Ok(found.and_then(|found| self.version_of(&found.bytes)))
    }

    /// Names of all versions, sorted.
    async fn names<C: Objects>(&self, cloud: &C) -> Result<Vec<String>, Error> {
        let (before, after) = datasets::manifest_ends(&self.prefix);
        let listed = cloud.objects(&self.bucket, &before).await?;
        let names = listed.iter().filter_map(|it| it.key.strip_prefix(&before)?.strip_suffix(after));
        Ok(names.filter(|id| is_name(id)).map(str::to_owned).collect())
    }

    /// All versions, the one that was published last first.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn versions<C: Objects>(&self, cloud: &C) -> Result<Vec<Version>, Error> {
        let latest = self.latest(cloud).await?.map(|(id, _)| id);
        let mut all = Vec::new();
        for names in self.names(cloud).await?.chunks(AT_ONCE) {
            let mut under_way = tokio::task::JoinSet::new();
            for id in names {
                let (cloud, store, id) = (cloud.clone(), self.clone(), id.clone());
                under_way.spawn(async move { store.description(&cloud, &id).await.map(|it| (id, it)) });
            }
            for result in under_way.join_all().await {
                let (id, description) = result?;
                all.push(Version { latest: latest.as_ref() == Some(&id), id, description });
            }
        }
        let time = |version: &Version| version.description.as_ref().map(|it| it.published.clone());
        all.sort_by(|a, b| time(b).cmp(&time(a)).then_with(|| a.id.cmp(&b.id)));
        Ok(all)
    }

    /// The whole name of the version that a word means: `latest`, a name, or the beginning of one.
    ///
    /// # Errors
    /// When there is no such version, or a call fails.
    pub async fn resolve<C: Objects>(&self, cloud: &C, word: &str) -> Result<String, Error> {
        if word == LATEST {
            let latest = self.latest(cloud).await?.map(|(id, _)| id);
            return latest.ok_or_else(|| Error::Nothing { dataset: self.dataset.clone() });
        }
        let names = self.names(cloud).await?;
        if names.is_empty() {
            return Err(Error::Nothing { dataset: self.dataset.clone() });
        }
        let near: Vec<String> = names.iter().filter(|id| id.starts_with(word)).cloned().collect();
        match near.as_slice() {
            [only] if word.len() >= 4 => Ok(only.clone()),
            _ => {
                let (dataset, version) = (self.dataset.clone(), word.to_owned());
                Err(Error::NoVersion { dataset, version, near: near.into_iter().take(3).collect() })
            }
        }
    }

    /// What is known of a version; `None` when it has no description.
    ///
    /// # Errors
    /// When the call fails, or it cannot be understood.
    pub async fn description<C: Objects>(&self, cloud: &C, id: &str) -> Result<Option<Description>, Error> {
        let key = datasets::description_key(&self.prefix, id);
        let Some(found) = cloud.object(&self.bucket, &key, MOST_BYTES).await? else { return Ok(None) };
        let description: Description = self.understood(&key, &found.bytes)?;
        self.of_our_form(&key, description.version)?;
        Ok(Some(description))
    }

    /// The files of a version.
    ///
    /// # Errors
    /// When the call fails, or the list is gone or not that of the version.
    pub async fn files<C: Objects>(&self, cloud: &C, id: &str) -> Result<Vec<File>, Error> {
        let key = datasets::list_key(&self.prefix, id);
        let gone = || Error::Damaged { uri: self.uri(&key), why: "it is gone".to_owned() };
        let found = cloud.object(&self.bucket, &key, MOST_BYTES).await?.ok_or_else(gone)?;
        let list: FileList = self.understood(&key, &found.bytes)?;
        self.of_our_form(&key, list.version)?;
        if name(&digest(&list.files)) != id {
            return Err(Error::Damaged { uri: self.uri(&key), why: "it lists other files".to_owned() });
        }
        Ok(list.files)
    }

    /// The manifest of a version; `None` when there is none.
    pub(super) async fn stored_manifest<C: Objects>(
        &self,
        cloud: &C,
        id: &str,
    ) -> Result<Option<Fetched>, Error> {
        let key = datasets::manifest_key(&self.prefix, id);
        Ok(cloud.object(&self.bucket, &key, MOST_BYTES).await?)
    }

    fn understood<T: DeserializeOwned>(&self, key: &str, bytes: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(bytes)
            .map_err(|error| Error::Damaged { uri: self.uri(key), why: error.to_string() })
    }

    fn of_our_form(&self, key: &str, form: u32) -> Result<(), Error> {
        if form == FORM {
            return Ok(());
        }
        let why = format!("it has form {form}, and this smstack knows form {FORM}");
        Err(Error::Damaged { uri: self.uri(key), why })
    }

    /// A document to store.
    pub(super) fn document(&self, key: String, body: Vec<u8>) -> NewObject {
        use sha2::{Digest as _, Sha256};
        NewObject {
            bucket: self.bucket.name.clone(),
            owner: self.bucket.owner.clone(),
            key,
            sha256: aws::checksum(Sha256::digest(&body).into()),
            body: body.into(),
            content_type: "application/json",
            only_if_absent: false,
            only_if: None,
        }
    }
}
