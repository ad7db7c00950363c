//! Updates that take two steps: SageMaker refuses to change the instance type of a variant, or to remove it, while
//! Application Auto Scaling has it registered, and no order of resources within one template avoids that.
//!
//! The first step is the deployed template without what scales those variants; the second is the wanted template as it
//! is, in which the endpoint goes before its scaling. Between the two the deployed template itself says what is
//! missing, by a mark in its metadata: whoever comes next can go on, or put back what was there. Source: "Update
//! endpoints that use auto scaling" in the SageMaker developer guide, whose steps 1 and 7 this is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::scaling::{ENDPOINT, TARGET, config_of, is_endpoint, member, variant_of};
use super::text;

const POLICY: &str = "AWS::ApplicationAutoScaling::ScalingPolicy";
/// Where in the metadata of a template the mark stands.
const MARK: &str = "smstack::ScalingRemoved";

/// The first of two steps.
#[derive(Debug, Clone, PartialEq)]
pub struct FirstStep {
    /// The deployed template without what scales the variants.
    pub template: Value,
    /// What goes from it: types by logical id.
    pub removed: BTreeMap<String, String>,
    /// Because of which variants.
    pub variants: Vec<Hindered>,
}

/// A variant that cannot be changed as it is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hindered {
    /// The logical id of its endpoint.
    pub endpoint: String,
    /// Its name.
    pub variant: String,
    /// What the update does to it.
    pub why: String,
}

/// Why an update cannot be made in two steps either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{user}` refers to `{resource}`, which has to go for a while, in a place that cannot be left out")]
pub struct Entangled {
    /// What scales.
    pub resource: String,
    /// What refers to it.
    pub user: String,
}

/// The first step of an update from the deployed template to the wanted one, each with its parameters' values; none
/// where one step does.
///
/// # Errors
/// When something that stays cannot go without what scales.
pub fn first_step(
    deployed: &Value,
    values: &BTreeMap<String, String>,
    wanted: &Value,
    wanted_values: &BTreeMap<String, String>,
) -> Result<Option<FirstStep>, Entangled> {
    let (old, new) = (filled(deployed, values), filled(wanted, wanted_values));
    let mut variants = Vec::new();
    let mut targets = BTreeSet::new();
    for (id, body) in of_type(&old, ENDPOINT) {
        // An endpoint that goes, or is replaced, is deregistered by SageMaker itself.
        let Some(after) =
            resource(&new, id).filter(|after| after["Type"] == ENDPOINT && name(after) == name(body))
        else {
            continue;
        };
        for (target, registered) in of_type(&old, TARGET) {
            let Some((endpoint, variant)) = variant_of(registered) else { continue };
            if !is_endpoint(&endpoint, id, body) {
                continue;
            }
            if let Some(why) = hindrance(config(&old, body), config(&new, after), &variant) {
                targets.insert(target.clone());
                variants.push(Hindered { endpoint: id.clone(), variant, why });
            }
        }
    }
    if targets.is_empty() {
        return Ok(None);
    }
    let removed = with_policies(&old, targets);
    let template = without(deployed, &removed)?;
    let types = removed.into_iter().map(|id| {
        let kind = resource(deployed, &id).and_then(|body| body["Type"].as_str()).unwrap_or_default();
        (id.clone(), kind.to_owned())
    });
    Ok(Some(FirstStep { removed: types.collect(), template, variants }))
}

/// Notes instance counts by endpoint and variant in a first step's template.
pub fn note_capacity(template: &mut Value, capacity: &BTreeMap<String, BTreeMap<String, i32>>) {
    template["Metadata"][MARK]["Capacity"] = json!(capacity);
}

/// The counts that were noted; none where the deployed template is no first step.
pub fn noted_capacity(deployed: &Value) -> Option<BTreeMap<String, BTreeMap<String, i32>>> {
    let mark = deployed.get("Metadata")?.get(MARK)?;
    let noted = mark.get("Capacity").cloned().unwrap_or_else(|| json!({}));
    Some(serde_json::from_value(noted).unwrap_or_default())
}

/// The template as it was before its first step; none where it is no first step.
pub fn restored(deployed: &Value) -> Option<Value> {
    let mark = deployed.get("Metadata")?.get(MARK)?.clone();
    let mut template = deployed.clone();
    for section in ["Resources", "Outputs"] {
        for (id, body) in mark.get(section).and_then(Value::as_object).into_iter().flatten() {
            template[section][id] = body.clone();
        }
    }
    let metadata = template["Metadata"].as_object_mut()?;
    metadata.remove(MARK);
    if metadata.is_empty() {
        template.as_object_mut()?.remove("Metadata");
    }
    Some(template)
}

fn of_type<'a>(template: &'a Value, kind: &'static str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let resources = template["Resources"].as_object().into_iter().flatten();
    resources.filter(move |(_, body)| body["Type"] == kind)
}

fn resource<'a>(template: &'a Value, id: &str) -> Option<&'a Value> {
    template.get("Resources")?.get(id)
}

fn name(endpoint: &Value) -> Option<&Value> {
    endpoint.get("Properties")?.get("EndpointName")
}

/// An endpoint's configuration, where it is one of the same template.
fn config<'a>(template: &'a Value, endpoint: &Value) -> Option<&'a Value> {
    resource(template, &config_of(endpoint)?)
}

/// What an update does to a registered variant that SageMaker refuses, as far as both sides are known.
fn hindrance(before: Option<&Value>, after: Option<&Value>, variant: &str) -> Option<String> {
    let before = member(before?, variant)?;
    let Some(after) = member(after?, variant) else { return Some("it is removed".to_owned()) };
    let instance = |variant: &Value| {
        let shown =
            variant.get("InstanceType").map(|it| text::shown(it).map_or_else(|| it.to_string(), Into::into));
        shown.unwrap_or_else(|| "no instance".to_owned())
    };
    let (from, to) = (instance(before), instance(after));
    (from != to).then(|| format!("its instance type changes from {from} to {to}"))
}

/// Targets, and the policies on them: by their reference, or by the same variant's name.
fn with_policies(template: &Value, targets: BTreeSet<String>) -> BTreeSet<String> {
    let scaled: BTreeSet<_> = targets.iter().filter_map(|id| variant_of(resource(template, id)?)).collect();
    let policies = of_type(template, POLICY).filter(|(_, body)| {
        let named = variant_of(body).is_some_and(|variant| scaled.contains(&variant));
        named || targets.iter().any(|target| refers(&body["Properties"], target))
    });
    let policies: BTreeSet<String> = policies.map(|(id, _)| id.clone()).collect();
    targets.into_iter().chain(policies).collect()
}

/// Whether a value refers to a resource.
fn refers(value: &Value, id: &str) -> bool {
    let within = |text: &str| text.contains(&format!("${{{id}}}")) || text.contains(&format!("${{{id}."));
    match value {
        Value::Object(object) => match text::function(object) {
            Some(("Ref", argument)) => argument == id,
            Some(("Fn::GetAtt", argument)) => text::attribute(argument).is_some_and(|(of, _)| of == id),
            Some(("Fn::Sub", Value::String(text))) => within(text),
            Some(("Fn::Sub", Value::Array(items))) => {
                items.first().and_then(Value::as_str).is_some_and(within)
                    || items.get(1).is_some_and(|variables| refers(variables, id))
            }
            _ => object.values().any(|inner| refers(inner, id)),
        },
        Value::Array(items) => items.iter().any(|inner| refers(inner, id)),
        _ => false,
    }
}

/// A template without some resources. What stays and refers to them in a list (an alarm's actions, `DependsOn`) does
/// without for a while; outputs that name them go as well. The mark keeps all as it was.
fn without(deployed: &Value, removed: &BTreeSet<String>) -> Result<Value, Entangled> {
    let mut template = deployed.clone();
    let mut kept = Map::new();
    for (section, leaves_out) in [("Resources", false), ("Outputs", true)] {
        let Some(members) = template[section].as_object_mut() else { continue };
        let mut former = Map::new();
        for (id, body) in deployed[section].as_object().into_iter().flatten() {
            let used = removed.iter().any(|gone| refers(body, gone) || depends(body, gone));
            let goes = !leaves_out && removed.contains(id);
            if !used && !goes {
                continue;
            }
            former.insert(id.clone(), body.clone());
            if goes || leaves_out {
                members.remove(id);
                continue;
            }
            let mut body = body.clone();
            for gone in removed {
                drop_references(&mut body, gone);
            }
            if let Some(resource) = removed.iter().find(|gone| refers(&body, gone)) {
                return Err(Entangled { resource: resource.clone(), user: id.clone() });
            }
            members[id] = body;
        }
        if members.is_empty() {
            template.as_object_mut().map(|whole| whole.remove(section));
        }
        kept.insert(section.to_owned(), Value::Object(former));
    }
    template["Metadata"][MARK] = Value::Object(kept);
    Ok(template)
}

fn depends(body: &Value, id: &str) -> bool {
    match body.get("DependsOn") {
        Some(Value::String(one)) => one == id,
        Some(Value::Array(all)) => all.iter().any(|one| one == id),
        _ => false,
    }
}

fn drop_references(value: &mut Value, id: &str) {
    match value {
        Value::Object(object) if text::function(object).is_none() => {
            match object.get_mut("DependsOn") {
                Some(Value::String(one)) if one == id => drop(object.remove("DependsOn")),
                Some(Value::Array(all)) => all.retain(|one| one != id),
                _ => {}
            }
            for inner in object.values_mut() {
                drop_references(inner, id);
            }
        }
        Value::Array(items) => {
            items.retain(|item| text::function_of(item).is_none() || !refers(item, id));
            for inner in items {
                drop_references(inner, id);
            }
        }
        _ => {}
    }
}

/// A template with its parameters' values in place of their references.
fn filled(template: &Value, values: &BTreeMap<String, String>) -> Value {
    match template {
        Value::Object(object) => match text::function(object) {
            Some(("Ref", Value::String(name))) if values.contains_key(name) => json!(values[name]),
            Some(("Fn::Sub", Value::String(text))) => {
                let text = values
                    .iter()
                    .fold(text.clone(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value));
                json!({ "Fn::Sub": text })
            }
            _ => object.iter().map(|(key, inner)| (key.clone(), filled(inner, values))).collect(),
        },
        Value::Array(items) => items.iter().map(|inner| filled(inner, values)).collect(),
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests;
