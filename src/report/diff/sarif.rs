//! What of a diff asks for a look, as SARIF 2.1.0, at its place in the file where that is known.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use super::super::region::Region;
use super::super::sarif::{log, message, physical};
use super::story::{self, Weight};
use crate::diag::Pointer;
use crate::diff::{Diff, Flag, ResourceDiff, StepDiff, json_schema};
use crate::lint;
use crate::source::{Document, SourceFile};

/// All that weighs more than a note, with a line break at its end. `files` are those from which documents come: a
/// template, a definition, or the stack file that they were made from.
pub fn diff_sarif(diff: &Diff, files: &BTreeMap<String, SourceFile>) -> String {
    let parsed: BTreeMap<&str, Document> =
        files.iter().filter_map(|(name, file)| Some((name.as_str(), lint::read(file).ok()?))).collect();
    let mut found = Vec::new();
    for resource in &diff.resources {
        let ResourceDiff { document, logical_id, impact, .. } = resource;
        let place = location(document, logical_id, false, files, &parsed);
        let weight = story::of_impact(*impact);
        if weight > Weight::Note {
            let why = resource.reasons.first().map(story::sentence).unwrap_or_default();
            let said = format!("`{logical_id}`: {}: {why}", impact.words());
            found.push((rule_id(impact), weight, said, place.clone()));
        }
        found.extend(flags(&format!("`{logical_id}`"), &resource.flags, &place));
    }
    for pipeline in &diff.pipelines {
        let holder = pipeline.resource.as_ref().map(|it| it.document.as_str());
        let document = pipeline.document.as_deref().or(holder).unwrap_or_default();
        for StepDiff { name, flags: raised, .. } in &pipeline.steps {
            let place = location(document, name, true, files, &parsed);
            found.extend(flags(&format!("step `{name}`"), raised, &place));
        }
    }
    let rules: BTreeSet<&String> = found.iter().map(|(rule, ..)| rule).collect();
    let rules: Vec<&String> = rules.into_iter().collect();
    let meanings = meanings();
    let results = found.iter().map(|(rule, weight, said, place)| {
        json!({
            "ruleId": rule,
            "ruleIndex": rules.binary_search(&rule).unwrap_or_default(),
            "level": level(*weight),
            "message": message(said),
            "locations": [place],
        })
    });
    let results: Vec<Value> = results.collect();
    let rules = rules.iter().map(|rule| {
        let meaning = meanings.get(*rule).map_or(rule.as_str(), String::as_str);
        json!({ "id": rule, "shortDescription": message(&rule.replace('-', " ")), "fullDescription": message(meaning) })
    });
    log(&rules.collect::<Vec<_>>(), &results)
}

fn flags(name: &str, flags: &[Flag], place: &Value) -> Vec<(String, Weight, String, Value)> {
    let weighty = flags.iter().map(|flag| (story::of_flag(flag.kind), flag));
    weighty
        .filter(|(weight, _)| *weight > Weight::Note)
        .map(|(weight, flag)| {
            let said = format!("{name}: {}: {}", flag.kind.words(), flag.why.join("; "));
            (rule_id(&flag.kind), weight, said, place.clone())
        })
        .collect()
}

/// As `--fail-on` takes it: `permission-broadened`.
fn rule_id(word: &impl Serialize) -> String {
    let word = serde_json::to_value(word).ok();
    word.as_ref().and_then(Value::as_str).unwrap_or_default().replace('_', "-")
}

fn level(weight: Weight) -> &'static str {
    match weight {
        Weight::Note => "note",
        Weight::Warning => "warning",
        Weight::Danger => "error",
    }
}

/// What impacts and flags mean, as the published schema says it.
fn meanings() -> BTreeMap<String, String> {
    let schema = json_schema();
    let mut out = BTreeMap::new();
    for name in ["Impact", "FlagKind"] {
        let words = schema.pointer(&format!("/$defs/{name}/oneOf")).and_then(Value::as_array);
        for word in words.into_iter().flatten() {
            if let (Some(id), Some(text)) =
                (word.get("const").and_then(Value::as_str), word.get("description"))
            {
                out.insert(id.replace('_', "-"), text.as_str().unwrap_or_default().to_owned());
            }
        }
    }
    out
}

/// Where a resource or a step stands.
fn location(
    document: &str,
    name: &str,
    is_step: bool,
    files: &BTreeMap<String, SourceFile>,
    parsed: &BTreeMap<&str, Document>,
) -> Value {
    let logical = json!([{ "name": name, "fullyQualifiedName": format!("{document}/{name}") }]);
    let Some(file) = files.get(document) else { return json!({ "logicalLocations": logical }) };
    let region = parsed.get(document).and_then(|parsed| {
        let pointer = pointer(&parsed.value, name, is_step)?;
        let place = parsed.places.find(&pointer);
        Some(Region::of(Some(file), &place.key.unwrap_or(place.value)))
    });
    json!({ "physicalLocation": physical(file.path(), region.unwrap_or_default()), "logicalLocations": logical })
}

/// The place of a resource in a template, of a step in a definition, or of what both come from in a stack file.
fn pointer(value: &Value, name: &str, is_step: bool) -> Option<Pointer> {
    if let Some(resources) = value.get("Resources") {
        return resources.get(name).map(|_| Pointer::root().key("Resources").key(name));
    }
    if let Some(steps) = value.get("Steps") {
        let index = steps
            .as_array()?
            .iter()
            .position(|step| step.get("Name").and_then(Value::as_str) == Some(name))?;
        return Some(Pointer::root().key("Steps").key(&index.to_string()));
    }
    // Logical ids begin with the name of their construct.
    let id = if is_step { logical(name) } else { name.to_owned() };
    let constructs = value.as_object()?.iter().flat_map(|(section, members)| {
        members.as_object().into_iter().flatten().map(move |(name, _)| (section, name))
    });
    let (section, name) = constructs
        .filter(|(section, name)| *section != "environments" && id.starts_with(&logical(name)))
        .max_by_key(|(_, name)| name.len())?;
    Some(Pointer::root().key(section).key(name))
}

/// A name as logical ids write it: `deep-learning` becomes `DeepLearning`.
fn logical(name: &str) -> String {
    let mut out = String::new();
    let mut start = true;
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(if start { c.to_ascii_uppercase() } else { c });
        }
        start = !c.is_ascii_alphanumeric();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Impact;

    #[test]
    fn places_are_found() {
        let file = |text: &str| SourceFile::new("a.yaml", text);
        let check = |text: &str, name: &str, is_step: bool, line: Option<usize>| {
            let document = lint::read(&file(text)).unwrap();
            let place = pointer(&document.value, name, is_step).map(|pointer| document.places.find(&pointer));
            let at = place.map(|place| file(text).line_column(place.key.unwrap_or(place.value).start).0);
            assert_eq!(at, line, "{name}");
        };
        let stack = "name: x\nendpoints:\n  web:\n    variants: {}\n  web-two: {}\ntuning: { search: {} }\n";
        check(stack, "WebEndpointConfig", false, Some(3));
        check(stack, "WebTwoEndpoint", false, Some(5));
        check(stack, "search", true, Some(6));
        check(stack, "Other", false, None);
        check("Resources:\n  A: { Type: T }\n  B: { Type: T }\n", "B", false, Some(3));
        check("Steps:\n  - { Name: a }\n  - { Name: b }\n", "b", true, Some(3));
    }

    #[test]
    fn each_word_has_its_meaning() {
        let meanings = meanings();
        assert_eq!(
            meanings.get("replace").map(String::as_str),
            Some("A new one is created, then the old one is deleted.")
        );
        assert!(meanings.contains_key("permission-broadened"), "{meanings:?}");
        assert!(meanings.contains_key(&rule_id(&Impact::MayReplace)));
    }
}
