//! The Pipelines definition as values: steps, references, conditions.
