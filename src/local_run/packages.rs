//! What the code imports, and whether it is there: found out before anything runs.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::values::text;
use super::{Error, Order};

const PROBE: &str = include_str!("probe.py");

/// The oldest Python that the probe runs on.
const OLDEST: (u64, u64) = (3, 10);

/// The numpy of the images.
const OLD_NUMPY: &str = "numpy<2";

/// Packages that are not called as the module that they hold.
const PACKAGES: [(&str, &str); 7] = [
    ("PIL", "Pillow"),
    ("bs4", "beautifulsoup4"),
    ("cv2", "opencv-python-headless"),
    ("dateutil", "python-dateutil"),
    ("sagemaker_training", "sagemaker-training"),
    ("sklearn", "scikit-learn"),
    ("yaml", "PyYAML"),
];

/// Frameworks by how their images are called, with the module and the package that are in them, and what stands before
/// the package's version in the image's tag.
const FRAMEWORKS: [(&str, &str, &str, &str); 6] = [
    ("/tensorflow-", "tensorflow", "tensorflow", ":"),
    ("/sagemaker-scikit-learn", "sklearn", "scikit-learn", ":"),
    ("/pytorch-", "torch", "torch", ":"),
    ("/sagemaker-xgboost", "xgboost", "xgboost", ":"),
    ("/huggingface-pytorch-", "torch", "torch", ":"),
    ("/huggingface-pytorch-", "transformers", "transformers", "-transformers"),
];

/// What serves in an image, by the image's name: the handler that `serve.py` stands for.
pub(super) fn framework(image: &str) -> Option<&'static str> {
    const SERVING: [(&str, &str); 5] = [
        ("/tensorflow-inference", "tensorflow"),
        ("/sagemaker-scikit-learn", "sklearn"),
        ("/sagemaker-xgboost", "xgboost"),
        ("/pytorch-inference", "pytorch"),
        ("/huggingface-pytorch-inference", "huggingface"),
    ];
    SERVING.into_iter().find_map(|(part, name)| image.contains(part).then_some(name))
}

/// A module that code imports and that is not installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The module.
    pub module: String,
    /// The step.
    pub step: String,
    /// The file that imports it, within the step's code.
    pub file: String,
    /// The line.
    pub line: u64,
    /// What installs it.
    pub requirement: String,
}

/// What is missing, for people.
pub(super) fn told(missing: &[Missing]) -> String {
    let parts: Vec<String> = missing
        .iter()
        .map(|it| format!("step `{}` needs `{}` ({}:{})", it.step, it.module, it.file, it.line))
        .collect();
    format!("packages are missing: {}", parts.join("; "))
}

/// A script of a step, written where the probe reads it.
struct Entry<'o> {
    step: &'o Value,
    directory: PathBuf,
    path: PathBuf,
}

#[derive(Deserialize)]
struct Answer {
    version: (u64, u64, u64),
    missing: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    module: String,
    entry: PathBuf,
    file: PathBuf,
    line: u64,
}

/// Whether the interpreter starts, and has what the code of the steps imports.
pub(super) fn check(order: &Order) -> Result<(), Error> {
    let missing = looked(order, false)?;
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::Packages { pip: pip(&order.python, &requirements(&missing)), missing })
}

/// What the code of all steps imports beside Python's own, as requirements of pip: of the versions that the images of
/// the steps have, and with what `requirements.txt` beside the code says.
///
/// # Errors
/// Where the interpreter does not start.
pub fn wanted(order: &Order) -> Result<Vec<String>, Error> {
    let mut all = requirements(&looked(order, true)?);
    for bytes in order.assets.iter().filter(|(key, _)| key.ends_with(".tar.gz")).map(|(_, bytes)| bytes) {
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        let entries = archive.entries().into_iter().flatten().filter_map(Result::ok);
        for mut entry in entries {
            let mut text = String::new();
            let is = entry.path().is_ok_and(|path| *path == *Path::new("requirements.txt"));
            if is && entry.read_to_string(&mut text).is_ok() {
                all.extend(
                    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(ToOwned::to_owned),
                );
            }
        }
    }
    Ok(all)
}

/// The same requirements without the versions of the images, for a Python that those are not made for.
pub fn unpinned(wanted: &[String]) -> Vec<String> {
    let name = |one: &String| match one.split_once("==") {
        Some((name, version)) if version.ends_with(".*") => name.to_owned(),
        _ if one == OLD_NUMPY => "numpy".to_owned(),
        _ => one.clone(),
    };
    wanted.iter().map(name).collect()
}

/// Interpreters such as those of the images, by name.
pub fn interpreters(order: &Order) -> Vec<String> {
    let mut steps = Vec::new();
    collect(&order.definition["Steps"], &mut steps);
    let minor = |step: &Value| {
        let image = image(step);
        let digits: String = image.split_once("-py3")?.1.chars().take_while(char::is_ascii_digit).collect();
        (!digits.is_empty()).then(|| format!("python3.{digits}"))
    };
    let mut all: Vec<String> = steps.into_iter().filter_map(minor).collect();
    all.sort();
    all.dedup();
    all
}

fn requirements(missing: &[Missing]) -> Vec<String> {
    let mut all: Vec<String> = missing.iter().map(|it| it.requirement.clone()).collect();
    // What images have is built for the numpy that they have, whether the code itself names that or not.
    if all.iter().any(|one| one.ends_with(".*")) {
        all.push(OLD_NUMPY.to_owned());
    }
    // What has one version first: where there is none of it, pip says so at once.
    all.sort_by_key(|one| (!one.contains("=="), one.clone()));
    all.dedup();
    all
}

/// What the code imports that the interpreter lacks; or all that is not Python's own.
fn looked(order: &Order, all: bool) -> Result<Vec<Missing>, Error> {
    let aside = tempfile::tempdir().map_err(Error::file("make", &std::env::temp_dir()))?;
    let mut steps = Vec::new();
    collect(&order.definition["Steps"], &mut steps);
    let transforms = steps.iter().any(|step| step["Type"] == "Transform");
    let mut entries = Vec::new();
    for (number, step) in steps.into_iter().enumerate() {
        let directory = aside.path().join(number.to_string());
        let written = write(order, step, transforms, &directory);
        entries.extend(written.map_err(Error::file("write", &directory))?);
    }
    let answer = ask(order, &entries, all)?;
    let (major, minor, _) = answer.version;
    if (major, minor) < OLDEST {
        let reason = format!("it is Python {major}.{minor}");
        return Err(Error::Python { path: order.python.clone(), reason });
    }
    let mut missing: Vec<Missing> = Vec::new();
    for found in answer.missing {
        let Some(entry) = entries.iter().find(|entry| entry.path == found.entry) else { continue };
        let file = found.file.strip_prefix(&entry.directory).unwrap_or(&found.file);
        let one = Missing {
            requirement: requirement(&found.module, entry.step),
            module: found.module,
            step: text(&entry.step["Name"]),
            file: file.to_string_lossy().into_owned(),
            line: found.line,
        };
        if !missing.iter().any(|other| other.module == one.module && other.step == one.step) {
            missing.push(one);
        }
    }
    Ok(missing)
}

/// Every step with code, also those in branches.
fn collect<'d>(steps: &'d Value, found: &mut Vec<&'d Value>) {
    for step in steps.as_array().into_iter().flatten() {
        let kind = step["Type"].as_str().unwrap_or_default();
        if super::steps::is_job(kind) || kind == "Model" {
            found.push(step);
        }
        collect(&step["Arguments"]["IfSteps"], found);
        collect(&step["Arguments"]["ElseSteps"], found);
    }
}

/// Writes the code of a step into a directory; the scripts that it begins with, and where models are made to be used
/// here, that which serves them.
fn write<'o>(
    order: &Order,
    step: &'o Value,
    transforms: bool,
    directory: &Path,
) -> std::io::Result<Vec<Entry<'o>>> {
    let said = step.to_string();
    let mut entries = Vec::new();
    if step["Type"] == "Model" && framework(&image(step)) == Some("tensorflow") {
        fs::create_dir_all(directory)?;
        let path = directory.join("handler.py");
        fs::write(&path, "import requests, tensorflow\n")?;
        entries.push(Entry { step, directory: directory.to_owned(), path });
    }
    for (key, bytes) in order.assets.iter().filter(|(key, _)| said.contains(key.as_str())) {
        let name = key.rsplit('/').next().unwrap_or(key);
        let at = directory.join(entries.len().to_string());
        fs::create_dir_all(&at)?;
        let path = if name.ends_with(".tar.gz") {
            tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice())).unpack(&at)?;
            at.join(program(&step["Arguments"]).unwrap_or_default())
        } else {
            fs::write(at.join(name), bytes)?;
            at.join(name)
        };
        let serves = at.join("inference.py");
        if transforms && serves.is_file() && serves != path {
            entries.push(Entry { step, directory: at.clone(), path: serves });
        }
        entries.push(Entry { step, directory: at, path });
    }
    Ok(entries)
}

/// The script of a training or tuning job.
fn program(arguments: &Value) -> Option<String> {
    let places = ["/HyperParameters", "/TrainingJobDefinition/StaticHyperParameters"];
    let several = arguments["TrainingJobDefinitions"].as_array().into_iter().flatten();
    let sets = places.iter().filter_map(|place| arguments.pointer(place));
    let mut programs = sets
        .chain(several.map(|definition| &definition["StaticHyperParameters"]))
        .filter_map(|set| set["sagemaker_program"].as_str());
    let program = programs.next()?;
    Some(serde_json::from_str(program).unwrap_or_else(|_| program.to_owned()))
}

fn ask(order: &Order, entries: &[Entry<'_>], all: bool) -> Result<Answer, Error> {
    let failed = |reason: String| Error::Python { path: order.python.clone(), reason };
    let mut child = Command::new(&order.python)
        .args(["-c", PROBE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let asked = json!({ "entries": entries.iter().map(|entry| &entry.path).collect::<Vec<_>>(), "all": all });
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read ends, and says why.
        let _ = stdin.write_all(asked.to_string().as_bytes());
    }
    let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    serde_json::from_slice(&output.stdout).map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        failed(said.lines().last().unwrap_or("it says nothing").trim().to_owned())
    })
}

/// What installs a module: of the version that the step's image has, where the image is for it.
pub(super) fn requirement(module: &str, step: &Value) -> String {
    let image = image(step);
    let framework = FRAMEWORKS.iter().find(|(part, known, ..)| *known == module && image.contains(part));
    if let Some((_, _, package, before)) = framework
        && let Some((_, version)) = image.rsplit_once(before)
    {
        let version: String = version.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        let version = version.trim_end_matches('.');
        if !version.is_empty() {
            // The same without what drives GPUs, where there is such a package.
            let small = cfg!(all(target_os = "linux", target_arch = "x86_64")) && *package == "tensorflow";
            let package = if small { "tensorflow-cpu" } else { package };
            return format!("{package}=={version}.*");
        }
    }
    if module == "numpy" && FRAMEWORKS.iter().any(|(part, ..)| image.contains(part)) {
        return OLD_NUMPY.to_owned(); // these images are from before the next
    }
    let known = PACKAGES.iter().find(|(name, _)| *name == module);
    known.map_or(module, |(_, package)| package).to_owned()
}

fn image(step: &Value) -> String {
    let places = [
        "/AppSpecification/ImageUri",
        "/AlgorithmSpecification/TrainingImage",
        "/PrimaryContainer/Image",
        "/TrainingJobDefinition/AlgorithmSpecification/TrainingImage",
        "/TrainingJobDefinitions/0/AlgorithmSpecification/TrainingImage",
    ];
    places.iter().find_map(|place| step["Arguments"].pointer(place)).map(text).unwrap_or_default()
}

/// The line that installs requirements.
fn pip(python: &Path, requirements: &[String]) -> String {
    let quoted: Vec<String> = requirements.iter().map(|it| format!("'{it}'")).collect();
    format!("{} -m pip install {}", python.display(), quoted.join(" "))
}

/// The way out that a log shows: a module that was imported late and is not there.
pub(super) fn of_log(log: &str, python: &Path) -> Option<String> {
    let line = log.lines().rev().find(|line| line.starts_with("ModuleNotFoundError: No module named"))?;
    let module = line.split('\'').nth(1)?.split('.').next()?;
    let package = requirement(module, &Value::Null);
    let pip = pip(python, &[package]);
    Some(format!("install it by `{pip}`, or name another Python by `--python`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_an_image_brings_its_numpy() {
        let check = |wanted: &[&str], expected: &[&str]| {
            let missing = |requirement: &&str| Missing {
                module: "m".to_owned(),
                step: "s".to_owned(),
                file: "f.py".to_owned(),
                line: 1,
                requirement: (*requirement).to_owned(),
            };
            let missing: Vec<Missing> = wanted.iter().map(missing).collect();
            assert_eq!(requirements(&missing), expected);
        };
        check(&["joblib", "scikit-learn==1.2.*"], &["scikit-learn==1.2.*", "joblib", OLD_NUMPY]);
        check(&[OLD_NUMPY, "xgboost==1.7.*"], &["xgboost==1.7.*", OLD_NUMPY]);
        check(&["pandas"], &["pandas"]);
    }
}
