//! What an account lacks, for people and for programs: `schemas/preflight.schema.json` describes what those get.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::deploy::{Answer, Looked};
use crate::plan::Need;

/// Changes when a reader of the old form could not read the new one.
const VERSION: u32 = 1;

/// What is missing first, then what could not be asked, then how much is there.
pub fn text(looked: &[Looked], origins: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for one in looked.iter().filter(|it| it.is_missing()) {
        let _ = match &one.found {
            Answer::Less(quota) => writeln!(text, "! {}: the quota is {quota}", shown(&one.need)),
            _ => writeln!(text, "! {}: not there", shown(&one.need)),
        };
        for origin in places(one, origins) {
            let _ = writeln!(text, "  --> {origin}");
        }
        let _ = writeln!(text, "  = help: {}", help(&one.need));
    }
    // One reason for many is said once.
    let mut unasked: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for one in looked {
        if let Answer::Unasked(why) = &one.found {
            unasked.entry(why).or_default().push(shown(&one.need));
        }
    }
    for (why, needs) in unasked {
        let more = if needs.len() > 3 { format!(" and {} more", needs.len() - 3) } else { String::new() };
        let _ = writeln!(text, "? {}{more}: {why}", needs[..needs.len().min(3)].join(", "));
    }
    let there = looked.iter().filter(|it| it.found == Answer::There).count();
    let missing = looked.iter().filter(|it| it.is_missing()).count();
    let unknown = looked.len() - there - missing;
    let _ = writeln!(text, "{there} there, {missing} missing, {unknown} could not be asked");
    text
}

fn places<'o>(one: &Looked, origins: &'o BTreeMap<String, String>) -> Vec<&'o str> {
    let mut places: Vec<&str> = one.by.iter().filter_map(|id| origins.get(id)).map(String::as_str).collect();
    places.dedup();
    places
}

fn shown(need: &Need) -> String {
    match need {
        Need::Resource { kind, identifier } => format!("{} `{identifier}`", super::deploy::short(kind)),
        Need::Image { registry, repository, version } => {
            format!("image `{repository}:{version}` of {registry}")
        }
        Need::Type(name) => format!("type `{name}`"),
        Need::Quota { name, instances } => format!("{instances} × `{name}`"),
        Need::ModelMonitor => "Model Monitor".to_owned(),
    }
}

fn help(need: &Need) -> &'static str {
    match need {
        Need::Resource { .. } => "make it, or name one that this account and region have",
        Need::Image { .. } => "push it, or name an image that is there",
        Need::Type(_) => "deploy to a region that has it, or leave it away",
        Need::Quota { .. } => {
            "ask for more under Service Quotas, or take another instance type or fewer instances"
        }
        Need::ModelMonitor => "write `backend: pipeline`",
    }
}

/// The same for programs.
pub fn json(looked: &[Looked], origins: &BTreeMap<String, String>) -> Value {
    let one = |it: &Looked| {
        let (found, quota, why) = match &it.found {
            Answer::There => ("there", None, None),
            Answer::Missing => ("missing", None, None),
            Answer::Less(quota) => ("less", Some(*quota), None),
            Answer::Unasked(why) => ("unasked", None, Some(why)),
        };
        json!({
            "need": shown(&it.need),
            "found": found,
            "quota": quota,
            "why": why,
            "resources": it.by,
            "origins": places(it, origins),
        })
    };
    json!({ "version": VERSION, "looked": looked.iter().map(one).collect::<Vec<_>>() })
}
