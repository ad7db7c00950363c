//! What an earlier stack has kept, and a new one takes in again: by a change set of type `IMPORT` before the change.
//!
//! CloudFormation takes in by itself (`ImportExistingResources`) only what the template gives its primary identifier as a
//! literal; "primary IDs with read only properties aren't supported". A model package group is identified by its ARN,
//! which no template gives: kept by a deletion, it would make the next deployment fail on its name. Buckets and keys
//! have no name of their own at all; a new stack would make new ones beside those that hold the data. Which they are,
//! the events of the deleted stack say, for 90 days.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html>
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-manually.html>

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::HEXLOWER;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::aws::{self, ChangeSetType, Cloud, Import, Stack, Status, TemplateSource};
use crate::plan::{INLINE_TEMPLATE_BYTES, Plan, Upload};
use crate::rules::stack_states::{self, OnDeploy};
use crate::synth::Settings;
use crate::tables;

use super::change_set::{self, Open, Order, Prepared};
use super::{Error, Event, Run, upload};

const GROUP: &str = "AWS::SageMaker::ModelPackageGroup";
const BUCKET: &str = "AWS::S3::Bucket";

/// How many deleted stacks of the name are looked at: those that held nothing come between.
const MOST_DELETED: usize = 5;

/// Something that is there and belongs to no stack.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    import: Import,
    /// Its name is fixed: where it is, no other one can be made.
    blocks: bool,
}

/// The change set that takes in what an order's stack, which is as `existing` says, has kept, when there is something;
/// ready, not executed.
pub(super) async fn proposed<'a, C: Cloud>(
    run: &mut Run<'_, C>,
    plan: &Plan,
    order: &Order<'a>,
    existing: Option<Stack>,
) -> Result<Option<(Order<'a>, Open)>, Error> {
    let Ok(template) = serde_json::from_slice::<Value>(&order.text) else { return Ok(None) };
    let state = existing.as_ref().map(|stack| stack_states::of(stack.status.as_str()).on_deploy);
    let (base, kept) = match (state, &existing) {
        (None | Some(OnDeploy::Create), _) => (Value::Null, kept(run, plan, order, &template).await?),
        (Some(OnDeploy::Update), Some(stack)) => {
            let added = added_groups(run, stack, &template).await?;
            let Some((base, names)) = added else { return Ok(None) };
            (base, groups(run, names).await?)
        }
        // Whoever makes the change set says why it takes none.
        _ => return Ok(None),
    };
    let mut attempts = vec![kept.clone()];
    let blocking: Vec<Kept> = kept.iter().filter(|it| it.blocks).cloned().collect();
    if blocking.len() < kept.len() {
        attempts.push(blocking);
    }
    for kept in attempts {
        let Some(import) = import(order, &template, &base, kept, existing.is_some()) else { continue };
        let import = placed(run, plan, import).await?;
        match change_set::make(run, import.clone(), existing.clone(), ChangeSetType::Import).await {
            Ok(Prepared::Open(open)) => return Ok(Some((import, *open))),
            Ok(Prepared::Unchanged(_)) => return Ok(None),
            Err(Error::ChangeSet { reason, .. }) => {
                (run.emit)(Event::NotTakenIn { stack: order.stack.to_owned(), reason });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// What a stack of that name has kept when it was deleted, and groups of the template that are there.
async fn kept<C: Cloud>(
    run: &Run<'_, C>,
    plan: &Plan,
    order: &Order<'_>,
    template: &Value,
) -> aws::Result<Vec<Kept>> {
    let mut kept = Vec::new();
    // Whoever may not list stacks deploys all the same.
    let deleted = match run.cloud.deleted_stacks(order.stack).await {
        Err(error) if error.is_transient() => return Err(error),
        answer => answer.unwrap_or_default(),
    };
    for stack in deleted.iter().take(MOST_DELETED) {
        kept = skipped(run, stack, template).await?;
        if !kept.is_empty() {
            break;
        }
    }
    let account = &plan.target.identity.account;
    let mut there = Vec::new();
    for it in kept {
        let is_bucket = it.import.resource_type == BUCKET;
        if !is_bucket || run.cloud.has_bucket(&it.import.value, account).await? {
            there.push(it);
        }
    }
    let known: BTreeSet<&str> = there.iter().map(|it| it.import.logical_id.as_str()).collect();
    let names = named_groups(template).filter(|(id, _)| !known.contains(id.as_str())).collect();
    let groups = groups(run, names).await?;
    there.extend(groups);
    Ok(there)
}

/// What the deletion of a stack has left, as far as the template has it.
async fn skipped<C: Cloud>(run: &Run<'_, C>, stack: &str, template: &Value) -> aws::Result<Vec<Kept>> {
    let mut kept = Vec::new();
    let mut page = None;
    loop {
        let read = run.cloud.stack_events(stack, page.as_deref()).await?;
        for event in read.events {
            if event.is_stack() && event.status == Status::DeleteInProgress {
                return Ok(kept);
            }
            let declared = template["Resources"][&event.logical_id]["Type"].as_str();
            let facts = tables::resource(&event.resource_type).and_then(|facts| facts.reference);
            if let (Status::DeleteSkipped, Some(value), Some(property)) =
                (&event.status, event.physical_id, facts)
                && declared == Some(event.resource_type.as_str())
            {
                let blocks = event.resource_type == GROUP;
                let (logical_id, resource_type) = (event.logical_id, event.resource_type);
                let property = property.to_owned();
                kept.push(Kept { import: Import { logical_id, resource_type, property, value }, blocks });
            }
        }
        page = read.next;
        if page.is_none() {
            return Ok(kept);
        }
    }
}

/// Groups that the template has and the deployed one has not, and the deployed template.
async fn added_groups<C: Cloud>(
    run: &Run<'_, C>,
    stack: &Stack,
    template: &Value,
) -> aws::Result<Option<(Value, Vec<(String, String)>)>> {
    if named_groups(template).next().is_none() {
        return Ok(None);
    }
    let deployed = match run.cloud.template(&stack.id).await {
        Err(error) if error.is_transient() => return Err(error),
        answer => answer.ok().flatten(),
    };
    let deployed: Option<Value> = deployed.and_then(|text| serde_json::from_str(&text).ok());
    let Some(deployed) = deployed else { return Ok(None) };
    let is_new = |(id, _): &(String, String)| deployed["Resources"].get(id).is_none();
    let added: Vec<_> = named_groups(template).filter(is_new).collect();
    Ok((!added.is_empty()).then_some((deployed, added)))
}

/// Groups of a template by their logical ids, with the names that it gives.
fn named_groups(template: &Value) -> impl Iterator<Item = (String, String)> {
    let resources = template["Resources"].as_object().into_iter().flatten();
    resources.filter(|(_, resource)| resource["Type"] == GROUP).filter_map(|(id, resource)| {
        let name = resource["Properties"]["ModelPackageGroupName"].as_str()?;
        Some((id.clone(), name.to_owned()))
    })
}

/// Those of the groups that are there.
async fn groups<C: Cloud>(run: &Run<'_, C>, names: Vec<(String, String)>) -> aws::Result<Vec<Kept>> {
    let mut kept = Vec::new();
    for (logical_id, name) in names {
        let Some(value) = run.cloud.model_group(&name).await? else { continue };
        let (resource_type, property) = (GROUP.to_owned(), "ModelPackageGroupArn".to_owned());
        kept.push(Kept { import: Import { logical_id, resource_type, property, value }, blocks: true });
    }
    Ok(kept)
}

/// The order that takes these in: the deployed template as it is, and they.
fn import<'a>(
    order: &Order<'a>,
    template: &Value,
    base: &Value,
    kept: Vec<Kept>,
    exists: bool,
) -> Option<Order<'a>> {
    let (resources, imports) = importable(template, kept);
    if imports.is_empty() {
        return None;
    }
    let mut whole = match base {
        Value::Null => json!({ "AWSTemplateFormatVersion": "2010-09-09", "Resources": {} }),
        base => base.clone(),
    };
    whole["Resources"].as_object_mut()?.extend(resources);
    let text = whole.to_string();
    let parameters = base["Parameters"].as_object().into_iter().flatten();
    Some(Order {
        text: text.as_bytes().into(),
        template: TemplateSource::Body(text),
        parameters: BTreeMap::new(),
        keep: parameters.map(|(name, _)| name.clone()).collect(),
        // An import changes no tags; the change after it does.
        tags: None,
        // The role is one of the stack's own.
        role_arn: order.role_arn.clone().filter(|_| exists),
        import_existing: false,
        imports,
        rollback: None,
        settings: Settings::default(),
        ..order.clone()
    })
}

/// The resources as an import takes them, without what refers to something that is not taken in with them; the change
/// after it sets that.
fn importable(template: &Value, mut kept: Vec<Kept>) -> (Map<String, Value>, Vec<Import>) {
    loop {
        let ids: BTreeSet<String> = kept.iter().map(|it| it.import.logical_id.clone()).collect();
        let before = kept.len();
        let mut resources = Map::new();
        kept.retain(|it| {
            let resource = reduced(&template["Resources"][&it.import.logical_id], &ids);
            let found = resource.is_some();
            resources.extend(resource.map(|resource| (it.import.logical_id.clone(), resource)));
            found
        });
        // What refers to one that was left out must be looked at again.
        if kept.len() == before {
            return (resources, kept.into_iter().map(|it| it.import).collect());
        }
    }
}

/// A resource with what stands for itself; none when that is too little, or its template would not keep it.
fn reduced(resource: &Value, ids: &BTreeSet<String>) -> Option<Value> {
    let keeps = matches!(resource["DeletionPolicy"].as_str(), Some("Retain" | "RetainExceptOnCreate"));
    let required = &tables::resource(resource["Type"].as_str()?)?.required;
    let all = resource["Properties"].as_object()?;
    let own: Map<String, Value> = all
        .iter()
        .filter(|(_, value)| !refers_outside(value, ids))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let whole = required.iter().all(|name| own.contains_key(*name));
    (keeps && whole).then(|| {
        let mut reduced = json!({ "Type": resource["Type"], "DeletionPolicy": resource["DeletionPolicy"] });
        if let Some(policy) = resource.get("UpdateReplacePolicy") {
            reduced["UpdateReplacePolicy"] = policy.clone();
        }
        reduced["Properties"] = Value::Object(own);
        reduced
    })
}

/// Whether a value depends on anything but these resources and the place of the deployment.
fn refers_outside(value: &Value, ids: &BTreeSet<String>) -> bool {
    let known = |name: &str| name.starts_with("AWS::") || ids.contains(name);
    match value {
        Value::Array(items) => items.iter().any(|item| refers_outside(item, ids)),
        Value::Object(members) => members.iter().any(|(key, value)| match (key.as_str(), value) {
            ("Ref", Value::String(name)) => !known(name),
            ("Fn::GetAtt", Value::Array(path)) => !path.first().and_then(Value::as_str).is_some_and(known),
            ("Fn::GetAtt", Value::String(path)) => !path.split('.').next().is_some_and(known),
            ("Fn::Sub", Value::String(text)) => text.split("${").skip(1).any(|rest| {
                let name = rest.split(['}', '.']).next().unwrap_or_default();
                !name.starts_with('!') && !known(name)
            }),
            ("Fn::Join" | "Fn::Select" | "Fn::Split", value) => refers_outside(value, ids),
            (key, value) => key.starts_with("Fn::") || refers_outside(value, ids),
        }),
        _ => false,
    }
}

/// An order whose template is in the request, or in the artifact bucket when it is too large for that.
pub(super) async fn placed<'a, C: Cloud>(
    run: &mut Run<'_, C>,
    plan: &Plan,
    order: Order<'a>,
) -> Result<Order<'a>, Error> {
    if order.text.len() as u64 <= INLINE_TEMPLATE_BYTES {
        return Ok(order);
    }
    let sha256: [u8; 32] = Sha256::digest(&order.text).into();
    let key = format!("templates/derived/{}.template.json", HEXLOWER.encode(&sha256));
    let template = TemplateSource::Url(plan.object_url(&key));
    let file = "derived.template.json".to_owned();
    let body = std::sync::Arc::clone(&order.text);
    let object = Upload { file, key, body, sha256, content_type: "application/json" };
    upload::upload(run, plan, &[object]).await?;
    Ok(Order { template, ..order })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(logical_id: &str, resource_type: &str) -> Kept {
        let import = Import {
            logical_id: logical_id.into(),
            resource_type: resource_type.into(),
            property: "P".into(),
            value: "v".into(),
        };
        Kept { import, blocks: false }
    }

    #[test]
    fn what_is_taken_in_refers_to_nothing_else() {
        let template = json!({ "Resources": {
            "Key": { "Type": "AWS::KMS::Key", "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain", "Properties": {
                "Description": "d", "KeyPolicy": { "Principal": { "Fn::GetAtt": ["Role", "Arn"] } } } },
            "Bucket": { "Type": BUCKET, "DeletionPolicy": "RetainExceptOnCreate", "DependsOn": "Role", "Properties": {
                "BucketEncryption": { "Key": { "Fn::GetAtt": ["Key", "Arn"] } },
                "Logging": { "Fn::Sub": "${Other.Arn}/x" }, "Place": { "Fn::Sub": "${AWS::Region}/${!x}" } } },
            "Policy": { "Type": "AWS::S3::BucketPolicy", "DeletionPolicy": "Retain", "Properties": {
                "Bucket": { "Ref": "Bucket" }, "PolicyDocument": { "Resource": { "Fn::GetAtt": ["Role", "Arn"] } } } },
            "Passing": { "Type": BUCKET, "Properties": {} } } });
        let all = vec![
            kept("Key", "AWS::KMS::Key"),
            kept("Bucket", BUCKET),
            kept("Policy", "AWS::S3::BucketPolicy"),
            kept("Passing", BUCKET),
        ];
        let (resources, imports) = importable(&template, all);
        let ids: Vec<&str> = imports.iter().map(|it| it.logical_id.as_str()).collect();
        assert_eq!(ids, ["Key", "Bucket"]);
        assert_eq!(
            Value::Object(resources),
            json!({
                "Key": { "Type": "AWS::KMS::Key", "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain",
                         "Properties": { "Description": "d" } },
                "Bucket": { "Type": BUCKET, "DeletionPolicy": "RetainExceptOnCreate", "Properties": {
                    "BucketEncryption": { "Key": { "Fn::GetAtt": ["Key", "Arn"] } },
                    "Place": { "Fn::Sub": "${AWS::Region}/${!x}" } } },
            })
        );
    }
}
