//! The last words of what failed: of an endpoint's containers, or of a job.

use std::time::Duration;

use crate::aws::{Cloud, LogTail};
use crate::rules::logs::LogPlace;

use super::Cause;

/// Lines that are shown.
const LINES: usize = 20;
/// The failure is told without them rather than late.
const PATIENCE: Duration = Duration::from_secs(20);
const ENDPOINT: &str = "AWS::SageMaker::Endpoint";

/// What is known of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Log {
    /// Its last lines.
    Read(LogTail),
    /// It cannot be read.
    Unread {
        /// The log group.
        group: String,
        /// Why.
        why: String,
    },
}

/// The log of a resource that failed, if it is one that prints.
pub(super) async fn of_cause<C: Cloud>(cloud: &C, cause: &Cause) -> Option<Log> {
    let id = cause.physical_id.as_deref().filter(|_| cause.resource_type == ENDPOINT)?;
    let name = id.rsplit('/').next().filter(|name| !name.is_empty())?;
    read(cloud, &LogPlace::of_endpoint(name)).await
}

/// The log of a job that failed, by its ARN; of a tuning job that of its latest training job that failed. None of
/// what printed nothing.
pub async fn log_of<C: Cloud>(cloud: &C, job: &str) -> Option<Log> {
    if let Some(place) = LogPlace::of(job) {
        return read(cloud, &place).await;
    }
    let (_, tuning) = job.split_once(":hyper-parameter-tuning-job/")?;
    let failed = tokio::time::timeout(PATIENCE, cloud.failed_training_job(tuning)).await;
    read(cloud, &LogPlace::of_training_job(&failed.ok()?.ok()??)).await
}

async fn read<C: Cloud>(cloud: &C, place: &LogPlace) -> Option<Log> {
    let unread = |why: String| Some(Log::Unread { group: place.group.clone(), why });
    match tokio::time::timeout(PATIENCE, cloud.log_tail(place, LINES)).await {
        Ok(Ok(tail)) => tail.map(Log::Read),
        Ok(Err(error)) => unread(error.to_string()),
        Err(_) => unread(format!("no answer in {} s", PATIENCE.as_secs())),
    }
}
