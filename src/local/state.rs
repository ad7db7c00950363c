//! What is remembered of the server, and the lock under which it changes.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Error, Place, Running};

/// The server that was started last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) pid: u32,
    pub(super) port: u16,
    /// Seconds since 1970.
    pub(super) started: u64,
    /// Hash of the glue that it runs.
    pub(super) glue: String,
    /// Given to it at the start; its health answer has it.
    pub(super) token: String,
}

impl State {
    /// The remembered server. A file that cannot be understood is as none: it is of another version.
    pub(super) fn read(place: &Place) -> Result<Option<Self>, Error> {
        let path = place.state();
        match fs::read(&path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::File { verb: "read", path, source }),
        }
    }

    /// Remembers it, aside and by renaming: a reader sees all of it or the former.
    pub(super) fn write(&self, place: &Place) -> Result<(), Error> {
        let path = place.state();
        let failed = |source| Error::File { verb: "write", path: path.clone(), source };
        let text = serde_json::to_vec_pretty(self).expect("numbers and text are JSON");
        let mut aside = tempfile::NamedTempFile::new_in(&place.server).map_err(failed)?;
        aside.write_all(&text).map_err(failed)?;
        aside.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// Forgets it.
    pub(super) fn remove(place: &Place) -> Result<(), Error> {
        let path = place.state();
        match fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::File { verb: "remove", path, source })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn running(&self, place: &Place) -> Running {
        Running {
            endpoint_url: format!("http://127.0.0.1:{}", self.port),
            pid: self.pid,
            port: self.port,
            started: self.started,
            log: place.log(),
            faults: place.faults(),
        }
    }
}

/// Held on a directory while its contents change: the server's while it is started or ended, the
/// cache's while something is put into it, in this order. It is let go when dropped, or when the
/// process ends however it does.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes it, telling `wait` before waiting for somebody else.
    pub(super) fn take(directory: &Path, wait: impl FnOnce()) -> Result<Self, Error> {
        let path = directory.join("lock");
        let failed = |source| Error::File { verb: "lock", path: path.clone(), source };
        fs::create_dir_all(directory).map_err(failed)?;
        let file = File::create(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                wait();
                file.lock().map_err(failed)?;
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        Ok(Self { _file: file })
    }
}
