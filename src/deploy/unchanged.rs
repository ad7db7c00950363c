//! Whether a deployed stack is already what is ordered, told by reading it: no change set is made to hear that there is
//! nothing to change.

use serde_json::Value;

use crate::aws::{self, Cloud, Stack, Status};

use super::change_set::Order;

/// A stack, as a deployment finds it.
pub(super) enum Found {
    /// CloudFormation would find nothing to change in it.
    AsOrdered(Stack),
    /// It is not there, or something would change; or a change set has to tell.
    Otherwise(Option<Stack>),
}

/// The stack as it is, and whether it is as ordered.
pub(super) async fn found<C: Cloud>(cloud: &C, order: &Order<'_>) -> aws::Result<Found> {
    let Some(stack) = cloud.stack(order.stack).await? else { return Ok(Found::Otherwise(None)) };
    let as_ordered = is_as_ordered(cloud, order, &stack).await?;
    Ok(if as_ordered { Found::AsOrdered(stack) } else { Found::Otherwise(Some(stack)) })
}

/// Whether CloudFormation would find nothing to change. In doubt it would.
async fn is_as_ordered<C: Cloud>(cloud: &C, order: &Order<'_>, stack: &Stack) -> aws::Result<bool> {
    let settled =
        matches!(stack.status, Status::CreateComplete | Status::UpdateComplete | Status::ImportComplete);
    if !settled || stack.parameters != order.parameters || Some(&stack.tags) != order.tags.as_ref() {
        return Ok(false);
    }
    let Some(ordered) = self_contained(&order.text) else { return Ok(false) };
    // Whoever may not read templates may perhaps make change sets.
    let deployed = match cloud.template(&stack.id).await {
        Ok(template) => template.and_then(|text| serde_json::from_str::<Value>(&text).ok()),
        Err(error) if error.is_transient() => return Err(error),
        Err(_) => None,
    };
    Ok(deployed == Some(ordered))
}

/// The template, when what it makes depends on nothing outside of it and of its parameters: no transform, no dynamic
/// reference, no parameter whose value is looked up.
fn self_contained(text: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(text).ok()?;
    let template: Value = serde_json::from_str(text).ok()?;
    let looks_up = text.contains("{{resolve:")
        || text.contains("\"Fn::Transform\"")
        || text.contains("AWS::SSM::Parameter::")
        || template.get("Transform").is_some();
    (!looks_up).then_some(template)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_template_that_looks_nothing_up_can_be_compared() {
        let check =
            |text: &str, whole: bool| assert_eq!(self_contained(text.as_bytes()).is_some(), whole, "{text}");
        check(r#"{"Resources": {}}"#, true);
        check(r#"{"Resources": {}, "Transform": "AWS::LanguageExtensions"}"#, false);
        check(r#"{"Resources": {"A": {"Properties": {"Fn::Transform": {"Name": "AWS::Include"}}}}}"#, false);
        check(r#"{"Resources": {"A": {"Properties": {"B": "{{resolve:ssm:/c}}"}}}}"#, false);
        check(r#"{"Parameters": {"A": {"Type": "AWS::SSM::Parameter::Value<String>"}}}"#, false);
        check("Resources: {}", false);
    }
}
