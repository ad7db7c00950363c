//! A value that is known now, at deployment, or while a pipeline runs.

use std::borrow::Cow;

use data_encoding::HEXLOWER;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::json::{json, single, text};
use super::{Map, Value};

/// A value that is known now, that CloudFormation computes at deployment, or that a pipeline execution
/// computes. Serialises to CloudFormation's intrinsic functions and the Pipelines definition's `Get`,
/// `Std:Join` and `Std:JsonGet`.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// Known now.
    Literal(Value),
    /// `Ref`: a resource, a template parameter or a pseudo parameter such as `AWS::Region`.
    Ref(Cow<'static, str>),
    /// `Fn::GetAtt`: an attribute of a resource.
    Attr(String, Cow<'static, str>),
    /// `Fn::FindInMap`: map, top-level key, second-level key.
    FindInMap(String, Box<Expr>, String),
    /// `Fn::If`: condition, then, else.
    If(String, Box<Expr>, Box<Expr>),
    /// `AWS::NoValue`: the property is absent.
    NoValue,
    /// The parts one after the other, as text.
    Concat(Vec<Expr>),
    /// A reference of the Pipelines definition, such as `Parameters.x` or `Steps.a.ModelArtifacts.S3ModelArtifacts`.
    Get(String),
    /// A value inside a JSON file that a processing step wrote.
    JsonGet {
        /// The processing step.
        step: String,
        /// The property file's name.
        property_file: String,
        /// Path in the file, such as `metrics.accuracy.value`.
        path: String,
    },
}

impl Expr {
    /// Text that is known now.
    pub fn text(text: impl Into<Cow<'static, str>>) -> Expr {
        Expr::Literal(Value::String(text.into()))
    }

    /// A pseudo parameter, such as `AWS::Region`.
    pub fn pseudo(name: &'static str) -> Expr {
        Expr::Ref(name.into())
    }

    /// The parts as one text, adjacent literals joined.
    pub fn concat(parts: impl IntoIterator<Item = Expr>) -> Expr {
        let mut flat: Vec<Expr> = Vec::new();
        for part in parts {
            match part {
                Expr::Concat(inner) => inner.into_iter().for_each(|part| join(&mut flat, part)),
                part => join(&mut flat, part),
            }
        }
        match flat.len() {
            0 => Expr::text(""),
            1 => flat.remove(0),
            _ => Expr::Concat(flat),
        }
    }

    /// `arn:<partition>:<rest>`, with the partition of the deployment.
    pub fn arn(rest: impl IntoIterator<Item = Expr>) -> Expr {
        let head = [Expr::text("arn:"), Expr::pseudo("AWS::Partition"), Expr::text(":")];
        Expr::concat(head.into_iter().chain(rest))
    }

    /// `arn:<partition>:<service>:<region>:<account>:<resource>`, with the deployment's own.
    pub fn regional_arn(service: &'static str, resource: impl IntoIterator<Item = Expr>) -> Expr {
        let head = [
            Expr::text(service),
            Expr::text(":"),
            Expr::pseudo("AWS::Region"),
            Expr::text(":"),
            Expr::pseudo("AWS::AccountId"),
            Expr::text(":"),
        ];
        Expr::arn(head.into_iter().chain(resource))
    }

    /// Whether only a pipeline execution knows it.
    pub fn is_runtime(&self) -> bool {
        match self {
            Expr::Get(_) | Expr::JsonGet { .. } => true,
            Expr::Concat(parts) => parts.iter().any(Expr::is_runtime),
            Expr::If(_, yes, no) => yes.is_runtime() || no.is_runtime(),
            _ => false,
        }
    }

    /// The text, when it is known now.
    pub fn known_text(&self) -> Option<String> {
        literal_text(self).map(Cow::into_owned)
    }

    /// The same as [`Expr::to_value`], of what nobody else needs.
    pub fn into_value(self) -> Value {
        if let Expr::Literal(value) = self { value } else { self.to_value() }
    }

    /// The JSON form: CloudFormation's intrinsic functions, and the definition's own for run-time values.
    pub fn to_value(&self) -> Value {
        match self {
            Expr::Literal(value) => value.clone(),
            Expr::Ref(name) => single("Ref", json!(name)),
            Expr::Attr(id, attribute) => single("Fn::GetAtt", json!([id, attribute])),
            Expr::FindInMap(map, key, second) => single("Fn::FindInMap", json!([map, key, second])),
            Expr::If(condition, yes, no) => single("Fn::If", json!([condition, yes, no])),
            Expr::NoValue => single("Ref", json!("AWS::NoValue")),
            Expr::Concat(parts) if self.is_runtime() => {
                single("Std:Join", json!({ "On": "", "Values": runtime_parts(parts) }))
            }
            Expr::Concat(parts) => match sub(parts) {
                (text, variables) if variables.is_empty() => single("Fn::Sub", Value::from(text)),
                (text, variables) => single("Fn::Sub", json!([text, variables])),
            },
            Expr::Get(path) => single("Get", json!(path)),
            Expr::JsonGet { step, property_file, path } => {
                let file = single("Get", json!(format!("Steps.{step}.PropertyFiles.{property_file}")));
                single("Std:JsonGet", json!({ "PropertyFile": file, "Path": path }))
            }
        }
    }
}

impl Serialize for Expr {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(out)
    }
}

impl From<&'static str> for Expr {
    fn from(text: &'static str) -> Expr {
        Expr::text(text)
    }
}

/// Adds a part of a text to those before it.
fn join(before: &mut Vec<Expr>, part: Expr) {
    let text = match part {
        Expr::Literal(Value::String(text)) => text,
        other => match literal_text(&other) {
            Some(text) => text.into_owned().into(),
            None => return before.push(other),
        },
    };
    match before.last_mut() {
        Some(Expr::Literal(Value::String(before))) => before.to_mut().push_str(&text),
        _ => before.push(Expr::Literal(Value::String(text))),
    }
}

fn literal_text(expr: &Expr) -> Option<Cow<'_, str>> {
    match expr {
        Expr::Literal(Value::String(text)) => Some(Cow::Borrowed(text)),
        Expr::Literal(Value::Number(number)) => Some(number.to_string().into()),
        Expr::Literal(Value::Bool(flag)) => Some(flag.to_string().into()),
        _ => None,
    }
}

/// Runs of what is known before the execution become one text each.
fn runtime_parts(parts: &[Expr]) -> Vec<Value> {
    let mut values = Vec::new();
    let mut rest = parts;
    while !rest.is_empty() {
        let fixed = rest.iter().take_while(|part| !part.is_runtime()).count();
        let (before, after) = rest.split_at(fixed);
        if !before.is_empty() {
            values.push(Expr::concat(before.iter().cloned()).to_value());
        }
        if let Some(part) = after.first() {
            values.push(part.to_value());
        }
        rest = after.get(1..).unwrap_or_default();
    }
    values
}

/// The text of `Fn::Sub`; what it cannot say inline goes into its variable map.
fn sub(parts: &[Expr]) -> (String, Map) {
    let mut text = String::new();
    let mut variables = Map::new();
    for part in parts {
        match part {
            Expr::Ref(name) => text.extend(["${", name, "}"]),
            Expr::Attr(id, attribute) => text.extend(["${", id, ".", attribute, "}"]),
            Expr::Literal(_) => text.push_str(&escape(&literal_text(part).unwrap_or_default())),
            other => {
                let value = other.to_value();
                let name = placeholder(&value);
                text.extend(["${", &name, "}"]);
                variables.insert(name, value);
            }
        }
    }
    (text, variables)
}

/// `${` in text that `Fn::Sub` reads is written `${!`.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if text.contains("${") { text.replace("${", "${!").into() } else { text.into() }
}

/// A placeholder for what `Fn::Sub` cannot say inline, given as its JSON form; the same value always has the
/// same name, and different values have different ones.
pub(crate) fn placeholder(value: &Value) -> String {
    if let Some([Value::String(map), _, Value::String(second)]) =
        value.get("Fn::FindInMap").and_then(Value::as_array)
    {
        super::LogicalId::new([&**map, second]).to_string()
    } else {
        let digest = Sha256::digest(text(value));
        format!("Value{}", HEXLOWER.encode(&digest[..4]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expr: &Expr, expected: &Value) {
        assert_eq!(&expr.to_value(), expected);
    }

    #[test]
    fn text_is_joined_where_it_is_known() {
        check(&Expr::concat([Expr::text("a"), Expr::text("b")]), &json!("ab"));
        check(
            &Expr::concat([Expr::text("s3://"), Expr::Ref("Raw".into()), Expr::text("/${x}")]),
            &json!({ "Fn::Sub": "s3://${Raw}/${!x}" }),
        );
        check(
            &Expr::concat([
                Expr::text("s3://"),
                Expr::Ref("Raw".into()),
                "/".into(),
                Expr::Get("Execution.X".into()),
            ]),
            &json!({ "Std:Join": { "On": "", "Values": [{ "Fn::Sub": "s3://${Raw}/" }, { "Get": "Execution.X" }] } }),
        );
        check(
            &Expr::concat([
                Expr::FindInMap("Images".into(), Box::new(Expr::pseudo("AWS::Region")), "tf".into()),
                ".x".into(),
            ]),
            &json!({ "Fn::Sub": ["${ImagesTf}.x", { "ImagesTf": { "Fn::FindInMap": ["Images", { "Ref": "AWS::Region" }, "tf"] } }] }),
        );
    }
}
