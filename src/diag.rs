//! A problem, its code, and what is needed to show it.
