//! Feature groups: what identifies a record, and when it was so, are features of it.

use super::serving::beneath;
use crate::diag::{Code, Issue, nearest, or_list};
use crate::lint::{Resource, Template, Thing};

/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateFeatureGroup.html>
pub(super) fn features(template: &Template<'_>, found: &mut Vec<Issue>) {
    for group in template.of_type("AWS::SageMaker::FeatureGroup") {
        let Some(known) = names(template, group) else { continue };
        for key in ["EventTimeFeatureName", "RecordIdentifierFeatureName"] {
            for case in template.values(group, key) {
                let Some(name) = case.known().filter(|name| !known.contains(name)) else { continue };
                let all = known.iter().map(String::as_str);
                let issue = Issue::new(
                    Code::UnknownReference,
                    case.at.clone(),
                    format!("`{}` has no feature `{name}`", group.id),
                )
                .label("not among its features");
                found.push(match nearest(&name, all.clone()) {
                    Some(near) => issue.help(format!("did you mean `{near}`?")),
                    None => issue.help(format!("it has {}", or_list(all.take(20)))),
                });
            }
        }
    }
}

/// The names of all features; none where one of them cannot be seen.
fn names(template: &Template<'_>, group: &Resource<'_>) -> Option<Vec<String>> {
    let lists = template.values(group, "FeatureDefinitions");
    if lists.is_empty() || !lists.iter().all(|list| matches!(list.thing, Thing::List(_))) {
        return None;
    }
    let items = lists.iter().flat_map(|list| template.beneath(list, "*"));
    items.flat_map(|item| beneath(template, &item, "FeatureName")).map(|name| name.known()).collect()
}
