//! The kinds of construct: the trait that each implements, and the table of kinds.
//!
//! A kind reads whole in one room: its section of the stack file, its checks, its resources, its steps, its
//! permissions. Kinds never import each other; they meet through what they [export](Export).

pub mod alarms;
pub mod dashboard;
pub mod data_lake;
pub mod deployment;
pub mod endpoints;
pub mod events;
pub mod exports;
pub mod grants;
pub mod jobs;
pub mod monitoring;
pub mod parameters;
pub mod pipeline;
mod places;
pub mod processing;
pub mod registry;
pub mod rendering;
pub mod scaling;
pub mod scope;
pub mod serving;
pub mod table;
pub mod text;
pub mod training;
pub mod transform;
pub mod tuning;

use crate::definition::Step;
use crate::diag::{Issue, Pointer};

pub use exports::{Bucket, Data, Export, Exports, Image, Model, Report, TrainingJob, Variant};
pub use rendering::{Rendering, Role};
pub use scope::{AssetKey, Memo, Scope};
pub use table::{Environment, Network, StackFile};
pub use text::{Reference, Text};

/// A construct's name, and where the stack file gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct This {
    /// The name; the section's name for sections that are one construct.
    pub name: String,
    /// The construct's place in the stack file.
    pub pointer: Pointer,
}

/// A file or directory of the user's that has to be packed and uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRequest {
    /// The path, as the stack file wrote it.
    pub path: String,
    /// The entry point inside a directory; `None` for a single file.
    pub entry: Option<String>,
    /// Where the stack file names it.
    pub pointer: Pointer,
}

/// One entry of one section of the stack file.
pub trait Construct {
    /// Adds what it offers to others. Kinds are asked in the order of the table, constructs in the order of
    /// the file; `scope` holds what earlier ones offered. Problems are not said here but by [`Construct::check`].
    fn export(&self, this: &This, scope: &Scope<'_>, exports: &mut Exports);

    /// Files and directories of the user's that it needs.
    fn sources(&self, _this: &This) -> Vec<SourceRequest> {
        Vec::new()
    }

    /// Says everything that is wrong with it.
    fn check(&self, this: &This, scope: &Scope<'_>, issues: &mut Vec<Issue>);

    /// The pipeline step that runs it, for kinds that a pipeline can run.
    fn step(&self, _this: &This, _scope: &Scope<'_>) -> Option<Step> {
        None
    }

    /// The pipeline step that makes the model for its own step, for kinds that need one.
    fn model_step(&self, _this: &This, _scope: &Scope<'_>) -> Option<Step> {
        None
    }

    /// The training job that it describes, for kinds that describe one.
    fn training_job(&self, _this: &This, _scope: &Scope<'_>) -> Option<TrainingJob> {
        None
    }

    /// The pipeline step that computes the baseline of a monitor, for kinds that compare with one.
    fn baseline_step(&self, _this: &This, _scope: &Scope<'_>) -> Option<Step> {
        None
    }

    /// Adds its resources and the permissions that it needs. Called only when nothing is wrong.
    fn render(&self, this: &This, scope: &Scope<'_>, out: &mut Rendering);

    /// Adds what depends on what all others have rendered. Called once for each construct, after
    /// all have rendered, in the reverse order of the table: what others build on is finished after them.
    fn finish(&self, _this: &This, _scope: &Scope<'_>, _out: &mut Rendering) {}
}
