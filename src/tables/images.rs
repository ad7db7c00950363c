//! Container images that AWS publishes: which exist, and what they are called in each region.
//!
//! Source: `image_uri_config` of the SageMaker Python SDK; a test compares every combination with what
//! the SDK's `image_uris.retrieve` returns. Left out: the tags that the SDK appends for `ml.p4d` and
//! SageMaker's distributed libraries on frameworks of 2020, Elastic Inference, and Neuron.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::rows::{Blocks, Later};
use super::{dns_suffix, numbers};

/// The registry account of an image, by region.
pub type Accounts = BTreeMap<&'static str, &'static str>;

/// What an image is to be used for. AWS has no images for processing: framework processing runs in the
/// training image, as the SageMaker SDK has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A training job.
    Training,
    /// An endpoint or a batch transform.
    Inference,
    /// A processing job.
    Processing,
}

/// The hardware an image is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accelerator {
    /// x86 without an accelerator.
    Cpu,
    /// Nvidia GPUs.
    Gpu,
    /// Graviton; inference only.
    Arm,
    /// Inferentia or Trainium; no image of this table is built for it.
    Neuron,
}

impl Accelerator {
    /// As people and image tags write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
            Self::Arm => "arm",
            Self::Neuron => "neuron",
        }
    }
}

/// Which image is wanted.
#[derive(Debug, Clone, Copy)]
pub struct ImageQuery<'a> {
    /// `sklearn`, `tensorflow`, `pytorch`, `huggingface-pytorch`, …
    pub framework: &'a str,
    /// What it is for.
    pub purpose: Purpose,
    /// Short (`2.12`) or full (`2.12.0`); for Hugging Face that of transformers, with the base where it
    /// matters (`4.6.1-pytorch1.7.1`).
    pub version: &'a str,
    /// `py310`; without it the newest that the version has.
    pub python: Option<&'a str>,
    /// The hardware it will run on: see [`super::accelerator`].
    pub accelerator: Accelerator,
}

/// An image, in every region that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The repository's name: `tensorflow-training`.
    pub repository: String,
    /// The tag: `2.12-gpu-py310`; empty where the image has none.
    pub tag: String,
    /// The registry account in each region that has the image.
    pub accounts: &'static Accounts,
    /// The version that a short one stands for.
    pub full_version: String,
}

impl Image {
    /// Repository and tag: `tensorflow-training:2.12-gpu-py310`.
    pub fn reference(&self) -> String {
        if self.tag.is_empty() {
            self.repository.clone()
        } else {
            format!("{}:{}", self.repository, self.tag)
        }
    }

    /// The image's URI in a region, if the region has it.
    pub fn uri(&self, region: &str) -> Option<String> {
        let account = self.accounts.get(region)?;
        let suffix = dns_suffix(region)?;
        Some(format!("{account}.dkr.ecr.{region}.{suffix}/{}", self.reference()))
    }
}

/// Why there is no such image, and what there is instead, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageError {
    /// AWS publishes no images for the framework.
    UnknownFramework {
        /// The frameworks there are.
        known: Vec<String>,
    },
    /// The framework has no such version for the purpose.
    UnknownVersion {
        /// The versions there are for the purpose and the accelerator.
        known: Vec<String>,
    },
    /// The version has no such Python.
    UnknownPython {
        /// The Pythons the version has.
        known: Vec<String>,
    },
    /// The version has no image for the hardware.
    NoAccelerator {
        /// The hardware that it has images for.
        known: Vec<String>,
    },
}

/// The image for a framework, or what is possible instead.
///
/// # Errors
/// When no such image is published; the error lists what is.
pub fn image(query: &ImageQuery) -> Result<Image, ImageError> {
    let Some(framework) = FRAMEWORKS.get(query.framework) else {
        return Err(ImageError::UnknownFramework { known: FRAMEWORKS.keys().map(str::to_owned).collect() });
    };
    let releases = match query.purpose {
        Purpose::Training | Purpose::Processing => &framework.training,
        Purpose::Inference => &framework.inference,
    };
    let wanted = releases.find(query.version);
    if wanted.is_empty() {
        return Err(ImageError::UnknownVersion { known: releases.known(query.accelerator) });
    }
    let fitting: Vec<_> =
        wanted.iter().filter(|found| found.row.tags.contains_key(&query.accelerator)).collect();
    if fitting.is_empty() {
        let mut known: Vec<_> = wanted.iter().flat_map(|found| found.row.tags.keys()).collect();
        known.sort_unstable();
        known.dedup();
        return Err(ImageError::NoAccelerator {
            known: known.into_iter().map(|it| it.name().to_owned()).collect(),
        });
    }
    // Images without Python in their tag take any: the SDK ignores it, too.
    let chosen = fitting
        .iter()
        .filter(|found| found.row.takes(query.python))
        .max_by_key(|found| (numbers(found.row.base.unwrap_or_default()), found.row.newest_python()));
    let Some(chosen) = chosen else {
        let mut known: Vec<_> = fitting.iter().flat_map(|found| &found.row.python).copied().collect();
        known.sort_by_key(|name| std::cmp::Reverse(python_order(name)));
        known.dedup();
        return Err(ImageError::UnknownPython { known: owned(&known) });
    };
    Ok(chosen.image(query))
}

/// An image that monitors and bias checks run in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MonitorImage {
    /// The analyzer of data and model quality monitors.
    ModelMonitor,
    /// The container of bias and explainability monitors.
    Clarify,
}

/// The image of a monitor.
pub fn monitor_image(kind: MonitorImage) -> Image {
    let row = monitor(kind);
    Image {
        repository: row.repository.to_owned(),
        tag: row.version.to_owned(),
        accounts: accounts(row.accounts),
        full_version: row.version.to_owned(),
    }
}

/// Every repository with the registry account of each region in which any of its images lies.
pub fn registries() -> BTreeMap<&'static str, Accounts> {
    let frameworks = FRAMEWORKS.keys().filter_map(|name| FRAMEWORKS.get(name));
    let releases = frameworks.flat_map(|framework| [&framework.training, &framework.inference]);
    let rows = releases.flat_map(|releases| releases.versions.values().flat_map(|rows| rows.iter()));
    let monitors = [MonitorImage::Clarify, MonitorImage::ModelMonitor].map(monitor);
    let places = rows
        .map(|row| (row.repository, row.accounts))
        .chain(monitors.into_iter().map(|row| (row.repository, row.accounts)));
    let mut found: BTreeMap<&'static str, Accounts> = BTreeMap::new();
    for (repository, set) in places {
        found
            .entry(repository)
            .or_default()
            .extend(accounts(set).iter().map(|(region, account)| (*region, *account)));
    }
    found
}

/// Parses what is there of the frameworks that a text names, which otherwise happens when an image is asked for.
pub fn prepare(text: &str) {
    for name in FRAMEWORKS.keys().filter(|name| text.contains(name)) {
        FRAMEWORKS.get(name);
    }
}

fn monitor(kind: MonitorImage) -> &'static Monitor {
    let name = match kind {
        MonitorImage::ModelMonitor => "model-monitor",
        MonitorImage::Clarify => "clarify",
    };
    MONITORS.get(name).expect("the table has both monitors")
}

const TEXT: &str = include_str!("../../schemas/aws/images.json");
static ACCOUNTS: Blocks<Accounts> = Blocks::new(TEXT, "accounts");
static MONITORS: Blocks<Monitor> = Blocks::new(TEXT, "monitors");
static FRAMEWORKS: Blocks<Framework> = Blocks::new(TEXT, "frameworks");

#[derive(Deserialize)]
struct Monitor {
    version: &'static str,
    repository: &'static str,
    accounts: &'static str,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
struct Framework {
    training: Releases,
    inference: Releases,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
struct Releases {
    /// Short version → the full ones it stands for: x86 first, Arm where it differs.
    aliases: BTreeMap<&'static str, Vec<&'static str>>,
    versions: BTreeMap<&'static str, Later<Vec<Row>>>,
}

/// One published build: a repository and the form of its tags.
#[derive(Deserialize)]
struct Row {
    base: Option<&'static str>,
    repository: &'static str,
    accounts: &'static str,
    python: Vec<&'static str>,
    tags: BTreeMap<Accelerator, &'static str>,
}

/// A row, with what the query's version made of it.
struct Found<'a> {
    row: &'static Row,
    full: &'static str,
    /// The version as it goes into the tag: as written.
    version: &'a str,
    /// The base's version as it goes into the tag.
    base: &'a str,
}

impl Releases {
    /// The rows that a version, short or full, names.
    fn find<'a>(&'static self, version: &'a str) -> Vec<Found<'a>> {
        let found = self.named(version);
        if !found.is_empty() {
            return found
                .into_iter()
                .map(|(full, row)| Found { row, full, version, base: row.base_version() })
                .collect();
        }
        let Some((version, base)) = version.split_once('-') else { return Vec::new() };
        let Some(digit) = base.find(|c: char| c.is_ascii_digit()) else { return Vec::new() };
        self.named(version)
            .into_iter()
            .filter(|(_, row)| row.base.is_some_and(|full| stands_for(base, full)))
            .map(|(full, row)| Found { row, full, version, base: &base[digit..] })
            .collect()
    }

    fn named(&'static self, version: &str) -> Vec<(&'static str, &'static Row)> {
        let full: Vec<&'static str> = match self.versions.get_key_value(version) {
            Some((full, _)) => vec![full],
            None => self.aliases.get(version).cloned().unwrap_or_default(),
        };
        full.into_iter().flat_map(|full| self.versions[full].iter().map(move |row| (full, row))).collect()
    }

    /// The full versions for some hardware, newest first; all of them when none is.
    fn known(&self, accelerator: Accelerator) -> Vec<String> {
        let mut names: Vec<_> = self
            .versions
            .iter()
            .filter(|(_, rows)| rows.iter().any(|row| row.tags.contains_key(&accelerator)))
            .map(|(name, _)| *name)
            .collect();
        if names.is_empty() {
            names.extend(self.versions.keys());
        }
        names.sort_by_key(|name| std::cmp::Reverse(numbers(name)));
        owned(&names)
    }
}

impl Row {
    fn takes(&self, python: Option<&str>) -> bool {
        python.is_none_or(|wanted| self.python.is_empty() || self.python.contains(&wanted))
    }

    /// Pythons are listed oldest first.
    fn newest_python(&self) -> Option<(u32, u32)> {
        self.python.last().map(|name| python_order(name))
    }

    fn base_version(&self) -> &'static str {
        self.base.map_or("", |base| base.trim_start_matches(|c: char| !c.is_ascii_digit()))
    }
}

impl Found<'_> {
    fn image(&self, query: &ImageQuery) -> Image {
        let row = self.row;
        let python = query.python.or(row.python.last().copied()).unwrap_or_default();
        let tag = row.tags[&query.accelerator]
            .replace("{version}", self.version)
            .replace("{base}", self.base)
            .replace("{python}", python);
        let full_version =
            row.base.map_or_else(|| self.full.to_owned(), |base| format!("{}-{base}", self.full));
        Image { repository: row.repository.to_owned(), tag, accounts: accounts(row.accounts), full_version }
    }
}

/// `pytorch1.7` stands for `pytorch1.7.1`.
fn stands_for(short: &str, full: &str) -> bool {
    full.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// `py37` → (3, 7); `py3` → (3, 0).
fn python_order(name: &str) -> (u32, u32) {
    let digits = name.trim_start_matches("py");
    let (major, minor) = digits.split_at(digits.len().min(1));
    (major.parse().unwrap_or(0), minor.parse().unwrap_or(0))
}

fn accounts(set: &str) -> &'static Accounts {
    ACCOUNTS.get(set).expect("rows name sets that the table has")
}

fn owned<'a>(names: impl IntoIterator<Item = &'a &'static str>) -> Vec<String> {
    names.into_iter().map(|name| (*name).to_owned()).collect()
}

#[cfg(test)]
pub(super) fn sources() -> super::Sources {
    super::rows::sources(TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(spec: &str) -> Result<Image, ImageError> {
        let [framework, purpose, version, python, accelerator] =
            spec.split_whitespace().collect::<Vec<_>>().try_into().expect("five words");
        let purpose = match purpose {
            "training" => Purpose::Training,
            "inference" => Purpose::Inference,
            _ => Purpose::Processing,
        };
        let accelerator = match accelerator {
            "cpu" => Accelerator::Cpu,
            "gpu" => Accelerator::Gpu,
            "arm" => Accelerator::Arm,
            _ => Accelerator::Neuron,
        };
        let python = (python != "-").then_some(python);
        image(&ImageQuery { framework, purpose, version, python, accelerator })
    }

    /// `framework purpose version python accelerator` in a region → the URI.
    fn check(spec: &str, region: &str, uri: &str) {
        let image = find(spec).unwrap_or_else(|error| panic!("{spec}: {error:?}"));
        assert_eq!(image.uri(region).as_deref(), Some(uri), "{spec} in {region}");
    }

    #[test]
    fn known_images() {
        check(
            "sklearn processing 1.2-1 - cpu",
            "us-east-1",
            "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
        );
        check(
            "tensorflow training 2.12 py310 gpu",
            "us-east-1",
            "763104351884.dkr.ecr.us-east-1.amazonaws.com/tensorflow-training:2.12-gpu-py310",
        );
        check(
            "tensorflow inference 2.12 py310 cpu",
            "cn-north-1",
            "727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn/tensorflow-inference:2.12-cpu",
        );
    }

    /// The SDK's own answers, a line for each: spec, region, URI.
    #[test]
    fn every_image_is_the_one_the_sdk_would_take() {
        let lines = include_str!("../../tests/golden/sdk_images.tsv").lines();
        let mut count = 0;
        for line in lines.filter(|line| !line.starts_with('#')) {
            let [spec, region, uri] = line.split('\t').collect::<Vec<_>>().try_into().expect("three columns");
            check(spec, region, uri);
            count += 1;
        }
        assert!(count > 400, "{count} images only");
    }

    #[test]
    fn a_short_version_says_what_it_stands_for() {
        let full = |spec| find(spec).expect(spec).full_version;
        assert_eq!(full("tensorflow inference 2.12 - cpu"), "2.12.1");
        assert_eq!(full("tensorflow training 2.12 - cpu"), "2.12.0");
        assert_eq!(full("pytorch inference 2.2 - arm"), "2.2.1");
        assert_eq!(full("huggingface-pytorch training 4.6 - gpu"), "4.6.1-pytorch1.8.1");
    }

    #[test]
    fn what_is_missing_is_answered_with_what_there_is() {
        let error = |spec| find(spec).expect_err(spec);
        assert!(matches!(error("tensorfow training 2.12 - cpu"),
            ImageError::UnknownFramework { known } if known.contains(&"tensorflow".to_owned())));
        assert!(matches!(error("tensorflow training 2.17 - cpu"),
            ImageError::UnknownVersion { known } if known.starts_with(&["2.19.0".to_owned(), "2.18.0".to_owned()])));
        assert_eq!(
            error("tensorflow training 2.12 py39 cpu"),
            ImageError::UnknownPython { known: vec!["py310".to_owned()] }
        );
        assert_eq!(
            error("sklearn training 1.2-1 - gpu"),
            ImageError::NoAccelerator { known: vec!["cpu".to_owned()] }
        );
        assert!(matches!(
            error("huggingface-pytorch training 4.6-pytorch9.9 - gpu"),
            ImageError::UnknownVersion { .. }
        ));
    }

    #[test]
    fn what_is_found_in_the_text_is_all_that_the_table_holds() {
        ACCOUNTS.check();
        MONITORS.check();
        FRAMEWORKS.check();
        assert!(FRAMEWORKS.get("").is_none() && FRAMEWORKS.get("sklearn\": {").is_none());
        assert!(ACCOUNTS.get("tensorflow").is_none(), "a member of another mapping");
    }

    #[test]
    fn monitors_have_images() {
        let uri = |kind| monitor_image(kind).uri("us-east-1").expect("a URI");
        assert_eq!(
            uri(MonitorImage::ModelMonitor),
            "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
        );
        assert_eq!(
            uri(MonitorImage::Clarify),
            "205585389593.dkr.ecr.us-east-1.amazonaws.com/sagemaker-clarify-processing:1.0"
        );
    }
}
