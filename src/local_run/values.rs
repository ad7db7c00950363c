//! Expressions of Pipelines into values.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Order;
use super::store::Store;
use crate::definition;

/// The account that stands for the one that only a deployment knows.
pub(super) const ACCOUNT: &str = "000000000000";

/// What is known while an execution goes on.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Values of parameters.
    pub(super) parameters: Map<String, Value>,
    /// Values of the execution itself.
    pub(super) execution: Map<String, Value>,
    /// What steps offer, by name: the answer of the API that describes their job.
    pub(super) steps: BTreeMap<String, Value>,
    /// The URIs of property files, by step and name.
    pub(super) property_files: BTreeMap<(String, String), String>,
}

impl Known {
    /// The parameters' values as the definition types them.
    pub(super) fn parameters(order: &Order) -> Result<Map<String, Value>, String> {
        let mut all = Map::new();
        for parameter in order.definition["Parameters"].as_array().into_iter().flatten() {
            let name = parameter["Name"].as_str().unwrap_or_default();
            let value = match order.parameters.get(name) {
                Some(text) => typed(text, parameter["Type"].as_str())
                    .ok_or_else(|| format!("parameter `{name}` cannot be `{text}`"))?,
                None => parameter.get("DefaultValue").cloned().ok_or_else(|| {
                    format!("parameter `{name}` has no default: give it by `--param {name}=VALUE`")
                })?,
            };
            all.insert(name.to_owned(), plain_all(&value, &order.region));
        }
        Ok(all)
    }

    /// The value with every expression in it computed.
    pub(super) fn resolve(&self, value: &Value, store: &Store) -> Result<Value, String> {
        if let Value::Object(members) = value
            && let (1, Some((function, inner))) = (members.len(), members.iter().next())
        {
            match function.as_str() {
                "Get" => return self.get(inner.as_str().unwrap_or_default()),
                "Std:Join" => return self.join(inner, store).map(Value::String),
                "Std:JsonGet" => return self.json_get(inner, store),
                _ => {}
            }
        }
        Ok(match value {
            Value::Object(members) => {
                let members = members.iter().map(|(name, it)| Ok((name.clone(), self.resolve(it, store)?)));
                Value::Object(members.collect::<Result<_, String>>()?)
            }
            Value::Array(items) => {
                Value::Array(items.iter().map(|it| self.resolve(it, store)).collect::<Result<_, String>>()?)
            }
            Value::String(text) => Value::String(plain(text, store.region())),
            other => other.clone(),
        })
    }

    fn get(&self, path: &str) -> Result<Value, String> {
        let (root, rest) = path.split_once('.').unwrap_or((path, ""));
        let found = match root {
            "Parameters" => self.parameters.get(rest).cloned(),
            "Execution" => self.execution.get(rest).cloned(),
            "Steps" => {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                let (step, inner) = rest.split_at(end);
                let Some(offers) = self.steps.get(step) else {
                    return Err(format!("`{path}` is not known: step `{step}` has not run here"));
                };
                let inner = inner.strip_prefix('.').unwrap_or(inner);
                if inner.is_empty() { Some(offers.clone()) } else { find(offers, inner).cloned() }
            }
            _ => None,
        };
        found.ok_or_else(|| format!("`{path}` is not known on this machine"))
    }

    fn join(&self, join: &Value, store: &Store) -> Result<String, String> {
        let on = self.resolve(&join["On"], store)?;
        let mut parts = Vec::new();
        for value in join["Values"].as_array().into_iter().flatten() {
            parts.push(text(&self.resolve(value, store)?));
        }
        Ok(parts.join(on.as_str().unwrap_or_default()))
    }

    fn json_get(&self, get: &Value, store: &Store) -> Result<Value, String> {
        let path = text(&self.resolve(&get["Path"], store)?);
        let uri = match get["PropertyFile"]["Get"].as_str() {
            Some(reference) => {
                let parts = reference.strip_prefix("Steps.").and_then(|it| it.split_once(".PropertyFiles."));
                let (step, name) = parts.ok_or_else(|| format!("`{reference}` names no property file"))?;
                let key = (step.to_owned(), name.to_owned());
                self.property_files
                    .get(&key)
                    .cloned()
                    .ok_or_else(|| format!("property file `{name}` of step `{step}` is not known here"))?
            }
            None => text(&self.resolve(&get["S3Uri"], store)?),
        };
        let at = store.path(&uri)?;
        let bytes = std::fs::read(&at).map_err(|error| format!("cannot read `{}`: {error}", at.display()))?;
        let file: Value = serde_json::from_slice(&bytes)
            .map_err(|error| format!("`{}` is no JSON: {error}", at.display()))?;
        let inner = path.strip_prefix("$.").or_else(|| path.strip_prefix('$')).unwrap_or(&path);
        let found = find(&file, inner).cloned();
        found.ok_or_else(|| format!("`{}` has nothing at `{path}`", at.display()))
    }
}

/// Names of the steps that a step waits for: those whose values it uses, and those it depends on.
pub(super) fn needs(step: &Value) -> Vec<String> {
    let mut own = step.clone();
    if let Some(Value::Object(arguments)) = own.get_mut("Arguments") {
        arguments.shift_remove("IfSteps");
        arguments.shift_remove("ElseSteps");
    }
    let mut names: Vec<String> = definition::steps_used(&own).into_iter().collect();
    for other in step["DependsOn"].as_array().into_iter().flatten() {
        names.extend(other.as_str().map(ToOwned::to_owned));
    }
    names
}

/// What a path such as `a.b[0]['c'].d` leads to. `['c']` is also the element of a list that has this name.
pub(super) fn find<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    let (mut at, mut rest) = (value, path);
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let quote = inside.chars().next().filter(|c| matches!(c, '\'' | '"'));
            let (key, after) = match quote {
                Some(quote) => {
                    let (key, after) = inside[1..].split_once(quote)?;
                    (key, after.strip_prefix(']')?)
                }
                None => inside.split_once(']')?,
            };
            at = match at {
                Value::Array(items) if quote.is_none() => items.get(key.parse::<usize>().ok()?)?,
                Value::Array(items) => items.iter().find(|item| is_named(item, key))?,
                other => other.get(key)?,
            };
            rest = after;
        } else {
            let start = rest.strip_prefix('.').unwrap_or(rest);
            let end = start.find(['.', '[']).unwrap_or(start.len());
            at = at.get(&start[..end])?;
            rest = &start[end..];
        }
    }
    Some(at)
}

/// Whether a member such as `OutputName` or `MetricName` says so.
fn is_named(item: &Value, name: &str) -> bool {
    let members = item.as_object().into_iter().flatten();
    members.into_iter().any(|(key, value)| key.ends_with("Name") && value == name)
}

/// A value as it stands within text.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Text of the command line as a value of a parameter's type.
fn typed(text: &str, kind: Option<&str>) -> Option<Value> {
    match kind {
        Some("Integer") => text.parse::<i64>().ok().map(Value::from),
        Some("Float") => text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from),
        Some("Boolean") => match text {
            "true" | "True" => Some(true.into()),
            "false" | "False" => Some(false.into()),
            _ => None,
        },
        _ => Some(text.into()),
    }
}

fn plain_all(value: &Value, region: &str) -> Value {
    match value {
        Value::String(text) => Value::String(plain(text, region)),
        other => other.clone(),
    }
}

/// Text with something in each place that CloudFormation would fill in: what stands for a bucket's name or a role's
/// ARN is what the template calls it.
pub(super) fn plain(text: &str, region: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            out.push_str("${");
            rest = after;
            continue;
        };
        match name {
            "AWS::Region" => out.push_str(region),
            "AWS::AccountId" => out.push_str(ACCOUNT),
            "AWS::Partition" => out.push_str("aws"),
            "AWS::URLSuffix" => out.push_str("amazonaws.com"),
            literal if literal.starts_with('!') => {
                out.push_str("${");
                out.push_str(&literal[1..]);
                out.push('}');
            }
            name => out.push_str(&name.replace("::", ".")),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}
