//! Inference components run on a variant that their endpoint has.

use super::scaling::{no_endpoint, no_variant};
use super::serving::{self, Named};
use crate::diag::Issue;
use crate::lint::Template;

/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateInferenceComponent.html>
pub(super) fn components(template: &Template<'_>, found: &mut Vec<Issue>) {
    for component in template.of_type("AWS::SageMaker::InferenceComponent") {
        for name in template.values(component, "EndpointName") {
            let Some(text) = name.text() else { continue };
            match serving::endpoint(template, text, &name.when) {
                Named::Nothing => found.push(no_endpoint(template, text, &name.at)),
                Named::Unknown => {}
                Named::One(endpoint) => {
                    for variant in template.values(component, "VariantName") {
                        let Some(when) = name.when.and(template, &variant.when) else { continue };
                        let Some(wanted) = variant.text() else { continue };
                        if serving::variants_named(template, endpoint, wanted, &when)
                            .is_some_and(|variants| variants.is_empty())
                        {
                            found.extend(no_variant(template, endpoint, wanted, &variant));
                        }
                    }
                }
            }
        }
    }
}
