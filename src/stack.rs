//! A stack file becomes a stack: environments, names, references, cycles.
