//! Sources that are read: each once, however many requests name it and however many threads ask.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::archive::{self, Packed};
use super::tree::{self, Tree};
use super::{
    Asset, Assets, LIMITS, Limits, Problem, ProblemKind, Request, RequestKind, is_absent, normalise, problem,
    secret,
};

/// The sources of a project. Threads that ask for them at the same time share the work.
pub struct Sources {
    /// The directory against which the stack file's paths are resolved.
    root: PathBuf,
    limits: Limits,
    /// By path as the stack file wrote it, and whether a tree is wanted.
    found: Once<(String, bool), Result<Found, Vec<Problem>>>,
    /// By path without `.` and `..`: two ways to write it name one tree.
    trees: Once<String, Arc<(Tree, Packed)>>,
}

/// What a request's path leads to.
enum Found {
    File(Asset),
    /// A tree, by its path; whether it has the entry point is another matter.
    Tree(String, Arc<(Tree, Packed)>),
}

impl Sources {
    /// Nothing is read yet.
    pub fn new(root: &Path) -> Self {
        Self::within(root, LIMITS)
    }

    pub(super) fn within(root: &Path, limits: Limits) -> Self {
        Self { root: root.to_owned(), limits, found: Once::default(), trees: Once::default() }
    }

    /// Reads what the requests name, but for what other threads read already. Trees come first: they take longest.
    pub fn read(&self, requests: &[Request]) {
        let (trees, files): (Vec<_>, Vec<_>) = requests.iter().partition(|request| is_tree(request));
        for request in trees.into_iter().chain(files) {
            if let (place, true) = self.found.place((request.path.clone(), is_tree(request))) {
                place.get_or_init(|| self.find(request));
            }
        }
    }

    /// The assets of the requests, and what stands in the way.
    ///
    /// Requests with the same path and kind give one asset; requests for the same directory with different entry
    /// points share one archive. A problem with a file inside a tree is told once, at the first request for the
    /// tree; a problem with the request itself is told at each.
    pub fn collect(&self, requests: &[Request]) -> (Assets, Vec<Problem>) {
        self.read(requests);
        let (mut assets, mut problems) = (Assets::default(), Vec::new());
        let mut told = BTreeSet::new();
        for (done, request) in requests.iter().enumerate() {
            if requests[..done].contains(request) || assets.get(&request.path, &request.kind).is_some() {
                continue;
            }
            let (place, _) = self.found.place((request.path.clone(), is_tree(request)));
            let asset = match place.get_or_init(|| self.find(request)) {
                Ok(Found::File(asset)) => Ok(asset.clone()),
                Ok(Found::Tree(path, tree)) => {
                    let (tree, packed) = &**tree;
                    tree_asset(path, request, tree, packed, told.insert(path.clone()))
                }
                Err(found) => Err(found.clone()),
            };
            match asset {
                Ok(asset) => drop(assets.0.insert((request.path.clone(), request.kind.clone()), asset)),
                // It may have been found for another request.
                Err(found) => problems.extend(
                    found.into_iter().map(|problem| Problem { pointer: request.pointer.clone(), ..problem }),
                ),
            }
        }
        (assets, problems)
    }

    fn find(&self, request: &Request) -> Result<Found, Vec<Problem>> {
        let located = locate(&self.root, request)?;
        if !is_tree(request) {
            return file_asset(located, request, self.limits).map(Found::File);
        }
        let Located { path, real, metadata } = located;
        if !metadata.is_dir() {
            return Err(vec![Problem::new(ProblemKind::NotADirectory, request, &path)]);
        }
        let (place, _) = self.trees.place(path.clone());
        let pack = || {
            let mut tree = tree::walk(&real, &path, request, self.limits);
            let packed = archive::pack(&mut tree, request, self.limits);
            Arc::new((tree, packed))
        };
        Ok(Found::Tree(path.clone(), place.get_or_init(pack).clone()))
    }
}

/// What is made once for each key, by whoever comes first.
struct Once<K, T>(Mutex<BTreeMap<K, Arc<OnceLock<T>>>>);

impl<K, T> Default for Once<K, T> {
    fn default() -> Self {
        Once(Mutex::default())
    }
}

impl<K: Ord, T> Once<K, T> {
    /// The place of what the key stands for, and whether nobody has asked for it before.
    fn place(&self, key: K) -> (Arc<OnceLock<T>>, bool) {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = places.len();
        let place = places.entry(key).or_default().clone();
        (place, places.len() > before)
    }
}

fn is_tree(request: &Request) -> bool {
    matches!(request.kind, RequestKind::Tree { .. })
}

/// A request's path, found on disk.
struct Located {
    /// Relative to the project's root, with `/`, without `.` and `..`; `.` is the root itself.
    path: String,
    /// The same with every link resolved.
    real: PathBuf,
    metadata: fs::Metadata,
}

fn locate(root: &Path, request: &Request) -> Result<Located, Vec<Problem>> {
    let problem = |kind| vec![Problem::new(kind, request, &request.path)];
    if request.path.starts_with('/') || Path::new(&request.path).is_absolute() {
        return Err(problem(ProblemKind::Absolute));
    }
    let parts = normalise(&request.path).ok_or_else(|| problem(ProblemKind::LeavesProject))?;
    let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
    let root = fs::canonicalize(root).map_err(|error| problem(ProblemKind::unreadable(&error)))?;
    let at = parts.iter().fold(root.clone(), |at, part| at.join(part));
    let real = match fs::canonicalize(&at) {
        Ok(real) => real,
        Err(error) if at.is_symlink() => return Err(problem(ProblemKind::link_broken(&at, &error))),
        Err(error) if is_absent(&error) => {
            return Err(problem(ProblemKind::Missing { near: problem::nearest_paths(&root, &parts) }));
        }
        Err(error) => return Err(problem(ProblemKind::unreadable(&error))),
    };
    if !real.starts_with(&root) {
        return Err(problem(ProblemKind::link_leaves(&at)));
    }
    let metadata = fs::metadata(&real).map_err(|error| problem(ProblemKind::unreadable(&error)))?;
    let path = if parts.is_empty() { ".".to_owned() } else { parts.join("/") };
    Ok(Located { path, real, metadata })
}

fn file_asset(located: Located, request: &Request, limits: Limits) -> Result<Asset, Vec<Problem>> {
    let Located { path, real, metadata } = located;
    let problem = |kind| Problem::new(kind, request, &path);
    if metadata.is_dir() {
        return Err(vec![problem(ProblemKind::NotAFile)]);
    }
    if !metadata.is_file() {
        return Err(vec![problem(ProblemKind::special(metadata.file_type()))]);
    }
    let bytes = archive::read_file(&real, limits.bytes)
        .map_err(|error| vec![problem(ProblemKind::unreadable(&error))])?
        .ok_or_else(|| vec![problem(ProblemKind::TooManyBytes { limit: limits.bytes })])?;
    let by_name = secret::in_name(&path).or_else(|| real.to_str().and_then(secret::in_file_name));
    match by_name.or_else(|| secret::in_content(&path, &bytes)) {
        Some(secret) => Err(vec![problem(ProblemKind::Secret(secret))]),
        None => Ok(Asset::file(path, bytes)),
    }
}

/// A tree with the entry point that is asked for; `first` when no request has told its problems yet.
fn tree_asset(
    path: &str,
    request: &Request,
    tree: &Tree,
    packed: &Packed,
    first: bool,
) -> Result<Asset, Vec<Problem>> {
    let RequestKind::Tree { entry } = &request.kind else { return Err(Vec::new()) };
    let mut problems = if first { tree.problems.clone() } else { Vec::new() };
    match tree.entry(entry, request) {
        Ok(entry) if tree.problems.is_empty() => return Ok(Asset::tree(path.to_owned(), entry, packed)),
        Ok(_) => {}
        Err(problem) => problems.extend(problem),
    }
    Err(problems)
}
