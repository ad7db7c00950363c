//! The steps of a pipeline with their names, branches inside conditions.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::jobs::as_text;
use super::super::{Scope, This};
use super::{Cache, Condition, Entry, Pipeline};
use crate::cfn::{Map, Value, json};
use crate::definition::{Step, steps_used};
use crate::diag::Pointer;
use crate::rules::caching;

/// The longest name of a step.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-quotas.html>
pub(super) const LONGEST_NAME: usize = 64;

/// Sections of jobs, each a kind of step.
pub(super) const JOBS: [&str; 4] = ["processing", "training", "tuning", "transform"];

/// All steps of a pipeline.
pub(super) struct Tree<'a> {
    /// Those outside of any branch.
    pub(super) nodes: Vec<Node<'a>>,
}

/// One step.
pub(super) struct Node<'a> {
    /// Its name, unique over the tree unless the stack file breaks it.
    pub(super) name: String,
    /// Where the stack file says it.
    pub(super) pointer: Pointer,
    /// What the stack file says; `None` for a step that a monitor asks for.
    pub(super) entry: Option<&'a Entry>,
    /// The step; `None` when what it runs cannot be understood.
    pub(super) step: Option<Arc<Step>>,
    /// The steps of both branches of a condition.
    pub(super) branches: [Vec<Node<'a>>; 2],
}

impl Node<'_> {
    /// Names of the steps whose values it uses.
    pub(super) fn used(&self) -> BTreeSet<String> {
        self.step.as_ref().map(|step| steps_used(&step.arguments)).unwrap_or_default()
    }

    /// The job's section and name, when the step runs one itself.
    pub(super) fn job(&self) -> Option<(&'static str, &str)> {
        self.entry.and_then(Entry::job).filter(|(_, job)| *job == self.name)
    }

    /// Calls `visit` for it and all steps in its branches.
    fn walk<'n>(&'n self, visit: &mut impl FnMut(&'n Self)) {
        visit(self);
        for node in self.branches.iter().flatten() {
            node.walk(visit);
        }
    }
}

impl Entry {
    /// The job's section and name, when the step runs one.
    pub(super) fn job(&self) -> Option<(&'static str, &str)> {
        let names = [&self.processing, &self.training, &self.tuning, &self.transform];
        JOBS.into_iter().zip(names).find_map(|(section, name)| Some((section, name.as_deref()?)))
    }

    /// Which keys say what it does; one, unless the stack file is wrong.
    pub(super) fn kinds(&self) -> Vec<&'static str> {
        let all = [
            ("processing", self.processing.is_some()),
            ("training", self.training.is_some()),
            ("tuning", self.tuning.is_some()),
            ("transform", self.transform.is_some()),
            ("condition", self.condition.is_some()),
            ("register", self.register.is_some()),
            ("fail", self.fail.is_some()),
        ];
        all.into_iter().filter(|(_, given)| *given).map(|(kind, _)| kind).collect()
    }

    /// The entries of both branches of a condition.
    fn branches(&self) -> impl Iterator<Item = &Entry> {
        self.condition.iter().flat_map(|condition| condition.then.iter().chain(&condition.otherwise))
    }
}

impl<'a> Tree<'a> {
    /// The steps of `pipeline`, and the baseline steps that monitors ask for.
    pub(super) fn new(pipeline: &'a Pipeline, this: &This, scope: &Scope<'_>) -> Tree<'a> {
        let baselines = baselines(scope);
        let mut names = Names { taken: BTreeSet::new() };
        names.reserve(&pipeline.steps, scope);
        names.taken.extend(baselines.iter().map(|(_, step)| step.name.clone()));
        let steps: Vec<_> = baselines.iter().map(|(_, step)| step.clone()).collect();
        let build = Build { scope, baselines: &steps };
        let mut nodes = build.nodes(&pipeline.steps, &this.pointer.key("steps"), "", &mut names);
        for (pointer, step) in baselines {
            let used = steps_used(&step.arguments);
            let node = Node {
                name: step.name.clone(),
                pointer,
                entry: None,
                step: Some(step),
                branches: [Vec::new(), Vec::new()],
            };
            place(&mut nodes, node, &used);
        }
        Tree { nodes }
    }

    /// All steps, those in branches after their condition.
    pub(super) fn all(&self) -> Vec<&Node<'a>> {
        let mut all = Vec::new();
        for node in &self.nodes {
            node.walk(&mut |node| all.push(node));
        }
        all
    }

    /// `Steps` of the definition.
    pub(super) fn to_values(&self, pipeline: &Pipeline) -> Vec<Value> {
        values(&self.nodes, pipeline)
    }
}

/// The baseline steps of monitors, with the monitors' places.
fn baselines(scope: &Scope<'_>) -> Vec<(Pointer, Arc<Step>)> {
    let constructs = scope.file.constructs();
    constructs
        .iter()
        .filter_map(|(_, this, construct)| {
            Some((this.pointer.key("baseline"), Arc::new(construct.baseline_step(this, scope)?)))
        })
        .collect()
}

/// Puts a step after the last one in whose list it may stand and whose values it uses.
fn place<'a>(nodes: &mut Vec<Node<'a>>, node: Node<'a>, used: &BTreeSet<String>) {
    if let Some(at) = nodes.iter().rposition(|other| used.contains(&other.name)) {
        nodes.insert(at + 1, node);
        return;
    }
    let uses_inside = |branch: &[Node<'_>]| {
        let mut found = false;
        for inner in branch {
            inner.walk(&mut |inner| found |= used.contains(&inner.name));
        }
        found
    };
    for branch in nodes.iter_mut().flat_map(|other| &mut other.branches) {
        if uses_inside(branch) {
            place(branch, node, used);
            return;
        }
    }
    nodes.push(node);
}

/// Names that are taken.
struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    /// Takes the names that the stack file gives.
    fn reserve(&mut self, entries: &[Entry], scope: &Scope<'_>) {
        for entry in entries {
            if let Some((_, name)) = entry.job() {
                self.taken.insert(name.to_owned());
                self.taken.extend(scope.model_step(name).map(|step| step.name));
            } else if let Some(name) = &entry.name {
                self.taken.insert(name.clone());
            }
            if let Some(condition) = &entry.condition {
                self.reserve(&condition.then, scope);
                self.reserve(&condition.otherwise, scope);
            }
        }
    }

    /// A free name made from words.
    fn derive(&mut self, words: &str) -> String {
        let mut base: String =
            words.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
        base.truncate(LONGEST_NAME - 4);
        let mut name = base.clone();
        let mut nth = 1;
        while !self.taken.insert(name.clone()) {
            nth += 1;
            name = format!("{base}-{nth}");
        }
        name
    }
}

struct Build<'b, 's> {
    scope: &'b Scope<'s>,
    baselines: &'b [Arc<Step>],
}

impl Build<'_, '_> {
    fn nodes<'a>(
        &self,
        entries: &'a [Entry],
        pointer: &Pointer,
        parent: &str,
        names: &mut Names,
    ) -> Vec<Node<'a>> {
        entries
            .iter()
            .enumerate()
            .flat_map(|(index, entry)| {
                let model = self.model_node(entry, pointer.index(index));
                model.into_iter().chain([self.node(entry, pointer.index(index), parent, names)])
            })
            .collect()
    }

    /// The step that makes the model of the job's step, when that needs one.
    fn model_node<'a>(&self, entry: &'a Entry, pointer: Pointer) -> Option<Node<'a>> {
        let mut step = self.scope.model_step(entry.job()?.1)?;
        step.depends_on.clone_from(&entry.depends_on);
        let name = step.name.clone();
        let branches = [Vec::new(), Vec::new()];
        Some(Node { name, pointer, entry: Some(entry), step: Some(Arc::new(step)), branches })
    }

    fn node<'a>(&self, entry: &'a Entry, pointer: Pointer, parent: &str, names: &mut Names) -> Node<'a> {
        let mut name = |words: &str| entry.name.clone().unwrap_or_else(|| names.derive(words));
        let mut branches = [Vec::new(), Vec::new()];
        let (name, step) = if let Some((_, job)) = entry.job() {
            (job.to_owned(), self.scope.step(job))
        } else if let Some(condition) = &entry.condition {
            let name = name(&condition.subject());
            let at = pointer.key("condition");
            branches = [
                self.nodes(&condition.then, &at.key("then"), &name, names),
                self.nodes(&condition.otherwise, &at.key("else"), &name, names),
            ];
            let arguments = json!({ "Conditions": condition.test.conditions(self.scope) });
            (name.clone(), Some(Arc::new(Step::new(name, "Condition", arguments))))
        } else if let Some(register) = &entry.register {
            let name = name(&format!("register-{}", register.group));
            let arguments = register.arguments(self.scope, self.baselines);
            let step = arguments.map(|arguments| Arc::new(Step::new(&name, "RegisterModel", arguments)));
            (name, step)
        } else if let Some(message) = &entry.fail {
            let name = name(&if parent.is_empty() { "fail".to_owned() } else { format!("fail-{parent}") });
            let arguments = json!({ "ErrorMessage": as_text(&self.scope.text(message)) });
            (name.clone(), Some(Arc::new(Step::new(name, "Fail", arguments))))
        } else {
            (name("step"), None)
        };
        let step = step.map(|mut step| {
            if step.depends_on != entry.depends_on {
                Arc::make_mut(&mut step).depends_on.clone_from(&entry.depends_on);
            }
            step
        });
        Node { name, pointer, entry: Some(entry), step, branches }
    }
}

fn values(nodes: &[Node<'_>], pipeline: &Pipeline) -> Vec<Value> {
    nodes
        .iter()
        .filter_map(|node| {
            let mut step = Step::clone(node.step.as_ref()?);
            if let (Some(Condition { .. }), Value::Object(arguments)) =
                (node.entry.and_then(|entry| entry.condition.as_ref()), &mut step.arguments)
            {
                let [then, otherwise] = &node.branches;
                arguments.insert("IfSteps", Value::Array(values(then, pipeline)));
                arguments.insert("ElseSteps", Value::Array(values(otherwise, pipeline)));
            }
            envelope(&mut step, node, pipeline);
            Some(step.into_value())
        })
        .collect()
}

/// Cache, retry and description of a step.
fn envelope(step: &mut Step, node: &Node<'_>, pipeline: &Pipeline) {
    let mut envelope = Map::new();
    let entry = node.entry;
    let described = entry.filter(|entry| entry.job().is_none() || node.job().is_some());
    if let Some(text) = described.and_then(|entry| entry.description.as_ref()) {
        envelope.insert("Description", json!(text));
    }
    if step.can_cache() {
        let cache = match entry.and_then(|entry| entry.cache) {
            Some(Cache::Off) => None,
            Some(Cache::For(time)) => Some(time),
            // A model is made anew by each execution: a transform of it is never found in the cache.
            None => pipeline.cache.filter(|_| caching::model_of(step.kind, &step.arguments).is_none()),
        };
        if let Some(time) = cache {
            envelope.insert("CacheConfig", json!({ "Enabled": true, "ExpireAfter": time.iso8601() }));
        }
    }
    if step.can_retry() {
        let retry = entry.and_then(|entry| entry.retry.as_ref()).or(pipeline.retry.as_ref());
        if let Some(policies) =
            retry.and_then(|retry| retry.policies(!["Model", "RegisterModel"].contains(&step.kind)))
        {
            envelope.insert("RetryPolicies", policies);
        }
    }
    step.envelope.extend(envelope);
}

/// All entries, those in branches after their condition.
pub(super) fn entries(steps: &[Entry]) -> Vec<&Entry> {
    let mut all = Vec::new();
    for entry in steps {
        all.push(entry);
        for inner in entry.branches() {
            all.extend(entries(std::slice::from_ref(inner)));
        }
    }
    all
}
