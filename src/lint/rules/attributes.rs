//! What stands around the properties of a resource: its type, and what CloudFormation does with it.

use serde_json::Value;

use super::forms::{Keys, refuse};
use crate::diag::{Code, Issue, Pointer, nearest};
use crate::lint::functions::call;
use crate::lint::{Resource, Template};
use crate::tables;

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-product-attribute-reference.html>
const KEYS: Keys<'_> = Keys {
    what: "a resource",
    required: &["Type"],
    optional: &[
        "Condition",
        "CreationPolicy",
        "DeletionPolicy",
        "DependsOn",
        "Metadata",
        "Properties",
        "UpdatePolicy",
        "UpdateReplacePolicy",
        // Of custom resources, in the words of their first years.
        "Version",
    ],
};

pub(super) fn attributes(template: &Template<'_>, found: &mut Vec<Issue>) {
    let section = Pointer::root().key("Resources");
    let entries = template.value.get("Resources").and_then(Value::as_object);
    // What is no mapping is no resource of the model.
    for (id, value) in entries.into_iter().flatten().filter(|(id, _)| !id.starts_with("Fn::")) {
        if !value.is_object() && !value.is_null() {
            found.push(refuse(value, &section.key(id), "a resource is a mapping with `Type`"));
        }
    }
    let mut done = Vec::new();
    for resource in template.resources.values().filter(|resource| {
        !template.transforms.iter().any(|name| !name.starts_with("AWS::")) && !resource.members.is_empty()
    }) {
        // Those of a loop stand in one place.
        if resource.looped {
            if done.contains(&&resource.pointer) {
                continue;
            }
            done.push(&resource.pointer);
        }
        attributes_of(template, resource, found);
    }
    for (id, value) in entries.into_iter().flatten() {
        if value.as_object().is_some_and(serde_json::Map::is_empty) && !id.starts_with("Fn::") {
            KEYS.check(value, &section.key(id), found);
        }
    }
}

fn attributes_of(template: &Template<'_>, resource: &Resource<'_>, found: &mut Vec<Issue>) {
    let (members, at) = (resource.members, &resource.pointer);
    // The Serverless Application Model adds attributes of its own.
    if template.is_serverless() {
        if !members.contains_key("Type") {
            return;
        }
    } else {
        KEYS.check(&Value::Object(members.clone()), at, found);
    }
    match members.get("Type") {
        Some(Value::String(kind)) => found.extend(type_of(kind, &at.key("Type"))),
        Some(Value::Null) | None => {}
        Some(other) => {
            found.push(refuse(other, &at.key("Type"), "a resource's `Type` is text, without functions"));
        }
    }
    for (key, values) in [
        ("DeletionPolicy", ["Delete", "Retain", "RetainExceptOnCreate", "Snapshot"].as_slice()),
        ("UpdateReplacePolicy", ["Delete", "Retain", "Snapshot"].as_slice()),
    ] {
        match members.get(key) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => found.extend(policy(key, text, values, resource)),
            // With language extensions functions may give it.
            Some(value) if call(value).is_some() => {}
            Some(other) => {
                found.push(refuse(other, &at.key(key), &format!("`{key}` is text")));
            }
        }
    }
    if let Some(value) = members.get("Condition").filter(|value| !value.is_string() && !value.is_null()) {
        found.push(refuse(value, &at.key("Condition"), "a resource's `Condition` is the name of one"));
    }
    if let Some(value) = members.get("Metadata").filter(|value| !value.is_object() && !value.is_null()) {
        found.push(refuse(value, &at.key("Metadata"), "`Metadata` is a mapping"));
    }
    let depends = at.key("DependsOn");
    match members.get("DependsOn") {
        None | Some(Value::String(_) | Value::Null) => {}
        Some(Value::Array(items)) => {
            let bad = items.iter().enumerate().filter(|(_, item)| !item.is_string() && !item.is_null());
            let what = "`DependsOn` has logical ids, without functions";
            found.extend(bad.map(|(n, item)| refuse(item, &depends.index(n), what)));
        }
        Some(other) => {
            found.push(refuse(
                other,
                &depends,
                "`DependsOn` is a logical id or a list of them, without functions",
            ));
        }
    }
}

fn policy(key: &str, text: &str, values: &[&str], resource: &Resource<'_>) -> Option<Issue> {
    let at = resource.pointer.key(key);
    if values.contains(&text) {
        // What can be kept as a snapshot are volumes, caches and databases.
        let never =
            ["AWS::SageMaker::", "AWS::S3::", "AWS::IAM::", "AWS::KMS::", "AWS::Lambda::", "AWS::Logs::"];
        let refused = text == "Snapshot" && never.iter().any(|service| resource.kind.starts_with(service));
        return refused.then(|| {
            let message = format!("`{}` makes no snapshots", resource.kind);
            let issue = Issue::new(Code::UnknownValue, at, message).label("not for this type");
            issue.fix("Retain", "keep the resource itself: `Retain`")
        });
    }
    let issue = Issue::new(Code::UnknownValue, at, format!("`{key}` cannot be `{text}`"));
    let issue = issue.label("not one of the possible values");
    Some(match nearest(text, values.iter().copied()) {
        Some(near) => issue.fix(near, format!("did you mean `{near}`?")),
        None => issue.help(format!("it may be {}", crate::diag::or_list(values.iter().copied()))),
    })
}

/// A type that nobody has, as far as that can be said: the tables have all of SageMaker, and some of others.
fn type_of(kind: &str, at: &Pointer) -> Option<Issue> {
    if tables::resource(kind).is_some()
        || !kind.starts_with("AWS::") && !kind.to_ascii_lowercase().starts_with("aws:")
    {
        return None;
    }
    let known = || tables::resource_types();
    if let Some(right) = known().find(|known| known.eq_ignore_ascii_case(kind)) {
        let message = format!("there is no type `{kind}`: case matters");
        let issue = Issue::new(Code::UnknownValue, at.clone(), message).label("no type");
        return Some(issue.fix(right, format!("did you mean `{right}`?")));
    }
    let (service, name) = kind.rsplit_once("::")?;
    // Services have short names that are near each other, and types of the same name.
    let close = |known: &&str| {
        let Some((other, last)) = known.rsplit_once("::") else { return false };
        other == "AWS::SageMaker" && service == other
            || last == name && other.len() > "AWS::".len() + 6
            || known.replace(':', "") == kind.replace(':', "")
    };
    let near = nearest(kind, known().filter(close))?;
    let distance = strsim::osa_distance(near, kind);
    (distance <= 2).then(|| {
        let issue = Issue::new(Code::UnknownType, at.clone(), format!("`{kind}` is not known to be a type"));
        issue.label("no type that is known").fix(near, format!("did you mean `{near}`?"))
    })
}
