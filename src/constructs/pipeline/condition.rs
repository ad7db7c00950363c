//! Conditions: what is compared, and which steps follow.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{Export, Scope, Text};
use super::Entry;
use crate::cfn::{Expr, Value, json};
use crate::diag::{Code, Issue, Pointer, or_list};
use crate::rules::json_path;

/// A comparison, the steps when it holds, and the steps when it does not.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The comparison.
    #[serde(rename = "if")]
    pub test: Comparison,
    /// Steps when it holds, at most 20.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub then: Vec<Entry>,
    /// Steps when it does not hold, at most 20.
    #[serde(default, rename = "else")]
    #[schemars(length(max = 20))]
    pub otherwise: Vec<Entry>,
}

/// One comparison, or several put together.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct Comparison {
    /// The first of two is at least the second.
    #[serde(default)]
    #[schemars(length(min = 2, max = 2))]
    pub gte: Option<Vec<Text>>,
    /// The first of two is more than the second.
    #[serde(default)]
    #[schemars(length(min = 2, max = 2))]
    pub gt: Option<Vec<Text>>,
    /// The first of two is at most the second.
    #[serde(default)]
    #[schemars(length(min = 2, max = 2))]
    pub lte: Option<Vec<Text>>,
    /// The first of two is less than the second.
    #[serde(default)]
    #[schemars(length(min = 2, max = 2))]
    pub lt: Option<Vec<Text>>,
    /// The two are equal.
    #[serde(default)]
    #[schemars(length(min = 2, max = 2))]
    pub eq: Option<Vec<Text>>,
    /// A value is one of several.
    #[serde(default, rename = "in")]
    pub one_of: Option<Membership>,
    /// The comparison does not hold.
    #[serde(default)]
    pub not: Option<Box<Comparison>>,
    /// All of them hold.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    pub and: Option<Vec<Comparison>>,
    /// At least one of them holds.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    pub or: Option<Vec<Comparison>>,
}

/// A value, and the values of which it is to be one.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// The value.
    pub value: Text,
    /// The values of which it is to be one.
    #[schemars(length(min = 1))]
    pub of: Vec<Text>,
}

impl Condition {
    /// What it is about, as a name: the last word of the first value compared, and `gate`.
    pub(super) fn subject(&self) -> String {
        // Words that say what kind of value it is rather than of what.
        const GENERAL: [&str; 4] = ["mean", "score", "value", "values"];
        let reference = self.test.references().into_iter().next();
        let word = reference.and_then(|path| {
            let mut words = path.split('.').rev().map(|word| word.split('[').next().unwrap_or(word));
            words.find(|word| !GENERAL.contains(word)).map(str::to_owned)
        });
        word.map_or_else(|| "gate".to_owned(), |word| format!("{word}-gate"))
    }
}

/// Names, types in the definition and operands of the comparisons of two.
type Pairs<'c> = [(&'static str, &'static str, &'c Option<Vec<Text>>); 5];

impl Comparison {
    fn pairs(&self) -> Pairs<'_> {
        [
            ("gte", "GreaterThanOrEqualTo", &self.gte),
            ("gt", "GreaterThan", &self.gt),
            ("lte", "LessThanOrEqualTo", &self.lte),
            ("lt", "LessThan", &self.lt),
            ("eq", "Equals", &self.eq),
        ]
    }

    /// All texts in it, each with the places from here to it.
    fn texts(&self) -> Vec<(&Text, Vec<Place>)> {
        let mut all = Vec::new();
        self.collect(&mut Vec::new(), &mut all);
        all
    }

    /// The references in it.
    pub(super) fn references(&self) -> Vec<&str> {
        self.texts().into_iter().flat_map(|(text, _)| text.references()).collect()
    }

    fn collect<'c>(&'c self, at: &mut Vec<Place>, all: &mut Vec<(&'c Text, Vec<Place>)>) {
        let with = |at: &[Place], more: &[Place]| at.iter().chain(more).copied().collect::<Vec<_>>();
        for (key, _, operands) in self.pairs() {
            for (index, text) in operands.iter().flatten().enumerate() {
                all.push((text, with(at, &[Place::Key(key), Place::Index(index)])));
            }
        }
        if let Some(membership) = &self.one_of {
            all.push((&membership.value, with(at, &[Place::Key("in"), Place::Key("value")])));
            for (index, text) in membership.of.iter().enumerate() {
                all.push((text, with(at, &[Place::Key("in"), Place::Key("of"), Place::Index(index)])));
            }
        }
        for (place, inner) in self.inner() {
            at.extend(&place);
            inner.collect(at, all);
            at.truncate(at.len() - place.len());
        }
    }

    /// The comparisons that it puts together.
    fn inner(&self) -> Vec<(Vec<Place>, &Comparison)> {
        let mut inner: Vec<(Vec<Place>, &Comparison)> = Vec::new();
        if let Some(not) = &self.not {
            inner.push((vec![Place::Key("not")], not));
        }
        for (key, list) in [("and", &self.and), ("or", &self.or)] {
            for (index, comparison) in list.iter().flatten().enumerate() {
                inner.push((vec![Place::Key(key), Place::Index(index)], comparison));
            }
        }
        inner
    }

    /// `Conditions`: all of them must hold.
    pub(super) fn conditions(&self, scope: &Scope<'_>) -> Vec<Value> {
        match &self.and {
            Some(all) => all.iter().flat_map(|one| one.conditions(scope)).collect(),
            None => vec![self.value(scope)],
        }
    }

    fn value(&self, scope: &Scope<'_>) -> Value {
        let resolve = |text: &Text| scope.text(text);
        for (_, kind, operands) in self.pairs() {
            if let Some([left, right]) = operands.as_deref() {
                return json!({ "Type": kind, "LeftValue": resolve(left), "RightValue": resolve(right) });
            }
        }
        if let Some(membership) = &self.one_of {
            let values: Vec<Expr> = membership.of.iter().map(resolve).collect();
            return json!({ "Type": "In", "QueryValue": resolve(&membership.value), "Values": values });
        }
        if let Some(inner) = &self.not {
            return json!({ "Type": "Not", "Condition": inner.value(scope) });
        }
        let values = |list: &Option<Vec<Comparison>>| -> Vec<Value> {
            list.iter().flatten().map(|one| one.value(scope)).collect()
        };
        if self.and.is_some() {
            // Pipelines has no `And` inside other conditions: all hold when it is not so that one does not.
            let none: Vec<Value> = values(&self.and)
                .into_iter()
                .map(|condition| json!({ "Type": "Not", "Condition": condition }))
                .collect();
            return json!({ "Type": "Not", "Condition": { "Type": "Or", "Conditions": none } });
        }
        json!({ "Type": "Or", "Conditions": values(&self.or) })
    }

    /// Says everything that is wrong with it.
    pub(super) fn check(&self, scope: &Scope<'_>, pointer: &Pointer, issues: &mut Vec<Issue>) {
        self.check_form(scope, pointer, issues);
        let mut any = false;
        let texts = self.texts();
        let none = texts.is_empty();
        for (text, places) in texts {
            any |= text.references().next().is_some();
            let at = places.iter().fold(pointer.clone(), |at, place| place.of(&at));
            scope.check_text(text, &at, issues);
            for path in text.references() {
                check_path(path, scope, &at, issues);
            }
        }
        if !any && !none {
            issues.push(
                Issue::new(
                    Code::ConstantCondition,
                    pointer.clone(),
                    "the condition always goes the same way",
                )
                .label("compares nothing that an execution knows")
                .help("compare a value such as `${<step>.<report>.<path>}` or `${parameters.<name>}`"),
            );
        }
    }

    fn check_form(&self, scope: &Scope<'_>, pointer: &Pointer, issues: &mut Vec<Issue>) {
        let pairs = self.pairs();
        let given = pairs.iter().filter(|(.., operands)| operands.is_some()).count()
            + usize::from(self.one_of.is_some())
            + usize::from(self.not.is_some())
            + usize::from(self.and.is_some())
            + usize::from(self.or.is_some());
        if given != 1 {
            let all = ["gte", "gt", "lte", "lt", "eq", "in", "not", "and", "or"];
            issues.push(
                Issue::new(
                    Code::OneOf,
                    pointer.clone(),
                    format!("a comparison has one operator, this one {given}"),
                )
                .help(format!("write one of {}", or_list(all)))
                .help("put several comparisons together with `and: […]` or `or: […]`"),
            );
        }
        for (key, _, operands) in pairs {
            let Some(operands) = operands else { continue };
            if operands.len() != 2 {
                let message = format!("`{key}` compares two values, not {}", operands.len());
                issues.push(Issue::new(Code::OutOfBounds, pointer.key(key), message));
            }
            for (index, operand) in operands.iter().enumerate().filter(|_| key != "eq") {
                check_number(operand, scope, &pointer.key(key).index(index), issues);
            }
        }
        for (key, list) in [("and", &self.and), ("or", &self.or)] {
            let Some(list) = list else { continue };
            if list.is_empty() || list.len() > MOST_CONDITIONS {
                let message =
                    format!("`{key}` puts 1 to {MOST_CONDITIONS} comparisons together, not {}", list.len());
                issues.push(Issue::new(Code::OutOfBounds, pointer.key(key), message));
            }
        }
        for (places, inner) in self.inner() {
            let at = places.iter().fold(pointer.clone(), |at, place| place.of(&at));
            inner.check_form(scope, &at, issues);
        }
    }
}

/// <https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-quotas.html>
const MOST_CONDITIONS: usize = 200;

/// A step from a comparison towards a text in it.
#[derive(Debug, Clone, Copy)]
enum Place {
    Key(&'static str),
    Index(usize),
}

impl Place {
    fn of(self, pointer: &Pointer) -> Pointer {
        match self {
            Place::Key(key) => pointer.key(key),
            Place::Index(index) => pointer.index(index),
        }
    }
}

/// Refuses what is no number where numbers are compared.
fn check_number(operand: &Text, scope: &Scope<'_>, pointer: &Pointer, issues: &mut Vec<Issue>) {
    let problem = match operand {
        Text::Literal(serde_json::Value::Number(_)) => None,
        Text::Literal(value) => Some(format!("`{value}` is no number")),
        Text::Pieces(_) => operand.references().find_map(|path| match scope.export(path) {
            Some(Export::Parameter { kind, .. }) if !matches!(*kind, "Integer" | "Float") => {
                Some(format!("the parameter `{path}` is of type {kind}, and numbers are compared here"))
            }
            Some(other @ (Export::Bucket(_) | Export::Data(_) | Export::Model(_) | Export::Group { .. })) => {
                Some(format!("`{path}` is {}, and numbers are compared here", other.describe()))
            }
            _ if matches!(path, "execution.id" | "execution.arn" | "execution.pipeline_name") => {
                Some(format!("`{path}` is text, and numbers are compared here"))
            }
            _ => None,
        }),
    };
    if let Some(problem) = problem {
        issues.push(
            Issue::new(Code::ConditionType, pointer.clone(), problem)
                .label("not a number")
                .help("compare numbers, or use `eq` or `in`"),
        );
    }
}

/// The path in a report must be one that `Std:JsonGet` reads: names joined by `.`, with `[0]` for items of lists.
fn check_path(path: &str, scope: &Scope<'_>, pointer: &Pointer, issues: &mut Vec<Issue>) {
    let Some(Expr::JsonGet { path: inside, .. }) = scope.value(path) else { return };
    if !json_path::is_path(&inside) {
        issues.push(
            Issue::new(Code::ReportPath, pointer.clone(), format!("`{inside}` is no path in a JSON file"))
                .help("join names with `.`, and write `[0]` for the first item of a list"),
        );
    }
}
