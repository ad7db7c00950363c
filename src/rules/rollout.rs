//! Endpoints that AWS replaces all at once, whatever their rollout says.
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html>

/// What decides it about an endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Fleet<'f> {
    /// Its production variants.
    pub variants: usize,
    /// Whether one of them is serverless.
    pub serverless: bool,
    /// The instance types of the others.
    pub instances: &'f [&'f str],
}

/// Why a rollout in steps (`rolling`: in batches within one fleet) is not done; none when it is.
pub fn excluded(rolling: bool, fleet: Fleet<'_>) -> Option<String> {
    let inferentia = fleet.instances.iter().find(|instance| instance.starts_with("ml.inf1."));
    if let Some(instance) = inferentia {
        Some(format!("endpoints on Inferentia (`{instance}`) are replaced all at once"))
    } else if fleet.serverless {
        Some("serverless endpoints are replaced all at once".to_owned())
    } else if rolling && fleet.variants > 1 {
        Some(format!("an endpoint of {} variants is not replaced in batches", fleet.variants))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_aws_excludes() {
        let check = |rolling, variants, serverless, instances: &[&str], expected: bool| {
            let found = excluded(rolling, Fleet { variants, serverless, instances });
            assert_eq!(
                found.is_some(),
                expected,
                "{rolling} {variants} {serverless} {instances:?}: {found:?}"
            );
        };
        check(false, 1, false, &["ml.m5.large"], false);
        check(true, 1, false, &["ml.m5.large"], false);
        check(false, 2, false, &["ml.m5.large", "ml.inf2.xlarge"], false);
        check(true, 2, false, &["ml.m5.large", "ml.m5.large"], true);
        check(false, 1, false, &["ml.inf1.xlarge"], true);
        check(true, 1, true, &[], true);
        check(false, 1, true, &[], true);
    }
}
