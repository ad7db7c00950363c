//! `endpoints`: models that answer requests, how a change reaches them, and what is kept of the traffic.

mod check;
mod models;
mod render;
mod rollout;
mod rollout_check;
mod section;
mod widgets;

use super::exports::Capture;
use super::{Construct, Export, Exports, Rendering, Scope, This, Variant, serving};
use crate::cfn::LogicalId;
use crate::diag::Issue;

pub use models::{ArtifactModel, ManyModels, ModelChoice};
pub use section::{Async, Capacity, DataCapture, Endpoint, Rollout, Routing, Serverless, VariantSection};

/// Where captured data goes in a bucket of the lake.
const CAPTURE: &str = "data-capture";
/// Where asynchronous answers go in a bucket of the lake.
const ANSWERS: &str = "async";
/// The section's name.
const SECTION: &str = "endpoints";

impl Endpoint {
    /// The endpoint's resource.
    fn id(this: &This) -> LogicalId {
        LogicalId::new([this.name.as_str(), "Endpoint"])
    }

    /// The group whose approved version the first variant serves.
    fn group(&self) -> Option<String> {
        self.variants.values().find_map(|variant| match &variant.model {
            ModelChoice::Registered(reference) => {
                reference.as_str().split_once('.').map(|(group, _)| group.to_owned())
            }
            ModelChoice::Artifact(_) | ModelChoice::Many(_) => None,
        })
    }
}

impl Construct for Endpoint {
    fn export(&self, this: &This, scope: &Scope<'_>, exports: &mut Exports) {
        let name = scope.fixed_name(&this.name);
        let id = Endpoint::id(this);
        let capture = self.data_capture.as_ref().and_then(|capture| {
            let place = serving::place(scope, &capture.to, CAPTURE)?;
            let texts =
                capture.csv_content_types.iter().chain(&capture.json_content_types).cloned().collect();
            Some(Capture { place, input: capture.input, output: capture.output, texts })
        });
        for (variant, section) in &self.variants {
            let pointer = this.pointer.key("variants").key(variant);
            let serverless = section.serverless.is_some();
            let export = Export::Variant(Variant {
                endpoint: this.name.clone(),
                endpoint_name: name.clone(),
                endpoint_id: id.clone(),
                name: variant.clone(),
                instance: section.instance.clone().filter(|_| !serverless),
                asynchronous: self.asynchronous.is_some(),
                count: (!serverless).then(|| section.count.unwrap_or(1)),
                provisioned: section.serverless.as_ref().and_then(|serverless| serverless.provisioned),
                pointer,
            });
            exports.add(SECTION, &this.pointer, &this.name, variant, export);
        }
        let variants = self.variants.keys().cloned().collect();
        let many = self.variants.values().any(|variant| matches!(variant.model, ModelChoice::Many(_)));
        let export = Export::Endpoint { name, id, variants, capture, group: self.group(), many };
        exports.add(SECTION, &this.pointer, &this.name, "", export);
    }

    fn check(&self, this: &This, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
        self.check_all(this, scope, issues);
    }

    fn render(&self, this: &This, scope: &Scope<'_>, out: &mut Rendering) {
        self.render_all(this, scope, out);
        self.add_widgets(this, scope, out);
    }

    fn finish(&self, _this: &This, scope: &Scope<'_>, out: &mut Rendering) {
        super::dashboard::render(scope, out);
    }
}
