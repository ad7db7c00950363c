//! What is wrong with a pipeline definition, whoever wrote it.
//!
//! `check` takes a definition as JSON and says everything that is wrong with it; places are pointers into the
//! definition. `model` reads it leniently, once; each other room then looks at one thing: `envelope` at what stands
//! around the steps, `steps` at what every step has, `request` at the arguments against the shapes of the API,
//! `arguments` and `condition` at those that no API describes, `expressions` and `reference` at expressions, `graph`
//! at the order of steps, `jobs`, `training`,
//! `transform`, `tuning`, `serving` and `images` at what members of a request have to do with each other.
//!
//! What CloudFormation fills in (`{"Ref": …}`, `{"Fn::Sub": …}`, `${…}` in text), and types and functions that are
//! new, flow through: nothing is known of them, so nothing is said.

mod arguments;
mod condition;
mod envelope;
mod expression;
mod expressions;
mod forms;
mod graph;
mod images;
mod jobs;
mod kinds;
mod model;
mod reference;
mod request;
mod serving;
mod steps;
mod training;
mod transform;
mod tuning;

use serde_json::Value;

use crate::diag::Issue;
use model::{Definition, Step};

/// Everything that is wrong with a definition; places are relative to it.
pub fn check(definition: &Value) -> Vec<Issue> {
    let definition = Definition::read(definition);
    let mut issues = Vec::new();
    envelope::check(&definition, &mut issues);
    for step in &definition.steps {
        steps::check(step, &definition, &mut issues);
        expressions::check(step, &definition, &mut issues);
        request::check(step, &definition, &mut issues);
        arguments::check(step, &definition, &mut issues);
        jobs::check(step, &mut issues);
        training::check(step, &mut issues);
        transform::check(step, &definition, &mut issues);
        tuning::check(step, &mut issues);
    }
    images::check(&definition, &mut issues);
    serving::check(&definition, &mut issues);
    tuning::check_paths(&definition, &mut issues);
    steps::check_counts(&definition, &mut issues);
    graph::check(&definition, &mut issues);
    issues
}
