//! Directories through which the container of a processing job exchanges data.
//! <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProcessingS3Input.html>

/// Where they lie.
pub const ROOT: &str = "/opt/ml/processing/";
/// The longest path.
const LONGEST: usize = 256;

/// Whether SageMaker takes the path.
pub fn is_possible(path: &str) -> bool {
    path.starts_with(ROOT) && !path.contains("/../") && !path.ends_with("/..") && path.len() <= LONGEST
}
