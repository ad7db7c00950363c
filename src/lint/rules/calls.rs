//! CloudFormation's functions: what each takes, and names that are nearly one of them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::forms::kind;
use crate::diag::{Code, Issue, Pointer, nearest};
use crate::lint::Template;
use crate::lint::assume::literal;
use crate::lint::functions::{SubPart, call, is_variable, sub_parts};
use crate::lint::trail::{Trail, walk};

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html>; the last ones are of
/// rules.
const FUNCTIONS: [&str; 26] = [
    "Fn::And",
    "Fn::Base64",
    "Fn::Cidr",
    "Fn::Equals",
    "Fn::FindInMap",
    "Fn::ForEach",
    "Fn::GetAZs",
    "Fn::GetAtt",
    "Fn::If",
    "Fn::ImportValue",
    "Fn::Join",
    "Fn::Length",
    "Fn::Not",
    "Fn::Or",
    "Fn::Select",
    "Fn::Split",
    "Fn::Sub",
    "Fn::ToJsonString",
    "Fn::Transform",
    "Fn::Contains",
    "Fn::EachMemberEquals",
    "Fn::EachMemberIn",
    "Fn::RefAll",
    "Fn::ValueOf",
    "Fn::ValueOfAll",
    "Ref",
];

pub(super) fn calls(template: &Template<'_>, found: &mut Vec<Issue>) {
    for section in ["Conditions", "Resources", "Outputs"] {
        let Some(value) = template.value.get(section) else { continue };
        walk(value, &Trail::ROOT.key(section), &mut |value, trail| {
            // What documentation or tools hold is theirs.
            if trail.keys_outwards().any(|key| key == "Metadata") {
                return;
            }
            if let Some((name, argument)) = call(value) {
                let call = Call { template, name, argument, at: trail.key(name).pointer() };
                found.extend(call.check());
            }
            if let Value::Object(members) = value
                && members.len() == 1
            {
                found.extend(nearly(members, trail));
            }
        });
    }
}

/// A key that stands alone and is nearly the name of a function. CloudFormation takes it for a property.
fn nearly(members: &Map<String, Value>, trail: &Trail<'_>) -> Option<Issue> {
    const WITHOUT: [&str; 4] = ["GetAtt", "FindInMap", "ImportValue", "GetAZs"];
    let (key, _) = members.iter().next()?;
    if FUNCTIONS.contains(&key.as_str()) || key.starts_with("Fn::ForEach") {
        return None;
    }
    let folded = key.to_ascii_lowercase();
    let meant = if folded == "ref" {
        Some("Ref")
    } else if let Some(rest) = folded.strip_prefix("fn:") {
        let rest = rest.trim_start_matches(':');
        let same = FUNCTIONS.iter().find(|known| known.to_ascii_lowercase() == format!("fn::{rest}"));
        same.copied().or_else(|| nearest(key, FUNCTIONS))
    } else {
        FUNCTIONS.into_iter().find(|known| WITHOUT.contains(&key.as_str()) && known.ends_with(key.as_str()))
    }?;
    let message = format!("`{key}` is no function of CloudFormation");
    let issue = Issue::new(Code::UnknownFunction, trail.key(key).pointer(), message).on_key();
    Some(issue.label("taken for a property").fix(meant, format!("did you mean `{meant}`?")))
}

/// A call of a function.
struct Call<'c, 'd> {
    template: &'c Template<'d>,
    name: &'c str,
    argument: &'c Value,
    at: Pointer,
}

impl Call<'_, '_> {
    fn check(&self) -> Vec<Issue> {
        // A null is refused anywhere, and a loop's names are not known.
        if self.argument.is_null() || call(self.argument).is_some_and(|(name, _)| name == "Fn::Transform") {
            return Vec::new();
        }
        match self.name {
            "Ref" if !self.argument.is_string() && !self.is_extended() => {
                self.form("the name of a parameter or resource")
            }
            "Fn::GetAtt" => self.attribute(),
            "Fn::Sub" => self.substitution(),
            "Fn::Join" => self.join(),
            "Fn::Select" => self.selection(),
            "Fn::FindInMap" => self.lookup(),
            "Fn::Split" => match self.items() {
                Some([separator, text]) if self.fixed(separator) && texty(text) => {
                    if separator.as_str() == Some("") {
                        return self.form("a separator that is not empty, and a text");
                    }
                    Vec::new()
                }
                _ => self.form("a list of a separator and a text"),
            },
            "Fn::Base64" | "Fn::ImportValue" if !texty(self.argument) => {
                self.form("text, or a function that gives it")
            }
            "Fn::GetAZs" if !texty(self.argument) => self.form("a region, or nothing: `\"\"`"),
            "Fn::Cidr" => match self.items() {
                Some([block, _] | [block, _, _]) if texty(block) => Vec::new(),
                _ if call(self.argument).is_some() => Vec::new(),
                _ => self.form("a list of a block, a number of blocks and the bits of each"),
            },
            "Fn::If" => match self.items() {
                Some([Value::String(_), _, _]) => Vec::new(),
                _ => self
                    .form("a list of three: the name of a condition, the value if it holds, and the other"),
            },
            "Fn::And" | "Fn::Or" => match self.items() {
                Some(items) if (2..=10).contains(&items.len()) && items.iter().all(Value::is_object) => {
                    Vec::new()
                }
                _ => self.form("a list of 2 to 10 conditions"),
            },
            "Fn::Not" => match self.items() {
                Some([condition]) if condition.is_object() => Vec::new(),
                _ => self.form("a list of one condition"),
            },
            "Fn::Equals" => match self.items() {
                Some([_, _]) => Vec::new(),
                _ => self.form("a list of two values"),
            },
            _ => Vec::new(),
        }
    }

    fn items(&self) -> Option<&[Value]> {
        self.argument.as_array().map(Vec::as_slice)
    }

    /// A separator: text, which language extensions let functions give as well.
    fn fixed(&self, value: &Value) -> bool {
        value.is_string() || value.is_null() || self.is_extended() && call(value).is_some()
    }

    fn is_extended(&self) -> bool {
        self.template.transforms.iter().any(|name| *name != "AWS::Serverless-2016-10-31")
    }

    fn form(&self, takes: &str) -> Vec<Issue> {
        let message = format!("`{}` takes {takes}", self.name);
        let label = match self.argument {
            Value::Array(items) if items.len() == 1 => "this is a list of 1".to_owned(),
            Value::Array(items) => format!("this is a list of {}", items.len()),
            other => format!("this is {}", kind(other)),
        };
        let issue = Issue::new(Code::WrongCall, self.at.clone(), message).label(label);
        vec![issue.help(format!("give `{}` {takes}", self.name))]
    }

    fn attribute(&self) -> Vec<Issue> {
        let is = match (self.argument, self.items()) {
            (Value::String(text), _) => {
                text.split_once('.').is_some_and(|(id, rest)| !id.is_empty() && !rest.is_empty())
            }
            (_, Some([Value::String(id), attribute])) => {
                !id.is_empty()
                    && (attribute.as_str().is_some_and(|text| !text.is_empty()) || call(attribute).is_some())
            }
            (_, Some([id, _])) => self.is_extended() && call(id).is_some(),
            _ => false,
        };
        if is { Vec::new() } else { self.form("a logical id and an attribute: `[Id, Attribute]`") }
    }

    fn substitution(&self) -> Vec<Issue> {
        let (text, variables) = match (self.argument, self.items()) {
            (Value::String(text), _) => (text, None),
            (_, Some([Value::String(text), Value::Object(variables)])) => (text, Some(variables)),
            _ => return self.form("a text, or a list of a text and a mapping of its variables"),
        };
        let parts = sub_parts(text);
        let names = || {
            parts.iter().filter_map(|part| match part {
                SubPart::Variable(name) => Some(*name),
                SubPart::Text(_) => None,
            })
        };
        let mut found = Vec::new();
        let at = if variables.is_some() { self.at.index(0) } else { self.at.clone() };
        for name in names() {
            if !is_variable(name) {
                let message = format!("`${{{name}}}` cannot be the name of anything");
                let issue = Issue::new(Code::BadExpression, at.clone(), message)
                    .label("letters, digits, `.`, `:` and `_`");
                found.push(issue.help(format!("write `${{!{name}}}` where the text itself is meant")));
            }
        }
        for (name, value) in variables.into_iter().flatten() {
            let at = self.at.index(1).key(name);
            // `${Name}` of a loop may stand in the name.
            if !names().any(|used| used == name)
                && !text.contains("&{")
                && !name.contains("${")
                && !name.starts_with("Fn::")
            {
                let issue =
                    Issue::new(Code::UnusedVariable, at.clone(), format!("the text does not use `{name}`"));
                let issue = issue.on_key().label("never used");
                found.push(match nearest(name, names().filter(|used| !used.starts_with("AWS::"))) {
                    Some(near) => issue.help(format!("did you mean `{near}`?")),
                    None => issue.help(format!("remove it, or write `${{{name}}}` where it belongs")),
                });
            }
            if !texty(value) {
                let issue =
                    Issue::new(Code::WrongCall, at, format!("`{name}` must be text to be put into text"));
                found.push(
                    issue
                        .label(format!("this is {}", kind(value)))
                        .help("give text, or a function that gives it"),
                );
            }
        }
        found
    }

    fn join(&self) -> Vec<Issue> {
        let takes = "a list of a separator and a list of texts";
        let Some([separator, list]) = self.items() else { return self.form(takes) };
        if !self.fixed(separator) {
            return self.form(takes);
        }
        match list {
            Value::Array(items) => {
                let bad = items.iter().enumerate().filter(|(_, item)| !texty(item));
                let issue = |(n, item): (usize, &Value)| {
                    let at = self.at.index(1).index(n);
                    let issue = Issue::new(Code::WrongCall, at, "`Fn::Join` joins texts");
                    issue
                        .label(format!("this is {}", kind(item)))
                        .help("give text, or a function that gives it")
                };
                bad.map(issue).collect()
            }
            _ if call(list).is_some() => Vec::new(),
            _ => self.form(takes),
        }
    }

    fn selection(&self) -> Vec<Issue> {
        let takes = "a list of an index and a list";
        let Some([index, list]) = self.items() else { return self.form(takes) };
        if !(list.is_array() || call(list).is_some()) {
            return self.form(takes);
        }
        if call(index).is_some() {
            return Vec::new();
        }
        let Some(number) = literal(index).and_then(|index| index.parse::<usize>().ok()) else {
            let issue = Issue::new(Code::WrongCall, self.at.index(0), "an index is a whole number from 0");
            return vec![issue.label("no index").help("count from 0")];
        };
        let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
        let certain = list.is_array() && items.iter().all(|item| call(item).is_none());
        if certain && number >= items.len() {
            let message = format!("there is no item {number} in a list of {}", items.len());
            let issue = Issue::new(Code::WrongCall, self.at.index(0), message).label("counted from 0");
            return vec![issue.also(self.at.index(1), "the list").help(match items.len() {
                0 => "give the list items".to_owned(),
                count => format!("choose one from 0 to {}", count - 1),
            })];
        }
        Vec::new()
    }

    /// Keys that are written out are there.
    fn lookup(&self) -> Vec<Issue> {
        let (map, first, second, rest) = match self.items() {
            Some([map, first, second]) => (map, first, second, None),
            Some([map, first, second, rest]) => (map, first, second, Some(rest)),
            _ => return self.form("a list of a mapping's name, a first key and a second key"),
        };
        if let Some(rest) = rest {
            if rest.get("DefaultValue").is_none() {
                return self.form("as its fourth a mapping with `DefaultValue`");
            }
            return Vec::new();
        }
        for value in [map, first, second] {
            if !texty(value) {
                return self.form("a list of a mapping's name, a first key and a second key");
            }
        }
        let rows =
            map.as_str().and_then(|name| self.template.mappings.get(name)).and_then(|rows| rows.as_object());
        let Some(rows) = rows.filter(|_| !self.template.is_open("Mappings")) else { return Vec::new() };
        let hidden = |members: &Map<String, Value>| members.keys().any(|key| key.starts_with("Fn::"));
        if hidden(rows) || rows.values().any(|row| row.as_object().is_none_or(hidden)) {
            return Vec::new();
        }
        let is_loop = |text: &str| text.contains("${") || text.contains("&{");
        let first = literal(first).filter(|key| call(first).is_none() && !is_loop(key));
        let second = literal(second).filter(|key| call(second).is_none() && !is_loop(key));
        if let Some(first) = first.as_deref().filter(|first| !rows.contains_key(*first)) {
            return vec![self.no_key(1, first, rows.keys().map(String::as_str))];
        }
        let chosen = rows.iter().filter(|(key, _)| first.as_ref().is_none_or(|first| first == *key));
        let cells: BTreeSet<&str> =
            chosen.filter_map(|(_, row)| row.as_object()).flat_map(Map::keys).map(String::as_str).collect();
        match second.as_deref().filter(|second| !cells.contains(*second)) {
            Some(second) => vec![self.no_key(2, second, cells.iter().copied())],
            None => Vec::new(),
        }
    }

    fn no_key<'k>(&self, n: usize, key: &str, known: impl Iterator<Item = &'k str> + Clone) -> Issue {
        let map = self.argument.get(0).and_then(Value::as_str).unwrap_or_default();
        let message = format!("the mapping `{map}` has no key `{key}`");
        let issue = Issue::new(Code::UnknownReference, self.at.index(n), message).label("names nothing");
        let issue = issue.also(Pointer::root().key("Mappings").key(map), "the mapping");
        match nearest(key, known.clone()) {
            Some(near) => issue.fix(near, format!("did you mean `{near}`?")),
            None => issue
                .help(format!("it has {}", crate::diag::or_list(known.take(12)).replace(" or ", " and "))),
        }
    }
}

/// Text or a number, or what gives one.
fn texty(value: &Value) -> bool {
    call(value).is_some() || !value.is_object() && !value.is_array()
}
