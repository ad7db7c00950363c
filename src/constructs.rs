//! The kinds of construct.
