//! The status of a stack or of a resource, as CloudFormation says it.

use std::fmt;

/// How far a status is from the end of its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// More is to come.
    InProgress,
    /// The operation did what was asked.
    Done,
    /// The operation failed, or was rolled back.
    Failed,
    /// A status that says none of these.
    Unclear,
}

macro_rules! statuses {
    ($($variant:ident = $text:literal),+ $(,)?) => {
        /// A CloudFormation status: those of `StackStatus` and `ResourceStatus` in the CloudFormation API model
        /// (2010-05-15), and whatever AWS says next.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum Status {
            $(#[doc = concat!("`", $text, "`")] $variant,)+
            /// A status that this version doesn't know; judged by how it ends.
            Unknown(String),
        }

        impl Status {
            /// The status for AWS's text.
            pub fn parse(text: &str) -> Status {
                match text {
                    $($text => Status::$variant,)+
                    other => Status::Unknown(other.to_owned()),
                }
            }

            /// AWS's text.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Status::$variant => $text,)+
                    Status::Unknown(text) => text,
                }
            }
        }

        #[cfg(test)]
        const ALL: &[&str] = &[$($text),+];
    };
}

statuses! {
    CreateInProgress = "CREATE_IN_PROGRESS",
    CreateFailed = "CREATE_FAILED",
    CreateComplete = "CREATE_COMPLETE",
    RollbackInProgress = "ROLLBACK_IN_PROGRESS",
    RollbackFailed = "ROLLBACK_FAILED",
    RollbackComplete = "ROLLBACK_COMPLETE",
    DeleteInProgress = "DELETE_IN_PROGRESS",
    DeleteFailed = "DELETE_FAILED",
    DeleteComplete = "DELETE_COMPLETE",
    DeleteSkipped = "DELETE_SKIPPED",
    UpdateInProgress = "UPDATE_IN_PROGRESS",
    UpdateCompleteCleanupInProgress = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    UpdateComplete = "UPDATE_COMPLETE",
    UpdateFailed = "UPDATE_FAILED",
    UpdateRollbackInProgress = "UPDATE_ROLLBACK_IN_PROGRESS",
    UpdateRollbackFailed = "UPDATE_ROLLBACK_FAILED",
    UpdateRollbackCompleteCleanupInProgress = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    UpdateRollbackComplete = "UPDATE_ROLLBACK_COMPLETE",
    ReviewInProgress = "REVIEW_IN_PROGRESS",
    ImportInProgress = "IMPORT_IN_PROGRESS",
    ImportFailed = "IMPORT_FAILED",
    ImportComplete = "IMPORT_COMPLETE",
    ImportRollbackInProgress = "IMPORT_ROLLBACK_IN_PROGRESS",
    ImportRollbackFailed = "IMPORT_ROLLBACK_FAILED",
    ImportRollbackComplete = "IMPORT_ROLLBACK_COMPLETE",
    ExportInProgress = "EXPORT_IN_PROGRESS",
    ExportFailed = "EXPORT_FAILED",
    ExportComplete = "EXPORT_COMPLETE",
    ExportRollbackInProgress = "EXPORT_ROLLBACK_IN_PROGRESS",
    ExportRollbackFailed = "EXPORT_ROLLBACK_FAILED",
    ExportRollbackComplete = "EXPORT_ROLLBACK_COMPLETE",
}

impl Status {
    /// What the status means for whoever waits. Judged by the end of the text, so that a status that
    /// AWS adds later is judged as well. Every `*ROLLBACK_COMPLETE` is a failure: the stack is whole,
    /// but it is not what was asked for.
    pub fn phase(&self) -> Phase {
        let text = self.as_str();
        if text.ends_with("_IN_PROGRESS") {
            Phase::InProgress
        } else if text.ends_with("_FAILED") || text.ends_with("ROLLBACK_COMPLETE") {
            Phase::Failed
        } else if text.ends_with("_COMPLETE") || *self == Status::DeleteSkipped {
            Phase::Done
        } else {
            Phase::Unclear
        }
    }

    /// Whether the operation is on its way back to what was before.
    pub fn is_rollback(&self) -> bool {
        self.as_str().contains("ROLLBACK")
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_survives_the_round_trip() {
        for text in ALL {
            let status = Status::parse(text);
            assert!(!matches!(status, Status::Unknown(_)), "{text}");
            assert_eq!(status.as_str(), *text);
            assert_ne!(status.phase(), Phase::Unclear, "{text}");
        }
    }

    #[test]
    fn a_status_is_judged_by_its_end() {
        let check = |text: &str, phase: Phase| assert_eq!(Status::parse(text).phase(), phase, "{text}");
        check("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Phase::InProgress);
        check("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", Phase::InProgress);
        check("ROLLBACK_COMPLETE", Phase::Failed);
        check("UPDATE_ROLLBACK_COMPLETE", Phase::Failed);
        check("IMPORT_ROLLBACK_COMPLETE", Phase::Failed);
        check("UPDATE_ROLLBACK_FAILED", Phase::Failed);
        check("REFACTOR_IN_PROGRESS", Phase::InProgress);
        check("REFACTOR_FAILED", Phase::Failed);
        check("REFACTOR_ROLLBACK_COMPLETE", Phase::Failed);
        check("REFACTOR_COMPLETE", Phase::Done);
        check("PONDERING", Phase::Unclear);
    }
}
