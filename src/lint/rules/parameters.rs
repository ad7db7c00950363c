//! Parameters: their types, and values that they can take.

use serde_json::Value;

use super::forms::{Keys, refuse};
use crate::diag::{Code, Issue, Pointer, nearest, or_list};
use crate::lint::assume::literal;
use crate::lint::{Parameter, Template};
use crate::tables::Pattern;

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html>
const KEYS: Keys<'_> = Keys {
    what: "a parameter",
    required: &["Type"],
    optional: &[
        "AllowedPattern",
        "AllowedValues",
        "ConstraintDescription",
        "Default",
        "Description",
        "MaxLength",
        "MaxValue",
        "MinLength",
        "MinValue",
        "NoEcho",
    ],
};

const PLAIN: [&str; 5] = ["String", "Number", "CommaDelimitedList", "List<Number>", "List<String>"];

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html>
const SUPPLIED: [&str; 10] = [
    "AWS::EC2::AvailabilityZone::Name",
    "AWS::EC2::Image::Id",
    "AWS::EC2::Instance::Id",
    "AWS::EC2::KeyPair::KeyName",
    "AWS::EC2::SecurityGroup::GroupName",
    "AWS::EC2::SecurityGroup::Id",
    "AWS::EC2::Subnet::Id",
    "AWS::EC2::VPC::Id",
    "AWS::EC2::Volume::Id",
    "AWS::Route53::HostedZone::Id",
];

pub(super) fn parameters(template: &Template<'_>, found: &mut Vec<Issue>) {
    let section = Pointer::root().key("Parameters");
    let entries = template.value.get("Parameters").and_then(Value::as_object);
    for (name, value) in entries.into_iter().flatten().filter(|(name, _)| !name.starts_with("Fn::")) {
        let at = section.key(name);
        if KEYS.check(value, &at, found).is_none() {
            continue;
        }
        let Some(parameter) = template.parameters.get(name.as_str()) else { continue };
        kind(parameter, &at, found);
        constraints(parameter, &at, found);
        default(name, parameter, &at, found);
    }
}

fn kind(parameter: &Parameter<'_>, at: &Pointer, found: &mut Vec<Issue>) {
    let at = at.key("Type");
    let Some(value) = parameter.members.get("Type").filter(|value| !value.is_null()) else { return };
    let Some(kind) = value.as_str() else {
        found.push(refuse(value, &at, "a parameter's `Type` is text, without functions"));
        return;
    };
    let stored = kind.strip_prefix("AWS::SSM::Parameter::Value<").and_then(|rest| rest.strip_suffix('>'));
    let within = stored.unwrap_or(kind);
    let listed = within.strip_prefix("List<").and_then(|rest| rest.strip_suffix('>'));
    let one = listed.unwrap_or(within);
    if PLAIN.contains(&within) || SUPPLIED.contains(&one) || kind == "AWS::SSM::Parameter::Name" {
        return;
    }
    let mut known: Vec<String> = PLAIN.iter().chain(&SUPPLIED).map(|name| (*name).to_owned()).collect();
    known.extend(SUPPLIED.iter().map(|name| format!("List<{name}>")));
    known.push("AWS::SSM::Parameter::Name".to_owned());
    known.extend(
        ["AWS::SSM::Parameter::Value<String>", "AWS::SSM::Parameter::Value<List<String>>"].map(str::to_owned),
    );
    let near = nearest(kind, known.iter().map(String::as_str));
    // AWS may have types that are new.
    if near.is_none() && one.starts_with("AWS::") {
        return;
    }
    let message = format!("parameters have no type `{kind}`");
    let issue = Issue::new(Code::UnknownValue, at, message).label("no type");
    found.push(match near {
        Some(near) => issue.fix(near, format!("did you mean `{near}`?")),
        None => {
            issue.help(format!("it may be {}, or one of AWS's, such as `AWS::EC2::VPC::Id`", or_list(PLAIN)))
        }
    });
}

fn constraints(parameter: &Parameter<'_>, at: &Pointer, found: &mut Vec<Issue>) {
    let members = parameter.members;
    for (key, what) in [
        ("AllowedPattern", "a pattern is text"),
        ("ConstraintDescription", "a description is text"),
        ("Description", "a description is text"),
    ] {
        if let Some(value) = members.get(key).filter(|value| !value.is_string() && !value.is_null()) {
            found.push(refuse(value, &at.key(key), what));
        }
    }
    if let Some(value) = members.get("NoEcho").filter(|value| !value.is_null())
        && !literal(value).is_some_and(|text| ["true", "false"].contains(&text.to_ascii_lowercase().as_str()))
    {
        found.push(refuse(value, &at.key("NoEcho"), "`NoEcho` is `true` or `false`"));
    }
    for key in ["MinLength", "MaxLength", "MinValue", "MaxValue"] {
        if let Some(value) = members.get(key).filter(|value| !value.is_null())
            && literal(value).and_then(|text| text.parse::<f64>().ok()).is_none()
        {
            found.push(refuse(value, &at.key(key), &format!("`{key}` is a number")));
        }
    }
    for (low, high) in [("MinLength", "MaxLength"), ("MinValue", "MaxValue")] {
        if let (Some(least), Some(most)) = (number(parameter, low), number(parameter, high))
            && least > most
        {
            let message = format!("`{low}` is above `{high}`: no value can be given");
            found.push(
                Issue::new(Code::OutOfBounds, at.key(low), message)
                    .label(format!("{least} is more than {most}"))
                    .also(at.key(high), "the other bound")
                    .help(format!("raise `{high}`, or lower `{low}`")),
            );
        }
    }
    match members.get("AllowedValues") {
        None | Some(Value::Null) => {}
        Some(Value::Array(items)) => {
            let nested = items.iter().enumerate().filter(|(_, item)| item.is_object() || item.is_array());
            let what = "allowed values are text or numbers, without functions";
            found.extend(nested.map(|(n, item)| refuse(item, &at.key("AllowedValues").index(n), what)));
        }
        Some(other) => found.push(refuse(other, &at.key("AllowedValues"), "`AllowedValues` is a list")),
    }
}

fn number(parameter: &Parameter<'_>, key: &str) -> Option<f64> {
    parameter.members.get(key).and_then(literal)?.parse().ok()
}

/// A default is taken as if somebody gave it.
fn default(name: &str, parameter: &Parameter<'_>, at: &Pointer, found: &mut Vec<Issue>) {
    let Some(value) = parameter.members.get("Default").filter(|value| !value.is_null()) else { return };
    let at = at.key("Default");
    let Some(text) = literal(value) else {
        found.push(refuse(value, &at, "a parameter's `Default` is text or a number, without functions"));
        return;
    };
    // It is the name of what holds the value.
    if parameter.kind.starts_with("AWS::SSM::") {
        return;
    }
    let listed = parameter.kind == "CommaDelimitedList" || parameter.kind.starts_with("List<");
    let values: Vec<&str> = if listed { text.split(',').map(str::trim).collect() } else { vec![&text] };
    let mut issue = |message: String, other: &str, label: String| {
        let issue = Issue::new(Code::ParameterDefault, at.clone(), message).label(label);
        let issue =
            if other.is_empty() { issue } else { issue.also(at.parent().key(other), "asked for here") };
        found.push(issue.help("give a default that the parameter takes, or none"));
    };
    for one in values {
        if parameter.kind.contains("Number") && one.parse::<f64>().is_err() {
            issue(
                format!("`{name}` is a number, and its default is `{one}`"),
                "Type",
                "not a number".to_owned(),
            );
        }
        if let Some(Value::Array(allowed)) = parameter.members.get("AllowedValues")
            && !allowed.iter().any(|value| same(value, one) || same(value, &text))
        {
            let message = format!("`{one}` is not among the allowed values of `{name}`");
            issue(message, "AllowedValues", "not allowed".to_owned());
        }
        if let Some(pattern) = parameter.members.get("AllowedPattern").and_then(Value::as_str)
            && Pattern::whole(pattern).matches(one) == Some(false)
        {
            let message = format!("the default of `{name}` does not have the form asked for");
            issue(message, "AllowedPattern", "wrong form".to_owned());
        }
    }
    let is = [
        ("MinLength", "MaxLength", Some(text.chars().count()).filter(|_| parameter.kind == "String")),
        ("MinValue", "MaxValue", None),
    ];
    for (low, high, length) in is {
        #[expect(clippy::cast_precision_loss, reason = "text in a file of some megabytes")]
        let length = length.map(|length| length as f64);
        let one = if low == "MinValue" && parameter.kind == "Number" { text.parse().ok() } else { length };
        let Some(one) = one else { continue };
        let what = if low == "MinValue" { "is" } else { "has a length of" };
        if number(parameter, low).is_some_and(|least| one < least) {
            issue(format!("the default of `{name}` {what} {one}"), low, "too little".to_owned());
        }
        if number(parameter, high).is_some_and(|most| one > most) {
            issue(format!("the default of `{name}` {what} {one}"), high, "too much".to_owned());
        }
    }
}

/// Whether a value is what text says: `1.0` is 1.
fn same(value: &Value, text: &str) -> bool {
    let Some(known) = literal(value) else { return true };
    known == text
        || value.is_number() && known.parse::<f64>().ok().is_some_and(|known| text.parse() == Ok(known))
}
