//! The resources of a side and what each refers to, to be drawn.

use serde_json::Value;

use super::pipeline::{Definition, Step};
use super::references::{self, Target};
use super::{Address, Recompute, Side, StepNode};

/// A resource in the picture of an infrastructure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceNode {
    /// Which.
    pub address: Address,
    /// `AWS::SageMaker::Endpoint`; empty when the resource names none.
    pub resource_type: String,
    /// The logical ids of the same template that it refers to or waits for, sorted, each once.
    pub needs: Vec<String>,
}

/// Every step of a definition with those of all branches, in order. Nothing changes in it.
pub fn steps(definition: &Value) -> Vec<StepNode> {
    let steps = Definition::new(definition).steps.into_iter();
    let node = |step: Step<'_>| StepNode {
        name: step.name.to_owned(),
        step_type: step.kind.to_owned(),
        branch: step.branch,
        needs: step.needs.into_iter().collect(),
        action: None,
        recompute: Recompute::No,
    };
    steps.map(node).collect()
}

/// Every resource of a side, by document and in the order of its template.
pub fn infrastructure(side: &Side) -> Vec<ResourceNode> {
    let mut out = Vec::new();
    for (document, it) in &side.documents {
        let Some(resources) = it.value.get("Resources").and_then(Value::as_object) else { continue };
        for (logical_id, body) in resources {
            let mut needs: Vec<String> = references::references(body)
                .into_iter()
                .filter_map(|reference| match reference.target {
                    Target::Ref(name) | Target::Attribute(name, _) => Some(name),
                    _ => None,
                })
                .collect();
            match body.get("DependsOn") {
                Some(Value::String(name)) => needs.push(name.clone()),
                Some(Value::Array(names)) => {
                    needs.extend(names.iter().filter_map(Value::as_str).map(ToOwned::to_owned));
                }
                _ => {}
            }
            needs.retain(|name| resources.contains_key(name) && name != logical_id);
            needs.sort();
            needs.dedup();
            out.push(ResourceNode {
                address: Address { document: document.clone(), logical_id: logical_id.clone() },
                resource_type: body.get("Type").and_then(Value::as_str).unwrap_or_default().to_owned(),
                needs,
            });
        }
    }
    out
}
