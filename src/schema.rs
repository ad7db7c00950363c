//! The only home of jsonschema: the stack file's schema, and what it says is wrong.
