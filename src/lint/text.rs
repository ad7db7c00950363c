//! Text of which some may be known only when the template is deployed.

/// Text in pieces; no two known ones stand beside each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    pieces: Vec<Piece>,
}

/// A piece of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These characters.
    Known(String),
    /// What `Ref` of a resource gives, or `Fn::GetAtt` where there is an attribute.
    Resource {
        /// The resource's logical id.
        id: String,
        /// The attribute, dotted where it is nested.
        attribute: Option<String>,
    },
    /// A pseudo parameter without its `AWS::`: `AccountId`.
    Pseudo(String),
    /// Something else.
    Unknown,
}

impl Text {
    /// Text that is known.
    pub fn literal(text: impl Into<String>) -> Text {
        Text::from(Piece::Known(text.into()))
    }

    /// Text of which nothing is known.
    pub fn unknown() -> Text {
        Text::from(Piece::Unknown)
    }

    /// The pieces.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Adds what follows.
    pub fn push(&mut self, piece: Piece) {
        match (self.pieces.last_mut(), piece) {
            (_, Piece::Known(text)) if text.is_empty() => {}
            (Some(Piece::Known(last)), Piece::Known(text)) => last.push_str(&text),
            (_, piece) => self.pieces.push(piece),
        }
    }

    /// Adds other text.
    pub fn append(&mut self, other: &Text) {
        other.pieces.iter().cloned().for_each(|piece| self.push(piece));
    }

    /// The whole text, if all of it is known.
    pub fn known(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Known(text)] => Some(text),
            _ => None,
        }
    }

    /// What it begins with, as far as that is known.
    pub fn prefix(&self) -> &str {
        match self.pieces.first() {
            Some(Piece::Known(text)) => text,
            _ => "",
        }
    }

    /// What it ends with, as far as that is known.
    pub fn suffix(&self) -> &str {
        match self.pieces.last() {
            Some(Piece::Known(text)) => text,
            _ => "",
        }
    }

    /// The logical id and the attribute, if the whole text is one reference to a resource.
    pub fn target(&self) -> Option<(&str, Option<&str>)> {
        match self.pieces.as_slice() {
            [Piece::Resource { id, attribute }] => Some((id, attribute.as_deref())),
            _ => None,
        }
    }

    /// Whether a piece may be any text at all, so that little can be said of the whole.
    pub fn is_open(&self) -> bool {
        self.pieces.contains(&Piece::Unknown)
    }

    /// The parts between the separators that are known to be there. A reference or an unknown piece is taken to hold
    /// none; ask [`Text::is_open`] where that matters.
    pub fn split(&self, separator: char) -> Vec<Text> {
        let mut parts = Vec::new();
        let mut last = Text::default();
        for piece in &self.pieces {
            let Piece::Known(text) = piece else {
                last.push(piece.clone());
                continue;
            };
            for (n, part) in text.split(separator).enumerate() {
                if n > 0 {
                    parts.push(std::mem::take(&mut last));
                }
                last.push(Piece::Known(part.to_owned()));
            }
        }
        parts.push(last);
        parts
    }

    /// Whether two texts are the same: certainly, certainly not, or nothing when that cannot be said.
    pub fn same(&self, other: &Text) -> Option<bool> {
        if self == other && !self.is_open() {
            return Some(true);
        }
        if let (Some(a), Some(b)) = (self.known(), other.known()) {
            return Some(a == b);
        }
        let starts = |a: &str, b: &str| a.starts_with(b) || b.starts_with(a);
        let ends = |a: &str, b: &str| a.ends_with(b) || b.ends_with(a);
        let apart = !starts(self.prefix(), other.prefix()) || !ends(self.suffix(), other.suffix());
        apart.then_some(false)
    }

    /// As people read it: `endpoint/${Endpoint.EndpointName}`.
    pub fn shown(&self) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Known(text) => text.clone(),
            Piece::Resource { id, attribute: None } => format!("${{{id}}}"),
            Piece::Resource { id, attribute: Some(attribute) } => format!("${{{id}.{attribute}}}"),
            Piece::Pseudo(name) => format!("${{AWS::{name}}}"),
            Piece::Unknown => "…".to_owned(),
        };
        self.pieces.iter().map(piece).collect()
    }
}

impl From<Piece> for Text {
    fn from(piece: Piece) -> Text {
        let mut text = Text::default();
        text.push(piece);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pieces: &[Piece]) -> Text {
        let mut text = Text::default();
        pieces.iter().cloned().for_each(|piece| text.push(piece));
        text
    }

    fn endpoint() -> Piece {
        Piece::Resource { id: "Endpoint".into(), attribute: Some("EndpointName".into()) }
    }

    #[test]
    fn text_is_taken_apart() {
        let whole = text(&[Piece::Known("endpoint/".into()), endpoint(), Piece::Known("/variant/A".into())]);
        assert_eq!(whole.shown(), "endpoint/${Endpoint.EndpointName}/variant/A");
        let parts = whole.split('/');
        assert_eq!(
            parts.iter().map(Text::shown).collect::<Vec<_>>(),
            ["endpoint", "${Endpoint.EndpointName}", "variant", "A"]
        );
        assert_eq!(parts[1].target(), Some(("Endpoint", Some("EndpointName"))));
        assert_eq!(parts[3].known(), Some("A"));
    }

    #[test]
    fn texts_are_the_same_or_not_or_who_knows() {
        let a = text(&[Piece::Known("a-".into()), endpoint()]);
        let unknown = text(&[Piece::Known("a-".into()), Piece::Unknown]);
        assert_eq!(a.same(&a), Some(true));
        assert_eq!(a.same(&Text::literal("a-b")), None);
        assert_eq!(a.same(&Text::literal("b")), Some(false));
        assert_eq!(unknown.same(&unknown), None);
        assert_eq!(Text::literal("x").same(&Text::literal("x")), Some(true));
        assert_eq!(Text::default().known(), Some(""));
    }
}
