//! Roles that certainly do not allow what is done under them. Only roles whose policies can all be read are judged.

use serde_json::Value;

use crate::diag::{Code, Issue};
use crate::lint::{Case, Piece, Resource, Template, Text, Thing};
use crate::rules::wildcards;
use crate::tables;

/// Types that give a role more than it says itself.
const GIVERS: [&str; 3] = ["AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::ManagedPolicy"];

/// <https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html>
pub(super) fn roles(template: &Template<'_>, found: &mut Vec<Issue>) {
    if template.is_open("Resources") || GIVERS.iter().any(|kind| template.of_type(kind).next().is_some()) {
        return;
    }
    // A bucket may let the role in by itself.
    let shared = template.of_type("AWS::S3::BucketPolicy").any(|policy| {
        policy.members.get("Properties").is_none_or(|all| all.to_string().contains("\"Allow\""))
    });
    let opened = template.of_type("AWS::ECR::Repository").any(|repository| {
        repository.members.get("Properties").is_some_and(|all| all.get("RepositoryPolicyText").is_some())
    });
    for model in template.of_type("AWS::SageMaker::Model") {
        let Some((role, allowed)) = role_of(template, model, "ExecutionRoleArn") else { continue };
        for path in ["PrimaryContainer", "Containers.*"] {
            let urls = template.values(model, &format!("{path}.ModelDataUrl"));
            for data in urls.iter().filter(|_| !shared) {
                if let Some(object) = data.text().and_then(|url| object_arn(template, url))
                    && !allowed
                        .iter()
                        .any(|statement| statement.allows(template, "s3:GetObject", Some(&object)))
                {
                    found.push(lacks(role, "s3:GetObject", data, "read this artifact"));
                }
            }
            for image in template.values(model, &format!("{path}.Image")) {
                if !opened
                    && image.text().is_some_and(is_own)
                    && !allowed.iter().any(|statement| statement.allows(template, "ecr:BatchGetImage", None))
                {
                    found.push(lacks(role, "ecr:BatchGetImage", &image, "pull this image"));
                }
            }
        }
    }
    for pipeline in template.of_type("AWS::SageMaker::Pipeline") {
        let Some((role, allowed)) = role_of(template, pipeline, "RoleArn") else { continue };
        for body in template.values(pipeline, "PipelineDefinition.PipelineDefinitionBody") {
            let passes = body.text().is_some_and(|text| text.shown().contains("\"RoleArn\""));
            if passes && !allowed.iter().any(|statement| statement.allows(template, "iam:PassRole", None)) {
                found.push(lacks(role, "iam:PassRole", &body, "pass on the roles of these steps"));
            }
        }
    }
}

/// Whether an image is in a registry of somebody's own, not in one that AWS lets all read.
fn is_own(image: &Text) -> bool {
    let shown = image.shown();
    let Some((account, _)) = shown.split_once(".dkr.ecr.") else { return false };
    !tables::registries().values().any(|accounts| accounts.values().any(|known| *known == account))
}

fn lacks(role: &Resource<'_>, action: &str, needed: &Case<'_>, what: &str) -> Issue {
    let message = format!("`{}` has no `{action}` to {what}", role.id);
    Issue::new(Code::RoleLacks, needed.at.clone(), message)
        .label("not allowed by the role")
        .also(role.pointer.clone(), "the role")
        .help(format!("allow `{action}` on it in the role's policies"))
}

/// A statement that allows something.
struct Allow {
    /// None where it cannot be said which, as with `NotAction`.
    actions: Option<Vec<String>>,
    /// None likewise.
    resources: Option<Vec<Text>>,
}

impl Allow {
    fn allows(&self, template: &Template<'_>, action: &str, on: Option<&Text>) -> bool {
        let Some(actions) = &self.actions else { return true };
        let action = action.to_ascii_lowercase();
        let named = actions.iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), &action));
        let (Some(resources), Some(on)) = (&self.resources, on) else { return named };
        named && resources.iter().any(|pattern| may_match(template, pattern, on))
    }
}

/// The role that a property names and all that it allows; none where that cannot be known.
fn role_of<'a, 'd>(
    template: &'a Template<'d>,
    resource: &Resource<'d>,
    property: &str,
) -> Option<(&'a Resource<'d>, Vec<Allow>)> {
    let cases = template.values(resource, property);
    let [case] = cases.as_slice() else { return None };
    let (id, Some("Arn")) = case.text()?.target()? else { return None };
    let role = template.resource(id).filter(|role| role.kind == "AWS::IAM::Role" && !role.looped)?;
    let properties = role.members.get("Properties")?.as_object()?;
    if properties.keys().any(|key| key == "ManagedPolicyArns" || key.starts_with("Fn::")) {
        return None;
    }
    let mut allowed = Vec::new();
    for policy in template.values(role, "Policies") {
        let Thing::List(_) = policy.thing else { return None };
        for one in template.beneath(&policy, "*") {
            let documents = template.beneath(&one, "PolicyDocument");
            let [document] = documents.as_slice() else { return None };
            let statements = template.beneath(document, "Statement");
            let [list] = statements.as_slice() else { return None };
            match list.thing {
                Thing::List(_) => {
                    for statement in template.beneath(list, "*") {
                        allowed.extend(statement_of(template, &statement)?);
                    }
                }
                _ => allowed.extend(statement_of(template, list)?),
            }
        }
    }
    // A role without any policy may get some from elsewhere.
    (!allowed.is_empty()).then_some((role, allowed))
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

/// `s3://bucket/key` as `arn:aws:s3:::bucket/key`.
fn object_arn(template: &Template<'_>, url: &Text) -> Option<Text> {
    let rest = url.prefix().strip_prefix("s3://")?;
    let mut arn = Text::literal(format!("arn:aws:s3:::{rest}"));
    url.pieces().iter().skip(1).cloned().for_each(|piece| arn.push(piece));
    plain(template, &arn).map(Text::literal)
}

/// Text in which references to buckets are marks that can be compared; none if anything else is unknown.
fn plain(template: &Template<'_>, text: &Text) -> Option<String> {
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
fn may_match(template: &Template<'_>, pattern: &Text, on: &Text) -> bool {
    let (Some(pattern), Some(on)) = (plain(template, pattern), on.known()) else { return true };
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
