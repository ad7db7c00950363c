//! CloudFormation's rate limits, kept by all calls of the process together.
//!
//! AWS counts calls by account and region, and publishes no numbers for CloudFormation: only that it throttles, and that
//! who is throttled shall call less often. A fixed number would be too slow for one account and too fast for the next.
//! So the SDK's own limiter is used (`adaptive`): it lets everything through until the first answer is that calls are
//! throttled, measures at which rate that was, sends no faster than that from then on, first attempts included, and
//! feels its way up again. It is for callers that share one resource and do not mind waiting, which is what a
//! deployment is. One limiter serves all clients of a region, however many deployments run side by side.
//! <https://repost.aws/knowledge-center/cloudformation-rate-exceeded-error>
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::config::Builder;
use aws_sdk_cloudformation::config::retry::RetryPartition;

/// A client that shares the region's limiter; whoever chose another mode of retries gets that.
pub(super) fn cloudformation(config: &SdkConfig, region: &str) -> Client {
    let partition = RetryPartition::new(format!("cloudformation in {region}"));
    let builder = Builder::from(config).retry_partition(partition);
    if std::env::var_os("AWS_RETRY_MODE").is_some() {
        return Client::from_conf(builder.build());
    }
    let standard = config.retry_config().cloned().unwrap_or_else(RetryConfig::standard);
    let adaptive = RetryConfig::adaptive()
        .with_max_attempts(standard.max_attempts())
        .with_initial_backoff(standard.initial_backoff());
    Client::from_conf(builder.retry_config(adaptive).build())
}
