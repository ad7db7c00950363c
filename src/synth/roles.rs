//! The roles: each with exactly what its constructs declare.

use crate::cfn::{Expr, Statement, TemplateKind, Value, json, length};
use crate::constructs::{Rendering, Role};

/// The platform stack's output that holds the role with which CloudFormation deploys the serving template.
pub(super) const SERVICE_ROLE_OUTPUT: &str = "ServingRoleArn";

/// The longest policy document of a role; white space does not count.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub(super) const POLICY_LIMIT: usize = 10_240;

/// Renders every role that somebody declared permissions for.
pub(super) fn render(out: &mut Rendering) {
    for (role, statements) in std::mem::take(&mut out.grants) {
        let policy = Statement::document(statements);
        out.policy_sizes.insert(role, length(&policy));
        let mut context = json!({
            "id": role.id().as_str(),
            "description": role.description(),
            "trust": trust(role),
        });
        context["policy"] = policy; // moved: it is large
        out.shape(TemplateKind::Platform, "role", context);
        if role == Role::Serving {
            out.platform.output(
                SERVICE_ROLE_OUTPUT,
                "Role with which CloudFormation deploys the serving stack",
                &role.arn(),
            );
        }
    }
}

/// Who may take the role: the services that it is for, on behalf of this account only.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html>
///
/// CloudFormation does not document that it names the account when it takes a service role, so that role
/// carries no such condition; whoever passes it needs `iam:PassRole` on it.
fn trust(role: Role) -> Value {
    let condition = json!({ "StringEquals": { "aws:SourceAccount": Expr::pseudo("AWS::AccountId") } });
    let mut statement = json!({
        "Effect": "Allow",
        "Principal": { "Service": role.principals() },
        "Action": "sts:AssumeRole",
    });
    if role != Role::Serving {
        statement["Condition"] = condition;
    }
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}
