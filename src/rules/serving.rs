//! What variants and models of endpoints cannot be together.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_in_gigabytes() {
        for (megabytes, expected) in [(1024, true), (6144, true), (0, false), (1500, false), (7168, false)] {
            assert_eq!(is_serverless_memory(megabytes), expected, "{megabytes}");
        }
    }
}
