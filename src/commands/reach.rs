//! How a command gets to what is deployed: the environment of a stack file, and the cloud that it lies in.

pub(super) mod several;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::Notify;

use super::diff::git;
use super::{Exit, Stop, load, local};
use crate::aws::{self, Aws, Cloud as _, ErrorKind, Phase, Status};
use crate::cli::{CloudArgs, PlaceArgs, StackArgs, TargetArgs, WaitArgs};
use crate::deploy::{self, BOOTSTRAP_STACK, Event, Failure, Pace, StackKind};
use crate::diag::has_errors;
use crate::plan::{self, Named, Plan, Target};
use crate::report;
use crate::report::deploy::Progress;
use crate::report::shell::word;
use crate::synth::{Assembly, Manifest};

/// Where the stack file says each resource, by logical id.
type Origins = Arc<BTreeMap<String, String>>;

/// A deployment within reach.
pub(super) struct Reach {
    /// What the stack file says.
    pub(super) assembly: Assembly,
    /// Where it is deployed to.
    pub(super) cloud: Aws,
    /// Whose it is.
    pub(super) target: Target,
    /// The local cloud's address, when it is that one.
    pub(super) local: Option<String>,
    /// The stack that CloudFormation works on for this command, at the moment.
    at_work: Mutex<Option<String>>,
    /// How the command line names it.
    pub(super) named: Named,
    /// The stack file, as the command line names it.
    file: PathBuf,
    /// Where the stack file says each resource, by logical id.
    pub(super) origins: Origins,
}

impl Reach {
    /// The stacks of the environment in the order of deployment, by name.
    pub(super) fn stacks(&self) -> Vec<(StackKind, &str)> {
        let templates = self.assembly.manifest.templates.iter();
        templates.map(|entry| (StackKind::Template(entry.kind), entry.stack_name.as_str())).collect()
    }

    /// The plan of its deployment.
    pub(super) fn plan(&self) -> Result<Plan, plan::Error> {
        let plan = plan::plan(&self.assembly, &self.target)?;
        Ok(Plan { commit: self.commit(), named: self.named.clone(), ..plan })
    }

    /// The commit that changed the stack file, the project's own shapes or its code last, and whether they were changed
    /// since.
    fn commit(&self) -> Option<String> {
        let file = load::find(std::slice::from_ref(&self.file)).ok()?.pop()?;
        let root = file.parent()?;
        let sources = self.assembly.manifest.assets.iter().map(|asset| root.join(&asset.source));
        let shapes = load::project(&file).join("templates");
        let (commit, dirty) = git::last_change(
            &std::iter::once(file.clone()).chain([shapes]).chain(sources).collect::<Vec<_>>(),
        )?;
        Some(if dirty { format!("{commit}-dirty") } else { commit })
    }

    /// How often to ask, and how long to wait.
    pub(super) fn options(&self, wait: &WaitArgs) -> deploy::Options {
        deploy::Options { origins: self.origins.clone(), ..options_of(&self.cloud, wait) }
    }

    /// Notes what CloudFormation works on: it is told to whoever stops the command.
    pub(super) fn note(&self, event: &Event) {
        let at_work = match event {
            Event::Executing { stack_id, .. } => Some(stack_id.clone()),
            Event::Attached { stack, .. } => Some(stack.clone()),
            Event::Resource { event, .. } => Some(event.stack_id.clone()),
            Event::Finished(_) => None,
            _ => return,
        };
        *self.at_work.lock().unwrap_or_else(PoisonError::into_inner) = at_work;
    }

    /// Does a piece of work while its events are shown.
    pub(super) async fn shown<T>(
        &self,
        progress: Progress,
        work: impl AsyncFnOnce(&mut dyn FnMut(Event)) -> T,
    ) -> T {
        let progress = RefCell::new(progress);
        work(&mut |event| {
            self.note(&event);
            progress.borrow_mut().show(&event);
        })
        .await
    }

    /// What is said when somebody stops the command: what goes on in AWS, and what can be done about it.
    async fn part(&self, parting: &str) -> Exit {
        if let Some(stack) = self.going_on().await {
            self.leave(&stack).await;
        } else {
            report::err(&format!("\n{parting}\n"));
        }
        Exit::Failed
    }

    /// The stack that CloudFormation works on for this command.
    async fn going_on(&self) -> Option<aws::Stack> {
        let stack = self.at_work.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let found = tokio::time::timeout(Duration::from_secs(10), self.cloud.stack(&stack)).await.ok();
        found.and_then(Result::ok).flatten().filter(|stack| stack.status.phase() == Phase::InProgress)
    }

    /// Says that CloudFormation goes on, and offers to cancel an update.
    async fn leave(&self, stack: &aws::Stack) {
        let attach = format!("{} --follow", self.named.command("events", ""));
        report::err(&format!(
            "\n{} is in {}, and goes on in AWS by itself: `{attach}` attaches to it\n",
            stack.name, stack.status
        ));
        if stack.status == Status::UpdateInProgress
            && report::ask(&format!("cancel the update of {}, so that all of it is rolled back?", stack.name))
        {
            match deploy::cancel(&self.cloud, stack).await {
                Ok(()) => {
                    report::err(&format!("the update is cancelled, and rolls back: `{attach}` follows it\n"));
                }
                Err(error) => {
                    failed(&error, error.help());
                }
            }
        }
    }

    /// Names of what the stacks have deployed of a resource type.
    pub(super) async fn deployed(&self, resource_type: &str) -> aws::Result<Vec<String>> {
        let mut found = Vec::new();
        for (_, name) in self.stacks() {
            if let Some(stack) = self.cloud.stack(name).await? {
                found.extend(deploy::of_type(&self.cloud.stack_resources(&stack.id).await?, resource_type));
            }
        }
        Ok(found)
    }

    /// The same, behind the stack that holds what all deployments to an account and region share.
    pub(super) fn all_stacks(&self) -> Vec<(StackKind, &str)> {
        let mut stacks = vec![(StackKind::Bootstrap, BOOTSTRAP_STACK)];
        stacks.extend(self.stacks());
        stacks
    }
}

/// Checks the stack file, connects, and does the work. `parting` is said when somebody stops it by Ctrl-C.
pub(super) fn run(
    args: &TargetArgs,
    parting: &'static str,
    work: impl AsyncFnOnce(&Reach) -> Result<Exit, Stop>,
) -> Result<Exit, Stop> {
    let Some(sound) = assemble(args)? else { return Ok(Exit::Invalid) };
    block_on(&args.cloud, parting, async |local, stop| {
        let reach = match connect(args, sound, local.as_deref(), &mut Vec::new()).await {
            Ok(reach) => reach,
            Err(exit) => return Ok(exit),
        };
        tokio::select! {
            result = work(&reach) => result,
            () = stop.asked() => Ok(reach.part(parting).await),
        }
    })
}

/// Starts the local cloud where that is meant, and does the work. `parting` is said when somebody stops it by Ctrl-C and
/// the work does not hear that.
pub(super) fn block_on(
    args: &CloudArgs,
    parting: &'static str,
    work: impl AsyncFnOnce(Option<String>, &CtrlC) -> Result<Exit, Stop>,
) -> Result<Exit, Stop> {
    let local = if args.local { Some(local::up()?) } else { None };
    let runtime = tokio::runtime::Runtime::new().context("cannot start the asynchronous runtime")?;
    let stop = Arc::new(CtrlC::default());
    // A task of its own: it is heard even while a prompt waits for an answer.
    runtime.spawn(ctrl_c(parting, stop.clone()));
    runtime.block_on(work(local, &stop))
}

/// How often to ask a cloud, and how long to wait.
pub(super) fn options_of(cloud: &Aws, wait: &WaitArgs) -> deploy::Options {
    let pace = Pace { wait: Duration::from_millis(wait.timeout.millis()), ..Pace::default() };
    let pace = if cloud.is_near() { pace.near() } else { pace };
    deploy::Options { pace, ..deploy::Options::default() }
}

/// Somebody's wish to stop.
#[derive(Default)]
pub(super) struct CtrlC {
    asked: Notify,
    heard: AtomicBool,
}

impl CtrlC {
    /// Waits for it.
    async fn asked(&self) {
        self.asked.notified().await;
        self.heard.store(true, Ordering::SeqCst);
    }
}

/// Hands on the first Ctrl-C; where nobody hears it, or at the second one, the process ends.
async fn ctrl_c(parting: &'static str, stop: Arc<CtrlC>) {
    if tokio::signal::ctrl_c().await.is_err() {
        return;
    }
    stop.asked.notify_one();
    tokio::time::sleep(Duration::from_millis(300)).await;
    if stop.heard.load(Ordering::SeqCst) && tokio::signal::ctrl_c().await.is_err() {
        return;
    }
    report::err(&format!("\n{parting}\n"));
    std::process::exit(Exit::Failed as i32);
}

/// How a command ends by the end of what it had CloudFormation do to a stack: `done` is said when that went well.
pub(super) fn ended(
    stack: &str,
    result: Result<Option<Failure>, deploy::Error>,
    done: &str,
) -> Result<Exit, Stop> {
    match result {
        Ok(None) => {
            report::out(done)?;
            Ok(Exit::Done)
        }
        Ok(Some(failure)) => {
            report::out(&format!("{}\n", report::deploy::failed(stack, &failure)))?;
            Ok(Exit::DeploymentFailed)
        }
        Err(error) => Ok(failed(&error, error.help())),
    }
}

/// Every check, then synth; problems are reported.
pub(super) fn assemble(args: &TargetArgs) -> Result<Option<(Assembly, Origins)>, Stop> {
    Ok(assemble_all(std::slice::from_ref(&args.stack), &args.env)?.and_then(|mut sound| sound.pop()))
}

/// The same for several stack files, in their order; none where one of them is unsound.
fn assemble_all(paths: &[PathBuf], environment: &str) -> Result<Option<Vec<(Assembly, Origins)>>, Stop> {
    let which = StackArgs { stacks: paths.to_vec(), env: vec![environment.to_owned()] };
    let mut loaded = load::load(&which)?;
    let assemblies: Vec<Assembly> = loaded.iter_mut().flat_map(load::Loaded::assemble).collect();
    let (files, diagnostics) = load::findings(&loaded);
    report::diagnostics(&files, &diagnostics);
    if has_errors(&diagnostics) || assemblies.len() < loaded.len() {
        return Ok(None);
    }
    let sound = loaded.iter().zip(assemblies).map(|(loaded, assembly)| {
        let origins = Arc::new(loaded.origins(&assembly));
        (assembly, origins)
    });
    Ok(Some(sound.collect()))
}

/// Whoever was connected to already.
type Known = Vec<(aws::Options, Aws, Target)>;

async fn connect(
    args: &TargetArgs,
    sound: (Assembly, Origins),
    local: Option<&str>,
    known: &mut Known,
) -> Result<Reach, Exit> {
    let (assembly, origins) = sound;
    let options = options(&args.cloud, &assembly.manifest, local);
    let (cloud, target) = if let Some((_, cloud, target)) = known.iter().find(|(there, ..)| *there == options)
    {
        (cloud.clone(), target.clone())
    } else {
        let (cloud, target) = target(&options).await.map_err(|error| unreached(&error))?;
        known.push((options, cloud.clone(), target.clone()));
        (cloud, target)
    };
    plan::guard(&assembly.manifest, &target).map_err(|error| failed(&error, error.help()))?;
    let named = Named {
        stack: word(&args.stack.to_string_lossy()).into_owned(),
        environment: word(&args.env).into_owned(),
        local: local.is_some(),
        place: same_place(&args.cloud.place),
    };
    let local = local.map(str::to_owned);
    let file = args.stack.clone();
    Ok(Reach { assembly, cloud, target, local, at_work: Mutex::default(), named, file, origins })
}

/// The options of a command that lead another one to the same place, each behind a space.
pub(super) fn same_place(place: &PlaceArgs) -> String {
    // What is printed may be kept, and a URL may hold a password.
    let url = place.endpoint_url.as_deref().map(|url| if url.contains('@') { "URL" } else { url });
    let options = [
        ("--profile", place.profile.as_deref()),
        ("--region", place.region.as_deref()),
        ("--endpoint-url", url),
    ];
    let mut text = String::new();
    for (option, value) in options {
        if let Some(value) = value {
            let _ = write!(text, " {option} {}", word(value));
        }
    }
    text
}

/// Connects, and asks who is asking.
pub(super) async fn target(options: &aws::Options) -> aws::Result<(Aws, Target)> {
    let cloud = aws::connect(options).await?;
    let identity = cloud.identity().await?;
    let region = cloud.region().to_owned();
    Ok((cloud, Target { identity, region }))
}

/// Where to: the command line's word before the stack file's.
pub(super) fn options(args: &CloudArgs, manifest: &Manifest, local: Option<&str>) -> aws::Options {
    options_for(args, manifest.account.as_deref(), manifest.region.clone(), local)
}

/// The same for what belongs to an account and a region, where it says so.
pub(super) fn options_for(
    args: &CloudArgs,
    account: Option<&str>,
    environment_region: Option<String>,
    local: Option<&str>,
) -> aws::Options {
    let region = args.place.region.clone();
    let local = local.map(|url| aws::LocalCloud {
        endpoint_url: url.to_owned(),
        // The local cloud takes an access key of twelve digits for its account.
        access_key: account.unwrap_or(crate::local::ACCESS_KEY).to_owned(),
        secret: crate::local::SECRET_ACCESS_KEY.to_owned(),
        region: region
            .as_deref()
            .or(environment_region.as_deref())
            .unwrap_or(crate::local::REGION)
            .to_owned(),
    });
    aws::Options {
        profile: args.place.profile.clone(),
        endpoint_url: args.place.endpoint_url.clone(),
        local,
        region,
        environment_region,
    }
}

/// Says why the cloud is not reached. What the command line or the environment says wrong is wrong usage.
pub(super) fn unreached(error: &aws::Error) -> Exit {
    let exit = failed(error, error.help());
    if error.kind == ErrorKind::Usage { Exit::Usage } else { exit }
}

/// Says why a command ends.
pub(super) fn failed(error: &dyn std::error::Error, help: Option<&str>) -> Exit {
    report::failure(&error.to_string(), help);
    Exit::Failed
}
