//! Pipeline parameters: values that each execution may set.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::{Construct, Export, Exports, Rendering, Scope, This};
use crate::cfn::{Expr, Map, Value, json};
use crate::diag::{Code, Issue, Pointer, nearest};

/// Limits of Pipelines.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-quotas.html>
const MOST_PARAMETERS: usize = 200;
const LONGEST_NAME: usize = 64;
const MOST_VALUES: usize = 16;
const LONGEST_VALUE: usize = 2048;
const LONGEST_DESCRIPTION: usize = 4096;

/// A pipeline parameter: its default alone, or what it is at length.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// The value of executions that set none.
    pub default: Option<serde_json::Value>,
    /// The values it may take; only for text.
    pub values: Vec<String>,
    /// Its type.
    pub kind: ParameterType,
    /// What it is for.
    pub description: Option<String>,
    /// Whether the stack file gives only the default.
    short: bool,
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParameterType {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Float,
    /// `true` or `false`.
    Boolean,
}

impl ParameterType {
    /// As the definition writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            ParameterType::String => "String",
            ParameterType::Integer => "Integer",
            ParameterType::Float => "Float",
            ParameterType::Boolean => "Boolean",
        }
    }

    /// As the stack file writes it.
    fn word(self) -> &'static str {
        match self {
            ParameterType::String => "string",
            ParameterType::Integer => "integer",
            ParameterType::Float => "float",
            ParameterType::Boolean => "boolean",
        }
    }

    /// What the default says; `None` for what cannot be a parameter.
    fn of(value: &serde_json::Value) -> Option<ParameterType> {
        match value {
            serde_json::Value::String(_) => Some(ParameterType::String),
            serde_json::Value::Bool(_) => Some(ParameterType::Boolean),
            serde_json::Value::Number(number) if number.is_f64() => Some(ParameterType::Float),
            serde_json::Value::Number(_) => Some(ParameterType::Integer),
            serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => None,
        }
    }

    /// Whether a value of type `given` can be one of this type.
    fn takes(self, given: ParameterType) -> bool {
        self == given || (self, given) == (ParameterType::Float, ParameterType::Integer)
    }
}

/// A pipeline parameter at length.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename = "ParameterDetails")]
#[schemars(rename = "ParameterDetails")]
#[schemars(extend("anyOf" = [{ "required": ["default"], "properties": { "default": { "description": "Not nothing", "not": { "type": "null" } } } }, { "required": ["type"], "properties": { "type": { "description": "Not nothing", "not": { "type": "null" } } } }]))]
struct Long {
    /// The value of executions that set none. Without one, each execution must set a value, and triggers cannot
    /// start the pipeline.
    #[serde(default)]
    #[schemars(with = "Option<Scalar>")]
    default: Option<serde_json::Value>,
    /// The values it may take, at most 16; only for text.
    #[serde(default, rename = "enum")]
    #[schemars(length(max = 16))]
    values: Vec<String>,
    /// Its type; without it, that of the default.
    #[serde(default, rename = "type")]
    kind: Option<ParameterType>,
    /// What it is for, at most 4,096 characters.
    #[serde(default)]
    #[schemars(length(max = 4096))]
    description: Option<String>,
}

/// A value of a parameter, in the schema.
struct Scalar;

impl JsonSchema for Scalar {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

impl<'de> Deserialize<'de> for Parameter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Parameter, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        if let Some(kind) = ParameterType::of(&value) {
            return Ok(Parameter {
                default: Some(value),
                values: Vec::new(),
                kind,
                description: None,
                short: true,
            });
        }
        if !value.is_object() {
            return Err(D::Error::custom(
                "a default, or a mapping with `default`, `enum`, `type`, `description`, is wanted here",
            ));
        }
        let long: Long = serde_json::from_value(value).map_err(D::Error::custom)?;
        let of_default = match &long.default {
            None => None,
            Some(default) => Some(ParameterType::of(default).ok_or_else(|| {
                D::Error::custom("`default` is a scalar: text, a number, `true` or `false`")
            })?),
        };
        let of_enum = (!long.values.is_empty()).then_some(ParameterType::String);
        let kind = long
            .kind
            .or(of_default)
            .or(of_enum)
            .ok_or_else(|| D::Error::custom("a parameter needs a `default` or a `type`"))?;
        Ok(Parameter {
            default: long.default,
            values: long.values,
            kind,
            description: long.description,
            short: false,
        })
    }
}

impl JsonSchema for Parameter {
    fn schema_name() -> Cow<'static, str> {
        "Parameter".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = generator.subschema_for::<Long>();
        json_schema!({
            "description": "A pipeline parameter: its default alone, which gives its type, or what it is at length.",
            "oneOf": [
                { "type": ["string", "number", "boolean"], "description": "The default; its type is the parameter's." },
                long,
            ],
        })
    }
}

impl Parameter {
    /// The parameter as the definition's `Parameters` has it.
    fn entry(&self, name: &str) -> Value {
        let mut entry = Map::new();
        entry.insert("Name", json!(name));
        entry.insert("Type", json!(self.kind.as_str()));
        if let Some(default) = &self.default {
            let default = match (self.kind, default.as_f64()) {
                (ParameterType::Float, Some(number)) => json!(number),
                _ => json!(default),
            };
            entry.insert("DefaultValue", default);
        }
        if !self.values.is_empty() {
            entry.insert("EnumValues", json!(&self.values));
        }
        if let Some(description) = &self.description {
            entry.insert("Description", json!(description));
        }
        Value::Object(entry)
    }

    fn default_pointer(&self, this: &This) -> Pointer {
        if self.short { this.pointer.clone() } else { this.pointer.key("default") }
    }

    fn check_default(&self, this: &This, issues: &mut Vec<Issue>) {
        let Some(default) = &self.default else { return };
        let at = self.default_pointer(this);
        if let Some(given) = ParameterType::of(default).filter(|given| !self.kind.takes(*given)) {
            issues.push(
                Issue::new(
                    Code::ParameterDefault,
                    at,
                    format!(
                        "the default is of type `{}`, the parameter of type `{}`",
                        given.word(),
                        self.kind.word()
                    ),
                )
                .label(format!("not of type `{}`", self.kind.word()))
                .also(this.pointer.key("type"), "the type is given here")
                .help("change one of the two"),
            );
            return;
        }
        let Some(text) = default.as_str() else { return };
        check_value(text, &at, issues);
        if !self.values.is_empty() && !self.values.iter().any(|value| value == text) {
            let issue = Issue::new(
                Code::ParameterDefault,
                at,
                format!("the default `{text}` is none of the parameter's values"),
            )
            .also(this.pointer.key("enum"), "its values");
            issues.push(match nearest(text, self.values.iter().map(String::as_str)) {
                Some(near) => issue.fix(near, format!("did you mean `{near}`?")),
                None => issue.help("add it to `enum`, or choose one that is there"),
            });
        }
    }

    fn check_values(&self, this: &This, issues: &mut Vec<Issue>) {
        let at = this.pointer.key("enum");
        if self.values.is_empty() {
            return;
        }
        if self.kind != ParameterType::String {
            issues.push(
                Issue::new(
                    Code::ParameterEnum,
                    at.clone(),
                    format!("a parameter of type `{}` takes no `enum`: only text does", self.kind.word()),
                )
                .on_key(),
            );
        }
        if self.values.len() > MOST_VALUES {
            issues.push(Issue::new(
                Code::OutOfBounds,
                at.clone(),
                format!("there are {} values; Pipelines takes {MOST_VALUES}", self.values.len()),
            ));
        }
        for (index, value) in self.values.iter().enumerate() {
            check_value(value, &at.index(index), issues);
            if let Some(first) = self.values.iter().take(index).position(|other| other == value) {
                issues.push(
                    Issue::new(Code::ParameterEnum, at.index(index), format!("`{value}` is given twice"))
                        .also(at.index(first), "given here first")
                        .help("take one of them away"),
                );
            }
        }
    }
}

fn check_value(text: &str, pointer: &Pointer, issues: &mut Vec<Issue>) {
    let length = text.chars().count();
    if length > LONGEST_VALUE {
        issues.push(Issue::new(
            Code::OutOfBounds,
            pointer.clone(),
            format!("the value has {length} characters; Pipelines takes {LONGEST_VALUE}"),
        ));
    }
}

impl Construct for Parameter {
    fn export(&self, this: &This, _scope: &Scope<'_>, exports: &mut Exports) {
        let export = Export::Parameter {
            value: Expr::Get(format!("Parameters.{}", this.name)),
            kind: self.kind.as_str(),
            values: self.values.clone(),
            entry: self.entry(&this.name),
        };
        exports.add("parameters", &this.pointer.parent(), "parameters", &this.name, export);
    }

    fn check(&self, this: &This, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if this.name.is_empty() || this.name.len() > LONGEST_NAME || !this.name.chars().all(fits) {
            issues.push(
                Issue::new(
                    Code::InvalidName,
                    this.pointer.clone(),
                    format!("`{}` cannot be the name of a parameter", this.name),
                )
                .on_key()
                .help(format!("use letters, digits, `-` and `_`, at most {LONGEST_NAME}")),
            );
        }
        self.check_default(this, issues);
        self.check_values(this, issues);
        if let Some(length) = self.description.as_ref().map(|text| text.chars().count())
            && length > LONGEST_DESCRIPTION
        {
            issues.push(Issue::new(
                Code::OutOfBounds,
                this.pointer.key("description"),
                format!("the description has {length} characters; Pipelines takes {LONGEST_DESCRIPTION}"),
            ));
        }
        // Said once, at the parameter that is one too many.
        if scope.file.parameters.get_index_of(&this.name) == Some(MOST_PARAMETERS) {
            issues.push(
                Issue::new(
                    Code::OutOfBounds,
                    this.pointer.clone(),
                    format!(
                        "there are {} parameters; Pipelines takes {MOST_PARAMETERS}",
                        scope.file.parameters.len()
                    ),
                )
                .on_key()
                .label("one too many"),
            );
        }
    }

    fn render(&self, _this: &This, _scope: &Scope<'_>, _out: &mut Rendering) {
        // The pipeline writes the definition's `Parameters` from what each exports.
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json as read;

    use super::*;

    fn check(given: &serde_json::Value, expected: &Result<Value, &str>) {
        match (serde_json::from_value::<Parameter>(given.clone()), expected) {
            (Ok(parameter), Ok(expected)) => assert_eq!(&parameter.entry("p"), expected),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (got, _) => panic!("{given}: {got:?}"),
        }
    }

    #[test]
    fn a_default_alone_gives_the_type() {
        check(&read!(0.85), &Ok(json!({ "Name": "p", "Type": "Float", "DefaultValue": 0.85 })));
        check(&read!(5), &Ok(json!({ "Name": "p", "Type": "Integer", "DefaultValue": 5 })));
        check(&read!(true), &Ok(json!({ "Name": "p", "Type": "Boolean", "DefaultValue": true })));
        check(&read!("x"), &Ok(json!({ "Name": "p", "Type": "String", "DefaultValue": "x" })));
        check(&read!(null), &Err("is wanted here"));
        check(&read!([1]), &Err("is wanted here"));
    }

    #[test]
    fn at_length_the_type_may_be_given() {
        check(
            &read!({ "type": "float", "default": 1, "description": "d" }),
            &Ok(json!({ "Name": "p", "Type": "Float", "DefaultValue": 1.0, "Description": "d" })),
        );
        check(&read!({ "type": "string" }), &Ok(json!({ "Name": "p", "Type": "String" })));
        check(
            &read!({ "enum": ["a", "b"] }),
            &Ok(json!({ "Name": "p", "Type": "String", "EnumValues": ["a", "b"] })),
        );
        check(&read!({}), &Err("needs a `default` or a `type`"));
        check(&read!({ "default": [1] }), &Err("is a scalar"));
        check(&read!({ "default": 1, "values": [1] }), &Err("unknown field `values`"));
    }
}
