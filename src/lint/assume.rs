//! What must hold for a value to be what it is: conditions, and values of parameters.

use std::collections::BTreeMap;

use serde_json::Value;

use super::functions::call;
use super::template::Template;

/// Conditions inside each other; deeper ones are not looked at.
const MAX_DEPTH: usize = 16;

/// Conditions that hold or do not, and values that parameters have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assumptions<'d> {
    conditions: BTreeMap<&'d str, bool>,
    parameters: BTreeMap<&'d str, String>,
}

impl<'d> Assumptions<'d> {
    /// Whether nothing is assumed.
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty() && self.parameters.is_empty()
    }

    /// Whether anything about a parameter is assumed; its value may then be another at deployment.
    pub fn has_parameters(&self) -> bool {
        !self.parameters.is_empty()
    }

    /// The value that a parameter is taken to have.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// Whether a condition is taken to hold.
    pub fn condition(&self, name: &str) -> Option<bool> {
        self.conditions.get(name).copied()
    }

    /// All of these and all of those; none where they contradict each other.
    #[must_use]
    pub fn and(&self, template: &Template<'d>, other: &Assumptions<'d>) -> Option<Assumptions<'d>> {
        if other.is_empty() || self == other {
            return Some(self.clone());
        }
        let mut all = self.clone();
        for (name, value) in &other.parameters {
            all = all.set(name, value)?;
        }
        for (name, holds) in &other.conditions {
            all = all.put(name, *holds)?;
        }
        all.consistent(template)
    }

    /// These, and that a condition holds or does not; none where that cannot be.
    #[must_use]
    pub fn assume(&self, template: &Template<'d>, name: &'d str, holds: bool) -> Option<Assumptions<'d>> {
        if self.conditions.get(name) == Some(&holds) {
            return Some(self.clone());
        }
        let mut all = self.put(name, holds)?;
        if let Some(condition) = template.conditions.get(name) {
            all = all.imply(template, condition, holds, 0)?;
        }
        all.consistent(template)
    }

    /// These, and that a parameter has a value; none where that cannot be.
    #[must_use]
    pub fn bind(&self, template: &Template<'d>, name: &'d str, value: &str) -> Option<Assumptions<'d>> {
        self.set(name, value)?.consistent(template)
    }

    fn put(&self, name: &'d str, holds: bool) -> Option<Assumptions<'d>> {
        let mut all = self.clone();
        (*all.conditions.entry(name).or_insert(holds) == holds).then_some(all)
    }

    fn set(&self, name: &'d str, value: &str) -> Option<Assumptions<'d>> {
        let mut all = self.clone();
        (*all.parameters.entry(name).or_insert_with(|| value.to_owned()) == value).then_some(all)
    }

    /// What follows from an expression's being so.
    fn imply(
        self,
        template: &Template<'d>,
        condition: &'d Value,
        holds: bool,
        depth: usize,
    ) -> Option<Assumptions<'d>> {
        let Some((name, argument)) = condition_call(condition).filter(|_| depth < MAX_DEPTH) else {
            return Some(self);
        };
        let items = argument.as_array().map(Vec::as_slice).unwrap_or_default();
        match (name, holds) {
            ("Fn::And", true) | ("Fn::Or", false) => {
                items.iter().try_fold(self, |all, item| all.imply(template, item, holds, depth + 1))
            }
            ("Fn::Not", _) => match items {
                [item] => self.imply(template, item, !holds, depth + 1),
                _ => Some(self),
            },
            ("Condition", _) => {
                let Some(name) = argument.as_str() else { return Some(self) };
                let all = self.put(name, holds)?;
                match template.conditions.get(name) {
                    Some(inner) => all.imply(template, inner, holds, depth + 1),
                    None => Some(all),
                }
            }
            ("Fn::Equals", true) => match items {
                [one, other] => match (parameter(template, one), parameter(template, other)) {
                    (Some(name), None) => self.equal(name, other),
                    (None, Some(name)) => self.equal(name, one),
                    _ => Some(self),
                },
                _ => Some(self),
            },
            _ => Some(self),
        }
    }

    fn equal(self, name: &'d str, value: &Value) -> Option<Assumptions<'d>> {
        match literal(value) {
            Some(value) => self.set(name, &value),
            None => Some(self),
        }
    }

    /// None if a condition that is assumed comes out otherwise.
    fn consistent(self, template: &Template<'d>) -> Option<Assumptions<'d>> {
        let contradicted = self.conditions.iter().any(|(name, holds)| {
            let condition = template.conditions.get(name);
            condition.and_then(|condition| self.evaluate(template, condition, 0)) == Some(!holds)
        });
        (!contradicted).then_some(self)
    }

    /// Whether a condition's expression holds under these assumptions; none where that cannot be said.
    pub fn evaluate(&self, template: &Template<'d>, condition: &Value, depth: usize) -> Option<bool> {
        let (name, argument) = condition_call(condition).filter(|_| depth < MAX_DEPTH)?;
        let items = argument.as_array().map(Vec::as_slice).unwrap_or_default();
        let each = || items.iter().map(|item| self.evaluate(template, item, depth + 1));
        match name {
            "Fn::And" if each().any(|holds| holds == Some(false)) => Some(false),
            "Fn::And" => each().all(|holds| holds == Some(true)).then_some(true),
            "Fn::Or" if each().any(|holds| holds == Some(true)) => Some(true),
            "Fn::Or" => each().all(|holds| holds == Some(false)).then_some(false),
            "Fn::Not" => each().next().flatten().map(|holds| !holds),
            "Condition" => {
                let name = argument.as_str()?;
                let known = self.conditions.get(name).copied();
                known.or_else(|| self.evaluate(template, template.conditions.get(name)?, depth + 1))
            }
            "Fn::Equals" => {
                let [one, other] = items else { return None };
                if one == other {
                    return Some(true);
                }
                match (self.operand(template, one), self.operand(template, other)) {
                    (Some(one), Some(other)) => Some(one == other),
                    (None, Some(value)) => allows(template, one, &value).filter(|possible| !possible),
                    (Some(value), None) => allows(template, other, &value).filter(|possible| !possible),
                    (None, None) => None,
                }
            }
            _ => None,
        }
    }

    /// What a side of `Fn::Equals` comes to.
    fn operand(&self, template: &Template<'d>, value: &Value) -> Option<String> {
        match call(value) {
            None => literal(value),
            Some(("Ref", argument)) => match argument.as_str()? {
                "AWS::Region" => template.region.map(str::to_owned),
                name => self.parameters.get(name).cloned(),
            },
            Some(_) => None,
        }
    }
}

/// Whether a parameter can have a value, as far as its allowed values say.
fn allows(template: &Template<'_>, reference: &Value, value: &str) -> Option<bool> {
    let parameter = template.parameters.get(parameter(template, reference)?)?;
    let allowed = parameter.members.get("AllowedValues")?.as_array()?;
    Some(allowed.iter().any(|one| literal(one).as_deref() == Some(value)))
}

/// `Fn::…` or `{ Condition: name }`.
fn condition_call(value: &Value) -> Option<(&str, &Value)> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    members.iter().next().map(|(name, argument)| (name.as_str(), argument))
}

/// The parameter that a value is a `Ref` to.
fn parameter<'d>(template: &Template<'d>, value: &Value) -> Option<&'d str> {
    let ("Ref", argument) = call(value)? else { return None };
    template.parameters.get_key_value(argument.as_str()?).map(|(name, _)| *name)
}

/// A scalar as CloudFormation compares it.
pub(super) fn literal(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

impl Assumptions<'_> {
    /// As people read it: `[IsProd, not IsTest, Env=prod]`; nothing for nothing.
    pub fn shown(&self) -> String {
        let conditions = self
            .conditions
            .iter()
            .map(|(name, holds)| if *holds { (*name).to_owned() } else { format!("not {name}") });
        let parameters = self.parameters.iter().map(|(name, value)| format!("{name}={value}"));
        let all: Vec<String> = conditions.chain(parameters).collect();
        if all.is_empty() { String::new() } else { format!("[{}]", all.join(", ")) }
    }
}
