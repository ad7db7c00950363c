//! Names with wildcards in IAM policies: `*` stands for any characters, `?` for one.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>

/// Longer names are the same or not; nothing that IAM takes is longer.
const LONGEST: usize = 2048;

/// Whether a name with wildcards stands for all that another one stands for, which may have wildcards, too. None where
/// they are too long to tell.
pub fn covers(pattern: &str, name: &str) -> Option<bool> {
    if pattern == name || pattern == "*" {
        return Some(true);
    }
    if !pattern.contains(['*', '?']) {
        return Some(false);
    }
    if pattern.len().max(name.len()) > LONGEST {
        return None;
    }
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some('?') if name[n] != '*' => (p, n) = (p + 1, n + 1),
            Some(c) if *c == name[n] && *c != '?' => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, n) = (at + 1, from + 1);
                }
                None => return Some(false),
            },
        }
    }
    Some(pattern[p..].iter().all(|c| *c == '*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_what_iam_says() {
        for (pattern, name, expected) in [
            ("s3:Get*", "s3:GetObject", true),
            ("s3:Get*", "s3:Get*", true),
            ("s3:*", "s3:Get*", true),
            ("s3:Get*", "s3:*", false),
            ("s3:Get*", "s3:PutObject", false),
            ("*", "anything", true),
            ("*", "", true),
            ("", "a", false),
            ("a*d", "abc", false),
            ("a?c", "aéc", true),
            ("s3:Get?bject", "s3:GetObject", true),
            ("s3:Get?bject", "s3:Get*bject", false),
            ("s3:GetObject", "s3:Get?bject", false),
            ("arn:*:s3:::a/*", "arn:${AWS::Partition}:s3:::a/b", true),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::c/x", false),
            ("*Object", "s3:GetObjectTagging", false),
            ("a*b*c", "aXbYbZc", true),
        ] {
            assert_eq!(covers(pattern, name), Some(expected), "{pattern} {name}");
        }
        assert_eq!(covers("a*", &"a".repeat(LONGEST + 1)), None);
    }
}
