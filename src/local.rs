//! The local cloud: an emulator of what a stack deploys to, on a loopback port of this machine.
//!
//! Its Python glue is embedded here; `up` installs what it needs in the user's cache directory,
//! once, and starts it. Nothing here prints: what happens is told as [`Event`]s. The glue itself
//! is described in `src/local/README.md`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::local::state::{Lock, State};

mod environment;
mod glue;
mod http;
mod place;
mod process;
mod python;
mod state;

pub use place::Place;
pub(crate) use process::tail;

/// The access key to call the local cloud with: a key of twelve digits is an account of its own.
pub const ACCESS_KEY: &str = "123456789012";
/// The secret key to call the local cloud with; signatures aren't checked.
pub const SECRET_ACCESS_KEY: &str = "local";
/// The region to call where nothing names one; one port serves every region.
pub const REGION: &str = "us-east-1";

/// How long a freshly started server may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(90);
/// How long a server may take to end by itself.
const ENDS_WITHIN: Duration = Duration::from_secs(5);
/// How long a server that lives may take to answer before it counts as stuck.
const ANSWERS_WITHIN: Duration = Duration::from_secs(15);
/// How long a reset may take.
const RESET_WITHIN: Duration = Duration::from_secs(30);

/// What happens while the local cloud is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Another process works on the local cloud; this one waits for it.
    Waiting,
    /// A Python interpreter was chosen.
    Python {
        /// Where it is.
        path: PathBuf,
        /// Its version, `3.11.7`.
        version: String,
    },
    /// The emulators are being installed, which happens once.
    Installing {
        /// Where to.
        directory: PathBuf,
    },
    /// One package of them is being fetched.
    Package(String),
    /// They are installed.
    Installed,
    /// A server of another version of smstack is running, and is ended first.
    Replacing {
        /// Its process.
        pid: u32,
    },
    /// The server is being started.
    Starting,
    /// It answers.
    Ready(Running),
    /// The process is being ended.
    Stopping {
        /// Its process.
        pid: u32,
    },
}

/// A local cloud that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// What to set as the endpoint of every service, `http://127.0.0.1:PORT`.
    pub endpoint_url: String,
    /// Its process.
    pub pid: u32,
    /// Its loopback port.
    pub port: u16,
    /// When it started, in seconds since 1970.
    pub started: u64,
    /// Its log.
    pub log: PathBuf,
    /// Where failures and delays of resources may be described (`src/local/README.md`).
    pub faults: PathBuf,
}

/// What is known of the local cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It answers.
    Up(Running),
    /// Its process is there but doesn't answer; `down` ends it.
    Stuck {
        /// The process.
        pid: u32,
        /// Its log.
        log: PathBuf,
    },
    /// It isn't running.
    Down,
}

/// Why the local cloud could not be had, each with the way out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No Python interpreter at all.
    #[error("the local cloud needs Python 3.10 or newer, and none was found (looked for {}); \
             install one, or name it in `SMSTACK_PYTHON`", looked_for.join(", "))]
    NoPython {
        /// The names that were tried.
        looked_for: Vec<String>,
    },
    /// Only interpreters that are too old.
    #[error(
        "the local cloud needs Python 3.10 or newer, and `{python}` is {version}; \
             install a newer one, or name one in `SMSTACK_PYTHON`"
    )]
    OldPython {
        /// The interpreter.
        python: String,
        /// Its version.
        version: String,
    },
    /// An interpreter without the means to make a virtual environment.
    #[error(
        "`{python}` cannot make virtual environments: its `venv` or `ensurepip` module is missing; \
             install it (`apt install python3-venv` on Debian and Ubuntu), or name another Python in `SMSTACK_PYTHON`"
    )]
    NoVenv {
        /// The interpreter.
        python: String,
    },
    /// Neither an override nor a home directory to keep the cache in.
    #[error("no directory to keep the local cloud in: set `HOME` or `SMSTACK_CACHE_DIR`")]
    NoCache,
    /// Creating the environment or installing packages failed.
    #[error(
        "installing packages failed ({step}); check the network or set pip's index, proxy and \
             certificates by its own variables (`PIP_INDEX_URL`, `HTTPS_PROXY`, …), then try again\n{output}"
    )]
    Install {
        /// What was being done.
        step: &'static str,
        /// The end of what it said.
        output: String,
    },
    /// The server ended instead of answering.
    #[error("the local cloud ended while starting ({status}); `smstack local up` tries again, and this is the \
             end of `{}`\n{tail}", log.display())]
    Ended {
        /// How it ended.
        status: String,
        /// Its log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// The server didn't answer in time.
    #[error("the local cloud didn't answer within {} seconds and was ended; `smstack local up` tries again, \
             and this is the end of `{}`\n{tail}", READY_WITHIN.as_secs(), log.display())]
    NotReady {
        /// Its log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// Something was asked of a server that isn't there.
    #[error("the local cloud isn't running; start it by `smstack local up`")]
    NotRunning,
    /// The server refused or dropped a request.
    #[error(
        "the local cloud didn't do as asked ({what}); restart it by `smstack local down` and `smstack local up`"
    )]
    Unanswered {
        /// What went wrong.
        what: String,
    },
    /// A process that no signal ends.
    #[error("process {pid} of the local cloud doesn't end; end it by hand (`kill -9 {pid}`)")]
    Unstoppable {
        /// The process.
        pid: u32,
    },
    /// This platform has no process groups and signals.
    #[error("the local cloud needs Linux or macOS; on Windows run smstack in WSL")]
    Platform,
    /// A file could not be read or written.
    #[error("cannot {verb} `{}`: {source}; check its permissions, or set `SMSTACK_CACHE_DIR` to another directory", path.display())]
    File {
        /// What was tried.
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl Error {
    /// Whether packages were asked for in versions that there are not for the Python that was chosen.
    pub fn is_no_such_version(&self) -> bool {
        const SAID: [&str; 2] = ["No matching distribution found", "ResolutionImpossible"];
        matches!(self, Error::Install { output, .. } if SAID.iter().any(|said| output.contains(said)))
    }
}

/// Has a local cloud running, installing and starting whatever isn't there.
///
/// Safe to call from several processes at once: they end up with one server.
///
/// # Errors
/// Where Python is missing, installing fails, or the server doesn't come up; see [`Error`].
pub fn up(events: &mut dyn FnMut(Event)) -> Result<Running, Error> {
    up_at(&Place::of_user()?, events)
}

/// [`up`] in a given place.
///
/// # Errors
/// As [`up`].
pub fn up_at(place: &Place, events: &mut dyn FnMut(Event)) -> Result<Running, Error> {
    if !cfg!(unix) {
        return Err(Error::Platform);
    }
    let _lock = Lock::take(&place.server, || events(Event::Waiting))?;
    if let Some(state) = State::read(place)? {
        let current = state.glue == glue::hash();
        // One that lives and is only slow, on a machine that is busy, is in use by others.
        let slow = || current && process::is_server(state.pid, place);
        match answering(&state) || slow() && process::wait_until(ANSWERS_WITHIN, || answering(&state)) {
            true if current => return Ok(ready(&state, place, events)),
            running if running || process::is_server(state.pid, place) => {
                events(Event::Replacing { pid: state.pid });
                end(&state, place)?;
            }
            _ => State::remove(place)?,
        }
    }
    let (python, glue) = {
        let _cache = Lock::take(&place.cache, || events(Event::Waiting))?;
        (environment::have(place, events)?, glue::write(place)?)
    };
    events(Event::Starting);
    let state = process::start(&python, &glue, place)?;
    if let Err(error) = state.write(place) {
        // A server that nobody remembers could never be stopped.
        process::signal(state.pid, process::Signal::Kill);
        return Err(error);
    }
    Ok(ready(&state, place, events))
}

/// A Python in the user's cache that has these packages, a requirement a line; they are installed once. It is made from
/// the chosen interpreter, else from the first on the `PATH` that will do, those of `like` (`python3.10`) before others.
///
/// # Errors
/// Where Python is missing or installing fails; see [`Error`].
pub fn environment(
    chosen: Option<&Path>,
    like: &[String],
    requirements: &[String],
    events: &mut dyn FnMut(Event),
) -> Result<PathBuf, Error> {
    if !cfg!(unix) {
        return Err(Error::Platform);
    }
    let place = Place::of_user()?;
    let base = python::find_like(chosen, like)?;
    let _cache = Lock::take(&place.cache, || events(Event::Waiting))?;
    environment::have_with(&place, &base, &requirements.join("\n"), "pass", events)
}

/// Ends the local cloud; what it had been, or nothing where it wasn't running.
///
/// # Errors
/// Where its process doesn't end or its files cannot be changed.
pub fn down(events: &mut dyn FnMut(Event)) -> Result<Option<Running>, Error> {
    down_at(&Place::of_user()?, events)
}

/// [`down`] in a given place.
///
/// # Errors
/// As [`down`].
pub fn down_at(place: &Place, events: &mut dyn FnMut(Event)) -> Result<Option<Running>, Error> {
    let _lock = Lock::take(&place.server, || events(Event::Waiting))?;
    let Some(state) = State::read(place)? else { return Ok(None) };
    if !answering(&state) && !process::is_server(state.pid, place) {
        State::remove(place)?; // of a server that ended by itself, perhaps with the machine
        return Ok(None);
    }
    events(Event::Stopping { pid: state.pid });
    end(&state, place)?;
    Ok(Some(state.running(place)))
}

/// Whether the local cloud is running.
///
/// # Errors
/// Where its state cannot be read.
pub fn status() -> Result<Status, Error> {
    status_at(&Place::of_user()?)
}

/// [`status`] in a given place.
///
/// # Errors
/// As [`status`].
pub fn status_at(place: &Place) -> Result<Status, Error> {
    Ok(match State::read(place)? {
        Some(state) if answering(&state) => Status::Up(state.running(place)),
        Some(state) if process::is_server(state.pid, place) => {
            Status::Stuck { pid: state.pid, log: place.log() }
        }
        _ => Status::Down,
    })
}

/// Empties the local cloud of every account's resources; it keeps running.
///
/// # Errors
/// Where it isn't running, or doesn't do it.
pub fn reset() -> Result<Running, Error> {
    reset_at(&Place::of_user()?)
}

/// [`reset`] in a given place.
///
/// # Errors
/// As [`reset`].
pub fn reset_at(place: &Place) -> Result<Running, Error> {
    let Status::Up(running) = status_at(place)? else { return Err(Error::NotRunning) };
    http::ask("POST", running.port, "/_smstack/reset", RESET_WITHIN)
        .map_err(|error| Error::Unanswered { what: format!("reset: {error}") })?;
    Ok(running)
}

fn ready(state: &State, place: &Place, events: &mut dyn FnMut(Event)) -> Running {
    let running = state.running(place);
    events(Event::Ready(running.clone()));
    running
}

/// Whether what listens on the port is the very server that was started: it knows the token.
fn answering(state: &State) -> bool {
    http::health(state.port).is_ok_and(|health| health.pid == state.pid && health.token == state.token)
}

/// Ends the server, at first kindly, and forgets it.
fn end(state: &State, place: &Place) -> Result<(), Error> {
    let gone = || !process::is_server(state.pid, place) && !answering(state);
    for (signal, patience) in
        [(process::Signal::Term, ENDS_WITHIN), (process::Signal::Kill, Duration::from_secs(2))]
    {
        process::signal(state.pid, signal);
        if process::wait_until(patience, gone) {
            return State::remove(place);
        }
    }
    Err(Error::Unstoppable { pid: state.pid })
}

#[cfg(test)]
mod tests;
