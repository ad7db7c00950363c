//! Finds and reads stack files, and takes each through every check.

mod find;
pub(super) mod order;
mod policy;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};

use anyhow::Context as _;
use serde_json::Value;

use super::{Stop, hands};
use crate::assets::{self, Assets, RequestKind, Sources};
use crate::cli::StackArgs;
use crate::constructs::{AssetKey, SourceRequest};
use crate::definition::Body;
use crate::diag::{self, Allow, Code, Diagnostic, Hides, Issue, Pointer, arrange, has_errors, nearest};
use crate::shapes::Shapes;
use crate::source::{self, Document, Places, SourceFile};
use crate::stack::{self, Stack};
use crate::synth::{self, Assembly, Manifest};
use crate::tables;

pub(super) use find::{each_once, find, in_stacks_of, names_stack};

/// A stack file, and what became of it.
pub(crate) struct Loaded {
    /// The file.
    pub(crate) file: SourceFile,
    /// Its environments, as far as nothing is wrong with them.
    stacks: Vec<Ready>,
    /// Everything found, arranged.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// What comments of the file allow.
    allows: Vec<Allow>,
    /// Whether all environments were looked at.
    whole: bool,
    /// All environments that the file names.
    pub(super) known: Vec<String>,
}

/// Which environments of a stack file.
#[derive(Debug, Clone, Copy)]
enum Wanted<'a> {
    /// These, each of which must be there; all when there is none.
    Named(&'a [String]),
    /// Those of these that are there; all when there is none.
    Present(&'a [String]),
}

/// One environment of a stack file, rendered.
pub(crate) struct Ready {
    /// The stack.
    stack: Stack,
    /// The places of the environment's view of the file, for later findings.
    places: Places,
    /// What it renders to.
    made: Option<Made>,
}

/// What is done with an assembly as soon as it is made, beside the making of others; problems may still be found.
pub(super) type Then = Arc<dyn Fn(&Assembly) + Send + Sync>;

/// An assembly and warnings, or why there is none.
type Made = Result<(Assembly, Vec<Issue>), Vec<Issue>>;

impl Loaded {
    /// Names of the environments that are sound.
    pub(crate) fn environments(&self) -> Vec<&str> {
        self.stacks.iter().map(|ready| ready.stack.environment()).collect()
    }

    /// The datasets of the environments by name, and the prefix below which definitions have their data.
    pub(crate) fn datasets(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for ready in &self.stacks {
            let lake = ready.stack.file().data_lake.as_ref();
            for name in lake.into_iter().flat_map(|lake| lake.datasets.keys()) {
                let data = ready
                    .stack
                    .scope()
                    .data(name)
                    .map(|data| Body::of(data.bucket.uri(&data.prefix).to_value()).value);
                let uri = data.and_then(|uri| uri.as_str().map(ToOwned::to_owned));
                found.extend(uri.map(|uri| (name.clone(), uri)));
            }
        }
        found
    }

    /// What the file is of, as far as it is sound.
    pub(super) fn claims(&self) -> impl Iterator<Item = Claim> {
        self.stacks.iter().map(|Ready { stack, .. }| Claim {
            file: self.file.path().to_owned(),
            stack: stack.name().to_owned(),
            environment: stack.environment().to_owned(),
        })
    }

    /// Where the file has the construct of that name: `stacks/churn.yaml:41`.
    pub(crate) fn place(&self, name: &str) -> Option<String> {
        let ready = self.stacks.first()?;
        let constructs = ready.stack.file().constructs();
        let (_, this, _) = constructs.iter().find(|(_, this, _)| this.name == name)?;
        let place = ready.places.find(&this.pointer);
        let (line, _) = self.file.line_column(place.key.unwrap_or(place.value).start);
        Some(format!("{}:{line}", self.file.path()))
    }

    /// What the environments render to, when all are sound. What only rendering shows is added to the findings.
    pub(crate) fn assemble(&mut self) -> Vec<Assembly> {
        let mut assemblies = Vec::new();
        for (ready, made) in
            self.stacks.iter_mut().filter_map(|ready| ready.made.take().map(|made| (ready, made)))
        {
            let issues = match made {
                Ok((assembly, warnings)) => {
                    assemblies.push(assembly);
                    warnings
                }
                Err(issues) => issues,
            };
            let found = issues.into_iter().map(|issue| source::locate(issue, &self.file, &ready.places));
            self.diagnostics.extend(found);
        }
        self.suppress();
        arrange(&mut self.diagnostics);
        assemblies
    }

    /// Where the file says each resource of an assembly of its own, by logical id: `stacks/churn.yaml:41:3`.
    #[cfg(feature = "aws")]
    pub(super) fn origins(&self, assembly: &Assembly) -> BTreeMap<String, String> {
        let environment = &assembly.manifest.environment;
        let Some(ready) = self.stacks.iter().find(|ready| ready.stack.environment() == *environment) else {
            return BTreeMap::new();
        };
        let place = |(id, pointer): (&String, &Pointer)| {
            let found = ready.places.find(pointer);
            let (line, column) = self.file.line_column(found.key.unwrap_or(found.value).start);
            (id.clone(), format!("{}:{line}:{column}", self.file.path()))
        };
        assembly.owners.iter().map(place).collect()
    }

    /// Takes out what the file allows. Once everything was looked at, what hides nothing is found as well.
    fn suppress(&mut self) {
        let path = self.file.path();
        let used = diag::hide(&self.allows, &mut self.diagnostics, Hides::Warnings);
        let whole = self.whole && !has_errors(&self.diagnostics);
        self.diagnostics.extend(diag::malformed(path, &self.allows));
        if whole {
            self.diagnostics.extend(diag::unused(path, &self.allows, &used, Hides::Warnings));
        }
    }

    /// A file in which nothing more can be looked for.
    fn unread(file: SourceFile, diagnostics: Vec<Diagnostic>) -> Loaded {
        Loaded { file, stacks: Vec::new(), diagnostics, allows: Vec::new(), whole: false, known: Vec::new() }
    }
}

/// Takes the stack files that the command line names through every check. Problems of the files are in the
/// result; only a command line that asks for something that is not there stops.
pub(crate) fn load(args: &StackArgs) -> Result<Vec<Loaded>, Stop> {
    load_then(args, &nothing())
}

/// The same; something is done with each assembly as soon as it is made.
pub(super) fn load_then(args: &StackArgs, then: &Then) -> Result<Vec<Loaded>, Stop> {
    // What nearly every stack needs is made ready while the files are read; whoever needs it sooner waits for it.
    hands::beside(Shapes::prepare);
    find(&args.stacks)?
        .iter()
        .map(|path| load_file(path, shown(path), Wanted::Named(&args.env), then))
        .collect()
}

/// Whether a stack file has an environment of that name; one that cannot be read may have any.
#[cfg(feature = "aws")]
pub(super) fn may_have(path: &Path, environment: &str) -> bool {
    let file = read(path).ok().and_then(|bytes| SourceFile::from_bytes(shown(path), &bytes).ok());
    let document = file.and_then(|file| source::parse(&file).ok());
    document.is_none_or(|document| stack::environments(&document.value).iter().any(|it| it == environment))
}

/// Takes one stack file through every check, with those of the environments that it has; it is called as shown.
pub(super) fn one(path: &Path, shown: String, environments: &[String]) -> Result<Loaded, Stop> {
    load_file(path, shown, Wanted::Present(environments), &nothing())
}

/// A path as messages show it.
pub(super) fn shown(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

/// All files and all that was found in them, arranged.
pub(crate) fn findings(loaded: &[Loaded]) -> (Vec<SourceFile>, Vec<Diagnostic>) {
    let files = loaded.iter().map(|one| one.file.clone()).collect();
    let mut diagnostics: Vec<Diagnostic> = loaded.iter().flat_map(|one| one.diagnostics.clone()).collect();
    arrange(&mut diagnostics);
    (files, diagnostics)
}

/// The environment of a stack that a file is of.
#[derive(Debug)]
pub(super) struct Claim {
    /// The file, as shown.
    pub(super) file: String,
    /// The stack.
    pub(super) stack: String,
    /// The environment.
    pub(super) environment: String,
}

impl Claim {
    /// That of an assembly.
    pub(super) fn new(file: &str, assembly: &Assembly) -> Claim {
        let Manifest { stack, environment, .. } = &assembly.manifest;
        Claim { file: file.to_owned(), stack: stack.clone(), environment: environment.clone() }
    }
}

/// Refuses files that are of the same environment of a stack: what is made of one would be taken for what is made of
/// the other, or replace it.
pub(super) fn apart(claims: impl IntoIterator<Item = Claim>) -> Result<(), Stop> {
    let mut files = BTreeMap::new();
    for Claim { file, stack, environment } in claims {
        let way_out = "give one of them another `name`, or leave it out";
        let message =
            format!("are both of stack `{stack}`, and have an environment `{environment}`: {way_out}");
        if let Some(other) = files.insert((stack, environment), file.clone()) {
            return Err(Stop::usage(format!("`{other}` and `{file}` {message}")));
        }
    }
    Ok(())
}

fn nothing() -> Then {
    Arc::new(|_| {})
}

fn load_file(path: &Path, shown: String, wanted: Wanted, then: &Then) -> Result<Loaded, Stop> {
    let bytes = match read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("cannot read the stack file: {error}");
            let diagnostics = vec![Diagnostic::new(Code::FileUnreadable, &shown, message, 0..0)];
            return Ok(Loaded::unread(SourceFile::new(shown, ""), diagnostics));
        }
    };
    load_bytes(path, shown, &bytes, wanted, then)
}

/// What `synth` makes of a stack file at `path` that has these bytes: the file as far as it is text, everything found
/// in it, and its assemblies. For whoever has many such files, and a process for none of them.
///
/// # Errors
/// When the project's own shapes cannot be read.
pub fn assemblies(path: &Path, bytes: &[u8]) -> anyhow::Result<(SourceFile, Vec<Diagnostic>, Vec<Assembly>)> {
    let shown = path.to_string_lossy().into_owned();
    let mut loaded =
        load_bytes(path, shown, bytes, Wanted::Named(&[]), &nothing()).map_err(|stop| stop.error)?;
    let assemblies = loaded.assemble();
    Ok((loaded.file, loaded.diagnostics, assemblies))
}

fn load_bytes(path: &Path, shown: String, bytes: &[u8], wanted: Wanted, then: &Then) -> Result<Loaded, Stop> {
    let file = match SourceFile::from_bytes(shown, bytes) {
        Ok(file) => file,
        Err(problem) => {
            let (file, diagnostic) = *problem;
            return Ok(Loaded::unread(file, vec![diagnostic]));
        }
    };
    // While the text is parsed, another thread makes ready what is known of the frameworks that it names.
    let named = file.clone();
    hands::beside(move || tables::prepare(named.text()));
    match source::parse(&file) {
        Err(diagnostics) => Ok(Loaded::unread(file, diagnostics)),
        Ok(document) => check(file, document, path, wanted, then),
    }
}

/// The file, or as much of it as shows that it is too large.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    read_all(fs::File::open(path)?)
}

/// As much as is read of anything.
pub(super) fn read_all(from: impl io::Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(1 << 14);
    from.take(source::MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn check(
    file: SourceFile,
    document: Document,
    path: &Path,
    wanted: Wanted,
    then: &Then,
) -> Result<Loaded, Stop> {
    let shapes = Shapes::new(overridden_shapes(path)?);
    let known = stack::choose(&document.value, &[]).unwrap_or_default();
    let (chosen, whole) = match wanted {
        Wanted::Named(wanted) => {
            let chosen = stack::choose(&document.value, wanted);
            let stop = |message| Stop::usage(format!("{}: {message}", file.path()));
            (chosen.map_err(stop)?, wanted.is_empty())
        }
        Wanted::Present([]) => (known.clone(), true),
        Wanted::Present(wanted) => {
            (known.iter().filter(|name| wanted.contains(name)).cloned().collect(), false)
        }
    };
    let mut diagnostics: Vec<Diagnostic> = stack::check_environments(&document.value)
        .into_iter()
        .map(|issue| source::locate(issue, &file, &document.places))
        .collect();
    let allows = document.places.allows(&file);
    let checks = Checks {
        file: file.clone(),
        document,
        path: path.to_owned(),
        past: matches!(wanted, Wanted::Present(_)),
        shapes,
        packed: Packed { sources: Sources::new(root(path)), whole: Mutex::default() },
    };
    let then = then.clone();
    // A file without environments is still checked, so that all its problems show at once.
    let views = if chosen.is_empty() && whole { vec![String::new()] } else { chosen };
    let checked = hands::side_by_side(views, move |environment| {
        let (ready, found) = checks.of(&environment);
        if let Some(Ready { made: Some(Ok((assembly, _))), .. }) = &ready {
            then(assembly);
        }
        (ready, found)
    });
    let mut stacks = Vec::new();
    for (ready, found) in checked {
        stacks.extend(ready);
        diagnostics.extend(found);
    }
    arrange(&mut diagnostics);
    if has_errors(&diagnostics) {
        stacks.clear();
    }
    Ok(Loaded { file, stacks, diagnostics, allows, whole, known })
}

/// The directory against which a stack file's paths are resolved.
fn root(stack_file: &Path) -> &Path {
    stack_file.parent().unwrap_or(Path::new(""))
}

/// What the checks of every environment of a file need.
struct Checks {
    file: SourceFile,
    document: Document,
    path: PathBuf,
    /// Whether the file is of a time that is over, and may have lost those beside it.
    past: bool,
    shapes: Shapes,
    packed: Packed,
}

impl Checks {
    /// One environment: it, when nothing is wrong with it, and what was found.
    fn of(&self, environment: &str) -> (Option<Ready>, Vec<Diagnostic>) {
        let Checks { file, document, path, .. } = self;
        let mut view = document.environment(environment);
        if let (Some(view), Some(environments)) =
            (view.value.as_object_mut(), document.value.get("environments"))
        {
            view.insert("environments".to_owned(), environments.clone());
        }
        let unread = policy::include(&mut view.value, root(path));
        let mut packed = None;
        let (stack, mut issues) = stack::resolve(&view.value, environment, &self.shapes, |sources| {
            let collected = self.packed.collect(&sources.iter().map(request).collect::<Vec<_>>());
            let keys = keys(sources, &collected.0);
            packed = Some(collected);
            keys
        });
        issues.extend(unread);
        if !self.past {
            issues.extend(order::check(&view.value, path, environment));
        }
        let mut ready = None;
        if let (Some(stack), Some(packed)) = (stack, packed) {
            let (assets, problems) = &*packed;
            if problems.is_empty() && !environment.is_empty() {
                // In the same go as the checks: environments seldom have errors, and this one has none.
                let made = Some(synth::synth(&stack, assets));
                ready = Some((stack, made));
            }
            issues.extend(problems.iter().map(|problem| asset_issue(problem, &view.value)));
        }
        let places = view.places;
        let found = issues.into_iter().map(|issue| source::locate(issue, file, &places)).collect();
        (ready.map(|(stack, made)| Ready { stack, places, made }), found)
    }
}

/// The sources of a file's environments, which mostly ask for the same.
struct Packed {
    sources: Sources,
    whole: Mutex<BTreeMap<String, Collected>>,
}

/// Packed sources, and what stood in the way.
type Collected = Arc<(Assets, Vec<assets::Problem>)>;

impl Packed {
    fn collect(&self, requests: &[assets::Request]) -> Collected {
        self.sources.read(requests);
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        whole
            .entry(format!("{requests:?}"))
            .or_insert_with(|| Arc::new(self.sources.collect(requests)))
            .clone()
    }
}

fn request(source: &SourceRequest) -> assets::Request {
    let kind = match &source.entry {
        Some(entry) => RequestKind::Tree { entry: entry.clone() },
        None => RequestKind::File,
    };
    assets::Request { path: source.path.clone(), kind, pointer: source.pointer.as_str().to_owned() }
}

fn keys(sources: &[SourceRequest], assets: &Assets) -> BTreeMap<String, AssetKey> {
    let key = |source: &SourceRequest| {
        let asset = assets.get(&source.path, &request(source).kind)?;
        Some((source.path.clone(), AssetKey { key: asset.key.clone(), sha256: asset.sha256.clone() }))
    };
    sources.iter().filter_map(key).collect()
}

fn asset_issue(problem: &assets::Problem, view: &Value) -> Issue {
    use assets::ProblemKind as Kind;
    let code = match &problem.kind {
        Kind::Missing { .. } | Kind::NotAFile | Kind::NotADirectory => Code::SourceMissing,
        Kind::EntryMissing { .. } | Kind::EntryNotAFile { .. } | Kind::EntryIgnored { .. } => {
            Code::SourceEntry
        }
        Kind::Absolute | Kind::LeavesProject | Kind::EntryLeaves { .. } => Code::SourceOutside,
        Kind::LinkLeaves { .. } | Kind::LinkBroken { .. } | Kind::LinkCycle { .. } => Code::SourceLink,
        Kind::Secret(_) => Code::SourceSecret,
        Kind::TooManyBytes { .. } | Kind::TooManyFiles { .. } | Kind::TooDeep { .. } => Code::SourceTooLarge,
        Kind::Unreadable { .. } | Kind::Special { .. } | Kind::NameNotUtf8 | Kind::BadIgnore { .. } => {
            Code::SourceUnreadable
        }
    };
    let near = match &problem.kind {
        Kind::Missing { near } | Kind::EntryMissing { near, .. } => near.as_slice(),
        _ => &[],
    };
    // A source tree is given by its directory and the entry point in it.
    let whole = Pointer::parse(problem.pointer.clone());
    let part = whole.key(if code == Code::SourceEntry { "entry" } else { "dir" });
    let at = if view.pointer(part.as_str()).is_some() { part } else { whole };
    let issue = Issue::new(code, at, problem.to_string());
    match near {
        [only] => issue.fix(only, problem.help()),
        _ => issue.help(problem.help()),
    }
}

/// The project's directory: where `stacks/` lies, or else the stack file.
pub(super) fn project(stack_file: &Path) -> &Path {
    let home = stack_file.parent().unwrap_or(Path::new(""));
    if home.file_name().is_some_and(|name| name == "stacks") { home.parent().unwrap_or(home) } else { home }
}

/// The directory of the project's own shapes.
pub(super) fn shapes_of(stack_file: &Path) -> PathBuf {
    project(stack_file).join("templates").join("shapes")
}

/// Shapes of the project's own: `templates/shapes/*.json` beside the stack file's directory.
fn overridden_shapes(stack_file: &Path) -> Result<BTreeMap<String, String>, Stop> {
    let directory = shapes_of(stack_file);
    let mut found = BTreeMap::new();
    let Ok(entries) = fs::read_dir(&directory) else { return Ok(found) };
    let known = Shapes::names();
    for entry in entries {
        let path = entry.context("cannot list the project's shapes")?.path();
        let Some(name) =
            path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".json"))
        else {
            continue;
        };
        if !known.iter().any(|shape| shape == name) {
            let near = nearest(name, known.iter().map(String::as_str));
            let hint = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
            return Err(Stop::usage(format!("{} overrides no shape{hint}", path.display())));
        }
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        found.insert(name.to_owned(), text);
    }
    Ok(found)
}
