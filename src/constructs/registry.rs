//! Model package groups: where versions of a model are registered, approved, and from where they roll out.

mod rollout;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Construct, Export, Exports, Rendering, Scope, This, events};
use crate::cfn::{Expr, LogicalId, TemplateKind, Value, json};
use crate::diag::{Code, Issue};

/// The longest name of a group.
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackageGroup.html>
const LONGEST_NAME: usize = 63;

/// The longest description of a group, by the same page.
const LONGEST_DESCRIPTION: usize = 1024;

/// A model package group; it is retained when the stack is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelGroup {
    /// What it holds, at most 1,024 characters. A change makes a new, empty group: AWS cannot edit it.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub description: Option<String>,
    /// What happens when a version is approved. The default is `nothing`.
    #[serde(default)]
    pub on_approval: OnApproval,
    /// AWS accounts, twelve digits in quotes, that may read and deploy its versions, with the artifacts that
    /// they name.
    #[serde(default)]
    #[schemars(inner(regex(pattern = r"^[0-9]{12}$")))]
    pub share_with: Vec<String>,
}

/// What happens when a version is approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnApproval {
    /// The serving stack is created or updated with the newest approved version, by itself.
    Deploy,
    /// The topic of `alarms.notify` is told.
    Notify,
    /// Nothing.
    #[default]
    Nothing,
}

/// The name of the serving template's parameter that holds the newest approved version of a group.
fn parameter(this: &This, scope: &Scope<'_>) -> String {
    if scope.file.registry.len() == 1 {
        "ModelPackageArn".to_owned()
    } else {
        LogicalId::new([this.name.as_str(), "ModelPackageArn"]).to_string()
    }
}

fn id(this: &This) -> LogicalId {
    LogicalId::new([this.name.as_str(), "ModelGroup"])
}

impl ModelGroup {
    /// What other accounts may do with the group and its versions.
    /// <https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-deploy-xaccount.html>
    fn policy(&self, name: &str) -> Option<Value> {
        let accounts: BTreeSet<&String> = self.share_with.iter().collect();
        let principals: Vec<Expr> = accounts
            .into_iter()
            .map(|account| Expr::arn([Expr::text(format!("iam::{account}:root"))]))
            .collect();
        if principals.is_empty() {
            return None;
        }
        // SageMaker writes names in ARNs in lower case.
        let name = name.to_lowercase();
        let statement = |sid: &str, actions: &[&str], resource: String| {
            json!({
                "Sid": sid,
                "Effect": "Allow",
                "Principal": { "AWS": &principals },
                "Action": actions,
                "Resource": Expr::regional_arn("sagemaker", [Expr::text(resource)]),
            })
        };
        Some(json!({
            "Version": "2012-10-17",
            "Statement": [
                statement("ReadGroup", &["sagemaker:DescribeModelPackageGroup"], format!("model-package-group/{name}")),
                statement(
                    "UseVersions",
                    &["sagemaker:CreateModel", "sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"],
                    format!("model-package/{name}/*"),
                ),
            ],
        }))
    }

    fn check_accounts(&self, this: &This, issues: &mut Vec<Issue>) {
        for (index, account) in self.share_with.iter().enumerate() {
            if account.len() != 12 || !account.chars().all(|c| c.is_ascii_digit()) {
                issues.push(
                    Issue::new(
                        Code::WrongForm,
                        this.pointer.key("share_with").index(index),
                        format!("`{account}` is not an AWS account"),
                    )
                    .help("write its twelve digits in quotes"),
                );
            }
        }
    }
}

impl Construct for ModelGroup {
    fn export(&self, this: &This, scope: &Scope<'_>, exports: &mut Exports) {
        let name = scope.fixed_name(&this.name);
        let group = Export::Group { name: name.clone(), arn: id(this).attr("ModelPackageGroupArn") };
        exports.add("registry", &this.pointer, &this.name, "", group);
        let approved = Export::ApprovedModel { group: name, parameter: parameter(this, scope) };
        exports.add("registry", &this.pointer, &this.name, "approved", approved);
    }

    fn check(&self, this: &This, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
        let name = scope.fixed_name(&this.name);
        // `[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}`, by the same page.
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if name.len() > LONGEST_NAME || !plain {
            let issue = Issue::new(
                Code::InvalidName,
                this.pointer.clone(),
                format!("`{name}` cannot be the name of a model package group"),
            )
            .on_key()
            .help(format!(
                "use letters, digits and `-`; with `-{}` at most {LONGEST_NAME}",
                scope.environment
            ));
            issues.push(issue);
        }
        if let Some(length) = self.description.as_ref().map(|text| text.chars().count())
            && length > LONGEST_DESCRIPTION
        {
            issues.push(Issue::new(
                Code::OutOfBounds,
                this.pointer.key("description"),
                format!("the description has {length} characters; AWS takes {LONGEST_DESCRIPTION}"),
            ));
        }
        self.check_accounts(this, issues);
        if self.on_approval == OnApproval::Notify && events::topic(scope).is_none() {
            issues.push(
                Issue::new(
                    Code::NobodyNotified,
                    this.pointer.key("on_approval"),
                    "there is nobody to notify",
                )
                .label("needs a topic")
                .help("say in `alarms: { notify: … }` who is to be told"),
            );
        }
        if self.on_approval == OnApproval::Deploy
            && scope.paths(|export| matches!(export, Export::Endpoint { .. })).is_empty()
        {
            issues.push(
                Issue::new(
                    Code::NothingToDeploy,
                    this.pointer.key("on_approval"),
                    "an approved version has nowhere to roll out to",
                )
                .label("there is no endpoint")
                .help("add a section `endpoints`, or write `on_approval: nothing`"),
            );
        }
    }

    fn render(&self, this: &This, scope: &Scope<'_>, out: &mut Rendering) {
        let name = scope.fixed_name(&this.name);
        let group = json!({
            "id": id(this),
            "name": &name,
            "description": &self.description,
            "policy": self.policy(&name),
        });
        out.shape(TemplateKind::Platform, "model_group", group);
        out.artifact_readers.extend(self.share_with.iter().cloned());
        match self.on_approval {
            OnApproval::Deploy => rollout::start_on_approval(this, &name, scope, out),
            OnApproval::Notify => rollout::notify_on_approval(this, &name, scope, out),
            OnApproval::Nothing => {}
        }
    }

    fn finish(&self, this: &This, scope: &Scope<'_>, out: &mut Rendering) {
        // There is one serving stack, and so one rollout for all groups: the first that deploys renders it.
        let first = scope.file.registry.iter().find(|(_, group)| group.on_approval == OnApproval::Deploy);
        if first.is_some_and(|(name, _)| *name == this.name) {
            rollout::render(scope, out);
        }
    }
}
