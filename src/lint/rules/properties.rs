//! Properties that a type does not have, that are missing, or whose values it does not take.

use serde_json::{Map, Value};

use crate::diag::{Code, Issue, nearest, or_list};
use crate::lint::{Assumptions, Case, Node, Resource, Template, Thing};
use crate::tables::{self, Kind, Limits, Shape, TypeSchema};

/// Structures inside each other; some types' shapes contain themselves.
const MAX_DEPTH: usize = 30;

/// Each resource against what the tables know of its type. Types that they do not have are passed over.
pub(super) fn properties(template: &Template<'_>, found: &mut Vec<Issue>) {
    for resource in template.resources.values() {
        let (Some(schema), Some(facts)) =
            (tables::properties(resource.kind), tables::resource(resource.kind))
        else {
            continue;
        };
        let Some(when) = template.existence(resource) else { continue };
        let mut checker = Checker { template, schema, resource, found };
        match resource.members.get("Properties") {
            Some(properties) => {
                checker.read_only(properties, &facts.read_only);
                let node = Node::new(properties, resource.pointer.key("Properties"));
                checker.node(&schema.root, &node, &when, 0);
            }
            None if !schema.root.required.is_empty() => {
                let names = or_list(schema.root.required.iter().copied()).replace(" or ", " and ");
                let message = format!("`{}` has no `Properties`", resource.id);
                found.push(
                    Issue::new(Code::MissingKey, resource.pointer.clone(), message)
                        .on_key()
                        .label(format!("needs {names}"))
                        .help(format!("`{}` cannot be made without {names}", resource.kind)),
                );
            }
            None => {}
        }
    }
}

struct Checker<'c, 'd> {
    template: &'c Template<'d>,
    schema: &'static TypeSchema,
    resource: &'c Resource<'d>,
    found: &'c mut Vec<Issue>,
}

impl<'d> Checker<'_, 'd> {
    fn read_only(&mut self, properties: &Value, paths: &[&str]) {
        for path in paths.iter().filter(|path| !path.contains('.')) {
            if properties.get(path).is_none() || self.schema.root.required.contains(path) {
                continue;
            }
            let at = self.resource.pointer.key("Properties").key(path);
            let message = format!("`{path}` of `{}` can only be read", self.resource.kind);
            self.found.push(
                Issue::new(Code::ReadOnlyProperty, at, message)
                    .on_key()
                    .label("AWS sets this")
                    .help("remove it; `Fn::GetAtt` reads it where it is needed"),
            );
        }
    }

    fn node(&mut self, shape: &Shape, node: &Node<'d>, when: &Assumptions<'d>, depth: usize) {
        for case in self.template.cases(node, when) {
            self.case(shape, &case, depth);
        }
    }

    fn case(&mut self, shape: &Shape, case: &Case<'d>, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        if let Some(inner) = shape.reference.and_then(|name| self.schema.shape(name)) {
            self.case(inner, case, depth + 1);
        }
        match &case.thing {
            Thing::Unknown | Thing::Absent | Thing::Scalar(Value::Null) => {}
            Thing::Map(members) => {
                if self.kind(shape, case, Kind::Object, "a mapping") {
                    self.map(shape, members, case, depth);
                }
            }
            Thing::List(items) => {
                if self.kind(shape, case, Kind::Array, "a list") {
                    self.list(shape, items.len(), case, depth);
                }
            }
            Thing::Texts(_) => {
                self.kind(shape, case, Kind::Array, "a list");
            }
            Thing::Scalar(_) | Thing::Text(_) => self.scalar(shape, case),
        }
    }

    /// Whether a value of this kind goes; says so if not.
    fn kind(&mut self, shape: &Shape, case: &Case<'d>, kind: Kind, is: &str) -> bool {
        let takes = shape.kinds.take(kind);
        if !takes {
            let wanted = shape.kinds.iter().map(|kind| named(*kind)).collect::<Vec<_>>().join(" or ");
            let message = format!("{} must be {wanted}, not {is}", name(case));
            let help = format!("`{}` takes {wanted} here", self.resource.kind);
            let issue = Issue::new(Code::WrongType, case.at.clone(), message);
            self.found.push(issue.label(format!("this is {is}")).help(help));
        }
        takes
    }

    fn map(&mut self, shape: &Shape, members: &'d Map<String, Value>, case: &Case<'d>, depth: usize) {
        let hidden = members.keys().any(|key| key.starts_with("Fn::"));
        for (key, value) in members {
            if key.starts_with("Fn::") {
                continue;
            }
            let at = case.at.key(key);
            if let Some(property) = shape.property(key) {
                self.node(property, &Node::new(value, at), &case.when, depth + 1);
            } else if shape.is_closed() {
                self.unknown(shape, members, key, at);
            }
        }
        if hidden {
            return;
        }
        for name in &shape.required {
            match members.get(*name) {
                None => {
                    let message = format!("`{name}` is missing");
                    let help = format!("`{}` cannot be made without it", self.resource.kind);
                    let issue = Issue::new(Code::MissingKey, case.at.clone(), message).on_key();
                    self.found.push(issue.label(format!("needs `{name}`")).help(help));
                }
                Some(value) => {
                    let node = Node::new(value, case.at.key(name));
                    for absent in
                        self.template.cases(&node, &case.when).iter().filter(|case| case.is_absent())
                    {
                        let message = format!("`{name}` must be there, and this leaves it out");
                        let help = format!("give a value in both cases: `{}` needs one", self.resource.kind);
                        let issue = Issue::new(Code::MissingKey, absent.at.clone(), message);
                        self.found.push(issue.label("no value").help(help));
                    }
                }
            }
        }
        self.sets(shape, members, case);
    }

    /// Sets of properties of which one must be there, or that exclude or need each other.
    fn sets(&mut self, shape: &Shape, members: &'d Map<String, Value>, case: &Case<'d>) {
        // What some branch leaves out may be another's turn.
        let sure = |name: &str| {
            members.get(name).is_some_and(|value| {
                let node = Node::new(value, case.at.key(name));
                let cases = self.template.cases(&node, &case.when);
                !cases.is_empty()
                    && cases.iter().all(|case| !matches!(case.thing, Thing::Absent | Thing::Unknown))
            })
        };
        let there = |names: &[&'static str]| {
            names.iter().copied().filter(|name| members.contains_key(*name)).collect::<Vec<_>>()
        };
        let mut found = Vec::new();
        for names in [&shape.one_required, &shape.any_required] {
            if !names.is_empty() && there(names).is_empty() {
                let names = or_list(names.iter().copied());
                let message = format!("{names} must be given");
                let issue = Issue::new(Code::OneOf, case.at.clone(), message).on_key();
                found.push(issue.label(format!("needs {names}")).help("give one of them"));
            }
        }
        let both: Vec<_> = shape.one_required.iter().copied().filter(|name| sure(name)).collect();
        if let [first, second, ..] = both.as_slice() {
            found.push(excluded(case, first, second));
        }
        for (name, others) in &shape.excludes {
            for other in others.iter().filter(|other| *other != name && sure(name) && sure(other)) {
                found.push(excluded(case, other, name));
            }
        }
        for (name, others) in shape.requires.iter().filter(|(name, _)| sure(name)) {
            for other in others.iter().filter(|other| !members.contains_key(**other)) {
                let message = format!("`{name}` needs `{other}`, which is missing");
                let issue = Issue::new(Code::MissingKey, case.at.key(name), message).on_key();
                found.push(
                    issue
                        .label(format!("needs `{other}`"))
                        .help(format!("give `{other}` as well, or neither")),
                );
            }
        }
        self.found.extend(found);
    }

    fn unknown(&mut self, shape: &Shape, members: &Map<String, Value>, key: &str, at: crate::diag::Pointer) {
        let known: Vec<&str> = shape.properties.iter().flat_map(|all| all.keys().copied()).collect();
        let message = format!("`{key}` is no property of `{}` here", self.resource.kind);
        let issue = Issue::new(Code::UnknownKey, at, message).on_key().label("unknown property");
        let free = known.iter().copied().filter(|name| !members.contains_key(*name));
        self.found.push(match nearest(key, free) {
            Some(near) => issue.fix(near, format!("did you mean `{near}`?")),
            None if known.len() <= 12 => issue.help(format!("there is {}", or_list(known))),
            None => issue.help("remove it, or look its name up in the type's documentation"),
        });
    }

    fn list(&mut self, shape: &Shape, count: usize, case: &Case<'d>, depth: usize) {
        let mut sure = true;
        for item in case.items() {
            let cases = self.template.cases(&item, &case.when);
            sure &= cases.iter().all(|case| !matches!(case.thing, Thing::Absent | Thing::Unknown));
            for one in shape.item.iter().flat_map(|item| cases.iter().map(move |case| (item, case))) {
                self.case(one.0, one.1, depth + 1);
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a list in a file of some megabytes")]
        if sure && !shape.count.holds(count as f64) {
            self.bounds(case, shape.count, &format!("has {count} items"));
        }
    }

    fn scalar(&mut self, shape: &Shape, case: &Case<'d>) {
        let Some(text) = case.known() else {
            // Text of several pieces is text; one reference may give anything.
            if case.text().is_some_and(|text| text.pieces().len() > 1) {
                self.text_kind(shape, case);
            }
            return;
        };
        if !self.text_kind(shape, case) {
            return;
        }
        // Instance types have a table of their own.
        let values = match shape.instance_types_of() {
            Some(kind) => tables::instance_types(kind),
            None => shape.values.as_slice(),
        };
        if !values.is_empty() {
            let same = |value: &&str| **value == text || shape.any_case && value.eq_ignore_ascii_case(&text);
            if !values.iter().any(same) {
                self.unknown_value(values, case, &text);
                return;
            }
        }
        let number = text.parse::<f64>().ok();
        let takes_text = shape.kinds.take(Kind::String);
        match number {
            Some(number) if !takes_text || shape.kinds.is_empty() => {
                if !shape.range.holds(number) {
                    self.bounds(case, shape.range, &format!("is {text}"));
                }
            }
            _ => {
                #[expect(clippy::cast_precision_loss, reason = "text in a file of some megabytes")]
                let length = text.chars().count() as f64;
                if takes_text && !shape.length.holds(length) {
                    self.bounds(case, shape.length, &format!("has {length} characters"));
                } else if takes_text
                    && let Some(pattern) = &shape.pattern
                    && pattern.matches(&text) == Some(false)
                {
                    let message = format!(
                        "{} does not have the form that `{}` asks for",
                        name(case),
                        self.resource.kind
                    );
                    let issue = Issue::new(Code::WrongForm, case.at.clone(), message);
                    self.found
                        .push(issue.label("wrong form").help(format!("it must match `{}`", pattern.text())));
                }
            }
        }
    }

    /// Whether text goes, as CloudFormation reads it: `"5"` is a number, `5` is text.
    fn text_kind(&mut self, shape: &Shape, case: &Case<'d>) -> bool {
        if shape.kinds.take(Kind::String) {
            return true;
        }
        let text = case.known();
        let goes = |kind: &Kind| match (kind, text.as_deref()) {
            (Kind::Object | Kind::Array, _) => false,
            // What references give is not known to be wrong.
            (_, None) | (Kind::String, _) => true,
            (Kind::Boolean, Some(text)) => {
                ["true", "false", "yes", "no", "on", "off"].contains(&text.to_ascii_lowercase().as_str())
            }
            (Kind::Integer, Some(text)) => {
                text.trim().parse::<f64>().is_ok_and(|number| number.fract() == 0.0)
            }
            (Kind::Number, Some(text)) => text.trim().parse::<f64>().is_ok(),
        };
        if shape.kinds.iter().any(goes) {
            return true;
        }
        let is = match &case.thing {
            Thing::Scalar(Value::Bool(_)) => "a boolean",
            Thing::Scalar(_) => "a number",
            _ => "text",
        };
        self.kind(shape, case, Kind::String, is)
    }

    fn unknown_value(&mut self, values: &[&str], case: &Case<'d>, text: &str) {
        let message = format!("{} cannot be `{text}`", name(case));
        let issue =
            Issue::new(Code::UnknownValue, case.at.clone(), message).label("not one of the possible values");
        let written = matches!(&case.thing, Thing::Text(_)) && !case.when.has_parameters();
        self.found.push(match nearest(text, values.iter().copied()) {
            Some(near) if written => issue.fix(near, format!("did you mean `{near}`?")),
            Some(near) => issue.help(format!("did you mean `{near}`?")),
            None if values.len() <= 12 => {
                issue.help(format!("it may be {}", or_list(values.iter().copied())))
            }
            None => issue.help("choose one of the values in the type's documentation"),
        });
    }

    fn bounds(&mut self, case: &Case<'d>, limits: Limits, is: &str) {
        let wanted = match (limits.min(), limits.max()) {
            (Some(min), Some(max)) => format!("between {min} and {max}"),
            (Some(min), None) => format!("at least {min}"),
            (None, Some(max)) => format!("at most {max}"),
            (None, None) => return,
        };
        let message = format!("{} {is}, and {wanted} is possible", name(case));
        let issue = Issue::new(Code::OutOfBounds, case.at.clone(), message);
        self.found
            .push(issue.label("out of bounds").help(format!("`{}` takes {wanted}", self.resource.kind)));
    }
}

/// The property that a case is of.
fn name(case: &Case<'_>) -> String {
    let keys = case
        .at
        .segments()
        .filter(|part| part.parse::<usize>().is_err() && !part.starts_with("Fn::") && part != "Ref");
    format!("`{}`", keys.last().unwrap_or_default())
}

fn excluded(case: &Case<'_>, first: &str, second: &str) -> Issue {
    Issue::new(Code::OneOf, case.at.key(second), format!("`{second}` and `{first}` exclude each other"))
        .on_key()
        .label("given as well")
        .also(case.at.key(first), "the other")
        .help("keep one of them")
}

fn named(kind: Kind) -> &'static str {
    match kind {
        Kind::Boolean => "a boolean",
        Kind::Integer => "a whole number",
        Kind::Number => "a number",
        Kind::String => "text",
        Kind::Array => "a list",
        Kind::Object => "a mapping",
    }
}
