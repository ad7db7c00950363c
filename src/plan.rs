//! An assembly and where it goes become an ordered plan. Pure: nothing here asks AWS.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::aws::{Identity, ModelPackage, TemplateSource};
use crate::synth::manifest::VERSION;
use crate::synth::{Assembly, FileEntry, Manifest, ParameterSource, TemplateEntry, TemplateKind};

mod file;
mod needs;

pub use file::{
    Follows, PLAN_VERSION, PlanFile, PlanFileError, PlannedDiff, PlannedStack, PlannedUpload, ToSet,
    Untouched, canonical_sha256,
};
pub use needs::{Need, Needs, needs};

/// The largest template that CloudFormation takes within a request.
pub const INLINE_TEMPLATE_BYTES: u64 = 51_200;

/// Where an assembly goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Whose account.
    pub identity: Identity,
    /// Which region.
    pub region: String,
}

/// What a deployment will do, in order: the uploads, then the stacks.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where to.
    pub target: Target,
    /// Name of the artifact bucket.
    pub bucket: String,
    /// Tags of every stack.
    pub tags: BTreeMap<String, String>,
    /// What goes to the artifact bucket, sorted by key.
    pub uploads: Vec<Upload>,
    /// In the order of deployment.
    pub stacks: Vec<StackPlan>,
    /// SHA-256 of the Pipelines definition, when there is one.
    pub definition: Option<String>,
    /// The commit of what is deployed; none until somebody who has the repository says.
    pub commit: Option<String>,
    /// How commands name it: by the manifest, until somebody who has the command line says.
    pub named: Named,
}

/// How a command line names a deployment; every word as a shell takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The stack file.
    pub stack: String,
    /// The environment.
    pub environment: String,
    /// Whether it is in the local cloud.
    pub local: bool,
    /// The options that lead to the same place, each behind a space.
    pub place: String,
}

impl Named {
    /// A command on it; `arguments` stand behind the stack, each behind a space.
    pub fn command(&self, verb: &str, arguments: &str) -> String {
        self.line(verb, arguments, "--local")
    }

    /// The command that starts an execution: its `--local` is this machine.
    pub fn run(&self) -> String {
        self.line("run", "", "--local-cloud")
    }

    fn line(&self, verb: &str, arguments: &str, local: &str) -> String {
        let Named { stack, environment, place, .. } = self;
        let local = if self.local { format!(" {local}") } else { String::new() };
        format!("smstack {verb} {stack}{arguments} --env {environment}{local}{place}")
    }
}

/// One object of the artifact bucket.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The file in the assembly.
    pub file: String,
    /// The key; it holds the content's address.
    pub key: String,
    /// The content.
    pub body: Arc<[u8]>,
    /// SHA-256 of the content.
    pub sha256: [u8; 32],
    /// MIME type.
    pub content_type: &'static str,
}

/// One stack to deploy.
#[derive(Debug, Clone)]
pub struct StackPlan {
    /// What the manifest says.
    pub entry: TemplateEntry,
    /// The template, inline or in the artifact bucket.
    pub template: TemplateSource,
    /// The template's text.
    pub text: Arc<[u8]>,
}

/// What is known of the deployed world when a stack's parameters are resolved.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Outputs of the deployed stacks; a stack that isn't deployed is absent.
    pub outputs: BTreeMap<TemplateKind, BTreeMap<String, String>>,
    /// The newest approved model by group; `None` when the group has none.
    pub approved: BTreeMap<String, Option<ModelPackage>>,
}

/// Whether a stack can be deployed, as far as the facts say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// With these parameters.
    Ready(BTreeMap<String, String>),
    /// Not yet.
    Waiting(Waiting),
}

/// What a stack waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// An approved version in a model package group.
    ApprovedModel {
        /// The group.
        group: String,
        /// How commands name the deployment.
        named: Named,
    },
}

impl std::fmt::Display for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Waiting::ApprovedModel { group, named } => write!(
                f,
                "no approved model in group `{group}`: `{}` lists its versions, `{} --group {group}` approves one; \
                 then deploy again",
                named.command("models", ""),
                named.command("approve", " VERSION"),
            ),
        }
    }
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The environment belongs to another account.
    #[error(
        "environment `{environment}` belongs to account `{wanted}`, and these credentials are of account `{found}` (`{arn}`)"
    )]
    Account {
        /// The environment.
        environment: String,
        /// The stack file's account.
        wanted: String,
        /// The credentials' account.
        found: String,
        /// Whose credentials.
        arn: String,
    },
    /// The environment belongs to another region.
    #[error(
        "environment `{environment}` belongs to region `{wanted}`, and this deployment goes to `{found}`"
    )]
    Region {
        /// The environment.
        environment: String,
        /// The stack file's region.
        wanted: String,
        /// The region of the connection.
        found: String,
    },
    /// The manifest's form is another one's.
    #[error(
        "the assembly has a manifest of version {found}, and this smstack reads version {VERSION}: synthesise it again"
    )]
    Version {
        /// The manifest's version.
        found: u32,
    },
    /// The manifest names a file that is not there.
    #[error("the assembly has no file `{file}`, which its manifest names: synthesise it again")]
    FileMissing {
        /// The file.
        file: String,
    },
    /// A file is not what the manifest says.
    #[error("the assembly's file `{file}` is not the one that its manifest describes: synthesise it again")]
    FileChanged {
        /// The file.
        file: String,
    },
    /// A template is no text.
    #[error("the assembly's template `{file}` is not UTF-8")]
    TemplateText {
        /// The file.
        file: String,
    },
    /// A template refers to a template that the assembly doesn't have.
    #[error(
        "parameter `{parameter}` of `{stack}` refers to the {template} template, which the assembly doesn't have"
    )]
    NoTemplate {
        /// The stack.
        stack: String,
        /// The parameter.
        parameter: String,
        /// The template's kind.
        template: &'static str,
    },
    /// A template needs an output that the deployed stack doesn't have.
    #[error("`{stack}` needs output `{output}` of the deployed {template} stack, which has no such output")]
    NoOutput {
        /// The stack that needs it.
        stack: String,
        /// The output.
        output: String,
        /// The kind of the stack that should have it.
        template: &'static str,
    },
}

impl Error {
    /// What the user can do about it, where that isn't plain from the message.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Error::Account { .. } => Some("use credentials of that account: `--profile`, or `AWS_PROFILE`"),
            Error::Region { .. } => Some("leave `--region` out, or deploy another environment"),
            _ => None,
        }
    }
}

/// The plan for an assembly.
///
/// # Errors
/// When the assembly belongs to another account or region, or is not whole.
pub fn plan(assembly: &Assembly, target: &Target) -> Result<Plan, Error> {
    let manifest = &assembly.manifest;
    guard(manifest, target)?;
    let bucket = bucket_name(target);
    let mut uploads = BTreeMap::new();
    for asset in &manifest.assets {
        let upload = upload(assembly, &asset.file, &asset.key, "application/gzip")?;
        uploads.insert(asset.key.clone(), upload);
    }
    let mut stacks = Vec::new();
    for entry in &manifest.templates {
        let upload = upload(assembly, &entry.file, &entry.key, "application/json")?;
        let template = if upload.body.len() as u64 <= INLINE_TEMPLATE_BYTES {
            let text = std::str::from_utf8(&upload.body)
                .map_err(|_| Error::TemplateText { file: entry.file.file.clone() })?;
            TemplateSource::Body(text.to_owned())
        } else {
            TemplateSource::Url(object_url(target, &bucket, &entry.key))
        };
        let text = Arc::clone(&upload.body);
        uploads.insert(entry.key.clone(), upload);
        stacks.push(StackPlan { entry: entry.clone(), template, text });
    }
    let uploads = uploads.into_values().collect();
    Ok(Plan {
        target: target.clone(),
        bucket,
        tags: manifest.tags.clone(),
        uploads,
        stacks,
        definition: manifest.definition.as_ref().map(|entry| entry.sha256.clone()),
        commit: None,
        named: Named {
            stack: manifest.stack.clone(),
            environment: manifest.environment.clone(),
            local: false,
            place: String::new(),
        },
    })
}

/// Whether the assembly may go there.
///
/// # Errors
/// When it belongs to another account or region, or another smstack wrote it.
pub fn guard(manifest: &Manifest, target: &Target) -> Result<(), Error> {
    if manifest.version != VERSION {
        return Err(Error::Version { found: manifest.version });
    }
    let environment = || manifest.environment.clone();
    if let Some(wanted) = manifest.account.as_ref().filter(|account| **account != target.identity.account) {
        return Err(Error::Account {
            environment: environment(),
            wanted: wanted.clone(),
            found: target.identity.account.clone(),
            arn: target.identity.arn.clone(),
        });
    }
    if let Some(wanted) = manifest.region.as_ref().filter(|region| **region != target.region) {
        let found = target.region.clone();
        return Err(Error::Region { environment: environment(), wanted: wanted.clone(), found });
    }
    Ok(())
}

fn upload(
    assembly: &Assembly,
    entry: &FileEntry,
    key: &str,
    content_type: &'static str,
) -> Result<Upload, Error> {
    let file = entry.file.clone();
    let Some(body) = assembly.file(&file) else { return Err(Error::FileMissing { file }) };
    let sha256: [u8; 32] = Sha256::digest(body).into();
    if HEXLOWER.encode(&sha256) != entry.sha256 || body.len() as u64 != entry.bytes {
        return Err(Error::FileChanged { file });
    }
    Ok(Upload { file, key: key.to_owned(), body: body.into(), sha256, content_type })
}

impl Plan {
    /// The groups whose newest approved model a stack needs.
    pub fn groups(entry: &TemplateEntry) -> BTreeSet<&str> {
        let groups = entry.parameters.values().filter_map(|source| match source {
            ParameterSource::ApprovedModel { group } | ParameterSource::ApprovedModelField { group, .. } => {
                Some(group.as_str())
            }
            _ => None,
        });
        groups.collect()
    }

    /// The stacks whose outputs a stack needs.
    pub fn sources(entry: &TemplateEntry) -> BTreeSet<TemplateKind> {
        let outputs = entry.parameters.values().filter_map(|source| match source {
            ParameterSource::Output { template, .. } => Some(*template),
            _ => None,
        });
        let role = entry.service_role_output.is_some() && entry.settings.role_arn.is_none();
        outputs.chain(role.then_some(TemplateKind::Platform)).collect()
    }

    /// The URL of an object of the artifact bucket.
    pub fn object_url(&self, key: &str) -> String {
        object_url(&self.target, &self.bucket, key)
    }

    /// What has to be in the artifact bucket before a stack is changed: its template and, before the `first` one, what
    /// the deployed stacks read there, archives and other templates. Where no stack changes, nothing is looked at: it
    /// was there when the stacks were made, and its keys are its content's address.
    pub fn uploads_for(&self, entry: &TemplateEntry, first: bool) -> Vec<Upload> {
        let sources = self.stacks.iter().flat_map(|stack| stack.entry.parameters.values());
        let read: BTreeSet<TemplateKind> = sources
            .filter_map(|source| match source {
                ParameterSource::TemplateUrl { template } => Some(*template),
                _ => None,
            })
            .collect();
        let others = self.stacks.iter().map(|stack| &stack.entry);
        let unread = others.filter(|other| other.kind != entry.kind && !read.contains(&other.kind));
        let left_out: BTreeSet<&str> = unread.map(|other| other.key.as_str()).collect();
        let wanted =
            |upload: &&Upload| upload.key == entry.key || (first && !left_out.contains(upload.key.as_str()));
        self.uploads.iter().filter(wanted).cloned().collect()
    }

    /// The name of the stack of a kind.
    pub fn stack_name(&self, kind: TemplateKind) -> Option<&str> {
        self.entry(kind).map(|entry| entry.stack_name.as_str())
    }

    fn entry(&self, kind: TemplateKind) -> Option<&TemplateEntry> {
        self.stacks.iter().map(|stack| &stack.entry).find(|entry| entry.kind == kind)
    }

    /// The values of a stack's parameters, or what it waits for.
    ///
    /// # Errors
    /// When a parameter comes from a template or an output that isn't there.
    pub fn resolve(&self, entry: &TemplateEntry, facts: &Facts) -> Result<Readiness, Error> {
        let mut values = BTreeMap::new();
        for (parameter, source) in &entry.parameters {
            let value = match source {
                ParameterSource::ArtifactBucket => self.bucket.clone(),
                ParameterSource::DefinitionHash => self.definition.clone().unwrap_or_else(unknown),
                ParameterSource::GitCommit => self.commit.clone().unwrap_or_else(unknown),
                ParameterSource::TemplateUrl { template } => {
                    let of = self.entry(*template).ok_or_else(|| Error::NoTemplate {
                        stack: entry.stack_name.clone(),
                        parameter: parameter.clone(),
                        template: template.as_str(),
                    })?;
                    object_url(&self.target, &self.bucket, &of.key)
                }
                ParameterSource::Output { template, output } => output_of(entry, facts, *template, output)?,
                ParameterSource::ApprovedModel { group } => match self.approved(facts, group) {
                    Ok(model) => model.arn.clone(),
                    Err(waiting) => return Ok(Readiness::Waiting(waiting)),
                },
                ParameterSource::ApprovedModelField { group, path } => match self.approved(facts, group) {
                    Ok(model) => model.fields.get(path).cloned().unwrap_or_default(),
                    Err(waiting) => return Ok(Readiness::Waiting(waiting)),
                },
            };
            values.insert(parameter.clone(), value);
        }
        Ok(Readiness::Ready(values))
    }

    /// The role that CloudFormation takes on for a stack. None for the platform stack's own first
    /// deployment: the role is one of its resources.
    ///
    /// # Errors
    /// When the deployed platform stack has no such output.
    pub fn service_role(&self, entry: &TemplateEntry, facts: &Facts) -> Result<Option<String>, Error> {
        if let Some(role) = &entry.settings.role_arn {
            return Ok(Some(role.clone()));
        }
        let Some(output) = &entry.service_role_output else { return Ok(None) };
        if entry.kind == TemplateKind::Platform && !facts.outputs.contains_key(&TemplateKind::Platform) {
            return Ok(None);
        }
        output_of(entry, facts, TemplateKind::Platform, output).map(Some)
    }

    fn approved<'a>(&self, facts: &'a Facts, group: &str) -> Result<&'a ModelPackage, Waiting> {
        let model = facts.approved.get(group).and_then(Option::as_ref);
        model.ok_or_else(|| Waiting::ApprovedModel { group: group.to_owned(), named: self.named.clone() })
    }
}

/// What stands for a value that nobody knows.
fn unknown() -> String {
    "unknown".to_owned()
}

fn output_of(
    entry: &TemplateEntry,
    facts: &Facts,
    template: TemplateKind,
    output: &str,
) -> Result<String, Error> {
    let found = facts.outputs.get(&template).and_then(|outputs| outputs.get(output)).cloned();
    found.ok_or_else(|| Error::NoOutput {
        stack: entry.stack_name.clone(),
        output: output.to_owned(),
        template: template.as_str(),
    })
}

/// The name of the artifact bucket, as the bootstrap template builds it.
pub fn bucket_name(target: &Target) -> String {
    format!("smstack-artifacts-{}-{}", target.identity.account, target.region)
}

/// The URL of an object by path, in the form that CloudFormation takes everywhere.
pub(crate) fn object_url(target: &Target, bucket: &str, key: &str) -> String {
    format!("https://s3.{}.{}/{bucket}/{key}", target.region, dns_suffix(&target.identity.partition))
}

/// Source: `partitions.json` of botocore.
fn dns_suffix(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "amazonaws.com.cn",
        "aws-eusc" => "amazonaws.eu",
        "aws-iso" => "c2s.ic.gov",
        "aws-iso-b" => "sc2s.sgov.gov",
        "aws-iso-e" => "cloud.adc-e.uk",
        "aws-iso-f" => "csp.hci.ic.gov",
        _ => "amazonaws.com",
    }
}

#[cfg(test)]
mod tests;
