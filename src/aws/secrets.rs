//! Credentials stay out of everything that is said: what AWS, or what stands in its place, echoes is masked.
//!
//! smstack writes no log, and no credential into an error of its own. But an answer may quote the request: a wrong
//! signature is told with the canonical request, session token included, and a proxy may send back all headers. So each
//! secret that the chain of credentials hands out is known here, and taken out of every text of a failed call; so is
//! what signs a URL, whoever signed it.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html>
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, future};
use regex_lite::Regex;

const MASK: &str = "****";

/// What is shorter keeps nobody out, and may stand in any text.
const LEAST: usize = 8;

/// Every secret that was handed out, as it stands in headers and in URLs.
static KNOWN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// What signs a URL or a request, in a query, in headers, or in a canonical request.
static SIGNS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)\b(x-amz-(?:security-token|signature|credential)|signature|credential)(["']?\s*[=:]\s*["']?)[^\s&"'<>,;]+"#,
    )
    .expect("the expression is constant")
});

/// A provider whose credentials are known from then on.
#[derive(Debug)]
pub(super) struct Noted<P>(pub(super) P);

impl<P: ProvideCredentials> ProvideCredentials for Noted<P> {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let credentials = self.0.provide_credentials().await?;
            note(&credentials);
            Ok(credentials)
        })
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.0.fallback_on_interrupt()
    }
}

fn note(credentials: &Credentials) {
    // Digits alone are an account of the local cloud.
    let key = Some(credentials.access_key_id()).filter(|key| !key.bytes().all(|byte| byte.is_ascii_digit()));
    let secrets = [key, Some(credentials.secret_access_key()), credentials.session_token()];
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    for secret in secrets.into_iter().flatten().filter(|secret| secret.len() >= LEAST) {
        known.insert(secret.to_owned());
        known.insert(encoded(secret));
    }
}

/// As a URL has it.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

/// The text without what is secret in it.
pub(super) fn hidden(text: String) -> String {
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut text = text;
    // The longest first: one may stand within another.
    let mut secrets: Vec<&String> = known.iter().filter(|secret| text.contains(secret.as_str())).collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in secrets {
        text = text.replace(secret.as_str(), MASK);
    }
    match SIGNS.replace_all(&text, format!("${{1}}${{2}}{MASK}")) {
        Cow::Borrowed(_) => text,
        Cow::Owned(masked) => masked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_and_what_signs_is_masked() {
        note(&Credentials::new(
            "AKIAPLANTED0SECRETS0",
            "planted/secret+key",
            Some("planted==token".into()),
            None,
            "a",
        ));
        note(&Credentials::new("111122223333", "short", None, None, "a"));
        for (text, expected) in [
            ("key AKIAPLANTED0SECRETS0 is unknown", "key **** is unknown"),
            ("planted/secret+key and planted%2Fsecret%2Bkey", "**** and ****"),
            ("x-amz-security-token:planted==token\nhost:a", "x-amz-security-token:****\nhost:a"),
            ("account 111122223333, a short one", "account 111122223333, a short one"),
            (
                "https://a/b?X-Amz-Signature=0af1&X-Amz-Date=1",
                "https://a/b?X-Amz-Signature=****&X-Amz-Date=1",
            ),
            (
                "Credential=AKIA1/2026/us/s3, SignedHeaders=host, Signature=0f",
                "Credential=****, SignedHeaders=host, Signature=****",
            ),
            ("{\"X-Amz-Security-Token\": \"abc\"}", "{\"X-Amz-Security-Token\": \"****\"}"),
            ("the request signature does not match", "the request signature does not match"),
        ] {
            assert_eq!(hidden(text.to_owned()), expected);
        }
    }
}
