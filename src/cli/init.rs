//! The arguments of `smstack init`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `smstack init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The project's directory; it is made where there is none
    #[arg(value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
    /// What the project begins with [default: `xgboost`; with `--ci` alone nothing, as the project is there]
    #[arg(long, value_enum, value_name = "WORKLOAD")]
    pub from: Option<Workload>,
    /// Name of the stack [default: the directory's]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// AWS region of the environments [default: that of `AWS_REGION` or `AWS_DEFAULT_REGION`, else `us-east-1`]
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Build server to write a workflow for: validate, lint, diff as a comment, gate, deploy on approval
    #[arg(long, value_enum)]
    pub ci: Option<Ci>,
    /// Write over files that are there
    #[arg(long)]
    pub force: bool,
}

/// What a project begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// The reference: TensorFlow, distributed and tuned, with canary rollout, scaling, alarms and drift monitoring.
    DeepLearning,
    /// XGBoost on tables, tuned and judged before it is registered, behind an endpoint.
    Xgboost,
    /// A PyTorch network, behind an endpoint that scales.
    Pytorch,
    /// A Hugging Face transformer, fine-tuned to classify texts, behind an endpoint.
    Huggingface,
    /// A scikit-learn model on a serverless endpoint: nothing runs, and nothing costs, between requests.
    Serverless,
    /// A scikit-learn model that scores whole files on a schedule, by batch transform: no endpoint.
    Batch,
}

/// A build server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ci {
    /// GitHub Actions: `.github/workflows/smstack.yml`.
    Github,
    /// GitLab: `.gitlab/smstack.gitlab-ci.yml`.
    Gitlab,
}
