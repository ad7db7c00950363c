//! What a failed endpoint or job printed last.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::diff::{cut, printable};
use crate::deploy::Log;

/// Characters of one line that are shown.
const LONGEST_LINE: usize = 500;

/// For people: lines that each begin anew.
pub(super) fn log_text(log: &Log) -> String {
    match log {
        Log::Read(tail) => {
            let mut text = format!("\n  = log: {}, the end of {}", tail.group, printable(&tail.stream));
            for line in &tail.lines {
                let _ = write!(text, "\n    | {}", cut(&printable(line.trim_end()), LONGEST_LINE));
            }
            text
        }
        Log::Unread { group, why } => format!("\n  = log: {group} cannot be read: {why}"),
    }
}

/// The same for programs.
pub(super) fn log_json(log: &Log) -> Value {
    match log {
        Log::Read(tail) => {
            json!({ "group": tail.group, "stream": tail.stream, "lines": tail.lines, "unread": null })
        }
        Log::Unread { group, why } => json!({ "group": group, "stream": null, "lines": [], "unread": why }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::LogTail;

    #[test]
    fn lines_cannot_move_the_cursor_and_are_cut() {
        let lines = vec!["no module \u{1b}[31mfoo\n".to_owned(), "x".repeat(600)];
        let log = Log::Read(LogTail { group: "/g".into(), stream: "main/i-1".into(), lines });
        let told = log_text(&log);
        assert!(
            told.starts_with("\n  = log: /g, the end of main/i-1\n    | no module \u{fffd}[31mfoo\n"),
            "{told:?}"
        );
        assert!(told.lines().all(|line| line.chars().count() < 540), "{told}");
        assert_eq!(log_json(&log)["lines"][0], "no module \u{1b}[31mfoo\n");
        let unread = Log::Unread { group: "/g".into(), why: "denied".into() };
        assert_eq!(log_text(&unread), "\n  = log: /g cannot be read: denied");
        assert_eq!(log_json(&unread)["unread"], "denied");
    }
}
