//! What looks like a secret, by its name or by its content.

use memchr::{memchr, memmem};

/// Why a file looks like a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secret {
    /// Files of this name hold secrets: `.env`, `id_rsa`, `*.pem`.
    Name,
    /// It holds a private key in PEM form: on lines of its own, or in a string of code or JSON.
    PrivateKey,
    /// It holds an AWS access key id together with something of a secret key's form.
    AwsKeys,
    /// It is a `.npmrc` that says how to log in to a registry.
    RegistryToken,
}

/// How what is in PEM form begins.
const BEGIN: &[u8] = b"-----BEGIN ";

/// What ends the line that begins it.
const DASHES: &[u8] = b"-----";

/// The most bytes of what a PEM form is called, with the dashes that follow: `PGP PRIVATE KEY BLOCK-----`.
const LONGEST_LABEL: usize = 64;

/// As much of a key as no code says by chance: half a line.
const KEY_LENGTH: usize = 32;

/// How access key ids begin: those of users, and temporary ones.
const KEY_IDS: [&[u8]; 2] = [b"AKIA", b"ASIA"];

/// What lets whoever has it into a registry: the ends of the settings' names.
/// <https://docs.npmjs.com/cli/v11/configuring-npm/npmrc>
const NPM_SECRETS: [&[u8]; 3] = [b"_authToken", b"_auth", b"_password"];

/// How much of a file is searched for secrets. What is longer is data, not settings.
const SEARCHED_BYTES: usize = 256 << 10;

/// Whether the name of a file, or of a directory above it, is one that secrets go by. Case is ignored.
pub(super) fn in_name(path: &str) -> Option<Secret> {
    let in_aws = path.split('/').rev().skip(1).any(|directory| directory.eq_ignore_ascii_case(".aws"));
    if in_aws { Some(Secret::Name) } else { in_file_name(path) }
}

/// The same, by the last part of the path alone.
pub(super) fn in_file_name(path: &str) -> Option<Secret> {
    let name = path.rsplit(['/', std::path::MAIN_SEPARATOR]).next().unwrap_or(path).to_ascii_lowercase();
    let exact = [".env", ".netrc", ".pypirc", ".git-credentials", ".htpasswd", "credentials", "kubeconfig"];
    let starts = [".env.", "id_rsa", "id_ed25519"];
    let ends = [".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".tfstate", ".tfstate.backup"];
    let secret = exact.contains(&name.as_str())
        || starts.iter().any(|start| name.starts_with(start))
        || ends.iter().any(|end| name.ends_with(end));
    secret.then_some(Secret::Name)
}

/// Whether a text file's content holds a secret. Its name matters for settings whose form says too little.
pub(super) fn in_content(path: &str, bytes: &[u8]) -> Option<Secret> {
    let text = &bytes[..bytes.len().min(SEARCHED_BYTES)];
    if memchr(0, text).is_some() {
        return None; // not text
    }
    if memmem::find_iter(text, BEGIN).any(|at| begins_private_key(text, at)) {
        return Some(Secret::PrivateKey);
    }
    if path.rsplit('/').next().is_some_and(|name| name.eq_ignore_ascii_case(".npmrc")) && holds_login(text) {
        return Some(Secret::RegistryToken);
    }
    (bytes.len() <= SEARCHED_BYTES && holds_aws_keys(text)).then_some(Secret::AwsKeys)
}

/// RFC 7468 section 10 and 11, and the older forms that name their algorithm. A line of its own counts by itself;
/// elsewhere a key has to follow: code that handles keys says these words too. No byte is looked at for more than
/// a few of the places where these words stand, however many there are.
fn begins_private_key(text: &[u8], at: usize) -> bool {
    let before = text[..at].trim_ascii_end();
    let before = before.strip_suffix(b"\xef\xbb\xbf").unwrap_or(before);
    let first = before.is_empty() || before.ends_with(b"\n") || text[before.len()..at].contains(&b'\n');
    let words = &text[at..];
    if first && is_private(words[..memchr(b'\n', words).unwrap_or(words.len())].trim_ascii()) {
        return true;
    }
    let label = &words[BEGIN.len()..words.len().min(BEGIN.len() + LONGEST_LABEL)];
    memmem::find(label, DASHES).is_some_and(|end| {
        let end = end + DASHES.len();
        is_private(&label[..end]) && key_follows(&words[BEGIN.len() + end..])
    })
}

fn is_private(label: &[u8]) -> bool {
    label.ends_with(b"PRIVATE KEY-----") || label.ends_with(b"PRIVATE KEY BLOCK-----")
}

/// Whether base64 comes next, after what stands between the lines of a key in code and in JSON: line breaks,
/// written as such or as `\n`, and the end of one string with the begin of the next.
fn key_follows(mut text: &[u8]) -> bool {
    loop {
        text = match text {
            [b'\\', b'n' | b'r', rest @ ..] | [b'\\' | b'"' | b'\'' | b'`', rest @ ..] => rest,
            [byte, rest @ ..] if byte.is_ascii_whitespace() => rest,
            [b'+' | b',', rest @ ..] if begins_string(rest.trim_ascii_start()) => rest,
            [_, rest @ ..] if begins_string(text) => rest, // the `b` of `b"…"`
            _ => break,
        }
    }
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let Some(key) = text.get(..KEY_LENGTH) else { return false };
    key.iter().all(is_base64) && key.iter().any(u8::is_ascii_uppercase) // not a path
}

fn begins_string(text: &[u8]) -> bool {
    let text = if text.first().is_some_and(u8::is_ascii_alphabetic) { &text[1..] } else { text };
    matches!(text, [b'"' | b'\'' | b'`', ..])
}

/// Whether a `.npmrc` says a token or a password, rather than which variable of the environment has it.
fn holds_login(text: &[u8]) -> bool {
    text.split(|&byte| byte == b'\n').any(|line| {
        let Some(equals) = memchr(b'=', line) else { return false };
        let (name, value) = (line[..equals].trim_ascii_end(), line[equals + 1..].trim_ascii());
        NPM_SECRETS.iter().any(|secret| name.ends_with(secret)) && !value.is_empty() && !value.contains(&b'$')
    })
}

/// An access key id is `AKIA` or `ASIA` and 16 capitals or digits; a secret access key is 40 base64 characters
/// (IAM user guide, "IAM identifiers"). The ids and keys of AWS's documentation end in `EXAMPLE` or
/// `EXAMPLEKEY` and are nobody's.
fn holds_aws_keys(text: &[u8]) -> bool {
    let mut words = text.split(|byte| !byte.is_ascii_alphanumeric());
    KEY_IDS.iter().any(|start| memmem::find(text, start).is_some())
        && words.any(is_access_key_id)
        && text
            .split(|&byte| !(byte.is_ascii_alphanumeric() || byte == b'/' || byte == b'+'))
            .any(is_secret_key)
}

fn is_access_key_id(word: &[u8]) -> bool {
    word.len() == 20
        && KEY_IDS.iter().any(|start| word.starts_with(start))
        && word.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && !word.ends_with(b"EXAMPLE")
}

fn is_secret_key(word: &[u8]) -> bool {
    let has = |test: fn(&u8) -> bool| word.iter().any(test);
    word.len() == 40
        && has(u8::is_ascii_uppercase) // not the hexadecimal digits of a SHA-1
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
        && !word.ends_with(b"EXAMPLEKEY")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (path, secret) in [
            ("src/.env", true),
            (".env.local", true),
            ("src/environment.py", false),
            ("certs/Server.PEM", true),
            ("api.key", true),
            ("keys.py", false),
            ("a.p12", true),
            ("a.pfx", true),
            ("id_rsa", true),
            ("id_rsa.pub", true),
            ("id_ed25519_work", true),
            ("credentials", true),
            ("credentials.py", false),
            ("credentials/reader.py", false),
            ("home/.aws/config", true),
            (".aws", false),
            (".netrc", true),
            (".pypirc", true),
            ("home/.git-credentials", true),
            (".htpasswd", true),
            ("kubeconfig", true),
            ("kubeconfig.py", false),
            ("kubeconfig/read.py", false),
            ("conf/Trust.JKS", true),
            ("debug.keystore", true),
            ("keystore.py", false),
            (".npmrc", false),
            ("terraform.tfstate", true),
            ("terraform.tfstate.backup", true),
            ("train.py", false),
        ] {
            assert_eq!(in_name(path).is_some(), secret, "{path}");
        }
    }

    /// The content is searched as that of a script, unless the case names another file.
    fn check(cases: &[(impl AsRef<str>, Option<Secret>)], path: &str) {
        for (text, secret) in cases {
            let text = text.as_ref();
            assert_eq!(in_content(path, text.as_bytes()), *secret, "{text}");
        }
    }

    #[test]
    fn contents() {
        let id = ["AK", "IA2E0A8F3B244C9986"].concat(); // in parts, lest a scanner takes the test for a leak
        let key = ["wJalrXUtnFEMI/K7MDENG/", "bPxRfiCYzzyy1234kQ"].concat();
        let (begin, end) = ("-----BEGIN", "PRIVATE KEY-----");
        let cases = [
            (format!("{begin} RSA {end}\nMII\n"), Some(Secret::PrivateKey)),
            (format!("\u{feff}{begin} {end}\r\nMII\r\n"), Some(Secret::PrivateKey)),
            (format!("{begin} CERTIFICATE-----\nMII\n{begin} OPENSSH {end}\n"), Some(Secret::PrivateKey)),
            (format!("key: |\n\n  \t{begin} {end}\n"), Some(Secret::PrivateKey)),
            (format!("{begin} PGP PRIVATE KEY BLOCK-----\n"), Some(Secret::PrivateKey)),
            (format!("{begin} CERTIFICATE-----\nMII\n"), None),
            (format!("if line.startswith('{begin} {end}'):\n"), None),
            (format!("id = '{id}'\nkey = '{key}'\n"), Some(Secret::AwsKeys)),
            (format!("aws_access_key_id={id}\naws_secret_access_key={key}"), Some(Secret::AwsKeys)),
            (format!("id = '{id}'\n"), None),
            (format!("key = '{key}'\n"), None),
            (format!("{id} da39a3ee5e6b4b0d3255bfef95601890afd80709"), None),
            ("AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(), None),
            (format!("\0{begin} {end}\n"), None),
            (String::new(), None),
        ];
        check(&cases, "s/train.py");
    }

    #[test]
    fn keys_within_lines() {
        let marker = ["-----BEGIN RSA PRIVATE", " KEY-----"].concat();
        let key = ["MIIEowIBAAKCAQEAx", "Xq1P0y/b9+Zk3LwTn4Vd8sJg7Hc2QrUf5MaEi6YoBlNvCp"].concat();
        // `@` is the marker, `#` the first line of a key.
        let cases = |texts: &[&str], secret| -> Vec<(String, Option<Secret>)> {
            texts.iter().map(|text| (text.replace('@', &marker).replace('#', &key), secret)).collect()
        };
        let keys = [
            "k = \"\"\"@\n#\n",
            "k = '''@\r\n#\r\n",
            "k = \"\"\"@\\\n#",
            r#"k = "@\n#\n-----END RSA PRIVATE KEY-----\n""#,
            r#"{ "type": "service_account", "private_key": "@\n#\n" }"#,
            r#"{ "private_key": "@\r\n#\r\n" }"#,
            r#"json.loads("{\"private_key\": \"@\\n#\\n\"}")"#,
            "k = (\"@\\n\"\n     \"#\\n\")",
            "k = (b\"@\\n\"\n     b\"#\\n\")",
            "k = \"@\\n\" +\n    \"#\\n\";",
            "  \"k = \\\"\\\"\\\"@\\n\",\n  \"#\\n\"\n",
            r"'\n'.join(['@', '#'])",
            "VARIABLE=@ #",
            "k=`@\n#`",
            "@ # and more",
            "a = '@'\nk = '@#'",
        ];
        check(&cases(&keys, Some(Secret::PrivateKey)), "s/train.py");
        let words = [
            "if \"@\" in text:\n    raise ValueError\n",
            "if text.startswith('@') or text.startswith('-----BEGIN EC PRIVATE KEY-----'):\n",
            "MARKERS = (\"@\", \"@\", \"@\")\n",
            r#"raise ValueError("a key begins with @\n")"#,
            r#"k = "@\n" + base64.b64encode(TheBytesOfTheKeyAsTheVaultGaveThem)"#,
            r#"k = "@\n" + TheBytesOfTheKeyAsTheVaultGaveThem"#,
            r#"k = "@\nMIIE...\n-----END RSA PRIVATE KEY-----""#,
            "grep --recursive '@' /home/somebody/repositories/everything",
            "a = '@'\nb = 'da39a3ee5e6b4b0d3255bfef95601890afd80709'",
            "a = '-----BEGIN RSA PUBLIC KEY-----\n#'",
            "a = '@",
            r"a = '@\",
            "a = '-----BEGIN RSA PRIVATE KEY",
            "a = '-----BEGIN ",
        ];
        check(&cases(&words, None), "s/train.py");
    }

    #[test]
    fn settings_of_npm() {
        let cases = [
            ("//registry.npmjs.org/:_authToken=npm_0123\n", Some(Secret::RegistryToken)),
            ("a=b\r\n//r/:_authToken = \"npm_0123\"\r\n", Some(Secret::RegistryToken)),
            ("_auth=YTpi", Some(Secret::RegistryToken)),
            ("//r/:_password=YTpi", Some(Secret::RegistryToken)),
            ("# //r/:_authToken=npm_0123", Some(Secret::RegistryToken)),
            ("//registry.npmjs.org/:_authToken=${NPM_TOKEN}\n", None),
            ("//r/:_authToken=\n", None),
            ("registry=https://registry.npmjs.org/\nalways-auth=true\n", None),
        ];
        check(&cases, "s/.npmrc");
        check(&cases.map(|(text, _)| (text, None)), "s/npmrc.py");
    }

    /// Were each place searched to the end of a line or of the text, this would take minutes.
    #[test]
    fn many_markers() {
        let [private, public] = ["PRIVATE", "PUBLIC"].map(|kind| format!("-----BEGIN {kind} KEY-----"));
        let of_private =
            ["", " ", "'", r"\n", " + ", ", \"", "\t\t\t\t", "b\"", "MIIEowIBAAKCAQEA", "\n x", "\u{feff}"];
        let of_public = ["", "\n", "\r", "\n\n\n\n", "\u{feff}"];
        let texts = of_private.map(|between| format!("{private}{between}"));
        let texts = texts.into_iter().chain(of_public.map(|between| format!("{public}{between}")));
        for text in texts.chain(["-----BEGIN ".to_owned(), "-----BEGIN PRIVATE KEY".to_owned()]) {
            let many = format!("x {}", text.repeat((10 << 20) / text.len()));
            assert_eq!(in_content("x", many.as_bytes()), None, "{text}");
        }
    }
}
