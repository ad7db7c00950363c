//! The Pipelines definition as values: steps, references, conditions.
//!
//! The grammar is the one that AWS's own SDK emits (`Version` 2020-12-01).
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-overview.html>

use std::collections::BTreeSet;

use crate::cfn;
use crate::cfn::{Json, Map, Value, json};

/// One step, before it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Unique over the whole definition, branches included.
    pub name: String,
    /// `Type`, such as `Processing`.
    pub kind: &'static str,
    /// `Arguments`: the request of the API that the step calls, with expressions inside.
    pub arguments: Value,
    /// Names of steps that must end first, beyond those whose values it uses.
    pub depends_on: Vec<String>,
    /// Members of the envelope beside the common ones, such as `PropertyFiles`, `CacheConfig`, `RetryPolicies`.
    pub envelope: Map,
}

impl Step {
    /// A step with nothing but its arguments.
    pub fn new(name: impl Into<String>, kind: &'static str, arguments: Value) -> Step {
        Step { name: name.into(), kind, arguments, depends_on: Vec::new(), envelope: Map::new() }
    }

    /// Whether the service caches steps of this type.
    /// <https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-caching.html>
    pub fn can_cache(&self) -> bool {
        matches!(
            self.kind,
            "Processing"
                | "Training"
                | "Tuning"
                | "AutoML"
                | "Transform"
                | "ClarifyCheck"
                | "QualityCheck"
                | "EMR"
        )
    }

    /// Whether steps of this type take `RetryPolicies`.
    /// <https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-retry-policy.html>
    pub fn can_retry(&self) -> bool {
        matches!(
            self.kind,
            "Processing" | "Training" | "Tuning" | "AutoML" | "Transform" | "Model" | "RegisterModel" | "EMR"
        )
    }

    /// The step as the definition has it.
    pub fn into_value(self) -> Value {
        let mut step = Map::new();
        step.insert("Name", self.name.into());
        step.insert("Type", self.kind.into());
        step.insert("Arguments", self.arguments);
        if !self.depends_on.is_empty() {
            step.insert("DependsOn", json!(self.depends_on));
        }
        step.extend(self.envelope);
        Value::Object(step)
    }
}

/// A whole definition, with CloudFormation's expressions still inside.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Definition {
    /// `Metadata`.
    pub metadata: Map,
    /// `Parameters`.
    pub parameters: Vec<Value>,
    /// `PipelineExperimentConfig`.
    pub experiment: Option<Value>,
    /// `Steps`.
    pub steps: Vec<Value>,
}

/// A definition as text with `${…}` where `Fn::Sub` puts what only the deployment knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// The definition with placeholders.
    pub value: Value,
    /// The same as text.
    pub text: String,
    /// What `Fn::Sub` cannot say inline, by placeholder.
    pub variables: Map,
}

impl Definition {
    /// The definition with CloudFormation's expressions lowered to placeholders.
    pub fn into_body(self) -> Body {
        let mut root = Map::new();
        root.insert("Version", json!("2020-12-01"));
        root.insert("Metadata", Value::Object(self.metadata));
        root.insert("Parameters", Value::Array(self.parameters));
        if let Some(experiment) = self.experiment {
            root.insert("PipelineExperimentConfig", experiment);
        }
        root.insert("Steps", Value::Array(self.steps));
        Body::of(Value::Object(root))
    }
}

impl Body {
    /// Any JSON that CloudFormation takes as text, its expressions lowered to placeholders.
    pub fn of(mut value: Value) -> Body {
        let mut variables = Map::new();
        lower(&mut value, &mut variables);
        Body { text: cfn::text(&value), value, variables }
    }

    /// `PipelineDefinitionBody`: the text, substituted by CloudFormation where there is something to substitute.
    pub fn to_cfn(&self) -> Value {
        let text = &self.text;
        if !text.contains("${") {
            json!(text)
        } else if self.variables.is_empty() {
            json!({ "Fn::Sub": text })
        } else {
            json!({ "Fn::Sub": [text, &self.variables] })
        }
    }
}

/// Names of the steps whose values stand in `value`.
pub fn steps_used(value: &impl Json) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    collect_steps(value, &mut used);
    used
}

fn collect_steps(value: &impl Json, used: &mut BTreeSet<String>) {
    if let Some(path) = value.member("Get").and_then(Json::as_text)
        && value.parts().nth(1).is_none()
        && let Some(step) = path.strip_prefix("Steps.").and_then(|rest| rest.split(['.', '[']).next())
    {
        used.insert(step.to_owned());
    }
    value.parts().for_each(|part| collect_steps(part, used));
}

/// How often `value` looks into a report.
pub fn lookups(value: &Value) -> usize {
    let inside = |values: &mut dyn Iterator<Item = &Value>| values.map(lookups).sum::<usize>();
    match value {
        Value::Object(members) => {
            let own = members.len() == 1 && members.contains_key("Std:JsonGet");
            usize::from(own) + inside(&mut members.values())
        }
        Value::Array(items) => inside(&mut items.iter()),
        _ => 0,
    }
}

/// Whether the value of a pipeline parameter stands in `value`.
pub fn uses_parameter(value: &Value, name: &str) -> bool {
    match value {
        Value::Object(members) => {
            let path = if members.len() == 1 { members.get("Get").and_then(Value::as_str) } else { None };
            path.and_then(|path| path.strip_prefix("Parameters.")) == Some(name)
                || members.values().any(|member| uses_parameter(member, name))
        }
        Value::Array(items) => items.iter().any(|item| uses_parameter(item, name)),
        _ => false,
    }
}

/// CloudFormation's intrinsic functions become text with placeholders; everything else stays.
fn lower(value: &mut Value, variables: &mut Map) {
    match value {
        Value::Object(members) => match lowered(members, variables) {
            Some(text) => *value = text,
            None => members.values_mut().for_each(|member| lower(member, variables)),
        },
        Value::Array(items) => items.iter_mut().for_each(|item| lower(item, variables)),
        Value::String(text) if text.contains("${") => *text = cfn::escape(text).into_owned().into(),
        _ => {}
    }
}

/// The text that an intrinsic function becomes; none when it is none.
fn lowered(function: &mut Map, variables: &mut Map) -> Option<Value> {
    if function.len() != 1 {
        return None;
    }
    let (name, inner) = function.iter_mut().next()?;
    Some(match (name, inner) {
        ("Ref", Value::String(name)) => format!("${{{name}}}").into(),
        ("Fn::GetAtt", Value::Array(parts)) => {
            let parts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
            format!("${{{}}}", parts.join(".")).into()
        }
        ("Fn::Sub", text @ Value::String(_)) => text.take(),
        ("Fn::Sub", Value::Array(parts)) => {
            if let Some(Value::Object(more)) = parts.get_mut(1) {
                variables.extend(std::mem::take(more));
            }
            parts.first_mut().map(Value::take).unwrap_or_default()
        }
        ("Fn::FindInMap" | "Fn::If", _) => {
            let value = Value::Object(std::mem::take(function));
            let name = cfn::placeholder(&value);
            let text = format!("${{{name}}}");
            variables.insert(name, value);
            text.into()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cfn::Expr;

    #[test]
    fn a_body_has_placeholders_where_cloudformation_knows() {
        let uri = Expr::concat([
            Expr::text("s3://"),
            Expr::Ref("Raw".into()),
            Expr::text("/x/"),
            Expr::Get("Execution.PipelineExecutionId".into()),
        ]);
        let image = Expr::concat([
            Expr::FindInMap("Images".into(), Box::new(Expr::pseudo("AWS::Region")), "tf".into()),
            Expr::text(".dkr"),
        ]);
        let step = Step::new(
            "a",
            "Processing",
            json!({ "Uri": uri, "Image": image, "Text": "${literal}", "Role": Expr::Attr("R".into(), "Arn".into()) }),
        );
        let body = Definition { steps: vec![step.into_value()], ..Definition::default() }.into_body();
        let arguments = &body.value["Steps"][0]["Arguments"];
        assert_eq!(
            arguments,
            &json!({
                "Uri": { "Std:Join": { "On": "", "Values": ["s3://${Raw}/x/", { "Get": "Execution.PipelineExecutionId" }] } },
                "Image": "${ImagesTf}.dkr",
                "Text": "${!literal}",
                "Role": "${R.Arn}",
            })
        );
        assert_eq!(body.variables.keys().collect::<Vec<_>>(), ["ImagesTf"]);
    }

    #[test]
    fn used_steps_are_found_at_any_depth() {
        let value = json!({ "a": [{ "Std:Join": { "On": "", "Values": [{ "Get": "Steps.search.TrainingJobSummaries[0].TrainingJobName" }] } }], "b": { "Get": "Parameters.x" } });
        assert_eq!(steps_used(&value).into_iter().collect::<Vec<_>>(), ["search"]);
        let look =
            json!({ "Std:JsonGet": { "PropertyFile": { "Get": "Steps.a.PropertyFiles.b" }, "Path": "c" } });
        assert_eq!(lookups(&json!({ "Conditions": [{ "Left": &look, "Right": 1 }], "Other": look })), 2);
        assert_eq!(lookups(&value), 0);
    }
}
