//! Where SageMaker writes what containers print.
//!
//! Source: <https://docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html>.

/// A log group of CloudWatch Logs, and which of its streams are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPlace {
    /// The log group.
    pub group: String,
    /// What the names of the streams begin with, in whatever case: ARNs of SageMaker have lower case where names and
    /// streams have not.
    pub streams: String,
    /// What may be asked for: the part of that which has the right case.
    pub prefix: String,
}

impl LogPlace {
    /// The logs of a job or an endpoint, by its ARN; none of what prints nothing.
    pub fn of(arn: &str) -> Option<LogPlace> {
        let mut parts = arn.splitn(6, ':');
        let service = parts.nth(2)?;
        let (kind, name) = parts.nth(2)?.split_once('/')?;
        if service != "sagemaker" || name.is_empty() {
            return None;
        }
        let jobs = match kind {
            "endpoint" => return Some(LogPlace::of_endpoint(name)),
            "processing-job" => "ProcessingJobs",
            "training-job" => "TrainingJobs",
            "transform-job" => "TransformJobs",
            _ => return None,
        };
        Some(LogPlace {
            group: format!("/aws/sagemaker/{jobs}"),
            streams: format!("{name}/"),
            prefix: certain(name).to_owned(),
        })
    }

    /// The logs of an endpoint, by its name.
    pub fn of_endpoint(name: &str) -> LogPlace {
        let group = format!("/aws/sagemaker/Endpoints/{name}");
        LogPlace { group, streams: String::new(), prefix: String::new() }
    }

    /// The logs of a training job, by its name.
    pub fn of_training_job(name: &str) -> LogPlace {
        let streams = format!("{name}/");
        LogPlace { group: "/aws/sagemaker/TrainingJobs".to_owned(), prefix: streams.clone(), streams }
    }

    /// Whether a stream is one of those.
    pub fn has(&self, stream: &str) -> bool {
        stream.get(..self.streams.len()).is_some_and(|head| head.eq_ignore_ascii_case(&self.streams))
    }
}

/// The beginning of a job's name whose case an ARN does not hide. A job of a pipeline is called
/// `pipelines-<execution>-<step>-<random>`, where the execution is in lower case; of another name nothing is certain but
/// what has no letters.
fn certain(name: &str) -> &str {
    let execution = name.strip_prefix("pipelines-").and_then(|rest| rest.find('-'));
    let end = execution.map_or_else(
        || name.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(name.len()),
        |at| "pipelines-".len() + at + 1,
    );
    &name[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_prints_has_a_place() {
        let check = |resource: &str, want: Option<(&str, &str, &str)>| {
            let found = LogPlace::of(&format!("arn:aws:sagemaker:eu-west-1:111122223333:{resource}"));
            let found = found.as_ref().map(|it| (it.group.as_str(), it.streams.as_str(), it.prefix.as_str()));
            assert_eq!(found, want, "{resource}");
        };
        let job = "pipelines-8h2k1-train-x1";
        check(
            &format!("training-job/{job}"),
            Some(("/aws/sagemaker/TrainingJobs", "pipelines-8h2k1-train-x1/", "pipelines-8h2k1-")),
        );
        check("processing-job/mine", Some(("/aws/sagemaker/ProcessingJobs", "mine/", "")));
        check("transform-job/7-x", Some(("/aws/sagemaker/TransformJobs", "7-x/", "7-")));
        check("endpoint/web", Some(("/aws/sagemaker/Endpoints/web", "", "")));
        check("hyper-parameter-tuning-job/t", None);
        check("model-package/group/1", None);
        check("endpoint/", None);
        for arn in ["", "arn:job", "arn:aws:s3:::bucket/key"] {
            assert_eq!(LogPlace::of(arn), None, "{arn}");
        }
    }

    #[test]
    fn streams_are_known_in_any_case() {
        let place = LogPlace::of("arn:aws:sagemaker:eu-west-1:111122223333:training-job/pipelines-1-train-x");
        let place = place.unwrap();
        assert!(place.has("pipelines-1-Train-X/algo-1-1700000000"));
        assert!(!place.has("pipelines-1-Train-XY/algo-1-1700000000"));
        assert!(!place.has("pipelines-1-Trä"));
    }
}
