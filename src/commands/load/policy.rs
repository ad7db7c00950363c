//! Stack policies that stand in files of their own: `stack_policy: { platform: policy.json }`.

use std::path::{Component, Path};

use serde_json::Value;

use super::read;
use crate::diag::{Code, Issue, Pointer};

/// The largest policy that is read; CloudFormation takes far less.
const MOST_BYTES: usize = 1 << 20;

/// Puts the policies that a stack file names by path in the place of their paths, which start at the stack file's
/// directory. What cannot be read is left out, and told.
pub(super) fn include(view: &mut Value, root: &Path) -> Vec<Issue> {
    let mut issues = Vec::new();
    let Some(policies) = view.pointer_mut("/deployment/stack_policy").and_then(Value::as_object_mut) else {
        return issues;
    };
    for (kind, policy) in policies.iter_mut() {
        let Value::String(path) = policy else { continue };
        let at = Pointer::root().key("deployment").key("stack_policy").key(kind);
        *policy = match policy_in(path, root, &at) {
            Ok(read) => read,
            Err(issue) => {
                issues.push(*issue);
                Value::Null
            }
        };
    }
    issues
}

fn policy_in(path: &str, root: &Path, at: &Pointer) -> Result<Value, Box<Issue>> {
    let issue =
        |code, message: String, help: &str| Box::new(Issue::new(code, at.clone(), message).help(help));
    let inside =
        Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !inside || path.is_empty() {
        let message = format!("`{path}` leads out of the project");
        return Err(issue(Code::SourceOutside, message, "put the policy beside the stack file, or below it"));
    }
    let file = root.join(path);
    if !file.is_file() {
        let help = "write the policy there, or into the stack file: `{ Statement: [...] }`";
        return Err(issue(Code::SourceMissing, format!("there is no file `{path}`"), help));
    }
    let bytes = read(&file).map_err(|error| {
        issue(Code::SourceUnreadable, format!("cannot read `{path}`: {error}"), "let it be read")
    })?;
    let help = "write it as CloudFormation does: `{ \"Statement\": [...] }`";
    if bytes.len() > MOST_BYTES {
        return Err(issue(Code::WrongForm, format!("`{path}` is too large for a stack policy"), help));
    }
    match serde_json::from_slice(&bytes) {
        Ok(policy @ Value::Object(_)) => Ok(policy),
        Ok(_) => Err(issue(Code::WrongForm, format!("`{path}` holds JSON that is no stack policy"), help)),
        Err(error) => Err(issue(Code::WrongForm, format!("`{path}` is no JSON: {error}"), help)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_policy_is_read_from_its_file_or_the_reason_is_told() {
        let at = tempfile::tempdir().unwrap();
        std::fs::write(at.path().join("good.json"), r#"{ "Statement": [] }"#).unwrap();
        std::fs::write(at.path().join("list.json"), "[]").unwrap();
        std::fs::write(at.path().join("half.json"), "{").unwrap();
        std::fs::write(at.path().join("large.json"), " ".repeat(MOST_BYTES + 1)).unwrap();
        let check = |policy: Value, expected: Value, code: Option<Code>| {
            let mut view = json!({ "deployment": { "stack_policy": { "platform": policy } } });
            let issues = include(&mut view, at.path());
            assert_eq!(
                issues.iter().map(|issue| issue.code).collect::<Vec<_>>(),
                Vec::from_iter(code),
                "{policy}"
            );
            assert_eq!(view["deployment"]["stack_policy"]["platform"], expected, "{policy}");
        };
        check(json!({ "Statement": [1] }), json!({ "Statement": [1] }), None);
        check(json!("good.json"), json!({ "Statement": [] }), None);
        check(json!("./good.json"), json!({ "Statement": [] }), None);
        check(json!("list.json"), json!(null), Some(Code::WrongForm));
        check(json!("half.json"), json!(null), Some(Code::WrongForm));
        check(json!("large.json"), json!(null), Some(Code::WrongForm));
        check(json!("none.json"), json!(null), Some(Code::SourceMissing));
        check(json!("."), json!(null), Some(Code::SourceMissing));
        for outside in ["../good.json", "/etc/hosts", ""] {
            check(json!(outside), json!(null), Some(Code::SourceOutside));
        }
        let mut view = json!({ "deployment": 3 });
        assert!(include(&mut view, at.path()).is_empty() && include(&mut json!(null), at.path()).is_empty());
    }
}
