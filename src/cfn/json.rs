//! JSON written out, as `serde_json`'s own macro has it. That one takes each value through a serializer, and lets
//! mappings grow member by member; here values are cloned, and a mapping has at once the room that it needs, which
//! makes it half as large.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde_json::{Map, Value};

use super::{Expr, LogicalId};

/// What stands in JSON as a value.
pub(crate) trait ToJson {
    /// The value.
    fn to_json(&self) -> Value;
}

/// A JSON value: `json!({ "Key": value, "List": [1, { "A": null }] })`.
macro_rules! json {
    (@items [$($done:expr,)*]) => { vec![$($done),*] };
    (@items [$($done:expr,)*] null $(, $($rest:tt)*)?) => {
        $crate::cfn::json!(@items [$($done,)* serde_json::Value::Null,] $($($rest)*)?)
    };
    (@items [$($done:expr,)*] [$($inner:tt)*] $(, $($rest:tt)*)?) => {
        $crate::cfn::json!(@items [$($done,)* $crate::cfn::json!([$($inner)*]),] $($($rest)*)?)
    };
    (@items [$($done:expr,)*] {$($inner:tt)*} $(, $($rest:tt)*)?) => {
        $crate::cfn::json!(@items [$($done,)* $crate::cfn::json!({$($inner)*}),] $($($rest)*)?)
    };
    (@items [$($done:expr,)*] $item:expr $(, $($rest:tt)*)?) => {
        $crate::cfn::json!(@items [$($done,)* $crate::cfn::ToJson::to_json(&$item),] $($($rest)*)?)
    };
    (@members [$($done:expr,)*]) => { serde_json::Map::from_iter([$($done),*]) };
    (@members [$($done:expr,)*] ($key:expr): $($rest:tt)*) => {
        $crate::cfn::json!(@member [$($done,)*] $key; $($rest)*)
    };
    (@members [$($done:expr,)*] $key:literal: $($rest:tt)*) => {
        $crate::cfn::json!(@member [$($done,)*] $key; $($rest)*)
    };
    (@members [$($done:expr,)*] $key:ident: $($rest:tt)*) => {
        $crate::cfn::json!(@member [$($done,)*] $key; $($rest)*)
    };
    (@member [$($done:expr,)*] $key:expr; null $(, $($rest:tt)*)?) => {
        $crate::cfn::json!(@members [$($done,)* ($key.to_string(), serde_json::Value::Null),] $($($rest)*)?)
    };
    (@member [$($done:expr,)*] $key:expr; [$($inner:tt)*] $(, $($rest:tt)*)?) => {
        $crate::cfn::json!(
            @members [$($done,)* ($key.to_string(), $crate::cfn::json!([$($inner)*])),] $($($rest)*)?
        )
    };
    (@member [$($done:expr,)*] $key:expr; {$($inner:tt)*} $(, $($rest:tt)*)?) => {
        $crate::cfn::json!(
            @members [$($done,)* ($key.to_string(), $crate::cfn::json!({$($inner)*})),] $($($rest)*)?
        )
    };
    (@member [$($done:expr,)*] $key:expr; $value:expr $(, $($rest:tt)*)?) => {
        $crate::cfn::json!(
            @members [$($done,)* ($key.to_string(), $crate::cfn::ToJson::to_json(&$value)),] $($($rest)*)?
        )
    };
    (null) => { serde_json::Value::Null };
    ([$($items:tt)*]) => { serde_json::Value::Array($crate::cfn::json!(@items [] $($items)*)) };
    ({$($members:tt)*}) => { serde_json::Value::Object($crate::cfn::json!(@members [] $($members)*)) };
    ($value:expr) => { $crate::cfn::ToJson::to_json(&$value) };
}

pub(crate) use json;

/// A mapping with one member.
pub(crate) fn single(key: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), value)]))
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

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<T: ToJson + ?Sized> ToJson for &T {
    fn to_json(&self) -> Value {
        (**self).to_json()
    }
}

impl<T: ToJson> ToJson for Option<T> {
    fn to_json(&self) -> Value {
        self.as_ref().map_or(Value::Null, ToJson::to_json)
    }
}

impl<T: ToJson> ToJson for [T] {
    fn to_json(&self) -> Value {
        self.iter().map(ToJson::to_json).collect()
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn to_json(&self) -> Value {
        self.as_slice().to_json()
    }
}

impl<T: ToJson, const N: usize> ToJson for [T; N] {
    fn to_json(&self) -> Value {
        self.as_slice().to_json()
    }
}

impl<T: ToJson> ToJson for BTreeSet<T> {
    fn to_json(&self) -> Value {
        self.iter().map(ToJson::to_json).collect()
    }
}

impl<K: AsRef<str>, T: ToJson> ToJson for BTreeMap<K, T> {
    fn to_json(&self) -> Value {
        Value::Object(self.iter().map(|(key, value)| (key.as_ref().to_owned(), value.to_json())).collect())
    }
}

impl<T: ToJson + ?Sized> ToJson for Box<T> {
    fn to_json(&self) -> Value {
        (**self).to_json()
    }
}

impl ToJson for Value {
    fn to_json(&self) -> Value {
        self.clone()
    }
}

impl ToJson for Map<String, Value> {
    fn to_json(&self) -> Value {
        Value::Object(self.clone())
    }
}

impl ToJson for Expr {
    fn to_json(&self) -> Value {
        self.to_value()
    }
}

impl ToJson for LogicalId {
    fn to_json(&self) -> Value {
        self.as_str().to_json()
    }
}

impl ToJson for str {
    fn to_json(&self) -> Value {
        Value::String(self.to_owned())
    }
}

impl ToJson for String {
    fn to_json(&self) -> Value {
        Value::String(self.clone())
    }
}

macro_rules! plain {
    ($($kind:ty)*) => {
        $(impl ToJson for $kind {
            fn to_json(&self) -> Value {
                Value::from(*self)
            }
        })*
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
            "Ref": Expr::Ref("X".to_owned()),
        });
        let expected = serde_json::json!({
            "Null": null, "Flag": true, "Less": -1.5, "Name": name, "Computed": [],
            "List": ["a", "b"], "None": null, "Nested": { "A": [null, [1], { "B": {} }], "n": "n" },
            "Ref": { "Ref": "X" },
        });
        assert_eq!(value, expected);
        assert_eq!(value.to_string(), expected.to_string());
        assert_eq!(length(&value), expected.to_string().len());
        assert_eq!((json!(null), json!([]), json!("a")), (Value::Null, Value::Array(vec![]), "a".into()));
    }
}
