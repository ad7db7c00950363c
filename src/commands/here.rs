//! `smstack run --local`: a definition executed on this machine.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::diff::git;
use super::load::{self, Loaded};
use super::{Exit, Stop, parameters};
use crate::cli::{Format, RunArgs, StackArgs};
use crate::diag::{has_errors, nearest, or_list};
use crate::local;
use crate::local_run::{self, Dataset, Order, Outcome, StepStatus};
use crate::report::local::Setup;
use crate::report::{self, here};
use crate::synth::Assembly;

pub(super) fn run(args: &RunArgs) -> Result<Exit, Stop> {
    let given = parameters::given(&args.parameters)?;
    let which = StackArgs { stacks: vec![args.stack.clone()], env: args.env.iter().cloned().collect() };
    let mut loaded = load::load(&which)?;
    let mut assemblies: Vec<Assembly> = loaded.iter_mut().flat_map(Loaded::assemble).collect();
    let (files, diagnostics) = load::findings(&loaded);
    report::diagnostics(&files, &diagnostics);
    if has_errors(&diagnostics) || assemblies.is_empty() {
        return Ok(Exit::Invalid);
    }
    let assembly = assemblies.swap_remove(0);
    let loaded = loaded.swap_remove(0);
    let definition = parameters::definition(&assembly);
    if definition.is_null() {
        return Err(Stop::usage(format!("{} has no pipeline to execute", loaded.file.path())));
    }
    parameters::fit(&given, &definition)?;
    let definition = traced(&definition, &assembly, load::project(Path::new(loaded.file.path())));
    let project = load::project(Path::new(loaded.file.path()));
    let datasets = datasets(args, &loaded, &definition, project)?;
    let home = home(args, &assembly)?;
    let mut order = Order {
        stack: assembly.manifest.stack.clone(),
        environment: assembly.manifest.environment.clone(),
        region: args
            .place
            .region
            .clone()
            .or(assembly.manifest.region.clone())
            .unwrap_or("us-east-1".to_owned()),
        labels: labels(&assembly, project),
        assets: assets(&assembly),
        parameters: given,
        definition,
        datasets,
        home,
        python: python(args),
        max_jobs: args.here.max_jobs.into(),
        max_parallel: args.here.max_parallel.into(),
        use_cache: !args.here.no_cache,
    };
    if args.here.install {
        install(args, &mut order)?;
    }
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // Asked a second time, it ends at once.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let mut progress = here::Progress::new(&order);
    let outcome = local_run::execute(&order, &stop, &mut |event| progress.show(&event));
    progress.end();
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            report::failure(&error.to_string(), error.help().as_deref());
            return Ok(Exit::Failed);
        }
    };
    write(&outcome)?;
    if let Some(step) = outcome.failure() {
        report::err(&here::failure(step, loaded.place(&step.name).as_deref()));
    }
    match args.format {
        Format::Text => report::out(&here::outcome_text(&outcome))?,
        Format::Json => report::json(&here::outcome_json(&outcome))?,
    }
    Ok(match outcome.status {
        StepStatus::Succeeded => Exit::Done,
        StepStatus::Stopped => Exit::Failed,
        _ => Exit::DeploymentFailed,
    })
}

/// An environment in the user's cache with what the steps need.
fn install(args: &RunArgs, order: &mut Order) -> Result<(), Stop> {
    let wanted = local_run::wanted(order).map_err(anyhow::Error::from)?;
    if wanted.is_empty() {
        return Ok(());
    }
    let like = local_run::interpreters(order);
    let chosen = chosen(args);
    let make = |wanted: &[String]| {
        let mut setup = Setup::new();
        let mut show = |event: local::Event| {
            if matches!(event, local::Event::Installing { .. }) {
                report::err(&here::installing(wanted));
            }
            setup.show(&event);
        };
        let made = local::environment(chosen.as_deref(), &like, wanted, &mut show);
        setup.end();
        made
    };
    let mut python = make(&wanted);
    let unpinned = local_run::unpinned(&wanted);
    if unpinned != wanted && python.as_ref().is_err_and(local::Error::is_no_such_version) {
        report::err(&here::unpinned(&unpinned));
        python = make(&unpinned);
    }
    order.python = python.map_err(anyhow::Error::from)?;
    Ok(())
}

/// The report as a file for programs and one for people, beside what the execution left.
fn write(outcome: &Outcome) -> Result<(), Stop> {
    let files = [
        ("run.json", format!("{:#}\n", here::outcome_json(outcome))),
        ("report.html", here::outcome_html(outcome)),
    ];
    for (name, text) in files {
        let at = outcome.directory.join(name);
        fs::write(&at, text).with_context(|| format!("cannot write {}", at.display()))?;
    }
    Ok(())
}

/// The data that the definition reads, each dataset in its directory.
fn datasets(
    args: &RunArgs,
    loaded: &Loaded,
    definition: &Value,
    project: &Path,
) -> Result<Vec<Dataset>, Stop> {
    let known = loaded.datasets();
    let mut given: BTreeMap<&str, PathBuf> = BTreeMap::new();
    for data in &args.here.data {
        let Some((name, directory)) = data.split_once('=') else {
            return Err(Stop::usage(format!("`--data {data}` has to be `NAME=DIR`")));
        };
        if !known.contains_key(name) {
            let hint = match nearest(name, known.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the stack file has {}", or_list(known.keys().map(String::as_str))),
            };
            return Err(Stop::usage(format!("there is no dataset `{name}`: {hint}")));
        }
        if !Path::new(directory).is_dir() {
            return Err(Stop::usage(format!("`--data {data}`: `{directory}` is no directory")));
        }
        if given.insert(name, PathBuf::from(directory)).is_some() {
            return Err(Stop::usage(format!("`--data {name}=…` is given twice")));
        }
    }
    let said = definition.to_string();
    let mut found = Vec::new();
    for (name, uri) in &known {
        let usual = project.join("data").join(name);
        let directory = match given.remove(name.as_str()) {
            Some(directory) => directory,
            None if usual.is_dir() => usual,
            None if said.contains(uri.trim_end_matches('/')) => {
                return Err(Stop::usage(format!(
                    "dataset `{name}` has no data on this machine: give its directory by `--data {name}=DIR`, or put it at `{}`",
                    usual.display()
                )));
            }
            None => continue,
        };
        let directory =
            directory.canonicalize().with_context(|| format!("cannot find {}", directory.display()))?;
        found.push(Dataset { name: name.clone(), uri: uri.clone(), directory });
    }
    Ok(found)
}

/// Where everything is kept; version control leaves it out.
fn home(args: &RunArgs, assembly: &Assembly) -> Result<PathBuf, Stop> {
    let out = &args.here.out;
    let home = out.join(&assembly.manifest.stack).join(&assembly.manifest.environment);
    let home = std::path::absolute(&home).with_context(|| format!("cannot find {}", home.display()))?;
    fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    let ignore = out.join(".gitignore");
    if !ignore.exists() {
        fs::write(&ignore, "*\n").with_context(|| format!("cannot write {}", ignore.display()))?;
    }
    Ok(home)
}

fn assets(assembly: &Assembly) -> BTreeMap<String, Vec<u8>> {
    let entries = assembly.manifest.assets.iter();
    entries.filter_map(|entry| Some((entry.key.clone(), assembly.file(&entry.file.file)?.to_vec()))).collect()
}

/// The definition with what a deployment would fill in to say where it comes from.
fn traced(definition: &Value, assembly: &Assembly, project: &Path) -> Value {
    let unknown = || "unknown".to_owned();
    let sha256 = assembly.manifest.definition.as_ref().map_or_else(unknown, |entry| entry.sha256.clone());
    let commit = git::head(project).unwrap_or_else(unknown);
    let text = definition.to_string();
    let text = text.replace("${DefinitionSha256}", &sha256).replace("${GitCommit}", &commit);
    serde_json::from_str(&text).unwrap_or_else(|_| definition.clone())
}

/// What a registered model is traced by.
fn labels(assembly: &Assembly, project: &Path) -> Map<String, Value> {
    let mut labels = Map::new();
    let definition = assembly.manifest.definition.as_ref();
    labels.extend(definition.map(|file| ("definition_sha256".to_owned(), json!(file.sha256))));
    labels.extend(git::head(project).map(|commit| ("git_commit".to_owned(), json!(commit))));
    labels.insert("smstack".to_owned(), json!(assembly.manifest.smstack));
    labels
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The Python that was named.
fn chosen(args: &RunArgs) -> Option<PathBuf> {
    args.here.python.clone().or_else(|| variable("SMSTACK_PYTHON").map(PathBuf::from))
}

/// The Python that was named; else that of the active environment, else the first on the `PATH`.
fn python(args: &RunArgs) -> PathBuf {
    let active = || variable("VIRTUAL_ENV").map(|home| PathBuf::from(home).join("bin/python"));
    let python = chosen(args).or_else(active).unwrap_or_else(|| "python3".into());
    // Jobs run in other directories; a mere name is looked up on the `PATH`.
    let is_path = python.components().nth(1).is_some();
    std::path::absolute(&python).ok().filter(|_| is_path).unwrap_or(python)
}
