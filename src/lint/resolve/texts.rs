//! Functions that make text: `Fn::Sub` and `Fn::Join`, each in every way that goes together.

use serde_json::Value;

use super::{Case, MAX_CASES, Node, Thing};
use crate::diag::Pointer;
use crate::lint::assume::literal;
use crate::lint::functions::{SubPart, sub_parts};
use crate::lint::{Assumptions, Piece, Template, Text};

impl<'d> Template<'d> {
    /// Every text that the parts make together, under assumptions that go together.
    fn texts(
        &self,
        parts: impl IntoIterator<Item = Vec<(Text, Assumptions<'d>)>>,
        when: &Assumptions<'d>,
    ) -> Option<Vec<(Text, Assumptions<'d>)>> {
        let mut whole = vec![(Text::default(), when.clone())];
        for part in parts {
            let mut longer = Vec::with_capacity(whole.len() * part.len());
            for (text, when) in &whole {
                for (more, also) in &part {
                    let Some(when) = when.and(self, also) else { continue };
                    let mut text = text.clone();
                    text.append(more);
                    longer.push((text, when));
                }
            }
            if longer.len() > MAX_CASES {
                return None;
            }
            whole = longer;
        }
        Some(whole)
    }

    /// What a value is as a part of a text.
    pub(super) fn as_text(
        &self,
        node: &Node<'d>,
        when: &Assumptions<'d>,
        depth: usize,
    ) -> Vec<(Text, Assumptions<'d>)> {
        let cases = self.resolve(node, when, depth + 1);
        let text = |case: Case<'d>| {
            let text = match case.thing {
                Thing::Text(text) => text,
                Thing::Scalar(value) => literal(value).map_or_else(Text::unknown, Text::literal),
                _ => Text::unknown(),
            };
            (text, case.when)
        };
        cases.into_iter().map(text).collect()
    }

    pub(super) fn substitute(
        &self,
        argument: &Node<'d>,
        when: &Assumptions<'d>,
        depth: usize,
    ) -> Vec<Case<'d>> {
        let (text, variables) = match argument.value {
            Value::String(text) => (Some(text), None),
            Value::Array(items) => match items.as_slice() {
                [Value::String(text), Value::Object(variables)] => (Some(text), Some(variables)),
                _ => (None, None),
            },
            _ => (None, None),
        };
        let Some(text) = text else { return together(&argument.at, None, when) };
        let parts = sub_parts(text).into_iter().map(|part| {
            let variable = match part {
                SubPart::Text(text) => return vec![(literal_text(text), when.clone())],
                SubPart::Variable(variable) => variable,
            };
            if let Some(value) = variables.and_then(|variables| variables.get(variable)) {
                let node = Node::new(value, argument.at.index(1).key(variable));
                return self.as_text(&node, when, depth);
            }
            self.variable(variable, when)
        });
        together(&argument.at, self.texts(parts.collect::<Vec<_>>(), when), when)
    }

    /// `${Name}`, `${Name.Attribute}` or `${AWS::Region}` of a `Fn::Sub`.
    fn variable(&self, name: &str, when: &Assumptions<'d>) -> Vec<(Text, Assumptions<'d>)> {
        if let Some(pseudo) = name.strip_prefix("AWS::") {
            return vec![(self.pseudo(pseudo), when.clone())];
        }
        if let Some((name, parameter)) = self.parameters.get_key_value(name) {
            let given = when.parameter(name).map(|value| vec![value.to_owned()]);
            let values = given.unwrap_or_else(|| parameter.values());
            let known: Vec<_> = values
                .iter()
                .filter_map(|value| Some((Text::literal(value.clone()), when.bind(self, name, value)?)))
                .collect();
            return if known.is_empty() { vec![(Text::unknown(), when.clone())] } else { known };
        }
        let (id, attribute) = match name.split_once('.') {
            Some((id, attribute)) => (id, Some(attribute.to_owned())),
            None => (name, None),
        };
        let text = if self.resources.contains_key(id) {
            Text::from(Piece::Resource { id: id.to_owned(), attribute })
        } else {
            Text::unknown()
        };
        vec![(text, when.clone())]
    }

    pub(super) fn join(&self, argument: &Node<'d>, when: &Assumptions<'d>, depth: usize) -> Vec<Case<'d>> {
        let parts = match argument.value.as_array().map(Vec::as_slice) {
            Some([Value::String(separator), Value::Array(items)]) => {
                let mut parts = Vec::new();
                for (n, item) in items.iter().enumerate() {
                    if n > 0 {
                        parts.push(vec![(Text::literal(separator.clone()), when.clone())]);
                    }
                    let node = Node::new(item, argument.at.index(1).index(n));
                    parts.push(self.as_text(&node, when, depth));
                }
                Some(parts)
            }
            _ => None,
        };
        together(&argument.at, parts.and_then(|parts| self.texts(parts, when)), when)
    }
}

/// The cases of a function that makes text; they stand where the function stands, not its argument.
fn together<'d>(
    argument: &Pointer,
    texts: Option<Vec<(Text, Assumptions<'d>)>>,
    when: &Assumptions<'d>,
) -> Vec<Case<'d>> {
    let at = argument.parent();
    match texts {
        Some(texts) => texts
            .into_iter()
            .map(|(text, when)| Case { thing: Thing::Text(text), at: at.clone(), when })
            .collect(),
        None => vec![Case { thing: Thing::Text(Text::unknown()), at, when: when.clone() }],
    }
}
/// Text as it is written; `{{resolve:…}}` is looked up at deployment.
pub(super) fn literal_text(text: &str) -> Text {
    let mut parts = Text::default();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{resolve:") {
        let Some((_, behind)) = after.split_once("}}") else { break };
        parts.push(Piece::Known(before.to_owned()));
        parts.push(Piece::Unknown);
        rest = behind;
    }
    parts.push(Piece::Known(rest.to_owned()));
    parts
}
