//! What IAM lets whom do, by effective statement: what is allowed or denied now that was not, and the other way
//! round, wherever in a template the statement stands.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::flags::Found;
use super::policy::{Set, Statement, statements};
use super::template::Item;
use super::{Address, FlagKind, PermissionChange, PermissionDiff};

/// A statement, the item that it stands in, and the place of that item.
struct Placed<'a> {
    item: usize,
    address: &'a Address,
    statement: Statement,
}

/// Statements about one subject: those that it is given, or those that say who may use it.
type Group<'a> = [Vec<Placed<'a>>; 2];

/// Every permission that comes or goes; what broadens is told of the resource that it stands in.
pub(super) fn permissions(items: &[Item], found: &mut [Found]) -> Vec<PermissionDiff> {
    let renamed: Vec<_> = items.iter().filter_map(renamed).collect();
    let mut groups: BTreeMap<(Address, bool), Group> = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        for (side, half) in [item.pair.old, item.pair.new].into_iter().enumerate() {
            let Some((address, body)) = half else { continue };
            let renamed = if side == 0 { renamed.as_slice() } else { &[] };
            place(index, address, body, renamed, |key, placed| {
                groups.entry(key).or_default()[side].push(placed);
            });
        }
    }
    let mut out = BTreeSet::new();
    for ((subject, _), [old, new]) in &groups {
        for (denies, change, back) in [
            (false, PermissionChange::Allowed, PermissionChange::NoLongerAllowed),
            (true, PermissionChange::Denied, PermissionChange::NoLongerDenied),
        ] {
            for (from, to, change) in [(old, new, change), (new, old, back)] {
                for placed in to.iter().filter(|it| it.statement.denies == denies) {
                    for (principals, actions, resources) in beyond(&placed.statement, from, to) {
                        let diff = PermissionDiff {
                            document: placed.address.document.clone(),
                            subject: subject.logical_id.clone(),
                            resource: placed.address.logical_id.clone(),
                            change,
                            principals,
                            actions,
                            resources,
                            condition: placed.statement.condition.clone(),
                        };
                        if change.broadens() {
                            found[placed.item].add(FlagKind::PermissionBroadened, diff.sentence());
                        }
                        out.insert(diff);
                    }
                }
            }
        }
    }
    out.into_iter().collect()
}

/// The addresses of an item that has another one now.
fn renamed<'a>(item: &Item<'a>) -> Option<(&'a Address, &'a Address)> {
    let ((old, _), (new, _)) = (item.pair.old?, item.pair.new?);
    (old != new).then_some((old, new))
}

/// Every statement of a resource, each once for each subject; as it would be written with the names of today.
fn place<'a>(
    item: usize,
    address: &'a Address,
    body: &Value,
    renamed: &[(&Address, &Address)],
    mut add: impl FnMut((Address, bool), Placed<'a>),
) {
    let here: Vec<_> = renamed.iter().filter(|(old, _)| old.document == address.document).collect();
    for (subjects, mut statement) in statements(&address.logical_id, body) {
        statement.rename(here.iter().map(|(old, new)| (&*old.logical_id, &*new.logical_id)));
        for subject in subjects {
            let subject = Address { document: address.document.clone(), logical_id: subject };
            let subject = here
                .iter()
                .find(|(old, _)| **old == subject)
                .map_or(subject.clone(), |(_, new)| (*new).clone());
            let statement = statement.clone();
            add((subject, statement.principals.is_some()), Placed { item, address, statement });
        }
    }
}

/// Who, what and on what.
type Parts = (Vec<String>, Vec<String>, Vec<String>);

/// A statement of more combinations is compared as a whole.
const COMBINATIONS: usize = 4096;

/// The parts of a statement that no statement of the same effect on the other side says; none of what a denial
/// on its own side takes back whole.
fn beyond(statement: &Statement, other: &[Placed], own: &[Placed]) -> Vec<Parts> {
    if other.iter().any(|it| it.statement == *statement) {
        return Vec::new();
    }
    let everybody = Set::nobody();
    let principals = statement.principals.as_ref().unwrap_or(&everybody).units();
    let (actions, resources) = (statement.actions.units(), statement.resources.units());
    let names = |units: &[Set]| units.iter().map(Set::shown).filter(|name| !name.is_empty()).collect();
    let count = principals.len().saturating_mul(actions.len()).saturating_mul(resources.len());
    if count > COMBINATIONS {
        return vec![(names(&principals), names(&actions), names(&resources))];
    }
    let rivals: Vec<_> =
        other.iter().map(|it| &it.statement).filter(|it| it.denies == statement.denies).collect();
    let denials: Vec<_> = own
        .iter()
        .map(|it| &it.statement)
        .filter(|it| it.denies && !statement.denies && it.condition.is_none())
        .collect();
    // Actions that are new on the same resources for the same principals are told together.
    let mut together: BTreeMap<Vec<(usize, usize)>, Vec<Set>> = BTreeMap::new();
    for action in &actions {
        let mut left = Vec::new();
        for (who, principal) in principals.iter().enumerate() {
            for (place, resource) in resources.iter().enumerate() {
                let within = |it: &&Statement| it.covers(principal, action, resource, statement);
                if !rivals.iter().any(within) && !denials.iter().any(within) {
                    left.push((who, place));
                }
            }
        }
        if !left.is_empty() {
            together.entry(left).or_default().push(action.clone());
        }
    }
    let mut out = Vec::new();
    for (left, actions) in together {
        let mut by_place: BTreeMap<Vec<usize>, Vec<Set>> = BTreeMap::new();
        for (who, principal) in principals.iter().enumerate() {
            let places: Vec<_> = left.iter().filter(|(it, _)| *it == who).map(|(_, place)| *place).collect();
            if !places.is_empty() {
                by_place.entry(places).or_default().push(principal.clone());
            }
        }
        for (places, principals) in by_place {
            let resources: Vec<_> = places.into_iter().map(|place| resources[place].clone()).collect();
            out.push((names(&principals), names(&actions), names(&resources)));
        }
    }
    out
}

impl PermissionDiff {
    /// As people read it: `s3:GetObject` is allowed now on `b/*` to `Role`.
    pub fn sentence(&self) -> String {
        let list =
            |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let what = match self.change {
            PermissionChange::Allowed => "is allowed now",
            PermissionChange::NoLongerAllowed => "is no longer allowed",
            PermissionChange::Denied => "is denied now",
            PermissionChange::NoLongerDenied => "is no longer denied",
        };
        let place =
            if self.resources.is_empty() { String::new() } else { format!(" on {}", list(&self.resources)) };
        let whom =
            if self.principals.is_empty() { format!("`{}`", self.subject) } else { list(&self.principals) };
        let when = if self.condition.is_some() { " under a condition" } else { "" };
        format!("{} {what}{place} to {whom}{when}", list(&self.actions))
    }
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "calls read better")]
mod tests {
    use serde_json::{Value, json};

    use crate::diff::{Diff, FlagKind, documents};

    fn template(role: Value, other: Value) -> Value {
        json!({ "Resources": {
            "Role": { "Type": "AWS::IAM::Role", "Properties": role },
            "Policy": { "Type": "AWS::IAM::Policy", "Properties": {
                "Roles": [{ "Ref": "Role" }],
                "PolicyDocument": { "Statement": other },
            } },
        } })
    }

    fn shown(diff: &Diff) -> Vec<String> {
        let one = |it: &crate::diff::PermissionDiff| {
            format!(
                "{:?} {} {}: {} {} {}",
                it.change,
                it.subject,
                it.principals.join(", "),
                it.actions.join(", "),
                it.resources.join(", "),
                it.condition.as_deref().unwrap_or_default()
            )
            .trim_end()
            .to_owned()
        };
        diff.permissions.iter().map(one).collect()
    }

    /// Holds what an attached policy's statements bring, and that the way back takes it.
    fn check(old: Value, new: Value, expected: &[&str]) {
        let (before, after) = (template(json!({}), old.clone()), template(json!({}), new.clone()));
        let diff = documents(Some(before.clone()), Some(after.clone()));
        assert_eq!(shown(&diff), expected, "{old} → {new}");
        let flagged = diff.resources.iter().any(|it| it.flag(FlagKind::PermissionBroadened).is_some());
        assert_eq!(flagged, diff.permissions.iter().any(|it| it.change.broadens()), "{old} → {new}");
        let back = documents(Some(after), Some(before));
        assert_eq!(back.permissions.len(), expected.len(), "{new} → {old}");
        for (there, back) in diff
            .permissions
            .iter()
            .map(|it| it.change.broadens())
            .zip(back.permissions.iter().rev().map(|it| it.change.broadens()))
        {
            assert_ne!(there, back, "{old} ↔ {new}");
        }
    }

    fn allow(actions: Value, resources: Value) -> Value {
        json!({ "Effect": "Allow", "Action": actions, "Resource": resources })
    }

    fn deny(actions: Value, resources: Value) -> Value {
        json!({ "Effect": "Deny", "Action": actions, "Resource": resources })
    }

    #[test]
    fn only_what_a_statement_adds_is_new() {
        let read = || allow(json!(["s3:GetObject", "s3:ListBucket"]), json!("b/*"));
        check(json!([read()]), json!([allow(json!(["s3:ListBucket", "s3:GetObject"]), json!(["b/*"]))]), &[]);
        check(
            json!([read()]),
            json!([allow(json!("s3:GetObject"), json!("b/*")), allow(json!("S3:listbucket"), json!("b/*"))]),
            &[],
        );
        check(
            json!([read()]),
            json!([read(), allow(json!(["s3:GetObject", "s3:PutObject"]), json!("b/*"))]),
            &["Allowed Role : s3:PutObject b/*"],
        );
        check(
            json!([allow(json!("s3:Get*"), json!("*"))]),
            json!([allow(json!("s3:Get*"), json!("*")), read()]),
            &["Allowed Role : s3:ListBucket b/*"],
        );
        check(
            json!([read()]),
            json!([allow(json!(["s3:GetObject", "s3:ListBucket", "s3:*"]), json!("b/*"))]),
            &["Allowed Role : s3:* b/*"],
        );
    }

    #[test]
    fn a_denial_counts_the_other_way_round() {
        let all = || allow(json!("s3:*"), json!("*"));
        check(
            json!([all()]),
            json!([all(), deny(json!("s3:DeleteObject"), json!("*"))]),
            &["Denied Role : s3:DeleteObject *"],
        );
        check(
            json!([all(), deny(json!("s3:*"), json!("*"))]),
            json!([all(), deny(json!("s3:Put*"), json!("*"))]),
            &["NoLongerDenied Role : s3:* *"],
        );
        // What is allowed and denied at once is not allowed.
        let never = || deny(json!("iam:*"), json!("*"));
        check(json!([never()]), json!([never(), allow(json!("iam:PassRole"), json!("r"))]), &[]);
    }

    #[test]
    fn a_condition_that_goes_broadens() {
        let when = |values: Value| {
            let mut statement = allow(json!("s3:GetObject"), json!("*"));
            statement["Condition"] = json!({ "StringEquals": { "aws:SourceAccount": values } });
            statement
        };
        check(
            json!([when(json!("1"))]),
            json!([allow(json!("s3:GetObject"), json!("*"))]),
            &["Allowed Role : s3:GetObject *"],
        );
        check(
            json!([when(json!("1"))]),
            json!([when(json!(["1", "2"]))]),
            &[r#"Allowed Role : s3:GetObject * {"StringEquals":{"aws:SourceAccount":["1","2"]}}"#],
        );
    }

    #[test]
    fn a_statement_may_stand_elsewhere() {
        let get = allow(json!("s3:GetObject"), json!("*"));
        let inline = json!({ "Policies": [{ "PolicyName": "p", "PolicyDocument": { "Statement": get } }] });
        let diff = documents(Some(template(inline, json!([]))), Some(template(json!({}), json!([get]))));
        assert_eq!(shown(&diff), [""; 0]);
    }

    #[test]
    fn whoever_may_assume_a_role_is_a_permission() {
        let trust = |principal: Value| {
            let statement = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal });
            template(json!({ "AssumeRolePolicyDocument": { "Statement": [statement] } }), json!([]))
        };
        let service = json!({ "Service": "sagemaker.amazonaws.com" });
        let diff = documents(Some(trust(service)), Some(trust(json!({ "AWS": "*" }))));
        assert_eq!(shown(&diff), ["Allowed Role *: sts:AssumeRole"], "the service is one of all");
        let service = |name: &str| trust(json!({ "Service": name }));
        let diff = documents(Some(service("a.amazonaws.com")), Some(service("b.amazonaws.com")));
        assert_eq!(
            shown(&diff),
            [
                "Allowed Role Service: b.amazonaws.com: sts:AssumeRole",
                "NoLongerAllowed Role Service: a.amazonaws.com: sts:AssumeRole",
            ]
        );
    }

    #[test]
    fn policies_that_stand_elsewhere_and_boundaries_count() {
        let managed = |arns: Value| template(json!({ "ManagedPolicyArns": arns }), json!([]));
        let diff = documents(Some(managed(json!(["a"]))), Some(managed(json!(["a", "b"]))));
        assert_eq!(shown(&diff), ["Allowed Role : policy b"]);
        let boundary = template(json!({ "PermissionsBoundary": "b" }), json!([]));
        let diff = documents(Some(boundary), Some(template(json!({}), json!([]))));
        assert_eq!(shown(&diff), ["NoLongerDenied Role : not policy b"]);
    }
}
