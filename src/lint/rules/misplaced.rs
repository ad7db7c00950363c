//! Functions in places where CloudFormation takes none of their kind.

use serde_json::Value;

use crate::diag::{Code, Issue, Pointer};
use crate::lint::Template;
use crate::lint::functions::{SubPart, get_att, sub_parts};
use crate::lint::trail::{Trail, calls};

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-conditions.html>
const OF_CONDITIONS: [&str; 4] = ["Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or"];
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-rules.html>
const OF_RULES: [&str; 6] = [
    "Fn::Contains",
    "Fn::EachMemberEquals",
    "Fn::EachMemberIn",
    "Fn::RefAll",
    "Fn::ValueOf",
    "Fn::ValueOfAll",
];

pub(super) fn misplaced(template: &Template<'_>, found: &mut Vec<Issue>) {
    for section in ["Conditions", "Rules", "Resources", "Outputs"] {
        let Some(value) = template.value.get(section) else { continue };
        let early = matches!(section, "Conditions" | "Rules");
        calls(value, &Trail::ROOT.key(section), &mut |name, argument, trail| {
            if trail.keys_outwards().any(|key| key == "Metadata") {
                return;
            }
            let at = || trail.key(name).pointer();
            if early {
                let why = if section == "Rules" { "a rule is checked" } else { "a condition is decided" };
                found.extend(resource(template, name, argument, &at, |id| {
                    format!("{why} before there is any resource, and `{id}` is one")
                }));
            } else if is_export_name(trail) {
                found.extend(resource(template, name, argument, &at, |id| {
                    format!("the name of an export depends on no resource, and `{id}` is one")
                }));
            } else if trail.keys_outwards().any(|key| key == "Fn::ImportValue") {
                found.extend(resource(template, name, argument, &at, |id| {
                    format!("the name of an import depends on no resource, and `{id}` is one")
                }));
            }
            let home = if OF_RULES.contains(&name) && section != "Rules" {
                "Rules"
            } else if OF_CONDITIONS.contains(&name) && !early {
                "Conditions"
            } else {
                return;
            };
            found.push(
                Issue::new(Code::WrongCall, at(), format!("`{name}` belongs in `{home}`"))
                    .on_key()
                    .label("not taken here")
                    .help(if home == "Conditions" {
                        "name the condition in `Conditions`, and choose a value by `Fn::If`".to_owned()
                    } else {
                        format!("assert it in `{home}`")
                    }),
            );
        });
    }
}

/// `Outputs.<name>.Export.Name`, or within it.
fn is_export_name(trail: &Trail<'_>) -> bool {
    let keys: Vec<&str> = trail.keys_outwards().collect();
    matches!(keys.as_slice(), [.., "Name", "Export", _, "Outputs"])
}

/// A resource that a function names, where there may be none.
fn resource(
    template: &Template<'_>,
    name: &str,
    argument: &Value,
    at: &impl Fn() -> Pointer,
    why: impl Fn(&str) -> String,
) -> Option<Issue> {
    let id = match (name, argument) {
        ("Ref", Value::String(id)) => Some(id.as_str()),
        ("Fn::GetAtt", _) => get_att(argument).map(|(id, _)| id),
        ("Fn::Sub", Value::String(text)) => substituted(template, text, None),
        ("Fn::Sub", Value::Array(items)) => {
            items.first().and_then(Value::as_str).and_then(|text| substituted(template, text, items.get(1)))
        }
        _ => None,
    }?;
    template.resource(id)?;
    let issue = Issue::new(Code::WrongReference, at(), why(id)).label("names a resource");
    Some(issue.help("refer to a parameter, a mapping or a pseudo parameter such as `AWS::Region`"))
}

/// The first resource that a text names.
fn substituted<'t>(template: &Template<'_>, text: &'t str, variables: Option<&Value>) -> Option<&'t str> {
    let own = |name: &str| variables.is_some_and(|all| all.get(name).is_some());
    sub_parts(text).into_iter().find_map(|part| match part {
        SubPart::Variable(name) if !own(name) => {
            let id = name.split('.').next().unwrap_or(name);
            template.resource(id).map(|_| id)
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_export_is_known_by_where_it_is() {
        let outputs = Trail::ROOT.key("Outputs");
        let (output, export) = ("O", "Export");
        let output = outputs.key(output);
        let export = output.key(export);
        let name = export.key("Name");
        assert!(is_export_name(&name));
        assert!(is_export_name(&name.key("Fn::Join").item(1).item(0)));
        assert!(!is_export_name(&output.key("Value")));
    }
}
