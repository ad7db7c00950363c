//! CloudFormation as values: templates, resources, logical ids, expressions.

mod expr;
mod json;
mod policy;
mod template;

pub use expr::Expr;
pub(crate) use expr::{escape, placeholder};
pub(crate) use json::{IntoJson, json, length, put, text};
pub use policy::Statement;
pub use template::{LogicalId, ParameterSource, Template, TemplateKind};
