//! What other programs ask, as they write it. What they are given is decided elsewhere.

pub mod cargo;
pub mod docker;
pub mod git;
pub mod kubectl;
pub mod lines;
