//! A stack becomes an assembly.

mod indented;
mod limits;
pub mod manifest;
mod regions;
mod roles;

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::HEXLOWER;
use serde::Serialize;
use sha2::{Digest, Sha256};

use self::indented::Indented;
use crate::assets::Assets;
use crate::cfn::{Map, Template, Value, json};
use crate::constructs::data_lake::{DataLake, Place};
use crate::constructs::deployment::own_alarm;
use crate::constructs::rendering::IMAGES;
use crate::constructs::scope::image_key;
use crate::constructs::{Rendering, Role};
use crate::diag::{Code, Issue, Pointer};
use crate::stack::Stack;
use crate::tables;

pub use manifest::{
    AlarmSource, AssetEntry, DatasetEntry, FileEntry, Manifest, ParameterSource, RollbackOn, Settings,
    TemplateEntry, TemplateKind,
};

/// Everything that `synth` writes for one stack and environment, in memory.
#[derive(Debug, Clone)]
pub struct Assembly {
    /// What goes where; also one of `files`.
    pub manifest: Manifest,
    /// Paths relative to the assembly's directory, sorted.
    pub files: Vec<AssemblyFile>,
    /// What the stack file says each resource in, by logical id; of what smstack itself adds it says nothing.
    pub owners: BTreeMap<String, Pointer>,
}

/// One file of an assembly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssemblyFile {
    /// Path relative to the assembly's directory, with `/`.
    pub path: String,
    /// The whole content.
    pub bytes: Vec<u8>,
}

impl Assembly {
    /// The content of a file, by its path in the assembly.
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        self.files.iter().find(|file| file.path == path).map(|file| file.bytes.as_slice())
    }

    /// The same assembly with its templates as YAML. The definition stays JSON, which is all that SageMaker reads.
    ///
    /// # Panics
    /// Never: what is converted was rendered as JSON by [`synth`].
    #[must_use]
    pub fn into_yaml(self) -> Assembly {
        let Assembly { mut manifest, files, owners } = self;
        let mut written = Vec::new();
        for file in files {
            let Some(stem) = file.path.strip_suffix(".template.json") else {
                if file.path != MANIFEST {
                    written.push(file);
                }
                continue;
            };
            let value: serde_json::Value =
                serde_json::from_slice(&file.bytes).expect("a template of ours is JSON");
            let text = serde_saphyr::to_string(&value).expect("a JSON value always serialises");
            let entry = add(&mut written, format!("{stem}.template.yaml"), text.into_bytes());
            for template in manifest.templates.iter_mut().filter(|template| template.file.file == file.path) {
                template.file = entry.clone();
                let scope = format!("templates/{}/{}", manifest.stack, manifest.environment);
                template.key = format!("{scope}/{}.template.yaml", entry.sha256);
            }
        }
        add(&mut written, MANIFEST.to_owned(), pretty(&manifest));
        written.sort_by(|a, b| a.path.cmp(&b.path));
        Assembly { manifest, files: written, owners }
    }
}

/// The manifest's path in an assembly.
pub const MANIFEST: &str = "manifest.json";

/// Renders a stack. What is merely close to a limit of CloudFormation, or not known in the region, comes back beside
/// the assembly, as warnings.
///
/// # Errors
/// When two things would have one name, a limit of CloudFormation is exceeded, or a shape of the project's own does not render.
pub fn synth(stack: &Stack, assets: &Assets) -> Result<(Assembly, Vec<Issue>), Vec<Issue>> {
    let mut out = render(stack);
    if !out.clashes.is_empty() {
        return Err(out.clashes.iter().map(clash).collect());
    }
    let shape_problems = std::mem::take(&mut out.problems);
    if !shape_problems.is_empty() {
        let issue = |problem: crate::shapes::ShapeError| {
            Issue::new(Code::Shape, Pointer::root(), problem.to_string())
        };
        return Err(shape_problems.into_iter().map(issue).collect());
    }
    let mut files = Vec::new();
    let mut templates = Vec::new();
    let service_role = out.policy_sizes.contains_key(&Role::Serving);
    for (kind, template) in [(TemplateKind::Platform, &out.platform), (TemplateKind::Serving, &out.serving)] {
        if template.resources.is_empty() {
            continue;
        }
        let file = add(&mut files, format!("{}.template.json", kind.as_str()), pretty(template));
        templates.push(TemplateEntry {
            kind,
            stack_name: stack.scope().stack_name(kind),
            key: format!("templates/{}/{}/{}.template.json", stack.name(), stack.environment(), file.sha256),
            capabilities: capabilities(template),
            parameters: template.sources.clone(),
            service_role_output: (kind == TemplateKind::Serving && service_role)
                .then(|| roles::SERVICE_ROLE_OUTPUT.to_owned()),
            settings: settings(stack, kind),
            file,
        });
    }
    let definition = out
        .definition
        .as_ref()
        .map(|definition| add(&mut files, "pipeline.json".to_owned(), pretty(&definition.value)));
    let mut entries: Vec<AssetEntry> = assets
        .objects()
        .map(|asset| AssetEntry {
            file: add(&mut files, asset.key.clone(), asset.bytes.clone()),
            key: asset.key.clone(),
            source: asset.source.clone(),
        })
        .collect();
    entries.sort_by(|a, b| (&a.key, &a.source).cmp(&(&b.key, &b.source)));
    let mut warnings = limits::check(&out, &templates)?;
    warnings.extend(stack.settings().region.iter().flat_map(|region| regions::check(&out, region)));
    let manifest = Manifest {
        version: manifest::VERSION,
        smstack: env!("CARGO_PKG_VERSION").to_owned(),
        tables: tables::versions(),
        stack: stack.name().to_owned(),
        environment: stack.environment().to_owned(),
        region: stack.settings().region,
        account: stack.settings().account,
        tags: stack.file().all_tags(stack.environment()),
        templates,
        definition,
        assets: entries,
        datasets: datasets(stack, out.definition.as_ref().map(|definition| &definition.value)),
    };
    add(&mut files, MANIFEST.to_owned(), pretty(&manifest));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files.dedup();
    let resources = [&out.platform, &out.serving].into_iter().flat_map(|it| it.resources.keys());
    let owners = resources.map(|id| (id.clone(), out.owner(id))).filter(|(_, it)| *it != Pointer::root());
    let owners = owners.collect();
    Ok((Assembly { manifest, files, owners }, warnings))
}

/// The datasets, and which parameters of the definition hold their versions.
fn datasets(stack: &Stack, definition: Option<&Value>) -> Vec<DatasetEntry> {
    let places = stack.file().data_lake.iter().flat_map(DataLake::places);
    let parameters = definition.and_then(|definition| definition["Parameters"].as_array());
    let entry = |place: Place<'_>| {
        let name = crate::rules::datasets::parameter(place.name);
        let is_there = parameters.is_some_and(|all| all.iter().any(|one| one["Name"] == name.as_str()));
        DatasetEntry {
            name: place.name.to_owned(),
            bucket: place.bucket,
            prefix: place.dataset.prefix.clone(),
            versions: place.dataset.versions,
            parameter: (place.dataset.versions && is_there).then_some(name),
        }
    };
    places.map(entry).collect()
}

/// What the stack file says of a stack beside its template.
fn settings(stack: &Stack, kind: TemplateKind) -> Settings {
    let Some(said) = &stack.file().deployment else { return Settings::default() };
    let policy = match kind {
        TemplateKind::Platform => &said.stack_policy.platform,
        TemplateKind::Serving => &said.stack_policy.serving,
    };
    let scope = stack.scope();
    let alarm = |name: &String| match own_alarm(&scope, name) {
        Some(logical_id) => AlarmSource::Serving { logical_id },
        None if name.starts_with("arn:") => AlarmSource::Arn { arn: name.clone() },
        None => AlarmSource::Name { name: name.clone() },
    };
    Settings {
        termination_protection: said.termination_protection,
        stack_policy: policy.clone().map(serde_json::Value::Object),
        rollback: said.rollback.as_ref().map(|rollback| RollbackOn {
            alarms: rollback.alarms.iter().map(alarm).collect(),
            minutes: rollback.minutes(),
        }),
        role_arn: said.role.clone(),
    }
}

/// Names are made of the words of constructs, variants and kinds, so that two can come to the same.
fn clash((name, first, second): &(String, Pointer, Pointer)) -> Issue {
    // What no construct made is smstack's own: the roles, a construct's own second resource.
    let (at, other) = if *second == Pointer::root() { (first, second) } else { (second, first) };
    let message = format!("`{name}` would be the name of two things in the template");
    let issue = Issue::new(Code::DuplicateName, at.clone(), message)
        .on_key()
        .label(format!("makes `{name}`"))
        .help("rename one: CloudFormation's names are made of the words of names here, without their signs");
    if other == at || *other == Pointer::root() { issue } else { issue.also(other.clone(), "makes it, too") }
}

/// All constructs in the order of the table, then back from the last what depends on the others, then roles and mappings.
fn render(stack: &Stack) -> Rendering {
    let scope = stack.scope();
    let mut out = Rendering::new(stack.shapes().clone());
    let title = format!("{} ({})", stack.name(), stack.environment());
    out.platform.description = format!("{title}: data lake, roles, registry, pipeline and triggers");
    out.serving.description = format!("{title}: endpoint, scaling, alarms, monitors and dashboard");
    let constructs = stack.file().constructs();
    for (_, this, construct) in &constructs {
        construct.render(this, &scope, &mut out);
        out.ascribe(&this.pointer);
    }
    // What others build on is finished after them: the lake's key knows its users then.
    for (_, this, construct) in constructs.iter().rev() {
        construct.finish(this, &scope, &mut out);
        out.ascribe(&this.pointer);
    }
    roles::render(&mut out);
    out.ascribe(&Pointer::root());
    for template in [&mut out.platform, &mut out.serving] {
        let mut registries = BTreeSet::new();
        template.resources.values().for_each(|resource| registries_used(resource, &mut registries));
        if !registries.is_empty() {
            template.mappings.insert(IMAGES.to_owned(), registry_mapping(&registries));
        }
    }
    out
}

/// Adds the keys of the image mapping that a part of a template looks up.
fn registries_used(value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter() {
                match member.as_array() {
                    Some([map, _, Value::String(key)]) if name == "Fn::FindInMap" && map == IMAGES => {
                        keys.insert(key.to_string());
                    }
                    _ => registries_used(member, keys),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| registries_used(item, keys)),
        _ => {}
    }
}

/// Region → key → registry account, for the regions that have them all.
fn registry_mapping(keys: &BTreeSet<String>) -> Value {
    let mut by_region: BTreeMap<&str, Map> = BTreeMap::new();
    for (repository, accounts) in tables::registries() {
        let key = image_key(repository);
        if keys.contains(&key) {
            for (region, account) in accounts {
                by_region.entry(region).or_default().insert(key.clone(), json!(account));
            }
        }
    }
    by_region.retain(|_, found| found.len() == keys.len());
    json!(by_region)
}

/// What CloudFormation wants acknowledged.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html>
fn capabilities(template: &Template) -> Vec<String> {
    let named = |kind: &str, properties: &Value| match kind {
        "AWS::IAM::Role" => Some(properties.get("RoleName").is_some()),
        "AWS::IAM::ManagedPolicy" => Some(properties.get("ManagedPolicyName").is_some()),
        "AWS::IAM::Policy" | "AWS::IAM::InstanceProfile" => Some(false),
        "AWS::IAM::Group" => Some(properties.get("GroupName").is_some()),
        "AWS::IAM::User" => Some(properties.get("UserName").is_some()),
        _ => None,
    };
    let needs: Vec<bool> = template
        .resources
        .values()
        .filter_map(|resource| {
            named(resource.get("Type")?.as_str()?, resource.get("Properties").unwrap_or(&Value::Null))
        })
        .collect();
    match (needs.is_empty(), needs.contains(&true)) {
        (true, _) => Vec::new(),
        (false, true) => vec!["CAPABILITY_NAMED_IAM".to_owned()],
        (false, false) => vec!["CAPABILITY_IAM".to_owned()],
    }
}

fn add(files: &mut Vec<AssemblyFile>, path: String, bytes: Vec<u8>) -> FileEntry {
    let sha256 = HEXLOWER.encode(&Sha256::digest(&bytes));
    let entry = FileEntry { file: path.clone(), sha256, bytes: bytes.len() as u64 };
    files.push(AssemblyFile { path, bytes });
    entry
}

fn pretty(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(160 * 1024);
    let mut out = serde_json::Serializer::with_formatter(&mut bytes, Indented::default());
    value.serialize(&mut out).expect("what an assembly holds has a JSON form");
    bytes.push(b'\n');
    bytes
}
