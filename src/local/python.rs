//! Finding a Python that the local cloud can run on.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Error;

/// The oldest that the pinned packages run on.
const OLDEST: (u32, u32) = (3, 10);

/// What is looked for on the `PATH`, in this order.
const NAMES: [&str; 7] =
    ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python"];

/// Prints version, place and kind of machine, and whether virtual environments can be made.
const PROBE: &str = "import sys, sysconfig, importlib.util as u\n\
     print('.'.join(map(str, sys.version_info[:3])))\n\
     print(sys.executable)\n\
     print(sysconfig.get_platform())\n\
     print(all(u.find_spec(m) for m in ('venv', 'ensurepip')))";

/// An interpreter that will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Python {
    pub(super) path: PathBuf,
    pub(super) version: String,
    /// `linux-x86_64`; packages differ by it.
    pub(super) platform: String,
}

/// What a probe found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// One that will do.
    Good(Python),
    /// One of this version, which is too old.
    Old(String),
    /// One that cannot make virtual environments.
    NoVenv,
}

/// The interpreter that `SMSTACK_PYTHON` names, else the first on the `PATH` that will do.
pub(super) fn find() -> Result<Python, Error> {
    let chosen = std::env::var_os("SMSTACK_PYTHON").filter(|value| !value.is_empty());
    let names = chosen.map_or_else(|| NAMES.map(OsString::from).to_vec(), |python| vec![python]);
    choose(&names, probe)
}

/// The first good one of `names`; else the most helpful reason why there is none.
pub(super) fn choose(
    names: &[OsString],
    mut probe: impl FnMut(&OsString) -> Option<Found>,
) -> Result<Python, Error> {
    let mut reason = None;
    for name in names {
        let python = name.to_string_lossy().into_owned();
        match probe(name) {
            Some(Found::Good(found)) => return Ok(found),
            // Nearer to a working one than any that is too old.
            Some(Found::NoVenv) if !matches!(reason, Some(Error::NoVenv { .. })) => {
                reason = Some(Error::NoVenv { python });
            }
            Some(Found::Old(version)) if reason.is_none() => {
                reason = Some(Error::OldPython { python, version });
            }
            _ => {}
        }
    }
    let looked_for = names.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    Err(reason.unwrap_or(Error::NoPython { looked_for }))
}

/// The interpreter that was chosen, else the first on the `PATH` that will do, those of `like` before others.
pub(super) fn find_like(chosen: Option<&Path>, like: &[String]) -> Result<Python, Error> {
    let names = match chosen {
        Some(path) => vec![path.as_os_str().to_owned()],
        None => like.iter().map(OsString::from).chain(NAMES.map(OsString::from)).collect(),
    };
    choose(&names, probe)
}

fn probe(name: &OsString) -> Option<Found> {
    let mut command = Command::new(name);
    super::environment::scrub(&mut command);
    let output = command.args(["-I", "-c", PROBE]).stdin(Stdio::null()).output().ok()?;
    // One that is too old for the probe's imports still tells its version, on the first line.
    read(&String::from_utf8_lossy(&output.stdout))
}

/// Reads a probe's answer.
pub(super) fn read(answer: &str) -> Option<Found> {
    let mut lines = answer.lines().map(str::trim);
    let version = lines.next()?.to_owned();
    let mut numbers = version.split('.').map(str::parse::<u32>);
    let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    if (major, minor) < OLDEST {
        return Some(Found::Old(version));
    }
    let (path, platform) = (PathBuf::from(lines.next()?), lines.next()?.to_owned());
    match lines.next()? {
        "True" => Some(Found::Good(Python { path, version, platform })),
        _ => Some(Found::NoVenv),
    }
}
