//! What containers printed, from CloudWatch Logs.

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::LogStream;

use super::cloudformation::said;
use super::{Error, ErrorKind, Result};
use crate::rules::logs::LogPlace;

/// Pages of streams that are looked through: up to 50 streams each.
const MOST_PAGES: usize = 10;
/// Empty pages that are passed over on the way to the last lines.
const MOST_EMPTY: usize = 4;

/// The end of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogTail {
    /// The log group.
    pub group: String,
    /// The stream.
    pub stream: String,
    /// Its last lines, oldest first.
    pub lines: Vec<String>,
}

/// The last lines of the stream that was written last; `None` when nothing was printed.
pub(super) async fn tail(client: &Client, place: &LogPlace, most: usize) -> Result<Option<LogTail>> {
    let mut group = place.group.clone();
    let mut found = streams(client, &group, place).await?;
    if found.is_none()
        && let Some(named) = in_its_case(client, &group).await?
    {
        found = streams(client, &named, place).await?;
        group = named;
    }
    // Beside the container's own words, `data-log` only holds which requests were answered.
    let written = |stream: &LogStream| {
        let last = stream.last_ingestion_time.max(stream.last_event_timestamp).max(stream.creation_time);
        (!stream.log_stream_name().unwrap_or_default().ends_with("/data-log"), last)
    };
    let newest = found.unwrap_or_default().into_iter().max_by_key(written);
    let Some(stream) = newest.and_then(|stream| stream.log_stream_name) else { return Ok(None) };
    let lines = lines(client, &group, &stream, most).await?;
    Ok((!lines.is_empty()).then_some(LogTail { group, stream, lines }))
}

/// The streams of a place; `None` when there is no such group.
async fn streams(client: &Client, group: &str, place: &LogPlace) -> Result<Option<Vec<LogStream>>> {
    let mut found = Vec::new();
    let mut page = None;
    for _ in 0..MOST_PAGES {
        let prefix = said(Some(place.prefix.clone()));
        let call = client.describe_log_streams().log_group_name(group).set_log_stream_name_prefix(prefix);
        let output = match call.set_next_token(page).send().await {
            Ok(output) => output,
            Err(error) => match Error::of("DescribeLogStreams", &error) {
                error if error.kind == ErrorKind::NotFound => return Ok(None),
                error => return Err(error),
            },
        };
        let ours = |stream: &LogStream| stream.log_stream_name().is_some_and(|name| place.has(name));
        found.extend(output.log_streams.unwrap_or_default().into_iter().filter(ours));
        page = said(output.next_token);
        if page.is_none() {
            break;
        }
    }
    Ok(Some(found))
}

/// The group that is called so but for the case of its letters.
async fn in_its_case(client: &Client, group: &str) -> Result<Option<String>> {
    let parent = group.rsplit_once('/').map_or(group, |(parent, _)| parent);
    let mut page = None;
    for _ in 0..MOST_PAGES {
        let call = client.describe_log_groups().log_group_name_prefix(format!("{parent}/"));
        let output = call.set_next_token(page).send().await;
        let output = output.map_err(|error| Error::of("DescribeLogGroups", &error))?;
        let mut names = output.log_groups.unwrap_or_default().into_iter().filter_map(|it| it.log_group_name);
        if let Some(name) = names.find(|name| name.eq_ignore_ascii_case(group)) {
            return Ok(Some(name));
        }
        page = said(output.next_token);
        if page.is_none() {
            break;
        }
    }
    Ok(None)
}

async fn lines(client: &Client, group: &str, stream: &str, most: usize) -> Result<Vec<String>> {
    let limit = i32::try_from(most).unwrap_or(i32::MAX);
    let mut page = None;
    // A page may be empty although there is more.
    for _ in 0..=MOST_EMPTY {
        let call = client
            .get_log_events()
            .log_group_name(group)
            .log_stream_name(stream)
            .start_from_head(false)
            .limit(limit)
            .set_next_token(page.clone());
        let output = call.send().await.map_err(|error| Error::of("GetLogEvents", &error))?;
        let events = output.events.unwrap_or_default();
        if !events.is_empty() {
            return Ok(events.into_iter().filter_map(|event| event.message).collect());
        }
        let older = said(output.next_backward_token);
        if older.is_none() || older == page {
            break;
        }
        page = older;
    }
    Ok(Vec::new())
}
