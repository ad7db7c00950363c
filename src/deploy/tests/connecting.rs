//! Credentials, regions, endpoints: what is missing is told at once.

use super::*;

#[test]
fn expired_and_wrong_credentials_are_told_apart() {
    for (code, kind) in [
        ("ExpiredToken", ErrorKind::ExpiredCredentials),
        ("InvalidClientTokenId", ErrorKind::InvalidCredentials),
        ("AccessDenied", ErrorKind::AccessDenied),
    ] {
        let stub = stub(UPDATE, move |call| {
            (call.action == "GetCallerIdentity").then(|| Reply::error(403, code, "no"))
        });
        let Error::Aws(error) = run(&stub).0.unwrap_err() else { panic!("no AWS error") };
        assert_eq!((error.kind, error.code.as_deref()), (kind, Some(code)));
        assert!(error.help().is_some());
    }
}

/// What [`missing_settings_are_told_at_once`] runs in a process with an environment of its own.
#[test]
#[ignore = "run by `missing_settings_are_told_at_once`"]
fn child_that_connects() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(async { connect(&aws::Options::default()).await?.identity().await });
    match answer {
        Ok(identity) => println!("connected as {}", identity.account),
        Err(error) => println!("kind {:?}: {error}", error.kind),
    }
}

#[test]
fn missing_settings_are_told_at_once() {
    let home = tempfile::tempdir().unwrap();
    let expired = home.path().join("expired.sh");
    std::fs::write(&expired, "echo 'the session has expired' >&2; exit 1").unwrap();
    let config = home.path().join("config");
    let text = format!("[profile old]\nregion = eu-west-1\ncredential_process = sh {}\n", expired.display());
    std::fs::write(&config, text).unwrap();
    let sts = stub(UPDATE, |_| None);
    let child = |variables: &[(&str, &str)]| {
        let begin = std::time::Instant::now();
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "deploy::tests::connecting::child_that_connects", "--ignored", "--nocapture"])
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("AWS_CONFIG_FILE", &config)
            .env("AWS_SHARED_CREDENTIALS_FILE", home.path().join("none"))
            // A metadata service that answers nobody.
            .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9")
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
        String::from_utf8(output.stdout).unwrap()
    };
    let said = child(&[]);
    assert!(said.contains("kind NoRegion"), "{said}");
    let said = child(&[("AWS_REGION", "eu-west-1")]);
    assert!(said.contains("kind NoCredentials"), "{said}");
    let said = child(&[("AWS_PROFILE", "old")]);
    assert!(said.contains("kind ExpiredCredentials"), "{said}");
    let said = child(&[("AWS_PROFILE", "absent"), ("AWS_REGION", "eu-west-1")]);
    assert!(said.contains("kind Usage") && said.contains("choose `old`"), "{said}");
    let said = child(&[("AWS_REGION", "bogus!")]);
    assert!(said.contains("kind Usage: `AWS_REGION` names no region, but `bogus!`"), "{said}");
    let said = child(&[("AWS_REGION", "eu-west-1"), ("AWS_CA_BUNDLE", "/nowhere.pem")]);
    assert!(said.contains("kind Local") && said.contains("/nowhere.pem"), "{said}");
    let keys = [("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "AK"), ("AWS_SECRET_ACCESS_KEY", "x")];
    let said = child(&[&keys[..], &[("AWS_ENDPOINT_URL", sts.url.as_str())]].concat());
    assert!(said.contains("connected as 111122223333"), "{said}");
    let said = child(
        &[&keys[..], &[("AWS_ENDPOINT_URL", "http://127.0.0.1:9"), ("AWS_MAX_ATTEMPTS", "2")]].concat(),
    );
    assert!(said.contains("kind Network"), "{said}");
}
