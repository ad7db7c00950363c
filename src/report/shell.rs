//! Words of commands that are printed, so that a shell takes them as they were meant.

use std::borrow::Cow;

/// One word, in quotes where a POSIX shell would take it apart or read something else into it.
pub fn word(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("'{}'", text.replace('\'', "'\\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_needs_quotes_has_them() {
        for (text, quoted) in [
            ("stacks/churn.yaml", "stacks/churn.yaml"),
            ("http://127.0.0.1:5600", "http://127.0.0.1:5600"),
            ("Übung", "Übung"),
            ("mein projekt", "'mein projekt'"),
            ("it's", "'it'\\''s'"),
            ("a$b;c", "'a$b;c'"),
            ("~/plan", "'~/plan'"),
            ("", "''"),
        ] {
            assert_eq!(word(text), quoted);
        }
    }
}
