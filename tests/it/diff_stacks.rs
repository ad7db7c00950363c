//! Changes of stack files, one upon the other: what must hold of any two states, and that adding a change never makes
//! what happens look gentler.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex};

use proptest::prelude::*;
use proptest::test_runner::Config;
use smstack::diff::{self, Diff, Document, Impact, Side};

use crate::project::{self, replaced};

/// Changes of the reference workload, none of which touches what another does.
const EDITS: [(&str, &str); 12] = [
    ("max_parallel: 5", "max_parallel: 4"),
    ("expire_noncurrent: 90d", "expire_noncurrent: 30d"),
    ("data_capture: { sampling: 100%", "data_capture: { sampling: 50%"),
    ("above: 500ms", "above: 750ms"),
    ("min: 2\n", "min: 1\n"),
    ("invocations_per_instance: 70", "invocations_per_instance: 90"),
    ("count: 2, weight: 1", "count: 3, weight: 1"),
    ("schedule: hourly", "schedule: daily"),
    ("description: Approved classifiers", "description: Classifiers"),
    ("epochs: 100", "epochs: 50"),
    ("encryption: kms", "encryption: s3"),
    ("tags: { team: ml-platform }", "tags: { team: vision }"),
];

/// The reference workload with some of the edits, rendered once.
fn side(mask: u32) -> Arc<Side> {
    static MADE: LazyLock<Mutex<BTreeMap<u32, Arc<Side>>>> = LazyLock::new(Mutex::default);
    if let Some(side) = MADE.lock().unwrap().get(&mask) {
        return Arc::clone(side);
    }
    let mut text = project::reference();
    for (index, (from, to)) in EDITS.iter().enumerate() {
        if mask & (1 << index) != 0 {
            text = replaced(&text, from, to);
        }
    }
    let at = tempfile::tempdir().unwrap();
    project::write(at.path(), &text);
    let assembly = project::synth(at.path(), "dev");
    let read = |file: &str| {
        let bytes = std::fs::read(assembly.join(file)).unwrap();
        (file.split('.').next().unwrap().to_owned(), serde_json::from_slice(&bytes).unwrap())
    };
    let files = ["platform.template.json", "serving.template.json", "pipeline.json"];
    let documents = files.map(|file| {
        let (name, value) = read(file);
        (name, Document { value, ..Document::default() })
    });
    let side = Arc::new(Side { documents: documents.into() });
    MADE.lock().unwrap().insert(mask, Arc::clone(&side));
    side
}

/// What happens to each resource; to one that is renamed or moved, by where it was.
fn impacts(diff: &Diff) -> BTreeMap<(String, String), Impact> {
    let one = |it: &diff::ResourceDiff| match &it.was {
        Some(was) => ((was.document.clone(), was.logical_id.clone()), it.impact),
        None => ((it.document.clone(), it.logical_id.clone()), it.impact),
    };
    diff.resources.iter().map(one).collect()
}

/// Which resources differ, and how many places in each, whichever way one looks.
fn touched(diff: &Diff) -> BTreeSet<(String, usize)> {
    diff.resources.iter().map(|it| (it.logical_id.clone(), it.changes.len())).collect()
}

proptest! {
    #![proptest_config(Config { cases: 24, ..Config::default() })]

    #[test]
    fn any_two_states_of_a_stack_file(a in 0_u32..1 << EDITS.len(), b in 0_u32..1 << EDITS.len()) {
        let (old, new) = (side(a), side(b));
        prop_assert!(diff::diff(&old, &old).is_empty());
        let there = diff::diff(&old, &new);
        prop_assert_eq!(there.is_empty(), a == b);
        let made = diff::apply(&there, &old).unwrap();
        let expected: BTreeMap<_, _> =
            new.documents.iter().map(|(name, it)| (name.clone(), it.value.clone())).collect();
        prop_assert_eq!(made, expected);
        prop_assert_eq!(touched(&there), touched(&diff::diff(&new, &old)));
    }

    #[test]
    fn an_added_change_makes_nothing_gentler(mask in 0_u32..1 << EDITS.len(), added in 0..EDITS.len()) {
        let (old, less, more) = (side(0), side(mask & !(1 << added)), side(mask | 1 << added));
        let (less, more) = (diff::diff(&old, &less), diff::diff(&old, &more));
        prop_assert!(less.worst() <= more.worst());
        let more = impacts(&more);
        for (resource, impact) in impacts(&less) {
            prop_assert!(more.get(&resource).is_some_and(|more| *more >= impact), "{resource:?}: {:?}", EDITS[added]);
        }
    }
}
