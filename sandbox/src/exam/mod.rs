//! Examinations: a client is put into one situation after another, so that every rule has an occasion to be broken.
//!
//! A [`Situation`] says how the service is to be set up, what becomes of which request, what the person does, and how the
//! client is to be run. [`Situation::options`] gives a server that plays it; whoever runs clients takes the
//! [`Situation::steps`], and makes a [`Report`] of what the servers saw.

mod report;
mod script;
mod situation;

pub use report::{Played, Report, Run};
pub(crate) use script::Script;
pub use situation::{Situation, Step};
