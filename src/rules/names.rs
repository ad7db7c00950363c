//! Names that SageMaker takes.

use crate::diag::{Code, Issue, Pointer};

/// The longest name of an endpoint, a variant, a monitoring schedule and most others: `[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}`.
const LONGEST: usize = 63;

/// Whether SageMaker takes a name: letters, digits and single hyphens inside, up to 63 characters.
pub fn is_resource(name: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    name.len() <= LONGEST
        && edge(name.chars().next())
        && edge(name.chars().last())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Refuses the name of `what` (as in «an endpoint»), given as the key at `pointer`.
pub fn check_resource(name: &str, what: &str, pointer: &Pointer, issues: &mut Vec<Issue>) {
    if is_resource(name) {
        return;
    }
    let mut issue = Issue::new(
        Code::InvalidName,
        pointer.clone(),
        format!("SageMaker does not take `{name}` as the name of {what}"),
    )
    .on_key();
    if name.len() > LONGEST {
        issue = issue.label(format!("{} characters; at most {LONGEST}", name.len()));
    }
    issues.push(issue.help("use letters, digits and hyphens; begin and end with a letter or digit"));
}

#[cfg(test)]
mod tests {
    use super::is_resource;

    #[test]
    fn letters_digits_and_inner_hyphens() {
        for good in ["a", "AllTraffic", "deep-learning-endpoint-prod", "a--b", &"x".repeat(63)] {
            assert!(is_resource(good), "{good}");
        }
        for bad in ["", "-a", "a-", "a_b", "a.b", "ä", &"x".repeat(64)] {
            assert!(!is_resource(bad), "{bad}");
        }
    }
}
