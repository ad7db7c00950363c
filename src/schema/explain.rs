//! What the schema refuses, in words for the author of the file.

use std::collections::{BTreeSet, VecDeque};

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

use super::Schema;
use super::trail::{Trail, description, resolve, target};
use super::union;
use super::words::{either, found, plain, subject, wanted};
use crate::diag::{Code, Issue, Pointer, Replacement, nearest, or_list};

/// Every way in which `value` does not follow `schema`, each cause once. The order is the schema's.
///
/// A schema that is none explains nothing.
pub fn explain(schema: &Schema, value: &Value) -> Vec<Issue> {
    let Some(validator) = &schema.validator else { return Vec::new() };
    let mut report = Report { schema: &schema.value, value, found: Vec::new() };
    for error in validator.iter_errors(value) {
        report.error(&error.to_owned());
    }
    report.issues()
}

/// What has been found so far.
pub(super) struct Report<'a> {
    pub(super) schema: &'a Value,
    pub(super) value: &'a Value,
    found: Vec<Found>,
}

struct Found {
    issue: Issue,
    /// The key whose absence this is about, in the mapping at the issue's pointer.
    missing: Option<String>,
    /// The mapping that this key does not belong to, and what was probably meant.
    meant: Option<(Pointer, String)>,
    /// The mapping that probably belongs elsewhere.
    misplaced: Option<Pointer>,
}

impl Report<'_> {
    pub(super) fn add(&mut self, issue: Issue) {
        self.found.push(Found { issue, missing: None, meant: None, misplaced: None });
    }

    /// How many have been found.
    pub(super) fn count(&self) -> usize {
        self.found.len()
    }

    /// Adds a way out to those found at `pointer` since there were `before`.
    pub(super) fn help_since(&mut self, before: usize, pointer: &Pointer, help: &str) {
        for found in self.found[before..].iter_mut().filter(|found| found.issue.pointer == *pointer) {
            found.issue.help.push(help.to_owned());
        }
    }

    /// A mapping whose name is the author's own has keys that do not belong there. When that name is a key
    /// elsewhere, it is the mapping that is in the wrong place.
    fn misplaced(&mut self, before: usize, pointer: &Pointer) {
        let name = pointer.last();
        let owners = owners(self.schema, &name);
        if owners.is_empty() {
            return;
        }
        let owners = or_list(owners.iter().map(|owner| owner.trim_matches('`')));
        for found in &mut self.found[before..] {
            found.issue.notes = vec![format!("`{name}` is a key of {owners}: is the indentation right?")];
            found.misplaced = Some(pointer.clone());
        }
    }

    /// A misspelt key is not also a missing one, and what is in the wrong place misses nothing there.
    fn issues(self) -> Vec<Issue> {
        let meant: BTreeSet<(Pointer, String)> =
            self.found.iter().filter_map(|found| found.meant.clone()).collect();
        let misplaced: BTreeSet<Pointer> =
            self.found.iter().filter_map(|found| found.misplaced.clone()).collect();
        let follows = |found: &Found| {
            let place = &found.issue.pointer;
            let spelt = |key: &String| meant.contains(&(place.clone(), key.clone()));
            found.missing.as_ref().is_some_and(|key| misplaced.contains(place) || spelt(key))
        };
        let mut issues: Vec<Issue> = Vec::new();
        for found in self.found {
            if !follows(&found) && !issues.contains(&found.issue) {
                issues.push(found.issue);
            }
        }
        issues
    }

    /// One error of the validator becomes the issues that it stands for.
    pub(super) fn error(&mut self, error: &ValidationError<'static>) {
        let pointer = Pointer::parse(error.instance_path().as_str());
        let path = error.evaluation_path().as_str();
        let trail = Trail::follow(self.schema, path);
        let value = self.value.pointer(pointer.as_str()).unwrap_or(&Value::Null);
        match error.kind() {
            Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
                let before = self.count();
                for key in unexpected {
                    self.unknown_key(&pointer, key, &trail);
                }
                if named_by_author(path) {
                    self.misplaced(before, &pointer);
                }
            }
            Kind::PropertyNames { error } => {
                let key = error.instance().as_str().unwrap_or_default();
                self.wrong_key(&pointer, key, &trail);
            }
            Kind::Required { property } => {
                self.missing_key(&pointer, property.as_str().unwrap_or_default(), &trail);
            }
            Kind::Type { kind } => {
                let names = match kind {
                    TypeKind::Single(ty) => vec![ty.to_string()],
                    TypeKind::Multiple(types) => types.iter().map(|ty| ty.to_string()).collect(),
                };
                let names: Vec<&str> =
                    names.iter().map(String::as_str).filter(|name| *name != "null").collect();
                self.wrong_type(&pointer, value, &names, &trail);
            }
            Kind::Enum { options } => {
                let options = options.as_array().cloned().unwrap_or_default();
                self.unknown_value(&pointer, value, &options, &trail);
            }
            Kind::Constant { expected_value } => {
                self.unknown_value(&pointer, value, &[expected_value.as_ref().clone()], &trail);
            }
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                union::explain(self, &pointer, value, context, path);
            }
            Kind::OneOfMultipleValid { .. } => self.add(
                Issue::new(
                    Code::OneOf,
                    pointer.clone(),
                    format!("{} can be read in several ways", subject(self.value, &pointer)),
                )
                .label("this fits more than one form"),
            ),
            Kind::Pattern { .. } | Kind::Format { .. } => self.wrong_form(&pointer, value, &trail),
            kind => match bound(kind) {
                Some((message, label)) => {
                    let subject = subject(self.value, &pointer);
                    let issue = Issue::new(Code::OutOfBounds, pointer, format!("{subject} {message}"));
                    self.add(noted(issue.label(label), trail.purpose()));
                }
                None => self.add(Issue::new(Code::WrongForm, pointer, error.to_string())),
            },
        }
    }

    fn unknown_key(&mut self, pointer: &Pointer, key: &str, trail: &Trail<'_>) {
        let holder = trail.holder();
        if holder.get("patternProperties").is_some() {
            self.wrong_key(pointer, key, trail);
            return;
        }
        let known = holder.get("properties").and_then(Value::as_object);
        let known: Vec<&str> = known.into_iter().flat_map(|known| known.keys().map(String::as_str)).collect();
        self.unknown_key_of(pointer, key, &known);
    }

    /// A key that is none of `known`, in the mapping at `pointer`.
    pub(super) fn unknown_key_of(&mut self, pointer: &Pointer, key: &str, known: &[&str]) {
        let given = self.value.pointer(pointer.as_str()).and_then(Value::as_object);
        let free: Vec<&str> = known
            .iter()
            .copied()
            .filter(|name| given.is_none_or(|given| !given.contains_key(*name)))
            .collect();
        let place = match subject(self.value, pointer).as_str() {
            "the file" => "a section of the file".to_owned(),
            subject => format!("a key of {subject}"),
        };
        let mut issue = Issue::new(Code::UnknownKey, pointer.key(key), format!("`{key}` is not {place}"))
            .on_key()
            .label("unknown key");
        let mut meant = None;
        if let Some(near) = nearest(key, free.iter().copied()) {
            issue = issue.fix(near, format!("there is a key with a similar name: `{near}`"));
            meant = Some((pointer.clone(), near.to_owned()));
        } else if let Some(near) = nearest(key, known.iter().copied()) {
            issue = issue.also(pointer.key(near), "this one is known");
            issue = issue.help(format!("`{near}` is here already: does this belong to it?"));
        } else {
            for owner in owners(self.schema, key).into_iter().take(3) {
                issue = issue.note(format!("`{key}` is a key of {owner}: is the indentation right?"));
            }
            issue = issue.help(match (known, free.as_slice()) {
                ([], _) => "remove it: there are no keys here".to_owned(),
                (_, []) => "remove it: every key that can be here is".to_owned(),
                _ => format!("the keys here are {}", or_list(free.iter().copied()).replace(" or ", " and ")),
            });
        }
        self.found.push(Found { issue, missing: None, meant, misplaced: None });
    }

    /// A key that the author chose, and that does not have the form of a name.
    fn wrong_key(&mut self, pointer: &Pointer, key: &str, trail: &Trail<'_>) {
        let message = format!("`{key}` cannot be a name in {}", subject(self.value, pointer));
        let issue = Issue::new(Code::WrongForm, pointer.key(key), message).on_key().label("not such a name");
        let names = trail.holder().get("propertyNames").map(|names| target(self.schema, names));
        let form = names.and_then(description).or_else(|| trail.form());
        self.add(noted(issue, form));
    }

    fn missing_key(&mut self, pointer: &Pointer, key: &str, trail: &Trail<'_>) {
        let property = trail.holder().get("properties").and_then(|all| all.get(key));
        let purpose = property.and_then(|property| {
            description(property).or_else(|| description(target(self.schema, property)))
        });
        let subject = subject(self.value, pointer);
        let mut issue = Issue::new(Code::MissingKey, pointer.clone(), format!("{subject} needs `{key}`"))
            .on_key()
            .label(format!("`{key}` is missing"));
        if let Some(purpose) = purpose {
            issue = issue.note(format!("`{key}`: {purpose}"));
        }
        let issue = issue.help(format!("add `{key}: …`"));
        self.found.push(Found { issue, missing: Some(key.to_owned()), meant: None, misplaced: None });
    }

    /// `types` are JSON Schema's names of what is wanted.
    pub(super) fn wrong_type(&mut self, pointer: &Pointer, value: &Value, types: &[&str], trail: &Trail<'_>) {
        let mut names: Vec<&str> = types.iter().map(|ty| wanted(ty)).collect();
        names.dedup();
        let subject = subject(self.value, pointer);
        let message = format!("{subject} must be {}, not {}", either(&names), found(value));
        let mut issue =
            Issue::new(Code::WrongType, pointer.clone(), message).label(format!("this is {}", found(value)));
        let yaml = |text: &str| Replacement::Yaml(text.to_owned());
        let number = types.iter().any(|ty| matches!(*ty, "integer" | "number"));
        match value {
            Value::Number(_) | Value::Bool(_) if types.contains(&"string") => {
                issue = issue.fix_by(Replacement::Quoted, "quote it to make it text");
            }
            Value::String(text) if types.contains(&"boolean") => match text.to_lowercase().as_str() {
                "yes" | "on" | "y" => issue = issue.fix_by(yaml("true"), "YAML's word for that is `true`"),
                "no" | "off" | "n" => issue = issue.fix_by(yaml("false"), "YAML's word for that is `false`"),
                lower @ ("true" | "false") => {
                    issue = issue.fix_by(yaml(lower), "write it in lower case, without quotes");
                }
                _ => {}
            },
            Value::String(text) if number && is_number(text, types) => {
                issue = issue.fix_by(yaml(text), "remove the quotes");
            }
            Value::String(_) | Value::Number(_) | Value::Bool(_) if types.contains(&"array") => {
                issue = issue.help(format!("put it in brackets: `[{}]`", plain(value)));
            }
            Value::String(_) if number => {
                issue = issue.help(format!("write {} without quotes, such as `2`", either(&names)));
            }
            Value::Object(_) if types.contains(&"array") => {
                issue = issue.help("begin each item with `- `");
            }
            Value::Null if matches!(types, ["object"]) => {
                issue = issue.help("write its keys below it, each with two spaces more, or remove the key");
            }
            _ if matches!(types, ["object"]) => {
                issue = issue.help("write its keys below it, each with `: ` and a value");
            }
            _ if matches!(types, ["array"]) => issue = issue.help("write a list in brackets: `[…]`"),
            Value::Null => issue = issue.help("write a value after the colon, or remove the key"),
            _ => {}
        }
        self.add(noted(issue, trail.purpose()));
    }

    /// `options` are the values that are possible.
    pub(super) fn unknown_value(
        &mut self,
        pointer: &Pointer,
        value: &Value,
        options: &[Value],
        trail: &Trail<'_>,
    ) {
        let names: Vec<String> = options.iter().filter(|option| !option.is_null()).map(plain).collect();
        let types: BTreeSet<&str> = options.iter().map(type_of).filter(|ty| *ty != "null").collect();
        if !types.contains(type_of(value)) && !names.contains(&plain(value)) {
            let mut issues = std::mem::take(&mut self.found);
            self.wrong_type(pointer, value, &types.into_iter().collect::<Vec<_>>(), trail);
            for found in &mut self.found {
                let all = or_list(names.iter().map(String::as_str));
                found.issue = found.issue.clone().help(format!("the values here are {all}"));
                found.issue.fix = None;
            }
            issues.append(&mut self.found);
            self.found = issues;
            return;
        }
        let message = format!("`{}` is not a value of {}", plain(value), subject(self.value, pointer));
        let mut issue = Issue::new(Code::UnknownValue, pointer.clone(), message).label("unknown value");
        let word = plain(value);
        issue = match nearest(&word, names.iter().map(String::as_str)) {
            Some(near) => issue.fix(near, format!("there is a similar value: `{near}`")),
            None => issue.help(format!("it can be {}", or_list(names.iter().map(String::as_str)))),
        };
        self.add(noted(issue, trail.purpose()));
    }

    pub(super) fn wrong_form(&mut self, pointer: &Pointer, value: &Value, trail: &Trail<'_>) {
        if trail.holder().get("pattern").and_then(Value::as_str) == Some(super::EXPRESSIONS) {
            self.add(bad_expression(pointer, value));
            return;
        }
        let message =
            format!("`{}` does not have the form of {}", plain(value), subject(self.value, pointer));
        let mut issue = Issue::new(Code::WrongForm, pointer.clone(), message).label("wrong form");
        let examples = trail.examples();
        match (trail.form(), examples.as_slice()) {
            (None, []) => {
                let pattern = trail.holder().get("pattern").or_else(|| trail.holder().get("format"));
                if let Some(pattern) = pattern.and_then(Value::as_str) {
                    issue = issue.help(format!("it must match `{pattern}`"));
                }
            }
            (form, _) => {
                issue = noted(issue, form);
                if !examples.is_empty() {
                    issue =
                        issue.help(format!("write it like {}", or_list(examples.iter().map(String::as_str))));
                }
            }
        }
        self.add(issue);
    }
}

/// Text in which a `${` is never closed, or has nothing inside.
fn bad_expression(pointer: &Pointer, value: &Value) -> Issue {
    let text = value.as_str().unwrap_or_default();
    let open = text.rfind("${").is_some_and(|at| !text[at..].contains('}'));
    let (message, label, help) = if open {
        (
            "a `${` is not closed",
            "no `}` follows",
            "close it: `${name.offer}`; text that has `${` in it writes `$${`",
        )
    } else {
        (
            "a `${…}` has nothing inside",
            "empty",
            "name what is meant: `${name.offer}`; for the characters themselves write `$${`",
        )
    };
    Issue::new(Code::BadExpression, pointer.clone(), message).label(label).help(help)
}

/// Says what the place is for.
fn noted(issue: Issue, purpose: Option<String>) -> Issue {
    let Some(purpose) = purpose else { return issue };
    match issue.pointer.last() {
        name if name.is_empty() || name.parse::<usize>().is_ok() || issue.part == crate::diag::Part::Key => {
            issue.note(purpose)
        }
        name => issue.note(format!("`{name}`: {purpose}")),
    }
}

/// Whether text without its quotes would be a number of one of these types.
fn is_number(text: &str, types: &[&str]) -> bool {
    let read: Option<serde_json::Number> = serde_json::from_str(text).ok();
    read.is_some_and(|number| types.contains(&"number") || !number.is_f64())
}

pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What a bound says: the end of the message, and the label.
fn bound(kind: &Kind) -> Option<(String, String)> {
    let count = |n: u64, thing: &str| format!("{n} {thing}{}", if n == 1 { "" } else { "s" });
    let (message, label) = match kind {
        Kind::Minimum { limit } => ("is too small", format!("must be at least {limit}")),
        Kind::Maximum { limit } => ("is too large", format!("must be at most {limit}")),
        Kind::ExclusiveMinimum { limit } => ("is too small", format!("must be more than {limit}")),
        Kind::ExclusiveMaximum { limit } => ("is too large", format!("must be less than {limit}")),
        Kind::MinLength { limit: 1 } => ("is empty", "must say something".to_owned()),
        Kind::MinLength { limit } => {
            ("is too short", format!("must have at least {}", count(*limit, "character")))
        }
        Kind::MaxLength { limit } => {
            ("is too long", format!("must have at most {}", count(*limit, "character")))
        }
        Kind::MinItems { limit } => {
            ("has too few items", format!("must have at least {}", count(*limit, "item")))
        }
        Kind::MaxItems { limit } => {
            ("has too many items", format!("must have at most {}", count(*limit, "item")))
        }
        Kind::AdditionalItems { limit } => ("has too many items", format!("must have at most {limit}")),
        Kind::MinProperties { limit } => ("has too few keys", format!("must have at least {limit}")),
        Kind::MaxProperties { limit } => ("has too many keys", format!("must have at most {limit}")),
        Kind::MultipleOf { multiple_of } => {
            ("falls between the steps", format!("must be a multiple of {multiple_of}"))
        }
        Kind::UniqueItems => ("says one thing twice", "each item can be here once".to_owned()),
        _ => return None,
    };
    Some((message.to_owned(), label))
}

/// Whether the mapping that `path` is about, by a keyword of its schema, is one of those that the author names.
fn named_by_author(path: &str) -> bool {
    let mut above = path.rsplit('/').skip(1);
    above.find(|segment| {
        let passed = ["$ref", "anyOf", "oneOf", "allOf"].contains(segment);
        !passed && segment.parse::<usize>().is_err()
    }) == Some("additionalProperties")
}

/// Where `key` is a key, as people would write the way there: `endpoints.….rollout`.
fn owners(schema: &Value, key: &str) -> Vec<String> {
    let mut owners = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut queue = VecDeque::from([(String::new(), schema)]);
    while let Some((way, at)) = queue.pop_front() {
        if let Some(name) = at.get("$ref").and_then(Value::as_str)
            && !seen.insert(name)
        {
            continue;
        }
        let at = resolve(schema, at).unwrap_or(at);
        if let Some(properties) = at.get("properties").and_then(Value::as_object) {
            if properties.contains_key(key) && !way.starts_with("environments.….overrides") {
                owners.insert(if way.is_empty() { "the file itself".to_owned() } else { format!("`{way}`") });
            }
            for (name, property) in properties {
                let inner = if way.is_empty() { name.clone() } else { format!("{way}.{name}") };
                queue.push_back((inner, property));
            }
        }
        for list in ["anyOf", "oneOf", "allOf"] {
            let branches = at.get(list).and_then(Value::as_array);
            queue.extend(branches.into_iter().flatten().map(|branch| (way.clone(), branch)));
        }
        for inner in ["additionalProperties", "items"] {
            if let Some(inner) = at.get(inner).filter(|inner| inner.is_object()) {
                queue.push_back((format!("{way}.…"), inner));
            }
        }
    }
    owners.into_iter().collect()
}
