//! What a value may come to when the template is deployed.

mod texts;

use std::slice;

use serde_json::{Map, Value};

use super::assume::literal;
use super::functions::{call, get_att};
use super::{Assumptions, Piece, Resource, Template, Text};
use crate::diag::Pointer;
use texts::literal_text;

/// Cases of one value; with more, it is unknown.
const MAX_CASES: usize = 64;
/// Functions inside each other that are followed.
const MAX_DEPTH: usize = 40;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node<'d> {
    /// The value as it is written.
    pub value: &'d Value,
    /// Where it stands.
    pub at: Pointer,
}

/// Something that a value may come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Case<'d> {
    /// What it is then.
    pub thing: Thing<'d>,
    /// Where that is written: a branch of `Fn::If`, or the reference to a parameter.
    pub at: Pointer,
    /// What holds then.
    pub when: Assumptions<'d>,
}

/// What a value is, as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub enum Thing<'d> {
    /// A mapping that is no call of a function; its members may be.
    Map(&'d Map<String, Value>),
    /// A list as it is written; its items may be calls.
    List(&'d [Value]),
    /// A list that a function or a parameter gives.
    Texts(Vec<Text>),
    /// A number, a flag or null.
    Scalar(&'d Value),
    /// Text.
    Text(Text),
    /// `AWS::NoValue`: as if it were not there.
    Absent,
    /// Whatever.
    Unknown,
}

impl<'d> Node<'d> {
    /// A value and its place.
    pub fn new(value: &'d Value, at: Pointer) -> Node<'d> {
        Node { value, at }
    }
}

impl<'d> Case<'d> {
    /// The text, if it is text.
    pub fn text(&self) -> Option<&Text> {
        match &self.thing {
            Thing::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a scalar that is known, as CloudFormation writes it: `5`, `true`.
    pub fn known(&self) -> Option<String> {
        match &self.thing {
            Thing::Text(text) => text.known().map(str::to_owned),
            Thing::Scalar(value) => literal(value),
            _ => None,
        }
    }

    /// The number, also one that is written as text.
    pub fn number(&self) -> Option<f64> {
        self.known()?.parse().ok()
    }

    /// The flag, also one that is written as text.
    pub fn flag(&self) -> Option<bool> {
        match self.known()?.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// Whether the value is not there.
    pub fn is_absent(&self) -> bool {
        self.thing == Thing::Absent
    }

    /// The mapping's member `key`, if this is a mapping and has it.
    pub fn member(&self, key: &str) -> Option<Node<'d>> {
        let Thing::Map(members) = self.thing else { return None };
        members.get(key).map(|value| Node::new(value, self.at.key(key)))
    }

    /// The items as they are written, if this is such a list.
    pub fn items(&self) -> impl Iterator<Item = Node<'d>> + use<'d> {
        let items = match self.thing {
            Thing::List(items) => items,
            _ => &[],
        };
        let at = self.at.clone();
        items.iter().enumerate().map(move |(n, value)| Node::new(value, at.index(n)))
    }
}

impl<'d> Template<'d> {
    /// What a value may come to, under what is assumed already. Cases that contradict it are not among them; what is
    /// within a mapping or list is not looked at.
    pub fn cases(&self, node: &Node<'d>, when: &Assumptions<'d>) -> Vec<Case<'d>> {
        let mut found = self.resolve(node, when, 0);
        if found.len() > MAX_CASES {
            found = vec![Case { thing: Thing::Unknown, at: node.at.clone(), when: when.clone() }];
        }
        found
    }

    /// All that a resource's property may come to, by its dotted path; `*` are the items of a list or the members of a
    /// mapping. A property that is not given has no case; one that a branch leaves out has one that is
    /// [`Thing::Absent`].
    pub fn values(&self, resource: &Resource<'d>, path: &str) -> Vec<Case<'d>> {
        let Some(when) = self.existence(resource) else { return Vec::new() };
        let Some(properties) = resource.members.get("Properties") else { return Vec::new() };
        let root = Node::new(properties, resource.pointer.key("Properties"));
        let mut cases = self.cases(&root, &when);
        for segment in path.split('.') {
            cases = cases.iter().flat_map(|case| self.beneath(case, segment)).take(4 * MAX_CASES).collect();
        }
        cases
    }

    /// What the member or the items of a case may come to.
    pub fn beneath(&self, case: &Case<'d>, segment: &str) -> Vec<Case<'d>> {
        let unknown = || vec![Case { thing: Thing::Unknown, ..case.clone() }];
        match (&case.thing, segment) {
            (Thing::Map(members), "*") => {
                let all = members.iter().map(|(key, value)| Node::new(value, case.at.key(key)));
                all.flat_map(|node| self.cases(&node, &case.when)).collect()
            }
            (Thing::List(_), "*") => case.items().flat_map(|node| self.cases(&node, &case.when)).collect(),
            (Thing::Texts(texts), "*") => {
                let each = |text: &Text| Case { thing: Thing::Text(text.clone()), ..case.clone() };
                texts.iter().map(each).collect()
            }
            (Thing::Map(members), key) => match case.member(key) {
                Some(node) => self.cases(&node, &case.when),
                // `Fn::Transform` and loops add members.
                None if members.keys().any(|key| key.starts_with("Fn::")) => unknown(),
                None => Vec::new(),
            },
            (Thing::List(_), index) => match index.parse::<usize>().ok().and_then(|n| case.items().nth(n)) {
                Some(node) => self.cases(&node, &case.when),
                None => Vec::new(),
            },
            (Thing::Unknown, _) => unknown(),
            // A reference may stand for any structure.
            (Thing::Text(text), _) if text.known().is_none() => unknown(),
            (Thing::Text(_) | Thing::Texts(_) | Thing::Scalar(_) | Thing::Absent, _) => Vec::new(),
        }
    }

    fn resolve(&self, node: &Node<'d>, when: &Assumptions<'d>, depth: usize) -> Vec<Case<'d>> {
        let case = |thing| vec![Case { thing, at: node.at.clone(), when: when.clone() }];
        if depth > MAX_DEPTH {
            return case(Thing::Unknown);
        }
        let Some((name, argument)) = call(node.value) else {
            return case(match node.value {
                Value::Object(members) => Thing::Map(members),
                Value::Array(items) => Thing::List(items),
                Value::String(text) => Thing::Text(literal_text(text)),
                scalar => Thing::Scalar(scalar),
            });
        };
        let inner = Node::new(argument, node.at.key(name));
        match name {
            "Ref" => self.reference(node, argument, when),
            "Fn::If" => self.branches(&inner, when, depth),
            "Fn::GetAtt" => case(Thing::Text(match get_att(argument) {
                Some((id, attribute)) if self.resources.contains_key(id) => {
                    Text::from(Piece::Resource { id: id.to_owned(), attribute: Some(attribute.to_owned()) })
                }
                _ => Text::unknown(),
            })),
            "Fn::Sub" => self.substitute(&inner, when, depth),
            "Fn::Join" => self.join(&inner, when, depth),
            "Fn::FindInMap" => self.find(&inner, when, depth),
            "Fn::Select" => self.select(&inner, when, depth),
            "Fn::Split" => self.split(&inner, when, depth),
            "Fn::ImportValue" | "Fn::Base64" | "Fn::ToJsonString" => case(Thing::Text(Text::unknown())),
            _ => case(Thing::Unknown),
        }
        .into_iter()
        .take(MAX_CASES + 1)
        .collect()
    }

    fn reference(&self, node: &Node<'d>, argument: &'d Value, when: &Assumptions<'d>) -> Vec<Case<'d>> {
        let case = |thing, when| Case { thing, at: node.at.clone(), when };
        let plain = |thing| vec![case(thing, when.clone())];
        let Some(name) = argument.as_str() else { return plain(Thing::Unknown) };
        if name == "AWS::NoValue" {
            return plain(Thing::Absent);
        }
        if name == "AWS::NotificationARNs" {
            return plain(Thing::Unknown);
        }
        if let Some(pseudo) = name.strip_prefix("AWS::") {
            return plain(Thing::Text(self.pseudo(pseudo)));
        }
        if let Some((name, parameter)) = self.parameters.get_key_value(name) {
            if let Some(value) = when.parameter(name) {
                return plain(of_parameter(parameter.kind, value));
            }
            let values = parameter.values();
            let cases: Vec<_> = values
                .iter()
                .filter_map(|value| {
                    Some(case(of_parameter(parameter.kind, value), when.bind(self, name, value)?))
                })
                .collect();
            return if cases.is_empty() { plain(Thing::Unknown) } else { cases };
        }
        plain(match self.resources.get(name) {
            Some(_) => Thing::Text(Text::from(Piece::Resource { id: name.to_owned(), attribute: None })),
            None => Thing::Unknown,
        })
    }

    fn pseudo(&self, name: &str) -> Text {
        match (name, self.region) {
            ("Region", Some(region)) => Text::literal(region),
            _ => Text::from(Piece::Pseudo(name.to_owned())),
        }
    }

    fn branches(&self, argument: &Node<'d>, when: &Assumptions<'d>, depth: usize) -> Vec<Case<'d>> {
        let parts = argument.value.as_array().map(Vec::as_slice);
        let Some([condition, yes, no]) = parts else {
            return vec![Case { thing: Thing::Unknown, at: argument.at.clone(), when: when.clone() }];
        };
        let branch = |n: usize, value: &'d Value, holds: bool| {
            let when = match condition.as_str() {
                Some(name) => when.assume(self, name, holds),
                None => Some(when.clone()),
            };
            let node = Node::new(value, argument.at.index(n));
            when.map(|when| self.resolve(&node, &when, depth + 1)).unwrap_or_default()
        };
        let mut cases = branch(1, yes, true);
        cases.extend(branch(2, no, false));
        cases
    }

    /// Every entry of a mapping that can be meant.
    fn find(&self, argument: &Node<'d>, when: &Assumptions<'d>, depth: usize) -> Vec<Case<'d>> {
        let unknown = || vec![Case { thing: Thing::Unknown, at: argument.at.parent(), when: when.clone() }];
        let Some([map, first, second, rest @ ..]) = argument.value.as_array().map(Vec::as_slice) else {
            return unknown();
        };
        let Some(Value::Object(rows)) = map.as_str().and_then(|map| self.mappings.get(map)) else {
            return unknown();
        };
        let mut cases = Vec::new();
        for (row, when) in self.as_text(&Node::new(first, argument.at.index(1)), when, depth) {
            for (column, when) in self.as_text(&Node::new(second, argument.at.index(2)), &when, depth) {
                let wanted = rows.iter().filter(|(key, _)| row.known().is_none_or(|row| row == *key));
                let cells = wanted.filter_map(|(_, cells)| cells.as_object()).flatten();
                let cells = cells.filter(|(key, _)| column.known().is_none_or(|column| column == *key));
                cases.extend(cells.take(MAX_CASES + 1).map(|(_, value)| Case {
                    thing: match value {
                        Value::String(text) => Thing::Text(literal_text(text)),
                        Value::Array(items) => Thing::List(items),
                        Value::Object(_) => Thing::Unknown,
                        scalar => Thing::Scalar(scalar),
                    },
                    at: argument.at.parent(),
                    when: when.clone(),
                }));
            }
        }
        // A default, or a row that is not there.
        if !rest.is_empty() || cases.is_empty() {
            cases.extend(unknown());
        }
        cases
    }

    fn select(&self, argument: &Node<'d>, when: &Assumptions<'d>, depth: usize) -> Vec<Case<'d>> {
        let unknown = || vec![Case { thing: Thing::Unknown, at: argument.at.parent(), when: when.clone() }];
        let Some([index, list]) = argument.value.as_array().map(Vec::as_slice) else { return unknown() };
        let Some(index) = literal(index).and_then(|index| index.parse::<usize>().ok()) else {
            return unknown();
        };
        let lists = self.resolve(&Node::new(list, argument.at.index(1)), when, depth + 1);
        let item = |case: Case<'d>| match &case.thing {
            // An item that a condition may leave out moves those behind it.
            Thing::List(items)
                if items[..index.min(items.len())]
                    .iter()
                    .any(|item| call(item).is_some_and(|(name, _)| name == "Fn::If")) =>
            {
                unknown()
            }
            Thing::List(items) if index < items.len() => {
                let node = Node::new(&items[index], case.at.index(index));
                self.resolve(&node, &case.when, depth + 1)
            }
            Thing::Texts(texts) => match texts.get(index) {
                Some(text) => {
                    vec![Case { thing: Thing::Text(text.clone()), at: argument.at.parent(), ..case }]
                }
                None => unknown(),
            },
            _ => unknown(),
        };
        lists.into_iter().flat_map(item).collect()
    }

    fn split(&self, argument: &Node<'d>, when: &Assumptions<'d>, depth: usize) -> Vec<Case<'d>> {
        let at = argument.at.parent();
        let unknown =
            |when: &Assumptions<'d>| Case { thing: Thing::Unknown, at: at.clone(), when: when.clone() };
        let Some([Value::String(separator), text]) = argument.value.as_array().map(Vec::as_slice) else {
            return vec![unknown(when)];
        };
        let texts = self.as_text(&Node::new(text, argument.at.index(1)), when, depth);
        let split = |(text, when): (Text, Assumptions<'d>)| match text.known() {
            Some(text) if !separator.is_empty() => {
                let parts = text.split(separator.as_str()).map(Text::literal).collect();
                Case { thing: Thing::Texts(parts), at: at.clone(), when }
            }
            _ => unknown(&when),
        };
        texts.into_iter().map(split).collect()
    }
}

impl super::Parameter<'_> {
    /// The values that it is known to be able to have: the allowed ones, else the default unless that is empty, which
    /// mostly says that there is none.
    pub fn values(&self) -> Vec<String> {
        // The value is the name of what holds the value.
        if self.kind.starts_with("AWS::SSM::Parameter::Value") {
            return Vec::new();
        }
        let values = match (self.members.get("AllowedValues"), self.members.get("Default")) {
            (Some(Value::Array(allowed)), _) => allowed.as_slice(),
            (_, Some(default)) => slice::from_ref(default),
            _ => &[],
        };
        values.iter().filter_map(literal).filter(|value| !value.is_empty()).collect()
    }
}

fn of_parameter<'d>(kind: &str, value: &str) -> Thing<'d> {
    if kind == "CommaDelimitedList" || kind.starts_with("List<") {
        return Thing::Texts(value.split(',').map(|item| Text::literal(item.trim())).collect());
    }
    Thing::Text(Text::literal(value))
}
