//! What constructs render into: the two templates, the definition, and who may do what.

use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem::Finder;

use super::scope::ARTIFACT_BUCKET;
use crate::cfn::{Expr, LogicalId, ParameterSource, Statement, Template, TemplateKind, Value};
use crate::definition::Body;
use crate::diag::Pointer;
use crate::shapes::{ShapeError, Shapes};

/// The mapping from regions to image registries, in templates that are not tied to a region.
pub const IMAGES: &str = "Images";

/// A role that smstack generates; one per kind of work, each with what its constructs declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Processing steps.
    Processing,
    /// Training and tuning steps.
    Training,
    /// The pipeline itself.
    Pipeline,
    /// Models of batch transforms.
    Transform,
    /// Models behind endpoints.
    Endpoint,
    /// Monitoring jobs.
    Monitor,
    /// What starts the pipeline and the rollout: the scheduler and EventBridge rules.
    Trigger,
    /// The state machine that rolls an approved model out.
    Approval,
    /// The state machines that count what monitors find.
    Findings,
    /// CloudFormation, when it deploys the serving template.
    Serving,
}

impl Role {
    /// The role's resource in the platform template.
    pub fn id(self) -> LogicalId {
        LogicalId::new([self.word(), "Role"])
    }

    /// The role's ARN, in the platform template.
    pub fn arn(self) -> Expr {
        self.id().attr("Arn")
    }

    /// What it is for, for people.
    pub fn description(self) -> &'static str {
        match self {
            Role::Processing => "Runs processing steps",
            Role::Training => "Runs training and tuning steps",
            Role::Pipeline => "Runs the pipeline",
            Role::Transform => "Runs models of batch transforms",
            Role::Endpoint => "Runs models behind endpoints",
            Role::Monitor => "Runs monitoring jobs",
            Role::Trigger => "Starts the pipeline and the rollout",
            Role::Approval => "Rolls approved models out",
            Role::Findings => "Counts what monitors find",
            Role::Serving => "Deploys the serving stack",
        }
    }

    /// The services that may take the role.
    pub fn principals(self) -> &'static [&'static str] {
        match self {
            Role::Trigger => &["events.amazonaws.com", "scheduler.amazonaws.com"],
            Role::Approval | Role::Findings => &["states.amazonaws.com"],
            Role::Serving => &["cloudformation.amazonaws.com"],
            _ => &["sagemaker.amazonaws.com"],
        }
    }

    fn word(self) -> &'static str {
        match self {
            Role::Processing => "Processing",
            Role::Training => "Training",
            Role::Pipeline => "Pipeline",
            Role::Transform => "Transform",
            Role::Endpoint => "Endpoint",
            Role::Monitor => "Monitor",
            Role::Trigger => "Trigger",
            Role::Approval => "Approval",
            Role::Findings => "Findings",
            Role::Serving => "Serving",
        }
    }
}

/// The two templates being built, and what goes with them.
#[derive(Debug, Default)]
pub struct Rendering {
    /// Lake, keys, roles, registry, pipeline, triggers, notifications.
    pub platform: Template,
    /// Model, endpoint, scaling, alarms, monitors, dashboard.
    pub serving: Template,
    /// The pipeline's definition.
    pub definition: Option<Body>,
    /// What each role may do.
    pub grants: BTreeMap<Role, Vec<Statement>>,
    /// Characters of each role's policy, once the roles are rendered; white space does not count.
    pub policy_sizes: BTreeMap<Role, usize>,
    /// Services that must be able to use the lake's key beside the roles, such as `events.amazonaws.com`.
    pub key_users: BTreeSet<&'static str>,
    /// Buckets that must tell EventBridge about new objects, by bucket construct.
    pub notifying_buckets: BTreeSet<String>,
    /// Services that publish to the topic of `alarms.notify` beside the alarms, such as `events.amazonaws.com`.
    pub topic_publishers: BTreeSet<&'static str>,
    /// Other accounts that may read the artifacts of registered models.
    pub artifact_readers: BTreeSet<String>,
    /// Widgets of the dashboard, in order.
    pub widgets: Vec<Value>,
    /// What two constructs call by one name: the name, the first construct and the second.
    pub clashes: Vec<(String, Pointer, Pointer)>,
    /// Overridden shapes that failed.
    pub problems: Vec<ShapeError>,
    shapes: Shapes,
    /// Which construct named what.
    owners: BTreeMap<String, Pointer>,
    /// How many names of each section of both templates have an owner: sections only grow.
    owned: [[usize; 3]; 2],
}

impl Rendering {
    /// Nothing yet.
    pub fn new(shapes: Shapes) -> Rendering {
        Rendering { shapes, ..Rendering::default() }
    }

    /// The template of that kind.
    pub fn template(&mut self, kind: TemplateKind) -> &mut Template {
        match kind {
            TemplateKind::Platform => &mut self.platform,
            TemplateKind::Serving => &mut self.serving,
        }
    }

    /// Ascribes all that is new in the templates to the construct at `pointer`.
    pub fn ascribe(&mut self, pointer: &Pointer) {
        for (template, owned) in [&mut self.platform, &mut self.serving].into_iter().zip(&mut self.owned) {
            for name in std::mem::take(&mut template.clashes) {
                let first = self.owners.get(&name).unwrap_or(pointer).clone();
                self.clashes.push((name, first, pointer.clone()));
            }
            let sections = [&template.resources, &template.parameters, &template.outputs];
            for (section, owned) in sections.into_iter().zip(owned) {
                for name in section.keys().skip(*owned) {
                    self.owners.entry(name.clone()).or_insert_with(|| pointer.clone());
                }
                *owned = section.len();
            }
        }
    }

    /// The construct that made the resource of that name; the root for what smstack itself makes.
    pub fn owner(&self, name: &str) -> Pointer {
        self.owners.get(name).cloned().unwrap_or_default()
    }

    /// Renders a shape into a template; one that names the artifact bucket takes it as a parameter.
    pub fn shape(&mut self, kind: TemplateKind, shape: &str, context: Value) {
        match self.shapes.render(shape, context) {
            Ok(resources) => {
                let template = self.template(kind);
                let inline = format!("${{{ARTIFACT_BUCKET}}}");
                let inline = Finder::new(&inline);
                if !template.parameters.contains_key(ARTIFACT_BUCKET)
                    && resources.values().any(|resource| refers(resource, ARTIFACT_BUCKET, &inline))
                {
                    let description = "Name of the bucket that holds the assembly";
                    template.parameter(ARTIFACT_BUCKET, description, ParameterSource::ArtifactBucket);
                }
                template.add(resources);
            }
            Err(problem) => self.problems.push(problem),
        }
    }

    /// Declares that a role needs something.
    pub fn grant(&mut self, role: Role, statements: impl IntoIterator<Item = Statement>) {
        self.grants.entry(role).or_default().extend(statements);
    }

    /// Carries a value of the platform template into the serving template: an output there, a parameter here.
    pub fn import(&mut self, name: &str, description: &str, value: &Expr) -> Expr {
        self.platform.output(name, description, value);
        let source = ParameterSource::Output { template: TemplateKind::Platform, output: name.to_owned() };
        self.serving.parameter(name, description, source)
    }
}

/// Whether a part of a template refers to a parameter or resource of that name; `inline` is how `Fn::Sub` does.
fn refers(value: &Value, name: &str, inline: &Finder<'_>) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(key, member)| match (key, member) {
            (_, Value::Object(_)) => refers(member, name, inline),
            ("Ref", Value::String(to)) => to == name,
            ("Fn::Sub", Value::String(text)) => inline.find(text.as_bytes()).is_some(),
            ("Fn::Sub", Value::Array(parts)) => {
                let text = parts.first().and_then(Value::as_str).unwrap_or_default();
                inline.find(text.as_bytes()).is_some() || parts.iter().any(|part| refers(part, name, inline))
            }
            (_, member) => refers(member, name, inline),
        }),
        Value::Array(items) => items.iter().any(|item| refers(item, name, inline)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cfn::json;

    #[test]
    fn references_are_found_wherever_a_template_has_them() {
        for (value, expected) in [
            (json!({ "A": [{ "Ref": "X" }] }), true),
            (json!({ "A": { "Fn::Sub": "s3://${X}/a" } }), true),
            (json!({ "A": { "Fn::Sub": ["${V}", { "V": { "Ref": "X" } }] } }), true),
            (json!({ "A": { "Fn::Sub": ["${X}${V}", { "V": "v" }] } }), true),
            (json!({ "A": { "Fn::Sub": "${!X} ${XY}" }, "Ref": ["X"], "B": "${X}" }), false),
        ] {
            assert_eq!(refers(&value, "X", &Finder::new("${X}")), expected, "{value}");
        }
    }
}
