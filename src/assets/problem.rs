//! What can be wrong with a source, and the way out.

use std::path::Path;
use std::{fmt, fs, io};

use super::{IGNORE_FILE, Request, Secret};

/// One thing that keeps a source from being uploaded. `Display` is the message; [`Problem::help`] the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub kind: ProblemKind,
    /// The pointer of the request that met it.
    pub pointer: String,
    /// The file or directory at fault, relative to the project's root; for a problem with the requested path
    /// itself, as the stack file wrote it.
    pub path: String,
}

/// What is wrong. Those that begin with `Entry` are about the request's entry point, the others about its path
/// or a file beneath it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// There is nothing of this name.
    Missing {
        /// Paths that are there, the most alike first.
        near: Vec<String>,
    },
    /// A file was asked for, and this is a directory.
    NotAFile,
    /// A directory was asked for, and this is something else.
    NotADirectory,
    /// The path is absolute: it would mean something else on every machine.
    Absolute,
    /// The path climbs out of the project with `..`.
    LeavesProject,
    /// A symbolic link leads out of the tree, or out of the project if the requested path itself is one.
    LinkLeaves {
        /// What the link says.
        target: String,
    },
    /// A symbolic link leads nowhere.
    LinkBroken {
        /// What the link says.
        target: String,
        /// What the operating system says.
        reason: String,
    },
    /// A symbolic link leads to a directory that it is in.
    LinkCycle {
        /// What the link says.
        target: String,
    },
    /// The tree has no such file.
    EntryMissing {
        /// The entry point as the stack file wrote it.
        entry: String,
        /// Files of the tree, the most alike first.
        near: Vec<String>,
    },
    /// The entry point is a directory.
    EntryNotAFile {
        /// The entry point as the stack file wrote it.
        entry: String,
    },
    /// The entry point is absolute, or climbs out of the tree.
    EntryLeaves {
        /// The entry point as the stack file wrote it.
        entry: String,
    },
    /// The entry point is there, but ignored.
    EntryIgnored {
        /// The entry point as the stack file wrote it.
        entry: String,
        /// The name that the pattern matches: the file's own, or that of a directory above it.
        name: String,
        /// The pattern, and where it is from.
        by: String,
    },
    /// It looks like a secret, and whoever runs or reads the job would see it.
    Secret(Secret),
    /// It can't be read.
    Unreadable {
        /// What the operating system says.
        reason: String,
    },
    /// It is neither a file nor a directory.
    Special {
        /// What it is instead: `a socket`.
        what: &'static str,
    },
    /// Its name is not UTF-8, which archives, keys and containers don't agree on.
    NameNotUtf8,
    /// There are more bytes than a source may have.
    TooManyBytes {
        /// As many as it may have.
        limit: u64,
    },
    /// There are more files and directories than a source tree may have.
    TooManyFiles {
        /// As many as it may have.
        limit: usize,
    },
    /// Directories are nested more deeply than they may be.
    TooDeep {
        /// As deep as they may be.
        limit: usize,
    },
    /// An ignore file can't be understood.
    BadIgnore {
        /// What is wrong with it, with the line where there is one.
        reason: String,
    },
}

impl Problem {
    pub(super) fn new(kind: ProblemKind, request: &Request, path: &str) -> Self {
        Self { kind, pointer: request.pointer.clone(), path: path.to_owned() }
    }

    /// The way out.
    pub fn help(&self) -> String {
        let path = &self.path;
        match &self.kind {
            ProblemKind::Missing { near } | ProblemKind::EntryMissing { near, .. } if !near.is_empty() => {
                let near: Vec<String> = near.iter().map(|path| format!("`{path}`")).collect();
                format!("did you mean {}?", near.join(" or "))
            }
            ProblemKind::Missing { .. } => {
                "paths are relative to the project's directory; create it, or correct the path".to_owned()
            }
            ProblemKind::EntryMissing { .. } => {
                format!("the entry point is relative to `{path}`; create it, or correct its name")
            }
            ProblemKind::NotAFile => "name a file in it".to_owned(),
            ProblemKind::NotADirectory => {
                "name the directory it is in, and the file as the entry point".to_owned()
            }
            ProblemKind::EntryNotAFile { .. } => "name a file in it as the entry point".to_owned(),
            ProblemKind::Absolute => "write the path relative to the project's directory".to_owned(),
            ProblemKind::LeavesProject => "move the source into the project's directory".to_owned(),
            ProblemKind::EntryLeaves { .. } => {
                format!("the entry point is a file in `{path}`, relative to it")
            }
            ProblemKind::LinkLeaves { .. } => {
                format!("copy what it leads to in its place, or name it in `{IGNORE_FILE}`")
            }
            ProblemKind::LinkBroken { .. } | ProblemKind::LinkCycle { .. } => {
                format!("remove or correct the link, or name it in `{IGNORE_FILE}`")
            }
            ProblemKind::EntryIgnored { name, .. } => {
                format!("remove the pattern, or let the line `!{name}` follow it in `{IGNORE_FILE}`")
            }
            ProblemKind::Secret(_) => format!(
                "name it in `{IGNORE_FILE}` or move it out of the source; jobs read secrets from AWS Secrets Manager"
            ),
            ProblemKind::Unreadable { .. } => {
                format!("make it readable to you, or name it in `{IGNORE_FILE}`")
            }
            ProblemKind::Special { .. } => format!("remove it, or name it in `{IGNORE_FILE}`"),
            ProblemKind::NameNotUtf8 => format!("rename it, or name it in `{IGNORE_FILE}`"),
            ProblemKind::TooManyBytes { .. }
            | ProblemKind::TooManyFiles { .. }
            | ProblemKind::TooDeep { .. } => {
                format!(
                    "name what the job doesn't need in `{IGNORE_FILE}`; data belongs in a dataset or a channel"
                )
            }
            ProblemKind::BadIgnore { .. } => "its lines are patterns as in `.gitignore`, in UTF-8".to_owned(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match &self.kind {
            ProblemKind::Missing { .. } => write!(f, "`{path}` does not exist"),
            ProblemKind::NotAFile => write!(f, "`{path}` is a directory, not a file"),
            ProblemKind::NotADirectory => write!(f, "`{path}` is not a directory"),
            ProblemKind::Absolute => write!(f, "`{path}` is an absolute path"),
            ProblemKind::LeavesProject => write!(f, "`{path}` is outside the project"),
            ProblemKind::LinkLeaves { target } => {
                write!(f, "the link `{path}` leads out of the source, to `{target}`")
            }
            ProblemKind::LinkBroken { target, reason } => {
                write!(f, "the link `{path}` to `{target}` can't be followed: {reason}")
            }
            ProblemKind::LinkCycle { target } => {
                write!(f, "the link `{path}` leads back to a directory that it is in, `{target}`")
            }
            ProblemKind::EntryMissing { entry, .. } => write!(f, "`{path}` has no file `{entry}`"),
            ProblemKind::EntryNotAFile { entry } => {
                write!(f, "`{entry}` in `{path}` is a directory, not a file")
            }
            ProblemKind::EntryLeaves { entry } => write!(f, "the entry point `{entry}` is outside `{path}`"),
            ProblemKind::EntryIgnored { entry, by, .. } => {
                write!(f, "the entry point `{entry}` is ignored by {by}")
            }
            ProblemKind::Secret(Secret::Name) => {
                write!(f, "`{path}` has the name of a file that holds secrets")
            }
            ProblemKind::Secret(Secret::PrivateKey) => write!(f, "`{path}` holds a private key"),
            ProblemKind::Secret(Secret::AwsKeys) => write!(f, "`{path}` holds AWS access keys"),
            ProblemKind::Secret(Secret::RegistryToken) => {
                write!(f, "`{path}` holds a token of a package registry")
            }
            ProblemKind::Unreadable { reason } => write!(f, "`{path}` can't be read: {reason}"),
            ProblemKind::Special { what } => write!(f, "`{path}` is {what}, not a file"),
            ProblemKind::NameNotUtf8 => write!(f, "the name of `{path}` is not UTF-8"),
            ProblemKind::TooManyBytes { limit } => {
                write!(f, "`{path}` makes the source exceed {limit} bytes")
            }
            ProblemKind::TooManyFiles { limit } => write!(f, "`{path}` holds more than {limit} files"),
            ProblemKind::TooDeep { limit } => write!(f, "`{path}` is more than {limit} directories deep"),
            ProblemKind::BadIgnore { reason } => write!(f, "`{path}` {reason}"),
        }
    }
}

impl ProblemKind {
    pub(super) fn unreadable(error: &io::Error) -> Self {
        Self::Unreadable { reason: error.to_string() }
    }

    pub(super) fn link_leaves(link: &Path) -> Self {
        Self::LinkLeaves { target: target(link) }
    }

    pub(super) fn link_broken(link: &Path, error: &io::Error) -> Self {
        let reason = match error.kind() {
            io::ErrorKind::NotFound => "nothing is there".to_owned(),
            _ => error.to_string(),
        };
        Self::LinkBroken { target: target(link), reason }
    }

    pub(super) fn link_cycle(link: &Path) -> Self {
        Self::LinkCycle { target: target(link) }
    }

    pub(super) fn special(file_type: fs::FileType) -> Self {
        Self::Special { what: special_name(file_type) }
    }
}

/// What a link says, or where it leads if a directory above is the link.
fn target(link: &Path) -> String {
    let target = fs::read_link(link).or_else(|_| fs::canonicalize(link));
    target.as_deref().unwrap_or(link).to_string_lossy().into_owned()
}

#[cfg(unix)]
fn special_name(file_type: fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match file_type {
        of if of.is_fifo() => "a named pipe",
        of if of.is_socket() => "a socket",
        of if of.is_block_device() || of.is_char_device() => "a device",
        _ => "a special file",
    }
}

#[cfg(not(unix))]
fn special_name(_: fs::FileType) -> &'static str {
    "a special file"
}

/// Paths that are there and differ from an absent one in the part that is absent: the most alike first.
pub(super) fn nearest_paths(root: &Path, parts: &[&str]) -> Vec<String> {
    let mut at = root.to_owned();
    for (depth, part) in parts.iter().enumerate() {
        if at.join(part).exists() {
            at.push(part);
            continue;
        }
        let names = fs::read_dir(&at).into_iter().flatten().flatten();
        let names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        let corrected = |name: &str| {
            let mut parts = parts.to_vec();
            parts[depth] = name;
            root.join(parts.join("/")).exists().then(|| parts.join("/"))
        };
        return nearest(part, &names).iter().filter_map(|name| corrected(name)).collect();
    }
    Vec::new()
}

/// At most three of the paths, those most like the wanted one in full or by their last part.
pub(super) fn nearest<'a>(wanted: &str, paths: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    const ALIKE: f64 = 0.8;
    let last = |path: &'a str| path.rsplit('/').next().unwrap_or(path);
    let wanted_last = wanted.rsplit('/').next().unwrap_or(wanted);
    let score =
        |path: &'a str| strsim::jaro_winkler(wanted, path).max(strsim::jaro_winkler(wanted_last, last(path)));
    let mut scored: Vec<(f64, &String)> = paths.into_iter().map(|path| (score(path), path)).collect();
    scored.retain(|(score, _)| *score >= ALIKE);
    scored.sort_by(|(a, left), (b, right)| b.total_cmp(a).then_with(|| left.cmp(right)));
    scored.into_iter().take(3).map(|(_, path)| path.clone()).collect()
}
