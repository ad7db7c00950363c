//! What a version of a model was made of: `schemas/model.schema.json` describes what programs get.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use indicatif::HumanBytes;
use serde_json::{Value, json};

use super::shell::word;
use crate::aws::{self, ModelDetails};
use crate::data::Description;
use crate::plan::Named;
use crate::rules::datasets;

/// Changes when a reader of the old form could not read the new one.
const VERSION: u32 = 1;
/// What stands for what nobody knew.
const UNKNOWN: &str = "unknown";

/// A version of a dataset that was read.
pub struct DatasetRead {
    /// The dataset.
    pub name: String,
    /// What the execution was given: a version, or `latest`.
    pub given: String,
    /// The version, as far as it is known.
    pub id: Option<String>,
    /// What is known of it.
    pub description: Option<Description>,
}

/// A version of a model, and where it comes from.
pub struct Traced {
    /// Its group.
    pub group: String,
    /// Its number.
    pub version: i32,
    /// Its ARN.
    pub arn: String,
    /// All that it carries.
    pub details: ModelDetails,
    /// Its metrics, or why they cannot be told.
    pub metrics: aws::Result<BTreeMap<String, f64>>,
    /// The execution that registered it.
    pub execution: Option<String>,
    /// The parameters of that execution.
    pub parameters: BTreeMap<String, String>,
    /// The datasets that it read.
    pub datasets: Vec<DatasetRead>,
    /// How the command line names the deployment.
    pub named: Named,
}

impl Traced {
    fn property(&self, name: &str) -> Option<&str> {
        let value = self.details.properties.get(&format!("smstack:{name}")).map(String::as_str);
        value.filter(|value| *value != UNKNOWN)
    }

    /// The commands that make it again.
    fn rebuild(&self) -> Vec<String> {
        let commit = self.property("commit").map(|commit| commit.trim_end_matches("-dirty"));
        let mut commands: Vec<String> =
            commit.map(|commit| format!("git checkout {commit}")).into_iter().collect();
        commands.push(self.named.command("deploy", ""));
        let mut parameters = self.parameters.clone();
        for dataset in &self.datasets {
            if let Some(id) = &dataset.id {
                parameters.insert(datasets::parameter(&dataset.name), id.clone());
            }
        }
        let mut run = self.named.run();
        for (name, value) in &parameters {
            let _ = write!(run, " --param {}", word(&format!("{name}={value}")));
        }
        commands.push(run);
        commands
    }

    /// What keeps it from being made again exactly.
    fn gaps(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        match self.property("commit") {
            None => gaps.push("the commit is not known: it was deployed from outside of a repository".to_owned()),
            Some(commit) if commit.ends_with("-dirty") => gaps.push(
                "it was deployed with changes that were not committed: hold the definition's hash against `synth`".to_owned(),
            ),
            Some(_) => {}
        }
        for dataset in &self.datasets {
            if dataset.id.is_none() {
                gaps.push(format!("which version of `{}` was the latest then is not known", dataset.name));
            } else if dataset.description.is_none() {
                gaps.push(format!("the version of `{}` is not there any more", dataset.name));
            }
        }
        gaps
    }
}

/// For people.
pub fn text(traced: &Traced) -> String {
    let details = &traced.details;
    let mut text = format!("{} version {}: {}\n", traced.group, traced.version, details.approval);
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<11} {value}");
    };
    line("arn", &traced.arn);
    if let Some(reason) = &details.approval_reason {
        line("because", reason);
    }
    if details.status != "Completed" {
        line("status", &details.status);
    }
    if let Some(created) = details.created {
        line("registered", &created.strftime("%Y-%m-%d %H:%M:%SZ").to_string());
    }
    if let Some(description) = &details.description {
        line("description", description);
    }
    for (image, artifact) in &details.containers {
        line("image", image.as_deref().unwrap_or("none"));
        line("artifact", artifact.as_deref().unwrap_or("none"));
    }
    for (name, key) in
        [("commit", "commit"), ("definition", "definition"), ("source", "source"), ("smstack", "version")]
    {
        line(name, traced.property(key).unwrap_or(UNKNOWN));
    }
    line("execution", traced.execution.as_deref().unwrap_or(UNKNOWN));
    for dataset in &traced.datasets {
        let id = dataset.id.as_deref().unwrap_or("a version that is not known");
        let latest = if dataset.given == datasets::LATEST { ", the latest at that time" } else { "" };
        line("data", &format!("{} {id}{latest}", dataset.name));
        if let Some(it) = &dataset.description {
            let rows = it.rows.map(|rows| format!(", {rows} rows")).unwrap_or_default();
            line(
                "",
                &format!(
                    "{} files, {}{rows}, published {} by {}",
                    it.files,
                    HumanBytes(it.bytes),
                    it.published,
                    it.by
                ),
            );
            if let Some(git) = &it.git {
                line(
                    "",
                    &format!("from commit {}{}", git.commit, if git.dirty { ", with changes" } else { "" }),
                );
            }
        }
    }
    for (name, value) in &traced.parameters {
        line("parameter", &format!("{name}={value}"));
    }
    let own = |name: &str| name.starts_with("smstack:");
    for (name, value) in details.properties.iter().filter(|(name, _)| !own(name)) {
        line("property", &format!("{name}={value}"));
    }
    match &traced.metrics {
        Ok(metrics) => metrics.iter().for_each(|(name, value)| line("metric", &format!("{name} {value}"))),
        Err(error) => line("metric", &format!("cannot be told: {error}")),
    }
    text.push_str("to make it again:\n");
    for command in traced.rebuild() {
        let _ = writeln!(text, "  {command}");
    }
    for gap in traced.gaps() {
        let _ = writeln!(text, "  = note: {gap}");
    }
    text
}

/// For programs.
pub fn json(traced: &Traced) -> Value {
    let details = &traced.details;
    let dataset = |one: &DatasetRead| json!({ "dataset": one.name, "given": one.given, "id": one.id, "description": one.description });
    let container = |(image, artifact): &(Option<String>, Option<String>)| json!({ "image": image, "artifact": artifact });
    let (metrics, error) = match &traced.metrics {
        Ok(metrics) => (json!(metrics), Value::Null),
        Err(error) => (Value::Null, error.to_string().into()),
    };
    json!({
        "version": VERSION,
        "group": traced.group,
        "number": traced.version,
        "arn": traced.arn,
        "status": details.status,
        "approval": details.approval,
        "approval_reason": details.approval_reason,
        "description": details.description,
        "created": details.created.map(|created| created.to_string()),
        "containers": details.containers.iter().map(container).collect::<Vec<_>>(),
        "commit": traced.property("commit"),
        "definition": traced.property("definition"),
        "source": traced.property("source"),
        "execution": traced.execution,
        "parameters": traced.parameters,
        "datasets": traced.datasets.iter().map(dataset).collect::<Vec<_>>(),
        "properties": details.properties,
        "metrics": metrics,
        "error": error,
        "rebuild": traced.rebuild(),
        "gaps": traced.gaps(),
    })
}
