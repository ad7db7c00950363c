//! What a git repository holds at a commit, laid out beside it: neither the working tree nor the index nor a ref is
//! touched, no hook runs, and nothing is fetched.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, fs, thread};

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::Stop;
use crate::diag::nearest;

/// A repository with a working tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Repository {
    /// The top of the working tree, links resolved.
    root: PathBuf,
}

/// A commit, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Commit {
    /// All of its hexadecimal digits.
    pub(super) id: String,
    /// What it was called: `main`.
    pub(super) name: String,
    /// Why it is meant, when nobody has named it.
    why: Option<&'static str>,
}

impl Commit {
    /// `merge base with origin/main (1a2b3c4d5e6f)`.
    pub(super) fn shown(&self) -> String {
        let short = self.id.get(..12).unwrap_or(&self.id);
        let why = self.why.map(|why| format!("{why} ")).unwrap_or_default();
        format!("{why}`{}` ({short})", self.name)
    }
}

/// The commit that is checked out around a path; none without a repository, or with one that cannot be asked.
pub(in crate::commands) fn head(path: &Path) -> Option<String> {
    let commit = Repository::around(path).ok()??.commit("HEAD").ok()??;
    Some(commit.id)
}

/// The same, and whether anything that it holds was changed since.
#[cfg(feature = "aws")]
pub(in crate::commands) fn state(path: &Path) -> Option<(String, bool)> {
    let repository = Repository::around(path).ok()??;
    let commit = repository.commit("HEAD").ok()??;
    let changes = repository.ask(["status", "--porcelain", "--untracked-files=no"]).ok()?;
    Some((commit.id, !line(&changes).is_empty()))
}

/// The commit that changed any of these paths last, and whether they were changed since; none without a repository, or
/// when none of them was ever committed.
#[cfg(feature = "aws")]
pub(in crate::commands) fn last_change(paths: &[PathBuf]) -> Option<(String, bool)> {
    let repository = Repository::around(paths.first()?).ok()??;
    let within: Vec<PathBuf> = paths.iter().filter_map(|path| repository.within(path)).collect();
    let ask = |arguments: &[&str]| {
        let arguments = arguments.iter().map(OsStr::new).chain(within.iter().map(|path| path.as_os_str()));
        let output = run(&mut git(repository.root(), arguments)).ok()?;
        output.status.success().then(|| line(&output))
    };
    let commit = ask(&["log", "-1", "--format=%H", "--"]).filter(|commit| !commit.is_empty())?;
    Some((commit, !ask(&["status", "--porcelain", "--"])?.is_empty()))
}

/// A part of a commit's tree, in a directory of its own that goes when this goes.
#[derive(Debug)]
pub(super) struct Tree {
    directory: TempDir,
    /// What is not as a checkout would have it.
    pub(super) notes: Vec<String>,
}

impl Tree {
    /// Where a path of the repository lies.
    pub(super) fn path(&self, within: &Path) -> PathBuf {
        self.directory.path().join(TREE).join(within)
    }
}

/// The directory in the temporary one that stands for the repository's top.
const TREE: &str = "tree";

/// How the text of a Git LFS pointer begins. <https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>
const LFS_POINTER: &str = "version https://git-lfs.github.com/spec/v1\n";

/// The largest pointer, by the same document.
const LFS_POINTER_BYTES: u64 = 1024;

/// Where pull requests are mostly checked out without their history.
const SHALLOW: &str = "this clone is shallow: fetch the history (`git fetch --unshallow`; `fetch-depth: 0` of actions/checkout)";

impl Repository {
    /// The repository that a path lies in, whether the path is there or not; none without git.
    pub(super) fn around(path: &Path) -> Result<Option<Repository>, Stop> {
        let absolute = std::path::absolute(path).context("cannot tell the current directory")?;
        let Some(there) = absolute.ancestors().find(|path| path.is_dir()) else { return Ok(None) };
        let output = match run(&mut git(there, ["rev-parse", "--show-toplevel"])) {
            Ok(output) => output,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(anyhow::Error::from(error).context("cannot run `git`").into()),
        };
        let said = words(&output.stderr);
        if !output.status.success() {
            return if said.contains("not a git repository") || said.contains("must be run in a work tree") {
                Ok(None)
            } else {
                Err(failed(&said))
            };
        }
        let root = PathBuf::from(line(&output));
        Ok(Some(Repository { root: root.canonicalize().unwrap_or(root) }))
    }

    /// The top of the working tree.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The path from the top of the working tree.
    pub(super) fn within(&self, path: &Path) -> Option<PathBuf> {
        let absolute = std::path::absolute(path).ok()?;
        // The file itself may be a link or be gone: its directory counts.
        let there = absolute.ancestors().skip(1).find(|path| path.is_dir())?;
        let rest = absolute.strip_prefix(there).ok()?;
        Some(there.canonicalize().ok()?.strip_prefix(&self.root).ok()?.join(rest))
    }

    /// The commit of that name: a branch, a tag, a commit; or else a branch of `origin`.
    pub(super) fn commit(&self, name: &str) -> Result<Option<Commit>, Stop> {
        for name in [name.to_owned(), format!("origin/{name}")] {
            if let Some(id) = self.id(&name)? {
                return Ok(Some(Commit { id, name, why: None }));
            }
        }
        Ok(None)
    }

    /// Why there is no commit of that name, and the way out.
    pub(super) fn no_commit(&self, name: &str) -> Result<Stop, Stop> {
        let refs = self.ask(["for-each-ref", "--format=%(refname:short)"])?;
        let refs = line(&refs);
        let hint = match nearest(name, refs.lines()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if self.is_shallow()? => SHALLOW.to_owned(),
            None => "`git fetch` brings what others have pushed".to_owned(),
        };
        Ok(Stop::usage(format!("`{name}` is no file, no directory and no commit: {hint}")))
    }

    /// Where the current branch left the default branch.
    pub(super) fn merge_base(&self) -> Result<Commit, Stop> {
        if self.id("HEAD")?.is_none() {
            return Err(Stop::usage(
                "this repository has no commit yet, so there is nothing to compare with: commit first, or give `--base` a directory or file",
            ));
        }
        let Some(branch) = self.default_branch()? else {
            let hint = if self.is_shallow()? {
                SHALLOW
            } else {
                "`git remote set-head origin --auto` sets the first"
            };
            return Err(Stop::usage(format!(
                "there is no default branch to compare with (`origin/HEAD`, `main` or `master`): give `--base`; {hint}"
            )));
        };
        let output = self.run(["merge-base", "HEAD", &branch])?;
        let id = line(&output).lines().next().unwrap_or_default().to_owned();
        if output.status.success() && !id.is_empty() {
            return Ok(Commit { id, name: branch, why: Some("merge base with") });
        }
        let hint = if self.is_shallow()? { SHALLOW } else { "their histories have nothing in common" };
        Err(Stop::usage(format!("`HEAD` and `{branch}` have no merge base: give `--base`; {hint}")))
    }

    fn default_branch(&self) -> Result<Option<String>, Stop> {
        let head = self.run(["symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD"])?;
        let head = line(&head);
        for name in [head.as_str(), "origin/main", "main", "origin/master", "master"] {
            if !name.is_empty() && self.id(name)?.is_some() {
                return Ok(Some(name.to_owned()));
            }
        }
        Ok(None)
    }

    fn id(&self, name: &str) -> Result<Option<String>, Stop> {
        let commit = format!("{name}^{{commit}}");
        let output = self.run(["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])?;
        Ok(output.status.success().then(|| line(&output)).filter(|id| !id.is_empty()))
    }

    fn is_shallow(&self) -> Result<bool, Stop> {
        Ok(line(&self.run(["rev-parse", "--is-shallow-repository"])?) == "true")
    }

    /// The names in a directory at a commit.
    pub(super) fn list(&self, commit: &Commit, directory: &Path) -> Result<Vec<String>, Stop> {
        let place = format!("{}:{}", commit.id, slashes(directory));
        let output = self.run(["ls-tree", "-z", "--name-only", &place])?;
        Ok(if output.status.success() {
            words(&output.stdout).split('\0').filter(|it| !it.is_empty()).map(str::to_owned).collect()
        } else {
            Vec::new()
        })
    }

    /// Whether that path is a file or a directory at a commit.
    pub(super) fn holds(&self, commit: &Commit, within: &Path) -> Result<bool, Stop> {
        let place = format!("{}:{}", commit.id, slashes(within));
        Ok(self.run(["cat-file", "-e", &place])?.status.success())
    }

    /// The files at and below some paths, as a checkout of the commit would lay them out.
    pub(super) fn tree(&self, commit: &Commit, paths: &[PathBuf]) -> Result<Tree, Stop> {
        let directory = tempfile::Builder::new()
            .prefix("smstack-base-")
            .tempdir()
            .context("cannot make a temporary directory")?;
        let mut tree = Tree { directory, notes: Vec::new() };
        let top = tree.path(Path::new(""));
        fs::create_dir_all(&top).context("cannot write into the temporary directory")?;
        let mut notes = Vec::new();
        self.lay_out(commit, paths, &top, &tree.directory.path().join("index"), &mut notes)?;
        tree.notes = notes;
        Ok(tree)
    }

    fn lay_out(
        &self,
        commit: &Commit,
        paths: &[PathBuf],
        to: &Path,
        index: &Path,
        notes: &mut Vec<String>,
    ) -> Result<(), Stop> {
        // An index of its own: with it git lays files out as it does in a checkout, line ends and filters included.
        let with_index = |arguments: &[&OsStr]| {
            let mut command = git(&self.root, arguments);
            command.env("GIT_INDEX_FILE", index);
            command
        };
        succeeded(&run(&mut with_index(&["read-tree".as_ref(), commit.id.as_ref()]))?)?;
        let mut list = with_index(&["ls-files".as_ref(), "--stage".as_ref(), "-z".as_ref(), "--".as_ref()]);
        list.args(paths.iter().filter(|path| !path.as_os_str().is_empty()));
        let listed = run(&mut list)?;
        succeeded(&listed)?;
        let entries: Vec<Entry> = listed.stdout.split(|byte| *byte == 0).filter_map(Entry::read).collect();
        let files: Vec<u8> = entries
            .iter()
            .filter(|entry| entry.mode != SUBMODULE)
            .flat_map(|it| [it.path.as_bytes(), b"\0"])
            .flatten()
            .copied()
            .collect();
        let mut prefix = to.as_os_str().to_owned();
        prefix.push("/");
        let mut option = std::ffi::OsString::from("--prefix=");
        option.push(prefix);
        let mut command = with_index(&[
            "checkout-index".as_ref(),
            "--force".as_ref(),
            "--stdin".as_ref(),
            "-z".as_ref(),
            &option,
        ]);
        succeeded(&fed(&mut command, files)?)?;
        let lacking = entries
            .iter()
            .filter(|entry| entry.mode.starts_with("100"))
            .filter(|entry| !self.fetch_large(&to.join(&entry.path), &entry.path))
            .count();
        if lacking > 0 {
            let name = &commit.name;
            notes.push(format!(
                "{lacking} files at `{name}` are here only as Git LFS pointers, so that their code counts as changed: `git lfs fetch origin {name}` brings them"
            ));
        }
        for entry in entries.iter().filter(|entry| entry.mode == SUBMODULE) {
            self.submodule(commit, entry, to, index, notes)?;
        }
        Ok(())
    }

    /// A submodule's files, if its repository is here and has the commit. One that is not checked out is empty on
    /// both sides.
    fn submodule(
        &self,
        commit: &Commit,
        entry: &Entry,
        to: &Path,
        index: &Path,
        notes: &mut Vec<String>,
    ) -> Result<(), Stop> {
        let root = self.root.join(&entry.path);
        if !root.join(".git").exists() {
            return Ok(());
        }
        let inner = Repository { root };
        let pinned = Commit { id: entry.id.clone(), name: entry.id.clone(), why: None };
        if inner.id(&entry.id)?.is_none() {
            notes.push(format!(
                "submodule `{}` is at {} in `{}`, which is not here, so that its files count as absent there: `git -C {0} fetch` brings them",
                entry.path, entry.id, commit.name
            ));
            return Ok(());
        }
        let to = to.join(&entry.path);
        fs::create_dir_all(&to).context("cannot write into the temporary directory")?;
        let index = index.with_extension(&entry.id);
        inner.lay_out(&pinned, &[], &to, &index, notes)
    }

    /// Puts the content that a Git LFS pointer stands for in its place, if it is on this machine. False when it is not.
    /// Where the working tree holds the pointer, too, like is compared with like.
    fn fetch_large(&self, file: &Path, within: &str) -> bool {
        let Some(oid) = pointer(file) else { return true };
        let current = self.root.join(within);
        if pointer(&current).is_some() {
            return true;
        }
        let stored = self.run(["rev-parse", "--git-common-dir"]).ok().map(|output| {
            self.root.join(line(&output)).join("lfs/objects").join(&oid[..2]).join(&oid[2..4]).join(&oid)
        });
        [stored, Some(current)].into_iter().flatten().any(|candidate| {
            let content = fs::read(candidate).ok().filter(|content| hash(content) == oid);
            content.is_some_and(|content| fs::write(file, content).is_ok())
        })
    }

    fn run<const N: usize>(&self, arguments: [&str; N]) -> Result<Output, Stop> {
        Ok(run(&mut git(&self.root, arguments)).context("cannot run `git`")?)
    }

    fn ask<const N: usize>(&self, arguments: [&str; N]) -> Result<Output, Stop> {
        let output = self.run(arguments)?;
        succeeded(&output)?;
        Ok(output)
    }
}

/// One line of `git ls-files --stage`.
struct Entry {
    mode: String,
    id: String,
    path: String,
}

/// The mode of a submodule.
const SUBMODULE: &str = "160000";

impl Entry {
    fn read(line: &[u8]) -> Option<Entry> {
        // A name that is no UTF-8 is nothing that a job could be given either.
        let (head, path) = std::str::from_utf8(line).ok()?.split_once('\t')?;
        let mut head = head.split(' ');
        let (mode, id) = (head.next()?.to_owned(), head.next()?.to_owned());
        Some(Entry { mode, id, path: path.to_owned() })
    }
}

/// `git`, which asks nobody, fetches nothing, runs no hook and looks at no variable of a hook that it may run in.
fn git(at: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(at).args(["--no-optional-locks", "--literal-pathspecs"]);
    for setting in ["core.hooksPath=/dev/null", "core.fsmonitor=false", "core.sparseCheckout=false"] {
        command.args(["-c", setting]);
    }
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C").env("GIT_NO_LAZY_FETCH", "1").env("GIT_LFS_SKIP_SMUDGE", "1");
    command.env("GIT_TERMINAL_PROMPT", "0").stdin(Stdio::null()).args(arguments);
    command
}

fn run(command: &mut Command) -> io::Result<Output> {
    command.output()
}

/// Runs a command with something on its standard input.
fn fed(command: &mut Command, input: Vec<u8>) -> Result<Output, Stop> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run `git`")?;
    let mut stdin = child.stdin.take();
    let writer = thread::spawn(move || stdin.as_mut().map_or(Ok(()), |stdin| stdin.write_all(&input)));
    let output = child.wait_with_output().context("cannot run `git`")?;
    // What git did not want to read, it says itself.
    drop(writer.join());
    Ok(output)
}

fn succeeded(output: &Output) -> Result<(), Stop> {
    if output.status.success() { Ok(()) } else { Err(failed(&words(&output.stderr))) }
}

fn failed(said: &str) -> Stop {
    let partial =
        said.contains("promisor") || said.contains("unable to read") || said.contains("lazy fetching");
    let hint = if partial {
        "; if this is a partial clone, fetch what it lacks: `git fetch --refetch --no-filter`"
    } else {
        ""
    };
    anyhow::anyhow!("git: {}{hint}", said.trim().trim_start_matches("fatal: ")).into()
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// All that was said, without the line's end.
fn line(output: &Output) -> String {
    words(&output.stdout).trim_end_matches(['\n', '\r']).to_owned()
}

/// A path as git writes it.
fn slashes(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

/// The SHA-256 that a file stands for, if it is a Git LFS pointer.
fn pointer(file: &Path) -> Option<String> {
    let about = fs::symlink_metadata(file).ok()?;
    if !about.is_file() || about.len() > LFS_POINTER_BYTES {
        return None;
    }
    let text = fs::read_to_string(file).ok().filter(|text| text.starts_with(LFS_POINTER))?;
    let oid = text.lines().find_map(|line| line.strip_prefix("oid sha256:"))?;
    let whole = oid.len() == 64 && oid.bytes().all(|byte| byte.is_ascii_hexdigit());
    whole.then(|| oid.to_owned())
}

fn hash(content: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(content))
}

/// Whether `git` can be run at all.
pub(super) fn is_installed() -> bool {
    env::var_os("PATH").is_some() && Command::new("git").arg("--version").output().is_ok()
}
