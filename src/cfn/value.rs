//! JSON that is being made; what is read is `serde_json`'s. An assembly is thousands of small mappings, most of whose
//! names and many of whose values are known when smstack is compiled: here those are borrowed, and a mapping is a list,
//! which for a dozen members is looked through faster than a hash table and takes half of its room.

mod text;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::{Index, IndexMut};

use indexmap::IndexMap;
use serde_json::Number;

/// Text that is known when smstack is compiled, or made later.
type Text = Cow<'static, str>;

/// A JSON value that is being made.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    String(Text),
    /// A list.
    Array(Vec<Value>),
    /// A mapping.
    Object(Map),
}

/// Members in the order in which they came; two mappings are the same whatever their order. Members are looked for one
/// by one: what may hold thousands is made at once, by [`Map::of`] or [`Extend`], or wants an index, as the resources of
/// a template do.
#[derive(Debug, Clone, Default)]
pub struct Map(Vec<(Text, Value)>);

/// So many members are looked through one by one whenever one is added.
const FEW: usize = 64;

static NULL: Value = Value::Null;

impl Value {
    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Value::String(text) = self { Some(text) } else { None }
    }

    /// The number, if it is a whole one that is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        if let Value::Number(number) = self { number.as_u64() } else { None }
    }

    /// The items, if it is a list.
    pub fn as_array(&self) -> Option<&[Value]> {
        if let Value::Array(items) = self { Some(items) } else { None }
    }

    /// The items, if it is a list.
    pub fn as_array_mut(&mut self) -> Option<&mut Vec<Value>> {
        if let Value::Array(items) = self { Some(items) } else { None }
    }

    /// The members, if it is a mapping.
    pub fn as_object(&self) -> Option<&Map> {
        if let Value::Object(members) = self { Some(members) } else { None }
    }

    /// The members, if it is a mapping.
    pub fn as_object_mut(&mut self) -> Option<&mut Map> {
        if let Value::Object(members) = self { Some(members) } else { None }
    }

    /// A member of a mapping.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_object()?.get(key)
    }

    /// What a JSON pointer through mappings leads to.
    pub fn at_mut(&mut self, pointer: &str) -> Option<&mut Value> {
        pointer.split('/').skip(1).try_fold(self, |value, key| value.as_object_mut()?.get_mut(key))
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The same with texts that stay as long as the process, so that clones borrow them.
    #[must_use]
    pub fn lasting(self) -> Value {
        match self {
            Value::String(text) => Value::from(lasting(text)),
            Value::Array(items) => items.into_iter().map(Value::lasting).collect(),
            Value::Object(members) => Value::Object(members.lasting()),
            plain => plain,
        }
    }

    /// The value, `null` left in its place.
    #[must_use]
    pub fn take(&mut self) -> Value {
        std::mem::take(self)
    }
}

impl Map {
    /// A mapping without members.
    pub fn new() -> Map {
        Map::default()
    }

    /// A mapping without members, with room for some.
    pub fn with_capacity(room: usize) -> Map {
        Map(Vec::with_capacity(room))
    }

    /// Of these members; the last of those that have one name counts, in the place of the first.
    pub fn of(members: Vec<(Text, Value)>) -> Map {
        if members.len() > FEW {
            return Map(members.into_iter().collect::<IndexMap<_, _>>().into_iter().collect());
        }
        let mut map = Map::with_capacity(members.len());
        for (key, value) in members {
            map.put(key, value);
        }
        map
    }

    /// Puts a member at the end, or in place of the one that has its name, which comes back.
    pub fn insert(&mut self, key: impl Into<Text>, value: Value) -> Option<Value> {
        self.put(key.into(), value)
    }

    // Mappings are written out in hundreds of places: each is as small as it can be.
    #[inline(never)]
    fn put(&mut self, key: Text, value: Value) -> Option<Value> {
        if let Some(there) = self.get_mut(&key) {
            return Some(std::mem::replace(there, value));
        }
        self.0.push((key, value));
        None
    }

    /// The member of that name, which is made if it is not there.
    pub fn get_or_insert_with(&mut self, key: impl Into<Text>, make: impl FnOnce() -> Value) -> &mut Value {
        let key = key.into();
        let place = self.0.iter().position(|(name, _)| *name == key).unwrap_or_else(|| {
            self.0.push((key, make()));
            self.0.len() - 1
        });
        &mut self.0[place].1
    }

    /// A member.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.iter().find_map(|(name, value)| (name == key).then_some(value))
    }

    /// A member.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.0.iter_mut().find_map(|(name, value)| (*name == key).then_some(value))
    }

    /// Whether there is a member of that name.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Takes a member out; the others keep their order.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let place = self.0.iter().position(|(name, _)| *name == key)?;
        Some(self.0.remove(place).1)
    }

    /// Keeps the members for which `keep` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &Value) -> bool) {
        self.0.retain(|(key, value)| keep(key, value));
    }

    /// The members.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (&**key, value))
    }

    /// The members, with names that can be cloned.
    pub fn entries(&self) -> &[(Text, Value)] {
        &self.0
    }

    /// The members, whose values may change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Value)> {
        self.0.iter_mut().map(|(key, value)| (&**key, value))
    }

    /// The members' names.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(key, _)| key)
    }

    /// The members' values.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.iter().map(|(_, value)| value)
    }

    /// The members' values.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// The same with texts that stay as long as the process, so that clones borrow them.
    #[must_use]
    pub fn lasting(self) -> Map {
        self.into_iter().map(|(key, value)| (lasting(key), value.lasting())).collect()
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn lasting(text: Text) -> &'static str {
    match text {
        Text::Borrowed(text) => text,
        Text::Owned(text) => text.leak(),
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Map) -> bool {
        self.len() == other.len()
            && self.0.iter().zip(&other.0).all(|((key, value), (beside, theirs))| {
                if key == beside { value == theirs } else { other.get(key) == Some(value) }
            })
    }
}

impl IntoIterator for Map {
    type Item = (Text, Value);
    type IntoIter = std::vec::IntoIter<(Text, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<K: Into<Text>> Extend<(K, Value)> for Map {
    fn extend<T: IntoIterator<Item = (K, Value)>>(&mut self, members: T) {
        let mut all = std::mem::take(&mut self.0);
        all.extend(members.into_iter().map(|(key, value)| (key.into(), value)));
        *self = Map::of(all);
    }
}

/// Of members that have different names, as those of another mapping do.
impl<K: Into<Text>> FromIterator<(K, Value)> for Map {
    fn from_iter<T: IntoIterator<Item = (K, Value)>>(members: T) -> Map {
        let members = Map(members.into_iter().map(|(key, value)| (key.into(), value)).collect());
        debug_assert_eq!(members.keys().collect::<BTreeSet<_>>().len(), members.len(), "a name came twice");
        members
    }
}

impl Index<&str> for Value {
    type Output = Value;

    fn index(&self, key: &str) -> &Value {
        self.get(key).unwrap_or(&NULL)
    }
}

impl Index<usize> for Value {
    type Output = Value;

    fn index(&self, place: usize) -> &Value {
        self.as_array().and_then(|items| items.get(place)).unwrap_or(&NULL)
    }
}

/// A member to write to, which is made if it is not there. Only mappings have members.
impl IndexMut<&'static str> for Value {
    fn index_mut(&mut self, key: &'static str) -> &mut Value {
        let members = self.as_object_mut().expect("only mappings have members");
        members.get_or_insert_with(key, Value::default)
    }
}

impl PartialEq<str> for Value {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Value {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Value {
        Value::Bool(flag)
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Value {
        Value::String(Text::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::String(Text::Owned(text))
    }
}

macro_rules! numbers {
    ($($kind:ty)*) => {
        $(
            impl From<$kind> for Value {
                fn from(number: $kind) -> Value {
                    Value::Number(number.into())
                }
            }
        )*
    };
}

numbers! { u8 u16 u32 u64 usize i32 i64 }

/// What is no number in JSON is `null`.
impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Number::from_f64(number).map_or(Value::Null, Value::Number)
    }
}

impl From<serde_json::Value> for Value {
    fn from(read: serde_json::Value) -> Value {
        match read {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(flag) => Value::Bool(flag),
            serde_json::Value::Number(number) => Value::Number(number),
            serde_json::Value::String(text) => Value::from(text),
            serde_json::Value::Array(items) => items.into_iter().map(Value::from).collect(),
            serde_json::Value::Object(members) => {
                Value::Object(members.into_iter().map(|(key, member)| (key, member.into())).collect())
            }
        }
    }
}

impl FromIterator<Value> for Value {
    fn from_iter<T: IntoIterator<Item = Value>>(items: T) -> Value {
        Value::Array(items.into_iter().collect())
    }
}

/// JSON that is looked through, read or made.
pub trait Json: Sized {
    /// The text, if it is one.
    fn as_text(&self) -> Option<&str>;

    /// A member of a mapping.
    fn member(&self, key: &str) -> Option<&Self>;

    /// The members of a mapping, the items of a list.
    fn parts(&self) -> impl Iterator<Item = &Self>;

    /// What a JSON pointer through mappings leads to.
    fn at(&self, pointer: &str) -> Option<&Self> {
        pointer.split('/').skip(1).try_fold(self, |value, key| value.member(key))
    }
}

macro_rules! looked_through {
    ($($value:ty)*) => {
        $(
            impl Json for $value {
                fn as_text(&self) -> Option<&str> {
                    self.as_str()
                }

                fn member(&self, key: &str) -> Option<&Self> {
                    self.get(key)
                }

                fn parts(&self) -> impl Iterator<Item = &Self> {
                    let members = self.as_object().into_iter().flat_map(|members| members.values());
                    members.chain(self.as_array().into_iter().flatten())
                }
            }
        )*
    };
}

looked_through! { Value serde_json::Value }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_the_library_has() {
        let text = r#"{"b":[null,true,1,-2,1.5,"ü\n"],"a":{"c":{},"d":[]},"b2":18446744073709551615}"#;
        let made: Value = serde_json::from_str(text).unwrap();
        let read: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!((made.to_string().as_str(), &made), (text, &Value::from(read)));
        let turned: Value = serde_json::from_str(
            r#"{"a":{"d":[],"c":{}},"b2":18446744073709551615,"b":[null,true,1,-2,1.5,"ü\n"]}"#,
        )
        .unwrap();
        assert_eq!(made, turned);
        assert_ne!(made, serde_json::from_str::<Value>(r#"{"a":{},"b":[],"c":1}"#).unwrap());
        assert_eq!((&made["b"][5], &made["no"]["such"][0]), (&Value::from("ü\n"), &Value::Null));
        assert_eq!(size_of::<(Text, Value)>(), 56);
    }

    #[test]
    fn a_name_has_one_member() {
        let mut members = Map::new();
        assert_eq!(members.insert("a", true.into()), None);
        assert_eq!(members.insert("b", false.into()), None);
        assert_eq!(members.insert("a".to_owned(), "x".into()), Some(Value::Bool(true)));
        assert_eq!(members.get_or_insert_with("b", || unreachable!()), &Value::Bool(false));
        *members.get_or_insert_with("c", Value::default) = Value::from("y");
        assert_eq!(Value::Object(members.clone()).to_string(), r#"{"a":"x","b":false,"c":"y"}"#);
        assert_eq!((members.remove("a"), members.remove("a")), (Some(Value::from("x")), None));
        members.extend([("d", Value::Null), ("c", Value::Null)]);
        assert_eq!(members.keys().collect::<Vec<_>>(), ["b", "c", "d"]);
        for many in [3, 3 * FEW] {
            let mut members = Map::new();
            members.insert("7", "first".into());
            members.extend((0..many).map(|n| ((n % (many - 1)).to_string(), n.into())));
            assert_eq!(members.len(), many - usize::from(many > 8), "{many}");
            assert_eq!(members.get("0"), Some(&(many - 1).into()));
            assert_eq!(members.get("7"), Some(&if many > 8 { 7.into() } else { "first".into() }));
        }
    }

    #[test]
    fn what_was_read_and_what_is_made_are_looked_through_alike() {
        fn check(value: &impl Json) {
            assert_eq!(value.at("/a/b").and_then(Json::as_text), Some("x"));
            assert_eq!(value.at("/a/c/b").map(|_| ()), None);
            assert_eq!(
                value.parts().flat_map(Json::parts).filter_map(Json::as_text).collect::<Vec<_>>(),
                ["x", "y"]
            );
        }
        let text = r#"{"a":{"b":"x"},"c":["y",1]}"#;
        check(&serde_json::from_str::<Value>(text).unwrap());
        check(&serde_json::from_str::<serde_json::Value>(text).unwrap());
    }
}
