//! CloudFormation's own word, from a change set, beside the estimate from the templates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, Diff, Impact, Reason, ResourceDiff, Voice, template};

/// What a change set does to one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predicted {
    /// The logical id.
    pub logical_id: String,
    /// The type.
    pub resource_type: String,
    /// What happens to it.
    pub impact: Impact,
    /// The properties that it names as causes.
    pub properties: Vec<String>,
}

/// What a change set says of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// What CloudFormation would do; none when the change set does not list the resource.
    pub impact: Impact,
    /// What the templates alone let expect.
    pub estimate: Impact,
    /// Whether the two are not the same thing.
    pub differs: bool,
}

impl Diff {
    /// Adds what the change set of one document's stack says. What it does not list keeps its estimate: change sets leave
    /// out what changes within JSON in text. Where the estimate could not be sure and the change set is, the change
    /// set's word counts; else the worse of the two, except that it says `may replace` of whatever refers to something
    /// that changes.
    pub fn hear(&mut self, document: &str, predicted: &[Predicted]) {
        let find = |id: &str| predicted.iter().find(|it| it.logical_id == id);
        for resource in self.resources.iter_mut().filter(|it| it.document == document) {
            let now = find(&resource.logical_id);
            let was = resource.was.as_ref().filter(|was| was.document == document);
            let said = match (now, was.and_then(|was| find(&was.logical_id))) {
                // A new logical id: one is made, the other goes.
                (Some(_), Some(_)) => Impact::Replace,
                (now, _) => now.map_or(Impact::None, |it| it.impact),
            };
            resource.verdict(said, now.map_or(&[], |it| it.properties.as_slice()));
        }
        for it in predicted {
            let known = self.resources.iter().any(|known| {
                let was = known
                    .was
                    .as_ref()
                    .is_some_and(|was| was.document == document && was.logical_id == it.logical_id);
                was || known.document == document && known.logical_id == it.logical_id
            });
            if !known {
                let mut resource = ResourceDiff {
                    document: document.to_owned(),
                    logical_id: it.logical_id.clone(),
                    resource_type: it.resource_type.clone(),
                    action: match it.impact {
                        Impact::Create => Action::Added,
                        Impact::Delete => Action::Removed,
                        _ => Action::Reached,
                    },
                    was: None,
                    impact: Impact::None,
                    reasons: Vec::new(),
                    flags: Vec::new(),
                    changes: Vec::new(),
                    verdict: None,
                };
                resource.verdict(it.impact, &it.properties);
                resource.impact = it.impact;
                self.resources.push(resource);
            }
        }
        template::arrange(&mut self.resources);
    }
}

impl ResourceDiff {
    fn verdict(&mut self, said: Impact, properties: &[String]) {
        let estimate = self.impact;
        self.impact = merged(estimate, said);
        // That an endpoint rolls is the service's matter: to CloudFormation it is an update.
        let like = |impact| if impact == Impact::Rolls { Impact::Update } else { impact };
        let differs = like(estimate) != like(said);
        self.verdict = Some(Verdict { impact: said, estimate, differs });
        let causes =
            if properties.is_empty() { String::new() } else { format!(" ({})", properties.join(", ")) };
        let fact = match (said, differs) {
            (Impact::None, _) => "the change set does not list it".to_owned(),
            (_, false) => format!("the change set says the same: {}{causes}", said.words()),
            (_, true) => format!("the change set says: {}{causes}", said.words()),
        };
        let certain = said != Impact::MayReplace;
        let reason = Reason {
            impact: said,
            property: String::new(),
            fact,
            chain: Vec::new(),
            certain,
            by: Voice::ChangeSet,
        };
        self.reasons.push(reason);
        self.reasons.sort_by_key(|reason| std::cmp::Reverse(reason.impact));
    }
}

/// Which of the two counts.
fn merged(estimate: Impact, said: Impact) -> Impact {
    match (estimate, said) {
        (Impact::MayReplace, Impact::Update | Impact::Replace) => said,
        (_, Impact::MayReplace) => estimate,
        _ => estimate.max(said),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::diff::{Side, diff};

    /// The estimate, the change set's word, what counts, and whether the two differ.
    #[test]
    fn both_voices_are_heard() {
        use Impact::{Create, Delete, MayReplace, None, Replace, Rolls, Update};
        let side = |name: &str, unknown: &str| {
            Side::one(
                "t",
                json!({ "Resources": {
                "Topic": { "Type": "AWS::SNS::Topic", "Properties": { "DisplayName": name } },
                "Fixed": { "Type": "AWS::SNS::Topic", "Properties": { "TopicName": name } },
                "Open": { "Type": "AWS::Unheard::Of", "Properties": { "A": unknown } },
            } }),
            )
        };
        let check = |id: &str, said: Impact, estimate: Impact, counts: Impact, differs: bool| {
            let mut diff = diff(&side("a", "b"), &side("b", "c"));
            let properties = vec!["P".to_owned()];
            let (logical_id, resource_type) = (id.to_owned(), "T".to_owned());
            diff.hear("t", &[Predicted { logical_id, resource_type, impact: said, properties }]);
            let found = diff.resources.iter().find(|it| it.logical_id == id).unwrap();
            let verdict = found.verdict.clone().unwrap();
            assert_eq!(
                (verdict.estimate, found.impact, verdict.differs),
                (estimate, counts, differs),
                "{id} {said:?}"
            );
            assert!(found.reasons.iter().any(|it| it.by == Voice::ChangeSet), "{id}");
            assert!(diff.resources.is_sorted_by_key(|it| std::cmp::Reverse(it.impact)));
            // Of whom it says nothing, the estimate stands, and that it says nothing is told.
            for other in diff.resources.iter().filter(|it| it.logical_id != id) {
                let verdict = other.verdict.as_ref().unwrap();
                assert_eq!((verdict.impact, verdict.estimate), (None, other.impact));
            }
        };
        check("Topic", Update, Update, Update, false);
        check("Topic", MayReplace, Update, Update, true);
        check("Topic", Replace, Update, Replace, true);
        check("Fixed", Replace, Replace, Replace, false);
        check("Fixed", Update, Replace, Replace, true);
        check("Open", Update, MayReplace, Update, true);
        check("Open", Replace, MayReplace, Replace, true);
        check("Open", MayReplace, MayReplace, MayReplace, false);
        check("Elsewhere", Update, None, Update, true);
        check("Elsewhere", Delete, None, Delete, true);
        check("Elsewhere", Create, None, Create, true);
        assert!(merged(Rolls, Update) == Rolls);
    }
}
