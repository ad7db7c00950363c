//! What variants and models of endpoints cannot be together.

use crate::tables::{self, Accelerator};

/// Whether serverless variants come with so many megabytes of memory.
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariantServerlessConfig.html>
pub fn is_serverless_memory(megabytes: u64) -> bool {
    megabytes.is_multiple_of(1024) && (1024..=6144).contains(&megabytes)
}

/// What an endpoint has beside a serverless variant, of what AWS lists as excluded.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excluded {
    /// More than one variant.
    Variants,
    /// Data capture.
    Capture,
    /// A network of the account's own.
    Network,
    /// Asynchronous answers.
    Asynchronous,
    /// Many models in one container.
    ManyModels,
}

impl Excluded {
    /// As people say it.
    pub fn said(self) -> &'static str {
        match self {
            Excluded::Variants => "a second variant",
            Excluded::Capture => "data capture",
            Excluded::Network => "a VPC: the container runs outside of it",
            Excluded::Asynchronous => "asynchronous answers",
            Excluded::ManyModels => "several models in one container",
        }
    }
}

/// Whether an asynchronous endpoint cannot have so many variants.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference.html>
pub fn is_too_many_for_async(variants: usize) -> bool {
    variants > 1
}

/// Whether the data of a container for many models is that of one: an archive, and no prefix.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/create-multi-model-endpoint.html>
pub fn is_one_model(uri: &str) -> bool {
    uri.ends_with(".tar.gz")
}

/// Frameworks whose images of AWS's take many models.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/multi-model-support.html>
pub const MANY_MODELS: [&str; 5] = ["mxnet", "pytorch", "sklearn", "tensorflow", "xgboost"];

/// Whether AWS's images for the framework take many models.
pub fn takes_many_models(framework: &str) -> bool {
    MANY_MODELS.contains(&framework)
}

/// Families whose instance types with one GPU serve many models, from the image of the Triton Inference Server.
const MANY_ON_GPU: [&str; 4] = ["g4dn", "g5", "p2", "p3"];

/// Why an instance type does not serve many models; `published` when the image is one of AWS's for a framework. All
/// types without an accelerator do, and a few with a GPU.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/multi-model-support.html>
pub fn many_models_excluded(instance: &str, published: bool) -> Option<String> {
    let family = instance.trim_start_matches("ml.").split('.').next().unwrap_or_default();
    match tables::accelerator(instance) {
        Accelerator::Cpu | Accelerator::Arm => None,
        Accelerator::Gpu if published => {
            Some(format!("the image serves many models on CPUs only, and `{instance}` has GPUs"))
        }
        Accelerator::Gpu if MANY_ON_GPU.contains(&family) && tables::gpus(instance) == 1 => None,
        _ => Some(format!("`{instance}` does not serve many models in one container")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_models_run_on_cpus_and_single_gpus() {
        for (instance, published, expected) in [
            ("ml.m5.large", true, true),
            ("ml.c7g.large", false, true),
            ("ml.g5.xlarge", false, true),
            ("ml.g5.xlarge", true, false),
            ("ml.g5.12xlarge", false, false),
            ("ml.p3.2xlarge", false, true),
            ("ml.p4d.24xlarge", false, false),
            ("ml.inf2.xlarge", false, false),
        ] {
            assert_eq!(
                many_models_excluded(instance, published).is_none(),
                expected,
                "{instance} {published}"
            );
        }
    }

    #[test]
    fn memory_comes_in_gigabytes() {
        for (megabytes, expected) in [(1024, true), (6144, true), (0, false), (1500, false), (7168, false)] {
            assert_eq!(is_serverless_memory(megabytes), expected, "{megabytes}");
        }
    }
}
