//! The artifact bucket, once per account and region: a small stack of its own.
//!
//! The bucket is encrypted with SSE-S3 (`AES256`) and not with the AWS managed key `aws/s3`: that key's
//! policy can't be changed, so it would add no control, only a KMS request per read. What a stack
//! keeps secret (data, models) is in its own lake, under its own key.

use serde_json::Value;

use crate::aws::{Cloud, Phase, Stack, Status, TemplateSource};
use crate::plan::Plan;
use crate::synth::Settings;

use super::change_set::Order;
use super::{Error, Run, StackKind, StackOutcome, StackResult, deploy_stack};

/// Name of the stack that holds the artifact bucket.
pub const BOOTSTRAP_STACK: &str = "smstack-bootstrap";

const TEMPLATE: &str = include_str!("../../templates/bootstrap.template.json");

/// Output `TemplateVersion` of the template: raised with every change of it.
const TEMPLATE_VERSION: u32 = 1;

/// Makes the bootstrap stack, or brings it up to date. A newer smstack's is left as it is.
pub(super) async fn bootstrap<C: Cloud>(run: &mut Run<'_, C>, plan: &Plan) -> Result<StackOutcome, Error> {
    if let Some(stack) = run.cloud.stack(BOOTSTRAP_STACK).await?.filter(is_current) {
        let (result, outputs) = (StackResult::Unchanged, stack.outputs);
        let outcome =
            StackOutcome { kind: StackKind::Bootstrap, stack: BOOTSTRAP_STACK.to_owned(), result, outputs };
        return ours(outcome, plan);
    }
    let outcome = deploy_stack(run, plan, order(plan)).await?;
    if super::deployed(&outcome.result) { ours(outcome, plan) } else { Ok(outcome) }
}

/// The order for the stack.
pub(super) fn order(plan: &Plan) -> Order<'static> {
    let text = template(&plan.bucket);
    Order {
        kind: StackKind::Bootstrap,
        stack: BOOTSTRAP_STACK,
        text: text.as_bytes().into(),
        template: TemplateSource::Body(text),
        parameters: [].into(),
        capabilities: Vec::new(),
        keep: Vec::new(),
        tags: Some([].into()),
        role_arn: None,
        // The bucket outlives the stack (it is retained): a new stack takes it in again.
        import_existing: true,
        imports: Vec::new(),
        rollback: None,
        settings: Settings::default(),
    }
}

/// The template with the bucket's name spelt out: CloudFormation takes in an existing resource only
/// by a name that is written as a literal. The file itself computes the same name.
fn template(bucket: &str) -> String {
    let mut template: Value = serde_json::from_str(TEMPLATE).expect("the embedded template is JSON");
    if let Some(name) = template.pointer_mut("/Resources/ArtifactBucket/Properties/BucketName") {
        *name = bucket.into();
    }
    template.to_string()
}

pub(super) fn is_current(stack: &Stack) -> bool {
    let settled = stack.status.phase() == Phase::Done || stack.status == Status::UpdateRollbackComplete;
    let version = stack.outputs.get("TemplateVersion").and_then(|version| version.parse::<u32>().ok());
    settled && version.is_some_and(|version| version >= TEMPLATE_VERSION)
}

pub(super) fn ours(outcome: StackOutcome, plan: &Plan) -> Result<StackOutcome, Error> {
    if outcome.outputs.get("ArtifactBucket") == Some(&plan.bucket) {
        Ok(outcome)
    } else {
        Err(Error::Bootstrap { bucket: plan.bucket.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_says_the_version_that_the_code_expects() {
        let template: Value = serde_json::from_str(&template("the-bucket")).unwrap();
        assert_eq!(template["Resources"]["ArtifactBucket"]["Properties"]["BucketName"], "the-bucket");
        assert_eq!(template["Outputs"]["TemplateVersion"]["Value"], TEMPLATE_VERSION.to_string());
        assert_eq!(template["Resources"]["ArtifactBucket"]["DeletionPolicy"], "Retain");
        assert_eq!(template["Resources"]["ArtifactBucket"]["UpdateReplacePolicy"], "Retain");
    }
}
