//! Registered models: a directory for each version, with what the version was made of.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::jobs::write_json;
use super::store::Store;
use super::values::{ACCOUNT, text};
use super::{Order, Registered};

/// Registers a model package, its expressions computed; the API's answer, and where it lies.
pub(super) fn register(
    order: &Order,
    store: &Store,
    execution: &str,
    request: &Value,
) -> Result<(Value, Registered), String> {
    let group = text(&request["ModelPackageGroupName"]);
    if group.is_empty() || group.contains(['/', '\\']) || group.starts_with('.') {
        return Err(format!("`{group}` cannot be the name of a model package group"));
    }
    let home = order.home.join("registry").join(&group);
    let (version, directory) = next(&home)?;
    let mut models = BTreeMap::new();
    for (index, container) in
        request["InferenceSpecification"]["Containers"].as_array().into_iter().flatten().enumerate()
    {
        let Some(uri) = container["ModelDataUrl"].as_str() else { continue };
        let from = store.path(uri)?;
        let name = if index == 0 { "model.tar.gz".to_owned() } else { format!("model-{}.tar.gz", index + 1) };
        let to = directory.join(&name);
        fs::copy(&from, &to)
            .map_err(|error| format!("cannot copy the model `{}`: {error}", from.display()))?;
        let sha256 =
            super::store::hash(&to).map_err(|error| format!("cannot read `{}`: {error}", to.display()))?;
        models.insert(name, sha256);
    }
    let approval = match text(&request["ModelApprovalStatus"]) {
        none if none.is_empty() => "PendingManualApproval".to_owned(),
        given => given,
    };
    let arn = format!("arn:aws:sagemaker:{}:{ACCOUNT}:model-package/{group}/{version}", order.region);
    let datasets: Vec<Value> = store
        .data()
        .iter()
        .map(|data| json!({ "name": data.name, "uri": data.uri, "directory": data.directory, "sha256": data.sha256 }))
        .collect();
    let mut package = request.clone();
    package["ModelPackageArn"] = json!(arn);
    package["ModelPackageVersion"] = json!(version);
    package["ModelApprovalStatus"] = json!(approval);
    package["CreationTime"] = json!(Timestamp::now().to_string());
    let made_of = json!({
        "execution": execution, "stack": order.stack, "environment": order.environment,
        "datasets": datasets, "models": models, "labels": order.labels,
    });
    let all = json!({ "version": 1, "package": package, "made_of": made_of });
    write_json(&directory.join("model-package.json"), &all)?;
    let offers = json!({ "ModelPackageArn": arn, "ModelPackageName": format!("{group}/{version}"), "ModelApprovalStatus": approval });
    Ok((offers, Registered { group, version, approval, directory }))
}

/// The container of a registered version, and its archive.
pub(super) fn version(order: &Order, arn: &str) -> Result<(Value, PathBuf), String> {
    let missing = || format!("`{arn}` is not in the registry of this machine: register a version first");
    let (group, version) = arn
        .split_once(":model-package/")
        .and_then(|(_, name)| name.rsplit_once('/'))
        .ok_or_else(|| format!("`{arn}` is no version of a model package group"))?;
    let home = order.home.join("registry");
    // ARNs have names in lower case.
    let is = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().eq_ignore_ascii_case(group);
    let mut entries = fs::read_dir(home).map_err(|_| missing())?.filter_map(Result::ok);
    let directory = entries.find(is).ok_or_else(missing)?.path().join(version);
    let bytes = fs::read(directory.join("model-package.json")).map_err(|_| missing())?;
    let all: Value = serde_json::from_slice(&bytes).map_err(|error| format!("`{arn}`: {error}"))?;
    let container = all["package"]["InferenceSpecification"]["Containers"][0].clone();
    Ok((container, directory.join("model.tar.gz")))
}

/// The next version, whose directory nobody else has.
fn next(home: &Path) -> Result<(u64, PathBuf), String> {
    let told = |error: std::io::Error| format!("cannot make a version in `{}`: {error}", home.display());
    fs::create_dir_all(home).map_err(told)?;
    let known = fs::read_dir(home)
        .map_err(told)?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u64>().ok());
    let mut version = known.max().unwrap_or(0) + 1;
    loop {
        let directory = home.join(version.to_string());
        match fs::create_dir(&directory) {
            Ok(()) => return Ok((version, directory)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => version += 1,
            Err(error) => return Err(told(error)),
        }
    }
}
