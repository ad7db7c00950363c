//! How much CloudFormation and Pipelines take.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html> and
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-quotas.html>; a definition's size is the bound of
//! `PipelineDefinition` in CreatePipeline.

/// The largest template that CloudFormation reads from S3, in bytes.
pub const TEMPLATE_BYTES: u64 = 1_000_000;
/// Resources of a template.
pub const RESOURCES: u64 = 500;
/// Parameters of a template.
pub const PARAMETERS: u64 = 200;
/// Outputs of a template.
pub const OUTPUTS: u64 = 200;
/// Mappings of a template.
pub const MAPPINGS: u64 = 200;
/// Keys of a mapping, and of each of them.
pub const MAPPING_KEYS: u64 = 200;
/// A template's description, in bytes.
pub const DESCRIPTION_BYTES: u64 = 1024;
/// The names of parameters, mappings, resources and outputs, in characters.
pub const NAME_LENGTH: usize = 255;
/// A parameter's value, in bytes.
pub const PARAMETER_BYTES: usize = 4096;
/// A pipeline definition, in bytes.
pub const DEFINITION_BYTES: u64 = 1_048_576;

/// How near something is to its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nearness {
    /// Four fifths of it are reached.
    Near,
    /// It is exceeded.
    Beyond,
}

/// How near to a limit a count is; none while it is far.
pub fn nearness(is: u64, limit: u64) -> Option<Nearness> {
    if is > limit { Some(Nearness::Beyond) } else { (is * 5 >= limit * 4).then_some(Nearness::Near) }
}
