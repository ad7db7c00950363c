//! Where the local cloud lives on disk.

use std::ffi::OsString;
use std::path::PathBuf;

use super::Error;

/// The directories of a local cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What can be made anew at any time: environments and glue, by hash.
    pub cache: PathBuf,
    /// The server's own: its state, log and scratch files. One server per directory.
    pub server: PathBuf,
}

impl Place {
    /// The user's: `SMSTACK_CACHE_DIR`, else `smstack` in `XDG_CACHE_HOME`, in `~/Library/Caches`
    /// on macOS, or in `~/.cache`; the server in its `local`, unless `SMSTACK_LOCAL_DIR` names another.
    ///
    /// # Errors
    /// Where none of these is known.
    pub fn of_user() -> Result<Self, Error> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    pub(super) fn from_variables(get: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        // An empty or relative directory would change with the working directory.
        let absolute = |name: &str| get(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let own = get("SMSTACK_CACHE_DIR").filter(|value| !value.is_empty()).map(PathBuf::from);
        let usual = || {
            let of_home = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
            let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(of_home)));
            caches.map(|caches| caches.join("smstack"))
        };
        let cache = own.or_else(usual).ok_or(Error::NoCache)?;
        let cache = std::path::absolute(&cache).map_err(|source| Error::File {
            verb: "find",
            path: cache,
            source,
        })?;
        let server = absolute("SMSTACK_LOCAL_DIR").unwrap_or_else(|| cache.join("local"));
        Ok(Self { cache, server })
    }

    /// What the server says.
    pub(super) fn log(&self) -> PathBuf {
        self.server.join("log")
    }

    /// What remembers the server.
    pub(super) fn state(&self) -> PathBuf {
        self.server.join("state.json")
    }

    /// What the server writes once it listens.
    pub(super) fn ready(&self) -> PathBuf {
        self.server.join("ready.json")
    }

    /// What describes faults.
    pub(super) fn faults(&self) -> PathBuf {
        self.server.join("faults.json")
    }
}
