//! Where steps write, and what is known of a place in S3 before an execution: the bucket and prefix that roles need.

use serde_json::Value;

use super::text::Piece;
use super::{Bucket, Data, Export, Scope, Text};
use crate::cfn::Expr;
use crate::diag::{Code, Issue, Pointer, or_list};

/// Where an output goes: to a bucket of the lake or an S3 URI; without `to`, into the lake's bucket for outputs. In a
/// bucket it has a prefix of the execution's own, and lies `below` that. `None` when `to` cannot be understood.
pub(super) fn destination(to: Option<&Text>, below: &str, scope: &Scope<'_>) -> Option<Data> {
    let own = |bucket: Bucket| {
        let uri = Expr::concat([
            bucket.uri(&format!("{}/", scope.prefix())),
            Expr::Get("Execution.PipelineExecutionId".to_owned()),
            Expr::text(format!("/{below}")),
        ]);
        Data { uri, bucket, prefix: format!("{}/", scope.prefix()), manifest: false }
    };
    let Some(to) = to else { return Some(own(scope.output_bucket())) };
    match to {
        Text::Literal(Value::String(text)) if text.starts_with("s3://") => {
            let data = scope.data(text)?;
            let prefix = if data.prefix.is_empty() || data.prefix.ends_with('/') {
                data.prefix
            } else {
                format!("{}/", data.prefix)
            };
            let uri = Expr::text(text.trim_end_matches('/').to_owned());
            Some(Data { uri, bucket: data.bucket, prefix, manifest: false })
        }
        Text::Literal(Value::String(name)) => match scope.export(name)? {
            Export::Bucket(bucket) => Some(own(bucket.clone())),
            _ => None,
        },
        Text::Pieces(_) => object(to, scope),
        Text::Literal(_) => None,
    }
}

/// What an S3 URI names, which may begin with a bucket (`s3://${artifacts}/…`) or with a step's output
/// (`${prepare.model}/…`). The prefix reaches as far as it is known before an execution.
pub(super) fn object(uri: &Text, scope: &Scope<'_>) -> Option<Data> {
    let pieces = match uri {
        Text::Literal(Value::String(text)) => return scope.data(text).filter(|_| text.starts_with("s3://")),
        Text::Literal(_) => return None,
        Text::Pieces(pieces) => pieces,
    };
    let (bucket, prefix) = known_head(pieces, scope)?;
    Some(Data { uri: scope.text(uri), bucket, prefix, manifest: false })
}

/// Bucket and prefix of an S3 URI, as far as they are known before an execution.
fn known_head(pieces: &[Piece], scope: &Scope<'_>) -> Option<(Bucket, String)> {
    let (head, rest) = match pieces {
        [Piece::Literal(head), rest @ ..] => (head, rest),
        [Piece::Reference(path), ..] => match scope.export(path)? {
            // What has versions is published, and not written by jobs.
            Export::Data(data) if !data.manifest => return Some((data.bucket.clone(), data.prefix.clone())),
            _ => return None,
        },
        [] => return None,
    };
    let after = head.strip_prefix("s3://")?;
    if let Some((bucket, prefix)) = after.split_once('/') {
        let bucket = scope.data(head).map(|data| data.bucket).filter(|_| !bucket.is_empty())?;
        return Some((bucket, up_to_slash(prefix)));
    }
    let [Piece::Reference(path), rest @ ..] = rest else { return None };
    let Export::Bucket(bucket) = scope.export(path).filter(|_| after.is_empty())? else { return None };
    let prefix = match rest {
        // All of it is known.
        [Piece::Literal(text)] => text.trim_start_matches('/').to_owned(),
        [Piece::Literal(text), ..] => up_to_slash(text.trim_start_matches('/')),
        _ => String::new(),
    };
    Some((bucket.clone(), prefix))
}

fn up_to_slash(prefix: &str) -> String {
    prefix.rfind('/').map_or_else(String::new, |at| prefix[..=at].to_owned())
}

/// Refuses a place for an output whose bucket is not known, or to which every execution writes.
pub(super) fn check<'a>(to: &'a Text, scope: &Scope<'a>, pointer: &Pointer, issues: &mut Vec<Issue>) {
    scope.check_text(to, pointer, issues);
    let resolves = to.references().all(|path| scope.value(path).is_some());
    if resolves && destination(Some(to), "", scope).is_none() {
        let buckets = scope.paths(|export| matches!(export, Export::Bucket(_)));
        let shown = to.literal().map_or_else(|| "this".to_owned(), |value| format!("`{value}`"));
        issues.push(
            Issue::new(Code::WrongForm, pointer.clone(), format!("{shown} is no place for an output"))
                .label("neither a bucket of the lake nor an S3 URI with a known bucket")
                .help(format!("buckets are {}", or_list(buckets.iter().map(String::as_str))))
                .help("or write `s3://<bucket>/<prefix>/${execution.id}`: the role needs to know the bucket"),
        );
    }
    check_race(to, pointer, issues);
}

/// An output that every execution writes to the same place.
fn check_race(to: &Text, pointer: &Pointer, issues: &mut Vec<Issue>) {
    let varies = to.references().any(|path| matches!(path, "execution.id" | "execution.arn"));
    let uri = match to {
        Text::Literal(Value::String(text)) if text.starts_with("s3://") => text.trim_end_matches('/'),
        Text::Literal(_) => return,
        Text::Pieces(_) => "",
    };
    if varies {
        return;
    }
    let issue = Issue::new(Code::OutputRace, pointer.clone(), "executions write over each other here")
        .label("the same place for every execution")
        .note("executions can run at the same time, and a step that is not run again refers to what an earlier one wrote");
    issues.push(if uri.is_empty() {
        issue.help("add `/${execution.id}`")
    } else {
        let fixed = format!("{uri}/${{execution.id}}");
        issue.fix(fixed, "a place for each execution")
    });
}
