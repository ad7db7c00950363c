//! CloudFormation as values: templates, resources, logical ids, expressions.
