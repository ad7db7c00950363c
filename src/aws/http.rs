//! The HTTP client: trusted certificates, `AWS_CA_BUNDLE`, `HTTPS_PROXY` and `NO_PROXY`.

use std::path::Path;

use aws_sdk_sts::config::{RuntimeComponents, SharedHttpClient};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::{Error, ErrorKind, Result};

/// The client.
///
/// # Errors
/// [`ErrorKind::Local`] when `AWS_CA_BUNDLE` or `HTTPS_PROXY` is unusable.
pub(super) fn client() -> Result<SharedHttpClient> {
    Ok(Builder::new().build_with_connector_fn({
        let (trust, proxy) = (trust_store()?, proxy()?);
        move |settings, components| {
            let mut builder = Connector::builder();
            builder.set_connector_settings(settings.cloned());
            builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
            builder.set_proxy_config(proxy.clone());
            let tls = TlsContext::builder().with_trust_store(trust.clone()).build();
            builder
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
                .tls_context(tls.expect("a context of a trust store alone is always valid"))
                .build()
        }
    }))
}

/// The system's certificates, and those that `AWS_CA_BUNDLE` names: checked here, because the SDK's
/// client takes a bad one for a bug of its own and panics.
fn trust_store() -> Result<TrustStore> {
    let Some(path) = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) else {
        return Ok(TrustStore::default());
    };
    Ok(TrustStore::default().with_pem_certificate(read_bundle(Path::new(&path))?))
}

fn read_bundle(path: &Path) -> Result<Vec<u8>> {
    let bad = |why: String| {
        Error::own("connect", ErrorKind::Local, format!("`AWS_CA_BUNDLE` names `{}`: {why}", path.display()))
    };
    let pem = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| bad(format!("not a PEM certificate: {error}")))?;
        roots.add(certificate).map_err(|error| bad(format!("a certificate is unusable: {error}")))?;
    }
    if roots.is_empty() {
        return Err(bad("no certificate in it".to_owned()));
    }
    Ok(pem)
}

fn proxy() -> Result<Option<ProxyConfig>> {
    let variable = |upper: &str| {
        let value = std::env::var(upper.to_ascii_lowercase()).or_else(|_| std::env::var(upper)).ok();
        value.filter(|value| !value.is_empty())
    };
    let Some(url) = variable("HTTPS_PROXY") else { return Ok(None) };
    // As curl and the AWS CLI: a bare `host:port` is an http proxy.
    let url = if url.contains("://") { url } else { format!("http://{url}") };
    let proxy = ProxyConfig::https(url.as_str()).map_err(|error| {
        // The URL may hold a password, so it isn't shown.
        Error::own("connect", ErrorKind::Local, format!("`HTTPS_PROXY` is not the URL of a proxy: {error}"))
    })?;
    Ok(Some(match variable("NO_PROXY") {
        Some(rules) => proxy.no_proxy(rules),
        None => proxy,
    }))
}

/// Whether a URL's host is this machine.
pub(super) fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for url in
            ["http://127.0.0.1:5600", "http://localhost", "https://[::1]:4566/x", "http://u:p@127.1.2.3/"]
        {
            assert!(is_loopback(url), "{url}");
        }
        for url in
            ["https://s3.eu-west-1.amazonaws.com", "http://127.0.0.1.example.com", "http://10.0.0.1", ""]
        {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn a_bad_bundle_is_an_error_that_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        let cut = "-----BEGIN CERTIFICATE-----\nMIIB\n";
        let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for content in ["", "no certificate", cut, junk] {
            std::fs::write(&file, content).unwrap();
            let error = read_bundle(&file).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Local);
            assert!(error.to_string().contains("ca.pem"), "{error}");
        }
        assert!(read_bundle(&dir.path().join("absent.pem")).is_err());
    }
}
