//! What can go wrong at the border, typed; tolerant of answers that are no AWS answers.

use std::error::Error as StdError;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudformation::error::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::secrets::hidden;

/// What kind of failure, as far as whoever called has to care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// AWS asks to be called less often.
    Throttled,
    /// The identity may not do this.
    AccessDenied,
    /// The credentials were good once.
    ExpiredCredentials,
    /// The credentials are not accepted: an unknown key, a wrong signature.
    InvalidCredentials,
    /// No source of credentials has any.
    NoCredentials,
    /// No source of a region has one.
    NoRegion,
    /// What was named isn't there.
    NotFound,
    /// AWS refuses the request as it stands.
    Validation,
    /// What was named is in a state that does not allow this, or exists already.
    Conflict,
    /// A condition of the request does not hold (HTTP 412).
    PreconditionFailed,
    /// AWS failed (HTTP 5xx).
    Server,
    /// No answer, or none that could be read: connection, time-out, TLS.
    Network,
    /// Something on this machine, such as a certificate file, is unusable.
    Local,
    /// The command line or the environment asks for what is not there, or names it in no form that there is.
    Usage,
    /// Anything else; the code and the message say more.
    Unknown,
}

/// A failed call. `code` and `message` are AWS's own words; both are absent when the answer was not
/// an AWS answer (a proxy's HTML page) or when there was none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The API operation, such as `DescribeStacks`, or what was being prepared.
    pub operation: &'static str,
    /// What kind of failure.
    pub kind: ErrorKind,
    /// AWS's error code, such as `ValidationError`.
    pub code: Option<String>,
    /// AWS's message.
    pub message: Option<String>,
    /// HTTP status of the answer, when there was one.
    pub http: Option<u16>,
    /// The chain of causes below, in words, when AWS's own are missing.
    pub detail: Option<String>,
}

impl Error {
    /// An error that no AWS answer caused.
    pub(crate) fn own(operation: &'static str, kind: ErrorKind, detail: impl Into<String>) -> Error {
        Error { operation, kind, code: None, message: None, http: None, detail: Some(detail.into()) }
    }

    /// From what the SDK says.
    pub(super) fn of<E>(operation: &'static str, error: &SdkError<E>) -> Error
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let http = error.raw_response().map(|response| response.status().as_u16());
        let metadata = error.as_service_error().map(ProvideErrorMetadata::meta);
        let text = |text: &str| hidden(text.to_owned());
        let code = metadata.and_then(|m| m.code()).map(text);
        let message = metadata.and_then(|m| m.message()).map(text);
        let kind = credentials(error).unwrap_or_else(|| kind(code.as_deref(), message.as_deref(), http));
        let detail = message.is_none().then(|| match kind {
            ErrorKind::NoCredentials => no_credentials(&hidden(chain(error))),
            _ => hidden(chain(error)),
        });
        Error { operation, kind, code, message, http, detail }
    }

    /// Whether the same call may succeed a little later.
    pub fn is_transient(&self) -> bool {
        match self.kind {
            ErrorKind::Throttled | ErrorKind::Server | ErrorKind::Network => true,
            // S3's `OperationAborted` and `ConditionalRequestConflict`: another request was faster.
            ErrorKind::Conflict => {
                matches!(self.code.as_deref(), Some("OperationAborted" | "ConditionalRequestConflict"))
            }
            _ => false,
        }
    }

    /// What the user can do about it, where that isn't plain from the message.
    pub fn help(&self) -> Option<&'static str> {
        match self.kind {
            ErrorKind::NoCredentials => Some(
                "give a profile (`--profile`, `AWS_PROFILE`) or keys (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`), \
                 sign in (`aws sso login`), or try it without an account: `--local`",
            ),
            ErrorKind::ExpiredCredentials => Some(
                "sign in again (`aws sso login`, or new keys) and run the same command: it takes up where it was",
            ),
            ErrorKind::InvalidCredentials => {
                Some("check the access key, the secret key, the session token, and this machine's clock")
            }
            ErrorKind::NoRegion => Some(
                "give `--region`, or `region` of the environment in the stack file, or `AWS_REGION`, or a region in the profile",
            ),
            ErrorKind::AccessDenied => Some("ask for the permission, or use another profile: `--profile`"),
            ErrorKind::Network => Some(
                "check the network, `HTTPS_PROXY`, `AWS_CA_BUNDLE` and the endpoint (`--endpoint-url`, `AWS_ENDPOINT_URL`)",
            ),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (ErrorKind::Usage, Some(detail)) = (self.kind, &self.detail) {
            return f.write_str(detail);
        }
        write!(f, "`{}`: ", self.operation)?;
        match (&self.code, &self.message) {
            (Some(code), Some(message)) => write!(f, "{message} (`{code}`)"),
            (None, Some(message)) => write!(f, "{message}"),
            (Some(code), None) => write!(f, "`{code}`"),
            (None, None) => match (self.http, &self.detail) {
                (Some(status), _) => write!(f, "HTTP {status} with an answer that is none of AWS's"),
                (None, Some(detail)) => write!(f, "{detail}"),
                (None, None) => write!(f, "{:?}", self.kind),
            },
        }
    }
}

impl StdError for Error {}

/// The causes from the outside in, without repeating one that its parent already quotes.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let words = next.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = next.source();
    }
    text
}

/// Where credentials were looked for, in words: of the SDK's list of sources (`  Profile: why not`) only those that
/// are set up and failed are worth a line.
fn no_credentials(chain: &str) -> String {
    let Some((_, sources)) = chain.split_once("Attempted:") else { return chain.to_owned() };
    let broken: Vec<&str> = sources
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.contains("was not enabled"))
        .collect();
    if broken.is_empty() {
        return "no credentials: none in the environment, a profile, a web identity, ECS or EC2".to_owned();
    }
    format!("no credentials: {}", broken.join("; "))
}

/// Whether credentials are what failed: they are fetched inside the call, so any call can tell.
fn credentials<E: StdError + Send + Sync + 'static>(error: &SdkError<E>) -> Option<ErrorKind> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(next) = cause {
        if next.downcast_ref::<CredentialsError>().is_some() {
            let expired = chain(next).to_ascii_lowercase().contains("expired");
            return Some(if expired { ErrorKind::ExpiredCredentials } else { ErrorKind::NoCredentials });
        }
        cause = next.source();
    }
    None
}

/// The kind for AWS's code; where that says nothing, for the HTTP status.
///
/// Throttling codes: `THROTTLING_ERRORS` of the `aws-runtime` crate, without `LimitExceededException`,
/// which in CloudFormation is a quota. Others: the "Common Errors" page of the CloudFormation, S3,
/// SageMaker and STS API references.
fn kind(code: Option<&str>, message: Option<&str>, http: Option<u16>) -> ErrorKind {
    let says = |words: &str| message.is_some_and(|text| text.to_ascii_lowercase().contains(words));
    match code {
        Some(
            "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "BandwidthLimitExceeded"
            | "SlowDown"
            | "PriorRequestNotComplete",
        ) => ErrorKind::Throttled,
        Some(
            "AccessDenied"
            | "AccessDeniedException"
            | "UnauthorizedOperation"
            | "Forbidden"
            | "NotAuthorized",
        ) => ErrorKind::AccessDenied,
        Some("ExpiredToken" | "ExpiredTokenException" | "RequestExpired") => ErrorKind::ExpiredCredentials,
        Some(
            "InvalidClientTokenId"
            | "UnrecognizedClientException"
            | "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "IncompleteSignature"
            | "MissingAuthenticationToken"
            | "AuthFailure"
            | "InvalidToken",
        ) => ErrorKind::InvalidCredentials,
        Some(
            "NotFound"
            | "NoSuchKey"
            | "NoSuchBucket"
            | "ChangeSetNotFound"
            | "ResourceNotFound"
            | "ResourceNotFoundException",
        ) => ErrorKind::NotFound,
        // CloudFormation and SageMaker say "not found" in the words of a validation error.
        Some("ValidationError" | "ValidationException")
            if says("does not exist") || says("could not find") || says("cannot find") =>
        {
            ErrorKind::NotFound
        }
        Some(
            "ValidationError"
            | "ValidationException"
            | "InvalidRequest"
            | "InvalidParameterValue"
            | "MalformedXML",
        ) => ErrorKind::Validation,
        Some("PreconditionFailed") => ErrorKind::PreconditionFailed,
        Some(
            "InvalidChangeSetStatus"
            | "AlreadyExistsException"
            | "BucketAlreadyExists"
            | "OperationAborted"
            | "ConditionalRequestConflict"
            | "TokenAlreadyExistsException"
            | "OperationInProgressException",
        ) => ErrorKind::Conflict,
        _ => match http {
            None => ErrorKind::Network,
            Some(429) => ErrorKind::Throttled,
            Some(401 | 403) => ErrorKind::AccessDenied,
            Some(404) => ErrorKind::NotFound,
            Some(409) => ErrorKind::Conflict,
            Some(412) => ErrorKind::PreconditionFailed,
            Some(500..=599) => ErrorKind::Server,
            Some(400) if code.is_some() => ErrorKind::Unknown,
            // An answer that could not be read: cut off, or from something between us and AWS.
            Some(_) if code.is_none() => ErrorKind::Network,
            Some(_) => ErrorKind::Unknown,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_sources_of_credentials_those_that_failed_are_told() {
        let chain = "dispatch failure: no credentials found in chain. Attempted:\n  Environment: the credential provider \
                     was not enabled: unset\n  Profile: the profile `x` has no keys\n";
        assert_eq!(no_credentials(chain), "no credentials: Profile: the profile `x` has no keys");
        let (none, _) = chain.split_once("  Profile").unwrap();
        assert!(no_credentials(none).starts_with("no credentials: none in the environment"));
        assert_eq!(no_credentials("something else"), "something else");
    }

    #[test]
    fn a_code_decides_and_the_http_status_stands_in() {
        let check = |code: Option<&str>, message: Option<&str>, http: Option<u16>, want: ErrorKind| {
            assert_eq!(kind(code, message, http), want, "{code:?} {message:?} {http:?}");
        };
        check(Some("Throttling"), Some("Rate exceeded"), Some(400), ErrorKind::Throttled);
        check(
            Some("ValidationError"),
            Some("Stack with id x does not exist"),
            Some(400),
            ErrorKind::NotFound,
        );
        check(Some("ValidationError"), Some("Template format error"), Some(400), ErrorKind::Validation);
        check(Some("ExpiredToken"), None, Some(403), ErrorKind::ExpiredCredentials);
        check(None, None, Some(500), ErrorKind::Server);
        check(None, None, Some(503), ErrorKind::Server);
        check(None, None, Some(404), ErrorKind::NotFound);
        check(None, None, Some(200), ErrorKind::Network);
        check(None, None, None, ErrorKind::Network);
        check(Some("SomethingNew"), None, Some(400), ErrorKind::Unknown);
        check(Some("SomethingNew"), None, Some(500), ErrorKind::Server);
    }
}
