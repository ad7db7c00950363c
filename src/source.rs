//! YAML in, with the place of every value.
