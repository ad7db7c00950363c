//! CloudFormation's and Pipelines' limits: close is a warning, beyond is an error with a plan.

use super::{TemplateEntry, roles};
use crate::cfn::{Section, Template};
use crate::constructs::Rendering;
use crate::diag::{Code, Issue, Pointer};
use crate::rules::limits::{
    DEFINITION_BYTES, DESCRIPTION_BYTES, MAPPINGS, Nearness, OUTPUTS, PARAMETERS, RESOURCES, TEMPLATE_BYTES,
    nearness,
};

/// Warnings at 80 %.
///
/// # Errors
/// Everything that is beyond a limit.
pub(super) fn check(out: &Rendering, templates: &[TemplateEntry]) -> Result<Vec<Issue>, Vec<Issue>> {
    let mut found = Vec::new();
    let mut measure = |what: String, is: u64, limit: u64, plan: &str| {
        let (code, message) = match nearness(is, limit) {
            Some(Nearness::Beyond) => (Code::BeyondLimit, format!("{what}: {is}, and {limit} are possible")),
            Some(Nearness::Near) => (Code::NearLimit, format!("{what}: {is} of {limit} possible")),
            None => return,
        };
        found.push(Issue::new(code, Pointer::root(), message).help(plan));
    };
    let split = "split the stack file in two: constructs meet across stacks by S3 URI and by name";
    for entry in templates {
        let kind = entry.kind.as_str();
        let template = match entry.kind {
            super::TemplateKind::Platform => &out.platform,
            super::TemplateKind::Serving => &out.serving,
        };
        measure(format!("bytes of the {kind} template"), entry.file.bytes, TEMPLATE_BYTES, split);
        for (what, is, limit) in counts(template) {
            measure(format!("{what} of the {kind} template"), is, limit, split);
        }
    }
    for (role, size) in &out.policy_sizes {
        let plan =
            "let fewer constructs share the role's kind of work, or put their data under common prefixes";
        measure(
            format!("characters of the policy of {}", role.id()),
            *size as u64,
            roles::POLICY_LIMIT as u64,
            plan,
        );
    }
    if let Some(definition) = &out.definition {
        measure(
            "bytes of the pipeline definition".to_owned(),
            definition.text.len() as u64,
            DEFINITION_BYTES,
            "split the pipeline in two",
        );
    }
    if found.iter().any(|issue| issue.code == Code::BeyondLimit) { Err(found) } else { Ok(found) }
}

fn counts(template: &Template) -> Vec<(&'static str, u64, u64)> {
    let size = |section: &Section| section.len() as u64;
    vec![
        ("resources", size(&template.resources), RESOURCES),
        ("parameters", size(&template.parameters), PARAMETERS),
        ("outputs", size(&template.outputs), OUTPUTS),
        ("mappings", size(&template.mappings), MAPPINGS),
        ("bytes of the description", template.description.len() as u64, DESCRIPTION_BYTES),
    ]
}
