//! What the environment, the shared configuration and the command line say of where to and by whom, looked at before
//! the SDK takes it: the SDK passes over a profile that is not there, panics at an empty URL, and prints a whole request
//! at a bad one.

use std::env;
use std::path::PathBuf;

use aws_config::profile::{self, ProfileSet};

use super::{Error, ErrorKind, Options, Result};
use crate::diag::{nearest, or_list};
use crate::rules::addresses;

const ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";

/// Of the services that smstack calls, and that credentials come from.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/ss-endpoints-table.html>
const SERVICES: [&str; 12] = [
    "CLOUDCONTROL",
    "CLOUDFORMATION",
    "CLOUDWATCH",
    "CLOUDWATCH_LOGS",
    "ECR",
    "S3",
    "SAGEMAKER",
    "SERVICE_QUOTAS",
    "SIGNIN",
    "SSO",
    "SSO_OIDC",
    "STS",
];

/// The variables that say a region, the first before the second.
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// Starts the program anew where a variable of these is empty, without it: an empty variable counts as unset. The SDK
/// reads the environment by itself, in clients for credentials, too, which are nobody else's to set up; and to change
/// the environment of a running process is not safe. On Windows no variable is empty.
pub fn without_empty_variables() {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        let ours =
            |name: &str| name == "AWS_PROFILE" || REGIONS.contains(&name) || name.starts_with(ENDPOINT_URL);
        let empty: Vec<_> = env::vars_os()
            .filter(|(name, value)| value.is_empty() && name.to_str().is_some_and(ours))
            .map(|(name, _)| name)
            .collect();
        let Some(program) = env::current_exe().ok().filter(|_| !empty.is_empty()) else { return };
        let mut arguments = env::args_os();
        let mut anew = std::process::Command::new(program);
        anew.arg0(arguments.next().unwrap_or_else(|| "smstack".into())).args(arguments);
        for name in empty {
            anew.env_remove(name);
        }
        // It comes back only where that fails; then `check` refuses what is empty.
        let _ = anew.exec();
    }
}

/// Whether the profile is there, and whether every URL has the form of one.
///
/// # Errors
/// [`ErrorKind::Usage`], with where it was said.
pub(super) async fn check(options: &Options) -> Result<()> {
    let asked = Asked::new(options);
    let name = asked.as_ref().map(|asked| asked.name.clone().into());
    // What is wrong with the files themselves is told by whoever takes credentials from them.
    #[expect(
        clippy::default_trait_access,
        reason = "the types belong to crates that nothing else here needs"
    )]
    let (fs, env, files) = (Default::default(), Default::default(), Default::default());
    let shared = profile::load(&fs, &env, &files, name).await.ok();
    if let (Some(asked), Some(shared)) = (&asked, &shared) {
        asked.check(shared)?;
    }
    endpoint_urls(options, shared.as_ref())
}

/// Whether the region has the form of one; the SDK makes a host of it.
///
/// # Errors
/// [`ErrorKind::Usage`], with where it was said.
pub(super) fn region(options: &Options, region: &str) -> Result<()> {
    let Err(why) = addresses::region(region) else { return Ok(()) };
    let from = if options.region.is_some() {
        "`--region`".to_owned()
    } else if options.environment_region.is_some() {
        "the environment's `region`".to_owned()
    } else {
        let said = REGIONS.into_iter().find(|name| variable(name).is_some());
        said.map_or_else(|| "the profile's `region`".to_owned(), |name| format!("`{name}`"))
    };
    Err(usage(format!("{from} names no region, but `{region}`: {why}")))
}

/// A profile that is asked for by its name.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    name: String,
    /// What asks for it.
    by: &'static str,
    /// Nothing is before it in the chain of credentials.
    first: bool,
}

impl Asked {
    fn new(options: &Options) -> Option<Asked> {
        if let Some(name) = &options.profile {
            return Some(Asked { name: name.clone(), by: "--profile", first: true });
        }
        let name = variable("AWS_PROFILE")?;
        let keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
        // Keys of the environment come before a profile of the environment, which is not used then.
        let first = !keys.iter().all(|name| variable(name).is_some());
        Some(Asked { name, by: "AWS_PROFILE", first })
    }

    fn check(&self, shared: &ProfileSet) -> Result<()> {
        let Asked { name, by, first } = self;
        // `AWS_PROFILE=default` says no more than no variable at all, where a machine has a role.
        let meant = *by == "--profile" || name != "default";
        if !first || !meant || shared.get_profile(name).is_some() {
            return Ok(());
        }
        let mut names: Vec<&str> = shared.profiles().collect();
        names.sort_unstable();
        if let Some(near) = nearest(name, names.iter().copied()) {
            names.sort_by_key(|name| *name != near);
        }
        let [config, credentials] = files();
        let way_out = if names.is_empty() {
            "there is none at all, and `aws configure` makes one".to_owned()
        } else {
            format!("choose {}", or_list(names))
        };
        Err(usage(format!(
            "`{by}`: there is no profile `{name}` in `{}` and `{}`: {way_out}",
            config.display(),
            credentials.display()
        )))
    }
}

/// Where the shared configuration lies.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html>
fn files() -> [PathBuf; 2] {
    [("AWS_CONFIG_FILE", "~/.aws/config"), ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")]
        .map(|(name, default)| env::var_os(name).map_or_else(|| default.into(), PathBuf::from))
}

fn endpoint_urls(options: &Options, shared: Option<&ProfileSet>) -> Result<()> {
    let said = |from: String, url: &str| match addresses::endpoint_url(url) {
        Ok(_) => Ok(()),
        // It may hold a password.
        Err(why) if url.contains('@') => Err(usage(format!("{from} is not the URL of an endpoint: {why}"))),
        Err(why) => Err(usage(format!("{from} is `{url}`, and not the URL of an endpoint: {why}"))),
    };
    if let Some(url) = &options.endpoint_url {
        return said("`--endpoint-url`".to_owned(), url);
    }
    let variables = SERVICES.iter().map(|service| format!("{ENDPOINT_URL}_{service}"));
    for name in variables.chain([ENDPOINT_URL.to_owned()]) {
        if let Ok(url) = env::var(&name) {
            said(format!("`{name}`"), &url)?;
        }
    }
    match shared.and_then(|shared| Some((shared.selected_profile(), shared.get("endpoint_url")?))) {
        Some((profile, url)) => said(format!("`endpoint_url` of profile `{profile}`"), url),
        None => Ok(()),
    }
}

/// A variable that says something.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn usage(detail: String) -> Error {
    Error::own("connect", ErrorKind::Usage, detail)
}
