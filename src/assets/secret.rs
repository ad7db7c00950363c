//! What looks like a secret, by its name or by its content.

use memchr::{memchr, memmem, memrchr};

/// Why a file looks like a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secret {
    /// Files of this name hold secrets: `.env`, `id_rsa`, `*.pem`.
    Name,
    /// A line of it begins a private key in PEM form.
    PrivateKey,
    /// It holds an AWS access key id together with something of a secret key's form.
    AwsKeys,
}

/// How what is in PEM form begins.
const BEGIN: &[u8] = b"-----BEGIN ";

/// How access key ids begin: those of users, and temporary ones.
const KEY_IDS: [&[u8]; 2] = [b"AKIA", b"ASIA"];

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
    let exact = [".env", ".netrc", ".pypirc", "credentials"];
    let starts = [".env.", "id_rsa", "id_ed25519"];
    let ends = [".pem", ".key", ".p12", ".pfx", ".tfstate", ".tfstate.backup"];
    let secret = exact.contains(&name.as_str())
        || starts.iter().any(|start| name.starts_with(start))
        || ends.iter().any(|end| name.ends_with(end));
    secret.then_some(Secret::Name)
}

/// Whether a text file's content holds a secret.
pub(super) fn in_content(bytes: &[u8]) -> Option<Secret> {
    let text = &bytes[..bytes.len().min(SEARCHED_BYTES)];
    if memchr(0, text).is_some() {
        return None; // not text
    }
    let line = |at: usize| {
        let start = memrchr(b'\n', &text[..at]).map_or(0, |before| before + 1);
        let end = memchr(b'\n', &text[at..]).map_or(text.len(), |length| at + length);
        &text[start..end]
    };
    if memmem::find_iter(text, BEGIN).any(|at| begins_private_key(line(at))) {
        return Some(Secret::PrivateKey);
    }
    (bytes.len() <= SEARCHED_BYTES && holds_aws_keys(text)).then_some(Secret::AwsKeys)
}

/// RFC 7468 section 10 and 11, and the older forms that name their algorithm. Only a line of its own counts:
/// code that handles keys says these words too.
fn begins_private_key(line: &[u8]) -> bool {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
    line.starts_with(BEGIN)
        && (line.ends_with(b"PRIVATE KEY-----") || line.ends_with(b"PRIVATE KEY BLOCK-----"))
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
            ("terraform.tfstate", true),
            ("terraform.tfstate.backup", true),
            ("train.py", false),
        ] {
            assert_eq!(in_name(path).is_some(), secret, "{path}");
        }
    }

    #[test]
    fn contents() {
        let id = ["AK", "IA2E0A8F3B244C9986"].concat(); // in parts, lest a scanner takes the test for a leak
        let key = ["wJalrXUtnFEMI/K7MDENG/", "bPxRfiCYzzyy1234kQ"].concat();
        let (begin, end) = ("-----BEGIN", "PRIVATE KEY-----");
        let cases: &[(String, Option<Secret>)] = &[
            (format!("{begin} RSA {end}\nMII\n"), Some(Secret::PrivateKey)),
            (format!("\u{feff}{begin} {end}\r\nMII\r\n"), Some(Secret::PrivateKey)),
            (format!("{begin} CERTIFICATE-----\nMII\n{begin} OPENSSH {end}\n"), Some(Secret::PrivateKey)),
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
        for (text, secret) in cases {
            assert_eq!(in_content(text.as_bytes()), *secret, "{text}");
        }
    }
}
