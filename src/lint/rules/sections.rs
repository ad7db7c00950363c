//! The sections of a template: which there are, what each holds, and how much.

use serde_json::{Map, Value};

use super::forms::{Keys, refuse};
use crate::diag::{Code, Issue, Pointer, nearest};
use crate::lint::Template;
use crate::lint::functions::call;
use crate::rules::limits::{
    DESCRIPTION_BYTES, MAPPING_KEYS, MAPPINGS, NAME_LENGTH, Nearness, OUTPUTS, PARAMETERS, RESOURCES,
    TEMPLATE_BYTES, nearness,
};

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html>; `Globals` is of the Serverless
/// Application Model.
const SECTIONS: [&str; 12] = [
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Globals",
    "Hooks",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
];

/// Sections with entries by name, how many they may have, and whether names are letters and digits.
const NAMED: [(&str, Option<u64>, bool); 6] = [
    ("Parameters", Some(PARAMETERS), true),
    ("Mappings", Some(MAPPINGS), true),
    ("Conditions", None, false),
    ("Resources", Some(RESOURCES), true),
    ("Outputs", Some(OUTPUTS), true),
    ("Rules", None, false),
];

const OUTPUT: Keys<'_> =
    Keys { what: "an output", required: &["Value"], optional: &["Condition", "Description", "Export"] };
const RULE: Keys<'_> = Keys { what: "a rule", required: &["Assertions"], optional: &["RuleCondition"] };

pub(super) fn sections(template: &Template<'_>, found: &mut Vec<Issue>) {
    let Some(members) = template.value.as_object() else { return };
    let root = Pointer::root();
    let hidden = template.is_open("Resources");
    for key in members.keys().filter(|key| !SECTIONS.contains(&key.as_str())) {
        let free = SECTIONS.iter().copied().filter(|section| !members.contains_key(*section));
        if let Some(near) = nearest(key, free).filter(|_| !hidden) {
            let message = format!("a template has no section `{key}`");
            let issue = Issue::new(Code::UnknownKey, root.key(key), message).on_key().label("no section");
            found.push(issue.fix(near, format!("did you mean `{near}`?")));
        }
    }
    if let Some(version) = members.get("AWSTemplateFormatVersion")
        && version.as_str() != Some("2010-09-09")
    {
        let message = "`AWSTemplateFormatVersion` is no version that there is";
        let issue = Issue::new(Code::UnknownValue, root.key("AWSTemplateFormatVersion"), message);
        let issue = issue.label("the only one is 2010-09-09");
        found.push(issue.fix("2010-09-09", "write `2010-09-09`, or leave it out"));
    }
    if let Some(text) = members.get("Description") {
        let at = root.key("Description");
        match text.as_str() {
            None => found.push(refuse(text, &at, "a template's `Description` is text, without functions")),
            Some(text) => {
                measure("bytes of the description", text.len() as u64, DESCRIPTION_BYTES, &at, found);
            }
        }
    }
    for (section, limit, plain) in NAMED {
        let Some(value) = members.get(section) else { continue };
        let at = root.key(section);
        let Some(entries) = value.as_object() else {
            found.push(refuse(value, &at, &format!("`{section}` is a mapping by name")));
            continue;
        };
        if let Some(limit) = limit {
            measure(&section.to_lowercase(), count(template, section, entries), limit, &at, found);
        }
        names(entries, &at, plain, found);
    }
    nothing(template, members, found);
    transform(members, found);
    each(members, "Mappings", |mapping, at| rows(mapping, at, found));
    each(members, "Outputs", |output, at| self::output(output, at, found));
    each(members, "Rules", |rule, at| {
        RULE.check(rule, at, found);
    });
    exports(members, found);
    twice(template, found);
    nulls(members, template, found);
}

/// How large a template is that lies in S3; the API itself takes less, and says so before anything happens.
pub(in crate::lint) fn size(bytes: usize) -> Option<Issue> {
    let mut found = Vec::new();
    measure("bytes of the template", bytes as u64, TEMPLATE_BYTES, &Pointer::root(), &mut found);
    found.pop()
}

fn measure(what: &str, is: u64, limit: u64, at: &Pointer, found: &mut Vec<Issue>) {
    if nearness(is, limit) == Some(Nearness::Beyond) {
        let issue =
            Issue::new(Code::BeyondLimit, at.clone(), format!("{what}: {is}, and {limit} are possible"));
        let issue = if at.as_str().is_empty() { issue } else { issue.on_key() };
        found.push(issue.label("too much").help(if what.contains("description") {
            "shorten it: comments and `Metadata` may hold more"
        } else {
            "split the template: stacks pass values on by `Export` or as nested stacks"
        }));
    }
}

/// Entries, those of loops as often as they come.
fn count(template: &Template<'_>, section: &str, entries: &Map<String, Value>) -> u64 {
    let count = if section == "Resources" { template.resources.len() } else { entries.len() };
    count as u64
}

fn names(entries: &Map<String, Value>, at: &Pointer, plain: bool, found: &mut Vec<Issue>) {
    for name in entries.keys().filter(|name| !name.starts_with("Fn::") && !name.contains(['{', '}'])) {
        let odd = name.chars().find(|c| !c.is_ascii_alphanumeric());
        let why = match odd {
            Some(c) if plain => format!("the name `{name}` has a `{c}`"),
            _ if name.is_empty() => "a name is empty".to_owned(),
            _ if name.chars().count() > NAME_LENGTH => {
                format!("a name has {} characters, and {NAME_LENGTH} are possible", name.chars().count())
            }
            _ => continue,
        };
        let issue = Issue::new(Code::InvalidName, at.key(name), why).on_key().label("not a name that can be");
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        found.push(issue.help(if plain.is_empty() || plain.len() > NAME_LENGTH {
            "names are letters and digits, 255 at most".to_owned()
        } else {
            format!("names are letters and digits: `{plain}`")
        }));
    }
}

/// At least one resource is asked for.
fn nothing(template: &Template<'_>, members: &Map<String, Value>, found: &mut Vec<Issue>) {
    let empty = match members.get("Resources") {
        None => Pointer::root(),
        Some(Value::Object(all)) if all.is_empty() => Pointer::root().key("Resources"),
        Some(_) => return,
    };
    let misspelt = found.iter().any(|issue| {
        issue.code == Code::UnknownKey
            && issue.fix.as_ref().is_some_and(|(to, _)| to.to_string() == "Resources")
    });
    if !template.is_open("Resources") && !misspelt {
        let issue = Issue::new(Code::MissingKey, empty, "the template has no resource");
        found
            .push(issue.on_key().label("nothing to make").help("add `Resources` with at least one resource"));
    }
}

/// `Transform: Name`, or a list of names and of mappings with `Name` and `Parameters`.
fn transform(members: &Map<String, Value>, found: &mut Vec<Issue>) {
    let Some(value) = members.get("Transform") else { return };
    let at = Pointer::root().key("Transform");
    let one = |value: &Value| value.is_string() || value.get("Name").is_some_and(Value::is_string);
    match value {
        Value::Array(items) => {
            let bad = items.iter().enumerate().filter(|(_, item)| !one(item));
            found.extend(bad.map(|(n, item)| {
                refuse(item, &at.index(n), "a transform is a name, or a mapping with `Name`")
            }));
        }
        _ if one(value) => {}
        _ => {
            found.push(refuse(value, &at, "`Transform` is a name, a mapping with `Name`, or a list of them"));
        }
    }
}

fn each(members: &Map<String, Value>, section: &str, mut check: impl FnMut(&Value, &Pointer)) {
    let at = Pointer::root().key(section);
    let entries = members.get(section).and_then(Value::as_object);
    for (name, value) in entries.into_iter().flatten().filter(|(name, _)| !name.starts_with("Fn::")) {
        check(value, &at.key(name));
    }
}

/// A mapping has rows, a row has cells: text, numbers, or lists of them.
fn rows(mapping: &Value, at: &Pointer, found: &mut Vec<Issue>) {
    let Some(rows) = mapping.as_object() else {
        found.push(refuse(mapping, at, "a mapping has a mapping by key for each first key"));
        return;
    };
    measure("first keys of the mapping", rows.len() as u64, MAPPING_KEYS, at, found);
    for (row, cells) in rows.iter().filter(|(row, _)| !row.starts_with("Fn::")) {
        let at = at.key(row);
        let Some(cells) = cells.as_object() else {
            found.push(refuse(cells, &at, "each first key of a mapping has a mapping of second keys"));
            continue;
        };
        measure("second keys of the mapping", cells.len() as u64, MAPPING_KEYS, &at, found);
        for (key, value) in cells.iter().filter(|(key, _)| !key.starts_with("Fn::")) {
            let scalar = |value: &Value| !value.is_object() && !value.is_array();
            if !scalar(value) && !value.as_array().is_some_and(|items| items.iter().all(scalar)) {
                let what = "a mapping holds text, numbers, or lists of them, without functions";
                found.push(refuse(value, &at.key(key), what));
            }
        }
    }
}

fn output(output: &Value, at: &Pointer, found: &mut Vec<Issue>) {
    let Some(members) = OUTPUT.check(output, at, found) else { return };
    if let Some(value) = members.get("Value")
        && (value.is_object() || value.is_array())
        && call(value).is_none()
    {
        found.push(refuse(value, &at.key("Value"), "an output is text"));
    }
    if let Some(text) = members.get("Description").filter(|text| !text.is_string() && !text.is_null()) {
        found.push(refuse(
            text,
            &at.key("Description"),
            "an output's `Description` is text, without functions",
        ));
    }
    if let Some(condition) = members.get("Condition").filter(|name| !name.is_string() && !name.is_null()) {
        found.push(refuse(condition, &at.key("Condition"), "an output's `Condition` is the name of one"));
    }
    if let Some(export) = members.get("Export").filter(|export| !export.is_null()) {
        let keys = Keys { what: "an export", required: &["Name"], optional: &[] };
        keys.check(export, &at.key("Export"), found);
    }
}

/// Two outputs that always exist cannot be exported under one name.
fn exports(members: &Map<String, Value>, found: &mut Vec<Issue>) {
    let mut seen: Vec<(&Value, Pointer)> = Vec::new();
    let outputs = Pointer::root().key("Outputs");
    for (name, output) in members.get("Outputs").and_then(Value::as_object).into_iter().flatten() {
        let Some(export) = output.pointer("/Export/Name").filter(|_| output.get("Condition").is_none())
        else {
            continue;
        };
        let at = outputs.key(name).key("Export").key("Name");
        match seen.iter().find(|(other, _)| *other == export) {
            Some((_, first)) => found.push(
                Issue::new(Code::DuplicateName, at, "two outputs are exported under one name")
                    .label("given again")
                    .also(first.clone(), "the first")
                    .help("give each export a name of its own"),
            ),
            None => seen.push((export, at)),
        }
    }
}

/// `Ref` knows parameters and resources by one name.
fn twice(template: &Template<'_>, found: &mut Vec<Issue>) {
    for resource in template.resources.values() {
        if template.parameters.contains_key(resource.id.as_ref()) {
            let message = format!("`{}` is the name of a parameter and of a resource", resource.id);
            found.push(
                Issue::new(Code::DuplicateName, resource.pointer.clone(), message)
                    .on_key()
                    .label("given again")
                    .also(Pointer::root().key("Parameters").key(&resource.id), "the parameter")
                    .help("rename one of them"),
            );
        }
    }
}

/// CloudFormation takes no null, anywhere. A macro of somebody's own may take it out before.
fn nulls(members: &Map<String, Value>, template: &Template<'_>, found: &mut Vec<Issue>) {
    fn look(value: &Value, at: &Pointer, found: &mut Vec<Issue>) {
        match value {
            Value::Null => {
                let message = format!("`{}` is null, which no template may hold", at.last());
                let issue = Issue::new(Code::WrongType, at.clone(), message).label("nothing is given");
                found.push(
                    issue.help(
                        "give a value, or leave the key out; `AWS::NoValue` leaves it out by a condition",
                    ),
                );
            }
            Value::Object(members) => {
                members.iter().for_each(|(key, value)| look(value, &at.key(key), found));
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(n, item)| look(item, &at.index(n), found));
            }
            _ => {}
        }
    }
    if template.transforms.iter().any(|name| *name != "AWS::LanguageExtensions") {
        return;
    }
    for section in ["Parameters", "Mappings", "Conditions", "Rules", "Resources", "Outputs"] {
        if let Some(value) = members.get(section).filter(|value| value.is_object()) {
            look(value, &Pointer::root().key(section), found);
        }
    }
}
