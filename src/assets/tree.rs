//! What a source tree holds: a walk that follows the links that stay inside and obeys the ignore files.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::problem::nearest;
use super::{Limits, Problem, ProblemKind, Request, normalise, secret};

/// Patterns of what not to upload, in the form of `.gitignore`, at any level of a tree. It is not uploaded
/// itself. `.gitignore` says what not to commit, which is another matter, and is not read.
pub const IGNORE_FILE: &str = ".smstackignore";

/// What no job needs. An ignore file of the tree can bring any of it back with `!`.
const BUILT_IN: [&str; 9] = [
    "__pycache__/",
    "*.pyc",
    ".git",
    ".DS_Store",
    ".ipynb_checkpoints/",
    ".venv/",
    "smstack.out/",
    "smstack.run/",
    // What `synth` writes aside, maybe at this moment: it may be gone before anybody knows that it is a directory.
    ".smstack-*",
];

/// The file by which the directory of an assembly is known. Projects have files of this name for other purposes.
const MANIFEST: &str = "manifest.json";

/// As much of it as tells whose it is.
const MANIFEST_BYTES: u64 = 128;

/// A source tree. Directories are there only through their files, as in git.
pub(super) struct Tree {
    /// The tree's own path, as problems show it.
    path: String,
    pub(super) entries: Vec<Entry>,
    ignored: Vec<Ignored>,
    /// Whether the walk came to its end.
    whole: bool,
    pub(super) problems: Vec<Problem>,
}

/// One file.
pub(super) struct Entry {
    /// Relative to the tree, with `/`.
    pub(super) path: String,
    /// Where its bytes are, links resolved.
    pub(super) real: PathBuf,
    /// Whether its owner may execute it: the one bit of the mode that git keeps, too.
    pub(super) executable: bool,
    /// Whether its name has been refused already.
    pub(super) secret: bool,
}

/// A file or a directory that a pattern names.
struct Ignored {
    path: String,
    by: String,
}

impl Tree {
    /// A path inside the tree as problems show it.
    pub(super) fn shown(&self, path: &str) -> String {
        match (self.path.as_str(), path) {
            (".", path) => path.to_owned(),
            (tree, "") => tree.to_owned(),
            (tree, path) => format!("{tree}/{path}"),
        }
    }

    /// The entry point without `.` and `..`, if the tree has it. No problem is told twice: if the file was
    /// refused for itself, nothing more is wrong with it as an entry point.
    pub(super) fn entry(&self, entry: &str, request: &Request) -> Result<String, Option<Problem>> {
        let problem = |kind| Some(Problem::new(kind, request, &self.path));
        let wanted = entry.to_owned();
        let relative = !entry.starts_with('/') && !Path::new(entry).is_absolute();
        let path =
            normalise(entry).filter(|parts| relative && !parts.is_empty()).map(|parts| parts.join("/"));
        let Some(path) = path else {
            return Err(problem(ProblemKind::EntryLeaves { entry: wanted }));
        };
        if self.entries.iter().any(|file| file.path == path) {
            return Ok(path);
        }
        let beneath =
            |directory: &str| path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'));
        if let Some(ignored) = self.ignored.iter().find(|of| of.path == path || beneath(&of.path)) {
            let name = ignored.path.rsplit('/').next().unwrap_or_default().to_owned();
            return Err(problem(ProblemKind::EntryIgnored { entry: wanted, name, by: ignored.by.clone() }));
        }
        if self
            .entries
            .iter()
            .any(|file| file.path.strip_prefix(&path).is_some_and(|rest| rest.starts_with('/')))
        {
            return Err(problem(ProblemKind::EntryNotAFile { entry: wanted }));
        }
        let shown = self.shown(&path);
        if !self.whole || self.problems.iter().any(|problem| problem.path == shown) {
            return Err(None);
        }
        let near = nearest(&path, self.entries.iter().map(|file| &file.path));
        Err(problem(ProblemKind::EntryMissing { entry: wanted, near }))
    }
}

/// All that the directory `real` holds. Problems show it as `path`.
pub(super) fn walk(real: &Path, path: &str, request: &Request, limits: Limits) -> Tree {
    let tree = Tree {
        path: path.to_owned(),
        entries: Vec::new(),
        ignored: Vec::new(),
        whole: true,
        problems: Vec::new(),
    };
    let mut walk = Walk {
        top: real,
        request,
        limits,
        tree,
        files: 0,
        bytes: 0,
        above: Vec::new(),
        rules: vec![built_in()],
    };
    walk.directory(real.to_owned(), "");
    walk.tree
}

struct Walk<'a> {
    top: &'a Path,
    request: &'a Request,
    limits: Limits,
    tree: Tree,
    files: usize,
    bytes: u64,
    /// The directories that the walk is in, links resolved.
    above: Vec<PathBuf>,
    /// The patterns in force, the nearest last.
    rules: Vec<Rules>,
}

/// The patterns of one ignore file.
struct Rules {
    /// How much of a path to leave out so that it is relative to the ignore file's directory.
    skip: usize,
    /// How to name the ignore file.
    from: String,
    patterns: Gitignore,
}

impl Walk<'_> {
    fn refuse(&mut self, kind: ProblemKind, path: &str) {
        self.tree.problems.push(Problem::new(kind, self.request, &self.tree.shown(path)));
    }

    /// Give up: what the rest holds makes no difference any more.
    fn stop(&mut self, kind: ProblemKind, path: &str) {
        self.refuse(kind, path);
        self.tree.whole = false;
    }

    fn directory(&mut self, real: PathBuf, path: &str) {
        if self.above.len() >= self.limits.depth {
            return self.stop(ProblemKind::TooDeep { limit: self.limits.depth }, path);
        }
        let mut names = match fs::read_dir(&real).and_then(Iterator::collect::<io::Result<Vec<fs::DirEntry>>>)
        {
            Ok(names) => names,
            Err(error) => return self.refuse(ProblemKind::unreadable(&error), path),
        };
        if !path.is_empty() && is_assembly(&names) && !self.matched(path, true).is_whitelist() {
            let by = format!("smstack: `{}` is an assembly", self.tree.shown(path));
            return self.tree.ignored.push(Ignored { path: path.to_owned(), by });
        }
        names.sort_by_key(fs::DirEntry::file_name);
        let rules = self.rules.len();
        if names.iter().any(|name| name.file_name() == IGNORE_FILE) {
            self.read_rules(&real.join(IGNORE_FILE), path);
        }
        self.above.push(real);
        for name in names.iter().filter(|name| name.file_name() != IGNORE_FILE) {
            if self.tree.whole {
                self.name(name, path);
            }
        }
        self.above.pop();
        self.rules.truncate(rules);
    }

    fn name(&mut self, name: &fs::DirEntry, directory: &str) {
        let file_name = name.file_name();
        let path = [directory, "/", &file_name.to_string_lossy()].concat();
        let path = path.trim_start_matches('/');
        let found = self.resolve(name);
        let is_dir = found.as_ref().is_ok_and(|(_, metadata)| metadata.is_dir());
        if let Match::Ignore(by) = self.matched(path, is_dir) {
            return self.tree.ignored.push(Ignored { path: path.to_owned(), by });
        }
        self.files += 1;
        if self.files > self.limits.files {
            return self.stop(ProblemKind::TooManyFiles { limit: self.limits.files }, "");
        }
        if file_name.to_str().is_none() {
            return self.refuse(ProblemKind::NameNotUtf8, path);
        }
        match found {
            Err(kind) => self.refuse(kind, path),
            Ok((real, metadata)) if metadata.is_dir() => self.directory(real, path),
            Ok((real, metadata)) if metadata.is_file() => self.file(real, &metadata, path),
            Ok((_, metadata)) => self.refuse(ProblemKind::special(metadata.file_type()), path),
        }
    }

    /// What a name stands for, links resolved, if that is inside the tree.
    fn resolve(&self, name: &fs::DirEntry) -> Result<(PathBuf, fs::Metadata), ProblemKind> {
        let unreadable = |error: io::Error| ProblemKind::unreadable(&error);
        let at = name.path();
        if !name.file_type().map_err(unreadable)?.is_symlink() {
            return Ok((at, name.metadata().map_err(unreadable)?));
        }
        let real = fs::canonicalize(&at).map_err(|error| ProblemKind::link_broken(&at, &error))?;
        if !real.starts_with(self.top) {
            return Err(ProblemKind::link_leaves(&at));
        }
        if self.above.contains(&real) {
            return Err(ProblemKind::link_cycle(&at));
        }
        let metadata = fs::metadata(&real).map_err(unreadable)?;
        Ok((real, metadata))
    }

    fn file(&mut self, real: PathBuf, metadata: &fs::Metadata, path: &str) {
        self.bytes = self.bytes.saturating_add(metadata.len());
        if self.bytes > self.limits.bytes {
            return self.stop(ProblemKind::TooManyBytes { limit: self.limits.bytes }, path);
        }
        let inside = real.strip_prefix(self.top).ok().and_then(Path::to_str);
        let secret = secret::in_name(&self.tree.shown(path)).or_else(|| inside.and_then(secret::in_name));
        if let Some(secret) = secret {
            self.refuse(ProblemKind::Secret(secret), path);
        }
        let (executable, secret) = (is_executable(metadata), secret.is_some());
        self.tree.entries.push(Entry { path: path.to_owned(), real, executable, secret });
    }

    /// The pattern that decides: the last one that matches, of the nearest ignore file.
    fn matched(&self, path: &str, is_dir: bool) -> Match<String> {
        for rules in self.rules.iter().rev() {
            let found = rules.patterns.matched(&path[rules.skip..], is_dir);
            if !found.is_none() {
                return found.map(|pattern| format!("`{}` of {}", pattern.original(), rules.from));
            }
        }
        Match::None
    }

    fn read_rules(&mut self, file: &Path, directory: &str) {
        let skip = if directory.is_empty() { 0 } else { directory.len() + 1 };
        let path =
            format!("{}{IGNORE_FILE}", if skip == 0 { String::new() } else { format!("{directory}/") });
        match read_patterns(file) {
            Ok(patterns) => {
                let from = format!("`{}`", self.tree.shown(&path));
                self.rules.push(Rules { skip, from, patterns });
            }
            Err(reason) => self.refuse(ProblemKind::BadIgnore { reason }, &path),
        }
    }
}

/// Whether a directory is an assembly, wherever `--out` put it: packed, each would hold the one before. Its manifest
/// begins with the number of its form and the version of smstack.
fn is_assembly(names: &[fs::DirEntry]) -> bool {
    let manifest = names.iter().find(|name| name.file_name() == MANIFEST);
    let Some(manifest) = manifest.filter(|name| name.file_type().is_ok_and(|of| of.is_file())) else {
        return false;
    };
    let mut begin = Vec::new();
    let read =
        fs::File::open(manifest.path()).and_then(|file| file.take(MANIFEST_BYTES).read_to_end(&mut begin));
    begin.retain(|byte| !byte.is_ascii_whitespace());
    let form = begin.strip_prefix(b"{\"version\":").unwrap_or_default();
    let digits = form.iter().take_while(|byte| byte.is_ascii_digit()).count();
    // What can't be read is told when it is packed.
    read.is_ok() && digits > 0 && form[digits..].starts_with(b",\"smstack\":\"")
}

fn built_in() -> Rules {
    let patterns = patterns(&BUILT_IN.join("\n")).expect("the built-in patterns are well-formed");
    Rules { skip: 0, from: "smstack's own patterns".to_owned(), patterns }
}

fn read_patterns(file: &Path) -> Result<Gitignore, String> {
    let metadata = fs::symlink_metadata(file).map_err(|error| format!("can't be read: {error}"))?;
    if !metadata.is_file() {
        return Err("is not a plain file".to_owned());
    }
    let text = fs::read(file).map_err(|error| format!("can't be read: {error}"))?;
    patterns(std::str::from_utf8(&text).map_err(|_| "is not UTF-8".to_owned())?)
}

fn patterns(text: &str) -> Result<Gitignore, String> {
    let mut builder = GitignoreBuilder::new(".");
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let added = builder.add_line(None, line);
        added.map_err(|error| format!("has a bad pattern in line {}: {error}", number + 1))?;
    }
    builder.build().map_err(|error| format!("has a bad pattern: {error}"))
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    false
}
