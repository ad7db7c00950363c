//! Parameters of a pipeline as the command line gives them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Stop;
use crate::diag::{nearest, or_list};
use crate::synth::Assembly;

/// The definition of an assembly; nothing where it has no pipeline.
pub(super) fn definition(assembly: &Assembly) -> Value {
    let file = assembly.manifest.definition.as_ref().and_then(|entry| assembly.file(&entry.file));
    file.and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default()
}

/// `NAME=VALUE` of the command line.
pub(super) fn given(parameters: &[String]) -> Result<BTreeMap<String, String>, Stop> {
    let mut all = BTreeMap::new();
    for parameter in parameters {
        let Some((name, value)) = parameter.split_once('=') else {
            return Err(Stop::usage(format!("`--param {parameter}` has to be `NAME=VALUE`")));
        };
        if all.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(Stop::usage(format!("parameter `{name}` is given twice")));
        }
    }
    Ok(all)
}

/// Only what the pipeline has as a parameter can be given, as its definition says it.
pub(super) fn fit(given: &BTreeMap<String, String>, definition: &Value) -> Result<(), Stop> {
    let known = definition["Parameters"].as_array().cloned().unwrap_or_default();
    let of_name = |name: &str| known.iter().find(|parameter| parameter["Name"] == name);
    for (name, value) in given {
        let Some(parameter) = of_name(name) else {
            let names = known.iter().filter_map(|parameter| parameter["Name"].as_str());
            return Err(Stop::usage(match nearest(name, names.clone()) {
                Some(near) => format!("the pipeline has no parameter `{name}`: did you mean `{near}`?"),
                None => format!("the pipeline has no parameter `{name}`; it has {}", or_list(names)),
            }));
        };
        let fits = match parameter["Type"].as_str() {
            Some("Integer") => value.parse::<i64>().is_ok(),
            Some("Float") => value.parse::<f64>().is_ok_and(f64::is_finite),
            Some("Boolean") => matches!(value.as_str(), "true" | "false" | "True" | "False"),
            _ => true,
        };
        if !fits {
            let wanted = parameter["Type"].as_str().unwrap_or("String");
            return Err(Stop::usage(format!(
                "parameter `{name}` is of type {wanted}, which `{value}` is not"
            )));
        }
        let choices = parameter["EnumValues"].as_array();
        let text = |choice: &Value| choice.as_str().map_or_else(|| choice.to_string(), str::to_owned);
        if let Some(choices) = choices.filter(|choices| !choices.iter().any(|choice| text(choice) == *value))
        {
            let choices: Vec<String> = choices.iter().map(text).collect();
            let choices = or_list(choices.iter().map(String::as_str));
            return Err(Stop::usage(format!("parameter `{name}` may be {choices}, and not `{value}`")));
        }
    }
    Ok(())
}
