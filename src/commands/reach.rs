//! How a command gets to what is deployed: the environment of a stack file, and the cloud that it lies in.

use std::collections::BTreeMap;

use anyhow::Context as _;

use super::{Exit, Stop, load, local};
use crate::aws::{self, Aws, Cloud as _};
use crate::cli::{CloudArgs, StackArgs, TargetArgs};
use crate::deploy::{self, BOOTSTRAP_STACK, StackKind};
use crate::diag::has_errors;
use crate::plan::{self, Target};
use crate::report;
use crate::synth::{Assembly, Manifest};

/// Where the stack file says each resource, by logical id.
type Origins = BTreeMap<String, String>;

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
    /// Where the stack file says each resource, by logical id.
    pub(super) origins: Origins,
}

impl Reach {
    /// The stacks of the environment in the order of deployment, by name.
    pub(super) fn stacks(&self) -> Vec<(StackKind, &str)> {
        let templates = self.assembly.manifest.templates.iter();
        templates.map(|entry| (StackKind::Template(entry.kind), entry.stack_name.as_str())).collect()
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
    let Some((assembly, origins)) = assemble(args)? else { return Ok(Exit::Invalid) };
    block_on(&args.cloud, parting, async |local| match connect(&args.cloud, assembly, local).await {
        Ok(reach) => work(&Reach { origins, ..reach }).await,
        Err(exit) => Ok(exit),
    })
}

/// Starts the local cloud where that is meant, and does the work. `parting` is said when somebody stops it by Ctrl-C.
pub(super) fn block_on(
    args: &CloudArgs,
    parting: &'static str,
    work: impl AsyncFnOnce(Option<String>) -> Result<Exit, Stop>,
) -> Result<Exit, Stop> {
    let local = if args.local { Some(local::up()?) } else { None };
    let runtime = tokio::runtime::Runtime::new().context("cannot start the asynchronous runtime")?;
    // A task of its own: it is heard even while a prompt waits for an answer.
    runtime.spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            report::err(&format!("\n{parting}\n"));
            std::process::exit(Exit::Failed as i32);
        }
    });
    runtime.block_on(work(local))
}

/// Every check, then synth; problems are reported.
pub(super) fn assemble(args: &TargetArgs) -> Result<Option<(Assembly, Origins)>, Stop> {
    let which = StackArgs { stacks: vec![args.stack.clone()], env: vec![args.env.clone()] };
    let mut loaded = load::load(&which)?;
    let assembly = loaded.iter_mut().flat_map(load::Loaded::assemble).last();
    let (files, diagnostics) = load::findings(&loaded);
    report::diagnostics(&files, &diagnostics);
    let assembly = assembly.filter(|_| !has_errors(&diagnostics));
    Ok(assembly.map(|assembly| {
        let origins = loaded.iter().flat_map(|loaded| loaded.origins(&assembly)).collect();
        (assembly, origins)
    }))
}

async fn connect(args: &CloudArgs, assembly: Assembly, local: Option<String>) -> Result<Reach, Exit> {
    let told = |error: aws::Error| failed(&error, error.help());
    let (cloud, target) = target(&options(args, &assembly.manifest, local.as_deref())).await.map_err(told)?;
    plan::guard(&assembly.manifest, &target).map_err(|error| failed(&error, error.help()))?;
    Ok(Reach { assembly, cloud, target, local, origins: BTreeMap::new() })
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
    let region = args.region.clone();
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
        profile: args.profile.clone(),
        endpoint_url: args.endpoint_url.clone(),
        local,
        region,
        environment_region,
    }
}

/// Says why a command ends.
pub(super) fn failed(error: &dyn std::error::Error, help: Option<&str>) -> Exit {
    report::failure(&error.to_string(), help);
    Exit::Failed
}
