//! Parameters, conditions and mappings that nothing names.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::diag::{Code, Issue, Pointer};
use crate::lint::functions::call;
use crate::lint::trail::{Trail, walk};
use crate::lint::{Template, To, references};

/// Nothing is said where a transform, or a name that is put together, may hide a use.
pub(super) fn unused(template: &Template<'_>, found: &mut Vec<Issue>) {
    const CLEAR: [&str; 3] =
        ["AWS::LanguageExtensions", "AWS::Serverless-2016-10-31", "AWS::SecretsManager-2020-07-23"];
    if template.transforms.iter().any(|name| !CLEAR.contains(name)) {
        return;
    }
    let mut hidden = false;
    let mut words = BTreeSet::new();
    walk(template.value, &Trail::ROOT, &mut |value, trail| {
        match call(value) {
            Some(("Fn::Transform", _)) => hidden = true,
            Some(("Fn::FindInMap", argument)) if !argument.get(0).is_some_and(Value::is_string) => {
                hidden = true;
            }
            _ => {}
        }
        hidden |= trail.last_key() == Some("Fn::Transform");
        if let Some(name) = value.as_str().filter(|_| trail.last_key() == Some("Condition")) {
            words.insert(name);
        }
        // Assertions of rules name parameters by functions of their own.
        if trail.last_key() == Some("Fn::RefAll")
            || trail.keys_outwards().any(|key| key == "Fn::ValueOf" || key == "Fn::ValueOfAll")
        {
            words.extend(value.as_str());
        }
    });
    let all = references(template);
    for reference in &all {
        match reference.to {
            To::Name(name) | To::Condition(name) | To::Mapping(name) | To::Attribute(name, _) => {
                // The names of loops are put together.
                hidden |= name.contains("${") || name.contains("&{") || template.is_loop_identifier(name);
                words.insert(name);
            }
            To::Before(_) => {}
        }
    }
    if hidden {
        return;
    }
    for (section, code, what, names) in [
        ("Parameters", Code::UnusedParameter, "parameter", template.parameters.keys().collect::<Vec<_>>()),
        ("Mappings", Code::UnusedMapping, "mapping", template.mappings.keys().collect()),
        ("Conditions", Code::UnusedCondition, "condition", template.conditions.keys().collect()),
    ] {
        if template.is_open(section) {
            continue;
        }
        for name in names.into_iter().filter(|name| !words.contains(**name)) {
            if section == "Parameters" && of_tools(template, name) {
                continue;
            }
            let at = Pointer::root().key(section).key(name);
            let issue = Issue::new(code, at, format!("nothing uses the {what} `{name}`")).on_key();
            found.push(issue.label("never used").help(match section {
                "Parameters" => "remove it, or write `Ref` where its value belongs",
                "Mappings" => "remove it, or look something up by `Fn::FindInMap`",
                _ => "remove it, or name it in a resource's `Condition` or in `Fn::If`",
            }));
        }
    }
}

/// Parameters that tools look for: of CDK's bootstrapping and assets.
fn of_tools(template: &Template<'_>, name: &str) -> bool {
    let described = template.parameters.get(name).and_then(|parameter| parameter.members.get("Description"));
    name == "BootstrapVersion"
        || name.starts_with("AssetParameters")
        || described.and_then(Value::as_str).is_some_and(|text| text.contains("[cdk:skip]"))
}
