//! Whether a value certainly has a shape, certainly has not, or who knows.

use serde_json::{Map, Value};

use crate::lint::{Case, Node, Template, Thing};
use crate::tables::{self, Kind, Shape, TypeSchema};

/// Shapes inside each other; some types' shapes contain themselves.
const MAX_DEPTH: usize = 30;

/// The shapes of one type, and the template whose values they are held against.
#[derive(Clone, Copy)]
pub(super) struct Holder<'c, 'd> {
    pub(super) template: &'c Template<'d>,
    pub(super) schema: &'static TypeSchema,
}

impl<'d> Holder<'_, 'd> {
    /// Whether the value has the shape; nothing where that depends on what is not known.
    pub(super) fn holds(&self, shape: &Shape, case: &Case<'d>) -> Option<bool> {
        self.at_depth(shape, case, 0)
    }

    fn at_depth(&self, shape: &Shape, case: &Case<'d>, depth: usize) -> Option<bool> {
        if depth > MAX_DEPTH {
            return None;
        }
        if shape.never {
            return Some(false);
        }
        let mut all = All::default();
        if let Some(inner) = shape.reference.and_then(|name| self.schema.shape(name)) {
            all.add(self.at_depth(inner, case, depth + 1));
        }
        match &case.thing {
            Thing::Unknown | Thing::Absent | Thing::Scalar(Value::Null) => return None,
            Thing::Map(members) => {
                all.add(match (shape.kinds.take(Kind::Object), shape.kinds.take(Kind::String)) {
                    (true, _) => Some(true),
                    // Of a mapping for text, JSON may be made.
                    (false, true) => None,
                    (false, false) => Some(false),
                });
                all.add(self.map(shape, members, case, depth));
            }
            Thing::List(_) => {
                all.add(Some(shape.kinds.take(Kind::Array)));
                all.add(self.list(shape, case, depth));
            }
            Thing::Texts(_) => {
                all.add(Some(shape.kinds.take(Kind::Array)));
                all.add(shape.item.is_none().then_some(true));
            }
            Thing::Scalar(_) | Thing::Text(_) => all.add(scalar(shape, case)),
        }
        for part in &shape.all_of {
            all.add(self.part(part, case, depth));
        }
        if !shape.any_of.is_empty() {
            all.add(self.some(&shape.any_of, case, depth));
        }
        if !shape.one_of.is_empty() {
            // More than one may be a slip in the facts, not in the value.
            all.add(self.some(&shape.one_of, case, depth));
        }
        if let Some(not) = &shape.not {
            all.add(self.part(not, case, depth).map(|holds| !holds));
        }
        if let Some(condition) = &shape.condition {
            let chosen = match self.part(condition, case, depth) {
                Some(true) => shape.then.as_ref(),
                Some(false) => shape.otherwise.as_ref(),
                None => {
                    all.add(None);
                    None
                }
            };
            if let Some(chosen) = chosen {
                all.add(self.part(chosen, case, depth));
            }
        }
        all.0
    }

    /// A shape that says nothing stands for facts that the table does not have.
    fn part(&self, shape: &Shape, case: &Case<'d>, depth: usize) -> Option<bool> {
        if shape.is_silent() { None } else { self.at_depth(shape, case, depth + 1) }
    }

    fn some(&self, shapes: &[Shape], case: &Case<'d>, depth: usize) -> Option<bool> {
        let each: Vec<_> = shapes.iter().map(|shape| self.part(shape, case, depth)).collect();
        if each.contains(&Some(true)) {
            Some(true)
        } else if each.contains(&None) {
            None
        } else {
            Some(false)
        }
    }

    fn map(
        &self,
        shape: &Shape,
        members: &'d Map<String, Value>,
        case: &Case<'d>,
        depth: usize,
    ) -> Option<bool> {
        let mut all = All::default();
        let hidden = members.keys().any(|key| key.starts_with("Fn::"));
        let there = |name: &&str| self.is_there(members, name, case);
        for name in &shape.required {
            all.add(there(name));
        }
        for names in [&shape.one_required, &shape.any_required] {
            if !names.is_empty() {
                let each: Vec<_> = names.iter().map(there).collect();
                all.add(if each.contains(&Some(true)) {
                    Some(true)
                } else {
                    each.iter().all(|it| *it == Some(false)).then_some(false)
                });
            }
        }
        for (key, value) in members.iter().filter(|(key, _)| !key.starts_with("Fn::")) {
            let node = Node::new(value, case.at.key(key));
            let mut any = false;
            for inner in shape.of_property(key) {
                any = true;
                let each = self.template.cases(&node, &case.when);
                let each = each.iter().map(|it| self.at_depth(inner, it, depth + 1));
                all.add(agreed(each));
            }
            if !any && shape.is_closed() {
                all.add(Some(false));
            }
        }
        if hidden && all.0 == Some(true) {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "members of a mapping in a file of some megabytes")]
        if !shape.size.is_open() {
            all.add(if hidden { None } else { Some(shape.size.holds(members.len() as f64)) });
        }
        all.0
    }

    /// Whether a mapping has a member.
    pub(super) fn is_there(
        &self,
        members: &'d Map<String, Value>,
        name: &str,
        case: &Case<'d>,
    ) -> Option<bool> {
        let Some(value) = members.get(name) else {
            return (!members.keys().any(|key| key.starts_with("Fn::"))).then_some(false);
        };
        let cases = self.template.cases(&Node::new(value, case.at.key(name)), &case.when);
        agreed(cases.iter().map(|case| match case.thing {
            Thing::Absent => Some(false),
            Thing::Unknown => None,
            _ => Some(true),
        }))
    }

    fn list(&self, shape: &Shape, case: &Case<'d>, depth: usize) -> Option<bool> {
        let mut all = All::default();
        let mut count = 0_usize;
        let mut sure = true;
        for item in case.items() {
            count += 1;
            let cases = self.template.cases(&item, &case.when);
            sure &= cases.iter().all(|case| !matches!(case.thing, Thing::Absent | Thing::Unknown));
            if let Some(inner) = &shape.item {
                all.add(agreed(cases.iter().map(|case| self.at_depth(inner, case, depth + 1))));
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a list in a file of some megabytes")]
        if !shape.count.is_open() {
            all.add(sure.then(|| shape.count.holds(count as f64)));
        }
        all.0
    }
}

/// Whether text has a shape.
fn scalar(shape: &Shape, case: &Case<'_>) -> Option<bool> {
    let Some(text) = case.known() else {
        // One reference may stand for anything; more of them together are text.
        let text = case.text().is_some_and(|text| text.pieces().len() > 1);
        return (text
            && shape.kinds.iter().all(|kind| matches!(kind, Kind::Object | Kind::Array))
            && !shape.kinds.is_empty())
        .then_some(false);
    };
    if !takes_text(shape, case) {
        return Some(false);
    }
    let mut all = All::default();
    let values = values(shape);
    if !values.is_empty() {
        all.add(Some(values.iter().any(|value| same(shape, value, &text))));
    }
    if let Some(number) = number(shape, &text) {
        all.add(Some(shape.range.holds(number)));
        if let Some(step) = shape.multiple {
            all.add(Some(number % step == 0.0));
        }
    } else {
        all.add(Some(length(shape, &text)));
    }
    if let Some(pattern) = &shape.pattern {
        all.add(pattern.matches(&text));
    }
    if shape.format.is_some() {
        all.add(super::formats::matches(shape, &text));
    }
    all.0
}

/// The values that a shape takes; instance types have a table of their own.
pub(super) fn values(shape: &Shape) -> &[&'static str] {
    match shape.instance_types_of() {
        Some(kind) => tables::instance_types(kind),
        None => &shape.values,
    }
}

/// Whether a value is that of a list of values.
pub(super) fn same(shape: &Shape, value: &str, text: &str) -> bool {
    value == text || shape.any_case && value.eq_ignore_ascii_case(text)
}

/// The number that text stands for, where the shape is about numbers.
pub(super) fn number(shape: &Shape, text: &str) -> Option<f64> {
    let about_numbers = !shape.kinds.take(Kind::String)
        || shape.kinds.is_empty()
        || shape.kinds.iter().any(|kind| matches!(kind, Kind::Integer | Kind::Number));
    text.trim().parse().ok().filter(|_| about_numbers)
}

/// Whether text is as long as it may be.
pub(super) fn length(shape: &Shape, text: &str) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "text in a file of some megabytes")]
    let length = text.chars().count() as f64;
    !shape.kinds.take(Kind::String) || shape.length.holds(length)
}

/// Whether a shape takes text, as CloudFormation reads it: `"5"` is a number, `5` is text.
pub(super) fn takes_text(shape: &Shape, case: &Case<'_>) -> bool {
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
        (Kind::Integer, Some(text)) => text.trim().parse::<f64>().is_ok_and(|number| number.fract() == 0.0),
        (Kind::Number, Some(text)) => text.trim().parse::<f64>().is_ok(),
    };
    shape.kinds.iter().any(goes)
}

/// What all cases say, if they say the same.
fn agreed(mut each: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let first = each.next()??;
    each.all(|next| next == Some(first)).then_some(first)
}

/// Whether all of several hold.
struct All(Option<bool>);

impl Default for All {
    fn default() -> All {
        All(Some(true))
    }
}

impl All {
    fn add(&mut self, holds: Option<bool>) {
        self.0 = match (self.0, holds) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (None, _) | (_, None) => None,
            (Some(true), Some(true)) => Some(true),
        };
    }
}
