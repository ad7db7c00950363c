//! Properties that a type does not have, that are missing, or whose values it does not take.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::formats;
use super::holds::{self, Holder};
use crate::diag::{Code, Issue, Pointer, nearest, or_list};
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
                checker.read_only(properties, &facts.read_only, &when);
                let node = Node::new(properties, resource.pointer.key("Properties"));
                checker.node(&schema.root, &node, &when, 0);
            }
            None if schema.root.required.is_empty() => checker.sets(
                &schema.root,
                &NOTHING,
                &Case { thing: Thing::Map(&NOTHING), at: resource.pointer.clone(), when },
            ),
            None => {
                let names = or_list(schema.root.required.iter().copied()).replace(" or ", " and ");
                let message = format!("`{}` has no `Properties`", resource.id);
                found.push(
                    Issue::new(Code::MissingKey, resource.pointer.clone(), message)
                        .on_key()
                        .label(format!("needs {names}"))
                        .help(format!("`{}` cannot be made without {names}", resource.kind)),
                );
            }
        }
    }
}

/// What a resource without properties has.
static NOTHING: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

struct Checker<'c, 'd> {
    template: &'c Template<'d>,
    schema: &'static TypeSchema,
    resource: &'c Resource<'d>,
    found: &'c mut Vec<Issue>,
}

impl<'c, 'd> Checker<'c, 'd> {
    fn read_only(&mut self, properties: &'d Value, paths: &[&str], when: &Assumptions<'d>) {
        let root = Node::new(properties, self.resource.pointer.key("Properties"));
        for path in paths {
            let (parents, name) = path.rsplit_once('.').unwrap_or(("", path));
            let mut cases = self.template.cases(&root, when);
            let mut shape = Some(&self.schema.root);
            for segment in parents.split('.').filter(|segment| !segment.is_empty()) {
                cases = cases.iter().flat_map(|case| self.template.beneath(case, segment)).collect();
                shape = shape.map(|shape| self.schema.resolve(shape)).and_then(|shape| match segment {
                    "*" => shape.item.as_deref(),
                    name => shape.property(name),
                });
            }
            // What must be given is no mistake, whatever else the facts say of it.
            if shape.is_none_or(|shape| self.schema.resolve(shape).required.contains(&name)) {
                continue;
            }
            for case in cases {
                let Some(node) = case.member(name) else { continue };
                if self.template.cases(&node, &case.when).iter().all(Case::is_absent) {
                    continue;
                }
                let message = format!("`{name}` of `{}` can only be read", self.resource.kind);
                let issue = Issue::new(Code::ReadOnlyProperty, node.at, message).on_key();
                self.found.push(
                    issue.label("AWS sets this").help("remove it; `Fn::GetAtt` reads it where it is needed"),
                );
            }
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
        if !matches!(case.thing, Thing::Unknown | Thing::Absent) {
            self.combined(shape, case, depth);
        }
    }

    /// What holds together with other shapes, or instead of them.
    fn combined(&mut self, shape: &Shape, case: &Case<'d>, depth: usize) {
        for part in &shape.all_of {
            self.case(part, case, depth + 1);
        }
        let holder = self.holder();
        for several in [&shape.one_of, &shape.any_of] {
            let fails = |shape: &Shape| !shape.is_silent() && holder.holds(shape, case) == Some(false);
            if !several.is_empty() && several.iter().all(fails) {
                self.none_of(several, case, depth);
            }
        }
        let Some(condition) = shape.condition.as_deref().filter(|it| !it.is_silent()) else { return };
        let chosen = match holder.holds(condition, case) {
            Some(true) => shape.then.as_deref(),
            Some(false) => shape.otherwise.as_deref(),
            None => None,
        };
        if let Some(chosen) = chosen {
            self.case(chosen, case, depth + 1);
        }
    }

    /// Says what a value is wrong in that has none of the shapes: of the one to which the least is missing.
    fn none_of(&mut self, several: &[Shape], case: &Case<'d>, depth: usize) {
        let sets: Vec<&[&str]> = several.iter().map(|shape| shape.required.as_slice()).collect();
        if matches!(case.thing, Thing::Map(_)) && sets.iter().all(|names| !names.is_empty()) {
            let together = |names: &&[&str]| or_list(names.iter().copied()).replace(" or ", " and ");
            let wanted: Vec<String> = sets.iter().map(together).collect();
            let wanted = wanted.join(", or ");
            let issue = Issue::new(Code::OneOf, case.at.clone(), format!("{wanted} must be given")).on_key();
            self.found.push(issue.label(format!("needs {wanted}")).help("give one of them"));
            return;
        }
        let each = several.iter().map(|shape| {
            let mut found = Vec::new();
            let mut checker = Checker { found: &mut found, ..*self };
            checker.case(shape, case, depth + 1);
            found
        });
        let least = each.filter(|found| !found.is_empty()).min_by_key(Vec::len);
        self.found.extend(least.unwrap_or_default());
    }

    fn holder(&self) -> Holder<'c, 'd> {
        Holder { template: self.template, schema: self.schema }
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
            let mut known = false;
            for property in shape.of_property(key) {
                known = true;
                if property.never {
                    self.never(members, key, case);
                } else {
                    self.node(property, &Node::new(value, at.clone()), &case.when, depth + 1);
                }
            }
            if !known && shape.is_closed() {
                self.unknown(shape, members, key, at);
            }
        }
        if hidden {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "members of a mapping in a file of some megabytes")]
        if !shape.size.holds(members.len() as f64) {
            self.bounds(case, shape.size, &format!("has {} members", members.len()));
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
        let holder = self.holder();
        // What some branch leaves out may be another's turn.
        let sure = |name: &str| holder.is_there(members, name, case) == Some(true);
        let there = |names: &[&'static str]| {
            let there = |name: &&str| holder.is_there(members, name, case) != Some(false);
            names.iter().copied().filter(there).collect::<Vec<_>>()
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

    /// A property that excludes what else is there.
    fn never(&mut self, members: &'d Map<String, Value>, name: &str, case: &Case<'d>) {
        if self.holder().is_there(members, name, case) != Some(true) {
            return;
        }
        let message = format!("`{name}` does not go with the other properties here");
        let issue = Issue::new(Code::OneOf, case.at.key(name), message).on_key();
        let help = format!("remove it; `{}` takes it only with other settings", self.resource.kind);
        self.found.push(issue.label("excluded").help(help));
    }

    fn unknown(&mut self, shape: &Shape, members: &Map<String, Value>, key: &str, at: Pointer) {
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
        let format = shape.format.and_then(|format| format.strip_suffix('s'));
        let formatted = format.map(|format| Shape { format: Some(format), ..Shape::default() });
        for item in case.items() {
            let cases = self.template.cases(&item, &case.when);
            sure &= cases.iter().all(|case| !matches!(case.thing, Thing::Absent | Thing::Unknown));
            for one in &cases {
                for inner in shape.item.as_deref().into_iter().chain(&formatted) {
                    self.case(inner, one, depth + 1);
                }
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a list in a file of some megabytes")]
        if sure && !shape.count.holds(count as f64) {
            self.bounds(case, shape.count, &format!("has {count} items"));
        }
        if shape.unique {
            self.twice(case, "", |item| item);
        }
        for key in &shape.unique_by {
            self.twice(case, key, |item| item.get(*key).unwrap_or(&Value::Null));
        }
    }

    /// Items of which two are the same, or have the same member.
    fn twice(&mut self, case: &Case<'d>, key: &str, part: impl Fn(&Value) -> &Value) {
        let mut seen: Vec<(&Value, Pointer)> = Vec::new();
        for item in case.items() {
            let value = part(item.value);
            let known = self.template.cases(&item, &case.when);
            if value.is_null() || known.iter().any(|case| matches!(case.thing, Thing::Absent)) {
                continue;
            }
            let at = if key.is_empty() { item.at } else { item.at.key(key) };
            if let Some((_, first)) = seen.iter().find(|(other, _)| *other == value) {
                let message = format!("two items of {} are the same", name(case));
                let issue = Issue::new(Code::DuplicateName, at, message).label("the same again");
                self.found.push(issue.also(first.clone(), "the first").help("remove one of them"));
            } else {
                seen.push((value, at));
            }
        }
    }

    fn scalar(&mut self, shape: &Shape, case: &Case<'d>) {
        let Some(text) = case.known() else {
            // Text of several pieces is text; one reference may give anything.
            if case.text().is_some_and(|text| text.pieces().len() > 1) {
                self.text_kind(shape, case);
            }
            self.found.extend(formats::reference(self.template, shape, case, &name(case)));
            return;
        };
        if !self.text_kind(shape, case) {
            return;
        }
        let values = holds::values(shape);
        if !values.is_empty() && !values.iter().any(|value| holds::same(shape, value, &text)) {
            self.unknown_value(values, case, &text);
            return;
        }
        if let Some(number) = holds::number(shape, &text) {
            if !shape.range.holds(number) {
                self.bounds(case, shape.range, &format!("is {text}"));
            } else if let Some(step) = shape.multiple.filter(|step| number % step != 0.0) {
                let message = format!("{} is {text}, which is no multiple of {step}", name(case));
                let issue = Issue::new(Code::OutOfBounds, case.at.clone(), message);
                self.found.push(issue.label("out of step").help(format!("give a multiple of {step}")));
            }
            return;
        }
        if !holds::length(shape, &text) {
            self.bounds(case, shape.length, &format!("has {} characters", text.chars().count()));
        } else if shape.pattern.as_ref().is_some_and(|pattern| pattern.matches(&text) == Some(false)) {
            let pattern = shape.pattern.as_ref().map(tables::Pattern::text).unwrap_or_default();
            self.wrong_form(case, &format!("it must match `{pattern}`"));
        } else if let Some(format) = shape.format
            && formats::matches(shape, &text) == Some(false)
        {
            self.wrong_form(case, &format!("give {}", formats::shown(format)));
        }
    }

    fn wrong_form(&mut self, case: &Case<'d>, help: &str) {
        let kind = self.resource.kind;
        let message = format!("{} does not have the form that `{kind}` asks for", name(case));
        self.found.push(Issue::new(Code::WrongForm, case.at.clone(), message).label("wrong form").help(help));
    }

    /// Whether text goes; says so if not.
    fn text_kind(&mut self, shape: &Shape, case: &Case<'d>) -> bool {
        if holds::takes_text(shape, case) {
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
