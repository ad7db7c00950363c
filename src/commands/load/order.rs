//! Which stack files come before which: `depends_on`, through all files of a directory.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::find::stack_files;
use super::read;
use crate::diag::{Code, Issue, Pointer, nearest, or_list};
use crate::source::{self, SourceFile};

/// What is wrong with the `depends_on` of a stack file, as an environment sees the file: names that are no stack files
/// beside it, and a way back to itself.
pub(super) fn check(view: &Value, path: &Path, environment: &str) -> Vec<Issue> {
    let mut issues = Vec::new();
    for (index, name) in names(view).iter().enumerate() {
        let at = Pointer::root().key("depends_on").index(index);
        let Some(other) = beside(path, name) else {
            issues.push(unknown(at, name, path));
            continue;
        };
        if let Some(way) = way(&other, path, environment) {
            let way: Vec<String> = way.iter().map(|path| format!("`{}`", stem(path))).collect();
            let own = stem(path);
            let message = if way.len() == 1 {
                format!("`{own}` depends on itself")
            } else {
                format!("stack files depend on each other in a circle: `{own}` on {}", way.join(" on "))
            };
            let issue = Issue::new(Code::ReferenceCycle, at, message).label("leads back to this file");
            issues.push(issue.help("leave out one of them: one has to be deployed first"));
        }
    }
    issues
}

fn unknown(at: Pointer, name: &str, path: &Path) -> Issue {
    let known = stack_files(home(path)).unwrap_or_default();
    let known: Vec<String> = known.iter().map(|path| stem(path)).filter(|it| *it != stem(path)).collect();
    let message = format!("there is no stack file `{name}` beside this one");
    let issue = Issue::new(Code::UnknownReference, at, message).label("no such file");
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => issue.help(format!("did you mean `{near}`?")),
        None if known.is_empty() || known.len() > 9 => {
            issue.help("name a stack file of the same directory, without `.yaml`")
        }
        None => issue.help(format!("there is {}", or_list(known.iter().map(String::as_str)))),
    }
}

/// Of each stack file those of the others that come before it in an environment, by their place in the list. What only
/// comes before it because of a file that is not in the list counts as well.
#[cfg(any(feature = "aws", test))]
pub(in crate::commands) fn before(paths: &[PathBuf], environment: &str) -> Vec<Vec<usize>> {
    let known: Vec<PathBuf> = paths.iter().map(|path| identity(path)).collect();
    let place = |path: &Path| known.iter().position(|it| *it == identity(path));
    let of = |path: &PathBuf| {
        let mut found: Vec<usize> =
            reached(path, environment).keys().filter_map(|path| place(path)).collect();
        found.sort_unstable();
        found
    };
    paths.iter().map(of).collect()
}

/// The way from a file to another by what each depends on, both ends in it.
fn way(from: &Path, to: &Path, environment: &str) -> Option<Vec<PathBuf>> {
    let to = identity(to);
    if identity(from) == to {
        return Some(vec![from.to_owned()]);
    }
    let reached = reached(from, environment);
    let mut way = vec![reached.keys().find(|path| identity(path) == to)?.clone()];
    while let Some(Some(before)) = way.last().and_then(|path| reached.get(path)) {
        way.push(before.clone());
    }
    way.push(from.to_owned());
    way.reverse();
    Some(way)
}

/// Everything that a file depends on, directly or not, and through which file; itself only where there is a circle.
fn reached(path: &Path, environment: &str) -> BTreeMap<PathBuf, Option<PathBuf>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![(path.to_owned(), None)];
    while let Some((next, through)) = waiting.pop() {
        for name in depends_on(&next, environment) {
            if let Some(other) = beside(&next, &name)
                && !found.contains_key(&other)
            {
                found.insert(other.clone(), through.clone());
                waiting.push((other.clone(), Some(other)));
            }
        }
    }
    found
}

/// What a file says that it depends on; nothing where it cannot be read, which is told when it is checked itself.
fn depends_on(path: &Path, environment: &str) -> Vec<String> {
    let Ok(bytes) = read(path) else { return Vec::new() };
    let Ok(file) = SourceFile::from_bytes(path.to_string_lossy(), &bytes) else { return Vec::new() };
    source::parse(&file).map(|document| names(&document.environment(environment).value)).unwrap_or_default()
}

fn names(view: &Value) -> Vec<String> {
    let listed = view.get("depends_on").and_then(Value::as_array);
    listed.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The stack file of that name in the same directory.
fn beside(path: &Path, name: &str) -> Option<PathBuf> {
    let plain = Path::new(name).file_name() == Some(OsStr::new(name));
    let candidates = ["yaml", "yml"].map(|extension| home(path).join(format!("{name}.{extension}")));
    candidates.into_iter().find(|path| plain && path.is_file())
}

fn home(path: &Path) -> &Path {
    path.parent().filter(|home| !home.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// One path for one file, however it was named.
pub(in crate::commands) fn identity(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of stack files, each with what it depends on.
    fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
        let at = tempfile::tempdir().unwrap();
        for (name, depends_on) in files {
            fs::write(at.path().join(format!("{name}.yaml")), format!("depends_on: {depends_on}\n")).unwrap();
        }
        at
    }

    #[test]
    fn what_comes_first_is_found_through_files_that_are_not_meant() {
        let at = directory(&[("a", "[b]"), ("b", "[c, nobody]"), ("c", "[]"), ("d", "[a, c]")]);
        let check = |names: &[&str], expected: &[&[usize]]| {
            let paths: Vec<PathBuf> =
                names.iter().map(|name| at.path().join(format!("{name}.yaml"))).collect();
            assert_eq!(before(&paths, "dev"), expected, "{names:?}");
        };
        check(&["a", "b", "c"], &[&[1, 2], &[2], &[]]);
        check(&["a", "c"], &[&[1], &[]]);
        check(&["d", "a"], &[&[1], &[]]);
        check(&["c"], &[&[]]);
    }

    #[test]
    fn a_circle_is_told_by_each_file_in_it() {
        let at = directory(&[("a", "[b]"), ("b", "[c]"), ("c", "[a]"), ("d", "[a]"), ("e", "[e]")]);
        let check = |name: &str, expected: &[&str]| {
            let path = at.path().join(format!("{name}.yaml"));
            let text = fs::read_to_string(&path).unwrap();
            let view = source::parse(&SourceFile::new("x", text)).unwrap().value;
            let said: Vec<String> =
                super::check(&view, &path, "dev").into_iter().map(|issue| issue.message).collect();
            assert_eq!(said, expected, "{name}");
        };
        check("a", &["stack files depend on each other in a circle: `a` on `b` on `c` on `a`"]);
        check("b", &["stack files depend on each other in a circle: `b` on `c` on `a` on `b`"]);
        check("d", &[]);
        check("e", &["`e` depends on itself"]);
    }
}
