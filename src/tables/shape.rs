//! The shape of a value: what CloudFormation or the API lets it be.
//!
//! JSON Schema's words, shortened and typed. A shape says nothing about what it leaves out: one without
//! `kinds` takes any kind, one without `pattern` any text.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::instances::JobKind;
use super::text_pattern::Pattern;

/// What a value may be.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Shape {
    /// The name of the shape in the same row whose facts hold too; [`super::TypeSchema::shape`] finds it.
    #[serde(rename = "ref")]
    pub reference: Option<&'static str>,
    /// The kinds of value that it may be; any where empty.
    #[serde(default, rename = "type")]
    pub kinds: Kinds,
    /// Of an object, its properties; none where it is a map, or where any go.
    #[serde(default, rename = "props")]
    pub properties: Option<BTreeMap<&'static str, Shape>>,
    /// Of a map, what the values are whose keys match.
    #[serde(default, rename = "patterns")]
    pub by_pattern: Vec<(Pattern, Shape)>,
    /// Whether an object takes properties that neither `properties` nor `by_pattern` has; see
    /// [`Shape::is_closed`].
    #[serde(default)]
    pub open: bool,
    /// Of an object, the properties that it must have.
    #[serde(default)]
    pub required: Vec<&'static str>,
    /// Of an object, the properties of which it must have exactly one.
    #[serde(default)]
    pub one_required: Vec<&'static str>,
    /// Of an object, the properties of which it must have at least one.
    #[serde(default)]
    pub any_required: Vec<&'static str>,
    /// Property → the others that it must not be without.
    #[serde(default)]
    pub requires: BTreeMap<&'static str, Vec<&'static str>>,
    /// Property → the others that it must not be with.
    #[serde(default)]
    pub excludes: BTreeMap<&'static str, Vec<&'static str>>,
    /// Of a map, what its keys are.
    pub keys: Option<Box<Shape>>,
    /// Of an object, how many properties it has.
    #[serde(default)]
    pub size: Limits,
    /// Of a list, what each item is.
    pub item: Option<Box<Shape>>,
    /// Of a list, how many items it has.
    #[serde(default)]
    pub count: Limits,
    /// Of a list, whether no two items are the same.
    #[serde(default)]
    pub unique: bool,
    /// Of a list of objects, the properties in which no two are the same.
    #[serde(default)]
    pub unique_by: Vec<&'static str>,
    /// The values that it takes, as text: a number or a boolean is the same as its text.
    #[serde(default, rename = "enum")]
    pub values: Vec<&'static str>,
    /// Whether `values` are compared without regard to case.
    #[serde(default)]
    pub any_case: bool,
    /// Of text, what a part of it must match.
    pub pattern: Option<Pattern>,
    /// Of text, how many characters it has.
    #[serde(default)]
    pub length: Limits,
    /// Of a number, how large it is.
    #[serde(default)]
    pub range: Limits,
    /// Of a number, what it is a multiple of.
    pub multiple: Option<f64>,
    /// What text stands for: the attribute of a resource, `AWS::IAM::Role.Arn`, or `date-time`, `json`,
    /// `ipv4-network`.
    pub format: Option<&'static str>,
    /// The API shape that some of these facts are from, `sagemaker:ProductionVariantInstanceType`: the
    /// resource's own schema is silent there.
    pub api: Option<&'static str>,
    /// Exactly one of these holds.
    #[serde(default)]
    pub one_of: Vec<Shape>,
    /// At least one of these holds.
    #[serde(default)]
    pub any_of: Vec<Shape>,
    /// All of these hold.
    #[serde(default)]
    pub all_of: Vec<Shape>,
    /// This does not hold.
    pub not: Option<Box<Shape>>,
    /// Where this holds, `then` does, and where it doesn't, `otherwise`.
    #[serde(rename = "if")]
    pub condition: Option<Box<Shape>>,
    /// What holds where `condition` does.
    pub then: Option<Box<Shape>>,
    /// What holds where `condition` doesn't.
    #[serde(rename = "else")]
    pub otherwise: Option<Box<Shape>>,
    /// Whether there may be no such value at all.
    #[serde(default)]
    pub never: bool,
}

impl Shape {
    /// Whether an object takes no properties but those that it names.
    pub fn is_closed(&self) -> bool {
        !self.open && (self.properties.is_some() || !self.by_pattern.is_empty())
    }

    /// The shape of a property: the one of that name, or the first whose pattern the name matches.
    pub fn property(&self, name: &str) -> Option<&Self> {
        self.of_property(name).next()
    }

    /// The shapes that hold for a property: the one of that name, and all whose pattern the name matches.
    pub fn of_property(&self, name: &str) -> impl Iterator<Item = &Self> {
        let named = self.properties.as_ref().and_then(|properties| properties.get(name));
        let matched = self.by_pattern.iter().filter(move |(key, _)| key.matches(name) == Some(true));
        named.into_iter().chain(matched.map(|(_, shape)| shape))
    }

    /// Of an instance type, the kind of job whose instance types it takes, [`super::instance_types`]:
    /// `values` is empty then.
    pub fn instance_types_of(&self) -> Option<JobKind> {
        JobKind::of_shape(self.api?.strip_prefix("sagemaker:")?)
    }

    /// Whether nothing is said of the value.
    pub fn is_silent(&self) -> bool {
        let lists = [&self.required, &self.one_required, &self.any_required, &self.values];
        let limits = [self.size, self.count, self.length, self.range];
        self.reference.is_none()
            && self.kinds.is_empty()
            && self.requires.is_empty()
            && self.excludes.is_empty()
            && lists.into_iter().all(Vec::is_empty)
            && limits.into_iter().all(Limits::is_open)
            && self.pattern.is_none()
            && self.multiple.is_none()
            && self.format.is_none()
            && !self.unique
            && !self.never
            && self.api.is_none()
            && self.properties.is_none()
            && self.parts().next().is_none()
    }

    /// The shapes inside this one, each once.
    pub fn parts(&self) -> impl Iterator<Item = &Self> {
        let nested = [&self.keys, &self.item, &self.not, &self.condition, &self.then, &self.otherwise];
        let lists = [&self.one_of, &self.any_of, &self.all_of];
        self.properties
            .iter()
            .flat_map(BTreeMap::values)
            .chain(self.by_pattern.iter().map(|(_, shape)| shape))
            .chain(nested.into_iter().flatten().map(AsRef::as_ref))
            .chain(lists.into_iter().flatten())
    }
}

/// The least and the most of something; either side may be open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
pub struct Limits(pub Option<f64>, pub Option<f64>);

impl Limits {
    /// The least.
    pub fn min(self) -> Option<f64> {
        self.0
    }

    /// The most.
    pub fn max(self) -> Option<f64> {
        self.1
    }

    /// Whether nothing is said.
    pub fn is_open(self) -> bool {
        self.0.is_none() && self.1.is_none()
    }

    /// Whether a value, length, size or count is within.
    pub fn holds(self, value: f64) -> bool {
        self.0.is_none_or(|min| min <= value) && self.1.is_none_or(|max| value <= max)
    }
}

/// A kind of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `true`, `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Text.
    String,
    /// A list.
    Array,
    /// A structure or a map.
    Object,
}

impl Kind {
    /// As JSON Schema writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Boolean, Self::Integer, Self::Number, Self::String, Self::Array, Self::Object]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// Some kinds of value; none means any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kinds(Vec<Kind>);

impl std::ops::Deref for Kinds {
    type Target = [Kind];

    fn deref(&self) -> &[Kind] {
        &self.0
    }
}

impl Kinds {
    /// Whether a value of that kind goes; a whole number is a number.
    pub fn take(&self, kind: Kind) -> bool {
        self.is_empty() || self.contains(&kind) || kind == Kind::Integer && self.contains(&Kind::Number)
    }
}

impl<'de> Deserialize<'de> for Kinds {
    /// `string`, `object|string`.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        let kind = |name| Kind::parse(name).ok_or_else(|| D::Error::custom(format!("no kind: {name}")));
        text.split('|').map(kind).collect::<Result<_, _>>().map(Self)
    }
}
