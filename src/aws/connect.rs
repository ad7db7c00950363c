//! Options in, a connected [`Cloud`] out: region, credentials, endpoints, TLS, retries.
//!
//! - Credentials: the standard chain (environment, profile with SSO, roles and credential process, web
//!   identity, ECS, EC2). They are fetched by the first call, and fetched again before they expire. Who says
//!   `--profile` means that one: keys and a web identity in the environment are left aside, as by the AWS CLI.
//! - Region: `--region`, else the environment's in the stack file, else `AWS_REGION` and
//!   `AWS_DEFAULT_REGION`, else the profile's, else the EC2 instance's.
//! - Endpoints: `--endpoint-url`, else `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL` or the profile's.
//!   S3 is addressed by path where the endpoint is on this machine, since `bucket.127.0.0.1` is no host.
//! - What of these names nothing, or has no form, is told before any call: [`super::settings`].
//! - TLS: the system's trusted certificates and those in `AWS_CA_BUNDLE`. The SDK for Rust itself
//!   ignores that variable (1.13 of aws-config has no mention of it), so the client is made here.
//! - `HTTPS_PROXY` and `NO_PROXY` are obeyed for `https` endpoints, the credentials' too; plain `http`
//!   (the local cloud, the metadata services of EC2 and ECS) never goes through a proxy.
//! - CloudFormation's rate limits are kept, whatever else calls it: [`super::limit`]. The local cloud counts no calls.
//! - No call hangs: connecting takes at most 5 s, an answer 60 s, the metadata service 2 tries of 1 s.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::profile::region::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sts::config::Credentials;

use super::{
    Alarm, ChangeSet, ChangeSetRef, ChangeSetRequest, Cloud, DriftDetection, Endpoint, Error, ErrorKind,
    EventPage, Execution, Identity, LogTail, ModelPackage, ModelVersion, Monitor, NewExecution, NewObject,
    Operation, ResourceDrift, Result, Stack, StackResource, Step, StoredObject, ValidationFailure, account,
    cloudformation, drift, http, limit, live, logs, s3, sagemaker, secrets, settings, sts,
};
use crate::rules::logs::LogPlace;

pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const READ_TIMEOUT: Duration = Duration::from_mins(1);
/// CloudFormation throttles freely when several deployments share an account.
const MAX_ATTEMPTS: u32 = 6;

/// How to get to the cloud.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// `--profile`; else `AWS_PROFILE`, else `default`.
    pub profile: Option<String>,
    /// `--region`.
    pub region: Option<String>,
    /// The region of the environment in the stack file (the manifest's).
    pub environment_region: Option<String>,
    /// `--endpoint-url`.
    pub endpoint_url: Option<String>,
    /// The local cloud instead of AWS: nothing of the user's credentials and settings is looked at.
    pub local: Option<LocalCloud>,
}

/// The local cloud, as `smstack local up` started it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalCloud {
    /// A loopback address.
    pub endpoint_url: String,
    /// Twelve digits are their own account.
    pub access_key: String,
    /// Anything.
    pub secret: String,
    /// Any region.
    pub region: String,
}

/// AWS, or what answers in its place.
#[derive(Debug, Clone)]
pub struct Aws {
    region: String,
    account: account::Clients,
    near: bool,
    cloudformation: aws_sdk_cloudformation::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    s3: aws_sdk_s3::Client,
    sagemaker: aws_sdk_sagemaker::Client,
    sts: aws_sdk_sts::Client,
}

/// Connects; no call to AWS is made yet, except to the EC2 metadata service when nothing else says the region.
///
/// # Errors
/// [`ErrorKind::NoRegion`] when nothing says the region; [`ErrorKind::Usage`] when there is no such profile, or an
/// endpoint's URL or the region has no form of one; [`ErrorKind::Local`] when `AWS_CA_BUNDLE` or `HTTPS_PROXY` is
/// unusable.
pub async fn connect(options: &Options) -> Result<Aws> {
    let config = match &options.local {
        Some(local) => local_config(local),
        None => chain_config(options).await?,
    };
    let region = config.region().map(ToString::to_string).ok_or_else(|| {
        Error::own(
            "connect",
            ErrorKind::NoRegion,
            "no region: neither the command nor the environment names one",
        )
    })?;
    settings::region(options, &region)?;
    let cloudformation = match &options.local {
        Some(_) => aws_sdk_cloudformation::Client::new(&config),
        None => limit::cloudformation(&config, &region),
    };
    Ok(Aws::new(region, &config, cloudformation))
}

impl Aws {
    /// Whether it answers on this machine, and so is not AWS.
    pub fn is_near(&self) -> bool {
        self.near
    }

    pub(super) fn sagemaker(&self) -> &aws_sdk_sagemaker::Client {
        &self.sagemaker
    }

    pub(super) fn s3(&self) -> &aws_sdk_s3::Client {
        &self.s3
    }

    fn new(region: String, config: &SdkConfig, cloudformation: aws_sdk_cloudformation::Client) -> Aws {
        let path_style = std::iter::once(config.endpoint_url().map(str::to_owned))
            .chain([std::env::var("AWS_ENDPOINT_URL_S3").ok(), std::env::var("AWS_ENDPOINT_URL").ok()])
            .flatten()
            .any(|url| http::is_loopback(&url));
        let s3 = aws_sdk_s3::config::Builder::from(config).force_path_style(path_style).build();
        Aws {
            region,
            account: account::Clients::new(config),
            near: path_style,
            cloudformation,
            cloudwatch: aws_sdk_cloudwatch::Client::new(config),
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
            s3: aws_sdk_s3::Client::from_conf(s3),
            sagemaker: aws_sdk_sagemaker::Client::new(config),
            sts: aws_sdk_sts::Client::new(config),
        }
    }
}

fn local_config(local: &LocalCloud) -> SdkConfig {
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
    let credentials = Credentials::new(&local.access_key, &local.secret, None, None, "the local cloud");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(local.region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(&local.endpoint_url)
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        // On this machine nothing mends itself by waiting long.
        .retry_config(
            RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(50)),
        )
        .timeout_config(timeouts())
        .build()
}

async fn chain_config(options: &Options) -> Result<SdkConfig> {
    settings::check(options).await?;
    let http = http::client()?;
    let provider = ProviderConfig::without_region().with_http_client(http.clone());
    let imds = aws_config::imds::Client::builder()
        .configure(&provider)
        .max_attempts(2)
        .connect_timeout(Duration::from_secs(1))
        .read_timeout(Duration::from_secs(1))
        .build();

    let region = region(options, &provider, imds.clone()).await;
    let provider = provider.with_region(region.clone());
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .region(region.clone())
        .timeout_config(timeouts());
    if let Some(profile) = &options.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = &options.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    // Whoever sets their own number of attempts, or the mode, gets it.
    if std::env::var_os("AWS_MAX_ATTEMPTS").is_none() && std::env::var_os("AWS_RETRY_MODE").is_none() {
        loader = loader.retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS));
    }
    let loader = if let Some(profile) = &options.profile {
        loader.credentials_provider(secrets::Noted(profile_credentials(profile, &provider, imds)))
    } else {
        let chain = DefaultCredentialsChain::builder().configure(provider).imds_client(imds);
        loader.credentials_provider(secrets::Noted(chain.region(region).build().await))
    };
    Ok(loader.load().await)
}

/// The profile that was asked for, else what the machine is: a profile may say a region alone. The SDK's own chain has
/// keys of the environment before any profile, so that `--profile prod` would deploy to whatever account they are of.
/// <https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html>
fn profile_credentials(
    name: &str,
    provider: &ProviderConfig,
    imds: aws_config::imds::Client,
) -> CredentialsProviderChain {
    let profile = ProfileFileCredentialsProvider::builder().configure(provider).profile_name(name).build();
    let ecs = EcsCredentialsProvider::builder().configure(provider).build();
    let ec2 = ImdsCredentialsProvider::builder().configure(provider).imds_client(imds).build();
    CredentialsProviderChain::first_try("Profile", profile)
        .or_else("EcsContainer", ecs)
        .or_else("Ec2InstanceMetadata", ec2)
}

async fn region(
    options: &Options,
    provider: &ProviderConfig,
    imds: aws_config::imds::Client,
) -> Option<Region> {
    if let Some(region) = options.region.as_ref().or(options.environment_region.as_ref()) {
        return Some(Region::new(region.clone()));
    }
    let mut profile = ProfileFileRegionProvider::builder().configure(provider);
    if let Some(name) = &options.profile {
        profile = profile.profile_name(name);
    }
    RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(profile.build())
        .or_else(ImdsRegionProvider::builder().configure(provider).imds_client(imds).build())
        .region()
        .await
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build()
}

impl Cloud for Aws {
    fn region(&self) -> &str {
        &self.region
    }

    async fn identity(&self) -> Result<Identity> {
        sts::identity(&self.sts).await
    }

    async fn stack(&self, stack: &str) -> Result<Option<Stack>> {
        cloudformation::stack(&self.cloudformation, stack).await
    }

    async fn deleted_stacks(&self, name: &str) -> Result<Vec<String>> {
        cloudformation::deleted_stacks(&self.cloudformation, name).await
    }

    async fn template(&self, stack: &str) -> Result<Option<String>> {
        cloudformation::template(&self.cloudformation, stack).await
    }

    async fn stack_resources(&self, stack: &str) -> Result<Vec<StackResource>> {
        cloudformation::stack_resources(&self.cloudformation, stack).await
    }

    async fn stack_events(&self, stack: &str, page: Option<&str>) -> Result<EventPage> {
        cloudformation::stack_events(&self.cloudformation, stack, page).await
    }

    async fn validation_failures(&self, of: &Operation<'_>) -> Result<Vec<ValidationFailure>> {
        cloudformation::validation_failures(&self.cloudformation, of).await
    }

    async fn stack_policy(&self, stack: &str) -> Result<Option<String>> {
        cloudformation::stack_policy(&self.cloudformation, stack).await
    }

    async fn set_stack_policy(&self, stack: &str, policy: &str) -> Result<()> {
        cloudformation::set_stack_policy(&self.cloudformation, stack, policy).await
    }

    async fn set_termination_protection(&self, stack: &str, on: bool) -> Result<()> {
        cloudformation::set_termination_protection(&self.cloudformation, stack, on).await
    }

    async fn delete_stack(&self, stack: &str, token: &str) -> Result<()> {
        cloudformation::delete_stack(&self.cloudformation, stack, token).await
    }

    async fn continue_rollback(&self, stack: &str, skip: &[String], token: &str) -> Result<()> {
        cloudformation::continue_rollback(&self.cloudformation, stack, skip, token).await
    }

    async fn cancel_update(&self, stack: &str, token: &str) -> Result<()> {
        cloudformation::cancel_update(&self.cloudformation, stack, token).await
    }

    async fn rollback_stack(&self, stack: &str, token: &str) -> Result<()> {
        cloudformation::rollback_stack(&self.cloudformation, stack, token).await
    }

    async fn has(&self, kind: &str, identifier: &str) -> Result<bool> {
        account::has(&self.account, kind, identifier).await
    }

    async fn has_image(&self, registry: &str, repository: &str, version: &str) -> Result<bool> {
        account::has_image(&self.account, registry, repository, version).await
    }

    async fn quotas(&self) -> Result<BTreeMap<String, f64>> {
        account::quotas(&self.account).await
    }

    async fn types(&self, prefix: &str) -> Result<BTreeSet<String>> {
        account::types(&self.cloudformation, prefix).await
    }

    async fn detect_drift(&self, stack: &str) -> Result<String> {
        drift::detect(&self.cloudformation, stack).await
    }

    async fn drift_detection(&self, id: &str) -> Result<DriftDetection> {
        drift::detection(&self.cloudformation, id).await
    }

    async fn resource_drifts(&self, stack: &str) -> Result<Vec<ResourceDrift>> {
        drift::resources(&self.cloudformation, stack).await
    }

    async fn change_sets(&self, stack: &str) -> Result<Vec<(String, ChangeSetRef)>> {
        cloudformation::change_sets(&self.cloudformation, stack).await
    }

    async fn create_change_set(&self, request: &ChangeSetRequest) -> Result<ChangeSetRef> {
        cloudformation::create_change_set(&self.cloudformation, request).await
    }

    async fn change_set(&self, id: &str) -> Result<Option<ChangeSet>> {
        cloudformation::change_set(&self.cloudformation, id).await
    }

    async fn change_set_template(&self, id: &str) -> Result<Option<String>> {
        cloudformation::change_set_template(&self.cloudformation, id).await
    }

    async fn delete_change_set(&self, id: &str) -> Result<()> {
        cloudformation::delete_change_set(&self.cloudformation, id).await
    }

    async fn execute_change_set(&self, id: &str, token: &str) -> Result<()> {
        cloudformation::execute_change_set(&self.cloudformation, id, token).await
    }

    async fn stored_object(&self, bucket: &str, key: &str, owner: &str) -> Result<Option<StoredObject>> {
        s3::stored_object(&self.s3, bucket, key, owner).await
    }

    async fn store_object(&self, object: &NewObject) -> Result<Option<String>> {
        s3::store_object(&self.s3, object).await
    }

    async fn approved_model(&self, group: &str) -> Result<Option<String>> {
        sagemaker::approved_model(&self.sagemaker, group).await
    }

    async fn model_package(&self, arn: &str) -> Result<ModelPackage> {
        sagemaker::model_package(&self.sagemaker, arn).await
    }

    async fn model_versions(&self, group: &str, most: usize) -> Result<Option<Vec<ModelVersion>>> {
        live::model_versions(&self.sagemaker, group, most).await
    }

    async fn model_group(&self, name: &str) -> Result<Option<String>> {
        sagemaker::model_group(&self.sagemaker, name).await
    }

    async fn has_bucket(&self, bucket: &str, owner: &str) -> Result<bool> {
        s3::has_bucket(&self.s3, bucket, owner).await
    }

    async fn judge_model(&self, arn: &str, approve: bool, comment: Option<&str>) -> Result<()> {
        live::judge_model(&self.sagemaker, arn, approve, comment).await
    }

    async fn start_execution(&self, order: &NewExecution) -> Result<String> {
        live::start_execution(&self.sagemaker, order).await
    }

    async fn last_execution(&self, pipeline: &str) -> Result<Option<Execution>> {
        live::last_execution(&self.sagemaker, pipeline).await
    }

    async fn execution(&self, arn: &str) -> Result<Execution> {
        live::execution(&self.sagemaker, arn).await
    }

    async fn execution_steps(&self, arn: &str) -> Result<Vec<Step>> {
        live::execution_steps(&self.sagemaker, arn).await
    }

    async fn failed_training_job(&self, tuning: &str) -> Result<Option<String>> {
        live::failed_training_job(&self.sagemaker, tuning).await
    }

    async fn log_tail(&self, place: &LogPlace, most: usize) -> Result<Option<LogTail>> {
        logs::tail(&self.logs, place, most).await
    }

    async fn endpoint(&self, name: &str) -> Result<Endpoint> {
        live::endpoint(&self.sagemaker, name).await
    }

    async fn monitor(&self, name: &str) -> Result<Monitor> {
        live::monitor(&self.sagemaker, name).await
    }

    async fn alarms(&self, names: &[String]) -> Result<Vec<Alarm>> {
        live::alarms(&self.cloudwatch, names).await
    }

    async fn empty_bucket(&self, bucket: &str, owner: &str) -> Result<u64> {
        s3::empty_bucket(&self.s3, bucket, owner).await
    }

    async fn small_object(&self, uri: &str, most: u64) -> Result<String> {
        s3::small_object(&self.s3, uri, most).await
    }
}
