//! Suppressions: what may be hidden, and what is wrong with those who hide it.
//!
//! Whoever reads a file finds the [`Allow`]s in it; this decides.

use std::ops::Range;

use super::{CODES, Code, Diagnostic, Severity, nearest};

/// The most that a file may hold; whoever needs more mends something else.
pub const MAX_ALLOWS: usize = 500;

/// A suppression, as somebody wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow {
    /// What stands for the code; empty if nothing does.
    pub code: String,
    /// Why; empty if nothing says so.
    pub reason: String,
    /// The bytes of the suppression itself.
    pub span: Range<usize>,
    /// The bytes in which problems begin that it may hide.
    pub covers: Vec<Range<usize>>,
}

/// What suppressions may hide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hides {
    /// Errors, too: the document stays what it is.
    Everything,
    /// With an error there is nothing to render.
    Warnings,
}

impl Hides {
    fn hides(self, code: Code) -> bool {
        let own = matches!(code, Code::BadAllow | Code::UnusedAllow);
        !own && (self == Hides::Everything || code.severity() == Severity::Warning)
    }
}

/// Removes what is allowed; says of each suppression whether it hid anything.
pub fn hide(allows: &[Allow], found: &mut Vec<Diagnostic>, hides: Hides) -> Vec<bool> {
    let mut used = vec![false; allows.len()];
    if allows.is_empty() {
        return used;
    }
    found.retain(|diagnostic| {
        if !hides.hides(diagnostic.code) {
            return true;
        }
        let at = diagnostic.primary.span.start;
        let mut hidden = false;
        for (allow, used) in allows.iter().zip(&mut used).take(MAX_ALLOWS) {
            let covers = || allow.covers.iter().any(|range| range.start <= at && at <= range.end);
            if allow.code == diagnostic.code.as_str() && covers() {
                (*used, hidden) = (true, true);
            }
        }
        !hidden
    });
    used
}

/// What is wrong with suppressions as such: no code, one that there is not, no reason. Without a reason it holds.
pub fn malformed(file: &str, allows: &[Allow]) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> =
        allows.iter().take(MAX_ALLOWS).filter_map(|allow| problem(file, allow)).collect();
    if let Some(first) = allows.get(MAX_ALLOWS) {
        let message = format!("a file may hold {MAX_ALLOWS} suppressions, and this is one more");
        let help = "mend what they hide, or split the file".to_owned();
        found.push(bad(file, first, message, "the rest has no effect", help));
    }
    found
}

fn problem(file: &str, allow: &Allow) -> Option<Diagnostic> {
    let Allow { code, reason, .. } = allow;
    if code.is_empty() {
        let help = "write `smstack: allow CODE reason` in a comment, or `{ code, reason }` under `allow`";
        return Some(bad(
            file,
            allow,
            "this suppression cannot be read".into(),
            "names no code",
            help.to_owned(),
        ));
    }
    if Code::parse(code).is_none() {
        let help = match nearest(code, CODES.iter().map(|code| code.as_str())) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`smstack explain` lists all codes".to_owned(),
        };
        return Some(bad(file, allow, format!("there is no code `{code}`"), "unknown code", help));
    }
    if reason.is_empty() {
        let help = "say behind the code why this may stay; whoever reads it next wants to know".to_owned();
        return Some(bad(file, allow, format!("nothing says why `{code}` is allowed"), "no reason", help));
    }
    None
}

/// Suppressions that hide nothing, once everything was looked for that could be found.
pub fn unused(file: &str, allows: &[Allow], used: &[bool], hides: Hides) -> Vec<Diagnostic> {
    let idle = allows.iter().zip(used).take(MAX_ALLOWS).filter(|(_, used)| !**used);
    let known = idle.filter_map(|(allow, _)| Some((allow, Code::parse(&allow.code)?)));
    let problems = known.map(|(allow, code)| {
        let name = code.as_str();
        let (message, help) = if hides.hides(code) {
            let help = "remove it, or put it on the line of the problem or the line above";
            (format!("nothing here is `{name}`"), help)
        } else {
            (format!("`{name}` cannot be allowed"), "remove it, and mend what it was to hide")
        };
        let mut diagnostic = Diagnostic::new(Code::UnusedAllow, file, message, allow.span.clone());
        "hides nothing".clone_into(&mut diagnostic.primary.text);
        diagnostic.help.push(help.to_owned());
        diagnostic
    });
    problems.collect()
}

fn bad(file: &str, allow: &Allow, message: String, label: &str, help: String) -> Diagnostic {
    let mut diagnostic = Diagnostic::new(Code::BadAllow, file, message, allow.span.clone());
    label.clone_into(&mut diagnostic.primary.text);
    diagnostic.help.push(help);
    diagnostic
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(code: &str, reason: &str, covers: Range<usize>) -> Allow {
        let end = covers.end;
        Allow { code: code.into(), reason: reason.into(), span: end..end + 9, covers: vec![covers] }
    }

    /// What is left of an error at 10 and a warning at 20, and what is said of the suppressions.
    fn check(allows: &[Allow], hides: Hides, expected: &[&str]) {
        let at = |code, at: usize| Diagnostic::new(code, "f", "m", at..at + 5);
        let mut found = vec![at(Code::WrongType, 10), at(Code::TriggerLoop, 20)];
        let used = hide(allows, &mut found, hides);
        found.extend(malformed("f", allows));
        found.extend(unused("f", allows, &used, hides));
        let found: Vec<String> =
            found.iter().map(|one| format!("{} {}", one.primary.span.start, one.code.as_str())).collect();
        assert_eq!(found, expected, "{allows:?}");
    }

    #[test]
    fn what_is_allowed_is_hidden() {
        let both = ["10 wrong-type", "20 trigger-loop"];
        check(&[], Hides::Everything, &both);
        check(&[allow("trigger-loop", "why", 20..20)], Hides::Warnings, &both[..1]);
        check(&[allow("wrong-type", "why", 0..99)], Hides::Everything, &both[1..]);
        let all = [allow("wrong-type", "why", 10..11), allow("trigger-loop", "why", 0..99)];
        check(&all, Hides::Everything, &[]);
        // Two that hide the same are both of use.
        check(&[all[1].clone(), all[1].clone()], Hides::Warnings, &both[..1]);
    }

    #[test]
    fn what_hides_nothing_is_said() {
        let (error, warning) = ("10 wrong-type", "20 trigger-loop");
        check(&[allow("wrong-type", "why", 0..99)], Hides::Warnings, &[error, warning, "99 unused-allow"]);
        check(
            &[allow("trigger-loop", "why", 0..19)],
            Hides::Everything,
            &[error, warning, "19 unused-allow"],
        );
        check(
            &[allow("unused-allow", "why", 0..99)],
            Hides::Everything,
            &[error, warning, "99 unused-allow"],
        );
    }

    #[test]
    fn what_is_wrong_with_them_is_said() {
        let (error, warning) = ("10 wrong-type", "20 trigger-loop");
        check(&[allow("trigger-loop", "", 0..99)], Hides::Warnings, &[error, "99 bad-allow"]);
        check(&[allow("triger-loop", "why", 0..99)], Hides::Warnings, &[error, warning, "99 bad-allow"]);
        check(&[allow("", "", 0..99)], Hides::Warnings, &[error, warning, "99 bad-allow"]);
        let near = malformed("f", &[allow("triger-loop", "why", 0..9)]);
        assert_eq!(near[0].help, ["did you mean `trigger-loop`?"]);
    }

    #[test]
    fn too_many_have_no_effect() {
        let mut many = vec![allow("trigger-loop", "why", 0..1); MAX_ALLOWS];
        many.push(allow("trigger-loop", "why", 0..99));
        let mut found = vec![Diagnostic::new(Code::TriggerLoop, "f", "m", 20..25)];
        hide(&many, &mut found, Hides::Warnings);
        assert_eq!(found.len(), 1);
        let said = malformed("f", &many);
        assert_eq!((said.len(), said[0].code), (1, Code::BadAllow));
    }
}
