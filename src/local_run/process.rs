//! One process of a job: in a group of its own, with a time limit, ended whole.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What a process sees of the user's environment: never a credential of AWS.
const SEEN: [&str; 12] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "LANG",
    "LC_ALL",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
];
/// How long a process that is told to end may take.
const ENDS_WITHIN: Duration = Duration::from_secs(5);
/// How often it is looked at.
const TICK: Duration = Duration::from_millis(25);

/// What to run.
#[derive(Debug, Default)]
pub(super) struct Spec {
    pub(super) command: Vec<String>,
    pub(super) variables: Vec<(String, String)>,
    pub(super) directory: PathBuf,
    pub(super) log: PathBuf,
    pub(super) limit: Option<Duration>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By itself, with this exit code.
    Exited(i32),
    /// Something outside killed it: this signal.
    Killed(i32),
    /// It took longer than it may.
    TimedOut(Duration),
    /// The execution was stopped.
    Stopped,
}

/// Runs it to its end; no process of its group is left.
pub(super) fn run(spec: &Spec, stop: &AtomicBool) -> Result<End, String> {
    let told = |error: std::io::Error| format!("cannot write `{}`: {error}", spec.log.display());
    let output = File::options().create(true).append(true).open(&spec.log).map_err(told)?;
    let errors = output.try_clone().map_err(told)?;
    let (program, arguments) = spec.command.split_first().ok_or("there is no command to run")?;
    let mut command = Command::new(program);
    let kept = SEEN.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    command
        .args(arguments)
        .env_clear()
        .envs(kept)
        .env("PYTHONUNBUFFERED", "1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .envs(spec.variables.iter().map(|(name, value)| (name, value)))
        .current_dir(&spec.directory)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(|error| format!("cannot run `{program}`: {error}"))?;
    let begun = Instant::now();
    let end = loop {
        match child.try_wait() {
            Ok(Some(status)) => break ended(status),
            Ok(None) => {}
            Err(error) => {
                end_group(&mut child);
                return Err(format!("cannot wait for `{program}`: {error}"));
            }
        }
        if stop.load(Ordering::Relaxed) {
            end_group(&mut child);
            return Ok(End::Stopped);
        }
        if let Some(limit) = spec.limit.filter(|limit| begun.elapsed() > *limit) {
            end_group(&mut child);
            return Ok(End::TimedOut(limit));
        }
        std::thread::sleep(TICK);
    };
    // A container ends with its first process; so does the group.
    signal(child.id(), "KILL");
    Ok(end)
}

#[cfg(unix)]
fn ended(status: ExitStatus) -> End {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exited(code),
        (None, signal) => End::Killed(signal.unwrap_or_default()),
    }
}

#[cfg(not(unix))]
fn ended(status: ExitStatus) -> End {
    End::Exited(status.code().unwrap_or(-1))
}

/// Ends a whole group, at first kindly.
fn end_group(child: &mut Child) {
    signal(child.id(), "TERM");
    let asked = Instant::now();
    while asked.elapsed() < ENDS_WITHIN && matches!(child.try_wait(), Ok(None)) {
        std::thread::sleep(TICK);
    }
    signal(child.id(), "KILL");
    // It is dead; that it cannot be waited for changes nothing.
    let _ = child.wait();
}

/// Sends a signal to a group by the shell's own `kill`, which is everywhere. A group that has ended is no failure.
fn signal(group: u32, name: &str) {
    let _ = Command::new("/bin/sh")
        .args(["-c", "kill -s \"$0\" -- \"-$1\"", name, &group.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// A whole log as text.
pub(super) fn whole(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
