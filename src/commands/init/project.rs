//! A project that begins with a workload: its files, in the words of the one who asked for it.

use std::env;
use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use include_dir::{Dir, include_dir};

use super::{File, Stop};
use crate::cli::{InitArgs, Workload};
use crate::diag::{nearest, or_list};
use crate::report::shell::word;
use crate::{stack, tables};

/// Workloads by name, and what all projects share.
static TEMPLATES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/templates/init");

/// The reference workload, as it ships.
static REFERENCE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/stacks");

/// The region that templates are written for.
const REGION: &str = "us-east-1";

/// The longest name that a project begins with: what is named after it has room for more.
const LONGEST_NAME: usize = 32;

/// A project to be.
pub(super) struct Project {
    workload: Workload,
    /// The stack's name.
    pub(super) name: String,
    region: String,
}

impl Project {
    /// What is not said is taken from the directory and from the environment of the process.
    pub(super) fn new(workload: Workload, args: &InitArgs) -> Result<Project, Stop> {
        let name = match &args.name {
            Some(name) if *name == fitted(name) => name.clone(),
            Some(name) => {
                let fitted = fitted(name);
                return Err(Stop::usage(format!(
                    "`{name}` cannot be the name of a new stack: it has lower-case letters, digits and `-`, a letter first, at most {LONGEST_NAME}; did you mean `{fitted}`?"
                )));
            }
            None => {
                let directory = std::path::absolute(&args.directory)?;
                // `..` and links are looked through where the directory is there.
                let directory = directory.canonicalize().unwrap_or(directory);
                fitted(&directory.file_name().unwrap_or_default().to_string_lossy())
            }
        };
        let said = |variable: &str| env::var(variable).ok().filter(|value| !value.is_empty());
        let region = match &args.region {
            Some(region) => known(region, "--region")?,
            None => {
                match ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|it| said(it).zip(Some(*it))) {
                    Some((region, variable)) => known(&region, variable)?,
                    None => REGION.to_owned(),
                }
            }
        };
        Ok(Project { workload, name, region })
    }

    /// The workload's name.
    fn workload(&self) -> String {
        self.workload.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// The stack file in the project's directory.
    pub(super) fn stack_file(&self) -> PathBuf {
        Path::new("stacks").join(format!("{}.yaml", self.name))
    }

    /// The name that the stack has in a file of the workload.
    fn placeholder(&self, path: &Path) -> &'static str {
        let is_stack = path.extension().is_some_and(|extension| extension == "yaml");
        if self.workload == Workload::DeepLearning && is_stack { "deep-learning" } else { "my-stack" }
    }

    /// All files of the project.
    pub(super) fn files(&self) -> Result<Vec<File>, Stop> {
        let mut files = Vec::new();
        if self.workload == Workload::DeepLearning {
            let parts = ["deep-learning.yaml", "code"];
            let part = |path: &Path| parts.iter().any(|part| path.starts_with(part));
            files.extend(
                embedded(&REFERENCE)
                    .into_iter()
                    .filter(|(path, _)| part(path))
                    .map(|(path, bytes)| (Path::new("stacks").join(path), bytes.to_vec())),
            );
        }
        let own = self.workload();
        let own =
            TEMPLATES.get_dir(&own).ok_or_else(|| anyhow::anyhow!("the workload `{own}` has no files"))?;
        for (path, bytes) in embedded(own) {
            let path = path.strip_prefix(own.path()).unwrap_or(path).to_owned();
            files.push((path, bytes.to_vec()));
        }
        for (name, path) in [("gitignore", ".gitignore"), ("README.md", "README.md")] {
            let shared = TEMPLATES.get_file(name).map(|file| file.contents().to_vec()).unwrap_or_default();
            match files.iter_mut().find(|(there, _)| *there == Path::new(path)) {
                // What the workload says of itself comes first.
                Some((_, bytes)) => bytes.extend(shared),
                None => files.push((path.into(), shared)),
            }
        }
        let schema = format!("{:#}\n", stack::json_schema());
        let mut files: Vec<File> = files.into_iter().map(|(path, bytes)| self.named(&path, bytes)).collect();
        files.push(File { path: "stack.schema.json".into(), bytes: schema.into_bytes() });
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// A file of the workload in the project's own words; code has none to change.
    fn named(&self, path: &Path, bytes: Vec<u8>) -> File {
        let words = path.extension().is_some_and(|extension| extension == "yaml" || extension == "md");
        let placeholder = self.placeholder(path);
        let path = path.to_string_lossy().replace(placeholder, &self.name).into();
        let text = match String::from_utf8(bytes) {
            Ok(text) if words => text,
            Ok(text) => return File { path, bytes: text.into_bytes() },
            Err(binary) => return File { path, bytes: binary.into_bytes() },
        };
        let text = text
            .replace("$schema=../schemas/stack.schema.json", "$schema=../stack.schema.json")
            .replace(REGION, &self.region)
            .replace("@RUN@", self.try_it())
            .replace(placeholder, &self.name);
        File { path, bytes: text.into_bytes() }
    }

    /// What `run --local` takes beside the name, to be quick on a machine such as a laptop.
    fn try_it(&self) -> &'static str {
        match self.workload {
            Workload::Huggingface => " --param base_model=tiny",
            _ => "",
        }
    }

    /// What to do now.
    pub(super) fn next_steps(&self, directory: &Path) -> String {
        let Project { name, .. } = self;
        let mut steps = Vec::new();
        if directory != Path::new(".") {
            steps.push((format!("cd {}", word(&directory.to_string_lossy())), ""));
        }
        let meant = match self.workload {
            Workload::DeepLearning => "says every problem; its warnings are meant, each shows its fix",
            _ => "says every problem",
        };
        steps.push(("python3 make_data.py".to_owned(), "makes data to try it with"));
        steps.push((format!("smstack validate {name}"), meant));
        let run = format!("smstack run --local {name} --install{}", self.try_it());
        steps.push((run, "runs the pipeline on this machine"));
        steps.push((format!("smstack deploy {name} --env dev --local"), "tries it without an account"));
        steps.push((
            format!("smstack deploy {name} --env dev"),
            "deploys it; asks before it changes anything",
        ));
        let width = steps.iter().map(|(step, _)| step.chars().count()).max().unwrap_or_default();
        let mut text = format!("`{name}` begins with the workload `{}`. Next:\n\n", self.workload());
        for (step, does) in steps {
            text.push_str(format!("    {step:width$}  {does}").trim_end());
            text.push('\n');
        }
        text.push_str("\n`README.md` says what is where.\n");
        text
    }
}

/// Every file below a directory, but for what an interpreter leaves behind.
fn embedded(directory: &'static Dir<'static>) -> Vec<(&'static Path, &'static [u8])> {
    let mut found: Vec<_> = directory.files().map(|file| (file.path(), file.contents())).collect();
    for inner in directory.dirs().filter(|inner| !inner.path().ends_with("__pycache__")) {
        found.extend(embedded(inner));
    }
    found
}

/// A name for a stack that is as near to the text as names can be.
fn fitted(text: &str) -> String {
    let mut name = String::new();
    for c in text.to_lowercase().chars() {
        match c {
            'a'..='z' => name.push(c),
            '0'..='9' if !name.is_empty() => name.push(c),
            _ if !name.is_empty() && !name.ends_with('-') => name.push('-'),
            _ => {}
        }
    }
    name.truncate(LONGEST_NAME);
    let name = name.trim_end_matches('-');
    if name.is_empty() { "my-stack".to_owned() } else { name.to_owned() }
}

/// A region that AWS has.
fn known(region: &str, from: &str) -> Result<String, Stop> {
    let regions = tables::regions();
    if regions.contains(&region) {
        return Ok(region.to_owned());
    }
    let hint = match nearest(region, regions.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there is {}", or_list(regions.iter().copied())),
    };
    Err(Stop::usage(format!("`{from}`: there is no region `{region}`: {hint}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_makes_a_name() {
        for (text, name) in [
            ("churn", "churn"),
            ("My Project_2", "my-project-2"),
            ("2024-churn", "churn"),
            ("--", "my-stack"),
            ("", "my-stack"),
            ("Überblick", "berblick"),
            ("a.b..c-", "a-b-c"),
            (&"long-name-".repeat(9), "long-name-long-name-long-name-lo"),
        ] {
            assert_eq!(fitted(text), name, "{text}");
            assert_eq!(fitted(name), name);
        }
    }

    #[test]
    fn every_workload_has_its_files() {
        for workload in Workload::value_variants() {
            let project =
                Project { workload: *workload, name: "mine".to_owned(), region: "eu-west-1".to_owned() };
            let files = project.files().unwrap_or_else(|stop| panic!("{workload:?}: {}", stop.error));
            let paths: Vec<String> = files.iter().map(|file| file.path.display().to_string()).collect();
            for path in [".gitignore", "README.md", "make_data.py", "stack.schema.json", "stacks/mine.yaml"] {
                assert!(paths.iter().any(|there| there == path), "{workload:?}: {path} in {paths:?}");
            }
            let words = ["yaml", "md"].map(|it| Some(std::ffi::OsStr::new(it)));
            for file in files.iter().filter(|file| words.contains(&file.path.extension())) {
                let text = String::from_utf8_lossy(&file.bytes);
                for left in ["@RUN@", "my-stack", "deep-learning", REGION] {
                    assert!(!text.contains(left), "{workload:?}: {left} in {}", file.path.display());
                }
            }
        }
    }
}
