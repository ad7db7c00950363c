//! Pipelines by step: what comes, goes, moves, is wired otherwise or changes, and what is computed anew.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::flags::{self, Found};
use super::template::Item;
use super::{
    Address, Change, PipelineDiff, Recompute, Side, StepAction, StepDiff, StepNode, cost, recompute, text,
    weaken,
};

/// A definition, its steps in order with those of all branches.
pub(super) struct Definition<'a> {
    /// The steps.
    pub steps: Vec<Step<'a>>,
    /// The rest.
    pub rest: Value,
    /// The values that an execution takes for its parameters when it is given none.
    pub defaults: BTreeMap<&'a str, &'a Value>,
}

/// A step in its place.
pub(super) struct Step<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub kind: &'a str,
    /// The branch that it is in.
    pub branch: String,
    /// It, without the steps in its branches.
    pub value: Value,
    /// The steps that it waits for.
    pub needs: BTreeSet<String>,
}

impl<'a> Definition<'a> {
    pub(super) fn new(value: &'a Value) -> Self {
        let mut definition = Definition { steps: Vec::new(), rest: value.clone(), defaults: BTreeMap::new() };
        if let Value::Object(rest) = &mut definition.rest {
            rest.shift_remove("Steps");
        }
        for parameter in value.get("Parameters").and_then(Value::as_array).into_iter().flatten() {
            if let Some(name) = parameter.get("Name").and_then(Value::as_str) {
                definition.defaults.insert(name, parameter.get("DefaultValue").unwrap_or(&Value::Null));
            }
        }
        definition.visit(value.get("Steps"), "");
        definition
    }

    fn visit(&mut self, steps: Option<&'a Value>, branch: &str) {
        for value in steps.and_then(Value::as_array).into_iter().flatten() {
            let word = |name| value.get(name).and_then(Value::as_str);
            // Nothing can be said of a step without a name; its changes are those of the document.
            let Some(name) = word("Name").filter(|name| self.step(name).is_none()) else { continue };
            let mut own = value.clone();
            if let Some(Value::Object(arguments)) = own.get_mut("Arguments") {
                arguments.shift_remove("IfSteps");
                arguments.shift_remove("ElseSteps");
            }
            let needs = needs(&own);
            let kind = word("Type").unwrap_or_default();
            self.steps.push(Step { name, kind, branch: branch.to_owned(), value: own, needs });
            for (member, word) in [("IfSteps", "if"), ("ElseSteps", "else")] {
                let within = value.get("Arguments").and_then(|arguments| arguments.get(member));
                self.visit(within, &format!("{name}/{word}"));
            }
        }
    }

    /// The step of that name.
    pub(super) fn step(&self, name: &str) -> Option<&Step<'a>> {
        self.steps.iter().find(|step| step.name == name)
    }
}

/// The steps that a step waits for: those that it refers to, and those that it depends on.
fn needs(step: &Value) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    recompute::gets(step, &mut |path| {
        if let Some((name, _)) = recompute::of_step(path) {
            out.insert(name.to_owned());
        }
    });
    for other in step.get("DependsOn").and_then(Value::as_array).into_iter().flatten() {
        let name = other.as_str().or_else(|| other.get("Step")?.as_str());
        out.extend(name.map(ToOwned::to_owned));
    }
    out
}

/// Every pipeline that changes: of definitions that are documents, and of those within a template.
pub(super) fn pipelines(old: &Side, new: &Side, items: &[Item]) -> Vec<PipelineDiff> {
    let mut out: Vec<PipelineDiff> = Vec::new();
    let names: BTreeSet<_> = old.documents.keys().chain(new.documents.keys()).collect();
    for name in names {
        let (old, new) = (old.documents.get(name), new.documents.get(name));
        let (old, new) = (old.map(|it| &it.value), new.map(|it| &it.value));
        if [old, new].into_iter().flatten().all(|it| it.get("Steps").is_some_and(Value::is_array)) {
            let mut diff = of(old, new);
            diff.document = Some(name.clone());
            out.push(diff);
        }
    }
    let holders: Vec<_> = items.iter().filter(|item| item.kind == "AWS::SageMaker::Pipeline").collect();
    for item in &holders {
        let address = item.pair.address().cloned();
        let body = |half: Option<(&Address, &Value)>| half.and_then(|(_, body)| inline(body));
        let (old, new) = (body(item.pair.old), body(item.pair.new));
        if old.is_none() && new.is_none() {
            // The definition is in S3: it is the only document, where there is one.
            if let ([_], [only]) = (holders.as_slice(), out.as_mut_slice()) {
                only.resource = address;
            }
            continue;
        }
        let mut diff = of(old.as_ref(), new.as_ref());
        let twin = out.iter_mut().find(|it| it.resource.is_none() && it.graph == diff.graph);
        if let Some(twin) = twin {
            twin.resource = address;
        } else {
            diff.resource = address;
            out.push(diff);
        }
    }
    out.retain(|diff| !diff.changes.is_empty() || !diff.steps.is_empty());
    out
}

/// The definition that stands in a pipeline resource.
fn inline(resource: &Value) -> Option<Value> {
    let definition = resource.get("Properties")?.get("PipelineDefinition")?;
    let body = definition.get("PipelineDefinitionBody").unwrap_or(definition);
    let value = text::json(body).unwrap_or_else(|| body.clone());
    value.get("Steps").is_some_and(Value::is_array).then_some(value)
}

fn of(old: Option<&Value>, new: Option<&Value>) -> PipelineDiff {
    let (old, new) = (old.map(Definition::new), new.map(Definition::new));
    let changes = Change::whole(old.as_ref().map(|it| &it.rest), new.as_ref().map(|it| &it.rest));
    let nothing = || Definition { steps: Vec::new(), rest: Value::Null, defaults: BTreeMap::new() };
    let (old, new) = (old.unwrap_or_else(nothing), new.unwrap_or_else(nothing));
    let anew = recompute::recompute(&old, &new);
    let (mut steps, mut graph) = (Vec::new(), Vec::new());
    let gone = old.steps.iter().filter(|step| new.step(step.name).is_none());
    let pairs = new.steps.iter().map(|step| (old.step(step.name), Some(step)));
    for (before, after) in pairs.chain(gone.map(|step| (Some(step), None))) {
        let Some(step) = after.or(before) else { continue };
        let changes = Change::whole(before.map(|it| &it.value), after.map(|it| &it.value));
        let action = match (before, after) {
            (None, _) => Some(StepAction::Added),
            (_, None) => Some(StepAction::Removed),
            (Some(before), Some(after)) if before.branch != after.branch => Some(StepAction::Moved),
            _ if !changes.is_empty() => Some(StepAction::Changed),
            _ => None,
        };
        let (recompute, why) = anew.get(step.name).cloned().unwrap_or((Recompute::No, Vec::new()));
        let reached = (!why.is_empty()).then_some(StepAction::Reached);
        let action = action.or(reached);
        graph.push(StepNode {
            name: step.name.to_owned(),
            step_type: step.kind.to_owned(),
            branch: step.branch.clone(),
            needs: step.needs.iter().cloned().collect(),
            action,
            recompute,
        });
        let Some(action) = action else { continue };
        let nobody = BTreeSet::new();
        let (was, is) =
            (before.map_or(&nobody, |step| &step.needs), after.map_or(&nobody, |step| &step.needs));
        let mut found = Found::default();
        if before.is_some() && after.is_some() {
            let leaves = flags::leaves(&changes);
            weaken::flags(step.kind, &leaves, None, &mut found);
            cost::flags(&leaves, &mut found);
        }
        let moved = before.filter(|_| action == StepAction::Moved);
        steps.push(StepDiff {
            name: step.name.to_owned(),
            step_type: step.kind.to_owned(),
            action,
            was_in: moved.map(|before| before.branch.clone()),
            needs_added: is.difference(was).cloned().collect(),
            needs_removed: was.difference(is).cloned().collect(),
            changes,
            recompute,
            why,
            flags: found.into_flags(),
        });
    }
    PipelineDiff { document: None, resource: None, changes, steps, graph }
}
