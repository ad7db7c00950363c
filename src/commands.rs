//! One room per command: load, call, report.
