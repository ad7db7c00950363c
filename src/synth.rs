//! A stack becomes an assembly.
