//! What updates and deletions do to resources: data that would be lost, and names that would be taken.

use crate::diag::{Code, Issue};
use crate::lint::{Piece, Resource, Template};
use crate::tables;

const POLICIES: [&str; 2] = ["DeletionPolicy", "UpdateReplacePolicy"];

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html>
pub(super) fn retention(template: &Template<'_>, found: &mut Vec<Issue>) {
    let mut ours = Vec::new();
    for resource in template.resources.values() {
        let Some(facts) = tables::resource(resource.kind) else { continue };
        if facts.stateful && !is_passing(resource.kind) {
            ours.extend(lost(resource));
        }
        if !resource.looped {
            ours.extend(taken(template, resource, facts));
        }
    }
    // A loop's resources stand at one place.
    ours.dedup_by(|a, b| a.code == b.code && a.pointer == b.pointer);
    found.extend(ours);
}

/// What it holds is on its way elsewhere, or can be had again.
fn is_passing(kind: &str) -> bool {
    ["AWS::CloudFormation::Stack", "AWS::EMR::Cluster", "AWS::Logs::LogGroup", "AWS::SQS::Queue"]
        .contains(&kind)
}

/// A stateful resource that does not say what becomes of its data.
fn lost(resource: &Resource<'_>) -> Option<Issue> {
    if resource.members.keys().any(|key| key.starts_with("Fn::")) {
        return None;
    }
    let missing: Vec<&str> =
        POLICIES.iter().copied().filter(|policy| !resource.members.contains_key(*policy)).collect();
    let first = missing.first()?;
    let names = missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" nor ");
    let message = match missing.as_slice() {
        [_] => format!("`{}` has no {names}", resource.id),
        _ => format!("`{}` has neither {names}", resource.id),
    };
    let what =
        if *first == POLICIES[0] { "its data goes with it" } else { "its data goes when it is replaced" };
    Some(
        Issue::new(Code::NotRetained, resource.pointer.clone(), message)
            .on_key()
            .label(what)
            .help("set both to `Retain`; `Delete` says that losing the data is meant"),
    )
}

/// A name of its own for what can only be replaced.
fn taken(template: &Template<'_>, resource: &Resource<'_>, facts: &tables::Resource) -> Option<Issue> {
    // Types that are replaced by every change, and that are made anew in the course of work.
    if !["AWS::SageMaker::EndpointConfig", "AWS::SageMaker::Model"].contains(&resource.kind)
        && !resource.kind.ends_with("JobDefinition")
    {
        return None;
    }
    let name = facts.create_only.iter().find(|path| path.ends_with("Name") && !path.contains('.'))?;
    let cases = template.values(resource, name);
    // The stack's own name and place are the same in every update; a parameter may be there to change the name.
    let is_fixed = |piece: &Piece| matches!(piece, Piece::Known(_) | Piece::Pseudo(_));
    let fixed = cases.iter().find(|case| {
        case.text().is_some_and(|text| text.pieces().iter().all(is_fixed)) && !case.when.has_parameters()
    })?;
    Some(
        Issue::new(
            Code::FixedName,
            fixed.at.clone(),
            format!("`{}` has a name of its own, so that it cannot be changed", resource.id),
        )
        .label("taken when its successor is made")
        .help(format!("leave `{name}` out, and refer to the resource by `Fn::GetAtt`")),
    )
}
