//! Batch transforms: how objects become requests, what of the records is used, and caching that their model defeats.

use serde_json::Value;

use super::expression::{text, whole};
use super::forms::within;
use super::{Definition, Step};
use crate::diag::{Code, Issue};
use crate::rules::caching;
use crate::rules::transform::{
    MOST_INSTANCES, MOST_MEGABYTES, is_filter, is_filtered, tells_records_apart, too_much,
};

/// Says what is wrong with a transform step.
pub(super) fn check(step: &Step<'_>, definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    if !step.is("Transform") {
        return;
    }
    check_requests(step, issues);
    check_filters(step, issues);
    check_cache(step, definition, issues);
}

fn check_requests(step: &Step<'_>, issues: &mut Vec<Issue>) {
    let (arguments, at) = (step.arguments(), step.arguments_at());
    let split = &arguments["TransformInput"]["SplitType"];
    let known = split.is_null() || text(split).is_some();
    if known && text(&arguments["BatchStrategy"]).is_some() && !tells_records_apart(text(split)) {
        issues.push(
            Issue::new(Code::TransformSplit, at.key("BatchStrategy"), "there are no records to count")
                .on_key()
                .label("has no effect")
                .note("without `SplitType`, each object is one request")
                .help("set `SplitType` of `TransformInput` to `Line`, or remove `BatchStrategy`"),
        );
    }
    let number = |key: &str| whole(&arguments[key]).and_then(|number| u64::try_from(number).ok());
    // Of a payload that is not known, nothing is said.
    let payload = (!arguments["MaxPayloadInMB"].is_null()).then(|| number("MaxPayloadInMB").unwrap_or(0));
    if let Some(all) = too_much(number("MaxConcurrentTransforms"), payload) {
        let key = if payload.is_some() { "MaxPayloadInMB" } else { "MaxConcurrentTransforms" };
        let message =
            format!("{all}MB are sent to an instance at the same time; {MOST_MEGABYTES}MB are possible");
        issues.push(
            Issue::new(Code::TransformPayload, at.key(key), message)
                .label("too much at once")
                .help("lower `MaxPayloadInMB` or `MaxConcurrentTransforms`"),
        );
    }
    if let Some(count) = whole(&arguments["TransformResources"]["InstanceCount"]) {
        let at = at.key("TransformResources").key("InstanceCount");
        within("`InstanceCount`", count, None, i64::try_from(MOST_INSTANCES).ok(), &at, issues);
    }
}

fn check_filters(step: &Step<'_>, issues: &mut Vec<Issue>) {
    let processing = &step.arguments()["DataProcessing"];
    let at = step.arguments_at().key("DataProcessing");
    let mut used = text(&processing["JoinSource"]) == Some("Input");
    for key in ["InputFilter", "OutputFilter"] {
        let Some(filter) = text(&processing[key]) else { continue };
        used |= filter != "$";
        // An empty filter is as good as none.
        if !filter.is_empty() && !is_filter(filter) {
            issues.push(
                Issue::new(Code::WrongForm, at.key(key), format!("`{filter}` is no path into a record"))
                    .label("cannot be read")
                    .help(
                        "write columns of CSV as `$[1:]` or `$[0,-1]`, and members of JSON as `$.features`",
                    ),
            );
        }
    }
    let media = text(&step.arguments()["TransformInput"]["ContentType"]);
    if let Some(media) = media.filter(|media| used && !is_filtered(media)) {
        issues.push(
            Issue::new(Code::TransformFormat, at, format!("records of `{media}` are not filtered or joined"))
                .on_key()
                .label("for CSV and JSON only")
                .help("take `DataProcessing` away, or prepare the data as CSV or JSON"),
        );
    }
}

/// Caching of a transform whose model a step makes anew.
fn check_cache(step: &Step<'_>, definition: &Definition<'_>, issues: &mut Vec<Issue>) {
    let model = caching::model_of(step.type_name, step.arguments()).and_then(|name| definition.step(name));
    let cached = step.value["CacheConfig"]["Enabled"] == Value::Bool(true);
    if let Some(model) = model.filter(|model| cached && model.is("Model")) {
        let message = format!(
            "{} is never taken from the cache: its model is made anew by each execution",
            step.called()
        );
        issues.push(
            Issue::new(Code::CacheDefeated, step.pointer.key("CacheConfig"), message)
                .on_key()
                .label("has no effect")
                .also(model.pointer.clone(), "a model with a name of its own")
                .note("a step that makes a model has no cache, and AWS compares the model's name")
                .help("take `CacheConfig` away"),
        );
    }
}
