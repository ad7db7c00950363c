//! Paths into a JSON file, as `Std:JsonGet` reads them.

/// Whether the text is a path: names joined by `.`, each followed by any number of `[0]` or `['name']`, perhaps
/// after a leading `$.`.
pub fn is_path(text: &str) -> bool {
    let rest = text.strip_prefix("$.").unwrap_or(text);
    let mut rest = rest.strip_prefix('$').filter(|rest| rest.starts_with('[')).unwrap_or(rest);
    if rest.is_empty() {
        return false;
    }
    loop {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let name = &rest[..end];
        rest = &rest[end..];
        if name.contains([']', '\n']) || name.trim() != name || name.is_empty() && !rest.starts_with('[') {
            return false;
        }
        while let Some(inside) = rest.strip_prefix('[') {
            let Some(after) = item(inside) else { return false };
            rest = after;
        }
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None => return rest.is_empty(),
        }
    }
}

/// What follows `0]`, `'name']` or `"name"]`.
fn item(inside: &str) -> Option<&str> {
    for quote in ['\'', '"'] {
        if let Some(name) = inside.strip_prefix(quote) {
            let (name, after) = name.split_once(quote)?;
            return after.strip_prefix(']').filter(|_| !name.is_empty());
        }
    }
    let (index, after) = inside.split_once(']')?;
    (!index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit())).then_some(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for path in ["a", "a.b.c", "a[0].b", "a['b.c'].d", "$.a.b", "a[0][1]", "[0].a", "f1-score.macro avg"]
        {
            assert!(is_path(path), "{path}");
        }
        for path in ["", ".a", "a.", "a..b", "a[", "a[]", "a[x]", "a]", "a[0]b", "a. b", "$."] {
            assert!(!is_path(path), "{path}");
        }
    }
}
