//! Endpoints whose variants Application Auto Scaling has registered: what a change does to them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::flags::{Found, truth};
use super::template::Item;
use super::{Action, FlagKind, Impact, Reason, text};

pub(super) const ENDPOINT: &str = "AWS::SageMaker::Endpoint";
const ENDPOINT_CONFIG: &str = "AWS::SageMaker::EndpointConfig";
pub(super) const TARGET: &str = "AWS::ApplicationAutoScaling::ScalableTarget";

/// What scales, and the configurations before and after.
pub(super) struct Scaled<'a> {
    /// Of each scalable target before: its document, the endpoint as it is written, and the variant.
    targets: Vec<(&'a str, String, String)>,
    /// Of each scalable target after.
    stays: Vec<(&'a str, String, String)>,
    /// Bodies of endpoint configurations before, by document and logical id.
    before: BTreeMap<(&'a str, &'a str), &'a Value>,
    /// The same, after.
    after: BTreeMap<(&'a str, &'a str), &'a Value>,
}

impl<'a> Scaled<'a> {
    pub(super) fn new(items: &'a [Item<'a>]) -> Self {
        let mut scaled = Scaled {
            targets: Vec::new(),
            stays: Vec::new(),
            before: BTreeMap::new(),
            after: BTreeMap::new(),
        };
        for item in items {
            for (side, is_old) in [(item.pair.old, true), (item.pair.new, false)] {
                let Some((address, body)) = side else { continue };
                match item.kind {
                    TARGET => {
                        if let Some((endpoint, variant)) = variant_of(body) {
                            let targets = if is_old { &mut scaled.targets } else { &mut scaled.stays };
                            targets.push((&address.document, endpoint, variant));
                        }
                    }
                    ENDPOINT_CONFIG => {
                        let configs = if is_old { &mut scaled.before } else { &mut scaled.after };
                        configs.insert((&address.document, &address.logical_id), body);
                    }
                    _ => {}
                }
            }
        }
        scaled
    }

    /// What a change of an endpoint does to variants that scale.
    pub(super) fn flags(&self, item: &Item, reasons: &[Reason], found: &mut Found) {
        let (Some((from, old)), Some((to, new))) = (item.pair.old, item.pair.new) else { return };
        if item.kind != ENDPOINT || item.action == Action::Moved {
            return;
        }
        let rolls = reasons.iter().any(|reason| reason.impact == Impact::Rolls);
        let replaced = reasons.iter().any(|reason| reason.impact >= Impact::MayReplace);
        if !rolls && !replaced {
            return;
        }
        let registered = |targets: &[(&str, String, String)], document: &str, id: &str, body: &Value| {
            let variants =
                targets.iter().filter(|(of, endpoint, _)| *of == document && is_endpoint(endpoint, id, body));
            variants.map(|(.., variant)| variant.clone()).collect::<Vec<_>>()
        };
        let variants = registered(&self.targets, &from.document, &from.logical_id, old);
        let config = |configs: &BTreeMap<_, &'a Value>, document, body: &Value| {
            configs.get(&(document, config_of(body)?.as_str())).copied()
        };
        let before = config(&self.before, from.document.as_str(), old);
        let after = config(&self.after, to.document.as_str(), new);
        for variant in &variants {
            if replaced {
                let why = format!(
                    "variant `{variant}` is registered as a scalable target while its endpoint is replaced"
                );
                found.add(FlagKind::ScalableTarget, why);
                continue;
            }
            let instance =
                |config: Option<&Value>| Some(member(config?, variant)?.get("InstanceType").cloned());
            match (instance(before), instance(after)) {
                (Some(_), None) if after.is_some() => {
                    let why = format!("variant `{variant}` goes while it is registered as a scalable target");
                    found.add(FlagKind::ScalableTarget, why);
                }
                (Some(a), Some(b)) if a != b => {
                    let side = |value: &Option<Value>| {
                        value.as_ref().and_then(text::shown).unwrap_or_default().into_owned()
                    };
                    let why = format!(
                        "variant `{variant}` is registered as a scalable target while its instance type changes from {} to {}: deregister it first",
                        side(&a),
                        side(&b),
                    );
                    found.add(FlagKind::ScalableTarget, why);
                }
                _ => {}
            }
        }
        let keeps = retains_count(new);
        if rolls && !keeps && !variants.is_empty() {
            let stays = registered(&self.stays, &to.document, &to.logical_id, new);
            if !stays.is_empty() {
                let why = "without `RetainAllVariantProperties` the update sets the instance count back to the configured one";
                found.add(FlagKind::CountReset, why);
            }
        }
    }
}

/// The endpoint as it is written, and the variant, of `endpoint/<name>/variant/<variant>`.
pub(super) fn variant_of(target: &Value) -> Option<(String, String)> {
    let id = text::shown(target.get("Properties")?.get("ResourceId")?)?.into_owned();
    let (endpoint, variant) = id.strip_prefix("endpoint/")?.rsplit_once("/variant/")?;
    Some((endpoint.to_owned(), variant.to_owned()))
}

/// Whether a written name is that of an endpoint: its `Ref` holds the ARN, whose last part is not used so.
pub(super) fn is_endpoint(written: &str, id: &str, body: &Value) -> bool {
    let name = body.get("Properties").and_then(|it| it.get("EndpointName")).and_then(text::shown);
    written == format!("${{{id}.EndpointName}}")
        || name.is_some_and(|name| name == written)
        // `Fn::Select`, `Fn::Split` and the like of its ARN.
        || written.contains(&format!("'{id}'"))
}

/// The logical id of an endpoint's configuration.
pub(super) fn config_of(endpoint: &Value) -> Option<String> {
    let name = text::shown(endpoint.get("Properties")?.get("EndpointConfigName")?)?;
    let inner = name.strip_prefix("${")?.strip_suffix('}')?;
    Some(inner.split('.').next().unwrap_or(inner).to_owned())
}

pub(super) fn member<'a>(config: &'a Value, variant: &str) -> Option<&'a Value> {
    let variants = config.get("Properties")?.get("ProductionVariants")?.as_array()?;
    variants.iter().find(|it| it.get("VariantName").and_then(Value::as_str) == Some(variant))
}

/// Whether an update keeps the instance count that scaling has reached.
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateEndpoint.html>
fn retains_count(endpoint: &Value) -> bool {
    let Some(properties) = endpoint.get("Properties") else { return false };
    let excluded = properties.get("ExcludeRetainedVariantProperties").and_then(Value::as_array);
    let resets = excluded.into_iter().flatten().any(|it| it["VariantPropertyType"] == "DesiredInstanceCount");
    truth(properties.get("RetainAllVariantProperties")) == Some(true) && !resets
}
