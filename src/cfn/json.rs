//! JSON written out, as `serde_json`'s own macro has it. Values are moved in, or cloned where they are borrowed, and a
//! mapping has at once the room that it needs.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::value::{Map, Value};
use super::{Expr, LogicalId};

/// What stands in JSON as a value.
pub(crate) trait IntoJson {
    /// The value.
    fn into_json(self) -> Value;
}

/// A JSON value: `json!({ "Key": value, "List": [1, { "A": null }] })`.
macro_rules! json {
    (@items [$($done:expr,)*]) => { vec![$($done),*] };
    (@items [$($done:expr,)*] null $(, $($rest:tt)*)?) => {
        $crate::cfn::json!(@items [$($done,)* $crate::cfn::Value::Null,] $($($rest)*)?)
    };
    (@items [$($done:expr,)*] [$($inner:tt)*] $(, $($rest:tt)*)?) => {
        $crate::cfn::json!(@items [$($done,)* $crate::cfn::json!([$($inner)*]),] $($($rest)*)?)
    };
    (@items [$($done:expr,)*] {$($inner:tt)*} $(, $($rest:tt)*)?) => {
        $crate::cfn::json!(@items [$($done,)* $crate::cfn::json!({$($inner)*}),] $($($rest)*)?)
    };
    (@items [$($done:expr,)*] $item:literal $(, $($rest:tt)*)?) => {
        $crate::cfn::json!(@items [$($done,)* $crate::cfn::Value::from($item),] $($($rest)*)?)
    };
    (@items [$($done:expr,)*] $item:expr $(, $($rest:tt)*)?) => {
        $crate::cfn::json!(@items [$($done,)* $crate::cfn::IntoJson::into_json($item),] $($($rest)*)?)
    };
    (@members [$($key:expr => $value:expr,)*]) => {{
        #[allow(unused_mut, reason = "of an empty mapping")]
        let mut members = $crate::cfn::Map::with_capacity(const { <[&str]>::len(&[$(stringify!($key)),*]) });
        $(members.insert($key, $value);)*
        members
    }};
    (@members [$($done:tt)*] ($key:expr): $($rest:tt)*) => {
        $crate::cfn::json!(@member [$($done)*] $key.to_string(); $($rest)*)
    };
    (@members [$($done:tt)*] $key:literal: $($rest:tt)*) => {
        $crate::cfn::json!(@member [$($done)*] $key; $($rest)*)
    };
    (@members [$($done:tt)*] $key:ident: $($rest:tt)*) => {
        $crate::cfn::json!(@member [$($done)*] $key; $($rest)*)
    };
    (@member [$($done:tt)*] $key:expr; null $(, $($rest:tt)*)?) => {
        $crate::cfn::json!(@members [$($done)* $key => $crate::cfn::Value::Null,] $($($rest)*)?)
    };
    (@member [$($done:tt)*] $key:expr; [$($inner:tt)*] $(, $($rest:tt)*)?) => {
        $crate::cfn::json!(@members [$($done)* $key => $crate::cfn::json!([$($inner)*]),] $($($rest)*)?)
    };
    (@member [$($done:tt)*] $key:expr; {$($inner:tt)*} $(, $($rest:tt)*)?) => {
        $crate::cfn::json!(@members [$($done)* $key => $crate::cfn::json!({$($inner)*}),] $($($rest)*)?)
    };
    (@member [$($done:tt)*] $key:expr; $value:literal $(, $($rest:tt)*)?) => {
        $crate::cfn::json!(@members [$($done)* $key => $crate::cfn::Value::from($value),] $($($rest)*)?)
    };
    (@member [$($done:tt)*] $key:expr; $value:expr $(, $($rest:tt)*)?) => {
        $crate::cfn::json!(@members [$($done)* $key => $crate::cfn::IntoJson::into_json($value),] $($($rest)*)?)
    };
    (null) => { $crate::cfn::Value::Null };
    ([$($items:tt)*]) => { $crate::cfn::Value::Array($crate::cfn::json!(@items [] $($items)*)) };
    ({$($members:tt)*}) => { $crate::cfn::Value::Object($crate::cfn::json!(@members [] $($members)*)) };
    ($value:literal) => { $crate::cfn::Value::from($value) };
    ($value:expr) => { $crate::cfn::IntoJson::into_json($value) };
}

pub(crate) use json;

/// A mapping with one member.
pub(crate) fn single(key: &'static str, value: Value) -> Value {
    let mut members = Map::with_capacity(1);
    members.insert(key, value);
    Value::Object(members)
}

/// A value's text; `to_string` copies it once more.
pub(crate) fn text(value: &Value) -> String {
    serde_json::to_string(value).expect("a value has a text")
}

/// The length of a value's text.
pub(crate) fn length(value: &Value) -> usize {
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value).expect("a value has a text");
    count.0
}

struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0 += bytes.len();
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl IntoJson for Value {
    fn into_json(self) -> Value {
        self
    }
}

impl IntoJson for &serde_json::Value {
    fn into_json(self) -> Value {
        Value::from(self.clone())
    }
}

impl IntoJson for Map {
    fn into_json(self) -> Value {
        Value::Object(self)
    }
}

impl IntoJson for String {
    fn into_json(self) -> Value {
        Value::from(self)
    }
}

impl IntoJson for &str {
    fn into_json(self) -> Value {
        Value::from(self.to_owned())
    }
}

impl IntoJson for Cow<'static, str> {
    fn into_json(self) -> Value {
        Value::String(self)
    }
}

impl IntoJson for &Cow<'static, str> {
    fn into_json(self) -> Value {
        Value::String(self.clone())
    }
}

impl IntoJson for &Expr {
    fn into_json(self) -> Value {
        self.to_value()
    }
}

impl IntoJson for Expr {
    fn into_json(self) -> Value {
        self.into_value()
    }
}

impl IntoJson for LogicalId {
    fn into_json(self) -> Value {
        Value::from(String::from(self))
    }
}

impl IntoJson for &LogicalId {
    fn into_json(self) -> Value {
        self.as_str().into_json()
    }
}

impl<T: IntoJson> IntoJson for Option<T> {
    fn into_json(self) -> Value {
        self.map_or(Value::Null, IntoJson::into_json)
    }
}

impl<T: IntoJson> IntoJson for Vec<T> {
    fn into_json(self) -> Value {
        self.into_iter().map(IntoJson::into_json).collect()
    }
}

impl<T: IntoJson> IntoJson for BTreeSet<T> {
    fn into_json(self) -> Value {
        self.into_iter().map(IntoJson::into_json).collect()
    }
}

impl<K: Into<String>, T: IntoJson> IntoJson for BTreeMap<K, T> {
    fn into_json(self) -> Value {
        Value::Object(self.into_iter().map(|(key, value)| (key.into(), value.into_json())).collect())
    }
}

impl IntoJson for &Value {
    fn into_json(self) -> Value {
        self.clone()
    }
}

impl IntoJson for &Map {
    fn into_json(self) -> Value {
        Value::Object(self.clone())
    }
}

impl IntoJson for &String {
    fn into_json(self) -> Value {
        self.as_str().into_json()
    }
}

/// What is in a borrowed collection is borrowed.
impl<'a, T> IntoJson for &'a [T]
where
    &'a T: IntoJson,
{
    fn into_json(self) -> Value {
        self.iter().map(IntoJson::into_json).collect()
    }
}

impl<'a, T> IntoJson for &'a Vec<T>
where
    &'a T: IntoJson,
{
    fn into_json(self) -> Value {
        self.as_slice().into_json()
    }
}

impl<'a, K: AsRef<str>, T> IntoJson for &'a BTreeMap<K, T>
where
    &'a T: IntoJson,
{
    fn into_json(self) -> Value {
        Value::Object(self.iter().map(|(key, value)| (key.as_ref().to_owned(), value.into_json())).collect())
    }
}

impl<'a, T> IntoJson for &'a Option<T>
where
    &'a T: IntoJson,
{
    fn into_json(self) -> Value {
        self.as_ref().into_json()
    }
}

impl<'a, T> IntoJson for &'a Box<T>
where
    &'a T: IntoJson,
{
    fn into_json(self) -> Value {
        self.as_ref().into_json()
    }
}

impl<T> IntoJson for &&T
where
    for<'a> &'a T: IntoJson,
    T: ?Sized,
{
    fn into_json(self) -> Value {
        (**self).into_json()
    }
}

macro_rules! plain {
    ($($kind:ty)*) => {
        $(
            impl IntoJson for $kind {
                fn into_json(self) -> Value {
                    Value::from(self)
                }
            }

            impl IntoJson for &$kind {
                fn into_json(self) -> Value {
                    Value::from(*self)
                }
            }
        )*
    };
}

plain! { bool u8 u16 u32 u64 usize i32 i64 f64 }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_the_library_makes() {
        let (name, list, none) = ("n", vec!["a", "b"], None::<u32>);
        let value = json!({
            "Null": null, "Flag": true, "Less": -1.5, "Name": name, ("Com".to_owned() + "puted"): [],
            "List": list, "None": none, "Nested": { "A": [null, [1], { "B": {} }], name: [name].concat() },
            "Ref": Expr::Ref("X".into()),
        });
        let expected = serde_json::json!({
            "Null": null, "Flag": true, "Less": -1.5, "Name": name, "Computed": [],
            "List": ["a", "b"], "None": null, "Nested": { "A": [null, [1], { "B": {} }], "n": "n" },
            "Ref": { "Ref": "X" },
        });
        assert_eq!(value, Value::from(expected.clone()));
        assert_eq!(value.to_string(), expected.to_string());
        assert_eq!(text(&value), expected.to_string());
        assert_eq!(length(&value), expected.to_string().len());
        assert_eq!((json!(null), json!([]), json!("a")), (Value::Null, Value::Array(vec![]), "a".into()));
    }
}
