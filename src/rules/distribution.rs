//! Distributed training: which strategy goes with which framework, version and instance type.
//!
//! Source: the checks of the SageMaker Python SDK 2.257 (`fw_utils.py`, `estimator.py`); its lists of versions
//! are kept as the ranges that they are.

/// Whether a strategy fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// It does.
    Fits,
    /// It does not: why, and what does.
    Unfit {
        /// What is wrong.
        problem: String,
        /// What would fit.
        help: String,
    },
}

/// `SM_DATAPARALLEL_SUPPORTED_FRAMEWORK_VERSIONS`, as versions up to which the library is in the images.
const SMDDP: [(&str, &str, &str); 2] = [("tensorflow", "2.3", "2.11"), ("pytorch", "1.6", "2.2")];

/// `SM_DATAPARALLEL_SUPPORTED_INSTANCE_TYPES`; `ml.p5` is refused by the estimator without torchrun.
const SMDDP_INSTANCES: [&str; 4] =
    ["ml.p3.16xlarge", "ml.p3dn.24xlarge", "ml.p4d.24xlarge", "ml.p4de.24xlarge"];

/// `TORCH_DISTRIBUTED_GPU_SUPPORTED_FRAMEWORK_VERSIONS` begins here.
const TORCHRUN_FROM: &str = "1.13.1";

/// `TRAINIUM_SUPPORTED_TORCH_DISTRIBUTED_FRAMEWORK_VERSIONS` begins here.
const TORCHRUN_TRAINIUM_FROM: &str = "1.11";

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map_while(|part| part.parse().ok()).collect()
}

fn unfit(problem: impl Into<String>, help: impl Into<String>) -> Fit {
    Fit::Unfit { problem: problem.into(), help: help.into() }
}

/// Frameworks that a strategy, as the stack file names it, is for.
fn frameworks(strategy: &str) -> &'static [&'static str] {
    match strategy {
        "parameter_server" => &["tensorflow", "mxnet"],
        "mpi" => &["tensorflow", "pytorch", "mxnet", "huggingface"],
        "multi_worker_mirrored" => &["tensorflow"],
        "torch_distributed" => &["pytorch", "huggingface-pytorch"],
        _ => &["tensorflow", "pytorch", "huggingface"],
    }
}

/// Whether `strategy` goes with a framework of a version on an instance type.
pub fn fit(strategy: &str, framework: &str, version: &str, instance: &str) -> Fit {
    let known = frameworks(strategy);
    if !known.iter().any(|name| framework.starts_with(name)) {
        return unfit(
            format!("`{strategy}` is not for {framework}"),
            format!("it is for {}", known.join(", ")),
        );
    }
    let family = instance.split('.').nth(1).unwrap_or_default();
    let trainium = family.starts_with("trn");
    let gpu = family.starts_with('g') || family.starts_with('p');
    if trainium && strategy != "torch_distributed" {
        return unfit(
            format!("`{strategy}` does not run on Trainium (`{instance}`)"),
            "use `torch_distributed`, or an instance type with GPUs",
        );
    }
    match strategy {
        "torch_distributed" if !gpu && !trainium => unfit(
            format!("`torch_distributed` runs on GPUs and Trainium, and `{instance}` has neither"),
            "take an instance type with GPUs",
        ),
        "torch_distributed" if framework == "pytorch" => {
            let from = if trainium { TORCHRUN_TRAINIUM_FROM } else { TORCHRUN_FROM };
            if numbers(version) < numbers(from) && !from.starts_with(version) {
                return unfit(
                    format!("`torch_distributed` does not know PyTorch {version}"),
                    format!("use PyTorch {from} or later"),
                );
            }
            Fit::Fits
        }
        // `_validate_mwms_config`.
        "multi_worker_mirrored" if numbers(version) < numbers("2.9") => unfit(
            format!("`multi_worker_mirrored` does not know TensorFlow {version}"),
            "use TensorFlow 2.9 or later",
        ),
        "smddp" => smddp(framework, version, instance),
        _ => Fit::Fits,
    }
}

fn smddp(framework: &str, version: &str, instance: &str) -> Fit {
    if !SMDDP_INSTANCES.contains(&instance) {
        return unfit(
            format!("`smddp` does not run on `{instance}`"),
            format!("it runs on {}", SMDDP_INSTANCES.join(", ")),
        );
    }
    let Some((_, from, to)) = SMDDP.iter().find(|(name, ..)| *name == framework) else { return Fit::Fits };
    let minor = |version: &str| numbers(version).into_iter().take(2).collect::<Vec<_>>();
    if minor(version) < minor(from) || minor(version) > minor(to) {
        return unfit(
            format!("the library of `smddp` is not in the images of {framework} {version}"),
            format!("it is in {framework} {from} to {to}; or use `torch_distributed`"),
        );
    }
    Fit::Fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies_fit_or_say_why_not() {
        for (line, fits) in [
            ("parameter_server tensorflow 2.12 ml.p3.2xlarge", true),
            ("parameter_server pytorch 2.1 ml.p3.2xlarge", false),
            ("multi_worker_mirrored tensorflow 2.8 ml.p3.2xlarge", false),
            ("multi_worker_mirrored tensorflow 2.12 ml.p3.2xlarge", true),
            ("torch_distributed pytorch 2.1 ml.m5.xlarge", false),
            ("torch_distributed pytorch 2.1 ml.g5.12xlarge", true),
            ("torch_distributed pytorch 1.12 ml.g5.12xlarge", false),
            ("torch_distributed pytorch 1.12 ml.trn1.32xlarge", true),
            ("mpi tensorflow 2.12 ml.trn1.32xlarge", false),
            ("smddp pytorch 2.2.0 ml.p4d.24xlarge", true),
            ("smddp pytorch 2.3.0 ml.p4d.24xlarge", false),
            ("smddp tensorflow 2.12 ml.p4d.24xlarge", false),
            ("smddp tensorflow 2.11.0 ml.p4d.24xlarge", true),
            ("smddp pytorch 2.0 ml.p3.2xlarge", false),
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            let got = fit(words[0], words[1], words[2], words[3]);
            assert_eq!(got == Fit::Fits, fits, "{line}: {got:?}");
        }
    }
}
