//! What a role of a template may do, where all of its policies can be read.

use serde_json::Value;

use crate::lint::{Case, Piece, Resource, Template, Text, Thing};
use crate::rules::wildcards;

/// Managed policies of AWS, and what they allow: action, and on what where that is not everything. A condition may
/// narrow it.
/// <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html>
const MANAGED: &[(&str, &[&str], &[&str])] = &[
    ("AdministratorAccess", &["*"], &[]),
    ("AmazonS3FullAccess", &["s3:*"], &[]),
    ("AmazonS3ReadOnlyAccess", &["s3:Get*", "s3:List*", "s3:Describe*"], &[]),
    (
        "AmazonEC2ContainerRegistryReadOnly",
        &["ecr:GetAuthorizationToken", "ecr:Batch*", "ecr:Get*", "ecr:Describe*", "ecr:List*"],
        &[],
    ),
    ("AmazonEC2ContainerRegistryPullOnly", &["ecr:*"], &[]),
    ("AmazonEC2ContainerRegistryPowerUser", &["ecr:*"], &[]),
    ("AmazonEC2ContainerRegistryFullAccess", &["ecr:*"], &[]),
    ("CloudWatchLogsFullAccess", &["logs:*"], &[]),
    ("CloudWatchFullAccess", &["logs:*", "cloudwatch:*", "sns:*", "autoscaling:*"], &[]),
    ("CloudWatchFullAccessV2", &["logs:*", "cloudwatch:*", "sns:*", "autoscaling:*"], &[]),
    ("AmazonVPCFullAccess", &["ec2:*"], &[]),
    ("AmazonSNSFullAccess", &["sns:*"], &[]),
    ("AmazonEventBridgeFullAccess", &["events:*", "scheduler:*"], &[]),
    ("AWSLambdaBasicExecutionRole", &["logs:*"], &[]),
    ("AWSLambdaVPCAccessExecutionRole", &["logs:*", "ec2:*"], &[]),
    ("AWSLambda_FullAccess", &["lambda:*", "logs:*", "iam:PassRole"], &[]),
    ("AWSStepFunctionsFullAccess", &["states:*"], &[]),
    (
        "AmazonSageMakerFullAccess",
        &[
            "sagemaker:*",
            "ecr:*",
            "ec2:*",
            "logs:*",
            "cloudwatch:*",
            "sns:*",
            "states:*",
            "lambda:*",
            "iam:PassRole",
            // An object may have the tag that lets it be read.
            "s3:Get*",
            "s3:List*",
        ],
        &[],
    ),
    (
        "AmazonSageMakerFullAccess",
        &["s3:*"],
        &[
            "arn:aws:s3:::*SageMaker*",
            "arn:aws:s3:::*Sagemaker*",
            "arn:aws:s3:::*sagemaker*",
            "arn:aws:s3:::*aws-glue*",
        ],
    ),
];

/// A statement that allows something.
pub(super) struct Allow {
    /// None where it cannot be said which, as with `NotAction`.
    actions: Option<Vec<String>>,
    /// None likewise.
    resources: Option<Vec<Text>>,
}

/// A role, and all that it allows.
pub(super) struct Granted<'a, 'd> {
    pub(super) role: &'a Resource<'d>,
    allowed: Vec<Allow>,
}

impl Granted<'_, '_> {
    /// Whether an action may be allowed at all.
    pub(super) fn may(&self, action: &str) -> bool {
        self.allowed.iter().any(|statement| statement.names(action))
    }

    /// Whether an action may be allowed on a thing in S3, a text with marks for buckets.
    pub(super) fn may_on(&self, template: &Template<'_>, action: &str, object: &str) -> bool {
        self.on(action, |pattern| may_match(template, pattern, object))
    }

    /// Whether an action may be allowed on some of what begins so in S3.
    pub(super) fn may_beneath(&self, template: &Template<'_>, action: &str, prefix: &str) -> bool {
        let prefix = prefix.trim_end_matches('/');
        // `prefix*` and `prefix/*` are alike, and what is written may be within something narrower.
        let object = format!("{prefix}/object");
        self.on(action, |pattern| {
            may_match(template, pattern, &object)
                || plain(template, pattern).is_some_and(|pattern| pattern.starts_with(prefix))
        })
    }

    /// Whether an action may be allowed on a resource of the template: only references to others rule it out.
    pub(super) fn may_on_resource(&self, action: &str, id: &str) -> bool {
        self.on(action, |pattern| pattern.target().is_none_or(|(other, _)| other == id))
    }

    fn on(&self, action: &str, fits: impl Fn(&Text) -> bool) -> bool {
        self.allowed.iter().any(|statement| {
            let on = |resources: &Vec<Text>| resources.iter().any(&fits);
            statement.names(action) && statement.resources.as_ref().is_none_or(on)
        })
    }
}

impl Allow {
    fn names(&self, action: &str) -> bool {
        let Some(actions) = &self.actions else { return true };
        let action = action.to_ascii_lowercase();
        actions.iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), &action))
    }
}

/// The role that a value names, and all that it allows; none where that cannot be known.
pub(super) fn granted<'a, 'd>(template: &'a Template<'d>, cases: &[Case<'d>]) -> Option<Granted<'a, 'd>> {
    let [case] = cases else { return None };
    let (id, Some("Arn")) = case.text()?.target()? else { return None };
    let role = template.resource(id).filter(|role| role.kind == "AWS::IAM::Role" && !role.looped)?;
    if template.is_open("Resources") {
        return None;
    }
    let mut allowed = Vec::new();
    if let Some(properties) = role.members.get("Properties")
        && properties.as_object()?.keys().any(|key| key.starts_with("Fn::"))
    {
        return None;
    }
    for policies in template.values(role, "Policies").iter().filter(|case| !case.is_absent()) {
        let Thing::List(_) = policies.thing else { return None };
        for policy in template.beneath(policies, "*").iter().filter(|case| !case.is_absent()) {
            allowed.extend(document(template, &template.beneath(policy, "PolicyDocument"))?);
        }
    }
    for list in template.values(role, "ManagedPolicyArns").iter().filter(|case| !case.is_absent()) {
        let Thing::List(_) = list.thing else { return None };
        for arn in template.beneath(list, "*").iter().filter(|case| !case.is_absent()) {
            allowed.extend(managed(template, arn)?);
        }
    }
    for kind in ["AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"] {
        for policy in template.of_type(kind) {
            if policy.looped || attached(template, policy, role) != Some(false) {
                allowed.extend(document(template, &template.values(policy, "PolicyDocument"))?);
            }
        }
    }
    // A role without any policy may get some from elsewhere.
    (!allowed.is_empty()).then_some(Granted { role, allowed })
}

/// Whether a policy is one of a role; nothing where that cannot be said.
fn attached<'d>(template: &Template<'d>, policy: &Resource<'d>, role: &Resource<'d>) -> Option<bool> {
    let path = if policy.kind == "AWS::IAM::RolePolicy" { "RoleName" } else { "Roles.*" };
    let own = template.values(role, "RoleName");
    let mut answer = Some(false);
    for name in template.values(policy, path).iter().filter(|case| !case.is_absent()) {
        let same = match (name.text().and_then(Text::target), name.known()) {
            (Some((id, None)), _) => Some(id == role.id),
            (_, Some(name)) => match own.as_slice() {
                // CloudFormation makes its name.
                [] => Some(false),
                [own] => own.known().map(|own| own == name),
                _ => None,
            },
            _ => None,
        };
        match same {
            Some(true) => return Some(true),
            Some(false) => {}
            None => answer = None,
        }
    }
    // The whole list may be something unknown.
    if policy.kind != "AWS::IAM::RolePolicy"
        && template
            .values(policy, "Roles")
            .iter()
            .any(|list| !matches!(list.thing, Thing::List(_) | Thing::Absent))
    {
        return None;
    }
    answer
}

/// What a managed policy allows; none for one that is not known.
fn managed<'d>(template: &Template<'d>, arn: &Case<'d>) -> Option<Vec<Allow>> {
    let text = arn.text()?;
    if let Some((id, None)) = text.target() {
        let policy = template.resource(id).filter(|it| it.kind == "AWS::IAM::ManagedPolicy" && !it.looped)?;
        return document(template, &template.values(policy, "PolicyDocument"));
    }
    let shown = text.shown();
    let (_, path) = shown.split_once(":iam::aws:policy/")?;
    let name = path.rsplit('/').next()?;
    let known: Vec<_> = MANAGED.iter().filter(|(known, ..)| *known == name).collect();
    let allow = |(_, actions, resources): &&(&str, &[&str], &[&str])| Allow {
        actions: Some(actions.iter().map(|&action| action.to_owned()).collect()),
        resources: (!resources.is_empty())
            .then(|| resources.iter().map(|&resource| Text::literal(resource)).collect()),
    };
    (!known.is_empty()).then(|| known.iter().map(allow).collect())
}

/// What a policy's document allows; none where it cannot be read.
fn document<'d>(template: &Template<'d>, documents: &[Case<'d>]) -> Option<Vec<Allow>> {
    let [document] = documents else { return None };
    let statements = template.beneath(document, "Statement");
    let [list] = statements.as_slice() else { return None };
    let mut allowed = Vec::new();
    match list.thing {
        Thing::List(_) => {
            for statement in template.beneath(list, "*").iter().filter(|case| !case.is_absent()) {
                allowed.extend(statement_of(template, statement)?);
            }
        }
        _ => allowed.extend(statement_of(template, list)?),
    }
    Some(allowed)
}

/// What a statement allows, if anything; none where it cannot be read.
fn statement_of<'d>(template: &Template<'d>, statement: &Case<'d>) -> Option<Vec<Allow>> {
    let Thing::Map(members) = statement.thing else { return None };
    if members.get("Effect").and_then(Value::as_str)? != "Allow" {
        return Some(Vec::new());
    }
    let texts = |key: &str| -> Option<Vec<Text>> {
        let mut all = Vec::new();
        for case in template.beneath(statement, key) {
            match &case.thing {
                Thing::Text(text) => all.push(text.clone()),
                Thing::Texts(texts) => all.extend(texts.iter().cloned()),
                Thing::List(_) => {
                    for item in template.beneath(&case, "*") {
                        match &item.thing {
                            Thing::Text(text) => all.push(text.clone()),
                            Thing::Absent => {}
                            _ => return None,
                        }
                    }
                }
                Thing::Absent => {}
                _ => return None,
            }
        }
        Some(all)
    };
    let actions = if members.contains_key("Action") {
        texts("Action").and_then(|all| all.iter().map(|text| text.known().map(str::to_owned)).collect())
    } else {
        None
    };
    let resources = if members.contains_key("Resource") { texts("Resource") } else { None };
    Some(vec![Allow { actions, resources }])
}

/// Text in which references to buckets are marks that can be compared; none if anything else is unknown.
pub(super) fn plain(template: &Template<'_>, text: &Text) -> Option<String> {
    let mut all = String::new();
    for piece in text.pieces() {
        match piece {
            Piece::Known(text) => all.push_str(text),
            Piece::Pseudo(name) if name == "Partition" => all.push_str("aws"),
            Piece::Resource { id, attribute } => {
                let bucket = template.resource(id).filter(|it| it.kind == "AWS::S3::Bucket")?;
                let names = template.values(bucket, "BucketName");
                let name = match names.as_slice() {
                    [] => format!("\u{1}{id}\u{1}"),
                    [name] => name.known()?,
                    _ => return None,
                };
                match attribute.as_deref() {
                    None => all.push_str(&name),
                    Some("Arn") => {
                        all.push_str("arn:aws:s3:::");
                        all.push_str(&name);
                    }
                    Some(_) => return None,
                }
            }
            Piece::Pseudo(_) | Piece::Unknown => return None,
        }
    }
    Some(all)
}

/// Whether a resource of a statement may be that one.
fn may_match(template: &Template<'_>, pattern: &Text, on: &str) -> bool {
    let Some(pattern) = plain(template, pattern) else { return true };
    // A bucket without a name of its own may be any; one with a name is not another's mark.
    if pattern.contains('\u{1}') != on.contains('\u{1}')
        && !pattern.contains('\u{1}')
        && pattern.contains('*')
    {
        return matches(&pattern, on) || !pattern.starts_with("arn:aws:s3:::") || on.contains('\u{1}');
    }
    matches(&pattern, on)
}

/// Whether a pattern may stand for a name: names that are too long to tell are not held against a role.
fn matches(pattern: &str, name: &str) -> bool {
    wildcards::covers(pattern, name) != Some(false)
}
