//! Documents inside of templates: definitions of pipelines, and other JSON that a property holds as text.
//!
//! `text` puts a document together from what the template says of it (text, `Fn::Sub`, `Fn::Join`) and remembers where
//! each part stands, so that what is found in the document is shown in the template: through the escapes of a string of
//! JSON, and in the line of a block.

mod text;

use serde_json::Value;

use self::text::{Text, texts};
use super::{Case, Kind, Node, TEMPLATE, Template, Thing, kind_of, of_definition};
use crate::diag::{Code, Diagnostic, Issue, Pointer};
use crate::source::{self, Places, SourceFile};

const PIPELINE: &str = "AWS::SageMaker::Pipeline";

/// Properties whose text is JSON. Where the property takes a mapping as well, that is not looked at.
///
/// The types' pages in <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/> say so of each, and
/// those of the actions that they call.
const JSON: [(&str, &str); 30] = [
    (PIPELINE, "PipelineDefinition.PipelineDefinitionBody"),
    ("AWS::CloudWatch::Dashboard", "DashboardBody"),
    ("AWS::ECR::RegistryPolicy", "PolicyText"),
    ("AWS::ECR::Repository", "LifecyclePolicy.LifecyclePolicyText"),
    ("AWS::ECR::Repository", "RepositoryPolicyText"),
    ("AWS::EFS::FileSystem", "FileSystemPolicy"),
    ("AWS::Events::Archive", "EventPattern"),
    ("AWS::Events::EventBusPolicy", "Statement"),
    ("AWS::Events::Rule", "EventPattern"),
    ("AWS::Events::Rule", "Targets.*.Input"),
    ("AWS::IAM::Group", "Policies.*.PolicyDocument"),
    ("AWS::IAM::GroupPolicy", "PolicyDocument"),
    ("AWS::IAM::ManagedPolicy", "PolicyDocument"),
    ("AWS::IAM::Policy", "PolicyDocument"),
    ("AWS::IAM::Role", "AssumeRolePolicyDocument"),
    ("AWS::IAM::Role", "Policies.*.PolicyDocument"),
    ("AWS::IAM::RolePolicy", "PolicyDocument"),
    ("AWS::IAM::User", "Policies.*.PolicyDocument"),
    ("AWS::IAM::UserPolicy", "PolicyDocument"),
    ("AWS::KMS::Key", "KeyPolicy"),
    ("AWS::Logs::LogGroup", "DataProtectionPolicy"),
    ("AWS::Logs::ResourcePolicy", "PolicyDocument"),
    ("AWS::S3::AccessPoint", "Policy"),
    ("AWS::S3::BucketPolicy", "PolicyDocument"),
    ("AWS::SNS::Topic", "ArchivePolicy"),
    ("AWS::SNS::TopicPolicy", "PolicyDocument"),
    ("AWS::SQS::QueuePolicy", "PolicyDocument"),
    ("AWS::SageMaker::ModelPackageGroup", "ModelPackageGroupPolicy"),
    ("AWS::SecretsManager::ResourcePolicy", "ResourcePolicy"),
    ("AWS::StepFunctions::StateMachine", "DefinitionString"),
];

/// All that is wrong with the documents inside of a template.
pub(super) fn check(template: &Template<'_>, file: &SourceFile, places: &Places) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (kind, path) in JSON {
        for resource in template.of_type(kind) {
            let (around, last) =
                path.rsplit_once('.').map_or((None, path), |(around, last)| (Some(around), last));
            let holders = match (around, resource.members.get("Properties")) {
                (Some(around), _) => template.values(resource, around),
                (None, Some(Value::Object(members))) => vec![Case {
                    thing: Thing::Map(members),
                    at: resource.pointer.key("Properties"),
                    when: template.existence(resource).unwrap_or_default(),
                }],
                (None, _) => Vec::new(),
            };
            for node in holders.iter().filter_map(|holder| holder.member(last)) {
                let own = kind == "AWS::StepFunctions::StateMachine";
                for text in texts(&node, own) {
                    let pipeline = (kind == PIPELINE).then_some(template);
                    found.extend(json(&text, pipeline, last, file, places).into_iter().flatten());
                }
                if kind == PIPELINE {
                    found.extend(structure(&node, file, places));
                }
            }
        }
    }
    found
}

/// The keys in S3 of the definitions that a template has elsewhere, as far as their ends are known.
pub(super) fn beside(template: &Template<'_>) -> Vec<String> {
    let keys = template.of_type(PIPELINE).flat_map(|pipeline| {
        template.values(pipeline, "PipelineDefinition.PipelineDefinitionS3Location.Key")
    });
    let known = |case: Case<'_>| {
        let end = case.text()?.suffix().to_owned();
        (case.known().is_some() || end.contains('/')).then_some(end)
    };
    let mut found: Vec<String> = keys.filter_map(known).filter(|key| !key.ends_with('/')).collect();
    found.sort();
    found.dedup();
    found
}

/// A definition that is written as a mapping.
fn structure(node: &Node<'_>, file: &SourceFile, places: &Places) -> Vec<Diagnostic> {
    let branch = |n: usize| {
        let value = node.value.get("Fn::If")?.get(n)?;
        Some(Node::new(value, node.at.key("Fn::If").index(n)))
    };
    if let (Some(yes), Some(no)) = (branch(1), branch(2)) {
        return [yes, no].iter().flat_map(|branch| structure(branch, file, places)).collect();
    }
    if let Some(value) = node.value.get("Fn::ToJsonString") {
        return structure(&Node::new(value, node.at.key("Fn::ToJsonString")), file, places);
    }
    if super::functions::call(node.value).is_some() || !node.value.is_object() {
        return Vec::new();
    }
    let outer = |pointer: &Pointer| under(&node.at, pointer);
    let found = match kind_of(node.value) {
        Ok(Kind::Definition) => of_definition(node.value),
        _ => vec![no_definition()],
    };
    let found = found.into_iter().map(|issue| Issue {
        pointer: outer(&issue.pointer),
        also: issue.also.iter().map(|(pointer, text)| (outer(pointer), text.clone())).collect(),
        ..issue
    });
    found.map(|issue| source::locate(issue, file, places)).collect()
}

/// A document that is text; a definition, where it is of a pipeline of this template.
fn json(
    text: &Text,
    pipeline: Option<&Template<'_>>,
    property: &str,
    file: &SourceFile,
    places: &Places,
) -> Option<Vec<Diagnostic>> {
    let inner = SourceFile::new(file.path(), text.text());
    let value: Value = match serde_json::from_str(text.text()) {
        Ok(value) => value,
        Err(error) => return text.refused(&error, property, &inner, file, places).map(|found| vec![found]),
    };
    let template = pipeline?;
    let (found, roles) = match kind_of(&value) {
        Ok(Kind::Definition) => (of_definition(&value), super::rules::step_roles(template, &value)),
        // It is put in as a whole.
        _ if value.is_string() => return None,
        _ => (vec![no_definition()], Vec::new()),
    };
    // Most have nothing wrong: places are found for those that do. Repeated keys show only there.
    let read = source::parse_as(&inner, TEMPLATE);
    let document = match read {
        Err(problems) if problems.iter().all(|problem| problem.code == Code::YamlDuplicateKey) => {
            return Some(problems.into_iter().map(|problem| text.outward(problem, file, places)).collect());
        }
        Err(_) => None,
        Ok(document) => Some(document),
    };
    let outward = |issue: Issue| match &document {
        Some(document) => text.outward(source::locate(issue, &inner, &document.places), file, places),
        None => text.around(issue, file, places),
    };
    // A role stands in the template itself.
    let beside = |mut issue: Issue| {
        let also = std::mem::take(&mut issue.also).into_iter();
        let also: Vec<_> = also.map(|(at, text)| source::label(&at, text, file, places)).collect();
        let mut found = outward(issue);
        found.secondary.extend(also);
        found
    };
    Some(found.into_iter().map(outward).chain(roles.into_iter().map(beside)).collect())
}

fn no_definition() -> Issue {
    Issue::new(Code::UnknownDocument, Pointer::root(), "this is no definition of a pipeline")
        .label("has no `Steps`")
        .help("a definition is a mapping with `Version` and `Steps`")
}

/// A place within the document that stands at `outer`.
fn under(outer: &Pointer, inner: &Pointer) -> Pointer {
    Pointer::parse(format!("{outer}{inner}"))
}
