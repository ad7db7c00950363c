//! The virtual environment that holds the emulators, made once per Python and set of pins.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::glue::{REQUIREMENTS, hash_of};
use super::python::{self, Python};
use super::{Error, Event, Place, process};

/// What processes of ours may see of the user's environment: never a credential of AWS.
const SEEN: [&str; 5] = ["PATH", "HOME", "TMPDIR", "LANG", "LC_ALL"];

/// What pip may see besides: how to reach a package index.
const SEEN_BY_PIP: [&str; 10] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
];

/// How the name of an environment starts that isn't whole yet.
const ASIDE: &str = ".new-";

/// Takes everything from a command's environment but the little in [`SEEN`].
pub(super) fn scrub(command: &mut Command) {
    let kept = SEEN.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    command.env_clear().envs(kept);
}

/// The Python of the local cloud's environment, installing it unless it is there and works.
pub(super) fn have(place: &Place, events: &mut dyn FnMut(Event)) -> Result<PathBuf, Error> {
    let base = python::find()?;
    let check = "import importlib.metadata as m; m.version('ministack'); m.version('moto')";
    have_with(place, &base, REQUIREMENTS, check, events)
}

/// The Python of an environment with these packages, installing it unless it is there and `check` runs in it.
pub(super) fn have_with(
    place: &Place,
    base: &Python,
    requirements: &str,
    check: &str,
    events: &mut dyn FnMut(Event),
) -> Result<PathBuf, Error> {
    events(Event::Python { path: base.path.clone(), version: base.version.clone() });
    let parent = place.cache.join("environments");
    let directory = parent.join(key(base, requirements));
    let python = directory.join("bin/python");
    if works(&python, check) {
        return Ok(python);
    }
    events(Event::Installing { directory: directory.clone() });
    let failed = |source| Error::File { verb: "write", path: directory.clone(), source };
    fs::create_dir_all(&parent).map_err(failed)?;
    // Made aside and renamed: one that was interrupted is never taken for whole. Under the lock
    // whatever lies aside is of a process that was killed.
    let aside = tempfile::Builder::new().prefix(ASIDE).tempdir_in(&parent).map_err(failed)?;
    for entry in fs::read_dir(&parent).map_err(failed)?.filter_map(Result::ok) {
        if entry.file_name().to_string_lossy().starts_with(ASIDE) && entry.path() != aside.path() {
            fs::remove_dir_all(entry.path()).map_err(failed)?;
        }
    }
    install(base, aside.path(), requirements, events)?;
    if directory.exists() {
        fs::remove_dir_all(&directory).map_err(failed)?; // its Python has gone
    }
    fs::rename(aside.path(), &directory).map_err(failed)?;
    events(Event::Installed);
    Ok(python)
}

/// The same for the same packages on the same Python.
fn key(python: &Python, requirements: &str) -> String {
    let path = python.path.to_string_lossy();
    let pins = requirements.lines().filter(|line| !line.starts_with('#'));
    hash_of([&*python.version, &*python.platform, &*path].into_iter().chain(pins))
}

/// Whether an environment is whole: the interpreter that it was made from may have been removed.
fn works(python: &Path, check: &str) -> bool {
    let mut command = Command::new(python);
    scrub(&mut command);
    command
        .args(["-I", "-c", check])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Makes an environment in `directory` and installs the wanted packages into it.
fn install(
    base: &Python,
    directory: &Path,
    wanted: &str,
    events: &mut dyn FnMut(Event),
) -> Result<(), Error> {
    let log = directory.join("install.log");
    let requirements = directory.join("requirements.txt");
    fs::write(&requirements, wanted).map_err(|source| Error::File {
        verb: "write",
        path: requirements.clone(),
        source,
    })?;

    let mut venv = Command::new(&base.path);
    scrub(&mut venv);
    venv.args(["-I", "-m", "venv"]).arg(directory);
    run("making a virtual environment", venv, &log, &mut |_| {})?;

    let mut pip = Command::new(directory.join("bin/python"));
    scrub(&mut pip);
    pip.envs(std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        name.starts_with("PIP_") || SEEN_BY_PIP.contains(&&*name)
    }));
    pip.args([
        "-m",
        "pip",
        "install",
        "--no-input",
        "--disable-pip-version-check",
        "--progress-bar",
        "off",
        "-r",
    ]);
    pip.arg(&requirements);
    run("installing packages", pip, &log, &mut |line| {
        if let Some(package) = line.strip_prefix("Collecting ") {
            events(Event::Package(package.split(' ').next().unwrap_or_default().to_owned()));
        }
    })
}

/// Runs a command to its end, telling its lines; what it says on stderr goes to `log`.
fn run(
    step: &'static str,
    mut command: Command,
    log: &Path,
    tell: &mut dyn FnMut(&str),
) -> Result<(), Error> {
    let failed = |source: std::io::Error| Error::Install { step, output: source.to_string() };
    let stderr = File::create(log).map_err(failed)?;
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn().map_err(failed)?;
    let stdout = child.stdout.take().expect("stdout is a pipe");
    let mut last = Vec::new();
    for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        tell(&line);
        last = vec![line];
    }
    if child.wait().map_err(failed)?.success() {
        return Ok(());
    }
    last.push(process::tail(log));
    Err(Error::Install { step, output: last.join("\n") })
}
