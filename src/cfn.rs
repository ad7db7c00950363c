//! CloudFormation as values: templates, resources, logical ids, expressions.

mod expr;
mod json;
mod policy;
mod template;
mod value;

pub use expr::Expr;
pub(crate) use expr::{escape, placeholder};
pub(crate) use json::{IntoJson, json, length, text};
pub use policy::Statement;
pub use template::{LogicalId, ParameterSource, Section, Template, TemplateKind};
pub use value::{Json, Map, Value};
