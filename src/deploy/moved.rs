//! What may have moved between a plan and its execution.

use std::fmt;

/// What is no longer as it was when a plan was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// The credentials are of another account.
    Account {
        /// The plan's.
        planned: String,
        /// The credentials'.
        found: String,
    },
    /// The connection goes to another region.
    Region {
        /// The plan's.
        planned: String,
        /// The connection's.
        found: String,
    },
    /// There is no such change set any more.
    ChangeSetGone {
        /// The stack's name.
        stack: String,
        /// The change set's.
        change_set: String,
    },
    /// It was executed.
    Executed {
        /// The stack's name.
        stack: String,
        /// The change set's.
        change_set: String,
    },
    /// It can't be executed.
    NotExecutable {
        /// The stack's name.
        stack: String,
        /// The change set's.
        change_set: String,
        /// Its status, and its execution's.
        status: String,
    },
    /// The stack is not there any more; perhaps another one of its name is.
    StackGone {
        /// The stack's name.
        stack: String,
    },
    /// The stack was changed.
    StackChanged {
        /// The stack's name.
        stack: String,
        /// When, by AWS's clock.
        at: Option<String>,
        /// When it had been changed last before.
        planned: Option<String>,
        /// Its status.
        status: String,
    },
    /// The change set has another template.
    Template {
        /// The stack's name.
        stack: String,
    },
    /// The change set has other tags.
    Tags {
        /// The stack's name.
        stack: String,
    },
    /// A parameter has, or would now have, another value.
    Parameter {
        /// The stack's name.
        stack: String,
        /// The parameter.
        parameter: String,
        /// The plan's value.
        planned: String,
        /// The value now.
        found: Option<String>,
    },
    /// An object is not in the artifact bucket any more.
    AssetGone {
        /// Where.
        bucket: String,
        /// Its key.
        key: String,
    },
    /// An object has another content.
    AssetChanged {
        /// Where.
        bucket: String,
        /// Its key.
        key: String,
    },
    /// The stack file is of another stack or environment.
    OtherStack {
        /// The plan's.
        planned: String,
        /// The stack file's.
        found: String,
    },
    /// The stack file makes another template, or has another file.
    StackFile {
        /// Which.
        what: String,
    },
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Moved::Account { planned, found } => {
                write!(f, "it is for account `{planned}`, and these credentials are of account `{found}`")
            }
            Moved::Region { planned, found } => {
                write!(f, "it is for region `{planned}`, and this goes to `{found}`")
            }
            Moved::ChangeSetGone { stack, change_set } => write!(
                f,
                "change set `{change_set}` of `{stack}` is gone: executed, deleted, or removed with the execution of \
                 another one"
            ),
            Moved::Executed { stack, change_set } => {
                write!(f, "change set `{change_set}` of `{stack}` was executed already")
            }
            Moved::NotExecutable { stack, change_set, status } => {
                write!(f, "change set `{change_set}` of `{stack}` cannot be executed: {status}")
            }
            Moved::StackGone { stack } => write!(f, "stack `{stack}` is gone, or was made anew"),
            Moved::StackChanged { stack, at, planned, status } => {
                let before = planned.as_deref().unwrap_or("never");
                let now = at.as_deref().unwrap_or("never");
                write!(f, "stack `{stack}` was changed at {now} (before: {before}) and is in `{status}`")
            }
            Moved::Template { stack } => write!(f, "the change set of `{stack}` has another template"),
            Moved::Tags { stack } => write!(f, "the change set of `{stack}` has other tags"),
            Moved::Parameter { stack, parameter, planned, found: Some(found) } => {
                write!(
                    f,
                    "parameter `{parameter}` of `{stack}` was planned as `{planned}`, and is now `{found}`"
                )
            }
            Moved::Parameter { stack, parameter, planned, found: None } => {
                write!(
                    f,
                    "parameter `{parameter}` of `{stack}` was planned as `{planned}`, and has no value now"
                )
            }
            Moved::AssetGone { bucket, key } => write!(f, "`s3://{bucket}/{key}` is gone"),
            Moved::AssetChanged { bucket, key } => write!(f, "`s3://{bucket}/{key}` has another content"),
            Moved::OtherStack { planned, found } => {
                write!(f, "it is for `{planned}`, and the command names `{found}`")
            }
            Moved::StackFile { what } => write!(f, "the stack file makes another {what}"),
        }
    }
}
