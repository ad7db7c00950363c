//! What each state of a CloudFormation stack means, what a deployment does with it, and the way out of it.
//!
//! `stack_states.tsv` is the one table: deployments act by it, and `smstack explain states` prints it. A state that AWS
//! adds later is judged by how it ends. The states are those of `StackStatus` in the CloudFormation API model
//! (2010-05-15); what CloudFormation takes in which of them, its user guide says under "Understand stack creation
//! events", and the API reference under `ContinueUpdateRollback`, `RollbackStack` and `DeleteStack`.

const TABLE: &str = include_str!("stack_states.tsv");
/// The state of a stack that does not exist.
pub const ABSENT: &str = "absent";

/// A state of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// CloudFormation's text; `*` stands for any beginning.
    pub status: &'static str,
    /// What a deployment does.
    pub on_deploy: OnDeploy,
    /// The way out, where one is needed.
    pub recovery: Recovery,
    /// What has happened to the stack.
    pub meaning: &'static str,
    /// What to do about it, in words; empty when there is nothing to do.
    pub way_out: &'static str,
}

/// What a deployment does with a stack in some state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDeploy {
    /// Makes the stack.
    Create,
    /// Changes the stack.
    Update,
    /// Follows what smstack itself has begun to its end and then goes on; says who else is at work.
    Follow,
    /// Changes nothing and says the way out.
    Refuse,
}

impl OnDeploy {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            OnDeploy::Create => "creates it",
            OnDeploy::Update => "updates it",
            OnDeploy::Follow => "follows its own, else refuses",
            OnDeploy::Refuse => "refuses",
        }
    }
}

/// The way out of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// None is needed.
    Nothing,
    /// Time.
    Wait,
    /// The stack is deleted; it never came up, or was to go.
    Delete,
    /// The rollback is continued (`ContinueUpdateRollback`).
    Continue,
    /// The failed update is rolled back (`RollbackStack`).
    Rollback,
    /// Somebody has to look.
    Look,
}

impl Recovery {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Recovery::Nothing => "nothing to do",
            Recovery::Wait => "waits for the end",
            Recovery::Delete => "deletes the stack",
            Recovery::Continue => "continues the rollback",
            Recovery::Rollback => "rolls the update back",
            Recovery::Look => "none by itself",
        }
    }
}

/// All states, in the order of a stack's life, those that stand for several last.
pub fn all() -> impl Iterator<Item = State> {
    TABLE.lines().filter_map(row)
}

/// The state of a stack with that status.
#[expect(clippy::missing_panics_doc, reason = "a test holds that every text has its row")]
pub fn of(status: &str) -> State {
    let fits = |state: &State| match state.status.strip_prefix('*') {
        Some(end) => status.ends_with(end),
        None => status == state.status,
    };
    all().find(fits).expect("the last row takes any status")
}

fn row(line: &'static str) -> Option<State> {
    let mut cells = line.split('\t');
    let mut cell = || cells.next();
    Some(State {
        status: cell()?,
        on_deploy: match cell()? {
            "create" => OnDeploy::Create,
            "update" => OnDeploy::Update,
            "follow" => OnDeploy::Follow,
            "refuse" => OnDeploy::Refuse,
            _ => return None,
        },
        recovery: match cell()? {
            "nothing" => Recovery::Nothing,
            "wait" => Recovery::Wait,
            "delete" => Recovery::Delete,
            "continue" => Recovery::Continue,
            "rollback" => Recovery::Rollback,
            "look" => Recovery::Look,
            _ => return None,
        },
        meaning: cell()?,
        way_out: cell().map(|text| if text == "-" { "" } else { text })?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_state_and_each_status_stands_once() {
        let states: Vec<State> = all().collect();
        assert_eq!(states.len(), TABLE.lines().count());
        let mut names: Vec<&str> = states.iter().map(|state| state.status).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), states.len());
        for state in states {
            let settled = matches!(state.on_deploy, OnDeploy::Create | OnDeploy::Update);
            let needs_way_out = !settled || state.recovery != Recovery::Nothing;
            assert_eq!(!state.way_out.is_empty(), needs_way_out, "{}", state.status);
            assert!(!state.meaning.is_empty() && !state.way_out.ends_with('.'), "{}", state.status);
        }
    }

    #[test]
    fn a_state_that_aws_adds_later_is_judged_by_its_end() {
        let check = |status: &str, row: &str| assert_eq!(of(status).status, row, "{status}");
        check("UPDATE_COMPLETE", "UPDATE_COMPLETE");
        check("UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_COMPLETE");
        check("REFACTOR_IN_PROGRESS", "*_IN_PROGRESS");
        check("REFACTOR_ROLLBACK_COMPLETE", "*_ROLLBACK_COMPLETE");
        check("REFACTOR_COMPLETE", "*_COMPLETE");
        check("REFACTOR_FAILED", "*_FAILED");
        check("PONDERING", "*");
        check("", "*");
        check(ABSENT, ABSENT);
    }
}
