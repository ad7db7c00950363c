//! The server's process: started on its own, watched, and ended only if it really is ours.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use super::state::State;
use super::{Error, Place, READY_WITHIN, environment, glue, http};

/// How much of a log's end is shown.
const TAIL: usize = 20;

/// What the server writes once it listens.
#[derive(Deserialize)]
struct Ready {
    pid: u32,
    port: u16,
}

/// How to end a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// It may finish what it does.
    Term,
    /// At once.
    Kill,
}

/// Starts the server and waits until it answers.
pub(super) fn start(python: &Path, entry: &Path, place: &Place) -> Result<State, Error> {
    let ready = place.ready();
    if ready.exists() {
        fs::remove_file(&ready).map_err(|source| Error::File { verb: "remove", path: ready, source })?;
    }
    let token = token();
    let mut child = spawn(python, entry, place, &token)?;
    let deadline = Instant::now() + READY_WITHIN;
    loop {
        if let Some(state) = answer(place, &token) {
            return Ok(state);
        }
        let (log, tail) = (place.log(), || tail(&place.log()));
        if let Ok(Some(status)) = child.try_wait() {
            return Err(Error::Ended { status: status.to_string(), log, tail: tail() });
        }
        if Instant::now() > deadline {
            // Whether it can be killed makes no difference to what is told.
            let _ = child.kill().and_then(|()| child.wait());
            return Err(Error::NotReady { log, tail: tail() });
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Starts the process in a group of its own: the terminal's Ctrl-C isn't for it.
fn spawn(python: &Path, entry: &Path, place: &Place, token: &str) -> Result<Child, Error> {
    let log = place.log();
    let failed = |source| Error::File { verb: "write", path: log.clone(), source };
    let output = File::create(&log).map_err(failed)?;
    let errors = output.try_clone().map_err(failed)?;
    let mut command = Command::new(python);
    environment::scrub(&mut command);
    command
        .arg("-B")
        .arg(entry)
        .arg(&place.server)
        .current_dir(&place.server)
        .env("SMSTACK_LOCAL_TOKEN", token)
        .env("SMSTACK_LOCAL_FAULTS", place.faults())
        .env("PYTHONUNBUFFERED", "1")
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().map_err(|source| Error::File { verb: "run", path: python.to_owned(), source })
}

/// The server's state, once it answers with the token that it was given.
fn answer(place: &Place, token: &str) -> Option<State> {
    let ready: Ready = serde_json::from_slice(&fs::read(place.ready()).ok()?).ok()?;
    let health = http::health(ready.port).ok()?;
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    (health.pid == ready.pid && health.token == token).then(|| State {
        pid: ready.pid,
        port: ready.port,
        started,
        glue: glue::hash(),
        token: token.to_owned(),
    })
}

/// Something that no other server was given. It tells servers apart and guards nothing.
fn token() -> String {
    let (one, other) = (RandomState::new().hash_one(1), RandomState::new().hash_one(2));
    format!("{one:016x}{other:016x}")
}

/// Whether a process is the server of this place, by its command line. One that ended and that
/// its parent hasn't noticed yet has none.
pub(super) fn is_server(pid: u32, place: &Place) -> bool {
    let line = match fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(line) => String::from_utf8_lossy(&line).replace('\0', " "),
        Err(_) if Path::new("/proc/self/cmdline").exists() => return false,
        Err(_) => {
            let pid = pid.to_string();
            let Ok(output) = Command::new("ps").args(["-ww", "-o", "command=", "-p", &pid]).output() else {
                return false;
            };
            String::from_utf8_lossy(&output.stdout).into_owned()
        }
    };
    line.contains("cloud.py") && line.trim_end().ends_with(&*place.server.to_string_lossy())
}

/// Sends a signal by the shell's own `kill`, which is everywhere. A process that has just ended
/// is no failure; the caller watches whether it does.
pub(super) fn signal(pid: u32, signal: Signal) {
    let name = match signal {
        Signal::Term => "TERM",
        Signal::Kill => "KILL",
    };
    let _ = Command::new("/bin/sh")
        .args(["-c", "kill -s \"$0\" \"$1\"", name, &pid.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// Asks again and again until it is so, or until patience ends.
pub(super) fn wait_until(patience: Duration, so: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        if so() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The last lines of a file; nothing where it cannot be read.
pub(crate) fn tail(path: &Path) -> String {
    let mut bytes = Vec::new();
    if let Ok(mut file) = File::open(path) {
        let start = file.metadata().map_or(0, |data| data.len()).saturating_sub(16 << 10);
        // What could not be read is not shown.
        let _ = file.seek(SeekFrom::Start(start)).and_then(|_| file.read_to_end(&mut bytes));
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}
