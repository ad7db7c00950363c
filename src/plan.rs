//! An assembly and what is deployed become an ordered plan.
