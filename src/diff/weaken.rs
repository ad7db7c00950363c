//! What protects or notices less than before: encryption, network isolation, alarms, monitors, data capture.

use serde_json::Value;

use super::flags::{Found, Leaf, number, truth};
use super::template::Item;
use super::{Action, FlagKind, cost};

/// What changes in a resource or in a step; `body` is the resource after.
pub(super) fn flags(kind: &str, leaves: &[Leaf], body: Option<&Value>, found: &mut Found) {
    for leaf in leaves {
        if let Some(why) = encryption(leaf) {
            found.add(FlagKind::EncryptionWeakened, why);
        }
        if let Some(why) = isolation(leaf) {
            found.add(FlagKind::IsolationWeakened, why);
        }
        if let Some(why) = retention(leaf) {
            found.add(FlagKind::RetentionWeakened, why);
        }
        let watches = match kind {
            "AWS::CloudWatch::Alarm" | "AWS::CloudWatch::CompositeAlarm" => alarm(leaf, body),
            "AWS::SageMaker::MonitoringSchedule" => schedule(leaf),
            _ => capture(leaf),
        };
        if let Some(why) = watches {
            found.add(FlagKind::MonitoringWeakened, why);
        }
    }
    fewer(leaves, found);
}

/// A whole resource that goes.
pub(super) fn gone(item: &Item, found: &mut Found) {
    let why = match item.kind {
        _ if item.action != Action::Removed => return,
        "AWS::CloudWatch::Alarm" | "AWS::CloudWatch::CompositeAlarm" => "the alarm is gone",
        "AWS::SageMaker::MonitoringSchedule" => "the monitor is gone",
        "AWS::SNS::Subscription" => "somebody is no longer notified",
        _ => return,
    };
    found.add(FlagKind::MonitoringWeakened, why);
}

fn was_true(leaf: &Leaf) -> bool {
    truth(leaf.before) == Some(true) && truth(leaf.after) != Some(true)
}

fn encryption(leaf: &Leaf) -> Option<String> {
    const SWITCHES: [&str; 6] = [
        "EnableInterContainerTrafficEncryption",
        "EnableKeyRotation",
        "Encrypted",
        "SqsManagedSseEnabled",
        "StorageEncrypted",
        "TransitEncryptionEnabled",
    ];
    const KEYS: [&str; 5] = ["kmskeyid", "kmskeyarn", "kmskey", "kmsmasterkeyid", "kmskeyalias"];
    let name = leaf.name();
    let lower = name.to_ascii_lowercase();
    let is_key = KEYS.iter().any(|key| lower.ends_with(key));
    let by_kms =
        |value: Option<&Value>| value.and_then(Value::as_str).is_some_and(|it| it.starts_with("aws:kms"));
    if is_key && leaf.before.is_some_and(|key| !is_nothing(key)) && leaf.after.is_none_or(is_nothing) {
        Some(format!("`{}` is gone: no key of one's own encrypts it", leaf.path))
    } else {
        let weaker = (SWITCHES.contains(&name) && was_true(leaf))
            || (name == "SSEAlgorithm" && by_kms(leaf.before) && !by_kms(leaf.after));
        weaker.then(|| leaf.shown())
    }
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value == "" || value["Ref"] == "AWS::NoValue"
}

fn isolation(leaf: &Leaf) -> Option<String> {
    const BLOCKS: [&str; 4] =
        ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"];
    let name = leaf.name();
    let before = leaf.before.and_then(Value::as_str);
    let after = leaf.after.and_then(Value::as_str);
    let weaker = match name {
        "EnableNetworkIsolation" => was_true(leaf),
        name if BLOCKS.contains(&name) => was_true(leaf),
        "DirectInternetAccess" | "RootAccess" => before == Some("Disabled") && after != before,
        "AppNetworkAccessType" => before == Some("VpcOnly") && after != before,
        "PubliclyAccessible" => truth(leaf.before) != Some(true) && truth(leaf.after) == Some(true),
        _ => false,
    };
    if weaker {
        Some(leaf.shown())
    } else if leaf.loses("VpcConfig") {
        let path = leaf.path.split_once("VpcConfig").map_or("", |(before, _)| before);
        Some(format!("`{path}VpcConfig` is gone: it no longer runs in the VPC"))
    } else {
        None
    }
}

fn retention(leaf: &Leaf) -> Option<String> {
    let weaker = match leaf.name() {
        "RetentionInDays" => match (number(leaf.before), number(leaf.after)) {
            (Some(before), Some(after)) => after < before,
            // Without it, logs never expire.
            (None, Some(_)) => leaf.before.is_none(),
            _ => false,
        },
        "Status" => {
            let enabled = leaf.before.and_then(Value::as_str) == Some("Enabled");
            leaf.is_within("VersioningConfiguration") && enabled && leaf.after != leaf.before
        }
        "DeletionProtection" | "DeletionProtectionEnabled" => was_true(leaf),
        "NoncurrentDays" | "NoncurrentVersionExpirationInDays" | "ExpirationInDays" => {
            match (number(leaf.before), number(leaf.after)) {
                (Some(before), Some(after)) => after < before,
                (None, Some(_)) => leaf.before.is_none(),
                _ => false,
            }
        }
        _ => false,
    };
    weaker.then(|| leaf.shown())
}

fn alarm(leaf: &Leaf, body: Option<&Value>) -> Option<String> {
    let rises = || match (number(leaf.before), number(leaf.after)) {
        (Some(before), Some(after)) => after.partial_cmp(&before),
        _ => None,
    };
    let operator = || body?.get("Properties")?.get("ComparisonOperator")?.as_str();
    let weaker = match leaf.name() {
        "Threshold" => match operator() {
            Some("GreaterThanThreshold" | "GreaterThanOrEqualToThreshold") => {
                rises().is_some_and(std::cmp::Ordering::is_gt)
            }
            Some("LessThanThreshold" | "LessThanOrEqualToThreshold") => {
                rises().is_some_and(std::cmp::Ordering::is_lt)
            }
            _ => leaf.before.is_some() && leaf.after.is_some(),
        },
        "EvaluationPeriods" | "DatapointsToAlarm" | "Period" => {
            rises().is_some_and(std::cmp::Ordering::is_gt)
        }
        "ComparisonOperator" => {
            let side = |value: Option<&Value>| {
                value.and_then(Value::as_str).unwrap_or_default().replace("OrEqualTo", "")
            };
            let stricter =
                leaf.after.and_then(Value::as_str).is_some_and(|after| after.contains("OrEqualTo"));
            !(stricter && side(leaf.before) == side(leaf.after))
        }
        "TreatMissingData" => leaf.before.and_then(Value::as_str) == Some("breaching"),
        "ActionsEnabled" => truth(leaf.before) != Some(false) && truth(leaf.after) == Some(false),
        "AlarmRule" => true,
        _ => false,
    };
    weaker.then(|| leaf.shown())
}

fn schedule(leaf: &Leaf) -> Option<String> {
    let often = |value: Option<&Value>| value.and_then(Value::as_str).and_then(cost::runs_per_year);
    let rarer = match (often(leaf.before), often(leaf.after)) {
        (Some(before), Some(after)) => after < before,
        _ => false,
    };
    (leaf.name() == "ScheduleExpression" && rarer).then(|| leaf.shown())
}

/// Data capture of an endpoint, and the checks of a pipeline.
fn capture(leaf: &Leaf) -> Option<String> {
    let weaker = match leaf.name() {
        "InitialSamplingPercentage" => match (number(leaf.before), number(leaf.after)) {
            (Some(before), Some(after)) => after < before,
            _ => false,
        },
        "EnableCapture" | "FailOnViolation" => was_true(leaf),
        "SkipCheck" => truth(leaf.before) != Some(true) && truth(leaf.after) == Some(true),
        _ => false,
    };
    if weaker {
        Some(leaf.shown())
    } else if leaf.loses("DataCaptureConfig") {
        Some("`DataCaptureConfig` is gone: no request is captured".to_owned())
    } else if leaf.loses("AutoRollbackConfiguration") {
        Some("`AutoRollbackConfiguration` is gone: no alarm stops a rollout".to_owned())
    } else {
        None
    }
}

/// Lists of what is told or watched that got shorter.
fn fewer(leaves: &[Leaf], found: &mut Found) {
    for (list, what) in [
        ("AlarmActions", "fewer are told of an alarm"),
        ("CaptureOptions", "less of a request is captured"),
        ("Alarms", "fewer alarms stop a rollout"),
    ] {
        let count =
            |side: fn(&Leaf) -> bool| leaves.iter().filter(|leaf| leaf.is_within(list) && side(leaf)).count();
        let (gone, come) = (
            count(|leaf| leaf.before.is_some() && leaf.after.is_none()),
            count(|leaf| leaf.before.is_none() && leaf.after.is_some()),
        );
        let whole = leaves
            .iter()
            .any(|leaf| leaf.loses("DataCaptureConfig") || leaf.loses("AutoRollbackConfiguration"));
        if gone > come && !whole {
            found.add(FlagKind::MonitoringWeakened, format!("`{list}` got shorter: {what}"));
        }
    }
}
