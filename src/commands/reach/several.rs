//! Several deployments within reach at once.

use std::path::PathBuf;

use super::super::load::{self, Claim, order};
use super::super::{Exit, Stop};
use super::{Reach, assemble_all, block_on, connect};
use crate::cli::{CloudArgs, TargetArgs};
use crate::report;
use crate::synth::Assembly;

/// Which stack files, and in which cloud.
pub(in crate::commands) struct Asked<'a> {
    /// Those that are named.
    pub(in crate::commands) stacks: &'a [PathBuf],
    /// All that have the environment.
    pub(in crate::commands) all: bool,
    /// The environment.
    pub(in crate::commands) env: &'a str,
    /// Which cloud.
    pub(in crate::commands) cloud: &'a CloudArgs,
}

/// Deployments, and of each which of the others come before it, by their place.
pub(in crate::commands) struct Reaches {
    /// The deployments, in the order of the command line.
    pub(in crate::commands) all: Vec<Reach>,
    /// What comes before each.
    pub(in crate::commands) before: Vec<Vec<usize>>,
}

impl Reaches {
    /// The names of the stacks.
    pub(in crate::commands) fn names(&self) -> Vec<&str> {
        self.all.iter().map(|reach| reach.assembly.manifest.stack.as_str()).collect()
    }

    /// What comes after each, by their place.
    pub(in crate::commands) fn after(&self) -> Vec<Vec<usize>> {
        let of = |index: usize| {
            let others = self.before.iter().enumerate();
            others.filter(|(_, before)| before.contains(&index)).map(|(other, _)| other).collect()
        };
        (0..self.all.len()).map(of).collect()
    }

    /// What is said when somebody stops the command.
    async fn part(&self, parting: &str) -> Exit {
        let mut going_on = false;
        for reach in &self.all {
            if let Some(stack) = reach.going_on().await {
                reach.leave(&stack).await;
                going_on = true;
            }
        }
        if !going_on {
            report::err(&format!("\n{parting}\n"));
        }
        Exit::Failed
    }
}

/// Checks all stack files, connects, and does the work. `parting` is said when somebody stops it by Ctrl-C.
pub(in crate::commands) fn run(
    asked: &Asked<'_>,
    parting: &'static str,
    work: impl AsyncFnOnce(&Reaches) -> Result<Exit, Stop>,
) -> Result<Exit, Stop> {
    let paths = paths(asked)?;
    let Some(sound) = assemble_all(&paths, asked.env)? else { return Ok(Exit::Invalid) };
    let claim = |((assembly, _), path): (&(Assembly, _), &PathBuf)| Claim::new(&load::shown(path), assembly);
    load::apart(sound.iter().zip(&paths).map(claim))?;
    let before = order::before(&paths, asked.env);
    block_on(asked.cloud, parting, async |local, stop| {
        let (mut all, mut known) = (Vec::new(), Vec::new());
        for (sound, path) in sound.into_iter().zip(&paths) {
            let (env, cloud) = (asked.env.to_owned(), asked.cloud.clone());
            let target = TargetArgs { stack: path.clone(), env, cloud };
            match connect(&target, sound, local.as_deref(), &mut known).await {
                Ok(reach) => all.push(reach),
                Err(exit) => return Ok(exit),
            }
        }
        let reaches = Reaches { all, before };
        tokio::select! {
            result = work(&reaches) => result,
            () = stop.asked() => Ok(reaches.part(parting).await),
        }
    })
}

/// The stack files that are meant.
fn paths(asked: &Asked<'_>) -> Result<Vec<PathBuf>, Stop> {
    let mut paths = load::find(asked.stacks)?;
    paths.retain(|path| !asked.all || load::may_have(path, asked.env));
    if paths.is_empty() {
        return Err(Stop::usage(format!("no stack file of `stacks/` has an environment `{}`", asked.env)));
    }
    Ok(paths)
}
