//! The command line's types, and no behaviour.
