//! A step's arguments against the shape of the request that the step sends.
//!
//! Source: the service models of botocore (`tables::api`). An expression may stand wherever a scalar does.

use serde_json::{Map, Value};

use super::expression::{Class, classify};
use super::forms::{self, missing_key, size, unknown_key, unknown_value, within, wrong_type};
use super::reference::Type;
use super::{Definition, Step};
use crate::diag::{Code, Issue, Pointer, Replacement, nearest, or_list};
use crate::tables::{self, ApiKind, ApiShape, JobKind};

/// Says what is wrong with the arguments of a step that sends a request.
pub(super) fn check(step: &Step<'_>, definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    let (Some(shape), Some(kind)) = (shape(step).and_then(tables::api), step.kind) else { return };
    let mut request = Request { definition, issues };
    if let Some(members) = step.arguments().as_object() {
        request.structure(members, shape, kind.given, &step.arguments_at());
    }
}

/// Says what is wrong with a value of some shape of an API.
pub(super) fn check_value(
    value: &Value,
    shape: &str,
    at: &Pointer,
    definition: &Definition<'_>,
    issues: &mut Vec<Issue>,
) {
    if let Some(shape) = tables::api(shape) {
        Request { definition, issues }.value(value, shape, "the value", at);
    }
}

/// The shape of a step's request. `AutoML` is either version of it: the SDK sends the first.
fn shape(step: &Step<'_>) -> Option<&'static str> {
    let first = ["AutoMLJobConfig", "InputDataConfig", "ProblemType"];
    if step.is("AutoML") && first.iter().any(|member| !step.arguments()[*member].is_null()) {
        return Some("CreateAutoMLJobRequest");
    }
    step.kind?.request
}

struct Request<'c, 'd> {
    definition: &'c Definition<'d>,
    issues: &'c mut Vec<Issue>,
}

impl Request<'_, '_> {
    fn structure(&mut self, members: &Map<String, Value>, shape: ApiShape, given: &[&str], at: &Pointer) {
        let what = called(at);
        for (name, value) in members {
            match shape.member(name) {
                Some(member) if !value.is_null() => {
                    self.value(value, member, name, &at.key(name));
                }
                None if !value.is_null() => {
                    let known: Vec<&str> = shape.members().map(|(name, _)| name).collect();
                    self.issues.push(unknown_key(name, &what, known, at));
                }
                _ => {}
            }
        }
        for name in shape.required() {
            if !given.contains(name) && members.get(*name).is_none_or(Value::is_null) {
                self.issues.push(missing_key(name, &what, at));
            }
        }
    }

    fn value(&mut self, value: &Value, shape: ApiShape, name: &str, at: &Pointer) {
        match (classify(value), shape.kind()) {
            (Class::Unknown, _) | (_, ApiKind::Timestamp | ApiKind::Blob) => {}
            (Class::Literal(Value::Object(members)), ApiKind::Structure) => {
                self.structure(members, shape, &[], at);
            }
            (Class::Literal(Value::Array(items)), ApiKind::List) => self.list(items, shape, name, at),
            (Class::Literal(_), ApiKind::List) => {
                self.issues.push(wrong_type(value, at, &format!("`{name}` is a list")));
            }
            (Class::Literal(Value::Object(members)), ApiKind::Map) => self.map(members, shape, name, at),
            (Class::Literal(_), ApiKind::Structure | ApiKind::Map) => {
                self.issues.push(wrong_type(value, at, &format!("`{name}` is a mapping")));
            }
            (Class::Literal(value), _) => self.literal(value, shape, name, at),
            (_, ApiKind::List | ApiKind::Map) => self.not_one_value(value, name, at),
            (_, ApiKind::Structure) => {
                self.issues.push(wrong_type(value, at, &format!("`{name}` is a mapping of its own members")));
            }
            _ => {
                if let Some(wanted) = Type::of(shape) {
                    let what = format!("`{name}`");
                    forms::scalar(value, wanted, &what, at, self.definition, self.issues);
                }
            }
        }
    }

    /// An expression where a list is wanted: `CreatePipeline` expects the start of a list.
    /// <https://github.com/aws/sagemaker-python-sdk/issues/2345>
    fn not_one_value(&mut self, value: &Value, name: &str, at: &Pointer) {
        if super::reference::type_of(value, self.definition).is_some() {
            self.issues.push(
                Issue::new(
                    Code::WrongType,
                    at.clone(),
                    format!("`{name}` has several values, and the expression gives one"),
                )
                .label("gives one value")
                .help("put it into a list: `[…]`"),
            );
        }
    }

    fn list(&mut self, items: &[Value], shape: ApiShape, name: &str, at: &Pointer) {
        let bound = shape.bound();
        let what = format!("the number of items of `{name}`");
        within(&what, size(items.len()), bound.min, bound.max, at, self.issues);
        let Some(item) = shape.element() else { return };
        for (index, value) in items.iter().enumerate() {
            self.value(value, item, name, &at.index(index));
        }
    }

    fn map(&mut self, members: &Map<String, Value>, shape: ApiShape, name: &str, at: &Pointer) {
        let bound = shape.bound();
        let what = format!("the number of entries of `{name}`");
        within(&what, size(members.len()), bound.min, bound.max, at, self.issues);
        let (Some(key_shape), Some(value_shape)) = (shape.key(), shape.value()) else { return };
        for (key, value) in members {
            let place = at.key(key);
            let before = self.issues.len();
            self.text(key, key_shape, &format!("a key of `{name}`"), &place);
            for issue in &mut self.issues[before..] {
                issue.part = crate::diag::Part::Key;
                issue.fix = None;
                if issue.help.is_empty() {
                    issue.help.push("give it another name".to_owned());
                }
            }
            self.value(value, value_shape, key, &place);
        }
    }

    fn literal(&mut self, value: &Value, shape: ApiShape, name: &str, at: &Pointer) {
        let bound = shape.bound();
        let what = format!("`{name}`");
        match (shape.kind(), value) {
            (ApiKind::String, Value::String(text)) => self.text(text, shape, &what, at),
            (ApiKind::String, Value::Number(_) | Value::Bool(_)) => self.issues.push(
                wrong_type(value, at, &format!("{what} is text"))
                    .fix_by(Replacement::Quoted, "write it in quotes"),
            ),
            (ApiKind::Integer, Value::Number(number)) if number.is_i64() || number.is_u64() => {
                within(&what, number.as_i64().unwrap_or(i64::MAX), bound.min, bound.max, at, self.issues);
            }
            (ApiKind::Float, Value::Number(number)) => self.number(number, shape, &what, at),
            (ApiKind::Boolean, Value::Bool(_)) => {}
            (form, _) => {
                let rule = match form {
                    ApiKind::Integer => "a whole number",
                    ApiKind::Float => "a number",
                    ApiKind::Boolean => "`true` or `false`",
                    _ => "text",
                };
                let issue = wrong_type(value, at, &format!("{what} is {rule}"));
                self.issues.push(match value.as_str().map(str::trim) {
                    Some(text)
                        if form != ApiKind::String
                            && serde_json::from_str::<Value>(text).is_ok_and(|it| {
                                it.is_boolean() == (form == ApiKind::Boolean)
                                    && (it.is_boolean() || it.is_number())
                            }) =>
                    {
                        issue.fix_by(Replacement::Yaml(text.to_owned()), "write it without quotes")
                    }
                    _ => issue,
                });
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "saturates, which is what is wanted")]
    fn number(&mut self, number: &serde_json::Number, shape: ApiShape, what: &str, at: &Pointer) {
        let bound = shape.bound();
        let Some(value) = number.as_f64() else { return };
        #[expect(clippy::cast_precision_loss, reason = "bounds are small")]
        let beyond = |edge: Option<i64>| edge.map(|edge| edge as f64);
        if beyond(bound.min).is_some_and(|min| value < min) {
            within(what, value.floor() as i64, bound.min, bound.max, at, self.issues);
        } else if beyond(bound.max).is_some_and(|max| value > max) {
            within(what, value.ceil() as i64, bound.min, bound.max, at, self.issues);
        }
    }

    fn text(&mut self, text: &str, shape: ApiShape, what: &str, at: &Pointer) {
        if super::expression::has_placeholder(text) {
            return;
        }
        if let Some(kind) = shape.instance_types_of() {
            self.instance(text, kind, at);
            return;
        }
        let values = shape.values();
        if !values.is_empty() {
            if !values.contains(&text) {
                self.issues.push(unknown_value(
                    text,
                    "value that is possible here",
                    values.iter().copied(),
                    at,
                ));
            }
            return;
        }
        let bound = shape.bound();
        let before = self.issues.len();
        let length = format!("the length of {what}");
        within(&length, size(text.chars().count()), bound.min, bound.max, at, self.issues);
        let refused = shape.pattern().filter(|pattern| pattern.matches(text) == Some(false));
        if let Some(pattern) = refused.filter(|_| self.issues.len() == before) {
            let pattern = pattern.text();
            self.issues.push(
                Issue::new(
                    Code::WrongForm,
                    at.clone(),
                    format!("{what} does not have the form that AWS takes"),
                )
                .label("this form is refused")
                .help(format!("write it so that it matches `{pattern}`")),
            );
        }
    }

    fn instance(&mut self, instance: &str, kind: JobKind, at: &Pointer) {
        if tables::takes(kind, instance) {
            return;
        }
        let job = match kind {
            JobKind::Endpoint => "endpoints take",
            JobKind::Processing => "processing jobs take",
            JobKind::Training => "training jobs take",
            JobKind::Transform => "transform jobs take",
        };
        let known = tables::instance_exists(instance);
        let message = if known {
            format!("`{instance}` is none of the instance types that {job}")
        } else {
            format!("there is no instance type `{instance}`")
        };
        let code =
            if known && kind == JobKind::Endpoint { Code::EndpointInstance } else { Code::InstanceType };
        let issue = Issue::new(code, at.clone(), message).label("not possible here");
        if let Some(near) = tables::near_instance(kind, instance) {
            self.issues.push(issue.fix(near, format!("did you mean `{near}`?")));
            return;
        }
        let some = tables::instance_types(kind).iter().copied().take(8);
        self.issues.push(issue.help(format!("take another one, such as {}", or_list(some))));
    }
}

/// What the structure at a place is called.
fn called(at: &Pointer) -> String {
    let segments: Vec<String> = at.segments().collect();
    match segments.iter().rev().find(|segment| segment.parse::<usize>().is_err()) {
        Some(name) if name == "Arguments" => "the request".to_owned(),
        Some(name) => format!("`{name}`"),
        None => "the definition".to_owned(),
    }
}

/// The nearest function to a key that is none.
pub(super) fn near_function(key: &str) -> Option<&'static str> {
    nearest(key, super::expression::FUNCTIONS)
}
