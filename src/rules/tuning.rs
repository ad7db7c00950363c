//! Hyperparameter tuning: quotas, and which scales fit which bounds.

/// Quotas: <https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-limits.html>
pub const MOST_RANGES: usize = 30;
/// Values of a categorical range.
pub const MOST_CATEGORIES: usize = 30;
/// Training jobs of a tuning job, in all.
pub const MOST_JOBS: u32 = 750;
/// The same, of a random search.
pub const MOST_RANDOM_JOBS: u32 = 10_000;
/// Training jobs at once, whatever the account's quota.
pub const MOST_PARALLEL: u32 = 100;
/// Metrics of the training jobs.
pub const MOST_METRICS: usize = 20;
/// The most resources, such as epochs, of a job that `Hyperband` runs.
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_HyperbandStrategyConfig.html>
pub const MOST_RESOURCE: u32 = 20_000;
/// Static hyperparameters in which `Hyperband` looks for the resources of a job, where `MaxResource` says nothing; and
/// that of XGBoost.
pub const RESOURCES: [&str; 6] = ["epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs", "num_round"];
/// Training jobs at once, unless the account's quota is raised.
pub const PARALLEL_QUOTA: u32 = 10;

/// How a range is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// By orders of magnitude.
    Logarithmic,
    /// By orders of magnitude of what is left to 1.
    ReverseLogarithmic,
}

/// Why a scale does not fit bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// A logarithm needs bounds above 0.
    NotAboveZero,
    /// The scale is for continuous ranges only.
    ContinuousOnly,
    /// The scale needs bounds from 0 to less than 1.
    NotBelowOne,
}

/// Why a scale does not fit the bounds `low` and `high` of a range, of whole numbers if `whole`.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-define-ranges.html>
pub fn misfit(scale: Scale, whole: bool, low: f64, high: f64) -> Option<Misfit> {
    match scale {
        Scale::Logarithmic if low <= 0.0 => Some(Misfit::NotAboveZero),
        Scale::ReverseLogarithmic if whole => Some(Misfit::ContinuousOnly),
        Scale::ReverseLogarithmic if low < 0.0 || high >= 1.0 => Some(Misfit::NotBelowOne),
        _ => None,
    }
}
